"""One cell of the matrix: examples to look at and listen to, and its result in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from tl_course.base.errors import CourseError, script
from tl_course.data import writing
from tl_course.data.examples import draw
from tl_course.data.sources.classes import names
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.sources.written_names import names_in
from tl_course.data.targets import spoken
from tl_course.data.targets import written as written_digits
from tl_course.data.targets.handwritten import handwritten
from tl_course.study import matrix
from tl_course.study.matrix import CALLED

THINGS = ("cat", "dog", "automobile", "house")
LANGUAGES = ("en", "es", "de", "fr")  # of the written names that are shown
DIGITS = (0, 1, 3, 7)  # of a target, as many as fit
SOURCES = {"random": "random layers", "image": "pictures", "audio": "sound", "text": "text"}
SAME = {"handwritten": "image", "spoken": "audio", "spoken-real": "audio", "written": "text"}
LEARNT = {
    "random": "nothing: its layers are random",
    "image": "drawings of 1,000 things",
    "audio": "the names of 1,000 things, spoken",
    "text": "the names of 1,000 things, written",
}


@dataclass(frozen=True)
class Shown:
    """Examples to look at `[n, 3, 32, 32]` with captions, and sounds to listen to.

    `sounds` are (caption, wave int16 `[samples]`, samples per second).
    """

    title: str
    x: torch.Tensor
    captions: tuple[str, ...]
    sounds: tuple[tuple[str, np.ndarray, int], ...] = ()


def of_source(source: str, seed: int = 0) -> Shown:
    """Examples of what a network was pretrained on; none for "random"."""
    if source == "audio":
        sounds = [(quoted(name), wave) for name, wave in spoken.sounds().items() if "," in name]
        return _heard("spoken names", sounds, spoken.SOUNDS_RATE)
    numbers = [names().index(thing) for thing in THINGS]
    if source == "text":
        words = [names_in(code)[i] for code, i in zip(LANGUAGES, numbers, strict=True)]
        x = writing.coded(writing.code_points_of(words))
        return Shown("written names", x, tuple(f"“{word}”" for word in words))
    if source == "image":
        renders = EmojiImages(seed)
        x = torch.cat([renders.of_thing(i, 1) for i in numbers])
        return Shown("drawings", x, THINGS)
    if source == "random":
        return Shown("no examples: random layers have seen nothing", torch.zeros(0, 3, 32, 32), ())
    raise CourseError("no_source", f"There is no source '{source}'; there is {', '.join(LEARNT)}.")


def of_target(target: str, seed: int = 0) -> Shown:
    """Examples of a target's digits; people's voices only if their recordings are here."""
    if target == "handwritten":
        ten = draw(handwritten().pool, 10, seed)
        return Shown(CALLED[target], ten.x[list(DIGITS)], tuple(str(i) for i in DIGITS))
    if target == "written":
        pool = draw(written_digits.written_digits().pool, 10, seed)
        words = written_digits.texts_of_inputs(pool.x)
        return Shown(
            CALLED[target], pool.x[list(DIGITS)], tuple(f"“{words[i]}” ({i})" for i in DIGITS)
        )
    if target == "spoken":
        waves = spoken.sounds()
        sounds = [(quoted(spoken.WORDS[i]), waves[spoken.WORDS[i]]) for i in DIGITS]
        return _heard(CALLED[target], sounds, spoken.SOUNDS_RATE)
    if target == "spoken-real":
        if not spoken.has_recordings():
            title = (
                f"{CALLED[target]}: the recordings are not on this machine; to fetch them (16 MB), "
                f"run this in a new cell: !{script('free_spoken_digits')}"
            )
            return Shown(title, torch.zeros(0, 3, 32, 32), ())
        people, sounds = spoken.speakers(), []
        for k, digit in enumerate(DIGITS):
            who = people[(seed + k) % len(people)]
            path = sorted(spoken.recordings().glob(f"{digit}_{who}_*.wav"))[0]
            wave, rate = spoken.read_wave(path)
            name = quoted(f"{spoken.WORDS[digit]}, {who}")
            sounds.append((name, (32767 * wave).astype(np.int16)))
        return _heard(CALLED[target], sounds, rate)
    raise CourseError("no_target", f"There is no target '{target}'; there is {', '.join(CALLED)}.")


def quoted(name: str) -> str:
    """The caption of a recording's name such as "cat, Alex": the word and the voice."""
    word, _, voice = name.partition(", ")
    return f"“{word}” (voice: {voice})" if voice else f"“{word}”"


def _heard(title: str, sounds: Sequence[tuple[str, np.ndarray]], rate: int) -> Shown:
    x = torch.cat([spoken.sound_as_input(wave, rate) for _, wave in sounds])
    captions = tuple(caption for caption, _ in sounds)
    return Shown(title, x, captions, tuple((caption, wave, rate) for caption, wave in sounds))


def measured_cells(table: pd.DataFrame, images: int, option: str) -> pd.DataFrame:
    """The recorded matrix for a number of examples and an option, compared with its control.

    Indexed by `target`, `source`. The columns are `mean` and `sd` in %, `draws`, `networks` (number
    of pretrainings), and how far it is `ahead` of the control, with `interval` and `wins` (empty
    for the control itself). `points` is `ahead` as it is shown, with one decimal. The control of
    Option 1 is random layers, and that of Option 2 is the same network from scratch.
    """
    control = ("random", "1") if option == "1" else ("random", "scratch")
    rows = table[
        (table.images == images)
        & ((table.option == option) | ((table.source == "random") & (table.option == control[1])))
        & (table.source != "none")
    ]
    keys = ["target", "source"]
    means = matrix.cells(rows).set_index(keys)[["mean", "sd", "draws"]]
    means[["mean", "sd"]] *= 100
    means["networks"] = rows.groupby(keys).pretraining.nunique()
    gains = matrix.ahead(rows, control).set_index(keys)[["ahead", "interval", "wins"]]
    return means.join(gains).assign(points=points_ahead_of_random(means["mean"].unstack()).stack())


def points_ahead_of_random(right: pd.DataFrame) -> pd.DataFrame:
    """How far each source (a column of accuracies in %) is ahead of "random", in points.

    They are rounded after the subtraction, as in every text, so they may seem off by 0.1.
    """
    return right.sub(right["random"], axis=0).round(1) + 0.0  # + 0.0 turns -0.0 into 0.0


def in_a_cell(right: float, points: float | None = None, certain: bool = False) -> str:
    """The text of a cell: the percentage right, points ahead, and a star if it is clear."""
    ahead = "" if points is None else f"\n{points:+.1f}{'*' if certain else ''}"
    return f"{right:.1f}{ahead}".replace("-", "−")


def cell_in_words(cells: pd.DataFrame, target: str, source: str, images: int, option: str) -> str:
    """The result of one cell of `measured_cells`, in sentences."""
    row, called = cells.loc[(target, source)], CALLED[target]
    how = "four layers frozen" if option == "1" else "everything trained"
    each = f" with each of {row.networks:.0f} networks" if row.networks > 1 else ""
    got = (
        f"{row['mean']:.1f}% right (mean of {row.draws:.0f} draws{each}, ± {row.sd:.1f} from "
        "draw to draw)"
    )
    if source == "random":
        kind = "random layers, frozen" if option == "1" else "from scratch"
        return f"The control: {called} with {images} labelled examples, {kind}: {got}."
    control = "random layers" if option == "1" else "the same network from scratch"
    side = "ahead of" if row.points >= 0 else "behind"
    certain = "more than chance explains" if abs(row.ahead) > row.interval else "may be chance"
    return (
        f"Pretrained on {LEARNT[source]}; then {called} with {images} labelled examples, {how}: "
        f"{got}. That is {abs(row.points):.1f} points {side} {control} (95% interval "
        f"± {row.interval:.1f}: {certain}), ahead in {row.wins:.0f} of {row.draws:.0f} draws."
    )
