"""Figures of notebook 07: what a published network names, where to cut it, and who is ahead."""

import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from tl_course.data.examples import Target, draw
from tl_course.data.inputs import scaled
from tl_course.lessons import figures
from tl_course.lessons.figures import BLUE, GREEN, GREY, ORANGE, PINK, SKY, Picture, mean_line
from tl_course.lessons.n07_published_networks import words
from tl_course.lessons.n07_published_networks.experiments import CUT_NAMES, LITE0, best

TARGETS = {
    "digits": "handwritten digits",
    "drawings": "drawings never seen",
    "photographs": "pieces of photographs",
}
WINS = ("digits", "digits, photographs", "photographs", "drawings, photographs", "everywhere")
STYLES = {  # arm: (what it is called, colour, marker)
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


def photographs(pictures: torch.Tensor) -> Picture:
    """Photographs `[n, 3, h, w]`, 0 … 1, in a row."""
    names = [f"photograph {number + 1}" for number in range(len(pictures))]
    alt = "Two photographs: a tower with many roofs by a lake, and an orange flower of many petals."
    return figures.pictures(scaled(pictures), names, "Two photographs", alt, len(pictures), 3.2)


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
        likeliest = own.topk(5)
        called = [names[i] for i in likeliest.indices.tolist()]
        bars = axes[1, column].barh(range(5), 100 * likeliest.values, color=BLUE)
        axes[1, column].bar_label(bars, fmt="%.0f%%", padding=3, fontsize=9)
        axes[1, column].set_yticks(range(5), called)
        axes[1, column].invert_yaxis()
        axes[1, column].set(xlim=(0, 108), xlabel="how sure it is, %")
        axes[1, column].spines[["top", "right"]].set_visible(False)
        heard.append(
            f"photograph {column + 1}: "
            + ", ".join(
                f"{n} {100 * v:.0f}%" for n, v in zip(called, likeliest.values, strict=True)
            )
        )
    return figures.finished(figure, title, heard, "The five likeliest of 1,000 names:")


def classes(targets: Mapping[str, Target], seed: int) -> Picture:
    """One labelled picture of each class of every target, a row a target."""
    size = max(target.pool.x.shape[-1] for target in targets.values())
    shown, captions, told = [], [], []
    for name, target in targets.items():
        ten = draw(target.pool, 10, seed)
        shown.append(F.interpolate(ten.x, (size, size)))
        names = [ten.names[label] for label in ten.y]
        captions += [textwrap.fill(called, 15) for called in names]
        told.append(f"{TARGETS[name]}: {', '.join(names)}")
    title = "Ten classes each: " + ", ".join(TARGETS[name] for name in targets)
    alt = f"Three rows of ten pictures. {'; '.join(told)}."
    return figures.pictures(torch.cat(shown), captions, title, alt, cell=1.15)


def downloaded_wins(table: pd.DataFrame) -> str:
    """For which targets ImageNet's network is ahead of yours at its best cut, rows of `cuts`."""
    percent = table.groupby(["target", "net", "size", "cut"]).accuracy.mean()
    ahead = []
    for name in TARGETS:
        at = best(table, name)
        if percent[name, LITE0, at["size"], at["cut"]] > percent[name, "own"].max():
            ahead.append(name)
    return "everywhere" if len(ahead) == len(TARGETS) else ", ".join(ahead)


def where_to_cut(table: pd.DataFrame, title: str) -> Picture:
    """Rows of `experiments.cuts`: accuracy by cut, a panel a target, a line a size."""
    table = table.sort_values("cut", key=lambda cuts: cuts.map(CUT_NAMES.index), kind="stable")
    panels = {}
    for name, called in TARGETS.items():
        own, theirs = (table[(table.target == name) & (table.net == net)] for net in ("own", LITE0))
        panels[called] = {
            "your five layers": figures.level(100 * own.accuracy.mean(), ("black", "", "--"))
        } | {
            f"{size}×{size} pixels": mean_line(group, "cut", (*SIZES.get(size, (PINK, "x")), "-"))
            for size, group in theirs.groupby("size")
        }
    labels, said = ("borrowed up to", "test accuracy, %"), "{x} {y:.0f}"
    told = "Option 1 with fifty labelled pictures, by where the ImageNet network is cut."
    return figures.chart(
        panels, title, *labels, said=said, told=told, look=figures.Look(size=(14.5, 4.2))
    )


def arms(table: pd.DataFrame, title: str) -> Picture:
    """Rows of `experiments.finals`: every arm, a panel a target."""
    panels = {
        called: {arm: 100 * own.accuracy for arm, own in table[table.target == name].groupby("arm")}
        for name, called in TARGETS.items()
        if name in set(table.target)
    }
    return figures.dots(panels, STYLES, title, "test accuracy, %", xlim=(0, 103))


def size_and_time(table: pd.DataFrame, times: Sequence[dict], title: str) -> Picture:
    """Accuracy at the cut that validation chose for each size, against the time for one picture."""
    figure, (ax,) = figures.in_a_row(1, 8, 4)
    heard = []
    spent = pd.DataFrame(times).set_index(["net", "size"]).milliseconds
    looks = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"))
    for (name, called), (colour, marker) in zip(TARGETS.items(), looks, strict=True):
        rows = table[(table.target == name) & (table.net == LITE0)]
        points, said = [], []
        for size, group in rows.groupby("size"):
            cut = group.loc[group.validation.idxmax()].cut
            x, y = spent[LITE0, size], 100 * group[group.cut == cut].accuracy.mean()
            points.append((x, y))
            ax.annotate(f"{size}", (x, y), (4, 5), textcoords="offset points", fontsize=8)
            said.append(f"{size} pixels ({cut}) {y:.0f} in {x:.1f} ms")
        ax.plot(*zip(*points, strict=True), color=colour, marker=marker, label=called)
        own = 100 * table[(table.target == name) & (table.net == "own")].accuracy.mean()
        ax.plot(spent["own", 32], own, marker, color=colour, markerfacecolor="white", markersize=9)
        at = f"your five layers {own:.0f} in {spent['own', 32]:.2f} ms"
        heard.append(f"{called}: {', '.join(said)}; {at}")
    ax.set_xscale("log")
    ticks = [t for t in TICKS if 0.7 * spent.min() <= t <= 1.5 * spent.max()]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_xlabel("milliseconds for one picture, all layers, on this machine")
    ax.set_ylabel("test accuracy, %")
    ax.legend(frameon=False, title="filled: ImageNet, its side in pixels\nopen: your five layers")
    return figures.finished(figure, title, heard)


def readers(table: pd.DataFrame, title: str) -> Picture:
    """Rows of `words.words`: accuracy against labelled names, a line an arm."""
    lines = {
        words.CALLED[arm]: mean_line(table[table.arm == arm], "images", (*look, "-"))
        for arm, look in READERS.items()
    }
    labels = ("labelled names", "test accuracy, %")
    return figures.chart({"": lines}, title, *labels, look=figures.Look(ylim=(0, 100), log=True))


def sorted_right(table: pd.DataFrame, images: int) -> dict[str, float]:
    """How many of 100 names BERT's descendant (Option 1) and counting sort right: `words.words`."""
    mean = 100 * table[table.images == images].groupby("arm").accuracy.mean()
    return {words.CALLED[arm]: float(mean[arm]) for arm in ("bert-option-1", "ngrams")}


def shared_right(table: pd.DataFrame) -> dict[str, float]:
    """How many of 100 digits are right from each start of `experiments.lineage`."""
    mean = 100 * table.groupby("arm").accuracy.mean()
    return {called: float(mean[arm]) for arm, (called, _, _) in reversed(SHARED.items())}


def shared(table: pd.DataFrame, title: str) -> Picture:
    """Rows of `experiments.lineage`."""
    every = {arm: 100 * own.accuracy for arm, own in table.groupby("arm")}
    return figures.dots({"": every}, SHARED, title, "test accuracy with fifty labelled digits, %")
