"""Downloads: the right file from the first mirror that has it, however the others behave."""

import contextlib
import errno
import http.client
import io
import os
import re
import shutil
import stat
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from tl_course.base import storage
from tl_course.base.errors import CourseError, printable

CHUNK = 1 << 18  # bytes read at a time
PATIENCE = 30  # seconds without a byte before a connection is given up
LEAST, WITHIN = 50_000, 60  # a mirror is given up that brings fewer bytes in so many seconds,
CONNECTIONS = 100  # or that breaks off so often
PAUSE = 1  # seconds before a connection that broke is taken up again
MOST = 2_000_000_000  # bytes of a file whose size nobody said
CLOCK = time.monotonic


def download(
    urls: str | Sequence[str],
    path: str | os.PathLike,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
    most: int = MOST,
    token: str | None = None,
) -> Path:
    """Fetches a file from the first of several mirrors that gives the right one; returns `path`.

    A file that is already there and right is left alone. An interrupted download is kept as
    `path` + `.part` and, when there is a checksum to verify it by, resumed. `size` is in bytes;
    where it is not known, at most `most` are taken. A `token` says who asks, to the host of the url
    alone. Raises CourseError when no mirror can be reached (its cause says why), when what they
    sent is not the file (it is deleted), when the disk is too small, or when something else is in
    the file's place.
    """
    path = storage.check_name(path)
    urls = [urls] if isinstance(urls, str) else list(urls)
    checks = {name: value for name, value in (("md5", md5), ("sha256", sha256)) if value}
    mistake = partial(_mistake, checks=checks, size=size, most=most)
    if os.path.isdir(path):
        raise CourseError(f"{path} is a folder where a file belongs: rename it or take it away.")
    if _is_right(path, mistake):
        return path
    with storage.lock(path):
        if _is_right(path, mistake):
            return path  # another process brought it meanwhile
        part = path.with_name(path.name + ".part")
        try:
            _from_a_mirror(urls, part, path, size, most, mistake, bool(checks), token)
        finally:
            if not checks:
                with contextlib.suppress(OSError):
                    part.unlink()
    return path


class _Wrong(Exception):
    """What a mirror offers cannot be the file."""


class _TooSlow(OSError):
    """A mirror brings too little."""


def _from_a_mirror(
    urls: Sequence[str],
    part: Path,
    path: Path,
    size: int | None,
    most: int,
    mistake: Callable[[Path], str | None],
    resume: bool,
    token: str | None,
) -> None:
    wrong = failed = full = None
    for url in urls:
        _only_resumable(part, resume)
        resumed = True
        while resumed:  # what others began may be what is wrong: then once more from the start
            resumed = _length(part) > 0
            try:
                _fetch_all(url, part, size, most, token)
            except _Wrong as error:
                wrong = f"{_host(url)} {error}"
                break
            except (OSError, http.client.HTTPException, ValueError) as error:
                full = error if storage.disk_is_full(error, path.parent) else full
                failed = error
                break
            found = mistake(part)
            if not found:
                return _put(part, path)
            part.unlink()
            wrong = f"{url} sent a file with {found}"
    if full:
        raise storage.disk_full(path, full) from full
    if wrong:
        raise CourseError(
            f"{wrong}; nothing of it was kept, so try again, and if it happens again the file has "
            "changed at its source and the course needs an update."
        )
    hosts = ", ".join(dict.fromkeys(_host(url) for url in urls))
    reason = printable(" ".join(storage.reason(failed).split()), 200)
    raise CourseError(
        f"Could not reach {hosts} for {path.name} ({reason}); you are offline or the server is "
        f"down, so try again later, or put the file at {path} yourself."
    ) from failed


def answer(url: str, most: int, token: str | None = None) -> bytes:
    """What is at an address, kept in memory.

    Raises CourseError for more than `most` bytes, and OSError where it cannot be reached.
    """
    pace, content = _Pace(), bytearray()
    try:
        with _asked(urllib.request.Request(url), token, pace) as response:
            while len(content) <= most and (block := response.read1(CHUNK)):
                content += block
                pace.keep(len(block))
    except (http.client.HTTPException, ValueError) as error:
        raise ConnectionError(str(error)) from error
    if len(content) > most:
        raise CourseError(
            f"{_host(url)} answers with more than {storage.in_words(most)}, more than is ever "
            "needed there; try again later."
        )
    return bytes(content)


def _fetch_all(url: str, part: Path, size: int | None, most: int, token: str | None) -> None:
    """Fetches `url` into `part`, taking up again after each break as long as some bytes came."""
    pace = _Pace()
    for connection in range(1, CONNECTIONS + 1):
        before = _length(part)
        try:
            return _fetch(url, part, size, most, token, pace)
        except (ConnectionError, TimeoutError, http.client.IncompleteRead):
            if _length(part) <= before or connection == CONNECTIONS:
                raise
            time.sleep(PAUSE)


def _fetch(
    url: str, part: Path, size: int | None, most: int, token: str | None, pace: "_Pace"
) -> None:
    have = _length(part)
    if have and have == size:
        return
    request = urllib.request.Request(url)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = _asked(request, token, pace)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        part.unlink()  # as long as the whole file or longer: start again
        return _fetch(url, part, size, most, token, pace)
    with response:
        at = have = _begins(response, have)
        total = _announced(response, have, size, most)
        told = f" ({storage.in_words(total)})" if total else ""
        resumed = f", {storage.in_words(have)} of it already here" if have else ""
        print(f"Downloading {part.stem}{told} from {_host(url)}{resumed}", file=sys.stderr)
        room = shutil.disk_usage(part.parent).free + _length(part) - have
        if total and total - have > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        limit = most + 1 if total is None else total
        bar = tqdm(total=total, initial=have, unit="B", unit_scale=True, leave=False)
        with bar, _opened(part, have) as file:
            while at < limit and (block := response.read1(CHUNK)):
                file.write(block)
                at += len(block)
                pace.keep(len(block))
                bar.update(len(block))
        if total and at < total:
            raise http.client.IncompleteRead(b"", total - at)


def _asked(
    request: urllib.request.Request, token: str | None, pace: "_Pace"
) -> http.client.HTTPResponse:
    """The answer to a request, of which nothing is read yet; HTTPError for one that refuses."""
    request.add_header("User-Agent", "tl-course")
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        return _opener(pace).open(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        error.close()
        raise


def _begins(response: http.client.HTTPResponse, have: int) -> int:
    """With which byte the answer begins: 0, or after the `have` that are here."""
    if response.status == 200:
        return 0  # where bytes are here, the server cannot resume
    where = response.headers["Content-Range"]
    if response.status != 206 or not have:
        raise _Wrong(f"answers with the status {response.status} where 200 is expected")
    if where is not None and not re.match(rf"\s*bytes\s+{have}-", where, re.IGNORECASE):
        raise _Wrong("sends another part of the file than it was asked for")
    return have


def _announced(
    response: http.client.HTTPResponse, have: int, size: int | None, most: int
) -> int | None:
    """How many bytes the whole file will have, as far as anybody knows."""
    if response.length is None:
        return size
    total = have + response.length
    if size is not None and total != size:
        raise _Wrong(f"announces {total} bytes where {size} are expected")
    if size is None and total > most:
        raise _Wrong(f"announces {total} bytes where {most} are expected at most")
    return total


class _Pace:
    """How fast a mirror brings what is kept, over all of its connections together."""

    def __init__(self):
        self._kept, self._since = 0, CLOCK()

    def keep(self, count: int) -> None:
        """So many bytes more are kept."""
        self._kept += count
        if self._kept >= LEAST:
            self._kept, self._since = 0, CLOCK()

    def check(self) -> None:
        """Raises `_TooSlow` where it is too slow."""
        if CLOCK() - self._since > WITHIN:
            too_few = f"fewer than {storage.in_words(LEAST)}"
            raise _TooSlow(f"it sent {too_few} in {WITHIN} seconds")


def _opener(pace: _Pace) -> urllib.request.OpenerDirector:
    """What opens http and https and nothing else: no redirect leads to a file or to ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.UnknownHandler(), _Connections(pace),
        urllib.request.HTTPDefaultErrorHandler(), _Redirects(), urllib.request.HTTPErrorProcessor(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, *more):
        fp.close()  # urllib would read the page that comes with it to its end, if it has one
        onward = super().redirect_request(req, fp, *more)
        token = req.get_header("Authorization")
        if onward is not None and token and (onward.type, onward.host) == (req.type, req.host):
            onward.add_unredirected_header("Authorization", token)
        return onward


class _Connections(urllib.request.HTTPSHandler):
    """Looks at the pace whenever bytes are read: those of a header, or between chunks, too."""

    def __init__(self, pace: _Pace):
        super().__init__()
        self._pace = pace

    http_request = urllib.request.HTTPSHandler.https_request

    def http_open(self, request):
        return self._open(http.client.HTTPConnection, request)

    def https_open(self, request):
        return self._open(http.client.HTTPSConnection, request)

    def _open(self, kind, request):
        def connection(*place, **more):
            made = kind(*place, **more)
            made.response_class = partial(_Answer, self._pace)
            return made

        return self.do_open(connection, request)


class _Answer(http.client.HTTPResponse):
    def __init__(self, pace: _Pace, *connection, **more):
        super().__init__(*connection, **more)
        self.fp = io.BufferedReader(_Watched(self.fp.detach(), pace))


class _Watched(io.RawIOBase):
    """The bytes of a connection."""

    def __init__(self, raw: io.RawIOBase, pace: _Pace):
        self._raw, self._pace = raw, pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        count = self._raw.readinto(buffer)
        self._pace.check()
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


# --------------------------------------------------------------------------------- on this disk


def _only_resumable(part: Path, resume: bool) -> None:
    """Takes away what has the name of the part and is not one to go on with: a link, a pipe."""
    try:
        there = part.lstat()
    except OSError:
        return
    if stat.S_ISDIR(there.st_mode):
        raise CourseError(f"{part} is a folder where a file belongs: rename it or take it away.")
    if not resume or not stat.S_ISREG(there.st_mode) or there.st_nlink > 1:
        with _writing(part):
            part.unlink()


def _opened(part: Path, have: int) -> BinaryIO:
    """The part, to be written from byte `have` on; a link in its place is not followed."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if have else os.O_TRUNC)
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    with _writing(part):
        return open(os.open(part, flags, 0o666), "ab" if have else "wb")


def _put(part: Path, path: Path) -> None:
    with _writing(path):
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(part, path)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if storage.disk_is_full(error, path.parent):
            raise storage.disk_full(path, error) from error
        raise CourseError(
            f"Cannot write {path} ({storage.reason(error)}); close any program that has it open, "
            "or choose a folder that you may write to."
        ) from error


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_right(path: Path, mistake: Callable[[Path], str | None]) -> bool:
    try:
        return path.is_file() and not mistake(path)
    except OSError:  # it may not be read
        return False


def _mistake(path: Path, checks: dict[str, str], size: int | None, most: int) -> str | None:
    """What is wrong with a downloaded file, or None."""
    length = path.stat().st_size
    if size is not None and length != size:
        return f"{length} bytes where {size} were expected"
    if length > most and size is None:
        return f"more than {most} bytes, the most that were expected"
    if not length and size is None:
        return "nothing in it"
    for name, expected in checks.items():
        found = storage.digest(path, name)
        if found != expected.lower():
            return f"the wrong checksum ({name} {found}, expected {expected})"
    return None


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc
