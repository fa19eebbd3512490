"""What a lesson claims: a sentence, whether it holds, and the numbers behind it.

A claim is a function from a recorded or live table to a `Claim`; those of notebook NN are in
`nNN_…/claims.py`, and the tests see each of them hold and fail without a notebook.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """`text` is one sentence with one number, `evidence` the other numbers that it rests on."""

    text: str
    holds: bool
    evidence: str
