"""Choose the settings of every cell of the matrix on validation examples.

Cells of one kind get a grid of one size: those that train the output layer alone nine penalties at
both numbers of examples, those that train everything six pairs of rate and steps at fifty. Draws
are others than those of the reported results. Where languages are held out, a draw has a fold of
its own, and the languages that it is scored on are the test of the next fold: a penalty or a rate
is all that passes from them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch

from tl_course.core import training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import features, output_layers
from tl_course.core.settings import Settings
from tl_course.data.examples import Examples, draw
from tl_course.study import matrix, tuning

SIZES = {"1": (50, 200), "2": (50,), "scratch": (50,)}  # numbers of examples, by option
RATES = {"2": (1e-4, 3e-4, 1e-3), "scratch": (3e-4, 1e-3, 3e-3)}  # fresh weights take higher ones
STEPS = (100, 300)
DRAWS = 2
KEYS = ["source", "target", "option", "images", "l2", "rate", "steps", "draw"]


def grid(option: str) -> list[Settings]:
    """The settings that are tried."""
    if option == "1":
        return [Settings(l2=l2) for l2 in tuning.PENALTIES]
    pairs = itertools.product(RATES[option], STEPS)
    return [Settings(rate=rate, steps=steps) for rate, steps in pairs]


def missing(sources: list[str], rows: list[dict]) -> Iterator[tuple]:
    """The arguments of `run` for what is not in `rows` yet, source "random" included."""
    done = {tuple(row[key] for key in KEYS[:4]) + (row["draw"],) for row in rows}
    pairs = [("random", "1"), ("random", "scratch"), *itertools.product(sources, ("1", "2"))]
    for name, (source, option) in itertools.product(matrix.tasks(), pairs):
        for images, number in itertools.product(SIZES[option], range(DRAWS)):
            if name != "spoken-real" and (source, name, option, images, number) not in done:
                yield source, name, option, images, number


def run(net: FiveLayerNet | None, source, name, option, images, number) -> list[dict]:
    """One draw of one cell with each setting of its grid: a row each, with validation accuracy."""
    folds = matrix.tasks()[name].folds
    target = folds[number % len(folds)]()
    seed = tuning.FIRST_DRAW + number
    labelled, scored = draw(target.pool, images, seed), target.validation
    tried = grid(option)
    if option == "1":
        penalties = [chosen.l2 for chosen in tried]
        right = with_penalties(net, labelled, scored, seed, penalties).tolist()
    else:
        right = [_accuracy(net, labelled, option, seed, chosen, scored) for chosen in tried]
    return [
        {"source": source, "target": name, "option": option, "images": images, "l2": chosen.l2,
         "rate": chosen.rate, "steps": chosen.steps, "draw": number, "accuracy": accuracy}
        for chosen, accuracy in zip(tried, right, strict=True)
    ]  # fmt: skip


def with_penalties(
    net: FiveLayerNet | None, labelled: Examples, scored: Examples, seed: int, penalties: Sequence
) -> torch.Tensor:
    """Accuracy of Option 1 on `scored` with each penalty `[p]`; `net` None for random layers."""
    fixed = net or transfer.fresh_network(labelled.x, seed, labelled.modality)
    found = output_layers(fixed, [labelled], [seed], penalties)
    return found.right(features(fixed, scored.x), scored.y)[0].float().mean(1)


def _accuracy(net, labelled, option, seed, chosen: Settings, scored) -> float:
    adapted = matrix.adapted(net, labelled, option, seed, chosen)
    return (training.predict(adapted, scored.x).argmax(1) == scored.y).float().mean().item()
