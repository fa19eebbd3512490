"""What notebook 10 reads out of the recorded tables."""

import pandas as pd

from tl_course.lessons.n10_how_sure.protocols import published as published  # for the notebook
from tl_course.study import comparing


def fifties(recorded: pd.DataFrame) -> pd.DataFrame:
    """Which test digits Option 1 with copies gets right: bool, one row for each set of fifty."""
    return comparing.right(comparing.tuned(recorded), "option-1", True, 50)


def how_they_differ(right: pd.DataFrame) -> str:
    """How the sets of fifty digits differ, in sentences; `right` is from `fifties`."""
    often, each = right.mean(), 100 * right.mean(axis=1)  # per test digit, per set
    return (
        f"{len(each)} recorded sets of fifty digits (with seed 0, yours is one of them) get "
        f"between {each.min():.1f} and {each.max():.1f} of 100 right. Of 100 test digits, "
        f"{100 * (often == 1).mean():.0f} are right after every set, "
        f"{100 * ((0 < often) & (often < 1)).mean():.0f} after some, and "
        f"{100 * (often == 0).mean():.1f} after none."
    )


def ahead_in_networks(
    official: pd.DataFrame, again: pd.DataFrame, arm: str, other: str
) -> dict[tuple[str, bool], pd.DataFrame]:
    """How far `arm` is ahead of `other`, over pretrainings: rows of `official`, `pretrainings`."""
    return {
        (other, form): comparing.over_pretrainings(official, again, (arm, form), (other, form))
        for form in (False, True)
    }
