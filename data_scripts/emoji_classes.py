"""Make the list of things again: tl_course/data/sources/things.csv (seconds, offline).

    python data_scripts/emoji_classes.py            write things.csv and a contact sheet
    python data_scripts/emoji_classes.py --check    only check the stored list

The list is stored because a class number must mean the same thing for every shared network. The
things of a newer `emoji` or OpenMoji are not added automatically.
"""

import argparse
import csv
import io
from pathlib import Path

import emoji
from fontTools.ttLib import TTFont

from tl_course.base import storage
from tl_course.base.errors import run_script
from tl_course.data.sources import classes, emoji_images

FOLDER = Path(classes.__file__).parent
FULLY_QUALIFIED = 2


def candidates() -> list[tuple[str, str]]:
    """(character, English name) of every single-character emoji that the font can draw."""
    emoji.config.load_language()
    drawn = TTFont(emoji_images.font_path()).getBestCmap()
    names = {}
    for text, entry in emoji.EMOJI_DATA.items():
        character = text.removesuffix("\ufe0f")
        if len(character) == 1 and entry["status"] == FULLY_QUALIFIED and ord(character) in drawn:
            names[character] = classes.name_in(entry, "en")
    return sorted(names.items())


def leak(character: str) -> str | None:
    """Why this thing's names would leak a digit, or None."""
    text = character if character in emoji.EMOJI_DATA else character + "\ufe0f"
    for language in classes.LANGUAGES:
        name = classes.name_in(emoji.EMOJI_DATA[text], language)
        word = classes.number_word(name, language)
        if word:
            return f"{language}: {name!r} contains {word!r}"
    return None


def chosen_things() -> list[tuple[str, str, str]]:
    """(character, name, role) of every thing that passes both rules."""
    with open(FOLDER / "excluded_by_eye.csv", encoding="utf-8", newline="") as handle:
        excluded = {row["emoji"] for row in csv.DictReader(handle)}
    things = [(c, name) for c, name in candidates() if c not in excluded and leak(c) is None]
    n_unseen = len(things) - classes.CLASSES
    unseen = {int((k + 0.3) * len(things) / n_unseen) for k in range(n_unseen)}
    return [
        (c, name, "unseen" if position in unseen else "source")
        for position, (c, name) in enumerate(things)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--sheet", type=Path, default=Path("build/contact_sheet.png"))
    arguments = parser.parse_args()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["emoji", "name", "role"])
    writer.writerows(chosen_things())
    if arguments.check:
        same = (FOLDER / "things.csv").read_text(encoding="utf-8") == text.getvalue()
        raise SystemExit(None if same else "things.csv is not what the two rules choose today.")
    storage.write_text(FOLDER / "things.csv", text.getvalue())
    with storage.atomic_path(arguments.sheet) as draft:
        emoji_images.contact_sheet().save(draft)
    print(f"{text.getvalue().count(',source')} things and a contact sheet, {arguments.sheet}")


if __name__ == "__main__":
    run_script(main)
