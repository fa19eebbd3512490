"""The figures of notebook 01: drawings, a filter, the five layers, and what they learnt."""

import html
import textwrap
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from tl_course.core.network import FiveLayerNet
from tl_course.data.inputs import to_picture
from tl_course.data.sources.emoji_images import contact_sheet
from tl_course.layers import filters
from tl_course.layers.snapshots import Growth
from tl_course.lessons import drawing, figures
from tl_course.lessons.drawing import GREY, ORANGE, Line, Picture
from tl_course.lessons.figures import architecture as architecture  # for the notebook


class Wall(Picture):
    """A picture taller than the screen, in a frame that arrow keys can scroll, too."""

    def __init__(self, image: Image.Image, title: str, alt: str):
        super().__init__(image, alt)
        self.title = html.escape(title, quote=True)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(include, exclude)
        picture = bundle["text/html"].replace("max-width:100%", "display:block;max-width:none")
        framed = (
            f'<p><b>{self.title}</b></p><div role="region" aria-label="{self.title}" tabindex="0" '
            'data-lm-suppress-shortcuts="true" style="max-height:600px;overflow:auto;'
            f'width:fit-content;max-width:100%;border:1px solid {GREY}">{picture}</div>'
        )
        return bundle | {"text/html": framed}


def wall(columns: int = 22, size: int = 42) -> Wall:
    """All 1,000 drawings."""
    sheet = contact_sheet(columns, size).quantize(256)  # a third of the bytes
    title = "1,000 drawings, 1,000 classes, and not one digit among them"
    return Wall(sheet, title, f"A wall of 1,000 small colour drawings in {columns} columns.")


def renders(x: torch.Tensor, name: str) -> Picture:
    """Renders `[n, 3, 32, 32]` of one class, `name`."""
    title = f"{len(x)} pictures of one {name}"
    alt = f"{title}: the same drawing, each time in another pose, colour and background."
    return figures.pictures(x, [], title, alt)


def picture_and_filter(picture: torch.Tensor, kernel: torch.Tensor) -> Picture:
    """A picture `[3, 32, 32]` with a filter `[3, 7, 7]` beside it, without its responses."""
    filter_picture = drawing.filter_pictures(kernel[None])[0]
    return figures.sheets(
        {"the picture": to_picture(picture).cpu(), "the filter": filter_picture},
        "A cat, and a filter made by hand",
        "A picture of a cat, and a filter of 7 by 7 pixels: its left half is dark, its right half "
        "bright.", width=5, across=2,
    )  # fmt: skip


def sliding_filter(picture: torch.Tensor, row: int, column: int, kernel) -> Picture:
    """A filter at one place of a picture, and the map of its responses with that place marked.

    `picture` is `[3, 32, 32]`, `kernel` `[3, 7, 7]` or `[7, 7]`. Responses are those before ReLU.
    """
    x = picture.cpu()
    kernel = torch.as_tensor(kernel, dtype=torch.float32).expand(3, -1, -1)
    answer, size = filters.answer_map(x, kernel), kernel.shape[-1]
    figure = Figure(figsize=(10, 3), layout="constrained")
    every = figure.subplots(1, 4)
    window = F.pad(x, [size // 2] * 4)[:, row : row + size, column : column + size]
    value, bound = answer[row, column].item(), answer.abs().max().item()
    shown = to_picture(x), to_picture(window), drawing.filter_pictures(kernel[None])[0]
    for ax, small in zip(every, shown, strict=False):
        drawing.image(ax, small)
    every[3].imshow(answer.numpy(), cmap="RdBu_r", vmin=-bound, vmax=bound)
    every[3].set_axis_off()
    for ax, width in ((every[0], size), (every[3], 1)):
        corner = (column - width // 2 - 0.5, row - width // 2 - 0.5)
        ax.add_patch(Rectangle(corner, width, width, fill=False, edgecolor=ORANGE, linewidth=2.5))
    under, everywhere = f"under the frame\n({size}×{size} pixels)", "its answer everywhere;\nhere"
    titles = ("the picture", under, "the filter", f"{everywhere} {value:+.1f}")
    for ax, title in zip(every, titles, strict=True):
        ax.set_title(title)
    return Picture(
        figure,
        f"A picture with a frame around row {row}, column {column}; the {size} by {size} pixels "
        f"under the frame; the filter; and the map of the filter's answers at every place. At the "
        f"frame the answer is {value:+.1f}; the strongest anywhere is {bound:.1f}.",
    )


def _in_lines(*names: str) -> str:
    """The names, with long ones wrapped."""
    return "\n".join(line for name in names for line in textwrap.wrap(name, 18))


def right_and_wrong(
    x: torch.Tensor, y: torch.Tensor, scores: torch.Tensor, names: Sequence[str]
) -> Picture:
    """The first ten pictures that are named right, and below them the first ten named wrong."""
    predicted, x, y = scores.argmax(1), x.cpu(), y.cpu()
    right = (predicted == y).nonzero().flatten()[:10]
    wrong = (predicted != y).nonzero().flatten()[:10]
    captions = [_in_lines(names[y[i]]) for i in right]
    captions += [_in_lines(names[y[i]], "→ " + names[predicted[i]]) for i in wrong]
    mistakes = "; ".join(f"{names[y[i]]} taken for {names[predicted[i]]}" for i in wrong)
    title = "Rows 1 and 2: named correctly. Rows 3 and 4: taken for something else"
    alt = f"Ten pictures named correctly, and ten named wrongly: {mistakes}."
    return figures.pictures(x[torch.cat([right, wrong])], captions, title, alt, 5, 1.3)


def first_filters(growth: Growth, shipped: FiveLayerNet | None = None) -> Picture:
    """The filters of layer 1 at several steps of training, and those of the `shipped` network."""
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
        "the loss": Line(curve, [loss(w) for w in curve], look=(GREY, "", "-")),
        "the weight, step by step": Line(places, losses, look=(ORANGE, "o", "--")),
    }
    way = "down" if losses[-1] < losses[0] else "up"
    title = f"Learning rate {rate:g}: {steps} steps lead {way}, from {losses[0]:.3g} to "
    title += f"{losses[-1]:.3g}"
    description = "A curve shaped like a bowl, and a dot that starts on its left side."
    heard = [f"the loss after each step: {', '.join(f'{value:.3g}' for value in losses)}"]
    look = figures.ChartStyle(ylim=(0, None), size=(6.4, 3.2), legend=False)
    return figures.chart({"": lines}, title, "one weight", "loss", heard, description, look)
