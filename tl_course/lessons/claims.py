"""What a lesson claims: a sentence, whether it holds, and the numbers behind it.

A claim of notebook NN is a function in `nNN_…/claims.py`. Its decorator names the recorded tables
that it rests on: `@claim("sweep", "official")`. Notebooks, pages and tests call `.recorded()` for
the claim on those tables. Called with the tables of a live run, it judges that run.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tl_course.study import results

if TYPE_CHECKING:
    import pandas as pd


STYLE = "border-left:4px solid #0072B2;padding:0.2em 0.8em;margin:0.4em 0"
WHY_NOT = (
    "That can happen: results with few draws, another seed or your own network vary more than the "
    "recorded ones. Run it with another seed, or look at the recorded results before you believe "
    "either."
)


@dataclass(frozen=True)
class Claim:
    """`text` is one sentence with one number, and `evidence` has the other numbers behind it.

    `recorded` says whether the numbers come from recorded tables. None means that they come from
    `Lesson.evidence`, which decides it by the budget.
    """

    text: str
    holds: bool
    evidence: str
    recorded: bool | None = None

    def as_html(self, where: str) -> str:
        """The sentence, whether it holds `where` ("in this run"), and its numbers on request."""
        mark, verdict = ("✔", "holds") if self.holds else ("✘", "did not hold")
        why = "" if self.holds else f"<br>{WHY_NOT}"
        return (
            f'<div class="tl-claim" style="{STYLE}"><b>{mark} {self.text}</b> '
            f"<span>({verdict} {where})</span><details{'' if self.holds else ' open'}>"
            f"<summary>the numbers</summary>{self.evidence}{why}</details></div>"
        )


class Claiming:
    """A function that makes a `Claim`, with the names of the recorded tables that it rests on."""

    def __init__(self, function: Callable[..., Claim], tables: tuple[str, ...]) -> None:
        functools.update_wrapper(self, function)
        self.tables = tables

    def __call__(self, *evidence: object) -> Claim:
        """The claim on these tables, or on what a notebook has just computed if it has none."""
        return replace(self.__wrapped__(*evidence), recorded=None if self.tables else False)

    def recorded(self) -> Claim:
        """The claim on its recorded tables."""
        return replace(self.__wrapped__(*map(results.load, self.tables)), recorded=True)


def claim(*tables: str) -> Callable[[Callable[..., Claim]], Claiming]:
    """A decorator for a function that makes a claim from these recorded tables, in this order."""
    return functools.partial(Claiming, tables=tables)


def level_with_library(what: str, by_hand: float, library: float) -> Claim:
    """The claim that a learner's `what` and the library differ by at most two points.

    `by_hand` and `library` are accuracies, 0 … 1.
    """
    apart = abs(round(100 * by_hand, 1) - round(100 * library, 1))  # as they are printed
    return Claim(
        f"{what} and the library differ by {apart:.1f} points on the test digits.",
        bool(apart <= 2),
        f"by hand {100 * by_hand:.1f}%, the library {100 * library:.1f}% right, on this draw",
    )


def listed(values: dict | pd.Series, form: str = "{}: {:.1f}", between: str = "; ") -> str:
    """Names and values as one text, each pair formatted by `form`: "a: 1.0; b: 2.0"."""
    return between.join(form.format(name, value) for name, value in values.items())


def sizes_in_words(sizes: Iterable[int]) -> str:
    """Numbers of digits in words: "10, 100 and 200"; for none "no number of"."""
    *first, last = [f"{n:,}" for n in sizes] or ["no number of"]
    return f"{', '.join(first)} and {last}" if first else last


def at_least(value: float, digits: int = 0) -> str:
    """`value` rounded down, so that a printed "at least" is true: 17.97 to one digit is "17.9"."""
    return f"{math.floor(round(value * 10**digits, 6)) / 10**digits:.{digits}f}"


def at_most(value: float, digits: int = 0) -> str:
    """`value` rounded up, so that a printed "at most" is true: 0.12 to one digit is "0.2"."""
    return f"{math.ceil(round(value * 10**digits, 6)) / 10**digits:.{digits}f}"
