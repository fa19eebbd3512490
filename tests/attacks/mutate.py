"""Seeded damage to files and to trees of files: the same number always gives the same damage.

A tree is `{name: content}`, the files of one input. Where a format has checksums or a header in
front of its numbers, half of the damage is done inside and the outside is made to agree, so that it
is not stopped at the door.
"""

import json
import random
import struct
import zlib

Tree = dict[str, bytes]
PNG = b"\x89PNG\r\n\x1a\n"
DEEP = 2000  # brackets inside each other
NUMBERS = (b"\0\0\0\0", b"\1\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
VALUES = (  # in the place of a part of a description
    None, True, False, 0, -1, 1.5, 2**31, 2**62, 2**64 - 1, 10**30, 10**400, -(10**30), 1e308,
    float("nan"), float("inf"), "", "x", "\ud800", "\x1b[31m", "..", "../../x", "/etc/passwd",
    "x\n---\n", "CON", "1" * 4301, "x" * 100_000, [], [[]], {},
    {"x": 1}, [None] * 1000, ["x", 1, None],
)  # fmt: skip


def tree(whole: Tree, rng: random.Random) -> Tree:
    """A damaged tree: one of its files damaged, and sometimes files gone, swapped or added."""
    damaged, name = dict(whole), rng.choice(sorted(whole))
    if len(whole) > 1 and rng.random() < 0.1:
        way, other = rng.randrange(3), rng.choice(sorted(whole))
        if way == 0:
            del damaged[name]
        elif way == 1:
            damaged[name], damaged[other] = damaged[other], damaged[name]
        else:
            damaged[f"{name}.{rng.choice(('pt', 'json', 'py', 'png'))}"] = damaged[other]
        return damaged
    damaged[name] = content(name, whole[name], rng)
    return damaged


def content(name: str, whole: bytes, rng: random.Random) -> bytes:
    """One damaged file; its ending says what is inside."""
    inside = INSIDE.get(name.rpartition(".")[2])
    return inside(whole, rng) if inside and rng.random() < 0.5 else changed(whole, rng)


def changed(whole: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut, doubled and moved; most of it where headers are, at both ends."""
    damaged = bytearray(whole)
    for _ in range(rng.choice((1, 1, 3, 10))):
        place = rng.randrange(len(damaged) + 1)
        if rng.random() < 0.7:
            near = rng.randrange(min(len(damaged), 400) + 1)
            place = near if rng.random() < 0.7 else len(damaged) - near
        way = rng.randrange(6)
        if way == 0:
            damaged[place : place + 1] = bytes([rng.randrange(256)])
        elif way == 1:
            damaged[place : place + 1] = bytes(
                b ^ 1 << rng.randrange(8) for b in damaged[place : place + 1]
            )
        elif way == 2:
            del damaged[place : place + rng.choice((1, 4, 20, 1000))]
        elif way == 3:
            damaged[place:place] = damaged[place : place + rng.choice((1, 4, 40, 1000))]
        elif way == 4:
            damaged[place : place + 4] = rng.choice(NUMBERS)
        elif rng.random() < 0.3:
            del damaged[place:]
    return bytes(damaged)


def value(whole: object, rng: random.Random) -> object:
    """A JSON value with one of its parts exchanged, left out, or put inside itself."""
    if isinstance(whole, dict) and whole and rng.random() < 0.85:
        key = rng.choice(sorted(whole))
        way = rng.randrange(8)
        if way == 0:
            return {name: part for name, part in whole.items() if name != key}
        if way == 1:
            return {**whole, rng.choice(("x", "\ud800", "auto_map", "")): rng.choice(VALUES)}
        return {**whole, key: value(whole[key], rng)}
    if isinstance(whole, list) and whole and rng.random() < 0.85:
        place = rng.randrange(len(whole))
        way = rng.randrange(8)
        if way == 0:
            return whole[:place] + whole[place + 1 :]
        if way == 1:
            return whole * rng.choice((2, 1000))
        return [*whole[:place], value(whole[place], rng), *whole[place + 1 :]]
    return [whole] if rng.random() < 0.1 else rng.choice(VALUES)


def text(whole: bytes, rng: random.Random) -> bytes:
    """A JSON file with a part exchanged, or one that is deeper than Python's stack."""
    if rng.random() < 0.03:
        return b"[" * DEEP * rng.choice((1, 100))
    return json.dumps(value(json.loads(whole), rng)).encode()


def tensors(whole: bytes, rng: random.Random) -> bytes:
    """A safetensors file with a part of its header exchanged, or of the text in its metadata."""
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    texts = [
        name for name, metadata in header.get("__metadata__", {}).items() if metadata[:1] == "{"
    ]
    if texts and rng.random() < 0.7:
        name = rng.choice(texts)
        described = text(header["__metadata__"][name].encode(), rng).decode()
        header["__metadata__"] |= {name: described}
        changed_header = json.dumps(header).encode()
    else:
        changed_header = json.dumps(value(header, rng)).encode()
    changed_header += b" " * (-len(changed_header) % 8)
    return len(changed_header).to_bytes(8, "little") + changed_header + whole[8 + length :]


def png(whole: bytes, rng: random.Random) -> bytes:
    """A damaged PNG with checksums that agree, so that the damage reaches the decoder."""
    damaged = changed(whole, rng)
    if damaged[:8] != PNG:
        return damaged
    parts, place = [PNG], 8
    while place + 8 <= len(damaged):
        (length,) = struct.unpack(">I", damaged[place : place + 4])
        kind, inner = damaged[place + 4 : place + 8], damaged[place + 8 :][:length]
        checksum = struct.pack(">I", zlib.crc32(kind + inner))
        parts.append(struct.pack(">I", len(inner)) + kind + inner + checksum)
        place += 12 + length
    return b"".join(parts)


def packed(whole: bytes, rng: random.Random) -> bytes:
    """A ZIP with other numbers in its directory: methods, flags, sizes, places, names."""
    damaged, signs = bytearray(whole), (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")
    places = [at for at in range(len(whole)) if whole[at : at + 4] in signs]
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.choice(places) + rng.randrange(4, 46)
        width = rng.choice((1, 2, 4))
        damaged[at : at + width] = rng.choice((b"\0", b"\1", b"\xff", b"\x0e", b"\x7f")) * width
    return bytes(damaged)


INSIDE = {
    "json": text, "ipynb": text, "safetensors": tensors, "png": png, "zip": packed, "state": text,
}  # fmt: skip
