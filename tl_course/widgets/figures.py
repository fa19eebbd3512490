"""Figures of the experiments that a learner touches (others are in `lessons/figures.py`)."""

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

TEXT = 12  # points in the portrait: still to be read where the page is 390 pixels wide
ABOVE = 13  # letters a line above a picture of the portrait
LOOKS = 1.2, 0.9  # how wide its last two columns are, beside those of the pictures
GUESSING = 10  # of 100 digits
FIT = 50  # digits that are shown of those that were labelled: more would be too small
SHEET = (5.4, 4.7)  # inches, as wide as the column beside the controls
STYLES = (  # of a learner's runs, in their order
    (drawing.BLUE, "o", "-"), (drawing.ORANGE, "s", "--"), (drawing.GREEN, "^", ":"),
    (drawing.PINK, "D", "-"), (drawing.SKY, "v", "--"), ("black", "P", ":"),
)  # fmt: skip


def progress(runs: dict[str, Run], title: str, places: Sequence[int]) -> Picture:
    """How runs went, by name: right along the way and at the end, and training loss.

    Their `places` among all runs decide their colours: a run has the same one beside any other.
    Along the way every fourth test digit is scored, at the end all of them; the end is a mark of
    its own, with its number in the legend.
    """
    figure = Figure(figsize=SHEET)
    right, loss = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    curves.sheet(figure, left=0.07, right=0.98, top=0.87, bottom=0.3, hspace=0.3)
    most = max((look.steps for run in runs.values() for look in run.looks), default=100)
    heard = []
    for (name, run), place in zip(runs.items(), places, strict=True):
        colour, marker, dash = STYLES[place]
        ended = run.accuracy is not None
        said = f"{name}\n{100 * run.accuracy:.1f} of 100 at the end" if ended else name
        steps, style = [look.step for look in run.looks], {"color": colour, "linestyle": dash}
        style |= {"marker": marker, "markersize": 4}
        right.plot(steps, [100 * look.accuracy for look in run.looks], label=said, **style)
        loss.plot(steps, [look.loss for look in run.looks], **style)
        if ended:
            at = steps[-1], 100 * run.accuracy
            right.plot(*at, "*", color=colour, markersize=15, markeredgecolor="black", zorder=3)
        heard += _in_words(name, run)
    measured = "right, of 100 (line: every fourth test digit; star: all of them)"
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
    return Picture(figure, f"{title}. {'; '.join(heard) or 'Press Start'}.")


def _in_words(name: str, run: Run) -> list[str]:
    """What a run's line says: how far it is, and what was right."""
    if not run.looks:
        return []
    now = run.looks[-1]
    words = f"{name}: after {now.step:,} of {now.steps:,} steps loss {now.loss:.2f}, "
    if run.accuracy is not None:
        return [f"{words}and at the end {100 * run.accuracy:.1f} of 100 test digits right (star)"]
    return [f"{words}{100 * now.accuracy:.0f} of 100 right, of every fourth test digit"]


def labelled(examples: Examples, name: str) -> Picture:
    """Some labelled digits, a column for each class, no more than fit; `name` says which they are.

    They go round the classes, as those of a draw do.
    """
    n, classes = len(examples), len(examples.names)
    first = f"the first {FIT} of " if n > FIT else ""
    sheet = drawing.mosaic(to_picture(examples.x[:FIT]), classes, zoom=2, gap=2)
    return Picture(
        to_pil_image((255 * sheet).round().byte()),
        f"{first}the {n:,} handwritten digits of {name}, {n // classes} of each, from 0 to 9.",
    )


def layer_name(layer: str) -> str:
    """A layer as it is said: `layer1` is layer 1."""
    return layer.replace("layer", "layer ")


def strongly(answer: torch.Tensor) -> str:
    """In which share of the picture a unit answers more than half as much as at its best place."""
    share = (answer > answer.max() / 2).float().mean().item() if answer.max() > 0 else 0.0
    return f"{100 * share:.0f}%"


def answers_in_words(found: Sequence[Portrait], layer: str) -> str:
    """Where in the pictures one unit of several networks answers, and the scale of the maps."""
    words = []
    for one in found:
        answers = one.answers
        if len(answers) == 1:
            said = [_answer_in_words(*answers.values())]
        else:
            said = [f"{picture[0]} {_strongest(answer)}" for picture, answer in answers.items()]
        words.append(f"{one.name.capitalize()}: {'; '.join(said)}.")
    return " ".join(words) + (
        f" All maps of {layer_name(layer)} have one scale: black is 0, and the brightest is "
        f"{found[0].brightest:.1f}, the strongest answer of any unit."
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
    found: Sequence[Portrait], layer: str, unit: int, pictures: Mapping[str, torch.Tensor]
) -> Picture:
    """One unit of several networks, a row each; `pictures` `[3, h, w]` were shown to it.

    A column for each thing that is to be seen: where the unit answers (under each picture), what
    excites it most, and what it would like best.
    """
    own = "its filter" if layer == LAYERS[0] else "a picture made for it"
    widths, heights = [*[1] * len(pictures), *LOOKS], [0.8, *[1.2] * len(found)]
    size = 1.25 * sum(widths) + 0.4, 1.25 * sum(heights) + 0.7
    figure = Figure(figsize=size, layout="constrained")
    figure.add_artist(Rectangle((0, 0), 1, 1, color="white", zorder=-1))  # always of one size
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, hspace=0.02, wspace=0.02)
    ratios = {"width_ratios": widths, "height_ratios": heights}
    spots = figure.subplots(1 + len(found), len(widths), **ratios)
    for ax in spots.ravel():
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for (name, x), ax in zip(pictures.items(), spots[0], strict=False):
        ax.set_title(textwrap.fill(name, ABOVE), fontsize=TEXT)
        ax.imshow(to_picture(x).permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
    words = "what excites\nit most in\nmany drawings", own.replace(" made", "\nmade")
    for ax, text in zip(spots[0, len(pictures) :], words, strict=True):
        ax.text(0.5, 0, text, ha="center", va="bottom", fontsize=TEXT, transform=ax.transAxes)
    for one, row in zip(found, spots[1:], strict=True):
        *maps, excites, made = row
        maps[0].set_ylabel(one.name, fontsize=TEXT, fontweight="bold")
        for ax, answer in zip(maps, one.answers.values(), strict=True):
            ax.imshow(answer.numpy(), cmap="magma", vmin=0, vmax=max(one.brightest, 1e-6))
            ax.set_xlabel(f"strongest {answer.max():.1f}", fontsize=TEXT - 1)
        excites.imshow(
            drawing.mosaic(to_picture(one.patches), 3, 8, gap=4).permute(1, 2, 0).numpy()
        )
        if one.liked is None:
            made.imshow([[[1.0, 1.0, 1.0]]])  # white, of the same size
            made.text(0, 0, "being\nmade …", ha="center", va="center", fontsize=TEXT)
        else:
            made.imshow(to_picture(one.liked).permute(1, 2, 0).cpu().numpy())
    networks = " and ".join(one.name for one in found)
    return Picture(
        figure,
        f"Unit {unit} of {layer_name(layer)}, {networks}, one below the other: where it answers in "
        f"{' and in '.join(pictures)}, the nine patches of many drawings that excite it most, and "
        f"{own}. {answers_in_words(found, layer)}",
    )
