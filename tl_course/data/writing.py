"""Texts as standardised pictures: 32 characters × 32 signs.

Each character has a fixed code of 32 random signs. A text is the codes of its characters side by
side, left to right, then zeros. Nobody builds text systems this way: it lets one network take
pictures, sound and text.
"""

import unicodedata
from collections.abc import Sequence

import torch

from tl_course.data.inputs import standardised_inputs
from tl_course.data.poses import hashed

SIZE = 32  # characters of a text, and signs of a code
CODES = 0xC0DE5  # the seed of the codes, the same for every shared network


def code_points_of(texts: Sequence[str]) -> torch.Tensor:
    """Code points of the first 32 lower-case characters of `texts`: int64 `[n, 32]`, then 0."""
    code_points = torch.zeros(len(texts), SIZE, dtype=torch.long)
    for row, text in zip(code_points, texts, strict=True):
        plain = unicodedata.normalize("NFC", text.casefold())[:SIZE]
        row[: len(plain)] = torch.tensor([ord(character) for character in plain])
    return code_points


def _signs(code_points: torch.Tensor) -> torch.Tensor:
    """The code of each code point: −1 or 1 `[n, 32]`, and zeros for code point 0."""
    return ((hashed(CODES, code_points, SIZE) & 1) * 2.0 - 1.0) * (code_points > 0)[:, None]


def coded(characters: torch.Tensor) -> torch.Tensor:
    """Code points `[n, 32]` as inputs `[n, 3, 32, 32]`: a column per character, a row per sign."""
    code_points, index = characters.unique(return_inverse=True)
    x = _signs(code_points)[index].transpose(1, 2)  # [n, sign, place]
    return standardised_inputs(x[:, None])


def decoded(x: torch.Tensor, letters: torch.Tensor) -> list[str]:
    """The texts of inputs `[n, 3, 32, 32]` that are made of the code points `letters` `[k]`."""
    columns = x[:, 0].transpose(1, 2)  # [n, place, sign]
    is_character = columns.std(2) > 1e-3
    similarity = (columns - columns.mean(2, keepdim=True)) @ _signs(letters).T
    return [
        "".join(map(chr, characters[there].tolist()))
        for characters, there in zip(letters[similarity.argmax(2)], is_character, strict=True)
    ]


def alphabets(characters: torch.Tensor) -> torch.Tensor:
    """The letters of each language `[languages, texts, 32]`, repeated to one length."""
    alphabets = [texts[texts > 0].unique() for texts in characters]
    most = max(map(len, alphabets))
    return torch.stack([letters.repeat(most // len(letters) + 1)[:most] for letters in alphabets])


def mistyped(
    characters: torch.Tensor, alphabet: torch.Tensor, seed: int, index: torch.Tensor, typos: int
) -> torch.Tensor:
    """Each text `[n, 32]` with up to `typos` slips of the keyboard, decided by `index` `[n]`.

    A slip leaves a character out, adds one, swaps two neighbours, or types a wrong one from the
    text's own `alphabet` `[n, letters]`. Two texts in three have the first slip, and one in three
    has each further one.
    """
    place = torch.arange(SIZE, device=characters.device)
    random = hashed(seed ^ 0x7490, index, 4 * typos).view(-1, typos, 4)
    for slip in range(typos):
        kind, where, letter, happens = random[:, slip].unbind(1)
        length = (characters > 0).sum(1).clamp_min(1)
        at = (where % length)[:, None]
        kind = torch.where(happens % 3 < (2 if slip == 0 else 1), kind % 4, 4)[:, None]
        wrong = alphabet.gather(1, (letter % alphabet.shape[1])[:, None])
        left_out = torch.where(place >= at, place + 1, place)
        added = torch.where(place > at, place - 1, place)
        swapped = torch.where(
            place == at, place + 1, torch.where(place == at + 1, place - 1, place)
        )
        swapped = torch.where(at + 1 < length[:, None], swapped, place)
        source = torch.where(kind == 0, left_out, torch.where(kind == 1, added, place))
        source = torch.where(kind == 2, swapped, source)
        typed = characters.gather(1, source.clamp_max(SIZE - 1)).masked_fill(source >= SIZE, 0)
        is_wrong = ((kind == 1) & (place == at + 1)) | ((kind == 3) & (place == at))
        typed = torch.where(is_wrong, wrong, typed)
        # A text keeps at least one character.
        characters = torch.where((typed > 0).any(1, keepdim=True), typed, characters)
    return characters


def shifted_right(characters: torch.Tensor, seed: int, index: torch.Tensor) -> torch.Tensor:
    """Each text `[n, 32]` shifted right by a random number of places, as far as there is room."""
    length = (characters > 0).sum(1)
    shift = hashed(seed ^ 0x5417, index, 1)[:, 0] % (SIZE - length + 1).clamp_min(1)
    source = torch.arange(SIZE, device=characters.device) - shift[:, None]
    return characters.gather(1, source.clamp(0, SIZE - 1)).masked_fill(source < 0, 0)
