"""Figures of notebook 09: the small GPT (other figures are in `plots.py`)."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
from IPython.display import HTML

from tl_course.lessons import figures
from tl_course.lessons.figures import Picture
from tl_course.lessons.n09_small_gpt import experiments as gpt_experiments

ARMS = {  # arm: (what it is called, colour, marker)
    "unchanged": ("pretrained, not adapted", figures.GREY, "P"),
    "option-1": ("Option 1: output layer only", figures.BLUE, "o"),
    "option-2": ("Option 2: everything moves", figures.ORANGE, "s"),
    "scratch": ("from scratch", figures.GREEN, "^"),
    "scratch-smaller": ("from scratch, a smaller one", figures.PINK, "D"),
    "counting": ("counting letters of the fifty", figures.GREY, "x"),
    "counting-pretrained": ("counting, the prose as well", figures.SKY, "v"),
}
FRONTS = dict(
    zip(
        gpt_experiments.FRONTS,
        ((figures.BLUE, "o"), (figures.PINK, "D"), (figures.GREY, "x")),
        strict=True,
    )
)


def learning(
    lines: dict[str, tuple[Sequence[int], Sequence[float]]], title: str, guessing: float
) -> Picture:
    """Bits a character against characters read, the latter stretched (log): name → (x, y)."""
    figure, ax = figures.figure_and_axes(7.5, 3.4)
    heard = []
    for (name, (x, y)), colour, marker in zip(
        lines.items(), (figures.ORANGE, figures.BLUE, figures.GREEN), "so^", strict=False
    ):
        ax.plot(x, y, color=colour, marker=marker, markevery=max(1, len(x) // 8), label=name)
        heard.append(f"{name}: from {y[0]:.2f} to {y[-1]:.2f}")
    ax.axhline(guessing, color=figures.GREY, linestyle=":", label="pure guessing")
    ax.set(
        xscale="log", ylim=(0, 1.05 * guessing), xlabel="characters read", ylabel="bits a character"
    )
    ax.legend(fontsize=9, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set_title(title, fontsize=11)
    return Picture(
        figure,
        f"{title}. Bits a character against characters read. {'; '.join(heard)}; pure guessing "
        f"is {guessing:.2f}.",
    )


def texts(samples: dict[str, str | Sequence[str]], caption: str) -> HTML:
    """Texts side by side, a column each, as a table that a screen reader can walk through."""
    columns = {name: [own] if isinstance(own, str) else list(own) for name, own in samples.items()}
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    cells = "".join(
        '<td style="vertical-align:top;text-align:left;font-family:monospace;'
        f'overflow-wrap:anywhere">{"<br>".join(html.escape(line) for line in own)}</td>'
        for own in columns.values()
    )
    return HTML(
        f'<table style="table-layout:fixed;width:100%"><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody><tr>{cells}</tr></tbody></table>"
    )


def arms(table: pd.DataFrame, title: str) -> Picture:
    """Bits a character of each arm: rows `arm`, `draw`, `bits`; dots are draws, the bar is 1 SD."""
    shown = [arm for arm in ARMS if (table.arm == arm).any()]
    figure, ax = figures.figure_and_axes(9, 0.45 * len(shown) + 1.3)
    heard = []
    for place, arm in enumerate(reversed(shown)):
        own = table[table.arm == arm].bits
        label, colour, marker = ARMS[arm]
        ax.plot(own, place + np.linspace(-0.18, 0.18, len(own)), ".", color=colour, alpha=0.5)
        spread = own.std() if len(own) > 1 else 0.0
        ax.errorbar(
            own.mean(), place, xerr=spread, marker=marker, color=colour, capsize=3, markersize=8
        )
        ax.annotate(
            f"{own.mean():.2f}", (own.mean(), place), (0, 7), textcoords="offset points",
            ha="center", fontsize=9,
        )  # fmt: skip
        heard.append(f"{label}: {own.mean():.2f} ± {spread:.2f}")
    ax.set_yticks(range(len(shown)), [ARMS[arm][0] for arm in reversed(shown)])
    ax.set(xlabel="bits a character on test lines (fewer is better)", ylim=(-0.6, len(shown) - 0.3))
    ax.grid(axis="x", alpha=0.3)
    ax.set_title(title, fontsize=11)
    return Picture(
        figure,
        f"{title}. Bits a character on test lines, mean and standard deviation over draws. "
        f"{'; '.join(heard[::-1])}.",
    )


def in_front(table: pd.DataFrame, title: str) -> Picture:
    """Bits a character against the lines put in front: rows `front`, `lines`, `draw`, `bits`."""
    figure, ax = figures.figure_and_axes(7.5, 3.4)
    nothing = table[table.front == "nothing"].bits.mean()
    heard = [f"nothing in front: {nothing:.2f}"]
    for kind, (colour, marker) in FRONTS.items():
        by = table[table.front == kind].groupby("lines").bits.agg(["mean", "std"])
        ax.errorbar(
            [0, *by.index], [nothing, *by["mean"]], yerr=[0, *by["std"].fillna(0)],
            color=colour, marker=marker, capsize=3, label=kind,
        )  # fmt: skip
        heard.append(
            f"{kind}: " + ", ".join(f"{v:.2f} with {k:.0f}" for k, v in by["mean"].items())
        )
    ax.set(
        xlabel="lines in front", ylabel="bits a character",
        xticks=[0, *sorted(table.lines[table.lines > 0].unique())],
    )  # fmt: skip
    ax.legend(
        title="what is in front", fontsize=9, frameon=False, loc="center left",
        bbox_to_anchor=(1, 0.5),
    )  # fmt: skip
    ax.set_title(title, fontsize=11)
    return Picture(
        figure,
        f"{title}. Bits a character of the next line against lines in front; mean, bars of one "
        f"standard deviation over draws. {'; '.join(heard)}.",
    )


def fewer(table: pd.DataFrame, one: str, other: str) -> tuple[float, float, float]:
    """Bits that `one` needs fewer than `other` on the same draws: mean, 95% interval, least.

    The interval is over draws of the fifty lines; the test lines are the same for all.
    """
    own = table.pivot_table(index="draw", columns="arm", values="bits")
    gain = (own[other] - own[one]).dropna()
    return gain.mean(), 2 * gain.std() / len(gain) ** 0.5, gain.min()


def _count(number: float) -> str:
    """A number of things, exact where that can be read."""
    return f"{number:,.0f}" if number < 1e12 else f"{number:.2e}"


def distance(ours: dict[str, float], theirs: dict[str, float]) -> pd.DataFrame:
    """Two networks in numbers, and how many times the other is larger."""
    return pd.DataFrame(
        [
            {"": name, "this one": _count(own), "GPT-3": _count(theirs[name]),
             "GPT-3 has more by": f"{_count(theirs[name] / own)} times"}
            for name, own in ours.items()
        ]
    ).set_index("")  # fmt: skip
