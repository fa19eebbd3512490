"""The story of transfer learning in one picture, at the top of every notebook.

A large source with labels trains five layers. Four of them are copied and get a new output layer.
Then Option 1 trains this output layer alone, and Option 2 trains everything, on the few labelled
examples of the target. In notebook NN the part that is its subject is in full colour.
"""

import io
from dataclasses import replace

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, FancyArrowPatch, FancyBboxPatch, Rectangle
from PIL import Image

from tl_course.data.inputs import to_picture
from tl_course.data.sources.classes import source_classes
from tl_course.data.sources.emoji_images import EmojiImages, Style
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons import drawing
from tl_course.lessons.drawing import BLUE, GREY, ORANGE, Picture

FILE = "story.png"  # the attachment's name in a notebook
PARTS = {  # what is to be seen of each part
    "source": "a million labelled pictures of 1,000 drawings",
    "five layers": "they learn to name these: W¹ to W⁴ see, W⁵ names",
    "copy": "W¹ to W⁴ are copied, with a new output layer",
    "Option 1": "W¹ to W⁴ are locked, the new layer is trained",
    "Option 2": "all five are trained",
    "target": "10 to 1,000 labelled digits",
}
LIT = {  # notebook: its subject
    "00": tuple(PARTS),
    "01": ("source", "five layers"),
    "02": ("five layers",),
    "03": ("copy", "Option 1", "target"),
    "04": ("copy", "Option 2", "target"),
    "05": ("Option 1", "Option 2", "target"),
    "06": ("source", "copy", "target"),
    "07": ("source", "five layers"),
    "08": ("target",),
    "09": ("source", "five layers", "copy", "Option 2", "target"),
    "10": ("five layers", "Option 1", "Option 2", "target"),
    "11": ("Option 1", "Option 2"),
}
THINGS = (  # of the source, in colour
    "cat", "racing car", "umbrella", "dog face", "woman", "tulip", "house", "tropical fish", "bus",
)  # fmt: skip
DPI, COLOURS = 110, 64
FAINT = 0.22  # opacity of what is not lit
FROZEN, TRAINED, OLD_HEAD = BLUE, ORANGE, GREY
STEP = 4.6  # from one layer to the next
LAYERS = ("W¹", "W²", "W³", "W⁴")
WIDTH, HEIGHT = 104.0, 31.0


def story(number: str) -> Picture:
    """The picture for notebook `number`, with alt text that says what is lit."""
    figure = Figure(figsize=(9.6, 9.6 * HEIGHT / WIDTH))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(-1, WIDTH - 1), ylim=(0, HEIGHT), aspect="equal")
    ax.axis("off")
    lit = {part: 1.0 if part in LIT[number] else FAINT for part in PARTS}
    _source(ax, lit["source"])
    _network(ax, lit["five layers"])
    _copies(ax, lit)
    _option(ax, 18.4, "Option 1", "train only the new output layer", True, lit["Option 1"])
    _option(ax, 3.6, "Option 2", "train everything (fine-tune)", False, lit["Option 2"])
    _target(ax, lit["target"])
    return Picture(_few_colours(figure), alt(number))


def _few_colours(figure: Figure) -> Image.Image:
    """The figure with few colours, so that a notebook stays small."""
    file = io.BytesIO()
    figure.savefig(file, dpi=DPI)
    return Image.open(file).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)


def alt(number: str) -> str:
    """What a screen reader says: in 00 all of the picture, later what is in full colour."""
    if number == "00":
        parts = (f"{part} ({seen})" for part, seen in PARTS.items())
        return f"Transfer learning in one picture: {'; '.join(parts)}."
    return f"The picture of notebook 00, in full colour: {', '.join(LIT[number])}."


def _text(ax: Axes, x: float, y: float, text: str, alpha: float, size: float = 8.5, **more) -> None:
    style = {"ha": "center", "va": "center"} | more
    ax.text(x, y, text, fontsize=size, alpha=min(1.0, alpha * 2), **style)


def _pictures(ax: Axes, x: torch.Tensor, left: float, bottom: float, side: float, alpha: float):
    """Pictures `[n, 3, 32, 32]` in three columns, each `side` wide."""
    shown = drawing.mosaic(to_picture(x), 3, 2).permute(1, 2, 0).numpy()
    extent = (left, left + 3 * side, bottom, bottom + 3 * side)
    ax.imshow(shown, extent=extent, alpha=alpha, aspect="auto")


def _source(ax: Axes, alpha: float) -> None:
    _text(ax, 9, 27.6, "A large source", alpha, 10, weight="bold")
    drawn = [thing for thing in source_classes() if thing.name in THINGS]
    colour_only = replace(Style(), line_art=0.0, silhouette=0.0, grey=0.0)
    _pictures(ax, EmojiImages(0, drawn, colour_only).batch(0, 9)[0], 2.2, 10.4, 4.6, alpha)
    _text(ax, 9, 5.6, "a million labelled pictures\nof 1,000 drawings", alpha)
    _arrow(ax, (17.2, 17.3), (21.6, 17.3), alpha, "train")


def _boxes(ax: Axes, left: float, bottom: float, colour: str, alpha: float) -> None:
    """Four layers side by side."""
    for i, name in enumerate(LAYERS):
        _box(ax, left + STEP * i, bottom, name, colour, alpha)


def _box(ax: Axes, left: float, bottom: float, name: str, colour: str, alpha: float) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (left, bottom), 3.6, 7.4, boxstyle="round,pad=0,rounding_size=0.6",
            facecolor=colour, edgecolor="none", alpha=alpha,
        )
    )  # fmt: skip
    ink = drawing.ink(colour) if alpha == 1 else "black"
    _text(ax, left + 1.8, bottom + 3.4, name, alpha, 9, color=ink, weight="bold")


def _lock(ax: Axes, x: float, y: float, alpha: float) -> None:
    ax.add_patch(Rectangle((x - 0.9, y - 0.9), 1.8, 1.5, facecolor="black", alpha=alpha, zorder=4))
    ax.add_patch(Arc((x, y + 0.6), 1.2, 1.6, theta2=180, lw=1.4, color="black", alpha=alpha))


def _arrow(ax: Axes, start, end, alpha: float, text: str = "") -> None:
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=13, lw=1.8, color="black", alpha=alpha,
            shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
    if text:
        _text(ax, (start[0] + end[0]) / 2, start[1] + 1.7, text, alpha)


def _network(ax: Axes, alpha: float) -> None:
    _text(ax, 33.4, 27.6, "Five layers learn to name it", alpha, 10, weight="bold")
    _boxes(ax, 22.4, 13.6, FROZEN, alpha)
    _box(ax, 22.4 + 4 * STEP, 13.6, "W⁵", OLD_HEAD, alpha)
    _text(ax, 30.7, 10.6, "four layers that see", alpha)
    _text(ax, 42.6, 9.6, "output layer:\n1,000 names", alpha)


def _copies(ax: Axes, lit: dict[str, float]) -> None:
    _text(ax, 51.6, 17.3, "copy\nW¹ … W⁴", lit["copy"])
    for option, start, end in (("Option 1", 19.3, 22.2), ("Option 2", 15.3, 8.2)):
        one_alone = lit["Option 1"] != lit["Option 2"]
        alpha = min(lit["copy"], lit[option]) if one_alone else lit["copy"]
        _arrow(ax, (53.4, start), (58.6, end), alpha)
    ax.plot((46.2, 47.6), (17.3, 17.3), lw=1.8, color="black", alpha=lit["copy"])


def _option(ax: Axes, bottom: float, name: str, what: str, frozen: bool, alpha: float) -> None:
    _text(ax, 59.4, bottom + 9.6, name, alpha, 10, weight="bold", ha="left")
    _text(ax, 67.8, bottom + 9.6, what, alpha, ha="left")
    _boxes(ax, 59.4, bottom, FROZEN if frozen else TRAINED, alpha)
    for i in range(len(LAYERS) if frozen else 0):
        _lock(ax, 62.6 + STEP * i, bottom + 6.6, alpha)
    _box(ax, 59.4 + 4 * STEP, bottom, "new", TRAINED, alpha)
    _arrow(ax, (87.4, 17.0 if frozen else 15.4), (82.2, bottom + 3.7), alpha)


def _target(ax: Axes, alpha: float) -> None:
    _text(ax, 95.4, 27.6, "A small target", alpha, 10, weight="bold")
    digits = handwritten().pool
    first = [int((digits.y == label).nonzero()[0]) for label in range(9)]
    _pictures(ax, digits.x[first], 88.6, 10.4, 4.6, alpha)
    _text(ax, 95.4, 5.6, "10 to 1,000\nlabelled digits", alpha)
