"""The figures of notebook 10."""

import numpy as np
import pandas as pd
import torch

from tl_course.data.examples import Examples
from tl_course.lessons import curves, figures
from tl_course.lessons.curves import PANELS
from tl_course.lessons.drawing import BLUE, GREY, STYLES, Picture
from tl_course.lessons.n10_how_sure.protocols import SIXTEEN_EACH


def plot_over_networks(
    compared: dict[tuple[str, bool], pd.DataFrame], leading: str, title: str
) -> Picture:
    """How far arm `leading` is ahead over pretrainings, by (other arm, altered copies)."""
    panels = {
        f"against {STYLES[arm][0]},\n{PANELS[copies]}": rows
        for (arm, copies), rows in compared.items()
    }
    ylabel = f"{STYLES[leading][0]}:\npoints ahead"
    return curves.plot_paired_differences(panels, title, ylabel, over="networks")


def never_right(right: pd.DataFrame, test: Examples) -> Picture:
    """Test digits that are wrong with every set of labelled digits (the rows of `right`)."""
    never = test[torch.from_numpy((~right.any()).to_numpy().nonzero()[0])[:20]]
    labels = [test.names[y] for y in never.y]
    title = f"None of the {len(right)} sets of fifty was enough for these"
    alt = "Handwritten digits that were wrong whichever fifty digits were learnt from: "
    return figures.pictures(never.x, labels, title, f"{alt}{', '.join(labels)}.")


def beside_published(table: pd.DataFrame, published: pd.DataFrame, title: str) -> Picture:
    """The course's network beside those of the embedding benchmark: rows of `protocols`.

    A dot is a published network, grouped by its training data, or a draw of the course's network.
    """
    by_source = published.groupby("seen", sort=False).accuracy.apply(list)
    ours = table[table.protocol == SIXTEEN_EACH].groupby("way", sort=False).accuracy
    values = {**by_source, **(100 * ours.apply(np.array))}
    looks = {
        seen: (f"{len(every)} networks: {seen}", GREY, "s") for seen, every in by_source.items()
    }
    looks |= {way: (f"five layers: {way}", BLUE, "o") for way in ours.groups}
    over = "networks, and over draws of the five layers"
    return figures.dots({"": values}, looks, title, "of 10,000 test digits right, %", over=over)
