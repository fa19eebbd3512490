"""The figures of notebook 01: drawings, a filter, the five layers, and what they learnt."""

import textwrap
from collections.abc import Sequence

import torch

from tl_course.core.network import FiveLayerNet
from tl_course.data.inputs import to_picture
from tl_course.layers import filters
from tl_course.layers.growing import Growth
from tl_course.lessons import figures
from tl_course.lessons.figures import Line, Picture, architecture, wall

__all__ = [
    "architecture", "downhill", "first_filters", "picture_and_filter", "renders", "right_and_wrong",
    "sliding_filter", "wall",
]  # fmt: skip


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
    """Long names in several lines."""
    return "\n".join(line for name in names for line in textwrap.wrap(name, 18))


def right_and_wrong(
    x: torch.Tensor, y: torch.Tensor, scores: torch.Tensor, names: Sequence[str]
) -> Picture:
    """The first ten pictures that are named right, and below them the first ten that are not."""
    predicted, x, y = scores.argmax(1), x.cpu(), y.cpu()
    right = (predicted == y).nonzero().flatten()[:10]
    wrong = (predicted != y).nonzero().flatten()[:10]
    captions = [_in_lines(names[y[i]]) for i in right]
    captions += [_in_lines(names[y[i]], "→ " + names[predicted[i]]) for i in wrong]
    mistakes = "; ".join(f"{names[y[i]]} taken for {names[predicted[i]]}" for i in wrong)
    title = "Rows 1 and 2: named right. Rows 3 and 4: taken for something else"
    alt = f"Ten pictures named right, and ten named wrong: {mistakes}."
    return figures.pictures(x[torch.cat([right, wrong])], captions, title, alt, 5, 1.3)


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


def downhill(rate: float, steps: int = 6) -> Picture:
    """Gradient descent on the loss of one weight, (w - 2)² + 1: where each step leads."""

    def loss(w: float) -> float:
        return (w - 2) ** 2 + 1

    places = [-1.0]
    for _ in range(steps):
        gradient = 2 * (places[-1] - 2)
        places.append(places[-1] - rate * gradient)
    losses = [loss(w) for w in places]
    reach = max(3.6, *(abs(w - 2) for w in places)) + 0.2
    curve = [2 + reach * i / 60 for i in range(-60, 61)]
    lines = {
        "the loss": (curve, [loss(w) for w in curve]),
        "the weight, step by step": (places, losses),
    }
    looks = {
        "the loss": (figures.GREY, "", "-"),
        "the weight, step by step": (figures.ORANGE, "o", "--"),
    }
    way = "down" if losses[-1] < losses[0] else "up"
    title = f"Learning rate {rate:g}: {steps} steps lead {way}, from {losses[0]:.3g} to "
    title += f"{losses[-1]:.3g}"
    drawn = {name: Line(*line, look=looks[name]) for name, line in lines.items()}
    told = "A curve shaped like a bowl, and a dot that starts on its left side."
    heard = [f"the loss after each step: {', '.join(f'{one:.3g}' for one in losses)}"]
    look = figures.Look(ylim=(0, None), size=(6.4, 3.2), legend=False)
    return figures.chart({"": drawn}, title, "one weight", "loss", heard, told, look)
