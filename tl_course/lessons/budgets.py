"""How much a notebook computes: the budgets `quick`, `laptop` and `gpu`."""

from typing import NamedTuple


class Budget(NamedTuple):
    """How much a notebook computes."""

    pretrain_images: int
    draws: int  # of each experiment
    sizes: tuple[int, ...]  # numbers of labelled images, where an experiment varies them
    images_per_test: int
    renders: int  # that are searched for the best patches
    every: int  # shows every n-th stimulus; a prime n keeps all sizes, places and strokes
    patches: int  # natural ones, shown beside synthesised pictures
    ascent_steps: int  # for a synthesised picture
    layers_to_make: int


BUDGETS = {
    "quick": Budget(
        pretrain_images=5_120, draws=1, sizes=(10, 20),
        images_per_test=500, renders=2_000, every=19, patches=500,
        ascent_steps=5, layers_to_make=2,
    ),
    "laptop": Budget(
        pretrain_images=131_072, draws=10, sizes=(10, 20, 30, 50, 100),
        images_per_test=2000, renders=100_000, every=5,
        patches=5_000, ascent_steps=120, layers_to_make=3,
    ),
    "gpu": Budget(
        pretrain_images=1_000_000, draws=40, sizes=(10, 20, 50, 100, 200, 500, 1000),
        images_per_test=2000, renders=1_000_000, every=1,
        patches=50_000, ascent_steps=300, layers_to_make=4,
    ),
}  # fmt: skip
