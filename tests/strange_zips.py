"""ZIP archives that nobody should make: a file for each of `KINDS`."""

import io
import zipfile
from collections.abc import Mapping

KINDS = ("a password", "a method nobody knows", "bzip2", "LZMA", "more than it says")
BOMB = 100_000_000  # bytes that the last one unpacks to


def strange(kind: str, content: Mapping[str, bytes]) -> bytes:
    """An archive of these files by name, all of which are strange in this way."""
    method = {"bzip2": zipfile.ZIP_BZIP2, "LZMA": zipfile.ZIP_LZMA}.get(kind, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(made := io.BytesIO(), "w", method) as packed:
        for name, data in content.items():
            packed.writestr(name, bytes(BOMB) if kind == "more than it says" else data)
        for member in packed.infolist():  # what is written at the end is what a reader goes by
            if kind == "a password":
                member.flag_bits |= 1
            elif kind == "a method nobody knows":
                member.compress_type = 99
            elif kind == "more than it says":
                member.file_size = 1000
    return made.getvalue()
