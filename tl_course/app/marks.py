"""Marking by nbgrader: a folder for its commands, and the marks of the notebooks of a class.

A locked cell after each exercise calls the exercise's checker. nbgrader restores these cells before
it marks a notebook. The points of the exercises are in a separate table.
"""

import contextlib
import csv
import importlib.util
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
from typing import BinaryIO

import nbformat
import pandas as pd
import psutil
from nbformat import NotebookNode

from tl_course.app import notebooks
from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError, printable, refusals_told
from tl_course.base.names import clean

POINTS, GRADEBOOK, CONFIG = "points.csv", "gradebook.db", "nbgrader_config.py"
HEAD = ["notebook", "exercise", "points"]
MOST_POINTS = 1000
LARGEST = 50_000_000  # bytes of a notebook with its outputs
RUN = "TL_COURSE_MARKING"  # an environment variable that marks the processes of one notebook
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


# ------------------------------------------------------------------------------ nbgrader's folder


def points_in(table: Path) -> Points:
    """The points of every exercise: one, unless the table says otherwise.

    Raises CourseError for a line without a known exercise or a valid number of points.
    """
    from tl_course.lessons import exercises

    numbers = [path.stem[:2] for path in notebooks.find()]
    points = {(number, name): 1.0 for number in numbers for name in exercises.every(number)}
    content = untrusted_input.content(table, untrusted_input.MOST_TEXT) if table.exists() else b""
    text = content.decode("utf-8-sig", "replace")
    # A spreadsheet may write semicolons and decimal commas, and drop the 0 of 03.
    for row in csv.DictReader(text.splitlines(), delimiter=";" if ";" in text else ","):
        try:
            number, name, value = (row[column] for column in HEAD)
            key, value = (number.zfill(2), name), float(value.replace(",", "."))
        except (KeyError, AttributeError, ValueError):  # AttributeError: the line is too short
            key, value = None, 0
        if key not in points or not 0 <= value <= MOST_POINTS:
            line = printable(",".join(map(str, row.values())))
            raise CourseError(
                "points",
                f"{table} has a line '{line}': write the number of a notebook, the name of one of "
                f"its exercises, and points from 0 to {MOST_POINTS}, below {','.join(HEAD)}.",
            )
        points[key] = value
    return points


def make_marking_folder(folder: Path) -> dict[str, NotebookNode]:
    """Make the folder for marking; returns the student's copy of each notebook by its name.

    Points and settings that exist already stay unchanged.
    """
    points = points_in(folder / POINTS)
    rows = [(*key, value) for key, value in points.items()]
    storage.write_text(folder / POINTS, _as_csv(pd.DataFrame(rows, columns=HEAD)))
    if not (folder / CONFIG).exists():
        storage.write_text(folder / CONFIG, CONFIGURATION)
    numbers = {number for number, _ in points}
    with _course(folder) as course:
        return {
            path.name: _assign(course, path, points)
            for path in notebooks.find()
            if path.stem[:2] in numbers
        }


@contextlib.contextmanager
def _course(folder: Path) -> Iterator[Path]:
    """A temporary folder for nbgrader with the settings in the teacher's `folder`.

    Meanwhile PATH includes alembic, which nbgrader starts by name.
    """
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join((sysconfig.get_path("scripts"), before))
    try:
        with tempfile.TemporaryDirectory(prefix="tl-course-") as course:
            shutil.copy(folder / CONFIG, course)
            yield Path(course)
    finally:
        os.environ["PATH"] = before


def _assign(course: Path, notebook: Path, points: Points) -> NotebookNode:
    """Let nbgrader make the student's copy of a notebook and enter it in its gradebook."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import PyFileConfigLoader

    number = notebook.stem[:2]
    source = course / "source" / number / notebook.name
    source.parent.mkdir(parents=True)
    nbformat.write(_with_marks(notebook, points), source)
    config = PyFileConfigLoader(CONFIG, path=str(course)).load_config()
    config.CourseDirectory.root = str(course)
    done = NbGraderAPI(config=config).generate_assignment(number)
    if not done["success"]:
        raise CourseError(
            "not_released", f"nbgrader could not release notebook {number}: {_last(done['error'])}."
        )
    return nbformat.read(course / "release" / number / notebook.name, as_version=4)


def _last(text: str) -> str:
    """The last line of a program's output."""
    return printable((text.strip() or "it gave no reason").splitlines()[-1], 200)


def _with_marks(notebook: Path, points: Points) -> NotebookNode:
    """A notebook of the course with a locked cell after each exercise that marks it."""
    from tl_course.lessons import exercises

    node = notebooks.untouched(notebook)
    number = notebook.stem[:2]
    every = {exercise.cell(): exercise for exercise in exercises.every(number).values()}
    for cell in notebooks.exercise_cells(node):
        exercise = every[cell.source]
        worth = points[number, exercise.own_name]
        about = {
            "grade": True, "locked": True, "solution": False, "task": False, "points": worth,
            "grade_id": exercise.own_name, "cell_type": "code", "schema_version": 3,
        }  # fmt: skip
        marking = nbformat.v4.new_code_cell(
            exercise.marking_cell(worth), id=f"{cell.id}-marks", metadata={"nbgrader": about}
        )
        node.cells.insert(node.cells.index(cell) + 1, marking)
    return node


# ------------------------------------------------------------------------------------- marking


@dataclass
class Marks:
    """One student's points by exercise, the points that were possible, and remarks.

    `points` is empty if the notebook could not be marked.
    """

    student: str
    of: dict[str, float]
    points: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def total(self) -> float | None:
        """The sum of all points; None if the notebook could not be marked."""
        return sum(self.points.values()) if self.points else None


def mark_notebooks(folder: Path, number: str, handed_in: Path, limits: Limits) -> Iterator[Marks]:
    """Yield the marks of each notebook below `handed_in`, sorted by file name.

    `folder` is one that `make_marking_folder` made. `limits` are for one notebook.
    """
    if not can_mark():
        raise CourseError("no_nbgrader", NOT_INSTALLED)
    if not (folder / CONFIG).is_file():
        raise CourseError(
            "no_marks_folder",
            f"{folder} is not the folder 'marks' of a release: give that, or make one with "
            "`tl-course release`.",
        )
    (notebook,) = notebooks.find([number])
    points = points_in(folder / POINTS)
    of = {name: worth for (where, name), worth in points.items() if where == notebook.stem[:2]}
    if not of:
        raise CourseError(
            "no_exercises", f"Notebook {number} has no exercises: choose another one to mark."
        )
    files = sorted(
        path for path in handed_in.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts
    )
    if not files:
        raise CourseError(
            "no_notebooks", f"There is no notebook (.ipynb) in {handed_in}: give another folder."
        )
    students = set()
    with notebooks.this_python_kernel(), _course(folder) as course:
        released = _assign(course, notebook, points)
        for file in files:
            marks = Marks(student_of(file, handed_in, notebook), of)
            try:
                if marks.student in students:
                    raise CourseError(
                        "second_of_student", f"{file} is the second of this student; not marked"
                    )
                students.add(marks.student)
                submission = _prepared(file, released)
                place = folder / notebook.stem[:2] / marks.student
                with refusals_told():
                    _marked(course, place, notebook, submission, marks, limits)
            except CourseError as error:
                marks.remarks.append(str(error))
            yield marks


def student_of(file: Path, handed_in: Path, notebook: Path) -> str:
    """The student's name: the file's name without the notebook's, or the names of its folders.

    Characters that are special to nbgrader, or begin a formula in a spreadsheet, become "_".
    """
    words = file.stem.replace(notebook.stem, "").strip(" _-.")
    folders = file.relative_to(handed_in).parts[:-1]
    name = clean("_".join([*folders, words] if words else folders) or "_")
    return re.sub(r"[\[\]~+]|^[=@-]", "_", name)


def _marked(course: Path, place: Path, notebook: Path, submission, marks: Marks, limits) -> None:
    """Let nbgrader mark one notebook in a separate folder and process.

    No student's code can reach another student's folder or gradebook.
    """
    from nbgrader.api import Gradebook
    from nbgrader.utils import rmtree

    if place.exists():
        rmtree(place)
    shutil.copytree(course, place)
    number, name = notebook.stem[:2], notebook.name
    submitted = place / "submitted" / marks.student / number
    submitted.mkdir(parents=True)
    nbformat.write(submission, submitted / name)
    command = [sys.executable, "-P", "-m", "nbgrader", "autograde", number]
    with (place / "log.txt").open("w+b") as log:
        code = _run([*command, f"--student={marks.student}"], place, log, limits)
        log.seek(max(0, log.seek(0, os.SEEK_END) - untrusted_input.MOST_TEXT))
        output = log.read().decode("utf-8", "replace")
    if code:
        why = re.search(r"\| ERROR\] (.+)", output)
        reason = _last(why[1] if why else output)
        raise CourseError(
            "not_marked", f"not marked: nbgrader ended with code {code} and said '{reason}'"
        )
    graded = notebook_in(place / "autograded" / marks.student / number / name)
    with Gradebook(f"sqlite:///{place / GRADEBOOK}") as gradebook:
        graded_notebook = gradebook.find_submission_notebook(notebook.stem, number, marks.student)
        marks.points = {grade.name: grade.score for grade in graded_notebook.grades}
    marks.remarks += _lost(graded)


def _prepared(file: Path, released: NotebookNode) -> NotebookNode:
    """A student's notebook at budget quick, with all its marking cells.

    A missing marking cell is added at the end, because nbgrader can only restore cells that
    students cannot delete. Raises CourseError if the file is not a valid notebook.
    """
    from papermill.parameterize import parameterize_notebook

    node = notebook_in(file)
    ids = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in node.cells} | {None}
    for cell in released.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") not in ids:
            node.cells.append(cell)
    node.metadata.setdefault("papermill", {})  # as papermill's own reader does
    for cell in node.cells:
        cell.metadata.setdefault("tags", [])
    return parameterize_notebook(
        node, {"budget": "quick", "seed": 0}, kernel_name=notebooks.KERNEL, language="python"
    )


def notebook_in(file: Path) -> NotebookNode:
    """Read a student's notebook; CourseError if it is not valid."""
    text = untrusted_input.content(file, LARGEST)
    try:
        node = nbformat.reads(text.decode("utf-8"), as_version=4)
        nbformat.validate(node)
    except Exception as error:  # nbformat raises many kinds for damaged JSON
        raise CourseError(
            "damaged_notebook", f"{file.name} is no sound notebook ({_last(str(error))})"
        ) from None
    return node


def _run(command: list[str], folder: Path, log: BinaryIO, limits: Limits) -> int:
    """Run a program and return its exit code; every process that it started is killed.

    Raises CourseError if all of them together exceed the limits.
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
                raise CourseError(
                    "too_slow", f"not marked: it took longer than {seconds / 60:g} minutes"
                )
            used = [child.info["memory_info"] for child in _processes_of(run)]
            if sum(info.rss for info in used if info) > memory:
                raise CourseError(
                    "too_much_memory",
                    f"not marked: it took more than {storage.size_in_words(memory)} of memory, as "
                    "what prints without end does (--memory allows more)",
                )
    finally:
        for _ in range(100):  # they may start new ones meanwhile
            children = _processes_of(run)
            for child in children:
                with contextlib.suppress(psutil.Error):
                    child.kill()
            if not children:
                break
        process.wait()


def _processes_of(run: str) -> list[psutil.Process]:
    """The processes of a run, which inherit its environment variable."""
    processes = psutil.process_iter(["environ", "memory_info"])
    return [process for process in processes if (process.info["environ"] or {}).get(RUN) == run]


def _lost(graded: NotebookNode) -> list[str]:
    """The reasons for missing points, from the notebook that nbgrader ran."""
    remarks = []
    for cell in graded.cells:
        errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if errors and name:
            remarks.append(f"{name}: {_last(errors[-1].evalue or errors[-1].ename)}")
        elif any(error.ename == "CellTimeoutError" for error in errors):
            remarks.append(f"cell {cell.get('id', '?')} was stopped: it took too long")
    return remarks


def marks_as_csv(class_marks: list[Marks]) -> str:
    """The marks of a class as CSV, a row for each student and a column for each exercise."""
    rows = [
        {"student": marks.student, "points": marks.total, "of": sum(marks.of.values())}
        | dict.fromkeys(marks.of)
        | marks.points
        | {"remarks": "; ".join(marks.remarks)}
        for marks in class_marks
    ]
    return _as_csv(pd.DataFrame(rows))


def _as_csv(rows: pd.DataFrame) -> str:
    return rows.to_csv(index=False, float_format="%g", lineterminator="\n")
