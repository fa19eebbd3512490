"""ZIP archives that nobody should make: a file for each of `KINDS`."""

import io
import struct
import zipfile
import zlib
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


def _many(count: int, name: bytes, content: bytes = b"") -> bytes:
    """An archive whose list names the same file again and again, written by hand."""
    packed = zlib.compress(content, 9)[2:-4]  # as deflate has it
    about = struct.pack("<4H3I", 0x800, 8, 0, 33, zlib.crc32(content), len(packed), len(content))
    first = b"PK\3\4" + struct.pack("<H", 20) + about + struct.pack("<2H", len(name), 0)
    first += name + packed
    one = b"PK\1\2" + struct.pack("<2H", 20, 20) + about
    one += struct.pack("<5H2I", len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0, 0, len(one) * count, len(first), 0)
    return first + one * count + end


CROWDED = {
    "a million files": lambda: _many(1_000_000, b"a/1.png"),
    "names of 64 kB": lambda: _many(1000, b"a/" + b"1" * 65_000 + b".png"),
    "files without a name": lambda: _many(3, b""),
    "files that overlap": lambda: _many(1000, b"a/1.png", bytes(100_000)),
}
"""Archives of very many files, or of files in each other's place."""
