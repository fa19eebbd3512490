"""A small extension of Jupyter's server: it says which address to open, and how to end it all.

Only the server knows its port and its token. `notebooks.our_jupyter` makes it load this module.
"""

import logging
from typing import Any

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Tell the address once the server runs, in place of the many lines of Jupyter about it.

    Where others are to reach it as well, Jupyter's own words stand: it knows more addresses.
    """
    if server.ip not in THIS_MACHINE or server.custom_display_url or server.sock:
        return

    def is_news(record: logging.LogRecord) -> bool:
        return server.local_url not in record.getMessage()

    def tell() -> None:
        print(said(server), flush=True)

    server.log.addFilter(is_news)
    # Two turns of the loop: in the first one the server takes its port.
    server.io_loop.add_callback(server.io_loop.add_callback, tell)


def said(server: Any) -> str:
    """Where JupyterLab is, and how to end it."""
    here = f"this address:\n\n    {server.local_url}\n\nTo end it, press Ctrl-C here twice."
    if server.open_browser:
        return f"\nJupyterLab opens in your browser. If it does not, open {here}"
    return f"\nOpen {here}"
