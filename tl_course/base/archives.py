"""ZIP archives from outside: read member by member, and never more than was expected of one."""

import contextlib
import errno
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from tl_course.base import storage
from tl_course.base.errors import printable

ERRORS = (
    zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, NotImplementedError, RuntimeError,
    ValueError,
)  # fmt: skip
"""What reading one can raise: damage, a password, another way of packing."""
MOST_LIST = 5_000_000  # bytes of the list of members; 5,000 pictures take less than a million


class _Bounded(io.BufferedReader):
    """A file of which no more than `MOST_LIST` bytes are read at once.

    zipfile reads the list of the members in one piece, of whatever size the archive says, and makes
    an object for each 46 bytes of it.
    """

    def read(self, size: int | None = -1) -> bytes:
        most = MOST_LIST if size is None or size < 0 else min(size, MOST_LIST)
        piece = super().read(most + 1 if most == MOST_LIST else most)
        if len(piece) > MOST_LIST:
            raise zipfile.BadZipFile("its list of files is longer than any that is expected")
        return piece


@contextlib.contextmanager
def archive(path: str | os.PathLike) -> Iterator[zipfile.ZipFile]:
    """An archive to be read; one of `ERRORS` where it is none, or of endlessly many members."""
    with _Bounded(storage.open_plain(path).detach()) as file:
        with _damage_is_told():
            packed = zipfile.ZipFile(file)
        with packed:
            members, size = packed.infolist(), file.seek(0, os.SEEK_END)
            if sum(member.compress_size for member in members) > size:
                raise zipfile.BadZipFile("the files in it overlap")
            if not all(member.filename for member in members):
                raise zipfile.BadZipFile("a file in it has no name")
            yield packed


def opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """A member to be read piece by piece; one of `ERRORS` where it is packed in a rare way.

    Of those, zipfile unpacks a piece as a whole, and a small one can be gigabytes.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        name = zipfile.compressor_names.get(member.compress_type, str(member.compress_type))
        raise NotImplementedError(f"it is packed by the method {name}, and deflate is expected")
    with _damage_is_told():
        return archive.open(member)


@contextlib.contextmanager
def _damage_is_told() -> Iterator[None]:
    """Within it, a place that no file has, which the system refuses to go to, is damage."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise zipfile.BadZipFile("it points outside of itself") from None


def content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """The content of a member of at most `most` bytes; one of `ERRORS` where it is another."""
    if member.file_size > most:
        raise zipfile.BadZipFile(
            f"{printable(member.filename)} has {storage.in_words(member.file_size)}, and at most "
            f"{storage.in_words(most)} are expected"
        )
    with opened(archive, member) as file:
        return file.read(member.file_size + 1)  # and then its checksum was compared
