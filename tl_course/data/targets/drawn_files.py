"""Drawings on disk: one JSON file to hand over, and a folder of pictures by class.

Only drawings and the name that was typed are saved, and nothing leaves the machine by itself.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError, refusals_told
from tl_course.base.names import RESERVED
from tl_course.data.targets.drawn import Drawing, pixels

FORMAT = "tl_course handwriting 1"
MOST = 1000  # drawings in one file
LARGEST = 300_000  # characters of all its drawings; a usual drawing has a hundred
LONGEST_FILE = 2 * LARGEST  # bytes; parsing takes up to 25 times as many
BESIDE = 20  # characters around each drawing: its label and punctuation
LONGEST = 40  # characters of a name


@dataclass(frozen=True)
class Saved:
    """Where a person's drawings are: a file to hand over, a folder for notebook 08."""

    file: Path
    pictures: Path
    drawings: int


def named(name: str) -> str:
    """The name, if it can be a file's; CourseError for an empty one, or one with a path."""
    name = " ".join(name.split())
    if not name:
        raise CourseError("no_name", "Type your first name first: the files are named after it.")
    plain = re.fullmatch(r"\w[\w .'-]*", name) and not name.endswith(".")
    if not plain or RESERVED.match(name) or len(name) > LONGEST:
        raise CourseError(
            "file_name",
            f"'{name[:LONGEST]}' cannot be the name of a file: type a first name, with letters, "
            f"digits and spaces, {LONGEST} at most.",
        )
    return name


def drawings_as_text(name: str, drawings: Sequence[Drawing]) -> str:
    """The file that a volunteer may hand over, as text."""
    rows = [[drawing.label, drawing.text] for drawing in drawings]
    return json.dumps({"format": FORMAT, "name": named(name), "drawings": rows}) + "\n"


def from_text(text: str | bytes) -> tuple[str, list[Drawing]]:
    """Name and drawings from a file of drawings; CourseError says what is wrong with the file."""
    name, rows = _parsed(text)
    if not isinstance(name, str):
        raise CourseError(
            "no_owner", "This file of drawings does not say whose they are; save it again."
        )
    if not rows:
        raise CourseError(
            "nothing_drawn", "There is no drawing in this file: draw, save, and hand over again."
        )
    return named(name), from_rows(rows)


def _parsed(text: str | bytes) -> tuple[object, object]:
    """Name and drawings from a file of drawings, unchecked; CourseError for any other file."""
    try:
        if len(text) > LONGEST_FILE:
            raise ValueError
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError
        return content["name"], content["drawings"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CourseError(
            "not_drawings",
            f"This is not a file of drawings (it does not say '{FORMAT}'): choose the .json file "
            "that 'Save my drawings' wrote.",
        ) from None


def from_rows(rows: object) -> list[Drawing]:
    """Drawings from `[[label, text], …]`; CourseError if one is damaged."""
    if not isinstance(rows, list) or len(rows) > MOST:
        raise CourseError(
            "no_hand", f"A hand is a list of at most {MOST} drawings; this is something else."
        )
    for row in rows:
        if not isinstance(row, list) or len(row) != 2 or not isinstance(row[1], str):
            raise CourseError(
                "damaged", "One of the drawings is damaged: copy or save all of them again."
            )
        if type(row[0]) is not int or not 0 <= row[0] <= 9:
            raise CourseError(
                "labels",
                "One of the drawings is labelled with something other than a digit from 0 to 9: "
                "copy or save all of them again.",
            )
    if sum(len(text) + BESIDE for _, text in rows) > LARGEST:
        raise CourseError(
            "too_many_points", "These drawings have far too many points: draw them again."
        )
    drawings = [Drawing(*row) for row in rows]
    for drawing in drawings:
        pixels(drawing.text)  # raises if it is damaged
    return drawings


@refusals_told()
def save_drawings(folder: Path | str, name: str, drawings: Sequence[Drawing]) -> Saved:
    """Write `folder/NAME.json` and `folder/NAME/3/3-01.png`, …, and remove earlier pictures.

    Sample digits are not saved, because nobody here drew them. Raises CourseError if there is no
    other drawing.
    """
    name, folder = named(name), Path(folder)
    drawn = [drawing for drawing in drawings if not drawing.is_sample]
    if not drawn:
        raise CourseError(
            "nothing_drawn", "There is no drawing of your own to save yet: draw one first."
        )
    storage.make_folder(folder)
    _refuse_what_is_not_ours(folder / name)
    file = storage.write_text(folder / f"{name}.json", drawings_as_text(name, drawn))
    counts: Counter[int] = Counter()
    written = set()
    for drawing in drawn:
        label = drawing.label
        counts[label] += 1
        path = folder / name / str(label) / f"{label}-{counts[label]:02}.png"
        with storage.atomic_path(path) as draft:
            Image.fromarray(pixels(drawing.text).numpy()).save(draft, "PNG")
        written.add(path)
    _remove(folder / name, keep=written)  # last, so that a failed save loses nothing
    return Saved(file, folder / name, len(drawn))


@refusals_told()
def people_with_drawings(folder: Path | str) -> list[str]:
    """The names of the people whose drawings are saved in a folder."""
    return sorted(path.stem for path in Path(folder).glob("*.json") if _is_ours(path))


@refusals_told()
def taken(folder: Path | str, name: str) -> bool:
    """Whether `save_drawings` under this name would replace something."""
    file = Path(folder) / f"{named(name)}.json"
    return os.path.lexists(file) or any(_pictures(file.with_suffix("")))


@refusals_told()
def delete(folder: Path | str, name: str) -> int:
    """Delete the files that `save_drawings` wrote under this name; returns how many."""
    file = Path(folder) / f"{named(name)}.json"
    ours = _is_ours(file)
    if ours:
        file.unlink()
    return ours + _remove(file.with_suffix(""))


def _is_ours(file: Path) -> bool:
    """Whether `save_drawings` wrote this file."""
    try:
        _parsed(untrusted_input.content(file, LONGEST_FILE, follow=False))
    except CourseError:
        return False
    return True


def _refuse_what_is_not_ours(pictures: Path) -> None:
    """Raise CourseError if saving would replace another file, or follow a link."""
    file = pictures.with_name(f"{pictures.name}.json")  # a name may have a dot
    for path in (pictures, *pictures.glob("[0-9]"), file):
        if path.is_symlink():
            raise CourseError(
                "link",
                f"{path} is a link, and drawings are saved nowhere but here: type another "
                "name, or remove the link.",
            )
    if file.exists() and not _is_ours(file):
        raise CourseError(
            "not_drawings",
            f"{file} exists and is not a file of drawings: type another name, or rename it.",
        )


def _folders(pictures: Path) -> list[Path]:
    """The folders of digits that `save_drawings` wrote; links are not followed."""
    paths = () if pictures.is_symlink() else pictures.glob("[0-9]")
    return [path for path in paths if path.is_dir() and not path.is_symlink()]


def _pictures(pictures: Path) -> Iterator[Path]:
    """The pictures that `save_drawings` wrote."""
    for folder in _folders(pictures):
        yield from folder.glob("[0-9]-[0-9]*.png")


def _remove(pictures: Path, keep: Collection[Path] = ()) -> int:
    """Delete the pictures of `save_drawings` but `keep`, and empty folders; returns how many."""
    unwanted = [path for path in _pictures(pictures) if path not in keep]
    for path in unwanted:
        path.unlink()
    for folder in [*_folders(pictures), pictures]:
        if folder.is_dir() and not folder.is_symlink():
            storage.remove_dead_drafts(folder)
            if not any(folder.iterdir()):
                folder.rmdir()
    return len(unwanted)
