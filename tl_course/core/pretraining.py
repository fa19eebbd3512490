"""Pretraining on a source, and the networks that the course ships."""

import contextlib
import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from tl_course.base import machine, storage
from tl_course.base.errors import CourseError
from tl_course.core import checkpoint, files, network, session, spelling, training
from tl_course.core.network import FiveLayerNet
from tl_course.core.training import Callbacks, History, Recipe

BATCH = 256
MOST_IMAGES = 1_000_000_000  # days of the fastest machines; the course's own need a million
FIRST_LAYER_GAIN = 0.067  # W¹ starts small, so that what it learns soon outweighs it
LONG_GAIN = 0.2  # with the recipe of long pretrainings
HELD_OUT_SEED = 1_000_000  # of the renders that measure accuracy; no training may use it
CHECKPOINT, OLD_CHECKPOINT = "checkpoint.safetensors", "checkpoint.pt"

RECIPE = Recipe(
    steps=0,
    learning_rate=2e-3,
    muon_rate=0.1,
    weight_decay=2.0,
    first_layer_decay=3.0,
    freeze_layer1_after=0.5,
    label_smoothing=0.1,
    warm_up=0.2,
)  # steps follow from the number of images; chosen by the recorded table `recipes`
LONG_RECIPE = Recipe(
    steps=0,
    learning_rate=4e-3,
    weight_decay=0.3,
    first_layer_decay=0.75,
    label_smoothing=0.1,
    warm_up=0.2,
)
LONG = 400_000  # inputs, from which LONG_RECIPE is taken; compared at a million in `long_recipes`


def recipe_for(images: int) -> Recipe:
    """The recipe for a pretraining on this many inputs.

    `RECIPE` (Muon) needs fewer inputs to get equally far. With many, `LONG_RECIPE` (AdamW) gets
    more of them right, and its layers serve digits equally well.
    """
    return RECIPE if images < LONG else LONG_RECIPE


class Source(Protocol):
    """What a network is pretrained on: an endless, reproducible stream of labelled inputs."""

    modality: str
    names: list[str]
    n_classes: int
    seed: int

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs start … start+n−1: float `[n, 3, 32, 32]`, and their labels int64 `[n]`."""


@dataclass(frozen=True)
class Pretrained:
    """A pretrained network, its BatchNorm folded, and how it was trained."""

    net: FiveLayerNet
    history: History
    images: int
    accuracy: float | None  # on fresh inputs, 0 … 1; None where it was stopped


def fresh(
    source: Source,
    seed: int,
    kind: type[FiveLayerNet] = FiveLayerNet,
    gain: float = FIRST_LAYER_GAIN,
) -> FiveLayerNet:
    """An untrained network for this source, with BatchNorm; `gain` scales its random W¹."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = kind(source.n_classes, batch_norm=True, modality=source.modality)
    with torch.no_grad():
        net.layer1.weight.mul_(gain)
    return net


def pretrain(
    source: Source,
    images: int,
    *,
    held_out: Source | None = None,
    seed: int = 0,
    net: FiveLayerNet | None = None,
    recipe: Recipe | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    callbacks: Callbacks = Callbacks(progress="pretraining"),  # noqa: B008 it is frozen
) -> Pretrained:
    """Train a fresh network on `images` inputs of `source`, in batches of 256.

    With `out`, a checkpoint is kept there while it runs, and the same call continues after an
    interruption exactly where it was. At the end the network is saved there and the checkpoint
    removed. Raises CourseError where `out` holds a finished network and `overwrite` is False, and
    where another program writes there. Under torchrun each process takes its share of each batch.
    `held_out` is the same source with another seed, and measures the accuracy. `recipe` is
    `recipe_for(images)` unless given. `net` is a fresh network of another kind. (There are more
    than seven parameters, because one call describes a run of days.)
    """
    steps = images // BATCH
    if steps < 2:
        raise CourseError(
            "too_few_images", f"{images} images are too few to pretrain on; ask for 512 or more."
        )
    if images > MOST_IMAGES:
        raise CourseError(
            "too_many_images",
            f"{images} images are more than any machine gets through; ask for {MOST_IMAGES} or "
            "fewer.",
        )
    if held_out is not None and (held_out.seed - source.seed) % 2**32 == 0:
        raise CourseError(
            "evaluation_seed",
            f"Seed {source.seed} is the one whose inputs measure the accuracy; choose another "
            "seed.",
        )
    machine.keep_freed_memory()
    acc = session.accelerator()
    recipe = recipe or recipe_for(images)
    bf16 = machine.has_fast_bf16(acc.device) if recipe.bf16 is None else recipe.bf16
    recipe = replace(recipe, steps=steps, bf16=bf16)
    if net is None:
        gain = LONG_GAIN if recipe.muon_rate is None else FIRST_LAYER_GAIN
        net = fresh(source, seed, gain=gain)
    if acc.num_processes > 1 and acc.device.type == "cuda":
        net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    share, rest = divmod(BATCH, acc.num_processes)
    if rest:
        raise CourseError(
            "processes",
            f"A batch of {BATCH} cannot be shared equally by {acc.num_processes} processes; start "
            "2, 4, 8, … of them.",
        )

    def batch_at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        return source.batch(step * BATCH + acc.process_index * share, share)

    with contextlib.ExitStack() as claim:
        if out is not None:  # checked now, not after an hour of training
            if acc.is_main_process:
                claim.enter_context(storage.claimed(storage.make_folder(out)))
            overwrite = overwrite or (out / CHECKPOINT).exists()  # of this run, or it is refused
            files.free_folder(out, overwrite)
            if (out / OLD_CHECKPOINT).exists():  # otherwise it would start over without a word
                raise checkpoint.of_another_version(out / OLD_CHECKPOINT)
        identity = {"seed": seed, "source": type(source).__name__, "source_seed": source.seed}
        callbacks = replace(
            callbacks, checkpoint=out / CHECKPOINT if out else None, identity=identity
        )
        history = training.train(net, batch_at, recipe, callbacks)
        folded = network.fold(net)
        if not history.finished:
            return Pretrained(folded, history, images, None)
        accuracy = accuracy_on(folded, held_out) if held_out is not None else None
        if out is not None and acc.is_main_process:
            files.save(
                folded, out, overwrite=overwrite, images=images, seed=seed,
                source=type(source).__name__, precision="bf16" if bf16 else "float32",
                recipe=spelling.to_file(recipe), seconds=round(history.seconds, 1),
                metrics={"accuracy on fresh inputs": accuracy, "loss": history.loss[-1]},
            )  # fmt: skip
            (out / CHECKPOINT).unlink(missing_ok=True)
        return Pretrained(folded, history, images, accuracy)


@torch.no_grad()
def accuracy_on(net: FiveLayerNet, source: Source, images: int = 5000) -> float:
    """The share of `images` inputs of `source` that `net` gets right, 0 … 1."""
    right = 0
    for start in range(0, images, 1000):
        x, y = source.batch(start, min(1000, images - start))
        right += int((net(x.to(net.output.weight.device)).argmax(1).cpu() == y.cpu()).sum())
    return right / images


SHIPPED = {  # by source: what it is, and how many inputs the shipped network was pretrained on
    "emoji-images": ("renders of drawings", 1_000_000),
    "spoken-names": ("spoken names", 400_000),
    "written-names": ("written names", 400_000),
}


def source(
    name: str, seed: int, device: torch.device | str = "cpu", held_out: bool = False
) -> Source:
    """A source by its name, or the `held_out` one that measures accuracy, whatever the seed.

    Held-out spoken names have other voices, and the other sources other random renders and slips.
    """
    from tl_course.data.sources.emoji_images import EmojiImages
    from tl_course.data.sources.spoken_names import SpokenNames
    from tl_course.data.sources.written_names import WrittenNames

    seed = HELD_OUT_SEED if held_out else seed
    if name == "spoken-names":
        return SpokenNames(seed, "held-out" if held_out else "source", device)
    if name not in SHIPPED:
        raise CourseError(
            "no_source", f"There is no source '{name}'; there is {', '.join(SHIPPED)}."
        )
    return {"emoji-images": EmojiImages, "written-names": WrittenNames}[name](seed, device=device)


def shipped_folder(name: str) -> Path:
    """The folder of a shipped network; CourseError for a name that is not shipped."""
    if name not in SHIPPED:
        raise CourseError(
            "no_network", f"The course ships no network '{name}'; it has {', '.join(SHIPPED)}."
        )
    return files.SHIPPED / name


@functools.lru_cache(maxsize=8)
def _shipped(folder: Path, made: int) -> FiveLayerNet:
    return files.load(folder)


def pretrained(name: str = "emoji-images") -> FiveLayerNet:
    """A network that the course ships, pretrained on a source by `tl-course records`.

    Every caller gets the same object: adaptations never change it, and neither should you.
    """
    folder = shipped_folder(name)
    weights = folder / files.WEIGHTS_FILE
    return _shipped(folder, weights.stat().st_mtime_ns if weights.exists() else 0)
