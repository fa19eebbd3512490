"""Faults that would harm a learner, each planted alone in a copy of the course: does a test fail?

`faults.toml` has one line of code for each, chosen by the harm that it would do, and the test that
must fail with it. `python tests/faults` plants all of them, or those that are named.
"""

import contextlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HANGS = 600  # seconds, for each test


@dataclass(frozen=True)
class Fault:
    """`new` in place of `old`, which occurs once in `file`; `test` must fail with it."""

    file: str
    old: str
    new: str
    test: str


def listed() -> dict[str, Fault]:
    """Every fault by its name."""
    text = Path(__file__).with_name("faults.toml").read_text(encoding="utf-8")
    return {name: Fault(**about) for name, about in tomllib.loads(text).items()}


def copy_to(folder: Path) -> Path:
    """A new copy of the course, to plant faults in."""
    from tl_course.app import release  # which takes a second to import

    release.copy_course(ROOT, folder)
    return folder


@contextlib.contextmanager
def planted(fault: Fault, course: Path) -> Iterator[None]:
    """While this lasts, a copy of the course has the fault."""
    path = course / fault.file
    sound = path.read_bytes()
    path.write_bytes(sound.replace(fault.old.encode(), fault.new.encode()))
    try:
        yield
    finally:
        path.write_bytes(sound)


def run(course: Path, tests: Sequence[str]) -> tuple[int, str]:
    """The exit code of pytest for some tests of a copy, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    # Without .pyc files, whose times could not tell the faulty source from the sound one.
    environment |= {"PYTHONPATH": str(course), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-x", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests], cwd=course, env=environment,
        capture_output=True, text=True, encoding="utf-8", errors="replace",
        timeout=HANGS * len(tests),
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def is_caught(code: int, output: str) -> bool:
    """Whether a test failed; with `-x` the code is also 1 where none could be collected."""
    return code == 1 and "ERROR collecting" not in output
