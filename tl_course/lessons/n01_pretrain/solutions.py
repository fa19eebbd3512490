"""Worked solutions of notebook 01's exercises, each with its reason."""

import torch
import torch.nn.functional as F


def my_filter():
    """A filter `[7, 7]` for edges from left to right; vertical ones and uniform areas give 0."""
    kernel = torch.zeros(7, 7)
    kernel[:3] = -1
    kernel[4:] = 1
    return kernel


def descended(w, gradient, rate=0.1, steps=100):
    """`w` after `steps` steps of gradient descent; `gradient(w)` is the gradient at `w`."""
    for _ in range(steps):
        w = w - rate * gradient(w)
    return w


def trained(net, x, y, steps=100):
    """`net` after `steps` steps of training on the inputs x with the answers y."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


def guessing_loss(classes):
    """The cross-entropy of someone who finds all of `classes` classes equally likely."""
    probability = torch.tensor(1 / classes)  # of the right answer
    return -probability.log()


SOLUTIONS = {
    "horizontal": (
        my_filter,
        "21 numbers are -1 and 21 are 1, so a uniform area gives zero. A vertical edge gives zero "
        "as well, because every column adds up to zero.",
    ),
    "downhill": (
        descended,
        "`w = w - …` makes a new tensor in each step and leaves the caller's as it is. The "
        "gradient is asked for anew at each place.",
    ),
    "adding_up": (
        trained,
        "`zero_grad` clears the gradients of the step before. It can go anywhere in the loop "
        "except between `backward` and `step`.",
    ),
    "guessing": (
        guessing_loss,
        "The right answer gets the probability 1 / classes, and -ln(1 / classes) is ln(classes), "
        "which is 6.9 for 1,000.",
    ),
}
