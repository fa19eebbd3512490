"""Right and wrong answers to the exercises of notebook 10."""

import numpy as np
import torch
from scipy import stats

from exercises import Answers


def by_scipy(a, b, t):
    differences = [first - other for first, other in zip(a, b, strict=True)]
    factor = stats.t.ppf(0.975, len(differences) - 1)
    return [np.mean(differences), factor * stats.sem(differences)]


def in_torch(a, b, t):
    differences = torch.from_numpy(a) - torch.from_numpy(b)
    return differences.mean(), t * differences.std() / len(a) ** 0.5


def by_interval(accuracies, t, claimed):
    low, _ = stats.t.interval(0.95, len(accuracies) - 1, np.mean(accuracies), stats.sem(accuracies))
    return low > claimed


def all_at_once(differences, draws, t, times, rng):
    some = rng.choice(differences, (times, draws))
    off = np.abs(some.mean(1) - differences.mean())
    return (off > t * stats.sem(some, axis=1)).sum()


PAIR, HALF = "differences.mean(), t * error", "t * error"

CASES = {
    "comparison": Answers(
        right=[by_scipy, in_torch],
        wrong={
            "separate": (HALF, "t * np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))"),
            "direction": ("a - b", "b - a"),
            "order": (PAIR, "t * error, differences.mean()"),
            "scatter": (" / np.sqrt(len(differences))", ""),
            "root": ("np.sqrt(len(differences))", "len(differences)"),
            "ddof": ("ddof=1", ""),
            "many": (HALF, "1.96 * error"),
            "one_side": (HALF, "1.833 * error"),
            "factor": (HALF, "error"),
            "whole": (HALF, "2 * t * error"),
            "numbers": (PAIR, "differences.mean()"),
            "single": (PAIR, "differences, t"),
        },
    ),
    "misses": Answers(
        right=[all_at_once],
        wrong={
            "number": ("return misses", "return [misses]"),
            "share": ("return misses", "return misses / times"),
            "covers": ("> half", "<= half"),
            "never": [("- true", "- some.mean()"), (" / np.sqrt(draws)", "")],
            "put_back": ("differences, draws)", "differences, draws, replace=False)"),
            "zero": (" - true", ""),
            "narrow": [("half = t", "half = 1.96"), ("ddof=1", "")],
        },
    ),
    "claim": Answers(
        right=[by_interval],
        wrong={
            "mean": (" - half", ""),
            "upper_end": ("- half", "+ half"),
            "each_draw": ("accuracies.mean() - half", "accuracies.min()"),
            "one_draw": (" / np.sqrt(len(accuracies))", ""),
            "factor": ("half = t", "half = 2"),
            "ddof": ("ddof=1", ""),
            "verdict": (" > claimed", "", "bool(", "("),
        },
    ),
}
