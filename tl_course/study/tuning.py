"""Choose the settings of every arm on validation digits.

`OFFLINE` tunes on the digits that the course ships, and every adaptation takes its settings from
it. `OFFICIAL` tunes on all of MNIST, up to 5,000 labelled digits. At each number of images, without
and with augmentation, arms of one kind try grids of one size. Arms that train the output layer
alone try penalties, their only setting; arms that train everything try pairs of rate and steps,
with higher rates for fresh weights. The draws differ from those of the reported results, the
validation part is scored, and the test part is not read.
"""

import collections
import itertools
import json
import statistics
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import torch

from tl_course.base import storage
from tl_course.base.parallel import side_by_side
from tl_course.core import network, pretraining, settings, spelling, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import features, output_layers
from tl_course.core.settings import Settings
from tl_course.data.examples import Examples, draw
from tl_course.data.targets.handwritten import handwritten
from tl_course.study import results

PENALTIES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
DRAWS = {False: 4, True: 2}  # with augmentation a run takes longer and varies less
MANY = 1000  # images from which the official tuning tries twice as many steps
HEADS = ("option-1", "random-frozen")  # arms that train the output layer alone
WHOLE = ("option-2", "output-first", "scratch")
FIRST_DRAW = 500_000  # reported results start at draw 0
KEYS = ["arm", "augmented", "images", "l2", "rate", "steps", "draw"]


@dataclass(frozen=True)
class Tuning:
    """The grids and draws of a tuning, recorded as `name`.

    `rates` are by (weights are fresh, augmented); `steps(augmented, images)` and
    `draws(augmented, images)` are functions.
    """

    name: str
    sizes: tuple[int, ...]
    penalties: tuple[float, ...]
    rates: dict[tuple[bool, bool], tuple[float, ...]]
    steps: Callable[[bool, int], tuple[int, ...]]
    draws: Callable[[bool, int], int]

    def grid(self, arm: str, augmented: bool, images: int) -> list[Settings]:
        """The settings to try."""
        if arm in HEADS:
            return [Settings(l2=l2) for l2 in self.penalties]
        rates = self.rates[arm == "scratch", augmented]
        pairs = itertools.product(rates, self.steps(augmented, images))
        return [Settings(learning_rate=rate, steps=steps) for rate, steps in pairs]


OFFLINE = Tuning(
    "tuning", (10, 50, 200), PENALTIES,
    rates={
        (False, False): (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
        (False, True): (1e-4, 3e-4, 1e-3),
        (True, False): (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
        (True, True): (1e-3, 3e-3, 1e-2),
    },
    # Altered copies are worth more steps.
    steps=lambda augmented, images: (100, 300, 600) if augmented else (30, 100, 300),
    draws=lambda augmented, images: DRAWS[augmented],
)  # fmt: skip
OFFICIAL = Tuning(
    "official_tuning", (10, 50, 200, 1000, 5000), (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    rates={
        (False, False): (3e-5, 1e-4, 3e-4, 1e-3),
        (False, True): (1e-4, 3e-4, 1e-3),
        (True, False): (3e-4, 1e-3, 3e-3, 1e-2),
        (True, True): (1e-3, 3e-3, 1e-2),
    },
    steps=lambda augmented, images: tuple(
        steps * (1 + (images >= MANY)) for steps in ((300, 600) if augmented else (100, 300))
    ),
    draws=lambda augmented, images: {10: 4, 50: 2, 200: 2, 1000: 1, 5000: 1}[images],
)  # fmt: skip


def tune(tuning: Tuning, done: list[dict]) -> Iterator[dict]:
    """Rows of every arm with every setting, with validation accuracy; keeps the best settings."""
    rows = list(done)
    for arms in (HEADS, WHOLE):  # "output-first" begins with the tuned Option 1
        plan = list(missing_draws(tuning, arms, done))
        for new in side_by_side(run_draw, plan, tuning.name.replace("_", " ")):
            rows += new
            yield from new
        keep_best(tuning.name, rows, KEYS[:3])


def run_draw(
    name: str, arm: str, augmented: bool, images: int, number: int, candidates: list[Settings]
) -> list[dict]:
    """One draw of one arm: a row for each of `candidates`, with validation accuracy."""
    target = handwritten(full=name == OFFICIAL.name)
    seed = FIRST_DRAW + number
    labelled, scored = draw(target.pool, images, seed), target.validation
    first = None  # "output-first" begins with the tuned Option 1
    if arm == "output-first":
        first = settings.chosen("option-1", images, augmented, name)
    accuracies = accuracies_of(arm, labelled, scored, seed, candidates, augmented, first)
    cell = {"arm": arm, "augmented": augmented, "images": images}
    return rows_of(cell, number, candidates, accuracies)


def rows_of(
    cell: dict, number: int, candidates: list[Settings], accuracies: list[float]
) -> list[dict]:
    """A row for each candidate in a draw of a cell, with its accuracy."""
    return [
        {**cell, **spelling.to_file(candidate), "draw": number, "accuracy": accuracy}
        for candidate, accuracy in zip(candidates, accuracies, strict=True)
    ]


def with_penalties(
    net: FiveLayerNet | None,
    labelled: Examples,
    scored: Examples,
    seed: int,
    penalties: Sequence[float],
    augment: bool = False,
) -> torch.Tensor:
    """Accuracy of Option 1 on `scored` with each penalty `[p]`; `net` None for random layers."""
    frozen = net or transfer.fresh_network(labelled.x, seed, labelled.modality)
    trained = output_layers(frozen, [labelled], [seed], penalties, augment=augment)
    return trained.right(features(frozen, scored.x), scored.y)[0].float().mean(1)


def accuracies_of(
    arm: str,
    labelled: Examples,
    scored: Examples,
    seed: int,
    candidates: Sequence[Settings],
    augment: bool = False,
    first: Settings | None = None,
) -> list[float]:
    """Accuracy of an arm on `scored` with each of `candidates`, on the shipped network.

    `first` are the settings of the Option 1 that "output-first" begins with.
    """
    if arm in HEADS:
        net = pretraining.pretrained() if arm == "option-1" else None
        penalties = [candidate.l2 for candidate in candidates]
        return with_penalties(net, labelled, scored, seed, penalties, augment).tolist()
    how = {"seed": seed, "augment": augment}
    if arm == "output-first":
        net = transfer.option_1(pretraining.pretrained(), labelled, chosen=first, **how).net
    else:
        scratch = arm == "scratch"
        start = transfer.fresh_network(labelled.x, seed) if scratch else pretraining.pretrained()
        net = network.replace_output_layer(start, len(labelled.names))
    return [
        transfer.fine_tune(net, labelled, chosen=candidate, **how).tested(scored).accuracy
        for candidate in candidates
    ]


def best(tried: Iterable[tuple[Hashable, Any, float]]) -> dict[Hashable, Any]:
    """The candidate with the highest mean accuracy for each key, of (key, candidate, accuracy).

    Among equally good candidates, the last one is chosen.
    """
    accuracies = collections.defaultdict(list)
    for key, candidate, accuracy in tried:
        accuracies[key, candidate].append(accuracy)
    ranked = sorted(accuracies, key=lambda pair: statistics.fmean(accuracies[pair]))
    return dict(ranked)  # the last candidate of each key stays


def keep_best(name: str, rows: Iterable[dict], keys: list[str]) -> dict[tuple, Settings]:
    """Choose the best settings in table `name` for each combination of `keys`, and write them.

    Every adaptation takes its settings from the file, `settings.json`. Accuracies are rounded as
    recorded, so that new rows give the same choice as rows that are read from the table.
    """
    chosen = best(
        (
            tuple(row[key] for key in keys),
            Settings(row["l2"], row["rate"], row["steps"]),
            float(results.NUMBER % row["accuracy"]),
        )
        for row in rows
    )
    file = settings.FILE
    tables = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    tables[name] = [
        {"for": list(key), **spelling.to_file(best_settings)}
        for key, best_settings in sorted(chosen.items())
    ]
    lines = (
        f"  {json.dumps(table)}: [\n    " + ",\n    ".join(map(json.dumps, choices)) + "\n  ]"
        for table, choices in tables.items()
    )
    storage.write_text(Path(str(file)), "{\n" + ",\n".join(lines) + "\n}\n")
    return chosen


def missing_draws(tuning: Tuning, arms: tuple[str, ...], rows: list[dict]) -> Iterator[tuple]:
    """The arguments of `run_draw` for missing rows."""
    done = {tuple(row[key] for key in KEYS) for row in rows}
    for cell in itertools.product(arms, (False, True), tuning.sizes):
        grid = tuning.grid(*cell)
        for number in range(tuning.draws(*cell[1:])):
            untried = [s for s in grid if (*cell, *astuple(s), number) not in done]
            if untried:
                yield tuning.name, *cell, number, untried
