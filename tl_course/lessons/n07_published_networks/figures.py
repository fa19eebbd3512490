"""Figures of notebook 07: what a published network names, where to cut it, and who is ahead."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from matplotlib.figure import Figure

from tl_course.lessons import figures
from tl_course.lessons.figures import BLUE, GREEN, GREY, ORANGE, PINK, SKY, Picture
from tl_course.lessons.n07_published_networks import words
from tl_course.lessons.n07_published_networks.experiments import CUT_NAMES, LITE0

TARGETS = {
    "digits": "handwritten digits",
    "drawings": "drawings never seen",
    "photographs": "pieces of photographs",
}
ARMS = {  # arm: (what it is called, colour, marker)
    "lite0-option-1": ("ImageNet, best cut, Option 1", ORANGE, "s"),
    "lite0-option-2": ("ImageNet, best cut, Option 2", ORANGE, "^"),
    "lite0-last": ("ImageNet, last features, Option 1", SKY, "v"),
    "random-lite0": ("the same network, random, fixed", PINK, "D"),
    "own-option-1": ("your five layers, Option 1", BLUE, "o"),
    "own-option-2": ("your five layers, Option 2", BLUE, "<"),
    "scratch": ("five layers from scratch", GREEN, "^"),
    "random-frozen": ("five layers, random, fixed", PINK, "d"),
    "classical": ("no network (SVM on pixels)", GREY, "x"),
}
SIZES = {32: (GREY, "o"), 64: (GREEN, "^"), 112: (ORANGE, "s"), 160: (BLUE, "D")}
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)  # milliseconds
READERS = {
    "bert-option-2": (ORANGE, "s"),
    "bert-option-1": (BLUE, "o"),
    "ngrams": (GREY, "x"),
    "own-option-1": (SKY, "v"),
    "scratch": (GREEN, "^"),
    "bert-random": (PINK, "D"),
    "random-frozen": ("black", "."),
}
SHARED = {
    "digits": ("a classmate's, who built digits on it", ORANGE, "s"),
    "shipped": ("the shipped network", BLUE, "o"),
    "letters": ("a classmate's, who built letters on it", PINK, "D"),
    "scratch": ("nothing shared: from scratch", GREEN, "^"),
}


def named(
    pictures: Sequence[torch.Tensor], scores: torch.Tensor, names: Sequence[str], title: str
) -> Picture:
    """Photographs `[3, h, w]`, 0 … 1, each with the five names of the largest `scores` `[n, k]`."""
    share = scores.softmax(1)
    figure = Figure(figsize=(5.4 * len(pictures), 4.6), layout="constrained")
    heard = []
    axes = figure.subplots(2, len(pictures), height_ratios=(1.6, 1))
    for column, (picture, own) in enumerate(zip(pictures, share, strict=True)):
        figures.image(axes[0, column], picture)
        best = own.topk(5)
        called = [names[i] for i in best.indices.tolist()]
        bars = axes[1, column].barh(range(5), 100 * best.values, color=BLUE)
        axes[1, column].bar_label(bars, fmt="%.0f%%", padding=3, fontsize=9)
        axes[1, column].set_yticks(range(5), called)
        axes[1, column].invert_yaxis()
        axes[1, column].set(xlim=(0, 108), xlabel="how sure it is, %")
        axes[1, column].spines[["top", "right"]].set_visible(False)
        heard.append(
            f"photograph {column + 1}: "
            + ", ".join(f"{n} {100 * v:.0f}%" for n, v in zip(called, best.values, strict=True))
        )
    figure.suptitle(title, fontsize=12)
    return Picture(figure, f"{title}. The five likeliest of 1,000 names: {'; '.join(heard)}.")


def where_to_cut(table: pd.DataFrame, title: str) -> Picture:
    """Rows of `experiments.cuts`: accuracy by cut, a panel a target, a line a size."""
    names = [name for name in TARGETS if name in set(table.target)]
    figure = Figure(figsize=(4.3 * len(names) + 1.6, 4.2), layout="constrained")
    heard = []
    every = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name in zip(every, names, strict=True):
        own = table[(table.target == name) & (table.net == "own")]
        level = 100 * own.accuracy.mean()
        ax.axhline(level, color="black", linestyle="--", label="your five layers")
        rows = table[(table.target == name) & (table.net == LITE0)]
        heard.append(f"{TARGETS[name]}: your five layers {level:.0f}")
        for size, group in rows.groupby("size"):
            colour, marker = SIZES.get(size, (PINK, "x"))
            by = 100 * group.groupby("cut").accuracy.agg(["mean", "std"]).reindex(CUT_NAMES)
            ax.errorbar(
                range(len(CUT_NAMES)), by["mean"], yerr=by["std"], color=colour, marker=marker,
                capsize=2, linewidth=1.4, label=f"{size}×{size} pixels",
            )  # fmt: skip
            said = ", ".join(f"{cut} {mean:.0f}" for cut, mean in by["mean"].dropna().items())
            heard.append(f"{size} pixels: {said}")
        ax.set_xticks(range(len(CUT_NAMES)), CUT_NAMES, rotation=60, ha="right")
        ax.set(title=TARGETS[name], xlabel="borrowed up to")
        ax.grid(axis="y", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    every[0].set_ylabel("test accuracy, %")
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    figure.suptitle(title, fontsize=12)
    return Picture(
        figure,
        f"{title}. Mean test accuracy in percent of Option 1 with fifty labelled pictures, by "
        f"where the ImageNet network is cut. {'; '.join(heard)}.",
    )


def arms(table: pd.DataFrame, title: str) -> Picture:
    """Rows of `experiments.finals`: every arm, a panel a target."""
    panels = {
        called: {arm: 100 * own.accuracy for arm, own in table[table.target == name].groupby("arm")}
        for name, called in TARGETS.items()
        if name in set(table.target)
    }
    return figures.dots(panels, ARMS, title, "test accuracy, %", xlim=(0, 103))


def size_and_time(table: pd.DataFrame, times: Sequence[dict], title: str) -> Picture:
    """Accuracy at the cut that validation chose for each size, against the time for one picture."""
    figure, ax = figures.figure_and_axes(8, 4)
    heard = []
    spent = pd.DataFrame(times).set_index(["net", "size"]).milliseconds
    looks = dict(zip(TARGETS, ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^")), strict=True))
    for name, called in TARGETS.items():
        rows = table[(table.target == name) & (table.net == LITE0)]
        points = []
        for size, group in rows.groupby("size"):
            cut = group.loc[group.validation.idxmax()].cut
            accuracy = 100 * group[group.cut == cut].accuracy.mean()
            points.append((spent[LITE0, size], accuracy, size, cut))
        colour, marker = looks[name]
        ax.plot(
            [p[0] for p in points], [p[1] for p in points], color=colour, marker=marker,
            label=called,
        )  # fmt: skip
        for x, y, size, _ in points:
            ax.annotate(f"{size}", (x, y), (4, 5), textcoords="offset points", fontsize=8)
        own = 100 * table[(table.target == name) & (table.net == "own")].accuracy.mean()
        ax.plot(spent["own", 32], own, marker, color=colour, markerfacecolor="white", markersize=9)
        said = ", ".join(
            f"{size} pixels ({cut}) {y:.0f} in {x:.1f} ms" for x, y, size, cut in points
        )
        heard.append(f"{called}: {said}; your five layers {own:.0f} in {spent['own', 32]:.2f} ms")
    ax.set_xscale("log")
    ticks = [t for t in TICKS if 0.7 * spent.min() <= t <= 1.5 * spent.max()]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set(
        xlabel="milliseconds for one picture, all layers, on this machine",
        ylabel="test accuracy, %",
    )
    ax.set_title(title, fontsize=11)
    ax.legend(frameon=False, title="filled: ImageNet, its side in pixels\nopen: your five layers")
    return Picture(figure, f"{title}. {'; '.join(heard)}.")


def readers(table: pd.DataFrame, title: str) -> Picture:
    """Rows of `words.words`: accuracy against labelled names, a line an arm."""
    lines, spread, styles = {}, {}, {}
    for arm, look in READERS.items():
        by = 100 * table[table.arm == arm].groupby("images").accuracy.agg(["mean", "std"])
        called = words.CALLED[arm]
        lines[called] = by.index.tolist(), by["mean"].tolist()
        spread[called], styles[called] = by["std"].tolist(), (*look, "-")
    return figures.curves(
        lines, title, "labelled names", "test accuracy, %", styles, (0, 100), spread, log=True
    )


def shared(table: pd.DataFrame, title: str) -> Picture:
    """Rows of `experiments.lineage`."""
    every = {arm: 100 * own.accuracy for arm, own in table.groupby("arm")}
    return figures.dots({"": every}, SHARED, title, "test accuracy with fifty labelled digits, %")
