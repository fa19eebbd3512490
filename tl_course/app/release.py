"""What `tl-course release` makes of a clone: the student's version, the instructor's, and marks.

Everything is made in a folder of its own beside them and put in its place when it is whole. A list
says which files the command has made, so that `--force` replaces these and no others.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tl_course.app import leaks, marks, notebooks
from tl_course.base import outside, storage
from tl_course.base.errors import CourseError

MANIFEST = "made-by-tl-course-release.json"
UNFINISHED = "unfinished"  # the folder in which a release is made
# Only these belong to the course, so that nothing comes along that lies beside them.
COURSE = (
    "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "LICENSE-text.md", "README.md", "SECURITY.md",
    "data_scripts", "docs", "environment.yml", "notebooks", "pyproject.toml", "start.py",
    "tests", "tl_course", ".ci", ".gitattributes", ".github", ".gitignore",
    ".pre-commit-config.yaml",
)  # fmt: skip
NEVER = ("__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache")
FOR_TEACHERS = (
    "tests", ".ci", ".github", ".pre-commit-config.yaml",
    "docs/teaching", "docs/teaching.md", "docs/marking.md",
)  # fmt: skip
SOLUTIONS = "solutions.py"
STUDENTS = "*This is the student version of the course: your teacher has the solutions.*"


def release(out: Path, overwrite: bool = False) -> Iterator[str]:
    """Makes all versions in `out`; says, a sentence at a time, what it has done.

    Raises CourseError where `out` has anything that is not from an earlier release, and where a
    solution would get into the student's version.
    """
    telling = _solutions()
    out = storage.check_name(out).resolve()
    if any(notebooks.root() / name in (out, *out.parents) for name in COURSE):
        raise CourseError(f"{out} is inside the course itself: choose another place.")
    with storage.claimed(storage.make_folder(out)):
        earlier = _earlier(out, overwrite)
        _write(out, earlier, finished=False)
        draft = out / UNFINISHED
        shutil.rmtree(draft, ignore_errors=True)
        yield from _make(draft, marks.points_of(out / "marks" / marks.POINTS))
        leaked = leaks.found(draft / "student", telling)
        if leaked:
            text, file = next(iter(leaked.items()))
            raise CourseError(
                f"The student's version would have {len(leaked)} texts of solutions, such as "
                f"'{text[:60]}' in {file}: take them out of the course's own files."
            )
        _put_in_place(draft, out, earlier)
    yield f"None of {len(telling)} texts of solutions is in the student's version."


def _solutions() -> set[str]:
    """What must not be in the student's version; CourseError where this is the student's own."""
    try:
        telling = leaks.texts()
    except KeyError:
        raise CourseError(
            "This version of the course has no solutions, so that there is nothing to release from "
            "it: use the one that the course is published with."
        ) from None
    return set().union(*telling.values())


# ------------------------------------------------------------------------------- what is made


def _make(folder: Path, points: marks.Points) -> Iterator[str]:
    student, instructor = folder / "student", folder / "instructor"
    for file in _course_files():
        if not _for_teachers(file):
            _copy(file, student)
        _copy(file, instructor)
    released = marks.make(folder / "marks", points) if marks.can_mark() else {}
    for path in notebooks.find():
        node = released.get(path.name) or notebooks.untouched(path)
        _write_notebook(node, student / "notebooks" / path.name)
    _tell_students(student)
    yield "student: the course without solutions; hand out this folder."
    for path in notebooks.find():
        _write_notebook(notebooks.untouched(path), instructor / "notebooks" / path.name)
        _write_notebook(notebooks.solved(path), instructor / "solved" / path.name)
    yield "instructor: all of the course, and the solved notebooks in 'solved'."
    if marks.can_mark():
        yield f"marks: for nbgrader; the points of each exercise are in marks/{marks.POINTS}."
    else:
        yield f"There is no folder 'marks': {marks.NOT_INSTALLED}"


def _course_files() -> list[Path]:
    """The files of the course below the clone's folder; notebooks are written anew."""
    root = notebooks.root()
    tops = (root / name for name in COURSE)
    files = (path for top in tops for path in ([top] if top.is_file() else sorted(top.rglob("*"))))
    files = (path for path in files if path.is_file() and not path.is_symlink())
    relative = (path.relative_to(root) for path in files if path.suffix not in (".ipynb", ".pyc"))
    return [path for path in relative if not set(NEVER) & set(path.parts)]


def _for_teachers(file: Path) -> bool:
    places = {str(one) for one in (file, *file.parents)}
    return file.name == SOLUTIONS or not places.isdisjoint(map(str, map(Path, FOR_TEACHERS)))


def _copy(file: Path, folder: Path) -> None:
    to = folder / file
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(notebooks.root() / file, to)


def _write_notebook(node, to: Path) -> None:
    import nbformat

    to.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(node, to)


def _tell_students(student: Path) -> None:
    """Say in its README which version it is; pages for teachers are linked to no longer."""
    for page in (*student.glob("*.md"), *(student / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        lines = (without_dead_links(line, page.parent) for line in text.splitlines())
        text = "\n".join(line for line in lines if line is not None) + "\n"
        if page == student / "README.md":
            title, rest = text.split("\n", 1)
            text = f"{title}\n\n{STUDENTS}\n{rest}"
        page.write_text(text, encoding="utf-8", newline="\n")


def without_dead_links(line: str, folder: Path) -> str | None:
    """A line in which what is not there is no longer linked to; None for such a row of a table."""
    links = re.findall(r"\[[^]]*\]\(([^)#:]+)(?:#[^)]*)?\)", line)
    dead = [target for target in links if not (folder / target).exists()]
    if dead and line.startswith("|"):
        return None
    for target in dead:
        line = re.sub(rf"\[([^]]*)\]\({re.escape(target)}(?:#[^)]*)?\)", r"\1", line)
    return line


# ----------------------------------------------------------------------------- where it is put

Made = dict[str, list[str]]  # a file's place: what it may be, as hashes


def _earlier(out: Path, overwrite: bool) -> Made:
    """The files of an earlier release there. CourseError where they, or others, are to stay."""
    if all(map(_is_passing, os.listdir(out))):
        return {}
    if not (out / MANIFEST).is_file():
        raise CourseError(f"{out} is there already and no release: choose another place.")
    finished, earlier = read_manifest(out / MANIFEST)
    if finished:
        storage.refuse_to_overwrite(out, f"{out} has a release already", overwrite)
    for name, hashes in earlier.items():
        if (out / name).exists() and not _is_ours(out, name, hashes):
            raise CourseError(
                f"{out / name} was changed since it was released: keep your work in another place, "
                "delete that file, and start again."
            )
    return earlier


def _is_passing(name: str) -> bool:
    """Whether a file is there only while something is written, or was left by a killed program."""
    return name == storage.CLAIM or storage.is_draft(name)


def _is_ours(out: Path, name: str, hashes: list[str]) -> bool:
    if name == f"marks/{marks.POINTS}":
        return True
    return (out / name).is_file() and storage.sha256(out / name) in hashes


SCHEMA = {
    "type": "object",
    "required": ["finished", "files"],
    "properties": {
        "finished": {"type": "boolean"},
        "files": {
            "type": "object",
            "propertyNames": {"pattern": r"^(student|instructor|marks)/"},
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}


def read_manifest(file: Path) -> tuple[bool, Made]:
    """Whether a release is finished, and what it has made; CourseError for any other file."""
    todo = "delete the whole release and make it again"
    read = outside.parsed(outside.content(file, outside.MOST_TEXT, follow=False), file)
    outside.meet(read, SCHEMA, file, todo)
    for name in read["files"]:
        if ".." in PurePosixPath(name).parts or "\\" in name or ":" in name:
            raise CourseError(f"{file} names files that no release makes; {todo}.")
    return read["finished"], read["files"]


def _write(out: Path, files: Made, finished: bool) -> None:
    said = json.dumps({"finished": finished, "files": files}, indent=1, sort_keys=True)
    storage.write_text(out / MANIFEST, said + "\n")


def _put_in_place(draft: Path, out: Path, earlier: Made) -> None:
    """Move what was made to where it belongs, and take away what an earlier release made."""
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    new = {path.relative_to(draft).as_posix(): [storage.sha256(path)] for path in files}
    for name in new:
        if name not in earlier and os.path.lexists(out / name):
            raise CourseError(f"{out / name} is in the way and from no release: put it elsewhere.")
    # Whatever is killed from here on, each file is known as one of a release.
    both = {name: earlier.get(name, []) + new.get(name, []) for name in {**earlier, **new}}
    _write(out, both, finished=False)
    for name in earlier.keys() - new:
        (out / name).unlink(missing_ok=True)
    for name in new:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(draft / name, out / name)
    shutil.rmtree(draft)
    _write(out, new, finished=True)
