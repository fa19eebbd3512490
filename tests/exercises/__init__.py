"""Right and wrong answers to exercises, a module for each notebook: `CASES[exercise's name]`.

Most answers are an edit of the worked solution, a tuple (old, new, old, new, …) of pieces of its
text: `("w - rate", "w + rate")`. Any other answer is what the cell defines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answers:
    """Other right answers than the solution, and wrong ones by the code of their mistake.

    A list has several wrong answers that are the same mistake.
    """

    right: Sequence
    wrong: Mapping[str, object]


NOTHING = ("return ", "")  # an edit: the last line only computes
