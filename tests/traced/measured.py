"""What traces are written with: short names for what is recorded, counted, or fixed in the code.

Accuracies are in %, differences in points. Whatever a trace names otherwise (`gpt`, `settings`, …)
is a module of the course.
"""

# ruff: noqa: F401 what is not used here is used in traces
import functools
import math
import re

import faults
import numpy as np
import pandas as pd
from attacks import forked

import tl_course as tl
from tl_course.app import bench as benches
from tl_course.app import notebooks, wheelhouse
from tl_course.app.notebooks import root
from tl_course.base import stats, untrusted_input
from tl_course.core import (
    advice,
    files,
    network,
    output_layers,
    pretraining,
    session,
    settings,
    untrusted_networks,
)
from tl_course.data import pictures, upload, writing
from tl_course.data.sources import classes, emoji_images, espeak, strokes
from tl_course.data.targets import (
    drawn_files,
    handwritten,
    kinds,
    letters,
    lines,
    made_folder,
    omniglot,
    photographs,
    spoken,
    written,
)
from tl_course.layers import snapshots, stimuli
from tl_course.lessons import speed
from tl_course.lessons.n01_pretrain import recipes
from tl_course.lessons.n01_pretrain import tables as n01_tables
from tl_course.lessons.n04_option_2_fine_tune import exercises as n04_exercises
from tl_course.lessons.n05_how_much_data import experiments as n05
from tl_course.lessons.n05_how_much_data import tables as n05_tables
from tl_course.lessons.n06_wrong_modality import experiments as n06
from tl_course.lessons.n06_wrong_modality import tables as n06_tables
from tl_course.lessons.n07_published_networks import experiments as n07
from tl_course.lessons.n07_published_networks import strangers
from tl_course.lessons.n07_published_networks import words as n07_words
from tl_course.lessons.n08_your_own_task import thumbnails as n08_thumbnails
from tl_course.lessons.n09_small_gpt import experiments as n09
from tl_course.lessons.n09_small_gpt import gpt
from tl_course.lessons.n10_how_sure import experiments as n10
from tl_course.lessons.n10_how_sure import tables as n10_tables
from tl_course.study import comparing, forgetting, handwriting, matrix, results, trials, tuning

table = functools.cache(results.load)


# ------------------------------------------------------------------ digits, and other pictures


@functools.cache
def _sweep() -> pd.DataFrame:
    tuned = comparing.tuned(table("sweep"))
    return 100 * tuned.groupby(["arm", "augmented", "images"]).accuracy.agg(["mean", "std"])


def right(arm: str, images: int, copies: bool = False) -> float:
    """The percentage of digits that an arm gets right, mean over draws."""
    return _sweep().loc[(arm, copies, images), "mean"]


def spread(arm: str, images: int, copies: bool = False) -> float:
    """The standard deviation over draws of that."""
    return _sweep().loc[(arm, copies, images), "std"]


@functools.cache
def lead(arm: str, other: str, images: int, copies: bool = False, name: str = "sweep") -> pd.Series:
    """How far one arm is ahead of another on the same draws: ahead, interval, wins, draws."""
    rows = comparing.paired_arms(comparing.tuned(table(name)), (arm, copies), (other, copies))
    return rows[rows.images == images].iloc[0]


def certain(row: pd.Series) -> bool:
    """Whether the interval of such a row leaves out 0."""
    return bool(abs(row.ahead) > row.interval)


def way_between(way: str, other: str, images: int, copies: bool = False) -> pd.Series:
    """How far a way between the options is ahead of an arm: ahead, interval."""
    rows = n05_tables.middle_ways.compared_ways(table("official"), table("middle_ways"), other)
    return rows.set_index(["way", "augmented", "images"]).loc[(way, copies, images)]


def best_without(images: int) -> float:
    """How far both options are ahead of both networks that borrow nothing, at least."""
    borrowing = min(right("option-1", images), right("option-2", images))
    return borrowing - max(right("scratch", images), right("random-frozen", images))


@functools.cache
def from_scratch(copies: bool = False, name: str = "sweep") -> float:
    """How many labels from scratch equal fifty under Option 1."""
    return n05.labels_from_scratch(table(name), "option-1", 50, copies)


def mean(name: str, where: str = "", column: str = "accuracy", scale: float = 100) -> float:
    """The mean of a column of a recorded table, of the rows that a query names."""
    rows = table(name).query(where) if where else table(name)
    assert len(rows), f"{name} has no row where {where}"
    return scale * rows[column].mean()


def count(name: str, column: str, where: str = "") -> int:
    """How many different values a column of a recorded table has."""
    rows = table(name).query(where) if where else table(name)
    return rows[column].nunique()


def known(arm: str, images: int, settings: str = "tuned") -> float:
    """Of 100 things, how many are still known; `known("before", 0)` is how many were."""
    where = f"arm == '{arm}' and images == {images} and settings == '{settings}'"
    return mean("forgetting", where)


def moved(images: int, settings: str = "tuned") -> pd.Series:
    """How far Option 2 moves each layer, in percent of its length."""
    rows = table("forgetting").query(f"arm == 'option-2' and images == {images}")
    rows = rows[rows.settings == settings]
    return 100 * rows[[f"moved_{number}" for number in (1, 2, 3, 4)]].mean()


def gap(arm: str, images: int) -> float:
    """Training minus test accuracy."""
    where = f"arm == '{arm}' and images == {images} and settings == 'tuned'"
    return mean("forgetting", where, "training") - mean("forgetting", where, "test")


def gaps() -> dict[str, float]:
    """The same with ten digits, on the draws of the sweep."""
    return gaps_by_size()[0].loc[10].to_dict()


@functools.cache
def gaps_by_size() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same at every size, as tuned and at equal rates."""
    costs, equal = table("forgetting"), table("equal_rates")
    tuned = forgetting.gaps_by_size(costs, comparing.plain(table("sweep")))
    return tuned, forgetting.gaps_by_size(equal, equal)


def gaps_with(images: int) -> pd.Series:
    """The four gaps with so many digits: both options, as tuned and at equal rates."""
    return pd.concat([rows.loc[images, ["option-1", "option-2"]] for rows in gaps_by_size()])


def other_task(task: str, each: int, arm: str, copies: bool = False) -> float:
    """Of 100 letters or unseen things."""
    where = f"task == '{task}' and each == {each} and arm == '{arm}' and augmented == {copies}"
    return mean("tasks", where)


def real_letter(each: int, arm: str, alphabet: str = "", copies: bool = False) -> float:
    """Of 100 letters that people drew, in one alphabet or in all."""
    where = f"each == {each} and arm == '{arm}' and augmented == {copies}"
    return mean("real_letters", where + (f" and alphabet == '{alphabet}'" if alphabet else ""))


@functools.cache
def _options_by_labels() -> dict[bool, dict[str, pd.DataFrame]]:
    return n05.options_by_labels(*map(table, ("official", "tasks", "real_letters")))


def ahead_from(task: str, augmented: bool = False) -> float:
    """The labels per class from which on Option 2 is clearly ahead on a task of 05."""
    rows = _options_by_labels()[augmented][task]
    return rows.per_class.iloc[comparing.ahead_from(rows)]


def behind_up_to(task: str) -> float:
    """The most labels per class with which Option 2 is clearly behind, without augmentation."""
    rows = _options_by_labels()[False][task]
    return rows[rows.verdict == "behind"].per_class.max()


def cut(first: str, then: str, k: int) -> float:
    """With the first k layers borrowed (`which_layers`)."""
    return mean("which_layers", f"first == '{first}' and then == '{then}' and k == {k}")


def lent(question: str, where: str, images: int = 50) -> float:
    """Digits right on layers of a smaller source (`sources`)."""
    return mean("sources", f"question == '{question}' and images == {images} and {where}")


# ------------------------------------------------------------------ what layers see


def prefer(layer: str, shapes: str, equal: str, kind: str = "trained") -> float:
    """Of 100 units, how many prefer one of these shapes."""
    rows = table("preference").query(f"layer == '{layer}' and equal == '{equal}'")
    rows = rows[(rows.kind == kind) & rows.stimulus.isin(shapes.split())]
    return 100 * rows.groupby("net").share.sum().mean()


def selective(net: str) -> int:
    """Units of layer 1 that are selective for an angle."""
    return int((table("orientation").query(f"net == '{net}'").orientation_selectivity > 0.5).sum())


def used(task: str, net: str = "trained") -> pd.Series:
    """Each unit's part of the activity, of an equal share."""
    rows = table("usage").query(f"net == '{net}' and task == '{task}'").set_index("unit")
    return rows.activity * len(rows)


# ------------------------------------------------------------------ sound and text


@functools.cache
def _gains(option: str, images: int, shipped: bool) -> pd.DataFrame:
    rows = table("matrix").query(f"images == {images}")
    rows = rows[rows.pretraining == 0] if shipped else rows
    other = {"1": "1", "2": "scratch"}[option]
    rows = rows[rows.option.isin([option, other])]
    return matrix.ahead(rows, ("random", other)).set_index(["target", "source", "option"])


def gain(
    target: str, source: str, option: str = "1", images: int = 50, shipped: bool = False
) -> pd.Series:
    """How far ahead of random layers (of a network from scratch, where everything moves).

    With every pretraining, or with the `shipped` network alone.
    """
    return _gains(option, images, shipped).loc[(target, source, option)]


@functools.cache
def at_the_ends(target: str, source: str, images: int) -> pd.Series:
    """How far ahead of random layers with the fewest and with the most examples."""
    gains = matrix.ahead(table("matrix_ends"), ("random", "1"))
    return gains.set_index(["target", "source", "images"]).loc[(target, source, images)]


def cell(target: str, source: str, option: str = "1", images: int = 50) -> float:
    """Of 100 right, in a cell of the matrix."""
    where = f"target == '{target}' and source == '{source}' and images == {images}"
    return mean("matrix", f"{where} and option == '{option}'")


def control(name: str, source: str, target: str) -> float:
    """Of 100 right, with a control of notebook 06."""
    where = f"control == '{name}' and source == '{source}' and target == '{target}'"
    return mean("controls", where)


def by_pair(source: str) -> pd.Series:
    """How far ahead of random layers, for each person learnt from and each tested."""
    rows = 100 * table("directions").groupby(["learnt", "tested", "source"]).accuracy.mean()
    return rows.unstack()[source] - rows.unstack()["random"]


# ------------------------------------------------------------------ published networks, words, GPT


@functools.cache
def _finals() -> pd.DataFrame:
    return n07.finals(table("published_cuts"), table("published_rivals"))


def final(target: str, arm: str) -> float:
    """Of 100 pictures right with fifty labels."""
    return 100 * _finals().query(f"target == '{target}' and arm == '{arm}'").accuracy.mean()


def nearer(target: str) -> pd.Series:
    """How far the five layers are ahead of ImageNet's network."""
    rows = n07.ahead_by_target(_finals(), "own-option-1", "lite0-option-1")
    return rows.set_index("target").loc[target]


def kept_cut(target: str, size: int | None = None, last: bool = False) -> float:
    """ImageNet's network cut where validation says, for pictures of any or of one size."""
    cuts = table("published_cuts")
    cuts = cuts[cuts.cut == "last"] if last else cuts
    at = n07.best_cut_and_size(cuts, target, size=size)
    here = (cuts.target == target) & (cuts.net == n07.LITE0) & (cuts.cut == at["cut"])
    return 100 * cuts[here & (cuts["size"] == at["size"])].accuracy.mean()


def of_words(way: str, other: str, images: int = 50) -> pd.Series:
    """How far one way to sort names is ahead of another."""
    return n07_words.ahead_by_images(table("words"), way, other).set_index("images").loc[images]


def bits(arm: str) -> float:
    """Bits per character on test lines, mean over draws."""
    rows = table("small_gpt").query("question == 'test'")
    return rows[rows.arm == arm].bits.mean()


# ------------------------------------------------------------------ speed


def recipe(name: str, idea: str, measure: str, scale: float = 100) -> float:
    """The mean over seeds in `recipes`, `long_recipes` or `race`."""
    rows = table(name)
    return scale * rows[rows.idea == idea][measure].mean()


def recipe_ahead(name: str, idea: str, other: str, measure: str) -> stats.Estimate:
    """In points, on the same seeds."""
    runs = [
        table(name)[lambda rows, wanted=compared: rows.idea == wanted] for compared in (idea, other)
    ]
    first, second = (rows.set_index("seed")[measure] for rows in runs)
    both = first.index.intersection(second.index)
    return stats.paired(100 * first[both], 100 * second[both])


def of_the_time(name: str, idea: str, other: str) -> stats.Estimate:
    """The seconds of one recipe as a part of those of another, on the same seeds."""
    column = "seconds" if name == "race" else "core_seconds"
    by = table(name).pivot(index="seed", columns="idea", values=column)
    return stats.estimate((by[idea] / by[other]).dropna())


@functools.cache
def _bench() -> dict[str, float]:
    page = (root() / "docs" / "speed.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| ([\d.,]+) \| [^|]+ \| [^|]+ \|$", page, flags=re.M)
    return {name.strip(): float(median.replace(",", "")) for name, median in rows}


def bench(name: str) -> float:
    """A median of the table that `tl-course bench` wrote into docs/speed.md."""
    return _bench()[name]


# ------------------------------------------------------------------ counted


@functools.cache
def shipped() -> network.FiveLayerNet:
    """The shipped network."""
    return pretraining.pretrained()


def weights(net=None) -> int:
    """How many numbers a network has."""
    return sum(p.numel() for p in (shipped() if net is None else net).parameters())


def words(number: str) -> int:
    """Of the main line of a notebook, as tests/test_prose.py counts them."""
    import test_prose

    texts = map(test_prose.text, test_prose.main_line(number))
    return sum(len(re.findall(r"[\w’'-]+", passage)) for passage in texts)


# Seconds; by these a learner new to the course, who read it all, took 111 minutes for 00 to 08.
A_WORD, CODE, FIGURE, EXPERIMENT, PREDICTION, QUESTION, CLAIM = 1 / 3, 10, 20, 40, 20, 30, 10


@functools.cache
def minutes_to_read(number: str) -> float:
    """The main line, and the exercise in it without solving it."""
    import nbformat

    (path,) = notebooks.find([number])
    seconds = 0.0
    for cell in nbformat.read(path, as_version=4).cells:
        if notebooks.AFTER_THE_MAIN_LINE.search(cell.source):
            return seconds / 60
        if text := notebooks.text_of(cell):
            text = re.sub(r"\]\([^)]*\)", "]", text)
            seconds += A_WORD * len(re.findall(r"[\w’'-]+", text))
        else:
            seconds += CODE * (not cell.metadata.get("jupyter", {}).get("source_hidden", False))
            seconds += FIGURE * bool(re.search(r"\bfigures\.\w|\blive\.\w", cell.source))
            seconds += EXPERIMENT * ("tl.widgets." in cell.source)
            seconds += PREDICTION * ("tl.prediction(" in cell.source)
            seconds += QUESTION * ("tl.question(" in cell.source)
            seconds += CLAIM * len(re.findall(r"tl\.show\(lesson, claims\.", cell.source))
    raise ValueError(f"notebook {number} has no end of its main line")


def minutes(number: str) -> float:
    """That a notebook computes for."""
    return speed.SECONDS[number] / 60


# Minutes beyond reading: to think a prediction over and compare it, to try a hands-on experiment,
# and to solve the core exercise. The time-tables of docs/teaching/ give as much or a little more.
PREDICTING, TRYING, SOLVING = 1, 8, 12


@functools.cache
def minutes_in_all(number: str) -> float:
    """That a learner needs for the main line: read, computed, predicted, tried and solved."""
    import nbformat

    (path,) = notebooks.find([number])
    total = minutes_to_read(number) + minutes(number)
    for cell in nbformat.read(path, as_version=4).cells:
        if notebooks.AFTER_THE_MAIN_LINE.search(cell.source):
            return total
        total += PREDICTING * ("tl.prediction(" in cell.source)
        total += TRYING * ("tl.widgets." in cell.source)
        total += SOLVING * ("exercise" in cell.metadata.get("tags", []))
    raise ValueError(f"notebook {number} has no end of its main line")


@functools.cache
def session_minutes() -> int:
    """Of every session, as its time-table adds up."""
    import test_teaching

    pages = map(test_teaching.note, test_teaching.votes.PAGES)
    (added_up,) = {sum(length for length, _ in test_teaching.minutes(page)) for page in pages}
    return added_up


def numbered() -> list[str]:
    """The notebooks."""
    return [path.stem[:2] for path in notebooks.find()]


def source_text(path: str) -> str:
    """A file of the course."""
    return (root() / path).read_text(encoding="utf-8")


@functools.cache
def lite0(cut: str | None = None):
    """ImageNet's network, up to a cut."""
    return tl.published.load(n07.LITE0, cut=cut)


@functools.cache
def exercises(number: str) -> int:
    """How many exercises a notebook has."""
    import nbformat

    (path,) = (path for path in notebooks.find() if path.stem.startswith(number))
    cells = nbformat.read(path, as_version=4).cells
    return sum(".check(" in cell.source for cell in cells if cell.cell_type == "code")


def setting(arm: str, images: int):
    """What was chosen for an arm: l2, rate, steps."""
    return settings.chosen(arm, images)


def wide(right: int, tested: int) -> float:
    """How many points wide the interval of a test is."""
    low, high = stats.wilson_interval(right, tested)
    return 100 * (high - low)


def steps(renders: int) -> int:
    """Of a pretraining."""
    return renders // pretraining.BATCH


def widest(images: int, copies: bool) -> float:
    """Between the best and the worst draw of Option 1."""
    rows = comparing.tuned(table("sweep")).query(f"arm == 'option-1' and images == {images}")
    accuracies = rows[rows.augmented == copies].accuracy
    return 100 * (accuracies.max() - accuracies.min())


def most_preferred(layer: str) -> float:
    """Of 100 units, how many prefer the shape that most of them prefer, by either ruler."""
    rows = table("preference").query(f"layer == '{layer}' and kind == 'trained'")
    return 100 * rows.groupby(["equal", "stimulus"]).share.mean().max()


def furthest_shuffled() -> float:
    """How far a shuffled network is from random layers at most, but for pictures on handwriting."""
    rows = table("controls").query("control == 'its own numbers, shuffled'")
    by = 100 * rows.groupby(["source", "target"]).accuracy.mean().drop(("image", "handwritten"))
    return max(abs(mean - cell(target, "random")) for (_, target), mean in by.items())


def largest_kind() -> float:
    """Of 100 test names, how many are right if every answer is the largest kind."""
    counts = np.bincount(kinds.kinds(0, "test").y)
    return 100 * counts.max() / counts.sum()


def not_faces(arm: str) -> float:
    """Of 100 names of the other nine kinds, how many are sorted right with fifty labels."""
    face, shares = kinds.NAMES.index("face"), []
    for row in table("words").query(f"images == 50 and arm == '{arm}'").itertuples():
        shares.append(row.right[kinds.kinds(row.draw, "test").y.numpy() != face].mean())
    return 100 * float(np.mean(shares))


def form_of_gain() -> float:
    """Which part of what four names in front save is saved by shuffled ones, too."""
    prompts = (
        table("small_gpt").query("question == 'prompt'").groupby(["front", "lines"]).bits.mean()
    )
    names, shuffled = (prompts[kind, 4] for kind in ("names", "their letters shuffled"))
    return (prompts["nothing", 0] - shuffled) / (prompts["nothing", 0] - names)


def wrong_answers() -> int:
    """With which the checkers are tested."""
    import test_exercises

    return sum(len(test_exercises.wrong(name)) for name in test_exercises.EVERY)
