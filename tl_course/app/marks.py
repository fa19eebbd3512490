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
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tl_course.app import notebooks
from tl_course.base import outside, storage
from tl_course.base.errors import CourseError, printable, refusals_told
from tl_course.base.names import clean

if TYPE_CHECKING:
    from nbformat import NotebookNode

POINTS, GRADEBOOK, CONFIG = "points.csv", "gradebook.db", "nbgrader_config.py"
HEAD = ["notebook", "exercise", "points"]
MOST_POINTS = 1000
LARGEST = 50_000_000  # bytes of a notebook with its outputs
RUN = "TL_COURSE_MARKING"  # the variable by which the processes of one notebook are known
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
Limits = tuple[float, float]  # seconds, and bytes of memory


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
    for key, one in read_points(file) if file is not None and file.exists() else ():
        if key not in points:
            number, name = map(printable, key)
            raise CourseError(
                f"{file} has points for an exercise '{name}' of notebook '{number}', which does "
                "not exist: take that line out, or put its name right."
            )
        points[key] = one
    return points


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
    number = text.replace(",", ".")
    if not re.fullmatch(r"\d{1,4}(\.\d{1,2})?", number) or float(number) > MOST_POINTS:
        raise CourseError(
            f"{file} gives '{printable(text)}' points: give a number from 0 to {MOST_POINTS}."
        )
    return float(number)


def as_csv(head: list[str], rows: list[list[object]]) -> str:
    """A table as text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


# ------------------------------------------------------------------------------ nbgrader's folder


def make(folder: Path, points: Points) -> "dict[str, NotebookNode]":
    """Make the folder that a teacher marks with: {notebook's name: the student's copy}."""
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(CONFIGURATION, encoding="utf-8", newline="\n")
    rows = [[*key, f"{one:g}"] for key, one in points.items()]
    (folder / POINTS).write_text(as_csv(HEAD, rows), encoding="utf-8", newline="\n")
    with _course(folder) as course:
        return {
            path.name: _assign(course, path, points, remember=False)
            for path in notebooks.find()
            if any(number == path.stem[:2] for number, _ in points)
        }


@contextlib.contextmanager
def _course(folder: Path) -> Iterator[Path]:
    """While this lasts, a folder that nbgrader works in, as the teacher's `folder` sets it up."""
    with tempfile.TemporaryDirectory(prefix="tl-course-") as course:
        shutil.copy(folder / CONFIG, course)
        yield Path(course)


def _assign(course: Path, notebook: Path, points: Points, remember: bool = True) -> "NotebookNode":
    """Let nbgrader make the student's copy of a notebook; to mark it, it must `remember` that."""
    import nbformat
    from nbgrader.apps import NbGraderAPI

    number = notebook.stem[:2]
    source = course / "source" / number / notebook.name
    source.parent.mkdir(parents=True)
    nbformat.write(with_marks(notebook, points), source)
    config = _config(course)
    config.GenerateAssignment.no_database = not remember
    config.SaveCells.enabled = remember
    with _programs_at_hand():
        done = NbGraderAPI(config=config).generate_assignment(number)
    if not done["success"]:
        raise CourseError(f"nbgrader could not release notebook {number}: {_last(done['error'])}.")
    return nbformat.read(course / "release" / number / notebook.name, as_version=4)


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


def mark(folder: Path, number: str, handed_in: Path, limits: Limits) -> Iterator[Marks]:
    """The marks of each notebook below `handed_in`, one at a time, in the order of their names.

    `folder` is what `make` made. `limits` are for one notebook.
    """
    if not can_mark():
        raise CourseError(NOT_INSTALLED)
    from nbgrader.utils import rmtree

    if not (folder / CONFIG).is_file():
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
    with _course(folder) as course:
        released = _assign(course, notebook, points)
        seen = set()
        for file in files:
            marks = Marks(student_of(file, handed_in, notebook), of)
            try:
                if marks.student in seen:
                    raise CourseError(f"{file} is the second of this student; not marked")
                seen.add(marks.student)
                submission = prepared(file, released)
                place = folder / notebook.stem[:2] / marks.student
                with refusals_told():
                    if place.exists():
                        rmtree(place)
                    shutil.copytree(course, place)  # nobody's code runs in another's folder
                    _marked(place, notebook, submission, marks, limits)
            except CourseError as error:
                marks.remarks.append(str(error))
            yield marks


def student_of(file: Path, handed_in: Path, notebook: Path) -> str:
    """Who handed a file in: its name without that of the notebook, or the name of its folder."""
    words = file.stem.replace(notebook.stem, "").strip(" _-.")
    folders = file.relative_to(handed_in).parts[:-1]
    return re.sub(r"[\[\]~+]", "_", clean("_".join([*folders, words] if words else folders) or "_"))


def _marked(place: Path, notebook: Path, submission, marks: Marks, limits: Limits) -> None:
    """Let nbgrader mark one notebook, in a folder and in processes that are for it alone."""
    import nbformat
    from nbgrader.api import Gradebook

    number, name = notebook.stem[:2], notebook.name
    (place / "submitted" / marks.student / number).mkdir(parents=True)
    nbformat.write(submission, place / "submitted" / marks.student / number / name)
    command = [sys.executable, "-P", "-m", "nbgrader", "autograde", number]
    with (
        notebooks.this_python_kernel(),
        _programs_at_hand(),
        (place / "log.txt").open("w+b") as log,
    ):
        code = _run([*command, f"--student={marks.student}"], place, log, limits)
        log.seek(max(0, log.seek(0, os.SEEK_END) - outside.MOST_TEXT))
        said = log.read().decode("utf-8", "replace")
    if code:
        why = re.search(r"\| ERROR\] (.+)", said)
        why = printable(why[1], 200) if why else _last(said)
        raise CourseError(f"not marked: nbgrader ended with code {code} and said '{why}'")
    graded = notebook_in(place / "autograded" / marks.student / number / name)
    with Gradebook(f"sqlite:///{place / GRADEBOOK}") as gradebook:
        found = gradebook.find_submission_notebook(notebook.stem, number, marks.student)
        marks.points = {one.name: one.score for one in found.grades}
    marks.remarks += _lost(graded)


def prepared(file: Path, released: "NotebookNode") -> "NotebookNode":
    """A notebook that was handed in, to run at budget quick, with all its cells for marks.

    Raises CourseError for what is no notebook. A cell for marks that is missing is put back.
    """
    from papermill.parameterize import parameterize_notebook

    node = notebook_in(file)
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


def notebook_in(file: Path) -> "NotebookNode":
    """A student's notebook; CourseError says what is wrong with another file."""
    import nbformat

    text = outside.parsed(outside.content(file, LARGEST), file)
    try:
        node = nbformat.from_dict(text)
        nbformat.validate(node)
        return nbformat.convert(node, 4)
    except Exception as error:  # whatever nbformat makes of a stranger's lists and tables
        raise CourseError(f"{file.name} is no sound notebook ({_last(str(error))})") from None


def _run(command: list[str], folder: Path, log, limits: Limits) -> int:
    """The exit code of a program; whatever it started ends with it, detached or not.

    CourseError where all of that together goes beyond the limits.
    """
    seconds, memory = limits
    run = secrets.token_hex()
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | {RUN: run}, stdout=log, stderr=subprocess.STDOUT
    )
    end = time.monotonic() + seconds
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(0.5)
            if time.monotonic() > end:
                raise CourseError(f"not marked: it took longer than {seconds / 60:g} minutes")
            used = [one.info["memory_info"] for one in _of(run)]
            if sum(one.rss for one in used if one) > memory:
                raise CourseError(
                    f"not marked: it took more than {storage.in_words(memory)} of memory, as what "
                    "prints without end does (--memory allows more)"
                )
    finally:
        for _ in range(100):  # what they start meanwhile comes in the next turn
            left = _of(run)
            for one in left:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            if not left:
                break
        process.wait()


def _of(run: str) -> list[psutil.Process]:
    """The processes that have the mark of a run, which whoever they start inherits."""
    every = psutil.process_iter(["environ", "memory_info"])
    return [one for one in every if (one.info["environ"] or {}).get(RUN) == run]


def _lost(graded: "NotebookNode") -> list[str]:
    """Why points are missing, from the notebook that nbgrader ran."""
    remarks = []
    for cell in graded.cells:
        errors = [one for one in cell.get("outputs", []) if one.output_type == "error"]
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if errors and name:
            remarks.append(f"{name}: {_last(errors[-1].evalue or errors[-1].ename)}")
        elif any(one.ename == "CellTimeoutError" for one in errors):
            remarks.append(f"cell {cell.get('id', '?')} was stopped: it took too long")
    return remarks


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
