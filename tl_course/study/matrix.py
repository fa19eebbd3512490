"""Which source serves which target: one network, three modalities, and random layers as a control.

A cell is a source, a target and an option. The same ten digits exist as pictures, as sound and as
text, and so do the 1,000 things of the sources; every input is `[3, 32, 32]`, so that any network
can be given any target. That it can does not mean that it helps: this experiment measures it.

Where a target has folds (languages held out, speakers held out), draw d takes fold d modulo their
number, so that every one of them is the test in its turn.
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
TEST_VOICES = 8  # of the synthetic test, one after the other


@dataclass(frozen=True)
class Task:
    """A target with its modality and its folds, each a function that gives it."""

    modality: str
    folds: tuple[Callable[[], Target], ...]


def tasks() -> dict[str, Task]:
    """The targets that are there, by name; "spoken-real" where its recordings are.

    Recordings that are there and cannot be read are named by a CourseError, not left out.
    """
    found = {
        "handwritten": Task("image", (handwritten,)),
        "spoken": Task("audio", (spoken.spoken_digits,)),
    }
    people = spoken.speakers() if spoken.has_recordings() else ()
    if len(people) > 1:
        folds = tuple(functools.partial(spoken.spoken_by_people, one) for one in people)
        found["spoken-real"] = Task("audio", folds)
    languages = range(written.FOLDS)
    folds = tuple(functools.partial(written.written_digits, fold) for fold in languages)
    found["written"] = Task("text", folds)
    return found


def chosen(source: str, target: str, option: str, images: int) -> Settings:
    """The tuned settings of a cell at the nearest number of examples that was tuned for.

    People's voices take what was chosen on synthetic ones: there is no speaker to spare.
    """
    target = "spoken" if target == "spoken-real" else target
    every = settings.table("matrix_tuning")
    sizes = [cell[3] for cell in every if cell[:3] == (source, target, option)]
    return every[source, target, option, settings.nearest(sizes, images)]


def adapted(
    net: FiveLayerNet | None, labelled: Examples, option: str, seed: int, chosen: Settings
) -> FiveLayerNet:
    """A cell's network; `net` None is the control, fresh random layers.

    Nothing is refused: that a network is given another modality is the experiment.
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
    """The rows of some draws of one cell; all of them have this fold."""
    target = tasks()[name].folds[fold]()
    scored: Examples = getattr(target, part)
    if most is not None:
        order = torch.randperm(len(scored), generator=torch.Generator().manual_seed(seed))
        scored = scored[order[:most]]
    known = features(net, scored.x) if option == "1" and net is not None else None
    rows = []
    for number in numbers:
        s = 1000 * seed + number
        labelled = draw(target.pool, images, s)
        if source == "none":
            right = floor(labelled, scored)
        else:
            final = adapted(net, labelled, option, s, chosen(source, name, option, images))
            with torch.no_grad():
                scores = training.predict(final, scored.x) if known is None else final.output(known)
            right = scores.argmax(1) == scored.y
        rows.append(
            {"source": source, "target": name, "option": option, "images": images, "draw": number,
             "fold": fold, "pretraining": pretraining,
             "accuracy": right.float().mean().item(), "right": right.numpy()}
        )  # fmt: skip
    return rows


def floor(labelled: Examples, scored: Examples) -> torch.Tensor:
    """Which examples are right without any network: bool `[n]`.

    Pictures and log-mel pictures go to a support vector machine, texts to logistic regression on
    counts of one to three neighbouring characters.
    """
    if labelled.modality != "text":
        return classical(labelled, scored)[0]
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    machine = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), lowercase=False),
        LogisticRegression(C=10, max_iter=1000),
    )
    machine.fit(written.read(labelled.x), labelled.y.numpy())
    return torch.from_numpy(machine.predict(written.read(scored.x))) == scored.y


def matrix(
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

    The last is `right`, which of the scored examples were. `nets` are the pretrained networks by
    source ("image", "audio", "text"); "random" is the control, and "none" the classical floor
    (option "classical"). Draw d is the same examples in every cell of a target; with `most`, it is
    scored on at most so many of the `part`. `pretraining` says of which seed the networks are; of
    others than the first there are neither control nor floor, which it does not change. Runs that
    are in `done` are not run again. (There are more than seven parameters, since one call says all
    that a row depends on.)
    """
    there = tasks()
    wanted = tuple(targets) if targets is not None else tuple(there)
    for name in wanted:
        if name == "spoken-real" and name not in there:
            spoken.recordings()  # says how to come by them
        if name not in there:
            raise CourseError(f"There is no target '{name}'; there is {', '.join(there)}.")
    keys = ("source", "target", "option", "images", "draw")
    had = {tuple(row[key] for key in keys) for row in done if row["pretraining"] == pretraining}
    without = [("none", "classical"), *(("random", option) for option in options if option != "2")]
    columns = [
        *(without if pretraining == 0 else ()),
        *((source, option) for source in nets for option in options if option != "scratch"),
    ]
    heads, whole = [], []
    for name, n, (source, option) in itertools.product(wanted, images, columns):
        for fold in range(folds := len(there[name].folds)):
            cell = source, name, option, n
            numbers = [d for d in range(fold, draws, folds) if (*cell, d) not in had]
            first = nets.get(source), source, name, fold, option, n
            last = seed, part, most, pretraining
            if option == "1" and numbers:  # features once, for all draws of a fold
                heads.append((*first, numbers, *last))
            elif numbers:
                whole += [(*first, [number], *last) for number in numbers]
    with tqdm(total=len(heads) + len(whole), desc="cells", disable=not progress) as bar:
        for rows in itertools.chain(itertools.starmap(_cells, heads), side_by_side(_cells, whole)):
            yield from rows
            bar.update()


def pretrained() -> dict[str, FiveLayerNet]:
    """The three networks that the course ships, by modality."""
    return {source: pretraining.pretrained(name) for source, name in SOURCES.items()}


def fifty(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of Option 1 with fifty labelled examples."""
    return table.query("images == 50 and option == '1'")


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """Rows `source`, `target`, `option`, `images`, `mean`, `sd`, `draws`; mean and sd are shares.

    The mean is one over draws and pretrainings, `sd` that over draws.
    """
    by = ["target", "source", "option", "images"]
    of_draws = table.groupby([*by, "draw"], sort=False).accuracy.mean().groupby(by, sort=False)
    found = of_draws.agg(["mean", "std", "size"]).reset_index()
    return found.rename(columns={"std": "sd", "size": "draws"})


def ahead(table: pd.DataFrame, control: tuple[str, str]) -> pd.DataFrame:
    """How far each cell is ahead of `control` (source, option) on the same draws, in points.

    Rows `source`, `target`, `option`, `images`, `ahead`, `interval` (half of 95%), `wins`, `draws`.
    The interval (`stats.estimate`) allows for others of whatever was drawn: other draws with other
    digits or voices, or other people or groups of languages; and, where there are several, for
    other pretrainings of the source. `wins` counts the draws in which their mean is ahead.
    """
    table = table if "pretraining" in table else table.assign(pretraining=0)
    rows = []
    for (name, images), group in table.groupby(["target", "images"], sort=False):
        of = dict(iter(group.groupby(["source", "option"], sort=False)))
        if control not in of:
            continue
        base = of[control].set_index("draw")
        for (source, option), own in of.items():
            if (source, option) == control:
                continue
            runs = [one.set_index("draw") for _, one in own.groupby("pretraining")]
            both = base.index
            for one in runs:
                both = both.intersection(one.index)
            each = np.stack([100 * (one.accuracy[both] - base.accuracy[both]) for one in runs])
            several = {"pretraining": 0} if len(runs) > 1 else {}
            if base.fold[both].nunique() > 1:
                interval = stats.estimate(each, fold=base.fold[both].to_numpy(), **several).half
            else:
                right = np.stack([np.stack(one.right[both]) for one in runs])
                n = right.shape[2]
                clusters = {"draw": 1, "example": 2}
                if name == "spoken" and n % TEST_VOICES == 0:
                    clusters = {"draw": 1, "voice": np.arange(n) // (n // TEST_VOICES)}
                by = stats.paired(right, np.stack(base.right[both])[None], **clusters, **several)
                interval = 100 * by.half
            rows.append(
                {"source": source, "target": name, "option": option, "images": images,
                 "ahead": each.mean(), "interval": interval,
                 "wins": int((each.mean(0) > 0).sum()), "draws": len(both)}
            )  # fmt: skip
    return pd.DataFrame(rows)
