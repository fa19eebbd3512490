"""Right and wrong answers to the exercises of notebook 02."""

import numpy as np
import torch

from exercises import Answers
from tl_course.lessons.n02_what_layers_see import exercises


def rolled(answers):
    best = answers.max()
    right = answers.roll(len(answers) // 2)[answers.argmax()]
    return ((best - right) / (best + right).clamp_min(1e-9)).item()


def in_plain_python(answers):
    numbers = [float(one) for one in answers]
    best = max(numbers)
    right = numbers[numbers.index(best) - len(numbers) // 2]
    return (best - right) / (best + right) if best else 0


def _formula(best, right):
    return (best - right) / (best + right) if best + right else 0


def with_the_weakest(answers):
    return _formula(answers.max(), answers.min())


def a_quarter_further(answers):
    return _formula(answers.max(), answers[(answers.argmax() + len(answers) // 4) % len(answers)])


def with_the_mean(answers):
    return _formula(answers.max(), answers.mean())


def by_the_best(answers):
    best, right = answers.max(), answers.roll(len(answers) // 2)[answers.argmax()]
    return (best - right) / best if best else 0


def past_the_end(answers):
    return _formula(answers.max(), answers[answers.argmax() + len(answers) // 2])


def always_twelve(answers):
    return _formula(answers.max(), answers[(answers.argmax() + 12) % 24])


def zero_by_zero(answers):
    best, right = answers.max(), answers.roll(len(answers) // 2)[answers.argmax()]
    return (best - right) / (best + right)


def silent_is_zero(answers):
    best, right = answers.max(), answers.roll(len(answers) // 2)[answers.argmax()]
    return (best - right) / (best + right) if right > 0 else 0.0


def overwritten(answers):
    best, right = answers.max().item(), answers.roll(len(answers) // 2)[answers.argmax()].item()
    answers -= right
    return answers.max() / (best + right) if best else 0.0


def something_added(answers):
    best, right = answers.max(), answers.roll(len(answers) // 2)[answers.argmax()]
    return (best - right) / (best + right + 1e-3)


def no_selectivity(answers):
    rolled(answers)


def of_every_angle(answers):
    return (answers - answers.roll(len(answers) // 2)) / (answers + 1)


def the_other_way(answers):
    return -rolled(answers)


def from_the_top(layers):
    seen = 1
    for size, stride in reversed(layers):
        seen = (seen - 1) * stride + size
    return seen


def strides_ignored(layers):
    return 1 + sum(size - 1 for size, _ in layers)


def stride_too_early(layers):
    seen = apart = 1
    for size, stride in layers:
        apart *= stride
        seen += (size - 1) * apart
    return seen


def last_stride_alone(layers):
    seen = apart = 1
    for size, stride in layers:
        seen += (size - 1) * apart
        apart = stride
    return seen


def strides_summed(layers):
    seen = apart = 1
    for size, stride in layers:
        seen += (size - 1) * apart
        apart += stride
    return seen


def strides_less_one_summed(layers):
    seen = 1
    for place, (size, _) in enumerate(layers):
        seen += (size - 1) * (1 + sum(stride - 1 for _, stride in layers[:place]))
    return seen


def in_the_wrong_order(layers):
    seen = 1
    for size, stride in layers:
        seen = (seen - 1) * stride + size
    return seen


def at_most_two_apart(layers):
    seen = apart = 1
    for size, stride in layers:
        seen += (size - 1) * apart
        apart = min(2, apart * stride)
    return seen


def whole_sizes(layers):
    seen = apart = 1
    for size, stride in layers:
        seen += size * apart
        apart *= stride
    return seen


def poolings_see_nothing(layers):
    seen = apart = 1
    for size, stride in layers:
        seen += (size - 1) * apart if stride == 1 else 0
        apart *= stride
    return seen


def multiplied(layers):
    return int(np.prod([size for size, _ in layers]))


def added(layers):
    return sum(size for size, _ in layers)


def from_zero(layers):
    return from_the_top(layers) - 1


def always_two(layers):
    return from_the_top([(size, 2 if stride > 1 else 1) for size, stride in layers])


def no_size(layers):
    from_the_top(layers)


def the_first_alone(layers):
    return layers[0][0]


def one_by_one(answers, k=9):
    found = []
    for place in answers.flatten().argsort(descending=True).tolist():
        if place // 64 not in found:
            found.append(place // 64)
        if len(found) == k:
            return found


def sorted_by_numpy(answers, k=9):
    return np.argsort(-answers.amax((1, 2)).numpy())[:k]


def of_many_places(answers, k=9):
    found = answers.flatten().topk(k * 64).indices // 64
    return list(dict.fromkeys(found.tolist()))[:k]


def of_too_few_places(answers, k=9):
    found = answers.flatten().topk(10 * k).indices // 64
    return list(dict.fromkeys(found.tolist()))[:k]


def always_nine(answers, k=9):
    return answers.amax((1, 2)).topk(9).indices


def values(answers, k=9):
    return answers.amax((1, 2)).topk(k).values


def still_divided(answers, k=9):
    return answers.amax((1, 2)).topk(k).indices // 64


def unique_afterwards(answers, k=9):
    return exercises.favourites(answers, k).unique()


def by_the_mean(answers, k=9):
    return answers.mean((1, 2)).topk(k).indices


def the_weakest(answers, k=9):
    return answers.amax((1, 2)).argsort()[:k]


def not_in_order(answers, k=9):
    return answers.amax((1, 2)).topk(k).indices.sort().values


def places(answers, k=9):
    return answers.flatten().topk(k).indices


def half_repeated(answers, k=9):
    return answers.amax(1).flatten().topk(k).indices // 8


def in_the_middle(answers, k=9):
    return answers[:, 4, 4].topk(k).indices


def flattened(x):
    rows = x.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    return (rows / (rows.std(1, keepdim=True) + 1e-5)).view_as(x)


def in_numpy(x):
    each = x.numpy().copy()
    each -= each.mean(axis=(1, 2, 3), keepdims=True)
    return each / np.maximum(each.std(axis=(1, 2, 3), keepdims=True), 1e-5)


def plain_ones_left_out(x):
    spread = x.std((1, 2, 3), keepdim=True)
    return torch.where(spread < 1e-4, 0, (x - x.mean((1, 2, 3), keepdim=True)) / spread)


def next_to_nothing_divides(x):
    spread = x.std((1, 2, 3), keepdim=True)
    return (x - x.mean((1, 2, 3), keepdim=True)) / (spread + 1e-8)


def all_together(x):
    return (x - x.mean()) / x.std().clamp_min(1e-6)


def each_channel(x):
    mean, spread = x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True)
    return (x - mean) / spread.clamp_min(1e-6)


def mean_left(x):
    return x / x.std((1, 2, 3), keepdim=True)


def by_the_largest(x):
    x = x - x.mean((1, 2, 3), keepdim=True)
    return x / x.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-6)


def changed_in_place(x):
    x -= x.mean((1, 2, 3), keepdim=True)
    x /= x.std((1, 2, 3), keepdim=True).clamp_min(1e-6)
    return x


def plain_is_nan(x):
    return (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True)


def means_alone(x):
    return x - x.mean((1, 2, 3), keepdim=True)


def flat(x):
    return flattened(x).flatten(1)


def nothing_back(x):
    flattened(x)


CASES = {
    exercises.choosy: Answers(
        right=[rolled, in_plain_python],
        wrong={
            with_the_weakest: "with the weakest one",
            a_quarter_further: "45 degrees",
            with_the_mean: "with a mean",
            by_the_best: "by their sum",
            past_the_end: "the right angle to that would be 240",
            always_twelve: "not with 8",
            zero_by_zero: "nan",
            silent_is_zero: "should get 1",
            overwritten: "change a tensor in place",
            something_added: "added to the sum",
            no_selectivity: "returns nothing",
            of_every_angle: "24 numbers",
            the_other_way: "yours is -0.60",
        },
    ),
    exercises.field: Answers(
        right=[from_the_top],
        wrong={
            strides_ignored: "two pixels apart",
            stride_too_early: "own stride",
            poolings_see_nothing: "A pooling looks at two",
            multiplied: "Sizes do not multiply",
            added: "do not simply add up",
            from_zero: "one short",
            always_two: "Use both numbers",
            no_size: "returns nothing",
            the_first_alone: "One layer is right",
            last_stride_alone: "forgets the first pooling",
            strides_summed: "is 7, 17 and 36. Strides multiply",
            strides_less_one_summed: "is 7, 12 and 20. Strides multiply",
            in_the_wrong_order: "from the last one back",
            at_most_two_apart: "Layers 1 and 2 are right",
            whole_sizes: "Try it with one layer first",
        },
    ),
    exercises.best_ones: Answers(
        right=[one_by_one, sorted_by_numpy, of_many_places],
        wrong={
            of_too_few_places: "a picture can fill 64",
            always_nine: "Where do you use `k`",
            values: "the answers themselves",
            still_divided: "All of yours are picture 0",
            unique_afterwards: "Repetitions have to go before",
            by_the_mean: "the largest mean",
            the_weakest: "least",
            not_in_order: "not the best first",
            places: "the number of a place",
            half_repeated: "Each picture may count once",
            in_the_middle: "The strongest answers are in pictures",
        },
    ),
    exercises.contrast: Answers(
        right=[flattened, in_numpy, plain_ones_left_out],
        wrong={
            next_to_nothing_divides: "not of exactly 0",
            all_together: "All pictures together",
            each_channel: "lost their colour",
            mean_left: "The means of the five",
            by_the_largest: "the same range",
            changed_in_place: "in place",
            plain_is_nan: "`nan`",
            means_alone: "The standard deviations of the five",
            flat: "keeps the shape",
            nothing_back: "returns nothing",
        },
    ),
}
