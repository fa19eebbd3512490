"""The course's network under protocols for which others have published results, on full MNIST.

The first protocol labels sixteen random digits of each class, as the embedding benchmark MTEB does;
its 48 models are in `published.csv`. The second labels the first n digits of each class in the
official order. The test is the official one, 10,000 digits. Settings were chosen on 5,000 of the
60,000 (`settings.official`). MTEB draws from all 60,000, so its draws include some of those 5,000.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.resources import files

import pandas as pd
import torch

from tl_course.core import settings, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import features
from tl_course.data.examples import Examples, Target, draw
from tl_course.study.sweep import settings_of

SIXTEEN_EACH, FIRST_EACH = "sixteen of each", "first of each"  # the protocols
SIXTEEN, DRAWS = 160, 5  # labelled digits of all classes together; draws
FIRST = (1, 4)  # digits of each class
WAYS = {  # arm, with altered copies
    "Option 1": ("option-1", False),
    "Option 1, altered copies": ("option-1", True),
    "output layer first, altered copies": ("output-first", True),
}
REGRESSION = "logistic regression on the features"


def published() -> pd.DataFrame:
    """The results of MTEB: `model`, `seen` (training data), `accuracy`, `lowest`, `highest` in %.

    From embeddings-benchmark/results, results/MODEL/REVISION/MNIST.json, field `accuracy`. The
    column `seen` is not from there; it follows from the model's family.
    """
    return pd.read_csv(files(__package__) / "published.csv")


def sixteen_of_each(table: pd.DataFrame) -> pd.DataFrame:
    """The course's results like `published`: `accuracy`, `lowest`, `highest` in %, by way."""
    by = table[table.protocol == SIXTEEN_EACH].groupby("way", sort=False).accuracy
    return 100 * by.agg(accuracy="mean", lowest="min", highest="max")


def protocols_rows(
    net: FiveLayerNet, target: Target, done: Iterable[dict] = ()
) -> Iterator[list[dict]]:
    """Rows `protocol`, `way`, `images`, `draw`, `accuracy` (0 … 1), `right`.

    Draws that are in `done` are not made again.
    """
    had = {(row["protocol"], row["images"], row["draw"]) for row in done}
    parts = target.pool, target.validation  # drawn from all 60,000, as published
    every = replace(
        target.pool,
        x=torch.cat([part.x for part in parts]),
        y=torch.cat([part.y for part in parts]),
    )
    scored = features(net, target.test.x)
    for number in range(DRAWS):
        if (SIXTEEN_EACH, SIXTEEN, number) in had:
            continue
        labelled = draw(every, SIXTEEN, number)
        right = regression(features(net, labelled.x), labelled.y, scored) == target.test.y
        regressed = _row(SIXTEEN_EACH, REGRESSION, labelled, number, right)
        adapted = _adapted(SIXTEEN_EACH, net, labelled, number, target.test)
        yield [regressed, *adapted]
    for each in FIRST:
        labelled = first(target.pool, each)
        if (FIRST_EACH, len(labelled), 0) not in had:
            yield list(_adapted(FIRST_EACH, net, labelled, 0, target.test))


def first(pool: Examples, each: int) -> Examples:
    """The first `each` examples of each class, with the classes in turn as in a draw."""
    places = [(pool.y == label).nonzero()[:each, 0] for label in range(len(pool.names))]
    return pool[torch.stack(places, 1).flatten()]


def regression(x: torch.Tensor, y: torch.Tensor, scored: torch.Tensor) -> torch.Tensor:
    """Classes of `scored` by MTEB's classifier: scikit-learn's, on features without scaling."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(max_iter=100).fit(x.numpy(), y.numpy())
    return torch.from_numpy(fitted.predict(scored.numpy()))


def _adapted(protocol, net, labelled, number, test) -> Iterator[dict]:
    for way, (arm, augment) in WAYS.items():
        chosen = settings_of(settings.official, arm, len(labelled), augment)
        how = {"seed": number, "augment": augment, "chosen": chosen}
        adapted = transfer.adapt(arm, net, labelled, test=test, **how)
        yield _row(protocol, way, labelled, number, adapted.predictions == test.y)


def _row(protocol, way, labelled, number, right) -> dict:
    return {
        "protocol": protocol, "way": way, "images": len(labelled), "draw": number,
        "accuracy": right.float().mean().item(), "right": right.numpy(),
    }  # fmt: skip
