"""What the rows of a sweep show: means with intervals, paired differences, labels saved.

An arm's accuracy is a mean over draws and over scored examples, and chance chose both: with others
of either it would have come out differently. So a 95% interval here (`stats.estimate`) is one for
others of both, from which examples were right in which draw (the column `right`). With all of
MNIST there is one draw, and chance chose the examples alone. Networks of several pretrainings are a
third thing that chance chose.
"""

import functools

import numpy as np
import pandas as pd

from tl_course.base import stats
from tl_course.data.targets.handwritten import ALL


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the images as they are, with the settings that were tuned for each arm."""
    return tuned(table)[lambda rows: ~rows.augmented]


def tuned(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with the settings that were tuned for each arm; those of a live run all are."""
    return table[table.settings == "tuned"] if "settings" in table else table


def right(table: pd.DataFrame, arm: str, augmented: bool, images: int) -> pd.DataFrame:
    """Which examples were right: bool, a row a draw (the index), a column an example."""
    rows = table[(table.arm == arm) & (table.augmented == augmented) & (table.images == images)]
    return pd.DataFrame(np.array(rows.right.to_list(), bool), rows.draw.to_list()).sort_index()


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Rows `augmented`, `arm`, `images`, `mean`, `sd` (over draws), `interval`, `draws`; in %."""
    rows = []
    for (augmented, arm, images), group in table.groupby(["augmented", "arm", "images"]):
        mean, interval = stats.estimate(right(group, arm, augmented, images), **_chosen(images))
        rows.append(
            {"augmented": augmented, "arm": arm, "images": images, "mean": 100 * mean,
             "sd": 100 * group.accuracy.std(), "interval": 100 * interval, "draws": len(group)}
        )  # fmt: skip
    return pd.DataFrame(rows)


def paired(table: pd.DataFrame, one: tuple[str, bool], other: tuple[str, bool]) -> pd.DataFrame:
    """How far (arm, augmented) `one` is ahead of `other` on the same draws, in points.

    Rows `images`, `ahead`, `interval`, `wins` and `draws`, and `each` with the single draws.
    """
    rows = []
    for images in sorted(table.images.unique()):
        first, second = (right(table, *arm, images) for arm in (one, other))
        both = first.index.intersection(second.index)
        if len(both) == 0:
            continue
        first, second = first.loc[both].to_numpy(float), second.loc[both].to_numpy(float)
        ahead, interval = stats.paired(first, second, **_chosen(images))
        each = 100 * (first - second).mean(1)
        rows.append(
            {"images": images, "ahead": 100 * ahead, "interval": 100 * interval,
             "wins": int((each > 0).sum()), "draws": len(both), "each": each}
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["images", "ahead", "interval", "wins", "draws", "each"])


def _chosen(images: int) -> dict[str, int]:
    """What chance chose, as axes of `right`: of all digits that there are, there is one draw."""
    return {"example": 1} if images == ALL else {"draw": 0, "example": 1}


def over_pretrainings(
    table: pd.DataFrame, again: pd.DataFrame, one: tuple[str, bool], other: tuple[str, bool]
) -> pd.DataFrame:
    """As `paired`, for others of the pretraining, too: `again` has rows of further pretrainings.

    A row of `each`, `wins` and `draws` is a pretraining, the mean of its draws. An arm that borrows
    nothing is the same for all of them.
    """
    rows = []
    for images in sorted(again.images.unique()):
        sides = []
        for arm in (one, other):
            runs = [right(table, *arm, images)]
            for _, rows_of in again.groupby("pretraining"):
                borrowed = (rows_of.arm == arm[0]).any()
                runs.append(right(rows_of, *arm, images) if borrowed else runs[0])
            sides.append(runs)
        both = functools.reduce(pd.Index.intersection, [run.index for run in sum(sides, [])])
        first, second = (np.stack([run.loc[both] for run in runs]) for runs in sides)
        ahead, interval = stats.paired(first, second, pretraining=0, draw=1, example=2)
        each = 100 * (first.astype(float) - second).mean((1, 2))
        rows.append(
            {"images": images, "ahead": 100 * ahead, "interval": 100 * interval,
             "wins": int((each > 0).sum()), "draws": len(each), "each": each}
        )  # fmt: skip
    return pd.DataFrame(rows)


def verdict(row) -> str:
    """ "ahead", "behind", or "not certain", for a row of `paired`."""
    if not abs(row.ahead) > row.interval:
        return "not certain"
    return "ahead" if row.ahead > 0 else "behind"


def ahead_from(rows: pd.DataFrame) -> int:
    """From which row of `paired` on all are certainly ahead; as many as rows if the last is not."""
    place = len(rows)
    while place and verdict(rows.iloc[place - 1]) == "ahead":
        place -= 1
    return place


def labels_for(table: pd.DataFrame, arm: str, augmented: bool, accuracy: float) -> float | None:
    """With how many labelled images `arm` reaches `accuracy` (%), along its mean curve.

    Between two sizes the curve is a straight line over the logarithm of the number. None where it
    never does.
    """
    found = means(table)
    curve = found[(found.arm == arm) & (found.augmented == augmented)].sort_values("images")
    best = curve["mean"].cummax().to_numpy()
    sizes = curve.images.to_numpy()
    if not len(sizes) or best[-1] < accuracy:
        return None
    if accuracy <= best[0]:
        return float(sizes[0])
    after = int(np.argmax(best >= accuracy))
    share = (accuracy - best[after - 1]) / (best[after] - best[after - 1])
    return float(np.exp(np.interp(share, [0, 1], np.log(sizes[after - 1 : after + 1]))))


def recipes(table: pd.DataFrame) -> pd.DataFrame:
    """What one fixed recipe costs against tuned settings, in points, on the same draws.

    Rows `augmented`, `arm`, `images`, `fixed` (mean, in %), `ahead` (of tuned), `interval`.
    """
    rows, fixed = [], table[table.settings == "fixed"]
    for (augmented, arm, images), own in fixed.groupby(["augmented", "arm", "images"]):
        both = pd.concat([own.assign(arm="fixed"), tuned(table)])
        row = paired(both[both.images == images], ("fixed", augmented), (arm, augmented)).iloc[0]
        rows.append(
            {"augmented": augmented, "arm": arm, "images": images,
             "fixed": 100 * own.accuracy.mean(), "ahead": row.ahead, "interval": row.interval}
        )  # fmt: skip
    return pd.DataFrame(rows)
