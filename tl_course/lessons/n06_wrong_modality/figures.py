"""Figures and sounds of notebook 06: one thing three ways, and which source serves which target."""

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from IPython.display import Audio, display
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

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
BESIDE = (-0.24, -0.08, 0.08, 0.24)  # where the marks of the sources stand in a row
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
    ahead = ahead.rename_axis(index="points ahead of random layers", columns=None)
    return ahead.map("{:+.0f}".format).replace("-0", "+0")


def least_able(controls: pd.DataFrame, source: str, target: str) -> tuple[str, list[str]]:
    """The control after which a source's layers get fewest of a target right, and all of them."""
    rows = controls[(controls.source == source) & (controls.target == target)]
    mean = rows.groupby("control", sort=False).accuracy.mean().rename(in_full)
    return mean.idxmin(), list(mean.index)


def in_full(control: str) -> str:
    """A recorded control as it is called where it is read."""
    return control.replace("its own numbers", "own weights").replace(" its ", " ")


def percent_right(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """How many of 100 are right, means over draws: a row for each of `by`, a column a source."""
    mean = 100 * rows.groupby([*by, "source"]).accuracy.mean().unstack()
    mean = mean[[name for name in SOURCES if name in mean]].rename(columns=SOURCES, index=CALLED)
    return mean.rename_axis(columns=None).map("{:.1f}".format)


def by_option(recorded: pd.DataFrame) -> pd.DataFrame:
    """The whole matrix in percent: under Option 2, no pretraining is training from scratch."""
    rows = recorded[recorded.option.isin(["1", "2", "scratch"])]
    table = percent_right(rows.replace({"option": {"scratch": "2"}}), "images", "target", "option")
    table = table.rename(columns={"random layers": "no pretraining"})
    return table.rename(index={"1": "Option 1", "2": "Option 2"}, level="option").rename_axis(
        index=["examples", "target", "of 100 right with"]
    )


def by_pair(directions: pd.DataFrame) -> pd.DataFrame:
    """How many of 100 are right, for each person learnt from and each one tested on."""
    names = {"learnt": "learnt from", "tested": "tested on"}
    return percent_right(directions.rename(columns=names), *names.values())


def without_a_network(rows: pd.DataFrame) -> pd.DataFrame:
    """Of 100 right with random layers, with layers of a target's own kind, and with no network."""
    mean = 100 * rows.groupby(["target", "source"]).accuracy.mean().unstack()
    columns = {
        "random layers": mean["random"],
        "layers of its own kind": pd.Series(
            {name: mean.loc[name, SAME[name]] for name in mean.index}
        ),
        "no network": mean["none"],
    }
    table = pd.DataFrame(columns).rename(index=CALLED).rename_axis("of 100 right")
    return table.map("{:.1f}".format)


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


def by_examples(recorded: pd.DataFrame, ends: pd.DataFrame, title: str) -> Picture:
    """Accuracy under Option 1 against examples: rows of the matrix, and of `matrix_ends`."""
    table = pd.concat([recorded, ends]).query("option == '1'")
    panels = {}
    for name in (name for name in TARGETS if name in set(table.target)):
        of = table[table.target == name]
        panels[TARGETS[name]] = {
            SOURCES[source]: figures.mean_line(of[of.source == source], "images", (*look, "-"))
            for source, look in LOOKS.items()
        }
    labels, said = ("labelled examples", "test accuracy, %"), "{y:.0f} with {x}"
    look = figures.Look(log=True, ylim=(0, 102), size=(11.4, 3.4))
    return figures.chart(panels, title, *labels, said=said, look=look)


def explained(rows: pd.DataFrame, controls: pd.DataFrame, title: str) -> Picture:
    """Mean accuracy of the recorded `controls` below `rows` of the matrix, a panel a target."""
    table = pd.concat([rows.assign(control="as it is"), controls])
    table["control"] = table.control.map(in_full)
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
            line = figures.mean_line(of_source, "control", (colour, marker, "none"))
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
    figures.legend(figure, "outside lower center", ncols=4)
    return figures.finished(figure, title, heard, "Mean test accuracy in percent.")
