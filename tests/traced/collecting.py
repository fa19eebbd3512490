"""Every sentence of the course that a reader reads, by the place where it stands."""

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator

import nbformat

from tl_course.app import notebooks
from tl_course.app.notebooks import root

PAGES = (  # tests/test_teaching.py lets nobody type a result into the other pages of docs/teaching
    "README.md", "CONTRIBUTING.md", "SECURITY.md", "CITATION.cff", "docs/*.md",
    *(f"docs/teaching/{name}.md" for name in ("checklist", "learners", "single")),
)  # fmt: skip
BY_CODE = r"<!-- (\w+): written by .*?<!-- end of \1 -->"  # other tests hold these
ENDS = re.compile(r"(?<=[.!?])[\"”*)\]]*\s+(?=[\"“*(\[]*[A-ZW0-9]|`)")  # of a sentence
NO_END = re.compile(r"(?:\bet al|\bvs|\bMr|\be\.g|\bi\.e|\b[A-Z])\.$")  # an abbreviation


@functools.cache
def places() -> dict[str, list[str]]:
    """Place → its sentences: pages, cells of notebooks, and what lessons and widgets say."""
    by_place: dict[str, list[str]] = {}
    for place, text in [*_pages(), *_notebooks(), *_strings()]:
        by_place.setdefault(place, []).extend(
            sentence for sentence in text if re.search(r"\w", sentence)
        )
    return by_place


def _pages() -> Iterator[tuple[str, list[str]]]:
    for pattern in PAGES:
        for path in sorted(root().glob(pattern)):
            text = path.read_text(encoding="utf-8")
            yield str(path.relative_to(root())), sentences(re.sub(BY_CODE, "", text, flags=re.S))


def _notebooks() -> Iterator[tuple[str, list[str]]]:
    for path in notebooks.find():
        for cell in nbformat.read(path, as_version=4).cells:
            place = f"{path.stem[:2]} {cell.id}"
            if text := notebooks.text_of(cell):
                yield place, sentences(text)
            else:
                yield place, [*_said(ast.parse(cell.source)), *_comments(cell.source)]


def _strings() -> Iterator[tuple[str, list[str]]]:
    """What the code of lessons and widgets says, and the docstrings of what draws."""
    for folder in ("lessons", "widgets"):
        for path in sorted((root() / "tl_course" / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            place = str(path.relative_to(root() / "tl_course"))
            yield place, list(_said(tree))
            if path.name == "figures.py":
                functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))
                for function in functions:
                    yield place, sentences(ast.get_docstring(function) or "")


def sentences(text: str) -> list[str]:
    """The sentences of Markdown: without code and addresses, a row of a table as one."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"`[^`]*`", "`…`", text)
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-|#>]|\d+\.) ?)", text)
    parts = []
    for block in blocks:
        block = " ".join(block.split())
        if block.startswith("|"):
            parts.append(block)
            continue
        block = re.sub(r"^(?:[-#>]+|\d+\.)\s+", "", block)
        begun = ""
        for part in ENDS.split(block):
            begun = f"{begun} {part}".strip()
            if not NO_END.search(begun):
                parts.append(begun)
                begun = ""
        parts += [begun] if begun else []
    return parts


def _said(tree: ast.AST) -> Iterator[str]:
    """Strings of three words or more, computed parts as {…}; docstrings are not shown."""
    documented = (ast.FunctionDef, ast.ClassDef, ast.Module)
    hidden = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    inner = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node) if part is not node
    }  # fmt: skip
    for node in ast.walk(tree):
        if id(node) in hidden | inner:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if len(text.split()) >= 3:
            yield from sentences(text)


def _comments(source: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith("# fmt"):
            yield token.string.lstrip("# ")
