"""What notebook 01 claims."""

import pandas as pd

from tl_course.lessons.claims import Claim, claim


@claim("pretraining")
def it_learns_to_name_things(table: pd.DataFrame) -> Claim:
    """After the shortest pretraining, a network names more than half of fresh pictures."""
    short = table.sort_values("images").iloc[0]
    return Claim(
        f"After {short.images:,.0f} pictures, a network names {100 * short.accuracy:.0f}% of "
        "fresh ones correctly, where guessing would name one in a thousand.",
        bool(short.accuracy > 0.5),
        f"{100 * short.accuracy:.1f}% after {short.images:,.0f} pictures (two cores train on as "
        "many in a minute or two)",
    )


@claim()
def batchnorm_melts_away(difference: float, largest: float) -> Claim:
    """The largest `difference` of scores with and without BatchNorm, and the `largest` score."""
    return Claim(
        "Without BatchNorm the network computes the same function: no score changes by more than "
        f"{difference:.1e}.",
        bool(difference < 1e-3),
        f"largest difference {difference:.1e} between scores of size {largest:.1f}",
    )
