"""Right and wrong answers to the exercises of notebook 09."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from exercises import Answers
from tl_course.lessons.n09_small_gpt import exercises, gpt, solutions


def in_numpy(logits, characters):
    scores, text = logits.numpy()[:-1], characters.numpy()[1:]
    chances = np.exp(scores - scores.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    return np.mean([-np.log2(chances[i, symbol]) for i, symbol in enumerate(text)])


def as_a_tensor(logits, characters):
    chances = F.softmax(logits, dim=-1)
    came = chances[torch.arange(len(characters) - 1), characters[1:]]
    return -came.log2().mean()


def nats(logits, characters):
    return F.cross_entropy(logits[:-1], characters[1:])


def summed(logits, characters):
    return solutions.bits_per_character(logits, characters) * (len(characters) - 1)


def negative(logits, characters):
    return -as_a_tensor(logits, characters)


def divided_by_all(logits, characters):
    return summed(logits, characters) / len(characters)


def accuracy(logits, characters):
    return (logits[:-1].argmax(1) == characters[1:]).float().mean()


def not_shifted(logits, characters):
    return F.cross_entropy(logits, characters) / math.log(2)


def shifted_the_wrong_way(logits, characters):
    return F.cross_entropy(logits[1:], characters[:-1]) / math.log(2)


def of_the_mean(logits, characters):
    chances = logits[:-1].softmax(1)[torch.arange(len(characters) - 1), characters[1:]]
    return -chances.mean().log2()


def entropy(logits, characters):
    chances = logits[:-1].softmax(1)
    return -(chances * chances.log2()).sum(1).mean()


def perplexity(logits, characters):
    return 2 ** solutions.bits_per_character(logits, characters)


def one_each(logits, characters):
    return F.cross_entropy(logits[:-1], characters[1:], reduction="none") / math.log(2)


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


def still_tied(net):
    mine = copy.deepcopy(net)
    for parameter in mine.parameters():
        parameter.requires_grad = parameter is mine.output.weight
    return mine


def by_name(net):
    mine = copy.deepcopy(net)
    for name, parameter in mine.named_parameters():
        parameter.requires_grad = name.startswith("output")
    return mine


def from_random(net):
    mine = copy.deepcopy(net).requires_grad_(False)
    mine.output = nn.Linear(net.output.in_features, net.output.out_features, bias=False)
    return mine


def same_memory(net):
    mine = copy.deepcopy(net).requires_grad_(False)
    mine.output.weight = nn.Parameter(mine.symbol.weight.data)
    return mine


def in_place(net):
    net.output.weight = nn.Parameter(net.symbol.weight.detach().clone())
    return by_name(net)


def norm_too(net):
    mine = solutions.only_output(net)
    mine.norm.requires_grad_(True)
    return mine


def by_powers(logits, temperature):
    log_chances = F.log_softmax(logits, 0) / temperature
    return (log_chances - torch.logsumexp(log_chances, 0)).exp().numpy()


def softmax_by_hand(logits, temperature):
    scaled = (logits - logits.max()) / temperature
    chances = torch.exp(scaled)
    return chances / chances.sum()


def times(logits, temperature):
    return F.softmax(logits * temperature, dim=-1)


def after_softmax(logits, temperature):
    return logits.softmax(0) / temperature


def after_softmax_and_shared_out(logits, temperature):
    chances = logits.softmax(0) / temperature
    return chances / chances.sum()


def overflowing(logits, temperature):
    chances = torch.exp(logits / temperature)
    return chances / chances.sum()


def changing_the_scores(logits, temperature):
    logits /= temperature
    return logits.softmax(0)


def root_of_temperature(logits, temperature):
    return (logits / temperature**0.5).softmax(0)


def at_once(characters, kinds=96):
    pairs = characters[:-1] * kinds + characters[1:]
    counts = 1 + torch.bincount(pairs, minlength=kinds * kinds).view(kinds, kinds)
    return counts / counts.sum(1, keepdim=True)


def added_in_numpy(characters, kinds=96):
    counts = np.ones((kinds, kinds))
    np.add.at(counts, (characters[:-1].numpy(), characters[1:].numpy()), 1)
    return counts / counts.sum(axis=1)[:, None]


def counts_of(characters, kinds):
    return (
        at_once(characters, kinds)
        .new_zeros(kinds, kinds)
        .index_put_(
            (characters[:-1], characters[1:]), torch.ones(len(characters) - 1), accumulate=True
        )
    )


def each_once(characters, kinds=96):
    counts = torch.ones(kinds, kinds)
    counts[characters[:-1], characters[1:]] += 1
    return counts / counts.sum(1, keepdim=True)


def not_smoothed(characters, kinds=96):
    counts = counts_of(characters, kinds)
    return counts / counts.sum(1, keepdim=True)


def zeros_left(characters, kinds=96):
    counts = counts_of(characters, kinds)
    return counts / counts.sum(1, keepdim=True).clamp_min(1)


def added_too_late(characters, kinds=96):
    return zeros_left(characters, kinds) + 1e-2


def exchanged(characters, kinds=96):
    return at_once(characters, kinds).T


def all_together(characters, kinds=96):
    counts = counts_of(characters, kinds) + 1
    return counts / counts.sum()


def in_a_circle(characters, kinds=96):
    return at_once(torch.cat([characters, characters[:1]]), kinds)


def backwards(characters, kinds=96):
    return at_once(characters.flip(0), kinds)


def skipping(characters, kinds=96):
    counts = torch.ones(kinds, kinds)
    for i in range(0, len(characters) - 1, 2):
        counts[characters[i], characters[i + 1]] += 1
    return counts / counts.sum(1, keepdim=True)


CASES = {
    exercises.bits: Answers(
        right=[in_numpy, as_a_tensor],
        wrong={
            nats: "These are nats",
            summed: "sum over all characters",
            negative: "comes out negative",
            divided_by_all: "nothing predicts the first",
            accuracy: "how often the likeliest",
            not_shifted: "had just read",
            shifted_the_wrong_way: "shifted the wrong way",
            of_the_mean: "mean of the logarithms is wanted",
            entropy: "no matter which one came",
            perplexity: "it is called perplexity",
            one_each: "one number",
        },
    ),
    exercises.tied: Answers(
        right=[a_new_layer, as_the_course],
        wrong={
            still_tied: "one and the same parameter",
            by_name: "nothing can be trained",
            from_random: "start from the pretrained weights",
            same_memory: "same numbers in memory",
            in_place: "Work on the copy",
            norm_too: "norm.weight moved as well",
        },
    ),
    exercises.temperature: Answers(
        right=[by_powers, softmax_by_hand],
        wrong={
            times: "wrong way round",
            after_softmax: "add up to 0.50",
            after_softmax_and_shared_out: "makes no difference",
            overflowing: "`nan`",
            changing_the_scores: "changes the scores",
            root_of_temperature: "divided by the temperature?",
        },
    ),
    exercises.counting: Answers(
        right=[at_once, added_in_numpy],
        wrong={
            each_once: "still added once",
            not_smoothed: "0 divided by 0",
            zeros_left: "Some probability is 0",
            added_too_late: "after what you add",
            exchanged: "exchanged",
            all_together: "All of your table adds up to 1",
            in_a_circle: "began again",
            skipping: "pairs of neighbours",
        },
    ),
}
