"""Figures of notebook 07: what a published network names, where to cut it, and who is ahead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from tl_course.lessons import figures
from tl_course.lessons.figures import BLUE, GREEN, GREY, ORANGE, PINK, SKY, Picture
from tl_course.lessons.n07_published_networks import words as word_experiments
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
    "scratch": "nothing shared: from scratch",
    "letters": "a classmate's, who built letters on it",
    "shipped": "the shipped network",
    "digits": "a classmate's, who built digits on it",
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
    """Rows of `published_experiments.cuts`: accuracy by cut, a panel a target, a line a size."""
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
    """Rows of `published_experiments.finals`: mean and spread of each arm, a panel a target."""
    names = [name for name in TARGETS if name in set(table.target)]
    shown = [arm for arm in ARMS if arm in set(table.arm)]
    figure = Figure(figsize=(11.5, 0.42 * len(shown) + 1.6), layout="constrained")
    heard = []
    every = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    for ax, name in zip(every, names, strict=True):
        by = 100 * table[table.target == name].groupby("arm").accuracy.agg(["mean", "std"])
        for place, arm in enumerate(shown):
            called, colour, marker = ARMS[arm]
            row = by.loc[arm]
            ax.errorbar(
                row["mean"], place, xerr=row["std"], fmt=marker, color=colour, capsize=3,
                markersize=7,
            )  # fmt: skip
            ax.annotate(
                f"{row['mean']:.0f}", (row["mean"], place), (0, 7), textcoords="offset points",
                ha="center", fontsize=8,
            )  # fmt: skip
            heard.append(f"{TARGETS[name]}, {called}: {row['mean']:.1f}")
        ax.set(title=TARGETS[name], xlim=(0, 103), xlabel="test accuracy, %")
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    every[0].set_yticks(range(len(shown)), [ARMS[arm][0] for arm in shown])
    every[0].invert_yaxis()
    figure.suptitle(title, fontsize=12)
    return Picture(
        figure, f"{title}. Mean test accuracy in percent with fifty labelled: {'; '.join(heard)}."
    )


def size_and_time(table: pd.DataFrame, times: pd.DataFrame, title: str) -> Picture:
    """Accuracy at the cut that validation chose for each size, against the time for one picture."""
    figure, ax = figures.figure_and_axes(8, 4)
    heard = []
    spent = times.set_index(["net", "size"]).milliseconds
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
    """Rows of `word_experiments.words`: accuracy against labelled names, a line an arm."""
    figure, ax = figures.figure_and_axes(9, 4.2)
    heard = []
    for arm, (colour, marker) in READERS.items():
        by = 100 * table[table.arm == arm].groupby("images").accuracy.agg(["mean", "std"])
        if by.empty:
            continue
        ax.plot(
            by.index, by["mean"], color=colour, marker=marker, label=word_experiments.CALLED[arm]
        )
        ax.fill_between(
            by.index, by["mean"] - by["std"], by["mean"] + by["std"], color=colour, alpha=0.15,
            linewidth=0,
        )  # fmt: skip
        said = ", ".join(f"{mean:.0f} at {n}" for n, mean in by["mean"].items())
        heard.append(f"{word_experiments.CALLED[arm]}: {said}")
    sizes = sorted(table.images.unique())
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.minorticks_off()
    ax.set(xlabel="labelled names", ylabel="test accuracy, %", ylim=(0, 100))
    ax.grid(axis="y", alpha=0.3)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    ax.set_title(title, fontsize=12)
    return Picture(figure, f"{title}. Mean test accuracy in percent. {'; '.join(heard)}.")


def shared(table: pd.DataFrame, title: str) -> Picture:
    """Rows of `published_experiments.lineage`: every draw as a dot, the mean as a mark."""
    figure, ax = figures.figure_and_axes(8.5, 2.9)
    heard = []
    looks = dict(zip(SHARED, ((GREEN, "^"), (PINK, "D"), (BLUE, "o"), (ORANGE, "s")), strict=True))
    for place, (arm, called) in enumerate(SHARED.items()):
        each = 100 * table[table.arm == arm].sort_values("draw").accuracy
        if each.empty:
            continue
        colour, marker = looks[arm]
        beside = place + np.linspace(-0.18, 0.18, len(each))
        ax.plot(each, beside, ".", color=colour, alpha=0.6)
        ax.errorbar(
            each.mean(), place, xerr=each.std(), fmt=marker, color=colour, markersize=9, capsize=4
        )
        ax.annotate(
            f"{each.mean():.1f}", (each.mean(), place), (0, 9), textcoords="offset points",
            ha="center", fontsize=9,
        )  # fmt: skip
        heard.append(f"{called}: {each.mean():.1f} ± {each.std():.1f}")
    ax.set_yticks(range(len(SHARED)), list(SHARED.values()))
    ax.set_ylim(-0.5, len(SHARED) - 0.3)
    ax.set_xlabel("test accuracy with fifty labelled digits, %")
    ax.grid(axis="x", alpha=0.3)
    ax.set_title(title, fontsize=12)
    return Picture(figure, f"{title}. Mean and spread over draws, %: {'; '.join(heard)}.")
