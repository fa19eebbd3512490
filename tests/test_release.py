"""What a teacher hands out: no solution is in it, everything else works, and marks come of it."""

import csv
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import sentences
from conftest import HUNG

from tl_course.app import cli, marks, notebooks, release
from tl_course.lessons import exercises

NUMBERS = [path.stem[:2] for path in notebooks.find() if exercises.every(path.stem[:2])]
FASTEST = "08"  # of the notebooks that have exercises


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The whole course, released."""
    out = tmp_path_factory.mktemp("released") / "class"
    assert cli.main(["release", "--out", str(out)]) == 0
    return out


# ---------------------------------------------------------------------------- the student's version


def test_the_student_has_no_text_of_a_solution_and_the_instructor_has_all(released):
    texts = release.solution_texts()
    assert len(texts) > 150
    assert release.found_in(released / "student", texts) == {}
    assert release.found_in(released / "instructor", texts).keys() == texts
    codes = {
        " ".join(exercise.worked()[0].split())
        for number in NUMBERS
        for exercise in exercises.every(number).values()
    }
    assert codes <= texts
    assert release.found_in(released / "instructor" / "solved", codes).keys() == codes
    assert release.found_in(released / "instructor" / "notebooks", codes) == {}


def test_a_solution_is_found_wherever_it_hides(tmp_path):
    code, reason = exercises.every("03")["freezing"].worked()
    cells = [nbformat.v4.new_code_cell(code), nbformat.v4.new_markdown_cell(reason)]
    for name, content in {
        "x.txt": code.replace("\n", "\n\n  ") + reason,
        "x.ipynb": nbformat.writes(nbformat.v4.new_notebook(cells=cells)),
        "x.py": f"a = ({reason[:30]!r}\n    {reason[30:]!r})\nb = {code!r}",
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        texts = {" ".join(code.split()), " ".join(reason.split())}
        assert release.found_in(tmp_path, texts) == dict.fromkeys(texts, name)
        (tmp_path / name).unlink()


def as_student(released: Path, *command: str, home: Path) -> subprocess.CompletedProcess:
    """A command of somebody who has the student's version alone."""
    student = released / "student"
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
print(exercises.__file__)
"""
    done = as_student(released, "-c", code, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[-1]).is_relative_to(released / "student")
    count = sum(len(exercises.every(number)) for number in NUMBERS)
    assert done.stdout.count("not in this version of the course: ask your teacher.") == count
    assert done.stdout.count("Hint 1 of") == count


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("-m tl_course lab --dry-run --folder HOME/mine", 0, "12 notebooks copied"),
        ("-m tl_course run --notebook 00 --budget quick --out HOME/out", 0, " ok"),
        ("-m tl_course release --out HOME/x", 2, "has no solutions"),
        ("start.py test", 1, "has no tests: ask your teacher"),
    ],
)
def test_a_student_can_do_all_that_needs_no_teacher(released, tmp_path, command, code, says):
    done = as_student(released, *command.replace("HOME", str(tmp_path)).split(), home=tmp_path)
    assert done.returncode == code and says in done.stdout + done.stderr, done.stderr
    assert not (released / "student" / ".venv").exists() and not (tmp_path / "x").exists()


@pytest.mark.parametrize("version", release.VERSIONS)
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
    lesson = root / "tl_course" / "lessons" / "n01"
    lesson.mkdir(parents=True)
    (root / "notebooks").mkdir()
    (root / "README.md").write_text("# Small\n\n| [a](docs/teaching.md) |\n[b](docs/marking.md)\n")
    (root / "exam.md").write_text("of the teacher alone")
    shutil.copy(notebooks.root() / "tl_course/lessons/n01_pretrain/solutions.py", lesson)
    new, every = nbformat.v4.new_code_cell, exercises.every("01").values()
    cells = [
        new('budget = "laptop"\nseed = 0', metadata={"tags": ["parameters"]}),
        new("import math\nimport torch\nimport torch.nn.functional as F"),
        new("from tl_course.lessons.n01_pretrain import exercises"),
        *(
            new(exercise.cell(), id=exercise.own_name, metadata={"tags": ["exercise"]})
            for exercise in every
        ),
    ]
    node = nbformat.v4.new_notebook(cells=cells)
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "x", "language": "python"}
    nbformat.write(node, root / "notebooks" / "01_small.ipynb")
    monkeypatch.setattr(notebooks, "root", lambda: root)
    return root


@pytest.fixture
def small_class(small, tmp_path):
    """Its release."""
    assert cli.main(["release", "--out", str(tmp_path / "class")]) == 0
    return tmp_path / "class"


def refused(capsys, *arguments: object) -> str:
    assert cli.main(list(map(str, arguments))) == 2
    sentence = capsys.readouterr().err.strip()
    assert len(sentence.splitlines()) == 1
    return sentence


def test_a_release_takes_the_place_of_another_only_by_force_and_nothing_is_lost(
    small, small_class, capsys
):
    student = small_class / "student"
    readme = (student / "README.md").read_text()
    assert release.STUDENTS in readme and "|" not in readme and "\nb\n" in readme
    assert not list(student.rglob("solutions.py")) and not list(small_class.rglob("exam.md"))
    assert "has a release already" in refused(capsys, "release", "--out", small_class)
    added = {"student/README.md": "mine", "marks/monday/ada.ipynb": "hers", "thesis.txt": "ours"}
    added["marks/nbgrader_config.py"] = marks.CONFIGURATION.replace("120", "60")
    for name, text in added.items():
        (small_class / name).parent.mkdir(exist_ok=True)
        (small_class / name).write_text(text)
    points = small_class / "marks" / marks.POINTS
    points.write_text(points.read_text().replace("01,downhill,1", "01,downhill,2.5"))
    (small / "README.md").write_text("# Newer\n")
    assert cli.main(["release", "--out", str(small_class), "--force"]) == 0
    assert "Newer" in (student / "README.md").read_text()
    assert "01,downhill,2.5" in points.read_text()
    assert "# points: 2.5" in (student / "notebooks" / "01_small.ipynb").read_text()
    added["earlier-1/student/README.md"] = added.pop("student/README.md")
    assert {name: (small_class / name).read_text() for name in added} == added


def test_a_release_that_was_stopped_is_made_anew_without_force(small, tmp_path, monkeypatch):
    out = tmp_path / "class"

    def stopped(source, target, move=os.replace):
        if Path(target) == out / "student":
            raise KeyboardInterrupt
        move(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", stopped)
        assert cli.main(["release", "--out", str(out)]) == 130
    assert cli.main(["release", "--out", str(out)]) == 0
    assert (out / "student" / "README.md").exists() and not (out / release.UNFINISHED).exists()


def test_a_clone_with_an_answer_in_it_is_refused(small, tmp_path, capsys):
    path, leak = small / "notebooks" / "01_small.ipynb", small / "start.py"
    shutil.copy(small / "tl_course" / "lessons" / "n01" / "solutions.py", leak)
    sentence = refused(capsys, "release", "--out", tmp_path / "class")
    assert "texts of solutions" in sentence and "start.py" in sentence
    leak.unlink()
    path.write_text(path.read_text().replace("guessing_loss(classes)", "guessing_loss(n, more)"))
    sentence = refused(capsys, "release", "--out", tmp_path / "class")
    assert "is not as the course has it" in sentence
    assert not (tmp_path / "class" / "student").exists()


# ------------------------------------------------------------------------------------------ marking


def test_points_are_a_table_that_a_teacher_may_change(tmp_path):
    file = tmp_path / marks.POINTS
    assert set(marks.points_in(file).values()) == {1.0}
    file.write_text("\ufeffnotebook;exercise;points\r\n3;freezing;2,5\r\n", encoding="utf-8")
    points = marks.points_in(file)
    assert points["03", "freezing"] == 2.5 and points["03", "drift"] == 1


@pytest.mark.parametrize("line", ["01,x", "03,thawing,1", "03,freezing,-1", "03,freezing,9999"])
def test_a_line_of_points_that_makes_no_sense_is_told(tmp_path, line):
    file = tmp_path / marks.POINTS
    file.write_text(f"notebook,exercise,points\n{line}\n")
    with sentences.refused("points", f"'{line}", "0 to 1000"):
        marks.points_in(file)


def patient(folder: Path) -> None:
    """Let no mark depend on how busy this machine is; what never ends is stopped soon."""
    with (folder / marks.CONFIG).open("a") as file:
        file.write(
            f"def patience(cell):\n    return 2 if 'while True' in cell.source else {HUNG}\n"
            f"c.Execute.timeout_func = patience\nc.Execute.iopub_timeout = {HUNG}\n"
        )


def marked(folder: Path, number: str, handed_in: Path, out: Path) -> dict[str, dict]:
    """The table of marks, by student."""
    patient(folder)
    command = ["mark", number, "--marks", folder, "--handed-in", handed_in, "--out", out]
    assert cli.main([*map(str, command), "--minutes", str(HUNG / 60)]) == 0
    with out.open(newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def solve(node) -> None:
    """Write the solutions into a notebook's exercises."""
    number = re.search(r"lessons\.n(\d\d)_", str(node))[1]
    answers = {
        exercise.cell(): exercise.cell(solved=True) for exercise in exercises.every(number).values()
    }
    for cell in notebooks.exercise_cells(node):
        cell.source = answers[cell.source]


@pytest.mark.parametrize(
    "number", [FASTEST, *(pytest.param(n, marks=pytest.mark.soak) for n in NUMBERS if n != FASTEST)]
)
def test_a_notebook_gets_full_points_solved_and_none_unsolved(released, number, tmp_path):
    (path,) = notebooks.find([number])
    handed_in = tmp_path / "handed-in"
    shutil.copytree(released / "marks", tmp_path / "marks")
    (handed_in / "ada").mkdir(parents=True)
    copy = nbformat.read(released / "student" / "notebooks" / path.name, as_version=4)
    nbformat.write(copy, handed_in / f"bob_{path.name}")
    solve(copy)
    nbformat.write(copy, handed_in / "ada" / path.name)
    table = marked(tmp_path / "marks", number, handed_in, tmp_path / "marks.csv")
    full = str(len(exercises.every(number)))
    assert (table["ada"]["points"], table["ada"]["of"]) == (full, full), table["ada"]["remarks"]
    assert (table["bob"]["points"], table["bob"]["of"]) == ("0", full)
    assert table["bob"]["remarks"].count("not attempted") == int(full)


def test_a_batch_goes_on_whatever_is_handed_in(small_class, tmp_path):
    folder, handed_in = small_class / "marks", tmp_path / "handed-in"
    points = folder / marks.POINTS  # which a teacher may change after the release
    points.write_text(points.read_text().replace("01,guessing,1", "01,guessing,2.5"))
    handed_in.mkdir()
    every = exercises.every("01")
    right = {name: exercise.cell(solved=True) for name, exercise in every.items()}

    def hand_in(student: str, **sources: str | None):
        """A copy in which cells have other sources; None takes one out."""
        node = nbformat.read(small_class / "student/notebooks/01_small.ipynb", as_version=4)
        node.cells = [cell for cell in node.cells if sources.get(cell.id, "") is not None]
        for cell in node.cells:
            cell.source = sources.get(cell.id, cell.source)
            if cell.id == "horizontal-marks" and cell.id in sources:
                cell.metadata.nbgrader |= {"points": 100, "locked": False}
        nbformat.write(node, handed_in / f"{student}.ipynb")

    hand_in("1234", horizontal="while True:\n    pass", downhill=right["downhill"])
    warns = "    warnings.warn('hm')\n    probability"
    hand_in("cheats", **{
        "horizontal-marks": "'nothing is checked here'", "downhill-marks": None,
        "adding_up": right["adding_up"], "adding_up-marks": None,
        "guessing": "import warnings\n" + right["guessing"].replace("    probability", warns),
    })  # fmt: skip
    hand_in("dies", guessing="import os\nos._exit(1)")
    hand_in(
        "bo",
        guessing="import os, pathlib, psutil\n"
        "(pathlib.Path.cwd().parents[2] / 'gradebook.db').unlink()\n"
        "psutil.Process(os.getppid()).kill()",
    )
    (handed_in / "broken.ipynb").write_text('{"cells": [')
    (handed_in / "odd.ipynb").write_text('{"cells": 3}')
    table = marked(folder, "01", handed_in, tmp_path / "marks.csv")
    assert list(table) == ["1234", "bo", "broken", "cheats", "dies", "odd"]
    assert table["1234"]["points"] == "1" and table["1234"]["downhill"] == "1"
    assert "it took too long" in table["1234"]["remarks"]
    given = {name: table["cheats"][name] for name in every}
    assert given == {"horizontal": "0", "downhill": "0", "adding_up": "1", "guessing": "2.5"}
    assert (table["cheats"]["points"], table["cheats"]["of"]) == ("3.5", "5.5")
    unsound = "no sound notebook"
    for student, words in dict(
        broken=unsound, odd=unsound, dies="died", bo="nbgrader ended"
    ).items():
        assert table[student]["points"] == "", "what was not marked is no zero"
        assert words in table[student]["remarks"]


DETACHES = """
import pathlib, subprocess, sys
child = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(999)"
start = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}], **{apart})"
subprocess.run([sys.executable, '-c', start.format(child=child, apart={'start_new_session': True})])
while not pathlib.Path("pid").exists() or not pathlib.Path("pid").read_text():
    pass
"""


@pytest.mark.parametrize(
    ("then", "limits", "code"),
    [
        ("sys.exit(3)", (HUNG, 1e12), None),
        ("while True: pass", (5, 1e12), "too_slow"),
        ("every = []\nwhile True: every.append(bytes(10**7))", (HUNG, 3e8), "too_much_memory"),
    ],
)
def test_a_program_is_ended_with_all_that_it_started(tmp_path, then, limits, code):
    command = [sys.executable, "-c", DETACHES + then]
    with (tmp_path / "said").open("wb") as log:
        if code is None:
            assert marks._run(command, tmp_path, log, limits) == 3
        else:
            with sentences.refused(code):
                marks._run(command, tmp_path, log, limits)
    pid = int((tmp_path / "pid").read_text())
    for _ in range(HUNG):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(1)
    raise AssertionError("the program that it started still runs")


@pytest.mark.parametrize(
    ("file", "student"),
    [
        ("ada.ipynb", "ada"), ("ada_NOTEBOOK", "ada"), ("ada/NOTEBOOK", "ada"),
        ("Group 1/Bo Li/NOTEBOOK", "Group 1_Bo Li"), ("[x]*?.ipynb", "_x___"),
        ("=1+2.ipynb", "_1_2"),  # no formula for a spreadsheet
    ],
)  # fmt: skip
def test_students_are_known_by_the_names_of_files_or_folders(tmp_path, file, student):
    (notebook,) = notebooks.find(["03"])
    path = tmp_path / file.replace("NOTEBOOK", notebook.name)
    assert marks.student_of(path, tmp_path, notebook) == student


def test_marking_says_what_it_needs(small_class, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    known = ("mark", "01", "--handed-in", tmp_path / "empty", "--out", tmp_path / "m.csv")
    assert "not the folder 'marks'" in refused(capsys, *known, "--marks", tmp_path / "empty")
    folder = small_class / "marks"
    assert "no notebook (.ipynb)" in refused(capsys, *known, "--marks", folder)
    for limit in ("--minutes", "--memory"):
        assert "give a number between" in refused(capsys, *known, "--marks", folder, limit, 0)
    (tmp_path / "m.csv").write_text("last week's")
    assert "already exists" in refused(capsys, *known, "--marks", folder)
