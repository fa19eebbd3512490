"""Downloads: the right file, from the first mirror that has it."""

import os
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from tl_course.base import storage
from tl_course.base.errors import CourseError, printable

PATIENCE = 30  # seconds without a byte before a mirror is given up


class _Wrong(Exception):
    """What a mirror sent is not the file."""


def download(
    urls: str | Sequence[str],
    path: str | os.PathLike,
    *,
    md5: str | None = None,
    sha256: str | None = None,
) -> Path:
    """Fetch a file from the first of several mirrors that sends the right one; return `path`.

    A file that is already there and has the checksum is left alone. The new one takes its place
    when all of it has come and its checksum is right. Raises CourseError when no mirror can be
    reached (its cause says why), when what they send is another file, and when the disk is full.
    """
    import pooch
    import requests

    path = storage.check_name(path)
    if path.is_dir():
        raise CourseError(
            "is_folder", f"{path} is a folder where a file belongs: rename it or take it away."
        )
    urls = [urls] if isinstance(urls, str) else list(urls)
    name, checksum = ("sha256", sha256) if sha256 else ("md5", md5)

    def is_right(file: Path) -> bool:
        return not checksum or pooch.file_hash(str(file), name) == checksum

    asked_by = {"User-Agent": "tl-course"}
    fetch = pooch.HTTPDownloader(progressbar=True, timeout=PATIENCE, headers=asked_by)
    failures = []
    storage.make_folder(path.parent)
    with storage.lock(path):
        if path.is_file() and is_right(path):
            return path
        for url in urls:
            try:
                with storage.atomic_path(path) as draft:
                    fetch(url, str(draft), None)
                    if not is_right(draft):
                        raise _Wrong(f"{url} sent another file")
                return path
            except (requests.RequestException, _Wrong) as error:
                failures.append(error)
    hosts = ", ".join(dict.fromkeys(urllib.parse.urlsplit(url).netloc for url in urls))
    if wrong := [error for error in failures if isinstance(error, _Wrong)]:
        raise CourseError(
            "other_file",
            f"{hosts} sent another {path.name} than the course knows, and it was not kept: try "
            "again, and if it happens again the file has changed and the course needs an update.",
        ) from wrong[0]
    reason = printable(" ".join(storage.reason(failures[-1]).split()), 200)
    raise CourseError(
        "unreachable",
        f"Could not reach {hosts} for {path.name} ({reason}); you are offline or the server is "
        f"down, so try again later, or put the file at {path} yourself.",
    ) from failures[-1]
