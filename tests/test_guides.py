"""The guides for contributors are right to the letter, and the way to the code is as it is told.

Each block of code in a guide of CONTRIBUTING.md stands below the file that it belongs to. In a copy
of the course the blocks are put there, and then the commands of the guide's last step are run.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import pytest
from conftest import HUNG

from tl_course.app.notebooks import root
from tl_course.app.release import COURSE, copy_course

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)
FILE = re.compile(r"`([\w./]+)`(?:, (below|above|in place of) `(.+)`)?:\s*\Z")
GUIDES = {"A new data set": ("three", 3), "A new lesson": ("ten", 10)}  # its number of places


@dataclass(frozen=True)
class Block:
    """Code and its file: a new one, or below, above or in place of the line that begins so."""

    file: str
    where: str | None
    line: str | None
    info: str  # the language; of a notebook's cell also its id and how it is kept
    code: str


def section(title: str) -> str:
    """A section of CONTRIBUTING.md; a heading in its code is none."""
    page = (root() / "CONTRIBUTING.md").read_text(encoding="utf-8")
    without_code = FENCE.sub(lambda fence: "`" * len(fence[0]), page)
    begin = without_code.index(f"## {title}\n")
    end = without_code.find("\n## ", begin)
    return page[begin : end if end > 0 else len(page)]


@cache
def guide(title: str) -> tuple[list[Block], list[str]]:
    """The blocks of a guide in order, and the commands of its last step."""
    text, blocks, commands, place, end = section(title), [], [], None, 0
    for fence in FENCE.finditer(text):
        named = FILE.search(text[end : fence.start()])
        place, end = named.groups() if named else place, fence.end()
        if fence[1]:
            blocks.append(Block(*place, fence[1], fence[2]))
        else:
            commands += fence[2].splitlines()
    return blocks, commands


def placed(text: str, block: Block) -> str:
    lines = text.split("\n")
    (at,) = (i for i, line in enumerate(lines) if line.lstrip().startswith(block.line))
    begin = at + (block.where == "below")
    lines[begin : at + (block.where != "above")] = block.code.removesuffix("\n").split("\n")
    return "\n".join(lines)


def cell(block: Block):
    language, name, *how = block.info.split()
    new = nbformat.v4.new_markdown_cell if language == "markdown" else nbformat.v4.new_code_cell
    tags = [tag for tag in ("parameters", "exercise") if tag in (name, *how)]
    about = {"tags": tags} if tags else {}
    about |= {"jupyter": {"source_hidden": True}} if "hidden" in how else {}
    return new(block.code.removesuffix("\n"), id=name, metadata=about)


def follow(blocks: Iterable[Block], course: Path) -> None:
    """Do in a copy of the course what a guide says."""
    copy_course(root(), course)
    for block in blocks:
        path = course / block.file
        if path.suffix == ".ipynb":
            node = nbformat.read(path if path.exists() else course / OTHER, as_version=4)
            if not path.exists():
                node.cells = []
            if block.where is None:
                node.cells.append(cell(block))
            else:
                begins = re.compile("^" + re.escape(block.line), re.M)
                (there,) = (
                    candidate for candidate in node.cells if begins.search(candidate.source)
                )
                there.source = placed(there.source, block)
            nbformat.write(node, path)
        elif block.where is None:
            assert not path.exists(), path
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.code, encoding="utf-8")
        else:
            path.write_text(placed(path.read_text(encoding="utf-8"), block), encoding="utf-8")


OTHER = "notebooks/03_option_1_freeze.ipynb"  # whose metadata a new notebook has


def run(command: str, course: Path) -> subprocess.CompletedProcess:
    """Run a command of a guide in a copy of the course, with the programs of this environment."""
    first, *rest = shlex.split(command)
    begin = [Path(sys.executable).with_name(Path(first).name)]  # .venv/bin/ruff
    if first == "python3":
        assert rest[:2] == ["start.py", "test"]
        begin, rest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], rest[2:]
    here = os.environ | {"PYTHONPATH": str(course)}
    return subprocess.run(
        [*begin, *rest], cwd=course, env=here, capture_output=True, text=True, timeout=HUNG
    )


@pytest.mark.parametrize("title", GUIDES)
def test_a_guide_can_be_followed_to_the_letter(title, tmp_path):
    blocks, commands = guide(title)
    follow(blocks, tmp_path / "course")
    for command in commands:
        done = run(command, tmp_path / "course")
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"


def test_a_step_that_is_left_out_is_missed(tmp_path):
    blocks, (command, *_) = guide("A new data set")
    follow((block for block in blocks if block.file != "docs/datasheets.md"), tmp_path / "course")
    done = run(command.partition(" -k")[0] + " -k sheet", tmp_path / "course")
    assert done.returncode == 1 and "AssertionError: stripes.py" in done.stdout, done.stdout


@pytest.mark.parametrize("title", GUIDES)
def test_a_guide_says_how_many_places_there_are(title):
    files = {block.file for block in guide(title)[0]}
    twin = r"(tl_course/lessons/n\d\d_\w+)/.*"  # its files are one place
    word, number = GUIDES[title]
    assert len({re.sub(twin, r"\1", file) for file in files}) == number
    assert f" has {word} places" in section(title)


# --------------------------------------------------------------------------- where engineers begin


@cache
def page() -> str:
    return (root() / "docs" / "engineering.md").read_text(encoding="utf-8")


def tree() -> set[str]:
    """The paths in the tree of the house."""
    paths, above = set(), []
    for line in re.search(r"^```text\n(.*?)^```$", page(), re.M | re.S)[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth:] = [line.split()[0]]
        paths.add("".join(above))
    return paths


def test_the_tree_of_the_house_is_that_of_the_repository():
    assert all((root() / path).exists() for path in tree()), tree()
    packages = (path.parent for path in (root() / "tl_course").rglob("__init__.py"))
    needed = {f"{path.relative_to(root()).as_posix()}/" for path in packages}
    needed |= {f"{name}/" for name in COURSE if (root() / name).is_dir()}
    twin = re.compile(r"tl_course/lessons/n\d\d_\w+/")
    assert {path for path in needed if not twin.fullmatch(path)} <= tree()
    assert any(map(twin.fullmatch, tree())), "one of the twins stands for all"


WALKS = re.findall(r"^\| ([^|]+\?) \| ([^|]+) \|$", page(), re.M)


@pytest.mark.parametrize(("question", "walk"), WALKS)
def test_a_walk_leads_from_a_question_to_the_code(question, walk):
    steps = re.findall(r"`([\w./]+)` `([^`]+)`", walk)
    assert 2 <= len(steps) <= 3 and len({file for file, _ in steps}) <= 3
    for file, name in steps:
        text = (root() / file).read_text(encoding="utf-8")
        defined = (
            rf"^(?:def|class) {name}\b|^{name} = " if file.endswith(".py") else re.escape(name)
        )
        assert re.search(defined, text, re.M), f"{question} {file}: {name}"


def test_there_are_walks_to_what_is_asked_most():
    assert len(WALKS) == 6


def test_a_printed_number_is_two_steps_from_what_records_it():
    """That 94.9 is the mean of those rows is checked with every printed number (traces.json)."""
    mark = " ".join(re.search(r"`(<!-- .*? -->)`", page(), re.S)[1].split())
    readme = (root() / "README.md").read_text(encoding="utf-8")
    assert "| 94.9 |" in readme.partition(mark)[2].partition("<!-- end")[0]
    name = mark.split()[-2]
    assert f"`{name}.csv`" in page() and f'`Table("{name}", …)`' in page()
    tables = (root() / "tl_course/lessons/n05_how_much_data/tables.py").read_text(encoding="utf-8")
    assert f'Table("{name}", ' in tables
