"""Pictures that a learner hands over in the browser.

They arrive in pieces and go into the learner's own folder, `my-pictures/NAME/CLASS/1.jpg`, all of
them or none. Names are cleaned, and refused if they lead out of that folder. Numbers and sizes are
bounded, and no existing file is overwritten.
"""

import contextlib
import os
import re
import secrets
import shutil
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tl_course.base import archives, storage
from tl_course.base.errors import CourseError, printable
from tl_course.base.names import clean
from tl_course.data.targets.folder import ENDINGS
from tl_course.data.targets.own_folder import OTHER_FORMATS

ROOT = Path("my-pictures")  # beside the notebook
KINDS = (*ENDINGS, *OTHER_FORMATS)  # the checker says what to do about other formats
MOST_FILES = 5_000
MOST_BYTES, MOST_TOTAL = 20_000_000, 1_000_000_000  # of a picture, and of all together
PIECE = 2_000_000  # bytes of a message
DEEPEST = 6  # nested folders
DRAFT = ".arriving-"
NAMED = 3  # of the skipped files, in a sentence
DAY = 86_400  # seconds


def path_parts(path: str) -> list[str]:
    """The folders and the file of a path; CourseError if it leads out of its folder."""
    names = path.replace("\\", "/").split("/")
    if names[0] == "" or re.match("[A-Za-z]:", path) or ".." in names or len(names) > DEEPEST:
        raise CourseError(
            "leads_out",
            f"The name '{printable(path)}' leads out of its folder, or too deep into it, so "
            "nothing was taken: choose a folder that holds one folder per class.",
        )
    return [name for name in names if name not in ("", ".")]


def cleaned_paths(paths: Iterable[str]) -> list[tuple[str, ...]]:
    """The cleaned parts of each path, without folders that all paths share.

    Raises CourseError for a path that leads out of its folder, for two folders that become one
    after cleaning or on a system that ignores case, and for a file named like a folder.
    """
    cleaned, folders = [], {}
    for names in map(path_parts, paths):
        cleaned.append(tuple(map(clean, names)))
        for depth in range(1, len(names)):
            earlier = folders.setdefault("/".join(cleaned[-1][:depth]).casefold(), names[:depth])
            if earlier != names[:depth]:
                first, second = "/".join(earlier), "/".join(names[:depth])
                if printable(first) == printable(second):  # the difference cannot be seen
                    first, second = ascii(first)[1:-1], ascii(second)[1:-1]
                raise CourseError(
                    "same_name",
                    f"The folders '{printable(first, 300)}' and '{printable(second, 300)}' have "
                    "names that some systems take for the same, so two classes would become one: "
                    "rename one of them.",
                )
    for names in cleaned:
        if "/".join(names).casefold() in folders:
            raise CourseError(
                "picture_and_folder",
                f"'{printable('/'.join(names), 300)}' is a picture and a folder as well, so that "
                "nothing was taken: rename one of them.",
            )
    return without_top(cleaned)


def is_hidden(path: str) -> bool:
    """Whether an operating system left this file behind."""
    names = path.replace("\\", "/").split("/")
    return names[0] == "__MACOSX" or any(name[:1] == "." and name != ".." for name in names)


def is_picture(path: str) -> bool:
    """Whether the file's name is a picture's."""
    return path.lower().endswith(KINDS) and not is_hidden(path)


def without_top(paths: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The paths without folders that all of them share, except the folder of a class."""
    paths = list(paths)
    while len({path[0] for path in paths}) == 1 and max(map(len, paths)) > 2:
        paths = [path[1:] or path for path in paths]
    return paths


def bound(sizes: Sequence[tuple[str, int]], each: int = MOST_BYTES) -> None:
    """Raise CourseError if there is no file, too many, or one that is too large (name, bytes)."""
    if not sizes:
        raise CourseError(
            "no_pictures",
            "There is no picture among these files: choose JPEG or PNG files, or a folder or .zip "
            "that holds a folder of them for each class.",
        )
    if len(sizes) > MOST_FILES:
        raise CourseError(
            "too_many",
            f"There are {len(sizes):,} pictures here, and at most {MOST_FILES:,} can be added at "
            "once: choose fewer.",
        )
    for name, size in sizes:
        if size > each:
            raise CourseError(
                "too_large",
                f"{printable(name)} is {storage.size_in_words(size)}, and at most "
                f"{storage.size_in_words(each)} is taken: shrink it, or leave it out.",
            )
    total = sum(size for _, size in sizes)
    if total > MOST_TOTAL:
        raise CourseError(
            "too_large",
            f"These pictures are {storage.size_in_words(total)} together, and at most "
            f"{storage.size_in_words(MOST_TOTAL)} is taken at once: choose fewer, or shrink them.",
        )


class Upload:
    """An upload: it begins with names and sizes, continues with `take`, and ends with `finish`.

    `kind` is "folder" (paths of several classes), "zip" (one file) or "class" (files of the class
    `name`, which go into the folder `into`, or into a new one). Raises CourseError for a file that
    is refused, and removes the draft.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        files: Sequence[tuple[str, int]],
        root: Path = ROOT,
        into: Path | None = None,
    ):
        self.kind, self.root, self.into = kind, root, into
        self.files = [(path, size) for path, size in files if kind == "zip" or is_picture(path)]
        self.skipped, self.skipped_names = 0, []  # files that are no pictures; the first few names
        if kind != "zip":
            self.skip([path for path, _ in files if not (is_picture(path) or is_hidden(path))])
        bound(self.files, MOST_TOTAL if kind == "zip" else MOST_BYTES)
        self.total, self.have = sum(size for _, size in self.files), 0
        if kind == "class":
            if not name.strip():
                raise CourseError(
                    "no_class_name", "First type the name of the class that these pictures show."
                )
            self.name = "my-task"
            self.places = [(clean(name), clean(Path(path).name)) for path, _ in self.files]
        else:
            self.name = clean(name[:-4] if name.lower().endswith(".zip") else name)
            self.places = cleaned_paths(path for path, _ in self.files)
        self._file, self._offset = 0, 0  # where the next piece belongs
        self._numbers = Counter()  # the last number given to a file of each name
        with _writing(root):
            root.mkdir(parents=True, exist_ok=True)
            for draft in root.glob(f"{DRAFT}*"):  # left behind when a notebook was closed
                if time.time() - draft.stat().st_mtime > DAY:
                    shutil.rmtree(draft, ignore_errors=True)
            self.draft = root / f"{DRAFT}{secrets.token_hex(4)}"
            self.draft.mkdir()

    @property
    def complete(self) -> bool:
        """Whether every byte has arrived."""
        return self._file == len(self.files)

    def skip(self, names: Sequence[str], count: int | None = None) -> None:
        """Count files that are no pictures: `count` of them (default: all of `names`)."""
        self.skipped += len(names) if count is None else count
        self.skipped_names = [*self.skipped_names, *names][:NAMED]

    def left_out(self) -> str:
        """A sentence that names the files that are no pictures; "" if all are pictures."""
        if not self.skipped:
            return ""
        names = [printable(name, 100) for name in self.skipped_names]
        if more := self.skipped - len(names):
            names.append(f"{more:,} more")
        named = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        are = "is no picture and was" if self.skipped == 1 else "are no pictures and were"
        return f"{named} {are} left out."

    def take(self, pieces: Sequence[tuple[int, int, int]], data: bytes | memoryview) -> None:
        """Take `data`, which holds `pieces` in order: (number of the file, offset, bytes)."""
        data, begin = memoryview(data), 0
        for number, offset, length in pieces:
            left = self.files[self._file][1] - self._offset if not self.complete else -1
            if (number, offset) != (self._file, self._offset) or not 0 <= length <= left:
                raise CourseError(
                    "missing", "A piece of these pictures is missing: choose them once more."
                )
            with _writing(self.root), (self.draft / str(number)).open("ab") as file:
                file.write(data[begin : begin + length])
            begin += length
            self._offset += length
            if length == left:
                self._file, self._offset = self._file + 1, 0
        if begin != len(data):
            raise CourseError(
                "damaged", "A piece of these pictures is damaged: choose them once more."
            )
        self.have += begin

    def finish(
        self, tell: Callable[[float], None] = lambda _: None, stop: threading.Event | None = None
    ) -> Path | None:
        """Move all files into place; returns the folder, or None if it was stopped."""
        try:
            tree = self.draft / "tree"
            if self.kind == "zip":
                if not self._unpack(tree, tell, stop):
                    return None
            else:
                with _writing(self.root):
                    for number, place in enumerate(self.places):
                        self._move(self.draft / str(number), tree.joinpath(*place))
            with _writing(self.root), storage.lock(self.root / ".lock-of-arrivals"):
                if self.into is not None:
                    return self._into(tree)
                folder = self._free(self.root / self.name)
                tree.rename(folder)
                return folder
        finally:
            self.give_up()

    def _into(self, tree: Path) -> Path:
        inside = self.into.resolve()
        if not inside.is_relative_to(self.root.resolve()):
            raise CourseError(
                "not_own_folder", f"{self.into} is not one of your folders in {self.root}."
            )
        for path in sorted(tree.rglob("*")):
            if path.is_file():
                target = inside / path.relative_to(tree)
                if not target.parent.resolve().is_relative_to(inside):
                    raise CourseError(
                        "leads_out", f"{target.parent} leads out of {self.into}: remove the link."
                    )
                self._move(path, target)
        return self.into

    def _unpack(
        self, tree: Path, tell: Callable[[float], None], stop: threading.Event | None
    ) -> bool:
        """Unpack the .zip into `tree`; False if it was stopped."""
        try:
            with zipfile.ZipFile(self.draft / "0") as archive:
                files = [member for member in archive.infolist() if not member.is_dir()]
                members = [member for member in files if is_picture(member.filename)]
                bound([(member.filename, member.file_size) for member in members])
                names = [member.filename for member in files]
                self.skip([name for name in names if not (is_picture(name) or is_hidden(name))])
                targets = cleaned_paths(member.filename for member in members)
                for number, (member, place) in enumerate(zip(members, targets, strict=True)):
                    if stop is not None and stop.is_set():
                        return False
                    draft = self.draft / "member"
                    with (
                        archives.opened_member(archive, member) as packed,
                        draft.open("wb") as file,
                    ):
                        shutil.copyfileobj(packed, file)
                    self._move(draft, tree.joinpath(*place))
                    tell((number + 1) / len(members))
        except archives.ERRORS as error:
            why = "it has a password" if "password" in str(error) else "it is damaged"
            if isinstance(error, NotImplementedError):
                why = "it is packed in an unusual way"
            raise CourseError(
                "damaged",
                f"{printable(self.files[0][0])} cannot be unpacked ({why}): pack the folder once "
                "more, or choose the folder itself.",
            ) from None
        except OSError as error:
            raise _cannot_write(self.root, error) from error
        return True

    def _move(self, file: Path, target: Path) -> None:
        """Move a file to `target`, or to a numbered name if that exists."""
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(self._free(target))

    def _free(self, path: Path) -> Path:
        """The path, or if that exists the next with a number, such as oak-2.jpg."""
        free, name = path, str(path).casefold()
        while os.path.lexists(free):
            self._numbers[name] += 1
            free = path.with_name(f"{path.stem}-{1 + self._numbers[name]}{path.suffix}")
        return free

    def give_up(self) -> None:
        """Delete the draft."""
        shutil.rmtree(self.draft, ignore_errors=True)


def folders(root: Path = ROOT) -> dict[str, Path]:
    """The learner's own folders of pictures, by name."""
    paths = sorted(root.iterdir()) if root.is_dir() else []
    return {path.name: path for path in paths if path.is_dir() and path.name[0] != "."}


@contextlib.contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _cannot_write(root, error) from error


def _cannot_write(root: Path, error: OSError) -> CourseError:
    return CourseError(
        "not_writable",
        f"The pictures cannot be written to {root} ({error.strerror or error}): free some room, or "
        "run the notebook in a folder that you may write to.",
    )
