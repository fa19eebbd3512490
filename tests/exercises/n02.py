"""Right and wrong answers to the exercises of notebook 02."""

import numpy as np
import torch

from exercises import NOTHING, Answers


def rolled(answers):
    best = answers.max()
    right = answers.roll(len(answers) // 2)[answers.argmax()]
    return ((best - right) / (best + right).clamp_min(1e-9)).item()


def in_plain_python(answers):
    numbers = [float(answer) for answer in answers]
    best = max(numbers)
    right = numbers[numbers.index(best) - len(numbers) // 2]
    return (best - right) / (best + right) if best else 0


def one_by_one(answers, k=9):
    chosen = []
    for place in answers.flatten().argsort(descending=True).tolist():
        if place // 64 not in chosen:
            chosen.append(place // 64)
        if len(chosen) == k:
            return chosen


def of_places(n, last=""):
    """An edit: the pictures of the n strongest places."""
    return (
        "strongest.topk(k).indices",
        f"list(dict.fromkeys((answers.flatten().topk({n}).indices // 64).tolist())){last}",
    )


def flattened(x):
    rows = x.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    return (rows / (rows.std(1, keepdim=True) + 1e-5)).view_as(x)


def in_numpy(x):
    each = x.numpy().copy()
    each -= each.mean(axis=(1, 2, 3), keepdims=True)
    return each / np.maximum(each.std(axis=(1, 2, 3), keepdims=True), 1e-5)


def plain_ones_left_out(x):
    spread = x.std((1, 2, 3), keepdim=True)
    return torch.where(spread < 1e-4, 0, (x - x.mean((1, 2, 3), keepdim=True)) / spread)


RIGHT_ANGLE = "answers[(place + n // 2) % n]"
WIDENED = "seen + (size - 1) * apart"

CASES = {
    "selective": Answers(
        right=[rolled, in_plain_python],
        wrong={
            "weakest": (RIGHT_ANGLE, "answers.min()"),
            "angle": ("n // 2", "n // 4"),
            "mean": (RIGHT_ANGLE, "answers.mean()"),
            "formula": (") / (best + right)", ") / best"),
            "wrapped": (" % n", ""),
            "of_eight": ("n // 2) % n", "12) % 24"),
            "silent": ("== 0", "< 0"),
            "choosiest": ("best + right == 0", "right == 0"),
            "changed": ("    if best", "    answers -= 0.01\n    if best"),
            "added": ("/ (best + right)", "/ (best + right + 1e-3)"),
            "nothing": ("return (", "("),
            "single": (RIGHT_ANGLE, "answers.roll(n // 2)", "best + right == 0", "best == 0"),
            "value": ("(best - right)", "(right - best)"),
        },
    ),
    "field": Answers(
        right=[(WIDENED, "(seen - 1) * stride + size", "in layers", "in reversed(layers)")],
        wrong={
            "strides": ("apart = apart * stride", "pass"),
            "early": ("* apart\n", "* apart * stride\n"),
            "pooling": (WIDENED, WIDENED + " * (stride == 1)"),
            "product": (WIDENED, "seen * size"),
            "total": (WIDENED, "seen + size", "return seen", "return seen - 1"),
            "one_short": ("return seen", "return seen - 1"),
            "others": ("apart * stride", "apart * min(stride, 2)"),
            "nothing": NOTHING,
            "second": lambda layers: layers[0][0],
            "last": ("apart * stride", "stride"),
            "summed": [
                ("apart * stride", "apart + stride"),
                ("apart * stride", "apart + stride - 1"),
            ],
            "forwards": (WIDENED, "(seen - 1) * stride + size"),
            "third": ("apart * stride", "min(2, apart * stride)"),
            "first": ("(size - 1)", "size"),
        },
    ),
    "best_ones": Answers(
        right=[
            one_by_one,
            lambda answers, k=9: np.argsort(-answers.amax((1, 2)).numpy())[:k],
            of_places("k * 64", "[:k]"),
        ],
        wrong={
            "everywhere": of_places("10 * k", "[:k]"),
            "k": ("topk(k)", "topk(9)"),
            "values": ("indices", "values"),
            "divided": ("indices", "indices // 64"),
            "too_few": of_places("k"),
            "mean": ("amax", "mean"),
            "weakest": ("topk(k)", "topk(k, largest=False)"),
            "order": ("indices", "indices.sort().values"),
            "places": (".flatten(1).amax(1)", ".flatten()"),
            "repeated": (".flatten(1).amax(1)", ".amax(1).flatten()", "indices", "indices // 8"),
            "strongest": (".flatten(1).amax(1)", "[:, 4, 4]"),
        },
    ),
    "contrast": Answers(
        right=[flattened, in_numpy, plain_ones_left_out],
        wrong={
            "rounding": (".clamp_min(1e-5)", " + 1e-8"),
            "together": ("(1, 2, 3), keepdim=True", ""),
            "channels": ("(1, 2, 3)", "(2, 3)"),
            "means": ("(x - mean)", "x"),
            "largest": ("x.std(", "(x - mean).abs().amax("),
            "changed": ("    return (x - mean)", "    x -= mean\n    return x"),
            "nan": (".clamp_min(1e-5)", ""),
            "spreads": (" / spread", ""),
            "shape": ("return (x - mean) / spread", "return ((x - mean) / spread).flatten(1)"),
            "nothing": NOTHING,
        },
    ),
}
