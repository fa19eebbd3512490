"""Slides of a notebook, made from the notebook alone, and shown without a network.

What begins a slide follows from what the notebook is made of: a heading, an exercise, the result of
a prediction (so that a class can vote first). The rest fills a slide until it is full.
"""

import copy
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tl_course.app import report
from tl_course.app.notebooks import AFTER_THE_MAIN_LINE, text_of
from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.lessons.n05_how_much_data import questions as q05

REVEAL = Path(__file__).with_name("reveal")  # reveal.js 6.0.2, our theme, and our template
BESIDE = {  # where the slides expect them, in a folder `reveal` beside them
    "reveal.js": "dist/reveal.js", "reveal.css": "dist/reveal.css",
    "course.css": "dist/theme/course.css", "LICENSE.txt": "LICENSE.txt",
}  # fmt: skip
SIZE = ("1280", "720")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:)[^)]*\)")
FULL = 15  # lines of text on a slide
REST = 3  # lines that are too few for a slide of their own
WORDS = 13  # in a line
PICTURE = 9  # lines that are as high as a picture
# What a class has nothing to see of, and an experiment whose recorded result its votes are about.
OF_A_PERSON = ("tl.predictions(", "tl.calibration(", "tl.widgets.Teach(")
ASKS_FIRST = {"tl.widgets.HowMuch(": q05.CURVE}  # experiments, and the vote before their result


@dataclass
class Piece:
    """A cell, or a part of one; how many lines high, and what it begins: a slide, or nothing."""

    cell: NotebookNode
    lines: float
    begins: str = ""


def make(notebook: Path, folder: Path, budget: str = "laptop", overwrite: bool = False) -> Path:
    """The slides of a notebook, written to `folder/NAME.slides.html`; a notebook that has no
    outputs is run first. They need the folder `reveal` that is written beside them.

    Raises CourseError where the notebook cannot be run, or something else is in the place.
    """
    page = free_page(notebook, folder, overwrite)
    node = nbformat.read(notebook, as_version=4)
    if not any(cell.get("outputs") for cell in node.cells):
        node = _executed(notebook, budget)
    text = _exported(as_slides(node), notebook.stem)
    _put_reveal_beside(folder / "reveal", overwrite)
    return storage.write_text(page, text)


def free_page(notebook: Path, folder: Path, overwrite: bool = False) -> Path:
    """Where the slides of a notebook go; CourseError where something is there already."""
    storage.make_folder(folder)
    return storage.free_file(folder / f"{notebook.stem}.slides.html", overwrite)


def _put_reveal_beside(folder: Path, overwrite: bool) -> None:
    for name, place in BESIDE.items():
        content = (REVEAL / name).read_text(encoding="utf-8")
        path = folder / place
        if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != content:
            storage.make_folder(path.parent)
            storage.write_text(storage.free_file(path, overwrite), content)


def _executed(notebook: Path, budget: str) -> NotebookNode:
    with tempfile.TemporaryDirectory(prefix="tl-course-") as elsewhere:
        draft = Path(elsewhere, notebook.name)
        problem = report.execute(notebook, draft, budget, seed=0)
        if problem:
            raise CourseError(f"{notebook.name} could not be run, so it has no slides: {problem}")
        return nbformat.read(draft, as_version=4)


def _exported(node: NotebookNode, name: str) -> str:
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(
        extra_template_basedirs=[],  # else templates of the present folder
        raw_template=(REVEAL / "slides.html.j2").read_text(encoding="utf-8"),
        reveal_url_prefix="reveal", reveal_theme="course", reveal_number="c/t",
        reveal_width=SIZE[0], reveal_height=SIZE[1],
        exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True,
    )  # fmt: skip
    return exporter.from_notebook_node(node, {"metadata": {"name": name}})[0]


def as_slides(node: NotebookNode) -> NotebookNode:
    """The main line of an executed notebook, each cell with what it is in reveal.js's terms."""
    slides = copy.deepcopy(node)
    slides.metadata.pop("widgets", None)  # an experiment is shown by its still picture
    pieces = [piece for cell in _main_line(slides.cells) for piece in _pieces(cell)]
    full = 0.0
    for number, piece in enumerate(pieces):
        piece.cell.id = f"slide-{number}"
        kind = piece.begins or ("subslide" if _is_too_much(full, piece.lines) else "-")
        full = piece.lines if kind != "-" else full + piece.lines
        piece.cell.metadata["slideshow"] = {"slide_type": kind}
    slides.cells = _without_bare_headings([piece.cell for piece in pieces])
    return slides


def _is_too_much(lines: float, more: float) -> bool:
    return lines + more > (FULL + REST if more <= REST else FULL)


def _main_line(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    """The main line, but for the foot and what sets the notebook up."""
    for cell in cells:
        if cell.cell_type == "markdown" and AFTER_THE_MAIN_LINE.search(cell.source):
            return
        if cell.id != "foot" and not any(one in cell.source for one in OF_A_PERSON):
            yield cell


def _pieces(cell: NotebookNode) -> Iterator[Piece]:
    if text := text_of(cell):
        yield from _pages(text, cell)
    elif cell.cell_type == "code":
        yield from _of_code(cell)


def _pages(text: str, cell: NotebookNode) -> Iterator[Piece]:
    """The text of a cell, cut between its paragraphs where it fills more than a slide."""
    begins, blocks, lines = "", [], 0.0
    for block in re.split(r"\n{2,}(?!    )", text.strip()):
        if re.match("##? ", block):
            begins = "slide"
        elif re.match("### ", block):
            begins = "subslide"
        elif blocks and _is_too_much(lines, _height(block)):
            yield Piece(_text("\n\n".join(blocks), cell), lines, begins)
            begins, blocks, lines = "subslide", [], 0.0
        blocks.append(block)
        lines += _height(block)
    if blocks:
        yield Piece(_text("\n\n".join(blocks), cell), lines, begins)


def _text(source: str, of: NotebookNode | None = None) -> NotebookNode:
    """A text without links to other notebooks and pages, which are not beside the slides.

    The pictures are those that are attached to the cell which it is part `of`.
    """
    pictures = {"attachments": of.attachments} if of and "attachments" in of else {}
    return nbformat.v4.new_markdown_cell(LINK.sub(r"\1", source), **pictures)


def _height(block: str) -> float:
    """About how many lines a paragraph, a list, a table or code takes."""
    rows = block.splitlines()
    if block.startswith("!["):
        return PICTURE
    if re.match(r"```|\|", block):
        return 1.1 * len(rows)
    if block.startswith("#"):
        return 2.2
    return 0.5 + sum(1 + len(row.split()) // WORDS for row in rows)


def _of_code(cell: NotebookNode) -> Iterator[Piece]:
    """What a cell shows. Its code is on the slide where the code is the point of it: where it is
    not collapsed, and gives no picture and asks nothing."""
    tags = cell.metadata.get("tags", [])
    if "parameters" in tags or "injected-parameters" in tags:
        return
    outputs = [_of_an_experiment(one) for one in cell.outputs if _is_seen(one)]
    html = [one.get("data", {}).get("text/html", "") for one in outputs]
    collapsed = cell.metadata.get("jupyter", {}).get("source_hidden", False)
    for experiment, question in ASKS_FIRST.items():
        if experiment in cell.source:
            yield Piece(_text(f"**Predict:** {question}"), _height(question))
            yield Piece(_code(cell, outputs), _high(outputs), "subslide")
            return
    if "exercise" in tags:
        yield Piece(_code(cell, [], shown=True), 0.75 * _rows(cell.source) + 1)
    elif any("tl-prediction" in one for one in html):
        yield Piece(_code(cell, outputs[:1]), _high(outputs[:1]))
        yield Piece(_code(cell, outputs[1:]), _high(outputs[1:]), "subslide")
    elif any("tl-claim" in one for one in html):
        yield Piece(_code(cell, outputs), _high(outputs))
    elif not collapsed:
        shown = not any(html) and not _only_imports(cell.source)
        if shown or outputs:
            lines = (0.75 * _rows(cell.source) + 1 if shown else 0) + _high(outputs)
            yield Piece(_code(cell, outputs, shown), lines)


def _only_imports(source: str) -> bool:
    return all(line.startswith(("import ", "from ")) for line in source.splitlines() if line)


def _is_seen(output: NotebookNode) -> bool:
    """Progress bars, warnings and experiments that need a kernel are not seen."""
    alive = "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    return not alive and output.get("name") != "stderr"


def _of_an_experiment(output: NotebookNode) -> NotebookNode:
    """Of the words and the table that stand for an experiment without a kernel, the picture."""
    html = output.get("data", {}).get("text/html", "")
    if "data-tlc-still" in html:
        output.data["text/html"] = "".join(re.findall("<h3>.*?</h3>|<img [^>]*>", html))
    return output


def _code(cell: NotebookNode, outputs: list[NotebookNode], shown: bool = False) -> NotebookNode:
    part = nbformat.v4.new_code_cell(cell.source, outputs=outputs, execution_count=None)
    part.metadata["transient"] = {"remove_source": not shown}
    return part


def _rows(text: str) -> int:
    return len(text.strip().splitlines())


def _high(outputs: list[NotebookNode]) -> float:
    """About how many lines outputs take."""
    lines = 0.0
    for one in outputs:
        html = one.get("data", {}).get("text/html", "")
        words = re.sub("<[^>]*>", " ", html).split()
        printed = one.get("text", "") or ("" if html else one.get("data", {}).get("text/plain", ""))
        lines += PICTURE * html.count("<img") + 1.2 * html.count("<tr") + len(words) / WORDS
        lines += 0.75 * _rows(printed)
    return lines


def _without_bare_headings(cells: list[NotebookNode]) -> list[NotebookNode]:
    """A heading below which nothing is left, as that of the learner's own predictions, goes."""
    kinds = [cell.metadata["slideshow"]["slide_type"] for cell in cells]
    following = [*kinds[1:], "slide"]
    return [
        cell
        for cell, kind, after in zip(cells, kinds, following, strict=True)
        if not (kind == after == "slide" and re.fullmatch("#+ .*", cell.source))
    ]
