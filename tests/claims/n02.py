"""What the claims of notebook 02 are tested on."""

from tl_course.lessons.n02_what_layers_see import claims
from tl_course.study import results


def recorded(name):
    return lambda: (results.load(name),)


def renamed(name, column, **names):
    """The recorded table with values of one column exchanged: trained ↔ untrained, say."""
    both = {**names, **{new: old for old, new in names.items()}}
    return lambda: (results.load(name).replace({column: both}),)


def changed(name, column, change):
    def table():
        rows = results.load(name)
        return (rows.assign(**{column: change(rows)}),)

    return table


CASES = {
    claims.training_makes_units_choosy: (
        recorded("orientation"), renamed("orientation", "kind", trained="untrained")
    ),
    claims.colour_gives_way_to_light: (
        recorded("orientation"),
        changed("orientation", "colour_selectivity", lambda rows: rows.colour_selectivity + 1),
    ),
    claims.straight_shapes_come_first: (
        recorded("preference"), renamed("preference", "layer", layer1="layer3")
    ),
    claims.curved_shapes_come_later: (
        recorded("preference"), renamed("preference", "kind", trained="untrained")
    ),
    claims.corners_do_not_come_second: (
        recorded("preference"), renamed("preference", "stimulus", corner="edge")
    ),
    claims.one_set_of_units_serves_all: (
        recorded("usage"), renamed("usage", "net", trained="untrained")
    ),
    claims.clean_filters_are_not_needed: (
        recorded("first_layers"),
        changed("first_layers", "accuracy", lambda rows: rows.accuracy * (1 - 0.1 * rows.index)),
    ),
    claims.made_pictures_beat_natural_ones: (
        recorded("synthesis"), changed("synthesis", "made", lambda rows: 0.6 * rows.made)
    ),
    claims.lower_layers_start_closer_to_the_end: (
        recorded("settling"), renamed("settling", "layer", layer1="layer2")
    ),
}  # fmt: skip
