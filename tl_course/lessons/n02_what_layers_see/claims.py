"""The claims of notebook 02: what trained layers see and untrained ones do not."""

import pandas as pd

from tl_course.lessons.claims import Claim, at_least, claim, listed
from tl_course.lessons.n02_what_layers_see.experiments import agreement, straight_and_curved

STRAIGHT, HIGHER = ["layer1", "layer2"], ["layer3", "layer4"]


def _listed(table: pd.DataFrame, form: str = ".0f") -> str:
    """Layers 1 to 4 in words, once for stimuli of the same contrast and once of the same range."""
    rows = {ruler: listed(row, f"{{1:{form}}}", ", ") for ruler, row in table.iterrows()}
    return listed(rows, "same {}: {}")


@claim("orientation")
def training_makes_units_selective(table: pd.DataFrame) -> Claim:
    """Selectivity for angles in layer 1; `table` is "orientation"."""
    share = 100 * (table.orientation_selectivity > 0.5).groupby(table.kind).mean()
    return Claim(
        f"Training makes {share['trained']:.0f}% of the units in layer 1 selective for an angle, "
        "far more than in an untrained network.",
        bool(share["trained"] > share["untrained"] + 30),
        f"above 0.5 without training: {share['untrained']:.0f}% of the units",
    )


@claim("orientation")
def colour_gives_way_to_light(table: pd.DataFrame) -> Claim:
    """Selectivity for colour in layer 1; `table` is "orientation"."""
    share = 100 * (table.colour_selectivity > 0).groupby(table.kind).mean()
    return Claim(
        f"In an untrained layer 1, {share['untrained']:.0f}% of the units respond more to coloured "
        "stripes than to grey ones, and in the trained one hardly any.",
        bool(share["trained"] < 10 and share["untrained"] > 40),
        f"after training: {share['trained']:.0f}% of the units",
    )


@claim("preference")
def straight_shapes_come_first(table: pd.DataFrame) -> Claim:
    """Edges and bars by layer, at equal contrast and equal range; `table` is "preference"."""
    straight = straight_and_curved(table).straight.unstack("kind")
    gain = (straight.trained - straight.untrained).unstack()
    least = gain[STRAIGHT].min(axis=None)
    return Claim(
        "Straight shapes come first: training raises the share of units that prefer edges and bars "
        f"by at least {at_least(least)} points in layers 1 and 2, and by less than ten points, or "
        "not at all, in layers 3 and 4.",
        bool(least > 15 and gain[HIGHER].max(axis=None) < 10),
        f"trained minus untrained, layers 1 to 4: {_listed(gain, '+.0f')} points",
    )


@claim("preference")
def curved_shapes_come_later(table: pd.DataFrame) -> Claim:
    """Curves and spirals by layer, at equal contrast and equal range; `table` is "preference"."""
    curved = straight_and_curved(table).curved.unstack("kind")
    trained, untrained = curved.trained.unstack(), curved.untrained.unstack()
    ahead = trained.layer3 - trained[STRAIGHT].max(axis=1)
    return Claim(
        f"Curved shapes come later: in layer 3, at least {at_least(trained.layer3.min())}% of "
        "the units prefer curves or spirals, more than in layers 1 and 2 and more than without "
        "training.",
        bool((trained.layer3 - untrained.layer3).min() > 10 and ahead.min() > 10),
        f"curves and spirals, layers 1 to 4, % of units: {_listed(trained)}; untrained layer 3: "
        + " and ".join(f"{x:.0f}" for x in untrained.layer3),
    )


@claim("preference")
def corners_do_not_come_second(table: pd.DataFrame) -> Claim:
    """Corners and layer 2, at equal contrast and equal range; `table` is "preference"."""
    rows = table[(table.layer == "layer2") & (table.stimulus == "corner")]
    share = 100 * rows.groupby(["equal", "kind"]).share.mean().unstack("kind")
    gain = share.trained - share.untrained
    return Claim(
        f"Whether training makes more units of layer 2 prefer corners depends on the measurement: "
        f"{gain.max():.0f} points more with one way of making shapes equally strong, and none with "
        "the other.",
        bool(gain.min() <= 0 < gain.max()),
        listed(
            dict(share.items()),
            "{0}: same contrast {1.contrast:.0f}%, same range {1.range:.0f}%",
        ),
    )


@claim("usage")
def one_set_of_units_serves_all(table: pd.DataFrame) -> Claim:
    """All four kinds of pictures use the same units of layer 1; `table` is "usage"."""
    trained, untrained = (agreement(table).loc[net] for net in ("trained", "untrained"))
    return Claim(
        "The same units of layer 1 serve all four kinds of pictures: hardly any are idle, and any "
        "two kinds agree on the busy ones (rank correlation at least "
        f"{at_least(trained.lowest, 2)}) more than they do in an untrained network.",
        bool(trained.idle <= 2 and trained.lowest > untrained.lowest + 0.1),
        f"{trained.idle:.0f} of {trained.units:.0f} units have less than a tenth of an equal share "
        "on some kind; the rank correlation between two kinds is at least "
        f"{at_least(trained.lowest, 2)} (untrained: {untrained.lowest:.2f})",
    )


@claim("first_layers")
def clean_filters_are_not_needed(table: pd.DataFrame) -> Claim:
    """Noisy filters cost no accuracy; `table` is "first_layers"."""
    share = 100 * table.set_index("net").accuracy
    return Claim(
        f"A network with noisy filters recognises {share['plain']:.0f}% of the drawings, as many "
        "as one with clean filters.",
        bool(abs(share["plain"] - share["recipe"]) < 3),
        f"{share['plain']:.1f}% of 5,000 fresh renders without the recipe, "
        f"{share['recipe']:.1f}% with it; one run each",
    )


@claim("synthesis")
def made_pictures_beat_natural_ones(table: pd.DataFrame) -> Claim:
    """Made pictures excite units more than natural patches; `table` is "synthesis"."""
    wins = 100 * (table.made > table.found).groupby(table.layer).mean()
    return Claim(
        f"For at least {at_least(wins.min())}% of the units in each layer, a picture made for the "
        "unit excites it more than the best of thousands of natural patches of the same "
        "brightness, contrast and range.",
        bool(wins.min() >= 95),
        listed(wins, "{}: {:.0f}% of the units", ", "),
    )


@claim("settling")
def lower_layers_start_closer_to_the_end(table: pd.DataFrame) -> Claim:
    """Layer 1 starts most similar to its final state; `table` is "settling"."""
    mean = table.groupby(["layer", "step"]).similarity.mean().unstack()
    climbed = 100 * (mean[200] - mean[0]) / (1 - mean[0])
    return Claim(
        f"Before any training, layer 1 is already similar to its final state ({mean[0].iloc[0]:.2f}"
        " of 1), and each higher layer is less similar to its own.",
        bool(mean[0].is_monotonic_decreasing),
        listed(mean[0], "{}: {:.2f}", ", ")
        + "; after 200 steps they have covered this much of the remaining way: "
        + listed(climbed, "{1:.0f}%", ", "),
    )
