"""What notebook 06 claims: which source helps which target, and what about the source helps."""

import pandas as pd

from tl_course.lessons.claims import Claim, at_least, at_most, claim, listed
from tl_course.lessons.n06_wrong_modality.experiments import in_full
from tl_course.study import matrix
from tl_course.study.matrix_cells import SAME

SHUFFLED = (
    "100,000 renders, its pixels permuted",
    "100,000 renders, its labels shuffled",
    "its own numbers, shuffled",
)


POINTS = "{1.ahead:+.1f} ± {1.interval:.1f}"


def _mean(rows: pd.DataFrame, *by: str) -> pd.Series:
    return 100 * rows.groupby(list(by)).accuracy.mean()


def _gains(fifty: pd.DataFrame) -> pd.DataFrame:
    """How many points Option 1 is ahead of random layers, by target and source."""
    return matrix.ahead(fifty, ("random", "1")).set_index(["target", "source"])


@claim("matrix")
def own_kind_helps(table: pd.DataFrame) -> Claim:
    """Option 1, fifty examples: each target's own kind of source against random layers."""
    gains = _gains(matrix.fifty(table))
    same = gains.loc[list(SAME.items())]
    return Claim(
        "With fifty examples and Option 1, layers pretrained on a target's own modality are at "
        f"least {at_least(same.ahead.min())} points ahead of random layers, on average.",
        bool((same.ahead - same.interval).min() > 0 and same.ahead.min() >= 15),
        listed(dict(same.iterrows()), "{0[0]}: " + POINTS),
    )


@claim("matrix")
def another_kind_can_help(table: pd.DataFrame) -> Claim:
    """Option 1, fifty examples: pictures as the source for synthetic voices and for people's."""
    gains = _gains(matrix.fifty(table))
    clean, people = (gains.loc[(name, "image")] for name in ("spoken", "spoken-real"))
    return Claim(
        f"With fifty examples and Option 1, picture layers are {clean.ahead:.0f} points ahead of "
        "random layers on synthetic voices, but not clearly ahead on people's voices.",
        bool(clean.ahead > clean.interval and people.ahead < people.interval),
        f"synthetic voices {clean.ahead:+.1f} ± {clean.interval:.1f}, people {people.ahead:+.1f} ± "
        f"{people.interval:.1f}",
    )


@claim("matrix")
def own_kind_serves_best(table: pd.DataFrame) -> Claim:
    """Option 1, fifty examples: the best source of each target."""
    fifty = matrix.fifty(table)
    mean = _mean(fifty[fifty.source.isin(matrix.SOURCES)], "target", "source").unstack()
    best = mean.idxmax(axis=1)
    lead = [mean.loc[name, kind] - mean.loc[name].drop(kind).max() for name, kind in SAME.items()]
    return Claim(
        "With fifty examples and Option 1, each target is served best by the source of its own "
        f"modality, at least {at_least(min(lead))} points ahead of the next.",
        all(best[target] == source for target, source in SAME.items()),
        listed(best, "{}: {}", ", "),
    )


@claim("matrix", "matrix_ends")
def own_kind_helps_at_every_number(recorded: pd.DataFrame, ends: pd.DataFrame) -> Claim:
    """Option 1, all numbers of examples: each target's own kind of source against random layers."""
    table = pd.concat([recorded, ends]).query("option == '1'")
    gains = matrix.ahead(table, ("random", "1"))
    same = gains[gains.source == gains.target.map(SAME)].sort_values("images")
    return Claim(
        f"With {same.images.min()} to {same.images.max():,} examples, for every target, frozen "
        f"layers of its own modality are clearly ahead of random layers, by {same.ahead.min():.0f} "
        f"to {same.ahead.max():.0f} points.",
        bool((same.ahead > same.interval).all()),
        "; ".join(
            f"{target}: "
            + ", ".join(f"{r.images:,} {r.ahead:+.1f} ± {r.interval:.1f}" for r in of.itertuples())
            for target, of in same.groupby("target", sort=False)
        ),
    )


@claim("matrix")
def three_networks_agree(table: pd.DataFrame) -> Claim:
    """Option 1, fifty examples: each pretraining alone against random layers."""
    fifty, alone = matrix.fifty(table), {}
    for run in sorted(fifty.pretraining.unique()):
        rows = fifty[(fifty.pretraining == run) | (fifty.source == "random")]
        alone[f"network {run + 1}"] = _gains(rows).loc[:, list(matrix.SOURCES), :]
    certain = [by.ahead.where(by.ahead.abs() > by.interval, 0) for by in alone.values()]
    signs = pd.DataFrame(
        {name: (ahead > 0) * 1 - (ahead < 0) for name, ahead in enumerate(certain)}
    )
    return Claim(
        f"With fifty examples, each of the {len(alone)} networks of a source, taken alone, clearly "
        "helps the same targets and clearly harms the same ones.",
        bool(len(alone) > 2 and (signs.nunique(axis=1) == 1).all()),
        "; ".join(
            f"{name}: " + listed(dict(by.iterrows()), "{0[1]} for {0[0]} " + POINTS, ", ")
            for name, by in alone.items()
        ),
    )


@claim("matrix")
def own_kind_leads_scratch(table: pd.DataFrame) -> Claim:
    """Option 2 from each target's own kind of source against training from scratch."""
    moving = table[table.option.isin(["2", "scratch"])]
    gains = matrix.ahead(moving, ("random", "scratch")).set_index(["target", "source", "images"])
    same = gains.loc[[(name, kind, n) for name, kind in SAME.items() for n in (50, 200)]]
    return Claim(
        "Even if everything is fine-tuned, a network of the same modality is at least "
        f"{at_least(same.ahead.min(), 1)} points ahead of one from scratch, on average, for every "
        "target.",
        bool(same.ahead.min() > 0),
        listed(dict(same.iterrows()), "{0[0]} with {0[2]}: " + POINTS),
    )


@claim("matrix", "controls")
def shuffling_ends_the_help(table: pd.DataFrame, controls: pd.DataFrame) -> Claim:
    """Option 1 on handwriting: shuffled sources of pictures against random layers."""
    by = _mean(controls, "control", "source", "target")
    shuffled = {in_full(name): by[name, "image", "handwritten"] for name in SHUFFLED}
    at_random = _mean(matrix.fifty(table), "source", "target")["random", "handwritten"]
    return Claim(
        "With pixels, labels or weights shuffled, picture layers get at most "
        f"{at_most(max(shuffled.values()))}% of the handwritten digits right, less than random "
        "layers do.",
        bool(max(shuffled.values()) < at_random),
        listed({**shuffled, "random layers": at_random}, "{}: {:.0f}"),
    )


@claim("controls")
def raw_sound_is_another_input(controls: pd.DataFrame) -> Claim:
    """Option 1 on people's voices as raw samples: sound layers against random layers."""
    raw = _mean(controls, "control", "source", "target")["raw samples", :, "spoken-real"]
    return Claim(
        f"With raw samples, sound layers get {raw['audio']:.0f}% of the spoken digits right, at "
        "most a few points more than random layers do.",
        bool(raw["audio"] < raw["random"] + 5),
        listed(raw[["audio", "random"]], "raw samples, {}: {:.0f}"),
    )


@claim("controls")
def order_of_pitches_is_not_all(controls: pd.DataFrame) -> Claim:
    """Option 1 on synthetic speech with its frequencies permuted, against random layers."""
    by = _mean(controls, "control", "source", "target")["frequencies permuted", :, "spoken"]
    lead = by[["audio", "image"]].min() - by["random"]
    return Claim(
        "With frequencies permuted, sound layers and picture layers are still at least "
        f"{at_least(lead)} points ahead of random layers on synthetic voices.",
        bool(lead > 5),
        listed(by[["audio", "image", "random"]], "frequencies permuted, {}: {:.0f}"),
    )


@claim("directions")
def sound_helps_whoever_speaks(people: pd.DataFrame) -> Claim:
    """Option 1 learns from one person and is tested on another: sound, pictures, random layers."""
    mean = _mean(people, "learnt", "tested", "source").unstack()
    ahead = mean["audio"] - mean["random"]
    return Claim(
        "With every pair of people, one to learn from and one to test on, sound layers are at "
        f"least {at_least(ahead.min())} points ahead of random layers, and picture layers are "
        "behind.",
        bool(ahead.min() > 15 and (mean["image"] < mean["random"]).all()),
        listed(ahead, "{0[0]} → {0[1]}: {1:+.0f}"),
    )
