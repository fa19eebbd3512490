"""The claims of notebook 06 on recorded rows, and on rows where two sources changed places."""

import functools

from tl_course.lessons.n06_wrong_modality import claims
from tl_course.study import results

load = functools.lru_cache(results.load)


def swapped(table, one, other):
    """The table with two sources exchanged."""
    return table.replace({"source": {one: other, other: one}})


def fifty():
    return load("matrix").query("images == 50 and option == '1'")


def at_random():
    """The shipped networks, those of pictures in the place of random layers."""
    return (swapped(fifty().query("pretraining == 0"), "image", "random"),)


def second_network_exchanged():
    """Of the second pretraining, sound and text in each other's place."""
    table = fifty()
    exchanged = swapped(table, "audio", "text")
    return (table.where(table.pretraining != 1, exchanged),)


def moving():
    """The matrix with handwriting from scratch, where everything moves, all right."""
    table = load("matrix")
    scratch = (table.option == "scratch") & (table.target == "handwritten")
    return (table.assign(accuracy=table.accuracy.mask(scratch, 1.0)),)


def controls(where=None, accuracy=1.0):
    table = load("controls")
    if where is not None:
        table = table.assign(accuracy=table.accuracy.mask(table.eval(where), accuracy))
    return (table,)


CASES = {
    claims.own_kind_helps: (lambda: (fifty(),), at_random),
    claims.own_kind_serves_best: (
        lambda: (fifty(),), lambda: (swapped(fifty(), "audio", "text"),)
    ),
    claims.another_kind_can_help: (lambda: (fifty(),), at_random),
    claims.own_kind_helps_at_every_number: (
        lambda: (load("matrix"), load("matrix_ends")),
        lambda: (load("matrix"), swapped(load("matrix_ends"), "audio", "text")),
    ),
    claims.three_networks_agree: (lambda: (fifty(),), second_network_exchanged),
    claims.own_kind_leads_scratch: (lambda: (load("matrix"),), moving),
    claims.shuffling_ends_the_help: (
        lambda: (fifty(), *controls()),
        lambda: (fifty(), *controls("control == 'its own numbers, shuffled'", 0.9)),
    ),
    claims.raw_sound_is_another_input: (controls, lambda: controls("source == 'audio'")),
    claims.order_of_pitches_is_not_all: (controls, lambda: controls("source == 'random'")),
    claims.sound_helps_whoever_speaks: (
        lambda: (load("directions"),), lambda: (swapped(load("directions"), "audio", "text"),)
    ),
}  # fmt: skip
