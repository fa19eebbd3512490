"""What notebook 01 trains on, how fast it trains, and what a filter responds to."""

from dataclasses import replace

import torch

from tl_course.base import machine
from tl_course.core import pretraining
from tl_course.core.network import FiveLayerNet
from tl_course.core.training import Callbacks
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.layers import filters
from tl_course.layers.filters import edge as edge  # for the notebook

PLACES = (
    "at edges that run up and down",
    "at edges that run from left to right",
    "in uniformly bright areas",
    "in uniformly dark areas",
)


def sources(seed: int) -> tuple[EmojiImages, EmojiImages]:
    """The source for training and a held-out one, both on the device that trains."""
    device = machine.device()
    return EmojiImages(seed, device=device), EmojiImages(pretraining.HELD_OUT_SEED, device=device)


def speeds(source: EmojiImages, seed: int) -> dict[str, float]:
    """Pictures per second of training by number format: float32, and bf16 where it is fast."""
    speed, images = {}, 8 * pretraining.BATCH
    for name, bf16 in {"float32": False, "bf16": True}.items():
        if machine.has_fast_bf16() or not bf16:
            recipe = replace(pretraining.RECIPE, bf16=bf16)
            mine = pretraining.pretrain(
                source, images, seed=seed, recipe=recipe, callbacks=Callbacks()
            )
            speed[name] = images / mine.history.seconds
    return speed


def share_in_output() -> float:
    """The percentage of the network's parameters that are in the output layer."""
    net = FiveLayerNet()
    in_output = sum(p.numel() for p in net.output.parameters())
    return 100 * in_output / sum(p.numel() for p in net.parameters())


def strongest_at(kernel: torch.Tensor) -> str:
    """Which of `PLACES` a filter `[3, 7, 7]` responds to most strongly."""
    upright = torch.where(torch.arange(32) < 16, -1.0, 1.0).expand(3, 32, 32)
    even = torch.ones(3, 32, 32)
    shown = (upright, upright.mT, even, -even)
    inside = slice(4, -4)  # because the border of a picture is an edge, too
    strength = [filters.answer_map(x, kernel)[inside, inside].abs().max().item() for x in shown]
    return PLACES[strength.index(max(strength))]
