"""ZIP archives from outside: read member by member, within bounds."""

import lzma
import zipfile
import zlib
from typing import IO

from tl_course.base import storage
from tl_course.base.errors import printable

ERRORS = (
    zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, IndexError, NotImplementedError,
    OverflowError, RuntimeError, ValueError,
)  # fmt: skip
"""What reading an archive can raise: for damage, a password, another compression."""


def opened_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """A member to be read piece by piece; raises one of `ERRORS` for a rare compression.

    zipfile would unpack a piece of those as a whole, and a small piece can become gigabytes.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        name = zipfile.compressor_names.get(member.compress_type, str(member.compress_type))
        raise NotImplementedError(f"it is packed by the method {name}, and deflate is expected")
    try:
        return archive.open(member)
    except (OSError, OverflowError) as error:
        raise zipfile.BadZipFile(f"it points outside of itself ({error})") from None


def member_content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """The content of a member of at most `most` bytes; raises one of `ERRORS` for a larger one."""
    if member.file_size > most:
        raise zipfile.BadZipFile(
            f"{printable(member.filename)} has {storage.size_in_words(member.file_size)}, and at "
            f"most {storage.size_in_words(most)} are expected"
        )
    with opened_member(archive, member) as file:
        return file.read(member.file_size + 1)  # and then its checksum was compared
