"""Figures of notebook 06: one object in three modalities, and which source helps which target."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tl_course.data import writing
from tl_course.data.examples import Examples
from tl_course.data.inputs import scaled
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.sources.written_names import names_in
from tl_course.data.targets import spoken, written
from tl_course.lessons import drawing, figures
from tl_course.lessons.drawing import BLUE, ORANGE, Picture, ink
from tl_course.study.matrix import CALLED
from tl_course.study.matrix_cells import SAME, SOURCES

TARGETS = {name: called.replace(" (", "\n(") for name, called in CALLED.items()}
HARM_TO_HELP = LinearSegmentedColormap.from_list("harm to help", [ORANGE, "white", BLUE])
LOOKS = {
    "random": (drawing.PINK, "D"),
    "image": (BLUE, "o"),
    "audio": (ORANGE, "s"),
    "text": (drawing.GREEN, "^"),
}
BESIDE = (-0.24, -0.08, 0.08, 0.24)  # offsets of the sources' markers within a row
MOST = 40  # points ahead or behind, where the colour is strongest


def cat(seed: int, title: str) -> Picture:
    """A cat as a drawing, as a sound and as a word."""
    renders = EmojiImages(seed)
    number = renders.names.index("cat")
    wave = next(wave for name, wave in spoken.sounds().items() if name.startswith("cat"))
    word = names_in("es")[number]
    heard = spoken.sound_as_input(wave, spoken.SOUNDS_RATE)
    x = torch.cat(
        [renders.of_thing(number, 1), heard, writing.coded(writing.code_points_of([word]))]
    )
    return three_ways(x, ["seen", "heard: “cat”", f"read: “{word}”"], title)


def own_word(word: str, heard: torch.Tensor, title: str) -> Picture:
    """A word as its sound `[1, 3, 32, 32]` and as its letters."""
    x = torch.cat([heard, writing.coded(writing.code_points_of([word]))])
    return three_ways(x, [f"heard: “{word}”", f"read: “{word}”"], title)


def three_rows(drawn: Sequence[Examples], title: str) -> Picture:
    """Ten digits of each target in a row: handwritten, spoken and written."""
    hand, speech, text = drawn
    words = written.texts_of_inputs(text.x)
    return figures.pictures(
        torch.cat([hand.x, speech.x / 2, text.x / 2]),
        [*map(str, range(10)), *(f"“{i}”" for i in range(10)), *words],
        title,
        "Three rows of ten pictures: handwritten digits; spoken digits as spectrograms, some "
        "bright bands on a dark background; number words as columns of black and white: "
        f"{', '.join(words)}.",
    )


def three_ways(x: torch.Tensor, names: Sequence[str], title: str, inches: float = 2.5) -> Picture:
    """Inputs `[n, 3, 32, 32]` of several modalities side by side, as the network gets them.

    Each is `inches` wide, with a caption from `names`. Inputs that are not pictures are drawn from
    their lowest number (black) to their highest (white).
    """
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    drawn = (low >= -2.001) & (high <= 2.001)
    heard = "; ".join(name.replace("\n", ", ") for name in names)
    alt = f"{title}. Pictures of 32 by 32 points: {heard}."
    x = torch.where(drawn, x, scaled((x - low) / (high - low)))
    return figures.pictures(x, names, title, alt, len(x), inches)


def heat_map(measured: pd.DataFrame, title: str) -> Picture:
    """The matrix from `matrix_cells.measured_cells`, for one option and one number of examples.

    A cell says how many points a source is ahead of random layers (blue) or behind them (orange),
    in brackets if the 95% interval includes zero. A dashed frame marks the same modality.
    """
    targets = [name for name in TARGETS if name in measured.index.levels[0]]
    there = set(measured.index.levels[1]) - {"random"}
    sources = [name for name in SOURCES if name in there]
    shown = measured.ahead.unstack().reindex(index=targets, columns=sources).to_numpy(float)
    figure, (ax,) = drawing.in_a_row(1, 8.2, 1.1 * len(targets) + 1.3)
    picture = ax.imshow(np.nan_to_num(shown), HARM_TO_HELP, vmin=-MOST, vmax=MOST, aspect="auto")
    heard = []
    for (i, j), gain in np.ndenumerate(shown):
        name, source = targets[i], sources[j]
        cell = measured.loc[(name, source)]
        where = f"{SOURCES[source]} for {TARGETS[name]}".replace("\n", " ")
        heard.append(f"{where}: {cell.points:+.1f} ± {cell.interval:.1f}")
        colour = ink(picture.to_rgba(np.nan_to_num(gain)))
        text = f"{cell.points:+.1f}".replace("-", "−")
        text = text if abs(gain) > cell.interval else f"({text})"
        ax.text(j, i, text, ha="center", va="center", fontsize=13, color=colour)
        if SAME[name] == source:
            look = {"fill": False, "linewidth": 2.5, "linestyle": (0, (3, 1))}
            ax.add_patch(Rectangle((j - 0.48, i - 0.46), 0.96, 0.92, **look))
    ax.set_xticks(range(len(sources)), [SOURCES[source] for source in sources], fontsize=11)
    ax.set_yticks(range(len(targets)), [TARGETS[name] for name in targets], fontsize=11)
    ax.set_xlabel("pretrained on")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    figure.colorbar(picture, label="points ahead of random layers", shrink=0.8)
    description = "Points ahead of random layers, with the 95% interval:"
    return drawing.finished(figure, title, heard, description)


def by_examples(recorded: pd.DataFrame, ends: pd.DataFrame, title: str) -> Picture:
    """Accuracy of Option 1 against examples: rows of the matrix and of `matrix_ends`."""
    table = pd.concat([recorded, ends]).query("option == '1'")
    panels = {}
    for name in (name for name in TARGETS if name in set(table.target)):
        of = table[table.target == name]
        panels[TARGETS[name]] = {
            SOURCES[source]: drawing.mean_line(of[of.source == source], "images", (*look, "-"))
            for source, look in LOOKS.items()
        }
    labels, value_text = ("labelled examples", "test accuracy, %"), "{y:.0f} with {x}"
    look = figures.ChartStyle(log=True, ylim=(0, 102), size=(11.4, 3.4))
    return figures.chart(panels, title, *labels, value_text=value_text, look=look)


def plot_explained(table: pd.DataFrame, title: str) -> Picture:
    """Mean accuracy by control, a panel for each target: rows of `experiments.explained`."""
    names = [name for name in TARGETS if name in set(table.target)]
    orders = [list(dict.fromkeys(table[table.target == name].control)) for name in names]
    lines = sum(map(len, orders))
    figure = Figure(figsize=(7, 0.42 * lines + 2.2), layout="constrained")
    ratios = list(map(len, orders))
    every = figure.subplots(len(names), squeeze=False, sharex=True, height_ratios=ratios)[:, 0]
    heard = []
    for ax, name, order in zip(every, names, orders, strict=True):
        for aside, (source, (colour, marker)) in zip(BESIDE, LOOKS.items(), strict=True):
            of_source = table[(table.target == name) & (table.source == source)]
            line = drawing.mean_line(of_source, "control", (colour, marker, "none"))
            places, called = [order.index(control) + aside for control in line.x], SOURCES[source]
            look = {"fmt": marker, "color": colour, "capsize": 2, "markersize": 5, "label": called}
            ax.errorbar(line.y, places, xerr=line.error, **look)
            means = zip(line.x, line.y, strict=True)
            heard += [f"{CALLED[name]}, {control}, {called}: {mean:.0f}" for control, mean in means]
        ax.set_title(CALLED[name], fontsize=10, loc="left")
        ax.set(xlim=(0, 102), ylim=(len(order) - 0.5, -0.5))
        ax.set_yticks(range(len(order)), order)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="x", alpha=0.3)
    every[-1].set_xlabel("test accuracy, % (bars: one standard deviation over draws)")
    drawing.legend(figure, "outside lower center", ncols=4)
    return drawing.finished(figure, title, heard, "Mean test accuracy in percent.")
