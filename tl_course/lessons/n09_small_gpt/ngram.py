"""Counting letters: the classical language model, and the baseline that a small GPT must beat."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from tl_course.lessons.n09_small_gpt.gpt import SYMBOLS


class NGram:
    """How often each character followed the last 0, 1, … `order` characters, interpolated.

    This is Witten and Bell's method (IEEE Trans. Inf. Theory 37, 1991). The estimate from a shorter
    context counts as `weight` observations for each different character that followed the longer
    one.
    """

    def __init__(self, text: str, order: int, weight: float = 1.0):
        self.order, self.weight = order, weight
        self.total: Counter[str] = Counter()  # by context: how many characters followed it
        self.kinds: Counter[str] = Counter()  # by context: how many different ones
        self.seen: defaultdict[str, int] = defaultdict(int)  # by context and character
        for k in range(1, order + 2):
            counts = Counter(text[i : i + k] for i in range(len(text) - k + 1))
            self.seen.update(counts)
            for piece, times in counts.items():
                self.total[piece[:-1]] += times
                self.kinds[piece[:-1]] += 1

    def probability(self, context: str, character: str) -> float:
        """The probability of `character` after `context`."""
        chance = 1 / len(SYMBOLS)  # before anything is known
        for k in range(min(self.order, len(context)) + 1):
            known = context[len(context) - k :]
            if known not in self.total:
                break
            prior = self.weight * self.kinds[known]
            chance = (self.seen.get(known + character, 0) + prior * chance) / (
                self.total[known] + prior
            )
        return chance


class Mixture:
    """Two models: `share` of the probability comes from the first, the rest from the second."""

    def __init__(self, first: NGram, other: NGram, share: float):
        self.one, self.other, self.share = first, other, share

    def probability(self, context: str, character: str) -> float:
        """The probability of `character` after `context`."""
        of_one = self.one.probability(context, character)
        return self.share * of_one + (1 - self.share) * self.other.probability(context, character)


def ngram_bits(model: NGram | Mixture, lines: Sequence[str]) -> float:
    """Bits per character of lines, with the end of each; each is read after the end of another."""
    total, scored = 0.0, 0
    for line in lines:
        text = f"\n{line}\n"
        for i in range(1, len(text)):
            total -= math.log2(model.probability(text[:i], text[i]))
            scored += 1
    return total / scored
