"""`tl-course release`: the student's version of the course, the instructor's, and marks.

Both versions are made in a separate folder, searched for solutions, and then moved into place.
Earlier versions are moved aside, so that nobody's work is lost.
"""

import ast
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tl_course.app import marks, notebooks
from tl_course.base import storage
from tl_course.base.errors import CourseError

VERSIONS = ("instructor", "student")  # the student's comes last and completes a release
UNFINISHED = "unfinished"  # the folder in which a release is made
# Only these belong to the course: a teacher may keep other files beside them.
COURSE = (
    ".ci", ".gitattributes", ".github", ".gitignore", ".pre-commit-config.yaml", "CITATION.cff",
    "CONTRIBUTING.md", "LICENSE", "LICENSE-text.md", "README.md", "SECURITY.md", "data_scripts",
    "docs", "environment.yml", "notebooks", "pyproject.toml", "start.py", "tests", "tl_course",
)  # fmt: skip
NEVER = ("*.pyc", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache")
FOR_TEACHERS = (
    ".ci", ".github", ".pre-commit-config.yaml", "marking.md", "solutions.py", "teaching",
    "teaching.md", "tests",
)  # fmt: skip
STUDENTS = "*This is the student version of the course: your teacher has the solutions.*"


def make_release(out: Path, overwrite: bool = False) -> Iterator[str]:
    """Make all versions in `out`; yields a sentence about each.

    Raises CourseError if there is a release already and `overwrite` is False, or if a solution
    would get into the student's version.
    """
    solutions = solution_texts()
    out = storage.make_folder(storage.check_name(out)).resolve()
    storage.refuse_to_overwrite(out / "student", f"{out} has a release already", overwrite)
    with storage.claimed(out):
        draft = out / UNFINISHED
        shutil.rmtree(draft, ignore_errors=True)
        student, instructor = draft / "student", draft / "instructor"
        marked = marks.make_marking_folder(out / "marks") if marks.can_mark() else {}
        copy_course(notebooks.root(), student, "*.ipynb", *FOR_TEACHERS)
        copy_course(notebooks.root(), instructor, "*.ipynb")
        for path in notebooks.find():
            original = notebooks.untouched(path)
            _write(marked.get(path.name, original), student / "notebooks" / path.name)
            _write(original, instructor / "notebooks" / path.name)
            _write(notebooks.solved(path), instructor / "solved" / path.name)
        _adapt_pages(student)
        leaks = found_in(student, solutions)
        if leaks:
            text, file = next(iter(leaks.items()))
            raise CourseError(
                "leaks",
                f"The student's version would have {len(leaks)} texts of solutions, such as "
                f"'{text[:60]}' in {file}: take them out of the course's own files.",
            )
        aside = _put_in_place(draft, out)
    yield "student: the course without solutions; hand out this folder."
    yield "instructor: all of the course, and the solved notebooks in 'solved'."
    if marks.can_mark():
        yield f"marks: for nbgrader; the points of each exercise are in marks/{marks.POINTS}."
    else:
        yield f"There is no folder 'marks': {marks.NOT_INSTALLED}"
    if aside.exists():
        yield f"{aside.name}: the versions that were there before."
    yield f"None of {len(solutions)} texts of solutions is in the student's version."


def copy_course(root: Path, to: Path, *without: str) -> None:
    """Copy the course in `root` to a new folder, and no other files in `root`.

    `without` are patterns of names of files and folders that are left out.
    """
    ignored = shutil.ignore_patterns(*NEVER, *without)
    to.mkdir(parents=True)
    for name in sorted(set(COURSE) - ignored(str(root), COURSE)):
        if (root / name).is_dir():
            shutil.copytree(root / name, to / name, ignore=ignored)
        elif (root / name).is_file():
            shutil.copy(root / name, to / name)


def _write(node: NotebookNode, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(node, to)


def _put_in_place(draft: Path, out: Path) -> Path:
    """Move the new versions into `out`; returns the folder for the earlier ones."""
    numbers = itertools.count(1)
    aside = next(path for n in numbers if not (path := out / f"earlier-{n}").exists())
    for version in VERSIONS:
        if (out / version).exists():
            aside.mkdir(exist_ok=True)
            os.replace(out / version, aside / version)
        os.replace(draft / version, out / version)
    draft.rmdir()
    return aside


# ------------------------------------------------------------------------- the student's version


def _adapt_pages(student: Path) -> None:
    """Remove links to pages for teachers, and name the version in the README."""
    for page in (*student.glob("*.md"), *student.glob("docs/**/*.md")):
        lines = page.read_text(encoding="utf-8").splitlines()
        if page == student / "README.md":
            lines[1:1] = ["", STUDENTS]
        linked = [_without_dead_links(line, page.parent) for line in lines]
        text = "".join(f"{line}\n" for line in linked if line is not None)
        page.write_text(text, encoding="utf-8", newline="\n")


def _without_dead_links(line: str, folder: Path) -> str | None:
    """A line with dead links as plain words; None if it is a table row with a dead link."""
    for link, words, target in re.findall(r"(\[([^]]*)\]\(([^)#:]+)(?:#[^)]*)?\))", line):
        if not (folder / target).exists():
            if line.startswith("|"):
                return None
            line = line.replace(link, words)
    return line


def solution_texts() -> set[str]:
    """Texts that must not reach a student, with all white space as single spaces.

    They are the code and the reason of each solution, and each pair of consecutive lines of it that
    is in no cell or hint. Raises CourseError if the course has no solutions.
    """
    from tl_course.lessons import exercises

    numbers = [path.stem[:2] for path in notebooks.find()]
    every = [exercise for number in numbers for exercise in exercises.every(number).values()]
    visible = " ".join(
        _spaced(text) for exercise in every for text in (exercise.cell(), *exercise.hints)
    )
    texts = set()
    try:
        for code, reason in (exercise.worked() for exercise in every):
            lines = [_spaced(line) for line in code.splitlines() if line.strip()]
            pairs = {f"{line} {after}" for line, after in itertools.pairwise(lines)}
            hidden = (pair for pair in pairs if pair not in visible)
            texts |= {_spaced(code), _spaced(reason), *hidden}
    except KeyError:
        raise CourseError(
            "no_solutions",
            "This version of the course has no solutions, so that there is nothing to release from "
            "it: use the one that the course is published with.",
        ) from None
    return texts


def found_in(folder: Path, texts: set[str]) -> dict[str, str]:
    """The texts that are in files of a folder, each with the name of one such file."""
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = _spaced(_content(path))
        files |= {text: str(path.relative_to(folder)) for text in texts if text in content}
    return files


def _content(path: Path) -> str:
    """The text of a file; for notebooks the cells, for Python also the joined string literals."""
    if path.suffix == ".ipynb":
        return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    text = path.read_text(encoding="utf-8", errors="ignore")
    if path.suffix == ".py":
        values = (
            node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)
        )
        text = "\n".join([text, *(value for value in values if isinstance(value, str))])
    return text


def _spaced(text: str) -> str:
    return " ".join(text.split())
