"""Worked solutions of notebook 05's exercises, each with its reason."""

import numpy as np
import torch


def paired(a, b, t):
    """How far `a` is ahead of `b` on the same draws: the mean, and half of its 95% interval."""
    differences = a - b
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return differences.mean(), t * error


def split(x, y, alter, tested):
    """Pictures to learn from, with an altered copy of each, and `tested` pictures to test on."""
    order = torch.randperm(len(x))
    learn, test = order[tested:], order[:tested]
    learn_x = torch.cat([x[learn], alter(x[learn])])
    learn_y = torch.cat([y[learn], y[learn]])
    return learn_x, learn_y, x[test], y[test]


def labels_needed(sizes, right, wanted):
    """The smallest number of labels with which `wanted` of 100 are right; None if none suffices."""
    if right[0] >= wanted:
        return sizes[0]
    for i in range(1, len(sizes)):
        if right[i] >= wanted:
            share = (wanted - right[i - 1]) / (right[i] - right[i - 1])
            before, after = np.log(sizes[i - 1]), np.log(sizes[i])
            return np.exp(before + share * (after - before))
    return None


def with_help(scores, y, least):
    """Hand over to a person what the network is less than `least` sure of (0 … 1)."""
    sure = scores.softmax(1).amax(1) >= least
    correct = scores.argmax(1) == y
    return 100 * (~sure).float().mean().item(), 100 * correct[sure].float().mean().item()


def centred(features, unlabelled, labelled):
    """Move the features of pictures to be read to where the output layer expects features."""
    return features - unlabelled.mean(0) + labelled.mean(0)


def supported(accuracies, t, claimed):
    """Whether draws of fifty images support: "with fifty, more than `claimed` of 100 are right"."""
    half = t * accuracies.std(ddof=1) / np.sqrt(len(accuracies))
    return bool(accuracies.mean() - half > claimed)


SOLUTIONS = {
    "comparison": (
        paired,
        "The difference is taken draw by draw before anything else, and its own spread decides. "
        "`ddof=1` and `t` both allow for there being only a few draws.",
    ),
    "leak": (
        split,
        "The test is drawn from the pictures as they are. Only what is left is altered, so no copy "
        "of a test picture can be learnt.",
    ),
    "enough": (
        labels_needed,
        "The loop takes the first size that suffices, whatever the curve does later. Between it "
        "and the size before, the logarithm is interpolated, as the figure draws it.",
    ),
    "help_wanted": (
        with_help,
        "The same two tensors, how sure and whether right, make the figure *How sure it is*. "
        "`correct[sure]` holds the kept pictures alone, so its mean is their accuracy.",
    ),
    "no_labels": (
        centred,
        "Every picture moves by the same amount, so what tells them apart stays. The mean of many "
        "unlabelled pictures stands in for the mean that the labelled ones should have had.",
    ),
    "claim": (
        supported,
        "The lower end of the interval decides. One good or bad draw moves the mean a little and "
        "the interval with it, so that nobody has to choose which draws count.",
    ),
}
