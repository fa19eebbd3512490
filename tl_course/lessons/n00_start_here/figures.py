"""The figures of notebook 00: guesses about digits, labelled digits, and accuracies."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from tl_course.data.examples import Examples
from tl_course.data.sources import classes
from tl_course.lessons import drawing, figures
from tl_course.lessons.drawing import STYLES, Line, Picture
from tl_course.study.handwriting import ARMS, Result, arm_in_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MARKS = {"option-1": "●", "option-2": "■", "scratch": "▲", "random-frozen": "◆"}  # in text


def guesses(x: torch.Tensor, scores: torch.Tensor) -> Picture:
    """Digits `[n, 3, 32, 32]`, each under its three likeliest classes; `scores` `[n, classes]`."""
    names, captions = classes.names(), []
    for share in scores.softmax(1):
        best = share.topk(3).indices.tolist()
        captions.append([f"{names[c]}\xa0{100 * share[c]:.0f}%" for c in best])
    title = "Asked about digits, it can only name objects that it knows"
    likeliest = "; ".join(first for first, *_ in captions)
    alt = f"{len(x)} handwritten digits; the network takes them for: {likeliest}."
    lines = ["\n".join(textwrap.fill(name, 26) for name in three) for three in captions]
    return figures.pictures(x, lines, title, alt, 4, 1.8)


def plot_given_digits(labelled: Examples) -> Picture:
    """The labelled digits that a network learns from, equally many of each class."""
    each = len(labelled) // len(labelled.names)
    alt = f"{len(labelled)} handwritten digits, {each} of each, from 0 to 9, with their labels."
    captions, title = (
        list(map(str, labelled.y.tolist())),
        "All the digits that it learns from",
    )
    return figures.pictures(labelled.x, captions, title, alt, cell=0.6)


def seen_and_not_seen(table: pd.DataFrame) -> Picture:
    """Option 1 and random frozen layers in a sweep: accuracy with ten and with fifty digits."""
    from tl_course.study import comparing  # needs pandas, which the pad can do without

    rows = comparing.plain(table).query("images in (10, 50)")
    title = "Pretraining makes the difference"
    return figures.accuracies(rows, title, arms=["option-1", "random-frozen"])


def growing(results: Sequence[Result]) -> Picture:
    """The percentage of MNIST digits that each arm gets right, by the number of drawings.

    The markers (`MARKS`) are explained beside the figure.
    """
    lines = {}
    for arm in ARMS:
        of_arm = sorted((r for r in results if r.arm == arm), key=lambda r: r.images)
        if of_arm:
            share = [r.percent for r in of_arm]
            bars = abs(np.array([r.interval for r in of_arm]).T - share)
            look = (*STYLES[arm][1:], "-")
            lines[arm_in_words(arm)] = Line([r.images for r in of_arm], share, bars, look)
    lines["guessing"] = drawing.level(10)
    labels, point = ("drawings that it learnt from", "accuracy, %"), "{y:.0f} with {x}"

    def name_the_guessing(ax: Axes) -> None:
        ax.text(0.01, 12, "guessing", transform=ax.get_yaxis_transform(), fontsize=8)

    look = figures.ChartStyle(
        ylim=(0, 104), beside=0.045, size=(5.4, 2.9), legend=False, dress=name_the_guessing
    )
    description = "Four networks, with 95% intervals."
    return figures.chart(
        {"": lines}, "Strangers' digits (MNIST)", *labels, point, description, look
    )
