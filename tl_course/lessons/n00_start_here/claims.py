"""What notebook 00 claims."""

import pandas as pd

from tl_course.lessons.claims import Claim, claim
from tl_course.study import comparing


@claim("sweep")
def what_it_saw_before_helps(table: pd.DataFrame) -> Claim:
    """In a sweep, Option 1 is at least ten points ahead of random frozen layers."""
    mean = 100 * comparing.plain(table).groupby(["arm", "images"]).accuracy.mean()
    gain = {n: mean["option-1", n] - mean["random-frozen", n] for n in (10, 50)}
    return Claim(
        f"With ten labelled digits, pretrained layers are {gain[10]:.0f} points ahead of random "
        f"ones, and with fifty still {gain[50]:.0f}.",
        bool(min(gain.values()) >= 10),
        f"{gain[10]:+.0f} points with ten digits, {gain[50]:+.0f} points with fifty",
    )
