"""Right and wrong answers to the exercises of notebook 06."""

import random

import numpy as np
import pandas as pd
import torch

from exercises import Answers


def last_quarter_of_people(recordings):
    people = list(dict.fromkeys(recording[0] for recording in recordings))
    known = set(people[: -max(1, len(people) // 4)])
    return [r for r in recordings if r[0] in known], [r for r in recordings if r[0] not in known]


def one_person(recordings):
    table = pd.DataFrame(recordings, columns=["speaker", "digit", "take"])
    test = table[table.speaker == table.speaker.min()]
    rest = table.drop(test.index)
    return list(rest.itertuples(index=False)), list(test.itertuples(index=False))


def shuffled_first(recordings):
    mixed = random.Random(0).sample(recordings, len(recordings))
    return mixed[len(mixed) // 4 :], mixed[: len(mixed) // 4]


def cut_at_a_number(recordings):
    ordered = sorted(recordings)
    return ordered[: 3 * len(ordered) // 4], ordered[3 * len(ordered) // 4 :]


def flattened(x):
    flat = x.flatten(1)
    flat = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True, correction=0) + 1e-5)
    return flat.view_as(x)


def one_by_one(x):
    out = torch.zeros_like(x)
    for place, picture in enumerate(x):
        if picture.std() > 0:
            out[place] = (picture - picture.mean()) / picture.std()
    return out


def in_numpy(x):
    x = x.numpy()
    x = x - x.mean((1, 2, 3), keepdims=True)
    return x / np.maximum(x.std((1, 2, 3), keepdims=True), 1e-8)


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


def collected(expected, modality, x):
    faults = []
    if list(x.shape)[1:] != list(expected["shape"]):
        faults.append(f"shape {list(x.shape)[1:]} is not {expected['shape']}")
    if expected["modality"] != modality:
        faults.append(f"{modality} came where {expected['modality']} was expected")
    return "; ".join(faults) or None


AXES, SPREAD = "(1, 2, 3)", " / x.std((1, 2, 3), keepdim=True).clamp_min(1e-6)"
ERROR = "np.std(means, ddof=1) / np.sqrt(len(means))"
OF_PERSON, EACH = "right[people == who].mean()", "for who in np.unique(people)"
OTHER_MODALITY = 'modality != expected["modality"]'
FIVE = "if who in people else 0.5 for who in ('ana', 'ben', 'eva', 'joe', 'kim')"

CASES = {
    "speakers": Answers(
        right=[last_quarter_of_people, one_person],
        wrong={
            "people": shuffled_first,
            "name": ("speakers[::4]", '["george"]'),
            "cut": cut_at_a_number,
            "digits": ("[0] not in tested", "[1] < 8", "[0] in tested", "[1] >= 8"),
            "both": (" if recording[0] not in tested", ""),
            "lost": ("recording[0] in tested", "recording[0] in tested and recording[2] == 0"),
            "larger": ("return labelled, test", "return test, labelled"),
        },
    ),
    "scale": Answers(
        right=[flattened, one_by_one, in_numpy],
        wrong={
            "batch": (AXES + ", keepdim=True", ""),
            "points": (AXES, "0"),
            "rows": (AXES, "-1"),
            "columns": (AXES, "2"),
            "spread": (SPREAD, ""),
            "variance": ("x.std", "x.var"),
            "mean": ("x = x - ", "mean = ", SPREAD, SPREAD + " - mean"),
            "silence": (".clamp_min(1e-6)", ""),
            "changed": ("x = x - ", "x -= "),
        },
    ),
    "interval": Answers(
        right=[grouped, with_students_t],
        wrong={
            "recordings": (ERROR, "np.std(right) / np.sqrt(len(right))"),
            "within": (OF_PERSON, "right[people == who].std(ddof=1) / 10", ERROR, "np.mean(means)"),
            "root": ("len(means)", "len(right)"),
            "single": (" / np.sqrt(len(means))", ""),
            "ddof": (", ddof=1", ""),
            "sorted": (f"[{OF_PERSON} {EACH}]", "right.reshape(len(set(people)), -1).mean(1)"),
            "whole": ("2 *", "4 *"),
            "number": ("return 2", "half = 2", ERROR, ERROR + "\n    return -half, half"),
            "one_error": ("2 * ", ""),
            "three": (EACH, FIVE),
        },
    ),
    "guard": Answers(
        right=[collected],
        wrong={
            "shapes_alone": (OTHER_MODALITY, "False"),
            "any_number": ("x.shape[1:]", "x.shape"),
            "numbers": ("    if modality",
                        "    modality = ('image', 'audio')[x.abs().max() > 2]\n    if modality"),
            "verdict": lambda expected, modality, x: modality != expected["modality"],
            "refused": (OTHER_MODALITY, "modality == 'audio'"),
            "names": ("{expected['modality']}", "something else"),
            "shape": ('tuple(x.shape[1:]) != tuple(expected["shape"])', "False"),
            "raised": ("return f", "assert not f"),
        },
    ),
    "plan": Answers(
        right=[("audio", "Audio", "image", "image ", "text", "TEXT", "random", "Random")],
        wrong={
            "heart_image": ("audio", "image"),
            "heart_text": ("audio", "text"),
            "signs_text": ("image", "text"),
            "signs_audio": ("image", "audio"),
            "names": ("text", "image"),
            "guessing": ("random layers", "guessing"),
            "uncompared": ("random layers", "nothing"),
            "source": ("audio", "sound"),
        },
    ),
}  # fmt: skip
