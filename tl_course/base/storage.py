"""The data home, atomic writes, and places that one program claims at a time.

Everything in the data home can be deleted and comes back.
"""

import contextlib
import errno
import functools
import getpass
import hashlib
import os
import secrets
import shutil
import socket
import stat
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import filelock
import platformdirs

from tl_course.base.errors import CourseError, printable
from tl_course.base.names import clean

CLAIM = ".tl-course.lock"  # the file that marks a folder as being written to
FOR_OTHERS = 0o022  # the rights of a group, or of all, to write
DRAFT = ".tl-course-draft-"  # the name of a file begins so until it is in its place


# ------------------------------------------------------------------------------- the data home


def home() -> Path:
    """The folder for everything that can be deleted and comes back; made when it is missing.

    It is `TL_COURSE_HOME` where that is set, otherwise the user's cache folder. A class may share
    one: its folders are then open to all, and each person has a private one in it. It may be
    read-only. Raises CourseError when it cannot be made.
    """
    folder = expanded(os.environ.get("TL_COURSE_HOME") or _usual_home())
    if is_read_only(folder):
        return folder.resolve()
    return make_folder(folder, "set TL_COURSE_HOME to a folder that you may write to").resolve()


def is_read_only(folder: Path) -> bool:
    """Whether a folder is there, and can be read and not written to."""
    # (os.path.isdir also answers for a name that is too long, where Path.is_dir raises.)
    return os.path.isdir(folder) and os.access(folder, os.R_OK) and not os.access(folder, os.W_OK)


def _usual_home() -> Path:
    return Path(platformdirs.user_cache_dir("tl-course", appauthor=False))


def expanded(path: str | os.PathLike) -> Path:
    """The path with `~` or `~name` replaced by that user's home; CourseError without that user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise CourseError(
            "no_user",
            f"There is no user whose home folder '{printable(os.fspath(path))}' begins with: write "
            "the whole path.",
        ) from None


def person_folder() -> Path:
    """The folder for what a person makes: one for each person in the data home, private to them.

    Where the data home is read-only, it is in the user's usual data home. It is there too where the
    data home has no place for it, and a warning says so once.
    """
    try:
        person = clean(getpass.getuser())
    except (ImportError, KeyError, OSError):  # a system without names
        person = "learner"
    made = (_usual_home() if is_read_only(home()) else home()) / "made"
    try:
        return _private(made / person)
    except CourseError as error:
        instead = _private(_usual_home() / "made" / person)
        _tell_once(f"What you make is kept in {instead}. {error}")
        return instead


@functools.cache
def _tell_once(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=3)


def _private(folder: Path) -> Path:
    """A folder that one person alone may read; CourseError where it is somebody else's."""
    make_folder(folder, "ask whoever owns it", 0o700)
    if os.name != "posix":
        return folder  # Windows has other rights, which are inherited
    if folder.parent.stat().st_mode & FOR_OTHERS and not _is_mine(folder):
        raise CourseError(
            "owned_by_another", f"The folder {folder} belongs to somebody else: ask who made it."
        )
    with contextlib.suppress(OSError):  # some disks have no such rights
        folder.chmod(0o700)
    return folder


def _is_mine(folder: Path) -> bool:
    """Whether this is a folder, not a link, and belongs to the user of this program."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


# ------------------------------------------------------------------------- whole or not there


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A path to write to, in the same folder and with the same ending as `path`.

    When the block ends well, the new file takes the place of `path` in one step. Otherwise the old
    one is still there, whole. A killed program leaves a draft, which the next program that writes
    into the folder removes. Raises CourseError when the disk is full or the folder cannot be
    written to.
    """
    path = check_name(path)
    draft = _draft(path)
    try:
        _make(path.parent)
        remove_dead_drafts(path.parent)
        draft.touch(exist_ok=False)
        yield draft
        with draft.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except Exception as error:
        if disk_is_full(error, path.parent):
            raise disk_full(path) from error
        refused = getattr(error, "filename", None)  # of an OSError
        if refused and (Path(refused) == draft or Path(refused) in path.parents):
            raise CourseError(
                "not_writable",
                f"Cannot write {path} ({reason(error)}); close any program that has it open, "
                "or choose a folder that you may write to.",
            ) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _draft(path: Path) -> Path:
    """The path where a file is written first; its name holds the machine and the process."""
    return path.with_name(f"{_drafts_here()}{os.getpid()}-{secrets.token_hex(4)}-{path.name}")


def _drafts_here() -> str:
    return f"{DRAFT}{zlib.crc32(socket.gethostname().encode()):08x}-"


def is_draft(name: str) -> bool:
    """Whether a file's name is that of a draft, of a living or a killed program."""
    return name.startswith(DRAFT)


def remove_dead_drafts(folder: Path) -> None:
    """Remove the drafts in `folder` of programs on this machine that no longer run."""
    import psutil

    with contextlib.suppress(OSError):  # one may write there and not look
        for draft in (folder / name for name in os.listdir(folder) if is_draft(name)):
            process, _, rest = draft.name.removeprefix(_drafts_here()).partition("-")
            if process.isdecimal() and rest and not psutil.pid_exists(int(process)):
                with contextlib.suppress(OSError):  # somebody else's, or already gone
                    draft.unlink()


def write_text(path: str | os.PathLike, text: str) -> Path:
    """Writes `text` as UTF-8 with plain line ends, whole or not at all; returns the path."""
    with atomic_path(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


# -------------------------------------------------------------------------- places to write to


def make_folder(
    folder: str | os.PathLike, advice: str = "choose another one", mode: int = 0o777
) -> Path:
    """The folder, made where it is missing; CourseError when it cannot be made or written to."""
    folder = check_name(folder)
    try:
        _make(folder, mode)
        _try(folder / "probe")
    except OSError as error:
        raise CourseError(
            "not_writable", f"The folder {folder} cannot be written to ({reason(error)}); {advice}."
        ) from error
    return folder


def _make(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and its parents; a new one in a shared home gets the rights of its parent."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        _make(folder.parent)
    folder.mkdir(mode, exist_ok=True)
    above = stat.S_IMODE(folder.parent.stat().st_mode)
    if mode & FOR_OTHERS and above & FOR_OTHERS and _is_in_the_home(folder):
        with contextlib.suppress(OSError):  # another program made it just now
            folder.chmod(above)


def _is_in_the_home(folder: Path) -> bool:
    shared = os.environ.get("TL_COURSE_HOME")
    return bool(shared) and Path(shared).expanduser().resolve() in folder.resolve().parents


def _try(path: Path) -> None:
    """Write a draft of a file and remove it again; OSError where that fails."""
    remove_dead_drafts(path.parent)
    probe = _draft(path)
    probe.touch()
    probe.unlink()


def check_name(path: str | os.PathLike) -> Path:
    """The path; CourseError when its name is not text, so that no sentence could mention it."""
    if not is_text(os.fspath(path)):
        raise CourseError(
            "not_utf8",
            f"The name '{printable(os.fspath(path))}' cannot be written as text, because some of "
            "its bytes are not UTF-8 (they may be Latin-1): rename it.",
        )
    return Path(path)


def no_file(path: str | os.PathLike) -> str | None:
    """Why what is at a path cannot be read as a file; None for a file, and where nothing is."""
    if os.path.isdir(path):
        return "it is a folder"
    return "it is no plain file" if os.path.exists(path) and not os.path.isfile(path) else None


def is_text(name: str) -> bool:
    """Whether a name can be written as UTF-8: Python keeps other bytes as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def refuse_to_overwrite(path: Path, says: str, overwrite: bool) -> None:
    """Raises CourseError, which begins with `says`, where `path` is there and is to stay."""
    if os.path.lexists(path) and not overwrite:
        raise CourseError(
            "already_there",
            f"{says}: choose another place, or add --force (overwrite=True) to replace it.",
        )


def free_file(path: str | os.PathLike, overwrite: bool = False) -> Path:
    """A path that a file can be written to, checked before the work that fills it.

    Raises CourseError when a file is there and `overwrite` is False, when a folder is in the way,
    or when its folder cannot be written to.
    """
    path = check_name(path)
    if os.path.isdir(path):
        raise CourseError(
            "is_folder", f"'{path}' is a folder: give the name of a file to be written."
        )
    refuse_to_overwrite(path, f"{path} already exists", overwrite)
    make_folder(path.parent)
    try:
        _try(path)
    except OSError as error:
        raise CourseError(
            "not_writable", f"{path} cannot be written ({reason(error)}): choose another name."
        ) from None
    return path


# ---------------------------------------------------------------------- one program at a time


@contextlib.contextmanager
def claimed(place: str | os.PathLike) -> Iterator[None]:
    """Keep other programs from `place` during the block: an existing folder, or a file in one.

    Raises CourseError at once when another program has it. A killed program loses it.
    """
    place = Path(place)
    path = place / CLAIM if place.is_dir() else place.with_name(f".{place.name}{CLAIM}")
    taken = (
        f"Another program is writing to {place} just now: wait until it is done, or choose another "
        "place."
    )
    with _held(path, 0, taken, f"{place} cannot be written to", "choose another place"):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows removes no file that is open
                path.unlink()


@contextlib.contextmanager
def lock(path: str | os.PathLike, timeout: float = 600) -> Iterator[None]:
    """Keep other processes from `path` during the block, by a file beside it, `path` + `.lock`.

    Raises CourseError when another process still has it after `timeout` seconds.
    """
    taken = (
        f"Another program has been using {path} for more than {timeout:g} seconds; wait until it "
        "is done, or end it, and try again."
    )
    todo = "set TL_COURSE_HOME to a folder that you may write to"
    with _held(Path(f"{path}.lock"), timeout, taken, f"Cannot write beside {path}", todo):
        yield


@contextlib.contextmanager
def _held(path: Path, timeout: float, taken: str, refused: str, todo: str) -> Iterator[None]:
    """Hold the lock `path`; CourseError where another has it (`taken`) or it cannot be made."""
    file_lock = filelock.FileLock(path, mode=0o666)  # others must take it too in a shared home
    try:
        _make(path.parent)
        file_lock.acquire(timeout=timeout)
    except filelock.Timeout:
        raise CourseError("already_there", taken) from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise CourseError("not_writable", f"{refused} ({reason(error)}): {todo}.") from error
        # Some network disks know no locks; writing there is as safe as one is careful.
    try:
        yield
    finally:
        file_lock.release()


# ------------------------------------------------------------------------- sizes, sums, disks


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file's content, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def disk_is_full(error: BaseException, folder: Path) -> bool:
    """Whether the cause of an error is a full disk, or a used-up quota."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return True
    # torch.save and np.save only say that a write failed, so look at the disk itself.
    no_reason = isinstance(error, (OSError, RuntimeError)) and not getattr(error, "errno", None)
    return no_reason and free_on(folder) < 1 << 16


def free_on(folder: Path) -> int:
    """Bytes free on the disk that holds `folder`, or will when it is made."""
    existing = (path for path in (folder, *folder.absolute().parents) if path.is_dir())
    return shutil.disk_usage(next(existing)).free


def disk_full(path: Path) -> CourseError:
    """The sentence for a full disk."""
    free = size_in_words(free_on(path.parent))
    return CourseError(
        "disk_full",
        f"The disk that holds {path.parent} is full ({free} free), so {path.name} was "
        "not written and what was there before is unchanged; free some room (everything in "
        f"{os.environ.get('TL_COURSE_HOME') or 'the data home'} may be deleted, see "
        "`tl-course doctor`) and try again.",
    )


def size_in_words(size: float) -> str:
    """A size in bytes, as people read it: 9.9 MB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def reason(error: BaseException) -> str:
    """The few words of an error that say why."""
    error = getattr(error, "reason", None) or error
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
