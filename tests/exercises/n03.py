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


def parameters_alone(net, classes):
    mine = copy.deepcopy(net)
    mine.output.weight = nn.Parameter(torch.zeros(classes, 1024))
    mine.output.bias = nn.Parameter(torch.zeros(classes))
    return mine


def said_alone(net, classes):
    mine = copy.deepcopy(net)
    mine.output.out_features = classes
    nn.init.zeros_(mine.output.weight)
    nn.init.zeros_(mine.output.bias)
    return mine


def without_bias(net, classes):
    mine = copy.deepcopy(net)
    mine.output = nn.Linear(1024, classes, bias=False)
    nn.init.zeros_(mine.output.weight)
    return mine


def by_modules(net, trainable):
    net.requires_grad_(False)
    for name in trainable:
        net.get_submodule(name).requires_grad_(True)


def everything(net, trainable):
    net.requires_grad_(False)


def on_the_network(net, trainable):
    net.requires_grad = False


def on_a_copy(net, trainable):
    mine = copy.deepcopy(net)
    by_modules(mine, trainable)
    return mine


def misspelt(net, trainable):
    for name, parameter in net.named_parameters():
        parameter.require_grad = name.split(".")[0] in trainable


def the_wrong_way_round(net, trainable):
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.split(".")[0] not in trainable


def weights_alone(net, trainable):
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.split(".")[0] in trainable or name.endswith("bias")


def zeroed(net, trainable):
    by_modules(net, trainable)
    for name, parameter in net.named_parameters():
        if name.split(".")[0] not in trainable:
            parameter.data.zero_()


def never_thawed(net, trainable):
    for name, parameter in net.named_parameters():
        if name.split(".")[0] not in trainable:
            parameter.requires_grad = False


def by_beginning(net, trainable):
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith(tuple(trainable))


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


def by_batch(net):
    exercises.made_ready(net)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
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


def looped(net, y, scores, steps, zero=True, **keep):
    optimizer = torch.optim.Adam(net.output.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = F.cross_entropy(scores(), y)
        if zero:
            optimizer.zero_grad()
        loss.backward(**keep)
        optimizer.step()
    return net


def with_history(net, x, y, steps=100):
    features = net.features(x)
    return looped(net, y, lambda: net.output(features), steps)


def history_kept(net, x, y, steps=100):
    features = net.features(x)
    return looped(net, y, lambda: net.output(features), steps, retain_graph=True)


def scores_before(net, x, y, steps=100):
    scores = net(x)
    return looped(net, y, lambda: scores, steps, retain_graph=True)


def always_hundred(net, x, y, steps=100):
    return in_batches(net, x, y, 100)


def ten_units(net, x, y, steps=100):
    net.output = nn.Linear(1024, 10)
    return in_batches(net, x, y, steps)


def piling_up(net, x, y, steps=100):
    features = net.features(x).detach()
    return looped(net, y, lambda: net.output(features), steps, zero=False)


def twice(net, x, y, steps=100):
    net.features(x)
    return in_batches(net, x, y, steps)


CASES = {
    exercises.surgery: Answers(
        right=[by_hand, parameters_alone],
        wrong={
            random_start: "start at zero",
            in_place: "Work on a copy",
            always_ten: "the network gives 10 scores",
            said_alone: "the network gives 7 scores",
            without_bias: "has no bias",
            from_nothing: "no longer those of the network",
            nothing_returned: "returns nothing",
        },
    ),
    exercises.freezing: Answers(
        right=[by_modules],
        wrong={
            everything: "must stay trainable",
            on_the_network: "on each *parameter*",
            the_wrong_way_round: "wrong way round",
            weights_alone: "a bias is a parameter too",
            zeroed: "changes no number",
            on_a_copy: "not a copy",
            misspelt: "letter by letter",
            never_thawed: "leaves layer 4 frozen",
            by_beginning: "ends at the dot",
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
            by_batch: "the statistics of each batch",
        },
    ),
    exercises.once: Answers(
        right=[in_batches],
        wrong={
            in_every_step: "ask once",
            layers_too: "have moved",
            never_stepped: "still what it was",
            twice: "once is enough",
            with_history: "second `backward()` fails",
            history_kept: "no graph to be kept",
            scores_before: "includes the output layer",
            always_hundred: "use `steps`",
            ten_units: "train the one that is there",
            piling_up: "with empty gradients",
        },
    ),
}
