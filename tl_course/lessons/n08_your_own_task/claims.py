"""Claims of notebook 08: what the checker finds, what colours are worth, what sharing keeps."""

from collections.abc import Sequence

import pandas as pd
import torch

from tl_course.data.targets.made_folder import FAULTS, PIECES, TRAIN
from tl_course.data.targets.own_folder import Checked
from tl_course.lessons.claims import Claim, claim
from tl_course.lessons.n08_your_own_task import experiments


@claim()
def the_checker_finds_every_fault(checked: Checked) -> Claim:
    """`checked` is the result for the folder made here, in which `FAULTS` are planted."""
    files = {finding.what: finding.files for finding in checked.findings}
    named = [file for file, what in FAULTS.items() if file in files.get(what, ())]
    return Claim(
        f"The checker finds all {len(FAULTS)} faults that are planted in the folder made here, "
        "names each correctly, and leaves out only one other picture, the second copy of the one "
        "in two classes.",
        len(named) == len(FAULTS) and len(set(checked.left_out) - set(FAULTS)) == 1,
        f"{len(named)} of {len(FAULTS)} found; {len(checked.left_out)} files left out",
    )


@claim("own_task")
def only_random_layers_miss_the_colours(own_task: pd.DataFrame) -> Claim:
    """Option 1 and random layers, each with colour and without."""
    accuracies = experiments.accuracies_by_arm(own_task)
    borrowed, random = accuracies["option-1"], accuracies["random-frozen"]
    lost, random_lost = (layers[True] - layers[False] for layers in (borrowed, random))
    ahead = {colour: (borrowed[colour] - random[colour]).mean() for colour in (True, False)}
    return Claim(
        f"On the pictures made here, frozen random layers lose {random_lost.mean():.0f} points "
        "without colour and frozen borrowed layers hardly any, so random layers are ahead in "
        "colour and borrowed layers in grey.",
        bool(
            lost.abs().max() < 2 and random_lost.min() > 5 and ahead[True] < -2 < 2 < ahead[False]
        ),
        f"Option 1 loses {lost.mean():+.1f} points on average, at most {lost.abs().max():.1f} in "
        f"any draw, and random layers at least {random_lost.min():.1f}; Option 1 minus random "
        f"layers: {ahead[True]:+.1f} in colour, {ahead[False]:+.1f} in grey",
    )


@claim("own_task")
def option_2_is_ahead_here(own_task: pd.DataFrame) -> Claim:
    """Option 2 with augmentation against Option 1 without, both in colour."""
    accuracies = experiments.accuracies_by_arm(own_task)
    ahead = (accuracies["option-2", True] - accuracies["option-1", True]).dropna()
    return Claim(
        "On the pictures made here, in colour, Option 2 with augmentation, as recommended, is "
        f"{ahead.mean():.0f} points ahead of Option 1 without augmentation, on average.",
        bool(ahead.mean() >= 5),
        f"{ahead.mean():+.1f} points with {TRAIN * len(PIECES)} labelled pictures, ahead in "
        f"{(ahead > 0).sum()} of {len(ahead)} draws",
    )


@claim()
def what_is_shared_answers_the_same(
    here: torch.Tensor, there: torch.Tensor, lineage: Sequence[dict]
) -> Claim:
    """Scores `[n_test, classes]` `here` and `there` are equal; `lineage` are credited networks."""
    return Claim(
        f"The shared network gives all {len(here)} test pictures exactly the same scores as the "
        "network here, and its card credits the network that it was built on.",
        torch.equal(here, there) and len(lineage) >= 1,
        f"{len(here)} test pictures; built on "
        + ", ".join(f"{ancestor['name']} by {ancestor['maker']}" for ancestor in lineage),
    )
