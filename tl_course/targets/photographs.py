"""Photographs that are at hand offline: the two sample pictures inside scikit-learn's wheel.

"china.jpg" by danielbuechele and "flower.jpg" by vultilion, both on Flickr, CC BY 2.0 (after the
README beside them in the wheel).
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F

from tl_course.errors import CourseError
from tl_course.network import SIZE
from tl_course.scale import scaled

NAMES = ("china", "flower")
SMALLEST = 32  # pixels: the side of the smallest crop, which is not shrunk


@functools.cache
def _whole(name: str) -> torch.Tensor:
    import numpy as np
    from sklearn.datasets import load_sample_image

    if name not in NAMES:
        raise CourseError(f"There is no photograph '{name}'; there are {', '.join(NAMES)}.")
    pixels = np.array(load_sample_image(f"{name}.jpg"))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def photograph(name: str, height: int = 160) -> torch.Tensor:
    """One photograph, shrunk to `height` pixels: `[3, height, width]` on the course's scale."""
    whole = _whole(name)
    width = round(height * whole.shape[2] / whole.shape[1])
    x = F.interpolate(whole[None], (height, width), mode="bilinear", antialias=True)[0]
    return scaled(x.clamp(0, 1))


def crops(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """`n` square pieces of both photographs in turn, of random place and size, shrunk to 32×32.

    `[n, 3, 32, 32]` on the course's scale, and which photograph each is from, int64 `[n]`.
    """
    generator = torch.Generator().manual_seed(seed)
    which = torch.arange(n) % len(NAMES)
    u = torch.rand(n, 3, generator=generator)
    pieces = []
    for i in range(n):
        whole = _whole(NAMES[which[i]])
        largest = min(whole.shape[1:])
        side = round(SMALLEST * (largest / SMALLEST) ** u[i, 0].item())
        top = round(u[i, 1].item() * (whole.shape[1] - side))
        left = round(u[i, 2].item() * (whole.shape[2] - side))
        piece = whole[None, :, top : top + side, left : left + side]
        pieces.append(F.interpolate(piece, (SIZE, SIZE), mode="bilinear", antialias=True))
    return scaled(torch.cat(pieces).clamp(0, 1)), which
