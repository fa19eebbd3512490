"""Both options in plain PyTorch, as a learner writes them, compared with the library's."""

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.base.parallel import side_by_side
from tl_course.core import training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.data.examples import Examples, Target, draw

IMAGES, DRAWS = 50, 10
RATES_AND_STEPS = {  # of Adam, by arm
    "option-1": [(1e-3, 200)],
    "option-2": [(3e-5, 100), (1e-3, 100)],
}


def with_new_output(net: FiveLayerNet, n_classes: int, frozen: bool) -> FiveLayerNet:
    """A copy of `net` with a zero output layer, its other layers `frozen` or not."""
    output = nn.Linear(1024, n_classes)
    nn.init.zeros_(output.weight)
    nn.init.zeros_(output.bias)
    adapted = copy.deepcopy(net)
    adapted.output = output
    for name, parameter in adapted.named_parameters():
        parameter.requires_grad = name.startswith("output") or not frozen
    return adapted


def by_hand(
    net: FiveLayerNet, labelled: Examples, frozen: bool, rate: float, steps: int
) -> FiveLayerNet:
    """Option 1 (`frozen`) or Option 2 without the library, as in notebooks 03 and 04."""
    adapted = with_new_output(net, len(labelled.names), frozen)
    trainable = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trainable, lr=rate)
    for _ in range(steps):
        loss = F.cross_entropy(adapted(labelled.x), labelled.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return adapted


def compared_with_library(net: FiveLayerNet, target: Target) -> Iterator[list[dict]]:
    """Ten draws of fifty: rows `arm`, `made` ("by hand", "library"), `rate`, `draw`, `accuracy`."""
    return side_by_side(_one_draw, [(net, target, n) for n in range(DRAWS)], "by hand")


def _one_draw(net: FiveLayerNet, target: Target, number: int) -> list[dict]:
    labelled, test, rows = draw(target.pool, IMAGES, number), target.test, []
    for arm, rates_and_steps in RATES_AND_STEPS.items():
        nets = {
            ("by hand", rate): by_hand(net, labelled, arm == "option-1", rate, steps)
            for rate, steps in rates_and_steps
        }
        nets["library", 0.0] = transfer.adapt(arm, net, labelled, seed=number).net
        for (how, rate), adapted in nets.items():
            accuracy = training.accuracy(adapted, test.x, test.y)
            rows.append(
                {"arm": arm, "made": how, "rate": rate, "draw": number, "accuracy": accuracy}
            )
    return rows
