"""The text source: the names of the 1,000 things in 14 languages, with slips of the keyboard.

The names are Unicode's (CLDR), out of the package `emoji`. Each time a name is shown it begins at
another place and has other slips, so that there are as many inputs as one asks for.
"""

import functools
from collections.abc import Sequence

import torch

from tl_course.data import writing
from tl_course.data.poses import each_once, hashed
from tl_course.data.sources.classes import LANGUAGES, names, source_classes

TYPOS = 2


@functools.cache
def names_in(language: str) -> tuple[str, ...]:
    """The 1,000 names in a language, by class number; "" where there is none."""
    import emoji

    emoji.config.load_language(language)
    known = emoji.EMOJI_DATA
    entries = (known.get(t.emoji) or known[t.emoji + "\ufe0f"] for t in source_classes())
    return tuple(entry.get(language, "").strip(":").replace("_", " ") for entry in entries)


class WrittenNames:
    """An endless, reproducible stream of written names; the same interface as `EmojiImages`.

    Every run of 1,000 consecutive indices has each name once, in an order and languages of its own.
    """

    modality = "text"

    def __init__(
        self,
        seed: int = 0,
        languages: Sequence[str] = LANGUAGES,
        device: torch.device | str = "cpu",
    ):
        self.names, self.seed, self.device = names(), seed, torch.device(device)
        self.n_classes, self.languages = len(self.names), tuple(languages)
        english = names_in("en")
        every = [
            [name or instead for name, instead in zip(names_in(code), english, strict=True)]
            for code in self.languages
        ]
        self.characters = torch.stack([writing.points(own) for own in every]).to(self.device)
        self.alphabets = writing.alphabets(self.characters)

    def texts(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs `index` as code points `[n, 32]`, and their labels `[n]`."""
        index = index.to(self.device)
        labels = each_once(self.seed, index, self.n_classes)
        language = hashed(self.seed ^ 0x7E47, index, 1)[:, 0] % len(self.languages)
        characters = writing.mistyped(
            self.characters[language, labels], self.alphabets[language], self.seed, index, TYPOS
        )
        return writing.moved(characters, self.seed, index), labels

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs start … start+n−1: float `[n, 3, 32, 32]`, standardised, and labels `[n]`."""
        characters, labels = self.texts(torch.arange(start, start + n))
        return writing.coded(characters), labels
