"""The figures that several lessons draw, each with alt text.

A function here draws what it is given and returns a `Picture`.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from tl_course.core import network
from tl_course.data.inputs import to_picture
from tl_course.lessons.drawing import (
    BLUE,
    COLOURS,
    GREY,
    ORANGE,
    SKY,
    Line,
    Picture,
    filter_pictures,
    finished,
    image,
    in_a_row,
    legend,
    level,
    mosaic,
    of_arms,
    text_colour,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BESIDE = 4  # bars side by side; more of them cannot be read on a phone


def pictures(
    x: torch.Tensor,
    titles: Sequence[str],
    title: str,
    alt: str,
    columns: int = 10,
    cell: float = 1.0,
) -> Picture:
    """Inputs `[n, 3, h, w]` in rows of `columns`, each with its caption above it."""
    rows = -(-len(x) // columns)
    lines = max((caption.count("\n") + 1 for caption in titles if caption), default=0)
    size = (columns * cell, rows * (cell + 0.22 * lines))
    figure = Figure(figsize=size, layout="constrained")
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, picture, caption in itertools.zip_longest(every, to_picture(x), titles[: len(x)]):
        ax.set_axis_off()
        if picture is not None:
            image(ax, picture)
            ax.set_title(caption or "", fontsize=8, pad=3)
    figure.suptitle(title, fontsize=11)
    return Picture(figure, alt)


def sheets(
    every: dict[str, torch.Tensor], title: str, alt: str, width: float = 9, across: int = 1
) -> Picture:
    """Sheets `[3, h, w]`, 0 … 1, by name: below each other, or with `across` in each row."""
    tallest = max(sheet.shape[1] / sheet.shape[2] for sheet in every.values())
    down, named = -(-len(every) // across), 0.25 * any(every)
    size = (width, down * (width / across * tallest + named) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax, (name, sheet) in zip(axes, every.items(), strict=True):
        image(ax, sheet)
        ax.set_title(name, fontsize=9, loc="left", pad=3)
    figure.suptitle(title, fontsize=11)
    return Picture(figure, alt)


def filters(
    weights: dict[str, torch.Tensor],
    title: str,
    alt: str,
    columns: int = 16,
    cell: float = 0.5,
    across: int = 1,
) -> Picture:
    """Filters of layer 1 `[32, 3, k, k]` as small colour pictures, one sheet for each entry.

    The sheets are below each other, or with `across` in each row.
    """
    every = {name: mosaic(filter_pictures(w), columns, 6, gap=6) for name, w in weights.items()}
    return sheets(every, title, alt, across * columns * cell, across)


def architecture(n_classes: int = 1000, frozen: int = 0, new_output: bool = False) -> Picture:
    """The five layers and the shape of the tensor between them; frozen layers are hatched."""
    depth = [network.CHANNELS, *network.WIDTHS]
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    ax = figure.subplots()
    ax.set_axis_off()
    ax.set(xlim=(-0.6, 10.7), ylim=(-1.75, 1.9))
    outputs = (network.N_FEATURES + 1) * n_classes
    for i, channels in enumerate(depth):
        size, x = network.SIZE // 2**i, 2 * i
        height, width = 0.35 + size / 32 * 2.2, 0.25 + channels / 256 * 0.9
        corner = (x - width / 2, -height / 2)
        ax.add_patch(Rectangle(corner, width, height, facecolor=SKY, alpha=0.6))
        ax.text(x, height / 2 + 0.08, f"{channels}×{size}×{size}", ha="center", fontsize=9)
        if i < 4:
            kernel = network.KERNELS[i]
            n = channels * depth[i + 1] * kernel**2 + depth[i + 1]
            what = f"{kernel}×{kernel} filters,\nReLU, pool"
        else:
            n, what = outputs, "output layer"
        state, colour, dash = "", "black", "-"
        if i < frozen:
            state, colour, dash = "frozen", BLUE, "--"
        elif i == 4 and new_output:
            state, colour = "new", ORANGE
        look = {"arrowstyle": "-|>", "mutation_scale": 14, "linewidth": 2, "linestyle": dash}
        ends = (x + width / 2 + 0.05, 0), (x + 1.45, 0)
        ax.add_patch(FancyArrowPatch(*ends, **look, color=colour))
        label = f"$W^{i + 1}, b^{i + 1}$\n{what}\n{n:,} numbers\n{state}"
        ax.text(
            x + 0.95,
            -1.3,
            label,
            ha="center",
            va="center",
            fontsize=8.5,
            color=text_colour(colour),
        )
    ax.text(10, 0, f"{n_classes:,}\nscores", ha="center", va="center", fontsize=9)
    title = "Five layers"
    if new_output:
        title = f"The surgery: 1,000 units off, {n_classes} on; {outputs:,} new numbers"
    ax.set_title(title, fontsize=12)
    described = (f" W1 to W{frozen} are frozen (dashed)." if frozen else "") + (
        f" The output layer is new and has {outputs:,} numbers." if new_output else ""
    )
    return Picture(
        figure,
        "Diagram: a picture of 3×32×32 numbers passes through four convolutional layers, becoming "
        "32×16×16, 64×8×8, 128×4×4 and 256×2×2, and an output layer turns those 1,024 numbers "
        f"into {n_classes:,} scores.{described}",
    )


def training_curve(
    step: Sequence[int], loss: Sequence[float], n_steps: int, n_classes: int = 1000
) -> Picture:
    """The loss so far against steps, with the level of pure guessing."""
    figure, (ax,) = in_a_row(1, 7.5, 3)
    ax.plot(step, loss, color=BLUE, linewidth=2)
    guessing = math.log(n_classes)
    ax.axhline(guessing, color=GREY, linestyle=":")
    ax.text(n_steps, guessing, "pure guessing ", ha="right", va="top", color=GREY, fontsize=9)
    ax.set(xlim=(0, n_steps), ylim=(0, guessing * 1.12), xlabel="steps", ylabel="loss")
    now = f"loss {loss[-1]:.2f} after {step[-1]:,} of {n_steps:,} steps" if step else "no step yet"
    ax.set_title(f"Training: {now}", fontsize=11)
    return Picture(figure, f"Training loss against steps: {now}; guessing would be {guessing:.1f}.")


def _in_words(x: str | float) -> str:
    """A place on the x axis as people write it, with commas and without exponents."""
    if isinstance(x, str):
        return x
    if isinstance(x, float) and 0 < abs(x) < 1e-4:
        return np.format_float_positional(x, trim="-")
    return f"{x:,}" if isinstance(x, int) else f"{x:,g}"


@dataclass(frozen=True)
class ChartStyle:
    """How a chart is drawn.

    `log` makes the x axis logarithmic. `beside` is the distance between lines drawn side by side,
    for which the values of x are evenly spaced. With `written`, each y is printed at the bottom.
    `bands` replace error bars, and `dress` is called with the axes of each panel.
    """

    ylim: tuple[float | None, float | None] | None = None
    log: bool = False
    beside: float = 0
    bands: bool = False
    written: bool = False
    sharey: bool = True
    size: tuple[float, float] | None = None
    legend_title: str | None = None
    legend: bool = True  # False if the lines are explained elsewhere
    dress: Callable[[Axes], None] | None = None


def chart(
    panels: dict[str, dict[str, Line]],
    title: str,
    xlabel: str,
    ylabel: str,
    value_text: str | Sequence[str] = "{y:.3g} at {x}",
    description: str = "",
    look: ChartStyle = ChartStyle(),  # noqa: B008 it is frozen
) -> Picture:
    """Lines by name in a panel for each title; most figures of accuracy are drawn with it.

    The alt text has the title, the `description` (by default what is drawn against what), and each
    point as `value_text` formats it. Of more than nine, it has the first and the last. `value_text`
    may also be the sentences themselves.
    """
    n = len(panels)
    figure, every = in_a_row(n, *(look.size or (4 * n + 3.5, 3.6)), sharey=look.sharey)
    point, beside = value_text if isinstance(value_text, str) else "", look.beside
    spoken = []
    for ax, (name, lines) in zip(every, panels.items(), strict=True):
        places = [x for line in lines.values() for x in line.x]
        words = bool(places) and isinstance(places[0], str)
        places = list(dict.fromkeys(places)) if words else sorted(set(places))
        labels = list(map(_in_words, places))
        spaced = words or bool(beside)
        dodged = [label for label, line in lines.items() if len(line.x)]
        for k, (label, line) in enumerate(lines.items()):
            colour, marker, dash = line.look or (COLOURS[k % 6], "osD^xv"[k % 6], "-")
            called = ", ".join(filter(None, [name, label]))
            if label not in dodged:
                ax.axhline(line.y[0], color=colour, linestyle=dash, label=label)
                spoken.append(f"{called}: {line.y[0]:.3g}")
                continue
            aside = beside * (dodged.index(label) - (len(dodged) - 1) / 2)
            at = {x: places.index(x) + aside if spaced else x for x in line.x}
            place, style = list(at.values()), {"color": colour, "marker": marker}
            single = [at.get(x, x) for x in line.single[0]], line.single[1]
            ax.plot(
                *single, **style, linestyle="none", markersize=5, markerfacecolor="white", zorder=3
            )
            ax.errorbar(
                place, line.y, yerr=None if look.bands else line.error, **style, linestyle=dash,
                label=label, capsize=3, markevery=max(1, len(line.x) // 8),
            )  # fmt: skip
            if look.bands and line.error is not None:
                low, high = np.add(line.y, np.outer((-1, 1), line.error))
                ax.fill_between(place, low, high, color=colour, alpha=0.15, linewidth=0)
            for x, y in zip(place, line.y, strict=True) if look.written else ():
                ax.text(x, 2, f"{y:.0f}", ha="center", fontsize=8, color=text_colour(colour))
            points = [
                point.format(x=_in_words(x), y=y)
                for x, y in zip(line.x, line.y, strict=True)
                if y == y
            ]
            few = ", ".join(points) if len(points) < 10 else f"{points[0]} to {points[-1]}"
            spoken.append(f"{called}: {few}" if called else few)
        if look.log:
            ax.set_xscale("log")
        if spaced or len(places) <= 10:
            crowded = sum(map(len, labels)) > 45 or len(labels) > 9
            turned = {"rotation": 60, "ha": "right"} if crowded else {}
            ax.set_xticks(range(len(places)) if spaced else places, labels, **turned)
            ax.minorticks_off()
        if spaced and places:
            ax.set_xlim(-0.5, len(places) - 0.5)
        ax.set_title(name, fontsize=10)
        ax.set_xlabel(xlabel)
        ax.grid(axis="y", alpha=0.3)
        if look.ylim:
            ax.set_ylim(look.ylim)
        if look.dress:
            look.dress(ax)
    every[0].set_ylabel(ylabel)
    if look.legend and any(len(lines) > 1 for lines in panels.values()):
        legend(figure, title=look.legend_title)
    spread = any(line.error is not None for lines in panels.values() for line in lines.values())
    means = f", means with {'bands' if look.bands else 'bars'} of one standard deviation"
    description = description or f"{ylabel} against {xlabel}{means if spread else ''}."
    return finished(figure, title, spoken if point else value_text, description)


def accuracies(
    table: Sequence[dict], title: str, arms: Sequence[str] | None = None, at: str = "test"
) -> Picture:
    """Accuracy of each arm at each number of images: the mean over draws, with bars of one SD.

    `table` has rows with `arm`, `images` and `accuracy` (0 … 1), one for each draw.
    """
    import pandas as pd

    rows = pd.DataFrame(table)
    draws = rows.groupby(["arm", "images"]).size().max()
    lines = {**of_arms(rows, "images", arms, "none"), "guessing": level(10)}
    labels, style = ("labelled images", f"{at} accuracy, %"), {"beside": 0.13, "written": True}
    description = f"Mean accuracy over up to {draws} draws with bars of one standard deviation."
    value_text = "{y:.1f}% at {x}"
    look = ChartStyle(ylim=(0, 102), **style)
    return chart({"": lines}, title, *labels, value_text, description, look)


def bars(
    values: dict[str, float],
    title: str,
    ylabel: str,
    colours: Sequence[str] | None = None,
    show: Callable[[float], str] = "{:.3g}".format,
    spread: dict[str, float] | None = None,
) -> Picture:
    """A bar for each name, with its value at the end; `spread` gives some of them a bar of one SD.

    More than `BESIDE` bars are drawn below each other, so that they can be read on a phone.
    """
    lying, spread, n = len(values) > BESIDE, spread or {}, len(values)
    size = (4.2, 0.5 * n + 1) if lying else (max(4.5, 1.7 * n), 3.2)
    figure, (ax,) = in_a_row(1, *size)
    ends = {name: value + spread.get(name, 0) for name, value in values.items()}
    room = 0.02 * max(ends.values())
    errors = [spread.get(name, np.nan) for name in values] if spread else None
    draw, error, thick = (ax.barh, "xerr", "height") if lying else (ax.bar, "yerr", "width")
    draw(
        list(values), list(values.values()), color=colours or BLUE, capsize=5,
        **{error: errors, thick: 0.6},
    )  # fmt: skip
    heard = []
    for i, (name, value) in enumerate(values.items()):
        at = (ends[name] + room, i) if lying else (i, ends[name] + room)
        look = {"ha": "left", "va": "center"} if lying else {"ha": "center"}
        ax.text(*at, show(value), **look, fontsize=9)
        sd = f" ± {show(spread[name])}" if name in spread else ""
        heard.append(f"{' '.join(name.split())}: {show(value)}{sd}")
    of_bars = "error bars: one standard deviation over draws" if spread else ""
    if lying:
        ax.set(xlim=(0, 57.5 * room), ylim=(n - 0.5, -0.5))
        ax.set_xlabel("\n".join(filter(None, (ylabel, of_bars))), fontsize=9)
        title = textwrap.fill(title, 44)
    else:
        ax.set(ylabel=ylabel, ylim=(0, 57.5 * room))
        ax.set_xlabel(of_bars, fontsize=9)
    what = f"Bars of {ylabel}{' (± one SD over draws)' if spread else ''}"
    return finished(figure, title, [", ".join(heard)], f"{what}:")


def dots(
    panels: dict[str, dict[str, Sequence[float]]],
    looks: dict[str, tuple[str, str, str]],
    title: str,
    xlabel: str,
    show: Callable[[float], str] = "{:.1f}".format,
    xlim: tuple[float, float] | None = None,
    over: str = "draws",
) -> Picture:
    """A dot for each draw, and their mean with one SD; a row for each arm, a panel for each title.

    If the dots are not draws, `over` says what they are. `panels` has the values by title and by
    key of `looks`. The entries of `looks` are (label, colour, marker), from the top.
    """
    shown = [arm for arm in looks if any(len(values.get(arm, ())) for values in panels.values())]
    size = (5.5 + 2.75 * len(panels), 0.45 * len(shown) + 1.3)
    figure, every = in_a_row(len(panels), *size, sharey=True)
    heard = []
    for ax, (name, values) in zip(every, panels.items(), strict=True):
        for place, arm in enumerate(shown):
            label, colour, marker = looks[arm]
            draws = np.asarray(values.get(arm, ()), float)
            if not len(draws):
                continue
            mean, spread = draws.mean(), draws.std(ddof=1) if len(draws) > 1 else 0.0
            ax.plot(
                draws, place + np.linspace(-0.18, 0.18, len(draws)), ".", color=colour, alpha=0.5
            )
            ax.errorbar(mean, place, xerr=spread, fmt=marker, color=colour, capsize=3, markersize=8)
            ax.annotate(
                show(mean), (mean, place), (0, 7), textcoords="offset points", ha="center",
                fontsize=9,
            )  # fmt: skip
            heard.append(f"{name and name + ', '}{label}: {show(mean)} ± {show(spread)}")
        ax.set_title(name, fontsize=10)
        ax.set(xlabel=xlabel, xlim=xlim, ylim=(len(shown) - 0.4, -0.7))
        ax.grid(axis="x", alpha=0.3)
    every[0].set_yticks(range(len(shown)), [looks[arm][0] for arm in shown])
    return finished(figure, title, heard, f"{xlabel}: mean ± one SD over {over}.")


def banner(net: network.FiveLayerNet, renders: torch.Tensor, table: Sequence[dict]) -> Picture:
    """The course in one picture: drawings, the filters of layer 1, and the accuracy on digits."""
    import pandas as pd

    figure = Figure(figsize=(12, 2.7), layout="constrained")
    seen, looks, good = figure.subfigures(1, 3, width_ratios=[1, 1, 1.35])
    seen.suptitle("1. It sees drawings of 1,000 things", fontsize=11)
    image(seen.subplots(), mosaic(to_picture(renders[:32]), 8, gap=4))
    looks.suptitle("2. Its first layer finds edges", fontsize=11)
    image(looks.subplots(), mosaic(filter_pictures(net.layer1.weight), 8, 6, gap=6))
    good.suptitle("3. It reads handwritten digits after a few examples", fontsize=11)
    ax = good.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    heard = []
    arms = ("option-1", "option-2", "scratch", "random-frozen")
    for label, line in of_arms(pd.DataFrame(table), "images", arms).items():
        colour, marker, _ = line.look
        ax.errorbar(
            line.x, line.y, yerr=line.error, color=colour, marker=marker, capsize=3, label=label
        )
        each = (f"{mean:.0f}% at {n}" for n, mean in zip(line.x, line.y, strict=True))
        heard.append(f"{label} {', '.join(each)}")
    ax.set(
        xscale="log",
        xlabel="labelled digits, without altered copies of them",
        ylabel="test accuracy, %",
        ylim=(35, 100),
    )
    ax.set_xticks(line.x, [f"{n:,}" for n in line.x])
    ax.minorticks_off()
    ax.legend(fontsize=8, frameon=False, loc="lower right")
    return Picture(
        figure,
        "Three panels. First: 32 small renders of drawings. Second: the 32 filters of layer 1, most"
        " of them edges and bars. Third: accuracy on handwritten digits against the number of "
        f"labelled digits: {'; '.join(heard)}.",
    )
