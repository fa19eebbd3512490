"""The exercises of notebook 08: a split by leaf, copies, an honest accuracy, an honest choice."""

import numpy as np
import torch
import torch.nn.functional as F

from tl_course.lessons.exercises import Exercise, Wrong, expect, expect_unlike, has_length, returned

# ---------------------------------------------------------------------------- a split by leaf


def split(pictures, seed=0):
    """Two lists, training and test pictures; about 30% are for the test.

    `pictures` is a list such as [{"file": "0.jpg", "leaf": "oak 1", "species": "oak"}, …]. No leaf
    is on both sides, each species is, and `seed` decides which leaves are in the test.
    """
    order = np.random.default_rng(seed).permutation(len(pictures))
    n_test = round(0.3 * len(pictures))
    test = [pictures[i] for i in order[:n_test]]
    train = [pictures[i] for i in order[n_test:]]
    return train, test


LEAVES = {"oak": 8, "maple": 6, "birch": 3}


def _photographs() -> list[dict[str, str]]:
    """Three to five photographs of each leaf, in random order."""
    leaves = [(f"{name} {i}", name, 3 + i % 3) for name, n in LEAVES.items() for i in range(n)]
    every = [(leaf, species) for leaf, species, n in leaves for _ in range(n)]
    order = np.random.default_rng(5).permutation(len(every))
    return [
        {"file": f"{number}.jpg", "leaf": every[i][0], "species": every[i][1]}
        for number, i in enumerate(order)
    ]


def _check_groups(split) -> None:
    photographs, in_test = _photographs(), set()
    every = sorted(photograph["file"] for photograph in photographs)
    for seed in range(8):
        answer = split([dict(photograph) for photograph in photographs], seed)
        expect(
            has_length(answer, 2),
            two="Your function must return two lists, first the training and then the test "
            "pictures.",
        )
        train, test = map(list, answer)
        came = sorted(photograph["file"] for photograph in train + test)
        expect(
            set(came) == set(every),
            lost=f"{len(every)} pictures went in and {len(set(came))} came out. A picture that is "
            "not in the test belongs in the training part.",
        )
        expect(came == every, repeated="There are pictures that came out more than once.")
        both = {photograph["leaf"] for photograph in train} & {
            photograph["leaf"] for photograph in test
        }
        expect(
            not both,
            leaves=f"With seed {seed}, photographs of {len(both)} leaves are in both parts, such "
            f"as “{min(both, default='')}”. A network can know such a leaf by its spots. What has "
            "to be split, the pictures or the leaves?",
        )
        kinds = [{photograph["species"] for photograph in part} for part in (train, test)]
        expect(
            not train or not test or kinds[0] & kinds[1],
            species="You split by species: the network is tested on trees that it never saw. Split "
            "by leaf.",
        )
        for species, where in zip(kinds, ("training part", "test"), strict=True):
            gone = sorted(LEAVES.keys() - species)
            expect(
                not gone,
                missing=f"With seed {seed} there is no {' and no '.join(gone)} in the {where}. "
                "Split the leaves of each species separately, with at least one on each side.",
            )
        share = len(test) / len(every)
        expect(
            share < 0.6,
            order=f"{100 * share:.0f}% of the pictures are in the second list, the test: are the "
            "two lists the wrong way round?",
        )
        expect(
            0.15 < share < 0.5,
            share=f"{100 * share:.0f}% of the pictures are in the test, and about 30% were asked "
            "for.",
        )
        again = split([dict(photograph) for photograph in photographs], seed)[1]
        expect(
            {photograph["file"] for photograph in again}
            == {photograph["file"] for photograph in test},
            same_seed="The same seed gave two different splits. A test that changes cannot be "
            "compared with.",
        )
        in_test.add(frozenset(photograph["file"] for photograph in test))
    expect(
        len(in_test) > 1,
        seeds="Eight seeds gave the same split: `seed` has to decide which leaves are in the test.",
    )


groups = Exercise(
    "08.groups",
    split,
    _check_groups,
    (
        'Which leaves are there? `{one["leaf"] for one in pictures}` has each of them once.',
        "Go through the species one by one, list the leaves of each (`sorted`), permute them, and "
        "take the first 30%, at least one, for the test.",
        "Collect the names of the leaves for the test in a set. At the end, a picture goes into "
        'the test if `one["leaf"] in the_set`.',
    ),
    "A test has to ask what you will ask later: leaves that nobody photographed before. The same "
    "holds for people, patients, recordings and days. scikit-learn calls it GroupShuffleSplit "
    "(which does not look at the classes) and StratifiedGroupKFold (which does).",
)


# ---------------------------------------------------------------------------- copies


def in_both(train, test):
    """Pairs (name in `train`, name in `test`) of pictures that show the same.

    Both are dicts from a name to a picture, a NumPy array [height, width, 3] of uint8. Copies may
    have been stored again: smaller, or as a JPEG, so that their pixels need not be equal.
    """
    ...


def _smooth(seed: int, side: int = 48) -> torch.Tensor:
    """A picture of soft patches `[3, side, side]`, with values from 20 to 235."""
    patches = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    picture = F.interpolate(patches, (side, side), mode="bicubic", align_corners=False)[0]
    picture = (picture - picture.amin()) / (picture.amax() - picture.amin())
    return 20 + 215 * picture


def _stored(picture: torch.Tensor) -> np.ndarray:
    return picture.round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()


def _folders() -> tuple[dict, dict, dict[str, tuple[str, str]]]:
    """Training pictures, test pictures, and the pairs that must be found, by the kind of copy."""
    pictures = [_smooth(seed) for seed in range(12)]
    noise = 3 * torch.rand(pictures[0].shape, generator=torch.Generator().manual_seed(99))
    train = {f"photo-{i}.png": _stored(picture) for i, picture in enumerate(pictures[:8])}
    test = {f"photo-{i}.png": _stored(picture) for i, picture in enumerate(pictures[8:])}
    test |= {
        "same.png": train["photo-1.png"].copy(),
        "lighter.jpg": _stored(pictures[2] + 1 + noise),
        "darker.jpg": _stored(pictures[4] - 1 - noise),
        "small.png": _stored(F.avg_pool2d(pictures[5], 2)),
        "turned.png": _stored(pictures[6].flip(1, 2)),
    }
    pairs = {
        "same": ("photo-1.png", "same.png"),
        "lighter": ("photo-2.png", "lighter.jpg"),
        "darker": ("photo-4.png", "darker.jpg"),
        "small": ("photo-5.png", "small.png"),
    }
    return train, test, pairs


def _check_copies(in_both) -> None:
    train, test, pairs = _folders()
    answer = returned(in_both(train, test))
    try:
        answer = {tuple(map(str, pair)) for pair in answer}
    except TypeError:
        raise Wrong(
            pairs="Your function must return pairs of names, such as a list of tuples."
        ) from None
    expected = set(pairs.values())
    expect(
        not answer or not answer <= {(b, a) for a, b in expected},
        order="The names are the wrong way round: first the one in `train`, then the one in "
        "`test`.",
    )
    names = {(name, name) for name in train.keys() & test.keys()}
    expect(
        not answer & names or not answer <= names | expected,
        names="You took two pictures for one because they have the same name. Cameras count from 1 "
        "again on every card; look at the pixels.",
    )
    expect(
        all(len(pair) == 2 and pair[0] in train and pair[1] in test for pair in answer),
        pair="Each pair needs a name of `train` and a name of `test`.",
    )
    turned = ("photo-6.png", "turned.png")
    expect(
        turned not in answer or len(answer - expected) > 10,
        turned="photo-6.png and turned.png have the same colours, but in other places: one is the "
        "other turned upside down. Compare where it is light and dark, not only how much.",
    )
    expect(
        answer <= expected,
        generous=f"{len(answer - expected)} pairs show different things, such as "
        f"{' and '.join(min(answer - expected, default=('', '')))}: you allow too much difference.",
    )
    missed = {what for what, pair in pairs.items() if pair not in answer}
    expect(
        "same" not in missed,
        equal="photo-1.png and same.png are equal in every pixel, and you did not find them.",
    )
    expect(
        missed != {"lighter", "darker", "small"},
        stored="You found the copy that is equal in every pixel, and not those that were stored "
        "again. Compare small grey versions of the pictures, and allow a small difference.",
    )
    expect(
        len(missed & {"lighter", "darker"}) != 1,
        unsigned="You found the copy that is lighter or the one that is darker, not both: numbers "
        "of type uint8 cannot be negative, and 3 − 5 is 254 there. Make them floats first.",
    )
    expect(
        missed != {"small"},
        sizes="You missed small.png, which has half as many pixels each way: bring both pictures "
        "to the same size before you compare them.",
    )
    expect(not missed, missed=f"You missed {', '.join(sorted(pairs[what][1] for what in missed))}.")


copies = Exercise(
    "08.copies",
    in_both,
    _check_copies,
    (
        "Reduce each picture to something small that a copy shares, such as its greys averaged "
        "over 8×8 places. Then compare every picture of `train` with every one of `test`.",
        "A grey picture: `torch.tensor(picture).float().mean(2)`, `[height, width]`. "
        "`F.adaptive_avg_pool2d(grey[None], 8)` averages it over 8×8 places, whatever its size.",
        "Two pictures are copies where the mean of `(small - other).abs()` is below about 10 of "
        "255: other pictures differ by several times as much.",
    ),
    "Such a search is worth its minute before any training. The checker of this course compares "
    "edges as well as greys, so that brightness matters less; a cropped copy often escapes both.",
)


# ---------------------------------------------------------------------------- an honest accuracy


def judged(answers, labels, train_labels):
    """Three numbers from 0 to 1: low and high end of the 95% interval, and the baseline.

    `answers` are a network's answers for the test pictures and `labels` the right ones; the
    interval is that of the accuracy. The baseline is the accuracy, on the test pictures, of
    always naming the class that is largest among `train_labels`. All are int64 tensors.
    """
    ...


def _task(right: int, counts: dict[int, int], trained: dict[int, int]) -> tuple[torch.Tensor, ...]:
    """Answers with this number of `right` ones, their labels, and training labels.

    `counts` and `trained` say how many labels each class has.
    """
    labels = torch.tensor([label for label, n in counts.items() for _ in range(n)])
    mixed = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]
    answers = mixed.clone()
    answers[right:] = (answers[right:] + 1) % len(counts)
    train = torch.tensor([label for label, n in trained.items() for _ in range(n)])
    return answers, mixed, train


def _three(answer: object) -> list[float]:
    try:
        numbers = [float(number) for number in answer]
    except (TypeError, ValueError):
        raise Wrong(
            numbers="Your function must return three numbers: low, high, baseline."
        ) from None
    expect(len(numbers) == 3, three=f"Your function returns {len(numbers)} numbers, and not three.")
    return numbers


def _check_judging(judged) -> None:
    few = {0: 600, 1: 300, 2: 100}
    low, high, baseline = _three(judged(*_task(80, {0: 20, 1: 50, 2: 30}, few)))
    expect(
        max(low, high, baseline) < 10,
        percent=f"Your numbers go up to {max(low, high, baseline):.0f}: shares from 0 to 1 are "
        "wanted.",
    )
    expect(low <= high, ends="The low end of your interval is above the high end.")
    expect(
        low < 0.8 < high,
        outside=f"80% are right, and your interval goes from {low:.2f} to {high:.2f}: the "
        "accuracy itself is not in it.",
    )
    expect(
        high - low > 0.06,
        training=f"With 80% right your interval is {high - low:.2f} wide. There are 1,000 "
        "training pictures and 100 test pictures: which number says how sure the test is?",
    )
    expect(
        high - low > 0.125,
        one_error=f"With 80% right your interval is {high - low:.2f} wide. That is too "
        "narrow for 95%: one standard error to each side covers 68%, about two are needed.",
    )
    expect(
        high - low < 0.2,
        width=f"With 80% right your interval is {high - low:.2f} wide, and should be about "
        "0.16. Does the number of test pictures go in?",
    )
    _check_baseline(baseline)
    *_, other = _three(judged(*_task(80, {0: 20, 1: 50, 2: 30}, {0: 10, 1: 10, 2: 40})))
    expect(
        abs(other - 0.3) < 1e-3,
        follows="The baseline does not follow `train_labels`: their largest class need not be "
        "class 0.",
    )
    ends = {right: _three(judged(*_task(right, {0: 10, 1: 10}, few)))[:2] for right in (0, 19, 20)}
    for right, (low, high) in ends.items():
        expect(
            low >= -1e-6 and high <= 1 + 1e-6,
            beyond=f"With {right} of 20 right your interval goes from {low:.2f} to {high:.2f}, and "
            "no accuracy can be there. Two standard errors to each side are no good near 0 and 1; "
            "look up Wilson's interval.",
        )
    expect(
        ends[20][1] - ends[20][0] > 1e-3,
        no_width="With 20 of 20 right your interval has no width: twenty right answers do not make "
        "it certain that the next one is right. Look up Wilson's interval.",
    )
    expect(
        0.72 < ends[20][0] < 0.95 and 0.05 < ends[0][1] < 0.28,
        value=f"With 20 of 20 right your interval begins at {ends[20][0]:.2f}; it should begin "
        "between 0.8 and 0.9.",
    )


def _check_baseline(baseline: float) -> None:
    """The classes have 20, 50 and 30 test labels, and 60, 30 and 10% of the training labels."""
    mistakes = {
        ("blind", 1 / 3): "Your baseline is one divided by the number of classes. That is guessing "
        "blindly; naming one class every time is something else.",
        ("training_share", 0.6): "Your baseline is the share of the largest class among the "
        "*training* labels. Name that class for each test picture: how many are right?",
        ("largest_in_test", 0.5): "Your baseline takes the class that is largest in the test. "
        "Nobody knows that before the test; the training labels have to say which class to name.",
        ("accuracy", 0.8): "Your baseline is the accuracy of the network.",
    }
    expect_unlike(lambda other: abs(baseline - other) <= 1e-3, mistakes)
    expect(
        abs(baseline - 0.2) < 1e-3,
        baseline=f"Your baseline is {baseline:.2f}. Which class is largest among the training "
        "labels, and what share of the test labels is of that class?",
    )


judging = Exercise(
    "08.judging",
    judged,
    _check_judging,
    (
        "The baseline first: `train_labels.bincount().argmax()` is the largest class, and the "
        "mean of `labels == it` says how often it would be right.",
        "With share p of n right and z = 1.96, Wilson's interval has its centre at "
        "(p + z²/2n) / (1 + z²/n).",
        "It extends to each side of the centre by z · √(p(1 − p)/n + z²/4n²) / (1 + z²/n).",
    ),
    "An accuracy cannot be judged without these numbers. After 20 of 20 right, the next hundred "
    "pictures may still bring sixteen mistakes. And 90% right says nothing if 90% of the "
    "pictures are of one class.",
)


# ---------------------------------------------------------------------------- an honest choice


def chosen(ways, accuracy):
    """The name of the best of some `ways`, and the accuracy that may be reported for it.

    `accuracy(way, part)` trains in that way and gives the accuracy on "validation" or on "test".
    """
    measured = {way: accuracy(way, "test") for way in ways}
    best = max(measured, key=measured.get)
    return best, measured[best]


WAYS = {  # validation and test accuracy of each way, which rank the ways differently
    "Option 1": (0.78, 0.88),
    "Option 1, augmentation": (0.70, 0.72),
    "Option 2": (0.74, 0.79),
    "Option 2, augmentation": (0.83, 0.80),
}


def _check_choosing(chosen) -> None:
    asked = []

    def accuracy(way: str, part: str) -> float:
        expect(
            part in ("validation", "test"),
            part=f"You asked for the accuracy on “{part}”: there are “validation” and “test”.",
        )
        asked.append((way, part))
        return WAYS[way][part == "test"]

    answer = chosen(list(WAYS), accuracy)
    expect(
        has_length(answer, 2),
        two="Your function must return two values: the name of the way, and an accuracy.",
    )
    best, reported = answer
    tested = [way for way, part in asked if part == "test"]
    expect(
        any(part == "validation" for _, part in asked),
        test="The test still chooses: all four ways were asked for their test accuracy, and none "
        "for its validation accuracy.",
    )
    expect(
        best != min(WAYS, key=lambda way: WAYS[way][0]),
        lowest=f"“{best}” has the lowest validation accuracy of the four.",
    )
    expect(
        best == "Option 2, augmentation",
        still_chooses=f"You chose “{best}”, which validation does not put first. Does the test "
        "still have a say in the choice?",
    )
    right, luckiest = WAYS[best][1], max(test for _, test in WAYS.values())
    expect(
        tested,
        validation="You report the validation accuracy. It was the highest of four, so a part of "
        "it is luck: ask the test for the way that was chosen.",
    )
    mistakes = {
        ("luckiest", luckiest): f"You chose by validation and report {reported}, the highest test "
        "accuracy of all: that is the accuracy of another way.",
        ("asked", WAYS[best][0]): f"The test was asked, and what you report, {reported}, is the "
        "validation accuracy.",
    }
    expect_unlike(lambda other: abs(reported - other) <= 1e-6, mistakes)
    expect(
        abs(reported - right) < 1e-6,
        reported=f"You report {reported}; the test says {right} for the way that you chose.",
    )
    expect(
        len(tested) == 1,
        often=f"The test was asked {len(tested)} times. Anyone who has seen four test accuracies "
        "is tempted by the highest; ask once, after the choice.",
    )


choosing = Exercise(
    "08.choosing",
    chosen,
    _check_choosing,
    (
        "Two questions, two parts: which way is best, and how good is it?",
        'The first line needs one word changed. Then `accuracy(best, "test")` is asked once.',
        'In the first line "validation" instead of "test", and at the end '
        '`return best, accuracy(best, "test")`.',
    ),
    "Take four ways that are all right 80 times in 100, and a test of 100 pictures for each: the "
    "luckiest of the four gets about 84. If you choose by the test, you report that luck as skill, "
    "and the more ways you try, the more luck.",
)
