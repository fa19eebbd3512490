"""What notebook 10 claims: what holds over draws, over test digits, and over pretrainings."""

import pandas as pd

from tl_course.lessons.claims import Claim, at_least, claim, listed, sizes_in_words
from tl_course.lessons.curves import FORMS
from tl_course.lessons.n10_how_sure import experiments, protocols
from tl_course.study import comparing


@claim("sweep")
def one_draw_proves_little(sweep: pd.DataFrame) -> Claim:
    """The best and the worst draw of Option 1 with augmentation: rows of a sweep."""
    by = experiments.lucky_draws(sweep)
    wide = {images: values.max() - values.min() for images, values in by.items()}
    return Claim(
        f"With Option 1 and augmentation, the best and the worst of {len(by[10])} draws are "
        f"{wide[10]:.0f} points apart with ten digits, {wide[50]:.0f} with fifty and "
        f"{wide[200]:.0f} with two hundred.",
        bool(wide[10] > 5 and wide[10] > wide[50] > wide[200] > 0),
        listed(
            {images: (values.min(), values.max()) for images, values in by.items()},
            "{0:,} digits: {1[0]:.1f}% to {1[1]:.1f}%",
        ),
    )


@claim("sweep")
def pairing_removes_shared_luck(sweep: pd.DataFrame) -> Claim:
    """LP-FT against Option 1 with fifty digits, draw by draw and as two separate sets of draws."""
    both = experiments.compared(sweep)
    ahead = both.differences.mean()
    return Claim(
        f"With fifty digits and no augmentation, LP-FT is {ahead:.2f} points ahead of Option 1: ± "
        f"{both.paired:.2f} draw by draw, which is clear, and ± {both.separate:.2f} as two "
        "separate sets of draws, which would not be.",
        bool(both.paired < ahead < both.separate),
        f"standard deviation over draws: LP-FT {both.first.std(ddof=1):.2f}, Option 1 "
        f"{both.other.std(ddof=1):.2f}, their difference {both.differences.std(ddof=1):.2f} "
        "points; these intervals allow for other draws only",
    )


@claim("sweep")
def about_one_in_twenty_misses(sweep: pd.DataFrame) -> Claim:
    """Intervals from ten of the recorded differences, as if these were all that there are."""
    differences = experiments.compared(sweep).differences
    share = 100 * experiments.intervals(differences, times=experiments.MANY).misses.mean()
    return Claim(
        f"Of {experiments.MANY:,} such intervals, {share:.1f}% miss the true mean.",
        bool(3 < share < 8),
        f"each from {experiments.DRAWS} of {len(differences)} recorded differences, put back; "
        f"their mean, here the true one, is {differences.mean():.2f} points",
    )


@claim("official", "pretrainings")
def one_of_five_findings_falls(official: pd.DataFrame, again: pd.DataFrame) -> Claim:
    """`FINDINGS` with the course's network and over three: rows of `official`, `pretrainings`."""
    rows = experiments.findings(official, again)
    fallen = rows[~rows.survives]
    name, row = next(fallen.iterrows(), next(rows.iterrows()))
    larger = (rows.drop(name).ahead < row.ahead).sum()
    return Claim(
        "All five differences are clear with the course's network; over three pretrainings "
        f"“{name}” is not clear any more, although its {row.ahead:.1f} points are more than those "
        f"of {larger} others.",
        bool(rows.clear.all() and len(fallen) == 1 and larger > 1),
        listed(
            dict(rows.iterrows()),
            "{0}: {1.ahead:+.2f} ± {1.interval:.2f}, over three networks {1.over:+.2f} ± "
            "{1.half:.2f}",
        ),
    )


@claim("official")
def the_best_of_many_looks_better(official: pd.DataFrame) -> Claim:
    """One network on twenty small tests, again and again: rows of `official`."""
    asked = experiments.asked_often(official)
    return Claim(
        f"The best of {experiments.TESTS} tests of {experiments.SIZE} digits looks "
        f"{asked.too_high:.1f} points better than the network is, on average.",
        bool(asked.too_high > 1),
        f"{experiments.ROUNDS:,} rounds; on all test digits it gets {asked.truth:.1f}% right",
    )


@claim("official", "pretrainings")
def few_labels_leave_the_options_level(official: pd.DataFrame, again: pd.DataFrame) -> Claim:
    """Option 2 against Option 1, no augmentation, over pretrainings: `official`, `pretrainings`."""
    rows = _in_networks(official, again, "option-2", "option-1", copies=False)
    few, of_ten = rows.loc[:200], rows["each"][10]
    return Claim(
        "Networks that were pretrained in the same way disagree: with ten digits and no "
        f"augmentation, Option 2 is between {-of_ten.min():.1f} points behind and "
        f"{of_ten.max():.1f} ahead, and with {sizes_in_words(few.index)} digits neither option is "
        "clearly ahead.",
        bool(of_ten.min() < 0 < of_ten.max() and set(few.verdict) == {"not clear"}),
        "Option 2 minus Option 1, " + _each_network(rows),
    )


@claim("official", "pretrainings")
def moving_pays_with_copies(official: pd.DataFrame, again: pd.DataFrame) -> Claim:
    """With augmentation, Option 2 is ahead from fifty digits on, with each pretrained network."""
    rows = _in_networks(official, again, "option-2", "option-1", copies=True)
    many = rows.loc[50:]
    return Claim(
        f"With {sizes_in_words(many.index)} digits and augmentation, Option 2 is ahead with each "
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
        for copies, form in FORMS.items()
    }
    borrowed, borrowed_copies, first, first_copies = every.values()
    least = min(rows["each"][10].min() for rows in (borrowed, borrowed_copies))
    expected = [rows.verdict.loc[:50] for rows in (borrowed, borrowed_copies)]
    expected += [rows.verdict.loc[50:] for rows in (first, first_copies)]
    return Claim(
        f"With ten digits, Option 1 is at least {at_least(least)} points ahead of a network from "
        "scratch, whichever of the networks it uses; with fifty or more, output layer first "
        "(LP-FT) is ahead of Option 1.",
        all(set(verdicts) == {"ahead"} for verdicts in expected),
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
        f"get {same:.1f}% right, and only {better} of {len(published)} published networks get "
        f"more; the course's own ways get up to {best:.1f}%.",
        bool(better < 5 and best > published.accuracy.max()),
        listed(dict(ours.iterrows()), "{0}: {1.accuracy:.1f} ({1.lowest:.1f} to {1.highest:.1f})")
        + "; published: "
        + listed(
            dict(published.set_index("model").iloc[[0, -1]].iterrows()),
            "{0} {1.accuracy:.1f} ({1.lowest:.1f} to {1.highest:.1f})", ", ",
        ),
    )  # fmt: skip
