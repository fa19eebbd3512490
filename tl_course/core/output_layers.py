"""Option 1: the features that frozen layers compute, and output layers trained on them.

Every output layer on frozen layers is trained here, for one draw or many, with one penalty or many.
The same draw, seed and penalty give the same output layer, whoever asks.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from tl_course.base import machine
from tl_course.core import training
from tl_course.core.network import FiveLayerNet
from tl_course.core.session import LOOK_EVERY
from tl_course.core.settings import nearest
from tl_course.data import poses
from tl_course.data.examples import Examples
from tl_course.data.inputs import to_picture
from tl_course.data.poses import Pose

# How far copies are altered, chosen on validation digits with Option 1: milder copies gain less
# (2.4 points less with ten digits, 0.6 with fifty), and wilder ones no more.
AUGMENT = Pose(rotate=0.35, shear=0.4, shift=0.12, stretch=0.3, zoom=(0.75, 1.2), elastic=0.2)
VIEWS = {
    10: 100,
    50: 40,
    200: 20,
    1000: 8,
    10_000: 2,
}  # altered copies of each image, by their number
COPIES = 0xA06  # gives copies other poses than the renders of sources
FIT_STEPS = 400  # gradient steps of an output layer, at most
# The gradient divided by the penalty bounds the distance to the best weights. Where the penalty is
# strong enough for that bound to help within the steps (0.01 and more), a draw is done when its
# gradient is this small: after 70 steps with ten digits and 210 to 260 with fifty. At most one of
# 2,000 predictions then differs from those after 400 steps, or of the best weights (20 draws). With
# the weaker penalties for many or altered digits, predictions still change, up to 55 of 2,000.
DONE, DONE_OF_PENALTY = 1e-4, 1e-2
DONE_EVERY = 10  # steps
COLUMNS = 16  # a product with a multiple of 16 columns takes a seventh of the time with ten
Look = Callable[[int, torch.Tensor, torch.Tensor, list[float]], None]


@dataclass(frozen=True)
class OutputLayers:
    """One for each of d draws and p penalties: weight `[d, p, classes, f]`, bias `[d, p, classes]`.

    `losses` has the mean loss over the draws after each step, for the last penalty.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    losses: list[float]

    def right(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Whether each output layer has each example right, from features `[n, f]`: `[d, p, n]`."""
        scores = torch.einsum("nf,dpkf->dpnk", features, self.weight) + self.bias[:, :, None]
        return scores.argmax(3).cpu() == labels.cpu()


def output_layers(
    net: FiveLayerNet | None,
    draws: Sequence[Examples],
    seeds: Sequence[int],
    l2: Sequence[float],
    *,
    augment: bool = False,
    stop: threading.Event | None = None,
    **looks,
) -> OutputLayers:
    """An output layer for each draw and each penalty in `l2`, on the frozen layers of `net`.

    All draws have equally many examples of the same classes; `seeds[d]` decides the copies of draw
    d. Without a `net` the examples' inputs are features already. `looks` may hold `steps`, `every`
    and `on_look(step, W, b, losses)` of the descent, with W `[d, classes, f]`, b `[d, classes]`.
    """
    n_classes = len(draws[0].names)
    shown = [seen(net, *draw, augment, stop) for draw in zip(draws, seeds, strict=True)]
    x, y = (  # a single draw is not copied, which may be large
        torch.stack(of_draws) if len(of_draws) > 1 else of_draws[0][None]
        for of_draws in zip(*shown, strict=True)
    )
    with machine.one_thread():  # two would wait for each other at each of many small steps
        fits = [_fit(x, y, n_classes, penalty, stop=stop, **looks) for penalty in l2]
    weights, biases, losses = zip(*fits, strict=True)
    return OutputLayers(torch.stack(weights, 1), torch.stack(biases, 1), losses[-1])


def seen(
    net: FiveLayerNet | None,
    labelled: Examples,
    seed: int,
    augment: bool = False,
    stop: threading.Event | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The features and labels that an output layer is trained on; with `augment` also of copies.

    After `stop` the remaining sets of copies are left out.
    """
    x, n = labelled.x, len(labelled)
    parts = [features(net, x, stop)]
    copies = copies_of(n) if augment else 0
    once = max(1, 500 // n)  # sets of copies that are made together
    for first in range(0, copies, once):
        if stop is not None and stop.is_set():
            break
        views = torch.arange(first, min(first + once, copies), device=x.device)
        together = x.repeat(len(views), 1, 1, 1)
        parts.append(features(net, altered(together, seed, views.repeat_interleave(n)), stop))
    shown = torch.cat(parts)
    return shown, labelled.y.repeat(copies + 1)[: len(shown)]


@torch.no_grad()
def features(
    net: FiveLayerNet | None, x: torch.Tensor, stop: threading.Event | None = None
) -> torch.Tensor:
    """The features of `x`, from the layers below the output layer: `[n, 1024]`, fewer after a stop.

    Without a `net`, `x` has features already. Raises CourseError where they are not finite.
    """
    if net is None:
        return x
    return training.finite(training.in_parts(net.features, net, x, stop))


def altered(
    x: torch.Tensor, seed: int, view: int | torch.Tensor = 0, pose: Pose = AUGMENT
) -> torch.Tensor:
    """An altered copy of each picture of `x` `[n, 3, size, size]`, number `view` (one, or `[n]`).

    Its pose follows from the seed, the view and the picture's pixels alone, so a picture has the
    same copies wherever it stands and whatever stands beside it.
    """
    return poses.posed(x, pose, seed ^ COPIES, poses.mixed(_fingerprints(x), view))


def _fingerprints(x: torch.Tensor) -> torch.Tensor:
    """A 32-bit hash of each picture's pixels in 8 bits: int64 `[n]`."""
    pixels = (255 * to_picture(x)).round().long().flatten(1)
    place = torch.arange(pixels.shape[1], device=x.device)
    return (pixels * poses.hashed(0, place, 1)[:, 0]).sum(1) & 0xFFFFFFFF


def copies_of(images: int) -> int:
    """How many altered copies of each image an output layer is trained on, for so many images."""
    return VIEWS[nearest(VIEWS, images)]


def _fit(
    features: torch.Tensor,
    labels: torch.Tensor,
    n_classes: int,
    l2: float,
    steps: int = FIT_STEPS,
    on_look: Look | None = None,
    every: int = LOOK_EVERY,
    stop: threading.Event | None = None,
) -> tuple[torch.Tensor, torch.Tensor, list[float]]:
    """Many output layers at once, each on its own examples, by gradient descent.

    features `[d, n, f]`, labels `[d, n]` → W `[d, classes, f]`, b `[d, classes]` and the mean loss
    after each step. Softmax regression with a penalty l2/2·‖W‖², full batches, Nesterov momentum.
    Features are first centred and scaled to a mean length of one, which bounds the curvature by one
    and so gives the step size. That scaling is folded into W and b. Every class has the same
    weight, whatever the number of its examples. Otherwise, under a strong penalty, the bias would
    predict the most frequent class for everything.

    `on_look(step, W, b, losses)` is called at the beginning and every `every` steps. `stop` takes
    effect between two steps. A draw with a small enough gradient stays as it is from then on,
    whatever the others do, and the descent ends when all are done.
    """
    target = F.one_hot(labels.to(features.device), n_classes).to(features.dtype)
    balance = _balanced(target)
    mean = (balance * features).mean(1, keepdim=True)
    x = features - mean
    scale = (balance[..., 0] * x.pow(2).sum(2)).mean(1).clamp_min(1e-12).sqrt().view(-1, 1, 1)
    x /= scale
    d, n, f = x.shape
    wide = -(-n_classes // COLUMNS) * COLUMNS  # the columns that are no class stay zero
    weight, bias = x.new_zeros(d, f, wide), x.new_zeros(d, 1, n_classes)
    ahead_weight, ahead_bias = weight, bias
    rate, losses = 1 / (1 + l2), []
    done, some_done = torch.zeros(d, 1, 1, dtype=torch.bool, device=x.device), False

    def folded() -> tuple[torch.Tensor, torch.Tensor, list[float]]:
        unscaled = weight[..., :n_classes] / scale
        so_far = torch.stack(losses).tolist() if losses else []
        return unscaled.transpose(1, 2), (bias - mean @ unscaled)[:, 0], so_far

    for step in range(1, steps + 1):
        if on_look is not None and (step - 1) % every == 0:
            on_look(step - 1, *folded())
        if stop is not None and stop.is_set():
            break
        log_p = ((x @ ahead_weight)[..., :n_classes] + ahead_bias).log_softmax(2)
        losses.append(-(balance * target * log_p).sum(2).mean())
        error = balance * (log_p.exp() - target) / n  # the gradient of cross-entropy: p − y
        slope = x.transpose(1, 2) @ F.pad(error, (0, wide - n_classes))
        slope, bias_slope = slope + l2 * ahead_weight, error.sum(1, keepdim=True)
        new_weight, new_bias = ahead_weight - rate * slope, ahead_bias - rate * bias_slope
        if some_done:
            new_weight = torch.where(done, weight, new_weight)
            new_bias = torch.where(done, bias, new_bias)
        momentum = step / (step + 3)
        ahead_weight = new_weight + momentum * (new_weight - weight)
        ahead_bias = new_bias + momentum * (new_bias - bias)
        weight, bias = new_weight, new_bias
        if step % DONE_EVERY == 0:
            steepness = slope.pow(2).sum((1, 2)) + bias_slope.pow(2).sum((1, 2))
            done |= (steepness.sqrt() < min(DONE, DONE_OF_PENALTY * l2)).view(-1, 1, 1)
            some_done = bool(done.any())
            if done.all():
                break
    return folded()


def _balanced(target: torch.Tensor) -> torch.Tensor:
    """The weight of each example `[d, n, 1]`: 1 on average, and the same sum for each class."""
    counts = target.sum(1, keepdim=True)
    n_present = (counts > 0).sum(2, keepdim=True)
    return target.shape[1] / (n_present * (target * counts).sum(2, keepdim=True))
