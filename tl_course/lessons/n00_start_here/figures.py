"""The figures of notebook 00: digits that it is asked about, learns from, and gets right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from tl_course.base import stats
from tl_course.data.examples import Examples
from tl_course.data.sources import things
from tl_course.lessons import figures
from tl_course.lessons.figures import STYLES, Line, Picture
from tl_course.lessons.n00_start_here.handwriting import ARMS as ORDER
from tl_course.lessons.n00_start_here.handwriting import Result, called

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def guesses(x: torch.Tensor, scores: torch.Tensor) -> Picture:
    """Digits `[n, 3, 32, 32]`, and above each the three things that it is taken for."""
    return figures.guesses(x, scores.softmax(1), things.names())


def examples(labelled: Examples) -> Picture:
    """The digits that a network learns from, equally many of each."""
    each = len(labelled) // len(labelled.names)
    alt = f"{len(labelled)} handwritten digits, {each} of each, from 0 to 9, with their labels."
    captions, title = list(map(str, labelled.y.tolist())), "All that it was given"
    return figures.pictures(labelled.x, captions, title, alt, cell=0.6)


def right_of_100(table: pd.DataFrame, arm: str, images: int) -> float:
    """What an arm of a sweep gets right of 100 with so many digits, on average over the draws."""
    from tl_course.study import comparing  # pandas, which the pad need not wait for

    rows = comparing.plain(table)[lambda rows: (rows.arm == arm) & (rows.images == images)]
    return 100 * rows.accuracy.mean()


def seen_and_not_seen(table: pd.DataFrame) -> Picture:
    """Option 1 against random frozen layers, with ten and with fifty digits of a sweep."""
    from tl_course.study import comparing

    rows = comparing.plain(table)[lambda rows: rows.images.isin((10, 50))].to_dict("records")
    title = "What it saw before makes the difference"
    return figures.accuracies(rows, title, arms=["option-1", "random-frozen"])


MARKS = {"o": "●", "s": "■", "^": "▲", "D": "◆"}  # of the figure below, as letters


def mark(arm: str) -> str:
    """The marker of a way to learn, as a letter."""
    return MARKS[STYLES[arm][2]]


def growing(results: Sequence[Result]) -> Picture:
    """How many of 100 of MNIST's digits each way gets right, over the number of drawings.

    What the markers stand for is said beside it (`MARKS`).
    """
    lines = {}
    for arm in ORDER:
        of_arm = sorted((r for r in results if r.arm == arm), key=lambda r: r.images)
        if of_arm:
            share = [r.of_100 for r in of_arm]
            ends = 100 * np.array([stats.share(r.mnist, r.mnist_of) for r in of_arm]).T
            look = (*STYLES[arm][1:], "-")
            lines[called(arm)] = Line([r.images for r in of_arm], share, abs(ends - share), look)
    lines["guessing"] = figures.level(10)
    labels, point = ("drawings that it learnt from", "right, of 100"), "{y:.0f} with {x}"

    def name_the_guessing(ax: Axes) -> None:
        ax.text(0.01, 12, "guessing", transform=ax.get_yaxis_transform(), fontsize=8)

    look = figures.Look(
        ylim=(0, 104), beside=0.045, size=(5.4, 2.9), legend=False, dress=name_the_guessing
    )
    told = "Four networks, with 95% intervals."
    return figures.chart({"": lines}, "Strangers' digits (MNIST)", *labels, point, told, look)
