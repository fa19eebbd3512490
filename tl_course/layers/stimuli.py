"""Controlled stimuli: simple shapes, drawn at many positions, sizes, orientations and strengths.

All are grey and have the same mean. Their strength can be made equal in two ways, and neither is
fair to all shapes: with the same *contrast* (standard deviation) a thin bar is brighter than a
filled edge, and with the same *range* (from the darkest to the brightest pixel) an edge has more
contrast than a bar. A result that holds in both ways is due to the shape.
"""

import itertools
import math
from collections.abc import Callable

import torch

CONTRAST, RANGE = 0.5, 2.0  # on the course's scale, where a picture spans −2 … 2
EQUAL = ("contrast", "range")
ORIENTATIONS = 16
SIZES = (0.5, 0.75, 1.0)  # of a stimulus, as a share of the window
SHIFTS = (-0.25, 0.0, 0.25)  # of half the window, in each direction
STROKES = (1.2, 2.2)  # pixels
FINER = 4  # each pixel is the mean of 4 × 4 points


def _arc(start: float, stop: float, radius: float = 1.0, turns_in: float = 1.0) -> torch.Tensor:
    """Points `[n, 2]` on an arc from angle `start` to `stop`; `turns_in` < 1 makes it a spiral."""
    t = torch.linspace(0, 1, 25 if stop - start <= 2 * math.pi else 49)
    angle, r = start + (stop - start) * t, radius * (1 + (turns_in - 1) * t)
    return torch.stack([r * angle.cos(), r * angle.sin()], 1)


def _polygon(n: int) -> torch.Tensor:
    angle = torch.arange(n + 1) * 2 * math.pi / n + math.pi / 2
    return torch.stack([angle.cos(), angle.sin()], 1)


def _line(*points: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(points, dtype=torch.float32)


# Strokes through points [n, 2], in a circle of radius 1.
OUTLINES: dict[str, list[torch.Tensor]] = {
    "bar": [_line((-1, 0), (1, 0))],
    "corner": [_line((0.7, -0.7), (-0.5, -0.7), (-0.5, 0.7))],
    "T-junction": [_line((-0.9, -0.5), (0.9, -0.5)), _line((0, -0.5), (0, 0.9))],
    "cross": [_line((-1, 0), (1, 0)), _line((0, -1), (0, 1))],
    "curve": [_arc(-math.pi / 2, math.pi / 2) - torch.tensor([0.5, 0.0])],
    "circle": [_arc(0, 2 * math.pi, 0.9)],
    "triangle": [_polygon(3)],
    "square": [_polygon(4)],
    "spiral": [_arc(0, 4 * math.pi, 1.0, turns_in=0.1)],
}
AREAS: dict[
    str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
] = {  # 1 inside, 0 outside, at points (x, y)
    "edge": lambda x, y: (x > 0).float(),
    "texture": lambda x, y: ((torch.sin(5 * x) * torch.sin(5 * y)) > 0).float(),
}
CLASSES = ("edge", *OUTLINES, "texture")


def _distance(x: torch.Tensor, y: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Distance of each (x, y) from the stroke through `points` `[n, 2]`, in the shape of x."""
    nearest = torch.full_like(x, math.inf)
    for (ax, ay), (bx, by) in itertools.pairwise(points.tolist()):
        dx, dy = bx - ax, by - ay
        along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0, 1)
        nearest = torch.minimum(nearest, (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2)
    return nearest.sqrt()


def stimuli(kind: str, window: int, every: int = 1, equal: str = "contrast") -> torch.Tensor:
    """Every stimulus of one class in windows of `window` pixels: `[n, 3, window, window]`.

    They combine orientations, sizes, positions, stroke widths, and light on dark with dark on
    light. Some classes have fewer different ones, because a turned circle is the same circle.
    Stimuli outside the window are left out. `equal` is one of `EQUAL`. With `every` > 1 only each
    `every`-th combination of size, position and stroke width is drawn.
    """
    steps = (torch.arange(window * FINER) + 0.5) / FINER - window / 2  # pixels from the middle
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    half = window / 2
    angle = torch.arange(ORIENTATIONS) * 2 * math.pi / ORIENTATIONS
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    ink = []
    combinations = list(itertools.product(SIZES, SHIFTS, SHIFTS, STROKES))
    for size, down, right, stroke in combinations[::every]:
        scale, u, v = size * half, x - right * half, y - down * half
        u, v = (u * cos + v * sin) / scale, (v * cos - u * sin) / scale  # [orientations, …]
        if kind in AREAS:
            drawn = AREAS[kind](u, v)
        else:
            distance = torch.stack([_distance(u, v, line) for line in OUTLINES[kind]]).amin(0)
            drawn = (distance * scale < stroke / 2).float()
        ink.append(torch.nn.functional.avg_pool2d(drawn[:, None], FINER))
    ink = torch.cat(ink)
    ink = ink - ink.mean((2, 3), keepdim=True)
    spread = ink.std((2, 3), correction=0, keepdim=True)
    extent = ink.amax((2, 3), keepdim=True) - ink.amin((2, 3), keepdim=True)
    strength = CONTRAST / spread if equal == "contrast" else RANGE / extent
    ink = (ink * strength)[(spread > 0.02).flatten()]
    return torch.cat([ink, -ink]).expand(-1, 3, -1, -1)
