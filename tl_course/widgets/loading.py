"""What is seen while an experiment is loaded: torch, ipywidgets and a network take seconds."""

import contextlib
import html
import importlib
import sys
import threading
import time
from typing import Any

from IPython import get_ipython
from IPython.display import DisplayHandle, display

WORDS = "The experiment and its network are being loaded: a few seconds …"
FIRST = "tl_course.widgets.teach"  # what notebook 00 begins with, and most of every other notebook

_shown: list[DisplayHandle] = []  # the sentence in the cell that runs, until something replaces it
_early: list[threading.Thread] = []


def early() -> None:
    """Begin to load in a thread, which no ■ reaches: torch cannot be imported a second time.

    The kernel answers meanwhile, so that a cell can say what it waits for.
    """

    def load() -> None:
        with contextlib.suppress(Exception):  # whoever needs it hears of it
            importlib.import_module("torch")
            importlib.import_module(FIRST).get_ready()

    _early.append(threading.Thread(target=load, name="tl-course loading", daemon=True))
    _early[-1].start()
    while is_under_way() and "torch" not in sys.modules:  # else a cell could begin with it first
        time.sleep(0.001)


def is_under_way() -> bool:
    """Whether `early` is still at it."""
    return any(thread.is_alive() for thread in _early)


def say() -> None:
    """Say in the cell that runs what it waits for, until its first experiment is shown."""
    shell = get_ipython()
    if _shown or not hasattr(shell, "kernel"):
        return
    sentence = {"text/html": f'<p role="status">{html.escape(WORDS)}</p>', "text/plain": WORDS}
    _shown.append(display(sentence, raw=True, display_id=True))
    shell.events.register("post_run_cell", _unsay)


def show(bundle: dict[str, Any]) -> None:
    """Display a bundle, in place of the sentence where it is there."""
    if _shown:
        _shown.pop().update(bundle, raw=True)
    else:
        display(bundle, raw=True)


def _unsay(_: Any) -> None:
    """Take the sentence away at the end of a cell that showed no experiment, or failed."""
    get_ipython().events.unregister("post_run_cell", _unsay)
    if _shown:
        _shown.pop().update({"text/html": "", "text/plain": ""}, raw=True)
