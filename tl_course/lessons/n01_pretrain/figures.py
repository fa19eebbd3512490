"""The figures of notebook 01: drawings, a filter, the five layers, and what they learnt."""

from collections.abc import Sequence

import torch

from tl_course.core.network import FiveLayerNet
from tl_course.layers import filters
from tl_course.layers.growing import Growth
from tl_course.lessons import figures
from tl_course.lessons.figures import Picture, architecture, wall

__all__ = ["architecture", "first_filters", "renders", "right_and_wrong", "sliding_filter", "wall"]


def renders(x: torch.Tensor, name: str) -> Picture:
    """Pictures `[n, 3, 32, 32]` of one thing."""
    title = f"{len(x)} pictures of one {name}"
    alt = f"{title}: the same drawing, each time in another pose, colour and background."
    return figures.pictures(x, [], title, alt)


def sliding_filter(picture: torch.Tensor, row: int, column: int, angle: float) -> Picture:
    """A filter for edges at this angle, laid on `picture` `[3, 32, 32]`, and all its answers."""
    picture, kernel = picture.cpu(), filters.edge(angle)
    answers = filters.answers(picture, kernel)
    return figures.sliding_filter(picture, kernel, row, column, answers)


def right_and_wrong(
    x: torch.Tensor, y: torch.Tensor, scores: torch.Tensor, names: Sequence[str]
) -> Picture:
    """The first ten pictures that are named right, and the first ten that are not."""
    predicted, x, y = scores.argmax(1), x.cpu(), y.cpu()
    right = (predicted == y).nonzero().flatten()[:10]
    wrong = (predicted != y).nonzero().flatten()[:10]
    captions = [names[y[i]][:16] for i in right]
    captions += [f"{names[y[i]][:16]}\n→ {names[predicted[i]][:16]}" for i in wrong]
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
        "many angles, and some are spots of colour.",
    )
