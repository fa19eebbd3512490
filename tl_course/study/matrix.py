"""Which source serves which target: one network, three modalities, and random layers as a control.

A cell is a source, a target and an option. The same ten digits exist as pictures, sound and text,
and so do the 1,000 things of the sources. Every input is `[3, 32, 32]`, so any network can be given
any target. This experiment measures whether that helps.

If a target has folds (held-out languages or speakers), draw d takes fold d modulo their number, so
that each of them is the test in turn.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from tl_course.base import stats
from tl_course.base.errors import CourseError
from tl_course.base.parallel import side_by_side
from tl_course.core import pretraining, settings, training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import features
from tl_course.core.settings import Settings
from tl_course.data.examples import Examples, Target, draw
from tl_course.data.targets import spoken, written
from tl_course.data.targets.handwritten import handwritten
from tl_course.study.sweep import classical

SOURCES = {"image": "emoji-images", "audio": "spoken-names", "text": "written-names"}
CALLED = {
    "handwritten": "handwritten digits",
    "spoken": "spoken digits (synthetic voices)",
    "spoken-real": "spoken digits (people)",
    "written": "written digits",
}
OPTIONS = ("1", "2", "scratch")
TEST_VOICES = 8  # of the synthetic test, which is ordered by voice


@dataclass(frozen=True)
class Task:
    """A target's modality and its folds, each a function that returns a `Target`."""

    modality: str
    folds: tuple[Callable[[], Target], ...]


def tasks() -> dict[str, Task]:
    """The available targets by name; "spoken-real" if its recordings are here.

    Raises CourseError, which names the recordings, if some cannot be read.
    """
    by_name = {
        "handwritten": Task("image", (handwritten,)),
        "spoken": Task("audio", (spoken.spoken_digits,)),
    }
    people = spoken.speakers() if spoken.has_recordings() else ()
    if len(people) > 1:
        folds = tuple(functools.partial(spoken.spoken_by_people, person) for person in people)
        by_name["spoken-real"] = Task("audio", folds)
    folds = tuple(functools.partial(written.written_digits, i) for i in range(written.FOLDS))
    by_name["written"] = Task("text", folds)
    return by_name


def chosen_for_cell(source: str, target: str, option: str, images: int) -> Settings:
    """The settings of a cell, tuned for the nearest number of examples.

    People's voices have the settings of synthetic ones, because no speaker is left for tuning.
    """
    target = "spoken" if target == "spoken-real" else target
    every = settings.chosen_settings("matrix_tuning")
    sizes = [cell[3] for cell in every if cell[:3] == (source, target, option)]
    return every[source, target, option, settings.nearest(sizes, images)]


def adapted_in_cell(
    net: FiveLayerNet | None, labelled: Examples, option: str, seed: int, chosen: Settings
) -> FiveLayerNet:
    """A cell's network; without `net` it is the control, fresh random layers.

    A network may be given another modality, because that is the experiment.
    """
    if net is None:
        arm = {"1": "random-frozen", "scratch": "scratch"}[option]
    else:
        arm = f"option-{option}"
        labelled = labelled.with_modality(net.modality)
    return transfer.adapt(arm, net, labelled, seed=seed, chosen=chosen).net


def _cells(
    net, source, name, fold, option, images, numbers, seed, part, most, pretraining
) -> list[dict]:
    """The rows of the draws `numbers` of one cell, which have the same fold."""
    target = tasks()[name].folds[fold]()
    scored: Examples = getattr(target, part)
    if most is not None:
        order = torch.randperm(len(scored), generator=torch.Generator().manual_seed(seed))
        scored = scored[order[:most]]
    x = features(net, scored.x) if option == "1" and net is not None else None
    rows = []
    for number in numbers:
        run_seed = 1000 * seed + number
        labelled = draw(target.pool, images, run_seed)
        if source == "none":
            right = floor(labelled, scored)
        else:
            tuned = chosen_for_cell(source, name, option, images)
            final = adapted_in_cell(net, labelled, option, run_seed, tuned)
            with torch.no_grad():
                scores = training.predict(final, scored.x) if x is None else final.output(x)
            right = scores.argmax(1) == scored.y
        rows.append(
            {"source": source, "target": name, "option": option, "images": images, "draw": number,
             "fold": fold, "pretraining": pretraining,
             "accuracy": right.float().mean().item(), "right": right.numpy()}
        )  # fmt: skip
    return rows


def floor(labelled: Examples, scored: Examples) -> torch.Tensor:
    """Which examples are right without any network: bool `[n]`.

    A support vector machine classifies pictures and log-mel pictures. Logistic regression
    classifies texts, on counts of one to three neighbouring characters.
    """
    if labelled.modality != "text":
        return classical(labelled, scored)[0]
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), lowercase=False),
        LogisticRegression(C=10, max_iter=1000),
    )
    classifier.fit(written.texts_of_inputs(labelled.x), labelled.y.numpy())
    return torch.from_numpy(classifier.predict(written.texts_of_inputs(scored.x))) == scored.y


def transfer_matrix(
    nets: dict[str, FiveLayerNet],
    images: Sequence[int],
    draws: int,
    *,
    targets: Iterable[str] | None = None,
    options: Iterable[str] = OPTIONS,
    seed: int = 0,
    part: str = "test",
    most: int | None = None,
    pretraining: int = 0,
    done: Iterable[dict] = (),
    progress: bool = False,
) -> Iterator[dict]:
    """Rows `source`, `target`, `option`, `images`, `draw`, `fold`, `pretraining`, `accuracy`, …

    The last column, `right`, says which of the scored examples were right. `nets` are the
    pretrained networks by source ("image", "audio", "text"); "random" is the control, and "none"
    the classical floor (option "classical"). Draw d has the same examples in every cell of a
    target; with `most`, it is scored on at most so many of the `part`. `pretraining` is the seed of
    the networks; only the first has rows of the control and the floor, which do not depend on it.
    Runs in `done` are not run again. (More than seven parameters: one call says all that a row
    depends on.)
    """
    available = tasks()
    targets = tuple(available if targets is None else targets)
    for name in targets:
        if name == "spoken-real" and name not in available:
            spoken.recordings()  # raises, and says how to get them
        if name not in available:
            raise CourseError(
                "no_target", f"There is no target '{name}'; there is {', '.join(available)}."
            )
    keys = ("source", "target", "option", "images", "draw")
    had = {tuple(row[key] for key in keys) for row in done if row["pretraining"] == pretraining}
    without = [("none", "classical"), *(("random", option) for option in options if option != "2")]
    columns = [
        *(without if pretraining == 0 else ()),
        *((source, option) for source in nets for option in options if option != "scratch"),
    ]
    heads, whole = [], []
    for name, n, (source, option) in itertools.product(targets, images, columns):
        for fold in range(folds := len(available[name].folds)):
            cell = source, name, option, n
            numbers = [d for d in range(fold, draws, folds) if (*cell, d) not in had]
            first = nets.get(source), source, name, fold, option, n
            last = seed, part, most, pretraining
            if option == "1" and numbers:  # features are computed once for all draws of a fold
                heads.append((*first, numbers, *last))
            else:
                whole += [(*first, [number], *last) for number in numbers]
    with tqdm(total=len(heads) + len(whole), desc="cells", disable=not progress) as bar:
        for rows in itertools.chain(itertools.starmap(_cells, heads), side_by_side(_cells, whole)):
            yield from rows
            bar.update()


def pretrained_by_modality() -> dict[str, FiveLayerNet]:
    """The three networks that the course ships, by modality."""
    return {source: pretraining.pretrained(name) for source, name in SOURCES.items()}


def fifty(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of Option 1 with fifty labelled examples."""
    return table.query("images == 50 and option == '1'")


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """Rows `source`, `target`, `option`, `images`, `mean`, `sd`, `draws`; mean and sd are shares.

    `mean` is over draws and pretrainings, `sd` over draws.
    """
    keys = ["target", "source", "option", "images"]
    of_draws = table.groupby([*keys, "draw"], sort=False).accuracy.mean()
    statistics = of_draws.groupby(keys, sort=False).agg(["mean", "std", "size"]).reset_index()
    return statistics.rename(columns={"std": "sd", "size": "draws"})


def ahead(table: pd.DataFrame, control: tuple[str, str]) -> pd.DataFrame:
    """How far each cell is ahead of `control` (source, option) on the same draws, in points.

    Rows `source`, `target`, `option`, `images`, `ahead`, `interval` (half of 95%), `wins`, `draws`.
    The interval (`stats.estimate`) is for other draws with other digits or voices, or for other
    people or groups of languages; with several pretrainings, also for other pretrainings. `wins`
    counts the draws in which the mean over pretrainings is ahead.
    """
    table = table if "pretraining" in table else table.assign(pretraining=0)
    rows = []
    for (name, images), group in table.groupby(["target", "images"], sort=False):
        cells_of = dict(iter(group.groupby(["source", "option"], sort=False)))
        if control not in cells_of:
            continue
        base = cells_of.pop(control).set_index("draw")
        for (source, option), cell in cells_of.items():
            runs = [run.set_index("draw") for _, run in cell.groupby("pretraining")]
            draws = base.index
            for run in runs:
                draws = draws.intersection(run.index)
            each = np.stack([100 * (run.accuracy[draws] - base.accuracy[draws]) for run in runs])
            several = {"pretraining": 0} if len(runs) > 1 else {}
            if base.fold[draws].nunique() > 1:
                interval = stats.estimate(each, fold=base.fold[draws].to_numpy(), **several).half
            else:
                right = np.stack([np.stack(run.right[draws]) for run in runs])
                n = right.shape[2]
                clusters = {"draw": 1, "example": 2}
                if name == "spoken" and n % TEST_VOICES == 0:
                    clusters = {"draw": 1, "voice": np.arange(n) // (n // TEST_VOICES)}
                control_right = np.stack(base.right[draws])[None]
                interval = 100 * stats.paired(right, control_right, **clusters, **several).half
            rows.append(
                {"source": source, "target": name, "option": option, "images": images,
                 "ahead": each.mean(), "interval": interval,
                 "wins": int((each.mean(0) > 0).sum()), "draws": len(draws)}
            )  # fmt: skip
    return pd.DataFrame(rows)
