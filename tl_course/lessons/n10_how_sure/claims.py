"""What notebook 10 claims: what holds over draws, over test digits, and over pretrainings."""

import pandas as pd

from tl_course.lessons.claims import Claim, at_least, claim, listed, sizes_in_words
from tl_course.lessons.n10_how_sure import protocols
from tl_course.study import comparing

FORMS = {False: "without copies", True: "with copies"}.items()


@claim("official", "pretrainings")
def few_labels_leave_the_options_level(official: pd.DataFrame, again: pd.DataFrame) -> Claim:
    """Option 2 against Option 1, no copies, over pretrainings: `official`, `pretrainings`."""
    rows = _in_networks(official, again, "option-2", "option-1", copies=False)
    few, of_ten = rows.loc[:200], rows["each"][10]
    return Claim(
        "Networks that were pretrained in the same way disagree: with ten digits and no copies, "
        f"Option 2 is between {-of_ten.min():.1f} points behind and {of_ten.max():.1f} ahead, and "
        f"with {sizes_in_words(few.index)} digits neither option is certainly ahead.",
        bool(of_ten.min() < 0 < of_ten.max() and set(few.verdict) == {"not certain"}),
        "Option 2 minus Option 1, " + _each_network(rows),
    )


@claim("official", "pretrainings")
def moving_pays_with_copies(official: pd.DataFrame, again: pd.DataFrame) -> Claim:
    """With altered copies, Option 2 is ahead from fifty digits on, with each pretrained network."""
    rows = _in_networks(official, again, "option-2", "option-1", copies=True)
    many = rows.loc[50:]
    return Claim(
        f"With {sizes_in_words(many.index)} digits and altered copies, Option 2 is ahead with each "
        f"network, by {many.ahead.min():.1f} to {many.ahead.max():.1f} points on average.",
        bool(set(many.verdict) == {"ahead"} and (many.wins == many.draws).all()),
        "Option 2 minus Option 1, " + _each_network(rows),
    )


@claim("official", "pretrainings")
def borrowing_pays_with_each_network(official: pd.DataFrame, again: pd.DataFrame) -> Claim:
    """Option 1 against training from scratch, and LP-FT against Option 1, over pretrainings."""
    every = {
        f"{name}, {form}": _in_networks(official, again, *arms, copies)
        for name, arms in (
            ("Option 1 minus from scratch", ("option-1", "scratch")),
            ("output layer first minus Option 1", ("output-first", "option-1")),
        )
        for copies, form in FORMS
    }
    borrowed, borrowed_copies, first, first_copies = every.values()
    least = min(rows["each"][10].min() for rows in (borrowed, borrowed_copies))
    certain = [rows.verdict.loc[:50] for rows in (borrowed, borrowed_copies)]
    certain += [rows.verdict.loc[50:] for rows in (first, first_copies)]
    return Claim(
        f"Whichever of the networks is borrowed, with ten digits it is at least {at_least(least)} "
        "points ahead of one from scratch; and with fifty and more, output layer first is ahead of "
        "Option 1.",
        all(set(verdicts) == {"ahead"} for verdicts in certain),
        "; ".join(f"{name}: {_each_network(rows)}" for name, rows in every.items()),
    )


def _in_networks(
    official: pd.DataFrame, again: pd.DataFrame, arm: str, other: str, copies: bool
) -> pd.DataFrame:
    """How far `arm` is ahead of `other`, over pretrainings; `each` has the single networks."""
    rows = comparing.over_pretrainings(official, again, (arm, copies), (other, copies))
    return comparing.judged(rows)


def _each_network(rows: pd.DataFrame) -> str:
    points = {
        images: ", ".join(f"{value:+.1f}" for value in row["each"])
        + f" (mean {row.ahead:+.2f} ± {row.interval:.2f}, {row.verdict})"
        for images, row in rows.iterrows()
    }
    return listed(points, "{:,} digits: {}")


@claim("protocols")
def few_published_networks_do_better(table: pd.DataFrame) -> Claim:
    """Sixteen labels per class, the official test, one classifier for all: rows of `protocols`."""
    published = protocols.published()
    ours = protocols.sixteen_of_each(table)
    same, best = ours.accuracy[protocols.REGRESSION], ours.accuracy.max()
    better = int((published.accuracy > same).sum())
    return Claim(
        "With sixteen labels of each digit and the same classifier, features of these five layers "
        f"get {same:.1f} of 100 right, and only {better} of {len(published)} published networks "
        f"get more; the course's own ways get up to {best:.1f}.",
        bool(better < 5 and best > published.accuracy.max()),
        listed(dict(ours.iterrows()), "{0}: {1.accuracy:.1f} ({1.lowest:.1f} to {1.highest:.1f})")
        + "; published: "
        + listed(
            dict(published.set_index("model").iloc[[0, -1]].iterrows()),
            "{0} {1.accuracy:.1f} ({1.lowest:.1f} to {1.highest:.1f})", ", ",
        ),
    )  # fmt: skip
