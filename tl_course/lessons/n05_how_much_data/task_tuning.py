"""Choose the settings of every arm for letters and objects, on the validation part of each task.

What is best for digits need not be best for 74 classes with one image each, so options that are
compared on a task take settings of that task. Each arm tries the grid that it has for digits, at
each number of labelled images per class, without and with augmentation. The draws differ from those
of the reported results, and the test part is not read.

Omniglot's five alphabets are one task: they take turns, so that the few letters of one alphabet do
not choose. Unseen things are not augmented, because their renders are turned and stretched
already.
"""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

from tl_course.base.parallel import side_by_side
from tl_course.core import settings
from tl_course.core.settings import Settings
from tl_course.data.examples import Target, draw
from tl_course.data.targets.letters import letters
from tl_course.data.targets.objects import unseen_objects
from tl_course.data.targets.omniglot import ALPHABETS, omniglot
from tl_course.study import tables, tuning

NAME = "task_tuning"
TASKS: dict[str, tuple[Callable[[], Target], ...]] = {
    "letters": (letters,),
    "unseen things": (unseen_objects,),
    "Omniglot": tuple(partial(omniglot, alphabet) for alphabet in ALPHABETS),
}
EACH = {"letters": (1, 5, 20), "unseen things": (1, 5, 20), "Omniglot": (1, 5)}  # per class
AUGMENTED = {"letters": (1, 5), "unseen things": (), "Omniglot": (1, 5)}
DRAWS = {False: 3, True: 2}  # by augmentation
OMNIGLOT_DRAWS = {False: 10, True: 5}  # two and one of each alphabet
KEYS = ("task", "arm", "augmented", "each", "l2", "rate", "steps", "draw")
NEAREST = 200  # the number of digits whose grid is tried; grids differ by augmentation alone


def sizes(name: str, augmented: bool) -> tuple[int, ...]:
    """The numbers of labelled images per class that are tuned for a task."""
    return (AUGMENTED if augmented else EACH)[name]


def task_tuning_rows(done: list[dict]) -> Iterator[list[dict]]:
    """Rows (`KEYS`, validation `accuracy`) of every arm with every setting."""
    rows = list(done)
    for arms in (tuning.HEADS, tuning.WHOLE):  # "output-first" begins with the tuned Option 1
        plan = [
            (name, arm, augmented, each, number)
            for name, arm, augmented in itertools.product(TASKS, arms, (False, True))
            for each in sizes(name, augmented)
            for number in range((OMNIGLOT_DRAWS if name == "Omniglot" else DRAWS)[augmented])
        ]
        left = list(tables.missing(plan, done, (*KEYS[:4], "draw")))
        for new in side_by_side(run_draw, left, "tuning on tasks"):
            rows += new
            yield new
        tuning.keep_best(NAME, rows, list(KEYS[:4]))


def run_draw(name: str, arm: str, augmented: bool, each: int, number: int) -> list[dict]:
    """One draw of one arm: a row for each setting of its grid, with validation accuracy."""
    target = TASKS[name][number % len(TASKS[name])]()
    seed = tuning.FIRST_DRAW + number
    labelled = draw(target.pool, each * len(target.pool.names), seed)
    candidates = tuning.OFFLINE.grid(arm, augmented, NEAREST)
    first = None
    if arm == "output-first":
        first = choice(name, len(target.pool.names), "option-1", len(labelled), augmented)
    accuracies = tuning.accuracies_of(
        arm, labelled, target.validation, seed, candidates, augmented, first
    )
    cell = {"task": name, "arm": arm, "augmented": augmented, "each": each}
    return tuning.rows_of(cell, number, candidates, accuracies)


def choice(name: str, classes: int, arm: str, images: int, augmented: bool) -> Settings:
    """The settings tuned for an arm on a task of `classes` with `images` labelled images."""
    return settings.chosen_settings(NAME)[name, arm, augmented, images // classes]
