"""The experiments of notebook 02: what layers see, in tidy rows, each with its control."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from tl_course import pretraining, training, transfer
from tl_course.layers import synthesis
from tl_course.layers.gratings import Tuning, tuning
from tl_course.layers.growing import LAYERS, Watch
from tl_course.layers.preference import class_responses, preferred
from tl_course.layers.responses import at_centre, receptive_field, responses
from tl_course.layers.stimuli import CLASSES
from tl_course.network import FiveLayerNet
from tl_course.sources.emoji_images import EmojiImages
from tl_course.targets.examples import Examples, draw
from tl_course.targets.handwritten import handwritten
from tl_course.targets.letters import letters
from tl_course.targets.photographs import crops

LOOKED_AT = 1000  # renders that an untrained network is scaled on, and that CKA compares


def untrained(seed: int) -> FiveLayerNet:
    """The control: fresh weights, scaled on renders as in all controls of the course."""
    return transfer.fresh_network(EmojiImages(seed).batch(0, LOOKED_AT)[0], seed)


@functools.lru_cache(maxsize=4)
def trained_anew(
    seed: int, images: int, progress: str | None = None, compare: bool = True
) -> tuple[FiveLayerNet, Watch]:
    """A network pretrained by the course's recipe from another seed, watched along the way.

    With `compare`, layers are also compared with what they will be (`Watch.settling`).
    """
    pictures = EmojiImages(pretraining.HELD_OUT_SEED).batch(0, LOOKED_AT)[0] if compare else None
    n_steps = images // pretraining.BATCH
    watch = Watch(n_steps, pictures, every=max(1, n_steps // 24))
    run = pretraining.pretrain(
        EmojiImages(seed), images, seed=seed, on_step=watch, progress=progress
    )
    return run.net, watch


@functools.lru_cache(maxsize=1)
def plain(seed: int, images: int, progress: str | None = None) -> tuple[FiveLayerNet, float]:
    """Without the recipe's care for layer 1: 5×5 filters, ordinary start and decay; accuracy."""
    source = EmojiImages(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = FiveLayerNet(source.n_classes, batch_norm=True, kernels=(5, 3, 3, 3))
    recipe = replace(pretraining.RECIPE, weight_decay=0.05, first_layer_decay=None)
    run = pretraining.pretrain(
        source, images, held_out=EmojiImages(pretraining.HELD_OUT_SEED), seed=seed, net=net,
        recipe=recipe, progress=progress,
    )  # fmt: skip
    return run.net, run.accuracy


def orientation_rows(name: str, kind: str, tuned: Tuning) -> list[dict]:
    """Rows `net`, `kind`, `unit`, `orientation`, `frequency`, and both selectivities."""
    return [
        {"net": name, "kind": kind, "unit": unit,
         "orientation": tuned.orientation[unit].item(),
         "frequency": tuned.frequency[unit].item(),
         "orientation_selectivity": tuned.orientation_selectivity[unit].item(),
         "colour_selectivity": tuned.colour_selectivity[unit].item()}
        for unit in range(len(tuned.orientation))
    ]  # fmt: skip


def orientation(networks: dict[str, tuple[str, nn.Module]], layer: str = "layer1") -> list[dict]:
    """Gratings put to layer 1 of each network: name → (kind, network)."""
    return [
        row
        for name, (kind, net) in networks.items()
        for row in orientation_rows(name, kind, tuning(net, layer))
    ]


def preference(networks: dict[str, tuple[str, nn.Module]], every: int = 1) -> list[dict]:
    """Rows `net`, `kind`, `layer`, `stimulus`, `share` of units that prefer it, `response`.

    `response` is the mean over units of the best response to that class, as a share of the unit's
    best response to any. With `every` > 1 fewer stimuli are shown.
    """
    rows = []
    for name, (kind, net) in networks.items():
        for layer in LAYERS:
            answers = class_responses(net, layer, every=every)
            choice = preferred(answers)
            relative = answers / answers.amax(1, keepdim=True).clamp_min(1e-9)
            rows += [
                {"net": name, "kind": kind, "layer": layer, "stimulus": stimulus,
                 "share": (choice == i).float().mean().item(),
                 "response": relative[:, i].mean().item()}
                for i, stimulus in enumerate(CLASSES)
            ]  # fmt: skip
    return rows


def synthesised(
    net: nn.Module,
    layers: Sequence[str],
    natural: int = 10_000,
    seed: int = 0,
    steps: int = synthesis.STEPS,
    progress: bool = False,
) -> tuple[dict[str, torch.Tensor], list[dict]]:
    """A picture for each unit of `layers`, and rows `layer`, `unit`, `made`, `found`.

    `made` is what the unit answers to the picture made for it, `found` its best answer to one of
    `natural` patches of renders, brought to the same mean, contrast and range.
    """
    pictures, rows = {}, []
    renders = EmojiImages(pretraining.HELD_OUT_SEED).batch(0, natural)[0].contiguous()
    device = next(net.parameters()).device
    for layer in layers:
        field = receptive_field(net, layer)
        patches = synthesis.natural_patches(renders, field, seed)
        made = synthesis.synthesise(
            net, layer, patches, steps=steps, seed=seed, progress=layer if progress else None
        )
        looks = synthesis.looks_of(patches)
        with torch.no_grad():
            own = at_centre(net, layer, synthesis.alike(made, looks).to(device), field)
            found = torch.stack([
                at_centre(net, layer, synthesis.alike(part, looks).to(device), field).amax(0)
                for part in patches.split(500)
            ]).amax(0)  # fmt: skip
        pictures[layer] = made
        rows += [
            {"layer": layer, "unit": unit, "made": own[unit, unit].item(),
             "found": found[unit].item()}
            for unit in range(len(made))
        ]  # fmt: skip
    return pictures, rows


def tasks(n: int = 2000) -> dict[str, Examples]:
    """Four kinds of pictures to put the same layer 1 to."""
    x, y = EmojiImages(pretraining.HELD_OUT_SEED).batch(0, n)
    photographs, which = crops(n)
    return {
        "drawings": Examples(x, y, ()),
        "digits": handwritten().test[:n],
        "letters": letters().test[:n],
        "photographs": Examples(photographs, which, ()),
    }


@torch.no_grad()
def usage(net: FiveLayerNet, n: int = 2000, without: bool = True) -> list[dict]:
    """How active each unit of layer 1 is on each kind of picture, and what is lost without it.

    Rows `task`, `unit`, `activity` (its share of the layer's, after the ReLU; sums to 1) and, where
    the pictures have a task, `loss`: the accuracy lost when the unit is stuck at its mean
    (`without=False` leaves that out). Digits and letters are read under Option 1, from 50 and 260
    labelled pictures.
    """
    heads = {"drawings": net}
    for name, target, images in (("digits", handwritten(), 50), ("letters", letters(), 260)):
        labelled = draw(target.pool, images, 0)
        with torch.enable_grad():
            heads[name] = transfer.option_1(net, labelled.x, labelled.y).net
    rows = []
    for task, shown in tasks(n).items():
        answer = torch.cat(
            [responses(net, part, ["layer1"])["layer1"].relu() for part in shown.x.split(500)]
        )
        mean = answer.mean((0, 2, 3))
        lost = [None] * len(mean)
        if without and task in heads:
            whole = training.accuracy(heads[task], shown.x, shown.y)
            lost = [
                whole - training.accuracy(_without(heads[task], unit, mean[unit]), shown.x, shown.y)
                for unit in range(len(mean))
            ]
        rows += [
            {"task": task, "unit": unit, "activity": (mean[unit] / mean.sum()).item(),
             "loss": lost[unit]}
            for unit in range(len(mean))
        ]  # fmt: skip
    return rows


def _without(net: FiveLayerNet, unit: int, value: torch.Tensor) -> FiveLayerNet:
    """`net` with one unit of layer 1 stuck at `value`, whatever the picture."""
    import copy

    stuck = copy.deepcopy(net)
    stuck.layer1.weight.data[unit] = 0
    stuck.layer1.bias.data[unit] = value
    return stuck
