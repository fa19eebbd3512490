"""The exercises of notebook 02: selectivity, receptive fields, favourite patches, contrast."""

import math

import torch
import torch.nn.functional as F

from tl_course.lessons.exercises import Exercise, Wrong, called, expect, expect_unlike, returned

# ---------------------------------------------------------------------------- selective for angles


def selectivity(answers):
    """(best - right angle) / (best + right angle), from one unit's answers at n angles."""
    ...


def _unit(n: int, best: int, weakest: int) -> torch.Tensor:
    """Responses at n angles. The one at a right angle to the best is not the weakest."""
    answers = 0.3 + 0.02 * torch.arange(n)
    answers[best], answers[(best + n // 2) % n], answers[weakest] = 2.0, 0.5, 0.1
    return answers


def _check_selective(selectivity) -> None:
    def of(answers: torch.Tensor) -> float:
        changed = (
            "The answers that your function was given have changed, and whatever called it has "
            "lost them. `-=` and `/=` change a tensor in place."
        )
        measured = torch.as_tensor(called(selectivity, answers, changed=changed))
        expect(
            measured.numel() == 1,
            single=f"Your function returns {measured.numel()} numbers. A unit has one selectivity.",
        )
        return measured.item()

    near, expected = _unit(24, best=3, weakest=11), (2 - 0.5) / (2 + 0.5)
    measured = of(near)

    def is_it(other: float) -> bool:
        return abs(measured - (2 - other) / (2 + other)) < 1e-4

    means = near.mean().item(), (near.sum().item() - 2) / 23
    mistakes = {
        ("weakest", 0.1): "You compare the best answer with the weakest one. The weakest need not "
        "be at a right angle to the best.",
        ("angle", near[9].item(), near[21].item()): "You compare with an angle of 45 degrees. The "
        "n angles share 180 degrees, not 360; how many places further is a right angle?",
        ("mean", *means): "You compare the best answer with a mean. The question is what the unit "
        "answers at one angle, the right angle to its best.",
    }
    expect_unlike(is_it, mistakes)
    expect(
        abs(measured - (2 - 0.5) / 2) > 1e-4 and abs(measured - 2 / 0.5) > 1e-4,
        formula="Both angles are correct; the formula divides the difference of the answers by "
        "their sum.",
    )
    description = (
        "A unit answers 2.0 at its best angle and 0.5 at a right angle to it. Its selectivity is "
        f"{expected:.4f}; yours is {measured:.4f}"
    )
    expect(
        not 1e-4 <= expected - measured < 0.01,
        added=f"{description}, a little less: is something added to the sum that you divide by? "
        "A unit with weak answers would lose a lot.",
    )
    expect(abs(measured - expected) < 1e-4, value=f"{description}.")
    wrapped = (
        "It is right where the best angle is small, and not where it is 150 degrees: the right "
        "angle to that would be 240. Stripes at 240 degrees are the same as at another angle, "
        "which is among the n."
    )
    try:
        measured = of(_unit(24, best=20, weakest=1))
    except IndexError as error:
        raise Wrong(wrapped=wrapped) from error
    expect(abs(measured - expected) < 1e-4, wrapped=wrapped)
    of_eight = (
        "It works with 24 angles and not with 8. How many places a right angle is depends on how "
        "many angles there are."
    )
    try:
        few = [of(_unit(8, best, weakest=(best + 1) % 8)) for best in (1, 6)]
    except IndexError as error:
        raise Wrong(of_eight=of_eight) from error
    expect(all(abs(value - expected) < 1e-4 for value in few), of_eight=of_eight)
    silent = of(torch.zeros(24))
    expect(
        abs(silent) < 1e-6,
        silent=f"A unit that responds to nothing gets {silent}; it should get 0. What is the sum "
        "that you divide by?",
    )
    alone = torch.zeros(24)
    alone[3] = 2.0
    choosiest = of(alone)
    expect(
        abs(choosiest - 1) < 1e-4,
        choosiest="A unit that responds at one angle and is silent at all others gets "
        f"{choosiest:.4g}; it is as selective as can be and should get 1. Which of the two answers "
        "may be zero?",
    )


selective = Exercise(
    "02.selective",
    selectivity,
    _check_selective,
    (
        "Where is the best answer? `answers.argmax()` is its place, and n is `len(answers)`.",
        "The n angles share 180 degrees, so a right angle is n // 2 places further. After the last "
        "angle comes the first again: `%` does that.",
        "`right = answers[(place + n // 2) % n]`. For a unit whose two answers are both zero, "
        "return 0 before you divide.",
    ),
    "You have written the measure behind the dots above. Angles go round in a circle, and many "
    "analyses of angles, hours or months have gone wrong where the circle closes.",
)


# ---------------------------------------------------------------------------- receptive fields


def field_size(layers):
    """How many pixels across a unit sees; `layers` are pairs (size, stride), from first to last."""
    ...


def _seen(layers: list[tuple[int, int]]) -> int:
    """The size by experiment: how many of the pixels in a row can change one response."""
    x = torch.zeros(1, 1, 301, dtype=torch.float64, requires_grad=True)
    y = x
    for size, stride in layers:
        y = F.avg_pool1d(y, size, stride)  # stands for any layer of this size and stride
    y[0, 0, y.shape[-1] // 2].backward()
    return int((x.grad != 0).sum())


def _by_mistake(layers: list[tuple[int, int]]) -> dict[str, int]:
    """The wrong size from each common mistake; `apart` is the distance of neighbouring units."""
    apart = early = 1
    summed, differences, last = 1, 1, 1
    sizes = {"apart": 1, "early": 1, "pooling": 1, "product": 1, "sum": 0}
    sizes |= {"last": 1, "summed": 1, "differences": 1, "forwards": 1}
    for size, stride in layers:
        early *= stride
        sizes["last"] += (size - 1) * last
        sizes["summed"] += (size - 1) * summed
        sizes["differences"] += (size - 1) * differences
        sizes["forwards"] = (sizes["forwards"] - 1) * stride + size
        summed, differences, last = summed + stride, differences + stride - 1, stride
        sizes["apart"] += size - 1
        sizes["early"] += (size - 1) * early
        sizes["pooling"] += (size - 1) * apart if stride == 1 else 0
        sizes["product"] *= size
        sizes["sum"] += size
        apart *= stride
    return sizes


def _check_field(field_size) -> None:
    three = [(7, 1), (2, 2), (3, 1), (2, 2), (3, 1)]
    sizes = {n: field_size(three[:n]) for n in (1, 3, 5)}
    returned(sizes[5])
    answers = "For layers 1, 2 and 3 the course's answer is 7, 12 and 22 pixels; yours is "
    answers += f"{sizes[1]}, {sizes[3]} and {sizes[5]}. "
    slips = _by_mistake(three)
    expect(
        sizes[5] != slips["last"] or field_size([(3, 1), (3, 1)]) != 5,
        last=answers
        + "How far apart two neighbours lie comes from all the strides before, and yours "
        "forgets the first pooling at the next layer.",
    )
    mistakes = {
        ("strides", slips["apart"]): "After a pooling with stride 2, two neighbouring answers are "
        "two pixels apart, after two such poolings four.",
        ("early", slips["early"]): "A layer's own stride counts only for the layers after it: its "
        "neighbours lie as far apart as the layers before left them.",
        ("pooling", slips["pooling"]): "A pooling looks at two neighbours, so it widens the field "
        "too, as a small filter would.",
        ("product", slips["product"]): "Sizes do not multiply: neighbouring windows overlap.",
        ("summed", slips["summed"], slips["differences"]): "Strides multiply: where every second "
        "answer of every second answer is kept, one in four is left, and a stride of 1 changes "
        "nothing.",
        ("forwards", slips["forwards"]): "You start at the first layer, but with a rule that works "
        "backwards from the last one.",
        ("total", slips["sum"]): "Sizes do not simply add up: a 3×3 filter adds only its two outer "
        "neighbours, and they may lie further apart than one pixel.",
    }
    expect_unlike(
        lambda size: sizes[5] == size,
        {mistake: answers + sentence for mistake, sentence in mistakes.items()},
    )
    expect(
        sizes[1] != 6 or sizes[5] != 21,
        one_short=answers + "You are one short: without any layer, a unit sees one pixel.",
    )
    expect(sizes[1] == 7, first=answers + "Try it with one layer first.")
    expect(
        sizes[3] == 12,
        second=answers
        + "One layer is right. Follow by hand what a pooling and a filter after it add.",
    )
    expect(
        sizes[5] == 22,
        third=answers
        + "Layers 1 and 2 are right. What does a second pooling change for the layer after "
        "it?",
    )
    for layers in ([(3, 1), (3, 1)], [(7, 2), (3, 2), (3, 1), (3, 1)], [(5, 3), (2, 1), (4, 2)]):
        right, returned_size = _seen(layers), field_size(list(layers))
        expect(
            returned_size == right,
            others=f"The course's network comes out right, but others do not: {layers} sees "
            f"{right} pixels, yours is {returned_size}. Use both numbers of each pair.",
        )


field = Exercise(
    "02.field",
    field_size,
    _check_field,
    (
        "Keep two numbers along the way: how many pixels the unit sees, and how many pixels apart "
        "two neighbouring answers are. Both begin with 1.",
        "A layer of a certain size adds (size - 1) neighbours, each as far apart as the layers "
        "before it left them.",
        "In the loop: `seen = seen + (size - 1) * apart`, and after that `apart = apart * stride`.",
    ),
    "Without its poolings layer 3 would see 11 pixels instead of 22. Before you borrow a network, "
    "ask whether its units see enough of your pictures.",
)


# ---------------------------------------------------------------------------- find the fault


def favourites(answers, k=9):
    """The indices of the k pictures that excite a unit most; `answers` `[pictures, 8, 8]`."""
    best = answers.flatten().topk(k).indices
    return best // 64


def _check_favourites(favourites) -> None:
    answers = torch.rand(40, 8, 8)
    order = torch.randperm(40).tolist()
    for rank, picture in enumerate(order):  # the strongest response of each is anywhere in it
        answers[picture].view(-1)[torch.randint(64, ())] = 20 - rank / 4
    strongest = order[0]
    answers[strongest, 2:5, 2:5] = 19.9  # it excites the unit at many places, so it fills `topk`
    answers[order[-1]] += 8  # a high mean without a high maximum
    answers[order[-1]].clamp_(max=10.0)
    changed = "Your function changes the answers that it is given."
    numbers = called(favourites, answers, 9, changed=changed)
    expect(
        all(float(number) == int(number) for number in numbers),
        values="These are not indices of pictures but the answers themselves. `topk` gives two "
        "things: the largest values, and where they are.",
    )
    numbers = [int(number) for number in numbers]
    expect(
        strongest == 0 or set(numbers) != {0},
        divided="All of yours are picture 0, which is not even the strongest one. `// 64` was "
        "there for indices of places; what does it do to the index of a picture?",
    )
    expect(
        max(numbers, default=0) < 40,
        places="There are 40 pictures, numbered from 0, and you return number "
        f"{max(numbers, default=0)}: that is the number of a place. Each picture has 64 places.",
    )
    repeated = {number: numbers.count(number) for number in numbers if numbers.count(number) > 1}
    expect(
        not repeated,
        repeated=f"Picture {next(iter(repeated), 0)} is there {max(repeated.values(), default=0)} "
        "times: it excites the unit at several places. Each picture may count once.",
    )
    expect(
        len(numbers) == 9,
        too_few=f"Asked for 9 pictures, you return {len(numbers)}. Repetitions have to go before "
        "the best are chosen, or there are too few left.",
    )
    strength = answers.flatten(1).amax(1)
    expect(
        numbers != answers.flatten(1).mean(1).topk(9).indices.tolist(),
        mean="You took the pictures with the largest mean. A picture with one spot that excites "
        "the unit strongly has a small mean.",
    )
    expect(
        set(numbers) != set(strength.topk(9, largest=False).indices.tolist()),
        weakest="These are the nine that excite the unit least.",
    )
    best = strength.topk(9).indices.tolist()
    expect(
        numbers == best or set(numbers) != set(best),
        order="These are the right nine, but not the best first.",
    )
    expect(
        numbers == best,
        strongest=f"The strongest answers are in pictures {best}; yours are {numbers}. What is "
        "each picture's strongest answer?",
    )
    four = [int(number) for number in favourites(answers, 4)]
    expect(
        four == best[:4],
        k=f"With k = 9 it is right, and for k = 4 it returns {len(four)} pictures, {four}, instead "
        f"of {best[:4]}. Where do you use `k`?",
    )
    everywhere = torch.rand(40, 8, 8) + 2 * torch.randperm(40)[:, None, None]
    nine = [int(number) for number in favourites(everywhere, 9)]
    expect(
        nine == everywhere.flatten(1).amax(1).topk(9).indices.tolist(),
        everywhere=f"Where each picture excites the unit in all its places, you return {len(nine)} "
        "of 9. However many places you begin with, a picture can fill 64 of them.",
    )


best_ones = Exercise(
    "02.best_ones",
    favourites,
    _check_favourites,
    (
        "Why can one picture take several of the nine places?",
        "First say in one number how much each picture excites the unit: its strongest answer "
        "anywhere.",
        "`answers.flatten(1).amax(1)` is that number for each picture; then `topk(k).indices`.",
    ),
    "Otherwise nine patches of one drawing would look like a preference. The course goes one step "
    "further and takes at most one picture of each class.",
)


# ---------------------------------------------------------------------------- the same contrast


def same_contrast(x):
    """Pictures `[n, 3, h, w]`, each as a whole brought to mean 0 and standard deviation 1."""
    ...


PLAIN = [step / 10 for step in range(-7, 8)]  # most are inexact in float32, so sums are rounded


def _left_of_plain(same_contrast, grey: float) -> float:
    """The largest absolute value that is left of one plain picture; inf if it is not finite."""
    left = torch.as_tensor(same_contrast(torch.full((1, 3, 16, 16), grey))).abs().max().item()
    return left if math.isfinite(left) else math.inf


def _check_contrast(same_contrast) -> None:
    x = 0.2 + torch.rand(5, 3, 16, 16) * torch.tensor([0.1, 0.5, 1, 2, 4]).view(5, 1, 1, 1)
    x[:, 0] += torch.tensor([0.1, 0.5, 1, 2, 4]).view(5, 1, 1)  # reddish
    changed = (
        "The pictures that your function was given have changed: `-=` and `/=` change a tensor in "
        "place."
    )
    equalised = called(same_contrast, x, changed=changed)
    equalised = torch.as_tensor(equalised).detach().float()
    expect(
        equalised.shape == x.shape,
        shape=f"The pictures came as {list(x.shape)} and leave as {list(equalised.shape)}; "
        "`keepdim=True` keeps the shape of a mean.",
    )
    whole = equalised.flatten(1)
    mean, spread = whole.mean(1), whole.std(1)
    together = abs(equalised.mean()) < 0.01 and abs(equalised.std() - 1) < 0.01
    expect(
        mean.abs().max() < 0.01 or not together,
        together="All pictures together have mean 0 and standard deviation 1, but single pictures "
        "do not: the faint ones are still faint.",
    )
    of_channels = equalised.mean((2, 3)).abs().max() < 0.01
    expect(
        not of_channels,
        channels="You brought each colour channel to mean 0 on its own, so the reddish "
        "pictures lost their colour. Use one mean and one spread for the whole picture.",
    )
    expect(
        mean.abs().max() < 0.01,
        means=f"The means of the five pictures are {[round(m, 2) for m in mean.tolist()]}, not 0.",
    )
    expect(
        abs(whole.abs().amax(1) - 1).max() > 0.01,
        largest="Now the largest number of every picture is 1. That is the same range, not the "
        "same contrast: use the standard deviation.",
    )
    expect(
        abs(spread - 1).max() < 0.02,
        spreads="The standard deviations of the five pictures are "
        f"{[round(s, 2) for s in spread.tolist()]}, not 1.",
    )
    plain = torch.as_tensor(same_contrast(torch.full((2, 3, 16, 16), 0.5))).float()  # exact
    expect(
        plain.isfinite().all(),
        nan="A plain grey picture comes out as `nan`: its standard deviation is 0. Keep what you "
        "divide by above a very small number.",
    )
    expect(plain.abs().max() < 0.01, plain="A plain grey picture must come out as 0 everywhere.")
    worst, grey = max((_left_of_plain(same_contrast, grey), grey) for grey in PLAIN)
    expect(
        worst < 0.2,
        rounding=f"A plain picture of {grey:.1f} comes out with {worst:.2g} instead of 0: rounding "
        "leaves it a standard deviation of about 1e-8, not of exactly 0. The smallest number that "
        "you divide by has to be far above that.",
    )


contrast = Exercise(
    "02.contrast",
    same_contrast,
    _check_contrast,
    (
        "Each picture needs one mean and one standard deviation, over its channels, rows and "
        "columns.",
        "`x.mean((1, 2, 3), keepdim=True)` has one number for each picture; `x.std` works in the "
        "same way.",
        "Subtract the mean and divide by the standard deviation. `.clamp_min(1e-5)` keeps a plain "
        "picture from being divided by almost nothing.",
    ),
    "Without this, a unit seems to prefer whatever was drawn with the strongest strokes. To "
    "compare stimuli, first make them equal in everything that the question is not about.",
)
