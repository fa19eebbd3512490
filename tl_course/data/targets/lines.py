"""A target for a language model: names of things, one a line, fifty of them to learn from.

The lines are the English names of the course's drawings that have at least two words ("ear of
corn"). None of them occurs in what the small GPT is pretrained on: `sources/prose.py` leaves out
every paragraph that contains one. Single words do occur there, as words do in any two texts.
"""

import functools
import re
from dataclasses import dataclass

import torch

from tl_course.base.errors import CourseError
from tl_course.data.sources.classes import source_classes, unseen_classes

VALIDATION, TEST = 100, 200  # lines; the others are the pool
SPLIT_SEED = 0x6F7


@dataclass(frozen=True)
class Lines:
    """Where labelled lines are drawn from, where choices are made, and the test; none in two."""

    pool: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@functools.cache
def lines() -> Lines:
    """The names of two words or more, in plain letters, shared out once and for all."""
    names = {thing.name.replace("’", "'") for thing in source_classes() + unseen_classes()}
    chosen = sorted(n for n in names if n.isascii() and re.search(r"\w[ -]\w", n))
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    mixed = [chosen[i] for i in torch.randperm(len(chosen), generator=generator).tolist()]
    rest = mixed[VALIDATION + TEST :]
    return Lines(tuple(rest), tuple(mixed[:VALIDATION]), tuple(mixed[VALIDATION:][:TEST]))


def draw(pool: tuple[str, ...], number: int, seed: int) -> tuple[str, ...]:
    """One draw: `number` lines of the pool; a smaller draw of a seed begins a larger one."""
    if not 1 <= number <= len(pool):
        raise CourseError(f"{number} lines were asked for; the pool has {len(pool)}: 1 to that.")
    order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))
    return tuple(pool[i] for i in order[:number].tolist())
