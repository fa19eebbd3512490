"""Make the shipped spoken digits again, and the sounds to listen to (a minute).

    python data_scripts/spoken_digits.py

Twenty synthetic voices say the ten digits in English, in random accents, paces and pitches. None
of them is in the source of spoken names. Eight are in the pool, four in the validation part, and
eight in the test. The sounds to listen to are "cat" by three voices of the source and each digit by
one voice of the target. Both files go into tl_course/data/targets.
"""

from pathlib import Path

import numpy as np
import torch

from tl_course.base import machine
from tl_course.core import files
from tl_course.data.sources import espeak
from tl_course.data.targets import spoken

VOICES = {"pool": 8, "validation": 4, "test": 8}
EACH = {"pool": 10, "validation": 15, "test": 15}  # times that a voice says each digit
SEED = 1
FOLDER = Path(spoken.__file__).parent


def make_digits() -> None:
    voices = list(np.random.default_rng(SEED).permutation(espeak.voices("target")))
    tensors = {}
    for part, n in VOICES.items():
        speakers, voices = voices[:n], voices[n:]
        words = spoken.WORDS * EACH[part]
        clips = dict(espeak.each_spoken(speakers, words, SEED, machine.cores()))
        tensors[part] = torch.from_numpy(np.concatenate([clips[voice] for voice in speakers]))
        tensors[f"{part} labels"] = (torch.arange(len(words)) % 10).repeat(n).to(torch.uint8)
        print(f"{part}: {', '.join(speakers)}")
    write_into_package(spoken.SHIPPED, tensors)


def make_sounds() -> None:
    synthesiser = espeak.Synthesiser(SEED)
    speaker = espeak.voices("target")[0]
    sounds = {f"cat, {voice}": ("cat", voice) for voice in espeak.voices("source")[::27]}
    sounds |= {word: (word, speaker) for word in spoken.WORDS}
    waves = {name: synthesiser.say(*sound, pace=130).copy() for name, sound in sounds.items()}
    write_into_package(
        spoken.SOUNDS, {name: torch.from_numpy(wave) for name, wave in waves.items()}
    )
    assert synthesiser.rate == spoken.SOUNDS_RATE


def write_into_package(name: str, tensors: dict[str, torch.Tensor]) -> None:
    files.write_tensors(FOLDER / name, tensors)
    print(f"{FOLDER / name}: {(FOLDER / name).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    make_digits()
    make_sounds()
