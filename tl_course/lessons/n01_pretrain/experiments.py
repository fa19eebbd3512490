"""What notebook 01 trains on, and how fast."""

from dataclasses import replace

from tl_course.base import machine
from tl_course.core import pretraining
from tl_course.core.training import Watch
from tl_course.data.sources.emoji_images import EmojiImages


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
            mine = pretraining.pretrain(source, images, seed=seed, recipe=recipe, watch=Watch())
            speed[name] = images / mine.history.seconds
    return speed
