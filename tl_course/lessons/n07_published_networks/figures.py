"""Figures of notebook 07: what a published network names, where to cut it, and who is ahead."""

import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from tl_course.data.examples import Target, draw
from tl_course.data.inputs import scaled
from tl_course.lessons import drawing, figures
from tl_course.lessons.drawing import BLUE, GREEN, GREY, ORANGE, PINK, SKY, Picture, mean_line
from tl_course.lessons.n07_published_networks import words
from tl_course.lessons.n07_published_networks.experiments import CUT_NAMES, LITE0, STARTS

TARGETS = {
    "digits": "handwritten digits",
    "drawings": "unseen drawings",
    "photographs": "pieces of photographs",
}
STYLES = {  # arm: (label, colour, marker)
    "lite0-option-1": ("ImageNet, best cut, Option 1", ORANGE, "s"),
    "lite0-option-2": ("ImageNet, best cut, Option 2", ORANGE, "^"),
    "lite0-last": ("ImageNet, last features, Option 1", SKY, "v"),
    "random-lite0": ("the same network, frozen random weights", PINK, "D"),
    "own-option-1": ("your five layers, Option 1", BLUE, "o"),
    "own-option-2": ("your five layers, Option 2", BLUE, "<"),
    "scratch": ("five layers from scratch", GREEN, "^"),
    "random-frozen": ("five layers, frozen random weights", PINK, "d"),
    "classical": ("no network (SVM on pixels)", GREY, "x"),
}
TARGET_LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"))  # in the order of TARGETS
READERS = {
    "bert-option-2": (ORANGE, "s"),
    "bert-option-1": (BLUE, "o"),
    "ngrams": (GREY, "x"),
    "own-option-1": (SKY, "v"),
    "scratch": (GREEN, "^"),
    "bert-random": (PINK, "D"),
    "random-frozen": ("black", "."),
}
LOOKS = {
    "digits": (ORANGE, "s"),
    "shipped": (BLUE, "o"),
    "letters": (PINK, "D"),
    "scratch": (GREEN, "^"),
}
SHARED = {arm: (STARTS[arm], *look) for arm, look in LOOKS.items()}


def photographs(pictures: torch.Tensor) -> Picture:
    """Photographs `[n, 3, h, w]`, 0 … 1, in a row."""
    names = [f"photograph {number + 1}" for number in range(len(pictures))]
    alt = "Two photographs: a tower with many roofs by a lake, and an orange flower of many petals."
    return figures.pictures(scaled(pictures), names, "Two photographs", alt, len(pictures), 3.2)


def plot_named(
    pictures: Sequence[torch.Tensor], scores: torch.Tensor, names: Sequence[str]
) -> Picture:
    """Photographs `[3, h, w]`, 0 … 1, each with its five likeliest names by `scores` `[n, k]`."""
    probabilities = scores.softmax(1)
    figure = Figure(figsize=(4 * len(pictures), 4.6), layout="constrained")
    values = []
    axes = figure.subplots(2, len(pictures), height_ratios=(1.6, 1))
    for column, (picture, of_names) in enumerate(zip(pictures, probabilities, strict=True)):
        drawing.image(axes[0, column], picture)
        likeliest = of_names.topk(5)
        called = [names[i] for i in likeliest.indices.tolist()]
        bars = axes[1, column].barh(range(5), 100 * likeliest.values, color=BLUE)
        axes[1, column].bar_label(bars, fmt="%.0f%%", padding=3, fontsize=9)
        axes[1, column].set_yticks(range(5), called)
        axes[1, column].invert_yaxis()
        axes[1, column].set(xlim=(0, 108), xlabel="probability, %")
        axes[1, column].spines[["top", "right"]].set_visible(False)
        values.append(
            f"photograph {column + 1}: "
            + ", ".join(
                f"{n} {100 * v:.0f}%" for n, v in zip(called, likeliest.values, strict=True)
            )
        )
    best = " and ".join(f"“{names[i]}”" for i in scores.argmax(1).tolist())
    title = f"Its likeliest names: {best}"
    return drawing.finished(figure, title, values, f"The five likeliest of {len(names):,} names:")


def classes(targets: Mapping[str, Target], seed: int, each: int = 5) -> Picture:
    """A labelled picture of some classes of each target, with a row for each target."""
    size = max(target.pool.x.shape[-1] for target in targets.values())
    every, captions, values = [], [], []
    for name, target in targets.items():
        ten = draw(target.pool, 10, seed)
        every.append(F.interpolate(ten.x[:each], (size, size)))
        names = [ten.names[label] for label in ten.y[:each]]
        captions += [textwrap.fill(label, 18) for label in names]
        values.append(f"{TARGETS[name]}: {', '.join(names)}")
    title = "Three targets, some of the ten classes of each"
    alt = f"{title}, a row for each target. {'; '.join(values)}."
    return figures.pictures(torch.cat(every), captions, title, alt, each, 1.5)


def where_to_cut(table: pd.DataFrame) -> Picture:
    """Accuracy by cut, with a line for each target: rows of `experiments.at_best_size`.

    A horizontal line in the same colour is the accuracy of your own five layers.
    """
    table = table.sort_values("cut", key=lambda cuts: cuts.map(CUT_NAMES.index), kind="stable")
    lines, levels = {}, {}
    for name, (colour, marker) in zip(TARGETS, TARGET_LOOKS, strict=True):
        rows = table[table.target == name]
        lines[TARGETS[name]] = mean_line(rows[rows.net == LITE0], "cut", (colour, marker, "-"))
        yours = 100 * rows[rows.net == "own"].accuracy.mean()
        levels[f"{name}, your five layers"] = drawing.level(yours, (colour, "", "--"))
    title = "Digits and drawings: best cut in the middle; photographs: late or not at all"
    labels, value_text = ("layers kept up to", "test accuracy, %"), "{x} {y:.0f}"
    description = (
        "Option 1 with fifty labelled pictures, by where ImageNet's network is cut; dashed levels "
        "are your own five layers."
    )
    look = figures.ChartStyle(size=(8.5, 4.4), ylim=(0, 100))
    return figures.chart(
        {"": lines | levels},
        title,
        *labels,
        value_text=value_text,
        description=description,
        look=look,
    )


def plot_finals(table: pd.DataFrame, target: str) -> Picture:
    """The accuracy of every arm on one target: rows of `experiments.finals`."""
    rows = table[table.target == target]
    every = {arm: 100 * draws.accuracy for arm, draws in rows.groupby("arm")}
    best = max(every, key=lambda arm: every[arm].mean())
    title = f"{TARGETS[target].capitalize()}: best with {STYLES[best][0]}"
    return figures.dots({"": every}, STYLES, title, "test accuracy, %", xlim=(0, 103))


def size_and_time(percent_right: pd.DataFrame, times: Sequence[dict]) -> Picture:
    """Accuracy (`experiments.by_size`) and measured time against the side of a picture."""
    figure, (right, spent) = drawing.in_a_row(2, 8.5, 3.8)
    values = []
    for (name, label), (colour, marker) in zip(TARGETS.items(), TARGET_LOOKS, strict=True):
        accuracies = percent_right[name].rename("{}".format)
        right.plot(accuracies.index, accuracies, color=colour, marker=marker, label=label)
        values.append(f"{label} " + ", ".join(f"{y:.0f} at {x}" for x, y in accuracies.items()))
    milliseconds = pd.DataFrame(times).set_index(["net", "size"]).milliseconds
    imagenet, yours = milliseconds[LITE0], milliseconds["own"].iloc[0]
    spent.plot(
        [f"{size}" for size in imagenet.index], imagenet, "-s", color="black", label="ImageNet"
    )
    spent.axhline(yours, color=GREY, linestyle="--", label="your five layers, 32 pixels")
    values.append(
        "milliseconds per picture on this machine "
        + ", ".join(f"{y:.1f} at {x}" for x, y in imagenet.items())
        + f", your five layers {yours:.2f}"
    )
    right.set(ylabel="test accuracy, %", ylim=(0, 100))
    spent.set(ylabel="milliseconds per picture, all layers", ylim=(0, None))
    for ax in (right, spent):
        ax.set_xlabel("side of a picture, pixels")
        ax.legend(frameon=False, fontsize=9)
    return drawing.finished(
        figure, "More pixels help up to 112; beyond that they only cost time", values
    )


def readers(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy against labelled names, with a line for each arm: rows of `words.words_rows`."""
    lines = {
        words.CALLED[arm]: mean_line(table[table.arm == arm], "images", (*look, "-"))
        for arm, look in READERS.items()
    }
    labels = ("labelled names", "test accuracy, %")
    return figures.chart(
        {"": lines}, title, *labels, look=figures.ChartStyle(ylim=(0, 100), log=True)
    )


def plot_lineage(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy with each shared network, and from scratch: rows of `experiments.lineage_rows`."""
    every = {arm: 100 * rows.accuracy for arm, rows in table.groupby("arm")}
    return figures.dots({"": every}, SHARED, title, "test accuracy with fifty labelled digits, %")
