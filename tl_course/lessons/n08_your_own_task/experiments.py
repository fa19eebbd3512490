"""The folder made from photographs, many times with other pieces: which results hold?"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from tl_course.core import transfer
from tl_course.core.network import FiveLayerNet
from tl_course.data.examples import Examples
from tl_course.data.targets.folder import load_folder
from tl_course.data.targets.made_folder import PHOTOGRAPHS as PHOTOGRAPHS  # for the notebook
from tl_course.data.targets.made_folder import folder_of_seed, made_folder
from tl_course.data.targets.own_folder import Checked, check
from tl_course.study import own_task, results

PLAIN = ("option-1", "random-frozen")  # quick ones, which are also tried without colour
WITH_COPIES, DRAWS_WITH_COPIES = ("option-2",), 5  # recommended for this many pictures, but slow
OTHER_PIECES = 1000  # added to a seed, for other pieces than the notebook's folder has


def planted(making: Path, seed: int) -> Checked:
    """What the checker finds in the made folder."""
    return check(made_folder(folder_of_seed(making, seed), seed), seed=seed)


def made_pictures(seed: int) -> tuple[Examples, Examples]:
    """The training and the test pictures of the made folder, without its faults."""
    with tempfile.TemporaryDirectory() as folder:
        root = made_folder(Path(folder, "pictures"), seed, faults=False)
        train = load_folder(root / "train")
        return train, load_folder(root / "test", names=train.names)


def with_faults(net: FiveLayerNet, seed: int) -> dict[str, float]:
    """Test accuracy of Option 1 in %, without a fault in the folder and with each of three.

    The pieces are not those of the notebook's folder, and nothing is chosen by the result.
    """
    train, test = made_pictures(OTHER_PIECES + seed)
    every_second = torch.arange(len(train)) % 2 == 0
    mixed_up = torch.where(every_second, (train.y + 1) % len(train.names), train.y)
    copied = own_task.part_of(test, 0.5, seed)
    with_copies = replace(train, x=torch.cat([train.x, copied.x]), y=torch.cat([train.y, copied.y]))
    learnt_from = {
        "no fault": train,
        "half of the training pictures cannot be opened": own_task.part_of(train, 0.5, seed),
        "half of the training pictures lie in a wrong class": replace(train, y=mixed_up),
        "half of the test pictures are in the training part, too": with_copies,
    }
    return {
        what: 100 * transfer.adapt("option-1", net, pictures, test=test, seed=seed).accuracy
        for what, pictures in learnt_from.items()
    }


def flattering(accuracies: dict[str, float]) -> str:
    """The fault with the highest test accuracy in what `with_faults` returns."""
    return max(list(accuracies)[1:], key=accuracies.get)


def draws(net: FiveLayerNet, seeds: Iterable[int]) -> Iterator[dict]:
    """Rows `arm`, `augmented`, `colour`, `images`, `draw`, `accuracy`, `right`.

    Each draw has other pieces of the same photographs, for training and for testing.
    """
    for seed in seeds:
        train, test = made_pictures(seed)
        for colour in (True, False):
            if not colour:
                train, test = own_task.without_colour(train), own_task.without_colour(test)
            for arm in PLAIN:
                yield _row(net, arm, False, colour, train, test, seed)
            for arm in WITH_COPIES if colour and seed < DRAWS_WITH_COPIES else ():
                yield _row(net, arm, True, colour, train, test, seed)


def _row(net, arm, copies, colour, train, test, seed) -> dict:
    start = net if arm.startswith("option") else None
    adapted = transfer.adapt(arm, start, train, test=test, seed=seed, augment=copies)
    right = (adapted.predictions == test.y).numpy()
    return {
        "arm": arm, "augmented": copies, "colour": colour, "images": len(train), "draw": seed,
        "accuracy": adapted.accuracy, "right": right,
    }  # fmt: skip


def accuracies_by_arm(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Accuracy in % (default: recorded): a row for each draw, a column for each (arm, colour)."""
    table = results.load("own_task") if table is None else table
    return 100 * table.pivot_table(index="draw", columns=["arm", "colour"], values="accuracy")


def loses_more(accuracies: pd.DataFrame) -> str:
    """The layers that lose more without colour; `accuracies` has a row for each draw, in %."""
    mean = accuracies.mean()
    lost = {arm: mean[arm, True] - mean[arm, False] for arm in PLAIN}
    return "borrowed layers" if lost["option-1"] > lost["random-frozen"] else "random layers"
