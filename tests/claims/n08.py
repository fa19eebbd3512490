"""What the claims of notebook 08 are tested on."""

from pathlib import Path

import torch

from tl_course.data.targets.made_folder import FAULTS
from tl_course.data.targets.own_folder import Checked, Finding
from tl_course.lessons.n08_your_own_task import claims, experiments

LINEAGE = [{"name": "emoji-images", "maker": "the contributors"}]


def folder(missed=0):
    """A folder in which the checker missed some of the faults."""
    faults = [*list(FAULTS.items())[missed:], ("train/brick/other-copy.png", "in two classes")]
    files = {what: tuple(file for file, named in faults if named == what) for _, what in faults}
    findings = tuple(Finding(what, "", which, which) for what, which in files.items())
    return Checked(Path(), (), findings, None, None)


def with_arms_exchanged(one, other):
    """The recorded accuracies, those of one arm as those of another."""
    names = {one: other, other: one}
    return (experiments.accuracies().rename(columns=names, level="arm"),)


def scores():
    return torch.arange(6.0).view(3, 2)


CASES = {
    claims.the_checker_finds_every_fault: (lambda: (folder(),), lambda: (folder(missed=1),)),
    claims.only_random_layers_miss_the_colours: (
        lambda: (experiments.accuracies(),),
        lambda: with_arms_exchanged("option-1", "random-frozen"),
    ),
    claims.option_2_is_ahead_here: (
        lambda: (experiments.accuracies(),),
        lambda: with_arms_exchanged("option-1", "option-2"),
    ),
    claims.what_is_shared_answers_the_same: (
        lambda: (scores(), scores(), LINEAGE),
        lambda: (scores(), scores() + 1e-6, LINEAGE),
    ),
}
