"""Right and wrong answers to the exercises of notebook 04."""

import copy

import numpy as np
import torch
import torch.nn.functional as F

from exercises import Answers
from tl_course.core.network import LAYERS
from tl_course.lessons.n04_option_2_fine_tune import exercises

# ---------------------------------------------------------------------------- fine-tuning


def loop(asked, net, x, y, optimizer, steps, zero=True):
    for _ in range(steps):
        if zero:
            optimizer.zero_grad()
        F.cross_entropy(asked(x), y).backward()
        optimizer.step()
    return net


def in_batches(net, x, y, rate, steps):
    mine = copy.deepcopy(net)
    for parameter in mine.parameters():
        parameter.requires_grad = True
    optimizer = torch.optim.AdamW(mine.parameters(), lr=rate)
    mine.train()
    for _ in range(steps):
        some = torch.randperm(len(x))[:8]
        F.cross_entropy(mine(x[some]), y[some]).backward()
        optimizer.step()
        mine.zero_grad()
    return mine


def by_state(net, x, y, rate, steps):
    mine = type(net)(net.output.out_features)
    mine.load_state_dict(net.state_dict())
    return loop(mine, mine, x, y, torch.optim.Adam(params=mine.parameters(), lr=rate), steps)


def thawed(net):
    return copy.deepcopy(net).requires_grad_(True)


def in_place(net, x, y, rate, steps):
    net.requires_grad_(True)
    return loop(net, net, x, y, torch.optim.Adam(net.parameters(), lr=rate), steps)


def still_frozen(net, x, y, rate, steps):
    mine = copy.deepcopy(net)
    return loop(mine, mine, x, y, torch.optim.Adam(mine.parameters(), lr=rate), steps)


def source_thawed(net, x, y, rate, steps):
    return still_frozen(net.requires_grad_(True), x, y, rate, steps)


def output_alone(net, x, y, rate, steps):
    mine = thawed(net)
    return loop(mine, mine, x, y, torch.optim.Adam(mine.output.parameters(), lr=rate), steps)


def layers_alone(net, x, y, rate, steps):
    mine = thawed(net)
    layers = [p for name, p in mine.named_parameters() if not name.startswith("output")]
    return loop(mine, mine, x, y, torch.optim.Adam(layers, lr=rate), steps)


def weights_alone(net, x, y, rate, steps):
    mine = thawed(net)
    weights = [p for name, p in mine.named_parameters() if name.endswith("weight")]
    return loop(mine, mine, x, y, torch.optim.Adam(weights, lr=rate), steps)


def loss_of_the_source(net, x, y, rate, steps):
    mine = thawed(net)
    return loop(net, mine, x, y, torch.optim.Adam(mine.parameters(), lr=rate), steps)


def never_stepped(net, x, y, rate, steps):
    mine = thawed(net)
    for _ in range(steps):
        F.cross_entropy(mine(x), y).backward()
    return mine


def never_zeroed(net, x, y, rate, steps):
    mine = thawed(net)
    return loop(mine, mine, x, y, torch.optim.Adam(mine.parameters(), lr=rate), steps, zero=False)


def own_rate(net, x, y, rate, steps):
    mine = thawed(net)
    return loop(mine, mine, x, y, torch.optim.Adam(mine.parameters(), lr=1e-3), steps)


def own_steps(net, x, y, rate, steps):
    mine = thawed(net)
    return loop(mine, mine, x, y, torch.optim.Adam(mine.parameters(), lr=rate), 30)


def upwards(net, x, y, rate, steps):
    mine = thawed(net)
    optimizer = torch.optim.Adam(mine.parameters(), lr=rate, maximize=True)
    return loop(mine, mine, x, y, optimizer, steps)


def own_output(units=None):
    """Option 2 with a fresh output layer, of as many units or of `units`."""

    def made(net, x, y, rate, steps):
        mine = thawed(net)
        mine.output = torch.nn.Linear(1024, units or net.output.out_features)
        return loop(mine, mine, x, y, torch.optim.Adam(mine.parameters(), lr=rate), steps)

    return made


def unfrozen_too_late(net, x, y, rate, steps):
    mine = copy.deepcopy(net)
    moving = filter(lambda parameter: parameter.requires_grad, mine.parameters())
    optimizer = torch.optim.Adam(moving, lr=rate)
    mine.requires_grad_(True)
    return loop(mine, mine, x, y, optimizer, steps)


def given_returned(net, x, y, rate, steps):
    by_state(net, x, y, rate, steps)
    return net


def plain_descent(net, x, y, rate, steps):
    mine = thawed(net)
    return loop(mine, mine, x, y, torch.optim.SGD(mine.parameters(), lr=rate), steps)


def in_groups(net, x, y, rate, steps):
    mine = thawed(net)
    layers = [p for name, p in mine.named_parameters() if not name.startswith("output")]
    groups = [{"params": layers}, {"params": mine.output.parameters(), "lr": 10 * rate}]
    return loop(mine, mine, x, y, torch.optim.AdamW(groups, lr=rate), steps)


def one_step_short(net, x, y, rate, steps):
    return by_state(net, x, y, rate, steps - 1)


def nothing_returned(net, x, y, rate, steps):
    by_state(net, x, y, rate, steps)


# ---------------------------------------------------------------------------- how far


def each(measure):
    """`measure` of the weights of each layer, before and after."""

    def made(before, after):
        return {
            layer: measure(getattr(before, layer).weight, getattr(after, layer).weight)
            for layer in LAYERS
        }

    return made


def in_numpy(before, after):
    old, new = before.state_dict(), after.state_dict()
    found = {}
    for number in range(1, 5):
        w, v = (state[f"layer{number}.weight"].numpy() for state in (old, new))
        found[f"layer{number}"] = np.sqrt(((v - w) ** 2).sum() / (w**2).sum())
    return found


def changed(before, after):
    for layer in LAYERS:
        getattr(after, layer).weight.data -= getattr(before, layer).weight.data
    return each(lambda w, v: (v.norm() / w.norm()).item())(before, after)


def output_too(before, after):
    names = (*LAYERS, "output")
    weights = {one: (getattr(before, one).weight, getattr(after, one).weight) for one in names}
    return {one: ((v - w).norm() / w.norm()).item() for one, (w, v) in weights.items()}


def biases_too(before, after):
    found = {}
    for layer in LAYERS:
        w, v = (
            torch.cat([one.flatten() for one in getattr(net, layer).parameters()])
            for net in (before, after)
        )
        found[layer] = ((v - w).norm() / w.norm()).item()
    return found


def a_list(before, after):
    return list(in_numpy(before, after).values())


# ---------------------------------------------------------------------------- two tasks


def without_gradient(net, digits_output, x):
    with torch.no_grad():
        seen = net.features(x)
        return [net.output(seen), digits_output(seen)]


def put_back(net, digits_output, x):
    old, things = net.output, net(x)
    net.output = digits_output
    digits = net(x)
    net.output = old
    return things, digits


def kept_swapped(net, digits_output, x):
    features = net.features(x)
    things = net.output(features)
    net.output = digits_output
    return things, digits_output(features)


def other_order(net, digits_output, x):
    return without_gradient(net, digits_output, x)[::-1]


def winners(net, digits_output, x):
    return tuple(scores.argmax(1) for scores in without_gradient(net, digits_output, x))


def digits_only(net, digits_output, x):
    return without_gradient(net, digits_output, x)[1]


def shares(net, digits_output, x):
    return tuple(scores.softmax(1) for scores in without_gradient(net, digits_output, x))


CASES = {
    exercises.fine_tuning: Answers(
        right=[in_batches, by_state, in_groups],
        wrong={
            in_place: "Train a copy",
            given_returned: "nothing in it has changed",
            own_output(10): "for its 3 classes",
            own_output(): "a fresh one has taken its place",
            unfrozen_too_late: "too late to move",
            plain_descent: "Which optimizer",
            one_step_short: "takes none",
            still_frozen: "keeps them frozen",
            source_thawed: "has been unfrozen",
            output_alone: "Only the output layer moved",
            layers_alone: "The output layer did not move",
            weights_alone: "layer1.bias",
            loss_of_the_source: "gradients went to the network",
            never_stepped: "does the loop call",
            never_zeroed: "`zero_grad()` belongs",
            own_rate: "give `rate`",
            own_steps: "take `steps` steps",
            upwards: "Which loss",
            nothing_returned: "returns nothing",
        },
    ),
    exercises.rate: Answers(
        right=[(2e-4, 60)],
        wrong=[
            ((3e-3, 60), "borrowed is lost"),
            ((1e-6, 60), "Too small a rate"),
            ((1e-4, 3), "Too few steps"),
            ((1e-4, 2.5), "whole number"),
            ((-1e-4, 100), "above zero"),
        ],
    ),
    exercises.how_far: Answers(
        right=[in_numpy, each(lambda w, v: torch.linalg.vector_norm(v - w) / w.norm())],
        wrong={
            each(lambda w, v: (v - w).norm()): "length of the change itself",
            each(lambda w, v: (v - w).norm() / v.norm()): "length before, not after",
            each(lambda w, v: (v - w).mean() / w.mean()): "with their signs",
            each(lambda w, v: (v - w).abs().mean() / w.abs().mean()): "absolute changes",
            each(lambda w, v: v.norm() / w.norm() - 1): "compares two lengths",
            each(lambda w, v: 100 * (v - w).norm() / w.norm()): "percentages",
            each(lambda w, v: (v - w).square().sum() / w.square().sum()): "squares of the shares",
            each(lambda w, v: (v - w) / w): "one number",
            output_too: "layers 1 to 4 alone",
            biases_too: "The biases are in it",
            changed: "changes one of the networks",
            a_list: "a dictionary",
        },
    ),
    exercises.both_tasks: Answers(
        right=[without_gradient],
        wrong={
            kept_swapped: "no longer gives the things",
            put_back: "use the same features",
            other_order: "order is swapped",
            winners: "which class wins",
            digits_only: "Return two things",
            shares: "are not those",
        },
    ),
}
