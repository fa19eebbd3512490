"""How generated parts are written, and where: on a page, between two marks with the part's name."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tl_course.base.errors import CourseError
from tl_course.study import results

recorded = functools.cache(results.load)


class Part(NamedTuple):
    """A generated part of a page, and the source of its numbers."""

    text: str
    source: str = ""


def part(make: Callable[..., str], *tables: str) -> Part:
    """The part that `make` writes from these recorded tables."""
    return Part(make(*map(recorded, tables)), f"tl_course/results: {', '.join(tables)}")


def pipe_table(of: str, columns: list, rows: dict[str, list[str]]) -> str:
    """A Markdown table with `rows` by name; numbers in the head are written with commas."""
    head = [of, *(name if isinstance(name, str) else f"{name:,}" for name in columns)]
    lines = [head, ["---"] * len(head), *([name, *cells] for name, cells in rows.items())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def spread(values: pd.Series) -> str:
    """The first two `values`, a mean and its SD, as "mean ± SD"; without the SD if it is NaN."""
    mean, sd = values.iloc[:2]
    return f"{mean:.1f}" if pd.isna(sd) else f"{mean:.1f} ± {sd:.1f}"


def points(ahead: float, interval: float, digits: int = 1, within: str = "{}") -> str:
    """Points ahead ± half a 95% interval, inside the text `within`; bold if the sign is clear."""
    text = f"{ahead:+.{digits}f} ± {interval:.{digits}f}".replace("-", "−")
    return f"**{within.format(text)}**" if abs(ahead) > interval else within.format(text)


def filled(path: Path, parts: dict[str, Part], command: str = "tl-course records") -> str:
    """The text of a page with these parts; the mark before each part names its source.

    Raises CourseError if the page has no place for a part.
    """
    page = path.read_text(encoding="utf-8")
    for name, (text, source) in parts.items():
        start, end = f"<!-- {name}: written by {command}", f"<!-- end of {name} -->\n"
        place = re.compile(f"{start}.*?{end}", re.S)
        if not place.search(page):
            raise CourseError(
                "no_place_for_table",
                f"{path} has no place for the table '{name}': {start} --> … {end}.",
            )
        mark = f"{start} from {source} -->" if source else f"{start} -->"
        page = place.sub(lambda _, new=f"{mark}\n\n{text}\n{end}": new, page, count=1)
    return page
