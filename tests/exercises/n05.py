"""Right and wrong answers to the exercises of notebook 05."""

import bisect
import math

import numpy as np
import torch
from scipy import stats

from exercises import Answers
from tl_course.lessons.n05_how_much_data import exercises

# ---------------------------------------------------------------------------- a paired comparison


def by_scipy(a, b, t):
    differences = [one - other for one, other in zip(a, b, strict=True)]
    factor = stats.t.ppf(0.975, len(differences) - 1)
    return [np.mean(differences), factor * stats.sem(differences)]


def in_torch(a, b, t):
    differences = torch.from_numpy(a) - torch.from_numpy(b)
    return differences.mean(), t * differences.std() / len(a) ** 0.5


def unpaired(a, b, t):
    return a.mean() - b.mean(), t * math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))


def half(make):
    """`make(differences, t)` as half of the interval."""
    return lambda a, b, t: ((a - b).mean(), make(a - b, t))


def other_order(a, b, t):
    return by_scipy(b, a, t)


def half_first(a, b, t):
    return by_scipy(a, b, t)[::-1]


def mean_alone(a, b, t):
    return (a - b).mean()


def per_draw(a, b, t):
    return a - b, t


# ---------------------------------------------------------------------------- a leak


def permuted(x, y, alter, tested):
    order = np.random.permutation(len(x))
    test, learn = torch.from_numpy(order[:tested]), torch.from_numpy(order[tested:])
    pairs = torch.stack([x[learn], alter(x[learn])], 1).flatten(0, 1)
    return [pairs, y[learn].repeat_interleave(2), x[test], y[test]]


def drawn(x, tested):
    order = torch.randperm(len(x))
    return order[tested:], order[:tested]


def copies_of_all(x, y, alter, tested):
    learn, test = drawn(x, tested)
    return torch.cat([x[learn], alter(x)]), torch.cat([y[learn], y]), x[test], y[test]


def test_altered_too(x, y, alter, tested):
    learn, test = drawn(x, tested)
    return (
        torch.cat([x[learn], alter(x[learn])]), y[learn].repeat(2),
        torch.cat([x[test], alter(x[test])]), y[test].repeat(2),
    )  # fmt: skip


def no_copies(x, y, alter, tested):
    learn, test = drawn(x, tested)
    return x[learn], y[learn], x[test], y[test]


def copies_alone(x, y, alter, tested):
    learn, test = drawn(x, tested)
    return alter(x[learn]), y[learn], x[test], y[test]


def labels_in_pairs(x, y, alter, tested):
    learn, test = drawn(x, tested)
    both = torch.cat([x[learn], alter(x[learn])])
    return both, y[learn].repeat_interleave(2), x[test], y[test]


def the_first(x, y, alter, tested):
    both = torch.cat([x[tested:], alter(x[tested:])])
    return both, y[tested:].repeat(2), x[:tested], y[:tested]


def learnt_too(x, y, alter, tested):
    _, test = drawn(x, tested)
    return torch.cat([x, alter(x)]), y.repeat(2), x[test], y[test]


def labels_forgotten(x, y, alter, tested):
    learn, test = drawn(x, tested)
    return torch.cat([x[learn], alter(x[learn])]), y[learn], x[test], y[test]


# ---------------------------------------------------------------------------- labels needed


def by_interp(sizes, right, wanted):
    best = np.maximum.accumulate(right)
    if wanted > best[-1]:
        return None
    i = int(np.argmax(best >= wanted))
    if i == 0:
        return sizes[0]
    at = np.interp(wanted, [best[i - 1], best[i]], np.log10(sizes[i - 1 : i + 1]))
    return math.ceil(10**at)


def next_size(sizes, right, wanted):
    return next((n for n, one in zip(sizes, right, strict=True) if one >= wanted), None)


def size_before(sizes, right, wanted):
    if wanted > right[-1]:
        return None
    return sizes[max(0, bisect.bisect_right(right, wanted) - 1)]


def straight(sizes, right, wanted):
    return None if wanted > right[-1] else np.interp(wanted, right, sizes)


def the_last(sizes, right, wanted):
    return by_interp(sizes, right, wanted) or sizes[-1]


def plain_interp(sizes, right, wanted):
    return None if wanted > right[-1] else np.exp(np.interp(wanted, right, np.log(sizes)))


def beyond_the_left(sizes, right, wanted):
    share = (wanted - right[0]) / (right[1] - right[0])
    left = sizes[0] * (sizes[1] / sizes[0]) ** share
    return left if wanted < right[0] else by_interp(sizes, right, wanted)


def strictly(sizes, right, wanted):
    return by_interp(sizes, right, wanted) if wanted not in right else None


# ---------------------------------------------------------------------------- help from a person


def one_by_one(scores, y, least):
    handed = kept = right = 0
    for one, label in zip(scores, y, strict=True):
        shares = torch.softmax(one, dim=0)
        if shares.max() < least:
            handed += 1
        else:
            kept += 1
            right += int(shares.argmax() == label)
    return 100 * handed / len(y), 100 * right / kept


def with_sure(sure_of, second=None, swap=False):
    def helped(scores, y, least):
        kept, correct = sure_of(scores) >= least, scores.argmax(1) == y
        if swap:
            kept = ~kept
        of = correct[kept] if second is None else second(correct, kept)
        return 100 * (~kept).double().mean(), 100 * of.double().mean()

    return helped


def softmaxed(scores):
    return scores.softmax(1).amax(1)


def as_shares(scores, y, least):
    return [one / 100 for one in one_by_one(scores, y, least)]


def right_first(scores, y, least):
    return one_by_one(scores, y, least)[::-1]


# ---------------------------------------------------------------------------- no labels


def by_column(features, unlabelled, labelled):
    columns = zip(features.numpy().T, unlabelled.numpy().T, labelled.numpy().T, strict=True)
    return np.stack([one + (np.mean(own) - np.mean(others)) for one, others, own in columns], 1)


def away(features, unlabelled, labelled):
    return features + unlabelled.mean(0) - labelled.mean(0)


def one_mean(features, unlabelled, labelled):
    return features - unlabelled.mean() + labelled.mean()


def by_itself(features, unlabelled, labelled):
    return features - features.mean(0) + labelled.mean(0)


def to_zero(features, unlabelled, labelled):
    return features - unlabelled.mean(0)


def scaled_too(features, unlabelled, labelled):
    return (features - unlabelled.mean(0)) / unlabelled.std(0) * labelled.std(0) + labelled.mean(0)


def in_place(features, unlabelled, labelled):
    features += labelled.mean(0) - unlabelled.mean(0)
    return features


def as_it_was(features, unlabelled, labelled):
    return features


def moved_unlabelled(features, unlabelled, labelled):
    return unlabelled - unlabelled.mean(0) + labelled.mean(0)


def halfway(features, unlabelled, labelled):
    return features + (labelled.mean(0) - unlabelled.mean(0)) / 2


# ---------------------------------------------------------------------------- a claim


def by_interval(accuracies, t, claimed):
    low, _ = stats.t.interval(0.95, len(accuracies) - 1, np.mean(accuracies), stats.sem(accuracies))
    return low > claimed


def the_mean(accuracies, t, claimed):
    return accuracies.mean() > claimed


def every_draw(accuracies, t, claimed):
    return accuracies.min() > claimed


def upper_end(accuracies, t, claimed):
    return accuracies.mean() + t * stats.sem(accuracies) > claimed


def always_two(accuracies, t, claimed):
    return accuracies.mean() - 2 * stats.sem(accuracies) > claimed


def of_one_draw(accuracies, t, claimed):
    return accuracies.mean() - t * accuracies.std(ddof=1) > claimed


def all_there_are(accuracies, t, claimed):
    return accuracies.mean() - t * accuracies.std() / len(accuracies) ** 0.5 > claimed


def low_end(accuracies, t, claimed):
    return accuracies.mean() - t * stats.sem(accuracies)


CASES = {
    exercises.comparison: Answers(
        right=[by_scipy, in_torch],
        wrong={
            unpaired: "two separate sets",
            other_order: "how far `b` is ahead",
            half_first: "first the mean",
            half(lambda d, t: t * d.std(ddof=1)): "single draws scatter",
            half(lambda d, t: t * d.std(ddof=1) / len(d)): "divided by n",
            half(lambda d, t: t * d.std() / len(d) ** 0.5): "`ddof=1`",
            half(lambda d, t: 1.96 * d.std(ddof=1) / len(d) ** 0.5): "very many draws",
            half(lambda d, t: 1.833 * d.std(ddof=1) / len(d) ** 0.5): "5% on one side",
            half(lambda d, t: d.std(ddof=1) / len(d) ** 0.5): "Student's factor",
            half(lambda d, t: 2 * t * d.std(ddof=1) / len(d) ** 0.5): "whole width",
            mean_alone: "Return two numbers",
            per_draw: "not arrays",
        },
    ),
    exercises.leak: Answers(
        right=[permuted],
        wrong={
            copies_of_all: "It still leaks",
            test_altered_too: "among the pictures to test on",
            no_copies: "no altered copies",
            copies_alone: "not in their place",
            labels_in_pairs: "no longer go with",
            the_first: "neighbours",
            learnt_too: "learnt from and in the test",
            labels_forgotten: "60 pictures and 30 labels",
        },
    ),
    exercises.enough: Answers(
        right=[by_interp],
        wrong={
            next_size: "the next size",
            size_before: "the size before",
            straight: "straight line over the number",
            the_last: "the answer is None",
            plain_interp: "may dip",
            beyond_the_left: "to the left of the curve",
            strictly: "Yours gives None",
        },
    ),
    exercises.help_wanted: Answers(
        right=[one_by_one, with_sure(softmaxed)],
        wrong={
            with_sure(lambda scores: scores.amax(1)): "any number",
            with_sure(lambda scores: scores.softmax(0).amax(1)): "over the pictures",
            with_sure(softmaxed, lambda correct, kept: correct): "on all pictures",
            with_sure(softmaxed, lambda correct, kept: correct & kept): "divide by all",
            with_sure(softmaxed, lambda correct, kept: correct[~kept]): "were handed over",
            with_sure(softmaxed, swap=True): "A person gets",
            as_shares: "from 0 to 1. You were asked",
            right_first: "first those handed over",
        },
    ),
    exercises.no_labels: Answers(
        right=[by_column],
        wrong={
            away: "wrong direction",
            one_mean: "one mean over all features",
            by_itself: "a single one",
            to_zero: "is not added",
            scaled_too: "move them only",
            in_place: "changes the features",
            as_it_was: "nothing has been moved",
            moved_unlabelled: "keeps its features",
            halfway: "should move by",
        },
    ),
    exercises.claim: Answers(
        right=[by_interval],
        wrong={
            the_mean: "is not enough",
            upper_end: "Which end",
            every_draw: "about every draw",
            of_one_draw: "how far *one* draw",
            always_two: "With three draws",
            all_there_are: "a hair too sure",
            low_end: "either True or False",
        },
    ),
}
