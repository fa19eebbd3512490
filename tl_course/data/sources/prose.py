"""A large source of English: the documentation in the packages that the course needs anyway.

The source files of the installed packages are read as text; nothing is imported or executed. The
text depends on the packages' versions, so networks record the versions and a hash of the text.
"""

import functools
import hashlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tl_course.base.errors import CourseError
from tl_course.data.targets.lines import lines

# The folder, the package's name, and the licence of its documentation.
PACKAGES = {
    "numpy": ("numpy", "BSD-3-Clause"),
    "scipy": ("scipy", "BSD-3-Clause"),
    "sklearn": ("scikit-learn", "BSD-3-Clause"),
    "pandas": ("pandas", "BSD-3-Clause"),
    "matplotlib": ("matplotlib", "Matplotlib licence (like that of Python, PSF)"),
    "networkx": ("networkx", "BSD-3-Clause"),
    "sympy": ("sympy", "BSD-3-Clause"),
    "torch": ("torch", "BSD-3-Clause"),
}
# Folders with tests, and with other people's code, which has other licences.
LEFT_OUT = {"tests", "test", "testing", "externals", "extern", "_vendor", "vendored", "_external"}
HELD_OUT_EVERY = 20  # one file in twenty measures the network, by a hash of its path
TEXT = re.compile(r'"""(.+?)"""', re.DOTALL)
SENTENCES = re.compile(r"[A-Z].*[.!?]")
NEITHER_LETTER_NOR_SPACE = re.compile("[^A-Za-z ]+")
CODE = (">>>", "::", "--", "==")  # a paragraph with one of these is no prose
LETTERS = 0.85  # share of letters and spaces in prose
FEWEST_WORDS = 4


@dataclass(frozen=True)
class Prose:
    """Paragraphs, one per line; `held_out` comes from files that are not in `train`."""

    train: str
    held_out: str
    versions: dict[str, str]

    @property
    def hash(self) -> str:
        """SHA-256 of both parts, as 64 hex digits."""
        return hashlib.sha256(f"{self.train}\0{self.held_out}".encode()).hexdigest()


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a documentation text, each in one line.

    A paragraph ends at an empty line and at a change of indentation, because an indented sentence
    below a parameter's name describes the parameter.
    """
    paragraph: list[str] = []
    indentation = 0
    for line in [*inspect.cleandoc(text).splitlines(), ""]:
        words, indented = line.split(), len(line) - len(line.lstrip())
        if paragraph and (not words or indented != indentation):
            yield " ".join(paragraph)
            paragraph = []
        paragraph += words
        indentation = indented


def is_prose(paragraph: str) -> bool:
    """Whether a paragraph is whole sentences in plain letters and hardly anything else."""
    return (
        paragraph.count(" ") >= FEWEST_WORDS - 1
        and paragraph.isascii()
        and SENTENCES.fullmatch(paragraph) is not None
        and not any(mark in paragraph for mark in CODE)
        and len(NEITHER_LETTER_NOR_SPACE.sub("", paragraph)) >= LETTERS * len(paragraph)
    )


def without_target(texts: list[str], target: tuple[str, ...]) -> list[str]:
    """The `texts` that contain no line of the target, whatever the case of its letters."""
    folded = [text.casefold() for text in texts]
    everything = "\n".join(folded)  # most lines are nowhere in it
    inside = [line.casefold() for line in target if line.casefold() in everything]
    pairs = zip(texts, folded, strict=True)
    return [text for text, lower in pairs if not any(line in lower for line in inside)]


def _files(package: str) -> dict[str, Path]:
    """The source files of an installed package by relative path, sorted."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise CourseError(
            "not_installed",
            f"The package {PACKAGES[package][0]}, whose documentation is read, is not installed; "
            "run 'python3 start.py' again, it sets up what is missing.",
        )
    root = Path(spec.submodule_search_locations[0])
    paths = {path.relative_to(root).as_posix(): path for path in root.rglob("*.py")}
    return {name: paths[name] for name in sorted(paths) if not LEFT_OUT & set(name.split("/"))}


@functools.cache
def prose(packages: tuple[str, ...] = tuple(PACKAGES)) -> Prose:
    """The documentation of `packages`, each paragraph once, without any line of the target.

    It is in the order of the packages and of the files' names. It takes a few seconds.
    """
    parts: dict[bool, list[str]] = {False: [], True: []}
    seen: set[str] = set()
    for package in packages:
        for name, path in _files(package).items():
            hashed = hashlib.sha256(f"{package}/{name}".encode()).digest()
            held_out = hashed[0] % HELD_OUT_EVERY == 0
            for text in TEXT.findall(path.read_text(encoding="utf-8", errors="ignore")):
                for paragraph in filter(is_prose, paragraphs(text)):
                    if paragraph not in seen:
                        seen.add(paragraph)
                        parts[held_out].append(paragraph)
    names = lines()
    target = names.pool + names.validation + names.test
    train, held_out = ("\n".join(without_target(parts[part], target)) for part in (False, True))
    versions = {PACKAGES[package][0]: version(PACKAGES[package][0]) for package in packages}
    return Prose(f"{train}\n", f"{held_out}\n", versions)
