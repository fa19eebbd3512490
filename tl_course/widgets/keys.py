"""Keeps JupyterLab's shortcuts away from an experiment's controls.

In command mode the arrow keys go to the next cell and letters insert or delete cells wherever the
focus is not in a text field, so that nothing could be chosen from a list by keyboard.
"""

from __future__ import annotations

from pathlib import Path

import anywidget


class Keys(anywidget.AnyWidget):
    """Put one into the view of an experiment; it shows nothing."""

    _esm = Path(__file__).with_name("keys.js")
