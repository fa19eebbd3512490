"""Photographs in the wheels of scikit-learn and scikit-image, available offline.

scikit-learn has "china.jpg" by danielbuechele and "flower.jpg" by vultilion, both on Flickr, CC BY
2.0 (says the README beside them). scikit-image has a cat (Stéfan van der Walt, CC0), an astronaut
and a rocket (NASA and SpaceX, public domain), coffee (Rachel Michetti, CC0), a motorcycle
(Middlebury stereo data, D. Scharstein and others), and brick, grass and gravel (CC0 Textures). Its
documentation names the licence of all but the motorcycle.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from tl_course.base.errors import CourseError
from tl_course.data.examples import Examples, Target
from tl_course.data.inputs import LUMINANCE, SIZE, scaled
from tl_course.data.pictures import open_picture

NAMES = ("china", "flower")
SMALLEST = 32  # pixels: the side of the smallest crop, which is not shrunk
LARGEST = (128, 96)  # pixels, width and height, of the learner's own photograph
SMALLEST_SIDE = 16


@functools.cache
def _whole(name: str) -> torch.Tensor:
    """The photograph `name`, 0 … 1 `[3, height, width]`."""
    from sklearn.datasets import load_sample_image

    if name not in NAMES:
        raise CourseError(
            "no_photograph", f"There is no photograph '{name}'; there are {', '.join(NAMES)}."
        )
    pixels = np.array(load_sample_image(f"{name}.jpg"))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def photograph(name: str, height: int = 160) -> torch.Tensor:
    """One photograph, shrunk to `height` pixels: `[3, height, width]` on the course's scale."""
    whole = _whole(name)
    width = round(height * whole.shape[2] / whole.shape[1])
    x = F.interpolate(whole[None], (height, width), mode="bilinear", antialias=True)[0]
    return scaled(x.clamp(0, 1))


def middle(name: str, size: int = 224) -> torch.Tensor:
    """The middle of one photograph, cropped as for ImageNet networks: `[3, size, size]`, 0 … 1.

    It is seven eighths of the shorter side, shrunk to `size` pixels.
    """
    whole = _whole(name)
    side = round(min(whole.shape[1:]) * 7 / 8)
    top, left = ((length - side) // 2 for length in whole.shape[1:])
    piece = whole[None, :, top : top + side, left : left + side]
    return F.interpolate(piece, (size, size), mode="bicubic", antialias=True)[0].clamp(0, 1)


def of_file(content: bytes, name: str) -> torch.Tensor:
    """The learner's own PNG or JPEG file, shrunk to `LARGEST`: `[3, h, w]` on the course's scale.

    CourseError names a file that is no picture, or too narrow to show anything.
    """
    whole, _ = open_picture(content, name)
    whole.thumbnail(LARGEST, Image.Resampling.LANCZOS)
    if min(whole.size) < SMALLEST_SIDE:
        raise CourseError(
            "too_small",
            f"{name}, shrunk to fit, has {whole.width}×{whole.height} pixels, and fewer than "
            f"{SMALLEST_SIDE} show nothing: choose a larger picture, or cut it to a wider shape.",
        )
    return scaled(torch.from_numpy(np.array(whole)).permute(2, 0, 1).float() / 255)


def crops(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """`n` square pieces of both photographs in turn, at random places and sizes, shrunk to 32×32.

    Returns `[n, 3, 32, 32]` on the course's scale, and the photographs' numbers, int64 `[n]`.
    """
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % len(NAMES)
    u = torch.rand(n, 3, generator=generator)
    pieces = []
    for i in range(n):
        whole = _whole(NAMES[labels[i]])
        largest = min(whole.shape[1:])
        side = round(SMALLEST * (largest / SMALLEST) ** u[i, 0].item())
        top = round(u[i, 1].item() * (whole.shape[1] - side))
        left = round(u[i, 2].item() * (whole.shape[2] - side))
        piece = whole[None, :, top : top + side, left : left + side]
        pieces.append(F.interpolate(piece, (SIZE, SIZE), mode="bilinear", antialias=True))
    return scaled(torch.cat(pieces).clamp(0, 1)), labels


SCENES = (
    "astronaut", "brick", "cat", "china", "coffee", "flower", "grass", "gravel", "motorcycle",
    "rocket",
)  # fmt: skip
BLOCKS = 25  # of a photograph, five by five; no two parts share one
PARTS = {"pool": range(0, 10), "validation": range(10, 15), "test": range(15, 25)}
EACH = 10  # pieces of one block
PIECE = 56  # pixels each way; the smallest block of the smallest photograph has 60


@functools.cache
def _grey(name: str) -> torch.Tensor:
    """A photograph's brightness, 0 … 1 `[height, width]`."""
    if name in NAMES:
        whole = _whole(name)
    else:
        from skimage import data

        pixels = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
        whole = torch.from_numpy(pixels.copy()).float() / 255
        whole = whole.permute(2, 0, 1)[:3] if whole.ndim == 3 else whole[None]
    weights = torch.tensor(LUMINANCE) if len(whole) == 3 else torch.ones(1)
    return (whole * weights.view(-1, 1, 1)).sum(0)


@functools.cache
def scenes(size: int = SIZE) -> Target:
    """Grey pieces of ten photographs, labelled with the photograph: `[n, 3, size, size]`, scaled.

    Each photograph is divided into 25 blocks: 10 for the pool, 5 for validation and 10 for the
    test, so no pixel is in two parts. Each block gives 10 pieces of 56×56 pixels. They are grey,
    because colours alone would tell them apart. A test of 1,000 pieces of 100 blocks is worth less
    than one of 1,000 photographs.
    """
    generator = torch.Generator().manual_seed(0x5CE7E)
    pieces = {part: [] for part in PARTS}
    for name in SCENES:
        whole = _grey(name)
        height, width = whole.shape[0] // 5, whole.shape[1] // 5
        order = torch.randperm(BLOCKS, generator=generator).tolist()
        for part, numbers in PARTS.items():
            for block in (order[number] for number in numbers):
                for u, v in torch.rand(EACH, 2, generator=generator).tolist():
                    top = block // 5 * height + round(u * (height - PIECE))
                    left = block % 5 * width + round(v * (width - PIECE))
                    pieces[part].append(whole[top : top + PIECE, left : left + PIECE])
    parts = {}
    for part, numbers in PARTS.items():
        x = torch.stack(pieces[part])[:, None]
        if size != PIECE:
            x = F.interpolate(x, (size, size), mode="bilinear", antialias=True).clamp(0, 1)
        labels = torch.arange(len(SCENES)).repeat_interleave(len(numbers) * EACH)
        parts[part] = Examples(scaled(x).expand(-1, 3, -1, -1), labels, SCENES)
    return Target(**parts)
