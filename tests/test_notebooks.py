"""Every notebook, found by being there: how it is kept, and that it runs, twice, strictly.

nbval runs copies that papermill prepared at budget quick; papermill runs the originals with
another seed. Both see what the other misses (nbval an error inside a widget's output, papermill
nothing that nbval hides), and both are strict about claims. The executed ones are then looked
through for pictures without alt text.
"""

import html.parser
import json
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
from tl_course.lessons import audience, speed

ALL = notebooks.find()
NAMES = [path.stem for path in ALL]
OF_THE_COURSE = [
    path for path in ALL if "on_your_own" not in path.stem
]  # that one uses nothing of it
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
    before = os.environ.get(audience.STRICT)
    os.environ[audience.STRICT] = "1"
    with notebooks.this_python_kernel():
        yield
    os.environ.pop(audience.STRICT)
    if before is not None:
        os.environ[audience.STRICT] = before


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


CLAIM = "tl.show(lesson, claims."


def shown(cell) -> str:
    """The HTML of a cell's outputs."""
    return "".join(
        output.get("data", {}).get("text/html", "") for output in cell.get("outputs", [])
    )


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_how_a_notebook_is_kept(path):
    node = nbformat.read(path, as_version=4)
    nbformat.validate(node)
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    text = "\n".join(map(notebooks.text_of, node.cells))
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
    assert path.stem[:2] in speed.SECONDS, "a learner is told how long it computes"
    if path in OF_THE_COURSE:
        assert values["weights"] == "shipped"
        assert f'Lesson("{path.stem[:2]}"' in source and "tl.show(lesson, claims." in source
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


@pytest.mark.parametrize("path", OF_THE_COURSE, ids=lambda path: path.stem)
def test_what_a_learner_reads_is_about_transfer_learning(path):
    """Few imports, short cells, and set-up and claims collapsed."""
    every = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    imports = [cell for cell in every if "from tl_course" in cell.source]
    assert len(imports) == 1, "one cell imports from the course"
    assert sum("import " in line for line in imports[0].source.splitlines()) <= 3
    for cell in main_line(path):
        assert notebooks.text_of(cell) or len(lines_of_code(cell.source)) <= 15, cell.id
    for cell in every:
        if cell in imports or CLAIM in cell.source or notebooks.text_of(cell):
            assert not is_open(cell), f"{cell.id} is open"
        if CLAIM in cell.source:
            every_line = lines_of_code(cell.source)
            claims = [line for line in every_line if line.startswith(CLAIM) and line[-1] == ")"]
            assert len(claims) == cell.source.count(CLAIM), f"{cell.id}: one line each"
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


# A learner sits at it, who presses Run All and answers nothing; and what was asked by then.
SIT_DOWN = """
from tl_course.lessons import audience as there
there.somebody_is_there = lambda: True
"""
ASKED = """
import json
from tl_course.widgets import asking
asked = [(one.key[1], one.asked) for one in asking._asked.values()]
print(json.dumps([[name, one.unit, one.measured] for name, one in asked]))
"""


@pytest.fixture(scope="module")
def attended(tmp_path_factory):
    """Each notebook with all solutions filled in, run as by a learner who answers nothing."""
    folder, done = tmp_path_factory.mktemp("attended"), {}

    def run(path: Path):
        if path.stem not in done:
            node = notebooks.solved(path)
            first, last = (nbformat.v4.new_code_cell(source) for source in (SIT_DOWN, ASKED))
            node.cells = [first, *node.cells, last]
            nbformat.write(node, folder / path.name)
            done[path.stem] = execute(
                folder / path.name, folder / path.name, path.parent, budget="quick"
            )
        return done[path.stem]

    return run


@pytest.mark.parametrize("path", OF_THE_COURSE, ids=lambda path: path.stem)
def test_papermill_runs_it_with_all_solutions_filled_in(path, attended):
    for cell in attended(path).cells:
        if "exercise" in tags(cell):
            assert 'data-outcome="right"' in shown(cell), cell.id


def asks(cell) -> bool:
    """Whether it asks for a prediction, of its own or in an experiment that begins with one."""
    return cell.cell_type == "code" and bool(re.search(r"tl\.prediction\(|HowMuch\(", cell.source))


def seen(cell) -> str:
    """The words that a learner sees of a cell before anything is answered."""
    words = cell.source if cell.cell_type == "markdown" or is_open(cell) else ""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "(an experiment)" in data.get("text/plain", ""):
            continue  # its still picture is hidden where it lives
        page = data.get("text/html") or output.get("text", "")
        alts = re.findall(r'alt="([^"]*)"', page)
        words = " ".join(
            [words, re.sub(r"<style.*?</style>|<[^>]*>", " ", page, flags=re.S), *alts]
        )
    return html.unescape(words)


def told_by(words: str, value: float, unit: str) -> str:
    """Where words tell a number that was to be predicted: 2.55, 2.6 or "79%"; else ""."""
    forms = {f"{value:.3g}", f"{value:.1f}", f"{value:.2f}"}
    bare = [re.escape(form) for form in forms if len(form.replace(".", "").strip("-0")) > 2]
    percent = [rf"{value:.0f}%(?! interval| confidence)", f"{value:.0f} of 100"]
    whole = percent if unit == "%" else [f"{value:.0f} {unit}"]
    for number in bare + whole * (10 < value < 100):  # the others are said of much else
        if match := re.search(rf".{{0,60}}(?<![\d.,]){number}(?!\d)", words, re.DOTALL):
            return match[0]
    return ""


@pytest.mark.parametrize("path", OF_THE_COURSE, ids=lambda path: path.stem)
def test_nothing_tells_an_answer_before_it_is_given(path, attended):
    """Run All: no claim, text or figure tells what comes out while the question is open."""
    *cells, last = attended(path).cells
    asked = json.loads(last.outputs[0].text)
    assert len(asked) == sum(asks(cell) for cell in cells)
    told_early = [
        (cell.id, name, where)
        for cell in cells
        for name, unit, measured in asked
        for value in (() if isinstance(measured, str) else measured.values())
        if not isinstance(value, str)  # a choice, which is among those that the question names
        if (where := told_by(seen(cell), value, unit))
    ]
    assert told_early == []


@pytest.mark.parametrize("path", OF_THE_COURSE, ids=lambda path: path.stem)
def test_what_follows_a_prediction_waits_for_it(path):
    """Until the next heading, texts and questions below a prediction are shown by `tl.show`."""
    asked = ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            asked = "" if re.match("#|---", cell.source) else asked
            assert not asked, f"{cell.id} stands open below the question {asked}"
        elif asks(cell):
            asked = cell.id
        elif "tl.question(" in cell.source and asked:
            assert "tl.show(" in cell.source, f"{cell.id} stands open below the question {asked}"


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
    assert claims == source.count(CLAIM), "a claim was skipped"


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
                "import tl_course as tl\n"
                "from tl_course.lessons.lesson import Lesson\n"
                "from tl_course.lessons.claims import Claim\n"
                'tl.show(Lesson("03", "quick"), Claim("no", False, "none"))'
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
    printed = [o.get("text", "") for cell in node.cells for o in cell.get("outputs", [])]
    assert any("The speech synthesiser is not there" in text for text in printed)


@pytest.mark.soak
@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_at_laptop_budget_live_claims_hold(path, tmp_path):
    begun = time.perf_counter()
    execute(path, tmp_path / path.name, budget="laptop")
    print(f"{path.stem}: {time.perf_counter() - begun:.0f} s at budget laptop; 180 are promised")


def test_what_a_learner_can_put_right_is_a_sentence_without_a_traceback():
    first = "import tl_course as tl\nlesson = tl.Lesson('03', 'quick')"
    there = "from tl_course.lessons import audience\naudience.somebody_is_there = lambda: True"
    cells = (first, "tl.Lesson('03', 'huge')", there, "tl.Lesson('03', 'huge')", "1 / 0")
    cells += ("raise KeyboardInterrupt",)  # what the button ■ does
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    how = {"timeout": HUNG, "kernel_name": notebooks.KERNEL, "allow_errors": True}
    with notebooks.this_python_kernel():
        NotebookClient(node, **how).execute()
    alone, refused, fault, stopped = (node.cells[i].outputs for i in (1, 3, 4, 5))
    assert alone[0].evalue.startswith("There is no budget"), "who runs all of it hears of it"
    assert alone[0].output_type == "error"
    assert [output.output_type for output in refused] == ["display_data"]
    assert refused[0].data["text/plain"].startswith("There is no budget 'huge'")
    assert 'role="alert"' in refused[0].data["text/html"]
    assert fault[0].ename == "ZeroDivisionError", "any other error keeps its traceback"
    assert [output.data["text/plain"] for output in stopped] == [audience.STOPPED]
