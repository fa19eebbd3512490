"""What notebook 03 claims."""

import pandas as pd

from tl_course.lessons.claims import Claim, claim, level_with_library
from tl_course.study import comparing


@claim()
def frozen_is_frozen(before: str, after: str, numbers: int) -> Claim:
    """Fingerprints of the four frozen layers, of `numbers` weights, before and after Option 1."""
    return Claim(
        f"Option 1 left all {numbers:,} numbers of the four pretrained layers as they were.",
        before == after,
        "the fingerprints are identical" if before == after else "the fingerprints differ",
    )


@claim()
def option_1_by_hand_is_the_same(by_hand: float, library: float) -> Claim:
    """Accuracies, 0 … 1, of Option 1 in plain PyTorch and in the library, on one draw."""
    return level_with_library("Option 1 by hand", by_hand, library)


@claim("sweep")
def option_1_beats_its_rivals(table: pd.DataFrame) -> Claim:
    """In a sweep, Option 1 is ahead of each of three rivals, with ten and with fifty digits."""
    mean = 100 * comparing.plain(table).groupby(["arm", "images"]).accuracy.mean()
    best = {n: max(mean[r, n] for r in ("scratch", "random-frozen", "classical")) for n in (10, 50)}
    lead = {n: mean["option-1", n] - best[n] for n in best}
    return Claim(
        f"With ten labelled digits, Option 1 is {lead[10]:.0f} points ahead of the best of its "
        "three rivals, and with fifty it is ahead of each of them, too.",
        bool(min(lead.values()) > 0),
        f"ahead of the best rival by {lead[10]:.1f} points with ten digits and by {lead[50]:.1f} "
        "with fifty",
    )


@claim("forms")
def layers_ignore_what_pretraining_varied(table: pd.DataFrame) -> Claim:
    """In other forms: inverting ruins only random layers, swapping rows and columns ruins both."""
    mean = 100 * table.groupby(["arm", "form"]).accuracy.mean()
    loss = {key: mean[key[0], "as they are"] - mean[key] for key in mean.index}
    harmless = loss.pop(("option-1", "inverted"))
    ruined = {key: points for key, points in loss.items() if key[1] != "as they are"}
    losses = ", ".join(f"{arm}, {form}: −{points:.0f}" for (arm, form), points in ruined.items())
    return Claim(
        "After learning from fifty unaltered digits, pretrained layers lose only "
        f"{harmless:.1f} points on inverted ones, and random layers fail; with rows and columns "
        "swapped, both fail.",
        bool(harmless < 5 and min(ruined.values()) > 30),
        f"option-1, inverted: −{harmless:.1f}, {losses} points",
    )
