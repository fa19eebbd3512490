"""The exercises of notebook 10: a paired comparison, intervals that miss, and a claim."""

import math
from collections.abc import Sequence

import numpy as np

from tl_course.lessons.exercises import (
    Exercise,
    called,
    expect,
    expect_unlike,
    returned,
    two_numbers,
)
from tl_course.study import comparing, results


def _close(number: float, other: float) -> bool:
    return math.isclose(number, other, rel_tol=2e-3, abs_tol=1e-6)


# ---------------------------------------------------------------------------- a paired comparison


def paired(a, b, t):
    """How far `a` is ahead of `b` on the same draws: the mean, and half of its 95% interval.

    `a` and `b` are numpy arrays of accuracies, in the order of the draws. `t` is Student's factor
    for that many draws: 2.26 for ten.
    """
    ...


def _check_paired(paired) -> None:
    expected = "two numbers: the mean difference, and half of its interval"
    rng = np.random.default_rng(4)
    for draws, t, lead in ((10, 2.2622, -1.2), (20, 2.0930, 0.8)):
        luck = 80 + 4 * rng.standard_normal(draws)  # of a draw, shared by both
        b = luck + 0.5 * rng.standard_normal(draws)
        a = luck + lead + 0.5 * rng.standard_normal(draws)
        changed = "Your function changes the accuracies that it is given."
        mean, half = two_numbers(called(paired, a, b, t, changed=changed), expected)
        difference = a - b
        right = float(difference.mean())
        spread, too_small = float(difference.std(ddof=1)), float(difference.std())
        error = spread / math.sqrt(draws)
        expect(
            not (_close(half, right) and not _close(mean, right)),
            order="The two numbers are in the wrong order: first the mean, then the half width.",
        )
        expect(
            not _close(mean, -right),
            direction="Your mean says how far `b` is ahead of `a`. You were asked how far `a` is "
            "ahead: above zero where `a` is better.",
        )
        expect(
            _close(mean, right),
            mean=f"Your mean difference is {mean:.2f}, and it should be {right:.2f}.",
        )
        apart = [math.sqrt((a.var(ddof=n) + b.var(ddof=n)) / draws) for n in (1, 0)]
        apart = [factor * error for factor in (t, 1.96) for error in apart]
        mistakes = {
            ("separate", *apart): "This is the interval for two separate sets of draws. Here both "
            "learnt from the same draws, so the luck of a draw cancels in its difference: take the "
            "spread of the *differences*.",
            ("negative", -t * error): "The half width is below zero: it must not depend on which "
            "way is ahead.",
            ("scatter", t * spread): "This is how far single draws scatter. A mean of n draws "
            "scatters less: divide by the square root of n.",
            ("root", t * spread / draws): "You divided by n. The standard error of a mean is the "
            "standard deviation over the *square root* of n.",
            ("ddof", t * too_small / math.sqrt(draws)): "The standard deviation is a little too "
            "small: with few draws divide by n − 1 (`ddof=1`; numpy's default is 0).",
            ("whole", 2 * t * error): "This is the whole width of the interval. You were asked for "
            "half of it, so that it is mean ± half.",
            ("factor", error, too_small / math.sqrt(draws)): "This is the standard error. A 95% "
            "interval is wider by Student's factor `t`.",
            ("many", 1.96 * error, 2 * error): "1.96 (or 2) is the factor for very many draws. "
            "With this few the standard deviation itself is uncertain, so take `t`.",
            ("one_side", 1.833 * error, 1.645 * error): "This factor leaves out 5% on one side. A "
            "95% interval leaves out 2.5% on each.",
        }
        expect_unlike(lambda other, half=half: _close(half, other), mistakes)
        expect(
            _close(half, t * error),
            half=f"With {draws} draws your half width is {half:.3f}, and it should be "
            f"{t * error:.3f}.",
        )


comparison = Exercise(
    "10.comparison",
    paired,
    _check_paired,
    (
        "Make one array out of two first: how far `a` is ahead in each draw.",
        "The standard error of a mean of n numbers is their standard deviation over the square "
        "root of n. numpy: `std(ddof=1)`.",
        "`differences = a - b`; the mean is `differences.mean()`, and half of the interval is `t` "
        "times the standard error of these differences.",
    ),
    "Both arms share the luck of a draw, and in the difference it cancels. So ten paired draws can "
    "say what ten unpaired ones leave open. The intervals of notebook 05 also allow for another "
    "test set, so they are a little wider.",
)


# ---------------------------------------------------------------------------- intervals that miss


def missed(differences, draws, t, times, rng):
    """How many of `times` 95% intervals miss, if `differences` are all that there are.

    Each interval comes from `draws` of the differences, drawn at random and put back. It misses if
    the mean of all `differences` is outside. `t` is Student's factor for that many draws, and `rng`
    is a numpy generator: `rng.choice` draws.
    """
    ...


def _check_missed(missed) -> None:
    draws, t, times = 6, 2.5706, 10_000
    differences = np.random.default_rng(3).standard_normal(16)
    differences += 0.8 - differences.mean()
    some = np.random.default_rng(4).choice(differences, (10 * times, draws))
    off = np.abs(some.mean(axis=1) - differences.mean())
    error = some.std(axis=1, ddof=1) / math.sqrt(draws)
    expected, narrow = (times * (off > factor * error).mean() for factor in (t, 1.96))
    by_chance = 4 * math.sqrt(expected)  # of 10,000 intervals, four standard deviations
    answer = returned(missed(differences, draws, t, times, np.random.default_rng(5)))
    is_number = isinstance(answer, (int, float, np.number, np.bool_)) and np.ndim(answer) == 0
    expect(is_number, number="Return one number: how many of the intervals miss.")
    expect(
        not 0 < answer < 1,
        share="That looks like a share. You were asked how many of the intervals miss.",
    )
    expect(
        answer < times / 2,
        covers="More than half of them miss, by your count. Do you count those that cover the "
        "true mean?",
    )
    expect(
        answer > expected / 10,
        never="None of your intervals misses, or hardly any. Compare with the mean of *all* "
        "differences, and not with that of the drawn ones. Half of the interval is `t` times the "
        "standard error: divide by the square root of the number of draws.",
    )
    expect(
        answer > expected - by_chance,
        put_back="Too few miss. Each draw has to be put back, so that it can be drawn again: "
        "`rng.choice` does that if you do not tell it otherwise.",
    )
    expect(
        answer < 1.5 * narrow,
        zero=f"Of {times:,} intervals {answer:,.0f} miss, by your count. Zero is not what they "
        "have to cover here: it is the mean of all differences.",
    )
    expect(
        answer < expected + by_chance,
        narrow="Too many miss, so your intervals are too narrow. Take the standard deviation with "
        "`ddof=1`, and the factor `t`.",
    )


misses = Exercise(
    "10.misses",
    missed,
    _check_missed,
    (
        "Repeat `times` times: draw, compute the mean and half of the interval, compare.",
        "`rng.choice(differences, draws)` draws and puts back. Half of the interval is what you "
        "computed in the core exercise.",
        "An interval misses if the distance of its mean from `differences.mean()` is more than "
        "half of it.",
    ),
    "About one in twenty misses, and that is what 95% promises: something about the method, over "
    "many intervals, and nothing about a single one.",
)


# ---------------------------------------------------------------------------- can you claim it?


def supported(accuracies, t, claimed):
    """Whether draws of fifty images support: "with fifty, more than `claimed` % are right".

    `accuracies` are a numpy array, the percentage right with each draw; `t` is Student's
    factor for that many draws. The claim is about the mean over draws, and its whole 95% interval
    has to support it.
    """
    ...


def _check_claim(supported) -> None:
    def say(values: Sequence[float], t: float, claimed: float) -> bool:
        verdict = returned(supported(np.array(values, float), t, claimed))
        expect(
            isinstance(verdict, (bool, np.bool_)),
            verdict=f"It returns {verdict!r}: the answer is either True or False.",
        )
        return bool(verdict)

    rows = comparing.tuned(results.load("sweep"))
    fifty = rows[(rows.arm == "option-1") & ~rows.augmented & (rows.images == 50)]
    real = list(100 * fifty.accuracy[:10])
    expect(say(real, 2.26, 90), supported=f"With a mean of {np.mean(real):.1f} yours says no.")
    refuted = 80, 81, 79, 82, 80, 81, 80, 79, 82, 81
    below = 88, 91.5, 89, 91, 88.5, 91, 88, 90.5, 89, 91
    wide = 88, 97, 90, 89, 96, 88, 95, 90, 89, 94
    one_low = 89.9, 92, 92.1, 92, 91.9, 92, 92.1, 92, 91.9, 92
    scattered = 90.2, 94, 90.5, 94, 90.4, 94.1, 90.3, 94, 90.5, 94
    close = 89.93, 91.33, 90.43, 92.03, 89.23, 91.03, 90.23, 91.53, 89.63, 90.83
    mistakes = {
        ("refuted", refuted): "Ten draws with about 80% do not support “more than 90”, and "
        "yours says they do.",
        ("upper_end", below): "Ten draws have a mean of 89.8, below the claim, and the upper end "
        "of their interval is above it. Which end has to support the claim?",
        ("mean", wide): "Ten draws have a mean of 91.6, and their interval reaches down to 89.1. "
        "That the mean is above 90 is not enough.",
    }
    expect_unlike(lambda values: say(values, 2.26, 90), mistakes)
    mistakes = {
        ("each_draw", one_low): "Nine draws have about 92% and one has 89.9. The claim is "
        "about the mean, not about every draw, and the interval of the mean begins at 91.3.",
        ("one_draw", scattered): "Ten draws have a mean of 92.2 and a standard deviation of 1.9. "
        "You ask how far *one* draw is spread; the mean of ten is surer than that, by the square "
        "root of ten.",
    }
    expect_unlike(lambda values: not say(values, 2.26, 90), mistakes)
    expect(
        not say([91, 93.5, 91.5], 4.30, 90),
        factor="With three draws (91, 93.5 and 91.5) the interval reaches down to 88.7, since "
        "Student's factor is 4.30 then. Use the `t` that is given.",
    )
    expect(
        not say(close, 2.26, 90),
        ddof="It is slightly too sure: the standard deviation has to be that of ten draws out of "
        "many, divided by n − 1 (`ddof=1`).",
    )


claim = Exercise(
    "10.claim",
    supported,
    _check_claim,
    (
        "Half of the interval is `t` times the standard error of the mean.",
        "The standard error is the standard deviation (`ddof=1`) over the square root of the "
        "number.",
        "`accuracies.mean() - t * accuracies.std(ddof=1) / np.sqrt(len(accuracies)) > claimed`.",
    ),
    "A sentence about fifty images is a sentence about a mean over draws. You may write it if its "
    "whole interval supports it, and it covers other draws of these digits, not other tasks.",
)
