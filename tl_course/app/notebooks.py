"""Finds the notebooks, gives them a kernel, and copies them for the learner."""

import contextlib
import hashlib
import json
import os
import re
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode

KERNEL = "python3"
LOADS_EARLY = "from tl_course.widgets import loading; loading.early(); del loading"
SERVER = (
    # A message of more than 10 MB, such as a phone's photograph, would end the connection.
    f"--ServerApp.tornado_settings={{'websocket_max_message_size': {100 * 2**20}}}",
    "--ServerApp.kernel_websocket_connection_class=tl_course.app.server.PromptConnection",
)
# What nbgrader puts into JupyterLab is for teachers.
NBGRADER = [
    f"nbgrader.server_extensions.{name}"
    for name in ("formgrader", "validate_assignment", "assignment_list", "course_list")
]
MANIFEST = ".tl-course-copies.json"
AFTER_THE_MAIN_LINE = re.compile("^# (?:More exercises|Dig deeper)$", re.MULTILINE)
WAITING_TEXT = re.compile(r'tl\.show\(\s*lesson,\s*"""\n(.*)\n""",?\s*\)', re.DOTALL)
LARGEST = 10_000_000  # bytes of a notebook; no original comes near


def text_of(cell: "NotebookNode") -> str:
    """The Markdown of a text, also of one that waits for a prediction (`tl.show`); else ""."""
    if cell.cell_type == "markdown":
        return cell.source
    waiting = WAITING_TEXT.fullmatch(cell.source)
    return waiting[1] if waiting else ""


def root() -> Path:
    """The folder of the clone, in which `notebooks/` and `start.py` are."""
    return Path(__file__).resolve().parents[2]


def learners_folder() -> Path:
    """Where a learner's copies go: into the clone, or home where others share the clone."""
    return Path("~" if storage.is_read_only(root()) else root(), "my-notebooks")


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


def untouched(notebook: Path) -> "NotebookNode":
    """A notebook of the course without outputs, each exercise as a learner finds it.

    Raises CourseError where somebody has written an answer into one of its exercises.
    """
    import nbformat

    from tl_course.lessons import exercises

    node = nbformat.read(notebook, as_version=4)
    for cell in (cell for cell in node.cells if cell.cell_type == "code"):
        cell.outputs, cell.execution_count = [], None
    missing = {one.cell() for one in exercises.every(notebook.stem[:2]).values()}
    for cell in exercise_cells(node):
        if cell.source not in missing:
            raise CourseError(
                f"The cell {cell.id} of {notebook} is not as the course has it: put the original "
                "back, and write answers into copies (`python3 start.py lab`)."
            )
        missing.remove(cell.source)
    if missing:
        raise CourseError(
            f"{notebook} lacks {len(missing)} of its exercises: put the original back."
        )
    return node


def solved(notebook: Path) -> "NotebookNode":
    """The same with the worked solution in each exercise; KeyError where there is none."""
    from tl_course.lessons import exercises

    node = untouched(notebook)
    every = exercises.every(notebook.stem[:2]).values()
    answers = {one.cell(): one.cell(solved=True) for one in every}
    for cell in exercise_cells(node):
        cell.source = answers[cell.source]
    return node


def exercise_cells(node: "NotebookNode") -> "list[NotebookNode]":
    """The cells of a notebook into which a learner writes."""
    return [cell for cell in node.cells if "exercise" in cell.metadata.get("tags", [])]


@contextlib.contextmanager
def this_python_kernel(begins_with: str = "", log: str = "ERROR") -> Iterator[None]:
    """While this lasts, the Jupyter kernel `python3` is the Python that runs this very line.

    It runs the line `begins_with` as it starts, before it can be interrupted, and tells the
    terminal what is as grave as `log`.
    Jupyter looks for kernels in many folders, and one of another environment may come first. A
    folder in `JUPYTER_PATH` comes before all of them.
    """
    from ipykernel.kernelspec import get_kernel_dict

    kernel = get_kernel_dict() | {"display_name": "Transfer learning course"}
    kernel["argv"][0] = sys.executable
    # No warnings: ipykernel warns of unencrypted traffic, which does not leave this machine.
    kernel["argv"].append(f"--log-level={log}")
    if begins_with:
        kernel["argv"].append(f"--IPKernelApp.exec_lines={begins_with}")
    with _first("JUPYTER_PATH", {f"kernels/{KERNEL}/kernel.json": kernel}):
        yield


@contextlib.contextmanager
def our_jupyter(folder: Path, opens: str | None) -> Iterator[None]:
    """While this lasts, JupyterLab starts in `folder`, opens notebook `opens` and asks no question.

    All of it is a default: options of the command line and settings that the learner changed in
    JupyterLab win. Neither of the learner's own folders of settings is replaced or written to.
    """
    not_ours = dict.fromkeys(NBGRADER, False)
    lab = {"default_url": f"/lab/tree/{urllib.parse.quote(opens)}"} if opens else {}
    files = {
        "jupyter_server_config.json": {
            "Application": {"log_level": "ERROR"},  # what is to be known, `server` says
            "ServerApp": {"root_dir": str(folder)},
            "LabApp": lab,
            # No template of the present folder, which could run anything, serves an export.
            "TemplateExporter": {"extra_template_basedirs": []},
        },
        "jupyter_server_config.d/tl_course.json": {
            "ServerApp": {"jpserver_extensions": {"tl_course.app.server": True} | not_ours}
        },
        "labconfig/page_config.json": {"disabledExtensions": {"@jupyter/nbgrader": True}},
        "labconfig/default_setting_overrides.json": {
            # Otherwise half of the first notebook is covered by a question about Jupyter's news, or
            # by one about its newer versions.
            "@jupyterlab/apputils-extension:notification": {
                "fetchNews": "false",
                "checkForUpdates": False,
            }
        },
    }
    with _first("JUPYTER_CONFIG_PATH", files):
        yield


@contextlib.contextmanager
def _first(path: str, files: dict[str, dict]) -> Iterator[None]:
    """While this lasts, a folder with these files (JSON) is the first in the search path `path`."""
    with tempfile.TemporaryDirectory(prefix="tl-course-") as folder:
        for name, content in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content), encoding="utf-8")
        before = os.environ.get(path)
        os.environ[path] = os.pathsep.join(filter(None, (folder, before)))
        try:
            yield
        finally:
            del os.environ[path]
            if before is not None:
                os.environ[path] = before


def refused_as_root(options: list[str]) -> bool:
    """Whether Jupyter will not start, because an administrator starts it and nothing allows that.

    It is allowed by an option, or in the configuration of a container.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    if any("allow_root" in option.replace("-", "_") for option in options):
        return False
    from jupyter_server.serverapp import ServerApp
    from jupyterlab.labapp import LabApp

    for program in (ServerApp(), LabApp()):
        program.load_config_file()
        if program.config.ServerApp.get("allow_root"):
            return False
    return True


def copy_for_learner(notebooks: list[Path], folder: Path) -> list[str]:
    """Copies notebooks into the learner's folder; returns what is to be told, a sentence each.

    A file that the learner changed is never overwritten: a newer version is put beside it, once,
    as `name.new.ipynb`. What was copied is remembered by its hash in a hidden file.
    """
    manifest = folder / MANIFEST
    try:
        copied = untrusted_input.parsed(
            untrusted_input.content(manifest, untrusted_input.MOST_TEXT), manifest
        )
    except CourseError:
        copied = None  # without it, every file that differs counts as changed
    known = copied.items() if isinstance(copied, dict) else ()
    copied = {name: one for name, one in known if one and isinstance(one, str)}
    told, new = [], 0
    for notebook in notebooks:
        content = notebook.read_bytes()
        version = hashlib.sha256(content).hexdigest()
        target = mine = folder / notebook.name
        found = _version(mine)
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
            if _version(target) not in (None, copied.get(target.name)):
                told.append(
                    f"There is a newer {mine.name}, but you changed both yours and {target.name}; "
                    f"rename {target.name} to get it."
                )
                continue
            told.append(
                f"There is a newer {mine.name}; yours is as you left it, the new one is beside it "
                f"as {target.name}."
            )
        if _version(target) != version:
            with storage.atomic_path(target) as draft:
                draft.write_bytes(content)
        copied[target.name] = version
    storage.write_text(manifest, json.dumps(copied, indent=1, sort_keys=True) + "\n")
    if new:
        told.insert(0, f"{new} notebook{'s' if new > 1 else ''} copied to {folder}.")
    return told


def _version(copy: Path) -> str | None:
    """The hash of a file; "" for what is no copy (a folder, a huge file), None for nothing."""
    if not os.path.lexists(copy):
        return None
    try:
        return hashlib.sha256(untrusted_input.content(copy, LARGEST)).hexdigest()
    except CourseError:
        return ""
