"""A task of your own, from pictures by class to a verdict: adapt, test, compare.

`adapt_and_test` does what `tl-course adapt` does. The other functions say whether to trust the
result. They adapt random layers, learn from fewer labels, and try both options on the training
pictures alone.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from tqdm.auto import tqdm

from tl_course.base import machine, stats
from tl_course.core import advice, settings, training, transfer
from tl_course.core.model_card import Card
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import FIT_STEPS, copies_of
from tl_course.core.session import Callbacks
from tl_course.core.shared_batch import LEAST
from tl_course.data.credits import Material
from tl_course.data.examples import Examples
from tl_course.data.inputs import LUMINANCE, scaled, to_picture

if TYPE_CHECKING:
    import pandas as pd

ARM_OF = {"1": "option-1", "2": "option-2", "scratch": "scratch", "random": "random-frozen"}
WAYS = (("1", False), ("1", True), ("2", False), ("2", True))  # option, augmentation


@dataclass(frozen=True)
class Follow:
    """How a caller follows long work: `tell` is called with the share that is done (0 … 1).

    `bar` is the text of a progress bar. After `stop` is set, work ends between two batches and
    its result is of no use.
    """

    tell: Callable[[float], None] | None = None
    stop: threading.Event | None = None
    bar: str | None = None

    def trainings(self, jobs: Sequence) -> Iterator[tuple]:
        """Each of `jobs`, with a function from its number of steps to its `Callbacks`.

        After a stop, no further job is yielded; the first always is.
        """
        with tqdm(
            total=100 * len(jobs), desc=self.bar, disable=self.bar is None, dynamic_ncols=True,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left",
        ) as bar:  # fmt: skip

            def done(share: float) -> None:
                bar.update(round(bar.total * share) - bar.n)
                if self.tell is not None:
                    self.tell(share)

            for number, job in enumerate(jobs):

                def callbacks(steps: int, before: int = number) -> Callbacks:
                    def on_step(step: int, _: object, history: training.History) -> None:
                        share = 1 if history.finished else step / steps  # it may finish early
                        done((before + share) / len(jobs))

                    return Callbacks(on_step, self.stop)

                if number and Callbacks(stop=self.stop).stopped:
                    return
                yield job, callbacks


@dataclass(frozen=True)
class Outcome:
    """An adapted network, how and why it was adapted, and its test."""

    adapted: transfer.Adapted
    option: str  # "1", "2" or "scratch"
    augment: bool
    why: str
    train: Examples
    test: Examples
    trained_on: int = 0  # test pictures that the network was also trained on

    @property
    def correct(self) -> torch.Tensor:
        """Which test pictures are right: bool `[n_test]`."""
        return self.adapted.predictions == self.test.y

    @property
    def right(self) -> int:
        """How many test pictures are right."""
        return int(self.correct.sum())

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval of the accuracy, for other test pictures."""
        return stats.wilson_interval(self.right, len(self.test))

    @property
    def confusion(self) -> torch.Tensor:
        """Counts int64 `[classes, classes]`: true class by row, predicted class by column."""
        n = len(self.train.names)
        pairs = self.test.y * n + self.adapted.predictions
        return pairs.bincount(minlength=n * n).view(n, n)

    def worst(self, n: int = 10) -> pd.DataFrame:
        """The most confident mistakes: `number` in the test, `true`, `said`, `sure` (0 … 1)."""
        import pandas as pd

        confidence, predictions = self.adapted.scores.softmax(1).max(1)
        wrong = (~self.correct).nonzero().flatten()
        wrong = wrong[confidence[wrong].argsort(descending=True)][:n]
        names = self.train.names
        return pd.DataFrame(
            {
                "number": wrong.tolist(),
                "true": [names[i] for i in self.test.y[wrong]],
                "said": [names[i] for i in predictions[wrong]],
                "sure": confidence[wrong].tolist(),
            }
        )

    def in_words(self) -> str:
        """The result as a sentence."""
        low, high = self.interval
        return (
            f"{100 * self.right / len(self.test):.1f}% of {len(self.test):,} test pictures right "
            f"(95% interval: {100 * low:.1f} to {100 * high:.1f}%), after {len(self.train):,} "
            f"labelled pictures of {len(self.train.names)} classes"
        ) + self.warning

    @property
    def warning(self) -> str:
        """A clause about test pictures that were trained on; "" if there are none."""
        if not self.trained_on:
            return ""
        return (
            f"; but {self.trained_on:,} of these test pictures "
            f"{'were' if self.trained_on > 1 else 'was'} also trained on, so expect fewer of new "
            "pictures to be right"
        )


def adapt_and_test(
    net: FiveLayerNet,
    train: Examples,
    test: Examples,
    seed: int = 0,
    option: str = "auto",
    augment: str | None = None,
    trained_on: int = 0,
    follow: Follow | None = None,
) -> Outcome:
    """Adapt `net` to `train` as asked, or as the course recommends, and test it.

    `option` is "1", "2", "scratch" or "auto"; `augment` is "on", "off" or None (off, unless `auto`
    chooses it). `trained_on` test pictures are known to be among the training pictures, which
    results then say. (More than seven parameters: one call says all that an outcome depends on.)
    """
    option, copies, why = way(train, option, augment)
    for _, callbacks in (follow or Follow()).trainings([option]):
        adapted = _adapt(net, train, test, seed, option, copies, callbacks)
    return Outcome(adapted, option, copies, why, train, test, trained_on)


def way(train: Examples, option: str, augment: str | None) -> tuple[str, bool, str]:
    """The option of `adapt_and_test`, whether with augmentation, and why if it is recommended."""
    if option != "auto":
        return option, augment == "on", ""
    chosen = advice.recommended(len(train), len(train.names), augment)
    return chosen.option, chosen.augment, chosen.why


def expected_seconds(net: FiveLayerNet, train: Examples, option: str, copies: bool) -> float | None:
    """Roughly how many seconds a training takes on this processor if no other program is busy.

    The unit is the processor time that `net` takes for one picture; the factors were measured on
    two cores. None if another device trains.
    """
    if machine.device().type != "cpu":
        return None
    batch, frozen = train.x[: transfer.BATCH], option in ("1", "random")
    bf16 = not frozen and machine.has_fast_bf16()
    with machine.one_thread(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        each = machine.timed(lambda: training.predict(net, batch), 0.2).own / len(batch)
    if frozen:
        shown = len(train) * (1 + copies * copies_of(len(train)))
        return each * shown * (4 + len(train.names) / 18)
    # A step takes as long as this many pictures: those that the threads share, and a constant.
    shared = 2.8 * len(batch) / max(1, min(machine.threads(), len(batch) // LEAST))
    steps = settings.chosen(ARM_OF[option], len(train), copies).steps
    return each * steps * (shared + 48 + 16 * copies)


def _adapt(
    net: FiveLayerNet,
    train: Examples,
    test: Examples,
    seed: int,
    option: str,
    copies: bool,
    callbacks: Callable[[int], Callbacks],
) -> transfer.Adapted:
    arm, start = ARM_OF[option], net if option in ("1", "2") else None
    chosen = settings.chosen(arm, len(train), copies)
    steps = FIT_STEPS if option in ("1", "random") else chosen.steps
    more = {"augment": copies, "chosen": chosen, "callbacks": callbacks(steps)}
    return transfer.adapt(arm, start, train, test=test, seed=seed, **more)


# ------------------------------------------------------------------------------ would you trust it?


def right_by_rival(
    outcome: Outcome, seed: int = 0, follow: Follow | None = None
) -> dict[str, torch.Tensor]:
    """Which test pictures each rival gets right, bool `[n_test]`, the adapted network first.

    The rivals are the same training from random weights (frozen layers, and for Option 2 also from
    scratch), and always predicting the largest class.
    """
    train, test = outcome.train, outcome.test
    right = {"from scratch" if outcome.option == "scratch" else "borrowed layers": outcome.correct}
    rivals = {"random layers, frozen": "random"}
    if outcome.option == "2":
        rivals["from scratch"] = "scratch"
    for (name, option), callbacks in (follow or Follow()).trainings(list(rivals.items())):
        rival = _adapt(outcome.adapted.net, train, test, seed, option, outcome.augment, callbacks)
        right[name] = rival.predictions == test.y
    largest = train.y.bincount(minlength=len(train.names)).argmax()
    right["always the largest class"] = test.y == largest
    return right


def shares(rivals: dict[str, torch.Tensor]) -> dict[str, tuple[float, float, float]]:
    """Accuracy of each of `right_by_rival` and its 95% interval (Wilson's), in %."""
    counts = {name: (int(right.sum()), len(right)) for name, right in rivals.items()}
    return {
        name: tuple(100 * value for value in (n_right / n, *stats.wilson_interval(n_right, n)))
        for name, (n_right, n) in counts.items()
    }


def share_ahead(first: torch.Tensor, second: torch.Tensor) -> stats.Estimate:
    """The share of the test by which `first` is ahead, −1 … 1, and half of its 95% interval.

    `first` and `second` are `[n_test]`, 0 … 1. The interval is for other test pictures, not for
    other training pictures.
    """
    return stats.paired(first.double(), second.double(), example=0)


def _shuffled(train: Examples, seed: int) -> Iterator[torch.Tensor]:
    """Indices of the pictures of each class, shuffled by the seed."""
    for label in range(len(train.names)):
        indices = (train.y == label).nonzero().flatten()
        generator = torch.Generator().manual_seed(1000 * seed + label)
        yield indices[torch.randperm(len(indices), generator=generator)]


def part_of(train: Examples, share: float, seed: int) -> Examples:
    """A share of the pictures of each class, at least one, chosen by the seed."""
    of_classes = _shuffled(train, seed)
    return train[torch.cat([index[: max(1, round(share * len(index)))] for index in of_classes])]


def more_labels(
    net: FiveLayerNet, outcome: Outcome, seed: int = 0, draws: int = 2,
    shares: Sequence[float] = (0.25, 0.5), follow: Follow | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The same adaptation with fewer of the labelled pictures: would more of them have helped?

    Rows `images`, `draw`, `accuracy`, `right` (bool `[n_test]`). The last row is `outcome`, and the
    only one if each class has one picture.
    """
    import pandas as pd

    rows = []
    jobs = [
        (part_of(outcome.train, share, 100 * seed + draw), draw)
        for share, draw in itertools.product(shares, range(draws))
    ]
    jobs = [(few, draw) for few, draw in jobs if len(few) < len(outcome.train)]
    for (few, draw), callbacks in (follow or Follow()).trainings(jobs):
        adapted = _adapt(net, few, outcome.test, seed, outcome.option, outcome.augment, callbacks)
        right = adapted.predictions == outcome.test.y
        rows.append({"images": len(few), "draw": draw, "right": right})
    rows.append({"images": len(outcome.train), "draw": 0, "right": outcome.correct})
    accuracies = [row["right"].float().mean().item() for row in rows]
    return pd.DataFrame(rows).assign(accuracy=accuracies)


def tried(
    net: FiveLayerNet,
    train: Examples,
    seed: int = 0,
    folds: int = 2,
    arms: Sequence[tuple[str, bool]] = WAYS,
    follow: Follow | None = None,
) -> pd.DataFrame:
    """Both options, without and with augmentation, on the training pictures alone.

    Each picture is held out once (cross-validation), so the test pictures stay unseen. A test set
    that chose the option could no longer measure it. Rows `option`, `augmented`, `accuracy`,
    `right`, the best first.
    """
    import pandas as pd

    fold = torch.empty(len(train), dtype=torch.long)
    for indices in _shuffled(train, seed):
        fold[indices] = torch.arange(len(indices)) % folds
    right_by_arm = {arm: torch.zeros(len(train), dtype=torch.bool) for arm in arms}
    jobs = list(itertools.product(arms, range(folds)))
    for ((option, copies), number), callbacks in (follow or Follow()).trainings(jobs):
        held = fold == number
        if held.any() and len(train.y[~held].unique()) > 1:
            adapted = _adapt(net, train[~held], train[held], seed, option, copies, callbacks)
            right_by_arm[option, copies][held] = adapted.predictions == train.y[held]
    rows = [
        {"option": option, "augmented": copies, "accuracy": right.float().mean().item(),
         "right": right}
        for (option, copies), right in right_by_arm.items()
    ]  # fmt: skip
    return pd.DataFrame(rows).sort_values("accuracy", ascending=False, kind="stable")


def without_colour(examples: Examples) -> Examples:
    """The same pictures in grey, on the same scale."""
    grey = (to_picture(examples.x) * torch.tensor(LUMINANCE).view(3, 1, 1)).sum(1, keepdim=True)
    grey = grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    return replace(examples, x=scaled(grey))


def verdict_sentences(
    outcome: Outcome, rivals: dict[str, torch.Tensor], curve: pd.DataFrame | None = None
) -> list[str]:
    """A sentence for each measurement, which says whether to trust it and what would help."""
    sentences = [f"It gets {outcome.in_words()}."]
    is_perfect = outcome.right == len(outcome.test)
    for name, right in list(rivals.items())[1:]:
        points, half = share_ahead(outcome.correct, right)
        if points > half:
            what = "it is ahead."
        elif points < -half:
            what = (
                "the borrowed layers are a hindrance here. Take another option, or another source."
            )
        elif name == "always the largest class":
            what = "this test does not show that it learnt anything; do not use it."
        elif outcome.option == "scratch":
            what = "this test does not show that it is better."
        else:
            what = "this test does not show that the borrowed layers help."
            if not is_perfect:
                what += (
                    " Another source, pretrained on pictures more like yours, may serve you better."
                )
        lead = f"{100 * points:+.1f} ± {100 * half:.1f} points against {name!r}"
        if torch.equal(outcome.correct, right):
            lead = f"It and {name!r} get the same pictures right"
        sentences.append(f"{lead}: {what}")
    if curve is not None and curve.images.nunique() < 2:
        sentences.append(
            "Each class has one picture to learn from, so fewer could not be tried: take more."
        )
    elif curve is not None:
        few = sorted(curve.images.unique())[-2]
        mean = torch.stack([right.float() for right in curve.right[curve.images == few]]).mean(0)
        points, half = share_ahead(outcome.correct, mean)
        all_images = len(outcome.train)
        gained = (
            f"From {few} to {all_images} pictures to learn from it gained {100 * points:+.1f} "
            f"± {100 * half:.1f} points"
        )
        if torch.equal(outcome.correct.float(), mean):
            gained = f"After {few} pictures it gets the same ones right as after {all_images}"
        more = "this test does not show that more would help."
        if points > half and not is_perfect:
            more = "more would probably help further."
        sentences.append(f"{gained}: {more}")
    counts = outcome.confusion
    share = counts.diagonal() / counts.sum(1).clamp_min(1)
    tested = [i for i in range(len(share)) if counts[i].sum()]
    weakest = min(tested, key=lambda i: share[i].item())
    if share[weakest] < 1:
        sentences.append(
            f"Its weakest class is '{outcome.train.names[weakest]}': "
            f"{int(counts[weakest, weakest])} of {int(counts[weakest].sum())} right."
        )
    return sentences


def card(
    outcome: Outcome,
    name: str,
    maker: str,
    data: str,
    task: str | None = None,
    stands_on: tuple[Material, ...] = (),
) -> Card:
    """A model card for `sharing.share`."""
    classes = outcome.train.names
    how = "with augmentation" if outcome.augment else "without augmentation"
    low, high = outcome.interval
    shown = ", ".join(classes[:8]) + (" …" if len(classes) > 8 else "")
    return Card(
        name=name,
        maker=maker,
        task=task or f"which of {len(classes)} classes is it: {shown}",
        classes=classes,
        data=f"{data} (option {outcome.option}, {how})",
        images=len(outcome.train),
        right=outcome.right,
        tested=len(outcome.test),
        intended="pictures like those it was trained on; learning about transfer learning",
        limits=f"It has seen {len(outcome.train):,} labelled pictures, and knows no other classes: "
        "it names one of them for any picture. On pictures from elsewhere its accuracy is "
        f"unknown; on this test alone it may be {100 * low:.0f} to {100 * high:.0f}%"
        f"{outcome.warning}.",
        stands_on=stands_on,
    )
