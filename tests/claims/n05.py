"""The claims of notebook 05 on recorded rows, and where two arms or sizes changed places."""

import functools

from tl_course.lessons.n05_how_much_data import claims, protocols, unlabelled
from tl_course.study import results

load = functools.lru_cache(results.load)


def swapped(name, column, one, other):
    """The recorded table `name` with two values of a column exchanged."""

    def given():
        return (load(name).replace({column: {one: other, other: one}}),)

    return given


def recorded(name):
    return lambda: (load(name),)


def forgotten_with_ten():
    table = load("forgetting")
    few = (table.arm == "option-2") & (table.images == 10)
    return (table.assign(accuracy=table.accuracy.mask(few, 0.01)),)


def regressed_worse():
    table = load("protocols")
    ours = table.way == protocols.REGRESSION
    return (table.assign(accuracy=table.accuracy.mask(ours, 0.93)),)


def heaps_changed():
    """The heaps of all digits and of half threes in each other's place."""
    one, other = unlabelled.RANDOM, unlabelled.HALF_THREES
    return swapped("unlabelled", "heap", one, other)()


def from_sweep(one, other):
    return recorded("sweep"), swapped("sweep", "arm", one, other)


def from_official(one, other):
    return recorded("official"), swapped("official", "arm", one, other)


def from_both(tables, one, other):
    """Two tables, and with two arms exchanged in each of them."""
    exchanged = [swapped(name, "arm", one, other) for name in tables]
    return (
        lambda: tuple(map(load, tables)),
        lambda: tuple(given()[0] for given in exchanged),
    )


TESTS, NETWORKS = ("sweep", "official"), ("official", "pretrainings")
CASES = {
    claims.borrowing_leads: from_sweep("option-1", "scratch"),
    claims.copies_help_scratch_most: from_sweep("option-1", "scratch"),
    claims.fixed_layers_are_a_ceiling: from_sweep("option-1", "scratch"),
    claims.borrowing_saves_labels: from_both(TESTS, "option-1", "scratch"),
    claims.borrowing_serves_other_tasks: (
        lambda: ({"letters": 0.2, "unseen things": 0.1},),
        lambda: ({"letters": 0.2, "unseen things": -0.1},),
    ),
    claims.the_rule_is_never_certainly_wrong: from_official("option-1", "option-2"),
    claims.the_options_cross: from_official("option-1", "option-2"),
    claims.few_labels_leave_the_options_level: from_both(NETWORKS, "option-2", "output-first"),
    claims.moving_pays_with_copies: from_both(NETWORKS, "option-1", "option-2"),
    claims.borrowing_pays_with_each_network: from_both(NETWORKS, "option-1", "output-first"),
    claims.borrowing_matters_little_with_all: from_official("option-1", "option-2"),
    claims.output_layer_first_leads: from_sweep("output-first", "option-2"),
    claims.labels_cure_overfitting_not_forgetting: (recorded("forgetting"), forgotten_with_ten),
    claims.borrowing_leads_on_other_tasks: (
        recorded("tasks"),
        swapped("tasks", "arm", "option-1", "scratch"),
    ),
    claims.borrowing_leads_on_real_letters: (
        recorded("real_letters"),
        swapped("real_letters", "arm", "option-1", "scratch"),
    ),
    claims.few_published_networks_do_better: (recorded("protocols"), regressed_worse),
    claims.unlabelled_digits_help_if_alike: (recorded("unlabelled"), heaps_changed),
    claims.no_middle_way_leads: (
        lambda: (load("official"), load("middle_ways")),
        lambda: (
            *swapped("official", "arm", "output-first", "random-frozen")(),
            load("middle_ways"),
        ),
    ),
    claims.every_borrowed_layer_helps: (
        recorded("which_layers"),
        swapped("which_layers", "k", 1, 4),
    ),
    claims.renders_and_shapes_matter: (
        recorded("sources"),
        swapped("sources", "style", "colour only", "line art only"),
    ),
    claims.varied_sources_serve_better: (
        recorded("sources"),
        swapped("sources", "classes", 10, 1000),
    ),
    claims.one_recipe_costs_little: (
        recorded("sweep"),
        swapped("sweep", "images", 10, 50),
    ),
    claims.copies_give_most_with_few_digits: (
        recorded("push"),
        swapped("push", "images", 10, 1000),
    ),
}
