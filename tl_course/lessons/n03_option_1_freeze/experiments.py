"""The experiment of notebook 03: what no check of shape or range can notice."""

from __future__ import annotations

from tl_course.core import training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.data.examples import Target, draw

FORMS = {  # changes of an input `[n, 3, 32, 32]` that no check of shape or range can notice
    "as they are": lambda x: x,
    "inverted": lambda x: -x,
    "rows and columns swapped": lambda x: x.transpose(2, 3),
}


def other_forms(
    net: FiveLayerNet, target: Target, images: int, draws: int, seed: int = 0
) -> list[dict]:
    """Trained on digits as they are, tested in other forms: `arm`, `form`, `draw`, `accuracy`."""
    rows = []
    for number in range(draws):
        labelled = draw(target.pool, images, seed * 1000 + number)
        x, y = labelled.x, labelled.y
        for adapted in (transfer.option_1(net, x, y), transfer.random_frozen(x, y, number)):
            for form, change in FORMS.items():
                rows.append(
                    {"arm": adapted.option, "form": form, "images": images, "draw": number,
                     "accuracy": training.accuracy(
                         adapted.net, change(target.test.x), target.test.y)}
                )  # fmt: skip
    return rows
