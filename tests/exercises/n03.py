"""Right and wrong answers to the exercises of notebook 03."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from exercises import Answers
from tl_course.core.network import FiveLayerNet
from tl_course.lessons.n03_option_1_freeze import exercises


def by_hand(net, classes):
    mine = copy.deepcopy(net)
    mine.output = nn.Linear(1024, classes)
    with torch.no_grad():
        mine.output.weight.mul_(0)
        mine.output.bias.mul_(0)
    return mine


def random_start(net, classes):
    mine = copy.deepcopy(net)
    mine.output = nn.Linear(1024, classes)
    return mine


def in_place(net, classes):
    net.output = nn.Linear(1024, classes)
    nn.init.zeros_(net.output.weight)
    nn.init.zeros_(net.output.bias)
    return net


def always_ten(net, classes):
    return by_hand(net, 10)


def from_nothing(net, classes):
    return by_hand(FiveLayerNet(classes), classes)


def nothing_returned(net, classes):
    by_hand(net, classes)


def all_then_output(net):
    net.requires_grad_(False)
    net.output.requires_grad_(True)


def everything(net):
    net.requires_grad_(False)


def on_the_network(net):
    net.requires_grad = False


def the_wrong_way_round(net):
    for name, parameter in net.named_parameters():
        parameter.requires_grad = not name.startswith("output")


def weights_alone(net):
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith("output") or name.endswith("bias")


def zeroed(net):
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith("output")
        if not name.startswith("output"):
            parameter.data.zero_()


def norms_alone(net):
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith("output")
    net.train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return net


def eval_then_train(net):
    net.eval()
    return exercises.made_ready(net)


def eval_not_frozen(net):
    net.requires_grad_(True)
    return net.eval()


def all_frozen(net):
    return net.requires_grad_(False).eval()


def no_momentum(net):
    exercises.made_ready(net)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    return net


def without_norms(net):
    exercises.made_ready(net)
    for number in range(1, 5):
        setattr(net, f"norm{number}", nn.Identity())
    return net


def in_batches(net, x, y, steps=100):
    with torch.no_grad():
        features = torch.cat([net.features(part) for part in x.split(5)])
    optimizer = torch.optim.AdamW(net.output.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net.output(features), y).backward()
        optimizer.step()
    return net


def in_every_step(net, x, y, steps=100):
    optimizer = torch.optim.Adam(net.output.parameters(), lr=1e-2)
    for _ in range(steps):
        features = net.features(x).detach()
        optimizer.zero_grad()
        F.cross_entropy(net.output(features), y).backward()
        optimizer.step()
    return net


def layers_too(net, x, y, steps=100):
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    F.cross_entropy(net(x), y).backward()
    optimizer.step()
    return in_batches(net, x, y, steps)


def never_stepped(net, x, y, steps=100):
    features = net.features(x)
    for _ in range(steps):
        F.cross_entropy(net.output(features.detach()), y).backward()
    return net


def twice(net, x, y, steps=100):
    net.features(x)
    return in_batches(net, x, y, steps)


CASES = {
    exercises.surgery: Answers(
        right=[by_hand],
        wrong={
            random_start: "start at zero",
            in_place: "Work on a copy",
            always_ten: "use `classes`",
            from_nothing: "no longer those of the network",
            nothing_returned: "returns nothing",
        },
    ),
    exercises.freezing: Answers(
        right=[all_then_output],
        wrong={
            everything: "must stay trainable",
            on_the_network: "on each *parameter*",
            the_wrong_way_round: "wrong way round",
            weights_alone: "a bias is a parameter too",
            zeroed: "changes no number",
        },
    ),
    exercises.drift: Answers(
        right=[norms_alone],
        wrong={
            eval_then_train: "It still drifts",
            eval_not_frozen: "no longer frozen",
            all_frozen: "nothing can be learnt",
            no_momentum: "A momentum of zero",
            without_norms: "took BatchNorm out",
        },
    ),
    exercises.once: Answers(
        right=[in_batches],
        wrong={
            in_every_step: "ask once",
            layers_too: "have moved",
            never_stepped: "still what it was",
            twice: "once is enough",
        },
    ),
}
