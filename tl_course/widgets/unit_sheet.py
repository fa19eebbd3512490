"""A sheet of small pictures, one for each unit of a layer, to choose a unit from."""

import math
from collections.abc import Sequence

import anywidget
import torch
import traitlets
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

from tl_course.lessons.drawing import url_of
from tl_course.widgets.parts import joined

FINE = 20  # pixels from which a picture is large enough to lose some detail


def sheet(
    x: torch.Tensor, words: str, order: Sequence[int] | None = None, notes: Sequence[str] = ()
) -> dict:
    """The value of `UnitSheet.sheet` for pictures `[units, 3, size, size]`, 0 … 1.

    It has about as many rows as columns. `words` describe the pictures, `order` lists the units
    (default: by number), and `notes[unit]` is added to the name of a unit.
    """
    units, size = len(x), x.shape[-1]
    order = list(range(units) if order is None else order)
    across = math.ceil(math.sqrt(units))
    pixels = (255 * make_grid(x[order], across, padding=0)).round().byte()
    # WEBP takes a sixth of a PNG.
    url = url_of(to_pil_image(pixels), "WEBP", lossless=size < FINE, quality=85)
    names = [f"unit {unit}: {notes[unit]}" if notes else f"unit {unit}" for unit in order]
    return {
        "order": order, "names": names, "across": across, "size": size, "url": url, "words": words
    }  # fmt: skip


class UnitSheet(anywidget.AnyWidget):
    """`sheet` is a value of the function `sheet`, and `chosen` is the number of a unit.

    While it is `busy`, another sheet is being made and nothing can be chosen.
    """

    _esm = joined("sheet")
    sheet = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
