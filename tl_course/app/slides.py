"""Slides of a notebook, made from the notebook alone, and shown without a network.

What begins a slide follows from what the notebook is made of: a heading, an exercise, the result of
a prediction (so that a class can vote first). The rest fills a slide until it is full.
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
REST = 3  # lines that are too few for a slide of their own
WORDS = 13  # in a line
PICTURE = 9  # lines that are as high as a picture
# What a class has nothing to see of, and an experiment whose recorded result its votes are about.
OF_A_PERSON = (
    "## Your predictions in this notebook", "tl.predictions(", "tl.calibration(",
    "tl.widgets.Teach(",
)  # fmt: skip
ASKS_FIRST = {"tl.widgets.HowMuch(": q05.CURVE}  # experiments, and the vote before their result
Begins = str  # what a cell begins, in reveal.js's terms: "slide", "subslide", or "" for nothing


def make(notebook: Path, folder: Path, budget: str = "laptop", overwrite: bool = False) -> Path:
    """The slides of a notebook, written to `folder/NAME.slides.html`, which needs no other file.

    A notebook that has no outputs is run first. Raises CourseError where it cannot be run, or
    something else is in the place.
    """
    page = free_page(notebook, folder, overwrite)
    node = nbformat.read(notebook, as_version=4)
    if not any(cell.get("outputs") for cell in node.cells):
        node = _executed(notebook, budget)
    return storage.write_text(page, _exported(as_slides(node), notebook.stem))


def free_page(notebook: Path, folder: Path, overwrite: bool = False) -> Path:
    """Where the slides of a notebook go; CourseError where something is there already."""
    storage.make_folder(folder)
    return storage.free_file(folder / f"{notebook.stem}.slides.html", overwrite)


def _executed(notebook: Path, budget: str) -> NotebookNode:
    with tempfile.TemporaryDirectory(prefix="tl-course-") as elsewhere:
        draft = Path(elsewhere, notebook.name)
        problem = report.execute(notebook, draft, budget, seed=0)
        if problem:
            raise CourseError(f"{notebook.name} could not be run, so it has no slides: {problem}")
        return nbformat.read(draft, as_version=4)


def _exported(node: NotebookNode, name: str) -> str:
    from nbconvert import SlidesExporter

    inside = {path.name: path.read_text(encoding="utf-8") for path in REVEAL.iterdir()}
    exporter = SlidesExporter(
        extra_template_basedirs=[],  # else templates of the present folder
        raw_template=inside["slides.html.j2"],
        reveal_number="c/t", reveal_width=SIZE[0], reveal_height=SIZE[1],
        exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True,
    )  # fmt: skip
    resources = {"metadata": {"name": name}, "inside": inside}
    return exporter.from_notebook_node(node, resources)[0]


def as_slides(node: NotebookNode) -> NotebookNode:
    """The main line of an executed notebook, each cell with what it is in reveal.js's terms."""
    slides = copy.deepcopy(node)
    slides.metadata.pop("widgets", None)  # an experiment is shown by its still picture
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
    """The main line, but for the foot and what is about one person."""
    for cell in cells:
        if cell.cell_type == "markdown" and AFTER_THE_MAIN_LINE.search(cell.source):
            return
        if cell.id != "foot" and not any(one in cell.source for one in OF_A_PERSON):
            yield cell


def _pieces(cell: NotebookNode) -> Iterator[tuple[NotebookNode, Begins]]:
    """A cell, or the parts of it that can be on slides of their own."""
    if text := text_of(cell):
        yield from _pages(text, cell)
    elif cell.cell_type == "code":
        yield from _of_code(cell)


def _pages(text: str, cell: NotebookNode) -> Iterator[tuple[NotebookNode, Begins]]:
    """The text of a cell, cut between its paragraphs where it fills more than a slide."""
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
    """A text without links to other notebooks and pages, which are not beside the slides.

    The pictures are those that are attached to the cell which it is part `of`.
    """
    pictures = {"attachments": of.attachments} if of and "attachments" in of else {}
    return nbformat.v4.new_markdown_cell(LINK.sub(r"\1", source), **pictures)


def _of_code(cell: NotebookNode) -> Iterator[tuple[NotebookNode, Begins]]:
    """What a cell shows. Its code is on the slide where the code is the point of it: where it is
    not collapsed, and gives no picture and asks nothing."""
    tags = cell.metadata.get("tags", [])
    if "parameters" in tags or "injected-parameters" in tags:
        return
    outputs = [_of_an_experiment(output) for output in cell.outputs if _is_seen(output)]
    html = "".join(map(_html, outputs))
    asked = [question for name, question in ASKS_FIRST.items() if name in cell.source]
    if asked:
        yield _text(f"**Predict:** {asked[0]}"), ""
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
    """Progress bars, warnings and experiments that need a kernel are not seen."""
    alive = "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    return not alive and output.get("name") != "stderr"


def _html(output: NotebookNode) -> str:
    return output.get("data", {}).get("text/html", "")


def _of_an_experiment(output: NotebookNode) -> NotebookNode:
    """Of the words and the table that stand for an experiment without a kernel, the picture."""
    if "data-tlc-still" in _html(output):
        output.data["text/html"] = "".join(re.findall("<h3>.*?</h3>|<img [^>]*>", _html(output)))
    return output


def _code(cell: NotebookNode, outputs: list[NotebookNode], shown: bool = False) -> NotebookNode:
    part = nbformat.v4.new_code_cell(cell.source, outputs=outputs, execution_count=None)
    part.metadata["transient"] = {"remove_source": not shown}
    return part


def _lines_of(cell: NotebookNode) -> float:
    """About how many lines a cell takes on a slide; code and what it prints are small."""
    if cell.cell_type == "markdown":
        return _lines(cell.source)
    small = [] if cell.metadata["transient"]["remove_source"] else [cell.source]
    for output in cell.outputs:
        data = output.get("data", {})
        small.append(output.get("text", "" if _html(output) else data.get("text/plain", "")))
    rows = sum(len(text.strip().splitlines()) for text in small)
    return 0.75 * rows + sum(_lines(_html(output)) for output in cell.outputs)


def _lines(text: str) -> float:
    """About how many lines Markdown or HTML takes: paragraphs, lists, tables and pictures."""
    text, pictures = re.subn(r"!\[[^]]*\]\([^)]*\)|<img [^>]*>", "", text)
    rows = [re.sub("<[^>]*>", " ", row).split() for row in re.split("\n|<tr", text)]
    lines = sum(1 + len(words) // WORDS for words in rows if words)
    return PICTURE * pictures + lines + 0.5 * text.count("\n\n") + text.startswith("#")
