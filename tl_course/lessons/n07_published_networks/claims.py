"""Claims of notebook 07: what a network that others trained is good for, and what sharing is."""

from collections.abc import Sequence

import pandas as pd
import torch

from tl_course.data.targets import photographs
from tl_course.lessons.claims import Claim, claim, listed
from tl_course.lessons.n07_published_networks import words
from tl_course.lessons.n07_published_networks.experiments import (
    LITE0,
    OPTION_2_SIZE,
    ahead_by_target,
    best_cut_and_size,
    finals,
)  # fmt: skip

MIDDLE, LATE = ("stage 4", "stage 5", "stage 6"), ("stage 7", "last")


@claim()
def it_names_what_it_sees(scores: torch.Tensor, names: Sequence[str]) -> Claim:
    """The likeliest names by `scores` `[2, len(names)]` of the palace and of the flower."""
    five = (", ".join(names[i] for i in best) for best in scores.topk(5).indices.tolist())
    likeliest = dict(zip(photographs.NAMES, five, strict=True))
    palace, daisy = likeliest.values()
    return Claim(
        f"“Palace” and “daisy” are among the five likeliest of its {len(names):,} names.",
        "palace" in palace.split(", ") and "daisy" in daisy.split(", "),
        listed(likeliest, "{}: {}"),
    )


@claim("published_cuts")
def cut_it_in_the_middle(cuts: pd.DataFrame) -> Claim:
    """Option 1 at the best cut against the last features, for each target."""
    percent = 100 * cuts.groupby(["target", "net", "size", "cut"]).accuracy.mean()
    at = {
        target: best_cut_and_size(cuts, target) for target in ("digits", "drawings", "photographs")
    }
    chosen = {name: percent[name, LITE0, a["size"], a["cut"]] for name, a in at.items()}
    last = {name: percent[name, LITE0, :, "last"].max() for name in at}
    gained = {name: chosen[name] - last[name] for name in at}
    return Claim(
        "With fifty labels and Option 1, ImageNet's network cut in the middle is "
        f"{gained['digits']:.0f} points better on digits than with its last features; for "
        "drawings, too, a cut in the middle is best, and for photographs a late cut or none.",
        bool(
            chosen["digits"] >= 90
            and min(gained["digits"], gained["drawings"]) > 10
            and at["digits"]["cut"] in MIDDLE
            and at["drawings"]["cut"] in MIDDLE
            and at["photographs"]["cut"] in LATE
        ),
        "; ".join(
            f"{name}: {at[name]['cut']} at {at[name]['size']} pixels {chosen[name]:.1f}, last "
            f"features at any size at most {last[name]:.1f}"
            for name in at
        ),
    )


@claim("published_cuts", "published_rivals")
def the_nearer_source_wins(cuts: pd.DataFrame, rivals: pd.DataFrame) -> Claim:
    """Option 1 with ImageNet's network at its best cut against the course's network."""
    lead = ahead_by_target(finals(cuts, rivals), "own-option-1", "lite0-option-1")
    lead = lead.set_index("target")
    low, high = lead.ahead - lead.interval, lead.ahead + lead.interval
    return Claim(
        "With fifty labels and Option 1, ImageNet's network at its best cut is "
        f"{-lead.ahead['photographs']:.0f} points ahead of your five layers for photographs; they "
        "are far ahead of it for drawings, and a little ahead for digits.",
        bool(
            high["photographs"] < -20
            and low["drawings"] > 20
            and low["digits"] > 0
            and lead.ahead["digits"] < 5
        ),
        "your five layers minus ImageNet's at its best cut: "
        + "; ".join(f"{name} {_points(row)}" for name, row in lead.iterrows()),
    )


@claim("published_cuts", "published_rivals")
def fine_tuning_is_no_gain_for_pictures(cuts: pd.DataFrame, rivals: pd.DataFrame) -> Claim:
    """Option 2 against Option 1 with ImageNet's network at 64 pixels."""
    percent = 100 * cuts.groupby(["target", "net", "size", "cut"]).accuracy.mean()
    tuned = 100 * rivals[rivals.arm == "lite0-option-2"].groupby("target").accuracy.mean()
    frozen = {
        name: percent[
            name, LITE0, OPTION_2_SIZE, best_cut_and_size(cuts, name, size=OPTION_2_SIZE)["cut"]
        ]
        for name in tuned.index
    }
    return Claim(
        "With fifty pictures, fine-tuning ImageNet's network is no gain over Option 1 for any of "
        "the three targets.",
        bool((tuned - pd.Series(frozen)).max() <= 0.5),
        f"at {OPTION_2_SIZE}×{OPTION_2_SIZE} pixels: "
        + "; ".join(f"{n} Option 1 {frozen[n]:.1f}, Option 2 {tuned[n]:.1f}" for n in tuned.index),
    )


@claim("words")
def meaning_beats_letters(table: pd.DataFrame) -> Claim:
    """BERT's descendant, adapted in both ways, against counting letters."""
    lead = {
        arm: words.ahead_by_images(table, arm, "ngrams").set_index("images")
        for arm in ("bert-option-1", "bert-option-2")
    }
    fixed, moving = (rows.loc[50] for rows in lead.values())
    return Claim(
        f"With fifty labelled names, BERT's descendant is {fixed.ahead:.0f} points ahead of "
        "letter counts, even if only the output layer is trained.",
        bool(min(fixed.ahead - fixed.interval, moving.ahead - moving.interval) >= 15),
        "; ".join(
            f"{arm} with {n}: {_points(row)}, {row.wins:.0f} of {row.draws:.0f}"
            for arm, rows in lead.items()
            for n, row in rows.iterrows()
        ),
    )


@claim("words")
def moving_everything_pays_for_words(table: pd.DataFrame) -> Claim:
    """Output layer first, then everything (LP-FT) against Option 1 with BERT's descendant."""
    gained = words.ahead_by_images(table, "bert-option-2", "bert-option-1").set_index("images")
    return Claim(
        "With fifty labelled names, training the output layer first and then everything (LP-FT) "
        f"is {gained.ahead[50]:.0f} points ahead of Option 1; with ten names it is ahead, too.",
        bool((gained.ahead - gained.interval)[[10, 50]].min() > 0),
        "; ".join(f"{n} names: {_points(row)}" for n, row in gained.iterrows()),
    )


@claim()
def you_are_credited(same: bool, lineage: Sequence[dict]) -> Claim:
    """`same`: your network answers as before when loaded; `lineage`: a later card's credits."""
    makers = [credit["maker"] for credit in lineage]
    return Claim(
        "What you share gives the same answers when it is loaded, and the card of anyone who "
        f"builds on it credits {len(makers)} makers: you, and those before you.",
        bool(same and len(makers) == 2 and makers[-1] == "you"),
        f"identical scores: {same}; her card credits {', '.join(makers)}",
    )


@claim("lineage")
def shared_digits_help_most(table: pd.DataFrame) -> Claim:
    """New digits with each shared network, and with a network from scratch."""
    digits, letters = (
        ahead_by_target(table, arm, "shipped").iloc[0] for arm in ("digits", "letters")
    )
    shipped = ahead_by_target(table, "shipped", "scratch").iloc[0]
    return Claim(
        f"The shared network is {shipped.ahead:.0f} points ahead of a network from scratch on new "
        "digits; a classmate's digits add to that, and a classmate's letters do not.",
        bool(
            shipped.ahead - shipped.interval > 5
            and digits.ahead - digits.interval > 0
            and letters.ahead < letters.interval
        ),
        f"shared minus from scratch {_points(shipped)}; minus the shipped network: digits "
        f"{_points(digits)}, letters {_points(letters)}",
    )


def _points(row: pd.Series) -> str:
    return f"{row.ahead:+.1f} ± {row.interval:.1f}"
