"""Finds the notebooks, gives them a kernel, and copies them for the learner."""

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tl_course.base import storage
from tl_course.base.errors import CourseError

KERNEL = "python3"
# A message of more than 10 MB, such as a phone's photograph, would end the connection.
LARGE_MESSAGES = f"--ServerApp.tornado_settings={{'websocket_max_message_size': {100 * 2**20}}}"
MANIFEST = ".tl-course-copies.json"


def root() -> Path:
    """The folder of the clone, in which `notebooks/` and `start.py` are."""
    return Path(__file__).resolve().parents[2]


def find(only: list[str] | None = None, folder: Path | None = None) -> list[Path]:
    """The course's notebooks in reading order; `only` picks some by number (`03`, `3`) or name.

    Raises CourseError when there is no notebook, or none that `only` names.
    """
    folder = folder or root() / "notebooks"
    every = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not every:
        raise CourseError(
            f"There are no notebooks in {folder}; the command works in a clone of the course, "
            "so clone it and set it up there with `python3 start.py lab`."
        )
    if not only:
        return every
    chosen = set()
    for wanted in only:
        name = Path(wanted).stem.zfill(2)
        found = [p for p in every if name in (p.stem, p.stem[:2])]
        if not found:
            known = ", ".join(p.stem[:2] for p in every)
            raise CourseError(
                f"There is no notebook {wanted!r}; choose one of {known}, for example "
                f"`--notebook {every[0].stem[:2]}`."
            )
        chosen.update(found)
    return sorted(chosen)


@contextlib.contextmanager
def this_python_kernel() -> Iterator[None]:
    """While this lasts, the Jupyter kernel `python3` is the Python that runs this very line.

    Jupyter looks for kernels in many folders, and one of another environment may come first. A
    folder in `JUPYTER_PATH` comes before all of them.
    """
    from ipykernel.kernelspec import get_kernel_dict

    kernel = get_kernel_dict() | {"display_name": "Transfer learning course"}
    kernel["argv"][0] = sys.executable
    # Only errors: ipykernel warns of unencrypted traffic, which does not leave this machine.
    kernel["argv"].append("--log-level=ERROR")
    with tempfile.TemporaryDirectory(prefix="tl-course-") as folder:
        spec = Path(folder, "kernels", KERNEL, "kernel.json")
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps(kernel), encoding="utf-8")
        before = os.environ.get("JUPYTER_PATH")
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, (folder, before)))
        try:
            yield
        finally:
            del os.environ["JUPYTER_PATH"]
            if before is not None:
                os.environ["JUPYTER_PATH"] = before


def copy_for_learner(notebooks: list[Path], folder: Path) -> list[str]:
    """Copies notebooks into the learner's folder; returns what is to be told, a sentence each.

    A file that the learner changed is never overwritten: a newer version is put beside it, once,
    as `name.new.ipynb`. What was copied is remembered by its hash in a hidden file.
    """
    manifest = folder / MANIFEST
    try:
        copied = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        copied = {}  # without it, every file that differs counts as changed
    told, new = [], 0
    for notebook in notebooks:
        content = notebook.read_bytes()
        version = hashlib.sha256(content).hexdigest()
        target = mine = folder / notebook.name
        found = storage.sha256(mine) if mine.exists() else None
        if found in (None, version):
            new += found is None
        elif found == copied.get(mine.name):
            told.append(f"{mine.name} was updated: you had not changed it.")
        elif version == copied.get(mine.name):
            continue  # the learner's work on this very version
        else:
            target = mine.with_suffix(".new.ipynb")
            if version == copied.get(target.name):
                continue  # it was offered before
            if target.exists() and storage.sha256(target) != copied.get(target.name):
                told.append(
                    f"There is a newer {mine.name}, but you changed both yours and {target.name}; "
                    f"rename {target.name} to get it."
                )
                continue
            told.append(
                f"There is a newer {mine.name}; yours is as you left it, the new one is beside it "
                f"as {target.name}."
            )
        if not target.exists() or storage.sha256(target) != version:
            with storage.atomic_path(target) as draft:
                draft.write_bytes(content)
        copied[target.name] = version
    storage.write_text(manifest, json.dumps(copied, indent=1, sort_keys=True) + "\n")
    if new:
        told.insert(0, f"{new} notebook{'s' if new > 1 else ''} copied to {folder}.")
    return told
