"""The course's changes to Jupyter's server: the printed address, and faster messages.

`notebooks.our_jupyter` and `notebooks.SERVER` make the server load this module.
"""

import logging
from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter's connection between a browser and a kernel, without Nagle's algorithm.

    That algorithm delays a small message until the last one is acknowledged, which a browser does
    after up to 40 ms. The delay is noticeable on a drawing pad.
    """

    def connect(self) -> Any:
        self.websocket_handler.set_nodelay(True)
        return super().connect()


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Print the address once the server runs, in place of Jupyter's many lines about it.

    Only the server knows its port and token. If other machines can reach it, Jupyter's own lines
    stay, because it knows more addresses.
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
    # After two turns of the loop: the server takes its port in the first one.
    server.io_loop.add_callback(server.io_loop.add_callback, tell)
