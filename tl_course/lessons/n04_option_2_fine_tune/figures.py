"""The figures of notebook 04."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from tl_course.core.network import FiveLayerNet
from tl_course.data.examples import Examples
from tl_course.lessons import curves, figures
from tl_course.lessons.figures import GREY, STYLES, Line, Picture
from tl_course.study import comparing, forgetting


def moved(before: FiveLayerNet, after: FiveLayerNet, title: str) -> Picture:
    """How far each layer's weights went, as a share of their length."""
    changes = {name: 100 * by for name, by in forgetting.moved(before, after).items()}
    return figures.bars(changes, title, "change of the weights, %", show="{:.1f}%".format)


def examples(labelled: Examples) -> Picture:
    """Labelled digits, with their labels."""
    names = [labelled.names[label] for label in labelled.y]
    title = f"All {len(labelled)} digits that it learns from"
    alt = f"{len(labelled)} handwritten digits, one after another: {', '.join(names)}."
    return figures.pictures(labelled.x, names, title, alt)


def overfitting(table: pd.DataFrame, title: str) -> Picture:
    """Training and test accuracy along the way, means over draws: rows of `overfitting`."""
    mean = 100 * table.groupby(["arm", "part", "step"]).accuracy.mean()
    lines = {}
    for arm in ("option-1", "option-2"):
        label, colour, marker = STYLES[arm]
        for part, dash in (("training", "--"), ("test", "-")):
            curve = mean[arm, part]
            look = colour, marker, dash
            lines[f"{label}, {part}"] = Line(curve.index.tolist(), curve.tolist(), look=look)

    def dress(ax: Axes) -> None:
        test, training = (mean["option-2", part] for part in ("test", "training"))
        ax.fill_between(test.index, test, training, color=figures.ORANGE, alpha=0.12, linewidth=0)
        middle = test.index[len(test) // 2], (test.iloc[-1] + training.iloc[-1]) / 2
        gap = f"the gap: {training.iloc[-1] - test.iloc[-1]:.0f} of 100"
        ax.text(*middle, gap, ha="center", va="center", fontsize=9)

    look = figures.Look(ylim=(0, 103), dress=dress)
    return figures.chart({"": lines}, title, "steps", "accuracy, %", look=look)


def forgotten(table: pd.DataFrame, title: str) -> Picture:
    """What is left of the source task, a bar an adaptation: rows of `forgetting.forgetting`."""
    known = 100 * table.set_index("arm").accuracy
    values = {
        "before adapting": known["before"].mean(),
        "Option 1,\nany number": known["option-1"].mean(),
    }
    spread = {}
    tuned = table[table.arm == "option-2"].sort_values(["images", "settings"])
    for (images, settings), rows in tuned.groupby(["images", "settings"]):
        name = f"Option 2,\n{images:,} digits"
        if settings == forgetting.CONTROL:
            name += f",\nsettings for {forgetting.SMALL_STEPS}"
        values[name] = 100 * rows.accuracy.mean()
        if len(rows) > 1:
            spread[name] = 100 * rows.accuracy.std()
    colours = [GREY, figures.BLUE, *[figures.ORANGE] * (len(values) - 2)]
    show = "{:.0f}%".format
    return figures.bars(values, title, "things still known, %", colours, show, spread)


def both_options(table: pd.DataFrame, arms: Sequence[str], title: str) -> Picture:
    """Rows of a sweep as they are, without augmentation, with 10, 50 and 200 digits."""
    shown = comparing.plain(table).query("images in (10, 50, 200)")
    return figures.accuracies(shown.to_dict("records"), title, arms=arms)


def crossing(gain: pd.DataFrame, title: str) -> Picture:
    """Rows of `option_2_minus_option_1`: where Option 2 gets ahead."""
    shown = {"without augmentation": gain}
    return curves.ahead(shown, title, "Option 2 minus Option 1, points")


def at_rates(rows: Sequence[dict], title: str) -> Picture:
    """Rows of `at_rates`: what is learnt and what is kept, by peak learning rate."""
    called = {"digits": "digits (validation)", "things": "the 1,000 things, still known"}
    rates = [f"{row['rate']:g}" for row in rows]
    lines = {name: (rates, [100 * row[key] for row in rows]) for key, name in called.items()}
    return figures.curves(lines, title, "peak learning rate", "accuracy, %", ylim=(0, 103))
