"""What every target is made of: labelled examples, three parts, and balanced draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from tl_course.base.errors import CourseError


@dataclass(frozen=True)
class Examples:
    """Inputs `[n, 3, 32, 32]` on the course's scale, labels int64 `[n]`, names of the classes.

    `scaled` is False where they only pass for their modality (`with_modality`).
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
        """The same examples, let pass as of another modality: to measure what that does."""
        return self if modality == self.modality else replace(self, modality=modality, scaled=False)


@dataclass(frozen=True)
class Target:
    """A target task: where labelled examples are drawn from, where choices are made, the test."""

    pool: Examples
    validation: Examples
    test: Examples


def draw_indices(y: torch.Tensor, names: tuple[str, ...], images: int, seed: int) -> torch.Tensor:
    """Which of the examples labelled `y` one balanced draw takes: int64 `[images]`.

    The order goes round the classes (0, 1, … 9, 0, 1, …), so that a smaller draw of the same seed
    is the beginning of a larger one. A draw of all examples takes them as they are, whether or not
    there are equally many of each class. Raises CourseError when the classes cannot share equally.
    """
    n_classes = len(names)
    generator = torch.Generator()
    if images == len(y) and images != n_classes * (y == 0).sum():
        return torch.randperm(images, generator=generator.manual_seed(1000 * seed))
    if images < n_classes or images % n_classes:
        raise CourseError(
            f"{images} images cannot be shared equally among {n_classes} classes; "
            f"ask for a multiple of {n_classes}."
        )
    each = images // n_classes
    chosen = []
    for label in range(n_classes):
        where = (y == label).nonzero().flatten()
        if len(where) < each:
            raise CourseError(
                f"The pool has {len(where)} examples of class {names[label]}, fewer than the "
                f"{each} that {images} images need; ask for fewer images."
            )
        order = torch.randperm(len(where), generator=generator.manual_seed(1000 * seed + label))
        chosen.append(where[order[:each]])
    return torch.stack(chosen, 1).flatten()


def draw(pool: Examples, images: int, seed: int) -> Examples:
    """One draw: `images` labelled examples out of the pool, equally many of each class."""
    return pool[draw_indices(pool.y, pool.names, images, seed)]
