"""The figures of notebook 01: drawings, a filter, the five layers, and what they learnt."""

import textwrap
from collections.abc import Sequence

import torch

from tl_course.core.network import FiveLayerNet
from tl_course.data.inputs import to_picture
from tl_course.layers import filters
from tl_course.layers.growing import Growth
from tl_course.lessons import figures
from tl_course.lessons.figures import Picture, architecture, wall

__all__ = [
    "architecture", "first_filters", "picture_and_filter", "quarter", "renders", "right_and_wrong",
    "sliding_filter", "wall",
]  # fmt: skip
QUARTERS = ("top left", "top right", "bottom left", "bottom right")
WALL = (25, 40)  # rows and columns of the wall


def quarter(thing: int) -> str:
    """Which of the `QUARTERS` of the wall the thing of that number is in."""
    row, column = divmod(thing, WALL[1])
    return QUARTERS[2 * (row >= WALL[0] / 2) + (column >= WALL[1] / 2)]


def renders(x: torch.Tensor, name: str) -> Picture:
    """Pictures `[n, 3, 32, 32]` of one thing."""
    title = f"{len(x)} pictures of one {name}"
    alt = f"{title}: the same drawing, each time in another pose, colour and background."
    return figures.pictures(x, [], title, alt)


def picture_and_filter(picture: torch.Tensor, kernel: torch.Tensor) -> Picture:
    """A picture `[3, 32, 32]` and a filter `[3, 7, 7]` beside it, without its answers."""
    filter_picture = figures.filter_pictures(kernel[None])[0]
    return figures.sheets(
        {"the picture": to_picture(picture).cpu(), "the filter": filter_picture},
        "A cat, and a filter made by hand",
        "A picture of a cat, and a filter of 7 by 7 pixels: its left half is dark, its right half "
        "bright.", width=5, across=2,
    )  # fmt: skip


def sliding_filter(picture: torch.Tensor, row: int, column: int, kernel) -> Picture:
    """A filter, `[3, 7, 7]` or `[7, 7]`, laid on `picture` `[3, 32, 32]`, and all its answers."""
    picture = picture.cpu()
    kernel = torch.as_tensor(kernel, dtype=torch.float32).expand(3, -1, -1)
    answers = filters.answers(picture, kernel)
    return figures.sliding_filter(picture, kernel, row, column, answers)


def _in_lines(*names: str) -> str:
    """Long names in two lines each."""
    return "\n".join(line for name in names for line in textwrap.wrap(name, 15)[:2])


def right_and_wrong(
    x: torch.Tensor, y: torch.Tensor, scores: torch.Tensor, names: Sequence[str]
) -> Picture:
    """The first ten pictures that are named right, and the first ten that are not."""
    predicted, x, y = scores.argmax(1), x.cpu(), y.cpu()
    right = (predicted == y).nonzero().flatten()[:10]
    wrong = (predicted != y).nonzero().flatten()[:10]
    captions = [_in_lines(names[y[i]]) for i in right]
    captions += [_in_lines(names[y[i]], "→ " + names[predicted[i]]) for i in wrong]
    mistakes = "; ".join(f"{names[y[i]]} taken for {names[predicted[i]]}" for i in wrong)
    title = "First row: named right. Second row: taken for something else"
    alt = f"Ten pictures named right, and ten named wrong: {mistakes}."
    return figures.pictures(x[torch.cat([right, wrong])], captions, title, alt)


def first_filters(growth: Growth, shipped: FiveLayerNet | None = None) -> Picture:
    """The filters of layer 1 at moments of a training, and those of the `shipped` network."""
    moments = [step for step in growth.filters if step in (0, 30, 100, growth.n_steps)]
    shown = {f"after {step:,} steps": growth.filters[step] for step in moments}
    if shipped is not None:
        shown["the network that comes with the course"] = shipped.layer1.weight.detach()
    return figures.filters(
        shown,
        "From random numbers to edges",
        "The 32 filters of layer 1 as small colour pictures at several moments of training. At "
        "first they are coloured noise; at the end most are light and dark stripes and edges at "
        "many angles, and some are spots of light or colour.",
    )
