"""Figures and sounds of notebook 06: one thing three ways, and which source serves which target."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from IPython.display import Audio, display
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from tl_course.base.errors import CourseError
from tl_course.data import writing
from tl_course.data.examples import Examples
from tl_course.data.inputs import to_picture
from tl_course.data.sources import espeak
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.sources.written_names import names_in
from tl_course.data.targets import spoken, written
from tl_course.lessons import figures
from tl_course.lessons.figures import BLUE, ORANGE, Picture
from tl_course.study import matrix
from tl_course.study.matrix import CALLED

SOURCES = {"random": "random layers", "image": "pictures", "audio": "sound", "text": "text"}
TARGETS = {name: called.replace(" (", "\n(") for name, called in CALLED.items()}
SAME = {"handwritten": "image", "spoken": "audio", "spoken-real": "audio", "written": "text"}
HARM_TO_HELP = LinearSegmentedColormap.from_list("harm to help", [ORANGE, "white", BLUE])
MOST = 40  # points at which the colour is full


class Sound(Audio):
    """A player with a name that a screen reader says; `wave` int16 `[samples]`."""

    def __init__(self, wave: np.ndarray, rate: int, name: str):
        super().__init__(wave, rate=rate)
        self.name = name

    def _repr_html_(self) -> str:
        name = html.escape(self.name, quote=True)
        player = super()._repr_html_().replace("<audio", f'<audio aria-label="{name}"', 1)
        return f"<div>{name}<br>{player}</div>"


def players(*words: str) -> list[Sound]:
    """The recordings that the course ships of each of `words`, to be played."""
    return [
        Sound(wave, spoken.SOUNDS_RATE, f"“{name}”")
        for word in words
        for name, wave in spoken.sounds().items()
        if name.split(",")[0] == word
    ]


def say(word: str, voice: str, seed: int = 0) -> tuple[str, torch.Tensor]:
    """`word` said by `voice`: a player, and the word with its input `[1, 3, 32, 32]`.

    Where it cannot be said, that is printed, and a recording of “seven” takes its place.
    """
    try:
        wave = espeak.Synthesiser(seed).say(word, voice)
        display(Sound(wave, spoken.SOUNDS_RATE, f"“{word}”, {voice}"))
    except CourseError as error:
        print(error)
        word, wave = "seven", spoken.sounds()["seven"]
    return word, spoken.as_input(wave, spoken.SOUNDS_RATE)


def cat(seed: int, title: str) -> Picture:
    """A cat as a drawing, as a sound and as a word."""
    renders = EmojiImages(seed)
    number = renders.names.index("cat")
    wave = next(wave for name, wave in spoken.sounds().items() if name.startswith("cat"))
    word = names_in("es")[number]
    heard = spoken.as_input(wave, spoken.SOUNDS_RATE)
    x = torch.cat([renders.of_thing(number, 1), heard, writing.coded(writing.points([word]))])
    return three_ways(x, ["seen", "heard: “cat”", f"read: “{word}”"], title)


def own_word(word: str, heard: torch.Tensor, title: str) -> Picture:
    """A word as its sound `[1, 3, 32, 32]` and as its letters."""
    x = torch.cat([heard, writing.coded(writing.points([word]))])
    return three_ways(x, [f"heard: “{word}”", f"read: “{word}”"], title)


def three_rows(drawn: Sequence[Examples], title: str) -> Picture:
    """Ten digits of each target, handwritten, spoken and written, a row each."""
    hand, speech, text = drawn
    words = written.read(text.x)
    return figures.pictures(
        torch.cat([hand.x, speech.x / 2, text.x / 2]),
        [*map(str, range(10)), *(f"“{i}”" for i in range(10)), *words],
        title,
        "Three rows of ten pictures: handwritten digits; spoken digits as spectrograms, some "
        "bright bands on a dark background; number words as columns of black and white: "
        f"{', '.join(words)}.",
    )


def beside(rows: Sequence[dict], predicted: Mapping[str, Mapping[str, float]]) -> str:
    """Points ahead of random layers in rows of `matrix.matrix`, each beside its prediction."""
    mean = matrix.cells(pd.DataFrame(rows)).pivot(index="target", columns="source", values="mean")
    points = 100 * mean.sub(mean["random"], axis=0)
    return "\n".join(
        f"{name:<12} "
        + "; ".join(f"{s}: {points[s][name]:+3.0f} (you said {by:+.0f})" for s, by in said.items())
        for name, said in predicted.items()
    )


def percent_right(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """How many of 100 are right, means over draws: a row for each of `by`, a column a source."""
    mean = 100 * rows.groupby([*by, "source"]).accuracy.mean().unstack()
    names = {**SOURCES, "none": "no network"}
    mean = mean[[name for name in names if name in mean]].rename(columns=names, index=CALLED)
    return mean.rename_axis(columns=None).map("{:.1f}".format).replace("nan", "")


def three_ways(x: torch.Tensor, names: Sequence[str], title: str) -> Picture:
    """Inputs `[n, 3, 32, 32]` of several modalities beside each other, as the network gets them.

    `names` are their captions; what is no picture is drawn from its lowest number (black) to its
    highest (white).
    """
    figure = Figure(figsize=(2.5 * len(x), 2.9), layout="constrained")
    for ax, one, name in zip(figure.subplots(1, len(x)), x, names, strict=True):
        low, high = one.min(), one.max()
        picture = to_picture(one) if low >= -2.001 and high <= 2.001 else (one - low) / (high - low)
        figures.image(ax, picture)
        ax.set_title(name, fontsize=10)
    figure.suptitle(title, fontsize=12)
    heard = "; ".join(name.replace("\n", ", ") for name in names)
    return Picture(figure, f"{title}. Pictures of 32 by 32 points: {heard}.")


def heat_map(cells: pd.DataFrame, gains: pd.DataFrame, title: str) -> Picture:
    """Rows of `matrix.cells` and `matrix.ahead` of random layers, for one option and number.

    A cell says how many of 100 are right; its colour says how far that is ahead of random layers
    (blue) or behind (orange), and a frame marks the same modality. A star says that the 95%
    interval leaves out zero.
    """
    mean = 100 * cells.pivot(index="target", columns="source", values="mean")
    ahead = gains.pivot(index="target", columns="source", values="ahead")
    interval = gains.pivot(index="target", columns="source", values="interval")
    targets = [name for name in TARGETS if name in mean.index]
    sources = [name for name in SOURCES if name in mean.columns]
    shown = ahead.reindex(index=targets, columns=sources).to_numpy(float)
    figure = Figure(figsize=(8.2, 1.1 * len(targets) + 1.3), layout="constrained")
    ax = figure.subplots()
    picture = ax.imshow(np.nan_to_num(shown), HARM_TO_HELP, vmin=-MOST, vmax=MOST, aspect="auto")
    heard = []
    for i, name in enumerate(targets):
        for j, source in enumerate(sources):
            said = f"{mean.loc[name, source]:.0f}"
            if source != "random":
                by, half = ahead.loc[name, source], interval.loc[name, source]
                certain = " *" if abs(by) > half else ""
                said += f"\n{by:+.0f}{certain}".replace("-", "−")
                where = f"{SOURCES[source]} for {TARGETS[name]}".replace("\n", " ")
                heard.append(f"{where}: {mean.loc[name, source]:.0f}, {by:+.1f} ± {half:.1f}")
            strong = abs(shown[i, j]) > 0.6 * MOST
            ax.text(
                j, i, said, ha="center", va="center", fontsize=12,
                color="white" if strong and shown[i, j] > 0 else "black",
            )  # fmt: skip
            if SAME[name] == source:
                ax.add_patch(
                    figures.Rectangle((j - 0.48, i - 0.46), 0.96, 0.92, fill=False, linewidth=2.5)
                )
    ax.set_xticks(range(len(sources)), [SOURCES[source] for source in sources], fontsize=11)
    ax.set_yticks(range(len(targets)), [TARGETS[name] for name in targets], fontsize=11)
    ax.set_xlabel("pretrained on")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    figure.colorbar(picture, label="points ahead of random layers", shrink=0.8)
    ax.set_title(title, fontsize=12)
    return Picture(
        figure,
        f"{title}. Test accuracy in percent and points ahead of random layers: {'; '.join(heard)}.",
    )


def help_and_harm(rows: pd.DataFrame, title: str) -> Picture:
    """Rows of the recorded matrix, for one number of examples and Option 1, as a heat map."""
    return heat_map(matrix.cells(rows), matrix.ahead(rows, ("random", "1")), title)


def ink(colour: Sequence[float]) -> str:
    """Black or white, whichever can be read better on `colour` (red, green, blue, 0 … 1).

    By the contrast of the Web Content Accessibility Guidelines 2.
    """
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def explained(rows: pd.DataFrame, controls: pd.DataFrame, title: str) -> Picture:
    """Mean accuracy of the recorded `controls` beside `rows` of the matrix, a panel a target."""
    table = pd.concat([rows.assign(control="as it is"), controls])
    names = [name for name in TARGETS if name in set(table.target)]
    figure = Figure(figsize=(11.5, 0.5 * table.control.nunique() + 2.2), layout="constrained")
    heard = []
    controls = list(dict.fromkeys(table.control))[::-1]
    colours = {"random": figures.PINK, "image": BLUE, "audio": ORANGE, "text": figures.GREEN}
    markers = {"random": "D", "image": "o", "audio": "s", "text": "^"}
    every = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    for ax, name in zip(every, names, strict=True):
        for source, colour in colours.items():
            own = table[(table.target == name) & (table.source == source)]
            by = 100 * own.groupby("control").accuracy.agg(["mean", "std"])
            place = [controls.index(control) for control in by.index]
            ax.errorbar(
                by["mean"], place, xerr=by["std"], fmt=markers[source], color=colour, capsize=3,
                label=SOURCES[source],
            )  # fmt: skip
            heard += [
                f"{control}, {SOURCES[source]}, {TARGETS[name]}: {mean:.0f}".replace("\n", " ")
                for control, mean in by["mean"].items()
            ]
        ax.set_title(TARGETS[name], fontsize=10)
        ax.set(xlim=(0, 102), xlabel="test accuracy, %")
        ax.set_yticks(range(len(controls)), controls)
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title, fontsize=12)
    return Picture(figure, f"{title}. Mean test accuracy in percent. {'; '.join(heard)}.")
