"""Labelled examples, a target's three parts, and balanced draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from tl_course.base.errors import CourseError


@dataclass(frozen=True)
class Examples:
    """Inputs `[n, 3, 32, 32]` on the course's scale, labels int64 `[n]`, names of the classes.

    `scaled` is False if the examples are of another modality than they say (`with_modality`).
    """

    x: torch.Tensor
    y: torch.Tensor
    names: tuple[str, ...]
    modality: str = "image"
    scaled: bool = True

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, which: torch.Tensor | slice) -> Examples:
        return replace(self, x=self.x[which], y=self.y[which])

    def with_modality(self, modality: str) -> Examples:
        """The same inputs under another modality's name, to measure how a network does on them."""
        return self if modality == self.modality else replace(self, modality=modality, scaled=False)


@dataclass(frozen=True)
class Target:
    """A target task: a pool to draw labelled examples from, a validation part, and a test part."""

    pool: Examples
    validation: Examples
    test: Examples


def draw_indices(y: torch.Tensor, names: tuple[str, ...], images: int, seed: int) -> torch.Tensor:
    """Indices of one balanced draw from examples labelled `y`: int64 `[images]`.

    The classes take turns (0, 1, … 9, 0, 1, …), so a smaller draw of the same seed is the
    beginning of a larger one. A draw of all examples need not be balanced. Raises CourseError if
    the images cannot be shared equally among the classes.
    """
    n_classes = len(names)
    generator = torch.Generator()
    if images == len(y) and images != n_classes * (y == 0).sum():
        return torch.randperm(images, generator=generator.manual_seed(1000 * seed))
    if images < n_classes or images % n_classes:
        raise CourseError(
            "unequal_shares",
            f"{images} images cannot be shared equally among {n_classes} classes; "
            f"ask for a multiple of {n_classes}.",
        )
    each = images // n_classes
    chosen = []
    for label in range(n_classes):
        where = (y == label).nonzero().flatten()
        if len(where) < each:
            raise CourseError(
                "too_few_examples",
                f"The pool has {len(where)} examples of class {names[label]}, fewer than the "
                f"{each} that {images} images need; ask for fewer images.",
            )
        order = torch.randperm(len(where), generator=generator.manual_seed(1000 * seed + label))
        chosen.append(where[order[:each]])
    return torch.stack(chosen, 1).flatten()


def draw(pool: Examples, images: int, seed: int) -> Examples:
    """One draw of `images` labelled examples from the pool, equally many of each class."""
    return pool[draw_indices(pool.y, pool.names, images, seed)]
