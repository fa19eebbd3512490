"""A convolution of one picture, and filters to try it with."""

import math

import torch
import torch.nn.functional as F

from tl_course.layers.gratings import UnitTuning


def edge(degrees: float = 0.0, size: int = 7, width: float = 1.5) -> torch.Tensor:
    """A hand-made filter `[3, size, size]` that answers to an edge, bright on one side.

    0° is bright on the right, 90° bright below. Like an edge detector (Canny 1986), it is the
    derivative of a Gaussian of `width` pixels, scaled to length 1.
    """
    steps = torch.arange(size) - (size - 1) / 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    angle = math.radians(degrees)
    along = x * math.cos(angle) + y * math.sin(angle)
    kernel = along * torch.exp(-(x**2 + y**2) / (2 * width**2))
    kernel = (kernel / kernel.norm()).expand(3, -1, -1)
    return kernel / math.sqrt(3)


def answer_map(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """The filter's answer at every place of one picture `[3, h, w]`: `[h, w]`.

    At each place the numbers under the filter are multiplied by the filter's and added up. Beyond
    the border the picture is zero (grey).
    """
    return F.conv2d(x[None].cpu(), kernel[None].cpu(), padding=kernel.shape[-1] // 2)[0, 0]


def order(tuning: UnitTuning) -> torch.Tensor:
    """Indices that sort oriented units by angle, then others by frequency: int64 `[units]`."""
    oriented = tuning.orientation_selectivity > 0.5
    by_angle = tuning.orientation - 1000 + tuning.frequency
    return torch.where(oriented, by_angle, tuning.frequency).argsort()
