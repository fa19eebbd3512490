"""The figures of notebook 04."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from tl_course.data.examples import Examples
from tl_course.lessons import curves, drawing, figures
from tl_course.lessons.drawing import GREY, STYLES, Line, Picture
from tl_course.study import comparing, forgetting

OPTIONS = ("option-1", "option-2")
STEPS_SHOWN = (0, 5, 10, 20, 50, 100)  # of the recorded ones


def plot_moved(changes: dict[str, float], title: str) -> Picture:
    """How far each layer's weights moved, relative to their norm: `moved_by_layer`."""
    percent = {name: 100 * by for name, by in changes.items()}
    return figures.bars(percent, title, "change of the weights, %", show="{:.1f}%".format)


def plot_training_pictures(labelled: Examples, called: str) -> Picture:
    """Labelled pictures, with their labels; `called` says what they are, such as "digits"."""
    names = [labelled.names[label] for label in labelled.y]
    title = f"All {len(labelled)} {called} that it learns from"
    alt = f"{len(labelled)} {called}, one after another: {', '.join(names)}."
    return figures.pictures(labelled.x, names, title, alt)


def plot_overfitting(table: pd.DataFrame, title: str) -> Picture:
    """Training and test accuracy by step, means over draws: rows of `overfitting`.

    Accuracy changes mostly in the first steps, so the axis gives them more room.
    """
    shown = table[table.step.isin(STEPS_SHOWN)]
    mean = 100 * shown.groupby(["arm", "part", "step"]).accuracy.mean()
    test = {arm: mean[arm, "test"] for arm in OPTIONS}
    training = {arm: mean[arm, "training"] for arm in test}
    if training["option-1"].equals(training["option-2"]):
        lines = {"both options, training": _line(training["option-2"], (GREY, "o", "--"))}
    else:
        lines = {
            f"{STYLES[arm][0]}, training": _line(curve, (*STYLES[arm][1:], "--"))
            for arm, curve in training.items()
        }
    for arm, curve in test.items():
        lines[f"{STYLES[arm][0]}, test"] = _line(curve, (*STYLES[arm][1:], "-"))

    def dress(ax: Axes) -> None:
        low, high = test["option-2"], training["option-2"]
        places = range(len(low))
        ax.fill_between(places, low, high, color=drawing.ORANGE, alpha=0.12, linewidth=0)
        middle = len(low) / 2, (low.iloc[-1] + high.iloc[-1]) / 2
        gap = f"Option 2's gap: {high.iloc[-1] - low.iloc[-1]:.0f} points"
        ax.text(*middle, gap, ha="center", va="center", fontsize=9)

    look = figures.ChartStyle(ylim=(0, 103), beside=1e-9, dress=dress)
    return figures.chart({"": lines}, title, "steps (not to scale)", "accuracy, %", look=look)


def plot_over_rates(table: pd.DataFrame, title: str) -> Picture:
    """Training and test accuracy of both options by learning rate: rows of `over_rates`."""
    panels = {}
    for images, rows in table.groupby("images"):
        lines = panels[f"{images} digits"] = {}
        for arm in OPTIONS:
            called, *look = STYLES[arm]
            of_arm = rows[rows.arm == arm]
            mean = 100 * of_arm.groupby("rate").training.mean()
            lines[f"{called}, training"] = _line(mean, (*look, "--"))
            lines[f"{called}, test"] = drawing.mean_line(of_arm, "rate", (*look, "-"))
    labels, value_text = ("learning rate", "accuracy, %"), "{y:.1f}% at {x}"
    look = figures.ChartStyle(log=True, ylim=(0, 105))
    return figures.chart(panels, title, *labels, value_text=value_text, look=look)


def plot_gaps(panels: dict[str, pd.DataFrame], title: str) -> Picture:
    """Training minus test accuracy of both options at every size: `experiments.gaps`."""
    lines = {
        name: {STYLES[arm][0]: _line(rows[arm], (*STYLES[arm][1:], "-")) for arm in OPTIONS}
        for name, rows in panels.items()
    }
    most = max(rows[[*OPTIONS]].to_numpy().max() for rows in panels.values())
    labels, value_text = ("labelled digits", "training − test accuracy, points"), "{y:.1f} with {x}"
    look = figures.ChartStyle(log=True, ylim=(0, 1.1 * most))
    return figures.chart(lines, title, *labels, value_text=value_text, look=look)


def _line(curve: pd.Series, look: tuple[str, str, str]) -> Line:
    return Line(curve.index.tolist(), curve.tolist(), look=look)


def plot_known(table: pd.DataFrame, title: str) -> Picture:
    """How much of the source is still known, by adaptation: rows of `forgetting.forgetting`."""
    known = 100 * table.set_index("arm").accuracy
    known, before = 100 * known / known["before"].mean(), known["before"].mean() / 100
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
        values[name] = 100 * rows.accuracy.mean() / before
        if len(rows) > 1:
            spread[name] = 100 * rows.accuracy.std() / before
    colours = [GREY, drawing.BLUE, *[drawing.ORANGE] * (len(values) - 2)]
    show = "{:.0f}".format
    return figures.bars(
        values, title, "still known, % of what it knew before", colours, show, spread
    )


def both_options(table: pd.DataFrame, arms: Sequence[str], title: str) -> Picture:
    """Accuracy in a sweep without augmentation, with 10, 50 and 200 digits."""
    rows = comparing.plain(table).query("images in (10, 50, 200)")
    return figures.accuracies(rows, title, arms=arms)


def crossing(gain: pd.DataFrame, title: str) -> Picture:
    """How far Option 2 is ahead, by number of labelled images: rows of `paired_arms`."""
    ylabel = "Option 2 minus Option 1\non the same draws, points"
    return curves.plot_paired_differences({"": gain}, title, ylabel)


def plot_at_rates(rows: Sequence[dict], title: str) -> Picture:
    """Accuracy on the digits and on the source, by peak learning rate: rows of `at_rates`."""
    called = {"digits": "digits (validation)", "things": "the 1,000 drawings, still known"}
    rates = [f"{row['rate']:g}" for row in rows]
    lines = {name: Line(rates, [100 * row[key] for row in rows]) for key, name in called.items()}
    look = figures.ChartStyle(ylim=(0, 103))
    return figures.chart({"": lines}, title, "peak learning rate", "accuracy, %", look=look)
