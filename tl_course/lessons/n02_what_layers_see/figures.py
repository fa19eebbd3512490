"""The figures of notebook 02: what the layers see."""

import io
import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from tl_course.data.inputs import scaled, to_picture
from tl_course.layers.gratings import ORIENTATIONS, UnitTuning
from tl_course.layers.patches import TopPatches
from tl_course.layers.stimuli import CLASSES, stimuli
from tl_course.lessons import drawing, figures
from tl_course.lessons.drawing import Line, Picture

WIDE = 8.8  # inches: fits beside JupyterLab's file browser at 1400 pixels
LIKES = {"layer2": "stripes, bars and curves", "layer3": "hooks, rings and spirals"}
FILM = (
    "The 32 filters of layer 1 during training: random speckle at first, then blotches, "
    "then spots, bars and edges."
)


def which_is_which(layers: dict[str, torch.Tensor]) -> Picture:
    """The filters of two networks, "A" and "B"."""
    return figures.filters(
        layers,
        "Layer 1 of two networks: one has seen a million renders, one has seen none",
        "Two sheets of 32 small filters. On one, most are smooth stripes and edges at many angles; "
        "on the other, every filter is speckled at random.",
        columns=8,
        across=2,
    )


def plot_selectivity(kinds: dict[str, torch.Tensor]) -> Picture:
    """Orientation selectivity of each unit, a row of dots for each kind of network."""
    title = "Training makes the units of layer 1 selective for angles"
    figure, (axes,) = drawing.in_a_row(1, 6.6, 0.9 + 0.55 * len(kinds))
    styles = ((drawing.BLUE, "o"), (drawing.PINK, "D"), (drawing.ORANGE, "s"))
    alt_values = []
    for place, ((name, values), (colour, marker)) in enumerate(
        zip(kinds.items(), styles, strict=False)
    ):
        above = f"{100 * (values > 0.5).float().mean():.0f}% above 0.5"
        spread = (torch.arange(len(values)) * 0.618 % 1 - 0.5) * 0.5  # so that dots do not overlap
        axes.plot(values, place + spread, marker, color=colour, markersize=4, alpha=0.7)
        axes.text(1.03, place, above, va="center", fontsize=9)
        alt_values.append(f"{name}: {above}")
    axes.axvline(0.5, color=drawing.GREY, linestyle=":")
    axes.set_yticks(range(len(kinds)), list(kinds))
    axes.set(xlim=(-0.02, 1.02), ylim=(len(kinds) - 0.5, -0.5))
    axes.set_xlabel("orientation selectivity (0: any angle will do; 1: one only)")
    return drawing.finished(
        figure, title, alt_values, "Orientation selectivity, one dot for each unit."
    )


def tuning_curves(
    tuned: UnitTuning, weight: torch.Tensor, units: Sequence[int], title: str
) -> Picture:
    """The responses of `units` to gratings by orientation, each curve under the unit's filter."""
    across = 4
    down = -(-len(units) // across)
    figure = Figure(figsize=(1.6 * across, 3.1 * down), layout="constrained")
    axes = figure.subplots(2 * down, across, height_ratios=[1, 1.2] * down, squeeze=False)
    angles = np.arange(ORIENTATIONS) * 180 / ORIENTATIONS
    values = []
    for place, unit in enumerate(units):
        row, column = divmod(place, across)
        picture, below = axes[2 * row, column], axes[2 * row + 1, column]
        drawing.image(picture, drawing.filter_pictures(weight[unit : unit + 1])[0])
        picture.set_title(f"unit {unit}", fontsize=9)
        curve = tuned.curves[unit] / tuned.curves[unit].max().clamp_min(1e-9)
        below.plot(angles, curve, color=drawing.BLUE, marker=".", markersize=4)
        below.set(xticks=[0, 90, 180], ylim=(0, 1.05), yticks=[0, 1])
        below.tick_params(labelsize=8)
        below.spines[["top", "right"]].set_visible(False)
        values.append(
            f"unit {unit} prefers {tuned.orientation[unit]:.0f}°, "
            f"selectivity {tuned.orientation_selectivity[unit]:.2f}"
        )
    figure.supxlabel("orientation of the grating, degrees", fontsize=9)
    figure.supylabel("response (best = 1)", fontsize=9)
    return drawing.finished(figure, title, values)


def plot_best_patches(rows: dict[str, torch.Tensor], title: str, alt: str) -> Picture:
    """One row for each unit: its best patches `[k, 3, h, w]`, enlarged to the same size."""
    every = {
        name: drawing.mosaic(to_picture(x), len(x), max(1, 128 // x.shape[-1]), gap=10)
        for name, x in rows.items()
    }
    return figures.sheets(every, title, alt, width=6.5)


def best_of_units(best: dict[str, TopPatches], units: dict[str, int], renders: int) -> Picture:
    """The patches that excite one unit of each layer most; `units` is layer → unit."""
    rows = {}
    for layer, unit in units.items():
        patches = best[layer].patches[unit]
        rows[f"{layer}, unit {unit}: sees {patches.shape[2]}×{patches.shape[3]} pixels"] = patches
    return plot_best_patches(
        rows,
        f"What excites four units most, among {renders:,} renders",
        "Four rows of nine patches, one row for one unit of each layer. Within a row the patches, "
        "each from another drawing, have a pattern in common; from layer 1 to layer 4 it grows.",
    )


def same_unit(best: dict[str, TopPatches], unit: int) -> Picture:
    """The patches that excite one unit of layer 2 most, in each of three kinds of pictures."""
    return plot_best_patches(
        {kind: top.patches[unit] for kind, top in best.items()},
        f"What excites unit {unit} of layer 2 most, in three kinds of pictures",
        f"Three rows of nine patches of 12 by 12 pixels: of {'; of '.join(best)}.",
    )


def patch_sheet(top: TopPatches, title: str, k: int = 9, columns: int = 6) -> Picture:
    """A whole layer: for each unit its `k` best patches as a square block, numbered."""
    side = math.isqrt(k)
    zoom = max(1, round(36 / top.patches.shape[-1]))
    patches = to_picture(top.patches[:, : side * side])
    blocks = scaled(torch.stack([drawing.mosaic(unit, side, zoom, gap=1) for unit in patches]))
    alt = (
        f"{title}. A contact sheet of {len(blocks)} numbered blocks, one for each unit, with the "
        f"{side * side} patches that excite it most."
    )
    numbers = list(map(str, range(len(blocks))))
    return figures.pictures(blocks, numbers, title, alt, columns, WIDE / columns)


def maps(
    x: torch.Tensor,
    responses: dict[str, torch.Tensor],
    title: str,
    units: dict[str, Sequence[int]] | None = None,
    favourites: dict[str, TopPatches] | None = None,
    each: int = 6,
) -> Picture:
    """A picture `[3, h, w]` and, for each layer, the response maps of `units` or the strongest.

    `responses` is layer → `[units, rows, columns]` before ReLU; the maps show them after it. With
    `favourites`, the four patches that excite a unit most are above its map.
    """
    tall, kinds = x.shape[1] / x.shape[2], 2 if favourites else 1
    across = each if tall == 1 else -(-each // 2)  # photographs have detail: larger, in two lines
    lines = -(-each // across)
    heights, cell = [1, tall][-kinds:] * lines * len(responses), WIDE / (across + 1)
    size = (WIDE, cell * sum(heights) + 0.25 * len(heights) / kinds + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(heights), across + 1, height_ratios=heights, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    values = []
    for place, (layer, answer) in enumerate(responses.items()):
        top = place * kinds * lines
        answer = answer.detach().relu().cpu()
        strongest = answer.flatten(1).amax(1).topk(min(each, len(answer))).indices.tolist()
        shown = list(units[layer])[:each] if units is not None else strongest
        drawing.image(grid[top + kinds - 1, 0], to_picture(x).cpu())
        grid[top, 0].set_title(f"layer {layer[-1]}", fontsize=9, pad=2)
        if favourites:
            words = "what\nexcites\neach unit\nmost"
            grid[top, 0].text(0.5, 0.5, words, ha="center", va="center", fontsize=8)
        for number, unit in enumerate(shown):
            row, column = top + kinds * (number // across), 1 + number % across
            if favourites:
                best = to_picture(favourites[layer].patches[unit][:4])
                drawing.image(grid[row, column], drawing.mosaic(best, 2, 4, gap=4))
            most = answer[unit].quantile(0.995).item() or None  # one pixel must not dim the rest
            label = f"unit {unit}, up to {answer[unit].max():.1f}"  # each has a scale of its own
            grid[row, column].set_title(label, fontsize=8, pad=2)
            below = grid[row + kinds - 1, column]
            below.imshow(answer[unit].numpy(), cmap="magma", vmin=0, vmax=most)
        values.append(f"layer {layer[-1]}: units {', '.join(map(str, shown))}")
    figure.suptitle(title, fontsize=11)
    patches = "Above each map: the four patches that excite the unit most. " if favourites else ""
    return Picture(
        figure,
        f"{title}. {patches}Maps that are bright where a unit responds; {'; '.join(values)}.",
    )


def plot_straight_and_curved(shares: pd.DataFrame) -> Picture:
    """The percentage of a layer's units that prefer straight and curved shapes, by layer.

    `shares` is from `experiments.straight_and_curved`; only stimuli of equal contrast are shown.
    """
    share = shares.loc["contrast"]
    looks = {"straight": (drawing.BLUE, "s"), "curved": (drawing.ORANGE, "o")}
    lines = {}
    for shape, kind in itertools.product(looks, ("trained", "untrained")):
        of_layers = share[shape][kind]
        names = [layer[-1] for layer in of_layers.index]
        look = (*looks[shape], "-" if kind == "trained" else ":")
        lines[f"{shape}, {kind}"] = Line(names, of_layers.tolist(), look=look)
    title = "Straight shapes come first, curved shapes later"
    look = figures.ChartStyle(ylim=(0, 70), size=(6.6, 3.2))
    labels = "layer", "units that prefer them, %"
    return figures.chart({"": lines}, title, *labels, "{y:.0f} in layer {x}", look=look)


def preferences(rows: pd.DataFrame | list[dict], title: str, equal: str = "contrast") -> Picture:
    """Share of units that prefer each class of stimuli, by layer: trained beside untrained.

    `rows` are from `experiments.preference`; `equal` is "contrast" or "range" of the stimuli.
    """
    table = pd.DataFrame(rows)
    mean = 100 * table[table.equal == equal].groupby(["kind", "layer", "stimulus"]).share.mean()
    shares = {kind: mean[kind].unstack()[[*CLASSES]] for kind in ("trained", "untrained")}
    top = max(values.max(axis=None) for values in shares.values())
    layers = shares["trained"].index
    figure = Figure(figsize=(6.6, 1.7 + 0.8 * len(layers)), layout="constrained")
    alt_values = []
    for axes, (kind, values) in zip(figure.subplots(2, 1), shares.items(), strict=True):
        texts = values.map("{:.0f}".format).to_numpy()
        drawing.heat(axes, values.to_numpy(), layers, CLASSES, texts, top)
        axes.set_title(kind, fontsize=10)
        for layer, of_layer in values.iterrows():
            three = of_layer.sort_values(ascending=False, kind="stable")[:3].items()
            alt_values.append(
                f"{kind}, {layer}: " + ", ".join(f"{c} {value:.0f}" for c, value in three)
            )
    figure.axes[0].set_xticklabels([])
    figure.suptitle(f"{title}\n(% of the layer's units)", fontsize=11)
    return Picture(figure, f"{title}. The three largest of each row: {'; '.join(alt_values)}.")


def plot_usage(table, units: Sequence[int], weight: torch.Tensor, title: str) -> Picture:
    """How active each unit of layer 1 is on each kind of picture, under its filter.

    `table` has rows `net`, `task`, `unit`, `activity` (its share of the layer). Only the network
    "trained" is shown.
    """
    table = table[table.net == "trained"]
    tasks = list(dict.fromkeys(table.task))
    values = table.pivot(index="task", columns="unit", values="activity").loc[tasks, list(units)]
    shares, most = 100 * values, 100 * values.max(axis=None)
    high, half = 0.33 * len(tasks), len(units) // 2
    figure = Figure(figsize=(WIDE, 2.6 + 2 * high), layout="constrained")
    axes = figure.subplots(4, 1, height_ratios=[0.5, high] * 2)
    for line in (0, 1):  # in one line the filters would be too small
        shown = list(units)[line * half :][:half]
        filters, heat = axes[2 * line : 2 * line + 2]
        sheet = drawing.mosaic(drawing.filter_pictures(weight[shown]), half, zoom=4, gap=4)
        drawing.image(filters, sheet)
        colours = heat.imshow(shares[shown], cmap="Blues", vmin=0, vmax=most, aspect="auto")
        heat.set_yticks(range(len(tasks)), tasks, fontsize=9)
        heat.set_xticks(range(half), list(map(str, shown)), fontsize=8)
    heat.set_xlabel("unit of layer 1 (its filter is above)")
    figure.colorbar(colours, ax=axes, label="% of the layer", pad=0.01)
    busiest = [
        f"{task}: most active units "
        + ", ".join(str(u) for u in values.loc[task].sort_values(ascending=False).index[:4])
        for task in tasks
    ]
    return drawing.finished(figure, title, busiest)


def made(pictures: dict[str, torch.Tensor], layer: str) -> Picture | None:
    """The pictures made for up to 64 units of a layer as one sheet; None where there are none."""
    if layer not in pictures:
        return None
    x = pictures[layer]
    title = f"Made for layer {layer[-1]}: {LIKES[layer]}"
    title += f" (64 of its {len(x)} units)" if len(x) > 64 else ""
    sheet = drawing.mosaic(to_picture(x[:64]), 16, 4)
    alt = f"{title}. A sheet of made pictures, with bits of colour."
    return figures.sheets({"": sheet}, title, alt, 10.5)


def stimulus_sheet(window: int = 22) -> Picture:
    """A few stimuli of each class, one row for each class."""
    rows = {}
    for kind in CLASSES:
        shapes = stimuli(kind, window)
        places = torch.linspace(0, len(shapes) - 1, 18).long()
        rows[kind] = drawing.mosaic(to_picture(shapes[places]), 18, 2)
    return figures.sheets(
        rows,
        "Eleven classes of shapes, all with the same mean and contrast",
        f"Rows of small grey pictures, one for each class: {', '.join(CLASSES)}; each at several "
        "positions, sizes, angles, light on dark and dark on light.",
    )


def plot_settling(table: pd.DataFrame, title: str) -> Picture:
    """Similarity of each layer to its final state (CKA) by step, with the mean over networks.

    `table` has rows `seed`, `layer`, `step`, `similarity`.
    """
    styles = ((drawing.BLUE, "o"), (drawing.ORANGE, "s"), (drawing.PINK, "D"), (drawing.GREY, "^"))
    lines, values = {}, []
    for (layer, rows), look in zip(table.groupby("layer"), styles, strict=False):
        rows = rows.assign(steps=rows.step + 1)
        lines[layer] = drawing.mean_line(rows, "steps", (*look, "-"), "similarity", 1)
        mean = rows.groupby("step").similarity.mean()
        each = (f"{mean[s]:.2f} after {s}" for s in (0, 30, 100) if s in mean)
        values.append(f"{layer}: {', '.join(each)}")
    labels = "steps + 1", "similarity to the final state (CKA)"
    look = figures.ChartStyle(ylim=(0, 1.03), log=True)
    return figures.chart({"": lines}, title, *labels, value_text=values, look=look)


def plot_first_layers(
    steps: dict[int, torch.Tensor], plain: torch.Tensor, accuracy: pd.DataFrame
) -> Picture:
    """Layer 1 trained by the course's recipe, and without its care (`experiments.first_layers`)."""
    share = 100 * accuracy.set_index("net").accuracy
    with_care = f"with the recipe: {share['recipe']:.0f}% of drawings right"
    return figures.filters(
        {with_care: steps[max(steps)], f"without it: {share['plain']:.0f}%": plain},
        "Cleaner filters, but no better accuracy",
        "Two sheets of filters: those with the recipe are smooth blobs and edges; those without "
        "it, 5 by 5 pixels, look like noise.",
        columns=8,
        across=2,
    )


def stills(steps: dict[int, torch.Tensor]) -> Picture:
    """Six frames of the animation."""
    return figures.filters(
        {f"after {step:,} steps": steps[step] for step in (0, 10, 30, 100, 300, max(steps))},
        "Order appears within 100 steps; clean edges take longer",
        "Filters of layer 1 after 0, 10, 30, 100, 300 and 781 steps: speckle in the first three, "
        "blotches at 100, spots and edges from 300.",
        columns=8,
        across=2,
    )


class Animation(Picture):
    """Filters at several steps as an animated GIF that plays once, with alt text."""

    kind = "gif"

    def __init__(self, weights: dict[int, torch.Tensor], alt: str = FILM, seconds: float = 6.0):
        frames = [
            Image.open(
                io.BytesIO(figures.filters({f"after {step:,} steps": w}, "", alt, columns=8).png)
            )
            for step, w in sorted(weights.items())
        ]
        largest = tuple(max(sizes) for sizes in zip(*(f.size for f in frames), strict=True))
        frames = [ImageOps.pad(f.convert("RGB"), largest, color="white") for f in frames]
        super().__init__(frames[-1], alt)
        file = io.BytesIO()
        pause = round(1000 * seconds / len(frames))
        frames[0].save(
            file, "GIF", save_all=True, append_images=frames[1:],
            duration=[pause] * (len(frames) - 1) + [3000],
        )  # fmt: skip
        self.data = file.getvalue()
