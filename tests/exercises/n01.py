"""Right and wrong answers to the exercises of notebook 01."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from exercises import NOTHING, Answers
from tl_course.layers import filters


def rows(*numbers):
    """A filter whose rows have each the same number seven times."""
    return lambda: torch.tensor(numbers, dtype=torch.float32)[:, None].expand(7, 7)


def of_numpy():
    rows = np.array([0, -1, -2, 0, 2, 1, 0])
    return np.repeat(rows[:, None], 7, axis=1)


def of_sobel():
    return F.pad(torch.tensor([[1.0, 2, 1], [0, 0, 0], [-1, -2, -1]]), (2, 2, 2, 2))


def with_an_optimizer(w, gradient, rate=0.1, steps=100):
    moving = torch.nn.Parameter(w.clone())
    optimizer = torch.optim.SGD([moving], lr=rate)
    for _ in range(steps):
        moving.grad = gradient(moving)
        optimizer.step()
    return moving


def without_backward(net, x, y, steps=100):
    parameters = list(net.parameters())
    for _ in range(steps):
        gradients = torch.autograd.grad(F.cross_entropy(net(x), y), parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= 0.1 * gradient
    return net


EMPTIED_BY_HAND = "for parameter in net.parameters():\n            parameter.grad = None"


CASES = {
    "horizontal": Answers(
        right=[
            lambda: [[1.0] * 7] * 3 + [[0.0] * 7] + [[-1.0] * 7] * 3,
            of_numpy,
            lambda: filters.edge(90),
            ("return kernel", "return kernel[None, None]"),  # as conv2d takes it
            ("return kernel", "return kernel.expand(1, 3, 7, 7)"),
            of_sobel,
            rows(0.2, -1, -1, 0, 1, 1, -0.2),
            ("[:3]", "[:3, :3]", "[4:]", "[4:, :3]"),  # small, within the 7×7 numbers
        ],
        wrong={
            "line": rows(-1, -1, -1, 6, -1, -1, -1),
            "neither": ("return kernel", "return kernel * kernel.T"),
            "turned": ("[:3]", "[:, :3]", "[4:]", "[:, 4:]"),
            "upright_too": lambda: torch.eye(49)[24].view(7, 7) - 1 / 49,
            "slanted": lambda: torch.ones(7, 7).triu(1) - torch.ones(7, 7).tril(-1),
            "one_sign": ("= -1", "= 0"),
            "total": ("[4:]", "[3:]"),
            "zeros": ("= -1", "= 0", "= 1", "= 0"),
            "shape": ("return kernel", "return kernel[1:6, 1:6]"),
            "nothing": NOTHING,
            "stripes": rows(1, -2, 2, -2, 2, -2, 1),
            "filter": lambda: "seven rows",
        },
    ),
    "downhill": Answers(
        right=[
            with_an_optimizer,
            ("    for", "    w = w.clone()\n    for", "w = w - ", "w -= "),
            ("gradient(w)\n", "gradient(w) if gradient(w).abs().max() > 0 else w\n"),
        ],
        wrong={
            "uphill": ("w - rate", "w + rate"),
            "rate": ("rate * ", ""),
            "changed": ("w = w - ", "w -= "),
            "asked_once": ("    for", "    g = gradient(w)\n    for", "* gradient(w)", "* g"),
            "one_step": ("w = w", "return w"),
            "slope": ("* gradient(w)", "* F.normalize(gradient(w), dim=0)"),
            "nothing": NOTHING,
            "length": ("rate *", "rate / 2 *"),
            "count": [("range(steps)", "range(100)"), ("range(steps)", "range(1, steps)")],
            "shared_out": ("rate *", "rate / steps *"),
            "later_steps": ("for _", "for step", "rate *", "rate / (step + 1) *"),
        },
    ),
    "adding_up": Answers(
        right=[
            ("SGD", "Adam", "optimizer.zero_grad()", "pass", ".step()", ".step(); net.zero_grad()"),
            ("optimizer.zero_grad()", EMPTIED_BY_HAND),
            without_backward,
        ],
        wrong={
            "adding_up": (
                "optimizer.zero_grad()", "pass", "    for", "    optimizer.zero_grad()\n    for",
            ),
            "emptied": ("optimizer.step", "optimizer.zero_grad(); optimizer.step"),
            "partly": ("optimizer.zero_grad()", "net[-1].zero_grad()"),
            "steps": ("optimizer.step()", "optimizer.step(); return net"),
            "no_gradient": ("loss.backward()", "pass"),
            "network": NOTHING,
        },
    ),
    "guessing": Answers(
        right=[
            lambda classes: F.cross_entropy(torch.zeros(1, classes), torch.tensor([0])),
            lambda classes: -np.log(1 / classes),
        ],
        wrong={
            "sign": ("-probability", "probability"),
            "base": lambda classes: math.log2(classes),
            "probability": lambda classes: 1 / classes,
            "share": lambda classes: 1 - 1 / classes,
            "constant": lambda classes: 6.9,
            "value": lambda classes: classes,
        },
    ),
}  # fmt: skip
