"""The numbers that notebook 00 takes from a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def digits_right(table: pd.DataFrame, arm: str, images: int) -> float:
    """The percentage that `arm` gets right with `images` labels: the mean over the draws."""
    from tl_course.study import comparing  # needs pandas, which the pad can do without

    rows = comparing.plain(table)[lambda rows: (rows.arm == arm) & (rows.images == images)]
    return 100 * rows.accuracy.mean()
