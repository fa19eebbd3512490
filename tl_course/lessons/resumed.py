"""A learner's progress in the experiments, kept in the data home so that it can be restored.

Each experiment has a file in `made/PERSON/experiments`, named after it and a hash of its first
state. With another seed or folder, an experiment therefore has another file.
"""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError, refusals_told

MOST = 4_000_000  # bytes of the progress in one experiment, which may include a picture


def folder() -> Path:
    """The folder with the progress in all experiments."""
    return storage.person_folder() / "experiments"


def place(experiment: str, first: str) -> Path:
    """The file of an experiment whose first state is `first`."""
    return folder() / f"{experiment}-{hashlib.sha256(first.encode()).hexdigest()[:12]}.json"


def read_state(path: Path) -> dict:
    """The progress in a file; {} if there is none, CourseError if it cannot be read."""
    if not os.path.lexists(path):
        return {}
    entry = untrusted_input.parsed(untrusted_input.content(path, MOST), path)
    if not isinstance(entry, dict):
        raise CourseError("damaged", f"{path} is damaged: it holds nothing that was done.")
    return entry


def keep_state(path: Path, content: dict) -> None:
    """Write the progress in place of what was there; CourseError if it cannot be written."""
    storage.make_folder(path.parent)
    storage.write_text(path, json.dumps(content, ensure_ascii=False))


def forget_state(path: Path) -> None:
    """Delete the progress in a file, and the network beside it."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)


def forget_all() -> None:
    """Delete the progress in all experiments."""
    with refusals_told():
        if folder().is_dir():
            shutil.rmtree(folder())
