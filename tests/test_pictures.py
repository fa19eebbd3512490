"""Picture files from outside: each gives a picture or one sentence, in bounded memory."""

import ast
import io
import os
import socket
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import sentences
from PIL import Image, ImageFile, ImageOps, PngImagePlugin

import tl_course
from tl_course.data.pictures import MOST_PIXELS, PictureError, open_picture
from tl_course.data.targets.folder import load_folder
from tl_course.data.targets.own_folder import check

SIZE = (48, 32)


def reference(seed: int = 0) -> Image.Image:
    """A smooth picture like no other, in 8-bit RGB."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(30, 225, (4, 6, 3), dtype=np.uint8))
    return coarse.resize(SIZE, Image.Resampling.BICUBIC)


def stored(picture: Image.Image, form: str, **how) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **how)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int, height: int, rows: bytes, depth: int = 8, colour: int = 2, more=b"") -> bytes:
    """A PNG file, byte by byte: what Pillow itself would not write."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )  # fmt: skip


def difference(content: bytes, expected: Image.Image) -> float:
    """The largest difference of a number, of 255."""
    picture, _ = open_picture(content)
    assert picture.mode == "RGB" and picture.size == expected.size
    return np.abs(np.asarray(picture, int) - np.asarray(expected.convert("RGB"), int)).max()


# ------------------------------------------------------------------------- the right colours


def test_sixteen_bits_come_out_on_the_scale_of_eight():
    grey = np.asarray(reference().convert("L"))
    wide = Image.fromarray(grey.astype(np.uint16) * 257)
    assert wide.mode == "I;16"
    assert difference(stored(wide, "PNG"), Image.fromarray(grey)) == 0
    ramp = np.linspace(0, 65535, 256 * 8).astype(np.uint16).reshape(8, 256)
    picture, _ = open_picture(stored(Image.fromarray(ramp), "PNG"))
    assert (np.asarray(picture)[..., 0] == np.round(ramp / 257)).all()
    colours = np.asarray(reference()).astype(">u2") * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    assert difference(png(*SIZE, rows, depth=16), reference()) <= 1  # 16-bit colour
    row_of_pixels = b"\0" + np.array([0, 40000, 65535], ">u2").tobytes()
    clear = png(3, 1, row_of_pixels, 16, 0, chunk(b"tRNS", struct.pack(">H", 0)))
    picture, transparent = open_picture(clear)
    assert np.asarray(picture)[0, :, 0].tolist() == [255, 156, 255] and transparent


def test_16_bit_pictures_in_a_folder_are_what_8_bit_ones_are(tmp_path):
    for name in ("a", "b"):
        grey = np.asarray(reference(ord(name)).convert("L"))
        for depth, pixels in (("eight", grey), ("sixteen", grey.astype(np.uint16) * 257)):
            folder = tmp_path / depth / name
            folder.mkdir(parents=True)
            Image.fromarray(pixels).save(folder / "1.png")
    assert load_folder(tmp_path / "eight").x.equal(load_folder(tmp_path / "sixteen").x)


@pytest.mark.parametrize(
    ("form", "mode", "how", "most"),
    [
        ("PNG", "L", {}, 0), ("PNG", "1", {}, 0), ("PNG", "P", {}, 0), ("PNG", "LA", {}, 0),
        ("PNG", "RGBA", {}, 0), ("PNG", "RGB", {"transparency": (1, 2, 3)}, 0),
        ("GIF", "P", {}, 0), ("WEBP", "RGB", {"lossless": True}, 0),
        ("JPEG", "RGB", {"quality": 95, "subsampling": 0}, 12),
        ("JPEG", "L", {"quality": 95}, 6), ("JPEG", "CMYK", {"quality": 95}, 12),
        ("MPO", "RGB", {"quality": 95, "subsampling": 0}, 12),
    ],
)  # fmt: skip
def test_every_kind_of_picture_is_what_an_8_bit_one_is(form, mode, how, most):
    picture = reference().convert(mode)
    assert difference(stored(picture, form, **how), picture) <= most


def test_what_is_transparent_is_white():
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, SIZE[0]).astype(np.uint8), (SIZE[1], 1)))
    for kind in ("RGBA", "LA"):
        seen = reference().convert(kind)
        seen.putalpha(alpha)
        white = Image.new("RGBA", SIZE, "white")
        white.alpha_composite(seen.convert("RGBA"))
        assert difference(stored(seen, "PNG"), white) <= 1
        assert open_picture(stored(seen, "PNG"))[1]
        seen.putalpha(255)
        assert not open_picture(stored(seen, "PNG"))[1]
    palette = reference().convert("P")
    palette.info["transparency"] = palette.getpixel((0, 0))
    picture, transparent = open_picture(stored(palette, "PNG"))
    assert transparent and picture.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_that_was_turned(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    plain = Image.open(io.BytesIO(stored(reference(), form, exif=exif, **how)))
    expected = ImageOps.exif_transpose(plain)
    assert expected.size == (SIZE if orientation < 5 else SIZE[::-1])
    assert difference(stored(reference(), form, exif=exif, **how), expected) == 0


def test_a_broken_exif_part_spoils_no_picture():
    content = stored(reference(), "PNG", exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff" + b"\xff" * 40)
    assert difference(content, reference()) == 0


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_counts(form):
    frames = [reference(seed).convert("P").convert("RGB") for seed in range(3)]
    how = {"lossless": True} if form == "WEBP" else {}
    content = stored(frames[0], form, save_all=True, append_images=frames[1:], **how)
    assert Image.open(io.BytesIO(content)).n_frames == 3
    assert difference(content, frames[0]) <= (3 if form == "GIF" else 0)  # GIF has 256 colours


def test_a_large_jpeg_is_shrunk_while_it_is_decoded():
    large = reference().resize((6000, 4000), Image.Resampling.BICUBIC)
    picture, _ = open_picture(stored(large, "JPEG", quality=90))
    assert picture.size == (1500, 1000) or picture.size == (3000, 2000)
    small = picture.resize(SIZE, Image.Resampling.BOX)
    wanted = large.resize(SIZE, Image.Resampling.BOX)
    assert np.abs(np.asarray(small, int) - np.asarray(wanted, int)).max() <= 4


# ------------------------------------------------------------------------- what is refused


def refused(code: str, file, *words: str) -> None:
    with sentences.refused(code, *words) as caught:
        open_picture(file)
    assert type(caught.value) is PictureError and "\n" not in str(caught.value)


def test_no_picture_starts_a_program(tmp_path, monkeypatch):
    """Pillow gives an EPS to Ghostscript, whatever the file is called."""
    proof = tmp_path / "started"
    for name in ("gs", "gswin64c", "gswin32c"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch '{proof}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "train" / "cat" / "cat.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\nshowpage\n"
    )
    refused("unreadable", path)
    assert "unreadable" in {finding.what for finding in check(tmp_path / "train").findings}
    assert not proof.exists()


@pytest.mark.parametrize("form", ["BMP", "TIFF", "PPM", "ICO", "TGA", "PCX", "JPEG2000", "DDS"])
def test_formats_that_are_not_named_are_not_opened(form):
    refused("unreadable", stored(reference(), form))


def test_the_pixels_are_counted_before_they_are_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda picture: pytest.fail("was decoded"))
    side = 13_300
    bomb = png(side, side, bytes(1000), colour=6)
    refused("too_large", bomb, f"{MOST_PIXELS:,} pixels")
    refused("too_large", png(2**31 - 1, 2**31 - 1, bytes(1000)))
    refused("unreadable", png(0, 10, b""))
    monkeypatch.undo()
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.asarray(reference(ord(name[0])))).save(tmp_path / name / "1.png")
    (tmp_path / "cat" / "bomb.png").write_bytes(bomb)
    findings = {finding.what: finding for finding in check(tmp_path).findings}
    assert findings["too large"].left_out == ("cat/bomb.png",)


def test_of_a_webp_half_as_many_pixels_are_read():
    half = MOST_PIXELS // 2
    flat = Image.new("RGB", (8000, half // 8000 + 1))
    refused("too_large", stored(flat, "WEBP", lossless=True, method=0), f"{half:,}")


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize("garbage", [b"", b"\0\0", b"\xff\xff\xff"])
def test_a_jpeg_of_very_many_parts_is_refused(garbage):
    content = stored(reference(), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    end = content.rindex(b"\xff\xd9")
    many = content[:last] + (content[last:end] + garbage) * 400 + content[end:]
    refused("too_large", many, "more parts")


def test_a_phones_jpeg_is_read_with_the_film_behind_it():
    film = np.random.default_rng(0).bytes(5_000_000)
    plain = stored(reference(), "JPEG", progressive=True, quality=95, subsampling=0)
    notes = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000)) * 80
    assert difference(plain[:2] + notes + plain[2:] + film, reference()) <= 12


def test_a_bomb_of_text_is_refused():
    info = PngImagePlugin.PngInfo()
    for number in range(80):
        info.add_text(f"t{number}", "a" * 1_000_000, zip=True)
    refused("unreadable", stored(reference(), "PNG", pnginfo=info))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no pipes with a name")
@pytest.mark.parametrize("what", ["pipe", "folder", "socket", "nothing", "link", "device"])
def test_what_is_no_file_is_a_sentence_at_once(tmp_path, what):
    path = tmp_path / "a" / "1.png"
    path.parent.mkdir()
    (tmp_path / "b").mkdir()
    reference().save(tmp_path / "b" / "1.png")
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "socket":
        os.chdir(path.parent)  # the name of a socket must be short
        with socket.socket(socket.AF_UNIX) as bound_socket:
            bound_socket.bind(path.name)
        os.chdir(Path(tl_course.__file__).parents[1])
    elif what != "nothing":
        path.symlink_to("/dev/zero" if what == "device" else tmp_path / "gone")
    refused("unreadable|no_file", path, "1.png")
    if what != "nothing":
        with sentences.refused("unreadable|no_file", "1.png"):
            load_folder(tmp_path)
        assert "a/1.png" in check(tmp_path).left_out or what == "folder"


def test_strangers_files_are_opened_in_one_place_alone():
    """Everybody else who calls Pillow's `open` reads what the course itself has just written.

    But for an exercise of notebook 07 and its solution, which are about just that.
    """
    root = Path(tl_course.__file__).parents[1]
    known = {
        "tl_course/lessons/n07_published_networks/strangers.py",
        "tl_course/lessons/n07_published_networks/solutions.py",
        "tl_course/lessons/drawing.py",
        "tl_course/lessons/story.py",
        "tl_course/lessons/n02_what_layers_see/figures.py",
        "tl_course/data/targets/made_folder.py",
    }
    opening = set()
    for path in [*root.glob("tl_course/**/*.py"), *root.glob("data_scripts/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open":
                opening.add(path.relative_to(root).as_posix())
    assert opening <= known | {"tl_course/data/pictures.py"}
