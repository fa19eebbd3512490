"""Worked solutions of notebook 05's exercises, each with its reason."""

import numpy as np
import torch


def split(x, y, alter, tested):
    """Pictures to learn from, with an altered copy of each, and `tested` pictures to test on."""
    order = torch.randperm(len(x))
    learn, test = order[tested:], order[:tested]
    learn_x = torch.cat([x[learn], alter(x[learn])])
    learn_y = torch.cat([y[learn], y[learn]])
    return learn_x, learn_y, x[test], y[test]


def labels_needed(sizes, right, wanted):
    """The smallest number of labels that gives `wanted`% accuracy; None if none suffices."""
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


SOLUTIONS = {
    "leak": (
        split,
        "The test is drawn from the unaltered pictures. Only what is left is altered, so no copy "
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
}
