"""Another source of pictures: 1,000 figures of random pen strokes, for notebook 05's last section.

A figure is one to three smooth curves through random points. A figure may resemble a digit or a
letter by chance: two random strokes may cross like an x. Figures are rendered as the drawings are,
but as line art alone.
"""

import functools
from dataclasses import replace

import numpy as np
import torch
from PIL import Image, ImageDraw

from tl_course.data.sources.classes import source_classes
from tl_course.data.sources.emoji_images import GLYPH_SIZE, EmojiImages, Style

FIGURES = 77  # the seed of the figures
STYLE = replace(Style(), line_art=1.0, silhouette=0.0, grey=1.0)
FINER = 4  # times larger when it is drawn, for smooth edges
STROKES, POINTS = (1, 3), (3, 5)  # of a figure, and of a stroke: the fewest and the most
WIDTH, PLACE = (0.05, 0.10), (0.12, 0.88)  # of a stroke and of its points, as shares of the figure


def curve(points: np.ndarray, pieces: int = 24) -> np.ndarray:
    """A smooth curve through `points` `[n, 2]`: `[(n − 1) · pieces, 2]` (Catmull and Rom 1974)."""
    p = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, pieces)[:, None]
    parts = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        parts.append(b + 0.5 * ((c - a) * t + bend))
    return np.concatenate(parts)


def figure(random: np.random.Generator) -> Image.Image:
    """One figure, grey, 64 × 64 pixels."""
    size = GLYPH_SIZE * FINER
    image = Image.new("L", (size, size))
    pen = ImageDraw.Draw(image)
    width = int(size * random.uniform(*WIDTH))
    for _ in range(random.integers(STROKES[0], STROKES[1] + 1)):
        n = random.integers(POINTS[0], POINTS[1] + 1)
        line = curve(random.uniform(*PLACE, (n, 2)) * size)
        pen.line([tuple(point) for point in line], fill=255, width=width, joint="curve")
        for x, y in (line[0], line[-1]):
            half = width / 2
            pen.ellipse([x - half, y - half, x + half, y + half], fill=255)
    return image.resize((GLYPH_SIZE, GLYPH_SIZE), Image.Resampling.LANCZOS)


@functools.cache
def figures(n: int = 1000) -> torch.Tensor:
    """`n` figures in the renderer's format: black, coverage, strokes `[n, 5, 64, 64]`."""
    random = np.random.default_rng(FIGURES)
    ink = torch.from_numpy(np.stack([np.asarray(figure(random)) for _ in range(n)])) / 255
    return torch.stack([*[torch.zeros_like(ink)] * 3, ink, ink], 1)


class RandomStrokes(EmojiImages):
    """An endless, reproducible stream of figures, with the interface of `EmojiImages`."""

    def __init__(self, seed: int = 0, device: torch.device | str = "cpu"):
        super().__init__(seed, source_classes(), STYLE, device)
        self.drawings = figures(self.n_classes).to(self.device)
        self.names = [f"figure {number}" for number in range(self.n_classes)]
