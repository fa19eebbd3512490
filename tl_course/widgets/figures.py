"""Figures of the experiments that a learner touches (the other figures are in `plots.py`)."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torchvision.transforms.functional import to_pil_image

from tl_course.data.examples import Examples
from tl_course.data.inputs import to_picture
from tl_course.layers.portrait import Portrait
from tl_course.lessons import figures
from tl_course.lessons.figures import Picture
from tl_course.study.trials import Look

GUESSING = 10  # of 100 digits
STYLES = ((figures.BLUE, "o", "-"), (figures.ORANGE, "s", "--"), (figures.GREEN, "^", ":"))


def progress(runs: dict[str, Sequence[Look]], title: str) -> Picture:
    """Training loss and test accuracy along the way of one, two or three runs, by name."""
    figure, every = figures.in_a_row(2, 9, 3.3)
    most = max((look.steps for looks in runs.values() for look in looks), default=1)
    panels = (
        ("training loss", None, lambda look: look.loss),
        ("right, % of every fourth test digit", 102, lambda look: 100 * look.accuracy),
    )
    for ax, (ylabel, top, value) in zip(every, panels, strict=True):
        for (name, looks), (colour, marker, dash) in zip(runs.items(), STYLES, strict=False):
            ax.plot(
                [look.step for look in looks], [value(look) for look in looks], label=name,
                color=colour, marker=marker, linestyle=dash, markersize=4,
            )  # fmt: skip
        ax.set(xlabel="steps", ylabel=ylabel, xlim=(0, most), ylim=(0, top))
    every[1].axhline(GUESSING, color=figures.GREY, linestyle=":", linewidth=1)
    every[1].text(0, GUESSING + 1, " guessing", color=figures.GREY, fontsize=8)
    if len(runs) > 1:
        figures.legend(figure, "outside lower center")
    heard = [
        f"{name}: after {looks[-1].step:,} of {looks[-1].steps:,} steps loss {looks[-1].loss:.2f}, "
        f"{100 * looks[-1].accuracy:.0f} of 100 test digits right"
        for name, looks in runs.items()
        if looks
    ]
    return figures.finished(figure, title, heard or ["No step yet"])


def labelled(examples: Examples, name: str) -> Picture:
    """Every one of some labelled digits, class by class; `name` says which they are."""
    x = to_picture(examples.x[examples.y.argsort(stable=True)])
    n, each = len(x), len(x) // len(examples.names)
    columns = 10 if n == 10 else 20 if n < 50 else 25 if n <= 200 else 50
    sheet = figures.mosaic(x, columns, zoom=2 if n < 50 else 1, gap=2)
    return Picture(
        to_pil_image((255 * sheet).round().byte()),
        f"the {n:,} handwritten digits of {name}, {each} of each, from 0 to 9.",
    )


def strongly(answer: torch.Tensor) -> str:
    """In which share of the places a unit answers more than half as much as in its best one."""
    share = (answer > answer.max() / 2).float().mean().item() if answer.max() > 0 else 0.0
    return f"{100 * share:.0f}%"


def portrait(found: Sequence[Portrait], layer: str, unit: int, picture: torch.Tensor) -> Picture:
    """One unit of several networks side by side, a column each; `picture` `[3, h, w]` was shown."""
    figure = Figure(figsize=(4.6 * len(found), 4.5), layout="constrained")
    own = "its filter" if layer == "layer1" else "a picture made for it"
    heard = []
    parts = np.ravel(figure.subfigures(1, len(found)))
    for part, (name, like, patches, answer) in zip(parts, found, strict=True):
        part.suptitle(name, fontsize=11)
        most = max(answer.max().item(), 1e-6)
        titles = (
            own, "what excites it most", "the picture", f"where it answers (at most {most:.1f})"
        )  # fmt: skip
        made, excites, seen, where = spots = part.subplots(2, 2).ravel()
        for ax, words in zip(spots, titles, strict=True):
            ax.set_axis_off()
            ax.set_title(words, fontsize=9)
        if like is None:
            made.text(0.5, 0.5, "being made …", ha="center", va="center")
        else:
            figures.image(made, to_picture(like))
        figures.image(excites, figures.mosaic(to_picture(patches), 3, 3, gap=4))
        figures.image(seen, to_picture(picture).cpu())
        where.imshow(answer.numpy(), cmap="magma", vmin=0, vmax=most)
        row, column = divmod(int(answer.argmax()), answer.shape[1])
        down = ("upper", "middle", "lower")[min(2, 3 * row // answer.shape[0])]
        across = ("left", "centre", "right")[min(2, 3 * column // answer.shape[1])]
        heard.append(
            f"{name}: it answers most ({answer.max():.1f}) in the {down} {across}, and more than "
            f"half as much in {strongly(answer)} of the places"
            if answer.max() > 0
            else f"{name}: silent on this picture"
        )
    title = f"Unit {unit} of {layer.replace('layer', 'layer ')}"
    figure.suptitle(title, fontsize=12)
    return Picture(
        figure,
        f"{title} of {len(found)} networks: {own}, the nine patches out of many drawings that "
        f"excite it most, and where it answers in a picture. {'; '.join(heard)}.",
    )
