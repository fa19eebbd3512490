"""Random poses: from where in a picture each pixel of its warped copy is sampled.

Sources are rendered and targets are augmented with them. The random numbers of picture i are a hash
of (seed, i), so each picture can be made again alone.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

PIECES = 5  # an elastic warp is PIECES × PIECES random offsets, smoothed over the picture
NUMBERS = 6 + 2 * PIECES**2  # random numbers that one pose takes


@dataclass(frozen=True)
class Pose:
    """The largest change of each kind: lengths in half pictures, angles in radians."""

    rotate: float = 0.35
    shear: float = 0.4
    shift: float = 0.25
    stretch: float = 0.2
    zoom: tuple[float, float] = (0.5, 1.1)
    elastic: float = 0.28


def _mix(x: torch.Tensor | int) -> torch.Tensor | int:
    """A 32-bit integer hash of a plain int or of int64, in which no product overflows."""
    x = ((x >> 16) ^ x) * 0x45D9F3B & 0xFFFFFFFF
    x = ((x >> 16) ^ x) * 0x45D9F3B & 0xFFFFFFFF
    return (x >> 16) ^ x


def hashed(seed: int, index: torch.Tensor, n: int) -> torch.Tensor:
    """`n` random 32-bit integers for each index, from seed and index: int64 `[len(index), n]`."""
    seed_key = _mix((seed & 0xFFFFFFFF) + 0x2545F491)
    key = _mix(seed_key + index & 0xFFFFFFFF)
    column = torch.arange(1, n + 1, device=index.device) * 0x9E3779B9
    return _mix(key[:, None] + column & 0xFFFFFFFF)


def mixed(index: torch.Tensor, other: torch.Tensor | int) -> torch.Tensor:
    """A 32-bit hash of each pair of `index` and `other`: int64 `[n]`."""
    return _mix(_mix(index & 0xFFFFFFFF) + other & 0xFFFFFFFF)


def uniform(seed: int, index: torch.Tensor, n: int) -> torch.Tensor:
    """`n` uniform random numbers in [0, 1) for each index: float32 `[len(index), n]`."""
    return (hashed(seed, index, n) >> 8).float() / (1 << 24)


def each_once(seed: int, index: torch.Tensor, n: int) -> torch.Tensor:
    """Class of each input of a source, int64: `n` consecutive inputs show `n` classes, shuffled."""
    block = torch.div(index, n, rounding_mode="floor")
    blocks, row = block.unique(return_inverse=True)
    order = hashed(seed ^ 0x5EED, blocks, n).argsort(dim=1, stable=True)
    return order[row, index % n]


def grid(pose: Pose, u: torch.Tensor, size: int) -> torch.Tensor:
    """Sampling positions for `grid_sample`: `[n, size, size, 2]` from random numbers `[n, 56]`."""
    low, high = pose.zoom
    zoom = 1 / (low + (high - low) * u[:, 0])
    signed = 2 * u - 1
    wide = zoom * (1 + pose.stretch * signed[:, 1])
    angle, shear = pose.rotate * signed[:, 2], pose.shear * signed[:, 3]
    cos, sin = angle.cos(), angle.sin()
    affine = torch.stack(
        [
            torch.stack([wide * cos, zoom * (shear * cos - sin), pose.shift * signed[:, 4]], 1),
            torch.stack([wide * sin, zoom * (shear * sin + cos), pose.shift * signed[:, 5]], 1),
        ],
        1,
    )
    positions = F.affine_grid(affine, (len(u), 1, size, size), align_corners=False)
    offset = pose.elastic * signed[:, 6:NUMBERS].view(-1, 2, PIECES, PIECES)
    offset = F.interpolate(offset, size, mode="bilinear", align_corners=True)
    return positions + offset.permute(0, 2, 3, 1)


def posed(x: torch.Tensor, pose: Pose, seed: int, index: torch.Tensor) -> torch.Tensor:
    """Each picture of `x` `[n, 3, size, size]` in the random pose of its `index` int64 `[n]`."""
    positions = grid(pose, uniform(seed, index, NUMBERS), x.shape[-1])
    warped = F.grid_sample(x, positions, padding_mode="border", align_corners=False)
    return warped.contiguous(memory_format=torch.channels_last)
