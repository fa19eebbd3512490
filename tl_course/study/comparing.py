"""What the rows of a sweep show: means with intervals, paired differences, labels saved.

An arm's accuracy is a mean over draws and over scored examples, and chance chose both: with others
of either it would have come out differently. So a 95% interval here is two standard errors of
both, `2·√(s²_draws/D + s²_examples/N)`, from which examples were right in which draw (the column
`right`). It is a little too wide rather than too narrow: each term holds some of the other.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd


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


def estimate(values: np.ndarray) -> tuple[float, float]:
    """Mean of `values` [draws, examples] and half of its 95% interval; NaN for a single draw."""
    draws, examples = values.mean(1), values.mean(0)
    if len(draws) < 2:
        return float(values.mean()), math.nan
    variance = draws.var(ddof=1) / len(draws) + examples.var(ddof=1) / len(examples)
    return float(values.mean()), 2 * math.sqrt(variance)


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Rows `augmented`, `arm`, `images`, `mean`, `sd` (over draws), `interval`, `draws`; in %."""
    rows = []
    for (augmented, arm, images), group in table.groupby(["augmented", "arm", "images"]):
        mean, interval = estimate(right(group, arm, augmented, images).to_numpy())
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
        difference = first.loc[both].to_numpy(float) - second.loc[both].to_numpy(float)
        ahead, interval = estimate(difference)
        each = 100 * difference.mean(1)
        rows.append(
            {"images": images, "ahead": 100 * ahead, "interval": 100 * interval,
             "wins": int((each > 0).sum()), "draws": len(both), "each": each}
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["images", "ahead", "interval", "wins", "draws", "each"])


def verdict(row) -> str:
    """ "ahead", "behind", or "not certain", for a row of `paired`."""
    if not abs(row.ahead) > row.interval:
        return "not certain"
    return "ahead" if row.ahead > 0 else "behind"


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
    fixed = table[table.settings == "fixed"]
    rows = []
    for (augmented, arm, images), own in fixed.groupby(["augmented", "arm", "images"]):
        both = pd.concat([own.assign(arm="fixed"), tuned(table)])
        row = paired(both[both.images == images], ("fixed", augmented), (arm, augmented)).iloc[0]
        rows.append(
            {"augmented": augmented, "arm": arm, "images": images,
             "fixed": 100 * own.accuracy.mean(), "ahead": row.ahead, "interval": row.interval}
        )  # fmt: skip
    return pd.DataFrame(rows)
