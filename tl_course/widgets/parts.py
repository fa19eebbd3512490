"""The experiments' parts in the browser: plain ES modules in `front/`, joined for anywidget.

Each part is a function (element, store) that does not depend on Jupyter, so a page without a kernel
can use it too (`front/store.js`). anywidget needs one module without imports, so each part is
joined here with everything that it imports.
"""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

FRONT = Path(__file__).with_name("front")
STYLE = (FRONT / "course.css").read_text(encoding="utf-8")
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
GLUE = "export default {{ render: ({{ model, el }}) => {}(el, storeOf(model, el)) }};\n"


@functools.cache
def joined(part: str) -> str:
    """The function `part` of `front/PART.js` and its imports, as one anywidget module."""
    texts: dict[str, str] = {}

    def take(name: str) -> None:
        text = (FRONT / f"{name}.js").read_text(encoding="utf-8")
        for imported in IMPORT.findall(text):
            if imported not in texts:
                take(imported)
        texts[name] = re.sub("^export ", "", IMPORT.sub("", text), flags=re.MULTILINE)

    take(part)
    take("jupyter")
    return "\n".join([*texts.values(), GLUE.format(part)])


class Guard(anywidget.AnyWidget):
    """An invisible widget in the view of every experiment, which has the class `tlc`.

    It loads the course's stylesheet and handles keys, double clicks, names of controls and lost
    connections (`front/guard.js`). It also hides the still picture below the experiment, which is
    for pages on which no widget runs.
    """

    _esm = joined("guard")
    _css = STYLE
    still = traitlets.Unicode("").tag(sync=True)  # data-tlc-still of the picture to hide
    pulse = traitlets.Int(0).tag(sync=True)  # echoes the browser's last request
    shown_at = traitlets.Float(0).tag(sync=True)  # when its cell ran; it then scrolls into view

    def __init__(self, view: widgets.Widget | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self._view = view
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        if not isinstance(content, dict):
            return
        if type(content.get("pulse")) is int:
            self.pulse = max(self.pulse, content["pulse"])
        if content.get("again") and self._view is not None:  # the browser may show old values
            for widget in walk(self._view):
                widget.send_state()


def walk(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """A widget and everything in it, with their layouts and styles, innermost first."""
    for child in getattr(widget, "children", ()):
        yield from walk(child)
    yield widget
    yield from filter(None, (getattr(widget, name, None) for name in ("layout", "style")))


class Share(anywidget.AnyWidget):
    """The state as text; both Python and the browser write `value`."""

    _esm = joined("share")
    value = traitlets.Unicode("").tag(sync=True)
