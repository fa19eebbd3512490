"""Worked solutions of notebook 03's exercises, each with its reason."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


def new_head(net, classes):
    """A copy of `net` with a new output layer of `classes` units that start at zero."""
    copied = copy.deepcopy(net)
    copied.output = nn.Linear(net.output.in_features, classes)
    nn.init.zeros_(copied.output.weight)
    nn.init.zeros_(copied.output.bias)
    return copied


def freeze(net, trainable):
    """Freeze everything in `net` but the modules named in `trainable`, such as ["output"]."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.split(".")[0] in trainable


def made_ready(net):
    """`net` with layers 1 to 4 frozen, ready to train its output layer."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith("output")
    net.eval()
    return net


def train_output(net, x, y, steps=100):
    """`net`, its output layer trained for `steps` steps; the features are computed only once."""
    features = net.features(x).detach()
    optimizer = torch.optim.Adam(net.output.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = F.cross_entropy(net.output(features), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


SOLUTIONS = {
    "surgery": (
        new_head,
        "The copy keeps the pretrained network whole. `net.output.in_features` works for a layer "
        "of any width, so nobody has to remember 1,024.",
    ),
    "freezing": (
        freeze,
        "One line decides for each parameter. Because it also sets True, it works on a network "
        "that was frozen before. A comparison by `startswith` would take layer10 for layer1.",
    ),
    "drift": (
        made_ready,
        "In eval mode BatchNorm uses its stored mean and variance and leaves them as they are. "
        "The output layer has no mode, so it trains as before.",
    ),
    "once": (
        train_output,
        "The features leave the loop, and `detach` says that no gradient goes back into layers "
        "that cannot change anyway.",
    ),
}
