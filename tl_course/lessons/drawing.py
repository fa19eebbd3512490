"""What figures are drawn with: pictures with alt text, colours, axes, lines, small pictures.

A figure is a `Picture`: a PNG with the alt text that a screen reader speaks. Figures are made
without pyplot, because callbacks would corrupt its global state. Colours are Okabe and Ito's, which
colour-blind people can tell apart; markers differ as well.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from PIL import Image

from tl_course.base import storage
from tl_course.study import sweep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, PINK, GREY, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#6E6E6E", "#56B4E9"
)  # fmt: skip
COLOURS = (BLUE, ORANGE, GREEN, PINK, GREY, SKY)  # in this order if none are given
LOOKS = {
    "option-1": (BLUE, "o"), "option-2": (ORANGE, "s"), "scratch": (GREEN, "^"),
    "random-frozen": (PINK, "D"), "output-first": (SKY, "v"), "classical": (GREY, "x"),
}  # fmt: skip
STYLES = {arm: (sweep.CALLED[arm], *look) for arm, look in LOOKS.items()}  # name, colour, marker
DPI = 110
READABLE = 4.5  # to 1: the lowest contrast for text (Web Content Accessibility Guidelines 2)


def url_of(picture: Image.Image, kind: str = "PNG", **how) -> str:
    """A picture as a data URL for HTML; `how` are options of Pillow's `save`."""
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


class Picture:
    """A PNG with alt text, shown as HTML because every kind of notebook keeps the alt text there.

    Raises ValueError without alt text, because a figure that cannot be read aloud is not finished.
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
        self.data = self.png = file.getvalue()  # what is shown, and its still version
        self.width = Image.open(file).width

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        data = base64.b64encode(self.data).decode()
        return {
            "text/html": f'<img alt="{html.escape(self.alt, quote=True)}" width="{self.width}" '
            f'style="max-width:100%" src="data:image/{self.kind};base64,{data}">{self.caption}',
            "text/plain": self.alt,
        }

    def save(self, path: Path | str) -> Path:
        """Write the picture to `path`, completely or not at all; returns the path."""
        with storage.atomic_path(path) as draft:
            draft.write_bytes(self.data)
        return Path(path)


def contrast(colour: str | Sequence[float], other: str | Sequence[float] = "white") -> float:
    """The contrast ratio of two colours, from 1 to 21, as WCAG 2 defines it."""
    rgb = np.array([to_rgb(colour), to_rgb(other)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    light = linear @ (0.2126, 0.7152, 0.0722) + 0.05
    return float(light.max() / light.min())


def ink(paper: str | Sequence[float]) -> str:
    """Black or white, whichever has more contrast with `paper`."""
    return max(("#000000", "#ffffff"), key=lambda colour: contrast(colour, paper))


def text_colour(colour: str) -> str:
    """The colour for text on white, darkened until its contrast is at least `READABLE`."""
    shade = np.array(to_rgb(colour))
    while contrast(shade) < READABLE:
        shade = 0.97 * shade
    return to_hex(shade)


def can_write(text: str) -> bool:
    """Whether the font of figures has every character of `text`; others become empty boxes."""
    known = get_font(findfont(FontProperties())).get_charmap()
    return all(ord(character) in known for character in text)


def in_a_row(
    n: int, width: float, height: float, sharey: bool = False
) -> tuple[Figure, Sequence[Axes]]:
    """A figure with n axes side by side, without borders at the top and the right."""
    figure = Figure(figsize=(width, height), layout="constrained")
    every = figure.subplots(1, n, squeeze=False, sharey=sharey)[0]
    for ax in every:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, every


def finished(figure: Figure, title: str, values: Iterable[str], description: str = "") -> Picture:
    """The figure under its title; its alt text is the title, the description and the values."""
    figure.suptitle(title, fontsize=12)
    return Picture(figure, f"{title}. {description} {'; '.join(values)}.")


def legend(figure: Figure, loc: str = "outside right center", **more) -> None:
    """Add one legend for the lines of all axes, beside them, with each label once."""
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
    """Filters `[n, 3, k, k]` as pictures 0 … 1: 0 is grey, each is scaled to its largest weight."""
    largest = weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-8)
    return (weight / largest / 2 + 0.5).detach().float().cpu()


def image(axes: Axes, x: torch.Tensor) -> None:
    """Draw a picture `[3, h, w]`, 0 … 1, without axes."""
    axes.imshow(x.permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
    axes.set_axis_off()


class Line(NamedTuple):
    """A line of a chart; if `x` is empty, it is a horizontal line at `y[0]`."""

    x: Sequence  # numbers, or names in the order of the axis
    y: Sequence[float]
    error: Sequence | None = None  # half of each error bar; or its parts below and above
    look: tuple[str, str, str] | None = None  # colour, marker, line style
    single: tuple[Sequence, Sequence[float]] = ((), ())  # open dots for single runs: x and y


def level(height: float, look: tuple[str, str, str] = (GREY, "", ":")) -> Line:
    """A horizontal line, such as the accuracy of guessing."""
    return Line((), [height], look=look)


def mean_line(
    rows: pd.DataFrame, by: str, look: tuple[str, str, str], of: str = "accuracy", scale: int = 100
) -> Line:
    """The mean of column `of` at each value of column `by`, with bars of one SD over draws."""
    by_place = scale * rows.groupby(by, sort=rows[by].dtype.kind in "if")[of].agg(["mean", "std"])
    return Line(
        list(by_place.index), by_place["mean"].tolist(), by_place["std"].fillna(0).tolist(), look
    )


def of_arms(
    rows: pd.DataFrame, by: str, arms: Iterable[str] | None = None, dash: str = "-"
) -> dict[str, Line]:
    """A line for each arm in `rows`, by its label: accuracy in % against column `by`."""
    there = [arm for arm in (arms or STYLES) if (rows.arm == arm).any()]
    looks = {arm: (*STYLES[arm][1:], dash) for arm in there}
    return {STYLES[arm][0]: mean_line(rows[rows.arm == arm], by, looks[arm]) for arm in there}


def heat(
    ax: Axes,
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    texts: np.ndarray,
    top: float,
) -> None:
    """Draw values from 0 to `top` as colours, and each cell's text on them in black or white."""
    aspect = "equal" if len(rows) == len(columns) else "auto"
    colours = ax.imshow(values, cmap="Blues", vmin=0, vmax=top, aspect=aspect)
    turned = {"rotation": 50, "ha": "right"} if max(map(len, columns)) > 2 else {}
    ax.set_xticks(range(len(columns)), columns, fontsize=9, **turned)
    ax.set_yticks(range(len(rows)), rows, fontsize=9)
    for (i, j), text in np.ndenumerate(texts):
        colour = ink(colours.to_rgba(np.nan_to_num(values[i, j])))
        ax.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
