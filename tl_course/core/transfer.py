"""From a source network to a target task: Option 1, Option 2, and their controls.

Every adaptation takes `(net, images, labels, seed)` and gives an `Adapted`. The source network is
never changed. Settings were chosen on validation digits, never on the test part.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from tl_course.base.errors import CourseError
from tl_course.core import network, training
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import AUGMENT, COPIES, FIT_STEPS, output_layers
from tl_course.core.settings import Settings
from tl_course.core.settings import chosen as settings_for
from tl_course.data import poses
from tl_course.data.examples import Examples

BATCH = 64


@dataclass(frozen=True)
class Adapted:
    """An adapted network and how it came about; `seconds` leaves the scoring out."""

    net: FiveLayerNet
    option: str
    images: int
    seconds: float
    history: training.History
    scores: torch.Tensor | None = None  # [n_test, classes]
    accuracy: float | None = None  # share of the test examples, 0 … 1

    @property
    def predictions(self) -> torch.Tensor:
        """The class given to each test example: int64 `[n_test]`."""
        return self.scores.argmax(1)


def compatible(
    net: FiveLayerNet, x: torch.Tensor, modality: str = "image", *, across: bool = False
) -> str | None:
    """The sentence that says why `x` does not fit `net`, or None where it fits.

    A network, yours or a published one, needs at its input what it was pretrained on: the same
    modality, channels, size and scale (`net.requirement`). `modality` is what `x` is;
    `across=True` lets another modality pass, for the experiment that measures the harm.
    """
    return net.requirement.mismatch(x, modality, across)


def _check(net, x: torch.Tensor, y: torch.Tensor, modality: str, across: bool, augment: bool):
    mismatch = compatible(net, x, modality, across=across)
    if mismatch:
        raise CourseError(mismatch)
    if len(x) != len(y):
        raise CourseError(f"There are {len(x)} images and {len(y)} labels; each needs its own.")
    if len(y.unique()) < 2:
        raise CourseError(
            "All images have the same label; to tell classes apart, at least two are needed."
        )
    if augment and x.ndim != 4:
        raise CourseError("Altered copies are made of pictures; adapt to texts without them.")


def option_1(
    net: FiveLayerNet,
    images: torch.Tensor,
    labels: torch.Tensor,
    seed: int = 0,
    *,
    test: tuple[torch.Tensor, torch.Tensor] | None = None,
    n_classes: int | None = None,
    augment: bool = False,
    chosen: Settings | None = None,
    modality: str = "image",
    across: bool = False,
    option: str = "option-1",
    on_step: Callable[[int, nn.Module, training.History], None] | None = None,
    stop: threading.Event | None = None,
) -> Adapted:
    """Option 1: W¹,b¹ … W⁴,b⁴ fixed, only a new output layer W⁵,b⁵ trained on `images`.

    images `[n, 3, 32, 32]`, labels `[n]`. The features are computed once. `seed` matters for
    augmentation alone: the problem is convex, so that every start ends at the same W⁵,b⁵.
    `on_step(step, net, history)` is called before every tenth update and at the end.
    """
    _check(net, images, labels, modality, across, augment)
    chosen = chosen or settings_for(option, len(images), augment)
    begun = time.perf_counter()
    adapted = network.replace_output_layer(net, n_classes or int(labels.max()) + 1).eval()
    for name, parameter in adapted.named_parameters():
        parameter.requires_grad = name.startswith("output.")
    history = training.History()

    @torch.no_grad()
    def look(step: int, weight: torch.Tensor, bias: torch.Tensor, losses: list[float]) -> None:
        adapted.output.weight.copy_(weight[0])
        adapted.output.bias.copy_(bias[0])
        history.step, history.loss = list(range(1, len(losses) + 1)), losses
        history.rate, history.seconds = [1.0] * len(losses), time.perf_counter() - begun
        history.finished = step == FIT_STEPS
        if on_step is not None:
            on_step(step, adapted, history)

    names = tuple(map(str, range(adapted.n_classes)))
    found = output_layers(
        adapted, [Examples(images, labels, names)], [seed], [chosen.l2], augment=augment, stop=stop,
        on_look=look if on_step is not None else None,
    )  # fmt: skip
    look(len(found.losses), found.weight[:, 0], found.bias[:, 0], found.losses)
    return _scored(adapted, option, len(images), history.seconds, history, test)


def option_2(
    net: FiveLayerNet,
    images: torch.Tensor,
    labels: torch.Tensor,
    seed: int = 0,
    *,
    test: tuple[torch.Tensor, torch.Tensor] | None = None,
    n_classes: int | None = None,
    augment: bool = False,
    chosen: Settings | None = None,
    modality: str = "image",
    across: bool = False,
    option: str = "option-2",
    output: nn.Linear | None = None,
    fixed: Sequence[str] = (),
    on_step: Callable[[int, nn.Module, training.History], None] | None = None,
    stop: threading.Event | None = None,
) -> Adapted:
    """Option 2: start from the pretrained W¹ … W⁴ and a fresh W⁵, and train everything.

    images `[n, 3, 32, 32]`, labels `[n]`; `seed` decides the order of the batches and the
    augmentation. `output` is an output layer to start from, `fixed` names layers that stay as they
    are ("layer1", …). `on_step(step, net, history)` is called before each update and at the end.
    """
    _check(net, images, labels, modality, across, augment)
    chosen = chosen or settings_for(option, len(images), augment)
    begun = time.perf_counter()
    adapted = network.replace_output_layer(net, n_classes or int(labels.max()) + 1)
    if output is not None:
        adapted.output.load_state_dict(output.state_dict())
    for name, parameter in adapted.named_parameters():
        parameter.requires_grad = name.split(".")[0] not in fixed
    history = training.train(
        adapted,
        batches(images, labels, seed, augment),
        training.Recipe(chosen.steps, chosen.rate, weight_decay=0.01),
        on_step=on_step,
        stop=stop,
    )
    seconds = time.perf_counter() - begun
    return _scored(adapted, option, len(images), seconds, history, test)


def output_first(
    net: FiveLayerNet,
    images: torch.Tensor,
    labels: torch.Tensor,
    seed: int = 0,
    *,
    augment: bool = False,
    chosen: Settings | None = None,
    first: Settings | None = None,
    modality: str = "image",
    across: bool = False,
    n_classes: int | None = None,
    **more,
) -> Adapted:
    """Output layer first, then everything (LP-FT, arXiv 2202.10054): Option 2 begun where 1 ends.

    A fresh output layer sends large gradients into layers that were good already; a trained one
    does not. `first` are the settings of the first half, `chosen` those of the second.
    """
    common = {"modality": modality, "across": across, "n_classes": n_classes, "augment": augment}
    begun = option_1(net, images, labels, seed, chosen=first, **common)
    chosen = chosen or settings_for("output-first", len(images), augment)
    then = option_2(
        net, images, labels, seed, chosen=chosen, option="output-first", output=begun.net.output,
        **common, **more,
    )  # fmt: skip
    return replace(then, seconds=begun.seconds + then.seconds)


def from_scratch(
    images: torch.Tensor, labels: torch.Tensor, seed: int = 0, *, modality: str = "image", **more
) -> Adapted:
    """The control of Option 2: the same training of the same network from fresh weights."""
    fresh = fresh_network(images, seed, modality)
    return option_2(fresh, images, labels, seed, option="scratch", modality=modality, **more)


def random_frozen(
    images: torch.Tensor, labels: torch.Tensor, seed: int = 0, *, modality: str = "image", **more
) -> Adapted:
    """The control of Option 1: the same output layer on four layers of fresh, fixed weights."""
    fresh = fresh_network(images, seed, modality)
    return option_1(fresh, images, labels, seed, option="random-frozen", modality=modality, **more)


@torch.no_grad()
def fresh_network(
    images: torch.Tensor,
    seed: int,
    modality: str = "image",
    first: tuple[FiveLayerNet, int] | None = None,
    stop: threading.Event | None = None,
) -> FiveLayerNet:
    """Fresh random weights, each unit's activation rescaled on `images` to mean 0, spread 1.

    Data-dependent initialisation (arXiv 1511.06856): without it a random network does worse, and
    a control should be as strong as it can be. `first` (net, k) takes the first k layers from a
    network as they are. After `stop` the deeper layers are left as they come.
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
    """Batches as a function of the step: all images where they are few, else shuffled passes.

    Of a class with fewer images each comes more often: every class has the same say.
    """
    places = _evenly(labels.cpu())
    n = len(places)
    size = min(BATCH, n)
    per_pass = n // size

    def batch_at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        of_pass, within = divmod(step, per_pass)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + of_pass)
        order = places[torch.randperm(n, generator=generator)[within * size : (within + 1) * size]]
        x = images[order]
        index = torch.arange(step * size, (step + 1) * size, device=x.device)
        return poses.posed(x, AUGMENT, seed ^ COPIES, index) if augment else x, labels[order]

    return batch_at


def _evenly(labels: torch.Tensor) -> torch.Tensor:
    """Places in `labels` `[n]`, those of each class as often as those of the largest."""
    of = [(labels == label).nonzero()[:, 0] for label in labels.unique()]
    most = max(map(len, of))
    return torch.cat([where.repeat(-(-most // len(where)))[:most] for where in of]).sort().values


def _scored(adapted, option, images, seconds, history, test) -> Adapted:
    if test is None:
        return Adapted(adapted, option, images, seconds, history)
    x, y = test
    scores = training.predict(adapted, x)
    accuracy = (scores.argmax(1) == y).float().mean().item()
    return Adapted(adapted, option, images, seconds, history, scores, accuracy)
