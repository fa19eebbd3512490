"""Sees to an experiment's keys and clicks in the browser, and hides its still picture.

In command mode the arrow keys go to the next cell and letters insert or delete cells wherever the
focus is not in a text field, so that nothing could be chosen from a list by keyboard. The second
click of a double click presses nothing that the first one brought under the pointer, and nobody
types over what a slider of choices says. The still picture below an experiment is for where nothing
runs; that this part runs shows that it is not wanted.
"""

from pathlib import Path

import anywidget
import traitlets


def beside(file: str, ending: str) -> str:
    """The text of the file of that name with another ending: a widget's part in the browser.

    Text, because anywidget watches what it is given as a path, and lets go of no widget then.
    """
    return Path(file).with_suffix(ending).read_text(encoding="utf-8")


class Keys(anywidget.AnyWidget):
    """Put one into the view of an experiment; it shows nothing."""

    _esm = beside(__file__, ".js")
    still = traitlets.Unicode("").tag(sync=True)  # data-tlc-still of what is to be hidden
