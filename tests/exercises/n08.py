"""Right and wrong answers to the exercises of notebook 08."""

import random
from collections import defaultdict

import numpy as np
from PIL import Image
from scipy.stats import binomtest

from exercises import Answers


def leaves_shuffled(pictures, seed=0):
    leaves = defaultdict(lambda: defaultdict(list))
    for picture in pictures:
        leaves[picture["species"]][picture["leaf"]].append(picture)
    parts = [], []
    for species in leaves.values():
        every = list(species.values())
        random.Random(seed).shuffle(every)
        for i, photographs in enumerate(every):
            parts[i % 3 == 0].extend(photographs)
    return parts


def like_a_checker(train, test):
    """Edges of small pictures, with Pillow."""

    def bits(picture):
        small = np.asarray(Image.fromarray(picture).convert("L").resize((9, 8)), int)
        return small[:, 1:] > small[:, :-1]

    return {(a, b) for a in train for b in test if (bits(train[a]) != bits(test[b])).mean() < 0.15}


def correlated(train, test):
    def greys(picture):
        step = len(picture) // 8
        return picture[::step, ::step].mean(2).ravel()

    for a, learnt in train.items():
        for b, other in test.items():
            if np.corrcoef(greys(learnt), greys(other))[0, 1] > 0.9:
                yield a, b


def with_scipy(answers, labels, train_labels):
    right = int((answers == labels).sum())
    interval = binomtest(right, len(labels)).proportion_ci(method="exact")
    largest = np.bincount(train_labels.numpy()).argmax()
    return np.array([interval.low, interval.high, np.mean(labels.numpy() == largest)])


def in_a_loop(ways, accuracy):
    best, highest = None, -1
    for way in ways:
        measured = accuracy(way, "validation")
        if measured > highest:
            best, highest = way, measured
    return [best, accuracy(best, part="test")]


IN_BYTES = (
    "grey = torch.tensor(picture).float().mean(2)", "step = len(picture) // 8",
    "F.adaptive_avg_pool2d(grey[None], 8)", "torch.tensor(picture[::step, ::step])",
    ".abs()", ".float()",
)  # fmt: skip
SIMILAR = "(small(train[learnt]) - small(test[tested])).abs().mean() < 10"
EQUAL = "train[learnt].tobytes() == test[tested].tobytes()"
SAME_MEAN = "np.abs(train[learnt].mean((0, 1)) - test[tested].mean((0, 1))).max() < 4"
SAME_SIZE = "train[learnt].shape == test[tested].shape and " + SIMILAR

NORMAL = ("    largest =", "    centre, half = p, z * (p * (1 - p) / n) ** 0.5\n    largest =")
ENDS = "centre - half, centre + half"
LARGEST, SHARE = "train_labels.bincount().argmax()", "(labels == largest).float().mean().item()"
TESTED = 'accuracy(best, "test")'

CASES = {
    "groups": Answers(
        right=[leaves_shuffled],
        wrong={
            "leaves": ('picture["leaf"]', 'picture["file"]'),
            "missing": (' if picture["species"] == species', "",
                        '{picture["species"] for picture in pictures}', "['any']"),
            "species": ('picture["leaf"] not in in_test', 'picture["species"] != "oak"',
                        'picture["leaf"] in in_test', 'picture["species"] == "oak"'),
            "lost": ("    train =",
                     '    pictures = {picture["leaf"]: picture for picture in pictures}.values()\n'
                     '    train ='),
            "order": ("return train, test", "return test, train"),
            "seeds": ("default_rng(seed)", "default_rng(0)"),
            "same_seed": ("default_rng(seed)", "default_rng()"),
        },
    ),
    "copies": Answers(
        right=[like_a_checker, correlated],
        wrong={
            "names": (SIMILAR, "learnt == tested"),
            "stored": (SIMILAR, EQUAL),
            "turned": (SIMILAR, SAME_MEAN),
            "unsigned": IN_BYTES,
            "sizes": (SIMILAR, SAME_SIZE),
            "generous": ("< 10", "< 300"),
            "order": ("(learnt, tested)", "(tested, learnt)"),
        },
    ),
    "judging": Answers(
        right=[
            with_scipy,
            (f"return {ENDS}, baseline", f"return torch.tensor([{ENDS}, baseline])"),
        ],
        wrong={
            "beyond": NORMAL,
            "no_width": (*NORMAL, ENDS, "max(centre - half, 0), min(centre + half, 1)"),
            "one_error": (*NORMAL, "1.96", "1"),
            "training": (*NORMAL, "len(labels)", "len(train_labels)"),
            "width": (*NORMAL, "len(labels)", "1"),
            "percent": (ENDS, "100 * (centre - half), 100 * (centre + half)"),
            "blind": (SHARE, "1 / len(labels.unique())"),
            "training_share": (SHARE, "(train_labels == largest).float().mean().item()"),
            "largest_in_test": (LARGEST, "labels.bincount().argmax()"),
            "follows": (LARGEST, "0"),
        },
    ),
    "choosing": Answers(
        right=[in_a_loop],
        wrong={
            "test": ('"validation"', '"test"', TESTED, "max(measured.values())"),
            "validation": (TESTED, "measured[best]"),
            "often": ("    best =", '    [accuracy(way, "test") for way in ways]\n    best ='),
            "still_chooses": ('accuracy(way, "validation")',
                              '(accuracy(way, "validation") + accuracy(way, "test"))'),
            "luckiest": (TESTED, 'max(accuracy(way, "test") for way in ways)'),
            "lowest": ("max(", "min("),
        },
    ),
}  # fmt: skip
