"""Every figure of the course, each with alt text.

A function here draws what it is given and returns a `Picture`: a PNG that carries the sentence a
blind learner hears. Figures are made without pyplot, whose global state callbacks would corrupt.
Colours are Okabe and Ito's, which colour-blind people can tell apart; markers differ as well.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image

from tl_course.core import network
from tl_course.data.inputs import to_picture
from tl_course.data.sources.emoji_images import contact_sheet

BLUE, ORANGE, GREEN, PINK, GREY, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#6E6E6E", "#56B4E9"
)  # fmt: skip
ARMS = {  # arm: (what it is called, colour, marker)
    "option-1": ("Option 1 (frozen)", BLUE, "o"),
    "option-2": ("Option 2 (fine-tuned)", ORANGE, "s"),
    "scratch": ("from scratch", GREEN, "^"),
    "random-frozen": ("random frozen", PINK, "D"),
    "output-first": ("output layer first, then all", SKY, "v"),
    "classical": ("no network", GREY, "x"),
}
DPI = 110


class Picture:
    """A PNG with alt text; shown as HTML, so that the alt text arrives in every kind of notebook.

    Raises ValueError without alt text: a figure that cannot be heard is not finished.
    """

    kind = "png"

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
            f'style="max-width:100%" src="data:image/{self.kind};base64,{data}">',
            "text/plain": self.alt,
        }

    def save(self, path: Path | str) -> Path:
        """Write the file."""
        Path(path).write_bytes(self.data)
        return Path(path)


def percent(share: float) -> str:
    """0.765 as 76.5%."""
    return f"{100 * share:.1f}%"


def figure_and_axes(width: float = 8, height: float = 3.4) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _show(axes: Axes, x: torch.Tensor, title: str = "", colour: str = "black") -> None:
    """One input `[3, 32, 32]` as a picture."""
    image(axes, to_picture(x))
    if title:
        axes.set_title(title, fontsize=8, color=colour, pad=3)


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


def _grid(
    n: int, columns: int, cell: float = 0.95, extra: float = 0.0
) -> tuple[Figure, list[Axes]]:
    rows = -(-n // columns)
    figure = Figure(figsize=(columns * cell, rows * (cell + extra)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    for spare in axes:
        spare.set_axis_off()
    return figure, list(axes[:n])


def pictures(
    x: torch.Tensor,
    titles: Sequence[str],
    title: str,
    alt: str,
    columns: int = 10,
    cell: float = 1.0,
) -> Picture:
    """Inputs `[n, 3, 32, 32]` in a grid, a caption under the title of each."""
    lines = max((caption.count("\n") + 1 for caption in titles if caption), default=0)
    figure, axes = _grid(len(x), columns, cell, 0.22 * lines)
    for i, ax in enumerate(axes):
        _show(ax, x[i], titles[i] if i < len(titles) else "")
    figure.suptitle(title, fontsize=11)
    return Picture(figure, alt)


def wall(names: Sequence[str], find: Sequence[str] = ()) -> Picture:
    """All 1,000 drawings, with a frame and a name around those to `find`."""
    columns, size = 40, 32
    sheet = contact_sheet(columns, size)
    figure = Figure(figsize=(12, 12 * sheet.height / sheet.width + 0.4), layout="constrained")
    ax = figure.subplots()
    ax.imshow(sheet)
    ax.set_axis_off()
    for name in find:
        number = list(names).index(name)
        x, y = number % columns * size, number // columns * size
        ax.add_patch(Rectangle((x, y), size, size, fill=False, edgecolor=BLUE, linewidth=2.5))
        ax.text(
            x + size / 2, y - 3, name, ha="center", va="bottom", fontsize=9, color="white",
            bbox={"facecolor": BLUE, "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip
    figure.suptitle("1,000 things: 1,000 classes, and not one digit among them")
    framed = f" Frames mark {', '.join(find)}." if find else ""
    return Picture(figure, f"A wall of 1,000 small colour drawings in {columns} columns.{framed}")


def guesses(x: torch.Tensor, probabilities: torch.Tensor, names: Sequence[str]) -> Picture:
    """What the network takes each input for: `x` `[n, 3, 32, 32]`, its best three things below."""
    figure, axes = _grid(len(x), len(x), 1.6, 0.55)
    said = []
    for i, ax in enumerate(axes):
        best = probabilities[i].topk(3).indices.tolist()
        lines = [f"{names[c][:19]} {100 * probabilities[i, c]:.0f}%" for c in best]
        _show(ax, x[i])
        ax.set_title("\n".join(lines), fontsize=8.5, y=-0.05, va="top")
        said.append(lines[0])
    figure.suptitle("Asked about digits, it can only name things that it knows", fontsize=11)
    return Picture(
        figure, f"{len(x)} handwritten digits; the network takes them for: {'; '.join(said)}."
    )


def filters(
    weights: dict[str, torch.Tensor],
    title: str,
    alt: str,
    columns: int = 16,
    cell: float = 0.5,
    side_by_side: bool = False,
) -> Picture:
    """Filters of layer 1 `[32, 3, k, k]` as small colour pictures, one sheet for each entry."""
    sheets = {name: mosaic(filter_pictures(w), columns, 6, gap=6) for name, w in weights.items()}
    across = len(sheets) if side_by_side else 1
    down = len(sheets) // across
    rows = max(-(-len(w) // columns) for w in weights.values())
    figure = Figure(
        figsize=(across * columns * cell, down * (rows * cell + 0.35) + 0.3), layout="constrained"
    )
    every = figure.subplots(down, across, squeeze=False).ravel()
    for axes, (name, sheet) in zip(every, sheets.items(), strict=True):
        image(axes, sheet)
        axes.set_title(name, fontsize=9, loc="left", pad=3)
    figure.suptitle(title, fontsize=11)
    return Picture(figure, alt)


def sliding_filter(
    x: torch.Tensor, kernel: torch.Tensor, row: int, column: int, answer: torch.Tensor
) -> Picture:
    """One filter laid on one picture, and the map of its answers with the same place marked.

    x `[3, 32, 32]`, kernel `[3, 7, 7]`, answer `[32, 32]` (before ReLU).
    """
    figure = Figure(figsize=(10, 3), layout="constrained")
    left, middle, right, last = figure.subplots(1, 4)
    size = kernel.shape[-1]
    _show(left, x)
    left.set_title("the picture")
    for ax, colour in ((left, ORANGE), (last, ORANGE)):
        corner = (column - size // 2 - 0.5, row - size // 2 - 0.5)
        width = size if ax is left else 1
        corner = corner if ax is left else (column - 0.5, row - 0.5)
        ax.add_patch(Rectangle(corner, width, width, fill=False, edgecolor=colour, linewidth=2.5))
    padded = torch.nn.functional.pad(x, [size // 2] * 4)
    window = padded[:, row : row + size, column : column + size]
    _show(middle, window)
    middle.set_title(f"under the frame\n({size}×{size} pixels)")
    largest = kernel.abs().max()
    right.imshow((kernel / largest / 2 + 0.5).permute(1, 2, 0).numpy())
    right.set_axis_off()
    right.set_title("the filter")
    value = answer[row, column].item()
    bound = answer.abs().max().item()
    last.imshow(answer.numpy(), cmap="RdBu_r", vmin=-bound, vmax=bound)
    last.set_axis_off()
    last.set_title(f"its answer everywhere;\nhere {value:+.1f}")
    return Picture(
        figure,
        f"A picture with a frame around row {row}, column {column}; the {size} by {size} pixels "
        f"under the frame; the filter; and the map of the filter's answers at every place. At the "
        f"frame the answer is {value:+.1f}; the strongest anywhere is {bound:.1f}.",
    )


def architecture(n_classes: int = 1000, frozen: int = 0, new_output: bool = False) -> Picture:
    """The five layers and the shape of the tensor between them; frozen layers are hatched."""
    sizes = [network.SIZE // 2**i for i in range(5)]
    depth = [network.CHANNELS, *network.WIDTHS]
    figure = Figure(figsize=(11, 3), layout="constrained")
    ax = figure.subplots()
    ax.set_axis_off()
    ax.set_xlim(-0.6, 11.4)
    ax.set_ylim(-1.75, 1.9)
    counts = []
    for i in range(5):
        height, width = 0.35 + sizes[i] / 32 * 2.2, 0.25 + depth[i] / 256 * 0.9
        x = 2 * i
        ax.add_patch(
            Rectangle((x - width / 2, -height / 2), width, height, facecolor=SKY, alpha=0.6)
        )
        ax.text(x, height / 2 + 0.08, f"{depth[i]}×{sizes[i]}×{sizes[i]}", ha="center", fontsize=9)
        kept = i < frozen
        last = i == 4
        n = (network.N_FEATURES + 1) * n_classes if last else (
            depth[i] * depth[i + 1] * network.KERNELS[i] ** 2 + depth[i + 1]
        )  # fmt: skip
        counts.append(n)
        colour = BLUE if kept else ORANGE if last and new_output else "black"
        ax.add_patch(
            FancyArrowPatch(
                (x + width / 2 + 0.05, 0),
                (x + 1.45, 0),
                arrowstyle="-|>",
                mutation_scale=14,
                color=colour,
                linewidth=2,
                linestyle="--" if kept else "-",
            )  # fmt: skip
        )
        what = (
            "output layer"
            if last
            else f"{network.KERNELS[i]}×{network.KERNELS[i]} filters,\nReLU, pool"
        )
        state = "fixed" if kept else "new" if last and new_output else ""
        ax.text(
            x + 0.95, -1.3, f"$W^{i + 1}, b^{i + 1}$\n{what}\n{n:,} numbers\n{state}", ha="center",
            va="center", fontsize=9, color=colour,
        )  # fmt: skip
    ax.text(10, 0, f"{n_classes:,}\nscores", ha="center", va="center", fontsize=11)
    title = "Five layers"
    if new_output:
        title = f"The surgery: 1,000 units off, {n_classes} on; {counts[4]:,} new numbers"
    ax.set_title(title, fontsize=12)
    described = (f" W1 to W{frozen} are fixed (dashed)." if frozen else "") + (
        f" The output layer is new and has {counts[4]:,} numbers." if new_output else ""
    )
    return Picture(
        figure,
        "Diagram: a picture of 3×32×32 numbers passes four convolutional layers, becoming "
        "32×16×16, 64×8×8, 128×4×4 and 256×2×2, and an output layer turns those 1,024 numbers "
        f"into {n_classes:,} scores.{described}",
    )


def training_curve(
    step: Sequence[int], loss: Sequence[float], n_steps: int, n_classes: int = 1000
) -> Picture:
    """The loss so far against steps, with the level of pure guessing."""
    figure, ax = figure_and_axes(7.5, 3)
    ax.plot(step, loss, color=BLUE, linewidth=2)
    guessing = math.log(n_classes)
    ax.axhline(guessing, color=GREY, linestyle=":")
    ax.text(n_steps, guessing, "pure guessing ", ha="right", va="top", color=GREY, fontsize=9)
    ax.set(xlim=(0, n_steps), ylim=(0, guessing * 1.12), xlabel="steps", ylabel="loss")
    now = f"loss {loss[-1]:.2f} after {step[-1]:,} of {n_steps:,} steps" if step else "no step yet"
    ax.set_title(f"Training: {now}", fontsize=11)
    return Picture(figure, f"Training loss against steps: {now}; guessing would be {guessing:.1f}.")


def accuracies(
    table: Sequence[dict], title: str, arms: Sequence[str] | None = None, at: str = "test"
) -> Picture:
    """Accuracy of each arm at each number of images: mean of the draws, bars of one SD.

    table: rows with `arm`, `images`, `accuracy` (0 … 1), one a draw.
    """
    sizes = sorted({row["images"] for row in table})
    arms = [arm for arm in (arms or ARMS) if any(row["arm"] == arm for row in table)]
    figure, ax = figure_and_axes(8, 3.6)
    heard = []
    for k, arm in enumerate(arms):
        label, colour, marker = ARMS[arm]
        values = [
            100 * np.array([r["accuracy"] for r in table if r["arm"] == arm and r["images"] == n])
            for n in sizes
        ]
        mean = [v.mean() if len(v) else np.nan for v in values]
        spread = [v.std(ddof=1) if len(v) > 1 else 0 for v in values]
        place = np.arange(len(sizes)) + (k - (len(arms) - 1) / 2) * 0.13
        ax.errorbar(
            place, mean, yerr=spread, color=colour, marker=marker, markersize=9, linestyle="none",
            capsize=4, label=label,
        )  # fmt: skip
        for x, m in zip(place, mean, strict=True):
            ax.text(x, 2, f"{m:.0f}", ha="center", fontsize=8, color=colour)
        heard.append(
            f"{label}: "
            + ", ".join(f"{m:.1f}% at {n}" for m, n in zip(mean, sizes, strict=True) if m == m)
        )
    ax.axhline(10, color=GREY, linestyle=":", linewidth=1)
    ax.text(len(sizes) - 0.5, 10.5, "guessing", fontsize=8, color=GREY, ha="right")
    ax.set(
        xticks=range(len(sizes)), xticklabels=[f"{n:,}" for n in sizes], ylim=(0, 102),
        xlim=(-0.5, len(sizes) - 0.5), xlabel="labelled images", ylabel=f"{at} accuracy, %",
    )  # fmt: skip
    ax.legend(fontsize=9, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set_title(title, fontsize=11)
    draws = max(sum(r["arm"] == arms[0] and r["images"] == n for r in table) for n in sizes)
    return Picture(
        figure,
        f"{title}. Mean accuracy over up to {draws} draws with bars of one standard deviation. "
        + "; ".join(heard) + ".",
    )  # fmt: skip


def curves(
    lines: dict[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    xlabel: str,
    ylabel: str,
    styles: dict[str, tuple[str, str, str]] | None = None,
    ylim: tuple[float, float] | None = None,
    spread: dict[str, Sequence[float]] | None = None,
    log: bool = False,
    level: tuple[str, float] | None = None,
) -> Picture:
    """Lines by name, each (x, y); `styles` gives (colour, marker, line style).

    `spread` adds bars of one SD over draws; and then each point is heard. `log` stretches
    the x axis, and `level` is a dotted line across: its name and height. (More than seven
    parameters: each is something that is seen.)
    """
    figure, ax = figure_and_axes(7.5, 3.6)
    colours = (BLUE, ORANGE, GREEN, PINK, GREY, SKY)
    heard = []
    for k, (name, (x, y)) in enumerate(lines.items()):
        colour, marker, dash = (styles or {}).get(name, (colours[k % 6], "osD^xv"[k % 6], "-"))
        ax.errorbar(
            x, y, yerr=(spread or {}).get(name), color=colour, marker=marker, linestyle=dash,
            label=name, markersize=5, markevery=max(1, len(x) // 8), capsize=3,
        )  # fmt: skip
        each = f"from {y[0]:.3g} to {y[-1]:.3g}"
        if spread:
            each = ", ".join(f"{value:.3g} at {at:g}" for at, value in zip(x, y, strict=True))
        heard.append(f"{name}: {each}")
    if level:
        ax.axhline(level[1], color=GREY, linestyle=":", label=level[0])
        heard.append(f"{level[0]}: {level[1]:.3g}")
    if log:
        ax.set_xscale("log")
    if spread:  # few points
        ax.set_xticks(places := sorted({at for x, _ in lines.values() for at in x}), places)
        ax.minorticks_off()
    ax.set(xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    ax.legend(fontsize=9, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set_title(title, fontsize=11)
    return Picture(figure, f"{title}. {ylabel} against {xlabel}. " + "; ".join(heard) + ".")


def bars(
    values: dict[str, float],
    title: str,
    ylabel: str,
    colours: Sequence[str] | None = None,
    show: Callable[[float], str] = "{:.3g}".format,
    spread: dict[str, float] | None = None,
) -> Picture:
    """One bar for each name, its value written above; `spread` adds one SD to those it names."""
    figure, ax = figure_and_axes(max(4.5, 1.7 * len(values)), 3.2)
    names = list(values)
    ax.bar(
        names, values.values(), color=colours or BLUE, width=0.6, capsize=5,
        yerr=[spread.get(name, np.nan) for name in names] if spread else None,
    )  # fmt: skip
    top = max(v + (spread or {}).get(n, 0) for n, v in values.items())
    for i, name in enumerate(names):
        height = values[name] + (spread or {}).get(name, 0)
        ax.text(i, height + 0.02 * top, show(values[name]), ha="center", fontsize=9)
    ax.set(ylabel=ylabel, ylim=(0, 1.15 * top))
    ax.tick_params(axis="x", labelsize=9)
    if spread:
        ax.set_xlabel("error bars: one standard deviation over draws", fontsize=9)
    ax.set_title(title, fontsize=11)
    heard = ", ".join(
        f"{' '.join(name.split())}: {show(value)}"
        + (f" ± {show(spread[name])}" if name in (spread or {}) else "")
        for name, value in values.items()
    )
    return Picture(
        figure, f"{title}. Bars of {ylabel}{' (± one SD over draws)' if spread else ''}: {heard}."
    )


def dots(
    panels: dict[str, dict[str, Sequence[float]]],
    looks: dict[str, tuple[str, str, str]],
    title: str,
    xlabel: str,
    show: Callable[[float], str] = "{:.1f}".format,
    xlim: tuple[float, float] | None = None,
) -> Picture:
    """Every draw a dot, their mean a mark with one SD; a row an arm, a panel for each title.

    Values by panel and by key of `looks`, whose entries are (label, colour, marker), from the top.
    """
    shown = [arm for arm in looks if any(len(values.get(arm, ())) for values in panels.values())]
    figure = Figure(
        figsize=(5.5 + 2.75 * len(panels), 0.45 * len(shown) + 1.3), layout="constrained"
    )
    every = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    heard = []
    for ax, (name, values) in zip(every, panels.items(), strict=True):
        ax.spines[["top", "right"]].set_visible(False)
        for place, arm in enumerate(shown):
            label, colour, marker = looks[arm]
            own = np.asarray(values.get(arm, ()), float)
            if not len(own):
                continue
            mean, spread = own.mean(), own.std(ddof=1) if len(own) > 1 else 0.0
            ax.plot(own, place + np.linspace(-0.18, 0.18, len(own)), ".", color=colour, alpha=0.5)
            ax.errorbar(mean, place, xerr=spread, fmt=marker, color=colour, capsize=3, markersize=8)
            ax.annotate(
                show(mean), (mean, place), (0, 7), textcoords="offset points", ha="center",
                fontsize=9,
            )  # fmt: skip
            heard.append(f"{name and name + ', '}{label}: {show(mean)} ± {show(spread)}")
        ax.set(title=name, xlabel=xlabel, xlim=xlim, ylim=(len(shown) - 0.4, -0.7))
        ax.grid(axis="x", alpha=0.3)
    every[0].set_yticks(range(len(shown)), [looks[arm][0] for arm in shown])
    figure.suptitle(title, fontsize=11)
    return Picture(figure, f"{title}. {xlabel}: mean ± one SD over draws. {'; '.join(heard)}.")


def banner(net: network.FiveLayerNet, renders: torch.Tensor, table: Sequence[dict]) -> Picture:
    """The course in one picture: what was seen, what layer 1 became, what it is good for."""
    figure = Figure(figsize=(12, 2.7), layout="constrained")
    seen, looks, good = figure.subfigures(1, 3, width_ratios=[1, 1, 1.35])
    for part, title, images, columns in (
        (seen, "1. It sees drawings of 1,000 things", to_picture(renders[:32]), 8),
        (looks, "2. Its first layer finds edges", net.layer1.weight.detach(), 8),
    ):
        part.suptitle(title, fontsize=11)
        for i, ax in enumerate(np.ravel(part.subplots(4, columns))):
            ax.set_axis_off()
            picture = images[i]
            if part is looks:
                picture = picture / picture.abs().max() / 2 + 0.5
            ax.imshow(picture.permute(1, 2, 0).numpy())
    good.suptitle("3. It reads handwritten digits after a few examples", fontsize=11)
    ax = good.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    heard = []
    for arm in ("option-1", "option-2", "scratch", "random-frozen"):
        label, colour, marker = ARMS[arm]
        sizes = sorted({row["images"] for row in table if row["arm"] == arm})
        values = [
            100 * np.array([r["accuracy"] for r in table if r["arm"] == arm and r["images"] == n])
            for n in sizes
        ]
        mean = [v.mean() for v in values]
        ax.errorbar(
            sizes, mean, yerr=[v.std(ddof=1) for v in values], color=colour, marker=marker,
            capsize=3, label=label,
        )  # fmt: skip
        heard.append(
            f"{label} " + ", ".join(f"{m:.0f}% at {n}" for n, m in zip(sizes, mean, strict=True))
        )
    ax.set(xscale="log", xlabel="labelled digits", ylabel="test accuracy, %", ylim=(35, 100))
    ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
    ax.minorticks_off()
    ax.legend(fontsize=8, frameon=False, loc="lower right")
    return Picture(
        figure,
        "Three panels. First: 32 small renders of drawings. Second: the 32 filters of layer 1, most"
        " of them edges and bars. Third: accuracy on handwritten digits against the number of "
        "labelled digits: " + "; ".join(heard) + ".",
    )  # fmt: skip
