"""Teach it your handwriting: four arms learn from a learner's labelled drawings.

Each further ten drawings first test the networks. Then new networks learn from them and from all
earlier drawings. MNIST's digits are a second test.
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
QUICK = ("option-1", "random-frozen")  # they train an output layer: a second for both
SLOW = ("option-2", "scratch")  # they train everything, side by side on one core each
ARMS = QUICK + SLOW
WAYS = {  # layers 1 to 4 in plain words, and the course's term
    "option-1": ("pretrained, frozen", "Option 1"),
    "option-2": ("pretrained, fine-tuned", "Option 2"),
    "random-frozen": ("random, frozen", "random frozen"),
    "scratch": ("random, trained", "from scratch"),
}
MNIST_TEST = 500  # digits, fifty of each


def arm_in_words(arm: str) -> str:
    """An arm's name: plain words, then the course's term."""
    return "{} ({})".format(*WAYS[arm])


def mnist_test(seed: int = 0) -> Examples:
    """500 of MNIST's test digits, fifty of each, written by strangers."""
    return draw(handwritten().test, MNIST_TEST, seed)


def class_probabilities(net: FiveLayerNet, digits: torch.Tensor) -> torch.Tensor:
    """Probabilities of each class for digits uint8 `[n, 28, 28]`: `[n, classes]`."""
    return training.predict(net, to_input(digits)).softmax(1)


@torch.no_grad()
def calibrated(net: FiveLayerNet) -> FiveLayerNet:
    """Scale `net`'s scores, in place, so that its confidence matches its accuracy.

    W⁵ and b⁵ are divided by one temperature (Guo et al. 2017, arXiv 1706.04599), the likeliest on
    500 validation digits. Only the confidence changes, and no prediction. Without it, an output
    layer with a strong penalty is much too unsure, and an overfitted network much too sure.
    """
    validation = draw(handwritten().validation, MNIST_TEST, 0)
    scores = training.predict(net, validation.x)
    factors = torch.logspace(-1.5, 1.5, 61)
    best = min(factors, key=lambda by: F.cross_entropy(by * scores, validation.y).item())
    net.output.weight.mul_(best)
    net.output.bias.mul_(best)
    return net


@dataclass(frozen=True)
class Result:
    """One arm taught with the first `images` drawings, and its two test results."""

    arm: str
    images: int
    net: FiveLayerNet | None  # None when it is no longer needed, as each takes 1.6 MB
    seconds: float  # of learning
    mnist: int  # right, of `mnist_of`
    mnist_of: int
    following: int = 0  # right, of the `following_of` next drawings (ten at most)
    following_of: int = 0

    @property
    def percent(self) -> float:
        """The percentage of MNIST's digits that are right."""
        return 100 * self.mnist / self.mnist_of

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of `percent`, for other test digits of MNIST."""
        low, high = stats.wilson_interval(self.mnist, self.mnist_of)
        return 100 * low, 100 * high


def adapt_to_digits(
    net: FiveLayerNet, arm: str, taught: Examples, seed: int, stop: threading.Event | None = None
) -> transfer.Adapted:
    """One of `ARMS` adapted to labelled digits, without augmentation."""
    start = _start(net, arm, taught, seed)
    return transfer.adapt(arm, start, taught, seed=seed, callbacks=Callbacks(stop=stop))


def _start(net: FiveLayerNet, arm: str, taught: Examples, seed: int) -> FiveLayerNet:
    return net if arm in ("option-1", "option-2") else transfer.fresh_network(taught.x, seed)


def taught_with(drawings: Sequence[Drawing]) -> int:
    """The number of drawings that networks are taught with, in whole tens."""
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

    Pairs (arm, n) in `known` are left out. It ends early if `stop` is set.
    """
    every = examples(drawings[: max(sizes)])
    session.accelerator()  # two threads at once cannot set it up

    def taught(job: tuple[FiveLayerNet, str, int]) -> Result | None:
        start, arm, images = job
        with machine.one_thread():
            callbacks = Callbacks(stop=stop)
            adapted = transfer.adapt(arm, start, every[:images], seed=seed, callbacks=callbacks)
            if stop.is_set():
                return None
            n_right = count_right(adapted.net, test)
            net = calibrated(adapted.net)
            return Result(arm, images, net, adapted.seconds, n_right, len(test))

    for images in sizes:
        if stop.is_set():
            return
        # One after another, because all threads share the generator that fresh weights come from.
        arms = [arm for arm in ARMS if (arm, images) not in known]
        jobs = [(_start(net, arm, every[:images], seed), arm, images) for arm in arms]
        quick, slow = ([job for job in jobs if job[1] in group] for group in (QUICK, SLOW))
        yield from filter(None, map(taught, quick))  # a stopped job gives None
        with ThreadPool(len(SLOW)) as pool:
            yield from filter(None, pool.imap_unordered(taught, slow))


def followed(result: Result, drawings: Sequence[Drawing]) -> Result:
    """The result, tested on the drawings after those that it learnt from, ten at most."""
    following = drawings[result.images : result.images + ROUND]
    n_right = count_right(result.net, examples(following)) if following else 0
    return replace(result, following=n_right, following_of=len(following))


def count_right(net: FiveLayerNet, test: Examples) -> int:
    """How many of the examples `net` predicts right."""
    # Batches of few sizes, because torch caches something for each size.
    batch = ROUND if len(test) <= 10 * ROUND else MNIST_TEST
    scores = torch.cat([training.predict(net, part) for part in test.x.split(batch)])
    return int((scores.argmax(1) == test.y).sum())


# ---------------------------------------------------------------------------- many hands


@dataclass(frozen=True)
class Taught:
    """Option 1 taught by `who`: accuracies on MNIST's digits and on other people's, 0 … 1."""

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
    """Does the pool beat each individual? Option 1 taught by each person, and by all together.

    First each person teaches a network, then the pool cut down to one person's number of drawings,
    then the whole pool. A person whose drawings are the test is left out of the pool. Returns None
    if `stop` is set. Raises CourseError for fewer than two people, or for a person with only one
    digit.
    """
    stop = stop or threading.Event()
    if len(hands) < 2:
        raise CourseError(
            "one_person", "Comparing needs drawings by two people or more: add another file."
        )
    by_person = {who: examples(drawings) for who, drawings in hands.items()}
    for who, labelled in by_person.items():
        if len(labelled.y.unique()) < 2:
            raise CourseError(
                "one_digit",
                f"{who} drew one digit only; to tell digits apart, at least two are needed.",
            )
    each = round(sum(map(len, by_person.values())) / len(by_person))
    rows = []
    for who, labelled in by_person.items():
        taught = adapt_to_digits(net, "option-1", labelled, seed, stop).net
        shares = [_accuracy(taught, digits) for name, digits in by_person.items() if name != who]
        mnist = _accuracy(taught, test)
        rows.append(Taught(who, len(labelled), mnist, sum(shares) / len(shares)))
        if stop.is_set():
            return None
    for title, size in ((f"all together, only {each}", each), ("all together", None)):
        everybody = _mixed(list(by_person.values()), size, seed)
        taught = adapt_to_digits(net, "option-1", everybody, seed, stop).net
        shares = []
        for who, unseen in by_person.items():
            rest = [digits for name, digits in by_person.items() if name != who]
            without = adapt_to_digits(net, "option-1", _mixed(rest, size, seed), seed, stop).net
            shares.append(_accuracy(without, unseen))
            if stop.is_set():
                return None
        mnist = _accuracy(taught, test)
        rows.append(Taught(title, len(everybody), mnist, sum(shares) / len(shares)))
    return rows


def _accuracy(net: FiveLayerNet, test: Examples) -> float:
    return count_right(net, test) / len(test)


def _mixed(parts: Sequence[Examples], size: int | None, seed: int) -> Examples:
    """All examples of the parts, or `size` random ones with the digits balanced."""
    x, y = torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts])
    if size is None or size >= len(y):
        return Examples(x, y, NAMES)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    labels = y[order][:, None]
    rank = F.one_hot(labels[:, 0]).cumsum(0).gather(1, labels)[:, 0]  # among those of its digit
    chosen = order[rank.argsort(stable=True)[:size]]
    return Examples(x[chosen], y[chosen], NAMES)
