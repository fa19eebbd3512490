"""What a lesson claims: a sentence, whether it holds, and the numbers behind it.

A claim is a function from a recorded or live table to a `Claim`; those of notebook NN are in
`nNN_…/claims.py`, and the tests see each of them hold and fail without a notebook.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Claim:
    """`text` is one sentence with one number, `evidence` the other numbers that it rests on."""

    text: str
    holds: bool
    evidence: str


def level(what: str, by_hand: float, library: float) -> Claim:
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
