"""Make the shipped spoken digits again: tl_course/targets/spoken_digits.safetensors (a minute).

    python data_scripts/spoken_digits.py

Twenty synthetic voices that the source of spoken names does not have say the ten digits in English,
in random accents, paces and pitches. Voices are in one part only: eight in the pool, four in the
validation part, eight in the test.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from tl_course import machine, storage
from tl_course.sources import espeak
from tl_course.targets import spoken

VOICES = {"pool": 8, "validation": 4, "test": 8}
EACH = {"pool": 10, "validation": 15, "test": 15}  # times that a voice says each digit
SEED = 1
PATH = Path(spoken.__file__).parent / spoken.SHIPPED


def make() -> None:
    voices = list(np.random.default_rng(SEED).permutation(espeak.voices("target")))
    kept = {}
    for part, n in VOICES.items():
        by, voices = voices[:n], voices[n:]
        words = spoken.WORDS * EACH[part]
        said = dict(espeak.each_spoken(by, words, SEED, machine.cores()))
        kept[part] = torch.from_numpy(np.concatenate([said[voice] for voice in by]))
        kept[f"{part} labels"] = (torch.arange(len(words)) % 10).repeat(n).to(torch.uint8)
        print(f"{part}: {', '.join(by)}")
    with storage.atomic_path(PATH) as path:
        path.write_bytes(safetensors.torch.save(kept))
    print(f"{PATH}: {PATH.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    make()
