"""The figures of notebook 04."""

from __future__ import annotations

import pandas as pd

from tl_course.lessons import figures
from tl_course.lessons.figures import ARMS, GREY, Picture
from tl_course.study import forgetting


def overfitting(table: pd.DataFrame, title: str) -> Picture:
    """Training and test accuracy along the way, means over draws: rows of `overfitting`."""
    mean = 100 * table.groupby(["arm", "part", "step"]).accuracy.mean()
    lines, styles = {}, {}
    for arm in ("option-1", "option-2"):
        label, colour, marker = ARMS[arm]
        for part, dash in (("training", "--"), ("test", "-")):
            name, curve = f"{label}, {part}", mean[arm, part]
            lines[name] = curve.index.tolist(), curve.tolist()
            styles[name] = colour, marker, dash
    return figures.curves(lines, title, "steps", "accuracy, %", styles=styles, ylim=(0, 103))


def forgotten(table: pd.DataFrame, title: str) -> Picture:
    """What is left of the source task, a bar an adaptation: rows of `forgetting.forgetting`."""
    before = 100 * table[table.arm == "before"].accuracy.mean()
    values, spread, colours = {"before adapting": before}, {}, [GREY]
    frozen = 100 * table[table.arm == "option-1"].accuracy
    values["Option 1,\nany number"], colours = frozen.mean(), [*colours, figures.BLUE]
    tuned = table[table.arm == "option-2"].sort_values(["images", "settings"])
    for (images, settings), rows in tuned.groupby(["images", "settings"]):
        name = f"Option 2,\n{images:,} digits"
        if settings == forgetting.CONTROL:
            name += f",\nsettings for {forgetting.SMALL_STEPS}"
        values[name], colours = 100 * rows.accuracy.mean(), [*colours, figures.ORANGE]
        if len(rows) > 1:
            spread[name] = 100 * rows.accuracy.std()
    return figures.bars(
        values, title, "things still known, %", colours=colours,
        show="{:.0f}%".format, spread=spread,
    )  # fmt: skip
