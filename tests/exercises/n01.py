"""Right and wrong answers to the exercises of notebook 01."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from exercises import Answers
from tl_course.layers import filters
from tl_course.lessons.n01_pretrain import exercises


def of_lists():
    return [[1.0] * 7] * 3 + [[0.0] * 7] + [[-1.0] * 7] * 3


def of_numpy():
    rows = np.array([0, -1, -2, 0, 2, 1, 0])
    return np.repeat(rows[:, None], 7, axis=1)


def of_the_course():
    return filters.edge(90)


def row_against_the_rest():
    kernel = torch.full((7, 7), -1.0)
    kernel[3] = 6
    return kernel


def quadrants():
    sign = torch.tensor([1.0, 1, 1, 0, -1, -1, -1])
    return sign[:, None] * sign


def on_the_left_alone():  # a small edge filter within the 7×7 numbers
    kernel = torch.zeros(7, 7)
    kernel[:3, :3], kernel[4:, :3] = -1, 1
    return kernel


def of_sobel():
    kernel = torch.zeros(7, 7)
    kernel[2:5, 2:5] = torch.tensor([[1.0, 2, 1], [0, 0, 0], [-1, -2, -1]])
    return kernel


def with_side_lobes():
    rows = torch.tensor([0.2, -1, -1, 0, 1, 1, -0.2])
    return rows[:, None].expand(7, 7)


def for_conv2d():
    return torch.tensor([-1.0, -1, -1, 0, 1, 1, 1])[None, None, :, None].expand(1, 1, 7, 7)


def in_colour():
    return torch.tensor([-1.0, -1, -1, 0, 1, 1, 1])[None, None, :, None].expand(1, 3, 7, 7)


def turned():
    return torch.tensor([-1.0, -1, -1, 0, 1, 1, 1]).expand(7, 7)


def spot():
    kernel = torch.full((7, 7), -1 / 48)
    kernel[3, 3] = 1
    return kernel


def diagonal():
    return torch.ones(7, 7).triu(1) - torch.ones(7, 7).tril(-1)


def dark_is_zero():
    kernel = torch.zeros(7, 7)
    kernel[3:] = 1
    return kernel


def four_against_three():
    kernel = torch.ones(7, 7)
    kernel[:3] = -1
    return kernel


def all_zero():
    return torch.zeros(7, 7)


def too_small():
    return torch.tensor([[-1.0] * 5] * 2 + [[0.0] * 5] + [[1.0] * 5] * 2)


def no_filter():
    torch.zeros(7, 7)


def stripes():
    return torch.tensor([1.0, -2, 2, -2, 2, -2, 1])[:, None].expand(7, 7)


def words():
    return "seven rows"


def with_an_optimizer(w, gradient, rate=0.1, steps=100):
    moving = torch.nn.Parameter(w.clone())
    optimizer = torch.optim.SGD([moving], lr=rate)
    for _ in range(steps):
        moving.grad = gradient(moving)
        optimizer.step()
    return moving


def in_place_on_a_copy(w, gradient, rate=0.1, steps=100):
    w = w.clone()
    while steps > 0:
        w -= gradient(w) * rate
        steps -= 1
    return w


def uphill(w, gradient, rate=0.1, steps=100):
    for _ in range(steps):
        w = w + rate * gradient(w)
    return w


def without_rate(w, gradient, rate=0.1, steps=100):
    for _ in range(steps):
        w = w - gradient(w)
    return w


def in_place(w, gradient, rate=0.1, steps=100):
    for _ in range(steps):
        w -= rate * gradient(w)
    return w


def asked_once(w, gradient, rate=0.1, steps=100):
    slope = gradient(w)
    for _ in range(steps):
        w = w - rate * slope
    return w


def one_step(w, gradient, rate=0.1, steps=100):
    for _ in range(steps):
        return w - rate * gradient(w)


def of_length_one(w, gradient, rate=0.1, steps=100):
    for _ in range(steps):
        slope = gradient(w)
        w = w - rate * slope / slope.norm()
    return w


def kept_to_itself(w, gradient, rate=0.1, steps=100):
    for _ in range(steps):
        w = w - rate * gradient(w)


def half_of_it(w, gradient, rate=0.1, steps=100):
    for _ in range(steps):
        w = w - rate / 2 * gradient(w)
    return w


def always_a_hundred(w, gradient, rate=0.1, steps=100):
    for _ in range(100):
        w = w - rate * gradient(w)
    return w


def one_too_few(w, gradient, rate=0.1, steps=100):
    for _ in range(1, steps):
        w = w - rate * gradient(w)
    return w


def rate_shared_out(w, gradient, rate=0.1, steps=100):
    for _ in range(steps):
        w = w - rate / steps * gradient(w)
    return w


def ever_shorter(w, gradient, rate=0.1, steps=100):
    for step in range(steps):
        w = w - rate / (step + 1) * gradient(w)
    return w


def looked_at_twice(w, gradient, rate=0.1, steps=100):
    for _ in range(steps):
        if gradient(w).abs().max() > 0:
            w = w - rate * gradient(w)
    return w


def emptied_at_the_end(net, x, y, steps=100):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
        net.zero_grad()
    return net


def with_none(net, x, y, steps=100):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        for parameter in net.parameters():
            parameter.grad = None
        loss.backward()
        optimizer.step()
    return net


def without_backward(net, x, y, steps=100):
    parameters = list(net.parameters())
    for _ in range(steps):
        gradients = torch.autograd.grad(F.cross_entropy(net(x), y), parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= 0.1 * gradient
    return net


def emptied_before_the_loop(net, x, y, steps=100):
    torch.optim.SGD(net.parameters(), lr=0.1).zero_grad()
    return exercises.trained(net, x, y, steps)


def emptied_too_late(net, x, y, steps=100):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        F.cross_entropy(net(x), y).backward()
        optimizer.zero_grad()
        optimizer.step()
    return net


def emptied_in_the_last_layer(net, x, y, steps=100):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        net[-1].zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net


def returned_in_the_loop(net, x, y, steps=100):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
        return net


def never_backward(net, x, y, steps=100):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y)
        optimizer.step()
    return net


def net_forgotten(net, x, y, steps=100):
    emptied_at_the_end(net, x, y, steps)


def measured(classes):
    return F.cross_entropy(torch.zeros(1, classes), torch.tensor([0]))


def with_numpy(classes):
    return -np.log(1 / classes)


def below_zero(classes):
    return math.log(1 / classes)


def of_two(classes):
    return math.log2(classes)


def chance(classes):
    return 1 / classes


def mistakes(classes):
    return 1 - 1 / classes


def of_the_course_alone(classes):
    return 6.9


def the_number_itself(classes):
    return classes


CASES = {
    exercises.horizontal: Answers(
        right=[
            of_lists,
            of_numpy,
            of_the_course,
            for_conv2d,
            in_colour,
            of_sobel,
            with_side_lobes,
            on_the_left_alone,
        ],
        wrong={
            row_against_the_rest: "thin lines",
            quadrants: "neither to edges from left to right",
            turned: "turned by a right angle",
            spot: "and to upright ones as well",
            diagonal: "to slanted edges",
            dark_is_zero: "It has no negative numbers",
            four_against_three: "do not cancel",
            all_zero: "All its numbers are zero",
            too_small: "[5, 5]",
            no_filter: "returns nothing",
            stripes: "hardly responds",
            words: "not a filter",
        },
    ),
    exercises.downhill: Answers(
        right=[with_an_optimizer, in_place_on_a_copy, looked_at_twice],
        wrong={
            uphill: "points uphill",
            without_rate: "The learning rate makes no difference",
            in_place: "changes a tensor in place",
            asked_once: "asked for once",
            one_step: "no further than one",
            of_length_one: "twice as steep",
            kept_to_itself: "returns nothing",
            half_of_it: "one step should change the numbers by",
            always_a_hundred: "you take 100",
            one_too_few: "you take 2",
            rate_shared_out: "not shared out",
            ever_shorter: "One step alone is right",
        },
    ),
    exercises.adding_up: Answers(
        right=[emptied_at_the_end, with_none, without_backward],
        wrong={
            emptied_before_the_loop: "still adds its gradient",
            emptied_too_late: "before the optimizer uses them",
            emptied_in_the_last_layer: "only some of them",
            returned_in_the_loop: "it takes 1",
            never_backward: "no gradient was computed",
            net_forgotten: "must return the network",
        },
    ),
    exercises.guessing: Answers(
        right=[measured, with_numpy],
        wrong={
            below_zero: "Look at the sign",
            of_two: "uses the natural one",
            chance: "probability that a guess is right",
            mistakes: "does not count mistakes",
            of_the_course_alone: "Guessing among more is harder",
            the_number_itself: "ten equal scores",
        },
    ),
}
