"""A message while an experiment loads: torch, ipywidgets and a network take seconds."""

import contextlib
import html
import importlib
import sys
import threading
import time
from typing import Any

from IPython import get_ipython
from IPython.display import DisplayHandle, display

WORDS = "Loading the experiment and its network takes a few seconds …"
FIRST = "tl_course.widgets.teach"  # notebook 00 begins with it, and it imports most of the course

_shown: list[DisplayHandle] = []  # the message in the running cell, until something replaces it
_early: list[threading.Thread] = []


def early() -> None:
    """Load in a thread, which ■ cannot interrupt, because torch cannot be imported twice.

    The kernel answers meanwhile, so that a cell can show the message.
    """

    def load() -> None:
        with contextlib.suppress(Exception):  # the cell that imports it raises it again
            importlib.import_module("torch")
            importlib.import_module(FIRST).get_ready()

    _early.append(threading.Thread(target=load, name="tl-course loading", daemon=True))
    _early[-1].start()
    while is_under_way() and "torch" not in sys.modules:  # otherwise a cell could import it first
        time.sleep(0.001)


def is_under_way() -> bool:
    """Whether `early` is still loading."""
    return any(thread.is_alive() for thread in _early)


def show_message() -> None:
    """Show the message in the running cell until its first experiment is shown."""
    shell = get_ipython()
    if _shown or not hasattr(shell, "kernel"):
        return
    sentence = {"text/html": f'<p role="status">{html.escape(WORDS)}</p>', "text/plain": WORDS}
    _shown.append(display(sentence, raw=True, display_id=True))
    shell.events.register("post_run_cell", _unsay)


def show_bundle(bundle: dict[str, Any]) -> None:
    """Display a MIME bundle, in place of the message if it is there."""
    if _shown:
        _shown.pop().update(bundle, raw=True)
    else:
        display(bundle, raw=True)


def _unsay(_: Any) -> None:
    """Remove the message at the end of a cell that showed no experiment, or failed."""
    get_ipython().events.unregister("post_run_cell", _unsay)
    if _shown:
        _shown.pop().update({"text/html": "", "text/plain": ""}, raw=True)
