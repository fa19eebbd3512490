"""What kind of thing is it, by its English name? Ten kinds: animal, body, clothing, face, ….

The names are Unicode's (CLDR, out of the package `emoji`) and so are the kinds; `kinds.csv` is made
by `data_scripts/kinds.py`. There are few names, so each draw divides them anew: 20 of each kind can
be labelled, and all others are its test, save those that are kept for choosing.
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
    """The names of a part of a draw: "pool" (`number` of them, balanced), "validation", "test".

    The validation names are the same in every draw. Raises CourseError for a number that cannot be
    shared equally or is larger than the pool.
    """
    most = EACH["pool"] * len(NAMES)
    if part == "pool" and (number % len(NAMES) or not 0 < number <= most):
        raise CourseError(
            f"{number} names cannot be drawn: ask for a multiple of {len(NAMES)} up to {most}."
        )
    kept, ready = EACH["validation"], EACH["validation"] + EACH["pool"]
    texts, labels = [], []
    for label, names in enumerate(every_name().values()):
        first = torch.randperm(len(names), generator=torch.Generator().manual_seed(label))
        rest = first[kept:]
        generator = torch.Generator().manual_seed(1000 * draw + label + 17)
        order = torch.cat([first[:kept], rest[torch.randperm(len(rest), generator=generator)]])
        places = {
            "validation": order[:kept],
            "pool": order[kept : kept + number // len(NAMES)],
            "test": order[ready:],
        }[part]
        texts += [names[place] for place in places.tolist()]
        labels += [label] * len(places)
    return Texts(tuple(texts), torch.tensor(labels))
