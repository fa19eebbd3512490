"""Means with intervals, paired differences, and labels saved, from the rows of a sweep.

An arm's accuracy is a mean over draws and over scored examples, both of which are random. So a 95%
interval here (`stats.estimate`) covers other draws and other examples; it is computed from the
column `right`. With all of MNIST there is one draw, and only the examples are random. With several
pretrainings, the interval covers other pretrainings, too.
"""

import functools

import numpy as np
import pandas as pd

from tl_course.base import stats
from tl_course.data.targets.handwritten import ALL


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The rows without augmentation, with the settings that were tuned for each arm."""
    return tuned(table)[lambda rows: ~rows.augmented]


def tuned(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with the settings that were tuned for each arm; all of them in a live run."""
    return table[table.settings == "tuned"] if "settings" in table else table


def right(table: pd.DataFrame, arm: str, augmented: bool, images: int) -> pd.DataFrame:
    """Which examples were right: bool, a row per draw (the index), a column per example."""
    rows = table[(table.arm == arm) & (table.augmented == augmented) & (table.images == images)]
    return pd.DataFrame(np.array(rows.right.to_list(), bool), rows.draw.to_list()).sort_index()


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Rows `augmented`, `arm`, `images`, `mean`, `sd` (over draws), `interval`, `draws`; in %."""
    rows = []
    for (augmented, arm, images), group in table.groupby(["augmented", "arm", "images"]):
        mean, interval = stats.estimate(right(group, arm, augmented, images), **_axes(images))
        rows.append(
            {"augmented": augmented, "arm": arm, "images": images, "mean": 100 * mean,
             "sd": 100 * group.accuracy.std(), "interval": 100 * interval, "draws": len(group)}
        )  # fmt: skip
    return pd.DataFrame(rows)


def paired_arms(
    table: pd.DataFrame, leading: tuple[str, bool], other: tuple[str, bool]
) -> pd.DataFrame:
    """How far (arm, augmented) `leading` is ahead of `other` on the same draws, in points.

    Rows `images`, `ahead`, `interval`, `wins` and `draws`, and `each` with the single draws.
    """
    rows = []
    for images in sorted(table.images.unique()):
        first, second = (right(table, *arm, images) for arm in (leading, other))
        draws = first.index.intersection(second.index)
        if len(draws):
            first, second = first.loc[draws].to_numpy(float), second.loc[draws].to_numpy(float)
            rows.append(_paired_row(images, first - second, **_axes(images)))
    return pd.DataFrame(rows, columns=["images", "ahead", "interval", "wins", "draws", "each"])


def _axes(images: int) -> dict[str, int]:
    """The random axes of `right`; there is only one draw of all digits."""
    return {"example": 1} if images == ALL else {"draw": 0, "example": 1}


def _paired_row(images: int, difference: np.ndarray, **axes: int) -> dict:
    """A row of `paired_arms`; `difference` has a number per example, `each` is along its axis 0."""
    ahead, interval = stats.estimate(difference, **axes)
    each = 100 * difference.mean(tuple(range(1, difference.ndim)))
    return {
        "images": images, "ahead": 100 * ahead, "interval": 100 * interval,
        "wins": int((each > 0).sum()), "draws": len(each), "each": each,
    }  # fmt: skip


def over_pretrainings(
    table: pd.DataFrame, again: pd.DataFrame, leading: tuple[str, bool], other: tuple[str, bool]
) -> pd.DataFrame:
    """Like `paired_arms`, over pretrainings too: `again` has the rows of further pretrainings.

    `each`, `wins` and `draws` refer to pretrainings, each by its mean over draws. An arm without
    pretrained layers has the same rows in all of them.
    """
    rows = []
    for images in sorted(again.images.unique()):
        sides = []
        for arm in (leading, other):
            runs = [right(table, *arm, images)]
            for _, group in again.groupby("pretraining"):
                is_pretrained = (group.arm == arm[0]).any()
                runs.append(right(group, *arm, images) if is_pretrained else runs[0])
            sides.append(runs)
        draws = functools.reduce(pd.Index.intersection, [run.index for run in sum(sides, [])])
        first, second = (np.stack([run.loc[draws] for run in runs]) for runs in sides)
        difference = first.astype(float) - second
        rows.append(_paired_row(images, difference, pretraining=0, draw=1, example=2))
    return pd.DataFrame(rows)


def verdict(row) -> str:
    """ "ahead", "behind", or "not clear", for a row of `paired_arms`."""
    if not abs(row.ahead) > row.interval:
        return "not clear"
    return "ahead" if row.ahead > 0 else "behind"


LEADS = {"ahead": "Option 2", "behind": "Option 1", "not clear": "no clear difference"}


def leading_option(row) -> str:
    """Which option leads, as a learner answers it, for a row of Option 2 against Option 1."""
    return LEADS[verdict(row)]


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `paired_arms`, indexed by images, with a `verdict` on each."""
    verdicts = [verdict(row) for row in rows.itertuples()]
    return rows.assign(verdict=verdicts).set_index("images")


def ahead_from(rows: pd.DataFrame) -> int:
    """The first row of `paired_arms` from which all are clearly ahead; `len(rows)` if none is."""
    first = len(rows)
    while first and verdict(rows.iloc[first - 1]) == "ahead":
        first -= 1
    return first


def labels_for(table: pd.DataFrame, arm: str, augmented: bool, accuracy: float) -> float | None:
    """The number of labelled images with which `arm` reaches `accuracy` (%); None if it never does.

    Between two sizes the mean curve is a straight line over the logarithm of the number.
    """
    every = means(table)
    curve = every[(every.arm == arm) & (every.augmented == augmented)].sort_values("images")
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
    """How far one fixed recipe is ahead of tuned settings, in points, on the same draws.

    Rows `augmented`, `arm`, `images`, `fixed` (mean, in %), `ahead` (of tuned), `interval`.
    """
    rows, fixed = [], table[table.settings == "fixed"]
    for (augmented, arm, images), group in fixed.groupby(["augmented", "arm", "images"]):
        both = pd.concat([group.assign(arm="fixed"), tuned(table)])
        here = both[both.images == images]
        row = paired_arms(here, ("fixed", augmented), (arm, augmented)).iloc[0]
        rows.append(
            {"augmented": augmented, "arm": arm, "images": images,
             "fixed": 100 * group.accuracy.mean(), "ahead": row.ahead, "interval": row.interval}
        )  # fmt: skip
    return pd.DataFrame(rows)
