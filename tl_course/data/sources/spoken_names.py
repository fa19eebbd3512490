"""The audio source: the names of the 1,000 things, spoken by 80 synthetic voices.

Every voice says every name once, in a random accent, pace and pitch. The 80,000 clips stay in the
data home as log-mel pictures, one file per voice, so each voice is synthesised once. Each time that
a clip is trained on, it is stretched and shifted a little in time and pitch, and noise is added.
Four more voices measure the accuracy, and the last twenty say the digits of the target.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from tqdm.auto import tqdm

from tl_course.base import machine, storage, untrusted_input
from tl_course.base.errors import CourseError
from tl_course.data import sound
from tl_course.data.inputs import standardised_inputs
from tl_course.data.poses import NUMBERS, Pose, each_once, grid, hashed, uniform
from tl_course.data.sources import espeak
from tl_course.data.sources.classes import names

SEED = 0  # of the voices' accents, paces and pitches
POSE = Pose(rotate=0, shear=0, shift=0.15, stretch=0.15, zoom=(0.9, 1.1), elastic=0.04)
NOISE = 0.3  # the most, in standard deviations of a clip
MOST_BYTES = 2_000_000  # of a voice's file


def clips_folder() -> Path:
    """The folder of the clips."""
    return storage.make_folder(storage.home() / "spoken-names")


def _read(path: Path, n_words: int) -> np.ndarray | None:
    """The clips of one voice, or None if they are missing or incomplete."""
    try:
        clips = safetensors.numpy.load(untrusted_input.content(path, MOST_BYTES))["clips"]
    except (CourseError, SafetensorError, KeyError, ValueError, TypeError, OverflowError):
        return None
    is_whole = clips.dtype == np.uint8 and clips.shape == (n_words, sound.SIZE, sound.SIZE)
    return clips if is_whole else None


def build(
    role: str = "source", processes: int | None = None, progress: bool = True
) -> dict[str, np.ndarray]:
    """The clips of all names by each voice of a role, uint8 `[1000, 32, 32]`.

    Voices that are missing or damaged are synthesised; after an interruption the rest follow.
    """
    words = names()
    with storage.lock(clips_folder() / "building"):
        files = {voice: clips_folder() / f"{voice}.safetensors" for voice in espeak.voices(role)}
        by_voice = {voice: _read(path, len(words)) for voice, path in files.items()}
        missing = [voice for voice, clips in by_voice.items() if clips is None]
        spoken = espeak.each_spoken(missing, words, SEED, processes or machine.cores())
        bar = tqdm(
            total=len(files), initial=len(files) - len(missing), desc="voices",
            disable=not progress or not missing,
        )  # fmt: skip
        with bar:
            for voice, clips in spoken if missing else ():
                with storage.atomic_path(files[voice]) as path:
                    path.write_bytes(safetensors.numpy.save({"clips": clips}))
                by_voice[voice] = clips
                bar.update()
    return by_voice


class SpokenNames:
    """An endless, reproducible stream of spoken names, with the interface of `EmojiImages`.

    Each 1,000 inputs have every name once, in another order and by other voices.
    """

    modality = "audio"

    def __init__(
        self,
        seed: int = 0,
        role: str = "source",
        device: torch.device | str = "cpu",
        clips: Sequence[np.ndarray] | None = None,
    ):
        self.names, self.seed, self.device = names(), seed, torch.device(device)
        self.n_classes = len(self.names)
        clips = list(build(role).values()) if clips is None else list(clips)
        if not clips:
            raise CourseError("no_voice", f"There is no voice to say the names (role '{role}').")
        self.clips = torch.from_numpy(np.stack(clips)).to(self.device)  # [voices, names, 32, 32]

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs start … start+n−1: float `[n, 3, 32, 32]`, standardised, and labels `[n]`."""
        index = torch.arange(start, start + n, device=self.device)
        labels = each_once(self.seed, index, self.n_classes)
        voice = hashed(self.seed ^ 0x701CE, index, 1)[:, 0] % len(self.clips)
        return heard(sound.unpacked(self.clips[voice, labels]), self.seed, index), labels


def heard(clips: torch.Tensor, seed: int, index: torch.Tensor) -> torch.Tensor:
    """Clips `[n, 32, 32]` with the random stretch, shift and noise of `index`: `[n, 3, 32, 32]`."""
    u = uniform(seed ^ 0x50D, index, NUMBERS + 1)
    positions = grid(POSE, u, sound.SIZE)
    x = F.grid_sample(clips[:, None].float(), positions, padding_mode="border", align_corners=False)
    noise = hashed(seed ^ 0x401, index, sound.SIZE**2).view_as(x)
    amount = NOISE * u[:, NUMBERS].view(-1, 1, 1, 1) * 12**0.5
    return standardised_inputs(x + amount * (noise / 2**32 - 0.5))
