"""Teach it your handwriting: what is drawn becomes labelled digits, four arms learn from them.

Each further ten drawings are first a test (does it read what you draw next?) and then, with all
before them, the examples that the next network learns from. MNIST's digits are the second test.
"""

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.pool import ThreadPool

import torch
import torch.nn.functional as F

from tl_course.base import machine, stats
from tl_course.base.errors import CourseError
from tl_course.core import session, training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.training import Callbacks
from tl_course.data.examples import Examples, draw
from tl_course.data.targets.drawn import Drawing, examples
from tl_course.data.targets.handwritten import NAMES, handwritten, to_input

ROUND = 10  # drawings: one of each digit
QUICK = ("option-1", "random-frozen")  # a second together: features once, an output layer
SLOW = ("option-2", "scratch")  # everything trains; the two run side by side, a core each
ARMS = QUICK + SLOW
WAYS = {  # in plain words, and the course's term; eyes are the four layers that see
    "option-1": ("borrowed eyes, frozen", "Option 1"),
    "option-2": ("borrowed eyes, trained further", "Option 2"),
    "random-frozen": ("new eyes, frozen", "random frozen"),
    "scratch": ("new eyes, all trained", "from scratch"),
}
MNIST_TEST = 500  # digits, fifty of each


def called(arm: str) -> str:
    """What a way to learn is called: plain words, and the term after them."""
    return "{} ({})".format(*WAYS[arm])


def mnist_test(seed: int = 0) -> Examples:
    """500 of MNIST's test digits, fifty of each: strangers' hands."""
    return draw(handwritten().test, MNIST_TEST, seed)


def read(net: FiveLayerNet, digits: torch.Tensor) -> torch.Tensor:
    """How likely `net` finds each class, for digits uint8 `[n, 28, 28]`: `[n, classes]`."""
    return training.predict(net, to_input(digits)).softmax(1)


@torch.no_grad()
def calibrated(net: FiveLayerNet) -> FiveLayerNet:
    """Scale `net`'s scores, in place, so that it is right about as often as it says it is sure.

    One temperature (Guo et al. 2017, arXiv 1706.04599), the likeliest on 500 validation digits,
    melted into W⁵, b⁵. What it reads does not change, only how sure it says it is: an output
    layer with a strong penalty is far too modest, a network learnt by heart far too sure.
    """
    shown = draw(handwritten().validation, MNIST_TEST, 0)
    scores = training.predict(net, shown.x)
    sharper = torch.logspace(-1.5, 1.5, 61)
    best = min(sharper, key=lambda by: F.cross_entropy(by * scores, shown.y).item())
    net.output.weight.mul_(best)
    net.output.bias.mul_(best)
    return net


@dataclass(frozen=True)
class Result:
    """One arm taught with the first `images` drawings, and how well it reads what it never saw."""

    arm: str
    images: int
    net: FiveLayerNet | None  # None where it is not needed any more: each takes 1.6 MB
    seconds: float  # of learning
    mnist: int  # right, of `mnist_of`
    mnist_of: int
    following: int = 0  # right, of the `following_of` drawings that came next (ten at most)
    following_of: int = 0

    @property
    def of_100(self) -> float:
        """How many of 100 of MNIST's digits it reads."""
        return 100 * self.mnist / self.mnist_of

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of `of_100`, for other digits of MNIST's kind."""
        low, high = stats.share(self.mnist, self.mnist_of)
        return 100 * low, 100 * high


def adapt(
    net: FiveLayerNet, arm: str, taught: Examples, seed: int, stop: threading.Event | None = None
) -> transfer.Adapted:
    """One of `ARMS` adapted to labelled digits as everywhere in the course, unaugmented."""
    start = _start(net, arm, taught, seed)
    return transfer.adapt(arm, start, taught, seed=seed, callbacks=Callbacks(stop=stop))


def _start(net: FiveLayerNet, arm: str, taught: Examples, seed: int) -> FiveLayerNet:
    return net if arm in ("option-1", "option-2") else transfer.fresh_network(taught.x, seed)


def taught_with(drawings: Sequence[Drawing]) -> int:
    """How many of the drawings are taught with: whole tens."""
    return len(drawings) // ROUND * ROUND


def teach(
    net: FiveLayerNet,
    drawings: Sequence[Drawing],
    sizes: Sequence[int],
    seed: int,
    test: Examples,
    stop: threading.Event,
    known: Collection[tuple[str, int]] = (),
) -> Iterator[Result]:
    """Teach all four arms with the first n drawings, for each n of `sizes` in that order.

    What is `known` already, as (arm, n), is left out. Ends early where it is told to `stop`.
    """
    every = examples(drawings[: max(sizes)])
    session.accelerator()  # its first making is nothing for two threads at once

    def taught(how: tuple[FiveLayerNet, str, int]) -> Result | None:
        start, arm, images = how
        with machine.one_thread():
            callbacks = Callbacks(stop=stop)
            adapted = transfer.adapt(arm, start, every[:images], seed=seed, callbacks=callbacks)
            if stop.is_set():
                return None
            read_right = right(adapted.net, test)
            net = calibrated(adapted.net)
            return Result(arm, images, net, adapted.seconds, read_right, len(test))

    for images in sizes:
        if stop.is_set():
            return
        # Where each arm starts is made one after another: fresh weights are drawn from the one
        # generator that all threads share.
        wanted = [arm for arm in ARMS if (arm, images) not in known]
        starts = [(_start(net, arm, every[:images], seed), arm, images) for arm in wanted]
        quick, slow = ([one for one in starts if one[1] in arms] for arms in (QUICK, SLOW))
        yield from filter(None, map(taught, quick))  # what was stopped is None
        with ThreadPool(len(SLOW)) as pool:
            yield from filter(None, pool.imap_unordered(taught, slow))


def followed(result: Result, drawings: Sequence[Drawing]) -> Result:
    """The result with the drawings that came after those it learnt from, ten at most, as a test."""
    following = drawings[result.images : result.images + ROUND]
    read_right = right(result.net, examples(following)) if following else 0
    return replace(result, following=read_right, following_of=len(following))


def right(net: FiveLayerNet, shown: Examples) -> int:
    """How many of the examples `net` reads as what they are meant to be."""
    # A few in tens: torch keeps something for each size of a batch that it ever saw.
    batch = ROUND if len(shown) <= 10 * ROUND else MNIST_TEST
    scores = torch.cat([training.predict(net, part) for part in shown.x.split(batch)])
    return int((scores.argmax(1) == shown.y).sum())


# ---------------------------------------------------------------------------- many hands


@dataclass(frozen=True)
class Taught:
    """Option 1 taught by somebody: shares of MNIST's digits and of hands it never saw, 0 … 1."""

    who: str
    drawings: int
    mnist: float
    other_hands: float


def pooled(
    net: FiveLayerNet,
    hands: dict[str, Sequence[Drawing]],
    seed: int,
    test: Examples,
    stop: threading.Event | None = None,
) -> list[Taught] | None:
    """Does the pool beat each individual? Option 1 taught by each, and by all together.

    Everybody first, then the pool cut down to as many drawings as one person made (more hands, no
    more drawings), then the whole pool. For other hands the one that is read is left out of the
    pool. None where it was told to `stop`. Raises CourseError where there are fewer than two hands,
    or a hand with one digit only.
    """
    stop = stop or threading.Event()
    if len(hands) < 2:
        raise CourseError("Comparing needs drawings by two people or more: add another file.")
    of = {who: examples(drawings) for who, drawings in hands.items()}
    for who, mine in of.items():
        if len(mine.y.unique()) < 2:
            raise CourseError(
                f"{who} drew one digit only; to tell digits apart, at least two are needed."
            )
    each = round(sum(map(len, of.values())) / len(of))
    rows = []
    for who, mine in of.items():
        taught = adapt(net, "option-1", mine, seed, stop).net
        others = [_share(taught, of[other]) for other in of if other != who]
        rows.append(Taught(who, len(mine), _share(taught, test), sum(others) / len(others)))
        if stop.is_set():
            return None
    for name, size in ((f"all together, only {each}", each), ("all together", None)):
        everybody = _mixed(list(of.values()), size, seed)
        taught = adapt(net, "option-1", everybody, seed, stop).net
        unseen = []
        for who in of:
            rest = _mixed([theirs for other, theirs in of.items() if other != who], size, seed)
            unseen.append(_share(adapt(net, "option-1", rest, seed, stop).net, of[who]))
            if stop.is_set():
                return None
        share = _share(taught, test)
        rows.append(Taught(name, len(everybody), share, sum(unseen) / len(unseen)))
    return rows


def _share(net: FiveLayerNet, shown: Examples) -> float:
    return right(net, shown) / len(shown)


def _mixed(parts: Sequence[Examples], size: int | None, seed: int) -> Examples:
    """All the parts' examples, or `size` of them, spread over the digits and then the hands."""
    x, y = torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts])
    if size is None or size >= len(y):
        return Examples(x, y, NAMES)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    labels = y[order][:, None]
    turn = F.one_hot(labels[:, 0]).cumsum(0).gather(1, labels)[:, 0]  # the how-manieth of its digit
    chosen = order[turn.argsort(stable=True)[:size]]
    return Examples(x[chosen], y[chosen], NAMES)
