"""The sounds of notebook 06: players of recordings, and a word of the learner's own."""

import html

import numpy as np
import torch
from IPython.display import Audio, display

from tl_course.base.errors import CourseError
from tl_course.data.sources import espeak
from tl_course.data.targets import spoken
from tl_course.study.matrix_cells import quoted


class Sound(Audio):
    """An audio player with a name for screen readers; `wave` is int16 `[samples]`."""

    def __init__(self, wave: np.ndarray, rate: int, name: str):
        super().__init__(wave, rate=rate)
        self.name = name

    def _repr_html_(self) -> str:
        name = html.escape(self.name, quote=True)
        player = super()._repr_html_().replace("<audio", f'<audio aria-label="{name}"', 1)
        return f"<div>{name}<br>{player}</div>"


def players(*words: str) -> list[Sound]:
    """Players of the recordings that the course ships of each of `words`."""
    return [
        Sound(wave, spoken.SOUNDS_RATE, quoted(name))
        for word in words
        for name, wave in spoken.sounds().items()
        if name.split(",")[0] == word
    ]


def say(word: str, voice: str, seed: int = 0) -> tuple[str, torch.Tensor]:
    """Play `word` in the voice `voice`; returns the word and its input `[1, 3, 32, 32]`.

    If the word cannot be said, this prints the reason and takes a recording of “seven” instead.
    """
    try:
        wave = espeak.Synthesiser(seed).say(word, voice)
        display(Sound(wave, spoken.SOUNDS_RATE, quoted(f"{word}, {voice}")))
    except CourseError as error:
        print(error)
        word, wave = "seven", spoken.sounds()["seven"]
    return word, spoken.sound_as_input(wave, spoken.SOUNDS_RATE)
