"""What a lesson claims: a sentence, whether it holds, and the numbers behind it.

A claim of notebook NN is a function in `nNN_…/claims.py` that says once on which recorded tables it
rests: `@claim("sweep", "official")`. Notebooks, pages and tests ask it for `.recorded()`; called
with the tables of a live run, it judges those.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tl_course.study import results

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Claim:
    """`text` is one sentence with one number, `evidence` the other numbers that it rests on.

    `recorded` says whether these are of recorded tables, or (None) of `Lesson.evidence`.
    """

    text: str
    holds: bool
    evidence: str
    recorded: bool | None = None


class Claiming:
    """A function that makes a `Claim`, and the names of the recorded tables that it rests on."""

    def __init__(self, function: Callable[..., Claim], tables: tuple[str, ...]) -> None:
        functools.update_wrapper(self, function)
        self.tables = tables

    def __call__(self, *evidence: object) -> Claim:
        """The claim on these tables, or on what a notebook has just done if it names no table."""
        return replace(self.__wrapped__(*evidence), recorded=None if self.tables else False)

    def recorded(self) -> Claim:
        """The claim on its recorded tables."""
        return replace(self.__wrapped__(*map(results.load, self.tables)), recorded=True)


def claim(*tables: str) -> Callable[[Callable[..., Claim]], Claiming]:
    """A decorator of the function that makes a claim on these recorded tables, in this order."""
    return functools.partial(Claiming, tables=tables)


def level_with_library(what: str, by_hand: float, library: float) -> Claim:
    """`what` a learner wrote and the library are at most two points apart (accuracies, 0 … 1)."""
    apart = abs(round(100 * by_hand, 1) - round(100 * library, 1))  # of what is printed
    return Claim(
        f"{what} and the library differ by {apart:.1f} of 100 test digits.",
        bool(apart <= 2),
        f"by hand {100 * by_hand:.1f}, the library {100 * library:.1f} of 100 right, on this draw",
    )


def listed(values: dict | pd.Series, form: str = "{}: {:.1f}", between: str = "; ") -> str:
    """Values by name, each with its name as `form` says: "a: 1.0; b: 2.0"."""
    return between.join(form.format(name, value) for name, value in values.items())


def at_least(value: float, digits: int = 0) -> str:
    """`value` rounded down, so that "at least" is true of what is printed: "17.9" of 17.97."""
    return f"{math.floor(round(value * 10**digits, 6)) / 10**digits:.{digits}f}"


def at_most(value: float, digits: int = 0) -> str:
    """`value` rounded up, so that "at most" is true of what is printed: "0.2" of 0.12."""
    return f"{math.ceil(round(value * 10**digits, 6)) / 10**digits:.{digits}f}"
