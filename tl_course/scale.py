"""The one scale of all pictures, drawings, digits and photographs alike: (x − 0.5) / 0.25."""

from __future__ import annotations

import torch

MEAN, SCALE = 0.5, 0.25


def scaled(x: torch.Tensor) -> torch.Tensor:
    """Pixels 0 … 1 on the course's scale, −2 … 2: same shape."""
    return (x - MEAN) / SCALE


def to_picture(x: torch.Tensor) -> torch.Tensor:
    """From the course's scale back to 0 … 1, for showing: same shape."""
    return (x * SCALE + MEAN).clamp(0, 1)
