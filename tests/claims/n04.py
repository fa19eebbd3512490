"""The claims of notebook 04 on recorded rows, and on rows where something was changed."""

import functools

from tl_course.lessons.n04_option_2_fine_tune import claims, experiments
from tl_course.study import forgetting, results

load = functools.lru_cache(results.load)


def left():
    return (load("forgetting").query("images <= 200"),)


def costs(where, column, value):
    """What adapting costs, with `value` in a column of the rows that `where` says."""

    def spoiled():
        (table,) = left()
        return (table.assign(**{column: table[column].mask(table.eval(where), value)}),)

    return spoiled


def curves(accuracy=None):
    table = load("overfitting")
    return (table if accuracy is None else table.assign(accuracy=accuracy),)


def gap(training=None):
    table, one = load("forgetting"), "arm == 'option-1' and images == 10"
    rows = table if training is None else costs(one, "training", training)()[0]
    return rows, load("sweep")


def by_size(training=None):
    return (*gap(training), load("equal_rates"))


def swapped(one, other):
    return (load("sweep").replace({"arm": {one: other, other: one}}),)


def gain(**changed):
    return (experiments.option_2_minus_option_1(load("sweep")).assign(**changed),)


def slow(table):
    """The same accuracy with every rate."""
    return table.assign(accuracy=table.accuracy.mean())


CASES = {
    claims.by_hand_is_the_same: (lambda: (0.925, 0.931), lambda: (0.925, 0.949)),
    claims.large_steps_ruin_option_2: (
        lambda: (load("by_hand"),),
        lambda: (slow(load("by_hand")),),
    ),
    claims.both_options_overfit: (curves, lambda: curves(accuracy=1.0)),
    claims.freezing_hardly_helps: (gap, lambda: gap(training=0.9)),
    claims.freezing_never_helps_much: (by_size, lambda: by_size(training=0.9)),
    claims.option_2_forgets: (left, costs("arm == 'option-2'", "accuracy", 0.5)),
    claims.steps_decide_what_is_forgotten: (
        left, costs(f"settings == '{forgetting.CONTROL}'", "accuracy", 0.3)
    ),
    claims.small_steps_move_little: (left, costs("images == 50", "moved_2", 0.09)),
    claims.borrowing_beats_scratch: (
        lambda: (load("sweep"),), lambda: swapped("option-2", "scratch")
    ),
    claims.only_with_ten_is_one_option_ahead: (gain, lambda: gain(interval=0.1)),
}  # fmt: skip
