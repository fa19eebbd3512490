"""What the course changes in Jupyter's server: the address that it tells, and how fast it answers.

`notebooks.our_jupyter` and `notebooks.SERVER` make the server load this module.
"""

import logging
from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter's own connection between a browser and a kernel, which holds no message back.

    TCP waits with a small message until the one before was acknowledged (Nagle's algorithm), which
    a browser does after up to 40 ms. A drawing pad that answers while one draws feels it.
    """

    def connect(self) -> Any:
        self.websocket_handler.set_nodelay(True)
        return super().connect()


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Tell the address once the server runs, in place of the many lines of Jupyter about it.

    Only the server knows its port and its token. Where others are to reach it as well, Jupyter's
    own words stand: it knows more addresses.
    """
    if server.ip not in THIS_MACHINE or server.custom_display_url or server.sock:
        return

    def is_news(record: logging.LogRecord) -> bool:
        return server.local_url not in record.getMessage()

    def tell() -> None:
        here = f"this address:\n\n    {server.local_url}\n\nTo end it, press Ctrl-C here twice."
        opens = "JupyterLab opens in your browser. If it does not, open"
        print(f"\n{opens if server.open_browser else 'Open'} {here}", flush=True)

    server.log.addFilter(is_news)
    # Two turns of the loop: in the first one the server takes its port.
    server.io_loop.add_callback(server.io_loop.add_callback, tell)
