"""What notebook 00 reads out of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def right_of_100(table: pd.DataFrame, arm: str, images: int) -> float:
    """What an arm of a sweep gets right of 100 with so many digits, on average over the draws."""
    from tl_course.study import comparing  # pandas, which the pad need not wait for

    rows = comparing.plain(table)[lambda rows: (rows.arm == arm) & (rows.images == images)]
    return 100 * rows.accuracy.mean()
