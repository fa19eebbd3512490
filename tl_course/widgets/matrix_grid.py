"""A table of buttons to choose a cell from, by mouse, keyboard or screen reader."""

import anywidget
import traitlets

from tl_course.widgets.parts import joined


class MatrixGrid(anywidget.AnyWidget):
    """`cells[row][column]` is a dict of `text`, `label` (in words), `colour`, `ink`, `framed`.

    `framed` cells have a dashed frame. `chosen` is [row, column].
    """

    _esm = joined("grid")
    rows = traitlets.List(traitlets.Unicode()).tag(sync=True)
    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    cells = traitlets.List(traitlets.List(traitlets.Dict())).tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.List(traitlets.Int(), default_value=[0, 0], minlen=2, maxlen=2).tag(
        sync=True
    )
