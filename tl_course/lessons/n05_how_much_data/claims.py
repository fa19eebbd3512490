"""What notebook 05 claims: which way to learn pays off with how many labels, and at what cost."""

import pandas as pd

from tl_course.core import advice
from tl_course.data.targets.handwritten import ALL
from tl_course.lessons import curves
from tl_course.lessons.claims import Claim, at_least, at_most, claim, listed
from tl_course.lessons.drawing import STYLES
from tl_course.lessons.n05_how_much_data import middle_ways, unlabelled
from tl_course.lessons.n05_how_much_data.experiments import (
    NEAR,
    labels_from_scratch,
    options_by_labels,
)
from tl_course.study import comparing

FORMS = curves.FORMS.items()
BORROWING, WITHOUT = ["option-1", "option-2"], ["scratch", "random-frozen"]


def _ahead(table: pd.DataFrame, arm: str, other: str, copies: bool) -> pd.DataFrame:
    """How far `arm` is ahead of `other` on the same draws, indexed by images, with a `verdict`."""
    rows = comparing.paired_arms(comparing.tuned(table), (arm, copies), (other, copies))
    return comparing.judged(rows)


def _each(rows: pd.DataFrame) -> str:
    form = "{0:,} digits: {1.ahead:+.2f} ± {1.interval:.2f}, {1.wins} of {1.draws} draws"
    return listed(dict(rows.iterrows()), form + " ({1.verdict})")


def _listed(named: dict[str, pd.Series], form: str = "{1:.1f}") -> str:
    """Named series as text, with each value in this form: "name: 1.0, 2.0; …"."""
    return listed({name: listed(values, form, ", ") for name, values in named.items()}, "{}: {}")


@claim("sweep")
def borrowing_leads(table: pd.DataFrame) -> Claim:
    """Both options against both controls, at every number of digits: rows of a sweep."""
    mean = 100 * comparing.plain(table).groupby(["arm", "images"]).accuracy.mean().unstack("arm")
    lead = mean[BORROWING].min(axis=1) - mean[WITHOUT].max(axis=1)
    return Claim(
        f"Without altered copies, with {lead.index.min():,} to {lead.index.max():,} labels, both "
        f"options are at least {at_least(lead.min(), 1)} points ahead of either network without "
        "pretraining.",
        bool(lead.min() > 0),
        _listed({"the smallest lead, in points": lead}, "{:,} labels {:.1f}"),
    )


@claim("sweep")
def copies_help_scratch_most(sweep: pd.DataFrame) -> Claim:
    """What altered copies add for each way to learn, on the same draws."""
    table, borrowing = comparing.tuned(sweep), [*BORROWING, "output-first"]
    gains = {
        arm: comparing.paired_arms(table, (arm, True), (arm, False)).set_index("images").ahead
        for arm in (*borrowing, *WITHOUT)
    }
    helped = min(gain.loc[:200].min() for gain in gains.values()) > 0
    most = all((gains["scratch"] > gains[arm]).all() for arm in borrowing)
    return Claim(
        "Up to two hundred digits, augmentation helps every way to learn, and a network from "
        f"scratch by far the most: it gains {gains['scratch'][10]:.0f} points with ten digits.",
        bool(helped and most and (gains["option-2"] > gains["option-1"]).all()),
        f"points gained with {', '.join(f'{n:,}' for n in gains['scratch'].index)} digits (Option "
        "2 a little more than Option 1, not always clearly): "
        + _listed({STYLES[arm][0]: gain for arm, gain in gains.items()}, "{1:+.1f}"),
    )


@claim("sweep")
def fixed_layers_are_a_ceiling(sweep: pd.DataFrame) -> Claim:
    """With copies, a network from scratch against Option 1 and against LP-FT."""
    arms = ("option-1", "output-first")
    option_1, first = (_ahead(sweep, "scratch", arm, copies=True) for arm in arms)
    return Claim(
        "With augmentation and five hundred digits, a network from scratch is "
        f"{option_1.ahead[500]:.1f} points ahead of Option 1, but on the course's test digits "
        "never ahead, on average, of training the output layer first and then everything.",
        bool(set(option_1.verdict[[500, 1000]]) == {"ahead"} and (first.ahead < 0).all()),
        f"from scratch minus Option 1, {_each(option_1)}; minus output layer first, {_each(first)}",
    )


THREE = "official", "tasks", "real_letters"
LATER = "handwritten letters"  # recorded after the decision table was written
FEW = 20  # labelled images per class, the most that every task was measured with


def _by_task(rows: dict[str, pd.DataFrame]) -> str:
    """Rows of `experiments.ahead_by_labels` as text."""
    form = "{0:g} per class {1.ahead:+.1f} ± {1.interval:.1f} ({1.verdict})"
    return listed(
        {task: listed(dict(row.set_index("per_class").iterrows()), form, ", ")
         for task, row in rows.items()},
        "{}: {}", "; ",
    )  # fmt: skip


@claim(*THREE)
def few_labels_favour_frozen_layers(*tables: pd.DataFrame) -> Claim:
    """Option 2 against Option 1 without augmentation, with up to twenty labelled images a class."""
    compared = options_by_labels(*tables)[False]
    few = {task: rows[rows.per_class <= FEW] for task, rows in compared.items()}
    near = -few[NEAR].ahead
    return Claim(
        f"With the course's network, no augmentation and up to {FEW} labelled images per class, "
        "Option 2 is clearly ahead on none of the tasks; on the unseen objects it is "
        f"{near.min():.0f} to {near.max():.0f} points behind Option 1.",
        bool(
            all("ahead" not in set(rows.verdict) for rows in few.values())
            and set(few[NEAR].verdict) == {"behind"}
        ),
        f"Option 2 minus Option 1, {_by_task(few)}",
    )


@claim(*THREE)
def many_labels_favour_fine_tuning(*tables: pd.DataFrame) -> Claim:
    """Option 2 against Option 1: digits in both forms, every task with augmentation."""
    compared = options_by_labels(*tables)
    plain, augmented = (rows["digits"].set_index("per_class") for rows in compared.values())
    behind = {task for task, rows in compared[True].items() if "behind" in set(rows.verdict)}
    ahead = plain.loc[100:].verdict, augmented.loc[5:].verdict
    return Claim(
        "On digits, Option 2 is clearly ahead from a hundred labels per class on without "
        f"augmentation, and from five on with it, by up to {augmented.ahead.max():.1f} points.",
        bool(not behind and all(set(verdicts) == {"ahead"} for verdicts in ahead)),
        f"Option 2 minus Option 1, without augmentation, {_by_task(compared[False])}; with it, "
        f"{_by_task(compared[True])}",
    )


@claim(*THREE)
def the_table_is_never_clearly_wrong(*tables: pd.DataFrame) -> Claim:
    """The option that the decision table names against the other one, in all that was measured.

    The alphabets were recorded after the table was written.
    """
    lead, later, wrong = {}, [], False
    for augmented, compared in options_by_labels(*tables).items():
        for task, rows in compared.items():
            situation = advice.AUGMENTED if augmented else advice.PLAIN
            situation = advice.LIKE if task == NEAR else situation
            for row in rows.itertuples():
                option = advice.advised(situation, row.per_class)
                sign = {advice.OPTION_2: 1, advice.OPTION_1: -1}.get(option)
                if sign:
                    form = "with" if augmented else "without"
                    lead[f"{task}, {row.per_class:g} per class {form}"] = sign * row.ahead
                    later += [sign * row.ahead] if task == LATER else []
                    wrong |= sign * row.ahead < -row.interval
    return Claim(
        f"In {sum(points > 0 for points in lead.values())} of {len(lead)} measured cases, the "
        "table's option is ahead on average, and it is clearly behind in none; the table was made "
        f"from all of them but the {len(later)} of handwritten letters, which came after it.",
        not wrong,
        listed(lead, "{}: {:+.1f}", ", ") + " points ahead",
    )


@claim("official")
def borrowing_matters_little_with_all(official: pd.DataFrame) -> Claim:
    """Every way to borrow against training from scratch, with all 55,000 labels: `official`."""
    frozen, moving = (
        {
            f"{STYLES[arm][0]}, {form}": _ahead(official, arm, "scratch", copies).loc[ALL]
            for arm in arms
            for copies, form in FORMS
        }
        for arms in (["option-1"], ["option-2", "output-first"])
    )
    few = _ahead(official, "option-1", "scratch", copies=False).ahead[10]
    most = max(row.ahead for row in moving.values())
    return Claim(
        f"With ten digits and no augmentation, Option 1 is {few:.0f} points ahead of a network "
        f"from scratch; with all {ALL:,} it is behind, and no way to use pretrained layers is "
        f"ahead by more than {at_most(max(0, most), 1)}.",
        bool(
            few > 10
            and all(abs(row.ahead) < 0.5 for row in moving.values())
            and all(row.verdict == "behind" for row in frozen.values())
        ),
        "minus from scratch, "
        + listed({**frozen, **moving}, "{0}: {1.ahead:+.2f} ± {1.interval:.2f} ({1.verdict})"),
    )


@claim("sweep", "official")
def borrowing_saves_labels(sweep: pd.DataFrame, official: pd.DataFrame) -> Claim:
    """The labels needed from scratch to equal Option 1 with fifty, without and with copies."""
    needed = {
        form: pd.Series(
            [labels_from_scratch(rows, "option-1", 50, copies) for rows in (sweep, official)]
        )
        for copies, form in FORMS
    }
    plain, copies = needed.values()
    here, there = plain / 50
    return Claim(
        f"To match Option 1 with fifty labels, a network from scratch needs about {here:.0f} times "
        f"as many on the course's test digits, and {there:.0f} times as many on the official test; "
        "with augmentation for both, less than twice as many.",
        bool((plain > 150).all() and (copies < 100).all()),
        "labels needed from scratch on the course's test digits and on the official test, "
        + _listed(needed, "{1:,.0f}"),
    )


@claim()
def borrowing_serves_other_tasks(lead: dict[str, float]) -> Claim:
    """`lead` of Option 1 over random layers with one image per class: accuracy (0 … 1), by task."""
    least = min(lead.values())
    return Claim(
        "With one labelled image of each class, pretrained layers are at least "
        f"{at_least(100 * least)} points ahead of random layers, both on letters and on unseen "
        "objects.",
        bool(least > 0),
        ", ".join(f"{name}: {100 * points:.1f} points ahead" for name, points in lead.items()),
    )


@claim("sweep")
def output_layer_first_leads(sweep: pd.DataFrame) -> Claim:
    """LP-FT against each option, with 50 to 200 digits and without copies."""
    against = [_ahead(sweep, "output-first", arm, copies=False).loc[50:200] for arm in BORROWING]
    least = min(rows.ahead.min() for rows in against)
    return Claim(
        "With fifty to two hundred digits and no augmentation, training the output layer first "
        f"and then everything is at least {at_least(least, 1)} points ahead of either option.",
        bool(least > 0),
        "; ".join(f"against Option {i}, {_each(rows)}" for i, rows in enumerate(against, 1)),
    )


@claim("forgetting")
def labels_cure_overfitting_not_forgetting(forgetting: pd.DataFrame) -> Claim:
    """Training minus test accuracy of both options, and what is still known of the source."""
    tuned = comparing.tuned(forgetting)
    by = 100 * tuned.groupby(["arm", "images"])[["training", "test", "accuracy"]].mean()
    gaps = {STYLES[arm][0]: by.loc[arm].training - by.loc[arm].test for arm in BORROWING}
    before = by.accuracy["before", 0] / 100
    option_1, two = (by.loc[arm].accuracy / before for arm in BORROWING)
    same = 100 * forgetting.drop(tuned.index).groupby("images").accuracy.mean() / before
    less = all(gap.is_monotonic_decreasing for gap in gaps.values())
    more = max(two.loc[50:].max(), same.max()) < two[10]
    known = {"Option 2": two, "with the settings for fifty": same, "Option 1": option_1}
    return Claim(
        "More digits cure the overfitting of both options, but not the forgetting of Option 2: of "
        f"100 drawings known before, it still knows {two[10]:.0f} after ten digits and fewer after "
        "more.",
        bool(less and more and option_1.round(1).nunique() == 1),
        f"training minus test accuracy, {_listed(gaps, '{:,} digits {:.1f}')}; still known, of 100 "
        f"drawings known before, {_listed(known, '{:,} digits {:.0f}')}",
    )


@claim("official", "middle_ways")
def no_middle_way_leads(official: pd.DataFrame, between: pd.DataFrame) -> Claim:
    """Ways between the options against output layer first: rows of `official`, `middle_ways`."""
    rows = middle_ways.compared_ways(official, between, "output-first")
    rows = rows[rows.way.isin(middle_ways.WAYS)]
    leading = rows[rows.ahead > rows.interval]
    return Claim(
        "With fifty and two hundred digits, no way between the options is clearly ahead of "
        f"training the output layer first; the best one is ahead by {rows.ahead.max():.1f} points.",
        leading.empty,
        "minus output layer first: "
        + "; ".join(
            f"{row.way}, {row.images} digits {dict(FORMS)[row.augmented]} {row.ahead:+.2f} "
            f"± {row.interval:.2f}"
            for row in rows.itertuples()
        ),
    )


def _lead_of_borrowing(table: pd.DataFrame, *by: str) -> tuple[pd.DataFrame, pd.Series]:
    """Means in % of each arm without copies, and how far both options lead all other ways."""
    mean = 100 * comparing.plain(table).groupby([*by, "arm"]).accuracy.mean().unstack()
    return mean, mean[BORROWING].min(axis=1) - mean[[*WITHOUT, "classical"]].max(axis=1)


@claim("unlabelled")
def unlabelled_digits_help_if_alike(table: pd.DataFrame) -> Claim:
    """Features centred by unlabelled digits against features as they are: rows of `unlabelled`."""
    arms = table.assign(arm=table.heap + table.unlabelled.astype(str))
    few, alike, threes = (
        {copies: _ahead(arms, heap, f"{unlabelled.NOT_CENTRED}0", copies) for copies, _ in FORMS}
        for heap in (
            f"{unlabelled.RANDOM}20", f"{unlabelled.RANDOM}500", f"{unlabelled.HALF_THREES}500"
        )
    )  # fmt: skip
    gained, lost = alike[True].ahead, threes[True].ahead
    return Claim(
        f"With augmentation, five hundred unlabelled digits are worth {gained[10]:.1f} points with "
        f"ten labels and {gained[50]:.1f} with fifty; if half of them are threes, they cost "
        f"{-lost[10]:.1f} and {-lost[50]:.1f}.",
        all(
            set(alike[copies].verdict.loc[:50]) == {"ahead"}
            and set(threes[copies].verdict) == {"behind"}
            and few[copies].verdict[50] == "behind"
            for copies, _ in FORMS
        ),
        "; ".join(
            f"{heap}, {form}, {_each(rows[copies])}"
            for heap, rows in (
                ("500 random digits", alike), ("twenty random digits", few),
                ("500, half of them threes", threes),
            )
            for copies, form in FORMS
        ),
    )  # fmt: skip


@claim("tasks")
def borrowing_leads_on_other_tasks(tasks: pd.DataFrame) -> Claim:
    """Both options against every way without borrowing, on letters and on unseen things."""
    _, lead = _lead_of_borrowing(tasks, "task", "each")
    return Claim(
        "With one, five or twenty labelled images of each letter or unseen object, and no "
        f"augmentation, both options are at least {at_least(lead.min())} points ahead of every way "
        "without pretraining.",
        bool(lead.min() > 10),
        listed(lead, "{0[0]}, {0[1]} of each: {1:+.1f}", ", "),
    )


@claim("real_letters")
def borrowing_leads_on_real_letters(letters: pd.DataFrame) -> Claim:
    """Both options against every way without borrowing, on handwritten letters: `real_letters`."""
    by, lead = _lead_of_borrowing(letters, "each", "alphabet")
    mean = by.groupby("each").mean()
    return Claim(
        "In each of five alphabets, with one and with five drawings of each letter, both options "
        f"are at least {at_least(lead.min())} points ahead of every way without pretraining.",
        bool(lead.min() > 5),
        "mean of the five alphabets with one and with five: "
        + _listed({STYLES[arm][0]: mean[arm] for arm in mean}, "{1:.0f}"),
    )


@claim("which_layers")
def every_borrowed_layer_helps(cuts: pd.DataFrame) -> Claim:
    """Accuracy with the first k layers borrowed, or random: rows of `which_layers`."""
    by = 100 * cuts.groupby(["first", "then", "k"]).accuracy.mean()
    moving, still = by["pretrained", "trained"], by["pretrained", "fixed"]
    random = by["random", "fixed"]
    more = moving.is_monotonic_increasing and still.is_monotonic_increasing
    every = {
        "pretrained, then trained": moving,
        "pretrained, frozen": still,
        "random, frozen": random,
    }
    return Claim(
        "Each pretrained layer adds something, trained or frozen, and all four frozen ones "
        f"together add {still[4] - moving[0]:.0f} points; frozen random layers are no help, "
        "however many there are.",
        bool(more and still.iloc[0] > moving[0] and random.max() < moving[0]),
        _listed(every, "{} layers {:.1f}"),
    )


@claim("sources")
def renders_and_shapes_matter(sources: pd.DataFrame) -> Claim:
    """Option 1 with fifty digits, by the classes, renders and style of the pretraining."""
    rows = sources[sources.images == 50].set_index("question")
    columns = {"classes": "classes", "images": "images_seen", "style": "style"}
    classes, renders, style = (
        100 * rows.loc[name].groupby(column).accuracy.mean() for name, column in columns.items()
    )
    more = classes.loc[:100].is_monotonic_increasing and renders.is_monotonic_increasing
    lost = style.drop("colour only").min() - style["colour only"]
    return Claim(
        "With fifty digits, layers pretrained on more renders, or on more classes up to a "
        "hundred, do better; layers pretrained on pictures in plain colour alone do "
        f"{style['all styles'] - style['colour only']:.0f} points worse.",
        bool(more and lost > 5 and abs(style["all styles"] - style["line art only"]) < 2),
        _listed({"classes": classes, "renders": renders}, "{:,} {:.1f}")
        + "; "
        + _listed({"style": style}, "{} {:.1f}"),
    )


@claim("sources")
def varied_sources_serve_better(sources: pd.DataFrame) -> Claim:
    """Option 1 with fifty digits, by the classes in equally many pretraining pictures."""
    rows = sources[(sources.question == "classes") & (sources.images == 50)]
    mean = 100 * rows.groupby("classes").accuracy.mean()
    few, more = mean[100] - mean[10], mean[1000] - mean[100]
    return Claim(
        f"After equally many pictures, layers pretrained on 100 classes are {few:.0f} points "
        "ahead of layers pretrained on 10; 1,000 classes change that by only "
        f"{more:+.1f}.",
        bool(few > 3 and abs(more) < 2),
        f"with fifty labels and Option 1, after {rows.images_seen.max():,} pictures each: "
        + listed(mean, "{:,} classes {:.1f}", ", ")
        + f" ({rows.pretraining.nunique()} pretraining runs each)",
    )


@claim("sweep")
def one_recipe_costs_little(sweep: pd.DataFrame) -> Claim:
    """One fixed recipe against tuned settings, for every way to borrow."""
    rows = comparing.recipes(sweep).query("arm in ['option-1', 'option-2', 'output-first']")
    ten = rows.query("images == 10 and arm != 'output-first'").ahead
    each = rows.set_index(["arm", "augmented", "images"]).ahead
    return Claim(
        f"With ten digits one recipe for all costs the options up to {-ten.min():.1f} points; with "
        "fifty and two hundred it costs every pretrained network less than one.",
        bool(rows.query("images > 10").ahead.min() > -1 and ten.between(-4, 0).all()),
        "; ".join(
            f"{STYLES[arm][0]}, {images}{' and augmentation' if copies else ''}: {ahead:+.1f}"
            for (arm, copies, images), ahead in each.items()
        ),
    )


@claim("push")
def copies_give_most_with_few_digits(push: pd.DataFrame) -> Claim:
    """Gains by step of `push`: altered copies with few digits, training all layers with many."""
    mean = 100 * push.groupby(["images", "step"], sort=False).accuracy.mean().unstack("images")
    start, copies = mean.loc["Option 1"], mean.loc["Option 1 with altered copies"]
    views = mean.loc["the same, several views at test time"]
    moving, best = mean.loc["then everything"], mean.max()
    few = all(copies[n] - start[n] > best[n] - copies[n] for n in (10, 50))
    many = copies[1000] - start[1000] < 0.1 < moving[1000] - copies[1000]
    steps = {
        "Option 1": start,
        "with augmentation": copies,
        "with several views at test time": views,
    }
    return Claim(
        f"With ten digits augmentation gains {copies[10] - start[10]:.0f} points, more than all "
        "later steps together; with a thousand, training all layers is what helps.",
        bool(few and many and (views - copies).abs().max() < 0.5),
        _listed({**steps, "then everything": moving, "best": best}, "{:,} digits {:.1f}"),
    )
