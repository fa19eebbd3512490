"""Worked solutions of notebook 10's exercises, each with its reason."""

import numpy as np


def paired(a, b, t):
    """How far `a` is ahead of `b` on the same draws: the mean, and half of its 95% interval."""
    differences = a - b
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return differences.mean(), t * error


def supported(accuracies, t, claimed):
    """Whether draws of fifty images support: "with fifty, more than `claimed` % are right"."""
    half = t * accuracies.std(ddof=1) / np.sqrt(len(accuracies))
    return bool(accuracies.mean() - half > claimed)


def missed(differences, draws, t, times, rng):
    """How many of `times` 95% intervals miss, if `differences` are all that there are."""
    true, misses = differences.mean(), 0
    for _ in range(times):
        some = rng.choice(differences, draws)
        half = t * some.std(ddof=1) / np.sqrt(draws)
        misses += int(abs(some.mean() - true) > half)
    return misses


SOLUTIONS = {
    "comparison": (
        paired,
        "The difference is taken draw by draw before anything else, and its own spread decides. "
        "`ddof=1` and `t` both allow for there being only a few draws.",
    ),
    "misses": (
        missed,
        "The differences play the part of all draws that there could be, so their mean is the true "
        "one. Each round is a small study: it draws, makes its interval, and may be unlucky.",
    ),
    "claim": (
        supported,
        "The lower end of the interval decides. One good or bad draw moves the mean a little and "
        "the interval with it, so that nobody has to choose which draws count.",
    ),
}
