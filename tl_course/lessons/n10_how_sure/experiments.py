"""What notebook 10 reads out of the recorded tables, and how often an interval misses."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from tl_course.lessons.n10_how_sure.protocols import published as published  # for the notebook
from tl_course.study import comparing

FIFTY = 50  # labelled digits of the paired comparison
DRAWS, TIMES, MANY = 10, 100, 100_000  # of an interval that is made again and again
TESTS, SIZE, ROUNDS = 20, 200, 1000  # tests of one network, their test digits, repetitions


class Way(NamedTuple):
    """A way to learn, with augmentation or without."""

    arm: str
    augmented: bool = False


FINDINGS = {  # in words: the way that leads, the other one, labelled digits
    "Option 1 beats training from scratch, 10 digits": (Way("option-1"), Way("scratch"), 10),
    "Option 1 beats Option 2, 10 digits": (Way("option-1"), Way("option-2"), 10),
    "Option 2 beats training from scratch, 50 digits, with augmentation": (
        Way("option-2", True), Way("scratch", True), 50
    ),
    "Option 2 beats Option 1, 50 digits, with augmentation": (
        Way("option-2", True), Way("option-1", True), 50
    ),
    "LP-FT beats Option 1, 50 digits": (Way("output-first"), Way("option-1"), 50),
}  # fmt: skip


# ---------------------------------------------------------------- luck of the draw


def accuracies(table: pd.DataFrame, way: Way, images: int) -> np.ndarray:
    """The percentage of test digits that are right after each draw, in the order of the draws."""
    rows = comparing.tuned(table).query("arm == @way.arm and images == @images")
    return 100 * rows[rows.augmented == way.augmented].sort_values("draw").accuracy.to_numpy()


def lucky_draws(table: pd.DataFrame, sizes: Iterable[int] = (10, 50, 200)) -> dict:
    """Accuracies of Option 1 with augmentation after each draw, by the number of digits."""
    return {images: accuracies(table, Way("option-1", True), images) for images in sizes}


def fifties(recorded: pd.DataFrame) -> pd.DataFrame:
    """Which test digits Option 1 with copies gets right: bool, one row for each set of fifty."""
    return comparing.right(comparing.tuned(recorded), "option-1", True, 50)


def how_they_differ(right: pd.DataFrame) -> str:
    """How the sets of fifty digits differ, in sentences; `right` is from `fifties`."""
    often, each = right.mean(), 100 * right.mean(axis=1)  # per test digit, per set
    return (
        f"{len(each)} recorded sets of fifty digits get between {each.min():.1f} and "
        f"{each.max():.1f}% right. Of the test digits, "
        f"{100 * (often == 1).mean():.0f}% are right after every set, "
        f"{100 * ((0 < often) & (often < 1)).mean():.0f}% after some, and "
        f"{100 * (often == 0).mean():.1f}% after none."
    )


# ---------------------------------------------------------------- pairs, and intervals


class Compared(NamedTuple):
    """LP-FT and Option 1 after fifty digits: accuracies by draw, and half of both intervals."""

    first: np.ndarray  # LP-FT, by draw
    other: np.ndarray  # Option 1, by draw
    paired: float  # half of the 95% interval of the mean difference, draw by draw
    separate: float  # the same if these were two separate sets of draws

    @property
    def differences(self) -> np.ndarray:
        """How far LP-FT is ahead in each draw."""
        return self.first - self.other


def compared(table: pd.DataFrame) -> Compared:
    """LP-FT against Option 1 on the same draws of fifty digits, without augmentation."""
    first, other = (accuracies(table, Way(arm), FIFTY) for arm in ("output-first", "option-1"))
    n, both = len(first), first.var(ddof=1) + other.var(ddof=1)
    paired = _factor(n - 1) * (first - other).std(ddof=1) / n**0.5
    return Compared(first, other, paired, _factor(2 * n - 2) * (both / n) ** 0.5)


def _factor(freedom: int) -> float:
    from scipy.stats import t  # a second to import, so only where it is needed

    return float(t.ppf(0.975, freedom))


def intervals(
    differences: np.ndarray, draws: int = DRAWS, times: int = TIMES, seed: int = 0
) -> pd.DataFrame:
    """95% intervals if `differences` were all that there are: rows `mean`, `half`, `misses`.

    Each comes from that many draws, put back each time. It misses if the mean of all differences
    is outside.
    """
    some = np.random.default_rng(seed).choice(differences, (times, draws))
    rows = pd.DataFrame({"mean": some.mean(axis=1)})
    rows["half"] = _factor(draws - 1) * some.std(axis=1, ddof=1) / draws**0.5
    return rows.assign(misses=(rows["mean"] - differences.mean()).abs() > rows.half)


# ---------------------------------------------------------------- luck of pretraining


def ahead_in_networks(
    official: pd.DataFrame, again: pd.DataFrame, arm: str, other: str
) -> dict[tuple[str, bool], pd.DataFrame]:
    """How far `arm` is ahead of `other`, over pretrainings: rows of `official`, `pretrainings`."""
    return {
        (other, form): comparing.over_pretrainings(official, again, (arm, form), (other, form))
        for form in (False, True)
    }


def findings(official: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """`FINDINGS` with the course's network, and over three: a row for each.

    `ahead`, `interval`, `wins` and `draws` are those of the course's network, over draws and test
    digits. `over` and `half` are an interval over networks, too, `each` has the single networks,
    and `survives` says whether it leaves out zero on the same side.
    """
    rows = []
    for leading, other, images in FINDINGS.values():
        here = comparing.judged(comparing.paired_arms(official, leading, other)).loc[images]
        over = comparing.over_pretrainings(official, again, leading, other)
        there = comparing.judged(over).loc[images]
        rows.append(
            {"ahead": here.ahead, "interval": here.interval, "wins": here.wins,
             "draws": here.draws, "clear": here.verdict == "ahead", "over": there.ahead,
             "half": there.interval, "each": there["each"],
             "survives": there.verdict == "ahead"}
        )  # fmt: skip
    return pd.DataFrame(rows, index=list(FINDINGS))


def falls(rows: pd.DataFrame) -> tuple[str, list[str]]:
    """The finding that does not survive other networks, and all of them."""
    return rows.index[rows.survives.argmin()], list(rows.index)


# ---------------------------------------------------------------- a test that is asked often


class Asked(NamedTuple):
    """One network on many small tests: the percentage that it gets right."""

    truth: float  # on all test digits
    tests: np.ndarray  # on each small test, `[rounds, tests]`

    @property
    def too_high(self) -> float:
        """How far the best of the tests lies above the truth, on average over the rounds."""
        return float(self.tests.max(axis=1).mean() - self.truth)

    def first_round(self) -> str:
        """What the tests of the first round say."""
        of_one = self.tests[0]
        return (
            f"In the first round the {len(of_one)} tests say {of_one.min():.1f} to "
            f"{of_one.max():.1f}%. On all 10,000 test digits it is {self.truth:.1f}%."
        )


def asked_often(official: pd.DataFrame, seed: int = 0) -> Asked:
    """Option 1 after one draw of fifty digits, on small tests drawn from the official one."""
    right = comparing.right(official, "option-1", False, FIFTY).iloc[0].to_numpy()
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(right), size=(ROUNDS, TESTS, SIZE))
    return Asked(100 * right.mean(), 100 * right[drawn].mean(axis=-1))
