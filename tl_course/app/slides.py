"""Slides of a notebook, which need no network.

A slide begins at each heading, each exercise and each result of a prediction (so that a class can
vote first). Other cells fill a slide until it is full.
"""

import copy
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tl_course.app import report
from tl_course.app.notebooks import AFTER_THE_MAIN_LINE, text_of
from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.lessons.n05_how_much_data import questions as q05

REVEAL = Path(__file__).with_name("reveal")  # reveal.js 6.0.2, our theme, and our template
SIZE = ("1280", "720")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:)[^)]*\)")
FULL = 16  # lines of text on a slide
REST = 3  # lines that are too few for a separate slide
WORDS = 13  # per line
PICTURE = 9  # the height of a picture in lines
# Parts for one learner, and an experiment whose recorded result would give away the class's vote.
OF_A_PERSON = (
    "## Your predictions in this notebook", "tl.predictions(", "tl.calibration(",
    "tl.widgets.Teach(",
)  # fmt: skip
ASKS_FIRST = {"tl.widgets.HowMuch(": q05.CURVE}  # experiments, and the vote before their result
Begins = str  # "slide" or "subslide" (reveal.js's terms) if a cell begins one, otherwise ""


def make_slides(
    notebook: Path, folder: Path, budget: str = "laptop", overwrite: bool = False
) -> Path:
    """Write the slides of a notebook to `folder/NAME.slides.html`, which needs no other file.

    A notebook without outputs is run first. Raises CourseError if it cannot be run or the file
    exists.
    """
    page = free_page(notebook, folder, overwrite)
    node = nbformat.read(notebook, as_version=4)
    if not any(cell.get("outputs") for cell in node.cells):
        node = _executed(notebook, budget)
    return storage.write_text(page, _exported(as_slides(node), notebook.stem))


def free_page(notebook: Path, folder: Path, overwrite: bool = False) -> Path:
    """The path of a notebook's slides; CourseError if it exists and `overwrite` is False."""
    storage.make_folder(folder)
    return storage.free_file(folder / f"{notebook.stem}.slides.html", overwrite)


def _executed(notebook: Path, budget: str) -> NotebookNode:
    with tempfile.TemporaryDirectory(prefix="tl-course-") as elsewhere:
        draft = Path(elsewhere, notebook.name)
        problem = report.execute(notebook, draft, budget, seed=0)
        if problem:
            raise CourseError(
                "not_run", f"{notebook.name} could not be run, so it has no slides: {problem}"
            )
        return nbformat.read(draft, as_version=4)


def _exported(node: NotebookNode, name: str) -> str:
    from nbconvert import SlidesExporter

    inside = {path.name: path.read_text(encoding="utf-8") for path in REVEAL.iterdir()}
    exporter = SlidesExporter(
        extra_template_basedirs=[],  # otherwise it uses templates of the current folder
        raw_template=inside["slides.html.j2"],
        reveal_number="c/t", reveal_width=SIZE[0], reveal_height=SIZE[1],
        exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True,
    )  # fmt: skip
    resources = {"metadata": {"name": name}, "inside": inside}
    return exporter.from_notebook_node(node, resources)[0]


def as_slides(node: NotebookNode) -> NotebookNode:
    """The main line of an executed notebook; each cell has its slide type for reveal.js."""
    slides = copy.deepcopy(node)
    slides.metadata.pop("widgets", None)  # a still picture takes the place of an experiment
    pieces = [piece for cell in _main_line(slides.cells) for piece in _pieces(cell)]
    full = 0.0
    for number, (cell, begins) in enumerate(pieces):
        lines = _lines_of(cell)
        kind = begins or ("subslide" if _is_too_much(full, lines) else "-")
        full = lines if kind != "-" else full + lines
        cell.id = f"slide-{number}"
        cell.metadata["slideshow"] = {"slide_type": kind}
    slides.cells = [cell for cell, _ in pieces]
    return slides


def _is_too_much(lines: float, more: float) -> bool:
    return lines + more > (FULL + REST if more <= REST else FULL)


def _main_line(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    """The main line without the foot and the parts for one learner."""
    for cell in cells:
        if cell.cell_type == "markdown" and AFTER_THE_MAIN_LINE.search(cell.source):
            return
        if cell.id != "foot" and not any(text in cell.source for text in OF_A_PERSON):
            yield cell


def _pieces(cell: NotebookNode) -> Iterator[tuple[NotebookNode, Begins]]:
    """The parts of a cell that can be on separate slides."""
    if text := text_of(cell):
        yield from _pages(text, cell)
    elif cell.cell_type == "code":
        yield from _of_code(cell)


def _pages(text: str, cell: NotebookNode) -> Iterator[tuple[NotebookNode, Begins]]:
    """The text of a cell, cut between paragraphs if it fills more than a slide."""
    begins, page = "", []
    for block in re.split(r"\n{2,}(?!    )", text.strip()):
        if heading := re.match("#{1,3} ", block):
            begins = "subslide" if heading[0] == "### " else "slide"
        elif page and _is_too_much(_lines("\n\n".join(page)), _lines(block)):
            yield _text("\n\n".join(page), cell), begins
            begins, page = "subslide", []
        page.append(block)
    yield _text("\n\n".join(page), cell), begins


def _text(source: str, of: NotebookNode | None = None) -> NotebookNode:
    """A text cell without links to other notebooks and pages, which the slides do not include.

    It keeps the pictures attached to the cell `of`, which it is a part of.
    """
    pictures = {"attachments": of.attachments} if of and "attachments" in of else {}
    return nbformat.v4.new_markdown_cell(LINK.sub(r"\1", source), **pictures)


def _of_code(cell: NotebookNode) -> Iterator[tuple[NotebookNode, Begins]]:
    """The outputs of a code cell; its code is shown only if it is neither collapsed nor the source
    of a picture or question."""
    tags = cell.metadata.get("tags", [])
    if "parameters" in tags or "injected-parameters" in tags:
        return
    outputs = [_of_an_experiment(output) for output in cell.outputs if _is_seen(output)]
    html = "".join(map(_html, outputs))
    votes = [vote for name, vote in ASKS_FIRST.items() if name in cell.source]
    if votes:
        yield _text(f"**Predict:** {votes[0]}"), ""
        yield _code(cell, outputs), "subslide"
    elif "exercise" in tags:
        yield _code(cell, [], shown=True), ""
    elif "tl-prediction" in html:
        yield _code(cell, outputs[:1]), ""
        yield _code(cell, outputs[1:]), "subslide"
    elif "tl-claim" in html:
        yield _code(cell, outputs), ""
    elif not cell.metadata.get("jupyter", {}).get("source_hidden", False):
        shown = not html and not _only_imports(cell.source)
        if shown or outputs:
            yield _code(cell, outputs, shown), ""


def _only_imports(source: str) -> bool:
    return all(line.startswith(("import ", "from ")) for line in source.splitlines() if line)


def _is_seen(output: NotebookNode) -> bool:
    """Whether an output is shown: progress bars, warnings and live experiments are not."""
    alive = "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    return not alive and output.get("name") != "stderr"


def _html(output: NotebookNode) -> str:
    return output.get("data", {}).get("text/html", "")


def _of_an_experiment(output: NotebookNode) -> NotebookNode:
    """The output with only the title and picture, if it is the still form of an experiment."""
    if "data-tlc-still" in _html(output):
        output.data["text/html"] = "".join(re.findall("<h3>.*?</h3>|<img [^>]*>", _html(output)))
    return output


def _code(cell: NotebookNode, outputs: list[NotebookNode], shown: bool = False) -> NotebookNode:
    part = nbformat.v4.new_code_cell(cell.source, outputs=outputs, execution_count=None)
    part.metadata["transient"] = {"remove_source": not shown}
    return part


def _lines_of(cell: NotebookNode) -> float:
    """The approximate lines of a cell on a slide; code and printed output are smaller."""
    if cell.cell_type == "markdown":
        return _lines(cell.source)
    small = [] if cell.metadata["transient"]["remove_source"] else [cell.source]
    for output in cell.outputs:
        data = output.get("data", {})
        small.append(output.get("text", "" if _html(output) else data.get("text/plain", "")))
    rows = sum(len(text.strip().splitlines()) for text in small)
    return 0.75 * rows + sum(_lines(_html(output)) for output in cell.outputs)


def _lines(text: str) -> float:
    """The approximate lines of Markdown or HTML: paragraphs, lists, tables and pictures."""
    text, pictures = re.subn(r"!\[[^]]*\]\([^)]*\)|<img [^>]*>", "", text)
    rows = [re.sub("<[^>]*>", " ", row).split() for row in re.split("\n|<tr", text)]
    lines = sum(1 + len(words) // WORDS for words in rows if words)
    return PICTURE * pictures + lines + 0.5 * text.count("\n\n") + text.startswith("#")
