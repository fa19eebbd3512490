"""The house: who may import whom, a lesson for each notebook, and the face."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import tl_course as tl

ROOT = Path(tl.__file__).parents[1]
BROKEN = {  # contract: a file, and an import that it must not have
    "floors": ("base/errors.py", "from tl_course.core import network"),
    "lessons": ("lessons/claims.py", "from tl_course.lessons import lesson"),
    "computing": (
        "widgets/teach.py",
        "from tl_course.lessons.n08_your_own_task import experiments",
    ),
    "drawing": ("study/sweep.py", "import matplotlib"),
}


def contracts(folder: Path) -> subprocess.CompletedProcess:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_imports_keep_to_the_house():
    done = contracts(ROOT)
    assert done.returncode == 0 and f"{len(BROKEN)} kept, 0 broken" in done.stdout, done.stdout


@pytest.mark.parametrize("contract", BROKEN)
def test_each_contract_can_be_broken(contract, tmp_path):
    shutil.copytree(
        ROOT / "tl_course",
        tmp_path / "tl_course",
        ignore=shutil.ignore_patterns("weights", "results", "__pycache__"),
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file, line = BROKEN[contract]
    path = tmp_path / "tl_course" / file
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    done = contracts(tmp_path)
    assert done.returncode != 0 and f"{len(BROKEN) - 1} kept, 1 broken" in done.stdout, done.stdout


LOWER = r"[a-z0-9_.]+"  # a function, and no constant


def computing(tree: ast.Module) -> set[str]:
    """What a figures module calls of studies, experiments and statistics."""
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if {"study", "experiments", "stats"} & {*f"{node.module}.{alias.name}".split(".")}
    }
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {call for call in calls if call.split(".")[0] in names and re.fullmatch(LOWER, call)}


CHOOSES_ROWS = {"comparing.plain", "comparing.tuned"}
IN_WORDS = {"arm_in_words", "in_a_cell"}  # how a way to learn and a cell are written


def test_figures_draw_and_compute_nothing():
    """Each public function of a figures module gives a picture, made of what it is given."""
    for path in sorted((ROOT / "tl_course" / "lessons").rglob("figures.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                gives = ast.unparse(node.returns).removesuffix(" | None")
                assert gives in ("Picture", "Wall", "HTML", "Findings"), f"{path}: {node.name}"
        assert computing(tree) <= CHOOSES_ROWS | IN_WORDS, path


ON_YOUR_OWN = "n11_on_your_own"  # the notebook that uses nothing of the course


def test_every_notebook_has_a_lesson_and_every_lesson_a_notebook():
    notebooks = {f"n{path.stem}" for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    lessons = {path.parent.name for path in (ROOT / "tl_course/lessons").glob("n*/__init__.py")}
    assert lessons == notebooks - {ON_YOUR_OWN}


def lessons_imported(code: str) -> set[str]:
    """The folders of lessons (`n05_how_much_data`) that a program imports from."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    imported = " ".join(f"{node.module}.{alias.name}" for node in nodes for alias in node.names)
    return set(re.findall(r"\btl_course\.lessons\.(n\d\d_\w+)", imported))


def test_a_lesson_is_imported_by_itself_and_its_notebook_only():
    """So nobody has to read another lesson first. What lessons share imports none of them."""
    for path in (ROOT / "tl_course" / "lessons").rglob("*.py"):
        assert lessons_imported(path.read_text(encoding="utf-8")) <= {path.parent.name}, path
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        code = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        assert set().union(*map(lessons_imported, code)) <= {f"n{path.stem}"}, path.name
    for way in (".n05_x import y", ".n05_x.y import z", " import n05_x"):
        assert lessons_imported(f"from tl_course.lessons{way}") == {"n05_x"}


def test_the_face_gives_every_name_that_it_documents():
    for name in tl.__all__:
        assert f"tl.{name}" in tl.__doc__
        assert getattr(tl, name) is not None
    assert set(tl.__all__) < set(dir(tl))
    with pytest.raises(AttributeError, match="no 'sweeps'"):
        tl.sweeps  # noqa: B018


def test_importing_the_face_loads_nothing():
    code = "import sys, tl_course; assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_no_public_function_takes_more_than_seven_parameters_without_a_reason():
    for path in (ROOT / "tl_course").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                taken = [
                    parameter.arg for parameter in given if parameter.arg not in ("self", "cls")
                ]
                documented = " ".join((ast.get_docstring(node) or "").split())
                reason = "ore than seven parameters" in documented
                assert len(taken) <= 7 or reason, f"{path.name}: {node.name}"


PICKLES = ("pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "jsonpickle")
SAFE = {"allow_pickle": False, "weights_only": True, "trust_remote_code": False}


def unpickling(text: str) -> set[str]:
    """What in a program could run the code of a file that it opens: where, and what."""
    places = set()
    tree = ast.parse(text)
    for top in tree.body:
        at = getattr(top, "name", "the top")
        for node in ast.walk(top):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [
                    node.module or "",
                    *(f"{node.module}.{alias.name}" for alias in node.names),
                ]
            elif isinstance(node, ast.Attribute):
                modules = [ast.unparse(node)]
            elif isinstance(node, ast.keyword) and node.arg in SAFE:
                if getattr(node.value, "value", None) is not SAFE[node.arg]:
                    places.add(f"{at}: {node.arg}")
            for name in modules:
                first, last = name.split(".")[0], name.split(".")[-1]
                unsafe = first in PICKLES or last == "read_pickle"
                if unsafe or first in ("torch", "joblib") and last in ("load", "save", "dump"):
                    places.add(f"{at}: {name}")
    return places


SAY_NOTHING = ("found", "kept", "one", "own", "said", "told")
# Parameters that callers give by keyword, which keep their names.
BY_KEYWORD = {"tests/clicker.py": "kept", "tl_course/widgets/own_task.py": "own"}


def names_that_say_nothing(text: str) -> list[tuple[int, str]]:
    """Line and name of each variable and parameter of a program that is in `SAY_NOTHING`."""
    tree = ast.parse(text)
    attributes = {
        target
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, (ast.Assign, ast.AnnAssign))
        for target in getattr(statement, "targets", [getattr(statement, "target", None)])
    }
    names = [
        (node.lineno, node.arg if isinstance(node, ast.arg) else node.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.arg)
        or isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Store)
        and node not in attributes
    ]
    return [(line, name) for line, name in names if name in SAY_NOTHING]


def test_names_say_what_they_hold():
    for folder in ("tl_course", "tests", "data_scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            for line, name in names_that_say_nothing(path.read_text(encoding="utf-8")):
                assert BY_KEYWORD.get(file) == name, f"{file}:{line}: {name}"


@pytest.mark.parametrize(
    "line",
    [
        "found = 1", "def f(own): pass", "f = lambda *, told: 1", "x = [1 for said in y]",
        "for a, (kept, b) in c: pass", "with open(x) as one: pass", "if (found := x): pass",
        "class A:\n    def f(self):\n        own = self.own",
    ],
)  # fmt: skip
def test_a_name_that_says_nothing_is_seen(line):
    assert len(names_that_say_nothing(line)) == 1


def test_what_an_object_calls_its_own_may_be_called_so():
    program = "class A:\n    own: int = 1\n    told = 2\na.kept = f(said=1)"
    assert names_that_say_nothing(program) == []


def test_nothing_of_the_package_unpickles():
    """But for one file, whose hash is known, and what notebook 07 asks a learner to mend."""
    places = {
        f"{path.relative_to(ROOT).as_posix()}: {place}"
        for path in (ROOT / "tl_course").rglob("*.py")
        for place in unpickling(path.read_text(encoding="utf-8"))
    }
    exercise = "tl_course/lessons/n07_published_networks/strangers.py: load"
    assert places == {
        "tl_course/core/published.py: _lite0_weights: torch.load",
        f"{exercise}: torch.load", f"{exercise}: weights_only",
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from pickle import loads", "x = torch.load(file, weights_only=True)",
        "from torch import load", "x = joblib.load(file)", "x = np.load(file, allow_pickle=True)",
        "x = np.load(file, allow_pickle=may)", "pandas.read_pickle(file)", "torch.save(x, file)",
        "x = torch.hub.load_state_dict_from_url(url, weights_only=False)",
    ],
)  # fmt: skip
def test_what_unpickles_is_seen(line):
    assert unpickling(f"def f():\n    {line}")
