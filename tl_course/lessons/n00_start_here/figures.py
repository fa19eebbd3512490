"""The figures of notebook 00: digits that it is asked about, learns from, and gets right."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from matplotlib.figure import Figure

from tl_course.base import stats
from tl_course.data.examples import Examples
from tl_course.data.sources import things
from tl_course.lessons import figures
from tl_course.lessons.figures import ARMS, GREY, Picture
from tl_course.lessons.n00_start_here.handwriting import ARMS as ORDER
from tl_course.lessons.n00_start_here.handwriting import Result
from tl_course.study import comparing


def guesses(x: torch.Tensor, scores: torch.Tensor) -> Picture:
    """Digits `[n, 3, 32, 32]`, and below each the three things that it is taken for."""
    return figures.guesses(x, scores.softmax(1), things.names())


def examples(ten: Examples) -> Picture:
    """The ten digits that a network learns from."""
    alt = "Ten handwritten digits, one of each, from 0 to 9."
    return figures.pictures(ten.x, list(map(str, ten.y.tolist())), "All that it was given", alt)


def seen_and_not_seen(table: pd.DataFrame) -> Picture:
    """Option 1 against random frozen layers, with ten and with fifty digits of a sweep."""
    rows = comparing.plain(table)[lambda rows: rows.images.isin((10, 50))].to_dict("records")
    title = "What it saw before makes the difference"
    return figures.accuracies(rows, title, arms=["option-1", "random-frozen"])


def growing(results: Sequence[Result]) -> Picture:
    """Two panels over the number of drawings: MNIST's digits, and what was drawn next."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    strangers, own = figure.subplots(1, 2, sharey=True)
    sizes = sorted({result.images for result in results})
    heard = []
    for axes, title, of in (
        (strangers, "strangers' digits (MNIST)", lambda r: (r.mnist, r.mnist_of)),
        (own, "what was drawn next (ten at most)", lambda r: (r.following, r.following_of)),
    ):
        for k, arm in enumerate(ORDER):
            label, colour, marker = ARMS[arm]
            mine = sorted((r for r in results if r.arm == arm and of(r)[1]), key=lambda r: r.images)
            if not mine:
                continue
            share = [100 * of(r)[0] / of(r)[1] for r in mine]
            ends = [stats.share(*of(r)) for r in mine]
            below = [max(0, s - 100 * low) for s, (low, _) in zip(share, ends, strict=True)]
            above = [max(0, 100 * high - s) for s, (_, high) in zip(share, ends, strict=True)]
            axes.errorbar(
                [r.images + 0.7 * (k - 1.5) for r in mine], share, yerr=[below, above],
                color=colour, marker=marker, markersize=7, capsize=3, elinewidth=1, label=label,
            )  # fmt: skip
            if axes is strangers:
                heard.append(f"{label} {share[-1]:.0f}% with {mine[-1].images}")
        axes.axhline(10, color=GREY, linestyle=":", linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set(xlabel="drawings that it learnt from", xticks=sizes, ylim=(0, 104))
        axes.set_xlim(min(sizes) - 5, max(sizes) + 5)
        axes.set_title(title, fontsize=10)
    strangers.set_ylabel("read correctly, %")
    strangers.text(max(sizes) + 4.5, 11, "guessing", color=GREY, fontsize=8, ha="right")
    if not own.has_data() or not own.containers:
        own.text(
            0.5, 0.5, "draw ten more:\nthey are its next test", ha="center", va="center",
            transform=own.transAxes, color=GREY,
        )  # fmt: skip
    handles, labels = strangers.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    return Picture(
        figure,
        "Two panels over the number of drawings that four networks learnt from, with 95% intervals."
        f" Of MNIST's digits they read: {'; '.join(heard)}.",
    )
