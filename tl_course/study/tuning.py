"""Choose the settings of every arm on validation digits.

There are two tunings: `OFFLINE` on the digits that the course ships, which every adaptation takes
its settings from, and `OFFICIAL` on all of MNIST, up to 5,000 labelled digits. Arms of one kind get
a grid of one size at each number of images, once without augmentation and once with it: those that
train the output layer alone penalties (their only setting), those that train everything pairs of
rate and steps; fresh weights take higher rates than pretrained ones. Draws are others than those of
the reported results, and what is scored is the validation part; the test part is not read.
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
DRAWS = {False: 4, True: 2}  # with augmentation a run takes longer and scatters less
MANY = 1000  # images from which on the official tuning tries twice as many steps
HEADS = ("option-1", "random-frozen")  # arms that train the output layer alone
WHOLE = ("option-2", "output-first", "scratch")
FIRST_DRAW = 500_000  # reported results start at draw 0
KEYS = ["arm", "augmented", "images", "l2", "rate", "steps", "draw"]


@dataclass(frozen=True)
class Tuning:
    """What is tried, and how often: recorded as `name`, on all of MNIST or on the shipped digits.

    `rates` are by whether the weights are fresh, and augmented; `steps(augmented, images)` and
    `draws(augmented, images)` are functions.
    """

    name: str
    full: bool
    sizes: tuple[int, ...]
    penalties: tuple[float, ...]
    rates: dict[tuple[bool, bool], tuple[float, ...]]
    steps: Callable[[bool, int], tuple[int, ...]]
    draws: Callable[[bool, int], int]

    def grid(self, arm: str, augmented: bool, images: int) -> list[Settings]:
        """The settings that are tried."""
        if arm in HEADS:
            return [Settings(l2=l2) for l2 in self.penalties]
        rates = self.rates[arm == "scratch", augmented]
        pairs = itertools.product(rates, self.steps(augmented, images))
        return [Settings(learning_rate=rate, steps=steps) for rate, steps in pairs]


OFFLINE = Tuning(
    "tuning", False, (10, 50, 200), PENALTIES,
    rates={
        (False, False): (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
        (False, True): (1e-4, 3e-4, 1e-3),
        (True, False): (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
        (True, True): (1e-3, 3e-3, 1e-2),
    },
    # Altered copies are not used up so soon.
    steps=lambda augmented, images: (100, 300, 600) if augmented else (30, 100, 300),
    draws=lambda augmented, images: DRAWS[augmented],
)  # fmt: skip
OFFICIAL = Tuning(
    "official_tuning", True, (10, 50, 200, 1000, 5000), (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0),
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
    """Rows of every arm with every setting, with validation accuracy; the best are kept."""
    rows = list(done)
    for arms in (HEADS, WHOLE):  # "output-first" begins with Option 1 as tuned
        plan = list(missing(tuning, arms, done))
        for tried in side_by_side(run, plan, tuning.name.replace("_", " ")):
            rows += tried
            yield from tried
        keep(tuning.name, rows, KEYS[:3])


def run(
    name: str, arm: str, augmented: bool, images: int, number: int, todo: list[Settings]
) -> list[dict]:
    """One draw of one arm with each setting of `todo`: a row each, with validation accuracy."""
    target = handwritten(full=name == OFFICIAL.name)
    seed = FIRST_DRAW + number
    labelled = draw(target.pool, images, seed)
    if arm in HEADS:
        net = pretraining.pretrained() if arm == "option-1" else None
        penalties = [chosen.l2 for chosen in todo]
        tried = with_penalties(net, labelled, target.validation, seed, penalties, augmented)
        accuracies = tried.tolist()
    else:
        accuracies = _whole(name, arm, augmented, labelled, seed, todo, target)
    what = {"arm": arm, "augmented": augmented, "images": images}
    return rows_of(what, number, todo, accuracies)


def rows_of(what: dict, number: int, tried: list[Settings], accuracies: list[float]) -> list[dict]:
    """A row for each setting that was tried in a draw of `what`, with its accuracy."""
    return [
        {**what, **spelling.to_file(chosen), "draw": number, "accuracy": accuracy}
        for chosen, accuracy in zip(tried, accuracies, strict=True)
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
    fixed = net or transfer.fresh_network(labelled.x, seed, labelled.modality)
    found = output_layers(fixed, [labelled], [seed], penalties, augment=augment)
    return found.right(features(fixed, scored.x), scored.y)[0].float().mean(1)


def _whole(name, arm, augmented, labelled, seed, todo, target) -> list[float]:
    net = pretraining.pretrained()
    if arm == "scratch":
        net = transfer.fresh_network(labelled.x, seed)
    how = {"seed": seed, "augment": augmented}
    if arm == "output-first":  # its first half is Option 1 as tuned
        first = settings.chosen("option-1", len(labelled), augmented, name)
        net = transfer.option_1(net, labelled, chosen=first, **how).net
    else:
        net = network.replace_output_layer(net, len(labelled.names))
    adapted = (transfer.fine_tune(net, labelled, chosen=chosen, **how) for chosen in todo)
    return [one.tested(target.validation).accuracy for one in adapted]


def best(tried: Iterable[tuple[Hashable, Any, float]]) -> dict[Hashable, Any]:
    """What had the highest mean accuracy, of (what for, what was tried, accuracy): by what for.

    Of equals it is what was tried last.
    """
    accuracies = collections.defaultdict(list)
    for purpose, one, accuracy in tried:
        accuracies[purpose, one].append(accuracy)
    ranked = sorted(accuracies, key=lambda key: statistics.fmean(accuracies[key]))
    return dict(ranked)  # the last of each purpose stays


def keep(name: str, rows: Iterable[dict], keys: list[str]) -> dict[tuple, Settings]:
    """Choose for each combination of `keys` out of the rows of table `name`, and write it down.

    What is written, `settings.json`, is what every adaptation takes from then on. Rows that were
    just made choose what they choose when they are read back: accuracies count as recorded.
    """
    chosen = best(
        (
            tuple(row[key] for key in keys),
            Settings(row["l2"], row["rate"], row["steps"]),
            float(results.NUMBER % row["accuracy"]),
        )
        for row in rows
    )
    kept = json.loads(settings.FILE.read_text(encoding="utf-8")) if settings.FILE.is_file() else {}
    kept[name] = [
        {"for": list(key), **spelling.to_file(one)} for key, one in sorted(chosen.items())
    ]
    lines = (
        f"  {json.dumps(name)}: [\n    " + ",\n    ".join(json.dumps(row) for row in rows) + "\n  ]"
        for name, rows in kept.items()
    )
    storage.write_text(Path(str(settings.FILE)), "{\n" + ",\n".join(lines) + "\n}\n")
    return chosen


def missing(tuning: Tuning, arms: tuple[str, ...], rows: list[dict]) -> Iterator[tuple]:
    """The arguments of `run` for what is not in `rows` yet."""
    done = {tuple(row[key] for key in KEYS) for row in rows}
    for cell in itertools.product(arms, (False, True), tuning.sizes):
        tried = tuning.grid(*cell)
        for number in range(tuning.draws(*cell[1:])):
            todo = [one for one in tried if (*cell, *astuple(one), number) not in done]
            if todo:
                yield tuning.name, *cell, number, todo
