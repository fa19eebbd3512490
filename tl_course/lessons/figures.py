"""Every figure of the course, each with alt text.

A function here draws what it is given and returns a `Picture`: a PNG that carries the sentence a
blind learner hears. Figures are made without pyplot, whose global state callbacks would corrupt.
Colours are Okabe and Ito's, which colour-blind people can tell apart; markers differ as well.
"""

from __future__ import annotations

import base64
import html
import io
import itertools
import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image

from tl_course.base import storage
from tl_course.core import network
from tl_course.data.inputs import to_picture
from tl_course.data.sources.emoji_images import contact_sheet

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, PINK, GREY, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#6E6E6E", "#56B4E9"
)  # fmt: skip
COLOURS = (BLUE, ORANGE, GREEN, PINK, GREY, SKY)  # in this order where none are given
STYLES = {  # arm: (what it is called, colour, marker)
    "option-1": ("Option 1 (frozen)", BLUE, "o"),
    "option-2": ("Option 2 (fine-tuned)", ORANGE, "s"),
    "scratch": ("from scratch", GREEN, "^"),
    "random-frozen": ("random frozen", PINK, "D"),
    "output-first": ("output layer first, then all", SKY, "v"),
    "classical": ("no network", GREY, "x"),
}
DPI = 110
BESIDE = 4  # bars; with more of them a figure as wide as a phone cannot be read
READABLE = 4.5  # to 1: the least contrast of text (Web Content Accessibility Guidelines 2)


def url_of(picture: Image.Image, kind: str = "PNG", **how) -> str:
    """A picture as a URL that HTML can hold; `how` it is saved goes to Pillow."""
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


class Picture:
    """A PNG with alt text; shown as HTML, so that the alt text arrives in every kind of notebook.

    Raises ValueError without alt text: a figure that cannot be heard is not finished.
    """

    kind = "png"
    caption = ""  # HTML below it

    def __init__(self, image: Figure | Image.Image, alt: str):
        if not alt.strip():
            raise ValueError("A picture needs alt text that says what is to be seen.")
        self.alt = " ".join(alt.split())
        file = io.BytesIO()
        if isinstance(image, Figure):
            image.savefig(file, format="png", dpi=DPI, bbox_inches="tight", facecolor="white")
        else:
            image.save(file, "PNG")
        self.data = self.png = file.getvalue()  # what is shown, and a still picture
        self.width = Image.open(file).width

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        data = base64.b64encode(self.data).decode()
        return {
            "text/html": f'<img alt="{html.escape(self.alt, quote=True)}" width="{self.width}" '
            f'style="max-width:100%" src="data:image/{self.kind};base64,{data}">{self.caption}',
            "text/plain": self.alt,
        }

    def save(self, path: Path | str) -> Path:
        """Write the file, whole or not at all."""
        with storage.atomic_path(path) as draft:
            draft.write_bytes(self.data)
        return Path(path)


def contrast(one: str | Sequence[float], other: str | Sequence[float] = "white") -> float:
    """How far two colours are apart in brightness, from 1 to 21, as WCAG 2 measures it."""
    rgb = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    light = linear @ (0.2126, 0.7152, 0.0722) + 0.05
    return float(light.max() / light.min())


def ink(paper: str | Sequence[float]) -> str:
    """Black or white, whichever can be read better on `paper`."""
    return max(("#000000", "#ffffff"), key=lambda colour: contrast(colour, paper))


def as_text(colour: str) -> str:
    """A colour for text on white: the same, as much darker as it takes to be read."""
    shade = np.array(to_rgb(colour))
    while contrast(shade) < READABLE:
        shade = 0.97 * shade
    return to_hex(shade)


def can_write(text: str) -> bool:
    """Whether the font of figures has every character of `text`; others would be empty boxes."""
    known = get_font(findfont(FontProperties())).get_charmap()
    return all(ord(character) in known for character in text)


def percent(share: float) -> str:
    """0.765 as 76.5%."""
    return f"{100 * share:.1f}%"


def in_a_row(
    n: int, width: float, height: float, sharey: bool = False
) -> tuple[Figure, Sequence[Axes]]:
    """A figure with n axes beside each other, open at the top and the right."""
    figure = Figure(figsize=(width, height), layout="constrained")
    every = figure.subplots(1, n, squeeze=False, sharey=sharey)[0]
    for ax in every:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, every


def finished(figure: Figure, title: str, heard: Iterable[str], told: str = "") -> Picture:
    """The figure under its title; what is heard is the title, what is `told`, and `heard`."""
    figure.suptitle(title, fontsize=12)
    return Picture(figure, f"{title}. {told} {'; '.join(heard)}.")


def legend(figure: Figure, loc: str = "outside right center", **more) -> None:
    """What the lines of all axes stand for, each once, beside the axes."""
    of_axes = (ax.get_legend_handles_labels() for ax in figure.axes)
    shown = {label: handle for each in of_axes for handle, label in zip(*each, strict=True)}
    figure.legend(shown.values(), shown, loc=loc, frameon=False, fontsize=9, **more)


def mosaic(x: torch.Tensor, columns: int, zoom: int = 1, gap: int = 3) -> torch.Tensor:
    """Pictures `[n, 3, h, w]`, 0 … 1, in rows of `columns`, as one picture `[3, H, W]`."""
    from torchvision.utils import make_grid

    x = x.repeat_interleave(zoom, -1).repeat_interleave(zoom, -2)
    sheet = make_grid(x, nrow=columns, padding=gap, pad_value=1.0)
    return sheet[:, gap:-gap, gap:-gap] if len(x) > 1 else sheet


def filter_pictures(weight: torch.Tensor) -> torch.Tensor:
    """Filters `[n, 3, k, k]` as pictures 0 … 1: grey is 0, each stretched to its largest weight."""
    largest = weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-8)
    return (weight / largest / 2 + 0.5).detach().float().cpu()


def image(axes: Axes, x: torch.Tensor) -> None:
    """A picture `[3, h, w]`, 0 … 1, without axes."""
    axes.imshow(x.permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
    axes.set_axis_off()


def pictures(
    x: torch.Tensor,
    titles: Sequence[str],
    title: str,
    alt: str,
    columns: int = 10,
    cell: float = 1.0,
) -> Picture:
    """Inputs `[n, 3, h, w]` in rows, the caption of each above it."""
    rows = -(-len(x) // columns)
    lines = max((caption.count("\n") + 1 for caption in titles if caption), default=0)
    size = (columns * cell, rows * (cell + 0.22 * lines))
    figure = Figure(figsize=size, layout="constrained")
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, one, caption in itertools.zip_longest(every, to_picture(x), titles[: len(x)]):
        ax.set_axis_off()
        if one is not None:
            image(ax, one)
            ax.set_title(caption or "", fontsize=8, pad=3)
    figure.suptitle(title, fontsize=11)
    return Picture(figure, alt)


def sheets(
    every: dict[str, torch.Tensor], title: str, alt: str, width: float = 9, across: int = 1
) -> Picture:
    """Sheets `[3, h, w]`, 0 … 1, by name: below each other, or so many `across`."""
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


class Wall(Picture):
    """A picture taller than a screen, in a frame that arrow keys scroll, too."""

    def __init__(self, image: Image.Image, title: str, alt: str):
        super().__init__(image, alt)
        self.title = html.escape(title, quote=True)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(include, exclude)
        picture = bundle["text/html"].replace("max-width:100%", "display:block;max-width:none")
        framed = (
            f'<p><b>{self.title}</b></p><div role="region" aria-label="{self.title}" tabindex="0" '
            'data-lm-suppress-shortcuts="true" style="max-height:600px;overflow:auto;'
            f'width:fit-content;max-width:100%;border:1px solid {GREY}">{picture}</div>'
        )
        return bundle | {"text/html": framed}


def wall(columns: int = 22, size: int = 42) -> Wall:
    """All 1,000 drawings."""
    sheet = contact_sheet(columns, size).quantize(256)  # a third of the bytes
    title = "1,000 things: 1,000 classes, and not one digit among them"
    return Wall(sheet, title, f"A wall of 1,000 small colour drawings in {columns} columns.")


def guesses(x: torch.Tensor, probabilities: torch.Tensor, names: Sequence[str]) -> Picture:
    """What the network takes each input for: `x` `[n, 3, 32, 32]`, its best three things above."""
    captions = []
    for share in probabilities:
        best = share.topk(3).indices.tolist()
        captions.append([f"{names[c]}\xa0{100 * share[c]:.0f}%" for c in best])
    title = "Asked about digits, it can only name things that it knows"
    likeliest = "; ".join(first for first, *_ in captions)
    alt = f"{len(x)} handwritten digits; the network takes them for: {likeliest}."
    lines = ["\n".join(textwrap.fill(one, 26) for one in three) for three in captions]
    return pictures(x, lines, title, alt, 4, 1.8)


def filters(
    weights: dict[str, torch.Tensor],
    title: str,
    alt: str,
    columns: int = 16,
    cell: float = 0.5,
    across: int = 1,
) -> Picture:
    """Filters of layer 1 `[32, 3, k, k]` as small colour pictures, one sheet for each entry.

    The sheets stand below each other, or so many `across`.
    """
    every = {name: mosaic(filter_pictures(w), columns, 6, gap=6) for name, w in weights.items()}
    return sheets(every, title, alt, across * columns * cell, across)


def sliding_filter(
    x: torch.Tensor, kernel: torch.Tensor, row: int, column: int, answer: torch.Tensor
) -> Picture:
    """One filter laid on one picture, and the map of its answers with the same place marked.

    x `[3, 32, 32]`, kernel `[3, 7, 7]`, answer `[32, 32]` (before ReLU).
    """
    figure = Figure(figsize=(10, 3), layout="constrained")
    every = figure.subplots(1, 4)
    size = kernel.shape[-1]
    picture = to_picture(x)
    padded = torch.nn.functional.pad(x, [size // 2] * 4)
    window = to_picture(padded[:, row : row + size, column : column + size])
    value, bound = answer[row, column].item(), answer.abs().max().item()
    for ax, shown in zip(every, (picture, window, filter_pictures(kernel[None])[0]), strict=False):
        image(ax, shown)
    every[3].imshow(answer.numpy(), cmap="RdBu_r", vmin=-bound, vmax=bound)
    every[3].set_axis_off()
    for ax, width in ((every[0], size), (every[3], 1)):
        corner = (column - width // 2 - 0.5, row - width // 2 - 0.5)
        ax.add_patch(Rectangle(corner, width, width, fill=False, edgecolor=ORANGE, linewidth=2.5))
    under, everywhere = f"under the frame\n({size}×{size} pixels)", "its answer everywhere;\nhere"
    titles = ("the picture", under, "the filter", f"{everywhere} {value:+.1f}")
    for ax, title in zip(every, titles, strict=True):
        ax.set_title(title)
    return Picture(
        figure,
        f"A picture with a frame around row {row}, column {column}; the {size} by {size} pixels "
        f"under the frame; the filter; and the map of the filter's answers at every place. At the "
        f"frame the answer is {value:+.1f}; the strongest anywhere is {bound:.1f}.",
    )


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
        said = f"$W^{i + 1}, b^{i + 1}$\n{what}\n{n:,} numbers\n{state}"
        ax.text(x + 0.95, -1.3, said, ha="center", va="center", fontsize=8.5, color=as_text(colour))
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


class Line(NamedTuple):
    """A line of a chart; without any x it is a level, a line across at `y[0]`."""

    x: Sequence  # numbers, or names in the order in which they stand
    y: Sequence[float]
    error: Sequence | None = None  # half of each bar; or two such, below and above
    look: tuple[str, str, str] | None = None  # colour, marker, line style
    single: tuple[Sequence, Sequence[float]] = ((), ())  # open dots: x and y of single runs


def level(height: float, look: tuple[str, str, str] = (GREY, "", ":")) -> Line:
    """A line across, such as that of guessing."""
    return Line((), [height], look=look)


def mean_line(
    rows: pd.DataFrame, by: str, look: tuple[str, str, str], of: str = "accuracy", scale: int = 100
) -> Line:
    """The mean of a column of `rows` at each value of column `by`, bars of one SD over draws."""
    by_place = scale * rows.groupby(by, sort=rows[by].dtype.kind in "if")[of].agg(["mean", "std"])
    return Line(
        list(by_place.index), by_place["mean"].tolist(), by_place["std"].fillna(0).tolist(), look
    )


def of_arms(
    rows: pd.DataFrame, by: str, arms: Iterable[str] | None = None, dash: str = "-"
) -> dict[str, Line]:
    """Accuracy in % of each arm in `rows`, at each value of column `by`."""
    there = [arm for arm in (arms or STYLES) if (rows.arm == arm).any()]
    looks = {arm: (*STYLES[arm][1:], dash) for arm in there}
    return {STYLES[arm][0]: mean_line(rows[rows.arm == arm], by, looks[arm]) for arm in there}


def _in_words(x: str | float) -> str:
    return x if isinstance(x, str) else f"{x:,}" if isinstance(x, int) else f"{x:,g}"


@dataclass(frozen=True)
class Look:
    """How a chart is drawn.

    `log` stretches the x axis. With `beside` the values of x are evenly spaced, and the lines stand
    so far beside each other; each y is `written` below where asked. `bands` are drawn in place of
    bars, and `dress` is called with the axes of each panel.
    """

    ylim: tuple[float | None, float | None] | None = None
    log: bool = False
    beside: float = 0
    bands: bool = False
    written: bool = False
    sharey: bool = True
    size: tuple[float, float] | None = None
    legend_title: str | None = None
    legend: bool = True  # or what the lines stand for is said elsewhere
    dress: Callable[[Axes], None] | None = None


def chart(
    panels: dict[str, dict[str, Line]],
    title: str,
    xlabel: str,
    ylabel: str,
    said: str | Sequence[str] = "{y:.3g} at {x}",
    told: str = "",
    look: Look = Look(),  # noqa: B008 it is frozen
) -> Picture:
    """Lines by name, in a panel for each title: most figures of accuracy are one of these.

    The alt text is the title, what is `told` (or what is drawn against what), and each point as
    `said` (of more than nine the first and the last), or the sentences that are `said`.
    """
    n = len(panels)
    figure, every = in_a_row(n, *(look.size or (4 * n + 3.5, 3.6)), sharey=look.sharey)
    point, beside = said if isinstance(said, str) else "", look.beside
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
                ax.text(x, 2, f"{y:.0f}", ha="center", fontsize=8, color=as_text(colour))
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
    told = told or f"{ylabel} against {xlabel}{means if spread else ''}."
    return finished(figure, title, spoken if point else said, told)


def accuracies(
    table: Sequence[dict], title: str, arms: Sequence[str] | None = None, at: str = "test"
) -> Picture:
    """Accuracy of each arm at each number of images: mean of the draws, bars of one SD.

    table: rows with `arm`, `images`, `accuracy` (0 … 1), one a draw.
    """
    import pandas as pd

    rows = pd.DataFrame(table)
    draws = rows.groupby(["arm", "images"]).size().max()
    lines = {**of_arms(rows, "images", arms, "none"), "guessing": level(10)}
    labels, style = ("labelled images", f"{at} accuracy, %"), {"beside": 0.13, "written": True}
    told = f"Mean accuracy over up to {draws} draws with bars of one standard deviation."
    said = "{y:.1f}% at {x}"
    look = Look(ylim=(0, 102), **style)
    return chart({"": lines}, title, *labels, said, told, look)


def curves(
    lines: dict[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    xlabel: str,
    ylabel: str,
    styles: dict[str, tuple[str, str, str]] | None = None,
    ylim: tuple[float | None, float | None] | None = None,
) -> Picture:
    """Lines by name, each (x, y); `styles` gives (colour, marker, line style)."""
    drawn = {name: Line(x, y, look=(styles or {}).get(name)) for name, (x, y) in lines.items()}
    return chart({"": drawn}, title, xlabel, ylabel, look=Look(ylim=ylim))


def heat(
    ax: Axes,
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    texts: np.ndarray,
    top: float,
) -> None:
    """Values as colours, 0 to `top`, the text of each cell in black or white on it."""
    aspect = "equal" if len(rows) == len(columns) else "auto"
    colours = ax.imshow(values, cmap="Blues", vmin=0, vmax=top, aspect=aspect)
    turned = {"rotation": 50, "ha": "right"} if max(map(len, columns)) > 2 else {}
    ax.set_xticks(range(len(columns)), columns, fontsize=9, **turned)
    ax.set_yticks(range(len(rows)), rows, fontsize=9)
    for (i, j), text in np.ndenumerate(texts):
        colour = ink(colours.to_rgba(np.nan_to_num(values[i, j])))
        ax.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)


def bars(
    values: dict[str, float],
    title: str,
    ylabel: str,
    colours: Sequence[str] | None = None,
    show: Callable[[float], str] = "{:.3g}".format,
    spread: dict[str, float] | None = None,
) -> Picture:
    """One bar for each name, its value at its end; `spread` adds one SD to those it names.

    More than `BESIDE` bars lie below each other, so that they can be read on a phone.
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
    """Every draw a dot, their mean a mark with one SD; a row an arm, a panel for each title.

    Where the dots are not draws, `over` says what they are. Values by panel and by key of `looks`,
    whose entries are (label, colour, marker), from the top.
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
    """The course in one picture: what was seen, what layer 1 became, what it is good for."""
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
