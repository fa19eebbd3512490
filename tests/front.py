"""The experiments' parts in a page without Jupyter: a server of `front/`, and a page for one part.

`front` is a fixture (conftest.py): `front.show("pad", {…})` fills the page with a part and a plain
store; `front.set`, `front.get`, `front.tell` and `front.sent` are that store, seen from Python.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import importlib
import pkgutil
import threading
from collections.abc import Iterator
from typing import Any

import anywidget

import tl_course.widgets
from tl_course.widgets import parts

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A part</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/course.css"></head>
<body><div class="tlc tlc-plain"><div id="part"></div></div></body></html>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves an empty page (`/`), the files of `front/`, and what anywidget gets (`/joined/`)."""

    # Not as the system says: on Windows a program may have made text/plain of .js.
    extensions_map = {".js": "text/javascript", ".css": "text/css", "": "text/plain"}

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(PAGE, "text/html")
        elif self.path.startswith("/joined/"):
            self._answer(parts.joined(self.path[len("/joined/") : -len(".js")]), "text/javascript")
        else:
            super().do_GET()

    def _answer(self, text: str, kind: str) -> None:
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The address of `front/` on this machine."""
    handler = functools.partial(Handler, directory=str(parts.FRONT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Front:
    """A page with one part. What its console says is in `page.said`."""

    def __init__(self, page) -> None:
        self.page = page
        self.part = page.locator("#part")

    def show(self, name: str, values: dict) -> None:
        """Fill the page with `front/NAME.js` and a store that holds `values`."""
        self.page.evaluate(
            """async ([name, values]) => {
              const { plainStore } = await import("/store.js");
              const { [name]: part } = await import(`/${name}.js`);
              const el = document.querySelector("#part");
              el.replaceChildren();
              window.sent = [];
              window.store = plainStore(values, (content) => window.sent.push(content));
              window.end = part(el, window.store);
            }""",
            [name, values],
        )

    def get(self, name: str) -> Any:
        """What the store holds."""
        return self.page.evaluate("name => window.store.get(name)", name)

    def set(self, **values: Any) -> None:
        """What Python would set."""
        self.page.evaluate("values => window.store.set(values)", values)

    def tell(self, content: Any) -> None:
        """What Python would send."""
        self.page.evaluate("content => window.store.tell(content)", content)

    @property
    def sent(self) -> list:
        """What the part sent, in order."""
        return self.page.evaluate("window.sent")

    def end(self) -> None:
        """End the part, as Jupyter does where its view is taken away."""
        self.page.evaluate("window.end()")


def every_widget() -> dict[str, type[anywidget.AnyWidget]]:
    """The classes of all parts that are shown in Jupyter, by the part's name."""
    for module in pkgutil.iter_modules(tl_course.widgets.__path__):
        importlib.import_module(f"tl_course.widgets.{module.name}")
    texts = {parts.joined(path.stem): path.stem for path in parts.FRONT.glob("*.js")}
    every = anywidget.AnyWidget.__subclasses__()
    return {texts[str(kind._esm)]: kind for kind in every if str(kind._esm) in texts}
