"""Figures and sounds of notebook 06: one thing three ways, and which source serves which target."""

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from IPython.display import Audio, display
from matplotlib.colors import LinearSegmentedColormap

from tl_course.base.errors import CourseError
from tl_course.data import writing
from tl_course.data.examples import Examples
from tl_course.data.inputs import scaled
from tl_course.data.sources import espeak
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.sources.written_names import names_in
from tl_course.data.targets import spoken, written
from tl_course.lessons import figures
from tl_course.lessons.figures import BLUE, ORANGE, Picture, ink
from tl_course.lessons.n06_wrong_modality import cells as matrix_cells
from tl_course.study import matrix
from tl_course.study.matrix import CALLED

SOURCES = {"random": "random layers", "image": "pictures", "audio": "sound", "text": "text"}
TARGETS = {name: called.replace(" (", "\n(") for name, called in CALLED.items()}
SAME = {"handwritten": "image", "spoken": "audio", "spoken-real": "audio", "written": "text"}
HARM_TO_HELP = LinearSegmentedColormap.from_list("harm to help", [ORANGE, "white", BLUE])
LOOKS = {
    "random": (figures.PINK, "D"),
    "image": (BLUE, "o"),
    "audio": (ORANGE, "s"),
    "text": (figures.GREEN, "^"),
}
ASKED = (  # cells (source, target) to be predicted
    ("image", "handwritten"), ("audio", "handwritten"),
    ("image", "spoken"), ("audio", "spoken"), ("text", "written"),
)  # fmt: skip
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
        Sound(wave, spoken.SOUNDS_RATE, matrix_cells.quoted(name))
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
        display(Sound(wave, spoken.SOUNDS_RATE, matrix_cells.quoted(f"{word}, {voice}")))
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


def ahead_of_random(rows: Sequence[dict] | pd.DataFrame) -> pd.DataFrame:
    """Points of 100 that each source is ahead of random layers, by `target`: rows of a matrix."""
    mean = matrix.cells(pd.DataFrame(rows)).pivot(index="target", columns="source", values="mean")
    return 100 * mean.sub(mean["random"], axis=0).drop(columns="random")


def points_ahead(
    rows: Sequence[dict] | pd.DataFrame, cells: Sequence[tuple[str, str]] = ASKED
) -> dict[str, float]:
    """The same of some cells (source, target), by what they are called."""
    ahead = ahead_of_random(rows)
    return {f"{SOURCES[s]} for {CALLED[t]}": float(ahead.loc[t, s]) for s, t in cells}


def small_table(rows: Sequence[dict]) -> pd.DataFrame:
    """Points ahead of random layers, to be read: a row for each target, a column a source."""
    ahead = ahead_of_random(rows)[list(matrix.SOURCES)].rename(columns=SOURCES, index=CALLED)
    return ahead.rename_axis(index="points ahead", columns=None).map("{:+.0f}".format)


def least_able(controls: pd.DataFrame, source: str, target: str) -> str:
    """The control that leaves a source's layers the least able to read a target."""
    rows = controls[(controls.source == source) & (controls.target == target)]
    return rows.groupby("control").accuracy.mean().idxmin()


def percent_right(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """How many of 100 are right, means over draws: a row for each of `by`, a column a source."""
    mean = 100 * rows.groupby([*by, "source"]).accuracy.mean().unstack()
    names = {**SOURCES, "none": "no network"}
    mean = mean[[name for name in names if name in mean]].rename(columns=names, index=CALLED)
    return mean.rename_axis(columns=None).map("{:.1f}".format).replace("nan", "")


def three_ways(x: torch.Tensor, names: Sequence[str], title: str, inches: float = 2.5) -> Picture:
    """Inputs `[n, 3, 32, 32]` of several modalities beside each other, as the network gets them.

    Each is `inches` wide. `names` are their captions; what is no picture is drawn from its lowest
    number (black) to its highest (white).
    """
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    drawn = (low >= -2.001) & (high <= 2.001)
    heard = "; ".join(name.replace("\n", ", ") for name in names)
    alt = f"{title}. Pictures of 32 by 32 points: {heard}."
    x = torch.where(drawn, x, scaled((x - low) / (high - low)))
    return figures.pictures(x, names, title, alt, len(x), inches)


def heat_map(cells: pd.DataFrame, gains: pd.DataFrame, title: str) -> Picture:
    """Rows of `matrix.cells` and `matrix.ahead` of random layers, for one option and number.

    A cell says how many of 100 are right; its colour says how far that is ahead of random layers
    (blue) or behind (orange), and a dashed frame marks the same modality. A star says that the 95%
    interval leaves out zero.
    """
    mean = 100 * cells.pivot(index="target", columns="source", values="mean")
    ahead = gains.pivot(index="target", columns="source", values="ahead")
    interval = gains.pivot(index="target", columns="source", values="interval")
    targets = [name for name in TARGETS if name in mean.index]
    sources = [name for name in SOURCES if name in mean.columns]
    points = matrix_cells.points(mean)
    shown = ahead.reindex(index=targets, columns=sources).to_numpy(float)
    figure, (ax,) = figures.in_a_row(1, 8.2, 1.1 * len(targets) + 1.3)
    picture = ax.imshow(np.nan_to_num(shown), HARM_TO_HELP, vmin=-MOST, vmax=MOST, aspect="auto")
    heard = []
    for (i, j), gain in np.ndenumerate(shown):
        name, source = targets[i], sources[j]
        right, said = mean.loc[name, source], None
        if source != "random":
            half, said = interval.loc[name, source], points.loc[name, source]
            where = f"{SOURCES[source]} for {TARGETS[name]}".replace("\n", " ")
            heard.append(f"{where}: {right:.1f}, {said:+.1f} ± {half:.1f}")
        said = matrix_cells.in_a_cell(right, said, source != "random" and abs(gain) > half)
        colour = ink(picture.to_rgba(np.nan_to_num(gain)))
        ax.text(j, i, said, ha="center", va="center", fontsize=12, color=colour)
        if SAME[name] == source:
            look = {"fill": False, "linewidth": 2.5, "linestyle": (0, (3, 1))}
            ax.add_patch(figures.Rectangle((j - 0.48, i - 0.46), 0.96, 0.92, **look))
    ax.set_xticks(range(len(sources)), [SOURCES[source] for source in sources], fontsize=11)
    ax.set_yticks(range(len(targets)), [TARGETS[name] for name in targets], fontsize=11)
    ax.set_xlabel("pretrained on")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    figure.colorbar(picture, label="points ahead of random layers", shrink=0.8)
    told = "Test accuracy in percent and points ahead of random layers:"
    return figures.finished(figure, title, heard, told)


def help_and_harm(rows: pd.DataFrame, title: str) -> Picture:
    """Rows of the recorded matrix, for one number of examples and Option 1, as a heat map."""
    return heat_map(matrix.cells(rows), matrix.ahead(rows, ("random", "1")), title)


def explained(rows: pd.DataFrame, controls: pd.DataFrame, title: str) -> Picture:
    """Mean accuracy of the recorded `controls` beside `rows` of the matrix, a panel a target."""
    table = pd.concat([rows.assign(control="as it is"), controls])
    names = [name for name in TARGETS if name in set(table.target)]
    size = (11.5, 0.5 * table.control.nunique() + 2.2)
    figure, every = figures.in_a_row(len(names), *size, sharey=True)
    heard = []
    order = list(dict.fromkeys(table.control))[::-1]
    for ax, name in zip(every, names, strict=True):
        for source, (colour, marker) in LOOKS.items():
            own = table[(table.target == name) & (table.source == source)]
            line = figures.mean_line(own, "control", (colour, marker, "none"))
            places, called = [order.index(control) for control in line.x], SOURCES[source]
            ax.errorbar(
                line.y, places, xerr=line.error, fmt=marker, color=colour, capsize=3, label=called
            )
            where = TARGETS[name].replace("\n", " ")
            means = zip(line.x, line.y, strict=True)
            heard += [f"{control}, {called}, {where}: {mean:.0f}" for control, mean in means]
        ax.set_title(TARGETS[name], fontsize=10)
        ax.set(xlim=(0, 102), xlabel="test accuracy, %")
        ax.set_yticks(range(len(order)), order)
        ax.grid(axis="x", alpha=0.3)
    figures.legend(figure, "outside lower center", ncols=4)
    return figures.finished(figure, title, heard, "Mean test accuracy in percent.")
