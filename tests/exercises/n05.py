"""Right and wrong answers to the exercises of notebook 05."""

import math

import numpy as np
import torch

from exercises import Answers

# ---------------------------------------------------------------------------- right ones


def permuted(x, y, alter, tested):
    order = np.random.permutation(len(x))
    test, learn = torch.from_numpy(order[:tested]), torch.from_numpy(order[tested:])
    pairs = torch.stack([x[learn], alter(x[learn])], 1).flatten(0, 1)
    return [pairs, y[learn].repeat_interleave(2), x[test], y[test]]


def by_interp(sizes, right, wanted):
    best = np.maximum.accumulate(right)
    if wanted > best[-1]:
        return None
    i = int(np.argmax(best >= wanted))
    if i == 0:
        return sizes[0]
    at = np.interp(wanted, [best[i - 1], best[i]], np.log10(sizes[i - 1 : i + 1]))
    return math.ceil(10**at)


def one_by_one(scores, y, least):
    handed = answered = right = 0
    for row, label in zip(scores, y, strict=True):
        shares = torch.softmax(row, dim=0)
        if shares.max() < least:
            handed += 1
        else:
            answered += 1
            right += int(shares.argmax() == label)
    return 100 * handed / len(y), 100 * right / answered


def by_column(features, unlabelled, labelled):
    columns = zip(features.numpy().T, unlabelled.numpy().T, labelled.numpy().T, strict=True)
    return np.stack(
        [column + (np.mean(few) - np.mean(others)) for column, others, few in columns], 1
    )


# ---------------------------------------------------------------------------- wrong ones


def plain_interp(sizes, right, wanted):
    return None if wanted > right[-1] else np.exp(np.interp(wanted, right, np.log(sizes)))


LEARNT, LABELS = "torch.cat([x[learn], alter(x[learn])])", "torch.cat([y[learn], y[learn]])"
ANSWER = "np.exp(before + share * (after - before))"
FROM, TO = "unlabelled.mean(0)", "labelled.mean(0)"
MOVED = f"features - {FROM} + {TO}"

CASES = {
    "leak": Answers(
        right=[permuted],
        wrong={
            "leaks": ("alter(x[learn])", "alter(x)", "y[learn], y[learn]", "y[learn], y"),
            "altered": ("x[test], y[test]",
                        "torch.cat([x[test], alter(x[test])]), y[test].repeat(2)"),
            "no_copies": (LEARNT, "x[learn]", LABELS, "y[learn]"),
            "originals": (LEARNT, "alter(x[learn])", LABELS, "y[learn]"),
            "labels": (LABELS, "y[learn].repeat_interleave(2)"),
            "neighbours": ("torch.randperm", "torch.arange"),
            "both": ("order[tested:]", "order"),
            "lengths": (LABELS, "y[learn]"),
        },
    ),
    "enough": Answers(
        right=[by_interp],
        wrong={
            "next_size": (ANSWER, "sizes[i]"),
            "size_before": (ANSWER, "sizes[i - 1]", "right[i] >=", "right[i] >"),
            "straight": ("np.log(sizes[i - 1])", "sizes[i - 1]", "np.log(sizes[i])", "sizes[i]",
                         "np.exp", ""),
            "beyond": ("return None", "return sizes[-1]"),
            "dips": plain_interp,
            "left": ("return sizes[0]", "return sizes[0] * 1.1 ** (wanted - right[0])"),
            "exactly_none": ("    if right[0]", "    if wanted in right:\n        return None\n"
                             "    if right[0]"),
        },
    ),
    "help_wanted": Answers(
        right=[one_by_one, (".float().mean().item()", ".double().mean()")],
        wrong={
            "scores": (".softmax(1)", ""),
            "pictures": ("softmax(1)", "softmax(0)"),
            "on_all": ("correct[sure]", "correct"),
            "of_all": ("correct[sure]", "(correct & sure)"),
            "on_handed": ("correct[sure]", "correct[~sure]"),
            "inverted": (">= least", "< least"),
            "shares": ("100 * ", ""),
            "order": ("(~sure)", "(correct[sure])", "100 * correct[sure]", "100 * (~sure)"),
        },
    ),
    "no_labels": Answers(
        right=[by_column],
        wrong={
            "direction": (MOVED, f"features + {FROM} - {TO}"),
            "one_mean": ("mean(0)", "mean()"),
            "itself": ("- " + FROM, "- features.mean(0)"),
            "not_added": (" + " + TO, ""),
            "scaled": (MOVED, f"(features - {FROM}) / unlabelled.std(0) * labelled.std(0) + {TO}"),
            "changed": ("    return", f"    features -= {FROM}\n    return"),
            "unmoved": (MOVED, "features"),
            "shape": ("return features", "return unlabelled"),
            "value": (MOVED, f"features + ({TO} - {FROM}) / 2"),
        },
    ),
}  # fmt: skip
