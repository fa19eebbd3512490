"""Checks the environment, and says what to do about each thing that is wrong."""

import importlib.util
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from tl_course.base import machine, storage
from tl_course.base.errors import CourseError

MARKS = {"ok": "OK", "note": "note", "problem": "PROBLEM"}
AGAIN = "run `python3 start.py lab` again: it installs what is missing"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `status` is `ok`, `note` or `problem`."""

    name: str
    status: str
    found: str
    todo: str = ""


def examine() -> list[Finding]:
    """Every finding, in the order in which things depend on each other."""
    checks = [
        _python, _torch, _device, _bf16, _kernel, _memory, _cores, _disk, _home, _cached, _speech,
    ]  # fmt: skip
    findings = []
    for check in checks:
        try:
            findings.append(check())
        except Exception as error:  # a check that breaks is a finding, not the end of the report
            name = check.__name__.strip("_")
            findings.append(Finding(name, "problem", f"{type(error).__name__}: {error}", AGAIN))
    return findings


def as_text(findings: list[Finding]) -> str:
    """The findings for people: a line each, and under it what to do."""
    lines = []
    for f in findings:
        lines.append(
            f"{f.status.upper() if f.status != 'note' else 'note':<8}{f.name:<10}{f.found}"
        )
        if f.todo:
            lines.append(f"{'':<18}-> {f.todo}")
    return "\n".join(lines)


def as_dict(findings: list[Finding]) -> dict:
    """The findings for programs: `ok`, and `findings` with name, status, found, todo."""
    return {"ok": is_well(findings), "findings": [asdict(f) for f in findings]}


def is_well(findings: list[Finding]) -> bool:
    return all(f.status != "problem" for f in findings)


def _python() -> Finding:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < (3, 10):  # noqa: UP036
        return Finding("python", "problem", found, "install Python 3.10 or newer")
    return Finding("python", "ok", found)


def _torch() -> Finding:
    try:
        import torch
        import torchvision  # noqa: F401  (a torchvision of another torch fails only on import)
    except Exception as error:
        return Finding("torch", "problem", f"cannot be imported ({error})", AGAIN)
    found = f"{torch.__version__}, torchvision {metadata.version('torchvision')}"
    if tuple(int(n) for n in torch.__version__.split(".")[:2]) < (2, 10):
        return Finding("torch", "problem", found, "2.10 or newer is needed: " + AGAIN)
    return Finding("torch", "ok", found)


def _device() -> Finding:
    kind = machine.device().type
    if kind == "cpu" and shutil.which("nvidia-smi"):
        return Finding(
            "device", "note", machine.device_name(),
            "there seems to be an NVIDIA GPU that torch cannot use: this may be the CPU build of "
            "torch (pip install --force-reinstall torch torchvision), or the driver is too old",
        )  # fmt: skip
    return Finding("device", "ok", machine.device_name())


def _bf16() -> Finding:
    if machine.has_fast_bf16():
        return Finding("bf16", "ok", "fast: training uses it")
    return Finding(
        "bf16", "note", "not fast here",
        "nothing to do: training uses float32, and pretraining takes about twice as long",
    )  # fmt: skip


def _kernel() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    if importlib.util.find_spec("ipykernel") is None:
        return Finding("kernel", "problem", "ipykernel is missing", AGAIN)
    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Finding("kernel", "problem", "there is no kernel python3", AGAIN)
    # Jupyter itself replaces a bare `python` by the Python that it runs in.
    program = sys.executable if command in ("python", "python3") else command
    ask = "import ipykernel, sys; print(sys.prefix)"
    try:
        answer = subprocess.run(
            [program, "-c", ask], capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        answer = "a Python that does not start"
    if answer and Path(answer) == Path(sys.prefix):
        return Finding("kernel", "ok", f"python3 starts {program}")
    return Finding(
        "kernel", "note", f"python3 starts {answer}, not {sys.prefix}",
        "open the course with `tl-course lab` or `python3 start.py lab`: they bring their own",
    )  # fmt: skip


def _memory() -> Finding:
    gb = machine.memory_gb()
    if gb < 2:
        return Finding(
            "memory", "problem", f"{gb:.1f} GB", "at least 2 GB are needed, 4 GB are comfortable"
        )
    if gb < 4:
        return Finding("memory", "note", f"{gb:.1f} GB", "close other programs meanwhile")
    return Finding("memory", "ok", f"{gb:.1f} GB")


def _cores() -> Finding:
    n = machine.cores()
    if n < 2:
        return Finding(
            "cores",
            "note",
            f"{n} may be used",
            "times are given for two cores: expect longer",
        )
    return Finding("cores", "ok", f"{n} may be used")


def _disk() -> Finding:
    folder = storage.home()
    gb = shutil.disk_usage(folder).free / 1e9
    found = f"{gb:.1f} GB free at {folder}"
    if gb < 0.5:
        return Finding("disk", "problem", found, "free at least 0.5 GB, or set TL_COURSE_HOME")
    if gb < 2:
        return Finding("disk", "note", found, "enough for the course; full data sets need more")
    return Finding("disk", "ok", found)


def _home() -> Finding:
    try:
        return Finding("home", "ok", str(storage.home()))
    except CourseError as error:
        return Finding("home", "problem", "not usable", str(error))


def _cached() -> Finding:
    entries = sorted(p for p in storage.home().iterdir() if p.suffix != ".lock")
    if not entries:
        return Finding("cached", "ok", "nothing yet")
    found = ", ".join(f"{p.name} ({storage.in_words(_size(p))})" for p in entries)
    return Finding("cached", "ok", found, "all of it may be deleted and comes back")


def _speech() -> Finding:
    if importlib.util.find_spec("espeakng_loader"):
        return Finding("speech", "ok", f"espeakng-loader {metadata.version('espeakng-loader')}")
    return Finding(
        "speech", "note", "no voices to make speech with",
        "nothing to do: the shipped recordings serve; for voices, `pip install -e .[speech]`",
    )  # fmt: skip


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
