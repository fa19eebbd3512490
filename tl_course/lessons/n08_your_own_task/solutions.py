"""Worked solutions of notebook 08's exercises, each with its reason."""

import numpy as np
import torch
import torch.nn.functional as F


def split(pictures, seed=0):
    """Two lists, training and test pictures; about 30% are for the test."""
    rng = np.random.default_rng(seed)
    in_test = set()
    for species in sorted({picture["species"] for picture in pictures}):
        leaves = sorted({picture["leaf"] for picture in pictures if picture["species"] == species})
        n_test = max(1, round(0.3 * len(leaves)))
        in_test.update(rng.permutation(leaves)[:n_test].tolist())
    train = [picture for picture in pictures if picture["leaf"] not in in_test]
    test = [picture for picture in pictures if picture["leaf"] in in_test]
    return train, test


def in_both(train, test):
    """Pairs (name in `train`, name in `test`) of pictures that show the same."""

    def small(picture):
        grey = torch.tensor(picture).float().mean(2)
        return F.adaptive_avg_pool2d(grey[None], 8)

    return [
        (learnt, tested)
        for learnt in train
        for tested in test
        if (small(train[learnt]) - small(test[tested])).abs().mean() < 10
    ]


def judged(answers, labels, train_labels):
    """Three numbers from 0 to 1: low and high end of the 95% interval, and the baseline."""
    n, z = len(labels), 1.96
    p = (answers == labels).float().mean().item()
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5 / (1 + z**2 / n)
    largest = train_labels.bincount().argmax()
    baseline = (labels == largest).float().mean().item()
    return centre - half, centre + half, baseline


def chosen(ways, accuracy):
    """The name of the best of some `ways`, and the accuracy that may be reported for it."""
    measured = {way: accuracy(way, "validation") for way in ways}
    best = max(measured, key=measured.get)
    return best, accuracy(best, "test")


SOLUTIONS = {
    "groups": (
        split,
        "Leaves, not pictures, are chosen, and for each species separately: so no leaf is on both "
        "sides and no species is missing. `sorted` makes the order the same in every run, which a "
        "set does not promise.",
    ),
    "copies": (
        in_both,
        "Averages over 8×8 places keep what a picture shows and lose what storing changes: size, "
        "noise, file format. `float` comes first, since uint8 cannot be negative.",
    ),
    "judging": (
        judged,
        "Wilson's interval is pulled towards one half, the more so the smaller the test; it stays "
        "between 0 and 1. The training labels choose the class of the baseline, the test labels "
        "score it.",
    ),
    "choosing": (
        chosen,
        "Validation may be asked as often as you like, because nobody reports it. The test is "
        "asked once, when there is nothing left to choose.",
    ),
}
