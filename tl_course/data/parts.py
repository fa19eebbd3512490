"""The parts of a picture file, counted before a decoder sees any of them.

A decoder takes time for each part, and memory for most, however small the picture is. So a file of
more parts than any honest one, or of more beside the picture itself, is `TooMany`.
"""

import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO

MOST_SCANS = 30  # of a progressive JPEG, which has about ten; each takes as long as a whole picture
MOST = {
    "data": 100_000,  # of a PNG, which are mostly of 8 kB
    "scan": MOST_SCANS,
    "exif": 2,  # each is taken apart, and of several at once Pillow before 13 makes gigabytes
    "profile": 1,  # of colours; Pillow unpacks each that there is
    "other": 5000,
}
MOST_BESIDE = 20_000_000  # bytes of other parts; phones write long notes
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # of a JPEG, after what is no marker
ALONE = {0x01, 0xC8, 0xD8, 0xD9, *range(0xF0, 0xFE)}  # markers behind which Pillow skips nothing
DATA = (b"IDAT", b"fdAT")
EXTENSION, PICTURE = b"!", b","  # of a GIF

Part = tuple[str, int, int]  # its kind, one of `MOST`, how many there are of it, and their bytes


class TooMany(Exception):
    """The file has more parts than any honest one."""


def check(content: BinaryIO) -> None:
    """Raises `TooMany`; a file of another format is none of this module's."""
    counts, beside = Counter(), 0
    for begin, parts in WALKS.items():
        content.seek(0)
        if content.read(len(begin)) == begin:
            for kind, number, size in parts(content):
                counts[kind] += number
                beside += size * (kind == "other")
                if counts[kind] > MOST[kind] or beside > MOST_BESIDE:
                    raise TooMany


def _jpeg(content: BinaryIO) -> Iterator[Part]:
    jpeg, place, scans = b"\xff\xd8\xff" + content.read(), 2, 0
    while found := NEXT_MARKER.search(jpeg, place):
        if not scans:  # between parts; Pillow reads it byte by byte
            yield "other", found.start() - place, 0
        place, marker = found.start(), jpeg[found.start() + 1]
        if marker == 0xD9 and scans:  # the end; phones append films
            return
        size = max(2, int.from_bytes(jpeg[place + 2 : place + 4], "big"))
        size *= marker not in ALONE
        scans += marker == 0xDA
        is_exif = marker == 0xE1 and jpeg[place + 4 : place + 8] == b"Exif"
        yield "scan" if marker == 0xDA else "exif" if is_exif else "other", 1, size
        place += 2 + size


def _png(content: BinaryIO) -> Iterator[Part]:
    while len(head := content.read(8)) == 8 and head[4:] != b"IEND":
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        yield "data" if kind in DATA else "profile" if kind == b"iCCP" else "other", 1, size
        content.seek(size + 4, 1)


def _gif(content: BinaryIO) -> Iterator[Part]:
    """Up to the first picture; what is between parts counts byte by byte, as Pillow reads it."""
    head = content.read(9)
    if len(head) == 9 and head[6] & 128:
        content.seek(3 << (head[6] & 7) + 1, 1)  # its palette
    while (begin := content.read(1)) not in (b"", PICTURE):
        yield "other", 1, 1
        if begin == EXTENSION:
            content.seek(1, 1)
            while size := int.from_bytes(content.read(1), "big"):
                yield "other", 1, size
                content.seek(size, 1)


def _webp(content: BinaryIO) -> Iterator[Part]:
    content.seek(12)
    while len(head := content.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        yield "other", 1, 0 if kind in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF") else size
        content.seek(size + size % 2, 1)


WALKS: dict[bytes, Callable[[BinaryIO], Iterator[Part]]] = {
    b"\xff\xd8\xff": _jpeg, b"\x89PNG\r\n\x1a\n": _png, b"GIF8": _gif, b"RIFF": _webp,
}  # fmt: skip
"""What each format begins with, and how it is walked through from there."""
