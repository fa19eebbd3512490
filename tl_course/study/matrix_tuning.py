"""Choose the settings of every cell of the matrix on validation examples.

Cells that train the output layer alone try nine penalties, at both numbers of examples. Cells that
train everything try six pairs of rate and steps, at fifty examples. The draws differ from those of
the reported results. If languages are held out, each draw has its own fold. The languages that it
is scored on are the test of the next fold, but they decide no more than a penalty or a rate.
"""

import itertools
from collections.abc import Iterator

from tl_course.core import training
from tl_course.core.network import FiveLayerNet
from tl_course.core.settings import Settings
from tl_course.data.examples import draw
from tl_course.study import matrix, tables, tuning
from tl_course.study.tuning import with_penalties

SIZES = {"1": (50, 200), "2": (50,), "scratch": (50,)}  # numbers of examples, by option
RATES = {"2": (1e-4, 3e-4, 1e-3), "scratch": (3e-4, 1e-3, 3e-3)}
STEPS = (100, 300)
DRAWS = 2
KEYS = ["source", "target", "option", "images", "l2", "rate", "steps", "draw"]


def grid_of_option(option: str) -> list[Settings]:
    """The settings to try."""
    if option == "1":
        return [Settings(l2=l2) for l2 in tuning.PENALTIES]
    pairs = itertools.product(RATES[option], STEPS)
    return [Settings(learning_rate=rate, steps=steps) for rate, steps in pairs]


def missing_cells(sources: list[str], rows: list[dict]) -> Iterator[tuple]:
    """The arguments of `run_cell` for missing rows, including those of the source "random"."""
    pairs = [("random", "1"), ("random", "scratch"), *itertools.product(sources, ("1", "2"))]
    plan = (
        (source, name, option, images, number)
        for name, (source, option) in itertools.product(matrix.tasks(), pairs)
        for images, number in itertools.product(SIZES[option], range(DRAWS))
        if name != "spoken-real"
    )
    return tables.missing(plan, rows, (*KEYS[:4], "draw"))


def run_cell(net: FiveLayerNet | None, source, name, option, images, number) -> list[dict]:
    """One draw of one cell: a row per setting of its grid, with validation accuracy."""
    folds = matrix.tasks()[name].folds
    target = folds[number % len(folds)]()
    seed = tuning.FIRST_DRAW + number
    labelled, scored = draw(target.pool, images, seed), target.validation
    candidates = grid_of_option(option)
    if option == "1":
        penalties = [candidate.l2 for candidate in candidates]
        accuracies = with_penalties(net, labelled, scored, seed, penalties).tolist()
    else:
        nets = (
            matrix.adapted_in_cell(net, labelled, option, seed, chosen) for chosen in candidates
        )
        accuracies = [training.accuracy(adapted, scored.x, scored.y) for adapted in nets]
    cell = {"source": source, "target": name, "option": option, "images": images}
    return tuning.rows_of(cell, number, candidates, accuracies)
