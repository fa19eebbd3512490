"""Gratings: which orientation, spatial frequency and colour a unit answers to most.

Cells of the visual cortex are classically tested with sine gratings of every orientation, frequency
and phase. Filters can be tested in the same way.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from tl_course.core.network import SIZE
from tl_course.layers.responses import receptive_field, responses

ORIENTATIONS = 24  # from 0° in steps of 7.5°
FREQUENCIES = (0.06, 0.1, 0.14, 0.18, 0.22, 0.27, 0.32, 0.38)  # cycles per pixel
PHASES = 8
AXES = {"grey": (1.0, 1.0, 1.0), "red-green": (1.0, -1.0, 0.0), "blue-yellow": (1.0, 1.0, -2.0)}


@dataclass(frozen=True)
class UnitTuning:
    """What each unit of a layer prefers, `[units]` each.

    `orientation` is in degrees (0° for vertical stripes, 90° for horizontal ones), `frequency` in
    cycles per pixel, and `axis` is an index into `AXES`.

    `orientation_selectivity` = (best − orthogonal) / (best + orthogonal), of responses after the
    ReLU on the preferred axis: 0 if the unit answers to both equally, 1 if it is silent at the
    orthogonal orientation, above 0.5 if the best response is more than three times the orthogonal
    one. Each orientation is at its own best frequency. (Niell and Stryker, J. Neurosci. 28, 7520,
    2008, take both at the preferred frequency, which is more lenient.)
    `colour_selectivity` = (best coloured − best grey) / (best coloured + best grey), on gratings
    of the same contrast: above 0, colour excites the unit more than light does.
    `curves` `[units, 24]` is the response at each orientation.
    """

    orientation: torch.Tensor
    frequency: torch.Tensor
    axis: torch.Tensor
    orientation_selectivity: torch.Tensor
    colour_selectivity: torch.Tensor
    curves: torch.Tensor


def gratings(size: int = SIZE) -> torch.Tensor:
    """Every grating, around grey: `[axes, frequencies, orientations, phases, 3, size, size]`."""
    steps = torch.arange(size) - (size - 1) / 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    angle = torch.arange(ORIENTATIONS) * math.pi / ORIENTATIONS
    along = x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None]
    frequency = torch.tensor(FREQUENCIES)[:, None, None, None, None]
    phase = (torch.arange(PHASES) * 2 * math.pi / PHASES)[:, None, None]
    wave = torch.sin(2 * math.pi * frequency * along[:, None] + phase)
    axes = torch.tensor(list(AXES.values()))
    axes = axes / axes.norm(dim=1, keepdim=True) * math.sqrt(3)  # the same contrast for each
    return wave[None, ..., None, :, :] * axes[:, None, None, None, :, None, None]


@torch.no_grad()
def tuning(net: nn.Module, layer: str, size: int = SIZE) -> UnitTuning:
    """How the units of `layer` in the middle of the picture answer to gratings."""
    device = next(net.parameters()).device
    x = gratings(size)
    row, column = receptive_field(net, layer, size).centre
    answers = [
        responses(net, part.to(device), [layer])[layer][:, :, row, column].cpu()
        for part in x.flatten(0, 3).split(500)
    ]
    answer = torch.cat(answers).relu().view(*x.shape[:4], -1).amax(3)  # over the phases
    best = answer.flatten(0, 2).argmax(0)
    axis, frequency, orientation = torch.unravel_index(best, answer.shape[:3])
    curves = answer.amax(1)[axis, :, torch.arange(len(best))]  # [units, orientations]
    strongest = curves.amax(1)
    opposite = (orientation + ORIENTATIONS // 2) % ORIENTATIONS
    orthogonal = curves.gather(1, opposite[:, None])[:, 0]
    grey, coloured = answer[0].flatten(0, 1).amax(0), answer[1:].flatten(0, 2).amax(0)
    return UnitTuning(
        orientation * 180 / ORIENTATIONS,
        torch.tensor(FREQUENCIES)[frequency],
        axis,
        (strongest - orthogonal) / (strongest + orthogonal).clamp_min(1e-9),
        (coloured - grey) / (coloured + grey).clamp_min(1e-9),
        curves,
    )
