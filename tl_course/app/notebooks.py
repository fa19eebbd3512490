"""Finds the notebooks, provides their kernel, and copies them for the learner."""

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
    # By default a message of more than 10 MB, such as a phone's photograph, ends the connection.
    f"--ServerApp.tornado_settings={{'websocket_max_message_size': {100 * 2**20}}}",
    "--ServerApp.kernel_websocket_connection_class=tl_course.app.server.PromptConnection",
)
# nbgrader's extensions of JupyterLab are for teachers.
NBGRADER = [
    f"nbgrader.server_extensions.{name}"
    for name in ("formgrader", "validate_assignment", "assignment_list", "course_list")
]
MANIFEST = ".tl-course-copies.json"
AFTER_THE_MAIN_LINE = re.compile("^# (?:More exercises|Dig deeper)$", re.MULTILINE)
WAITING_TEXT = re.compile(r'tl\.show\(\s*lesson,\s*"""\n(.*)\n""",?\s*\)', re.DOTALL)
LARGEST = 10_000_000  # bytes of a learner's notebook; the originals are far smaller


def text_of(cell: "NotebookNode") -> str:
    """The Markdown of a text cell or of a text that `tl.show` holds back; otherwise ""."""
    if cell.cell_type == "markdown":
        return cell.source
    waiting = WAITING_TEXT.fullmatch(cell.source)
    return waiting[1] if waiting else ""


def root() -> Path:
    """The folder of the clone, which holds `notebooks/` and `start.py`."""
    return Path(__file__).resolve().parents[2]


def learners_folder() -> Path:
    """The folder for a learner's copies: in the clone, or at home if the clone is read-only."""
    return Path("~" if storage.is_read_only(root()) else root(), "my-notebooks")


def find(only: list[str] | None = None, folder: Path | None = None) -> list[Path]:
    """The course's notebooks in reading order; `only` selects by number (`03`, `3`) or name.

    Raises CourseError if there is no notebook, or if a name in `only` matches none.
    """
    folder = folder or root() / "notebooks"
    notebooks = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not notebooks:
        raise CourseError(
            "no_notebooks",
            f"There are no notebooks in {folder}; the command works in a clone of the course, "
            "so clone it and set it up there with `python3 start.py lab`.",
        )
    if not only:
        return notebooks
    chosen = set()
    for asked in only:
        name = Path(asked).stem.zfill(2)
        matching = [p for p in notebooks if name in (p.stem, p.stem[:2])]
        if not matching:
            known = ", ".join(p.stem[:2] for p in notebooks)
            raise CourseError(
                "no_notebook",
                f"There is no notebook {asked!r}; choose one of {known}, for example "
                f"`--notebook {notebooks[0].stem[:2]}`.",
            )
        chosen.update(matching)
    return sorted(chosen)


def untouched(notebook: Path) -> "NotebookNode":
    """A notebook of the course without outputs.

    Raises CourseError if one of its exercises is changed or missing.
    """
    import nbformat

    from tl_course.lessons import exercises

    node = nbformat.read(notebook, as_version=4)
    for cell in (cell for cell in node.cells if cell.cell_type == "code"):
        cell.outputs, cell.execution_count = [], None
    expected = {exercise.cell() for exercise in exercises.every(notebook.stem[:2]).values()}
    for cell in exercise_cells(node):
        if cell.source not in expected:
            raise CourseError(
                "changed_cell",
                f"The cell {cell.id} of {notebook} is not as the course has it: put the original "
                "back, and write answers into copies (`python3 start.py lab`).",
            )
        expected.remove(cell.source)
    if expected:
        raise CourseError(
            "lacks_exercises",
            f"{notebook} lacks {len(expected)} of its exercises: put the original back.",
        )
    return node


def solved(notebook: Path) -> "NotebookNode":
    """A notebook with the worked solution of each exercise; KeyError if there is none."""
    from tl_course.lessons import exercises

    node = untouched(notebook)
    exercises_here = exercises.every(notebook.stem[:2]).values()
    answers = {exercise.cell(): exercise.cell(solved=True) for exercise in exercises_here}
    for cell in exercise_cells(node):
        cell.source = answers[cell.source]
    return node


def exercise_cells(node: "NotebookNode") -> "list[NotebookNode]":
    """The cells of a notebook in which a learner writes an answer."""
    return [cell for cell in node.cells if "exercise" in cell.metadata.get("tags", [])]


@contextlib.contextmanager
def this_python_kernel(begins_with: str = "", log: str = "ERROR") -> Iterator[None]:
    """Make this Python the Jupyter kernel `python3`.

    The kernel runs the line `begins_with` as it starts, before it can be interrupted, and logs from
    level `log`. Jupyter searches many folders and might find a kernel of another environment, so
    `JUPYTER_PATH` gets a folder that is searched first.
    """
    from ipykernel.kernelspec import get_kernel_dict

    kernel = get_kernel_dict() | {"display_name": "Transfer learning course"}
    kernel["argv"][0] = sys.executable
    # ipykernel warns of unencrypted traffic, which does not leave this machine.
    kernel["argv"].append(f"--log-level={log}")
    if begins_with:
        kernel["argv"].append(f"--IPKernelApp.exec_lines={begins_with}")
    with _first("JUPYTER_PATH", {f"kernels/{KERNEL}/kernel.json": kernel}):
        yield


@contextlib.contextmanager
def our_jupyter(folder: Path, opens: str | None) -> Iterator[None]:
    """Let JupyterLab start in `folder`, open the notebook `opens` and ask no question.

    These are defaults: command-line options and the learner's own settings in JupyterLab take
    precedence. The learner's folders of settings are neither replaced nor written to.
    """
    not_ours = dict.fromkeys(NBGRADER, False)
    lab = {"default_url": f"/lab/tree/{urllib.parse.quote(opens)}"} if opens else {}
    files = {
        "jupyter_server_config.json": {
            "Application": {"log_level": "ERROR"},  # `server` prints the address
            "ServerApp": {"root_dir": str(folder)},
            "LabApp": lab,
            # An export uses no template of the current folder, which could run code.
            "TemplateExporter": {"extra_template_basedirs": []},
        },
        "jupyter_server_config.d/tl_course.json": {
            "ServerApp": {"jpserver_extensions": {"tl_course.app.server": True} | not_ours}
        },
        "labconfig/page_config.json": {"disabledExtensions": {"@jupyter/nbgrader": True}},
        "labconfig/default_setting_overrides.json": {
            # Otherwise a question about news or updates covers half of the first notebook.
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
    """Put a folder with these files (JSON) first into the search path `path`."""
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
    """Whether Jupyter would refuse to start because the user is root.

    An option, or the configuration of a container, can allow it.
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
    """Copy notebooks into the learner's folder; returns a sentence about each that is news.

    A file that the learner changed is never overwritten: a newer version is put beside it once, as
    `name.new.ipynb`. A hidden file holds the hashes of the copies.
    """
    manifest = folder / MANIFEST
    try:
        copied = untrusted_input.parsed(
            untrusted_input.content(manifest, untrusted_input.MOST_TEXT), manifest
        )
    except CourseError:
        copied = None  # without it, every file that differs counts as changed
    known = copied.items() if isinstance(copied, dict) else ()
    copied = {name: version for name, version in known if version and isinstance(version, str)}
    sentences, new = [], 0
    for notebook in notebooks:
        content = notebook.read_bytes()
        version = hashlib.sha256(content).hexdigest()
        target = mine = folder / notebook.name
        mine_version = _version(mine)
        if mine_version in (None, version):
            new += mine_version is None
        elif mine_version == copied.get(mine.name):
            sentences.append(f"{mine.name} was updated: you had not changed it.")
        elif version == copied.get(mine.name):
            continue  # the learner works on this version
        else:
            target = mine.with_suffix(".new.ipynb")
            if version == copied.get(target.name):
                continue  # it was offered before
            if _version(target) not in (None, copied.get(target.name)):
                sentences.append(
                    f"There is a newer {mine.name}, but you changed both yours and {target.name}; "
                    f"rename {target.name} to get it."
                )
                continue
            sentences.append(
                f"There is a newer {mine.name}; yours is as you left it, the new one is beside it "
                f"as {target.name}."
            )
        if _version(target) != version:
            with storage.atomic_path(target) as draft:
                draft.write_bytes(content)
        copied[target.name] = version
    storage.write_text(manifest, json.dumps(copied, indent=1, sort_keys=True) + "\n")
    if new:
        sentences.insert(0, f"{new} notebook{'s' if new > 1 else ''} copied to {folder}.")
    return sentences


def _version(copy: Path) -> str | None:
    """The hash of a file; "" for a folder or a huge file, None if nothing is there."""
    if not os.path.lexists(copy):
        return None
    try:
        return hashlib.sha256(untrusted_input.content(copy, LARGEST)).hexdigest()
    except CourseError:
        return ""
