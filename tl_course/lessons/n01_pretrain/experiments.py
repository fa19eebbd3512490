"""What notebook 01 trains on, and how fast; what a filter answers to."""

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
    """Pictures to learn from, and fresh ones that no training sees, made where it trains."""
    device = machine.device()
    return EmojiImages(seed, device=device), EmojiImages(pretraining.HELD_OUT_SEED, device=device)


def speeds(source: EmojiImages, seed: int) -> dict[str, float]:
    """Pictures a second of the loop with each kind of numbers that this processor is fast at."""
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
    """Of 100 numbers in the network, how many are in the output layer."""
    net = FiveLayerNet()
    in_output = sum(p.numel() for p in net.output.parameters())
    return 100 * in_output / sum(p.numel() for p in net.parameters())


def strongest_at(kernel: torch.Tensor) -> str:
    """Which of `PLACES` a filter `[3, 7, 7]` answers to most strongly."""
    upright = torch.where(torch.arange(32) < 16, -1.0, 1.0).expand(3, 32, 32)
    even = torch.ones(3, 32, 32)
    shown = (upright, upright.mT, even, -even)
    inside = slice(4, -4)  # the end of a picture is an edge, too
    strength = [filters.answer_map(x, kernel)[inside, inside].abs().max().item() for x in shown]
    return PLACES[strength.index(max(strength))]
