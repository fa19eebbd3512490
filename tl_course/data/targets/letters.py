"""Capital letters: A … Z in the fonts that matplotlib ships, each a little turned and stretched.

The pool, the validation part and the test part have different families of fonts.
"""

import functools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from tl_course.data.examples import Examples, Target
from tl_course.data.inputs import SIZE, scaled
from tl_course.data.poses import NUMBERS, Pose, grid, uniform

NAMES = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
FONTS = {
    "pool": (
        "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Bold",
        "DejaVuSerif-Italic",
    ),
    "validation": ("DejaVuSansMono", "DejaVuSansMono-BoldOblique", "cmtt10", "cmss10"),
    "test": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "cmr10", "cmb10"),
}  # fmt: skip
EACH = {"pool": 60, "validation": 60, "test": 60}  # pictures of each letter
POSE = Pose(rotate=0.2, shear=0.2, shift=0.12, stretch=0.15, zoom=(0.8, 1.1), elastic=0.08)
FINER = 2  # times larger when it is drawn, for smooth edges


def _drawn(font: str, letter: str) -> torch.Tensor:
    """One letter, white on black, in the middle: `[64, 64]`, 0 … 1."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    image = Image.new("L", (FINER * SIZE, FINER * SIZE))
    face = ImageFont.truetype(str(path), round(0.8 * FINER * SIZE))
    box = face.getbbox(letter)
    corner = [(FINER * SIZE - box[i] - box[i + 2]) / 2 for i in (0, 1)]
    ImageDraw.Draw(image).text(corner, letter, font=face, fill=255)
    return torch.from_numpy(np.array(image)).float() / 255


@functools.cache
def letters() -> Target:
    """The 26 capital letters, 60 of each in every part: `[n, 3, 32, 32]` on the course's scale."""
    parts = {}
    for seed, (part, fonts) in enumerate(FONTS.items()):
        drawings = torch.stack([_drawn(font, letter) for letter in NAMES for font in fonts])
        drawings = F.avg_pool2d(drawings[:, None], FINER)
        y = torch.arange(len(NAMES)).repeat_interleave(EACH[part])
        index = torch.arange(len(y))
        x = drawings[y * len(fonts) + index % len(fonts)]
        positions = grid(POSE, uniform(0x1E77E5 + seed, index, NUMBERS), SIZE)
        x = F.grid_sample(x, positions, align_corners=False).clamp(0, 1)
        x = scaled(x).expand(-1, 3, -1, -1)
        parts[part] = Examples(x.contiguous(memory_format=torch.channels_last), y, NAMES)
    return Target(**parts)
