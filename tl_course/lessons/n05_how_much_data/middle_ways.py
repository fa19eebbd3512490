"""Ways between Option 1 and Option 2: all layers are adapted, but not all in the same way.

Each is Option 2 with one change. Settings are chosen on validation digits, as for the other ways to
learn, so the comparison with Option 1, Option 2 and *output layer first* is fair.
"""

import itertools
from collections.abc import Callable, Iterator

import pandas as pd
import torch
from torch import nn
from torch.nn.utils import parametrize

from tl_course.base.parallel import side_by_side
from tl_course.core import network, settings, training, transfer
from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.core.session import Callbacks, History, Recipe
from tl_course.core.settings import Settings
from tl_course.data.examples import Examples, Target, draw
from tl_course.study import comparing, tables, tuning

DECAY = 0.01  # weight decay, as in Option 2
FALLS = 0.4  # learning rate relative to the layer above (1/2.6 in arXiv 1801.06146)
RANK = 4  # of the product that LoRA adds to a layer
TUNING = "middle_ways_tuning"
RATES = {  # candidates
    "gradual unfreezing": (1e-4, 3e-4, 1e-3, 3e-3),
    "falling rates": (3e-4, 1e-3, 3e-3, 1e-2),
    "LoRA": (3e-4, 1e-3, 3e-3, 1e-2),
}
STEPS = {False: (100, 300), True: (300, 600)}  # candidates, by augmentation
DRAWS = {False: 2, True: 1}  # for choosing settings, by augmentation
KEYS = ("way", "augmented", "images", "l2", "rate", "steps", "draw")
Batches = Callable[[int], tuple[torch.Tensor, torch.Tensor]]


def gradual_unfreezing(net: FiveLayerNet, batch_at: Batches, chosen: Settings) -> None:
    """Train the output layer; add a layer after each fifth of the steps (arXiv 1801.06146)."""

    def let_go(step: int, _: nn.Module, __: History) -> None:
        for number, name in enumerate(reversed(LAYERS), 1):
            frozen = step * (len(LAYERS) + 1) < number * chosen.steps
            getattr(net, name).requires_grad_(not frozen)

    recipe = Recipe(chosen.steps, chosen.learning_rate, weight_decay=DECAY)
    training.train(net, batch_at, recipe, Callbacks(let_go))


def falling_rates(net: FiveLayerNet, batch_at: Batches, chosen: Settings) -> None:
    """Train all layers, the lower ones with smaller learning rates (arXiv 1801.06146)."""
    recipe = Recipe(chosen.steps, chosen.learning_rate, weight_decay=DECAY, layer_lr_decay=FALLS)
    training.train(net, batch_at, recipe)


class LowRank(nn.Module):
    """Adds a trained product of two small matrices to a layer's frozen weights."""

    def __init__(self, weight: torch.Tensor, rank: int = RANK):
        super().__init__()
        inputs = weight[0].numel()
        self.a = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.b = nn.Parameter(torch.zeros(len(weight), rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The changed weights, of the same shape `[units, …]`."""
        return weight + (self.b @ self.a).view_as(weight)


def lora(net: FiveLayerNet, batch_at: Batches, chosen: Settings) -> None:
    """Train W⁵, b⁵ and a low-rank change of each of the frozen W¹ … W⁴ (arXiv 2106.09685).

    The changes are added to the weights at the end, so the result is an ordinary network.
    """
    layers = [getattr(net, name) for name in LAYERS]
    for layer in layers:
        layer.requires_grad_(False)
        parametrize.register_parametrization(layer, "weight", LowRank(layer.weight))
    training.train(net, batch_at, Recipe(chosen.steps, chosen.learning_rate, weight_decay=DECAY))
    for layer in layers:
        parametrize.remove_parametrizations(layer, "weight")


WAYS = {
    "gradual unfreezing": gradual_unfreezing, "falling rates": falling_rates, "LoRA": lora
}  # fmt: skip


def adapted_by_way(
    way: str, net: FiveLayerNet, labelled: Examples, chosen: Settings, seed: int, augment: bool
) -> FiveLayerNet:
    """A copy of `net` with a fresh output layer, trained in this way on `labelled`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        start = network.replace_output_layer(net, len(labelled.names)).requires_grad_(True)
        WAYS[way](start, transfer.batches(labelled.x, labelled.y, seed, augment), chosen)
    return start.eval()


def middle_ways_tuning_rows(
    net: FiveLayerNet, target: Callable[[], Target], sizes: tuple[int, ...], done: list[dict]
) -> Iterator[list[dict]]:
    """Lists of rows (`KEYS`, accuracy) of every way with every setting, on validation digits."""
    every = (
        (way, augmented, images, number)
        for way, augmented, images in itertools.product(WAYS, (False, True), sizes)
        for number in range(DRAWS[augmented])
    )
    left = tables.missing(every, done, ("way", "augmented", "images", "draw"))
    plan = [(net, target, *task) for task in left]
    return side_by_side(_tried, plan, "tuning ways between")


def _tried(net, target, way, augmented, images, number) -> list[dict]:
    seed, target = tuning.FIRST_DRAW + number, target()
    labelled = draw(target.pool, images, seed)
    tried = [
        Settings(learning_rate=rate, steps=steps)
        for rate, steps in itertools.product(RATES[way], STEPS[augmented])
    ]
    nets = (adapted_by_way(way, net, labelled, chosen, seed, augmented) for chosen in tried)
    scored = target.validation
    accuracies = [training.accuracy(network, scored.x, scored.y) for network in nets]
    what = {"way": way, "augmented": augmented, "images": images}
    return tuning.rows_of(what, number, tried, accuracies)


def middle_ways_rows(
    net: FiveLayerNet,
    target: Callable[[], Target],
    sizes: tuple[int, ...],
    draws: int,
    done: list[dict],
) -> Iterator[dict]:
    """Rows `way`, `augmented`, `images`, `draw`, `accuracy`, `right`; draws as in the sweep."""
    every = itertools.product(WAYS, (False, True), sizes, range(draws))
    left = tables.missing(every, done, ("way", "augmented", "images", "draw"))
    chosen = settings.chosen_settings(TUNING)
    plan = [(net, target, *task, chosen[task[:3]]) for task in left]
    return side_by_side(_one, plan, "ways between")


def _one(net, target, way, augmented, images, number, chosen) -> dict:
    target = target()
    labelled = draw(target.pool, images, number)
    tuned = adapted_by_way(way, net, labelled, chosen, number, augmented)
    right = training.predict(tuned, target.test.x).argmax(1) == target.test.y
    return {
        "way": way, "augmented": augmented, "images": images, "draw": number,
        "accuracy": right.float().mean().item(), "right": right.numpy(),
    }  # fmt: skip


def compared_ways(official: pd.DataFrame, between: pd.DataFrame, other: str) -> pd.DataFrame:
    """Each way, and each arm of the official test, against the arm `other` on the same draws.

    Rows `way`, `augmented`, `images`, `right` (in %), `ahead` and `interval` (points).
    """
    arms = ("option-1", "option-2", "output-first")
    shown = official[official.arm.isin(arms) & official.images.isin(between.images.unique())]
    every = pd.concat([shown, between.rename(columns={"way": "arm"})], ignore_index=True)
    means = comparing.means(every).set_index(["arm", "augmented", "images"])["mean"]
    rows = []
    for way, copies in itertools.product((*arms, *WAYS), (False, True)):
        for row in comparing.paired_arms(every, (way, copies), (other, copies)).itertuples():
            rows.append(
                {"way": way, "augmented": copies, "images": row.images,
                 "right": means[way, copies, row.images],
                 "ahead": row.ahead, "interval": row.interval}
            )  # fmt: skip
    return pd.DataFrame(rows)
