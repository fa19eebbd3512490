"""Written digits: the number words zero to nine in 24 languages of Europe, with typing slips.

The languages are those with Latin letters that the package `num2words` knows. Whole languages are
held out: in each of the six folds, another four are the test, four are for validation, and sixteen
are the pool. A string of an earlier part is left out of later ones.
"""

import functools
import itertools

import torch

from tl_course.data import writing
from tl_course.data.examples import Examples, Target
from tl_course.data.poses import hashed
from tl_course.data.targets.handwritten import NAMES

LANGUAGES = (
    "ca", "cs", "cy", "da", "de", "en", "es", "fi", "fr", "hu", "is", "it", "lt", "lv", "nl", "no",
    "pl", "pt", "ro", "sk", "sl", "sr", "sv", "tr",
)  # fmt: skip
FOLDS = 6
EACH = {"pool": 100, "validation": 100, "test": 200}  # texts of each digit
TYPOS = 1


@functools.cache
def words() -> dict[str, tuple[str, ...]]:
    """The words for 0 … 9 by language."""
    from num2words import num2words

    return {code: tuple(num2words(n, lang=code) for n in range(10)) for code in LANGUAGES}


def languages(part: str, fold: int) -> tuple[str, ...]:
    """The languages of a part ("pool", "validation", "test") of a fold."""
    parts = {0: "test", 1: "validation"}
    return tuple(
        code for i, code in enumerate(LANGUAGES) if parts.get((i - fold) % FOLDS, "pool") == part
    )


def texts(part: str, fold: int, number: int) -> torch.Tensor:
    """Mistyped words, `number` for each digit: code points `[10 · number, 32]`, digit by digit."""
    codes = languages(part, fold)
    plain = torch.stack(
        [writing.code_points_of(words()[code]) for code in codes]
    )  # [codes, digits, 32]
    alphabet = writing.alphabets(plain)
    digit = torch.arange(10).repeat_interleave(number)
    index = torch.arange(10 * number)
    seed = 0xD161 + len(part)
    language = hashed(seed, index, 1)[:, 0] % len(codes)
    return writing.mistyped(plain[language, digit], alphabet[language], seed, index, TYPOS)


@functools.cache
def written_digits(fold: int = 0) -> Target:
    """Written digits, `[n, 3, 32, 32]`; `fold` 0 … 5 says which languages are held out."""
    if fold not in range(FOLDS):
        raise ValueError(f"The fold is {fold}; there are folds 0 … {FOLDS - 1}.")
    seen: set[tuple[int, ...]] = set()
    parts = {}
    for part, each in EACH.items():
        mistyped = texts(part, fold, 3 * each)
        rows = [tuple(row) for row in mistyped.tolist()]
        is_new = torch.tensor([row not in seen for row in rows]).view(10, -1)
        if is_new.sum(1).min() < each:
            raise ValueError(f"Too few texts in {part} that are not in an earlier part.")
        chosen = (is_new & (is_new.cumsum(1) <= each)).flatten().nonzero()[:, 0]  # digit by digit
        seen |= {rows[i] for i in chosen.tolist()}
        x = writing.coded(writing.shifted_right(mistyped[chosen], 0xD161, chosen))
        y = torch.arange(10).repeat_interleave(each)
        parts[part] = Examples(x, y, NAMES, "text")
    return Target(**parts)


def texts_of_inputs(x: torch.Tensor) -> list[str]:
    """The texts of inputs `[n, 3, 32, 32]`, from the codes of their characters."""
    every_word = "".join(itertools.chain.from_iterable(words().values()))
    return writing.decoded(x, torch.tensor(sorted(set(map(ord, every_word)))))
