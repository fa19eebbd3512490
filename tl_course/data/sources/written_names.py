"""The text source: the names of the 1,000 things in 14 languages, with slips of the keyboard.

The names are Unicode's (CLDR), from the package `emoji`. Each time, a name begins at another place
and has other slips, so the inputs never run out.
"""

import functools
from collections.abc import Sequence

import torch

from tl_course.data import writing
from tl_course.data.poses import each_once, hashed
from tl_course.data.sources.classes import LANGUAGES, name_in, names, source_classes

TYPOS = 2


@functools.cache
def names_in(language: str) -> tuple[str, ...]:
    """The 1,000 names in a language, by class number; "" for a missing name."""
    import emoji

    emoji.config.load_language(language)
    known = emoji.EMOJI_DATA
    entries = (known.get(t.emoji) or known[t.emoji + "\ufe0f"] for t in source_classes())
    return tuple(name_in(entry, language) for entry in entries)


class WrittenNames:
    """An endless, reproducible stream of written names, with the interface of `EmojiImages`.

    Each 1,000 inputs have every name once, in another order and in other languages.
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
        english = names_in("en")  # instead of a missing name
        characters = [
            writing.code_points_of(
                [name or english[i] for i, name in enumerate(names_in(language))]
            )
            for language in self.languages
        ]
        self.characters = torch.stack(characters).to(self.device)  # [languages, names, 32]
        self.alphabets = writing.alphabets(self.characters)

    def texts(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs `index` as code points `[n, 32]`, and their labels `[n]`."""
        index = index.to(self.device)
        labels = each_once(self.seed, index, self.n_classes)
        language = hashed(self.seed ^ 0x7E47, index, 1)[:, 0] % len(self.languages)
        characters = writing.mistyped(
            self.characters[language, labels], self.alphabets[language], self.seed, index, TYPOS
        )
        return writing.shifted_right(characters, self.seed, index), labels

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs start … start+n−1: float `[n, 3, 32, 32]`, standardised, and labels `[n]`."""
        characters, labels = self.texts(torch.arange(start, start + n))
        return writing.coded(characters), labels
