"""Answers of the kernel without delay: small messages are not held back to be sent together.

TCP waits with a small message until the one before was acknowledged (Nagle's algorithm), which a
browser does after up to 40 ms. jupyter-server leaves that on; a drawing pad that answers while one
draws feels it.
"""

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter's own connection between a browser and a kernel, that waits with no message."""

    def connect(self) -> Any:
        self.websocket_handler.set_nodelay(True)
        return super().connect()
