"""Small pictures of a learner's own files, as HTML."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from tl_course.data.pictures import PictureError, open_picture
from tl_course.data.targets.own_folder import Checked, class_of, legible
from tl_course.lessons.drawing import url_of
from tl_course.study.own_task import Outcome

MOST_CLASSES = 20  # in one figure; a larger one takes gigabytes and cannot be read
THUMB = 64  # pixels of a thumbnail
_ROW = "display:flex;flex-wrap:wrap;gap:6px 10px;align-items:flex-start"
_TILE = "margin:0;width:{}px;font-size:13px;line-height:1.25"
_IMAGE = f"display:block;width:{THUMB}px;height:{THUMB}px;object-fit:contain"
_NONE = f"{_IMAGE};border:1px dashed currentColor;box-sizing:border-box"
_WORDS = "overflow:hidden;text-overflow:ellipsis"


@functools.lru_cache(maxsize=2000)
def _thumbnail(path: Path, changed: int) -> str:
    picture, _ = open_picture(path)
    picture.thumbnail((2 * THUMB, 2 * THUMB))
    return url_of(picture, "JPEG", quality=80)


def thumbnail(path: Path) -> str:
    """A small version of a picture file as a data URL for HTML; "" if it cannot be shown."""
    try:
        return _thumbnail(path, path.stat().st_mtime_ns)
    except (PictureError, OSError, ValueError):
        return ""


def breakable(name: str) -> Markup:
    """A file's name as HTML, in which a line can break only after "/", "-" and "_"."""
    parts = re.findall("[^/_-]*[/_-]+|[^/_-]+", name)
    return Markup("<wbr>").join(escape(part) for part in parts)


def tile(url: str, words: Markup | str, width: int = 120, alt: str = "") -> Markup:
    """A thumbnail above some words; an empty frame takes the place of a missing picture."""
    image = Markup('<img src="{}" alt="{}" style="{}">').format(url, alt, _IMAGE)
    image = image if url else Markup('<span style="{}"></span>').format(_NONE)
    return Markup('<figure style="{}">{}<figcaption style="{}">{}</figcaption></figure>').format(
        _TILE.format(width), image, _WORDS, words
    )


def row(tiles: Sequence[Markup]) -> Markup:
    """Thumbnails side by side."""
    return Markup('<div style="{}">{}</div>').format(_ROW, Markup("").join(tiles))


def some_files(checked: Checked, most: int = 7) -> Markup:
    """Thumbnails of each class (of the first 20), and how many pictures the class has."""
    counts, parts = checked.table(), []
    for name in checked.classes[:MOST_CLASSES]:
        files = [file for file in checked.train_files if class_of(file) == name][:most]
        images = [
            Markup('<img src="{}" alt="" style="{}">').format(
                thumbnail(checked.root / file), _IMAGE
            )
            for file in files
        ]
        words = Markup("<b>{}</b>: {} to learn from, {} to test on").format(
            breakable(name), counts["train"][name], counts["test"][name]
        )
        parts.append(Markup('<p style="margin:0.5em 0 0.2em">{}</p>{}').format(words, row(images)))
    if len(checked.classes) > MOST_CLASSES:
        more = Markup("<p>and {:,} classes more</p>")
        parts.append(more.format(len(checked.classes) - MOST_CLASSES))
    return Markup("").join(parts)


def surest_mistakes(outcome: Outcome, checked: Checked, n: int = 8) -> Markup:
    """The mistakes in which the network was most confident, as thumbnails of the files."""
    mistakes = list(outcome.worst(n).itertuples())
    if not mistakes:
        return Markup("<p>Not one mistake in this test.</p>")
    tiles = [
        tile(
            thumbnail(checked.root / checked.test_files[mistake.number]),
            Markup("{} taken for <b>{}</b>, {:.0f}% sure").format(
                breakable(mistake.true), breakable(mistake.said), 100 * mistake.sure
            ),
            alt=f"A thumbnail of the file {legible(checked.test_files[mistake.number])}",
        )
        for mistake in mistakes
    ]
    return Markup("<h4>The mistakes that it was most confident about</h4>{}").format(row(tiles))
