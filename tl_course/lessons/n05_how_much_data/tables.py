"""What notebook 05 records: tuned settings, the sweep, other tasks and sources, and the push."""

from collections.abc import Iterator
from functools import partial

from tl_course import __version__
from tl_course.core import pretraining, settings
from tl_course.core.network import FiveLayerNet
from tl_course.data.sources.strokes import RandomStrokes
from tl_course.data.targets.handwritten import ALL, handwritten
from tl_course.lessons.n05_how_much_data import (
    experiments,
    middle_ways,
    task_tuning,
    unlabelled,
)
from tl_course.study import tuning
from tl_course.study.sweep import ARMS, sweep
from tl_course.study.tables import Table, missing, of_pictures, saved_network

DRAWS = {10: 20, 20: 20, 50: 20, 100: 20, 200: 20, 500: 10, 1000: 10}  # by number of images
OFFICIAL = {10: 20, 20: 20, 50: 20, 100: 20, 200: 20, 500: 5, 1000: 5, 5000: 3, 10_000: 2, ALL: 1}
DIGITS = partial(handwritten, full=True)
BETWEEN, BETWEEN_DRAWS = (50, 200), 20  # for the ways between the options
UNLABELLED = {10: 20, 50: 20, 200: 20}  # number of labelled digits: draws
TASK_DRAWS, LETTER_DRAWS = 10, 5  # of each task and each alphabet
FIXED = {10: 10, 50: 10, 200: 10}
PUSHED = {10: 20, 50: 20, 200: 20, 1000: 10}  # number of digits: draws
STROKES = 1_000_000  # renders of strokes, for the network of another source
PASSES = [  # of the sweep: settings, how they are chosen, augmentation, draws
    ("tuned", settings.chosen, (False, True), DRAWS),
    ("fixed", settings.fixed, (False, True), FIXED),
]
SOURCES = 2  # pretrainings of each smaller or poorer source
SOURCE_KEYS = ("question", "classes", "images_seen", "style", "pretraining")


def sweep_rows(done: list[dict]) -> Iterator[dict]:
    """Every arm at every size on the test digits, with tuned settings and with fixed ones."""
    net = pretraining.pretrained()
    common = {"seed": 0, "version": __version__, "weights": of_pictures()[:12]}
    for recipe, choice, augment, draws in PASSES:
        for row in sweep(
            net, handwritten(), list(draws), draws, augment=augment, choice=choice,
            done=[row for row in done if row["settings"] == recipe], progress=True,
            arms=[arm for arm in ARMS if (recipe, arm) != ("fixed", "classical")],
        ):  # fmt: skip
            yield {"settings": recipe, **row, **common}


def official_rows(done: list[dict]) -> Iterator[dict]:
    """Every arm on all of MNIST: settings chosen on 5,000 digits, the official test run once."""
    return sweep(
        pretraining.pretrained(), DIGITS, list(OFFICIAL), OFFICIAL,
        augment=(False, True), choice=settings.official, done=done, progress=True,
    )  # fmt: skip


def _pretrained_on_strokes() -> FiveLayerNet:
    return pretraining.pretrain(RandomStrokes(0), STROKES).net


def push_rows(done: list[dict]) -> Iterator[list[dict]]:
    """The steps of `experiments.push`; the test part is used only here, and only once."""
    for images, draws in PUSHED.items():
        plan = [(images, number) for number in range(draws)]
        numbers = [number for _, number in missing(plan, done, ("images", "draw"))]
        if numbers:
            strokes = saved_network("strokes", _pretrained_on_strokes)
            nets = pretraining.pretrained(), strokes
            yield from experiments.push(*nets, handwritten(), images, numbers)


def sources_rows(done: list[dict]) -> Iterator[list[dict]]:
    """Option 1 on networks pretrained on smaller and poorer sources, over twenty draws."""
    every = [("images", experiments.SourceTask(images=1_000_000), 0)]
    for seed in range(1, SOURCES + 1):
        for question, varied in experiments.QUESTIONS.items():
            every += [(question, task, seed) for task in varied]
    plan = {(which, task.classes, task.images, task.style, n): task for which, task, n in every}
    for key in missing(plan, done, SOURCE_KEYS):
        task, seed = plan[key], key[-1]
        make = partial(experiments.network_of_task, task, seed, task.name)
        net = saved_network(f"{task.name}-seed-{seed}", make) if seed else pretraining.pretrained()
        common = dict(zip(SOURCE_KEYS, key, strict=True))
        yield [{**common, **row} for row in experiments.lent_by(net, handwritten(), 20)]


TABLES = [
    Table("tuning", tuple(tuning.KEYS), partial(tuning.tune, tuning.OFFLINE)),
    Table("official_tuning", tuple(tuning.KEYS), partial(tuning.tune, tuning.OFFICIAL)),
    Table(task_tuning.NAME, task_tuning.KEYS, task_tuning.task_tuning_rows),
    Table("sweep", ("settings", "arm", "augmented", "images", "draw"), sweep_rows),
    Table("official", ("arm", "augmented", "images", "draw"), official_rows),
    Table(
        "unlabelled", ("heap", "unlabelled", "augmented", "images", "draw"),
        lambda done: unlabelled.unlabelled_rows(
            pretraining.pretrained(), DIGITS(), UNLABELLED, done
        ),
    ),
    Table(
        middle_ways.TUNING, middle_ways.KEYS,
        lambda done: middle_ways.middle_ways_tuning_rows(
            pretraining.pretrained(), DIGITS, BETWEEN, done
        ),
        then=lambda rows: tuning.keep_best(middle_ways.TUNING, rows, middle_ways.KEYS[:3]),
    ),
    Table(
        "middle_ways", ("way", "augmented", "images", "draw"),
        lambda done: middle_ways.middle_ways_rows(
            pretraining.pretrained(), DIGITS, BETWEEN, BETWEEN_DRAWS, done
        ),
    ),
    Table(
        "real_letters", ("alphabet", "arm", "augmented", "images", "draw"),
        lambda done: experiments.real_letters(pretraining.pretrained(), LETTER_DRAWS, done),
    ),
    Table(
        "tasks", ("task", "arm", "augmented", "images", "draw"),
        lambda done: experiments.other_tasks(pretraining.pretrained(), TASK_DRAWS, done),
    ),
    Table(
        "which_layers", ("first", "then", "k", "draw"),
        lambda done: experiments.which_layers(pretraining.pretrained(), handwritten(), 50, 10),
    ),
    Table("push", ("step", "images", "draw"), push_rows),
    Table("sources", (*SOURCE_KEYS, "images", "draw"), sources_rows),
]  # fmt: skip
