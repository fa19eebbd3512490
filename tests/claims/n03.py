"""What the claims of notebook 03 are tested with."""

import functools

from tl_course.lessons.n03_option_1_freeze import claims
from tl_course.study import results

load = functools.cache(results.load)


def swapped(name, column, one, other):
    """A recorded table in which the rows of `one` and of `other` are taken for each other."""
    return (load(name).replace({column: {one: other, other: one}}),)


CASES = {
    claims.frozen_is_frozen: (lambda: ("4f2a", "4f2a", 392_256), lambda: ("4f2a", "4f2b", 392_256)),
    claims.by_hand_is_the_same: (lambda: (0.925, 0.931), lambda: (0.925, 0.949)),
    claims.option_1_beats_its_rivals: (
        lambda: (load("sweep"),),
        lambda: swapped("sweep", "arm", "option-1", "scratch"),
    ),
    claims.layers_ignore_what_pretraining_varied: (
        lambda: (load("forms"),),
        lambda: swapped("forms", "arm", "option-1", "random-frozen"),
    ),
}
