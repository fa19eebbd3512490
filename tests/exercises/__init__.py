"""Answers to exercises, right and wrong, a module for each notebook: `CASES[exercise]`."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answers:
    """Other right answers than the solution, and wrong ones with words of their message.

    An answer is what the cell defines: one thing, or a tuple of several.
    """

    right: Sequence
    wrong: dict | Sequence  # answer: words; pairs where an answer cannot be a key
