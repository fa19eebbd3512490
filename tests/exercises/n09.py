"""Right and wrong answers to the exercises of notebook 09."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from exercises import Answers
from tl_course.lessons.n09_small_gpt import gpt


def in_numpy(logits, characters):
    scores, text = logits.numpy()[:-1], characters.numpy()[1:]
    chances = np.exp(scores - scores.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    return np.mean([-np.log2(chances[i, symbol]) for i, symbol in enumerate(text)])


def as_a_tensor(logits, characters):
    chances = F.softmax(logits, dim=-1)
    came = chances[torch.arange(len(characters) - 1), characters[1:]]
    return -came.log2().mean()


def a_new_layer(net):
    mine = copy.deepcopy(net)
    for parameter in mine.parameters():
        parameter.requires_grad = False
    mine.output = nn.Linear(net.output.in_features, net.output.out_features, bias=False)
    with torch.no_grad():
        mine.output.weight.copy_(net.symbol.weight)
    return mine


def as_the_course(net):
    mine = gpt.untie(net)
    for name, parameter in mine.named_parameters():
        parameter.requires_grad = name.startswith("output")
    return mine


def by_powers(logits, temperature):
    log_chances = F.log_softmax(logits, 0) / temperature
    return (log_chances - torch.logsumexp(log_chances, 0)).exp().numpy()


def softmax_by_hand(logits, temperature):
    scaled = (logits - logits.max()) / temperature
    chances = torch.exp(scaled)
    return chances / chances.sum()


def at_once(characters, kinds=96):
    pairs = characters[:-1] * kinds + characters[1:]
    counts = 1 + torch.bincount(pairs, minlength=kinds * kinds).view(kinds, kinds)
    return counts / counts.sum(1, keepdim=True)


def added_in_numpy(characters, kinds=96):
    counts = np.ones((kinds, kinds))
    np.add.at(counts, (characters[:-1].numpy(), characters[1:].numpy()), 1)
    return counts / counts.sum(axis=1)[:, None]


NATS, BITS = "F.cross_entropy(logits[:-1], characters[1:])", "nats.item() / math.log(2)"
GIVEN = "logits[:-1].softmax(1).gather(1, characters[1:, None])"
ENTROPY = "torch.distributions.Categorical(logits=logits[:-1]).entropy().mean()"
LIKELIEST = "(logits[:-1].argmax(1) == characters[1:]).float().mean()"
OWN = "nn.Parameter(net.output.weight.detach().clone())"
TRAINED = "copied.output.weight.requires_grad = True"
TEMPERED = "(logits / temperature).softmax(0)"
POWERS = "(logits / temperature).exp()"
LOOP = """\
    for first, second in zip(characters[:-1], characters[1:], strict=True):
        counts[first, second] += 1
"""
SHARES = "counts / counts.sum(1, keepdim=True)"

CASES = {
    "bits": Answers(
        right=[in_numpy, as_a_tensor],
        wrong={
            "nats": (" / math.log(2)", ""),
            "sum": ("characters[1:])", "characters[1:], reduction='sum')"),
            "negative": ("return nats", "return -nats"),
            "first": (BITS, BITS + " * (1 - 1 / len(characters))"),
            "likeliest": (BITS, LIKELIEST),
            "read": ("[:-1]", "", "[1:]", ""),
            "shifted": ("logits[:-1], characters[1:]", "logits[1:], characters[:-1]"),
            "mean": (NATS, f"-{GIVEN}.mean().log()"),
            "entropy": (NATS, ENTROPY),
            "perplexity": (BITS, f"2 ** ({BITS})"),
            "number": ("characters[1:])", "characters[1:], reduction='none')", ".item()", ""),
        },
    ),
    "tied": Answers(
        right=[a_new_layer, as_the_course],
        wrong={
            "tied": (OWN, "copied.symbol.weight"),
            "nothing_moves": (TRAINED, "pass"),
            "pretrained": ("net.output.weight.detach().clone()", "torch.randn(96, 16)"),
            "memory": ("net.output.weight.detach().clone()", "copied.symbol.weight.data"),
            "changed": ("copy.deepcopy(net)", "net"),
            "others": (TRAINED, TRAINED + "\n    copied.norm.requires_grad_(True)"),
        },
    ),
    "temperature": Answers(
        right=[by_powers, softmax_by_hand],
        wrong={
            "inverted": ("logits / temperature", "logits * temperature"),
            "total": (TEMPERED, "logits.softmax(0) / temperature"),
            "no_difference": (TEMPERED, "F.normalize(logits.softmax(0) / temperature, 1, 0)"),
            "nan": (TEMPERED, f"{POWERS} / {POWERS}.sum()"),
            "changed": ("(logits / temperature)", "logits.div_(temperature)"),
            "value": ("/ temperature", "/ temperature**0.5"),
        },
    ),
    "counting": Answers(
        right=[at_once, added_in_numpy],
        wrong={
            "once": (LOOP, "    counts[characters[:-1], characters[1:]] += 1\n"),
            "nan": ("ones", "zeros"),
            "zero": ("ones", "zeros", SHARES, SHARES + ".clamp_min(1)"),
            "rows": ("ones", "zeros", SHARES, SHARES + ".clamp_min(1) + 1e-2"),
            "exchanged": (SHARES, f"({SHARES}).T"),
            "all": (SHARES, "counts / counts.sum()"),
            "circle": (LOOP, LOOP + "    counts[characters[-1], characters[0]] += 1\n"),
            "neighbours": ("[:-1], characters[1:]", "[:-1:2], characters[1::2]"),
        },
    ),
}  # fmt: skip
