"""Every notebook, found by being there: how it is kept, and that it runs, twice, strictly.

nbval runs copies that papermill prepared at budget quick; papermill runs the originals with
another seed. Both see what the other misses (nbval an error inside a widget's output, papermill
nothing that nbval hides), and both are strict about claims. The executed ones are then looked
through for pictures without alt text.
"""

import html.parser
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from conftest import HUNG
from nbclient import NotebookClient

from tl_course.app import notebooks
from tl_course.lessons import exercises, lesson

ALL = notebooks.find()
NAMES = [path.stem for path in ALL]
OF_THE_COURSE = ALL[:-1]  # the last one uses nothing of it
# Limits of papermill on a cell, on the kernel's start and on the arrival of outputs.
PATIENT = {"execution_timeout": HUNG, "start_timeout": HUNG, "iopub_timeout": HUNG}
# nbval's own, where it has no option: as a conftest.py beside the notebook that it runs.
PATIENT_NBVAL = f"""
from nbval import kernel, plugin

def made(self, *arguments, make=plugin.IPyNbCell.__init__, **more):
    make(self, *arguments, **more)
    self.output_timeout = {HUNG}

def up(self):
    for _ in range({HUNG}):
        asked = self.kc.kernel_info()
        self.await_reply(asked, timeout={HUNG})
        try:
            return self.await_idle(asked, 1)  # lost where the kernel spoke before we listened
        except kernel.Empty:
            pass
    raise RuntimeError("the kernel is not heard")

plugin.IPyNbCell.__init__, kernel.RunningKernel._ensure_iopub_up = made, up
"""


@pytest.fixture(scope="module", autouse=True)
def kernel():
    before = os.environ.get(lesson.STRICT)
    os.environ[lesson.STRICT] = "1"
    with notebooks.this_python_kernel():
        yield
    os.environ.pop(lesson.STRICT) if before is None else os.environ.update({lesson.STRICT: before})


def execute(path: Path, to: Path, folder: Path | None = None, **parameters):
    """The notebook run by papermill, in its own folder or another one."""
    return papermill.execute_notebook(
        str(path), str(to), parameters=parameters, kernel_name=notebooks.KERNEL, language="python",
        cwd=str(folder or path.parent), progress_bar=False, **PATIENT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Each notebook run by papermill at budget quick with seed 1: name → (notebook, seconds)."""
    folder, done = tmp_path_factory.mktemp("executed"), {}

    def run(path: Path):
        if path.stem not in done:
            begun = time.perf_counter()
            node = execute(path, folder / path.name, budget="quick", seed=1)
            done[path.stem] = node, time.perf_counter() - begun
        return done[path.stem]

    return run


def shown(cell) -> str:
    """The HTML of a cell's outputs."""
    return "".join(one.get("data", {}).get("text/html", "") for one in cell.get("outputs", []))


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_how_a_notebook_is_kept(path):
    node = nbformat.read(path, as_version=4)
    nbformat.validate(node)
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    text = "\n".join(cell.source for cell in node.cells if cell.cell_type == "markdown")
    source = "\n".join(cell.source for cell in code)
    assert all(not cell.outputs and cell.execution_count is None for cell in code), "has outputs"
    ids = [cell.id for cell in node.cells]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-z0-9-]+", i) for i in ids)
    parameters = [cell for cell in code if "parameters" in tags(cell)]
    assert len(parameters) == 1
    values = {}
    exec(parameters[0].source, values)
    assert values["budget"] == "laptop" and values["seed"] == 0
    first = node.cells[0].source
    for promise in ("You will see", "It takes", "You need to know"):
        assert promise in first, f"the first cell does not say: {promise}"
    assert "## What you saw" in text
    assert "pyplot" not in source
    if path in OF_THE_COURSE:
        assert values["weights"] == "shipped"
        assert f'Lesson("{path.stem[:2]}"' in source and "lesson.show(" in source
        assert "tl.predictions(lesson)" in source and "my_prediction" not in source
    given = "\n".join(cell.source for cell in code if "exercise" not in tags(cell))
    assert not re.search(r"^\s*(def|class) ", given, re.M), "logic belongs into tl_course"
    for target in re.findall(r"\]\((\d\d_\w+\.ipynb)\)", text):
        assert (path.parent / target).exists(), f"{target} is linked and does not exist"


def lines_of_code(source: str) -> list[str]:
    return [
        line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")
    ]


def main_line(path: Path) -> list:
    """The code cells of the main line, but for those that the learner writes."""
    cells = nbformat.read(path, as_version=4).cells
    ends = notebooks.AFTER_THE_MAIN_LINE
    until = next(i for i, cell in enumerate(cells) if ends.search(cell.source))
    shown = [cell for cell in cells[:until] if cell.cell_type == "code"]
    return [cell for cell in shown if "exercise" not in tags(cell)]


def is_open(cell) -> bool:
    return not cell.metadata.get("jupyter", {}).get("source_hidden")


@pytest.mark.parametrize("path", OF_THE_COURSE, ids=NAMES[:-1])
def test_what_a_learner_reads_is_about_transfer_learning(path):
    """Few imports, short cells, and set-up and claims collapsed."""
    every = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    imports = [cell for cell in every if "from tl_course" in cell.source]
    assert len(imports) == 1, "one cell imports from the course"
    assert sum("import " in line for line in imports[0].source.splitlines()) <= 3
    for cell in main_line(path):
        assert len(lines_of_code(cell.source)) <= 15, cell.id
    for cell in every:
        if cell in imports or "lesson.show(" in cell.source:
            assert not is_open(cell), f"{cell.id} is open"
        if "lesson.show(" in cell.source:
            every_line = lines_of_code(cell.source)
            claims = [line for line in every_line if re.fullmatch(r"lesson\.show\(.*\)", line)]
            assert len(claims) == cell.source.count("lesson.show("), f"{cell.id}: one line each"
            assert len(every_line) - len(claims) <= 2, f"{cell.id}: more than claims"


def test_the_main_lines_are_short():
    """What stands open; set-up and claims are collapsed."""
    counted = {
        path.stem: sum(len(lines_of_code(cell.source)) for cell in main_line(path) if is_open(cell))
        for path in OF_THE_COURSE
    }
    assert sum(counted.values()) <= 650, counted


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_papermill_runs_it_strictly_with_another_seed(path, executed):
    node, seconds = executed(path)
    print(f"{path.stem}: {seconds:.0f} s at budget quick")
    assert node.cells
    for cell in node.cells:
        if "exercise" in tags(cell):
            assert 'data-outcome="not attempted"' in shown(cell), cell.id


WITH_EXERCISES = [path for path in ALL if exercises.every(path.stem[:2])]


@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
def test_papermill_runs_it_with_all_solutions_filled_in(path, tmp_path):
    copy = tmp_path / path.name
    nbformat.write(notebooks.solved(path), copy)
    for cell in execute(copy, copy, path.parent, budget="quick").cells:
        if "exercise" in tags(cell):
            assert 'data-outcome="right"' in shown(cell), cell.id


class Images(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.alts = []

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.alts.append(dict(attributes).get("alt", ""))


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_every_picture_has_alt_text(path, executed):
    node, _ = executed(path)
    images, claims = Images(), 0
    for cell in node.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert not {"image/png", "image/jpeg", "image/svg+xml"} & set(data), cell.id
            images.feed(data.get("text/html", ""))
            claims += 'class="tl-claim"' in data.get("text/html", "")
    assert images.alts and all(len(alt) > 20 for alt in images.alts)
    source = "".join(cell.source for cell in node.cells if cell.cell_type == "code")
    assert claims == source.count("lesson.show("), "a claim was skipped"


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_nbval_runs_it_strictly(path, tmp_path):
    prepared = tmp_path / path.name
    papermill.execute_notebook(
        str(path), str(prepared), parameters={"budget": "quick"}, prepare_only=True,
        kernel_name=notebooks.KERNEL, language="python",
    )  # fmt: skip
    (tmp_path / "conftest.py").write_text(PATIENT_NBVAL)
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q",
            "-p", "no:cacheprovider", f"--rootdir={tmp_path}", f"--nbval-cell-timeout={HUNG}",
            f"--nbval-kernel-startup-timeout={HUNG}", "--override-ini=addopts=", str(prepared),
        ],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    cells = sum(c.cell_type == "code" for c in nbformat.read(path, as_version=4).cells)
    assert f"{cells + 1} passed" in done.stdout or f"{cells} passed" in done.stdout


def test_a_claim_that_does_not_hold_fails_a_notebook(tmp_path):
    node = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                "from tl_course.lessons.lesson import Lesson\n"
                "from tl_course.lessons.claims import Claim\n"
                'Lesson("03", "quick").show(Claim("no", False, "none"))'
            )
        ]
    )
    path = tmp_path / "false.ipynb"
    nbformat.write(node, path)
    with pytest.raises(papermill.PapermillExecutionError, match="claim did not hold"):
        execute(path, path)


def test_notebook_06_runs_without_the_synthesiser(tmp_path, monkeypatch):
    """Shipped networks, digits and sounds serve where the extra `speech` is not installed."""
    (tmp_path / "espeakng_loader.py").write_text("raise ImportError('not installed here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = next(path for path in ALL if path.stem.startswith("06"))
    node = execute(path, tmp_path / path.name, budget="quick")
    said = [o.get("text", "") for cell in node.cells for o in cell.get("outputs", [])]
    assert any("The speech synthesiser is not there" in text for text in said)


@pytest.mark.soak
@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_at_laptop_budget_live_claims_hold(path, tmp_path):
    begun = time.perf_counter()
    execute(path, tmp_path / path.name, budget="laptop")
    print(f"{path.stem}: {time.perf_counter() - begun:.0f} s at budget laptop; 180 are promised")


def test_what_a_learner_can_put_right_is_a_sentence_without_a_traceback():
    first = "import tl_course as tl\nlesson = tl.Lesson('03', 'quick')"
    there = "from tl_course.lessons import lesson\nlesson.somebody_is_there = lambda: True"
    cells = (first, "tl.Lesson('03', 'huge')", there, "tl.Lesson('03', 'huge')", "1 / 0")
    cells += ("raise KeyboardInterrupt",)  # what the button ■ does
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    how = {"timeout": HUNG, "kernel_name": notebooks.KERNEL, "allow_errors": True}
    with notebooks.this_python_kernel():
        NotebookClient(node, **how).execute()
    alone, told, fault, stopped = (node.cells[i].outputs for i in (1, 3, 4, 5))
    assert alone[0].evalue.startswith("There is no budget"), "who runs all of it hears of it"
    assert alone[0].output_type == "error"
    assert [one.output_type for one in told] == ["display_data"]
    assert told[0].data["text/plain"].startswith("There is no budget 'huge'")
    assert 'role="alert"' in told[0].data["text/html"]
    assert fault[0].ename == "ZeroDivisionError", "any other error keeps its traceback"
    assert [one.data["text/plain"] for one in stopped] == [lesson.STOPPED]
