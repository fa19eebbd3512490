"""What kind of thing is it, by its English name? Ten kinds: animal, body, clothing, face, ….

The names and the kinds are Unicode's (CLDR, from the package `emoji`); `data_scripts/kinds.py`
makes `kinds.csv`. There are few names, so each draw divides them anew: 20 of each kind can be
labelled, 7 are always for validation, and all others are the test.
"""

import csv
import functools
from dataclasses import dataclass
from importlib.resources import files

import torch

from tl_course.base.errors import CourseError

NAMES = (
    "animal", "body", "clothing", "face", "food", "person", "place", "sky", "sport", "transport",
)  # fmt: skip
EACH = {"validation": 7, "pool": 20}  # names of each kind; the rest are the test


@dataclass(frozen=True)
class Texts:
    """Texts and their labels, int64 `[n]`."""

    texts: tuple[str, ...]
    y: torch.Tensor

    def __len__(self) -> int:
        return len(self.y)


@functools.cache
def every_name() -> dict[str, tuple[str, ...]]:
    """All names by kind, in alphabetical order."""
    with (files(__package__) / "kinds.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {kind: tuple(row["name"] for row in rows if row["kind"] == kind) for kind in NAMES}


def kinds(draw: int, part: str, number: int = 200) -> Texts:
    """The names of a part of a draw: "pool" (`number` of them, balanced), "validation" or "test".

    The validation names are the same in every draw. Raises CourseError for a `number` that the
    kinds cannot share equally or that is larger than the pool.
    """
    most = EACH["pool"] * len(NAMES)
    if part == "pool" and (number % len(NAMES) or not 0 < number <= most):
        raise CourseError(
            "unequal_shares",
            f"{number} names cannot be drawn: ask for a multiple of {len(NAMES)} up to {most}.",
        )
    texts, labels = [], []
    for label, names in enumerate(every_name().values()):
        order = torch.randperm(len(names), generator=torch.Generator().manual_seed(label))
        validation, rest = order[: EACH["validation"]], order[EACH["validation"] :]
        generator = torch.Generator().manual_seed(1000 * draw + label + 17)
        rest = rest[torch.randperm(len(rest), generator=generator)]
        indices = {
            "validation": validation,
            "pool": rest[: number // len(NAMES)],
            "test": rest[EACH["pool"] :],
        }[part]
        texts += [names[index] for index in indices.tolist()]
        labels += [label] * len(indices)
    return Texts(tuple(texts), torch.tensor(labels))
