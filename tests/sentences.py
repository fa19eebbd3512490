"""The sentences that people read when something is refused, and how a test knows one: by its code.

`python tests/sentences.py` writes all of them to sentences.txt, in one place for whoever edits or
translates them. A test that says `refused("no_folder", "pictures")` stays as it is when a sentence
is put better.
"""

import ast
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tl_course.base.errors import CourseError

ROOT = Path(__file__).parents[1]
SNAPSHOT = Path(__file__).with_name("sentences.txt")
ERRORS = ("CourseError", "PictureError")


@contextlib.contextmanager
def refused(code: str, *words: str) -> Iterator[pytest.ExceptionInfo]:
    """That the block ends in a CourseError with this code, whose sentence has all these words.

    Where several mistakes are tried in one loop, `code` is a regular expression.
    """
    with pytest.raises(CourseError) as caught:
        yield caught
    assert re.fullmatch(code, caught.value.code), caught.value
    for word in words:
        assert word in str(caught.value)


def raised() -> Iterator[tuple[Path, ast.Call]]:
    """Where the package and its scripts make an error, file by file."""
    for folder in ("tl_course", "data_scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in ERRORS:
                    yield path.relative_to(ROOT), node


def sentences() -> str:
    """Every sentence with its code, below the file that has it; {…} is what it fills in."""
    lines, places = [], sorted(raised(), key=lambda place: (place[0], place[1].lineno))
    for number, (path, call) in enumerate(places):
        if not number or path != places[number - 1][0]:
            lines += ["", path.as_posix()]
        code, sentence = map(in_words, call.args)
        lines.append(f"  {code}: {sentence}")
    return "\n".join(lines).lstrip() + "\n"


def in_words(node: ast.expr) -> str:
    """A text as a reader sees it, what is filled in between braces."""
    if isinstance(node, ast.Constant):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return "{" + ast.unparse(node) + "}"
    parts = (
        part.value if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"
        for part in node.values
    )
    return "".join(parts)


if __name__ == "__main__":
    SNAPSHOT.write_text(sentences(), encoding="utf-8")
