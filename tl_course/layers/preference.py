"""A unit's preference: the class of controlled stimuli that excites it most."""

import functools

import torch
from torch import nn

from tl_course.core.network import SIZE
from tl_course.layers.responses import at_centre, smallest_canvas
from tl_course.layers.stimuli import CLASSES, stimuli

_stimuli = functools.cache(stimuli)


@torch.no_grad()
def class_responses(
    net: nn.Module, layer: str, size: int = SIZE, every: int = 1, equal: str = "contrast"
) -> torch.Tensor:
    """The best response of each unit to any stimulus of each class: `[units, classes]`.

    Stimuli fill the unit's receptive field, or the whole picture if the field is larger. The
    response to plain grey is subtracted, so 0 means a response no stronger than to plain grey. With
    `every` > 1 fewer stimuli are shown; `equal` says what they have in common (`stimuli`).
    """
    device = next(net.parameters()).device
    field, size = smallest_canvas(net, layer, size)
    window = min(field.size)
    blank = at_centre(net, layer, torch.zeros(1, 3, window, window, device=device), field, size)
    best = []
    for kind in CLASSES:
        parts = _stimuli(kind, window, every, equal).split(500)
        answers = [at_centre(net, layer, part.to(device), field, size).amax(0) for part in parts]
        best.append(torch.stack(answers).amax(0) - blank[0])
    return torch.stack(best, 1).cpu()


def preferred(answers: torch.Tensor) -> torch.Tensor:
    """The index in CLASSES that each unit answers to most: int64 `[units]`.

    It is −1 for a unit that answers to no class more than to plain grey.
    """
    best, index = answers.max(1)
    return torch.where(best > 0, index, -1)
