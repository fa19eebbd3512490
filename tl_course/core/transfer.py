"""From a source network to a target task: Option 1, Option 2, and their controls.

Every adaptation takes `(net, labelled, test=…, seed=…)` and gives an `Adapted`. The source network
never changes. Settings were chosen on validation digits, never on test digits.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from tl_course.base.errors import CourseError
from tl_course.core import network, settings, training
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import AUGMENT, COPIES, FIT_STEPS, output_layers
from tl_course.core.settings import Settings
from tl_course.core.training import Callbacks, History, Recipe
from tl_course.data import poses
from tl_course.data.examples import Examples

BATCH = 64


@dataclass(frozen=True)
class Adapted:
    """An adapted network and how it was trained; `seconds` does not include the test."""

    net: FiveLayerNet
    option: str
    images: int
    seconds: float
    history: History
    scores: torch.Tensor | None = None  # [n_test, classes]
    accuracy: float | None = None  # share of the test examples, 0 … 1

    @property
    def predictions(self) -> torch.Tensor:
        """The predicted class of each test example: int64 `[n_test]`."""
        return self.scores.argmax(1)

    def tested(self, test: Examples | None) -> Adapted:
        """A copy with scores and accuracy on test examples; itself where `test` is None."""
        if test is None:
            return self
        scores = training.predict(self.net, test.x)
        accuracy = (scores.argmax(1) == test.y.cpu()).float().mean().item()
        return replace(self, scores=scores, accuracy=accuracy)


def _check(net: FiveLayerNet, labelled: Examples, augment: bool) -> None:
    x, y = labelled.x, labelled.y
    mismatch = net.requirement.mismatch(x, labelled.modality, labelled.scaled)
    if mismatch:
        raise CourseError("mismatch", mismatch)
    if len(x) != len(y):
        raise CourseError(
            "labels", f"There are {len(x)} images and {len(y)} labels; each needs its own."
        )
    if len(y.unique()) < 2:
        needed = "to tell classes apart, at least two are needed"
        raise CourseError("one_label", f"All images have the same label; {needed}.")
    if augment and x.ndim != 4:
        raise CourseError(
            "no_pictures", "Altered copies are made of pictures; adapt to texts without them."
        )


def option_1(
    net: FiveLayerNet,
    labelled: Examples,
    *,
    test: Examples | None = None,
    seed: int = 0,
    augment: bool = False,
    chosen: Settings | None = None,
    callbacks: Callbacks | None = None,
) -> Adapted:
    """Option 1: W¹,b¹ … W⁴,b⁴ frozen, and a new output layer W⁵,b⁵ trained on labelled examples.

    The frozen layers compute their features once, without gradients. `seed` matters for
    augmentation alone, because the problem is convex and every start ends at the same W⁵,b⁵.
    `callbacks` run before every tenth update and at the end.
    """
    return _new_output_layer("option-1", net, labelled, seed, augment, chosen, callbacks).tested(
        test
    )


def option_2(
    net: FiveLayerNet,
    labelled: Examples,
    *,
    test: Examples | None = None,
    seed: int = 0,
    augment: bool = False,
    chosen: Settings | None = None,
    callbacks: Callbacks | None = None,
) -> Adapted:
    """Option 2: start from the pretrained W¹ … W⁴ and a fresh W⁵, and train everything.

    `seed` decides the order of the batches and the augmentation. `callbacks` run before each update
    and at the end.
    """
    start = network.replace_output_layer(net, len(labelled.names))
    return _trained("option-2", start, labelled, seed, augment, chosen, callbacks).tested(test)


def output_first(
    net: FiveLayerNet,
    labelled: Examples,
    *,
    test: Examples | None = None,
    seed: int = 0,
    augment: bool = False,
    chosen: Settings | None = None,
    callbacks: Callbacks | None = None,
) -> Adapted:
    """Output layer first, then everything (LP-FT, arXiv 2202.10054): Option 2 begun where 1 ends.

    A fresh output layer sends large gradients into layers that were good already; a trained one
    does not. The penalty `l2` in `chosen` is for the output layer's own training.
    """
    if chosen is None:
        first = settings.chosen("option-1", len(labelled), augment)
        then = settings.chosen("output-first", len(labelled), augment)
        chosen = replace(then, l2=first.l2)
    begun = _new_output_layer("option-1", net, labelled, seed, augment, chosen)
    then = _trained("output-first", begun.net, labelled, seed, augment, chosen, callbacks)
    return replace(then, seconds=begun.seconds + then.seconds).tested(test)


def fine_tune(
    net: FiveLayerNet, labelled: Examples, *, frozen: Sequence[str] = (), seed: int = 0, **more
) -> Adapted:
    """Train everything but the `frozen` layers ("layer1", …), from the weights that `net` has.

    Its output layer, which already has a unit for each class, is trained further too. `more` may
    hold `augment`, `chosen` and `callbacks`, as in `option_2`.
    """
    return _trained("option-2", copy.deepcopy(net), labelled, seed, frozen=frozen, **more)


def from_scratch(labelled: Examples, *, seed: int = 0, **more) -> Adapted:
    """The control of Option 2: the same training of a network with fresh weights."""
    return adapt("scratch", None, labelled, seed=seed, **more)


def random_frozen(labelled: Examples, *, seed: int = 0, **more) -> Adapted:
    """The control of Option 1: the same output layer on four frozen layers of fresh weights."""
    return adapt("random-frozen", None, labelled, seed=seed, **more)


def adapt(
    arm: str,
    net: FiveLayerNet | None,
    labelled: Examples,
    *,
    test: Examples | None = None,
    seed: int = 0,
    augment: bool = False,
    **more,
) -> Adapted:
    """Adapt by the name that an arm has in tables; a control without a `net` makes a fresh one.

    The arms are "option-1", "option-2", "output-first", "scratch" and "random-frozen". `more` may
    hold `chosen` and `callbacks`.
    """
    if arm in ("scratch", "random-frozen") and net is None:
        net = fresh_network(labelled.x, seed, labelled.modality)
    if arm != "output-first":
        more["chosen"] = more.get("chosen") or settings.chosen(arm, len(labelled), augment)
    ways = {"output-first": output_first, "option-2": option_2, "scratch": option_2}
    way = ways.get(arm, option_1)
    adapted = way(net, labelled, test=test, seed=seed, augment=augment, **more)
    return replace(adapted, option=arm)


def _new_output_layer(
    arm, net, labelled, seed, augment, chosen: Settings | None, callbacks: Callbacks | None = None
) -> Adapted:
    """Option 1 without the test."""
    _check(net, labelled, augment)
    chosen = chosen or settings.chosen(arm, len(labelled), augment)
    callbacks = callbacks or Callbacks()
    begun = time.perf_counter()
    adapted = network.replace_output_layer(net, len(labelled.names)).eval()
    history = History()

    @torch.no_grad()
    def look(step: int, weight: torch.Tensor, bias: torch.Tensor, losses: list[float]) -> None:
        adapted.output.weight.copy_(weight[0])
        adapted.output.bias.copy_(bias[0])
        history.step, history.loss = list(range(1, len(losses) + 1)), losses
        history.learning_rate, history.seconds = [1.0] * len(losses), time.perf_counter() - begun
        if callbacks.on_step is not None:
            callbacks.on_step(step, adapted, history)

    looks = {"on_look": look if callbacks.on_step is not None else None, "stop": callbacks.stop}
    fit = output_layers(adapted, [labelled], [seed], [chosen.l2], augment=augment, **looks)
    history.finished = len(fit.losses) == FIT_STEPS or not callbacks.stopped
    look(len(fit.losses), fit.weight[:, 0], fit.bias[:, 0], fit.losses)
    return Adapted(adapted, arm, len(labelled), history.seconds, history)


def _trained(
    arm, start, labelled, seed, augment=False, chosen=None, callbacks=None, frozen=()
) -> Adapted:
    """Option 2 without the test: train `start`, which has an output layer for the classes."""
    _check(start, labelled, augment)
    chosen = chosen or settings.chosen(arm, len(labelled), augment)
    begun = time.perf_counter()
    for name, parameter in start.named_parameters():
        parameter.requires_grad = name.split(".")[0] not in frozen  # `train` updates the others
    recipe = Recipe(chosen.steps, chosen.learning_rate, weight_decay=0.01)
    at = batches(labelled.x, labelled.y, seed, augment)
    history = training.train(start, at, recipe, callbacks)
    return Adapted(start, arm, len(labelled), time.perf_counter() - begun, history)


@torch.no_grad()
def fresh_network(
    images: torch.Tensor,
    seed: int,
    modality: str = "image",
    first: tuple[FiveLayerNet, int] | None = None,
    stop: threading.Event | None = None,
) -> FiveLayerNet:
    """A network with random weights, each unit's activation scaled on `images` to mean 0, spread 1.

    This data-dependent initialisation (arXiv 1511.06856) makes a random network better, and a
    control should be as strong as it can be. `first` (net, k) copies the first k layers of a
    network. After `stop` deeper layers are not scaled.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = FiveLayerNet(2, modality=modality)
    x = images.float()
    for number in range(1, len(network.WIDTHS) + 1):
        convolution = getattr(net, f"layer{number}")
        if first is not None and number <= first[1]:
            convolution.load_state_dict(getattr(first[0], f"layer{number}").state_dict())
            x = net.layer(number, x)
            continue
        before = convolution(x)
        mean = before.mean((0, 2, 3))
        spread = before.std((0, 2, 3)).clamp_min(1e-3)
        convolution.weight.div_(spread.view(-1, 1, 1, 1))
        convolution.bias.copy_((convolution.bias - mean) / spread)
        if stop is not None and stop.is_set():
            break
        x = net.layer(number, x)
    return net.eval()


def batches(
    images: torch.Tensor, labels: torch.Tensor, seed: int, augment: bool = False
) -> Callable[[int], tuple[torch.Tensor, torch.Tensor]]:
    """Batches as a function of the step: all images where they are few, otherwise shuffled passes.

    Images of smaller classes come more often, so that every class has the same weight.
    """
    places = _evenly(labels.cpu())
    n = len(places)
    size = min(BATCH, n)
    per_pass = n // size

    def batch_at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        number, within = divmod(step, per_pass)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
        order = places[torch.randperm(n, generator=generator)[within * size : (within + 1) * size]]
        x = images[order]
        index = torch.arange(step * size, (step + 1) * size, device=x.device)
        return poses.posed(x, AUGMENT, seed ^ COPIES, index) if augment else x, labels[order]

    return batch_at


def _evenly(labels: torch.Tensor) -> torch.Tensor:
    """Places in `labels` `[n]`, repeated so that each class comes as often as the largest."""
    by_class = [(labels == label).nonzero()[:, 0] for label in labels.unique()]
    most = max(map(len, by_class))
    repeated = [places.repeat(-(-most // len(places)))[:most] for places in by_class]
    return torch.cat(repeated).sort().values
