"""A program that tries everything that the course writes, on a disk or in a home of some kind.

It reads a line of JSON for each try and answers with one: what came of each of `ACTIONS` ("ok", or
the error), and which files were there in the end. Each try has a process of its own, which may
become another user, or see a disk that nobody else sees.
"""

import contextlib
import ctypes
import importlib
import io
import json
import os
import resource
import runpy
import shutil
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from tl_course.base import downloads, storage
from tl_course.base.errors import CourseError
from tl_course.core import files, pretraining
from tl_course.data.sources import espeak, spoken_names
from tl_course.data.targets import drawn, spoken
from tl_course.lessons.n00_start_here import handwriting_files
from tl_course.lessons.n00_start_here.handwriting import Drawing
from tl_course.study import results

NOBODY = 65534
NEWNS, NEWUSER = 0x20000, 0x10000000  # of unshare(2)
PRIVATE, REMOUNT, READ_ONLY = 0x40000 | 0x4000, 32, 1  # of mount(2)
SCRIPT = Path(__file__).parents[1] / "data_scripts" / "free_spoken_digits.py"


class Noise:
    """A source of nothing."""

    modality, names, n_classes, seed = "image", ["a", "b"], 2, 0

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(start))
        return x, torch.arange(n) % 2


def download(home: Path, url: str) -> None:
    downloads.download(url, home / "file.bin", sha256=os.environ["SHA256"])


def pretrain(home: Path, url: str) -> None:
    pretraining.pretrain(Noise(), 512, out=home / "out")
    files.load(home / "out")


def record(home: Path, url: str) -> None:
    results.FOLDER = home / "results"
    rows = [{"a": n, "right": [True] * 900} for n in range(3000)]
    results.record("t", rows, command="c", seed=0, weights="w")
    assert results.is_current("t", "w")


def build(home: Path, url: str) -> None:
    clips = np.zeros((1000, 32, 32), np.uint8)
    espeak.voices = lambda role: ["ann", "bob"]
    espeak.each_spoken = lambda missing, *_: ((voice, clips) for voice in missing)
    assert len(spoken_names.build(progress=False)) == 2


def unpack(home: Path, url: str) -> None:
    script = runpy.run_path(str(SCRIPT))
    script["main"].__globals__.update(EACH=1, downloads=SimpleNamespace(download=pack))
    spoken.read_wave = spoken.speakers = lambda *_: ()
    script["main"]()
    assert len(list((home / "free-spoken-digit-dataset" / "recordings").iterdir())) == 60


def pack(urls: object, path: Path, **more: object) -> Path:
    with zipfile.ZipFile(content := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as packed:
        for digit in range(10):
            for speaker in "abcdef":
                packed.writestr(f"f/recordings/{digit}_{speaker}_0.wav", bytes(10_000))
    with storage.atomic_path(path) as draft:
        draft.write_bytes(content.getvalue())
    return path


def draw(home: Path, url: str) -> None:
    stroke = (((60, 60), (170, 60), (120, 120), (110, 220)),)
    drawings = [Drawing(n % 10, drawn.encode(stroke)) for n in range(40)]
    saved = handwriting_files.save(home / "hands", "Ada", drawings)
    assert len(list(saved.pictures.rglob("*.png"))) == 40


ACTIONS = (download, pretrain, record, build, unpack, draw)


def try_all(home: Path, url: str) -> dict[str, str]:
    os.environ["TL_COURSE_HOME"] = str(home)
    told = {}
    for action in ACTIONS:
        try:
            with (
                contextlib.redirect_stderr(io.StringIO()),
                contextlib.redirect_stdout(io.StringIO()),
            ):
                action(home, url)
            told[action.__name__] = "ok"
        except CourseError as error:
            told[action.__name__] = str(error)
        except BaseException:
            told[action.__name__] = traceback.format_exc()
    return told


# -------------------------------------------------------------------------------- kinds of disks


def disk(home: Path, options: str) -> bool:
    """A small disk in memory that this process alone sees, where the system allows it."""
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.geteuid(), os.getegid()
    if not hasattr(libc, "unshare"):
        return False
    if libc.unshare(NEWNS):
        if libc.unshare(NEWNS | NEWUSER):
            return False
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"),
                           ("gid_map", f"0 {group} 1")):  # fmt: skip
            Path("/proc/self", name).write_text(text)
    libc.mount(b"none", b"/", None, PRIVATE, None)
    return libc.mount(b"tmpfs", os.fsencode(home), b"tmpfs", 0, options.encode()) == 0


def fill(home: Path, option: str) -> None:
    """Nothing more goes onto this disk: there is no room, or there are no names."""
    if not disk(home, option):  # then files may have a few bytes, and the disk says it is full
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, resource.RLIM_INFINITY))
        shutil.disk_usage = lambda folder: SimpleNamespace(free=0)
        return
    with contextlib.suppress(OSError), (home / "ballast").open("wb", 0) as file:
        for number in range(1000 if "inodes" in option else 0):
            (home / f"ballast-{number}").touch()
        while file.write(bytes(4096)):
            pass
    if "inodes" not in option:
        os.truncate(home / "ballast", (home / "ballast").stat().st_size - 65_536)


def make_room(home: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    shutil.disk_usage = storage.shutil.disk_usage = USAGE
    for path in home.glob("ballast*"):
        path.unlink()


def become_another(home: Path, mode: int) -> None:
    """Somebody else, where there is one; else a user who may do no more than others may."""
    home.chmod(mode)
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    except OSError:
        home.chmod((mode & 0o7) * 0o111)
        if os.geteuid() == 0:
            ctypes.CDLL(None).unshare(NEWUSER)  # the root of nothing


def read_only(home: Path) -> None:
    if disk(home, "size=8m"):
        libc = ctypes.CDLL(None)
        assert not libc.mount(b"tmpfs", os.fsencode(home), b"tmpfs", REMOUNT | READ_ONLY, None)
    else:
        become_another(home, 0o555)


USAGE = shutil.disk_usage
SITUATIONS = {
    "a full disk": lambda home: fill(home, "size=16m"),
    "a disk without names left": lambda home: fill(home, "size=64m,nr_inodes=300"),
    "a disk to be read alone": read_only,
    "a home that others may read": lambda home: become_another(home, 0o755),
    "a home of another user": lambda home: become_another(home, 0o700),
    "a file": lambda home: (home.rmdir(), home.touch()),
    "inside a file": lambda home: (home.rmdir(), home.touch(), home / "home")[2],
    "a link to nothing": lambda home: (home.rmdir(), home.symlink_to(home.with_name("nothing"))),
    "a link to itself": lambda home: (home.rmdir(), home.symlink_to(home)),
    "a name in Latin-1": lambda home: home / os.fsdecode(b"caf\xe9"),
    "a name that is too long": lambda home: home / ("long" * 100),
    "a clock a year ahead": lambda home: jump(365),
    "a clock a year behind": lambda home: jump(-365),
}


def jump(days: int) -> None:
    real = time.time
    time.time = lambda: real() + days * 86_400


def beside_another(home: Path, url: str) -> dict:
    with tempfile.TemporaryFile("w+") as file:
        if not (other := os.fork()):
            try:
                json.dump(try_all(home, url), file)
                file.flush()
            finally:
                os._exit(0)
        told = try_all(home, url)
        os.waitpid(other, 0)
        file.seek(0)
        return {"told": told, "other": json.load(file), "left": left(home)}


def attempt(kind: str, home: str, url: str) -> dict:
    home = Path(home)
    if kind == "two programs":
        return beside_another(home, url)
    changed = SITUATIONS[kind](home)
    home = changed if isinstance(changed, Path) else home
    answer = {"told": try_all(home, url), "left": left(home)}
    if kind in ("a full disk", "a disk without names left"):
        make_room(home)
        answer["again"] = try_all(home, url)
        answer["left again"] = left(home)
    return answer


def left(home: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    return []


def in_a_process(*arguments: str) -> dict:
    with tempfile.TemporaryFile("w+") as file:
        if not (child := os.fork()):
            try:
                torch.set_num_threads(1)
                json.dump({**attempt(*arguments), "modules": sorted(sys.modules)}, file)
                file.flush()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        file.seek(0)
        return json.load(file)


if __name__ == "__main__":
    for line in sys.stdin:
        answer = in_a_process(*json.loads(line))
        for name in answer.pop("modules"):  # another user may not be able to read them
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        print(json.dumps(answer), flush=True)
    os._exit(0)  # and without tidying up
