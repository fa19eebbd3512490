"""The experiments' parts in the browser: plain ES modules in `front/`, joined for anywidget.

Each part is a function (element, store) that knows nothing of Jupyter, so that a page without a
kernel can use it too (`front/store.js`). anywidget wants one module without imports, so a part and
what it imports are joined into one text here.
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
    """The function `part` of `front/PART.js`, with all that it imports, as one anywidget module."""
    texts: dict[str, str] = {}

    def take(name: str) -> None:
        text = (FRONT / f"{name}.js").read_text(encoding="utf-8")
        for other in IMPORT.findall(text):
            if other not in texts:
                take(other)
        texts[name] = re.sub("^export ", "", IMPORT.sub("", text), flags=re.MULTILINE)

    take(part)
    take("jupyter")
    return "\n".join([*texts.values(), GLUE.format(part)])


class Guard(anywidget.AnyWidget):
    """Put one into the view of an experiment, which has the class `tlc`; it shows nothing.

    It brings the course's stylesheet and sees to keys, double clicks, names of controls and lost
    connections (`front/guard.js`). It hides the still picture below the experiment, which is for
    where nothing runs: that this part runs shows that the picture is not wanted.
    """

    _esm = joined("guard")
    _css = STYLE
    still = traitlets.Unicode("").tag(sync=True)  # data-tlc-still of what is to be hidden
    pulse = traitlets.Int(0).tag(sync=True)  # the last sign of life that was asked for
    shown_at = traitlets.Float(0).tag(sync=True)  # when its cell was run; it then comes into view

    def __init__(self, view: widgets.Widget | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self._view = view
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        if not isinstance(content, dict):
            return
        if type(content.get("pulse")) is int:
            self.pulse = max(self.pulse, content["pulse"])
        if content.get("again") and self._view is not None:  # what the browser shows may be old
            for one in walk(self._view):
                one.send_state()


def walk(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """A widget and everything in it, with their layouts and styles; the innermost first."""
    for child in getattr(widget, "children", ()):
        yield from walk(child)
    yield widget
    yield from filter(None, (getattr(widget, name, None) for name in ("layout", "style")))


class Share(anywidget.AnyWidget):
    """The state as text: `value` is written by both sides."""

    _esm = joined("share")
    value = traitlets.Unicode("").tag(sync=True)
