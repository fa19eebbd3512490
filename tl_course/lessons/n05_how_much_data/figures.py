"""The figures of notebook 05."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from tl_course.lessons import figures
from tl_course.lessons.curves import over_sizes
from tl_course.lessons.figures import ARMS, GREY, Picture
from tl_course.study import comparing, forgetting


def confusion(truth: torch.Tensor, said: torch.Tensor, names: Sequence[str], title: str) -> Picture:
    """How many of each class were called what; the diagonal (right) is left blank."""
    n = len(names)
    counts = torch.zeros(n, n, dtype=torch.long)
    counts.index_put_((truth, said), torch.ones_like(truth), accumulate=True)
    wrong = counts.clone().fill_diagonal_(0)
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    ax = figure.subplots()
    ax.imshow(wrong.numpy(), cmap="Blues", vmin=0)
    dark = wrong.max().item() * 0.6
    for i in range(n):
        for j in range(n):
            if wrong[i, j]:
                colour = "white" if wrong[i, j] > dark else "black"
                ax.text(
                    j, i, wrong[i, j].item(), ha="center", va="center", color=colour, fontsize=8
                )
    ax.set_xticks(range(n), names)
    ax.set_yticks(range(n), names)
    ax.set(xlabel="was called", ylabel="is")
    ax.set_title(title, fontsize=11)
    most = [divmod(place, n) for place in wrong.flatten().argsort(descending=True)[:5].tolist()]
    heard = ", ".join(f"{names[i]} called {names[j]} {wrong[i, j]} times" for i, j in most)
    return Picture(figure, f"{title}. Mistakes by class, most frequent: {heard}.")


def confidence(sure: torch.Tensor, right: torch.Tensor, title: str) -> Picture:
    """How sure it was `[n]` where it was right and where it was wrong, and whether to trust it."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    how_often, reliable = figure.subplots(1, 2)
    edges = np.linspace(0, 1, 11)
    for which, label, colour in ((right, "right", figures.BLUE), (~right, "wrong", figures.ORANGE)):
        how_often.hist(
            sure[which].numpy(), edges, histtype="step", label=label, color=colour, linewidth=2
        )
    how_often.set(yscale="log", xlabel="how sure it was", ylabel="test digits")
    how_often.legend(frameon=False)
    bins = np.clip(np.digitize(sure.numpy(), edges) - 1, 0, 9)
    reliable.plot([0, 1], [0, 1], ":", color=GREY)
    filled = [b for b in range(10) if (bins == b).sum() >= 10]
    share = [right.numpy()[bins == b].mean() for b in filled]
    middle = [sure.numpy()[bins == b].mean() for b in filled]
    reliable.plot(middle, share, "o-", color=figures.BLUE)
    heard = [
        f"{100 * s:.0f}% right where {100 * m:.0f}% sure"
        for m, s in zip(middle, share, strict=True)
    ]
    reliable.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="how sure it was", ylabel="share right")
    for ax in (how_often, reliable):
        ax.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    return Picture(figure, f"{title}. {'; '.join(heard)}.")


def costs(table: pd.DataFrame, title: str) -> Picture:
    """What each option costs as the labels grow: rows of the recorded table `forgetting`.

    Left training and test accuracy, whose distance is the overfitting; right what is left of the
    source task, with one SD over draws, and dashed with the settings of fifty digits.
    """
    every, table = table, comparing.tuned(table)
    control = every.drop(table.index)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    learnt, left = figure.subplots(1, 2)
    before = 100 * table[table.arm == "before"].accuracy.mean()
    heard = [f"before adapting {before:.0f} of 100 things are known"]
    for arm in ("option-1", "option-2"):
        label, colour, marker = ARMS[arm]
        mean = (
            100 * table[table.arm == arm].groupby("images")[["training", "test", "accuracy"]].mean()
        )
        for part, dash in (("training", "--"), ("test", "-")):
            learnt.plot(
                mean.index, mean[part], dash, marker=marker, color=colour, label=f"{label}, {part}"
            )
        spread = 100 * table[table.arm == arm].groupby("images").accuracy.std()
        left.errorbar(
            mean.index, mean.accuracy, spread, marker=marker, color=colour, label=label, capsize=3
        )
        for images, row in mean.iterrows():
            heard.append(
                f"{label}, {images:,} digits: training {row.training:.1f}, test {row.test:.1f}, "
                f"things still known {row.accuracy:.0f} ± {spread[images]:.0f}"
            )
    if len(control):
        colour, label = figures.ORANGE, f"Option 2, settings for {forgetting.SMALL_STEPS}"
        found = 100 * control.groupby("images").accuracy.agg(["mean", "std"])
        left.errorbar(
            found.index, found["mean"], found["std"], linestyle="--", marker="D", capsize=3,
            color=colour, markerfacecolor="white", label=label,
        )  # fmt: skip
        heard += [
            f"{label}, {n:,} digits: {row['mean']:.0f} ± {row['std']:.0f}"
            for n, row in found.iterrows()
        ]
    left.axhline(before, color=GREY, linestyle=":", label="before adapting")
    for ax, said in ((learnt, "digits read, %"), (left, "of the 1,000 things, still known, %")):
        over_sizes(ax, sorted(table.images[table.images > 0].unique()))
        ax.set_ylabel(said)
        ax.spines[["top", "right"]].set_visible(False)
    learnt.legend(frameon=False, fontsize=9)
    left.legend(frameon=False, fontsize=9, ncols=2, loc="upper center")
    left.set_ylim(0, 105)
    figure.suptitle(title, fontsize=12)
    return Picture(figure, f"{title}. Means over draws (± one SD), in percent. {'; '.join(heard)}.")


def by_task(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy of each arm on each task: rows `task`, `each` (images of a class), `arm`, …"""
    names = list(table.task.unique())
    figure = Figure(figsize=(4 * len(names) + 2.4, 3.6), layout="constrained")
    every = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    heard = []
    for ax, name in zip(every, names, strict=True):
        rows = table[table.task == name]
        sizes = sorted(rows.each.unique())
        arms = [arm for arm in ARMS if (rows.arm == arm).any()]
        for k, arm in enumerate(arms):
            label, colour, marker = ARMS[arm]
            found = 100 * rows[rows.arm == arm].groupby("each").accuracy.agg(["mean", "std"])
            place = np.arange(len(sizes)) + (k - (len(arms) - 1) / 2) * 0.13
            ax.errorbar(
                place, found["mean"], yerr=found["std"], color=colour, marker=marker, capsize=3,
                linestyle="none", markersize=8, label=label,
            )  # fmt: skip
            said = " and ".join(f"{mean:.0f}% with {each}" for each, mean in found["mean"].items())
            heard.append(f"{name}, {label}: {said}")
        ax.set_xticks(range(len(sizes)), [f"{each} of each" for each in sizes])
        ax.set(title=name, ylim=(0, 100))
        ax.grid(axis="y", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    every[0].set_ylabel("test accuracy, %")
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=12)
    return Picture(
        figure, f"{title}. Mean over draws, bars of one standard deviation. {'; '.join(heard)}."
    )


def cuts(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy against how many first layers were borrowed: rows of `which_layers`."""
    figure, ax = figures.figure_and_axes(8, 3.6)
    none = table[table.k == 0]  # nothing borrowed: where all lines begin
    kinds = {
        ("pretrained", "trained"): ("borrowed, then all trained", figures.ORANGE, "s"),
        ("pretrained", "fixed"): ("borrowed and fixed, the rest trained", figures.BLUE, "o"),
        ("random", "fixed"): ("random and fixed, the rest trained", figures.PINK, "D"),
    }
    heard = []
    for (first, then), (label, colour, marker) in kinds.items():
        own = table[(table["first"] == first) & (table.then == then) & (table.k > 0)]
        by = 100 * pd.concat([none, own]).groupby("k").accuracy.agg(["mean", "std"])
        ax.errorbar(
            by.index, by["mean"], yerr=by["std"], color=colour, marker=marker, label=label,
            capsize=3,
        )  # fmt: skip
        heard.append(f"{label}: " + ", ".join(f"{v:.1f}" for v in by["mean"]))
    ax.set(
        xticks=range(5), xlabel="how many of the first layers", ylabel="test accuracy, %",
        xticklabels=["none", "1", "1 and 2", "1 to 3", "1 to 4"],
    )  # fmt: skip
    ax.legend(fontsize=9, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set_title(title, fontsize=11)
    return Picture(
        figure,
        f"{title}. Mean accuracy in percent with none, one, two, three and four first layers, bars "
        f"of one standard deviation over draws. {'; '.join(heard)}.",
    )


def sources(table: pd.DataFrame, title: str) -> Picture:
    """Option 1 on networks of other sources: rows of the recorded table `sources`."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    every = figure.subplots(1, 3, sharey=True)
    heard = []
    questions = {"classes": "classes", "images": "images_seen", "style": "style"}
    names = ("number of classes", "number of renders", "style of the renders")
    for ax, (question, column), name in zip(every, questions.items(), names, strict=True):
        rows = table[table.question == question]
        for images, colour, marker in ((10, figures.SKY, "^"), (50, figures.BLUE, "o")):
            own = rows[rows.images == images]
            each = 100 * own.groupby([column, "pretraining"], sort=False).accuracy.mean()
            mean = each.groupby(column, sort=False).mean()
            mean = mean if question == "style" else mean.sort_index()
            place = range(len(mean)) if question == "style" else mean.index
            line = "none" if question == "style" else "-"
            ax.plot(place, mean, marker=marker, color=colour, linestyle=line, label=f"{images}")
            where = dict(zip(mean.index, place, strict=True))
            ax.plot(
                [where[value] for value, _ in each.index], each, ".", color=figures.GREY, alpha=0.7
            )
            said = ", ".join(f"{value:.1f} with {key}" for key, value in mean.items())
            heard.append(f"{name}, {images} labelled digits: {said}")
        if question == "style":
            ax.set_xticks(list(place), [str(key) for key in mean.index])
            ax.set_xlim(-0.4, len(mean) - 0.6)
        else:
            ax.set_xscale("log")
            ax.set_xticks(list(place), [f"{key:,}" for key in mean.index], rotation=30, fontsize=8)
            ax.minorticks_off()
        ax.set(xlabel=name)
        ax.grid(axis="y", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    every[0].set_ylabel("test accuracy, %")
    every[-1].legend(title="labelled digits", frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=12)
    return Picture(
        figure,
        f"{title}. Accuracy of Option 1; grey dots are single pretrainings. {'; '.join(heard)}.",
    )


def steps(table: pd.DataFrame, title: str) -> Picture:
    """What each step gave: rows of the recorded table `push`, a panel a number of images."""
    sizes = sorted(table.images.unique())
    names = list(dict.fromkeys(table.step))[::-1]
    figure = Figure(figsize=(12, 0.36 * len(names) + 1.4), layout="constrained")
    heard = []
    every = figure.subplots(1, len(sizes), squeeze=False, sharey=True)[0]
    for ax, images in zip(every, sizes, strict=True):
        by = 100 * table[table.images == images].groupby("step").accuracy.agg(["mean", "std"])
        by = by.reindex(names)
        ax.errorbar(
            by["mean"], range(len(names)), xerr=by["std"], fmt="o", color=figures.BLUE, capsize=3
        )
        for place, mean in enumerate(by["mean"]):
            ax.annotate(
                f"{mean:.1f}", (mean, place), (0, 5), textcoords="offset points", ha="center",
                fontsize=8,
            )  # fmt: skip
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(-0.5, len(names) - 0.3)
        ax.set_title(f"{images:,} digits", fontsize=10)
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        heard.append(
            f"{images:,} digits: " + ", ".join(f"{n} {by['mean'][n]:.1f}" for n in names[::-1])
        )
    figure.supxlabel("test accuracy, %", fontsize=10)
    figure.suptitle(title, fontsize=12)
    return Picture(
        figure, f"{title}. Mean in percent, bars of one standard deviation. {'; '.join(heard)}."
    )
