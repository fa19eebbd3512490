"""Figures of notebook 09: the small GPT (other figures are in `lessons/figures.py`)."""

import math
from collections.abc import Sequence

import pandas as pd
from IPython.display import HTML

from tl_course.base.html import lines_of_cell, table
from tl_course.core.training import History
from tl_course.lessons import drawing, figures
from tl_course.lessons.drawing import Line, Picture
from tl_course.lessons.n09_small_gpt import experiments, gpt
from tl_course.lessons.n09_small_gpt.experiments import PER_STEP, Diary

STYLES = {  # arm: colour, marker; the next line puts the label in front
    "unchanged": (drawing.GREY, "P"), "option-1": (drawing.BLUE, "o"),
    "option-2": (drawing.ORANGE, "s"), "scratch": (drawing.GREEN, "^"),
    "scratch-smaller": (drawing.PINK, "D"), "counting": (drawing.GREY, "x"),
    "counting-pretrained": (drawing.SKY, "v"),
}  # fmt: skip
STYLES = {arm: (experiments.CALLED[arm], *look) for arm, look in STYLES.items()}
LOOKS = ((drawing.BLUE, "o"), (drawing.PINK, "D"), (drawing.GREY, "x"))
FRONTS = dict(zip(experiments.FRONTS, LOOKS, strict=True))


def plot_next_characters(beginning: str, chances: dict[str, float]) -> Picture:
    """The probabilities of the likeliest characters after a beginning, in percent."""
    show = "{:.1f}%".format
    return figures.bars(chances, f"After “{beginning}”", "probability, %", show=show)


def plot_learning(history: History, about: dict, title: str) -> Picture:
    """Bits per character against characters read (log), here and for the shipped network."""
    guessing, curve = math.log2(len(gpt.SYMBOLS)), about["curve"]
    lines = {
        "here": Line([s * PER_STEP for s in history.step], [x / math.log(2) for x in history.loss]),
        "the shipped one (recorded)": Line([s * PER_STEP for s in curve["step"]], curve["bits"]),
        "pure guessing": drawing.level(guessing),
    }
    look = figures.ChartStyle(ylim=(0, 1.05 * guessing), log=True)
    return figures.chart({"": lines}, title, "characters read", "bits per character", look=look)


def plot_fifty(diaries: dict[str, Diary]) -> Picture:
    """Bits per character against steps by arm: of the fifty lines (dashed) and of test lines."""
    lines = {}
    for arm, diary in diaries.items():
        label, colour, marker = STYLES[arm]
        for (part, bits), dash in zip(diary.bits.items(), ("--", "-"), strict=True):
            look = colour, marker, dash
            lines[f"{label}, {part}"] = Line(list(bits), list(bits.values()), look=look)
    title = "On test lines, the pretrained network is ahead from start to end"
    return figures.chart({"": lines}, title, "steps", "bits per character")


def table_of_texts(samples: dict[str, str | Sequence[str]], caption: str) -> HTML:
    """Texts as a table: one below the other, or lists of short lines side by side."""
    style = "width:100%;font-family:monospace;overflow-wrap:anywhere"
    if all(isinstance(text, str) for text in samples.values()):
        rows = [(name, lines_of_cell([text])) for name, text in samples.items()]
        return HTML(table(rows, caption=caption, named=True, texts=True, style=style))
    cells = [lines_of_cell(list(short)) for short in samples.values()]
    return HTML(
        table([cells], samples, caption=caption, texts=True, style=f"table-layout:fixed;{style}")
    )


def plot_bits(table: pd.DataFrame, title: str) -> Picture:
    """Bits per character of each arm: rows `arm`, `draw`, `bits`."""
    every = {arm: rows.bits for arm, rows in table.groupby("arm")}
    xlabel = "bits per character on test lines (fewer is better)"
    return figures.dots({"": every}, STYLES, title, xlabel, "{:.2f}".format)


def in_front(table: pd.DataFrame, title: str) -> Picture:
    """Bits per character against the lines put in front: rows `front`, `lines`, `draw`, `bits`."""
    nothing = table[table.front == "nothing"]
    lines = {}
    for kind, look in FRONTS.items():
        rows = pd.concat([nothing, table[table.front == kind]])
        lines[kind] = drawing.mean_line(rows, "lines", (*look, "-"), "bits", 1)
    labels, value_text = ("lines in front", "bits per character"), "{y:.2f} with {x}"
    description = (
        "Bits per character, means with bars of one SD; nothing in front: "
        f"{nothing.bits.mean():.2f}."
    )
    look = figures.ChartStyle(legend_title="what is in front")
    return figures.chart({"": lines}, title, *labels, value_text, description, look)


def table_of_chosen(recorded: pd.DataFrame) -> HTML:
    """The settings of each arm with the fewest bits on validation lines."""
    tried = recorded[recorded.question == "validation"]
    mean = tried.groupby(["arm", "rate", "steps", "l2"]).bits.mean().reset_index()
    best = mean.loc[mean.groupby("arm").bits.idxmin()].set_index("arm")
    rows = []
    for arm in [arm for arm in STYLES if arm in best.index]:
        rate, steps, weight, bits = best.loc[arm, ["rate", "steps", "l2", "bits"]]
        says = f"rate {rate:g}, {steps:.0f} steps"
        if arm in experiments.COUNTING:
            what = "share of fifty lines" if arm == "counting-pretrained" else "weight"
            says = f"looks back {steps:.0f} characters, {what} {weight:g}"
        rows.append((STYLES[arm][0], says, f"{bits:.2f}"))
    head = ("way", "best settings", "bits per character, validation lines")
    return HTML(table(rows, head, named=True))
