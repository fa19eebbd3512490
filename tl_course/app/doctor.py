"""Checks the environment and says how to fix each problem.

It imports only the standard library and small modules of the course, so it runs without the others.
"""

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

from tl_course.base import machine
from tl_course.base.errors import CourseError, printable

OLDEST_TORCH = (2, 11)  # as in pyproject.toml
LONGEST = 2000  # characters of a line, which may hold strangers' names
AGAIN = "run `python3 start.py lab` again: it installs what is missing"
TOP_LEVEL_MODULE = re.compile(r"^[^/,]+(?:/__init__)?\.py(?=,)", re.MULTILINE)  # in a RECORD


@dataclass(frozen=True)
class Diagnosis:
    """One line of the report; `status` is `ok`, `note` or `problem`."""

    name: str
    status: str
    found: str
    todo: str = ""


def examine() -> list[Diagnosis]:
    """All diagnoses; what others depend on comes first."""
    diagnoses = []
    for check in CHECKS:
        name = check.__name__.strip("_")
        try:
            diagnoses.append(Diagnosis(name, *check()))
        except CourseError as error:  # its text says what to do
            diagnoses.append(Diagnosis(name, "problem", "not usable", str(error)))
        except Exception as error:  # the other checks go on
            diagnoses.append(Diagnosis(name, "problem", f"{type(error).__name__}: {error}", AGAIN))
    return diagnoses


def as_text(diagnoses: list[Diagnosis]) -> str:
    """The diagnoses for people: a line for each, and below it what to do."""
    lines = []
    for diagnosis in diagnoses:
        mark = diagnosis.status if diagnosis.status == "note" else diagnosis.status.upper()
        lines.append(f"{mark:<8}{diagnosis.name:<10}{printable(diagnosis.found, LONGEST)}")
        if diagnosis.todo:
            lines.append(f"{'':<18}-> {printable(diagnosis.todo, LONGEST)}")
    return "\n".join(lines)


def as_dict(diagnoses: list[Diagnosis]) -> dict:
    """The diagnoses for programs: `ok`, and `findings` with name, status, found, todo."""
    return {"ok": is_well(diagnoses), "findings": [asdict(diagnosis) for diagnosis in diagnoses]}


def is_well(diagnoses: list[Diagnosis]) -> bool:
    return all(diagnosis.status != "problem" for diagnosis in diagnoses)


# Each check returns a status, what it found, and what to do if there is something to do.


def _python() -> tuple[str, ...]:
    return "ok", f"{platform.python_version()} at {sys.executable}"


def _packages() -> tuple[str, ...]:
    required = {
        re.match(r"[\w.-]+", requirement)[0]
        for requirement in metadata.requires("tl-course")
        if "extra ==" not in requirement
    }
    broken = {name for name in required if not any(metadata.distributions(name=name))}
    for package in metadata.distributions():
        for file in TOP_LEVEL_MODULE.findall(package.read_text("RECORD") or ""):
            if not package.locate_file(file).exists():
                broken.add(package.metadata["Name"])
    if broken:
        return "problem", f"missing or damaged: {', '.join(sorted(broken))}", AGAIN
    return "ok", f"all {len(required)} that the course needs are here"


def _torch() -> tuple[str, ...]:
    try:
        import torch
        import torchvision  # noqa: F401  (a torchvision of another torch fails only on import)
    except Exception as error:
        return "problem", f"cannot be imported ({error})", AGAIN
    version = f"{torch.__version__}, torchvision {metadata.version('torchvision')}"
    if tuple(int(n) for n in torch.__version__.split(".")[:2]) < OLDEST_TORCH:
        return "problem", version, "{}.{} or newer is needed: ".format(*OLDEST_TORCH) + AGAIN
    return "ok", f"{version}, on {machine.threads()} threads at most"


def _device() -> tuple[str, ...]:
    if machine.device().type == "cpu" and shutil.which("nvidia-smi"):
        todo = (
            "there seems to be an NVIDIA GPU that torch cannot use: this may be the CPU build of "
            "torch (`python3 start.py lab --gpu` brings the other), or the driver is too old"
        )
        return "note", machine.device_name(), todo
    return "ok", machine.device_name()


def _bf16() -> tuple[str, ...]:
    if machine.has_fast_bf16():
        return "ok", "fast: training uses it"
    todo = "nothing to do: training uses float32, and pretraining takes about twice as long"
    return "note", "not fast here", todo


def _kernel() -> tuple[str, ...]:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    if importlib.util.find_spec("ipykernel") is None:
        return "problem", "ipykernel is missing", AGAIN
    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return "problem", "there is no kernel python3", AGAIN
    # Jupyter itself replaces a bare `python` by the Python that it runs in.
    program = sys.executable if command in ("python", "python3") else command
    ask = "import ipykernel, sys; print(sys.prefix)"
    try:
        answer = subprocess.run(
            [program, "-P", "-c", ask], capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        answer = "a Python that does not start"
    if answer and Path(answer) == Path(sys.prefix):
        return "ok", f"python3 starts {program}"
    todo = "open the course with `tl-course lab` or `python3 start.py lab`: they bring their own"
    return "note", f"python3 starts {answer}, not {sys.prefix}", todo


def _memory() -> tuple[str, ...]:
    gb = machine.memory_gb()
    if gb < 2:
        return "problem", f"{gb:.1f} GB", "at least 2 GB are needed, 4 GB are comfortable"
    if gb < 4:
        return "note", f"{gb:.1f} GB", "close other programs meanwhile"
    return "ok", f"{gb:.1f} GB"


def _cores() -> tuple[str, ...]:
    cores = f"{machine.cores()} may be used"
    if machine.cores() < 2:
        return "note", cores, "times are given for two cores: expect longer"
    return "ok", cores


def _disk() -> tuple[str, ...]:
    from tl_course.base import storage

    folder = storage.home()
    if storage.is_read_only(folder):
        folder = storage.person_folder()
    gb = shutil.disk_usage(folder).free / 1e9
    free = f"{gb:.1f} GB free at {folder}"
    if gb < 0.5:
        return "problem", free, "free at least 0.5 GB, or set TL_COURSE_HOME"
    if gb < 2:
        return "note", free, "enough for the course; full data sets need more"
    return "ok", free


def _home() -> tuple[str, ...]:
    from tl_course.base import storage

    folder = storage.home()
    if storage.is_read_only(folder):
        todo = f"nothing to do: what you make is kept in {storage.person_folder()}"
        return "note", f"{folder}, to be read only", todo
    return "ok", str(folder)


def _cached() -> tuple[str, ...]:
    from tl_course.base import storage

    entries = sorted(p for p in storage.home().iterdir() if p.suffix != ".lock")
    if not entries:
        return "ok", "nothing yet"
    sizes = ", ".join(f"{p.name} ({storage.size_in_words(_size(p))})" for p in entries)
    return "ok", sizes, "all of it may be deleted and comes back"


def _speech() -> tuple[str, ...]:
    if importlib.util.find_spec("espeakng_loader"):
        return "ok", f"espeakng-loader {metadata.version('espeakng-loader')}"
    todo = "nothing to do: the shipped recordings serve; for voices, `pip install -e .[speech]`"
    return "note", "no voices to make speech with", todo


def _language() -> tuple[str, ...]:
    if importlib.util.find_spec("transformers"):
        return "ok", f"transformers {metadata.version('transformers')}"
    todo = "nothing to do: records serve; for notebook 07, `python3 start.py lab --with language`"
    return "note", "no networks for texts", todo


def _beside() -> tuple[str, ...]:
    from tl_course.app import notebooks
    from tl_course.base import storage

    folder = storage.expanded(notebooks.learners_folder())
    places = [path for path in sys.path if path and Path(path) != Path.cwd()]
    files = sorted(folder.glob("*.py")) + [path.parent for path in folder.glob("*/__init__.py")]
    taken = [
        path.name
        for path in files
        if path.stem in sys.stdlib_module_names or PathFinder.find_spec(path.stem, places)
    ]
    if not taken:
        return "ok", f"no file in {folder} has the name of a library"
    todo = "rename it: notebooks and libraries there may take it for a library of the same name"
    return "note", f"{', '.join(taken)} in {folder}", todo


CHECKS = (
    _python, _packages, _torch, _device, _bf16, _kernel, _memory, _cores, _disk, _home, _cached,
    _speech, _language, _beside,
)  # fmt: skip


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in (path, *path.rglob("*")) if p.is_file())
