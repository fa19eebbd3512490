"""The figures of notebook 05."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tl_course.data.examples import Examples, Target
from tl_course.lessons import curves, figures
from tl_course.lessons.curves import PANELS, over_sizes
from tl_course.lessons.figures import ARMS, GREY, Picture
from tl_course.study import comparing, forgetting


def accuracy(
    recorded: pd.DataFrame,
    title: str,
    arms: Sequence[str] | None = None,
    copies: Sequence[bool] = (False, True),
    live: Sequence[dict] = (),
    prediction: dict[int, float] | None = None,
) -> Picture:
    """`curves.panels` of a sweep, a panel without altered copies and one with, or one of these."""
    rows = comparing.tuned(recorded)[lambda rows: rows.augmented.isin(copies)]
    return curves.panels(rows, title, arms, pd.DataFrame(live) if live else None, prediction)


def ahead(
    recorded: pd.DataFrame,
    one: str,
    others: Sequence[str],
    title: str,
    copies: Sequence[bool] = (False, True),
    least: int = 0,
) -> Picture:
    """How far arm `one` is ahead of each of `others` on the same draws: `curves.ahead`.

    A panel for each, without altered copies and with, from `least` labelled images on.
    """
    rows = comparing.tuned(recorded)[lambda rows: rows.images >= least]
    compared = {}
    for arm, form in itertools.product(others, copies):
        name = f"against {ARMS[arm][0]},\n{PANELS[form]}"
        compared[name] = comparing.paired(rows, (one, form), (arm, form))
    return curves.ahead(compared, title, f"{ARMS[one][0]}:\npoints ahead")


def beside_copies(digits: Examples, altered: Sequence[torch.Tensor]) -> Picture:
    """Each of a few digits, and beside it its altered copies: a tensor `[n, 3, 32, 32]` each."""
    n, of_each = len(digits), len(altered)
    return figures.pictures(
        torch.stack([digits.x, *altered], 1).flatten(0, 1),
        ["the digit", *[""] * of_each] * n,
        f"{n} digits, and {of_each} altered copies of each",
        f"{n} rows: a handwritten digit at the left and {of_each} copies of it beside it, each a "
        "little turned, leaned, stretched and wobbled, all still readable.",
        1 + of_each,
    )


def labels_saved(recorded: pd.DataFrame, arm: str, images: int, copies: bool) -> str:
    """How many labels from scratch equal so many under `arm`, in a sentence."""
    table = comparing.tuned(recorded)
    table = table[table.augmented == copies]
    at = table[(table.arm == arm) & (table.images == images)].accuracy
    labels = comparing.labels_for(table, "scratch", copies, 100 * at.mean())
    needed = f"{labels:,.0f}" if labels else f"more than {table.images.max():,}"
    said = f"{ARMS[arm][0]} with {images} digits gets {100 * at.mean():.1f} of 100 right"
    return f"{PANELS[copies]}, {said}; from scratch that takes {needed}"


def all_labelled(labelled: Examples) -> Picture:
    """All the digits that a network learns from, in the order of their classes."""
    x, names = labelled.x[labelled.y.argsort(stable=True)], labelled.names
    each = f"{len(x) // len(names)} of each, from {names[0]} to {names[-1]}"
    return figures.pictures(
        x, [], f"All {len(x)} that it learns from", f"{len(x)} handwritten digits, {each}."
    )


def fifties(recorded: pd.DataFrame, test: Examples) -> tuple[str, Picture]:
    """How draws of fifty differ under Option 1 with copies, and digits that none gets right."""
    right = comparing.right(comparing.tuned(recorded), "option-1", True, 50).to_numpy()
    often, each = right.mean(0), 100 * right.mean(1)  # of each test digit, of each draw
    facts = (
        f"{len(each)} recorded fifties (with seed 0, yours is one of them): between "
        f"{each.min():.1f} and {each.max():.1f} of 100. {100 * (often == 1).mean():.0f} of 100 "
        f"test digits are read by every one of them, {100 * ((0 < often) & (often < 1)).mean():.0f}"
        f" by some, {100 * (often == 0).mean():.1f} by none."
    )
    never = test[torch.from_numpy((often == 0).nonzero()[0])[:20]]
    labels = [test.names[y] for y in never.y]
    return facts, figures.pictures(
        never.x,
        labels,
        f"None of the {len(each)} fifties was enough for these",
        "Handwritten digits that were read wrong whichever fifty were learnt from: "
        f"{', '.join(labels)}.",
    )


def few_of_each(targets: Iterable[Target], each: int = 10) -> Picture:
    """Some test pictures of each target, in a row."""
    return figures.pictures(
        torch.cat([target.test.x[:: len(target.test) // each][:each] for target in targets]),
        [],
        "Ten letters and ten things, as the network gets them",
        "Two rows: capital letters in several typefaces, a little turned; drawings of things in "
        "several styles, such as line art and colour, on light and dark ground.",
    )


def one_recipe(recorded: pd.DataFrame) -> pd.DataFrame:
    """What one recipe for all reads, and how far it is ahead of tuned settings, as a table."""
    rows = comparing.recipes(recorded)
    rows["form"] = rows.augmented.map(PANELS)
    rows["way"] = [ARMS[arm][0] for arm in rows.arm]
    rows["said"] = [f"{r.fixed:.1f} ({r.ahead:+.1f} ± {r.interval:.1f})" for r in rows.itertuples()]
    return rows.pivot(index=["form", "way"], columns="images", values="said")


def confusion(truth: torch.Tensor, said: torch.Tensor, names: Sequence[str], title: str) -> Picture:
    """How many of each class were called what; the diagonal (right) is left blank."""
    n = len(names)
    wrong = torch.zeros(n, n, dtype=torch.long)
    wrong.index_put_((truth, said), torch.ones_like(truth), accumulate=True).fill_diagonal_(0)
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    ax = figure.subplots()
    ax.imshow(wrong.numpy(), cmap="Blues", vmin=0)
    for i, j in wrong.nonzero().tolist():
        colour = "white" if wrong[i, j] > 0.6 * wrong.max() else "black"
        ax.text(j, i, wrong[i, j].item(), ha="center", va="center", color=colour, fontsize=8)
    ax.set_xticks(range(n), names)
    ax.set_yticks(range(n), names)
    ax.set(xlabel="was called", ylabel="is")
    most = [divmod(place, n) for place in wrong.flatten().argsort(descending=True)[:5].tolist()]
    heard = [f"{names[i]} called {names[j]} {wrong[i, j]} times" for i, j in most]
    i, j = most[0]
    often = f"most often a {names[i]} is called {names[j]}: {wrong[i, j]} times"
    ax.set_title(f"{title};\n{often}", fontsize=11)
    return Picture(figure, f"{title}. Mistakes by class, most frequent: {', '.join(heard)}.")


def confidence(sure: torch.Tensor, right: torch.Tensor, title: str) -> Picture:
    """How sure it was `[n]` where it was right and where it was wrong, and whether to trust it."""
    figure, (how_often, reliable) = _panels(2, 9, 3.2)
    edges = np.linspace(0, 1, 11)
    for which, label, colour in ((right, "right", figures.BLUE), (~right, "wrong", figures.ORANGE)):
        how_often.hist(
            sure[which].numpy(), edges, histtype="step", label=label, color=colour, linewidth=2
        )
    how_often.set(yscale="log", xlabel="how sure it was", ylabel="test digits")
    how_often.legend(frameon=False)
    bins = np.clip(np.digitize(sure.numpy(), edges) - 1, 0, 9)
    reliable.plot([0, 1], [0, 1], ":", color=GREY)
    filled = [bins == b for b in range(10) if (bins == b).sum() >= 10]
    share, middle = ([values.numpy()[b].mean() for b in filled] for values in (right, sure))
    reliable.plot(middle, share, "o-", color=figures.BLUE)
    each = zip(share, middle, strict=True)
    heard = [f"{100 * s:.0f}% right where {100 * m:.0f}% sure" for s, m in each]
    reliable.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="how sure it was", ylabel="share right")
    figure.suptitle(title, fontsize=11)
    return Picture(figure, f"{title}. {'; '.join(heard)}.")


def _panels(
    n: int, width: float, height: float = 3.6, sharey: bool = False
) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    every = figure.subplots(1, n, squeeze=False, sharey=sharey)[0]
    for ax in every:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, every


def _line(
    ax: Axes, rows: pd.DataFrame, by: str, look: tuple[str, str, str], **more
) -> pd.DataFrame:
    """Draws accuracy in % over a column, with bars of one SD over draws; gives `mean`, `std`."""
    label, colour, marker = look
    found = 100 * rows.groupby(by).accuracy.agg(["mean", "std"])
    ax.errorbar(
        found.index, found["mean"], found["std"], color=colour, marker=marker, label=label,
        capsize=3, **more,
    )  # fmt: skip
    return found


def costs(table: pd.DataFrame, title: str) -> Picture:
    """What each option costs as the labels grow: rows of the recorded table `forgetting`.

    Left training and test accuracy, whose distance is the overfitting; right what is left of the
    source task, with one SD over draws, and dashed with the settings of fifty digits.
    """
    every, table = table, comparing.tuned(table)
    control = every.drop(table.index)
    figure, (learnt, left) = _panels(2, 11)
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
        spread = _line(left, table[table.arm == arm], "images", ARMS[arm])["std"]
        for images, row in mean.iterrows():
            heard.append(
                f"{label}, {images:,} digits: training {row.training:.1f}, test {row.test:.1f}, "
                f"things still known {row.accuracy:.0f} ± {spread[images]:.0f}"
            )
    if len(control):
        label = f"Option 2, settings for {forgetting.SMALL_STEPS}"
        look = label, figures.ORANGE, "D"
        found = _line(left, control, "images", look, linestyle="--", markerfacecolor="white")
        heard += [
            f"{label}, {n:,} digits: {row['mean']:.0f} ± {row['std']:.0f}"
            for n, row in found.iterrows()
        ]
    left.axhline(before, color=GREY, linestyle=":", label="before adapting")
    for ax, said in ((learnt, "digits read, %"), (left, "of the 1,000 things, still known, %")):
        over_sizes(ax, sorted(table.images[table.images > 0].unique()))
        ax.set_ylabel(said)
    learnt.legend(frameon=False, fontsize=9)
    left.legend(frameon=False, fontsize=9, ncols=2, loc="upper center")
    left.set_ylim(0, 105)
    figure.suptitle(title, fontsize=12)
    return Picture(figure, f"{title}. Means over draws (± one SD), in percent. {'; '.join(heard)}.")


def by_task(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy of each arm on each task: rows `task`, `each` (images of a class), `arm`, …"""
    names = list(table.task.unique())
    figure, every = _panels(len(names), 4 * len(names) + 2.4, sharey=True)
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
    for (first, then), look in kinds.items():
        own = table[(table["first"] == first) & (table.then == then) & (table.k > 0)]
        mean = _line(ax, pd.concat([none, own]), "k", look)["mean"]
        heard.append(f"{look[0]}: {', '.join(f'{value:.1f}' for value in mean)}")
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
    figure, every = _panels(3, 12, sharey=True)
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
    figure, every = _panels(len(sizes), 12, 0.36 * len(names) + 1.4, sharey=True)
    heard = []
    for ax, images in zip(every, sizes, strict=True):
        by = 100 * table[table.images == images].groupby("step").accuracy.agg(["mean", "std"])
        means, spread = by["mean"].reindex(names), by["std"].reindex(names)
        ax.errorbar(means, range(len(names)), xerr=spread, fmt="o", color=figures.BLUE, capsize=3)
        for place, mean in enumerate(means):
            ax.annotate(
                f"{mean:.1f}", (mean, place), (0, 5), textcoords="offset points", ha="center",
                fontsize=8,
            )  # fmt: skip
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(-0.5, len(names) - 0.3)
        ax.set_title(f"{images:,} digits", fontsize=10)
        ax.grid(axis="x", alpha=0.3)
        heard.append(f"{images:,} digits: {', '.join(f'{n} {means[n]:.1f}' for n in names[::-1])}")
    figure.supxlabel("test accuracy, %", fontsize=10)
    figure.suptitle(title, fontsize=12)
    return Picture(
        figure, f"{title}. Mean in percent, bars of one standard deviation. {'; '.join(heard)}."
    )
