"""What does a unit prefer? The class of controlled stimuli that excites it most."""

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

    Stimuli fill the unit's receptive field (or the whole picture where that is larger), and the
    response to plain grey is subtracted, so that 0 means: no more than to nothing at all. With
    `every` > 1 fewer stimuli are shown; `equal` says in what they are equal (`stimuli`).
    """
    device = next(net.parameters()).device
    field, size = smallest_canvas(net, layer, size)
    window = min(field.size)
    blank = at_centre(net, layer, torch.zeros(1, 3, window, window, device=device), field, size)
    best = []
    for kind in CLASSES:
        parts = _stimuli(kind, window, every, equal).split(500)
        found = [at_centre(net, layer, part.to(device), field, size).amax(0) for part in parts]
        best.append(torch.stack(found).amax(0) - blank[0])
    return torch.stack(best, 1).cpu()


def preferred(answers: torch.Tensor) -> torch.Tensor:
    """The class (an index into CLASSES) that each unit answers to most: int64 `[units]`.

    −1 for a unit that answers to none of them more than to plain grey.
    """
    best, which = answers.max(1)
    return torch.where(best > 0, which, -1)
