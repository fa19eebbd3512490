"""The figures of a task of your own: confusion, the worst mistakes, rivals, more labels, a card."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import HTML
from markupsafe import Markup

from tl_course.base import storage
from tl_course.base.html import paragraph, table
from tl_course.core import model_card
from tl_course.data.examples import Examples
from tl_course.data.targets.own_folder import Checked, Finding, legible
from tl_course.lessons import drawing, figures
from tl_course.lessons.drawing import BLUE, GREEN, GREY, PINK, Picture
from tl_course.lessons.n08_your_own_task.thumbnails import (
    MOST_CLASSES,
    breakable,
    row,
    thumbnail,
    tile,
)
from tl_course.study.own_task import Outcome

MARKERS = {  # of the rivals: colour, marker
    "borrowed layers": (BLUE, "o"),
    "random layers, frozen": (PINK, "D"),
    "from scratch": (GREEN, "^"),
    "always the largest class": (GREY, "x"),
}

_FOUND = "border-left:4px solid {};padding:0.1em 0.8em"
_GRID = (
    "display:grid;gap:0.9em 1.2em;grid-template-columns:repeat(auto-fit,minmax(min(100%,22em),1fr))"
)


class Findings(HTML):
    """What the checker found, as HTML; `words` is the text for places that show only text."""

    def __init__(self, shown: str, words: str) -> None:
        super().__init__(shown)
        self.words = words

    def __repr__(self) -> str:
        return self.words


def findings(checked: Checked, most: int = 6) -> Findings:
    """What the checker found, each with advice, thumbnails and the names of the files."""
    head, *_ = str(checked).splitlines()
    parts = [
        _one_finding(checked.root, number, finding, most)
        for number, finding in enumerate(checked.findings)
    ]
    parts = parts or [Markup("<p>Nothing was found that should worry you.</p>")]
    grid = Markup('<p>{}</p><div style="{}">{}</div>')
    shown = grid.format(breakable(head), _GRID, Markup("").join(parts))
    return Findings(shown, str(checked))


def _one_finding(root: Path, number: int, finding: Finding, most: int) -> Markup:
    """A finding as HTML; `finding.files` are relative to `root`."""
    tiles = [
        tile(
            thumbnail(root / file),
            _named(file, file in finding.left_out),
            alt=f"A thumbnail of the file {legible(file)}",
        )
        for file in finding.files[:most]
    ]
    if len(finding.files) > most:
        tiles.append(Markup("<p>and {:,} more</p>").format(len(finding.files) - most))
    stop = Markup("<b>Must be put right first.</b> ") if finding.stops else ""
    return Markup('<div style="{}"><b>{}. {}</b>: {}{}{}</div>').format(
        _FOUND.format("#B34700" if finding.stops else "#0072B2"), number + 1,
        finding.what[:1].upper() + finding.what[1:], stop, finding.says, row(tiles),
    )  # fmt: skip


def _named(file: str, left_out: bool) -> Markup:
    return breakable(legible(file)) + (Markup("<br><i>left out</i>") if left_out else "")


def some_of_each(examples: Examples, title: str, n: int = 6) -> Picture:
    """The first `n` pictures of each class, a row a class (of the first 20 classes)."""
    shown = examples.names[:MOST_CLASSES]
    short = _labels(examples.names)
    x = torch.full((len(shown), n, 3, 32, 32), 2.0)  # white where a class has fewer
    titles = []
    for label, name in enumerate(shown):
        pictures = examples.x[examples.y == label][:n]
        x[label, : len(pictures)] = pictures
        titles += [short[name]] + [""] * (n - 1)
    picture = figures.pictures(
        x.flatten(0, 1), titles, title,
        f"{len(shown)} rows of up to {n} small pictures, one row for each class"
        + (f" (the first of {len(examples.names)})" if len(shown) < len(examples.names) else "")
        + f": {', '.join(shown)}.",
        columns=n, cell=0.85,
    )  # fmt: skip
    return _with_key(picture, shown, short)


def faults(accuracies: dict[str, float]) -> Picture:
    """Test accuracy in % without a fault in the folder, and with each fault."""
    best = max(accuracies, key=accuracies.get)
    values = {textwrap.fill(what, 22): accuracy for what, accuracy in accuracies.items()}
    colours = [GREY] + [BLUE] * (len(values) - 1)
    title = f"Test accuracy is highest with: {best}"
    return figures.bars(values, title, "test accuracy, %", colours, "{:.0f}".format)


def plot_test_confusion(outcome: Outcome) -> Picture:
    """The confusion matrix: a row for each true class, with right answers on the diagonal.

    Of more than 20 classes, those are shown that take part in the most mistakes.
    """
    counts, short = outcome.confusion.numpy(), _labels(outcome.train.names)
    names = [*short.values()]
    total, wrong = counts.sum(1), counts.copy()
    np.fill_diagonal(wrong, 0)
    i, j = np.unravel_index(wrong.argmax(), wrong.shape)
    most = (
        f"'{names[i]}' taken for '{names[j]}', {wrong[i, j]} time{'s' if wrong[i, j] > 1 else ''}"
    )
    title = f"Most often: {most}" if wrong.any() else "Not one mistake in this test"
    which, shown = "", np.arange(len(names))
    if len(names) > MOST_CLASSES:
        which = f" (the {MOST_CLASSES} of {len(names)} classes with the most mistakes)"
        mistakes = wrong.sum(0) + wrong.sum(1)
        shown = np.sort(np.argsort(-mistakes, kind="stable")[:MOST_CLASSES])
    counts, ticks = counts[np.ix_(shown, shown)], [names[k] for k in shown]
    side = 1.6 + 0.5 * len(shown)
    figure, (ax,) = drawing.in_a_row(1, side + 0.8, side)
    shares, texts = counts / np.maximum(total[shown, None], 1), counts.astype(str)
    drawing.heat(ax, shares, ticks, ticks, np.where(counts, texts, ""), 1)
    ax.set(xlabel=f"taken for{which}", ylabel="what it was (pictures)")
    ax.set_title(title, fontsize=11)
    rows = "; ".join(
        f"{outcome.train.names[k]}: {outcome.confusion[k, k]} of {total[k]} right" for k in shown
    )
    picture = Picture(figure, f"Confusion matrix{which}. {title}. {rows}.")
    return _with_key(picture, [outcome.train.names[k] for k in shown], short)


def worst(outcome: Outcome, n: int = 10) -> Picture:
    """The mistakes in which the network was most confident."""
    mistakes = list(outcome.worst(n).itertuples())
    if not mistakes:
        return figures.pictures(
            outcome.test.x[:1], ["right"], "There are no mistakes to show",
            "One test picture, which was named correctly, as all of them were.",
        )  # fmt: skip
    mistaken = "; ".join(f"{m.true} taken for {m.said}, {100 * m.sure:.0f}% sure" for m in mistakes)
    short = _labels(outcome.train.names)
    captions = [f"{short[m.true]}\n→ {short[m.said]}\n{100 * m.sure:.0f}% sure" for m in mistakes]
    x = outcome.test.x[[mistake.number for mistake in mistakes]]
    alt = f"{len(mistakes)} test pictures with wrong answers: {mistaken}."
    picture = figures.pictures(
        x, captions, "The mistakes that it was most confident about", alt, 5, 1.4
    )
    return _with_key(
        picture, sorted({*(m.true for m in mistakes), *(m.said for m in mistakes)}), short
    )


def plot_rivals(shares: dict[str, tuple[float, float, float]]) -> Picture:
    """The accuracy of each rival in %, with its 95% interval (`own_task.shares`)."""
    figure, (ax,) = drawing.in_a_row(1, 8, 1.2 + 0.5 * len(shares))
    values = []
    for place, (name, (share, low, high)) in enumerate(shares.items()):
        colour, marker = MARKERS.get(name, (GREY, "s"))
        ax.errorbar(
            share, place, xerr=[[share - low], [high - share]], color=colour, marker=marker,
            markersize=9, capsize=5,
        )  # fmt: skip
        ax.text(high + 1.5, place, f"{share:.0f}", va="center", color=drawing.text_colour(colour))
        values.append(f"{name} {share:.1f}% ({low:.1f} to {high:.1f}%)")
    ax.set_yticks(range(len(shares)), list(shares), fontsize=10)
    ax.set(xlim=(0, 106), ylim=(len(shares) - 0.4, -0.6))
    ax.set_xlabel("test accuracy, % (95% intervals)")
    most = max(share for share, *_ in shares.values())
    best = " and ".join(name for name, (share, *_) in shares.items() if share == most)
    return drawing.finished(figure, f"Best in the same test: {best}", values)


def ways(tried: pd.DataFrame) -> HTML:
    """A table of what was tried (`own_task.tried`), the best way first."""
    rows = [
        (f"Option {row.option}", "yes" if row.augmented else "no", f"{100 * row.accuracy:.1f}")
        for row in tried.itertuples()
    ]
    head = ("option", "augmentation", "accuracy on held-out training pictures, %")
    return HTML(table(rows, head, caption="Tried on the training pictures alone"))


def plot_more_labels(curve: pd.DataFrame) -> Picture:
    """Accuracy against labelled pictures: each draw, and the mean over draws."""
    line = drawing.mean_line(curve, "images", (BLUE, "o", "-"))
    single = curve.images.tolist(), (100 * curve.accuracy).tolist()
    lines = {"": line._replace(error=None, single=single)}
    title = "One picture per class: there are no fewer to compare with"
    if len(line.y) > 1:
        title = f"Twice the labels: {line.y[-1] - line.y[-2]:+.0f} points at the end"
    labels, value_text = ("labelled pictures", "test accuracy, %"), "{y:.1f}% with {x}"
    return figures.chart(
        {"": lines},
        title,
        *labels,
        value_text=value_text,
        look=figures.ChartStyle(ylim=(0, 103), log=True),
    )


def colours(accuracies: pd.DataFrame) -> Picture:
    """Mean accuracy in colour and in grey, with borrowed layers and with random ones.

    `accuracies` has a row for each draw, in %.
    """
    draws = {
        f"{layers},\n{'in colour' if colour else 'in grey'}": accuracies[arm, colour]
        for arm, layers in (("option-1", "borrowed layers"), ("random-frozen", "random layers"))
        for colour in (True, False)
    }
    return figures.bars(
        {name: values.mean() for name, values in draws.items()},
        "Borrowed layers lose nothing without colour; random ones do",
        "test accuracy, %, mean of ten draws",
        [BLUE, BLUE, PINK, PINK],
        "{:.0f}%".format,
        {name: values.std() for name, values in draws.items()},
    )


def shared_files_and_card(folder: Path, about: dict) -> HTML:
    """The files of a shared network with their sizes, and its card."""
    sizes = (
        f"{path.name} {storage.size_in_words(path.stat().st_size)}"
        for path in sorted(folder.iterdir())
    )
    return HTML(paragraph(", ".join(sizes)) + Markup(model_card.card_as_html(about).data))


def _labels(names: Sequence[str], most: int = 14) -> dict[str, str]:
    """A label for each class in a figure: its name shortened, or a number if the font lacks it."""
    short = [name if len(name) <= most else name[: most - 1] + "…" for name in names]
    return {
        # "$" would begin a formula
        name: text.replace("$", r"\$") if drawing.can_write(name) else f"class {number}"
        for number, (name, text) in enumerate(zip(names, short, strict=True), 1)
    }


def _with_key(picture: Picture, shown: Sequence[str], short: dict[str, str]) -> Picture:
    """The picture, with a list below it of the classes that are shown as numbers."""
    numbered = [f"{short[name]}: {name}" for name in shown if not drawing.can_write(name)]
    if numbered:
        picture.caption = paragraph("; ".join(numbered))
    return picture
