"""The experiments of notebook 02: what layers see, in tidy rows, each with its control."""

import copy
import functools
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch
from torch import nn

from tl_course.core import pretraining, training, transfer
from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.core.training import Callbacks
from tl_course.data.examples import Examples, draw
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import handwritten
from tl_course.data.targets.letters import letters
from tl_course.data.targets.photographs import crops, scenes
from tl_course.data.targets.photographs import photograph as photograph  # for the notebook
from tl_course.layers import synthesis
from tl_course.layers.filters import order
from tl_course.layers.gratings import UnitTuning, tuning
from tl_course.layers.patches import TopPatches, top_patches
from tl_course.layers.preference import class_responses, preferred
from tl_course.layers.responses import at_centre, receptive_field, responses
from tl_course.layers.responses import convolutions as convolutions  # for the notebook
from tl_course.layers.snapshots import Growth
from tl_course.layers.stimuli import CLASSES, EQUAL
from tl_course.study import results

TO_THE_END = replace(pretraining.RECIPE, freeze_layer1_after=1.0)  # to see when layer 1 settles
LOOKED_AT = 1000  # renders, for scaling an untrained network and for CKA


def untrained(seed: int) -> FiveLayerNet:
    """The control: fresh weights, scaled on renders as in all controls of the course."""
    return transfer.fresh_network(EmojiImages(seed).batch(0, LOOKED_AT)[0], seed)


@functools.lru_cache(maxsize=4)
def trained_anew(
    seed: int, images: int, progress: str | None = None
) -> tuple[FiveLayerNet, Growth]:
    """A network pretrained from `seed` on `images` renders, and the growth of its layers."""
    pictures = EmojiImages(pretraining.HELD_OUT_SEED).batch(0, LOOKED_AT)[0]
    n_steps = images // pretraining.BATCH
    growth = Growth(n_steps, pictures, every=max(1, n_steps // 24))
    callbacks = Callbacks(on_step=growth, progress=progress)
    run = pretraining.pretrain(
        EmojiImages(seed), images, seed=seed, recipe=TO_THE_END, callbacks=callbacks
    )
    return run.net, growth


@functools.lru_cache(maxsize=1)
def pretrained_plainly(
    seed: int, images: int, progress: str | None = None
) -> tuple[FiveLayerNet, float]:
    """A network without the recipe's care (5×5 filters, usual start, weak decay); its accuracy."""
    source = EmojiImages(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = FiveLayerNet(source.n_classes, batch_norm=True, kernels=(5, 3, 3, 3))
    recipe = replace(TO_THE_END, weight_decay=0.05, first_layer_decay=0.05)
    run = pretraining.pretrain(
        source, images, held_out=EmojiImages(pretraining.HELD_OUT_SEED), seed=seed, net=net,
        recipe=recipe, callbacks=Callbacks(progress=progress),
    )  # fmt: skip
    return run.net, run.accuracy


@functools.lru_cache(maxsize=4)
def grating_tuning(net: nn.Module) -> UnitTuning:
    """The responses of layer 1 of `net` to gratings."""
    return tuning(net, "layer1")


def by_angle(net: nn.Module) -> torch.Tensor:
    """The units of layer 1, ordered by the angle that they prefer: int64 `[units]`."""
    return order(grating_tuning(net))


def trained_one(seed: int) -> str:
    """Whether the trained network is "A" or "B" in `a_and_b`: a coin decides."""
    coin = torch.rand(1, generator=torch.Generator().manual_seed(seed)).item()
    return "A" if coin < 0.5 else "B"


def a_and_b(net: nn.Module, untrained: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """The filters of layer 1 of both networks, ordered by angle, as "A" and "B"."""
    pair = [network.layer1.weight[by_angle(network)] for network in (net, untrained)]
    return dict(zip("AB", pair if trained_one(seed) == "A" else pair[::-1], strict=True))


def answers(net: nn.Module, x: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
    """The response maps of each layer to one picture `[3, h, w]`: `[units, rows, columns]`."""
    return {layer: answer[0] for layer, answer in responses(net, x[None], layers).items()}


def best_patches(
    net: nn.Module, layers: Sequence[str], drawings: int, seed: int = 0
) -> dict[str, TopPatches]:
    """The patches that excite each unit of `layers` most, from renders that `net` has not seen."""
    source = EmojiImages(1_000_000 + seed)
    return top_patches(
        net, layers, lambda index: source.at(index)[0], drawings, kind_of=source.labels,
        progress="looking at drawings",
    )  # fmt: skip


def untrained_resnet18(seed: int) -> nn.Module:
    """A ResNet-18 of torchvision with random weights."""
    from torchvision.models import resnet18

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return resnet18(weights=None).eval()


def best_of_kinds(net: nn.Module, layer: str, n: int) -> dict[str, TopPatches]:
    """The best patches of a layer's units among `n` renders, the test digits, and ten photographs.

    A unit has at most one patch from each thing, each class of digits, and each photograph.
    """
    drawings = Examples(*EmojiImages(pretraining.HELD_OUT_SEED).batch(0, n), ())
    shown = {
        "drawings, each of another thing": drawings,
        "handwritten digits, each another of 0 to 9": handwritten().test,
        "pieces of photographs, each of another one": scenes().pool,
    }
    return {
        f"{len(of_kind):,} {kind}": top_patches(
            net, [layer], of_kind.x.__getitem__, len(of_kind), kind_of=of_kind.y.__getitem__
        )[layer]
        for kind, of_kind in shown.items()
    }


def first_layers() -> tuple[dict[int, torch.Tensor], torch.Tensor, pd.DataFrame]:
    """As recorded: layer 1 by step, layer 1 without the recipe's care, and both accuracies."""
    recorded = results.tensors("first_layers")
    steps = {int(name[5:]): weight for name, weight in recorded.items() if name.startswith("step ")}
    return steps, recorded["plain"], results.load("first_layers")


def orientation(networks: dict[str, tuple[str, nn.Module]]) -> list[dict]:
    """The responses of layer 1 to gratings; `networks` are name → (kind, network).

    Rows `net`, `kind`, `unit`, `orientation`, `frequency`, and both selectivities.
    """
    measures = ("orientation", "frequency", "orientation_selectivity", "colour_selectivity")
    rows = []
    for name, (kind, net) in networks.items():
        tuned = tuning(net, "layer1")
        columns = zip(*(getattr(tuned, measure).tolist() for measure in measures), strict=True)
        rows += [
            {"net": name, "kind": kind, "unit": unit, **dict(zip(measures, values, strict=True))}
            for unit, values in enumerate(columns)
        ]
    return rows


def selectivity_by_kind(table: pd.DataFrame) -> dict[str, torch.Tensor]:
    """Orientation selectivity of the units of "trained" and of "untrained" networks, by kind."""
    by_kind = table.groupby("kind").orientation_selectivity
    return {kind: torch.tensor(by_kind.get_group(kind).array) for kind in ("trained", "untrained")}


def selective(selectivity: dict[str, torch.Tensor], units: int = 32) -> dict[str, float]:
    """How many of `units` units have a selectivity above 0.5, by kind of network, on average."""
    return {kind: units * (x > 0.5).float().mean().item() for kind, x in selectivity.items()}


def preference(networks: dict[str, tuple[str, nn.Module]], every: int = 1) -> list[dict]:
    """Rows `net`, `kind`, `equal`, `layer`, `stimulus`, `share` of units, `response`.

    `share` is the share of the layer's units that prefer this class. Those under "none" respond to
    no stimulus more than to plain grey. `response` is a unit's best response to the class, divided
    by its best response to any: the mean over the other units. With `every` > 1 fewer stimuli are
    shown.
    """
    rows = []
    for name, (kind, net) in networks.items():
        for equal, layer in itertools.product(EQUAL, LAYERS):
            answers = class_responses(net, layer, every=every, equal=equal)
            choice = preferred(answers)
            awake = answers[choice >= 0]
            relative = (awake / awake.amax(1, keepdim=True)).mean(0)
            rows += [
                {"net": name, "kind": kind, "equal": equal, "layer": layer, "stimulus": stimulus,
                 "share": (choice == i).float().mean().item(),
                 "response": relative[i].item() if i >= 0 else None}
                for i, stimulus in [*enumerate(CLASSES), (-1, "none")]
            ]  # fmt: skip
    return rows


def straight_and_curved(table: pd.DataFrame) -> pd.DataFrame:
    """The percentage of a layer's units that prefer edges or bars, and curves or spirals.

    `table` has the rows of `preference`. Means over networks, indexed by `equal`, `kind`, `layer`.
    """
    share = 100 * table.groupby(["equal", "kind", "layer", "stimulus"]).share.mean().unstack()
    return pd.DataFrame(
        {"straight": share["edge"] + share["bar"], "curved": share["curve"] + share["spiral"]}
    )


def prefer_straight(table: pd.DataFrame, layers: Sequence[str] = ("layer1", "layer3")) -> dict:
    """What percentage of trained units prefer edges or bars, by layer (equal contrast)."""
    straight = straight_and_curved(table).straight["contrast", "trained"]
    return {f"layer {layer[-1]}": straight[layer] for layer in layers}


def synthesised(
    net: nn.Module,
    layers: Sequence[str],
    natural: int = 10_000,
    seed: int = 0,
    steps: int = synthesis.STEPS,
    progress: bool = False,
) -> tuple[dict[str, torch.Tensor], list[dict]]:
    """A picture for each unit of `layers`, and rows `layer`, `unit`, `made`, `found`.

    `made` is the unit's response to the picture made for it, `found` its best response to one of
    `natural` patches of renders. All are brought to the same mean, contrast and range.
    """
    pictures, rows = {}, []
    renders = EmojiImages(pretraining.HELD_OUT_SEED).batch(0, natural)[0].contiguous()
    device = next(net.parameters()).device
    for layer in layers:
        field = receptive_field(net, layer)
        patches = synthesis.natural_patches(renders, field, seed)
        optimised = synthesis.synthesise(
            net, layer, patches, steps=steps, seed=seed, progress=layer if progress else None
        )
        looks = synthesis.looks_of(patches)
        with torch.no_grad():
            to_made = at_centre(net, layer, synthesis.alike(optimised, looks).to(device), field)
            to_natural = torch.stack([
                at_centre(net, layer, synthesis.alike(part, looks).to(device), field).amax(0)
                for part in patches.split(500)
            ]).amax(0)  # fmt: skip
        pictures[layer] = optimised
        rows += [
            {"layer": layer, "unit": unit, "made": to_made[unit, unit].item(),
             "found": to_natural[unit].item()}
            for unit in range(len(optimised))
        ]  # fmt: skip
    return pictures, rows


def kinds_of_pictures(n: int = 2000) -> dict[str, Examples]:
    """Four kinds of pictures for which the same layer 1 is used, at most `n` of each."""
    x, y = EmojiImages(pretraining.HELD_OUT_SEED).batch(0, n)
    photographs, which = crops(n)
    return {
        "drawings": Examples(x, y, ()),
        "digits": handwritten().test[:n],
        "letters": letters().test[:n],
        "photographs": Examples(photographs, which, ()),
    }


@torch.no_grad()
def usage(networks: dict[str, FiveLayerNet], n: int = 2000, without: bool = True) -> list[dict]:
    """How active each unit of layer 1 is on each kind of picture, and what is lost without it.

    Rows `net`, `task`, `unit`, `activity`, `loss`. `activity` is the unit's mean output above that
    for plain grey, as a share of the layer's (shares sum to 1). `loss` is the accuracy lost when
    the unit always outputs its mean. If `without`, the network "trained" has it for all pictures
    but photographs. Digits and letters are classified under Option 1, from 50 and 260 labelled
    pictures.
    """
    shown = kinds_of_pictures(n)
    rows = []
    for name, net in networks.items():
        device = net.output.weight.device
        blank = net.layer(1, torch.zeros(1, 3, 32, 32, device=device))
        heads = _heads(net) if without and name == "trained" else {}
        for task, pictures in shown.items():
            answer = torch.cat([net.layer(1, part.to(device)) for part in pictures.x.split(500)])
            mean = answer.mean((0, 2, 3))
            if task in heads:
                whole = training.accuracy(heads[task], pictures.x, pictures.y)
            active = (answer - blank).relu().mean((0, 2, 3))
            for unit, share in enumerate((active / active.sum()).tolist()):
                row = {"net": name, "task": task, "unit": unit, "activity": share, "loss": None}
                if task in heads:
                    stuck = _stuck(heads[task], unit, mean[unit])
                    row["loss"] = whole - training.accuracy(stuck, pictures.x, pictures.y)
                rows.append(row)
    return rows


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Whether the kinds of pictures use the same units: one row per network, from rows of `usage`.

    `lowest` is the smallest rank correlation of the activities on two kinds. `idle` is the number
    of units with less than a tenth of an equal share on some kind, and `units` that of all units.
    """
    rows = {}
    for name, of_net in table.groupby("net"):
        activity = of_net.pivot(index="unit", columns="task", values="activity")
        idle = (activity < 0.1 / len(activity)).any(axis=1).sum()
        lowest = activity.corr(method="spearman").min(axis=None)
        rows[name] = {"lowest": lowest, "idle": int(idle), "units": len(activity)}
    return pd.DataFrame(rows).T


def busy_on_both(table: pd.DataFrame, first: str, second: str, n: int = 16) -> int:
    """How many of the `n` units that are most active on task `first` are so on task `second`, too.

    `table` is "usage", and only the trained network counts.
    """
    activity = table[table.net == "trained"].pivot(index="unit", columns="task", values="activity")
    busiest = [set(activity[task].nlargest(n).index) for task in (first, second)]
    return len(busiest[0] & busiest[1])


def _heads(net: FiveLayerNet) -> dict[str, FiveLayerNet]:
    """The network with an output layer for each task."""
    heads = {"drawings": net}
    for name, target, images in (("digits", handwritten(), 50), ("letters", letters(), 260)):
        labelled = draw(target.pool, images, 0)
        with torch.enable_grad():
            heads[name] = transfer.option_1(net, labelled).net
    return heads


def _stuck(net: FiveLayerNet, unit: int, value: torch.Tensor) -> FiveLayerNet:
    """A copy of `net` in which one unit of layer 1 has the output `value` for every picture."""
    stuck = copy.deepcopy(net)
    stuck.layer1.weight.data[unit] = 0
    stuck.layer1.bias.data[unit] = value
    return stuck
