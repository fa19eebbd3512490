"""The exercises of notebook 05: labels needed, a leak, help from a person, no labels."""

import math

import numpy as np
import torch

from tl_course.lessons.exercises import (
    Exercise,
    Wrong,
    called,
    expect,
    expect_unlike,
    has_length,
    returned,
    two_numbers,
)
from tl_course.lessons.n05_how_much_data import unlabelled
from tl_course.study import comparing, results


def _close(number: float, other: float, by: float = 2e-3) -> bool:
    return math.isclose(number, other, rel_tol=by, abs_tol=1e-6)


def _both(pair: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(map(_close, pair, other))


# ---------------------------------------------------------------------------- a leak


def split(x, y, alter, tested):
    """Pictures to learn from, with an altered copy of each, and `tested` pictures to test on.

    `alter(x)` gives an altered copy of each picture in `x`. Gives x and y to learn from, then x
    and y to test on.
    """
    x, y = torch.cat([x, alter(x)]), torch.cat([y, y])
    order = torch.randperm(len(x))
    learn, test = order[tested:], order[:tested]
    return x[learn], y[learn], x[test], y[test]


def _check_split(split) -> None:
    n, tested = 40, 10
    number = torch.arange(n)
    x = number.float().view(n, 1, 1, 1).expand(n, 3, 4, 4).clone()  # filled with its number
    y = number // 10  # ordered by class, as many files are
    blocks, leaked = 0, 0
    for _ in range(4):
        parts = returned(split(x.clone(), y.clone(), lambda given: given + 0.5, tested))
        expect(
            has_length(parts, 4),
            four="Return four values: x and y to learn from, then x and y to test on.",
        )
        learn_x, learn_y, test_x, test_y = parts
        for xs, ys, what in ((learn_x, learn_y, "learn from"), (test_x, test_y, "test on")):
            expect(
                len(xs) == len(ys),
                lengths=f"To {what} there are {len(xs)} pictures and {len(ys)} labels.",
            )
        learn, test = (xs[:, 0, 0, 0] for xs in (learn_x, test_x))
        expect(
            not (test % 1 != 0).any(),
            altered="Altered copies are among the test pictures. The test is about unaltered "
            "pictures: set it aside before anything is altered.",
        )
        expect(
            len(test) == tested and len(test.unique()) == tested,
            tested=f"Asked for {tested} pictures to test on, you set {len(test.unique())} aside.",
        )
        held_out = set(test.tolist())
        originals = {entry for entry in learn.tolist() if entry % 1 == 0}
        copied = {entry - 0.5 for entry in learn.tolist() if entry % 1 != 0}
        expect(
            not held_out & originals,
            both=f"{len(held_out & originals)} pictures are both learnt from and in the test.",
        )
        leaked += len(held_out & copied)
        expect(
            leaked == 0,
            leaks=f"It still leaks: of {tested} test pictures, {len(held_out & copied)} have an "
            "altered copy among those to learn from.",
        )
        expect(
            copied,
            no_copies="Now there are no altered copies left: the training pictures need them.",
        )
        expect(
            len(originals) == n - tested,
            originals=f"Of the {n - tested} pictures that are left to learn from, {len(originals)} "
            "are there unaltered: the copies come in addition to them, not in their place.",
        )
        expect(
            len(copied) == n - tested and len(learn) == 2 * (n - tested),
            copies=f"There are {len(learn)} pictures to learn from. Each of the {n - tested} that "
            "are left should be there once as it is and once altered.",
        )
        expect(
            torch.equal(test_y, test.long() // 10) and torch.equal(learn_y, learn.long() // 10),
            labels="The labels no longer go with their pictures: `torch.cat` puts all the copies "
            "after all the pictures, and the labels must come in the same order.",
        )
        places = test.long().sort().values
        blocks += bool(places[-1] - places[0] == tested - 1)
    expect(
        blocks < 4,
        neighbours="The test pictures are neighbours. Here, as in many files, the labels come in "
        "order, so the test would hold a single class: draw them at random.",
    )


leak = Exercise(
    "05.leak",
    split,
    _check_split,
    (
        "Follow one picture and its altered copy: where can each of them end up?",
        "What is drawn first, the test or the copies?",
        "`order = torch.randperm(len(x))` of the unaltered pictures; then alter `x[learn]` alone.",
    ),
    "A network that learnt from a copy of a test picture is tested on what it has seen. Nothing "
    "fails, and the accuracy may only look better. So the test is set aside first, before copies "
    "are made, before anything is scaled or chosen.",
)


# ---------------------------------------------------------------------------- labels needed


def labels_needed(sizes, right, wanted):
    """The smallest number of labels that gives `wanted`% accuracy; None if none suffices.

    `right[i]` is the accuracy, in percent, with `sizes[i]` labels; sizes grow. Between two sizes
    the curve is a straight line over the *logarithm* of the number, as in the figures.
    """
    ...


def _check_labels(labels_needed) -> None:
    means = comparing.means(comparing.tuned(results.load("sweep")).query("arm == 'option-1'"))
    curve = means[~means.augmented].sort_values("images")
    sizes, right = curve.images.tolist(), curve["mean"].round(1).tolist()

    def asked(wanted: float, right: list[float] = right) -> float | None:
        labels = labels_needed(list(sizes), list(right), wanted)
        number = labels is None or np.ndim(labels) == 0
        expect(number, number="Return one number of labels, or None.")
        return None if labels is None else float(labels)

    for place in (0, 2, 4):
        labels = asked(right[place])
        expect(
            labels is not None,
            exactly_none=f"With {sizes[place]} labels the accuracy is exactly {right[place]:g}%, "
            f"so for {right[place]:g} the answer is a number. Yours gives None.",
        )
        expect(
            _near(labels, sizes[place]),
            exactly=f"With {sizes[place]} labels the accuracy is exactly {right[place]:g}%; for "
            f"{right[place]:g} yours says {labels:.0f}.",
        )
    few = asked(right[0] - 20)
    expect(
        few is not None and _near(few, sizes[0]),
        left=f"Where the fewest labels tried, {sizes[0]}, are more than enough, the answer is "
        f"{sizes[0]}: nobody measured what is to the left of the curve.",
    )
    for wanted, i in ((95, 3), (93.5, 2), (97.3, 5)):
        share = (wanted - right[i]) / (right[i + 1] - right[i])
        straight = sizes[i] + share * (sizes[i + 1] - sizes[i])
        exact = sizes[i] * (sizes[i + 1] / sizes[i]) ** share
        labels = asked(wanted)
        where = f"For {wanted:g}%, between {sizes[i]:,} and {sizes[i + 1]:,} labels"
        expect(labels is not None, none=f"{where}, yours gives None.")
        mistakes = {
            ("next_size", sizes[i + 1]): f"{where}, yours says {labels:,.0f}, the next size that "
            "was tried. Fewer suffice: the curve goes on between the sizes.",
            ("size_before", sizes[i]): f"{where}, yours says {labels:,.0f}, the size before: with "
            f"that many, {wanted:g} are not reached yet.",
            ("straight", straight): f"{where}, yours is on a straight line over the number itself. "
            "The axis of the figure is logarithmic: interpolate the logarithm.",
        }
        expect_unlike(lambda other, labels=labels: _near(labels, other), mistakes)
        expect(
            _near(labels, exact), value=f"{where}, yours says {labels:,.0f}; it is {exact:,.0f}."
        )
    never = asked(99.5)
    expect(
        never is None,
        beyond="99.5% is reached with none of these numbers, and yours says "
        f"{never or 0:,.0f}: nobody measured more than {sizes[-1]:,} labels, so the answer is "
        "None.",
    )
    wavy = [70.0, 72.0, 74.0, 76.0, 90.0, 80.0, 95.0]
    labels, exact = asked(85, wavy), sizes[3] * (sizes[4] / sizes[3]) ** (9 / 14)
    expect(
        labels is not None and _near(labels, exact),
        dips=f"A measured curve may dip: with {wavy[3:]} at {sizes[3:]} labels, 85 is reached "
        f"before {sizes[4]} for the first time. `np.interp` takes only values that grow.",
    )


def _near(number: float, other: float) -> bool:
    """Whether two numbers are equal up to rounding to a whole label."""
    return abs(number - other) <= max(1.0, 0.005 * other)


enough = Exercise(
    "05.enough",
    labels_needed,
    _check_labels,
    (
        "Go along the curve: which is the first size with which enough are right? The crossing is "
        "between it and the size before.",
        "How far is `wanted` on the way from one to the other, as a share? Go the same share of "
        "the way from one logarithm to the other.",
        "`share = (wanted - right[i - 1]) / (right[i] - right[i - 1])`, and the logarithm is "
        "`log(sizes[i - 1]) + share * (log(sizes[i]) - log(sizes[i - 1]))`; `np.exp` undoes it.",
    ),
    "Anybody who has to pay for labels asks this first. The measured curve answers it for digits, "
    "and says nothing beyond its ends: that is why `None` is an answer.",
)


# ---------------------------------------------------------------------------- help from a person


def with_help(scores, y, least):
    """Hand over to a person what the network is less than `least` sure of (0 … 1).

    `scores` [n, classes] are those of the output layer, `y` the labels. Gives the percentage
    of pictures handed over, and the percentage of the *others* that the network gets right.
    """
    ...


def _check_help(with_help) -> None:
    expected = "two numbers, in percent: the pictures handed over, and the others that are right"
    for n, classes, least in ((300, 4, 0.8), (200, 10, 0.6)):
        y = torch.randint(classes, (n,))
        scores = 1.2 * torch.randn(n, classes)
        scores[torch.arange(n), y] += 2.0
        changed = "Your function changes the scores that it is given."
        answer = called(with_help, scores, y, least, changed=changed)
        handed, right = two_numbers(answer, expected)
        sure = scores.softmax(1).amax(1)
        correct, is_sure = scores.argmax(1) == y, sure >= least

        def percent(which: torch.Tensor) -> float:
            return 100 * which.double().mean().item()

        share, of_kept = percent(~is_sure), percent(correct[is_sure])
        if _both((handed, right), (share, of_kept)):
            continue
        expect(
            not _both((handed, right), (share / 100, of_kept / 100)),
            shares="These are shares from 0 to 1. You were asked for percentages.",
        )
        expect(
            not _both((handed, right), (of_kept, share)),
            order="The two numbers are in the wrong order: first those handed over.",
        )
        mistakes = {
            ("scores", percent(scores.amax(1) < least)): "You compare scores with `least`. A score "
            "can be any number; the softmax turns the scores of a picture into shares from 0 to 1.",
            ("pictures", percent(scores.softmax(0).amax(1) < least)): "The softmax runs over the "
            "pictures. The shares of the *classes* of one picture must sum to 1: `softmax(1)`.",
            ("inverted", 100 - share): f"You hand over {handed:.0f}%, those that the network "
            "is sure of. A person should get the others.",
        }
        expect_unlike(lambda other, handed=handed: _close(handed, other), mistakes)
        expect(
            _close(handed, share),
            handed=f"Of 100 pictures you hand over {handed:.1f}; the network is less than "
            f"{least:g} sure of {share:.1f}.",
        )
        mistakes = {
            ("on_all", percent(correct)): "The second number is the accuracy on all pictures. "
            "Those handed over are no longer the network's: leave them out.",
            (
                "of_all",
                percent(correct & is_sure),
            ): "You count the right ones among those kept, but "
            "divide by all pictures. Divide by the number of those kept.",
            ("on_handed", percent(correct[~is_sure])): "The second number is the accuracy on the "
            "pictures that were handed over. You were asked for that on the others.",
        }
        expect_unlike(lambda other, right=right: _close(right, other), mistakes)
        raise Wrong(
            right=f"Of 100 pictures kept {of_kept:.1f} are right, and yours says {right:.1f}."
        )


help_wanted = Exercise(
    "05.help_wanted",
    with_help,
    _check_help,
    (
        "Three steps: how sure is it of each picture, which ones does it keep, how many of those "
        "are right?",
        "`scores.softmax(1).amax(1)` says how sure it is; `scores.argmax(1) == y` which are right.",
        "A tensor of True and False picks rows: `correct[sure].float().mean()`.",
    ),
    "A person's time can go into more labels, or into the pictures that the network is unsure of. "
    "Try it after *A closer look at fifty digits* (*Dig deeper*), with "
    "`with_help(result.scores, digits.test.y, 0.6)`. "
    "The threshold is a setting like any other, so choose it on held-out pictures, not on the "
    "test.",
)


# ---------------------------------------------------------------------------- no labels


def centred(features, unlabelled, labelled):
    """Move the features of pictures to be read to where the output layer expects features.

    All are [n, f]. The labelled ones are what the output layer was trained on. The unlabelled are
    many, and of the same kind as those to be read. Moved in the same way, the unlabelled would have
    the mean of the labelled ones, feature by feature.
    """
    ...


def _check_centred(centred) -> None:
    maker = torch.Generator().manual_seed(7)
    for n, many, few in ((5, 400, 10), (1, 60, 30)):  # also for a single picture
        x, unlabelled_features = (1 + torch.randn(k, 6, generator=maker) for k in (n, many))
        labelled = 3 + 2 * torch.randn(few, 6, generator=maker)
        changed = "Your function changes the features that it is given."
        moved = torch.as_tensor(called(centred, x, unlabelled_features, labelled, changed=changed))
        expect(
            moved.shape == x.shape,
            shape=f"For {n} pictures of 6 features each yours gives {list(moved.shape)}; each "
            f"picture keeps its features: {list(x.shape)}.",
        )
        of_others, of_labelled = unlabelled_features.mean(0), labelled.mean(0)
        right = unlabelled.centred_features(x, unlabelled_features, labelled)

        def is_it(other: torch.Tensor, moved: torch.Tensor = moved) -> bool:
            return torch.allclose(moved, other, atol=1e-4)

        scaled = (x - of_others) / unlabelled_features.std(0) * labelled.std(0) + of_labelled
        mistakes = {
            ("unmoved", x): "The features are as they were: nothing has been moved.",
            ("direction", x + of_others - of_labelled): "They are moved in the wrong direction: "
            "away from the labelled features.",
            (
                "one_mean",
                x - unlabelled_features.mean() + labelled.mean(),
            ): "You took one mean over all "
            "features. Each feature has a mean of its own: `mean(0)`.",
            ("itself", x - x.mean(0) + of_labelled): "You took the mean of the pictures to be "
            "read. If there is a single one, nothing of it is left. The unlabelled ones say where "
            "the mean is.",
            ("not_added", x - of_others): "Their mean is subtracted, and that of the labelled ones "
            "is not added.",
            ("scaled", scaled): "You scaled them as well. You were asked to move them only: ten "
            "labelled pictures say little about how far features spread.",
        }
        expect_unlike(is_it, mistakes)
        expect(
            is_it(right),
            value=f"The first feature of the first picture should move by "
            f"{right[0, 0] - x[0, 0]:+.2f}, and yours moves it by {moved[0, 0] - x[0, 0]:+.2f}.",
        )


no_labels = Exercise(
    "05.no_labels",
    centred,
    _check_centred,
    (
        "Where is the mean of the unlabelled features, and where is that of the labelled ones? "
        "The difference says how far to move.",
        "`mean(0)` gives a mean for each feature, and a tensor [n, f] minus a tensor [f] subtracts "
        "it from every picture.",
        "Subtract the unlabelled mean from every picture, then add the labelled mean.",
    ),
    "The output layer learnt from a few pictures whose mean happened to be off. Nothing was "
    "trained again, and no label was needed. *Digits that nobody labelled* (*Dig deeper*) says "
    "what it gains, and when it does harm.",
)


# ---------------------------------------------------------------------------- a claim
