"""95% intervals of a mean, a difference or a share.

Chance chose what was measured: draws, test examples, voices, people. Others would have given
another number, and the differences between their means say how far off it would be. So each of them
is a clustering of the values, and the variance of the mean is the sum over the clusterings of s²/n,
with s² among the means of its n clusters. For an accuracy that is `s²_draws/D + s²_examples/N`. The
interval is a little too wide, because each term contains a part of the other.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Estimate(NamedTuple):
    """A mean and half of its 95% interval, in the unit of the values."""

    mean: float
    half: float


def estimate(values: ArrayLike, **clusters: int | ArrayLike) -> Estimate:
    """The mean of `values` and half of its 95% interval over new samples of all `clusters`.

    A clustering is an axis (`draw=0, example=1`) or an array of labels that broadcasts to the shape
    of `values` (`voice=voices`, a label for each column). Without any, each axis is one. The half
    is NaN where a clustering has a single cluster, which says nothing about others.

    The factor is Student's t, its degrees of freedom those of F. E. Satterthwaite (Biometrics
    Bulletin 2, 1946); for a single clustering of n that is n − 1.
    """
    values = np.asarray(values, float)
    named = clusters or {str(axis): axis for axis in range(values.ndim)}
    means = [_means(values, by) for by in named.values()]
    if min(map(len, means)) < 2:
        return Estimate(float(values.mean()), math.nan)
    parts = np.array([of_clusters.var(ddof=1) / len(of_clusters) for of_clusters in means])
    variance = parts.sum()
    if variance == 0:
        return Estimate(float(values.mean()), 0.0)
    from scipy.stats import t  # a second to import, so only where it is needed

    freedom = variance**2 / (parts**2 / [len(of_clusters) - 1 for of_clusters in means]).sum()
    return Estimate(float(values.mean()), float(t.ppf(0.975, freedom) * math.sqrt(variance)))


def paired(first: ArrayLike, second: ArrayLike, **clusters: int | ArrayLike) -> Estimate:
    """The mean of `first` − `second`, both measured on the same examples: see `estimate`."""
    return estimate(np.asarray(first, float) - np.asarray(second, float), **clusters)


def wilson_interval(right: int, tested: int) -> tuple[float, float]:
    """Wilson's 95% interval for a share, `right` of `tested` independent answers: low, high.

    Unlike ± 2 standard errors it stays between 0 and 1, and says something at 0 or `tested` right
    (E. B. Wilson, Journal of the American Statistical Association 22, 1927). Without a test it is
    (0, 1): nothing is known.
    """
    if tested == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    low, high = binomtest(right, tested).proportion_ci(method="wilson")
    return float(low), float(high)


def _means(values: np.ndarray, by: int | ArrayLike) -> np.ndarray:
    """The mean of each cluster."""
    if isinstance(by, int):
        return values.mean(tuple(axis for axis in range(values.ndim) if axis != by))
    labels = np.broadcast_to(np.asarray(by), values.shape).ravel()
    place = np.unique(labels, return_inverse=True)[1]
    return np.bincount(place, values.ravel()) / np.bincount(place)
