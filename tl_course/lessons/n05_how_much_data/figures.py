"""The figures of notebook 05."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes

from tl_course.data.examples import Examples, Target
from tl_course.lessons import curves, drawing, figures
from tl_course.lessons.curves import plot_ahead as plot_ahead  # for the notebook
from tl_course.lessons.drawing import BLUE, GREY, ORANGE, STYLES, Line, Picture, mean_line
from tl_course.study import comparing, forgetting

CALLED = {"unseen things": "unseen objects"}  # tasks that tables name otherwise


def plot_accuracy(
    means: pd.DataFrame,
    title: str,
    arms: Sequence[str] | None = None,
    copies: Sequence[bool] = (False, True),
    live: Sequence[dict] = (),
    prediction: dict[int, float] | None = None,
) -> Picture:
    """`curves.panels` of a sweep: a panel without altered copies, a panel with them, or both."""
    means = means[means.augmented.isin(copies)]
    return curves.panels(means, title, arms, pd.DataFrame(live) if live else None, prediction)


def plot_by_labels(compared: dict[bool, dict[str, pd.DataFrame]], near: str, title: str) -> Picture:
    """Option 2 minus Option 1 up to 1,000 labelled images per class, in both forms.

    `compared` is from `experiments.options_by_labels`; the line of the task `near` is dashed.
    """
    looks = zip((BLUE, drawing.SKY, drawing.GREEN, ORANGE), "osD^", strict=True)
    looks = dict(zip(compared[False], looks, strict=True))
    panels = {}
    for augmented, of_task in compared.items():
        lines = panels[f"with{'' if augmented else 'out'} augmentation"] = {}
        for task, rows in of_task.items():
            rows = rows[rows.per_class <= 1000]  # with all of MNIST there is one draw
            columns = (rows[name].tolist() for name in ("per_class", "ahead", "interval"))
            label = f"{task}\n(like the source's pictures)" if task == near else task
            lines[label] = Line(*columns, look=(*looks[task], "--" if task == near else "-"))

    def dress(ax: Axes) -> None:
        ax.axhline(0, color="black", linewidth=1)
        ax.set_xticks([1, 5, 20, 100, 1000], ["1", "5", "20", "100", "1,000"])
        ax.minorticks_off()

    return figures.chart(
        panels,
        title,
        "labelled images per class",
        "Option 2 minus Option 1, points",
        value_text="{y:+.1f} with {x}",
        description="Option 2 minus Option 1 in points, with 95% intervals, by labelled images per "
        "class.",
        look=figures.ChartStyle(log=True, dress=dress),
    )


def beside_copies(digits: Examples, altered: Sequence[torch.Tensor]) -> Picture:
    """Some digits, each beside its altered copies; `altered` has tensors `[n, 3, 32, 32]`."""
    n, of_each = len(digits), len(altered)
    return figures.pictures(
        torch.stack([digits.x, *altered], 1).flatten(0, 1),
        ["the digit", *[""] * of_each] * n,
        f"{n} digits, and {of_each} altered copies of each",
        f"{n} rows: a handwritten digit at the left and {of_each} copies of it beside it, each a "
        "little turned, slanted, stretched and wobbled, all still readable.",
        1 + of_each,
    )


def plot_labels_saved(needed: dict[tuple[bool, int], float], title: str) -> Picture:
    """The labels needed from scratch to equal Option 1, by (altered copies, labels of Option 1)."""
    values = {
        f"Option 1 with {images},\n{'both' if copies else 'not'} augmented": labels
        for (copies, images), labels in needed.items()
    }
    colours = [drawing.SKY if copies else BLUE for copies, _ in needed]
    ylabel = "labels needed from scratch"
    return figures.bars(values, title, ylabel, colours, "{:,.0f}".format)


def plot_gained(gains: dict[str, pd.DataFrame], title: str) -> Picture:
    """What augmentation adds for each way to learn, on the same draws, with 95% intervals."""
    lines = {}
    for arm, rows in gains.items():
        label, *look = STYLES[arm]
        columns = (rows[name].tolist() for name in ("images", "ahead", "interval"))
        lines[label] = Line(*columns, look=(*look, "-"))

    def dress(ax: Axes) -> None:
        ax.axhline(0, color="black", linewidth=1)

    description = "Points gained from augmentation, means over draws with 95% intervals."
    labels = ("labelled digits", "points gained from augmentation")
    look = figures.ChartStyle(beside=0.12, size=(7.4, 3.8), dress=dress)
    return figures.chart(
        {"": lines},
        title,
        *labels,
        value_text="{y:+.1f} at {x}",
        description=description,
        look=look,
    )


def all_labelled(labelled: Examples) -> Picture:
    """All the digits that a network learns from, ordered by class."""
    x, names = labelled.x[labelled.y.argsort(stable=True)], labelled.names
    each = f"{len(x) // len(names)} of each, from {names[0]} to {names[-1]}"
    return figures.pictures(
        x, [], f"All {len(x)} that it learns from", f"{len(x)} handwritten digits, {each}."
    )


def few_of_each(targets: Iterable[Target], each: int = 10) -> Picture:
    """Some test pictures of each target, one row per target."""
    return figures.pictures(
        torch.cat([target.test.x[:: len(target.test) // each][:each] for target in targets]),
        [],
        "Ten letters and ten objects, as the network gets them",
        "Two rows: capital letters in several typefaces, a little turned; drawings of objects in "
        "several styles, such as line art and colour, on light and dark backgrounds.",
    )


def beside_guessing(
    right: dict[str, dict[str, float]], targets: dict[str, Target], title: str
) -> Picture:
    """Accuracy (0 … 1) of each way on each target, beside guessing."""
    values, colours = {}, []
    for name, ways in right.items():
        guessing = 1 / len(targets[name].pool.names)
        for (way, share), colour in zip(
            [*ways.items(), ("guessing", guessing)], (BLUE, drawing.PINK, GREY), strict=True
        ):
            values[f"{name},\n{way}"] = 100 * share
            colours.append(colour)
    return figures.bars(values, title, "test accuracy, %", colours, "{:.0f}".format)


def plot_confusion(
    truth: torch.Tensor, answers: torch.Tensor, names: Sequence[str], title: str
) -> Picture:
    """The confusion matrix; its diagonal, the right answers, is left blank."""
    n = len(names)
    counts = (truth * n + answers).bincount(minlength=n * n).view(n, n).fill_diagonal_(0).numpy()
    figure, (ax,) = drawing.in_a_row(1, 5.2, 4.6)
    texts = np.where(counts, counts.astype(str), "")
    drawing.heat(ax, counts, names, names, texts, counts.max())
    ax.set(xlabel="was called", ylabel="is")
    most = [divmod(place, n) for place in (-counts).ravel().argsort(kind="stable")[:5]]
    heard = [f"{names[i]} called {names[j]} {counts[i, j]} times" for i, j in most]
    i, j = most[0]
    often = f"most often a {names[i]} is called {names[j]}: {counts[i, j]} times"
    ax.set_title(f"{title};\n{often}", fontsize=11)
    return Picture(figure, f"{title}. Mistakes by class, most frequent: {', '.join(heard)}.")


def confidence(sure: torch.Tensor, right: torch.Tensor, title: str) -> Picture:
    """Histograms of confidence `[n]` for right and wrong answers, and a reliability diagram."""
    figure, (how_often, reliable) = drawing.in_a_row(2, 9, 3.2)
    edges = np.linspace(0, 1, 11)
    for which, label, colour in ((right, "right", BLUE), (~right, "wrong", ORANGE)):
        how_often.hist(
            sure[which].numpy(), edges, histtype="step", label=label, color=colour, linewidth=2
        )
    how_often.set(yscale="log", xlabel="how sure it was", ylabel="test digits")
    how_often.legend(frameon=False)
    bins = np.clip(np.digitize(sure.numpy(), edges) - 1, 0, 9)
    reliable.plot([0, 1], [0, 1], ":", color=GREY)
    filled = [bins == b for b in range(10) if (bins == b).sum() >= 10]
    share, middle = ([values.numpy()[b].mean() for b in filled] for values in (right, sure))
    reliable.plot(middle, share, "o-", color=BLUE)
    each = zip(share, middle, strict=True)
    heard = [f"{100 * s:.0f}% right where {100 * m:.0f}% sure" for s, m in each]
    reliable.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="how sure it was", ylabel="share right")
    return drawing.finished(figure, title, heard)


KNOWN = "still known, of 100 drawings known before"


def costs(table: pd.DataFrame, title: str) -> Picture:
    """What each option costs as the labels grow: rows of the recorded table `forgetting`.

    Left: training and test accuracy, whose distance is the overfitting. Right: how many of the
    things known before are still known, with one SD over draws. The dashed line is Option 2 with
    the settings for fifty digits.
    """
    before = table[table.arm == "before"].accuracy.mean()
    every = table.assign(accuracy=table.accuracy / before)  # relative to before, as in notebook 04
    table = comparing.tuned(every)
    control = every.drop(table.index)
    heard, learnt, known = [], {}, {}
    for arm in ("option-1", "option-2"):
        label, *look = STYLES[arm]
        rows = table[table.arm == arm]
        on_training, on_test, left = (
            mean_line(rows, "images", (*look, dash), column)
            for column, dash in (("training", "--"), ("test", "-"), ("accuracy", "-"))
        )
        learnt |= {f"{label}, training": on_training, f"{label}, test": on_test}
        known[label] = left
        for images, train, test, left_over, sd in zip(
            left.x, on_training.y, on_test.y, left.y, left.error, strict=True
        ):
            heard.append(
                f"{label}, {images:,} digits: training {train:.1f}, test {test:.1f}, of 100 known "
                f"before {left_over:.0f} ± {sd:.0f}"
            )
    if len(control):
        label = f"Option 2, settings for {forgetting.SMALL_STEPS}"
        line = known[label] = mean_line(control, "images", (ORANGE, "D", "--"))
        for images, left_over, sd in zip(line.x, line.y, line.error, strict=True):
            heard.append(f"{label}, {images:,} digits: {left_over:.0f} ± {sd:.0f}")

    def dress(ax: Axes) -> None:
        """Names beside the lines, in place of a legend."""
        if ax.get_title() == KNOWN:
            ax.set_ylim(0, 115)
            for label, line in known.items():
                at, colour = (line.x[-1], line.y[-1]), drawing.text_colour(line.look[0])
                _beside(ax, label, at, (4, 9), ha="right", color=colour)
            return
        ax.set_ylim(60, 104)
        for label, line in ((name, line) for name, line in learnt.items() if "test" in name):
            rise = 40 if "1" in label else 24
            at, colour = (line.x[-1], 60), drawing.text_colour(line.look[0])
            _beside(ax, label.removesuffix(", test"), at, (0, rise), ha="right", color=colour)
        few = learnt[f"{STYLES['option-1'][0]}, test"]
        _beside(ax, "training (dashed)", (few.x[0], 100), (0, 6))
        _beside(ax, "test (solid)", (few.x[1], few.y[1]), (8, -14))

    panels = {"accuracy on digits, %": learnt, KNOWN: known}
    description = "Means over draws (± one SD)."
    look = figures.ChartStyle(log=True, sharey=False, size=(9.5, 3.8), legend=False, dress=dress)
    return figures.chart(panels, title, "labelled images", "%", heard, description, look)


def _beside(ax: Axes, words: str, at: tuple[float, float], aside: tuple[float, float], **how):
    """Writes words at an offset `aside`, in points, from a place."""
    ax.annotate(words, at, aside, textcoords="offset points", fontsize=9, **how)


def by_task(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy of each arm on each task: rows `task`, `each` (images of a class), `arm`, …"""
    panels = {
        CALLED.get(name, name): drawing.of_arms(rows, "each", dash="none")
        for name, rows in table.groupby("task", sort=False)
    }
    labels, value_text = ("labelled images of each", "test accuracy, %"), "{y:.0f}% with {x}"
    return figures.chart(
        panels,
        title,
        *labels,
        value_text=value_text,
        look=figures.ChartStyle(ylim=(0, 100), beside=0.1),
    )


def plot_letters(fonts: pd.DataFrame, drawn: pd.DataFrame, title: str) -> Picture:
    """Printed letters beside handwritten ones, no augmentation: rows of `tasks`, `real_letters`."""
    shown = {"printed letters": fonts.query("task == 'letters'"), "handwritten letters": drawn}
    every = pd.concat(rows.assign(task=name) for name, rows in shown.items())
    return by_task(comparing.plain(every), title)


def plot_cuts(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy against the number of pretrained layers: rows of `which_layers`."""
    called = ("none", "1", "1 and 2", "1 to 3", "1 to 4")
    none = table[table.k == 0]  # no pretrained layer: where all lines begin
    kinds = {
        ("pretrained", "trained"): ("pretrained, then all trained", ORANGE, "s", "-"),
        ("pretrained", "fixed"): ("pretrained and frozen, the rest trained", BLUE, "o", "-"),
        ("random", "fixed"): ("random and frozen, the rest trained", drawing.PINK, "D", "-"),
    }
    lines = {}
    for (first, then), (label, *look) in kinds.items():
        rows = table[(table["first"] == first) & (table.then == then) & (table.k > 0)]
        line = mean_line(pd.concat([none, rows]), "k", look)
        lines[label] = line._replace(x=[called[k] for k in line.x])
    labels = ("how many of the first layers", "test accuracy, %")
    return figures.chart({"": lines}, title, *labels, value_text="{y:.1f}")


def plot_sources(table: pd.DataFrame, title: str) -> Picture:
    """Option 1 on networks of other sources: rows of the recorded table `sources`."""
    panels = {}
    for question, column, name in (
        ("classes", "classes", "number of classes"),
        ("images", "images_seen", "number of renders"),
        ("style", "style", "style of the renders"),
    ):
        panels[name] = {}
        for images, *look in ((10, drawing.SKY, "^"), (50, BLUE, "o")):
            rows = table[(table.question == question) & (table.images == images)]
            each = rows.groupby([column, "pretraining"], sort=False).accuracy.mean().reset_index()
            line = mean_line(each, column, (*look, "none" if question == "style" else "-"))
            single = each[column].tolist(), (100 * each.accuracy).tolist()
            panels[name][f"{images} labelled digits"] = line._replace(error=None, single=single)
    value_text, description = (
        "{y:.1f} with {x}",
        "Accuracy of Option 1; open dots are single pretraining runs.",
    )
    labels, first = ("", "test accuracy, %"), next(iter(panels))

    def dress(ax: Axes) -> None:
        """The names of the lines, only in the first panel."""
        for label, line in panels[first].items() if ax.get_title() == first else ():
            at, colour = (len(line.x) - 1, line.y[-1]), drawing.text_colour(line.look[0])
            _beside(ax, label, at, (0, -24), ha="right", color=colour)

    look = figures.ChartStyle(beside=0.01, size=(9.6, 3.4), legend=False, dress=dress)
    return figures.chart(
        panels, title, *labels, value_text=value_text, description=description, look=look
    )


def steps(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy by step: rows of the recorded table `push`, one panel per number of images."""
    looks = {step: (step, BLUE, "o") for step in table.step.unique()}
    panels = {
        f"{images:,} digits": {
            step: 100 * of_step.accuracy for step, of_step in rows.groupby("step")
        }
        for images, rows in table.groupby("images")
    }
    return figures.dots(panels, looks, title, "test accuracy, %")
