"""Worked solutions of notebook 06's exercises, each with its reason."""

import numpy as np


def split(recordings):
    """Two lists, to learn from and for the test; about a quarter of it all is for the test."""
    speakers = sorted({speaker for speaker, _, _ in recordings})
    tested = speakers[::4]
    labelled = [recording for recording in recordings if recording[0] not in tested]
    test = [recording for recording in recordings if recording[0] in tested]
    return labelled, test


def standardised(x):
    """Log-mel pictures `[n, 1, 32, 32]`, each brought to mean 0 and spread 1 by itself."""
    x = x - x.mean((1, 2, 3), keepdim=True)
    return x / x.std((1, 2, 3), keepdim=True).clamp_min(1e-6)


def half_interval(right, people):
    """Half of the 95% interval of the accuracy, for people who were not recorded."""
    right, people = np.asarray(right), np.asarray(people)
    means = [right[people == who].mean() for who in np.unique(people)]
    return 2 * np.std(means, ddof=1) / np.sqrt(len(means))


def refused(expected, modality, x):
    """None where `x` fits, and otherwise a sentence that says what was expected and what came."""
    if modality != expected["modality"]:
        return f"This network takes {expected['modality']}, and these examples are {modality}."
    if tuple(x.shape[1:]) != tuple(expected["shape"]):
        return f"This network takes {expected['shape']}, and an example is {tuple(x.shape[1:])}."
    return None


PLAN = """
heart_sounds = "audio"
road_signs = "image"
street_names = "text"
compare_with = "random layers"
"""


SOLUTIONS = {
    "speakers": (
        split,
        "The people are chosen before any recording is looked at. `sorted` makes the choice the "
        "same in every run; a bare set of names has a different order each time Python starts.",
    ),
    "scale": (
        standardised,
        "The axes (1, 2, 3) leave one mean and one spread per picture, and `keepdim` lets the "
        "mean be subtracted. The smallest divisor keeps silence at zero.",
    ),
    "interval": (
        half_interval,
        "One number per person, and then the interval of a mean of that many numbers. More "
        "recordings of the same people would hardly make it narrower; more people would.",
    ),
    "guard": (
        refused,
        "The modality comes first: where it differs, agreement of the shapes means nothing. The "
        "first axis is how many examples there are, and any number fits.",
    ),
    "plan": (
        PLAN.strip(),
        "The same modality comes first, whatever the number of pretraining examples: sound's "
        "400,000 names served speech better than a million pictures did.",
    ),
}
