"""Figures of the interactive experiments (others are in `lessons/figures.py`)."""

import textwrap
from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torchvision.transforms.functional import to_pil_image

from tl_course.core.network import LAYERS
from tl_course.data.examples import Examples
from tl_course.data.inputs import to_picture
from tl_course.layers.portrait import Portrait
from tl_course.lessons import curves, drawing
from tl_course.lessons.drawing import Picture
from tl_course.study.trials import Run

TEXT = 12  # points in the portrait, readable on a page 390 pixels wide
ABOVE = 13  # letters per line above a picture of the portrait
LOOKS = 1.2, 0.9  # widths of its last two columns, relative to a picture
GUESSING = 10  # percent of ten digits
FIT = 50  # labelled digits that are shown: more would be too small
SHEET = (5.4, 4.7)  # inches, as wide as the column beside the controls
STYLES = (  # of the learner's runs, in order
    (drawing.BLUE, "o", "-"), (drawing.ORANGE, "s", "--"), (drawing.GREEN, "^", ":"),
    (drawing.PINK, "D", "-"), (drawing.SKY, "v", "--"), ("black", "P", ":"),
)  # fmt: skip


def plot_progress(runs: dict[str, Run], title: str, places: Sequence[int]) -> Picture:
    """Accuracy and training loss of runs by name, during training and at the end.

    Their `places` among all runs decide their colours, so a run keeps its colour in every
    comparison. Every fourth test digit is scored during training, and all of them at the end. The
    final accuracy is a star, and the legend has its number.
    """
    figure = Figure(figsize=SHEET)
    right, loss = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    curves.fix_layout(figure, left=0.07, right=0.98, top=0.87, bottom=0.3, hspace=0.3)
    most = max((look.steps for run in runs.values() for look in run.looks), default=100)
    sentences = []
    for (name, run), place in zip(runs.items(), places, strict=True):
        colour, marker, dash = STYLES[place]
        ended = run.accuracy is not None
        label = f"{name}\n{100 * run.accuracy:.1f}% at the end" if ended else name
        steps, style = [look.step for look in run.looks], {"color": colour, "linestyle": dash}
        style |= {"marker": marker, "markersize": 4}
        right.plot(steps, [100 * look.accuracy for look in run.looks], label=label, **style)
        loss.plot(steps, [look.loss for look in run.looks], **style)
        if ended:
            end = steps[-1], 100 * run.accuracy
            right.plot(*end, "*", color=colour, markersize=15, markeredgecolor="black", zorder=3)
        sentences += _in_words(name, run)
    measured = "test accuracy, % (line: every fourth test digit; star: all of them)"
    for ax, words in ((right, measured), (loss, "training loss")):
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_title(words, loc="left", fontsize=10)
    right.set(xlim=(0, 1.03 * most), ylim=(0, 102), yticks=range(0, 101, 20))
    loss.set(xlabel="steps", ylim=(0, None if runs else 2.5))
    right.axhline(GUESSING, color=drawing.GREY, linestyle=":", linewidth=1)
    right.text(most, GUESSING + 1, "guessing", color=drawing.GREY, fontsize=8, ha="right")
    if runs:
        drawing.legend(figure, "lower left")
    figure.suptitle(title, fontsize=12)
    return Picture(figure, f"{title}. {'; '.join(sentences) or 'Press Start'}.")


def _in_words(name: str, run: Run) -> list[str]:
    """The progress and accuracy of a run in a sentence; none before its first report."""
    if not run.looks:
        return []
    now = run.looks[-1]
    words = f"{name}: after {now.step:,} of {now.steps:,} steps loss {now.loss:.2f}, "
    if run.accuracy is not None:
        return [f"{words}and at the end {100 * run.accuracy:.1f}% of the test digits right (star)"]
    return [f"{words}{100 * now.accuracy:.0f}% right, of every fourth test digit"]


def labelled(examples: Examples, name: str) -> Picture:
    """The first labelled digits, a column for each class; `name` appears in the alt text.

    The classes must take turns, as they do in a draw.
    """
    n, classes = len(examples), len(examples.names)
    first = f"the first {FIT} of " if n > FIT else ""
    sheet = drawing.mosaic(to_picture(examples.x[:FIT]), classes, zoom=2, gap=2)
    return Picture(
        to_pil_image((255 * sheet).round().byte()),
        f"{first}the {n:,} handwritten digits of {name}, {n // classes} of each, from 0 to 9.",
    )


def layer_name(layer: str) -> str:
    """`layer1` as "layer 1"."""
    return layer.replace("layer", "layer ")


def strongly(answer: torch.Tensor) -> str:
    """The share of the picture in which a unit's activation is above half of its maximum."""
    share = (answer > answer.max() / 2).float().mean().item() if answer.max() > 0 else 0.0
    return f"{100 * share:.0f}%"


def answers_in_words(portraits: Sequence[Portrait], layer: str) -> str:
    """Where one unit of several networks answers in the pictures, and the scale of the maps."""
    words = []
    for portrait in portraits:
        answers = portrait.answers
        if len(answers) == 1:
            places = [_answer_in_words(*answers.values())]
        else:
            places = [f"{picture[0]} {_strongest(answer)}" for picture, answer in answers.items()]
        words.append(f"{portrait.name.capitalize()}: {'; '.join(places)}.")
    return " ".join(words) + (
        f" All maps of {layer_name(layer)} share one scale: black is 0, and the brightest is "
        f"{portraits[0].brightest:.1f}, the strongest answer of any unit."
    )


def _answer_in_words(answer: torch.Tensor) -> str:
    if answer.max() <= 0:
        return "silent on this picture"
    return f"{_strongest(answer)}, more than half its maximum in {strongly(answer)} of the picture"


def _strongest(answer: torch.Tensor) -> str:
    if answer.max() <= 0:
        return "silent"
    row, column = divmod(int(answer.argmax()), answer.shape[1])
    down = ("upper", "middle", "lower")[min(2, 3 * row // answer.shape[0])]
    across = ("left", "centre", "right")[min(2, 3 * column // answer.shape[1])]
    place = f"{down} {across}".replace("middle centre", "centre")
    return f"strongest ({answer.max():.1f}) in the {place}"


def portrait(
    portraits: Sequence[Portrait], layer: str, unit: int, pictures: Mapping[str, torch.Tensor]
) -> Picture:
    """One unit of several networks, a row each, on `pictures` `[3, h, w]` by name.

    Columns: where the unit answers (under each picture), the patches that excite it most, and its
    filter or a picture made for it.
    """
    last_column = "its filter" if layer == LAYERS[0] else "a picture made for it"
    widths, heights = [*[1] * len(pictures), *LOOKS], [0.8, *[1.2] * len(portraits)]
    size = 1.25 * sum(widths) + 0.4, 1.25 * sum(heights) + 0.7
    figure = Figure(figsize=size, layout="constrained")
    figure.add_artist(
        Rectangle((0, 0), 1, 1, color="white", zorder=-1)
    )  # a tight crop keeps the size
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, hspace=0.02, wspace=0.02)
    ratios = {"width_ratios": widths, "height_ratios": heights}
    axes = figure.subplots(1 + len(portraits), len(widths), **ratios)
    for ax in axes.ravel():
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for (name, x), ax in zip(pictures.items(), axes[0], strict=False):
        ax.set_title(textwrap.fill(name, ABOVE), fontsize=TEXT)
        ax.imshow(to_picture(x).permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
    words = "what excites\nit most in\nmany drawings", last_column.replace(" made", "\nmade")
    for ax, text in zip(axes[0, len(pictures) :], words, strict=True):
        ax.text(0.5, 0, text, ha="center", va="bottom", fontsize=TEXT, transform=ax.transAxes)
    for unit_portrait, row in zip(portraits, axes[1:], strict=True):
        *map_axes, patches_ax, liked_ax = row
        map_axes[0].set_ylabel(unit_portrait.name, fontsize=TEXT, fontweight="bold")
        for ax, answer in zip(map_axes, unit_portrait.answers.values(), strict=True):
            ax.imshow(answer.numpy(), cmap="magma", vmin=0, vmax=max(unit_portrait.brightest, 1e-6))
            ax.set_xlabel(f"strongest {answer.max():.1f}", fontsize=TEXT - 1)
        patches_ax.imshow(
            drawing.mosaic(to_picture(unit_portrait.patches), 3, 8, gap=4).permute(1, 2, 0).numpy()
        )
        if unit_portrait.liked is None:
            liked_ax.imshow([[[1.0, 1.0, 1.0]]])  # a white picture of the same size
            liked_ax.text(0, 0, "being\nmade …", ha="center", va="center", fontsize=TEXT)
        else:
            liked_ax.imshow(to_picture(unit_portrait.liked).permute(1, 2, 0).cpu().numpy())
    networks = " and ".join(unit_portrait.name for unit_portrait in portraits)
    return Picture(
        figure,
        f"Unit {unit} of {layer_name(layer)}, {networks}, one below the other: where it answers in "
        f"{' and in '.join(pictures)}, the nine patches of many drawings that excite it most, and "
        f"{last_column}. {answers_in_words(portraits, layer)}",
    )
