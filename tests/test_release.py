"""What a teacher hands out: no solution is in it, everything else works, and marks come of it."""

import csv
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import HUNG

from tl_course.app import cli, leaks, marks, notebooks, release
from tl_course.base.errors import CourseError
from tl_course.lessons import exercises

NUMBERS = [path.stem[:2] for path in notebooks.find() if exercises.every(path.stem[:2])]
FASTEST = "08"  # of the notebooks that have exercises


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The whole course, released."""
    out = tmp_path_factory.mktemp("released") / "class"
    assert cli.main(["release", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def telling():
    return set().union(*leaks.texts().values())


# ----------------------------------------------------------------------------- no solution is in it


def test_the_student_has_no_text_of_a_solution_and_the_instructor_has_all(released, telling):
    assert len(telling) > 150
    assert leaks.found(released / "student", telling) == {}
    assert leaks.found(released / "instructor", telling).keys() == telling


def test_the_solved_notebooks_have_each_solution(released):
    said = leaks.found(released / "instructor" / "solved", set().union(*leaks.texts().values()))
    for name, texts in leaks.texts().items():
        code = leaks.spaced(exercises.every(name[:2])[name[3:]].worked()[0])
        assert code in texts and code in said, name
    assert leaks.found(released / "instructor" / "notebooks", {code}) == {}


def test_a_solution_is_found_wherever_it_hides(tmp_path):
    exercise = exercises.every("03")["freezing"]
    code, reason = exercise.worked()
    telling = {leaks.spaced(code), leaks.spaced(reason)}
    for name in ("plain", "notebook", "compiled", "archive", "lines"):
        (tmp_path / name).mkdir()
    (tmp_path / "plain" / "x.txt").write_text(code.replace("\n", "\n\n  ") + reason)
    cells = [nbformat.v4.new_code_cell(code), nbformat.v4.new_markdown_cell(reason)]
    notebook = tmp_path / "notebook" / "x.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    (tmp_path / "lines" / "x.json").write_text(json.dumps([code.split("\n"), reason]))
    lesson = notebooks.root() / "tl_course/lessons/n03_option_1_freeze/solutions.py"
    py_compile.compile(str(lesson), cfile=str(tmp_path / "compiled" / "x.pyc"), doraise=True)
    with zipfile.ZipFile(tmp_path / "inner.zip", "w", zipfile.ZIP_DEFLATED) as inner:
        inner.write(notebook, "deep/x.ipynb")
    with zipfile.ZipFile(tmp_path / "archive" / "x.zip", "w", zipfile.ZIP_DEFLATED) as outer:
        outer.write(tmp_path / "inner.zip", "inner.zip")
    for name in ("plain", "notebook", "lines", "archive"):
        assert leaks.found(tmp_path / name, telling).keys() == telling, name
    # Of what is compiled the code is gone, and the reason is there.
    assert leaks.found(tmp_path / "compiled", telling).keys() == {leaks.spaced(reason)}


def test_what_tells_nothing_is_still_said_by_the_course():
    """So that no line stays among the common ones that has become a solution's alone."""
    said = leaks.found(notebooks.root() / "notebooks", leaks.COMMON).keys()
    for folder in ("core", "layers", "data", "lessons", "app"):
        for path in (notebooks.root() / "tl_course" / folder).rglob("*.py"):
            if path.name not in ("solutions.py", "leaks.py"):
                text = leaks.spaced(path.read_text(encoding="utf-8"))
                said = said | {one for one in leaks.COMMON if one in text}
    assert said == leaks.COMMON


# ---------------------------------------------------------------------------- the student's version


def as_student(student: Path, *command: str, home: Path) -> subprocess.CompletedProcess:
    """A command of somebody who has the student's version alone."""
    folders = {"PYTHONPATH": str(student), "TL_COURSE_HOME": str(home), "TL_COURSE_STRICT": ""}
    return subprocess.run(
        [sys.executable, *command], cwd=student, env=os.environ | folders,
        capture_output=True, text=True, timeout=HUNG,
    )  # fmt: skip


def test_exercises_work_for_a_student_and_say_who_has_the_solutions(released, tmp_path):
    code = f"""
from tl_course.lessons import exercises
from tl_course.lessons.exercises import NOT_ATTEMPTED, RIGHT
every = [one for number in {NUMBERS} for one in exercises.every(number).values()]
for one in every:
    one.solution()
    one.hint()
    assert one.judge(*one.untouched()).kind == NOT_ATTEMPTED
assert exercises.every("01")["guessing"].judge(lambda n: __import__("math").log(n)).kind == RIGHT
print(len(every), exercises.__file__)
"""
    done = as_student(released / "student", "-c", code, home=tmp_path)
    assert done.returncode == 0, done.stderr
    count, file = done.stdout.splitlines()[-1].split(maxsplit=1)
    assert Path(file).is_relative_to(released / "student")
    assert done.stdout.count("not in this version of the course: ask your teacher.") == int(count)
    assert int(count) == len(leaks.texts()) and done.stdout.count("Hint 1 of") == int(count)


def test_a_student_can_open_and_run_the_notebooks(released, tmp_path):
    student = released / "student"
    mine = tmp_path / "mine"
    lab = ("-m", "tl_course", "lab", "--dry-run", "--folder", str(mine))
    done = as_student(student, *lab, home=tmp_path)
    assert done.returncode == 0 and "11 notebooks copied" in done.stdout, done.stderr
    run = ("-m", "tl_course", "run", "--notebook", "00", "--budget", "quick")
    done = as_student(student, *run, "--out", str(tmp_path / "out"), home=tmp_path)
    assert done.returncode == 0 and " ok" in done.stdout, done.stdout + done.stderr


def test_a_student_is_told_what_is_with_the_teacher(released, tmp_path):
    student = released / "student"
    done = as_student(
        student, "-m", "tl_course", "release", "--out", str(tmp_path / "x"), home=tmp_path
    )
    assert done.returncode == 2 and "has no solutions" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "x").exists()
    done = as_student(student, "start.py", "test", home=tmp_path)
    assert done.returncode == 1 and "has no tests: ask your teacher" in done.stderr
    assert not (student / ".venv").exists()


@pytest.mark.parametrize("version", ["student", "instructor"])
def test_pages_of_a_version_link_to_what_is_there(released, version):
    folder = released / version
    links = 0
    for page in (*folder.glob("*.md"), *(folder / "docs").rglob("*.md")):
        text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
        for target in re.findall(r"\]\(([^)#:\s]+)[^):]*\)", text):
            assert (page.parent / target).exists(), f"{page.relative_to(folder)}: {target}"
            links += 1
    assert links > 20
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert ("teach a class" in readme) == (release.STUDENTS not in readme) == (version != "student")


# ---------------------------------------------------------------------------------- where it is put


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A clone of one notebook, which has the exercises of notebook 01 and nothing else."""
    root = tmp_path / "clone"
    (root / "notebooks").mkdir(parents=True)
    (root / "README.md").write_text("# Small\n\n| [a](docs/teaching.md) |\n[b](docs/marking.md)\n")
    lesson = root / "tl_course" / "lessons" / "n01"
    lesson.mkdir(parents=True)
    original = notebooks.root() / "tl_course/lessons/n01_pretrain/solutions.py"
    shutil.copy(original, lesson)
    new, every = nbformat.v4.new_code_cell, exercises.every("01").values()
    cells = [
        new('budget = "laptop"\nseed = 0', metadata={"tags": ["parameters"]}),
        new("import math\nimport torch\nimport torch.nn.functional as F"),
        new("from tl_course.lessons.n01_pretrain import exercises"),
        *(new(one.cell(), id=one.own_name, metadata={"tags": ["exercise"]}) for one in every),
    ]
    node = nbformat.v4.new_notebook(cells=cells)
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "x", "language": "python"}
    nbformat.write(node, root / "notebooks" / "01_small.ipynb")
    monkeypatch.setattr(notebooks, "root", lambda: root)
    return root


def refused(capsys, *arguments: object) -> str:
    assert cli.main(list(map(str, arguments))) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    return said


def test_a_release_replaces_its_own_files_alone_and_only_by_force(small, tmp_path, capsys):
    out = tmp_path / "class"
    assert cli.main(["release", "--out", str(out)]) == 0
    readme = (out / "student" / "README.md").read_text()
    assert release.STUDENTS in readme and "|" not in readme and "\nb\n" in readme
    assert not list(out.glob("student/**/solutions.py")) and not (out / "unfinished").exists()
    assert "has a release already" in refused(capsys, "release", "--out", out)
    # The teacher's own files stay, and so do the points that were changed.
    (out / "marks" / "handed-in").mkdir()
    (out / "marks" / "handed-in" / "ada.ipynb").write_text("hers")
    points = out / "marks" / "points.csv"
    points.write_text(points.read_text().replace("01,downhill,1", "01,downhill,2.5"))
    (small / "README.md").write_text("# Newer\n")
    (small / "CITATION.cff").write_text("new")
    (small / "tl_course" / "more.py").write_text("")
    assert cli.main(["release", "--out", str(out), "--force"]) == 0
    assert "Newer" in (out / "student" / "README.md").read_text()
    assert (out / "instructor" / "CITATION.cff").exists()
    assert (out / "marks" / "handed-in" / "ada.ipynb").read_text() == "hers"
    assert "01,downhill,2.5" in points.read_text()
    copy = (out / "student" / "notebooks" / "01_small.ipynb").read_text()
    assert "# points: 2.5" in copy
    (small / "tl_course" / "more.py").unlink()
    (out / "student" / "README.md").write_text("mine")
    assert "was changed since" in refused(capsys, "release", "--out", out, "--force")
    (out / "student" / "README.md").unlink()
    assert cli.main(["release", "--out", str(out), "--force"]) == 0
    assert not (out / "student" / "tl_course" / "more.py").exists()


def test_a_release_that_was_stopped_is_made_anew_without_force(small, tmp_path, monkeypatch):
    out, moves = tmp_path / "class", []

    def stopped(source, target, move=os.replace):
        if Path(source).suffix == ".md":
            moves.append(target)
            if len(moves) == 2:
                raise KeyboardInterrupt
        move(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", stopped)
        assert cli.main(["release", "--out", str(out)]) == 130
    assert (out / "unfinished").exists() and not release.read_manifest(out / release.MANIFEST)[0]
    assert cli.main(["release", "--out", str(out)]) == 0
    assert release.read_manifest(out / release.MANIFEST)[0] and not (out / "unfinished").exists()


def test_a_release_goes_to_no_place_of_somebody_elses(small, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("my thesis")
    for more in ((), ("--force",)):
        said = refused(capsys, "release", "--out", tmp_path / "mine", *more)
        assert "is there already and no release" in said
    assert os.listdir(tmp_path / "mine") == ["thesis.txt"]
    assert "inside the course" in refused(capsys, "release", "--out", small / "notebooks" / "x")


def test_a_list_of_files_that_leads_elsewhere_is_refused(tmp_path):
    file = tmp_path / release.MANIFEST
    for name in ("student/../../x", "/etc/passwd", "student\\..\\x", "C:x", "x"):
        file.write_text(json.dumps({"finished": True, "files": {name: ["0"]}}))
        with pytest.raises(CourseError, match="make it again"):
            release.read_manifest(file)


def test_a_clone_with_an_answer_in_it_is_refused(small, tmp_path, capsys):
    path = small / "notebooks" / "01_small.ipynb"
    original = path.read_text()
    shutil.copy(small / "tl_course" / "lessons" / "n01" / "solutions.py", small / "start.py")
    assert "texts of solutions" in refused(capsys, "release", "--out", tmp_path / "a")
    (small / "start.py").unlink()
    path.write_text(original.replace("guessing_loss(classes)", "guessing_loss(classes, more)"))
    said = refused(capsys, "release", "--out", tmp_path / "b")
    assert "is not as the course has it" in said


# ------------------------------------------------------------------------------------------- points


def test_points_are_a_table_that_a_teacher_may_change(tmp_path):
    file = tmp_path / "points.csv"
    assert set(marks.points_of().values()) == {1.0} and len(marks.points_of()) == len(leaks.texts())
    file.write_text("\ufeffnotebook;exercise;points\r\n3;freezing;2,5\r\n", encoding="utf-8")
    points = marks.points_of(file)
    assert points["03", "freezing"] == 2.5 and points["03", "drift"] == 1
    for text, words in {
        "": "columns", "a,b\n": "columns", "notebook,exercise,points\n01,x\n": "columns",
        "notebook,exercise,points\n03,thawing,1\n": "'thawing' of notebook '03'",
        "notebook,exercise,points\n03,freezing,-1\n": "'-1' points",
        "notebook,exercise,points\n03,freezing,9999\n": "'9999' points",
    }.items():  # fmt: skip
        file.write_text(text)
        with pytest.raises(CourseError, match=words):
            marks.points_of(file)


# ------------------------------------------------------------------------------------------ marking


def patient(folder: Path) -> None:
    """Let no mark depend on how busy this machine is; what never ends is stopped soon."""
    with (folder / marks.CONFIG).open("a") as file:
        file.write(
            f"def patience(cell):\n    return 2 if 'while True' in cell.source else {HUNG}\n"
            f"c.Execute.timeout_func = patience\nc.Execute.iopub_timeout = {HUNG}\n"
        )


def marked(folder: Path, number: str, handed_in: Path, out: Path) -> dict[str, dict]:
    """The table of marks, by student."""
    command = ["mark", number, "--marks", folder, "--handed-in", handed_in, "--out", out]
    assert cli.main([*map(str, command), "--minutes", str(HUNG / 60)]) == 0
    with out.open(newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def solved_and_not(released: Path, number: str, tmp_path: Path) -> None:
    (path,) = notebooks.find([number])
    marks_folder, handed_in = tmp_path / "marks", tmp_path / "handed-in"
    shutil.copytree(released / "marks", marks_folder)
    patient(marks_folder)
    handed_in.mkdir()
    copy = nbformat.read(released / "student" / "notebooks" / path.name, as_version=4)
    nbformat.write(copy, handed_in / f"bob_{path.name}")
    answers = {one.cell(): one.cell(solved=True) for one in exercises.every(number).values()}
    for cell in notebooks.exercise_cells(copy):
        cell.source = answers[cell.source]
    (handed_in / "ada").mkdir()
    nbformat.write(copy, handed_in / "ada" / path.name)
    table = marked(marks_folder, number, handed_in, tmp_path / "marks.csv")
    full = str(len(answers))
    assert (table["ada"]["points"], table["ada"]["of"]) == (full, full), table["ada"]["remarks"]
    assert (table["bob"]["points"], table["bob"]["of"]) == ("0", full)
    assert table["bob"]["remarks"].count("not attempted") == len(answers)


def test_a_notebook_gets_full_points_solved_and_none_unsolved(released, tmp_path):
    solved_and_not(released, FASTEST, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("number", [one for one in NUMBERS if one != FASTEST])
def test_every_notebook_gets_full_points_solved_and_none_unsolved(released, number, tmp_path):
    solved_and_not(released, number, tmp_path)


def test_a_batch_goes_on_whatever_is_handed_in(small, tmp_path):
    assert cli.main(["release", "--out", str(tmp_path / "class")]) == 0
    folder, handed_in = tmp_path / "class" / "marks", tmp_path / "handed-in"
    patient(folder)
    points = folder / marks.POINTS  # which a teacher may change after the release
    points.write_text(points.read_text().replace("01,guessing,1", "01,guessing,2.5"))
    handed_in.mkdir()
    every = exercises.every("01")
    right = {name: one.cell(solved=True) for name, one in every.items()}
    name = "01_small.ipynb"

    def hand_in(student: str, change, original=folder.parent / "student" / "notebooks" / name):
        node = nbformat.read(original, as_version=4)
        change({cell.id: cell for cell in node.cells}, node)
        nbformat.write(node, handed_in / f"{student}.ipynb")

    def hangs(cells, node):
        cells["horizontal"].source = "while True:\n    pass"
        cells["downhill"].source = right["downhill"]

    def cheats(cells, node):
        cells["horizontal-marks"].source = "'nothing is checked here'"
        cells["horizontal-marks"].metadata.nbgrader["points"] = 100
        cells["horizontal-marks"].metadata.nbgrader["locked"] = False
        node.cells.remove(cells["downhill-marks"])
        cells["adding_up"].source = right["adding_up"]
        node.cells.remove(cells["adding_up-marks"])
        cells["guessing"].source = "import warnings\n" + right["guessing"].replace(
            "    probability", "    warnings.warn('hm')\n    probability"
        )

    def dies(cells, node):
        cells["guessing"].source = "import os\nos._exit(1)"

    def kills(cells, node):
        cells["guessing"].source = (
            "import os, pathlib, psutil\n"
            "(pathlib.Path.cwd().parents[2] / 'gradebook.db').unlink()\n"
            "psutil.Process(os.getppid()).kill()"
        )

    hand_in("1234", hangs)
    hand_in("bo", kills)
    hand_in("cheats", cheats)
    hand_in("dies", dies)
    (handed_in / "broken.ipynb").write_text('{"cells": [')
    (handed_in / "odd.ipynb").write_text('{"cells": 3}')
    table = marked(folder, "01", handed_in, tmp_path / "marks.csv")
    assert list(table) == ["1234", "bo", "broken", "cheats", "dies", "odd"]
    assert table["1234"]["points"] == "1" and table["1234"]["downhill"] == "1"
    assert "it took too long" in table["1234"]["remarks"]
    found = {name: table["cheats"][name] for name in every}
    assert found == {"horizontal": "0", "downhill": "0", "adding_up": "1", "guessing": "2.5"}
    assert (table["cheats"]["points"], table["cheats"]["of"]) == ("3.5", "5.5")
    for student, words in {
        "broken": "no JSON", "odd": "no sound notebook", "dies": "died",
        "bo": "nbgrader ended",
    }.items():  # fmt: skip
        assert table[student]["points"] == "", "what was not marked is no zero"
        assert words in table[student]["remarks"]


def test_nbgrader_validates_the_students_copy(small, tmp_path):
    assert cli.main(["release", "--out", str(tmp_path / "class")]) == 0
    folder = tmp_path / "class" / "marks"
    patient(folder)
    copy = tmp_path / "class" / "student" / "notebooks" / "01_small.ipynb"

    def validate() -> str:
        command = [sys.executable, "-m", "nbgrader", "validate", str(copy)]
        with notebooks.this_python_kernel():
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HUNG)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "VALIDATION FAILED ON 4 CELL(S)" in validate()
    node = nbformat.read(copy, as_version=4)
    for cell, one in zip(
        notebooks.exercise_cells(node), exercises.every("01").values(), strict=True
    ):
        cell.source = one.cell(solved=True)
    nbformat.write(node, copy)
    assert "Success! Your notebook passes all the tests." in validate()


DETACHES = """
import pathlib, subprocess, sys
child = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(999)"
start = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}], **{apart})"
subprocess.run([sys.executable, '-c', start.format(child=child, apart={'start_new_session': True})])
while not pathlib.Path("pid").exists() or not pathlib.Path("pid").read_text():
    pass
"""


@pytest.mark.parametrize(
    ("then", "limits", "said"),
    [
        ("sys.exit(3)", (HUNG, 1e12), None),
        ("while True: pass", (5, 1e12), "took longer than"),
        ("every = []\nwhile True: every.append(bytes(10**7))", (HUNG, 3e8), "more than 300 MB"),
    ],
)
def test_a_program_is_ended_with_all_that_it_started(tmp_path, then, limits, said):
    command = [sys.executable, "-c", DETACHES + then]
    with (tmp_path / "said").open("wb") as log:
        if said is None:
            assert marks._run(command, tmp_path, log, limits) == 3
        else:
            with pytest.raises(CourseError, match=said):
                marks._run(command, tmp_path, log, limits)
    pid = int((tmp_path / "pid").read_text())
    for _ in range(HUNG):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(1)
    raise AssertionError("the program that it started still runs")


def test_students_are_known_by_the_names_of_files_or_folders(tmp_path):
    (notebook,) = notebooks.find(["03"])
    for file, student in {
        "ada.ipynb": "ada", f"ada_{notebook.name}": "ada", f"ada/{notebook.name}": "ada",
        f"Group 1/Bo Li/{notebook.name}": "Group 1_Bo Li", "[x]*?.ipynb": "_x___",
    }.items():  # fmt: skip
        assert marks.student_of(tmp_path / file, tmp_path, notebook) == student


def test_a_table_of_marks_holds_no_formula():
    every = [marks.Marks("=1+2", {"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 0.0}, ["-b: wrong", "c"])]
    every.append(marks.Marks("bo", {"a": 1.0, "b": 2.0}, remarks=["not marked"]))
    assert marks.table(every).splitlines() == [
        "student,points,of,a,b,remarks", "'=1+2,1,3,1,0,'-b: wrong; c", "bo,,3,,,not marked"
    ]  # fmt: skip


def test_marking_says_what_it_needs(small, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    known = ("mark", "01", "--handed-in", tmp_path / "empty", "--out", tmp_path / "m.csv")
    assert "not the folder 'marks'" in refused(capsys, *known, "--marks", tmp_path / "empty")
    assert cli.main(["release", "--out", str(tmp_path / "class")]) == 0
    folder = tmp_path / "class" / "marks"
    assert "no notebook (.ipynb)" in refused(capsys, *known, "--marks", folder)
    for limit in ("--minutes", "--memory"):
        assert "give a number between" in refused(capsys, *known, "--marks", folder, limit, 0)
    (tmp_path / "m.csv").write_text("last week's")
    assert "already exists" in refused(capsys, *known, "--marks", folder)
