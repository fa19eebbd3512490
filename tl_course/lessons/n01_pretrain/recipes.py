"""Ideas for an equally good network in less time, and how they did: the recorded table `recipes`.

Each idea is the recipe with one change. It is trained from three seeds, on half of the renders that
the old recipe used. Ideas that were not adopted exist only here, as settings or as hooks, so that
the loop of pretraining stays easy to read.
"""

import copy
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.base import machine
from tl_course.base.parallel import side_by_side
from tl_course.core import pretraining, spelling
from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.core.output_layers import features, output_layers
from tl_course.core.session import History, Recipe
from tl_course.core.settings import chosen
from tl_course.core.training import Callbacks
from tl_course.data.examples import draw
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import handwritten
from tl_course.layers.gratings import tuning
from tl_course.study.tables import missing

SEEDS = (4, 5, 6)  # settings were chosen with other seeds
RENDERS = 102_400  # half of what a learner's own pretraining used before
LEARNERS = 131_072  # what it uses now, at budget "laptop" of notebook 01
DRAWS = {10: 400, 50: 100, 200: 20}  # by number of labelled digits: means within 0.3 points
OLD = pretraining.LONG_RECIPE  # formerly for all pretrainings, now only for long ones
OLD_GAIN = pretraining.LONG_GAIN  # scales W¹'s random start
NEW = pretraining.RECIPE
DEFAULT = spelling.to_file(Recipe(steps=-1, learning_rate=-1))  # left out of fingerprints
ALL = replace(NEW, freeze_layer1_after=1.0)


class Beside:
    """Hooks into pretraining, as its source and at each step. This class changes nothing."""

    rendered = 1.0  # share of the requested inputs

    def __init__(self, net: FiveLayerNet, source: EmojiImages, renders: int):
        self.net, self.source, self.renders = net, source, renders
        self.steps = renders // pretraining.BATCH
        self.modality, self.names, self.n_classes = source.modality, source.names, source.n_classes
        self.seed = source.seed
        self.start()

    def start(self) -> None:
        """Called once, before the first step."""

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and labels of `n` renders from number `start` on."""
        return self.source.batch(start, n)

    def on_step(self, step: int, net: nn.Module, history: History) -> None:
        """Called before each update and at the end."""

    def share(self, start: int) -> float:
        """The share of the training that is over at render `start`, 0 … 1."""
        return start / self.renders


class Averaged(Beside):
    """The final weights are a running mean over about 5% of the steps."""

    def start(self) -> None:
        self.mean, self.reach = None, 0.05 * self.steps

    @torch.no_grad()
    def on_step(self, step: int, net: nn.Module, history: History) -> None:
        if step >= self.steps / 3:
            self.mean = self.mean or copy.deepcopy(net)
            for mean, now in zip(self.mean.parameters(), net.parameters(), strict=True):
                mean.lerp_(now, 1 / self.reach)
        if step == self.steps:
            net.load_state_dict(self.mean.state_dict())
            for number in range(min(40, self.steps)):  # BatchNorm's statistics for these weights
                net(super().batch(10**8 + number * pretraining.BATCH, pretraining.BATCH)[0])


class Lookahead(Beside):
    """Every fifth step resets the weights to a slow copy of them (cifar10-airbench).

    The copy follows the weights ever less closely.
    """

    def start(self) -> None:
        self.slow = copy.deepcopy(self.net)

    @torch.no_grad()
    def on_step(self, step: int, net: nn.Module, history: History) -> None:
        if step and step % 5 == 0:
            slowness = 0.95**5 * (step / self.steps) ** 3
            for slow, now in zip(self.slow.parameters(), net.parameters(), strict=True):
                slow.lerp_(now, 1 - slowness)
                now.copy_(slow)


class Whitened(Beside):
    """Layer 1 starts with the principal components of patches, scaled to equal variance."""

    @torch.no_grad()
    def start(self) -> None:
        x = self.source.batch(10**8, 2000)[0]
        patches = F.unfold(x, 7, stride=3).transpose(1, 2).flatten(0, 1)
        spread, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
        first = directions.T[-16:] / (spread[-16:, None] + 1e-2).sqrt()
        self.net.layer1.weight.copy_(torch.cat([first, -first]).view_as(self.net.layer1.weight))


class Identity(Beside):
    """In layers 2 to 4, the first units start by passing on their inputs; the others are random."""

    def start(self) -> None:
        for name in LAYERS[1:]:
            weight = getattr(self.net, name).weight
            nn.init.dirac_(weight.data[: weight.shape[1]])


class Hard(Beside):
    """After a fifth of the steps, only the 60% of a batch with the highest loss are trained on."""

    @torch.no_grad()
    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = super().batch(start, n)
        if self.share(start) < 0.2:
            return x, y
        with torch.autocast(x.device.type, torch.bfloat16):
            scores = self.net.eval()(x)
        self.net.train()
        worst = F.cross_entropy(scores.float(), y, reduction="none").topk(int(0.6 * n)).indices
        return x[worst], y[worst]


class HalfBatches(Beside):
    """Twice as many steps, with half as many renders in each."""

    rendered = 0.5

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        return super().batch(start // 2, n // 2)


class SmallerFirst(Beside):
    """The first 40% of the renders are shrunk to 24 pixels (progressive, arXiv 2104.00298)."""

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = super().batch(start, n)
        if self.share(start) < 0.4:
            x = F.interpolate(x, 24, mode="bilinear", antialias=True)
        return x, y


class AnySize(FiveLayerNet):
    """Pooling keeps an odd last row, so that smaller pictures give as many features."""

    def layer(self, number: int, x: torch.Tensor) -> torch.Tensor:
        x = getattr(self, f"norm{number}")(getattr(self, f"layer{number}")(x))
        return F.relu(F.max_pool2d(x, 2, ceil_mode=True))


@dataclass(frozen=True)
class Idea:
    """One change of the recipe: what is trained, with which hooks, and from which start."""

    recipe: Recipe = NEW
    renders: int = RENDERS
    beside: type[Beside] = Beside
    net: type[FiveLayerNet] = FiveLayerNet
    gain: float = pretraining.FIRST_LAYER_GAIN


BEFORE, HALF, NOW = "old recipe", "new recipe, half", "new recipe"
IDEAS = {
    BEFORE: Idea(OLD, 2 * RENDERS, gain=OLD_GAIN),
    "old recipe, half": Idea(OLD, gain=OLD_GAIN),
    "old recipe, as many as the new": Idea(OLD, LEARNERS, gain=OLD_GAIN),
    NOW: Idea(renders=LEARNERS),
    HALF: Idea(),
    "AdamW in place of Muon": Idea(replace(NEW, muon_rate=None)),
    "layer 1 trained to the end": Idea(ALL),
    "AdamW's settings of the old recipe": Idea(
        replace(NEW, learning_rate=4e-3, weight_decay=0.3, first_layer_decay=0.75)
    ),
    "larger start of layer 1": Idea(gain=OLD_GAIN),
    "half the decay of layer 1": Idea(replace(NEW, first_layer_decay=1.5)),
    "half the rate of Muon": Idea(replace(NEW, muon_rate=0.05)),
    "norms of layers not kept": Idea(replace(NEW, muon_decay=0.2)),
    "no label smoothing": Idea(replace(NEW, label_smoothing=0.0)),
    "batches of 128": Idea(renders=2 * RENDERS, beside=HalfBatches),
    "smaller pictures first": Idea(beside=SmallerFirst, net=AnySize),
    "lookahead": Idea(beside=Lookahead),
    "averaged weights": Idea(beside=Averaged),
    "whitened first layer": Idea(beside=Whitened),
    "identity start": Idea(beside=Identity),
    "hard renders only": Idea(beside=Hard),
}


RACED = {BEFORE: range(30, 35), HALF: range(30, 35), NOW: range(30, 40)}  # new seeds
LONG = {  # as many renders as the shipped network saw, and half as many
    BEFORE: Idea(OLD, 1_000_000, gain=OLD_GAIN),
    HALF: Idea(renders=500_000),
    NOW: Idea(renders=1_000_000),
}


def recipes_rows(done: list[dict]) -> Iterator[dict]:
    """Rows of every idea from every seed, each on one core, so that times are of one core."""
    return _side_by_side(IDEAS, done, "recipes")


def long_recipes_rows(done: list[dict]) -> Iterator[dict]:
    """Both recipes on as many renders as the shipped network saw; the new one on half, too."""
    return _side_by_side(LONG, done, "long recipes")


def _side_by_side(ideas: dict[str, Idea], done: list[dict], title: str) -> Iterator[dict]:
    every = ((idea, seed) for seed in SEEDS for idea in ideas)
    plan = [(*key, ideas[key[0]]) for key in missing(every, done, ("idea", "seed"))]
    return side_by_side(recipe_row, plan, title, worth_it=1)


def recipe_row(idea: str, seed: int, recipe_idea: Idea) -> dict:
    """One row: the seconds of processor time, and how good the network is (`judged`)."""
    begun = time.process_time()
    run, start = _pretrained(recipe_idea, seed)
    seconds = time.process_time() - begun
    renders = round(recipe_idea.beside.rendered * recipe_idea.renders)
    row = {"idea": idea, "seed": seed, "renders": renders, "core_seconds": seconds}
    return {**row, **network_quality(run.net, start)}


def race_rows(done: list[dict]) -> Iterator[dict]:
    """Rows of the new and the old recipe in turn, alone on the machine: `seconds` by the clock."""
    plan = sorted(
        ((idea, seed) for idea in RACED for seed in RACED[idea]), key=lambda planned: planned[1]
    )
    for idea, seed in missing(plan, done, ("idea", "seed")):
        planned = IDEAS[idea]
        run, start = _pretrained(planned, seed, f"{idea}, seed {seed}")
        row = {
            "idea": idea,
            "seed": seed,
            "renders": planned.renders,
            "seconds": run.history.seconds,
        }
        yield {**row, **network_quality(run.net, start), "machine": machine.summary()}


def _pretrained(
    idea: Idea, seed: int, progress: str | None = None
) -> tuple[pretraining.Pretrained, torch.Tensor]:
    """The result of pretraining by an idea, and the filters of layer 1 that it started with."""
    source = EmojiImages(seed)
    net = pretraining.fresh(source, seed, idea.net, idea.gain)
    beside = idea.beside(net, source, idea.renders)
    start = net.layer1.weight.detach().clone()
    run = pretraining.pretrain(
        beside, idea.renders, seed=seed, net=net, recipe=idea.recipe,
        callbacks=Callbacks(on_step=beside.on_step, progress=progress),
    )  # fmt: skip
    return run, start


def network_quality(net: FiveLayerNet, start: torch.Tensor) -> dict[str, float]:
    """How good a pretrained network is: fresh renders, validation digits, filters (0 … 1).

    `start` holds the filters of layer 1 before training. The cosine between a filter and its start
    says how much of the start remains; what remains of a random start is visible as noise.
    """
    target = handwritten()
    pool, scored = (features(net, part.x) for part in (target.pool, target.validation))
    measured = {"names": pretraining.accuracy_on(net, EmojiImages(pretraining.HELD_OUT_SEED))}
    for size, draws in DRAWS.items():
        l2, right = [chosen("option-1", size, False).l2], []
        for seeds in torch.arange(draws).split(20):
            labelled_draws = [
                draw(replace(target.pool, x=pool), size, seed) for seed in seeds.tolist()
            ]
            fitted = output_layers(None, labelled_draws, seeds.tolist(), l2)
            right.append(fitted.right(scored, target.validation.y).float().mean())
        measured[f"digits_{size}"] = torch.stack(right).mean().item()
    selective = tuning(net, "layer1").orientation_selectivity > 0.5
    left = F.cosine_similarity(net.layer1.weight.flatten(1), start.to(net.layer1.weight).flatten(1))
    return {
        **measured,
        "oriented": selective.float().mean().item(),
        "start_left": left.abs().mean().item(),
    }


def recipes_fingerprint() -> str:
    """A fingerprint of what every row depends on, without the ideas, which have names."""
    recipes = [
        {k: v for k, v in spelling.to_file(recipe).items() if v != DEFAULT[k]}
        for recipe in (NEW, OLD)
    ]
    gains = (pretraining.FIRST_LAYER_GAIN, OLD_GAIN)
    return hashlib.sha256(repr((recipes, gains, DRAWS, pretraining.BATCH)).encode()).hexdigest()
