"""The exercises of notebook 07: what goes in, which cut, halfway, in batches, strangers."""

import copy
from collections import OrderedDict

import numpy as np
import pandas as pd
import torch
from torch import nn

from tl_course.lessons.exercises import (
    Exercise,
    Wrong,
    called,
    expect,
    expect_unlike,
    has_length,
    returned,
    same,
)
from tl_course.lessons.n07_published_networks.strangers import stranger

__all__ = ["batches", "choice", "halfway", "inputs", "stranger"]

# ---------------------------------------------------------------------------- what goes in


def prepared(photographs, mean, std):
    """Photographs as a published network takes them: float `[n, 3, height, width]`.

    `photographs` are uint8 `[n, height, width, 3]`, as files are read. `mean` and `std` are three
    numbers each: what to subtract from each channel of pixels 0 … 1, and what to divide by.
    """
    n, height, width, channels = photographs.shape
    x = photographs.reshape(n, channels, height, width).float()
    mean, std = torch.tensor(mean), torch.tensor(std)
    return (x - mean[:, None, None]) / std[:, None, None]


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def _mistakes(photographs: torch.Tensor) -> dict[tuple, str]:
    """The sentence for each mistake, by its code and the result that it gives."""
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (MEAN, STD))
    pixels = photographs.permute(0, 3, 1, 2).float()
    x, scrambled = pixels / 255, photographs.reshape(pixels.shape).float()
    of_these = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True)
    return {
        ("both", (scrambled - mean) / std): "Both faults are still there: look at one photograph "
        "before and after, and at the smallest and largest number.",
        ("scrambled", (scrambled / 255 - mean) / std): "The scale is right now, but the picture is "
        "scrambled: `reshape` keeps the numbers in their order and cuts them up anew. The axes "
        "have to change places.",
        ("large", (pixels - mean) / std): "The axes are right now, but the numbers are up to 255 "
        "times too large: `mean` and `std` are for pixels from 0 to 1.",
        ("exchanged", (x - std) / mean): "`mean` and `std` have changed places: subtract the mean, "
        "divide by std.",
        ("afterwards", (pixels - mean) / std / 255): "You scaled to 0 … 1 after the mean was "
        "subtracted; it has to happen before.",
        ("times", (x - mean) * std): "It multiplies by `std`; it should divide by it.",
        ("pixels", x): "The pixels lie between 0 and 1 now, but this network wants `mean` "
        "subtracted and the rest divided by `std`.",
        ("rows", ((x - mean) / std).transpose(2, 3)): "Rows and columns have changed places: the "
        "axes should end as channels, height, width.",
        ("red", (x.flip(1) - mean) / std): "Red and blue have changed places. These photographs "
        "are RGB, as is the network.",
        ("of_these", (x - of_these[0]) / of_these[1]): "You took the mean and spread of these "
        "photographs. The network was trained with the `mean` and `std` that it comes with.",
        ("twice", (x / 255 - mean) / std): "Pixels were divided by 255 twice.",
    }


def _check_inputs(prepared) -> None:
    square = torch.randint(0, 256, (2, 6, 6, 3), dtype=torch.uint8)
    square[..., 0] //= 2  # less red
    wide = torch.randint(0, 256, (3, 4, 7, 3), dtype=torch.uint8)
    answer = called(
        prepared,
        square,
        list(MEAN),
        list(STD),
        changed="Your function changes the photographs that it is given.",
        nothing="Your function returns nothing: return the pictures.",
    )
    answer = torch.as_tensor(answer)
    expect(
        answer.is_floating_point(),
        floats=f"It returns {str(answer.dtype).removeprefix('torch.')} numbers; a network takes "
        "floats.",
    )
    expect(
        answer.shape == (2, 3, 6, 6),
        shape=f"{list(square.shape)} became {list(answer.shape)}: it should be [2, 3, 6, 6].",
    )
    answer = answer.float()
    expect_unlike(
        lambda other: torch.allclose(answer, other, rtol=0.01, atol=0.03), _mistakes(square)
    )

    def right(photographs, mean, std):
        mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (mean, std))
        return (photographs.permute(0, 3, 1, 2) / 255 - mean) / std

    off = (answer - right(square, MEAN, STD)).abs().max().item()
    expect(off < 0.05, value=f"Some numbers are wrong by {off:.2f}: compare one pixel by hand.")
    half = [0.5, 0.5, 0.5]
    answer = torch.as_tensor(prepared(square, half, half)).float()
    expect(
        (answer - right(square, half, half)).abs().max() < 0.05,
        given="For a network with another `mean` and `std` it is wrong: use the ones that are "
        "given, because each network comes with its own.",
    )
    answer = torch.as_tensor(prepared(wide, MEAN, STD)).float()
    expect(
        answer.shape == (3, 3, 4, 7) and (answer - right(wide, MEAN, STD)).abs().max() < 0.05,
        wide="With photographs that are wider than they are high it goes wrong: in which order are "
        "the axes?",
    )


inputs = Exercise(
    "07.inputs",
    prepared,
    _check_inputs,
    (
        "Two faults. One is in the order of the axes, one in the size of the numbers.",
        "`permute(0, 3, 1, 2)` moves the last axis to the second place. `reshape` moves nothing: "
        "it only regroups the numbers.",
        "`mean` and `std` are for pixels 0 … 1, and uint8 goes to 255: divide before anything is "
        "subtracted.",
    ),
    "Neither fault raises an error, because the shape and the type are right. Show one picture as "
    "the network gets it, with its smallest and largest number, before you train anything.",
)


# ---------------------------------------------------------------------------- which cut


def best_cut(table):
    """(cut, percent): the cut to use, and the percentage of test pictures that it gets right.

    `table` (pandas) has a row for each cut and draw: `cut`, `draw`, and the shares that were right,
    `validation` and `test`.
    """
    right = table.groupby("cut").test.mean()
    return right.idxmax(), 100 * right.max()


VALIDATION = {  # accuracies of five draws, by cut
    "stage 3": (0.70, 0.72, 0.69, 0.71, 0.73),
    "stage 4": (0.86, 0.88, 0.87, 0.89, 0.85),
    "stage 5": (0.84, 0.82, 0.83, 0.85, 0.81),
    "stage 6": (0.93, 0.72, 0.70, 0.74, 0.71),
    "last": (0.60, 0.61, 0.59, 0.62, 0.58),
}
TEST = {
    "stage 3": (0.69, 0.71, 0.70, 0.72, 0.68),
    "stage 4": (0.83, 0.85, 0.82, 0.84, 0.81),
    "stage 5": (0.87, 0.89, 0.90, 0.88, 0.86),
    "stage 6": (0.75, 0.73, 0.72, 0.74, 0.71),
    "last": (0.60, 0.58, 0.59, 0.61, 0.57),
}


def _check_choice(best_cut) -> None:
    cuts = list(TEST)
    table = pd.DataFrame(
        {"cut": cut, "draw": d, "validation": VALIDATION[cut][d], "test": TEST[cut][d]}
        for d in range(5)
        for cut in reversed(cuts)
    )
    answer = called(
        best_cut,
        table,
        changed="Your function changes the table that it is given.",
        nothing="Your function returns nothing: return the cut and the percent.",
    )
    expect(
        has_length(answer, 2),
        two="Return two values: the cut, and the percentage of test pictures that it gets right.",
    )
    cut, percent = answer
    expect(
        isinstance(cut, str) and cut in cuts,
        cut=f"The cut should be one of {', '.join(cuts)}, and it is {cut!r}.",
    )
    expect(np.ndim(percent) == 0, number="The second value should be one number.")
    percent = float(percent)
    validation, test = (
        {name: 100 * np.mean(shares) for name, shares in part.items()}
        for part in (VALIDATION, TEST)
    )

    expect(
        cut != "stage 5",
        test="The test has a say in which cut is used. A test that has chosen is no longer a "
        "test: the winner owes some of its lead to these very pictures.",
    )
    expect(
        cut != "stage 6",
        lucky="This cut was the best in one lucky draw and is poor in the others. Compare means "
        "over draws.",
    )
    expect(
        cut == "stage 4",
        best=f"“{cut}” is not the cut that does best on validation pictures, on average.",
    )
    chosen_by = validation["stage 4"], 100 * max(VALIDATION["stage 4"])
    mistakes = {
        ("share", test["stage 4"] / 100): "The cut is right. The number is a share; it should be "
        "a percentage.",
        ("validation", *chosen_by): "The cut is right, but the number is that of the validation "
        "pictures, which chose it. Report what the test says.",
        ("other_cut", max(test.values())): "The cut is right, but the number is that of another "
        "cut: the best one on the test.",
        ("single_draw", 100 * max(TEST["stage 4"])): "The cut is right, but the number is that of "
        "a single draw. Report the mean over draws.",
    }
    expect_unlike(lambda other: abs(percent - other) < 0.06, mistakes)
    expect(
        abs(percent - test["stage 4"]) < 0.06,
        value=f"The cut is right. On the test it does not get {percent:.1f}% right.",
    )


choice = Exercise(
    "07.choice",
    best_cut,
    _check_choice,
    (
        "Which column may choose, and which one may only report?",
        'Group by cut and take means of both columns: `table.groupby("cut")[["validation", '
        '"test"]].mean()`.',
        "The cut is the `idxmax` of the validation means. The percent is 100 times the test mean "
        "of that one cut.",
    ),
    "The best of many on the test looks better than it is, and the more you try, the more so. Here "
    "it would have been five points. The course chose its cuts, sizes and penalties by validation.",
)


# ---------------------------------------------------------------------------- halfway


def features_at(net, name, x):
    """The output of the module called `name` for `x`: a row of numbers per input, `[n, k]`.

    The network stays as it is, and the numbers carry no gradient.
    """
    ...


class _Counted(nn.Conv2d):
    """A convolution that counts how often its forward hooks are called."""

    called = 0

    def register_forward_hook(self, hook, **more):
        def counted(*given, **named):
            type(self).called += 1
            return hook(*given, **named)

        return super().register_forward_hook(counted, **more)


def _layers() -> nn.Module:
    """Two convolutions, the second one inside a block with a ReLU that writes in place."""
    block = nn.Sequential(
        OrderedDict(conv=_Counted(4, 6, 3, stride=2, padding=1), relu=nn.ReLU(inplace=True))
    )
    parts = {
        "first": _Counted(3, 4, 3, padding=1),
        "norm": nn.BatchNorm2d(4),
        "block": block,
        "pool": nn.AdaptiveAvgPool2d(1),
        "flat": nn.Flatten(),
        "output": nn.Linear(6, 5),
    }
    net = nn.Sequential(OrderedDict(parts))
    net.norm.running_mean.normal_()
    return net.eval()


def _check_halfway(features_at) -> None:
    net, x = _layers(), torch.randn(5, 3, 8, 8)
    before = copy.deepcopy(net)
    with torch.no_grad():
        first, last = net.first(x), net(x)
        conv = net.block.conv(net.norm(first))
    _Counted.called = 0
    answer = returned(
        features_at(net, "first", x), "Your function returns nothing: return what the module gave."
    )
    expect(
        isinstance(answer, torch.Tensor),
        tensor=f"It returns a {type(answer).__name__}, where a tensor is asked for.",
    )
    expect(
        answer.shape != last.shape or not torch.allclose(answer, last, atol=1e-5),
        scores="These are the scores of the last layer. Keep what the module in the middle gives.",
    )
    expect(
        same(before, net),
        statistics="BatchNorm's statistics have moved: your function puts the network into "
        "training mode.",
    )
    called = _Counted.called
    after = net(x)
    expect(
        _Counted.called == called,
        hook="Your hook is still there, and it is called whenever the network is used. Remove it "
        "when you have what you need.",
    )
    expect(
        after.shape == last.shape and torch.allclose(after, last, atol=1e-5),
        network="Afterwards the network gives other scores than before: it should stay as it is.",
    )
    expect(
        answer.shape != first.shape,
        maps=f"It returns the maps {list(answer.shape)}. Make one flat row per picture of them.",
    )
    expect(
        answer.ndim == 2 and len(answer) == len(x),
        rows=f"It returns {list(answer.shape)} for five pictures: the first axis should be the "
        "pictures, and the second everything that the module gave for each.",
    )
    expect(
        not answer.requires_grad,
        gradient="The numbers carry a gradient, and with it every layer's results stay in memory: "
        "use `torch.no_grad()` or `detach()`.",
    )
    expect(
        answer.shape[1] == 256 and torch.allclose(answer, first.flatten(1), atol=1e-5),
        value="These are not the numbers that the module called “first” gives.",
    )
    try:
        answer = features_at(net, "block.conv", x)
    except AttributeError:
        raise Wrong(
            dots="It does not find “block.conv”, a module inside another one: `net.get_submodule` "
            "takes names with dots."
        ) from None
    negative = conv.flatten(1)
    expect(
        not torch.allclose(answer, negative.clamp_min(0), atol=1e-5),
        in_place="For “block.conv” the numbers were changed after you took them: the ReLU behind "
        "it writes into the same memory (`inplace=True`). Keep a copy (`clone`).",
    )
    expect(
        torch.allclose(answer, negative, atol=1e-5),
        inner="For “block.conv”, a module inside another one, these are not the numbers that it "
        "gives.",
    )


halfway = Exercise(
    "07.halfway",
    features_at,
    _check_halfway,
    (
        "`module.register_forward_hook(hook)` has `hook(module, given, result)` called whenever "
        "the module has been used. It returns a handle.",
        "`net.get_submodule(name)` finds the module. The hook puts a copy of `result` into a list; "
        "then run `net(x)` under `torch.no_grad()`.",
        "`handle.remove()` afterwards, and return `maps[0].flatten(1)`.",
    ),
    "A hook cuts any PyTorch network anywhere, without changing its code. `tl.published.load` does "
    "it with a graph of the network instead, so that the layers after the cut are not computed.",
)


# ---------------------------------------------------------------------------- in batches


def features_once(net, pictures, batch):
    """The features `[n, k]` of all pictures, in their order; at most `batch` at a time.

    `net(x)` gives the features of a few pictures `[m, …]`. The network is frozen: nothing in it
    may change.
    """
    ...


class _Body(nn.Module):
    """A published backbone in training mode, as it came, that records the size of each batch."""

    def __init__(self):
        super().__init__()
        self.flat, self.layer = nn.Flatten(), nn.Linear(12, 8)
        self.norm, self.drop = nn.BatchNorm1d(8), nn.Dropout(0.5)
        self.asked: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.asked.append(len(x))
        return self.drop(self.norm(self.layer(self.flat(x))))


def _check_batches(features_once) -> None:
    net = _Body()
    net.norm.running_mean.normal_()
    pictures = torch.randn(22, 3, 2, 2)
    with torch.no_grad():
        right = net.eval()(pictures)
        net.train()
    before = copy.deepcopy(net)
    net.asked.clear()
    answer = returned(
        features_once(net, pictures, 8), "Your function returns nothing: return the features."
    )
    expect(
        isinstance(answer, torch.Tensor),
        tensor=f"It returns a {type(answer).__name__}: join the parts into one tensor "
        "(`torch.cat`).",
    )
    expect(
        max(net.asked, default=0) <= 8,
        at_once=f"{max(net.asked, default=0)} pictures went in at once, and at most 8 were "
        "allowed: that is how memory runs out.",
    )
    expect(
        sum(net.asked) >= 22,
        last_batch=f"{sum(net.asked)} of 22 pictures went through the network. The last batch is "
        "smaller than the others, and must go through too.",
    )
    expect(
        sum(net.asked) == 22,
        again=f"{sum(net.asked)} pictures went through the network, and there are 22.",
    )
    expect(
        same(before, net),
        mode="The network has changed: in training mode BatchNorm takes its statistics from each "
        "batch and keeps them. Which mode is the network in when it is asked?",
    )
    expect(
        not answer.requires_grad,
        gradient="The features carry a gradient, so every batch's intermediate results stay in "
        "memory. Nothing here is trained.",
    )
    expect(
        answer.shape == (22, 8),
        shape=f"The features have the shape {list(answer.shape)}; it should be [22, 8].",
    )
    places = torch.cdist(answer, right).min(1)
    expect(
        torch.allclose(answer, right, atol=1e-4) or places.values.max() > 1e-3,
        order="These are the right features in another order, so they no longer fit their labels.",
    )
    expect(
        torch.allclose(answer, right, atol=1e-4),
        dropout="These are not the features of a network in eval mode: is dropout still at work?",
    )


batches = Exercise(
    "07.batches",
    features_once,
    _check_batches,
    (
        "Three things before the loop: a mode, no gradients, and a list for the parts.",
        "`net.eval()`, `with torch.no_grad():`, and `pictures.split(batch)` gives all parts, the "
        "smaller last one too.",
        "`torch.cat([net(part) for part in pictures.split(batch)])`.",
    ),
    "This is the whole cost of Option 1 on a large network: one pass. Keep the result in a file, "
    "and any number of output layers can be tried in seconds.",
)
