"""The one scale of all writing: 32 characters × 32 codes, standardised.

Each character has a fixed code of 32 random signs; a text is its characters' codes side by side,
left to right, and zeros where there is none. Nobody builds text systems so: it lets one network
take pictures, sound and text alike.
"""

import unicodedata
from collections.abc import Sequence

import torch

from tl_course.data.inputs import standardised
from tl_course.data.poses import hashed

SIZE = 32  # characters, and signs in the code of each
CODES = 0xC0DE5  # the seed of the codes: the same for every network ever shared
LARGEST = 0x110000


def points(texts: Sequence[str]) -> torch.Tensor:
    """Code points of `texts`, lower case: int64 `[n, 32]`, 0 after the end; the rest is cut off."""
    found = torch.zeros(len(texts), SIZE, dtype=torch.long)
    for row, text in zip(found, texts, strict=True):
        plain = unicodedata.normalize("NFC", text.casefold())[:SIZE]
        row[: len(plain)] = torch.tensor([ord(character) for character in plain])
    return found


def _signs(kinds: torch.Tensor) -> torch.Tensor:
    """The code of each code point: −1 or 1 `[n, 32]`, 0 for none."""
    return ((hashed(CODES, kinds, SIZE) & 1) * 2.0 - 1.0) * (kinds > 0)[:, None]


def coded(characters: torch.Tensor) -> torch.Tensor:
    """Code points `[n, 32]` as inputs `[n, 3, 32, 32]`: a column a character, a row a sign."""
    kinds, which = characters.unique(return_inverse=True)
    x = _signs(kinds)[which].transpose(1, 2)  # [n, code, place]
    return standardised(x[:, None])


def decoded(x: torch.Tensor, letters: torch.Tensor) -> list[str]:
    """The texts of inputs `[n, 3, 32, 32]`, if they are made of the code points `letters` `[k]`."""
    columns = x[:, 0].transpose(1, 2)  # [n, place, code]
    spread = columns.std(2)
    likeness = (columns - columns.mean(2, keepdim=True)) @ _signs(letters).T
    found = letters[likeness.argmax(2)]
    return [
        "".join(chr(c) for c, s in zip(row, written, strict=True) if s > 1e-3)
        for row, written in zip(found.tolist(), spread.tolist(), strict=True)
    ]


def alphabets(characters: torch.Tensor) -> torch.Tensor:
    """The letters of each language `[languages, texts, 32]`, repeated to equally many of each."""
    letters = [own[own > 0].unique() for own in characters]
    most = max(map(len, letters))
    return torch.stack([own.repeat(most // len(own) + 1)[:most] for own in letters])


def mistyped(
    characters: torch.Tensor, alphabet: torch.Tensor, seed: int, index: torch.Tensor, typos: int
) -> torch.Tensor:
    """Each of the texts `[n, 32]` with up to `typos` slips of the keyboard, decided by `index`.

    A slip leaves a character out, adds one, swaps two neighbours, or puts a wrong one; wrong ones
    come from the text's own `alphabet` `[n, letters]`. Two texts in three have the first slip, one
    in three each further one.
    """
    place = torch.arange(SIZE, device=characters.device)
    random = hashed(seed ^ 0x7490, index, 4 * typos).view(-1, typos, 4)
    for slip in range(typos):
        kind, where, letter, whether = random[:, slip].unbind(1)
        length = (characters > 0).sum(1).clamp_min(1)
        at = (where % length)[:, None]
        kind = torch.where(whether % 3 < (2 if slip == 0 else 1), kind % 4, 4)[:, None]
        wrong = alphabet.gather(1, (letter % alphabet.shape[1])[:, None])
        left_out = torch.where(place >= at, place + 1, place)
        added = torch.where(place > at, place - 1, place)
        swapped = torch.where(
            place == at, place + 1, torch.where(place == at + 1, place - 1, place)
        )
        swapped = torch.where(at + 1 < length[:, None], swapped, place)
        source = torch.where(kind == 0, left_out, torch.where(kind == 1, added, place))
        source = torch.where(kind == 2, swapped, source)
        beyond = source >= SIZE
        now = characters.gather(1, source.clamp_max(SIZE - 1)).masked_fill(beyond, 0)
        put = ((kind == 1) & (place == at + 1)) | ((kind == 3) & (place == at))
        now = torch.where(put, wrong, now)
        # Never a text without any character.
        characters = torch.where((now > 0).any(1, keepdim=True), now, characters)
    return characters


def moved(characters: torch.Tensor, seed: int, index: torch.Tensor) -> torch.Tensor:
    """Each text `[n, 32]` begun a random number of places later, as far as there is room."""
    length = (characters > 0).sum(1)
    shift = hashed(seed ^ 0x5417, index, 1)[:, 0] % (SIZE - length + 1).clamp_min(1)
    source = torch.arange(SIZE, device=characters.device) - shift[:, None]
    now = characters.gather(1, source.clamp(0, SIZE - 1))
    return now.masked_fill(source < 0, 0)
