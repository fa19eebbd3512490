"""The experiments of notebook 03: other forms of the digits, other penalties."""

import math
from collections.abc import Sequence

import pandas as pd
import torch

from tl_course.core import training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.settings import Settings
from tl_course.data.examples import Target, draw
from tl_course.data.inputs import scaled
from tl_course.data.targets.handwritten import raw_digits, to_input
from tl_course.study import comparing
from tl_course.study.sweep import CALLED

FORMS = {  # changes of an input `[n, 3, 32, 32]` that no check of shape or range can notice
    "as they are": lambda x: x,
    "inverted": lambda x: -x,
    "rows and columns swapped": lambda x: x.transpose(2, 3),
}


def in_each_form(x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Inputs `[n, 3, 32, 32]` in each of `FORMS`, by name."""
    return {form: change(x) for form, change in FORMS.items()}


def other_forms(
    net: FiveLayerNet, target: Target, images: int, draws: int, seed: int = 0
) -> list[dict]:
    """Trained on unchanged digits, tested in each form: rows `arm`, `form`, `draw`, `accuracy`."""
    rows = []
    for number in range(draws):
        labelled = draw(target.pool, images, seed * 1000 + number)
        control = transfer.random_frozen(labelled, seed=number)
        for adapted in (transfer.option_1(net, labelled), control):
            for form, change in FORMS.items():
                rows.append(
                    {"arm": adapted.option, "form": form, "images": images, "draw": number,
                     "accuracy": training.accuracy(
                         adapted.net, change(target.test.x), target.test.y)}
                )  # fmt: skip
    return rows


def left(table: pd.DataFrame) -> dict[str, float]:
    """The percentage that Option 1 gets right, in each form that it was not trained on."""
    mean = 100 * table[table.arm == "option-1"].groupby("form").accuracy.mean()
    return {form: mean[form] for form in list(FORMS)[1:]}


def second_place(table: pd.DataFrame, images: int) -> str:
    """The name of the arm, other than Option 1, that gets the most right with `images` digits."""
    rows = comparing.plain(table)
    rows = rows[(rows.images == images) & rows.arm.isin(("random-frozen", "scratch", "classical"))]
    return CALLED[rows.groupby("arm").accuracy.mean().idxmax()]


def with_and_without_padding(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """One digit of MNIST as an input `[1, 3, 32, 32]`, and without its padding `[1, 3, 28, 28]`."""
    digit = raw_digits()[0][number : number + 1]
    return to_input(digit), scaled(digit[:, None].float() / 255).expand(-1, 3, -1, -1)


def penalties(
    net: FiveLayerNet, target: Target, strengths: Sequence[float], seed: int = 0
) -> dict[str, tuple[list[float], list[float]]]:
    """Option 1 on validation digits: log10 of each penalty, and accuracy in %, by labels."""
    lines = {}
    for images in (10, 50):
        labelled, test = draw(target.pool, images, seed), target.validation
        results = [
            transfer.option_1(net, labelled, test=test, chosen=Settings(l2)) for l2 in strengths
        ]
        accuracies = [100 * adapted.accuracy for adapted in results]
        lines[f"{images} digits"] = [math.log10(l2) for l2 in strengths], accuracies
    return lines
