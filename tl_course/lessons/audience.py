"""Who runs a cell: a learner, a program, or a test; errors are shown accordingly."""

import html
from typing import Any

from IPython import get_ipython
from IPython.display import display

from tl_course.base.errors import CourseError

STRICT = "TL_COURSE_STRICT"  # set by the tests: a claim that does not hold raises
ERROR_STYLE = "border-left:4px solid #D55E00;padding:0.2em 0.8em;margin:0.4em 0"
STOPPED = "You stopped this cell. Run it again to start over."


def somebody_is_there() -> bool:
    """Whether a learner ran this cell; programs that run notebooks do not send the cell's id."""
    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    metadata = parent.get("metadata", {})
    return "cellId" in metadata or "colab" in metadata


def tell_in_a_sentence(
    shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: int | None = None
) -> list[str]:
    """Show an error or a stop: to a learner as a sentence, to a program with the traceback."""
    if somebody_is_there():
        sentence = str(error) if isinstance(error, CourseError) else STOPPED
        shown = f'<div role="alert" style="{ERROR_STYLE}">{html.escape(sentence)}</div>'
        display({"text/html": shown, "text/plain": sentence}, raw=True)
    else:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    return [f"{kind.__name__}: {error}"]
