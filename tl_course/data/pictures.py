"""Picture files from outside, opened in this one place.

The formats are named, so that no other decoder of Pillow's ever sees a stranger's bytes (one of
them starts a program), and the pixels are counted before they are decoded. A file gives a picture
or a `PictureError`, which is one sentence.
"""

import contextlib
import io
import os
import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tl_course.base import storage
from tl_course.base.errors import CourseError, printable

# What cameras, phones, screens and browsers write. Pillow opens the MPO of phones as a JPEG.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
MOST_PIXELS = 52_000_000  # a camera's 50 megapixels; decoding more takes over 1 GB
MOST_BYTES = 200_000_000
MOST_SCANS = 30  # of a progressive JPEG, which has about ten; each takes as long as a whole picture
SCAN, END = b"\xff\xda", b"\xff\xd9"  # JPEG markers: start of a scan, end of an image
JPEG_SIDE = 1024  # pixels; a larger JPEG is shrunk while it is decoded
EIGHT_BITS = np.round(np.arange(65536) / 257).astype(np.uint8)  # of each 16-bit grey


class PictureError(CourseError):
    """A picture that cannot be opened; its code is "unreadable", "too_large" or "no_file"."""


def open_picture(
    file: str | os.PathLike | bytes, name: str | None = None, most_pixels: int = MOST_PIXELS
) -> tuple[Image.Image, bool]:
    """A picture in red, green and blue, 8 bits each, and whether parts of it are transparent.

    The picture is rotated as its EXIF data says, transparent parts become white, 16-bit greys are
    scaled to 8 bits, and only the first frame of an animation is read. `file` is a path or the
    file's content; errors call it `name`. Raises `PictureError`, for more than `most_pixels` before
    anything is decoded.
    """
    if name is None:
        name = "This picture" if isinstance(file, bytes) else os.fspath(file)
    name = printable(name, 500)
    try:
        if not isinstance(file, bytes) and (why := storage.no_file(file)):
            raise _unreadable(name, why, "no_file")
        with io.BytesIO(file) if isinstance(file, bytes) else open(file, "rb") as content:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a learner reads one sentence instead
                return _decoded(content, name, most_pixels)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(name, most_pixels) from None
    except UnidentifiedImageError:
        raise _unreadable(name, "its content is not PNG, JPEG, GIF or WebP") from None
    # Decoders raise many kinds of errors for a damaged file.
    except Exception as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise _unreadable(name, printable(why)) from None


def _unreadable(name: str, why: str, code: str = "unreadable") -> PictureError:
    return PictureError(
        code,
        f"{name} is not a picture that can be read ({why}): replace it with a PNG or JPEG file, or "
        "leave it out.",
    )


def _too_large(name: str, most_pixels: int) -> PictureError:
    return PictureError(
        "too_large",
        f"{name} has more than {most_pixels:,} pixels, which is the limit: shrink it.",
    )


def _decoded(content: BinaryIO, name: str, most_pixels: int) -> tuple[Image.Image, bool]:
    length = content.seek(0, os.SEEK_END)
    if length > MOST_BYTES:
        raise PictureError(
            "too_large",
            f"{name} has {storage.size_in_words(length)}, and the limit is "
            f"{storage.size_in_words(MOST_BYTES)}: shrink it.",
        )
    content.seek(0)
    with Image.open(content, formats=FORMATS) as picture:
        if picture.format == "WEBP":  # its decoder keeps four copies
            most_pixels = min(most_pixels, MOST_PIXELS // 2)
        if picture.width * picture.height > most_pixels:
            raise _too_large(name, most_pixels)
        if picture.format in ("JPEG", "MPO") and _scans(content) > MOST_SCANS:
            raise PictureError(
                "too_large",
                f"{name} has more parts than any camera's picture and would take minutes to read: "
                "save it again as a PNG or JPEG file.",
            )
        picture.draft(None, (JPEG_SIDE, JPEG_SIDE))
        picture.load()
        with contextlib.suppress(Exception):  # the pixels are fine although the EXIF part is not
            ImageOps.exif_transpose(picture, in_place=True)
        return _in_colour(picture)


def _scans(content: BinaryIO) -> int:
    """The largest number of scans of one picture in a JPEG file; the file's position stays."""
    position = content.tell()
    content.seek(0)
    scans = max(part.count(SCAN) for part in content.read().split(END))
    content.seek(position)
    return scans


def _in_colour(picture: Image.Image) -> tuple[Image.Image, bool]:
    if picture.mode.startswith("I"):
        values = np.asarray(picture)
        grey = EIGHT_BITS[values if values.dtype.itemsize == 2 else values.clip(0, 65535)]
        transparent = values == picture.info.get("transparency", -1)
        grey[transparent] = 255
        return Image.fromarray(grey).convert("RGB"), bool(transparent.any())
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
        if alpha.getextrema()[0] < 255:
            on_white = Image.new("RGB", picture.size, "white")
            on_white.paste(picture, mask=alpha)
            return on_white, True
    return picture.convert("RGB"), False
