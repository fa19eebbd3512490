"""Processes for attacks: forked from one that has imported everything, bounded, and killed at will.

On systems without fork they are started anew, which takes seconds each.
"""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest import mock

import psutil

try:
    import resource
except ImportError:  # Windows
    resource = None

LONGEST = 1000  # characters of a sentence
HUNG = 3600  # seconds; as in conftest
MOST_MEMORY, MOST_SECONDS = 1_000_000_000, 5  # resident bytes; seconds of processor time, an input
ROOM = 4_000_000_000  # bytes of addresses beyond those after the imports: nothing eats the machine
FORKS = "forkserver" in multiprocessing.get_all_start_methods()
WRITES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink")


def context():
    """How processes are started, with everything imported beforehand."""
    if not FORKS:
        return multiprocessing.get_context("spawn")
    chosen = multiprocessing.get_context("forkserver")
    chosen.set_forkserver_preload(["attacks.loaders", "attacks.commands"])
    return chosen


def run(work: Callable, *arguments: object) -> tuple[int, object]:
    """Exit code and answer of `work(*arguments)` in a process of its own; −9 for a killed one."""
    ours, child_end = context().Pipe()
    child = context().Process(target=_answer, args=(child_end, work, arguments), daemon=True)
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, paths))):
        child.start()
    child_end.close()
    answer = None
    try:
        if ours.poll(HUNG):
            answer = ours.recv()
    except EOFError:
        pass  # it was killed before
    child.join(HUNG)
    return child.exitcode, answer


def _answer(pipe, work, arguments) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    pipe.send(work(*arguments))


# ------------------------------------------------------------------------------------- inputs


def sound(name: str, folder: Path) -> list[str]:
    """What went wrong with sound samples, which must all be read: in a fork."""
    from attacks.loaders import LOADERS

    load, wrong = LOADERS[name].prepare(folder), []
    for number, tree in enumerate(LOADERS[name].samples(folder)):
        try:
            load(_written(tree, folder / str(number)))
        except Exception as error:
            wrong.append(f"{name}, sample {number}: {type(error).__name__}: {error}")
    return wrong


def _written(tree: dict[str, bytes], place: Path) -> Path:
    for file, content in tree.items():
        path = place / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return place


def outcomes(name: str, numbers: Iterable[int], folder: Path) -> tuple[list[str], int]:
    """A loader is given damaged inputs with these numbers, in a fork.

    What went wrong, and how many were refused in a sentence; the others had a result.
    """
    from attacks import mutate
    from attacks.loaders import LOADERS

    samples = list(LOADERS[name].samples(folder))
    inputs = (
        (number, mutate.tree(samples[number % len(samples)], random.Random(f"{name} {number}")))
        for number in numbers
    )
    return _attacked(name, inputs, folder)


def kept(name: str, cases: list[Path], folder: Path) -> tuple[list[str], int]:
    """The same for what once failed, trees of files on disk."""
    inputs = (
        (case.name, {str(file.relative_to(case)): file.read_bytes()
                     for file in sorted(case.rglob("*")) if file.is_file()})
        for case in cases
    )  # fmt: skip
    return _attacked(name, inputs, folder)


def _attacked(name, inputs, folder) -> tuple[list[str], int]:
    from attacks.loaders import LOADERS

    from tl_course.base.errors import CourseError

    load, wrong, refused = LOADERS[name].prepare(folder), [], 0
    _leave_room()
    for number, tree in inputs:
        place = _written(tree, folder / str(number))
        began, why = time.process_time(), None
        try:
            load(place)
        except CourseError as error:
            refused += 1
            if "\n" in str(error) or not 0 < len(str(error)) < LONGEST:
                why = f"says {str(error)[:300]!r}, which is not one sentence"
        except Exception as error:
            why = f"{type(error).__name__}: {str(error)[:200]}"
        seconds = time.process_time() - began
        if seconds > MOST_SECONDS:
            why = f"took {seconds:.1f} s of the processor"
        if peak_memory() > MOST_MEMORY:
            grown = f"{name} {number}: the process grew to {peak_memory() / 1e9:.1f} GB"
            return [*wrong, grown], refused
        if why:
            wrong.append(f"{name} {number}: {why} (kept in {place})")
        else:
            _remove(place)
    return wrong, refused


def _leave_room() -> None:
    """So that a bomb ends in MemoryError, and not the machine."""
    if sys.platform != "linux":
        return
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))


def _remove(place: Path) -> None:
    import shutil

    shutil.rmtree(place, ignore_errors=True)


def peak_memory() -> int:
    """The most bytes that this process has held at once."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: ru_maxrss also counts the process that started this one
        (peak,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(peak.split()[1])
    if resource is None:  # Windows
        return psutil.Process().memory_info().peak_wset
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# -------------------------------------------------------------------------------------- kills


def commanded(
    name: str, folder: Path, write: int | None = None, moment: float | None = None
) -> tuple[int, float]:
    """Runs a command in `folder`, killed at its write number `write` or after `moment` seconds.

    Seconds are of the processor. With neither, it ends well: how many writes it made, and seconds.
    """
    from attacks.commands import COMMANDS

    made, inside = [0], os.fspath(folder)

    def hook(event: str, arguments: tuple) -> None:
        if event not in WRITES or not str(arguments[0]).startswith(inside):
            return
        if event == "open" and not _writes(arguments):
            return
        if made[0] == write:
            os.kill(os.getpid(), signal.SIGKILL)
        made[0] += 1

    sys.addaudithook(hook)
    if moment is not None:
        signal.setitimer(signal.ITIMER_PROF, max(moment, 1e-4))  # nobody takes it: it ends us
    began = time.process_time()
    COMMANDS[name].run(folder)
    return made[0], time.process_time() - began


def _writes(arguments: tuple) -> bool:
    _, mode, flags = arguments
    if mode is None:
        return bool(flags & (os.O_WRONLY | os.O_RDWR))
    return any(letter in mode for letter in "wax+")


def prepared(name: str, folder: Path) -> None:
    """Puts there what a command begins with."""
    from attacks.commands import COMMANDS

    COMMANDS[name].prepare(folder)


def made(name: str, folder: Path) -> object:
    """What a command made, as it is compared."""
    from attacks.commands import COMMANDS

    return COMMANDS[name].made(folder)
