"""Facts about this machine: cores, memory, device, bf16."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tl_course.base.errors import CourseError

if TYPE_CHECKING:
    import torch

CGROUP = Path("/sys/fs/cgroup")
THREADS = "TL_COURSE_THREADS"  # how many threads may compute, where a person wants fewer
T, R = TypeVar("T"), TypeVar("R")
_this_thread = threading.local()  # `most`: how many threads it may compute with now


def cores() -> int:
    """How many cores this process may use: those it is bound to, and a container's share."""
    try:
        bound = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        bound = os.cpu_count() or 1
    return max(1, math.ceil(min(bound, _cpu_quota())))


def memory_gb() -> float:
    """Memory this process may use, in GB: the machine's, or less where a container limits it."""
    import psutil  # not above: without it `tl-course doctor` still says what to do

    limits = [psutil.virtual_memory().total]
    for folder in _cgroups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            words = _words(folder / name)
            if words and words[0].isdigit():
                limits.append(int(words[0]))
    return min(limits) / 1e9


def device() -> torch.device:
    """Where to train: on an NVIDIA (or ROCm) GPU, or an Apple GPU, or otherwise the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@functools.cache
def keep_freed_memory() -> None:
    """Reuse freed memory instead of giving it back to the system, where the C library is GNU's.

    Every step of a pretraining frees and takes the same tens of megabytes. New pages for them would
    cost a twentieth of its time.
    """
    trim, mmap = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        if mallopt(mmap, 2**30) or mallopt(mmap, 2**25):  # the largest that old versions take
            mallopt(trim, 2**30)


def threads() -> int:
    """How many threads may compute here: one per core, or fewer where `TL_COURSE_THREADS` says so.

    There are never more than this process has cores, than torch was told (`OMP_NUM_THREADS`), or
    than `on_threads` allows.
    """
    asked = os.environ.get(THREADS, "").strip()
    if asked and not (asked.isdecimal() and int(asked)):
        raise CourseError(
            "threads",
            f"{THREADS} is '{asked}', and a whole number from 1 up is expected: set it to one, or "
            "unset it.",
        )
    most = min(_usual_threads(), cores(), int(asked or cores()))
    return min(most, getattr(_this_thread, "most", None) or most)


@contextlib.contextmanager
def on_threads(count: int) -> Iterator[int]:
    """Compute on `count` threads in the block, or on fewer where `threads` allows no more.

    torch's threads busily wait for each other after every operation. Beside another program they
    are several times slower than one thread, so they share only large steps (`session.LARGE`). The
    number holds for the calling thread.
    """
    import torch

    usual, before = _usual_threads(), getattr(_this_thread, "most", None)
    _this_thread.most = now = min(count, threads())
    torch.set_num_threads(now)
    try:
        yield now
    finally:
        _this_thread.most = before
        torch.set_num_threads(before or usual)


def one_thread() -> contextlib.AbstractContextManager[int]:
    """Compute on one thread in the block: for small work, and to leave a core to a browser."""
    return on_threads(1)


def in_threads(
    work: Callable[[T], R], parts: Sequence[T], on: torch.device | None = None
) -> list[R]:
    """`work(part)` for each part, in order; on a CPU several threads share the parts.

    Each part is computed by a single thread, so that none waits for another before the end.
    """
    most = min(threads(), len(parts)) if on is None or on.type == "cpu" else 1
    with one_thread():
        if most < 2:
            return [work(part) for part in parts]
        with alone_each(most) as pool:
            return list(pool.map(work, parts))


def alone_each(count: int) -> ThreadPoolExecutor:
    """A pool of `count` threads, each of which computes alone; for use inside `on_threads`.

    What they set in torch holds for all new threads, and `on_threads` restores it at its end.
    """

    def begin() -> None:
        import torch

        _this_thread.most = 1
        torch.set_num_threads(1)

    return ThreadPoolExecutor(count, initializer=begin)


@functools.cache
def _usual_threads() -> int:
    """torch's number of threads, as the first call finds it before anybody asks for fewer."""
    import torch

    return torch.get_num_threads()


def has_fast_bf16(on: torch.device | str | None = None) -> bool:
    """Whether the device (`device()` unless given) computes bf16 faster than float32.

    A processor without bf16 instructions emulates them, many times slower than float32, so on
    a CPU this is true only where they exist (avx512_bf16 or amx_bf16).
    """
    import torch

    on = torch.device(on) if on is not None else device()
    if on.type == "cuda":
        return torch.cuda.get_device_capability(on)[0] >= 8
    if on.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    has = torch.cpu.get_capabilities()
    return any(has.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


class Timed(NamedTuple):
    """Seconds that some work takes."""

    own: float  # CPU time of this thread
    wall: float  # wall-clock time, longer where other programs use the core


def timed(work: Callable[[], object], seconds: float = 0.5) -> Timed:
    """The mean time of `work()`, repeated for this many seconds after one run to warm up."""
    work()
    cpu, wall, times = time.thread_time(), time.perf_counter(), 0
    while times < 2 or time.perf_counter() - wall < seconds:
        work()
        times += 1
    return Timed((time.thread_time() - cpu) / times, (time.perf_counter() - wall) / times)


def time_in_words(seconds: float) -> str:
    """A time as people read it: `85 seconds`, `3 minutes`."""
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def summary() -> str:
    """One line about the machine, such as `2 cores, 16 GB memory, CPU with fast bf16`."""
    return f"{hardware()} {'with' if has_fast_bf16() else 'without'} fast bf16"


def hardware() -> str:
    """The same in words that every learner knows: `2 cores, 16 GB memory, CPU`."""
    n = cores()
    return f"{n} core{'s' if n > 1 else ''}, {memory_gb():.0f} GB memory, {device_name()}"


def device_name() -> str:
    """What the device is called: `NVIDIA A100`, `Apple GPU`, `CPU (AMD EPYC)`."""
    import torch

    kind = device().type
    if kind == "cuda":
        return torch.cuda.get_device_name()
    return "Apple GPU" if kind == "mps" else f"CPU ({_processor()})"


def _processor() -> str:
    """The processor's model where the system knows it, otherwise its family."""
    facts = (line.partition(":") for line in _lines(Path("/proc/cpuinfo")))
    models = [value.strip() for key, _, value in facts if key.strip() == "model name"]
    return models[0] if models else platform.processor() or platform.machine()


@functools.cache  # read once, since the pad asks at each stroke
def _cpu_quota() -> float:
    """How many cores' time the container may use; infinite without a limit."""
    quotas = [math.inf]
    for folder in _cgroups("cpu"):
        words = _words(folder / "cpu.max")  # version 2: "150000 100000" or "max 100000"
        if not words:  # version 1: -1 means no limit
            words = _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
        if len(words) == 2 and words[0].isdigit() and int(words[1]) > 0:
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas)


def _cgroups(controller: str) -> list[Path]:
    """The folders of this process's control groups, each with all its parents (Linux only)."""
    folders = []
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = CGROUP  # version 2
        elif controller in controllers.split(","):
            root = CGROUP / controller  # version 1
        else:
            continue
        inner = root / path.strip("/")
        folders += [inner, *(p for p in inner.parents if p.is_relative_to(root))]
    return folders


def _lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
