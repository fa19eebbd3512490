"""Names of an earlier release, for a learner's own copies of notebooks; gone after the next one."""

from __future__ import annotations

import importlib
import warnings

import torch

MOVED = {
    "transfer.settings": "settings.chosen",
    "transfer.fixed": "settings.fixed",
    "transfer.recommend": "settings.recommended",
    "transfer.features": "output_layers.features",
    "transfer.augmented": "old_names.augmented",
}


def find(module: str, name: str) -> object:
    """What `module.name` is now; it warns with the new place. AttributeError if it never was."""
    old = f"{module}.{name}"
    if old not in MOVED:
        raise AttributeError(f"tl_course.{module} has no '{name}'")
    place, new = MOVED[old].split(".")
    if place != "old_names":
        warnings.warn(f"tl_course.{old} is now tl_course.{MOVED[old]}", FutureWarning, stacklevel=3)
    return getattr(importlib.import_module(f"tl_course.{place}"), new)


def augmented(x: torch.Tensor, seed: int) -> torch.Tensor:
    """An altered copy of each picture of `x`, each in a pose of its own."""
    from tl_course.output_layers import altered

    warnings.warn(
        "tl_course.transfer.augmented is now tl_course.output_layers.altered",
        FutureWarning, stacklevel=2,
    )  # fmt: skip
    return altered(x, seed, torch.arange(len(x), device=x.device))
