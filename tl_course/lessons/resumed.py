"""What a learner did in the experiments: kept in the data home, so that it comes back by itself.

A file for each experiment in `made/PERSON/experiments`, named after it and after how it begins: one
that begins otherwise, with another seed or folder, has a file of its own.
"""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError, refusals_told

MOST = 4_000_000  # bytes of what is kept of one experiment, in which a picture may be


def folder() -> Path:
    """Where all of it is."""
    return storage.person_folder() / "experiments"


def place(experiment: str, first: str) -> Path:
    """The file of an experiment that begins with the state `first`."""
    return folder() / f"{experiment}-{hashlib.sha256(first.encode()).hexdigest()[:12]}.json"


def read_state(path: Path) -> dict:
    """What was kept there; {} where there is nothing. CourseError where it cannot be read."""
    if not os.path.lexists(path):
        return {}
    entry = untrusted_input.parsed(untrusted_input.content(path, MOST), path)
    if not isinstance(entry, dict):
        raise CourseError("damaged", f"{path} is damaged: it holds nothing that was done.")
    return entry


def keep_state(path: Path, content: dict) -> None:
    """Keep this in place of what was there; CourseError where nothing can be written."""
    storage.make_folder(path.parent)
    storage.write_text(path, json.dumps(content, ensure_ascii=False))


def forget_state(path: Path) -> None:
    """Delete what was kept there, and a network beside it."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)


def forget_all() -> None:
    """Delete what was kept of all experiments."""
    with refusals_told():
        if folder().is_dir():
            shutil.rmtree(folder())
