"""The experiments of notebook 05 other than the sweep, in tidy rows, each with its control."""

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from tl_course.base.parallel import side_by_side
from tl_course.core import network, pretraining, training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import altered, features, seen
from tl_course.core.settings import Settings
from tl_course.core.training import Callbacks
from tl_course.data.examples import Target, draw
from tl_course.data.poses import Pose
from tl_course.data.sources.classes import source_classes, unseen_classes
from tl_course.data.sources.emoji_images import EmojiImages, Style
from tl_course.data.targets.letters import NAMES as LETTER_NAMES
from tl_course.data.targets.letters import letters as font_letters
from tl_course.data.targets.objects import unseen_objects
from tl_course.data.targets.omniglot import ALPHABETS, LETTERS, omniglot
from tl_course.lessons.n05_how_much_data import middle_ways, task_tuning
from tl_course.study import comparing
from tl_course.study.sweep import ARMS, CALLED, sweep

TASKS = {"letters": font_letters, "unseen things": unseen_objects}
AUGMENTED = tuple(arm for arm in ARMS if arm != "classical")


def other_tasks(net: FiveLayerNet, draws: int, done: Iterable[dict] = ()) -> Iterator[dict]:
    """Printed letters and unseen things: rows of a sweep, with `task` and `each`.

    `each` is the number of labelled images per class. The settings are tuned for the task.
    """
    for name, make in TASKS.items():
        had = [row for row in done if row["task"] == name]
        for row in _on_task(net, make, name, draws, had):
            yield {"task": name, **row}


def real_letters(net: FiveLayerNet, draws: int, done: Iterable[dict] = ()) -> Iterator[dict]:
    """Omniglot, twenty letters per alphabet: rows of a sweep, with `alphabet` and `each`.

    The test has other writers. The settings are tuned on the validation writers of all alphabets.
    """
    for alphabet in ALPHABETS:
        had = [row for row in done if row["alphabet"] == alphabet]
        for row in _on_task(net, partial(omniglot, alphabet), "Omniglot", draws, had):
            yield {"alphabet": alphabet, **row}


def _on_task(net, make: Callable[[], Target], name: str, draws: int, done) -> Iterator[dict]:
    """Every arm at each number of labelled images per class of a task, in both forms."""
    classes = len(make().pool.names)

    for augmented, arms in ((False, ARMS), (True, AUGMENTED)):
        sizes = [classes * each for each in task_tuning.sizes(name, augmented)]
        choice = partial(task_tuning.choice, name, classes)
        for row in sweep(
            net, make, sizes, draws, arms=arms, augment=[augmented], choice=choice,
            done=done, progress=True,
        ):  # fmt: skip
            yield {"each": row["images"] // classes, **row}


CUT_LAYERS = 4
CUT = Settings(learning_rate=1e-3, steps=300)  # one for all cuts, so they can be compared


def which_layers(
    net: FiveLayerNet, target: Target, images: int, draws: int, *, part: str = "test"
) -> Iterator[dict]:
    """Accuracy with k layers borrowed, the rest fresh: rows `first`, `then`, `k`, `draw`, ….

    `first` says whether the first k layers are "pretrained" or "random". `then` says whether they
    stay "fixed" or are "trained" with the others (Yosinski et al., arXiv 1411.1792, scaled down).
    """
    scored = getattr(target, part)
    plan = [
        (net, target.pool, scored, images, number, first, then, k)
        for k in range(CUT_LAYERS + 1)
        for first, then in (("pretrained", "fixed"), ("pretrained", "trained"), ("random", "fixed"))
        if k > 0 or (first, then) == ("pretrained", "trained")  # with k = 0, all are the same
        for number in range(draws)
    ]
    yield from side_by_side(_one_cut, plan, "cuts")


def _one_cut(net, pool, scored, images, number, first, then, k) -> dict:
    labelled = draw(pool, images, number)
    borrowed = (net, k if first == "pretrained" else 0)
    start = transfer.fresh_network(labelled.x, number, net.modality, borrowed)
    frozen = [f"layer{layer}" for layer in range(1, k + 1)] if then == "fixed" else []
    start = network.replace_output_layer(start, len(pool.names))
    adapted = transfer.fine_tune(start, labelled, frozen=frozen, seed=number, chosen=CUT)
    return {
        "first": first, "then": then, "k": k, "images": images, "draw": number,
        "accuracy": adapted.tested(scored).accuracy,
    }  # fmt: skip


@dataclass(frozen=True)
class SourceTask:
    """A source that differs from the course's in the number of classes or renders, or in style."""

    classes: int = 1000
    images: int = 100_000
    style: str = "all styles"

    @property
    def name(self) -> str:
        """A name for its folder."""
        return f"{self.classes}-classes-{self.images}-{self.style.replace(' ', '-')}"


STYLES = {
    "all styles": Style(),
    "colour only": replace(Style(), line_art=0.0, silhouette=0.0, grey=0.0),
    "line art only": replace(Style(), line_art=1.0, silhouette=0.0, grey=1.0),
}
QUESTIONS = {  # what is varied: the sources
    "classes": [SourceTask(classes=n) for n in (10, 30, 100, 300, 1000)],
    "images": [SourceTask(images=n) for n in (10_000, 30_000, 100_000)],
    "style": [SourceTask(style=style) for style in STYLES],
}


def network_of_task(task: SourceTask, seed: int, progress: str | None = None) -> FiveLayerNet:
    """A network pretrained on `task`; its classes are evenly spread over the 1,000."""
    every = source_classes()
    drawn = every[:: len(every) // task.classes][: task.classes]
    source = EmojiImages(seed, drawn, STYLES[task.style])
    return pretraining.pretrain(
        source, task.images, seed=seed, callbacks=Callbacks(progress=progress)
    ).net


def lent_by(net: FiveLayerNet, target: Target, draws: int) -> Iterator[dict]:
    """Option 1 on a network, with 10 and 50 images: rows `images`, `draw`, `accuracy` (0 … 1)."""
    for row in sweep(net, target, [10, 50], draws, arms=["option-1"]):
        yield {key: row[key] for key in ("images", "draw", "accuracy")}


MANY = 3  # networks adapted to the same images, each with different altered copies
VIEWS_TO_TEST = 4
GENTLE = Pose(rotate=0.12, shear=0.12, shift=0.06, stretch=0.05, zoom=(0.93, 1.07), elastic=0.04)


def push(
    net: FiveLayerNet,
    other: FiveLayerNet,
    target: Target,
    images: int,
    draws: Iterable[int],
    *,
    part: str = "test",
) -> Iterator[list[dict]]:
    """The best from few images, by step: for each draw rows `step`, `images`, `draw`, `accuracy`.

    `net` is the course's network. `other` was pretrained on strokes and is for the last steps.
    `draws` are the numbers of the draws.
    """
    scored = getattr(target, part)
    plan = [(net, other, target.pool, scored, images, number) for number in draws]
    return side_by_side(_pushed, plan, f"pushing {images}")


def averaged(nets: Sequence[FiveLayerNet]) -> FiveLayerNet:
    """A network whose weights are the mean of the weights of `nets` (arXiv 2203.05482)."""
    mean = copy.deepcopy(nets[0])
    every = [dict(net.named_parameters()) for net in nets]
    with torch.no_grad():
        for name, parameter in mean.named_parameters():
            parameter.copy_(torch.stack([named[name] for named in every]).mean(0))
    return mean


def seen_often(net: FiveLayerNet, x: torch.Tensor, views: int = VIEWS_TO_TEST) -> torch.Tensor:
    """Probabilities averaged over each picture and gently altered copies of it: `[n, classes]`."""
    every = [x, *(altered(x, 0x7E57, view, GENTLE) for view in range(views))]
    return torch.stack([training.predict(net, view).softmax(1) for view in every]).mean(0)


def prototypes(x: torch.Tensor, y: torch.Tensor, new: torch.Tensor, classes: int) -> torch.Tensor:
    """Scores `[n, classes]` of features `new`: cosine with each class mean, after centring."""
    centre = x.mean(0)
    x, new = F.normalize(x - centre, dim=1), F.normalize(new - centre, dim=1)
    means = torch.stack([x[y == label].mean(0) for label in range(classes)])
    return new @ F.normalize(means, dim=1).T


def _pushed(net, other, pool, scored, images, number) -> list[dict]:
    labelled = draw(pool, images, number)
    steps = {}
    steps["Option 1"] = transfer.option_1(net, labelled, test=scored).scores
    steps["prototypes of altered copies"] = prototypes(
        *seen(net, labelled, number, augment=True), features(net, scored.x), len(pool.names)
    )
    head = transfer.option_1(net, labelled, seed=number, augment=True).net
    steps["Option 1 with altered copies"] = training.predict(head, scored.x)
    steps["the same, several views at test time"] = seen_often(head, scored.x)
    nets = _then_everything(net, labelled, number)
    steps["then everything"] = training.predict(nets[0], scored.x)
    steps["weights of three averaged"] = training.predict(averaged(nets), scored.x)
    three = steps["answers of three averaged"] = _mean_answer(nets, scored.x)
    head = transfer.option_1(other, labelled, seed=number, augment=True).net
    steps["pretrained on strokes: Option 1 with copies"] = training.predict(head, scored.x)
    more = _mean_answer(_then_everything(other, labelled, number), scored.x)
    steps["on strokes: answers of three averaged"] = more
    steps["both sources: answers of six averaged"] = three + more
    return [
        {"step": step, "images": images, "draw": number,
         "accuracy": (scores.argmax(1) == scored.y).float().mean().item()}
        for step, scores in steps.items()
    ]  # fmt: skip


def _then_everything(net, labelled, number) -> list[FiveLayerNet]:
    """Networks adapted by LP-FT to the same images, each with different altered copies."""
    return [
        transfer.output_first(net, labelled, seed=MANY * number + i, augment=True).net
        for i in range(MANY)
    ]


def _mean_answer(nets: Sequence[FiveLayerNet], x: torch.Tensor) -> torch.Tensor:
    return torch.stack([training.predict(net, x).softmax(1) for net in nets]).mean(0)


# ---------------------------------------------------------------- what is taken from the tables


def tuned_means(recorded: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each arm at each number of images, as tuned: rows of `comparing.means`."""
    return comparing.means(comparing.tuned(recorded))


def ahead_of_others(
    recorded: pd.DataFrame,
    leader: str,
    others: Sequence[str],
    copies: Sequence[bool] = (False, True),
    least: int = 0,
) -> dict[tuple[str, bool], pd.DataFrame]:
    """How far `leader` is ahead of each of `others` on the same draws: `comparing.paired_arms`.

    Keys are (arm, altered copies). Rows are from `least` labelled images on.
    """
    rows = comparing.tuned(recorded)[lambda rows: rows.images >= least]
    return {
        (arm, form): comparing.paired_arms(rows, (leader, form), (arm, form))
        for arm, form in itertools.product(others, copies)
    }


NEAR = "unseen objects"  # the one task whose pictures are made like the source's
TASKS_COMPARED = ("digits", "printed letters", "handwritten letters", NEAR)
CASES = {  # what learners decide before the figure: task, augmented, labelled images per class
    "printed letters, five of each, no augmentation": ("printed letters", False, 5),
    "digits, a hundred of each, no augmentation": ("digits", False, 100),
    "digits, five of each, with augmentation": ("digits", True, 5),
    "unseen objects, twenty of each, no augmentation": (NEAR, False, 20),
}
LEADERS = tuple(comparing.LEADS.values())  # what can be answered


def ahead_by_labels(
    official: pd.DataFrame,
    tasks: pd.DataFrame,
    letters: pd.DataFrame,
    arm: str,
    other: str,
    augmented: bool,
) -> dict[str, pd.DataFrame]:
    """How far `arm` is ahead of `other` by task of `TASKS_COMPARED`: rows of `paired_arms`.

    `per_class` is the number of labelled images per class, and `verdict` that of
    `comparing.verdict`. Each draw has its own labelled images of each of the five alphabets, which
    count as one task.
    """
    keys = ["arm", "augmented", "images", "draw"]
    by_draw = letters.sort_values("alphabet").groupby(keys).right
    joined = by_draw.apply(lambda rights: np.concatenate(rights.to_list())).reset_index()
    of_task = {
        "digits": (official, 10),
        "printed letters": (tasks[tasks.task == "letters"], len(LETTER_NAMES)),
        "handwritten letters": (joined, LETTERS),
        NEAR: (tasks[tasks.task == "unseen things"], len(unseen_classes())),
    }
    compared = {}
    for name, (rows, classes) in of_task.items():
        ahead = comparing.paired_arms(rows, (arm, augmented), (other, augmented))
        if len(ahead):
            verdicts = [comparing.verdict(row) for row in ahead.itertuples()]
            compared[name] = ahead.assign(per_class=ahead.images / classes, verdict=verdicts)
    return compared


def options_by_labels(*tables: pd.DataFrame) -> dict[bool, dict[str, pd.DataFrame]]:
    """Option 2 minus Option 1 by augmentation: `ahead_by_labels` of the same three tables."""
    return {
        augmented: ahead_by_labels(*tables, "option-2", "option-1", augmented)
        for augmented in (False, True)
    }


def decided(compared: dict[bool, dict[str, pd.DataFrame]]) -> dict[str, str]:
    """Which option leads in each of `CASES`, in the words of `comparing.LEADS`."""
    rows = {
        name: compared[augmented][task].set_index("per_class").loc[per_class]
        for name, (task, augmented, per_class) in CASES.items()
    }
    return {name: comparing.leading_option(row) for name, row in rows.items()}


def labels_from_scratch(recorded: pd.DataFrame, arm: str, images: int, copies: bool) -> float:
    """The labels needed from scratch to equal `arm` with `images`; NaN if more than were tried."""
    table = comparing.tuned(recorded)[lambda rows: rows.augmented == copies]
    at = table[(table.arm == arm) & (table.images == images)].accuracy
    return comparing.labels_for(table, "scratch", copies, 100 * at.mean()) or math.nan


def labels_saved(recorded: pd.DataFrame) -> dict[tuple[bool, int], float]:
    """The labels needed from scratch to equal Option 1 with ten and fifty, by (copies, labels)."""
    return {
        (copies, images): labels_from_scratch(recorded, "option-1", images, copies)
        for copies, images in itertools.product((False, True), (10, 50))
    }


def gained(recorded: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What altered copies add for each way to learn, on the same draws: `comparing.paired_arms`."""
    table = comparing.tuned(recorded)
    return {
        arm: comparing.paired_arms(table, (arm, True), (arm, False))
        for arm in ("scratch", "random-frozen", "option-2", "option-1")
    }


def gains_most(recorded: pd.DataFrame, images: int) -> tuple[str, list[str]]:
    """The way to learn that gains most from copies, and all three possible answers."""
    rows = gained(recorded)
    gains = {
        CALLED[arm]: rows[arm].set_index("images").ahead[images]
        for arm in ("scratch", "option-1", "option-2")
    }
    return max(gains, key=gains.get), list(gains)


def misread_most(truth: torch.Tensor, answers: torch.Tensor, names: Sequence[str]) -> str:
    """The name of the class with the most wrong answers."""
    return names[int(torch.bincount(truth[truth != answers], minlength=len(names)).argmax())]


def one_recipe(recorded: pd.DataFrame) -> pd.DataFrame:
    """A table of what one fixed recipe gets right, and how far it is ahead of tuned settings."""
    rows = comparing.recipes(recorded).rename(columns={"arm": "way"})
    rows["cell"] = [f"{r.fixed:.1f} ({r.ahead:+.1f} ± {r.interval:.1f})" for r in rows.itertuples()]
    return _of_ways(rows, CALLED)


def ways_between(official: pd.DataFrame, between: pd.DataFrame) -> pd.DataFrame:
    """A table of what every way gets right, and how far it is ahead of output layer first."""
    rows = middle_ways.compared_ways(official, between, "output-first")
    rows["cell"] = [
        f"{r.right:.1f}" + f" ({r.ahead:+.1f} ± {r.interval:.1f})" * (r.way != "output-first")
        for r in rows.itertuples()
    ]
    return _of_ways(rows, rows.way.unique())


def _of_ways(rows: pd.DataFrame, order: Iterable[str]) -> pd.DataFrame:
    """A table of `cell`: rows by `augmented` and `way` (in this `order`), columns by `images`."""
    cells = rows.pivot(index=["augmented", "way"], columns="images", values="cell")
    cells = cells.replace("-", "−", regex=True)
    places = [place for place in itertools.product((False, True), order) if place in cells.index]
    cells = cells.loc[places].rename(columns="{:,} digits".format)
    cells = cells.rename(index={False: "without", True: "with copies"}, level="augmented")
    called = {way: CALLED[way] for way in order if way in CALLED}
    cells = cells.rename(index=called, level="way")
    return cells.rename_axis(index=["copies", "way to learn"], columns=None)
