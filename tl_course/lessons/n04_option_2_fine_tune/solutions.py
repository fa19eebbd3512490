"""Worked solutions of notebook 04's exercises, each with its reason."""

import copy

import torch
import torch.nn.functional as F


def fine_tune(net, x, y, rate, steps):
    """A copy of `net`, all of it trained on pictures `x` with labels `y`: `steps` steps of Adam."""
    tuned = copy.deepcopy(net).requires_grad_(True)
    optimizer = torch.optim.Adam(tuned.parameters(), lr=rate)
    for _ in range(steps):
        loss = F.cross_entropy(tuned(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return tuned


RATE = """
rate = 1e-4
steps = 100
"""


def moved(before, after):
    """How far the weights of layers 1 to 4 moved, as shares: {"layer1": 0.02, "layer2": …}."""
    shares = {}
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        old, new = getattr(before, layer).weight, getattr(after, layer).weight
        shares[layer] = ((new - old).norm() / old.norm()).item()
    return shares


def scores_of_both(net, digits_output, x):
    """Scores of the pictures `x` for the 1,000 drawings, and for the ten digits."""
    features = net.features(x)
    return net.output(features), digits_output(features)


SOLUTIONS = {
    "fine_tuning": (
        fine_tune,
        "`requires_grad_(True)` unfreezes whatever was frozen, only on the copy. The rest is the "
        "usual training loop of PyTorch; what makes it Option 2 is the parameters that the "
        "optimizer is given.",
    ),
    "rate": (
        RATE,
        "A hundred steps at 0.0001 move the layers by a few percent. A hundred times that rate "
        "moves layer 2 by about its own length, and most of the lead over training from scratch is "
        "lost.",
    ),
    "how_far": (
        moved,
        "The length of the difference counts every change, whatever its sign. Dividing by the "
        "length before makes a layer of 4,704 weights comparable with one of 294,912.",
    ),
    "both_tasks": (
        scores_of_both,
        "The features are computed once and nothing is assigned to the network, so it is the same "
        "after the call as before.",
    ),
}
