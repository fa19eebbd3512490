"""The figures of notebook 03: the surgery, what is learnt, its mistakes, and its rivals."""

import itertools

import pandas as pd
import torch

from tl_course.core.training import History
from tl_course.data.examples import Examples
from tl_course.lessons import drawing, figures
from tl_course.lessons.drawing import STYLES, Line, Picture
from tl_course.study import comparing


def surgery(n_classes: int) -> Picture:
    """The five layers: four frozen ones, and a new output layer."""
    return figures.architecture(n_classes, frozen=4, new_output=True)


def plot_labelled_digits(labelled: Examples) -> Picture:
    """Labelled digits, with their labels."""
    title = f"{len(labelled)} labelled digits"
    names = [labelled.names[label] for label in labelled.y]
    alt = f"{len(labelled)} handwritten digits, one after another: {', '.join(names)}."
    return figures.pictures(labelled.x, names, title, alt, cell=0.6)


def plot_loss(history: History) -> Picture:
    """The training loss of the output layer by step."""
    lines = {"": {"loss": Line(history.step, history.loss)}}
    title = "The library stops at a loss well above zero: it keeps the weights small"
    look = figures.ChartStyle(ylim=(0, None))
    return figures.chart(lines, title, "steps", "loss on fifty digits", look=look)


def mistakes(test: Examples, predictions: torch.Tensor, seed: int) -> Picture:
    """Twenty of the test examples that were predicted wrong, chosen at random."""
    wrong = (predictions != test.y).nonzero().flatten()
    places = wrong[torch.randperm(len(wrong), generator=torch.Generator().manual_seed(seed))[:20]]
    names = [(test.names[test.y[i]], test.names[predictions[i]]) for i in places]
    captions = [f"{label} → {prediction}" for label, prediction in names]
    title = f"Twenty of {len(wrong)} mistakes among {len(predictions):,} digits"
    mistaken = ", ".join(f"{label} taken for {prediction}" for label, prediction in names)
    alt = f"Twenty handwritten digits that the network gets wrong: {mistaken}."
    return figures.pictures(test.x[places], captions, title, alt, columns=5, cell=1.1)


def plot_beside_rivals(table: pd.DataFrame) -> Picture:
    """Option 1 and its three rivals, with ten and with fifty digits of a sweep."""
    rows = comparing.plain(table).query("images in (10, 50)")
    arms = ["option-1", "scratch", "random-frozen", "classical"]
    title = "With the same digits, pretrained layers get the most right"
    return figures.accuracies(rows, title, arms=arms)


def plot_forms(digits: dict[str, torch.Tensor]) -> Picture:
    """One digit in each form: name → `[1, 3, 32, 32]`."""
    title = "Three forms of one digit: all three pass the checks"
    alt = "One handwritten digit as it is, inverted, and with rows and columns swapped."
    x = torch.cat([*digits.values()])
    return figures.pictures(x, list(digits), title, alt, len(digits), 2.2)


def harm(table: pd.DataFrame) -> Picture:
    """The percentage that pretrained and random layers get right in each form."""
    mean = 100 * table.groupby(["arm", "form"]).accuracy.mean()
    arms, forms = ("option-1", "random-frozen"), list(dict.fromkeys(table.form))
    figure, (ax,) = drawing.in_a_row(1, 6.6, 3)
    values = []
    for place, (arm, form) in enumerate(itertools.product(arms, forms)):
        right = mean[arm, form]
        ax.barh(place + (arm != arms[0]) / 2, right, color=STYLES[arm][1], height=0.7)
        ax.text(right + 1, place + (arm != arms[0]) / 2, f"{right:.0f}", va="center", fontsize=9)
        values.append(f"{STYLES[arm][0]}, {form}: {right:.0f}")
    places = [place + (place >= len(forms)) / 2 for place in range(len(values))]
    ax.set_yticks(places, [words.rpartition(":")[0] for words in values], fontsize=9)
    ax.invert_yaxis()
    ax.set(xlim=(0, 100), xlabel="test accuracy, %")
    title = "Inverting harms only random layers; swapping harms both"
    return drawing.finished(figure, title, values, "Bars of test accuracy in percent:")


def plot_penalties(lines: dict[str, tuple[list[float], list[float]]]) -> Picture:
    """Accuracy against the logarithm of the penalty, a line for each number of digits."""
    title = "A wide range of penalties works about equally well"
    drawn = {name: Line(*line) for name, line in lines.items()}
    return figures.chart({"": drawn}, title, "log10 of the penalty l2", "validation accuracy, %")
