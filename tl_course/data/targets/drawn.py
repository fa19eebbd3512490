"""Drawings as digits like MNIST's: strokes in, 28×28 pixels out.

MNIST's digits (LeCun et al. 1998) were fitted into a box of 20×20 pixels without changing their
aspect ratio, smoothed, and centred in 28×28 pixels by their centre of mass. Here the same happens
to the pen's path. The pen is as thick as MNIST's strokes on average, whatever a drawing's size.
"""

import base64
import binascii
import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tl_course.base.errors import CourseError, printable
from tl_course.data.examples import Examples
from tl_course.data.inputs import to_picture
from tl_course.data.targets.handwritten import NAMES, handwritten, to_input
from tl_course.data.targets.handwritten import PAD as BORDER

PAD = 256  # units of the drawing pad, each way; a coordinate is a byte
SIZE, BOX = 28, 20  # pixels
CENTRE = 14.0  # of mass, in pixels from the first: the mean over MNIST
THICK = 2.65  # pixels at half of full ink: the mean over MNIST (`tests/test_handwriting.py`)
SOFT = 1.2  # pixels over which a stroke's edge goes from full ink to none
SMALLEST = 16.0  # units; a smaller drawing, such as a dot, does not fill the box
MOST = 2000  # points of a drawing; more is scribbling
MOST_STROKES = 500
AT_ONCE = 16  # pieces of strokes, so that they stay in the processor's cache
LONGEST = 4 * (MOST + MOST_STROKES)  # characters of a drawing as text, three or four per point
TOLERANCE = 1.0  # units that a simplified stroke may be off

Stroke = tuple[tuple[int, int], ...]


def strokes(raw: object) -> tuple[Stroke, ...]:
    """A browser's strokes, simplified: integers 0 … 255, no stroke empty.

    Raises CourseError if `raw` is not a list of lists of pairs of numbers.
    """
    try:
        paths = [
            [(float(x), float(y)) for x, y in stroke if math.isfinite(x) and math.isfinite(y)]
            for stroke in raw
        ][:MOST_STROKES]
    except (TypeError, ValueError, OverflowError):
        raise CourseError(
            "no_strokes",
            "A drawing is a list of strokes, and a stroke a list of points [x, y]; this is none.",
        ) from None
    skip = -(-sum(map(len, paths)) // MOST) or 1
    thinned = [path[:-1:skip] + path[-1:] for path in paths if path]
    return tuple(
        tuple((int(x), int(y)) for x, y in simplified(np.clip(np.rint(path), 0, PAD - 1)))
        for path in thinned
    )


def simplified(points: np.ndarray) -> np.ndarray:
    """Fewer points `[n, 2]` for the same line (Ramer 1972, Douglas and Peucker 1973)."""
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    parts = [(0, len(points) - 1)]
    while parts:
        first, last = parts.pop()
        if last - first < 2:
            continue
        inner = points[first + 1 : last]
        distance = np.sqrt(_squares(inner, points[[first]], points[[last]])[:, 0])
        farthest = int(distance.argmax())
        if distance[farthest] > TOLERANCE:
            middle = first + 1 + farthest
            keep[middle] = True
            parts += [(first, middle), (middle, last)]
    return points[keep]


def digit(drawing: Sequence[Stroke]) -> torch.Tensor:
    """A drawing in MNIST's format: uint8 `[28, 28]`, ink 255; CourseError for an empty one."""
    if not drawing:
        raise CourseError("nothing_drawn", "Nothing is drawn yet: draw a digit first.")
    start, end = _segments(drawing)
    points = np.concatenate([start, end])
    low, high = points.min(0), points.max(0)
    scale = (BOX - THICK - SOFT) / max((high - low).max(), SMALLEST)
    middle = (low + high) / 2
    start, end = ((part - middle) * scale + CENTRE for part in (start, end))
    ink = _ink(start, end)
    # Centred by mass, unless the drawing would leave the picture.
    grid = np.arange(SIZE)
    mass = np.array([(ink.sum(0) * grid).sum(), (ink.sum(1) * grid).sum()]) / ink.sum()
    half = (high - low) * scale / 2 + (THICK + SOFT) / 2
    room = np.maximum((SIZE - 1) / 2 - half, 0)
    target = np.clip(CENTRE + (CENTRE - mass), (SIZE - 1) / 2 - room, (SIZE - 1) / 2 + room)
    ink = _ink(start + target - CENTRE, end + target - CENTRE)
    return torch.from_numpy(np.rint(255 * ink).astype(np.uint8))


def _segments(drawing: Sequence[Stroke]) -> tuple[np.ndarray, np.ndarray]:
    """Starts `[n, 2]` and ends `[n, 2]` of a drawing's straight pieces; a dot has length 0."""
    start, end = [], []
    for stroke in drawing:
        start += stroke[:-1] or stroke
        end += stroke[1:] or stroke
    return np.array(start, float), np.array(end, float)


def _ink(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Ink 0 … 1 of each pixel `[28, 28]`, by its distance to the nearest piece of a stroke."""
    y, x = np.mgrid[:SIZE, :SIZE]
    pixels = np.stack([x.ravel(), y.ravel()], 1).astype(float)
    pieces = range(0, len(start), AT_ONCE)
    near = [_squares(pixels, start[i : i + AT_ONCE], end[i : i + AT_ONCE]).min(1) for i in pieces]
    distance = np.sqrt(np.min(near, axis=0))
    return np.clip((THICK / 2 - distance) / SOFT + 0.5, 0, 1).reshape(SIZE, SIZE)


def _squares(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Squared distances of points `[p, 2]` to pieces from `start` to `end` `[n, 2]`: `[p, n]`.

    x and y are separate arrays, which is several times faster.
    """
    along_x, along_y = (end - start).T
    length = np.maximum(along_x**2 + along_y**2, 1e-12)
    to_x, to_y = points[:, :1] - start[:, 0], points[:, 1:] - start[:, 1]
    share = np.clip((to_x * along_x + to_y * along_y) / length, 0, 1)
    return (to_x - share * along_x) ** 2 + (to_y - share * along_y) ** 2


def encode_drawing(drawing: Sequence[Stroke]) -> str:
    """A drawing as a short text: one word per stroke, two bytes per point."""
    return ".".join(
        base64.urlsafe_b64encode(bytes(sum(stroke, ()))).decode().rstrip("=") for stroke in drawing
    )


def decode_drawing(text: str) -> tuple[Stroke, ...]:
    """The drawing that `encode_drawing` wrote; CourseError for any other text."""
    if len(text) > LONGEST:
        raise CourseError(
            "too_many_points", "One of the drawings has far too many points: draw it again."
        )
    try:
        words = [
            base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
            for word in text.split(".")
        ]
    except (ValueError, binascii.Error, AttributeError):
        words = [b""]
    if not all(word and len(word) % 2 == 0 for word in words):
        raise CourseError(
            "damaged", "One of the drawings is damaged: copy or save the whole of it again."
        )
    return tuple(tuple(zip(word[::2], word[1::2], strict=True)) for word in words)


# -------------------------------------------------------------------------- labelled drawings

SAMPLE = "#"  # begins the text of a digit of the pool


@dataclass(frozen=True)
class Drawing:
    """A labelled drawing; `text`: its strokes (`encode_drawing`), or "#17" for MNIST's digit 17."""

    label: int
    text: str

    @property
    def is_sample(self) -> bool:
        """Whether it was taken from MNIST, not drawn."""
        return self.text.startswith(SAMPLE)


@functools.cache
def _pool_digits() -> torch.Tensor:
    """The pool of MNIST's digits, which samples come from: uint8 `[1000, 28, 28]`."""
    inside = slice(BORDER, -BORDER)
    return (255 * to_picture(handwritten().pool.x[:, 0, inside, inside])).round().byte()


@functools.lru_cache(2000)
def pixels(text: str) -> torch.Tensor:
    """A drawing's text as a digit, uint8 `[28, 28]`, not to be changed (it is cached).

    Raises CourseError if the text is damaged.
    """
    if not text.startswith(SAMPLE):
        return digit(decode_drawing(text))
    last = len(_pool_digits()) - 1
    if not (re.fullmatch("[0-9]{1,4}", text[1:]) and int(text[1:]) <= last):
        raise CourseError(
            "no_sample",
            f"There is no sample digit '{printable(text, 20)}'; they are #0 to #{last}.",
        )
    return _pool_digits()[int(text[1:])]


def sample_of_digit(label: int, seed: int, number: int) -> Drawing:
    """Sample `number` (0, 1, …) of the digit `label`, in a random order of this seed."""
    indices = (handwritten().pool.y == label).nonzero().flatten()
    order = torch.randperm(len(indices), generator=torch.Generator().manual_seed(10 * seed + label))
    return Drawing(label, f"{SAMPLE}{indices[order[number % len(indices)]].item()}")


def examples(drawings: Sequence[Drawing]) -> Examples:
    """Drawings as labelled inputs `[n, 3, 32, 32]`."""
    digits = torch.stack([pixels(drawing.text) for drawing in drawings])
    return Examples(to_input(digits), torch.tensor([d.label for d in drawings]), NAMES)
