"""A target for a language model: names of things, one per line.

The lines are English names of the course's drawings with at least two words ("ear of corn"). None
of them occurs in the texts that the small GPT is pretrained on: `sources/prose.py` leaves out every
paragraph that contains one. Single words do occur there.
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
    """A pool to draw lines from, validation lines and test lines; no line is in two parts."""

    pool: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@functools.cache
def lines() -> Lines:
    """The names of two words or more, in plain letters, in a fixed split."""
    names = {thing.name.replace("’", "'") for thing in source_classes() + unseen_classes()}
    names = sorted(name for name in names if name.isascii() and re.search(r"\w[ -]\w", name))
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    mixed = tuple(names[i] for i in torch.randperm(len(names), generator=generator).tolist())
    return Lines(mixed[VALIDATION + TEST :], mixed[:VALIDATION], mixed[VALIDATION:][:TEST])


def draw_lines(pool: tuple[str, ...], number: int, seed: int) -> tuple[str, ...]:
    """One draw of `number` lines; a smaller draw of a seed is the beginning of a larger one."""
    if not 1 <= number <= len(pool):
        raise CourseError(
            "too_few_lines", f"{number} lines were asked for; the pool has {len(pool)}: 1 to that."
        )
    order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))
    return tuple(pool[i] for i in order[:number].tolist())
