"""Spoken digits by twenty synthetic voices that are in no source, and by real people.

The synthetic digits are shipped as log-mel pictures (`spoken_digits.safetensors`, made by
`data_scripts/spoken_digits.py`), so nothing needs a synthesiser. The people are those of the Free
Spoken Digit Dataset (Zohar Jackson and others, CC BY-SA 4.0), fetched by
`data_scripts/free_spoken_digits.py` or in a folder of yours. Both are split by speaker: nobody is
in two parts.
"""

import functools
import io
import os
import wave
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from tl_course.base import storage
from tl_course.base.errors import CourseError, script
from tl_course.data import sound
from tl_course.data.examples import Examples, Target
from tl_course.data.inputs import standardised_inputs
from tl_course.data.targets.handwritten import NAMES

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SHIPPED = "spoken_digits.safetensors"
SOUNDS, SOUNDS_RATE = "sounds.safetensors", 22050  # to listen to
VARIABLE = "TL_COURSE_FSDD"  # names a folder of recordings to use instead of the fetched ones
RATES = (round(2 * sound.HIGHEST), 200_000)  # samples per second: the fewest and the most
MOST_BYTES = 20_000_000  # of a recording: minutes of sound


def _examples(clips: np.ndarray | torch.Tensor, y: torch.Tensor) -> Examples:
    x = sound.unpacked(torch.as_tensor(clips)).float()[:, None]
    return Examples(standardised_inputs(x), y, NAMES, "audio")


@functools.cache
def spoken_digits() -> Target:
    """Digits by synthetic voices, `[n, 3, 32, 32]`: other voices in each part."""
    tensors = safetensors.torch.load_file(str(files(__package__) / SHIPPED))
    parts = ("pool", "validation", "test")
    return Target(*(_examples(tensors[part], tensors[f"{part} labels"].long()) for part in parts))


def sounds() -> dict[str, np.ndarray]:
    """A few words to listen to, by name: int16 `[samples]`, `SOUNDS_RATE` samples per second."""
    waves = safetensors.torch.load_file(str(files(__package__) / SOUNDS))
    return {name: wave.numpy() for name, wave in waves.items()}


def sound_as_input(samples: np.ndarray, rate: int) -> torch.Tensor:
    """A sound `[samples]` as the network's input: its log-mel picture `[1, 3, 32, 32]`."""
    clip = torch.from_numpy(sound.log_mel(samples, rate).copy())
    return standardised_inputs(clip[None, None])


def recordings() -> Path:
    """The folder of the Free Spoken Digit Dataset; CourseError if it is missing."""
    folder = Path(os.environ.get(VARIABLE) or storage.home() / "free-spoken-digit-dataset")
    for candidate in (folder / "recordings", folder):
        if any(candidate.glob("*_*_*.wav")):
            return candidate
    raise CourseError(
        "not_fetched",
        f"There are no recordings in {folder}: fetch the Free Spoken Digit Dataset with "
        f"'{script('free_spoken_digits')}' in a terminal, or let {VARIABLE} name a folder of files "
        "such as 7_george_0.wav.",
    )


def has_recordings() -> bool:
    """Whether there are recordings; CourseError if `VARIABLE` names a folder without any."""
    try:
        return bool(recordings())
    except CourseError:
        if os.environ.get(VARIABLE):
            raise
        return False


def read_wave(path: Path) -> tuple[np.ndarray, int]:
    """The samples of a WAV file, −1 … 1 `[n]`, and its rate; CourseError names an unusable file."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"it has more than {storage.size_in_words(MOST_BYTES)}")
        with wave.open(io.BytesIO(content)) as file:
            about, samples = file.getparams(), file.readframes(file.getnframes())
        if about.sampwidth != 2:
            bits = f"{8 * about.sampwidth} bits a sample"
            raise CourseError(
                "bits", f"{path} has {bits}; 16 are expected, so save it again with these."
            )
        pcm = np.frombuffer(samples, "<i2").reshape(-1, about.nchannels).mean(1)
    except (wave.Error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise CourseError(
            "unreadable",
            f"{path} is not a readable WAV file ({error}): save it again as 16-bit WAV (PCM), "
            "or where it was fetched, delete it and fetch it again.",
        ) from error
    if not RATES[0] <= about.framerate <= RATES[1]:
        raise CourseError(
            "sampling_rate",
            f"{path} has {about.framerate} samples a second; {RATES[0]:,} to {RATES[1]:,} are "
            "expected, so record it anew or convert it.",
        )
    return (pcm / 32768).astype(np.float32), about.framerate


@functools.cache
def _real(folder: Path) -> dict[str, tuple[np.ndarray, torch.Tensor]]:
    """Clips `[n, 32, 32]` and labels `[n]` by speaker."""
    clips, labels = defaultdict(list), defaultdict(list)
    for path in sorted(folder.glob("*_*_*.wav")):
        digit, speaker, _ = path.stem.split("_", 2)
        if digit in NAMES:
            clips[speaker].append(sound.packed(sound.log_mel(*read_wave(path))))
            labels[speaker].append(int(digit))
    return {speaker: (np.stack(clips[speaker]), torch.tensor(labels[speaker])) for speaker in clips}


def speakers() -> tuple[str, ...]:
    """The people in the recordings, sorted."""
    return tuple(sorted(_real(recordings())))


def spoken_by_people(test: str, pool: tuple[str, ...] | None = None) -> Target:
    """Digits by people, `[n, 3, 32, 32]`: `test` is one speaker, `pool` some or all others.

    There is no speaker to spare for validation, so that part is empty, and settings are those of
    the synthetic voices.
    """
    everybody = _real(recordings())
    pool = tuple(s for s in everybody if s != test) if pool is None else tuple(pool)
    for speaker in (test, *pool):
        if speaker not in everybody:
            raise CourseError(
                "no_speaker", f"There is no speaker '{speaker}'; there is {', '.join(everybody)}."
            )
    if test in pool or not pool:
        raise CourseError(
            "test_speaker",
            f"'{test}' cannot be learnt from and be the test; choose others to learn.",
        )
    clips, labels = zip(*(everybody[speaker] for speaker in pool), strict=True)
    labelled = _examples(np.concatenate(clips), torch.cat(labels))
    return Target(labelled, labelled[:0], _examples(*everybody[test]))
