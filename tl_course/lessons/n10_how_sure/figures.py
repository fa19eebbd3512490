"""The figures of notebook 10."""

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes

from tl_course.data.examples import Examples
from tl_course.lessons import drawing, figures
from tl_course.lessons.curves import plot_ahead as plot_ahead  # for the notebook
from tl_course.lessons.drawing import BLUE, GREY, ORANGE, SKY, Picture
from tl_course.lessons.n10_how_sure.experiments import Compared
from tl_course.lessons.n10_how_sure.protocols import SIXTEEN_EACH

TICKS = (-5, -2, -1, -0.5, 0, 0.5, 1, 2, 5, 10, 30)  # points, stretched around 0


def plot_draws(by_size: dict[int, np.ndarray], title: str) -> Picture:
    """Accuracies (in %) by the number of digits: a dot for each draw."""
    looks = {images: (f"{images:,} digits", BLUE, "o") for images in by_size}
    return figures.dots({"": by_size}, looks, title, "test digits right, %")


def plot_pairs(both: Compared, title: str) -> Picture:
    """Two ways on the same draws. Left: both, with a line for each draw. Right: their difference.

    The mean difference stands there with the 95% interval of pairs, and with that of separate sets
    of draws.
    """
    figure, (left, right) = drawing.in_a_row(2, 9, 3.6)
    for first, other in zip(both.first, both.other, strict=True):
        ahead = first > other
        look = {"color": SKY, "marker": "o"} if ahead else {"color": GREY, "marker": "x"}
        left.plot((0, 1), (other, first), linestyle="-" if ahead else "--", linewidth=1, **look)
    left.set_xticks((0, 1), ["Option 1", "LP-FT"])
    left.set(xlim=(-0.3, 1.3), ylabel="test digits right, %")
    left.set_title("a line for each draw", fontsize=10)
    ahead, heard = both.differences.mean(), []
    halves = {
        "draw by draw\n(paired)": both.paired,
        "as two separate\nsets of draws": both.separate,
    }
    for place, (name, half) in enumerate(halves.items()):
        filled = ORANGE if ahead > half else "white"
        right.errorbar(
            place, ahead, yerr=half, color=ORANGE, marker="s", capsize=6, markersize=9,
            markerfacecolor=filled,
        )  # fmt: skip
        heard.append(f"{' '.join(name.split())}: {ahead:+.2f} ± {half:.2f}")
    right.axhline(0, color="black", linewidth=1)
    right.set_xticks((0, 1), list(halves))
    right.set(xlim=(-0.5, 1.5), ylabel="LP-FT: points ahead")
    right.set_title("the same mean difference, two intervals", fontsize=10)
    wins = f"LP-FT is ahead in {(both.differences > 0).sum()} of {len(both.first)} draws"
    ranges = ", ".join(
        f"{name} {values.min():.1f} to {values.max():.1f}%"
        for name, values in (("Option 1", both.other), ("LP-FT", both.first))
    )
    return drawing.finished(
        figure, title, heard, f"Over draws: {ranges}; {wins}. Points ahead with 95% intervals:"
    )


def plot_intervals(intervals: pd.DataFrame, true: float, title: str) -> Picture:
    """Intervals (rows `mean`, `half`, `misses`) beside the true mean; those that miss stand out."""
    figure, (ax,) = drawing.in_a_row(1, 9, 3.2)
    for label, missing, colour, marker in (
        ("covers the true mean", False, BLUE, "o"), ("misses it", True, ORANGE, "X"),
    ):  # fmt: skip
        rows = intervals[intervals.misses == missing]
        ax.errorbar(
            rows.index + 1, rows["mean"], yerr=rows.half, color=colour, marker=marker,
            markersize=8 if missing else 3, linewidth=2.5 if missing else 1, linestyle="none",
            label=label,
        )  # fmt: skip
    ax.axhline(true, color="black", linewidth=1, linestyle="--", label="the true mean")
    ax.set(xlabel="repetition", ylabel="LP-FT: points ahead")
    drawing.legend(figure)
    missed = ", ".join(str(place + 1) for place in intervals.index[intervals.misses]) or "none"
    return drawing.finished(
        figure, title, [f"repetitions that miss: {missed}"],
        f"{len(intervals)} intervals (95%) around a true mean of {true:.2f} points;",
    )  # fmt: skip


def plot_findings(rows: pd.DataFrame, title: str, networks: bool = False) -> Picture:
    """Findings with their 95% intervals: a row for each, from `experiments.findings`.

    With `networks`, the interval over three networks stands below it, with a dot for each network.
    """
    figure, (ax,) = drawing.in_a_row(1, 9.4, 0.62 * len(rows) + 1.5)
    heard = []
    for place, (name, row) in enumerate(rows.iterrows()):
        high = place - 0.16 * networks
        _interval(ax, row.ahead, high, row.interval, BLUE, "o", "the course's network")
        words = f"{name}: {row.ahead:+.1f} ± {row.interval:.1f}"
        if networks:
            _interval(ax, row.over, place + 0.16, row.half, ORANGE, "s", "over three networks")
            ax.plot(row["each"], 3 * [place + 0.34], ".", color=GREY, label="a network")
            each = ", ".join(f"{value:+.1f}" for value in row["each"])
            words += f", over three networks {row.over:+.1f} ± {row.half:.1f} ({each})"
        heard.append(words)
    ax.axvline(0, color="black", linewidth=1)
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xticks(TICKS, [f"{tick:+g}" if tick else "0" for tick in TICKS])
    ax.minorticks_off()
    ax.set_yticks(range(len(rows)), [_in_two_lines(name) for name in rows.index])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlim=(-5, 40))
    ax.set_xlabel("points ahead (stretched around 0)")
    ax.grid(axis="x", alpha=0.3)
    drawing.legend(figure, "outside lower center", ncols=3)
    return drawing.finished(figure, title, heard, "Points ahead with 95% intervals:")


def _interval(ax: Axes, at: float, high: float, half: float, colour: str, marker: str, label: str):
    """An interval that lies; its marker is open if the interval includes 0."""
    ax.errorbar(
        at, high, xerr=half, color=colour, marker=marker, capsize=4, markersize=8,
        markerfacecolor=colour if abs(at) > half else "white", linestyle="none", label=label,
    )  # fmt: skip


def _in_two_lines(name: str) -> str:
    """What is compared, and below it with how many digits."""
    return name.replace(", ", ",\n", 1)


def never_right(right: pd.DataFrame, test: Examples) -> Picture:
    """Test digits that are wrong with every set of labelled digits (the rows of `right`)."""
    never = test[torch.from_numpy((~right.any()).to_numpy().nonzero()[0])[:20]]
    labels = [test.names[y] for y in never.y]
    title = f"None of the {len(right)} sets of fifty was enough for these"
    alt = "Handwritten digits that were wrong whichever fifty digits were learnt from: "
    return figures.pictures(never.x, labels, title, f"{alt}{', '.join(labels)}.")


def beside_published(table: pd.DataFrame, published: pd.DataFrame, title: str) -> Picture:
    """The course's network beside those of the embedding benchmark: rows of `protocols`.

    A dot is a published network, grouped by its training data, or a draw of the course's network.
    """
    by_source = published.groupby("seen", sort=False).accuracy.apply(list)
    ours = table[table.protocol == SIXTEEN_EACH].groupby("way", sort=False).accuracy
    values = {**by_source, **(100 * ours.apply(np.array))}
    looks = {
        seen: (f"{len(every)} networks: {seen}", GREY, "s") for seen, every in by_source.items()
    }
    looks |= {way: (f"five layers: {way}", BLUE, "o") for way in ours.groups}
    over = "networks, and over draws of the five layers"
    return figures.dots({"": values}, looks, title, "right, % of 10,000 test digits", over=over)
