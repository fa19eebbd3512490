"""Looks for worked solutions in a folder: in files of every kind, also inside archives.

Of each solution these texts are looked for: all of it, its reason, and each of its lines that gives
something away. The spaces between words make no difference.
"""

import ast
import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tl_course.base import outside

SHORTEST = 20  # characters of a line that tells something alone
COMMON = {  # lines of solutions that the course itself says as well, to everybody
    "copied = copy.deepcopy(net)",
    "counts[first, second] += 1",
    "except Exception as error:",
    "features = net.features(x)",
    "for _ in range(steps):",
    "for name, parameter in net.named_parameters():",
    "for size, stride in layers:",
    "mean = x.mean((1, 2, 3), keepdim=True)",
    "optimizer.zero_grad()",
    "tuned = copy.deepcopy(net).requires_grad_(True)",
    "with torch.no_grad():",
    "x = x - x.mean((1, 2, 3), keepdim=True)",
}


def texts() -> dict[str, set[str]]:
    """What gives each exercise away, by its name: "03.freezing"."""
    from tl_course.app import notebooks
    from tl_course.lessons import exercises

    numbers = [path.stem[:2] for path in notebooks.find()]
    every = (one for number in numbers for one in exercises.every(number).values())
    return {one.name: _telling(one) for one in every}


def _telling(exercise) -> set[str]:
    code, reason = exercise.worked()
    said = " ".join(map(spaced, (exercise.cell(), *exercise.hints)))
    lines = (spaced(line) for line in code.splitlines())
    telling = {line for line in lines if len(line) >= SHORTEST and line not in said}
    return {spaced(code), spaced(reason), *(telling - COMMON)}


def spaced(text: str) -> str:
    """The text with a single space wherever there was any."""
    return " ".join(text.split())


def found(folder: Path, telling: set[str]) -> dict[str, str]:
    """Which of the texts are in a folder: text → one of the files that have it."""
    where = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for says in _says(path.name, path.read_bytes()):
            where |= {one: str(path.relative_to(folder)) for one in telling if one in says}
    return where


def _says(name: str, content: bytes) -> Iterator[str]:
    """All that a file says: as it is, and as the strings in it do that are kept in parts."""
    text = content.decode("utf-8", errors="ignore")
    yield spaced(text)
    with contextlib.suppress(Exception):  # what nobody can open gives nothing away
        if name.endswith(".py"):
            yield from map(spaced, _constants(text))
        elif name.endswith((".ipynb", ".json")):
            strings = (one for _, one, _ in outside.leaves(json.loads(text)))
            lines = [one for one in strings if isinstance(one, str)]
            yield spaced("\n".join(reversed(lines)))  # a cell may be a list of its lines
        elif zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for member in archive.namelist():
                    yield from _says(member, archive.read(member))


def _constants(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
