import errno
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import HUNG
from sentences import refused

from tl_course.base import storage

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DISK_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_atomic_write_interrupted_leaves_the_old_file(tmp_path):
    path = storage.write_text(tmp_path / "a.txt", "old")
    for interruption in (ValueError, KeyboardInterrupt):
        with pytest.raises(interruption), storage.atomic_path(path) as draft:
            draft.write_text("half of the n")
            raise interruption
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path], "and nothing else"


def killed_while_writing(path: Path) -> None:
    """Another program that is killed with half of the file written."""
    program = (
        "import os, sys; from tl_course.base import storage\n"
        "with storage.atomic_path(sys.argv[1]) as draft:\n"
        "    draft.write_text('half of the n'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, path]).returncode == 9


def test_atomic_write_killed_leaves_the_old_file(tmp_path):
    path = storage.write_text(tmp_path / "a.txt", "old")
    killed_while_writing(path)
    assert path.read_text() == "old"
    (draft,) = [name for name in os.listdir(tmp_path) if name != "a.txt"]
    assert storage.is_draft(draft)
    storage.write_text(tmp_path / "b.txt", "x")
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.txt"], "what it left is gone"


@pytest.mark.parametrize("years", [-1, 0, 1])
def test_what_others_are_writing_and_what_is_a_learners_is_not_swept(tmp_path, monkeypatch, years):
    """However wrong the clock is: a draft is some program's for as long as that runs."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + years * 365 * 86_400)
    mine = [".draft-12345678.txt", ".a-1234abcd.txt", ".tl-course-copies.json", "~a.txt", "a.tmp"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / f"{storage.DRAFT}12345678-folder").mkdir()
    program = (
        "import sys; from tl_course.base import storage\n"
        "with storage.atomic_path(sys.argv[1]) as draft:\n"
        "    print('begun', flush=True); draft.write_text(sys.stdin.read())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "theirs.txt"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout.readline() == "begun\n"
        with storage.atomic_path(tmp_path / "inner.txt") as draft:
            storage.write_text(tmp_path / "b.txt", "x")  # another file in the same folder
            draft.write_text("y")
        other.communicate("whole")
    assert (tmp_path / "theirs.txt").read_text() == "whole"
    assert (tmp_path / "inner.txt").read_text() == "y"
    folder = f"{storage.DRAFT}12345678-folder"
    assert sorted(os.listdir(tmp_path)) == sorted(
        [*mine, "b.txt", "inner.txt", "theirs.txt", folder]
    )


def test_atomic_path_keeps_the_ending(tmp_path):
    with storage.atomic_path(tmp_path / "a.npz") as draft:
        assert draft.suffix == ".npz" and draft.parent == tmp_path
        draft.touch()


@pytest.mark.parametrize(
    "error", [DISK_FULL, RuntimeError("a write failed"), OSError("5 requested and 3 written")]
)
def test_disk_full_is_one_sentence_and_loses_nothing(tmp_path, error, monkeypatch):
    full = SimpleNamespace(free=1000)
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda folder: full)
    path = storage.write_text(tmp_path / "a.txt", "old")
    with refused("disk_full"):
        with storage.atomic_path(path) as draft:
            draft.write_text("half of the n")
            raise error
    assert path.read_text() == "old"


def _mounted(folder: Path) -> bool:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        return subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        return False


def test_disk_really_full(tmp_path, monkeypatch):
    """On a disk of 64 kB where one can be made (Linux, as root), else with a write that fails."""
    mounted = _mounted(tmp_path)
    try:
        path = storage.write_text(tmp_path / "a.txt", "old")
        if not mounted:

            def write_text(*_, **__):
                raise DISK_FULL

            monkeypatch.setattr(Path, "write_text", write_text)
        with refused("disk_full"):
            storage.write_text(path, "new" * 100_000)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]
    finally:
        if mounted:
            subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with refused("not_writable"):
        storage.write_text(tmp_path / "file" / "a.txt", "new")


def test_lock_keeps_others_away(tmp_path):
    path = tmp_path / "data"
    program = (
        "import sys; from tl_course.base import storage\n"
        "with storage.lock(sys.argv[1]): print('mine', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline().strip() == b"mine"
        with refused("already_there", "Another program"):
            with storage.lock(path, timeout=0.1):
                pass
        other.communicate()
    with storage.lock(path, timeout=HUNG):
        pass


def test_home_is_made_and_must_be_writable(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path / "new" / "home"))
    assert storage.home().is_dir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path / "file"))
    with refused("not_writable", "TL_COURSE_HOME"):
        storage.home()
    monkeypatch.setenv("TL_COURSE_HOME", "~nobody-is-called-so/x")
    with refused("no_user", "'~nobody-is-called-so/x'"):
        storage.home()


@pytest.mark.parametrize("name", ["../x", "..", "a/b", "/", "C:\\x", "\udce9", "nul"])
def test_what_a_person_makes_stays_in_the_data_home(tmp_path, monkeypatch, name):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(storage.getpass, "getuser", lambda: name)
    assert storage.person_folder().parent == tmp_path / "made"
    monkeypatch.setattr(storage.getpass, "getuser", lambda: "ada")
    assert storage.person_folder() == tmp_path / "made" / "ada"


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    assert storage.sha256(tmp_path / "a") == SHA256


# ------------------------------------------------------------------------- places to write to


def test_a_place_is_one_programs_alone_until_it_ends(tmp_path):
    (tmp_path / "out").mkdir()
    for place in (tmp_path / "out", tmp_path / "report.html"):
        program = (
            "import sys; from tl_course.base import storage\n"
            "with storage.claimed(sys.argv[1]):\n    print('mine', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, str(place)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as other:  # fmt: skip
            assert other.stdout.readline() == "mine\n"
            with refused("already_there", "Another program"):
                with storage.claimed(place):
                    pass
            other.kill()
        with storage.claimed(place):  # what a killed program leaves stands in nobody's way
            pass
    assert [path.name for path in tmp_path.rglob("*")] == ["out"]


def test_a_disk_without_locks_is_written_to_all_the_same(tmp_path, monkeypatch):
    def acquire(*_, **__):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(storage.filelock.FileLock, "acquire", acquire)
    with storage.claimed(tmp_path):
        storage.write_text(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text() == "x"


def test_a_file_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "made" / "report.html"
    assert storage.free_file(path) == path and path.parent.is_dir() and not path.exists()
    path.write_text("mine")
    with refused("already_there", "--force"):
        storage.free_file(path)
    assert storage.free_file(path, overwrite=True) == path and path.read_text() == "mine"
    for folder in (tmp_path, ""):
        with refused("is_folder"):
            storage.free_file(folder, overwrite=True)


@pytest.mark.skipif(os.name != "posix", reason="names are text there")
def test_names_that_are_no_text_are_refused_before_anything_is_written(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    for write in (
        storage.make_folder, storage.free_file, storage.check_name,
        lambda path: storage.write_text(path, "x"),
    ):  # fmt: skip
        with refused("not_utf8", "caf?'") as caught:
            write(tmp_path / name)
        str(caught.value).encode("utf-8")
    assert not list(tmp_path.iterdir())
