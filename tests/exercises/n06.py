"""Right and wrong answers to the exercises of notebook 06."""

import random

import numpy as np
import pandas as pd
import torch

from exercises import Answers
from tl_course.lessons.n06_wrong_modality import exercises, solutions

# ---------------------------------------------------------------------------- split by people


def last_quarter_of_people(recordings):
    people = list(dict.fromkeys(one[0] for one in recordings))
    kept = set(people[: -max(1, len(people) // 4)])
    return [r for r in recordings if r[0] in kept], [r for r in recordings if r[0] not in kept]


def one_person(recordings):
    table = pd.DataFrame(recordings, columns=["speaker", "digit", "take"])
    test = table[table.speaker == table.speaker.min()]
    rest = table.drop(test.index)
    return list(rest.itertuples(index=False)), list(test.itertuples(index=False))


def shuffled_first(recordings):
    mixed = random.Random(0).sample(recordings, len(recordings))
    return mixed[len(mixed) // 4 :], mixed[: len(mixed) // 4]


def george(recordings):
    return [r for r in recordings if r[0] != "george"], [r for r in recordings if r[0] == "george"]


def cut_at_a_number(recordings):
    ordered = sorted(recordings)
    return ordered[: 3 * len(ordered) // 4], ordered[3 * len(ordered) // 4 :]


def by_digit(recordings):
    return [r for r in recordings if r[1] < 8], [r for r in recordings if r[1] >= 8]


def all_to_learn_from(recordings):
    return list(recordings), solutions.split(recordings)[1]


def some_thrown_away(recordings):
    labelled, test = solutions.split(recordings)
    return labelled, [one for one in test if one[2] == 0]


def the_other_order(recordings):
    return solutions.split(recordings)[::-1]


# ---------------------------------------------------------------------------- each by itself


def flattened(x):
    flat = x.flatten(1)
    flat = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True, correction=0) + 1e-5)
    return flat.view_as(x)


def one_by_one(x):
    out = torch.zeros_like(x)
    for place, one in enumerate(x):
        if one.std() > 0:
            out[place] = (one - one.mean()) / one.std()
    return out


def in_numpy(x):
    x = x.numpy()
    x = x - x.mean((1, 2, 3), keepdims=True)
    return x / np.maximum(x.std((1, 2, 3), keepdims=True), 1e-8)


def whole_batch(x):
    return (x - x.mean()) / x.std()


def over_the_batch(x):
    return (x - x.mean(0)) / (x.std(0) + 1e-6)


def by_row(x):
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6)


def by_column(x):
    return (x - x.mean(2, keepdim=True)) / (x.std(2, keepdim=True) + 1e-6)


def mean_alone(x):
    return x - x.mean((1, 2, 3), keepdim=True)


def by_the_variance(x):
    return (x - x.mean((1, 2, 3), keepdim=True)) / x.var((1, 2, 3), keepdim=True)


def divided_first(x):
    return x / x.std((1, 2, 3), keepdim=True) - x.mean((1, 2, 3), keepdim=True)


def without_a_guard(x):
    return (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True)


def in_place(x):
    x -= x.mean((1, 2, 3), keepdim=True)
    x /= x.std((1, 2, 3), keepdim=True).clamp_min(1e-6)
    return x


# ---------------------------------------------------------------------------- over people


def grouped(right, people):
    means = pd.Series(right).groupby(list(people)).mean()
    return 1.96 * means.sem()


def with_students_t(right, people):
    from scipy.stats import t

    names = sorted(set(people))
    means = torch.tensor(
        [np.mean([r for r, p in zip(right, people, strict=True) if p == name]) for name in names]
    )
    return t.ppf(0.975, len(names) - 1) * means.std() / len(names) ** 0.5


def over_recordings(right, people):
    right = np.asarray(right, float)
    return 1.96 * right.std() / len(right) ** 0.5


def within_people(right, people):
    right, people = np.asarray(right), np.asarray(people)
    each = [right[people == p] for p in np.unique(people)]
    return np.mean([2 * one.std(ddof=1) / np.sqrt(len(one)) for one in each])


def root_of_recordings(right, people):
    return 2 * pd.Series(right).groupby(list(people)).mean().std() / np.sqrt(len(right))


def no_root(right, people):
    return 2 * pd.Series(right).groupby(list(people)).mean().std()


def divided_by_n(right, people):
    means = pd.Series(right).groupby(list(people)).mean()
    return 1.96 * np.std(means.to_numpy()) / np.sqrt(len(means))


def person_after_person(right, people):
    k = len(set(people))
    means = np.asarray(right).reshape(k, -1).mean(1)
    return 2 * means.std(ddof=1) / np.sqrt(k)


def the_whole(right, people):
    return 2 * grouped(right, people)


def both_ends(right, people):
    half = grouped(right, people)
    return np.mean(right) - half, np.mean(right) + half


def one_error(right, people):
    return pd.Series(right).groupby(list(people)).mean().sem()


def always_five(right, people):
    means = np.array([right[people == p].mean() if (people == p).any() else 0.5 for p in NAMES])
    return 2 * means.std(ddof=1) / np.sqrt(5)


NAMES = ("ana", "ben", "eva", "joe", "kim")


# ---------------------------------------------------------------------------- a guard


def collected(expected, modality, x):
    faults = []
    if list(x.shape)[1:] != list(expected["shape"]):
        faults.append(f"shape {list(x.shape)[1:]} is not {expected['shape']}")
    if expected["modality"] != modality:
        faults.append(f"{modality} came where {expected['modality']} was expected")
    return "; ".join(faults) or None


def shapes_alone(expected, modality, x):
    if tuple(x.shape[1:]) != expected["shape"]:
        return f"The shape is {tuple(x.shape[1:])} and must be {expected['shape']}."


def whole_shape(expected, modality, x):
    if modality != expected["modality"] or tuple(x.shape) != expected["shape"]:
        return f"{expected['modality']} was expected, {modality} came."


def guessed(expected, modality, x):
    looks_like = "image" if x.min() >= -2 and x.max() <= 2 else "audio"
    if looks_like != expected["modality"]:
        return f"{expected['modality']} was expected, {looks_like} came."


def true_or_false(expected, modality, x):
    return modality != expected["modality"] or tuple(x.shape[1:]) != expected["shape"]


def sound_alone(expected, modality, x):
    if modality == "audio":
        return "This is audio, and image was expected."
    return shapes_alone(expected, modality, x)


def one_name(expected, modality, x):
    if modality != expected["modality"]:
        return f"This network does not take {modality}."
    return shapes_alone(expected, modality, x)


def modalities_alone(expected, modality, x):
    if modality != expected["modality"]:
        return f"This network takes {expected['modality']}, not {modality}."


def raises(expected, modality, x):
    said = solutions.refused(expected, modality, x)
    if said:
        raise ValueError(said)


CASES = {
    exercises.speakers: Answers(
        right=[last_quarter_of_people, one_person],
        wrong={
            shuffled_first: "speakers are on both sides",
            george: "rather than writing one down",
            cut_at_a_number: "cut at a number of recordings",
            by_digit: "split by digit",
            all_to_learn_from: "learnt by heart",
            some_thrown_away: "in neither list",
            the_other_order: "comes first",
        },
    ),
    exercises.scale: Answers(
        right=[flattened, one_by_one, in_numpy],
        wrong={
            whole_batch: "share one mean",
            over_the_batch: "mean over the batch",
            by_row: "Each row",
            by_column: "Each column",
            mean_alone: "still that of the recording",
            by_the_variance: "variance",
            divided_first: "the mean is not 0",
            without_a_guard: "silence becomes NaN",
            in_place: "changes the pictures",
        },
    ),
    exercises.interval: Answers(
        right=[grouped, with_students_t],
        wrong={
            over_recordings: "as if somebody else",
            within_people: "recordings of one person differ",
            root_of_recordings: "root of the number of recordings",
            no_root: "how far single people lie",
            divided_by_n: "ddof=1",
            person_after_person: "sorted by person",
            the_whole: "the whole interval",
            both_ends: "Return one number",
            one_error: "one standard error",
            always_five: "With three people",
        },
    ),
    exercises.guard: Answers(
        right=[collected],
        wrong={
            shapes_alone: "because the shapes agree",
            whole_shape: "how many there are",
            guessed: "do not tell what they stand for",
            true_or_false: "True and False",
            sound_alone: "refuses sound",
            one_name: "name both modalities",
            modalities_alone: "but the shape is not",
            raises: "return the sentence, and it raises",
        },
    ),
    exercises.plan: Answers(
        right=[("Audio", "image ", "TEXT", "Random layers")],
        wrong=[
            (("image", "image", "text", "random layers"), "a spectrogram is a picture"),
            (("text", "image", "text", "random layers"), "text layers were behind random"),
            (("audio", "text", "text", "random layers"), "have no neighbourhoods"),
            (("audio", "audio", "text", "random layers"), "four times as much"),
            (("audio", "image", "image", "random layers"), "Street names"),
            (("audio", "image", "text", "guessing"), "would look like help"),
            (("audio", "image", "text", "nothing"), "an accuracy alone"),
            (("sound", "image", "text", "nothing"), "is not a source in this notebook"),
        ],
    ),
}
