"""From a source network to a target task: Option 1, Option 2, and their controls.

Every adaptation takes `(net, images, labels, seed)` and gives an `Adapted`. The source network is
never changed. Settings were chosen on validation digits (`data_scripts/tune.py`, recorded in
`results/tuning.csv`), never on the test part.
"""

from __future__ import annotations

import collections
import csv
import functools
import math
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from statistics import mean

import torch
import torch.nn.functional as F
from torch import nn

from tl_course import network, training
from tl_course.errors import CourseError
from tl_course.network import FiveLayerNet
from tl_course.warp import NUMBERS, Pose, grid, uniform

# How far altered copies go, chosen on validation digits with Option 1: milder ones gain less (2.4
# points less with ten digits, 0.6 with fifty), wilder ones no more.
AUGMENT = Pose(rotate=0.35, shear=0.4, shift=0.12, stretch=0.3, zoom=(0.75, 1.2), elastic=0.2)
VIEWS = {10: 100, 50: 40, 200: 20, 1000: 8}  # augmented views of each image for Option 1
BATCH = 64
FIT_STEPS = 400  # gradient steps of Option 1's output layer


@dataclass(frozen=True, order=True)
class Settings:
    """What is chosen on validation data: for Option 1 `l2` alone, else rate and steps."""

    l2: float = 1e-3
    rate: float = 1e-3
    steps: int = 100


def best_recorded(name: str, key: Callable[[dict], Hashable]) -> dict[Hashable, Settings]:
    """The settings with the best mean accuracy in the recorded table `name`, by `key` of a row."""
    tried = collections.defaultdict(list)
    with (files("tl_course") / "results" / f"{name}.csv").open(encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            chosen = Settings(float(row["l2"]), float(row["rate"]), int(row["steps"]))
            tried[key(row), chosen].append(float(row["accuracy"]))
    ranked = sorted(tried.items(), key=lambda item: mean(item[1]))
    return {found: chosen for (found, chosen), _ in ranked}  # the last of each key stays


@functools.cache
def tuned() -> dict[tuple[str, bool], dict[int, Settings]]:
    """The settings with the best mean validation accuracy, by (arm, augmented) and images."""
    found = best_recorded(
        "tuning", lambda row: (row["arm"], row["augmented"] == "True", int(row["images"]))
    )
    best: dict[tuple[str, bool], dict[int, Settings]] = collections.defaultdict(dict)
    for (arm, augmented, images), chosen in found.items():
        best[arm, augmented][images] = chosen
    return dict(best)


def nearest(sizes: Iterable[int], images: int) -> int:
    """The one of `sizes` that is nearest to `images`, by ratio."""
    return min(sizes, key=lambda n: abs(math.log(n / images)))


def settings(option: str, images: int, augment: bool = False) -> Settings:
    """The tuned settings for the nearest number of images (by ratio) that was tuned for.

    An arm that was not tuned with augmentation takes what was found without.
    """
    found = tuned().get((option, augment)) or tuned()[option, False]
    return found[nearest(found, images)]


def fixed(option: str, images: int, augment: bool = False) -> Settings:
    """One recipe whatever the number of images, for who has no validation data to choose on.

    It is the middle of the grids that `tl_course/tuning.py` searches, so no result chose it.
    """
    fresh = 3e-3 if augment else 1e-3
    return Settings(
        l2=1e-3, rate=fresh if option == "scratch" else 3e-4, steps=300 if augment else 100
    )


@dataclass(frozen=True)
class Advice:
    """What the course recommends for a number of labelled images, and why."""

    option: str  # "1" or "2"
    augment: bool
    why: str


# The evidence is results/sweep.csv, Option 2 minus Option 1 on the same draws of digits. As the
# digits are: -1.2 ± 1.1 points with 10, within 0.6 from 20 to 200, +0.4 ± 0.5 with 500 (9 of 10
# draws) and +0.5 ± 0.5 with 1,000. With altered copies: not certain with 10 and 20, ahead by 0.6 to
# 0.9 from 50 to 1,000. The borders are the middles, by ratio, of the sizes
# between which it turns; where nothing is certain, the option that is quicker and forgets nothing
# is taken.
OPTION_1_UP_TO = {False: 300, True: 30}  # labelled images, by whether they are augmented


def recommend(images: int, augment: str | None = None) -> Advice:
    """Which option for how many labelled images; `augment` is "on", "off" or None (no wish).

    The rule is what the course's own experiment with digits found (`results/sweep.csv`); for other
    tasks it is a starting point, not a law. Without a wish it augments, which helped every arm on
    digits; on drawings like those of the pretraining it did harm (`results/tasks.csv`).
    """
    copies = augment != "off"
    few = images <= OPTION_1_UP_TO[copies]
    form = "and altered copies of them" if copies else "as they are"
    shown = f"with {images} labelled images {form}"
    why = (
        f"{shown}, moving every layer gains nothing that is certain, takes longer and forgets"
        if few
        else f"{shown}, there is enough to move every layer"
    )
    return Advice("1" if few else "2", copies, f"{why} (notebook 05).")


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


def augmented(x: torch.Tensor, seed: int, first: int = 0, pose: Pose = AUGMENT) -> torch.Tensor:
    """Each picture of `x` `[n, 3, size, size]` in a random pose, of view number `first` + i."""
    index = torch.arange(first, first + len(x), device=x.device)
    where = grid(pose, uniform(seed ^ 0xA06, index, NUMBERS), x.shape[-1])
    warped = F.grid_sample(x, where, padding_mode="border", align_corners=False)
    return warped.contiguous(memory_format=torch.channels_last)


def fit_output_layers(
    features: torch.Tensor,
    labels: torch.Tensor,
    n_classes: int,
    l2: torch.Tensor,
    steps: int = FIT_STEPS,
    *,
    on_look: Callable[[int, torch.Tensor, torch.Tensor, list[float]], None] | None = None,
    stop: threading.Event | None = None,
) -> tuple[torch.Tensor, torch.Tensor, list[float]]:
    """Train many output layers at once, each on its own examples, by gradient descent.

    features `[d, n, f]`, labels `[d, n]`, l2 `[d]` → W `[d, classes, f]`, b `[d, classes]` and the
    mean loss after each step. Softmax regression with a penalty l2/2·‖W‖², full batches, Nesterov
    momentum. Features are centred and brought to a mean length of one first, which bounds the
    curvature by one and so gives the step size; that scaling is folded into W and b. Every class
    has the same say, whatever the number of its examples: under a strong penalty the bias would
    else name the most frequent class for everything.

    `on_look(step, W, b, losses)` is called at the beginning and each `training.LOOK_EVERY` steps;
    `stop` (an Event) is heeded between two steps.
    """
    target = F.one_hot(labels.to(features.device), n_classes).to(features.dtype)
    say = _balanced(target)
    mean = (say * features).mean(1, keepdim=True)
    x = features - mean
    scale = (say[..., 0] * x.pow(2).sum(2)).mean(1).clamp_min(1e-12).sqrt().view(-1, 1, 1)
    x = x / scale
    d, n, f = x.shape
    weight, bias = x.new_zeros(d, f, n_classes), x.new_zeros(d, 1, n_classes)
    ahead_weight, ahead_bias = weight, bias
    l2 = l2.to(x).view(-1, 1, 1)
    rate, losses = 1 / (1 + l2), []

    def folded() -> tuple[torch.Tensor, torch.Tensor, list[float]]:
        own = weight / scale
        so_far = torch.stack(losses).tolist() if losses else []
        return own.transpose(1, 2), (bias - mean @ own)[:, 0], so_far

    for step in range(1, steps + 1):
        if on_look is not None and (step - 1) % training.LOOK_EVERY == 0:
            on_look(step - 1, *folded())
        if stop is not None and stop.is_set():
            break
        log_p = (x @ ahead_weight + ahead_bias).log_softmax(2)
        losses.append(-(say * target * log_p).sum(2).mean())
        error = say * (log_p.exp() - target) / n  # the gradient of cross-entropy: p − y
        new_weight = ahead_weight - rate * (x.transpose(1, 2) @ error + l2 * ahead_weight)
        new_bias = ahead_bias - rate * error.sum(1, keepdim=True)
        momentum = step / (step + 3)
        ahead_weight = new_weight + momentum * (new_weight - weight)
        ahead_bias = new_bias + momentum * (new_bias - bias)
        weight, bias = new_weight, new_bias
    return folded()


def _balanced(target: torch.Tensor) -> torch.Tensor:
    """How much each example counts `[d, n, 1]`: one on average, each class there as any other."""
    counts = target.sum(1, keepdim=True)
    there = (counts > 0).sum(2, keepdim=True)
    return target.shape[1] / (there * (target * counts).sum(2, keepdim=True))


@torch.no_grad()
def features(
    net: FiveLayerNet, x: torch.Tensor, stop: threading.Event | None = None
) -> torch.Tensor:
    """What the layers below the output layer make of `x`: `[n, 1024]`, fewer after a `stop`."""
    device = next(net.parameters()).device
    return torch.cat([net.features(part.to(device)) for part in training.parts(x, stop)])


def seen(
    net: FiveLayerNet,
    images: torch.Tensor,
    labels: torch.Tensor,
    seed: int,
    augment: bool,
    stop: threading.Event | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and labels that an output layer is trained on, with `augment` of views as well.

    `stop` is heeded between two sets of views; the rest of them is left out then.
    """
    n_views = VIEWS[nearest(VIEWS, len(images))] if augment else 0
    found = [features(net, images, stop)]
    once = max(1, 500 // len(images))  # sets of views that are made together
    for first in range(0, n_views, once):
        if stop is not None and stop.is_set():
            break
        views = images.repeat(min(once, n_views - first), 1, 1, 1)
        found.append(features(net, augmented(views, seed, first * len(images)), stop))
    x = torch.cat(found)
    return x, labels.repeat(n_views + 1)[: len(x)]


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
    chosen = chosen or settings(option, len(images), augment)
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

    x, y = seen(adapted, images, labels, seed, augment, stop)
    found = fit_output_layers(
        x[None], y[None], adapted.n_classes, torch.tensor([chosen.l2]), stop=stop,
        on_look=look if on_step is not None else None,
    )  # fmt: skip
    look(len(found[2]), *found)
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
    chosen = chosen or settings(option, len(images), augment)
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
    chosen = chosen or settings("output-first", len(images), augment)
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
        return augmented(x, seed, step * size) if augment else x, labels[order]

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
