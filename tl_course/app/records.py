"""`tl-course records`: makes the shipped weights and everything in `results/` again.

Each lesson lists in `tables.py` what it records. Parts that are up to date are skipped, so the work
can be stopped and continued.
"""

import base64
import importlib
import re
from collections.abc import Sequence
from pathlib import Path

from tl_course import lessons
from tl_course.app import notebooks, weights
from tl_course.app.notebooks import root
from tl_course.app.pages import pages
from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.core import files, pretraining
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.lessons import figures, story
from tl_course.study import results, tables
from tl_course.study.tables import Table

CHOSEN_FIRST = (
    "tuning",
    "official_tuning",
    "matrix_tuning",
    "middle_ways_tuning",
    "task_tuning",
)  # the settings that other tables are made with


def every_table() -> dict[str, Table]:
    """The tables of all lessons by name, in an order in which they can be made."""
    paths = sorted(Path(lessons.__path__[0]).glob("n*/tables.py"))
    places = (f"tl_course.lessons.{path.parent.name}.tables" for path in paths)
    all_tables = [table for place in places for table in importlib.import_module(place).TABLES]
    all_tables.sort(key=lambda table: table.name not in CHOSEN_FIRST)
    return {table.name: table for table in all_tables}


def save_banner() -> None:
    """Draw the picture at the top of the README from the recorded results."""
    table = results.load("sweep").query("settings == 'tuned' and not augmented").to_dict("records")
    picture = figures.banner(pretraining.pretrained(), EmojiImages(0).batch(0, 32)[0], table)
    picture.save(root() / "notebooks" / "borrowed_eyes.png")


def save_stories() -> None:
    """Draw the story's picture into every notebook, in place of the one that it has."""
    import nbformat

    for path in notebooks.find():
        node = nbformat.read(path, as_version=4)
        picture = story.story(path.stem[:2])
        for cell in node.cells:
            if f"(attachment:{story.FILE})" in cell.source:
                cell.source = re.sub(
                    rf"!\[[^]]*\]\(attachment:{story.FILE}\)",
                    f"![{picture.alt}](attachment:{story.FILE})",
                    cell.source,
                )
                data = base64.b64encode(picture.data).decode()
                cell.attachments = {story.FILE: {"image/png": data}}
        nbformat.write(node, path)


def make_all(names: Sequence[str] = (), anew: bool = False) -> list[str]:
    """Make weights, settings and tables that are out of date; with `anew` also those that are not.

    `names` restricts them; an unknown name raises CourseError. Returns a sentence about each.
    """
    every, sentences = every_table(), []
    unknown = sorted(set(names) - {*weights.MADE, *every})
    if unknown:
        known = ", ".join([*weights.MADE, *every])
        raise CourseError(
            "no_table", f"Nothing that is recorded is called '{unknown[0]}'; there is {known}."
        )
    for name, make in weights.MADE.items():
        missing = not (files.SHIPPED / name / files.WEIGHTS_FILE).exists()
        if (missing or anew) and (not names or name in names):
            sentences.append(make())
    for name, table in every.items():
        if (not names or name in names) and tables.bring_up_to_date(table, anew):
            sentences.append(f"{name} made")
    if sentences:
        save_banner()
        save_stories()
        for path, text in pages().items():
            storage.write_text(path, text)
    return sentences or ["Everything is current."]
