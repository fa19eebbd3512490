"""The 1,000 things: a fixed list of drawings with names, and the rules that keep digits out of it.

`data_scripts/emoji_classes.py` makes `things.csv` beside this file. It is stored so that a class
number means the same thing everywhere. Networks are pretrained on 1,000 things; the others, evenly
spread over the list, serve as objects that no network has seen.

Two rules keep the target (the ten digits) out of every source. A thing is excluded if its name in
any of the 14 languages of the package `emoji` contains a numeral or a number word from zero to nine
(`number_word`). It is also excluded if its drawing shows a written character, as judged by eye
(`excluded_by_eye.csv`, with reasons).
"""

import csv
import functools
import re
import unicodedata
from dataclasses import dataclass
from importlib.resources import files

LANGUAGES = ("en", "es", "ja", "ko", "pt", "it", "fr", "de", "fa", "id", "zh", "ru", "tr", "ar")
WRITTEN_WITHOUT_SPACES = ("ja", "zh")
CLASSES = 1000

# Number words that num2words lacks: Chinese, and the native counting of Japan and Korea.
MORE_NUMBER_WORDS = {
    "zh": "零 〇 一 二 两 三 四 五 六 七 八 九".split(),
    "ja": "〇 ゼロ ワン ツー スリー ひとつ ふたつ みっつ よっつ いつつ".split(),
    "ko": "제로 하나 한 둘 두 셋 세 넷 네 다섯 여섯 일곱 여덟 아홉".split(),
}


@dataclass(frozen=True)
class PictureClass:
    """One drawing: its character in the OpenMoji font, and its English name."""

    emoji: str
    name: str


@functools.cache
def _all_classes() -> list[tuple[PictureClass, str]]:
    with (files(__package__) / "things.csv").open(encoding="utf-8", newline="") as handle:
        return [
            (PictureClass(row["emoji"], row["name"]), row["role"]) for row in csv.DictReader(handle)
        ]


def source_classes() -> tuple[PictureClass, ...]:
    """The 1,000 things of the source, in the order of their class numbers."""
    return tuple(thing for thing, role in _all_classes() if role == "source")


def unseen_classes() -> tuple[PictureClass, ...]:
    """The things that no network of the course was pretrained on."""
    return tuple(thing for thing, role in _all_classes() if role == "unseen")


def name_in(entry: dict, language: str) -> str:
    """A name from an entry of the package `emoji` (Unicode's CLDR); "" if it has none."""
    return entry.get(language, "").strip(":").replace("_", " ")


def names() -> list[str]:
    """English names of the 1,000 things, by class number."""
    return [thing.name for thing in source_classes()]


@functools.cache
def _number_words(language: str) -> tuple[str, ...]:
    words = list(MORE_NUMBER_WORDS.get(language, ()))
    if language != "zh":
        from num2words import num2words

        words += [num2words(number, lang=language) for number in range(10)]
    return tuple(unicodedata.normalize("NFC", word.casefold()) for word in words)


def number_word(name: str, language: str) -> str | None:
    """The numeral or number word from zero to nine that `name` contains, or None.

    A number word of four letters or more counts inside a longer word too ("dreirädrig"), and in
    languages written without spaces any does. That is stricter than needed ("coat" is excluded,
    because the Italian "cappotto" ends in "otto"), so nobody has to judge single cases.
    """
    name = unicodedata.normalize("NFC", name.casefold())
    numeral = re.search(r"\d", name)
    if numeral:
        return numeral.group()
    whole_words = set(re.findall(r"\w+", name))
    for word in _number_words(language):
        anywhere = language in WRITTEN_WITHOUT_SPACES or len(word) >= 4
        if word in whole_words or (anywhere and word in name):
            return word
    return None
