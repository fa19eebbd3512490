"""Worked solutions of notebook 09's exercises, each with its reason."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn


def bits_per_character(logits, characters):
    """Bits per character that a network needs for a text, a number."""
    nats = F.cross_entropy(logits[:-1], characters[1:])
    return nats.item() / math.log(2)


def only_output(net):
    """A copy of `net` in which training moves only the output layer."""
    copied = copy.deepcopy(net)
    copied.output.weight = nn.Parameter(net.output.weight.detach().clone())
    copied.requires_grad_(False)
    copied.output.weight.requires_grad = True
    return copied


def with_temperature(logits, temperature):
    """Probabilities of the next character, from scores `[96]` and a temperature above 0."""
    return (logits / temperature).softmax(0)


def bigram(characters, kinds=96):
    """Probabilities `[kinds, kinds]`: in row i, how likely each character is after character i."""
    counts = torch.ones(kinds, kinds)
    for first, second in zip(characters[:-1], characters[1:], strict=True):
        counts[first, second] += 1
    return counts / counts.sum(1, keepdim=True)


SOLUTIONS = {
    "bits": (
        bits_per_character,
        "The shift pairs each row with what came next. `cross_entropy` takes the softmax and the "
        "logarithm at once, so that a tiny probability does not become 0 on the way.",
    ),
    "tied": (
        only_output,
        "The output layer gets its own parameter with the same numbers; then only that one can "
        "move. The order matters: the new parameter is trainable, and the freezing comes after it "
        "is in its place.",
    ),
    "temperature": (
        with_temperature,
        "Dividing the scores stretches their differences if it is below 1 and shrinks them if "
        "above; softmax makes probabilities of whatever comes out, however large it is.",
    ),
    "counting": (
        bigram,
        "A loop over the pairs adds each one, even if it occurred before. Beginning with ones "
        "gives every pair a little probability, and each row its sum at the end.",
    ),
}
