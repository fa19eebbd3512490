"""What notebook 04 claims: when Option 2 overfits, what it forgets, which option is ahead."""

import pandas as pd

from tl_course.base import stats
from tl_course.lessons.claims import Claim, at_least, at_most, claim, level_with_library, listed
from tl_course.lessons.n04_option_2_fine_tune.experiments import (
    gain_on_letters,
    option_2_minus_option_1,
)
from tl_course.study import comparing, forgetting
from tl_course.study.trials import decimal

LAYERS = [f"moved_{number}" for number in (1, 2, 3, 4)]


def _costs(table: pd.DataFrame) -> tuple[float, pd.DataFrame, pd.Series, pd.DataFrame]:
    """Means in % up to 200 digits: before, Option 1, Option 2 with large and with small steps."""
    left = table[table.images <= 200]
    by = 100 * left.groupby(["arm", "settings", "images"])[["accuracy", *LAYERS]].mean()
    two, large = by.loc["option-2"], ("tuned", 200)
    return by.accuracy["before"].item(), by.loc["option-1"], two.loc[large], two.drop(large)


@claim()
def option_2_by_hand_is_the_same(by_hand: float, library: float) -> Claim:
    """Accuracies, 0 … 1, of Option 2 in plain PyTorch and in the library, on one draw."""
    return level_with_library("Option 2 by hand", by_hand, library)


@claim("by_hand")
def large_steps_ruin_option_2(table: pd.DataFrame) -> Claim:
    """Option 2 by hand with two learning rates, on the same ten draws of fifty digits."""
    rows = table[(table.arm == "option-2") & (table.made == "by hand")]
    by = 100 * rows.pivot(index="draw", columns="rate", values="accuracy")
    small, large = by[by.columns.min()], by[by.columns.max()]
    lost = stats.paired(small, large, draw=0)
    low, high = decimal(by.columns.min()), decimal(by.columns.max())
    return Claim(
        f"With fifty digits and a learning rate of {high} instead of {low}, Option 2 loses "
        f"{lost.mean:.1f} points.",
        bool(lost.mean - lost.half > 3),
        f"{small.mean():.1f} ± {small.std():.1f} and {large.mean():.1f} ± {large.std():.1f}% "
        f"over {len(by)} draws (± one SD); the difference is {lost.mean:.1f} ± {lost.half:.1f}, "
        f"worse in {(large < small).sum()} of {len(by)} draws",
    )


@claim("overfitting")
def both_options_overfit(curves: pd.DataFrame) -> Claim:
    """Training and test accuracy with ten digits, at the last step."""
    last = curves[curves.step == curves.step.max()]
    last = 100 * last.groupby(["arm", "part"]).accuracy.mean().unstack()
    gap = last.training - last.test
    return Claim(
        "With ten digits, both options get every training digit right and at least "
        f"{gap.min():.0f}% of the test digits wrong: they overfit.",
        bool(gap.min() > 10 and (last.training == 100).all()),
        f"the gap between training and test is {gap['option-1']:.0f} points for Option 1 and "
        f"{gap['option-2']:.0f} for Option 2",
    )


@claim("over_rates")
def freezing_guards_against_a_bad_rate(rates: pd.DataFrame) -> Claim:
    """Both options at six learning rates with equally many steps, on the same draws."""
    mean = 100 * rates.groupby(["images", "rate", "arm"])[["training", "accuracy"]].mean()
    ten, fifty = (mean.accuracy[images].unstack("arm") for images in (10, 50))
    small, large = 1e-4, 1e-3
    learnt = mean.training.unstack("arm").query("rate in (@small, @large)")
    lost = {n: by.loc[small] - by.loc[large] for n, by in ((10, ten), (50, fifty))}
    level = max(abs(by["option-2"] - by["option-1"])[small] for by in (ten, fifty))
    few, more = lost[10]["option-2"], lost[50]["option-2"]
    return Claim(
        "With a learning rate of 0.0001 both options do about equally well on new digits; with ten "
        f"times that rate, Option 2 loses {few:.0f} points with ten digits and {more:.0f} with "
        "fifty, and Option 1 hardly any.",
        bool(
            level < 2
            and few > 10
            and more > 4
            and max(lost[n]["option-1"] for n in lost) < 2
            and (learnt == 100).all(axis=None)
        ),
        "test accuracy at each rate, Option 1 and Option 2: "
        + "; ".join(
            f"{n} digits "
            + ", ".join(
                f"{decimal(rate)}: {row['option-1']:.1f} and {row['option-2']:.1f}"
                for rate, row in by.iterrows()
            )
            for n, by in ((10, ten), (50, fifty))
        )
        + " (100 steps each; with these two rates both get every training digit right)",
    )


@claim("forgetting", "sweep")
def freezing_hardly_helps(costs: pd.DataFrame, sweep: pd.DataFrame) -> Claim:
    """The gap between training and test accuracy with ten digits, on the same draws."""
    gaps = forgetting.overfitting_gaps(costs, comparing.plain(sweep), 10)
    most, quarter = gaps["larger"] + gaps["interval"], gaps["option-2"] / 4
    return Claim(
        "With ten digits and settings tuned for each option, training accuracy is "
        f"{gaps['option-2']:.1f} points above test accuracy for Option 2, and with four layers "
        f"frozen (Option 1) still {gaps['option-1']:.1f} points: freezing hardly helps.",
        bool(most < quarter),
        f"freezing makes the gap {gaps['larger']:.1f} points smaller on the same {gaps['draws']} "
        f"draws; the 95% confidence interval ends at {most:.1f} points, and a quarter of the gap "
        f"would be {quarter:.1f}",
    )


@claim("forgetting", "sweep", "equal_rates")
def freezing_never_helps_much(
    costs: pd.DataFrame, sweep: pd.DataFrame, equal: pd.DataFrame
) -> Claim:
    """The same gap at each number of digits, with tuned settings and with equal updates."""
    tuned = forgetting.gaps_by_size(costs, comparing.plain(sweep)).larger
    same = forgetting.gaps_by_size(equal, equal)
    most, unclear = max(tuned.max(), same.larger.max()), same.larger.abs() < same.interval
    return Claim(
        "From ten to a thousand digits, freezing makes the gap between training and test at most "
        f"{at_most(most, 1)} points smaller; with the same updates for both options, no difference "
        "between their gaps is clear.",
        bool(most < 2 and unclear.all()),
        "smaller by, as tuned, "
        + listed(tuned, "{:,} digits {:+.1f}", ", ")
        + "; with the same updates, "
        + listed(dict(same.iterrows()), "{0:,} digits {1.larger:+.1f} ± {1.interval:.1f}", ", "),
    )


@claim("forgetting")
def option_2_forgets(left: pd.DataFrame) -> Claim:
    """Accuracy on the 1,000 things after adapting to 10, 50 and 200 digits."""
    before, frozen, large, small = _costs(left)
    left_over = small.accuracy / before
    every = [*small.accuracy.items(), (large.name, large.accuracy)]
    return Claim(
        "With an output layer for each task, Option 1 forgets nothing; Option 2 forgets up to "
        f"{100 - 100 * left_over.min():.0f}% of what the network knew with small steps, and more "
        "than half with large ones.",
        bool(
            abs(frozen.accuracy - before).max() < 1e-9
            and large.accuracy < before / 2
            and left_over.between(0.7, 0.9).all()
        ),
        f"of 100 drawings, {before:.0f} were named correctly before; after Option 2, "
        + ", ".join(f"{known:.0f} ({n} digits, settings {how})" for (how, n), known in every),
    )


@claim("forgetting")
def steps_decide_what_is_forgotten(left: pd.DataFrame) -> Claim:
    """Forgetting by 200 digits with the settings for fifty, against fifty digits."""
    before, _, _, small = _costs(left)
    share = 100 * small.accuracy / before
    many, few = share[forgetting.CONTROL, 200], share["tuned", 50]
    return Claim(
        f"With the same small steps, the network still knows {many:.0f}% of what it knew after "
        "200 digits, about as much as after fifty.",
        bool(abs(many - few) < 5),
        f"{many:.1f} after 200 digits, {few:.1f} after 50",
    )


@claim("forgetting")
def small_steps_move_little(left: pd.DataFrame) -> Claim:
    """How far each layer moved, with small and with large steps."""
    _, _, large, small = _costs(left)
    large, small = large[LAYERS], small[LAYERS]
    return Claim(
        f"Small steps change the layers by at most {at_most(small.max().max())} percent, layer 2 "
        "most and layer 4 least; large steps change each layer at least three times as much.",
        bool(
            small.round().stack().between(1, 6).all()
            and (small.idxmax(axis=1) == "moved_2").all()
            and (small.idxmin(axis=1) == "moved_4").all()
            and (large > 3 * small.max()).all()
        ),
        f"{small.min().min():.1f} to {small.max().max():.1f} percent with the small steps, "
        f"{large.min():.1f} to {large.max():.1f} with the large",
    )


@claim("sweep")
def borrowing_beats_scratch(table: pd.DataFrame) -> Claim:
    """Both options against the same network from scratch."""
    mean = 100 * comparing.plain(table).groupby(["images", "arm"]).accuracy.mean().unstack()
    lead = (mean[["option-1", "option-2"]].min(axis=1) - mean.scratch)[[50, 200]]
    return Claim(
        "With 50 and with 200 digits, both options are at least "
        f"{at_least(lead.min(), 1)} points ahead of the same network from scratch.",
        bool(lead.min() > 0),
        ", ".join(f"at least {at_least(by, 1)} points with {n} digits" for n, by in lead.items()),
    )


@claim("tasks")
def fine_tuning_is_ahead_on_letters(tasks: pd.DataFrame) -> Claim:
    """Option 2 minus Option 1 on printed letters, with augmentation: rows of `tasks`."""
    rows = gain_on_letters(tasks)
    fewest, most = rows.itertuples()
    return Claim(
        "With augmentation and one labelled image of each letter, Option 2 is "
        f"{fewest.ahead:.1f} points ahead of Option 1.",
        comparing.verdict(fewest) == "ahead" and comparing.verdict(most) != "behind",
        "; ".join(
            f"{row.images} letters: {row.ahead:+.2f} ± {row.interval:.2f} points, Option 2 ahead "
            f"in {row.wins} of {row.draws} draws"
            for row in rows.itertuples()
        ),
    )


@claim("sweep")
def only_with_ten_is_one_option_ahead(sweep: pd.DataFrame) -> Claim:
    """Option 2 minus Option 1 on the same draws."""
    gain = option_2_minus_option_1(sweep)
    by = {row.images: comparing.verdict(row) for row in gain.itertuples()}
    ten = by.pop(10)
    return Claim(
        "With the course's network, Option 1 is ahead with ten labelled digits, by "
        f"{-gain.ahead[gain.images == 10].item():.1f} points; with 20 to 1,000 the confidence "
        "interval leaves open which option is ahead.",
        ten == "behind" and set(by.values()) == {"not clear"},
        "; ".join(
            f"{row.images:,} digits: {row.ahead:+.2f} ± {row.interval:.2f} points, Option 2 ahead "
            f"in {row.wins} of {row.draws} draws"
            for row in gain.itertuples()
        ),
    )
