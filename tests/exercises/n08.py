"""Right and wrong answers to the exercises of notebook 08."""

import random
from collections import defaultdict

import numpy as np
import torch
from PIL import Image
from scipy.stats import binomtest

from exercises import Answers
from tl_course.lessons.n08_your_own_task import exercises, solutions


def leaves_shuffled(pictures, seed=0):
    leaves = defaultdict(lambda: defaultdict(list))
    for one in pictures:
        leaves[one["species"]][one["leaf"]].append(one)
    parts = [], []
    for species in leaves.values():
        every = list(species.values())
        random.Random(seed).shuffle(every)
        for i, own in enumerate(every):
            parts[i % 3 == 0].extend(own)
    return parts


def leaves_without_species(pictures, seed=0):
    leaves = sorted({one["leaf"] for one in pictures})
    test = set(np.random.default_rng(seed).choice(leaves, round(0.3 * len(leaves)), replace=False))
    parts = [], []
    for one in pictures:
        parts[one["leaf"] in test].append(one)
    return parts


def by_species(pictures, seed=0):
    test = np.random.default_rng(seed).choice(["oak", "maple", "birch"])
    parts = [], []
    for one in pictures:
        parts[one["species"] == test].append(one)
    return parts


def pictures_of_each_species(pictures, seed=0):
    parts = [], []
    for species in ("oak", "maple", "birch"):
        own = [one for one in pictures if one["species"] == species]
        for i, place in enumerate(np.random.default_rng(seed).permutation(len(own))):
            parts[i < 0.3 * len(own)].append(own[place])
    return parts


def one_of_each_leaf(pictures, seed=0):
    single = list({one["leaf"]: one for one in pictures}.values())
    return solutions.split(single, seed)


def swapped(pictures, seed=0):
    train, test = solutions.split(pictures, seed)
    return test, train


def seed_unused(pictures, seed=0):
    return solutions.split(pictures, 0)


def by_chance(pictures, seed=0):
    return solutions.split(pictures, random.randrange(10**6))


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

    for a, one in train.items():
        for b, other in test.items():
            if np.corrcoef(greys(one), greys(other))[0, 1] > 0.9:
                yield a, b


def same_names(train, test):
    return [(name, name) for name in train if name in test]


def same_bytes(train, test):
    return [(a, b) for a in train for b in test if train[a].tobytes() == test[b].tobytes()]


def same_mean(train, test):
    return [
        (a, b) for a in train for b in test
        if np.abs(train[a].mean((0, 1)) - test[b].mean((0, 1))).max() < 4
    ]  # fmt: skip


def in_bytes(train, test):
    def small(picture):
        step = len(picture) // 8
        return picture[::step, ::step]

    return [
        (a, b) for a in train for b in test if np.abs(small(train[a]) - small(test[b])).mean() < 10
    ]


def of_one_size(train, test):
    return [
        (a, b) for a in train for b in test
        if train[a].shape == test[b].shape
        and np.abs(train[a].astype(float) - test[b]).mean() < 10
    ]  # fmt: skip


def too_generous(train, test):
    return [(a, b) for a in train for b in test]


def other_way_round(train, test):
    return [(b, a) for a, b in solutions.in_both(train, test)]


def with_scipy(answers, labels, train_labels):
    right = int((answers == labels).sum())
    found = binomtest(right, len(labels)).proportion_ci(method="exact")
    largest = np.bincount(train_labels.numpy()).argmax()
    return np.array([found.low, found.high, np.mean(labels.numpy() == largest)])


def as_tensors(answers, labels, train_labels):
    return torch.tensor(solutions.judged(answers, labels, train_labels))


def normal(answers, labels, train_labels, z=1.96, n=None):
    p, n = (answers == labels).float().mean().item(), n or len(labels)
    half = z * (p * (1 - p) / n) ** 0.5
    return p - half, p + half, solutions.judged(answers, labels, train_labels)[2]


def normal_cut_off(answers, labels, train_labels):
    low, high, baseline = normal(answers, labels, train_labels)
    return max(low, 0), min(high, 1), baseline


def one_error(answers, labels, train_labels):
    return normal(answers, labels, train_labels, z=1)


def of_the_training(answers, labels, train_labels):
    return normal(answers, labels, train_labels, n=len(train_labels))


def of_one_picture(answers, labels, train_labels):
    return normal(answers, labels, train_labels, n=1)


def in_percent(answers, labels, train_labels):
    return [100 * one for one in solutions.judged(answers, labels, train_labels)]


def with_baseline(baseline):
    def judged(answers, labels, train_labels):
        return *solutions.judged(answers, labels, train_labels)[:2], baseline(labels, train_labels)

    return judged


def blind(labels, train_labels):
    return 1 / len(labels.unique())


def share_in_training(labels, train_labels):
    return (train_labels.bincount().max() / len(train_labels)).item()


def largest_in_test(labels, train_labels):
    return (labels.bincount().max() / len(labels)).item()


def always_class_0(labels, train_labels):
    return (labels == 0).float().mean()


def in_a_loop(ways, accuracy):
    best, highest = None, -1
    for way in ways:
        measured = accuracy(way, "validation")
        if measured > highest:
            best, highest = way, measured
    return [best, accuracy(best, part="test")]


def validation_reported(ways, accuracy):
    measured = {way: accuracy(way, "validation") for way in ways}
    best = max(measured, key=measured.get)
    return best, measured[best]


def test_asked_of_all(ways, accuracy):
    measured = {way: (accuracy(way, "validation"), accuracy(way, "test")) for way in ways}
    best = max(measured, key=lambda way: measured[way][0])
    return best, measured[best][1]


def both_parts_averaged(ways, accuracy):
    mean = {way: (accuracy(way, "validation") + accuracy(way, "test")) / 2 for way in ways}
    best = max(mean, key=mean.get)
    return best, accuracy(best, "test")


def luckiest_reported(ways, accuracy):
    best, _ = validation_reported(ways, accuracy)
    return best, max(accuracy(way, "test") for way in ways)


def lowest(ways, accuracy):
    best = min(ways, key=lambda way: accuracy(way, "validation"))
    return best, accuracy(best, "test")


def test_then_validation(ways, accuracy):
    return exercises.chosen(ways, accuracy)


CASES = {
    exercises.groups: Answers(
        right=[leaves_shuffled],
        wrong={
            pictures_of_each_species: "the pictures or the leaves",
            leaves_without_species: "at least one on each side",
            by_species: "never saw",
            one_of_each_leaf: "belongs in the training part",
            swapped: "wrong way round",
            seed_unused: "Eight seeds gave the same split",
            by_chance: "Twice the same seed",
        },
    ),
    exercises.copies: Answers(
        right=[like_a_checker, correlated],
        wrong={
            same_names: "Cameras count",
            same_bytes: "stored again",
            same_mean: "turned upside down",
            in_bytes: "Make them floats",
            of_one_size: "to the same size",
            too_generous: "you allow too much",
            other_way_round: "wrong way round",
        },
    ),
    exercises.judging: Answers(
        right=[with_scipy, as_tensors],
        wrong={
            normal: "no accuracy can be there",
            normal_cut_off: "has no width",
            one_error: "covers 68%",
            of_the_training: "how sure the test is",
            of_one_picture: "Does the number of test pictures",
            in_percent: "shares from 0 to 1",
            with_baseline(blind): "guessing blindly",
            with_baseline(share_in_training): "among the *training* labels",
            with_baseline(largest_in_test): "Nobody knows that before",
            with_baseline(always_class_0): "does not follow `train_labels`",
        },
    ),
    exercises.choosing: Answers(
        right=[in_a_loop],
        wrong={
            test_then_validation: "The test still chooses",
            validation_reported: "You report the validation accuracy",
            test_asked_of_all: "The test was asked 4 times",
            both_parts_averaged: "have a say",
            luckiest_reported: "the accuracy of another way",
            lowest: "has the lowest validation accuracy",
        },
    ),
}
