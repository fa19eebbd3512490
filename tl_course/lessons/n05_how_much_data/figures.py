"""The figures of notebook 05."""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes

from tl_course.data.examples import Examples, Target
from tl_course.lessons import curves, figures
from tl_course.lessons.curves import PANELS
from tl_course.lessons.figures import GREY, STYLES, Picture, mean_line
from tl_course.lessons.n05_how_much_data import middle_ways, protocols
from tl_course.study import comparing, forgetting


def accuracy(
    recorded: pd.DataFrame,
    title: str,
    arms: Sequence[str] | None = None,
    copies: Sequence[bool] = (False, True),
    live: Sequence[dict] = (),
    prediction: dict[int, float] | None = None,
) -> Picture:
    """`curves.panels` of a sweep, a panel without altered copies and one with, or one of these."""
    rows = comparing.tuned(recorded)[lambda rows: rows.augmented.isin(copies)]
    return curves.panels(rows, title, arms, pd.DataFrame(live) if live else None, prediction)


def ahead(
    recorded: pd.DataFrame,
    one: str,
    others: Sequence[str],
    title: str,
    copies: Sequence[bool] = (False, True),
    least: int = 0,
    stretched: bool = False,
) -> Picture:
    """How far arm `one` is ahead of each of `others` on the same draws: `curves.ahead`.

    A panel for each, without altered copies and with, from `least` labelled images on.
    """
    rows = comparing.tuned(recorded)[lambda rows: rows.images >= least]
    compared = {}
    for arm, form in itertools.product(others, copies):
        name = f"against {STYLES[arm][0]},\n{PANELS[form]}"
        compared[name] = comparing.paired(rows, (one, form), (arm, form))
    return curves.ahead(compared, title, f"{STYLES[one][0]}:\npoints ahead", stretched=stretched)


def ahead_in_networks(
    official: pd.DataFrame, again: pd.DataFrame, one: str, other: str, title: str
) -> Picture:
    """How far arm `one` is ahead of `other` with each pretraining: rows of `pretrainings`, too."""
    compared = {
        f"against {STYLES[other][0]},\n{form}": comparing.over_pretrainings(
            official, again, (one, copies), (other, copies)
        )
        for copies, form in PANELS.items()
    }
    return curves.ahead(compared, title, f"{STYLES[one][0]}:\npoints ahead", over="networks")


def beside_copies(digits: Examples, altered: Sequence[torch.Tensor]) -> Picture:
    """Each of a few digits, and beside it its altered copies: a tensor `[n, 3, 32, 32]` each."""
    n, of_each = len(digits), len(altered)
    return figures.pictures(
        torch.stack([digits.x, *altered], 1).flatten(0, 1),
        ["the digit", *[""] * of_each] * n,
        f"{n} digits, and {of_each} altered copies of each",
        f"{n} rows: a handwritten digit at the left and {of_each} copies of it beside it, each a "
        "little turned, slanted, stretched and wobbled, all still readable.",
        1 + of_each,
    )


def from_scratch(recorded: pd.DataFrame, arm: str, images: int, copies: bool) -> float:
    """How many labels from scratch equal so many under `arm`; NaN where none that was tried do."""
    table = comparing.tuned(recorded)[lambda rows: rows.augmented == copies]
    at = table[(table.arm == arm) & (table.images == images)].accuracy
    return comparing.labels_for(table, "scratch", copies, 100 * at.mean()) or np.nan


def labels_saved(recorded: pd.DataFrame, title: str) -> Picture:
    """How many labels from scratch equal ten and fifty under Option 1, a bar for each."""
    values, colours = {}, []
    for copies, images in itertools.product(PANELS, (10, 50)):
        name = f"Option 1 with {images},\n{'both with' if copies else 'without'} copies"
        values[name] = from_scratch(recorded, "option-1", images, copies)
        colours.append(figures.SKY if copies else figures.BLUE)
    ylabel = "labels it takes from scratch"
    return figures.bars(values, title, ylabel, colours, "{:,.0f}".format)


def gained(recorded: pd.DataFrame, title: str) -> Picture:
    """What altered copies add for each way to learn, on the same draws, with 95% intervals."""
    table, lines = comparing.tuned(recorded), {}
    for arm in ("scratch", "random-frozen", "option-2", "option-1"):
        rows = comparing.paired(table, (arm, True), (arm, False))
        label, *look = STYLES[arm]
        columns = (rows[name].tolist() for name in ("images", "ahead", "interval"))
        lines[label] = figures.Line(*columns, look=(*look, "-"))

    def dress(ax: Axes) -> None:
        ax.axhline(0, color="black", linewidth=1)

    told = "Points gained from altered copies, means over draws with 95% intervals."
    labels = ("labelled digits", "points gained from altered copies")
    look = figures.Look(beside=0.12, size=(7.4, 3.8), dress=dress)
    return figures.chart({"": lines}, title, *labels, said="{y:+.1f} at {x}", told=told, look=look)


def gains_most(recorded: pd.DataFrame, images: int) -> tuple[str, list[str]]:
    """Which way to learn gains most from copies, and all three that are asked about."""
    table, gains = comparing.tuned(recorded), {}
    for arm in ("scratch", "option-1", "option-2"):
        rows = comparing.paired(table, (arm, True), (arm, False)).set_index("images")
        gains[STYLES[arm][0]] = rows.ahead[images]
    return max(gains, key=gains.get), list(gains)


def ahead_from(recorded: pd.DataFrame, one: str, other: str, copies: bool) -> tuple[str, list[str]]:
    """From how many digits on arm `one` is ahead for certain, and all that could be answered."""
    rows = comparing.paired(comparing.tuned(recorded), (one, copies), (other, copies))
    choices = [*(f"{images:,}" for images in rows.images), "with none of these"]
    return choices[comparing.ahead_from(rows)], choices


def all_labelled(labelled: Examples) -> Picture:
    """All the digits that a network learns from, in the order of their classes."""
    x, names = labelled.x[labelled.y.argsort(stable=True)], labelled.names
    each = f"{len(x) // len(names)} of each, from {names[0]} to {names[-1]}"
    return figures.pictures(
        x, [], f"All {len(x)} that it learns from", f"{len(x)} handwritten digits, {each}."
    )


def fifties(recorded: pd.DataFrame, test: Examples) -> tuple[str, Picture]:
    """How draws of fifty differ under Option 1 with copies, and digits that none gets right."""
    right = comparing.right(comparing.tuned(recorded), "option-1", True, 50).to_numpy()
    often, each = right.mean(0), 100 * right.mean(1)  # of each test digit, of each draw
    facts = (
        f"{len(each)} recorded sets of fifty digits (with seed 0, yours is one of them) get "
        f"between {each.min():.1f} and {each.max():.1f} of 100 right. Of 100 test digits, "
        f"{100 * (often == 1).mean():.0f} are right after every set, "
        f"{100 * ((0 < often) & (often < 1)).mean():.0f} after some, and "
        f"{100 * (often == 0).mean():.1f} after none."
    )
    never = test[torch.from_numpy((often == 0).nonzero()[0])[:20]]
    labels = [test.names[y] for y in never.y]
    title = f"None of the {len(each)} sets of fifty was enough for these"
    alt = "Handwritten digits that were wrong whichever fifty digits were learnt from: "
    return facts, figures.pictures(never.x, labels, title, f"{alt}{', '.join(labels)}.")


def few_of_each(targets: Iterable[Target], each: int = 10) -> Picture:
    """Some test pictures of each target, in a row."""
    return figures.pictures(
        torch.cat([target.test.x[:: len(target.test) // each][:each] for target in targets]),
        [],
        "Ten letters and ten things, as the network gets them",
        "Two rows: capital letters in several typefaces, a little turned; drawings of things in "
        "several styles, such as line art and colour, on light and dark backgrounds.",
    )


def beside_guessing(
    right: dict[str, dict[str, float]], targets: dict[str, Target], title: str
) -> Picture:
    """What each way gets right (0 … 1) of each target, beside guessing."""
    values, colours = {}, []
    for name, ways in right.items():
        guessing = 1 / len(targets[name].pool.names)
        for (way, share), colour in zip(
            [*ways.items(), ("guessing", guessing)], (figures.BLUE, figures.PINK, GREY), strict=True
        ):
            values[f"{name},\n{way}"] = 100 * share
            colours.append(colour)
    return figures.bars(values, title, "test accuracy, %", colours, "{:.0f}".format)


def one_recipe(recorded: pd.DataFrame) -> pd.DataFrame:
    """What one recipe for all gets right, and how far ahead of tuned settings, as a table."""
    rows = comparing.recipes(recorded).rename(columns={"arm": "way"})
    rows["cell"] = [f"{r.fixed:.1f} ({r.ahead:+.1f} ± {r.interval:.1f})" for r in rows.itertuples()]
    return _of_ways(rows, STYLES)


def ways_between(official: pd.DataFrame, between: pd.DataFrame) -> pd.DataFrame:
    """What every way gets right, and how far ahead of output layer first, as a table."""
    rows = middle_ways.compared(official, between, "output-first")
    rows["cell"] = [
        f"{r.right:.1f}" + f" ({r.ahead:+.1f} ± {r.interval:.1f})" * (r.way != "output-first")
        for r in rows.itertuples()
    ]
    return _of_ways(rows, rows.way.unique())


def _of_ways(rows: pd.DataFrame, order: Iterable[str]) -> pd.DataFrame:
    """Each `cell` by `augmented` and `way` (those of `order`), a column for each of `images`."""
    cells = rows.pivot(index=["augmented", "way"], columns="images", values="cell")
    cells = cells.replace("-", "−", regex=True)
    places = [one for one in itertools.product((False, True), order) if one in cells.index]
    cells = cells.loc[places].rename(columns="{:,} digits".format)
    cells = cells.rename(index={False: "without", True: "with copies"}, level="augmented")
    called = {way: STYLES[way][0] for way in order if way in STYLES}
    cells = cells.rename(index=called, level="way")
    return cells.rename_axis(index=["copies", "way to learn"], columns=None)


def misread_most(truth: torch.Tensor, answers: torch.Tensor, names: Sequence[str]) -> str:
    """The name of the class of which most are called something else."""
    return names[int(torch.bincount(truth[truth != answers], minlength=len(names)).argmax())]


def confusion(
    truth: torch.Tensor, answers: torch.Tensor, names: Sequence[str], title: str
) -> Picture:
    """How many of each class were called what; the diagonal (right) is left blank."""
    n = len(names)
    wrong = torch.zeros(n, n, dtype=torch.long)
    wrong.index_put_((truth, answers), torch.ones_like(truth), accumulate=True).fill_diagonal_(0)
    counts = wrong.numpy()
    figure, (ax,) = figures.in_a_row(1, 5.2, 4.6)
    texts = np.where(counts, counts.astype(str), "")
    figures.heat(ax, counts, names, names, texts, counts.max())
    ax.set(xlabel="was called", ylabel="is")
    most = [divmod(place, n) for place in wrong.flatten().argsort(descending=True)[:5].tolist()]
    heard = [f"{names[i]} called {names[j]} {wrong[i, j]} times" for i, j in most]
    i, j = most[0]
    often = f"most often a {names[i]} is called {names[j]}: {wrong[i, j]} times"
    ax.set_title(f"{title};\n{often}", fontsize=11)
    return Picture(figure, f"{title}. Mistakes by class, most frequent: {', '.join(heard)}.")


def confidence(sure: torch.Tensor, right: torch.Tensor, title: str) -> Picture:
    """How sure it was `[n]` where it was right and where it was wrong, and whether to trust it."""
    figure, (how_often, reliable) = figures.in_a_row(2, 9, 3.2)
    edges = np.linspace(0, 1, 11)
    for which, label, colour in ((right, "right", figures.BLUE), (~right, "wrong", figures.ORANGE)):
        how_often.hist(
            sure[which].numpy(), edges, histtype="step", label=label, color=colour, linewidth=2
        )
    how_often.set(yscale="log", xlabel="how sure it was", ylabel="test digits")
    how_often.legend(frameon=False)
    bins = np.clip(np.digitize(sure.numpy(), edges) - 1, 0, 9)
    reliable.plot([0, 1], [0, 1], ":", color=GREY)
    filled = [bins == b for b in range(10) if (bins == b).sum() >= 10]
    share, middle = ([values.numpy()[b].mean() for b in filled] for values in (right, sure))
    reliable.plot(middle, share, "o-", color=figures.BLUE)
    each = zip(share, middle, strict=True)
    heard = [f"{100 * s:.0f}% right where {100 * m:.0f}% sure" for s, m in each]
    reliable.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="how sure it was", ylabel="share right")
    return figures.finished(figure, title, heard)


KNOWN = "still known, of 100 things known before"


def costs(table: pd.DataFrame, title: str) -> Picture:
    """What each option costs as the labels grow: rows of the recorded table `forgetting`.

    Left training and test accuracy, whose distance is the overfitting; right what is left of the
    things that were known before, with one SD over draws, and dashed with the settings of fifty
    digits.
    """
    before = table[table.arm == "before"].accuracy.mean()
    every = table.assign(accuracy=table.accuracy / before)  # as notebook 04 counts
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
        for images, train, test, kept, sd in zip(
            left.x, on_training.y, on_test.y, left.y, left.error, strict=True
        ):
            heard.append(
                f"{label}, {images:,} digits: training {train:.1f}, test {test:.1f}, of 100 known "
                f"before {kept:.0f} ± {sd:.0f}"
            )
    if len(control):
        label = f"Option 2, settings for {forgetting.SMALL_STEPS}"
        line = known[label] = mean_line(control, "images", (figures.ORANGE, "D", "--"))
        for images, kept, sd in zip(line.x, line.y, line.error, strict=True):
            heard.append(f"{label}, {images:,} digits: {kept:.0f} ± {sd:.0f}")

    def dress(ax: Axes) -> None:
        """Names beside the lines, in place of a legend."""
        if ax.get_title() == KNOWN:
            ax.set_ylim(0, 115)
            for label, line in known.items():
                at, colour = (line.x[-1], line.y[-1]), figures.as_text(line.look[0])
                _beside(ax, label, at, (4, 9), ha="right", color=colour)
            return
        ax.set_ylim(60, 104)
        for label, line in ((name, line) for name, line in learnt.items() if "test" in name):
            rise = 40 if "1" in label else 24
            at, colour = (line.x[-1], 60), figures.as_text(line.look[0])
            _beside(ax, label.removesuffix(", test"), at, (0, rise), ha="right", color=colour)
        few = learnt[f"{STYLES['option-1'][0]}, test"]
        _beside(ax, "training (dashed)", (few.x[0], 100), (0, 6))
        _beside(ax, "test (solid)", (few.x[1], few.y[1]), (8, -14))

    panels = {"digits right, of 100": learnt, KNOWN: known}
    told = "Means over draws (± one SD)."
    look = figures.Look(log=True, sharey=False, size=(9.5, 3.8), legend=False, dress=dress)
    return figures.chart(panels, title, "labelled images", "of 100", heard, told, look)


def _beside(ax: Axes, words: str, at: tuple[float, float], aside: tuple[float, float], **how):
    """Words so many points aside of a place."""
    ax.annotate(words, at, aside, textcoords="offset points", fontsize=9, **how)


def beside_published(table: pd.DataFrame, title: str) -> Picture:
    """The course's network beside those of the embedding benchmark: rows of `protocols`.

    A dot is a published network, by what it had seen, or a draw of the course's own.
    """
    others = protocols.published().groupby("seen", sort=False).accuracy.apply(list)
    ours = table[table.protocol == protocols.SIXTEEN_EACH].groupby("way", sort=False).accuracy
    values = {**others, **(100 * ours.apply(np.array))}
    looks = {seen: (f"{len(every)} networks: {seen}", GREY, "s") for seen, every in others.items()}
    looks |= {way: (f"five layers: {way}", figures.BLUE, "o") for way in ours.groups}
    over = "networks, and over draws of the five layers"
    return figures.dots({"": values}, looks, title, "of 10,000 test digits right, %", over=over)


def by_task(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy of each arm on each task: rows `task`, `each` (images of a class), `arm`, …"""
    panels = {
        name: figures.of_arms(rows, "each", dash="none")
        for name, rows in table.groupby("task", sort=False)
    }
    labels, said = ("labelled images of each", "test accuracy, %"), "{y:.0f}% with {x}"
    return figures.chart(
        panels, title, *labels, said=said, look=figures.Look(ylim=(0, 100), beside=0.1)
    )


def letters(fonts: pd.DataFrame, drawn: pd.DataFrame, title: str) -> Picture:
    """Letters of fonts beside handwritten ones, no copies: rows of `tasks`, of `real_letters`."""
    shown = {"letters of fonts": fonts.query("task == 'letters'"), "handwritten letters": drawn}
    every = pd.concat(rows.assign(task=name) for name, rows in shown.items())
    return by_task(comparing.plain(every), title)


def cuts(table: pd.DataFrame, title: str) -> Picture:
    """Accuracy against how many first layers were borrowed: rows of `which_layers`."""
    called = ("none", "1", "1 and 2", "1 to 3", "1 to 4")
    none = table[table.k == 0]  # nothing borrowed: where all lines begin
    kinds = {
        ("pretrained", "trained"): ("borrowed, then all trained", figures.ORANGE, "s", "-"),
        ("pretrained", "fixed"): ("borrowed and frozen, the rest trained", figures.BLUE, "o", "-"),
        ("random", "fixed"): ("random and frozen, the rest trained", figures.PINK, "D", "-"),
    }
    lines = {}
    for (first, then), (label, *look) in kinds.items():
        rows = table[(table["first"] == first) & (table.then == then) & (table.k > 0)]
        line = mean_line(pd.concat([none, rows]), "k", look)
        lines[label] = line._replace(x=[called[k] for k in line.x])
    labels = ("how many of the first layers", "test accuracy, %")
    return figures.chart({"": lines}, title, *labels, said="{y:.1f}")


def sources(table: pd.DataFrame, title: str) -> Picture:
    """Option 1 on networks of other sources: rows of the recorded table `sources`."""
    panels = {}
    for question, column, name in (
        ("classes", "classes", "number of classes"),
        ("images", "images_seen", "number of renders"),
        ("style", "style", "style of the renders"),
    ):
        panels[name] = {}
        for images, *look in ((10, figures.SKY, "^"), (50, figures.BLUE, "o")):
            rows = table[(table.question == question) & (table.images == images)]
            each = rows.groupby([column, "pretraining"], sort=False).accuracy.mean().reset_index()
            line = mean_line(each, column, (*look, "none" if question == "style" else "-"))
            single = each[column].tolist(), (100 * each.accuracy).tolist()
            panels[name][f"{images} labelled digits"] = line._replace(error=None, single=single)
    said, told = "{y:.1f} with {x}", "Accuracy of Option 1; open dots are single pretraining runs."
    labels, first = ("", "test accuracy, %"), next(iter(panels))

    def dress(ax: Axes) -> None:
        """The names of the lines, in the first panel alone."""
        for label, line in panels[first].items() if ax.get_title() == first else ():
            at, colour = (len(line.x) - 1, line.y[-1]), figures.as_text(line.look[0])
            _beside(ax, label, at, (0, -24), ha="right", color=colour)

    look = figures.Look(beside=0.01, size=(9.6, 3.4), legend=False, dress=dress)
    return figures.chart(panels, title, *labels, said=said, told=told, look=look)


def steps(table: pd.DataFrame, title: str) -> Picture:
    """What each step gave: rows of the recorded table `push`, a panel a number of images."""
    looks = {step: (step, figures.BLUE, "o") for step in table.step.unique()}
    panels = {
        f"{images:,} digits": {
            step: 100 * of_step.accuracy for step, of_step in rows.groupby("step")
        }
        for images, rows in table.groupby("images")
    }
    return figures.dots(panels, looks, title, "test accuracy, %")
