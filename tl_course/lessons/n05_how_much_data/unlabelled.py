"""Unlabelled digits, by whose mean the features of test digits are centred.

A few labelled digits are a poor sample of all digits, so the mean of their features is off. The
mean over many unlabelled digits is not. The features of test digits are moved by the difference of
the two means before Option 1's output layer classifies them (after Li et al., arXiv 1603.04779).
"""

from collections.abc import Iterable, Iterator

import torch

from tl_course.core import settings
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import features, output_layers, seen
from tl_course.data.examples import Examples, Target, draw

NOT_CENTRED, RANDOM, HALF_THREES = "as they are", "random digits", "half of them threes"
HEAPS = {NOT_CENTRED: (0,), RANDOM: (20, 500), HALF_THREES: (500,)}  # numbers of unlabelled digits
HEAP = 10_000  # digits of the pool that the unlabelled ones are drawn from
THREE = 3


def unlabelled_rows(
    net: FiveLayerNet, target: Target, draws: dict[int, int], done: Iterable[dict] = ()
) -> Iterator[list[dict]]:
    """Rows `heap`, `unlabelled`, `augmented`, `images`, `draw`, `accuracy` (0 … 1), `right`.

    `draws` is the number of draws by labelled images; draws in `done` are not made again. Each draw
    also has its own unlabelled digits.
    """
    had = {(row["augmented"], row["images"], row["draw"]) for row in done}
    heap = target.pool[-HEAP:]
    seen_of_heap, scored = features(net, heap.x), features(net, target.test.x)
    for images, several in draws.items():
        for augmented, number in ((form, d) for form in (False, True) for d in range(several)):
            if (augmented, images, number) in had:
                continue
            labelled = draw(target.pool, images, number)
            l2 = settings.official("option-1", images, augmented).l2
            x, y = seen(net, labelled, number, augmented)
            layers = output_layers(None, [Examples(x, y, labelled.names)], [number], [l2])
            together = []
            for which, n in ((which, n) for which, several in HEAPS.items() for n in several):
                of_heap = seen_of_heap[picked(heap.y, which, n, number)]
                moved = scored if which == NOT_CENTRED else centred_features(scored, of_heap, x)
                right = layers.right(moved, target.test.y)[0, 0]
                together.append({
                    "heap": which, "unlabelled": n, "augmented": augmented, "images": images,
                    "draw": number, "accuracy": right.float().mean().item(),
                    "right": right.numpy(),
                })  # fmt: skip
            yield together


def centred_features(
    scored: torch.Tensor, unlabelled: torch.Tensor, labelled: torch.Tensor
) -> torch.Tensor:
    """Features `scored` `[n, f]`, moved by the mean of `labelled` minus that of `unlabelled`."""
    return scored - unlabelled.mean(0) + labelled.mean(0)


def picked(y: torch.Tensor, which: str, n: int, seed: int) -> torch.Tensor:
    """Indices of `n` random digits out of labels `y`; half are threes if `which` says so."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    if which != HALF_THREES:
        return order[:n]
    three = y[order] == THREE
    return torch.cat([order[three][: n // 2], order[~three][: n - n // 2]])
