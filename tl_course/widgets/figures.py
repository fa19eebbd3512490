"""Figures of the experiments that a learner touches (the other figures are in `plots.py`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from tl_course.data.examples import Examples
from tl_course.data.inputs import to_picture
from tl_course.layers.patches import TopPatches
from tl_course.lessons import figures
from tl_course.lessons.figures import Picture
from tl_course.study.trials import Look

STYLES = ((figures.BLUE, "o", "-"), (figures.ORANGE, "s", "--"), (figures.GREEN, "^", ":"))


def progress(runs: dict[str, Sequence[Look]], title: str, guessing: float = 0.1) -> Picture:
    """Training loss and test accuracy along the way of one, two or three runs, by name."""
    figure = Figure(figsize=(9, 3.3), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    heard = []
    for (name, looks), (colour, marker, dash) in zip(runs.items(), STYLES, strict=False):
        steps = [look.step for look in looks]
        style = {"color": colour, "marker": marker, "linestyle": dash, "markersize": 4}
        losses.plot(steps, [look.loss for look in looks], label=name, **style)
        accuracies.plot(steps, [100 * look.accuracy for look in looks], label=name, **style)
        if looks:
            heard.append(
                f"{name}: after {steps[-1]:,} of {looks[-1].steps:,} steps loss "
                f"{looks[-1].loss:.2f}, {100 * looks[-1].accuracy:.0f} of 100 test digits right"
            )
    accuracies.axhline(100 * guessing, color=figures.GREY, linestyle=":", linewidth=1)
    accuracies.text(0, 100 * guessing + 1, " guessing", color=figures.GREY, fontsize=8)
    most = max((look.steps for looks in runs.values() for look in looks), default=1)
    losses.set(xlabel="steps", ylabel="training loss", xlim=(0, most), ylim=(0, None))
    accuracies.set(
        xlabel="steps", ylabel="right, % of every fourth test digit", xlim=(0, most), ylim=(0, 102)
    )
    for ax in (losses, accuracies):
        ax.spines[["top", "right"]].set_visible(False)
    if len(runs) > 1:
        handles, labels = losses.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=11)
    return Picture(figure, f"{title}. {'; '.join(heard) or 'No step yet'}.")


def labelled(examples: Examples, name: str) -> Picture:
    """Every one of some labelled digits, class by class; `name` says which they are."""
    x = to_picture(examples.x[examples.y.argsort(stable=True)])
    n, each = len(x), len(x) // len(examples.names)
    columns = 10 if n == 10 else 20 if n < 50 else 25 if n <= 200 else 50
    sheet = figures.mosaic(x, columns, zoom=2 if n < 50 else 1, gap=2)
    pixels = (255 * sheet.permute(1, 2, 0)).round().to(torch.uint8).numpy()
    return Picture(
        Image.fromarray(pixels),
        f"the {n:,} handwritten digits of {name}, {each} of each, from 0 to 9.",
    )


def strongly(answer: torch.Tensor) -> float:
    """In which share of the places a unit answers more than half as much as in its best one."""
    return (answer > answer.max() / 2).float().mean().item() if answer.max() > 0 else 0.0


def portrait(
    names: Sequence[str],
    liked: Sequence[torch.Tensor | None],
    best: Sequence[TopPatches],
    picture: torch.Tensor,
    answers: Sequence[torch.Tensor],
    layer: str,
    unit: int,
) -> Picture:
    """One unit of several networks side by side, a column each.

    What it would like best `[3, h, w]` (None while it is being made), its nine best patches, and
    where in `picture` `[3, h, w]` it answers `[rows, columns]`.
    """
    columns = len(names)
    figure = Figure(figsize=(4.6 * columns, 4.5), layout="constrained")
    own = "its filter" if layer == "layer1" else "a picture made for it"
    heard = []
    for part, name, like, top, answer in zip(
        np.ravel(figure.subfigures(1, columns)), names, liked, best, answers, strict=True
    ):
        part.suptitle(name, fontsize=11)
        grid = part.add_gridspec(2, 2)
        spots = [part.add_subplot(grid[i, j]) for i in (0, 1) for j in (0, 1)]
        for ax in spots:
            ax.set_axis_off()
        if like is None:
            spots[0].text(0.5, 0.5, "being made …", ha="center", va="center")
        else:
            figures.image(spots[0], to_picture(like))
        spots[0].set_title(own, fontsize=9)
        figures.image(spots[1], figures.mosaic(to_picture(top.patches[unit]), 3, 3, gap=4))
        spots[1].set_title("what excites it most", fontsize=9)
        figures.image(spots[2], to_picture(picture).cpu())
        spots[2].set_title("the picture", fontsize=9)
        most = max(answer.max().item(), 1e-6)
        spots[3].imshow(answer.numpy(), cmap="magma", vmin=0, vmax=most)
        spots[3].set_title(f"where it answers (at most {answer.max():.1f})", fontsize=9)
        row, column = divmod(int(answer.argmax()), answer.shape[1])
        down = ("upper", "middle", "lower")[min(2, 3 * row // answer.shape[0])]
        across = ("left", "centre", "right")[min(2, 3 * column // answer.shape[1])]
        heard.append(
            f"{name}: it answers most ({answer.max():.1f}) in the {down} {across}, and more than "
            f"half as much in {100 * strongly(answer):.0f}% of the places"
            if answer.max() > 0
            else f"{name}: silent on this picture"
        )
    title = f"Unit {unit} of {layer.replace('layer', 'layer ')}"
    figure.suptitle(title, fontsize=12)
    return Picture(
        figure,
        f"{title} of {len(names)} networks: {own}, the nine patches out of many drawings that "
        f"excite it most, and where it answers in a picture. {'; '.join(heard)}.",
    )
