"""Figures of how accuracy grows with the data (other figures are in `figures.py`)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tl_course.lessons import drawing, figures
from tl_course.lessons.drawing import GREY, STYLES, Line, Picture

PANELS = {False: "as they are", True: "with altered copies (augmentation)"}
FORMS = {False: "without augmentation", True: "with augmentation"}
TICKS = (0, 20, 40, 60, 80, 90, 95, 98, 99, 99.5)
AROUND_ZERO = (-5, -2, -1, -0.5, 0, 0.5, 1, 2, 5)
TOP = 99.5  # percent, the end of the axis unless something gets more
SHEET = (5.4, 4.4)  # inches, of an experiment's figure: as wide as the column beside the controls


def _stretch(y: np.ndarray | float) -> np.ndarray:
    """Accuracies in %, stretched towards 100: 95 to 98 takes about as much room as 80 to 90."""
    return -np.log10(np.clip(101 - np.asarray(y, float), 1e-3, None))


def _unstretch(t: np.ndarray | float) -> np.ndarray:
    return 101 - 10.0 ** -np.asarray(t, float)


def _stretched(ax: Axes, low: float, top: float = TOP) -> None:
    ax.set_yscale("function", functions=(_stretch, _unstretch))
    ax.set_yticks([t for t in TICKS if low <= t < top])
    ax.minorticks_off()
    ax.set_ylim(low, top)


def between(prediction: dict[int, float], images: int) -> float | None:
    """A predicted curve's value at a number of images; None outside the predicted range.

    The curve is straight between two answers on the axes of `panels`, so this is what the figure
    shows.
    """
    sizes = sorted(prediction)
    if not sizes or not sizes[0] <= images <= sizes[-1]:
        return None
    heights = [_stretch(prediction[n]) for n in sizes]
    return float(_unstretch(np.interp(np.log(images), np.log(sizes), heights)))


def fix_layout(figure: Figure, **place: float) -> None:
    """Fix the size of a figure and the place of its axes, so that nothing jumps when it is redrawn.

    `place` are fractions of the figure, as `subplots_adjust` takes them.
    """
    figure.set_layout_engine(None)
    figure.subplots_adjust(**place)
    figure.add_artist(Rectangle((0, 0), 1, 1, fill=False, linewidth=0))


def panels(
    means: pd.DataFrame,
    title: str,
    arms: Sequence[str] | None = None,
    live: pd.DataFrame | None = None,
    prediction: dict[int, float] | None = None,
    marked: int | None = None,
    sizes: Sequence[int] = (),
) -> Picture:
    """Accuracy against labelled images: one panel without augmentation and one with it.

    `means` (`comparing.means`) are drawn as lines, with bands of one standard deviation over draws.
    Rows of `live` are drawn as single dots, and a `prediction` (images → percent) as a dashed line.
    An upright line marks the number of images `marked`. A panel without rows is left out. With
    `sizes` there is only one panel. Its axes always cover these numbers of images and begin at 0,
    even if nothing is drawn.
    """
    arms = [arm for arm in (arms or STYLES) if (means.arm == arm).any()]
    shown = [augmented for augmented in PANELS if (means.augmented == augmented).any()] or [False]
    lowest = 0 if sizes else min([
        (means["mean"] - means.sd.fillna(0)).min() - 2,
        *(prediction or {}).values(),
        *([] if live is None else 100 * live.accuracy[live.augmented.isin(shown)] - 2),
    ])  # fmt: skip
    top = max([TOP, *(means["mean"] + 0.2 if len(means) else ())])
    every, dots = {}, 0
    for augmented in shown:
        lines = every[f"digits {PANELS[augmented]}"] = {}
        for arm in arms:
            rows = means[(means.arm == arm) & (means.augmented == augmented)].sort_values("images")
            if rows.empty:
                continue
            label, *look = STYLES[arm]
            line = Line(rows.images.tolist(), rows["mean"].tolist(), rows.sd.tolist(), (*look, "-"))
            if live is not None:
                trainings = live[(live.arm == arm) & (live.augmented == augmented)]
                dots += len(trainings)
                place = trainings.images * 1.02 ** (trainings.draw % 5 - 2)  # draws side by side
                line = line._replace(single=(place, 100 * trainings.accuracy))
            lines[label] = line
        if prediction and not augmented:
            value_text = list(prediction), list(prediction.values())
            lines["your prediction"] = Line(*value_text, look=("black", "x", "--"))

    def dress(ax: Axes) -> None:
        _stretched(ax, max(lowest, 0), top)
        if marked is not None:
            ax.axvline(marked, color=GREY, linestyle=":", linewidth=1)
        if sizes:
            ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
            ax.set_xlim(sizes[0] / 1.15, 1.15 * sizes[-1])
            fix_layout(ax.figure, left=0.12, right=0.98, top=0.86, bottom=0.29)
            drawing.legend(ax.figure, "lower center", ncols=2)

    description = "Mean accuracy in %, bands of one standard deviation over draws."
    description = description if len(means) else ""
    description += f" Open dots are runs made here ({dots})." if dots else ""
    labels = ("labelled images", "accuracy, % (stretched towards 100)")
    size, value_text = SHEET if sizes else (4.5 * len(shown) + 2.2, 4), "{y:.1f} at {x}"
    style = {"log": True, "bands": True, "size": size, "dress": dress, "legend": not sizes}
    return figures.chart(
        every,
        title,
        *labels,
        value_text=value_text,
        description=description,
        look=figures.ChartStyle(**style),
    )


def plot_ahead(
    compared: dict[tuple[str, bool], pd.DataFrame],
    leading: str,
    title: str,
    over: str = "draws",
    stretched: bool = False,
) -> Picture:
    """How far arm `leading` is ahead of other arms, by (arm, augmentation)."""
    panels = {
        f"against {STYLES[arm][0]},\n{FORMS[augmented]}": rows
        for (arm, augmented), rows in compared.items()
    }
    ylabel = f"{STYLES[leading][0]}:\npoints ahead"
    return plot_paired_differences(panels, title, ylabel, over, stretched)


def plot_paired_differences(
    compared: dict[str, pd.DataFrame],
    title: str,
    ylabel: str,
    over: str = "draws",
    stretched: bool = False,
) -> Picture:
    """Paired differences (rows of `comparing.paired_arms`), a panel each: dots, mean, 95% interval.

    The marker of a mean is open if its interval includes 0. If the dots are not draws, `over` says
    what they are. On a `stretched` axis, the first point has as much room as the next nine, so that
    small differences can be seen beside large ones.
    """
    figure, every = drawing.in_a_row(len(compared), 4.6 * len(compared) + 0.6, 3.6, sharey=True)
    heard = []
    for ax, (name, rows) in zip(every, compared.items(), strict=True):
        for place, row in enumerate(rows.itertuples()):
            few = len(row.each) <= 3  # a few dots stand beside the mean, which would hide one
            aside = np.linspace(*((-0.25, -0.12) if few else (-0.15, 0.15)), len(row.each))
            size = 9 if few else 5
            ax.plot(place + aside, row.each, ".", color=GREY, alpha=0.6, markersize=size)
            clear = abs(row.ahead) > row.interval
            ax.errorbar(
                place, row.ahead, yerr=row.interval, color=drawing.ORANGE, marker="s", capsize=5,
                markersize=8, markerfacecolor=drawing.ORANGE if clear else "white",
            )  # fmt: skip
            heard.append(
                f"{name and name + ', '}{row.images:,}: {row.ahead:+.1f} ± {row.interval:.1f}, "
                f"{row.wins} of {row.draws} {over}"
            )
        ax.axhline(0, color="black", linewidth=1)
        turned = {"rotation": 45, "ha": "right"} if len(rows) > 7 else {}
        ax.set_xticks(range(len(rows)), [f"{n:,}" for n in rows.images], **turned)
        ax.set_xlabel("labelled images")
        ax.set_title(name, fontsize=10)
    if stretched:
        every[0].set_yscale("symlog", linthresh=1)
        every[0].set_yticks(AROUND_ZERO, [f"{tick:+g}" if tick else "0" for tick in AROUND_ZERO])
        every[0].minorticks_off()
    every[0].set_ylabel(f"{ylabel} (stretched around 0)" if stretched else ylabel)
    description = (
        f"mean with 95% interval, and in how many {over} it is above zero; filled where the "
    )
    return drawing.finished(
        figure, title, heard, f"{ylabel}: {description}interval leaves out zero."
    )
