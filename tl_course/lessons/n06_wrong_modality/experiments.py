"""Controls that explain the matrix: what in a source helps a target, and what does not?

Each control is Option 1 with fifty examples, on a network or a target that was altered in one way.
The penalty is the best of the nine in `tuning`, chosen on validation draws of the altered target.
There is no speaker to spare among people's voices, so these take the penalty of synthetic voices.
Raw samples take the one of unaltered synthetic voices.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch

from tl_course.base.parallel import side_by_side
from tl_course.core import pretraining
from tl_course.core.network import FiveLayerNet
from tl_course.core.training import Callbacks
from tl_course.data import sound
from tl_course.data.examples import Examples, Target, draw
from tl_course.data.poses import hashed
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets import spoken
from tl_course.study import matrix, matrix_cells, tuning
from tl_course.study.matrix import CALLED
from tl_course.study.matrix_cells import measured_cells as measured_cells  # for the notebook
from tl_course.study.matrix_tuning import with_penalties

IMAGES = 50
TUNING_DRAWS = 3
RENDERS = 100_000  # of each altered source, and of the unaltered one beside them
PIXELS = 3072  # samples of a raw sound: as many as a picture has numbers
Changed = Callable[[torch.Tensor], torch.Tensor]


def rows_permuted(x: torch.Tensor) -> torch.Tensor:
    """The inputs with their 32 rows in another order, which all inputs share."""
    return x[:, :, torch.randperm(x.shape[2], generator=torch.Generator().manual_seed(0))]


def pixels_permuted(x: torch.Tensor) -> torch.Tensor:
    """The inputs with their 32 × 32 pixels in another order, which all inputs share."""
    order = torch.randperm(x[0, 0].numel(), generator=torch.Generator().manual_seed(0))
    return x.flatten(2)[:, :, order].view_as(x)


class Altered:
    """A source of pictures with changed inputs, or with labels that do not depend on them."""

    def __init__(self, seed: int, change: Changed | None = None, shuffle: bool = False):
        self.source, self.change, self.shuffle = EmojiImages(seed), change, shuffle
        self.modality, self.names = self.source.modality, self.source.names
        self.n_classes, self.seed = self.source.n_classes, seed

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs start … start+n−1 `[n, 3, 32, 32]`, and their labels `[n]`."""
        x, y = self.source.batch(start, n)
        if self.shuffle:
            y = hashed(self.seed ^ 0x5AFF, torch.arange(start, start + n), 1)[:, 0] % self.n_classes
        return (self.change(x) if self.change else x), y


SOURCES = {  # what is altered in the source of pictures
    "as it is": {},
    "its pixels permuted": {"change": pixels_permuted},
    "its labels shuffled": {"shuffle": True},
}


def altered_network(name: str, seed: int = 0) -> FiveLayerNet:
    """A network pretrained on 100,000 renders of an altered source of pictures."""
    return pretraining.pretrain(
        Altered(seed, **SOURCES[name]), RENDERS, callbacks=Callbacks(progress=name)
    ).net


@torch.no_grad()
def shuffled_weights(net: FiveLayerNet, seed: int = 0) -> FiveLayerNet:
    """A copy of `net` with the numbers in each W and b shuffled, which keeps their statistics."""
    mixed = copy.deepcopy(net)
    generator = torch.Generator().manual_seed(seed)
    for parameter in mixed.parameters():
        order = torch.randperm(parameter.numel(), generator=generator)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return mixed


def with_inputs_changed(target: Target, change: Changed) -> Target:
    """The target with `change` applied to all its inputs."""
    parts = {
        field.name: dataclasses.replace(part, x=change(part.x)) if len(part) else part
        for field in dataclasses.fields(target)
        for part in [getattr(target, field.name)]
    }
    return Target(**parts)


def folded(wave: np.ndarray, rate: int) -> np.ndarray:
    """A sound as 3,072 raw samples `[3, 32, 32]` of at least a second, with mean 0 and SD 1."""
    wave = sound.trimmed(np.asarray(wave, np.float32), rate)
    second = np.arange(PIXELS) / PIXELS * max(1.0, len(wave) / rate)
    x = np.interp(second * rate, np.arange(len(wave)), wave, right=0)
    return ((x - x.mean()) / max(x.std(), 1e-6)).reshape(3, 32, 32).astype(np.float32)


def raw_speech(test: str) -> Target:
    """People's digits as folded samples: the speaker `test` is tested, the others are the pool."""
    parts: dict[bool, list] = {True: [], False: []}
    for path in sorted(spoken.recordings().glob("*_*_*.wav")):
        digit, speaker, _ = path.stem.split("_", 2)
        parts[speaker == test].append((folded(*spoken.read_wave(path)), int(digit)))
    pool, scored = (
        Examples(
            torch.from_numpy(np.stack([x for x, _ in clips])),
            torch.tensor([y for _, y in clips]), spoken.NAMES, "audio",
        )
        for clips in (parts[False], parts[True])
    )  # fmt: skip
    return Target(pool, pool[:0], scored)


def run_control(
    names: dict, net: FiveLayerNet | None, folds: Sequence[Target], draws: int, chosen_on: Target
) -> list[dict]:
    """Rows of one control: `names`, `images`, `draw`, `accuracy` (0 … 1), with folds in turn."""
    tried = []
    for number in range(TUNING_DRAWS):
        seed = tuning.FIRST_DRAW + number
        labelled = draw(chosen_on.pool, IMAGES, seed)
        tried.append(with_penalties(net, labelled, chosen_on.validation, seed, tuning.PENALTIES))
    best = int(torch.stack(tried).mean(0).argmax())
    rows = []
    for number in range(draws):
        target = folds[number % len(folds)]
        labelled = draw(target.pool, IMAGES, number)
        accuracies = with_penalties(net, labelled, target.test, number, tuning.PENALTIES)
        rows.append(
            {**names, "images": IMAGES, "draw": number, "accuracy": accuracies[best].item()}
        )
    return rows


def controls(
    nets: dict[str, FiveLayerNet], altered: dict[str, FiveLayerNet], draws: int
) -> Iterator[dict]:
    """Rows `control`, `source`, `target`, `images`, `draw`, `accuracy` of every control.

    `nets` are the pretrained networks by source, and `altered` are those by name in `SOURCES`.
    """
    there = {name: [fold() for fold in task.folds] for name, task in matrix.tasks().items()}
    sounds = [name for name in ("spoken", "spoken-real") if name in there]
    with_random = {"random": None, **nets}
    plan = []

    def ask(control: str, targets: dict, names: Iterable[str], change: Changed | None = None):
        for name in names:
            folds = [with_inputs_changed(fold, change) if change else fold for fold in there[name]]
            clean = there["spoken"][0] if name == "spoken-real" else there[name][0]
            chosen_on = with_inputs_changed(clean, change) if change else clean
            for source, net in targets.items():
                called = {"control": control, "source": source, "target": name}
                plan.append((called, net, folds, draws, chosen_on))

    ask("frequencies permuted", with_random, sounds, rows_permuted)
    for name, net in altered.items():
        ask(f"100,000 renders, {name}", {"image": net}, there)
    ask("its own numbers, shuffled", {s: shuffled_weights(net) for s, net in nets.items()}, there)
    if "spoken-real" in there:
        raw = [raw_speech(speaker) for speaker in spoken.speakers()]
        for source, net in with_random.items():
            called = {"control": "raw samples", "source": source, "target": "spoken-real"}
            plan.append((called, net, raw, draws, there["spoken"][0]))
    for rows in side_by_side(run_control, plan, "controls"):
        yield from rows


def small_matrix(
    nets: dict[str, FiveLayerNet], images: int, draws: int, seed: int, most: int | None
) -> list[dict]:
    """Rows of a matrix that is made live: Option 1 on the targets that every machine has."""
    targets = ("handwritten", "spoken", "written")
    more = {"targets": targets, "options": ["1"], "seed": seed, "most": most, "progress": True}
    return list(matrix.transfer_matrix(nets, [images], draws, **more))


def directions(nets: dict[str, FiveLayerNet], draws: int) -> Iterator[dict]:
    """Rows `learnt`, `tested`, … for each pair of people: learn from one, test on the other."""
    people = spoken.speakers()
    pairs = [(person, other) for person in people for other in people if person != other]
    clean = spoken.spoken_digits()
    plan = [
        ({"learnt": person, "tested": other, "source": source}, net,
         [spoken.spoken_by_people(other, (person,))], draws, clean)
        for person, other in pairs
        for source, net in {"random": None, **nets}.items()
    ]  # fmt: skip
    for rows in side_by_side(run_control, plan, "directions"):
        yield from rows


# ---------------------------------------------------------------- what is read out of the tables

TO_READ = {"columns": matrix_cells.SOURCES, "index": CALLED}  # readable names for a table
ASKED = (  # cells (source, target) to be predicted
    ("image", "handwritten"), ("audio", "handwritten"),
    ("image", "spoken"), ("audio", "spoken"), ("text", "written"),
)  # fmt: skip


def ahead_of_random(rows: Sequence[dict] | pd.DataFrame) -> pd.DataFrame:
    """Points ahead of random layers: a row for each target, a column for each source."""
    mean = matrix.cells(pd.DataFrame(rows)).pivot(index="target", columns="source", values="mean")
    return 100 * mean.sub(mean["random"], axis=0).drop(columns="random")


def points_ahead(
    rows: Sequence[dict] | pd.DataFrame, cells: Sequence[tuple[str, str]] = ASKED
) -> dict[str, float]:
    """Points ahead of random layers in some cells (source, target), by their names in words."""
    ahead = ahead_of_random(rows)
    return {f"{matrix_cells.SOURCES[s]} for {CALLED[t]}": float(ahead.loc[t, s]) for s, t in cells}


def small_table(rows: Sequence[dict]) -> pd.DataFrame:
    """Points ahead of random layers as readable text: targets as rows, sources as columns."""
    ahead = ahead_of_random(rows)[list(matrix.SOURCES)].rename(**TO_READ)
    ahead = ahead.rename_axis(index="points ahead of random layers", columns=None)
    return ahead.map("{:+.0f}".format).replace("-0", "+0")


def least_able(controls: pd.DataFrame, source: str, target: str) -> tuple[str, list[str]]:
    """The control with the lowest accuracy for a source and target, and all controls."""
    rows = controls[(controls.source == source) & (controls.target == target)]
    mean = rows.groupby("control", sort=False).accuracy.mean().rename(in_full)
    return mean.idxmin(), list(mean.index)


def in_full(control: str) -> str:
    """The readable name of a recorded control."""
    return control.replace("its own numbers", "own weights").replace(" its ", " ")


def percent_right(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """The percentage right, mean over draws: rows by `by`, a column for each source."""
    mean = 100 * rows.groupby([*by, "source"]).accuracy.mean().unstack()
    mean = mean[[name for name in matrix_cells.SOURCES if name in mean]].rename(**TO_READ)
    return mean.rename_axis(columns=None).map("{:.1f}".format)


def by_option(recorded: pd.DataFrame) -> pd.DataFrame:
    """The whole matrix in percent; under Option 2, "no pretraining" is training from scratch."""
    rows = recorded[recorded.option.isin(["1", "2", "scratch"])]
    table = percent_right(rows.replace({"option": {"scratch": "2"}}), "images", "target", "option")
    table = table.rename(columns={"random layers": "no pretraining"})
    return table.rename(index={"1": "Option 1", "2": "Option 2"}, level="option").rename_axis(
        index=["examples", "target", "accuracy, %"]
    )


def by_pair(directions: pd.DataFrame) -> pd.DataFrame:
    """The percentage right for each pair: a person to learn from and a person to test on."""
    names = {"learnt": "learnt from", "tested": "tested on"}
    return percent_right(directions.rename(columns=names), *names.values())


def without_a_network(rows: pd.DataFrame) -> pd.DataFrame:
    """The percentage right with random layers, a target's own kind, and no network."""
    mean = 100 * rows.groupby(["target", "source"]).accuracy.mean().unstack()
    columns = {
        "random layers": mean["random"],
        "layers of its own modality": pd.Series(
            {name: mean.loc[name, matrix_cells.SAME[name]] for name in mean.index}
        ),
        "no network": mean["none"],
    }
    table = pd.DataFrame(columns).rename(index=CALLED).rename_axis("accuracy, %")
    return table.map("{:.1f}".format)


def explained(rows: pd.DataFrame, controls: pd.DataFrame) -> pd.DataFrame:
    """Rows of the matrix ("as it is") and of the recorded controls, with readable names."""
    table = pd.concat([rows.assign(control="as it is"), controls])
    return table.assign(control=table.control.map(in_full))
