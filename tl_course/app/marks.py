"""Marks by nbgrader: a folder for its commands, and the marks of what a class has handed in.

nbgrader keeps a cell after each exercise, which calls the exercise's own checker. While it marks a
notebook, it puts these cells back as they were released. The points are in a table of their own.
"""

import contextlib
import csv
import importlib.util
import io
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tl_course.app import notebooks
from tl_course.base import here, outside, storage
from tl_course.base.errors import CourseError, printable
from tl_course.base.names import clean

if TYPE_CHECKING:
    from nbformat import NotebookNode

POINTS, GRADEBOOK, CONFIG = "points.csv", "gradebook.db", "nbgrader_config.py"
HEAD = ["notebook", "exercise", "points"]
MOST_POINTS = 1000
LARGEST = 50_000_000  # bytes of a notebook with its outputs
CONFIGURATION = """\
# For nbgrader, which marks what students hand in; docs/marking.md of the course says how.
c = get_config()
c.CourseDirectory.course_id = "borrowed_eyes"
c.Execute.timeout = 120  # seconds that one cell may take
c.Execute.startup_timeout = 600
c.Execute.iopub_timeout = 60
"""
NOT_INSTALLED = "nbgrader is not installed: run `python3 start.py lab --with marks`."
Points = dict[tuple[str, str], float]  # of (notebook's number, exercise)


def can_mark() -> bool:
    """Whether nbgrader is installed, which is an extra."""
    return importlib.util.find_spec("nbgrader") is not None


# ----------------------------------------------------------------------------------- the points


def points_of(file: Path | None = None) -> Points:
    """The points of every exercise, as a table says where there is one; one point otherwise.

    Raises CourseError for a table that cannot be read, and for an exercise that does not exist.
    """
    from tl_course.lessons import exercises

    numbers = [path.stem[:2] for path in notebooks.find()]
    points = {(number, name): 1.0 for number in numbers for name in exercises.every(number)}
    if file is not None and file.exists():
        points |= {key: one for key, one in read_points(file) if _known(key, points, file)}
    return points


def _known(key: tuple[str, str], points: Points, file: Path) -> bool:
    if key not in points:
        number, name = map(printable, key)
        raise CourseError(
            f"{file} has points for an exercise '{name}' of notebook '{number}', which does not "
            "exist: take that line out, or put its name right."
        )
    return True


def read_points(file: Path) -> list[tuple[tuple[str, str], float]]:
    """The lines of a table of points: ((notebook, exercise), points)."""
    wrong = f"{file} is no table with the columns {', '.join(HEAD)}: put that right, or delete it."
    try:
        text = outside.content(file, outside.MOST_TEXT).decode("utf-8-sig")
        # A spreadsheet may write semicolons, and take the 0 of 03 away.
        lines = list(csv.reader(io.StringIO(text), delimiter=";" if ";" in text else ","))
    except (UnicodeDecodeError, csv.Error):
        raise CourseError(wrong) from None
    head, *rows = [line for line in lines if line] or [[]]
    if head != HEAD or any(len(row) != len(HEAD) for row in rows):
        raise CourseError(wrong)
    return [((number.zfill(2), name), _points(one, file)) for number, name, one in rows]


def _points(text: str, file: Path) -> float:
    if not re.fullmatch(r"\d{1,4}([.,]\d{1,2})?", text) or float(_dot(text)) > MOST_POINTS:
        raise CourseError(
            f"{file} gives '{printable(text)}' points: give a number from 0 to {MOST_POINTS}."
        )
    return float(_dot(text))


def _dot(number: str) -> str:
    return number.replace(",", ".")


def as_csv(head: list[str], rows: list[list[object]]) -> str:
    """A table as text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


# ------------------------------------------------------------------------------ nbgrader's folder


def make(folder: Path, points: Points) -> "dict[str, NotebookNode]":
    """Make the folder that nbgrader works in: {notebook's name: the student's copy}."""
    import nbformat

    for name in ("source", "release"):
        (folder / name).mkdir(parents=True)
    (folder / CONFIG).write_text(CONFIGURATION, encoding="utf-8", newline="\n")
    rows = [[*key, f"{one:g}"] for key, one in points.items()]
    (folder / POINTS).write_text(as_csv(HEAD, rows), encoding="utf-8", newline="\n")
    released = {}
    for path in notebooks.find():
        if any(number == path.stem[:2] for number, _ in points):
            copy = _assign(folder, path, points, remember=False)
            released[path.name] = nbformat.read(copy, as_version=4)
    return released


def _assign(folder: Path, notebook: Path, points: Points, remember: bool) -> Path:
    """Let nbgrader make the student's copy of a notebook; to mark it, it must `remember` that."""
    import nbformat
    from nbgrader.apps import NbGraderAPI

    number = notebook.stem[:2]
    source = folder / "source" / number / notebook.name
    source.parent.mkdir(exist_ok=True)
    nbformat.write(with_marks(notebook, points), source)
    config = _config(folder)
    config.GenerateAssignment.no_database = not remember
    config.SaveCells.enabled = remember
    with _programs_at_hand():
        done = NbGraderAPI(config=config).generate_assignment(number)
    if not done["success"]:
        raise CourseError(f"nbgrader could not release notebook {number}: {_last(done['error'])}.")
    return folder / "release" / number / notebook.name


@contextlib.contextmanager
def _programs_at_hand() -> Iterator[None]:
    """While this lasts, nbgrader finds alembic, which it starts by its mere name."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join((sysconfig.get_path("scripts"), before))
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _config(folder: Path):
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader(CONFIG, path=str(folder)).load_config()
    config.CourseDirectory.root = str(folder)
    return config


def _last(text: str) -> str:
    """The last line of what a program said."""
    lines = [line for line in text.splitlines() if line.strip()]
    return printable(lines[-1].strip(), 200) if lines else "it gave no reason"


def with_marks(notebook: Path, points: Points) -> "NotebookNode":
    """A notebook of the course with a locked cell after each exercise, which gives its points."""
    from tl_course.lessons import exercises

    node = notebooks.untouched(notebook)
    number = notebook.stem[:2]
    every = {one.cell(): one for one in exercises.every(number).values()}
    for cell in notebooks.exercise_cells(node):
        exercise = every[cell.source]
        one = _marking_cell(exercise, cell.id, points[number, exercise.own_name])
        node.cells.insert(node.cells.index(cell) + 1, one)
    return node


def _marking_cell(exercise, beside: str, points: float) -> "NotebookNode":
    import nbformat

    about = {"grade": True, "locked": True, "solution": False, "task": False, "points": points}
    about |= {"grade_id": exercise.own_name, "cell_type": "code", "schema_version": 3}
    return nbformat.v4.new_code_cell(
        exercise.marking_cell(points), id=f"{beside}-marks", metadata={"nbgrader": about}
    )


# ------------------------------------------------------------------------------------- marking


@dataclass
class Marks:
    """What one student gets for a notebook: points by exercise, of how many, and remarks.

    `points` is empty where the notebook could not be marked.
    """

    student: str
    of: dict[str, float]
    points: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def total(self) -> float | None:
        """All points together; None where the notebook could not be marked."""
        return sum(self.points.values()) if self.points else None


def mark(folder: Path, number: str, handed_in: Path, limit: float) -> Iterator[Marks]:
    """The marks of each notebook below `handed_in`, one at a time, in the order of their names.

    `folder` is what `make` made. `limit` is how many seconds one notebook may take.
    """
    if not can_mark():
        raise CourseError(NOT_INSTALLED)
    if not (folder / CONFIG).is_file() or not (folder / "source").is_dir():
        raise CourseError(
            f"{folder} is not the folder 'marks' of a release: give that, or make one with "
            "`tl-course release`."
        )
    (notebook,) = notebooks.find([number])
    points = points_of(folder / POINTS)
    of = {name: one for (where, name), one in points.items() if where == notebook.stem[:2]}
    if not of:
        raise CourseError(f"Notebook {number} has no exercises: choose another one to mark.")
    files = sorted(
        path for path in handed_in.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts
    )
    if not files:
        raise CourseError(f"There is no notebook (.ipynb) in {handed_in}: give another folder.")
    released = _assign(folder, notebook, points, remember=True)
    seen = {}
    for file in files:
        marks = Marks(student_of(file, handed_in, notebook), of)
        try:
            if marks.student in seen:
                raise CourseError(f"{file} is the second of this student; not marked")
            seen[marks.student] = file
            _marked(folder, released, file, marks, limit)
        except CourseError as error:
            marks.remarks.append(str(error))
        yield marks


def student_of(file: Path, handed_in: Path, notebook: Path) -> str:
    """Who handed a file in: its name without that of the notebook, or the name of its folder."""
    words = file.stem.replace(notebook.stem, "").strip(" _-.")
    folders = file.relative_to(handed_in).parts[:-1]
    return re.sub(r"[\[\]~+]", "_", clean("_".join([*folders, words] if words else folders) or "_"))


def _marked(folder: Path, released: Path, file: Path, marks: Marks, limit: float) -> None:
    """Let nbgrader mark one notebook, in a process that ends with it."""
    import nbformat

    number, name = released.parent.name, released.name
    place = folder / "submitted" / marks.student / number
    storage.make_folder(place)
    with storage.atomic_path(place / name) as draft:
        nbformat.write(prepared(file, nbformat.read(released, as_version=4)), draft)
    log = folder / "logs" / f"{marks.student}-{number}.txt"
    storage.make_folder(log.parent)
    command = [sys.executable, "-c", here.MODULE, "nbgrader", "autograde", number, "--force"]
    with notebooks.this_python_kernel(), _programs_at_hand(), log.open("wb") as said:
        _run([*command, f"--student={marks.student}"], folder, said, limit)
    graded = folder / "autograded" / marks.student / number / name
    if not graded.exists():
        text = log.read_text(encoding="utf-8", errors="replace")
        why = re.search(r"\| ERROR\] (.+)", text)
        said = printable(why[1], 200) if why else _last(text)
        raise CourseError(f"not marked: {said} (more in {log.relative_to(folder)})")
    _read(folder, number, released, graded, marks)


def prepared(file: Path, released: "NotebookNode") -> "NotebookNode":
    """A notebook that was handed in, to run at budget quick, with all its cells for marks.

    Raises CourseError for what is no notebook. A cell for marks that is missing is put back.
    """
    from papermill.parameterize import parameterize_notebook

    node = handed_in_notebook(file)
    ids = [cell.get("id") for cell in node.cells]
    there = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in node.cells}
    for cell in released.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") not in {None, *there}:
            beside = cell.id.removesuffix("-marks")
            at = ids.index(beside) + 1 if beside in ids else len(node.cells)
            node.cells.insert(at, cell)
            ids.insert(at, cell.id)
    node.metadata.setdefault("papermill", {})  # as papermill's own reader does
    for cell in node.cells:
        cell.metadata.setdefault("tags", [])
    return parameterize_notebook(
        node, {"budget": "quick", "seed": 0}, kernel_name=notebooks.KERNEL, language="python"
    )


def handed_in_notebook(file: Path) -> "NotebookNode":
    """A student's notebook; CourseError says what is wrong with another file."""
    import nbformat

    text = outside.parsed(outside.content(file, LARGEST), file)
    try:
        node = nbformat.from_dict(text)
        nbformat.validate(node)
        return nbformat.convert(node, 4)
    except Exception as error:  # whatever nbformat makes of a stranger's lists and tables
        raise CourseError(f"{file.name} is no sound notebook ({_last(str(error))})") from None


def _run(command: list[str], folder: Path, said, limit: float) -> None:
    """Run a program, and end it with all that it started when it takes too long."""
    import psutil

    process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        raise CourseError(f"not marked: it took longer than {limit / 60:g} minutes") from None
    finally:
        if process.poll() is None:
            for one in [*psutil.Process(process.pid).children(recursive=True), process]:
                one.kill()
            process.wait()


def _read(folder: Path, number: str, released: Path, graded: Path, marks: Marks) -> None:
    """The points from nbgrader's own table, and why some are missing from the notebook it ran."""
    import nbformat
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / GRADEBOOK}") as gradebook:
        found = gradebook.find_submission_notebook(released.stem, number, marks.student)
        marks.points = {one.name: one.score for one in found.grades}
    for cell in nbformat.read(graded, as_version=4).cells:
        errors = [one for one in cell.get("outputs", []) if one.output_type == "error"]
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if errors and name:
            marks.remarks.append(f"{name}: {_last(errors[-1].evalue or errors[-1].ename)}")
        elif any(one.ename == "CellTimeoutError" for one in errors):
            marks.remarks.append(f"cell {cell.get('id', '?')} was stopped: it took too long")


def table(every: list[Marks]) -> str:
    """The marks of a class as CSV: a line for each student, a column for each exercise."""
    names = list(every[0].of)
    rows = [
        [one.student, "" if one.total is None else f"{one.total:g}", f"{sum(one.of.values()):g}"]
        + [f"{one.points[name]:g}" if name in one.points else "" for name in names]
        + ["; ".join(one.remarks)]
        for one in every
    ]
    return as_csv(
        ["student", "points", "of", *names, "remarks"], [list(map(_plain, row)) for row in rows]
    )


def _plain(text: str) -> str:
    """For a spreadsheet, which would take a text that begins like that for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
