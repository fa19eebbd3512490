"""What a learner reads: words are introduced before they are used, and links lead somewhere.

A pattern cannot tell good English from bad, but it can hold what the style page of CONTRIBUTING.md
rules out.
"""

import ast
import re
from functools import cache

import nbformat
import pytest

from tl_course.app import notebooks
from tl_course.app.notebooks import root
from tl_course.app.pages import rules

NOTEBOOKS = {path.stem[:2]: path for path in notebooks.find()}
PAGES = [root() / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES += sorted((root() / "docs").rglob("*.md"))
WORDS, RESULTS, LINES = 1200, 12, 80  # of a main line, at most
TAKEN_HOME = {"11"}  # code to copy, so its lines are not counted


@cache
def cells(number: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(NOTEBOOKS[number], as_version=4).cells


@cache
def main_line(number: str) -> list[nbformat.NotebookNode]:
    """The main line without its exercise."""
    taken = []
    exercises = False
    for cell in cells(number):
        if cell.cell_type == "markdown":
            if notebooks.AFTER_THE_MAIN_LINE.search(cell.source):
                break
            if re.match("## ", cell.source):
                exercises = cell.source.startswith("## Exercise")
        if not exercises:
            taken.append(cell)
    return taken


def without_code(source: str) -> str:
    return re.sub(r"```.*?```", "", source, flags=re.S)


def prose(source: str) -> str:
    """A cell or a page without code, formulas, tables of numbers and the addresses of links."""
    source = re.sub(r"`[^`]*`", "", without_code(source))
    source = re.sub(r"<!--.*?-->", "", source, flags=re.S)
    return re.sub(r"\]\([^)]*\)", "]", source)


def text(cell) -> str:
    return prose(notebooks.text_of(cell))


# ---------------------------------------------------------------------------------- the glossary


@cache
def glossary() -> dict[str, str]:
    """Word → number of the notebook that introduces it."""
    page = (root() / "docs" / "glossary.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| ([^|]+?) \| [^|]+? \| (\d\d) \|$", page, flags=re.M))


def uses(word: str) -> re.Pattern:
    forms = {
        "label": "label(?:s|led)?",
        "pretrained": "pretrain(?:ed|ing|s)?",
        "fine-tuning": "fine-tun(?:ing|ed|e|es)",
        "overfitting": "overfit(?:ting|s)?",
        "class": "classes|(?:each|a|the|one|every) class",
        "patch": "patch(?:es)?",
        "features": "features?",
        "test digits": "test digits?",
        "draw": "draws of|(?:a|one|each|every|other|same|ten|twenty|many) draws?",
    }
    plain = forms.get(word, re.escape(word) + "s?")
    return re.compile(rf"(?<![\w-]){plain}(?![\w-])", re.I)


def before_they_are_introduced(sources: list[tuple[str, str]], words: dict[str, str]) -> list[str]:
    """Words of the glossary whose first use, in (notebook, cell's prose), does not introduce them.

    A cell introduces a word by having it in italics or bold once.
    """
    early = []
    for word, number in words.items():
        pattern = uses(word)
        first = next(((nb, cell) for nb, cell in sources if pattern.search(cell)), None)
        if first is None:
            early.append(f"{word} is used nowhere")
            continue
        nb, cell = first
        stressed = " ".join(re.findall(r"\*+([^*\n]+)\*+", cell))
        if nb != number or not pattern.search(stressed):
            early.append(f"{word} is first used in {nb}: {cell[:60]!r}")
    return early


def read_in_order() -> list[tuple[str, str]]:
    """The main lines, without their first cells, which only promise what is to come."""
    return [(number, text(cell)) for number in NOTEBOOKS for cell in main_line(number)[1:]]


def test_no_word_of_the_glossary_is_used_before_it_is_introduced():
    assert len(glossary()) >= 30
    assert before_they_are_introduced(read_in_order(), glossary()) == []


def test_a_word_that_is_used_too_soon_is_listed():
    words = {"layer": "00", "loss": "01"}
    sources = [("00", "Two layers, and the *loss*."), ("01", "A *layer* has a **loss**.")]
    listed = before_they_are_introduced(sources, words)
    assert [entry.split()[0] for entry in listed] == ["layer", "loss"]
    assert before_they_are_introduced([("00", "A **layer**."), ("01", "*Loss*")], words) == []


def test_every_notebook_links_to_the_glossary():
    for number in NOTEBOOKS:
        assert any("glossary" in cell.source for cell in cells(number)), number


# ---------------------------------------------------------------------------------- how long it is


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_a_main_line_is_read_in_a_quarter_of_an_hour(number):
    words = sum(len(re.findall(r"[\w’'-]+", text(cell))) for cell in main_line(number))
    assert words <= WORDS
    visible = [
        cell for cell in main_line(number)
        if cell.cell_type == "code" and not cell.metadata.get("jupyter", {}).get("source_hidden")
    ]  # fmt: skip
    lines = [line for cell in visible for line in cell.source.splitlines() if line.strip()]
    assert number in TAKEN_HOME or len(lines) <= LINES, len(lines)
    results = [
        cell for cell in main_line(number)
        if cell.cell_type == "code" and re.search(r"\bfigures\.|tl\.widgets|display\(", cell.source)
    ]  # fmt: skip
    assert len(results) <= RESULTS, len(results)


def test_no_section_of_a_main_line_leaves_its_figure_to_dig_deeper():
    for number in NOTEBOOKS:
        for cell in main_line(number):
            assert not re.search(r"figures? (?:is|are) in \*Dig deeper", text(cell)), cell.id


def test_the_readme_has_two_screens():
    assert len((root() / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


# ---------------------------------------------------------------------------------- plain English

FORBIDDEN = {  # pattern: what to write instead
    r"\bmay not\b": "cannot, must not, or might not",
    r"\bwhoever\b": "anyone who",
    r"\b(?:to|for|from|by) who\b": "anyone who, or if you",
    r"^Who (?!are|is|was|were|wrote|draws|has|else|knows)\w+ ": "If you, or anyone who",
    r"\breads? (?:\d|more|fewer|about|as many)": "gets … right",
    r"\b(?:fifties|tens of digits|one ten of|(?:this|that) ten)\b": "a set of ten",
    r"\balike\b": "similar, or in the same way",
    r", for (?:it|they|he|she|there|this|that) (?:is|are|was|were|has|have|had)\b": "because",
    r"(?:^|[.;:] )[Ee]lse\b|, else\b|\bor else\b": "otherwise",
    r"\bon dark ground\b|\bon light ground\b|\bbare ground\b": "background",
    r"\bnumbers a picture\b|\bimages a second\b|\bcopies a picture\b|\brenders a class\b": "per",
    r"\bthe (?:very )?fifty\b(?! [a-z]+s\b)": "the fifty digits",
    r"\bmelted\b(?! into)": "folded",
    r"\bgets? to see\b": "receives, or sees",
    r"\bfound out\b": "measured",
}  # fmt: skip


def sentences(tree: ast.AST):
    """String constants that read like sentences; docstrings are not shown to learners."""
    documented = (ast.FunctionDef, ast.ClassDef, ast.Module, ast.AsyncFunctionDef)
    hidden = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in hidden
        ):
            if len(node.value.split()) >= 4:
                yield node.lineno, node.value


def everything_read():
    """(where, text) of notebooks, pages, and what lessons and widgets say."""
    for number, path in NOTEBOOKS.items():
        for cell in cells(number):
            yield f"{path.name} {cell.id}", text(cell)
    for page in PAGES:
        read = prose(page.read_text(encoding="utf-8"))
        if page.name == "CONTRIBUTING.md":  # its table says how not to write
            read = re.sub(r"^\|.*$", "", read, flags=re.M)
        yield str(page.relative_to(root())), read
    for folder in ("lessons", "widgets"):
        for path in sorted((root() / "tl_course" / folder).rglob("*.py")):
            for line, sentence in sentences(ast.parse(path.read_text(encoding="utf-8"))):
                yield f"{path.relative_to(root())}:{line}", sentence


def against_the_rules(where: str, read: str) -> list[str]:
    return [
        f"{where}: {match[0]!r}, write {instead}"
        for pattern, instead in FORBIDDEN.items()
        for match in re.finditer(pattern, read, re.M | re.I)
    ]


def test_nothing_reads_as_the_style_page_rules_out():
    listed = [
        problem for where, read in everything_read() for problem in against_the_rules(where, read)
    ]
    assert not listed, "\n".join(listed)


def test_each_pattern_catches_what_it_is_for():
    wrong = [
        "It may not move.", "Whoever draws", "This matters to who borrows.", "Who pools it wins.",
        "It reads 93.", "One ten of digits", "They are alike.", "It stops, for it is frozen.",
        "Stop, else it grows.", "white on dark ground", "1,024 numbers a picture",
        "the very fifty", "it is melted away",
        "what the layer gets to see", "as was found out",
    ]  # fmt: skip
    assert len(wrong) == len(FORBIDDEN)
    for pattern, example in zip(FORBIDDEN, wrong, strict=True):
        assert re.search(pattern, example, re.M | re.I), pattern
    assert against_the_rules("", "Both layers may be frozen; someone else reads the text.") == []


# ---------------------------------------------------------------------------------- links and rules


def anchors(page: str) -> set[str]:
    """The addresses of headings, as GitHub and JupyterLab make them."""
    headings = re.findall(r"^#+ (.+)$", page, flags=re.M)
    plain = [
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    ]
    return {*plain, *(re.sub(r"[`*]", "", heading).replace(" ", "-") for heading in headings)}


def test_every_link_leads_to_something():
    pages = {path: without_code(path.read_text(encoding="utf-8")) for path in PAGES}
    for path in NOTEBOOKS.values():
        pages[path] = "\n\n".join(map(notebooks.text_of, cells(path.stem[:2])))
    followed = 0
    for path, page in pages.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", page):
            if re.match(r"https?:|mailto:|attachment:", link):
                continue
            file, _, anchor = link.partition("#")
            there = (path.parent / file).resolve() if file else path
            assert there.exists(), f"{path.name}: {link}"
            if anchor:
                assert anchor in anchors(pages.get(there) or there.read_text()), (
                    f"{path.name}: {link}"
                )
            followed += 1
    assert followed > 60


def foot(number: str) -> str:
    """Where to go from a notebook: the one before, the map, the next one."""
    order = list(NOTEBOOKS)
    at, parts = order.index(number), []
    if at:
        parts.append(f"[← {order[at - 1]}]({NOTEBOOKS[order[at - 1]].name})")
    parts.append("[the map](00_start_here.ipynb#The-map)")
    parts.append("[glossary](../docs/glossary.md)")
    if at + 1 < len(order):
        parts.append(f"[{order[at + 1]} →]({NOTEBOOKS[order[at + 1]].name})")
    return " · ".join(parts)


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_each_notebook_has_the_same_foot(number):
    assert cells(number)[-1].source == foot(number)
    assert cells(number)[-1].id == "foot"


def test_the_readme_and_the_map_lead_to_every_notebook():
    """The map is in 00, so it has no link to it."""
    readme = (root() / "README.md").read_text(encoding="utf-8")
    (map_of_00,) = (cell.source for cell in cells("00") if cell.id == "map")
    for number, path in NOTEBOOKS.items():
        assert f"| {number} | [" in readme and f"(notebooks/{path.name})" in readme, path.name
        assert number == "00" or f"[**{number}** " in map_of_00 and f"({path.name})" in map_of_00


def quoted(number: str) -> list[tuple[str, str]]:
    """The rules that a notebook quotes, and its verdicts on them, in order."""
    source = "\n\n".join(text(cell) for cell in cells(number))
    says = re.findall(r"^> \*\*The rule:\*\* (.+)$", source, flags=re.M)
    judged = re.findall(r"^\*\*The rule (held|held in part)\.?\*\*", source, re.M)
    return list(zip(says, judged, strict=True))


WORD = {rules.HELD: "held", rules.PARTLY: "held in part"}


def test_each_rule_is_quoted_and_judged_where_it_is_tried():
    verdicts = {rule.says: WORD[rule.verdict] for rule in rules.RULES}
    quotations = [quotation for number in NOTEBOOKS for quotation in quoted(number)]
    assert {says for says, _ in quotations} == set(verdicts)
    for says, judged in quotations:
        assert verdicts[says] == judged, says


def test_the_start_shows_every_rule_with_its_verdict():
    page = "\n".join(cell.source for cell in cells("00"))
    for rule in rules.RULES:
        assert f"| {rule.says} | {WORD[rule.verdict]} | {rule.notebook} |" in page, rule.says
