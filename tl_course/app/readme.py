"""The README's tables of results, out of what is recorded."""

from __future__ import annotations

import pandas as pd

from tl_course.app.notebooks import root
from tl_course.lessons.n07_published_networks import experiments
from tl_course.study import comparing, results
from tl_course.study import matrix as of_cells


def text() -> str:
    """The README with its tables as they are recorded now."""
    text = (root() / "README.md").read_text(encoding="utf-8")
    cuts, rivals = results.load("published_cuts"), results.load("published_rivals")
    tables = {
        "results": sweep(comparing.tuned(results.load("sweep"))),
        "pushed": pushed(results.load("push")),
        "matrix": matrix(results.load("matrix")),
        "published": published(experiments.finals(cuts, rivals)),
    }
    for name, table in tables.items():
        marks = f"<!-- {name}: written by tl-course records -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(marks[0])
        text = f"{before}{marks[0]}\n{table}\n{marks[1]}{rest.partition(marks[1])[2]}"
    return text


SWEEP_ARMS = {
    "option-1": "**Option 1**: four layers fixed",
    "option-2": "**Option 2**: everything moves",
    "output-first": "output layer first, then everything",
    "scratch": "from scratch",
    "random-frozen": "random layers, fixed",
    "classical": "no network (SVM on pixels)",
}


def sweep(table: pd.DataFrame) -> str:
    """The sweep as the README shows it: mean ± standard deviation over draws, in %."""
    found = comparing.means(table).set_index(["augmented", "arm", "images"])
    lines = []
    for augmented, said in ((False, "as they are"), (True, "with altered copies")):
        sizes = sorted(table.images[table.augmented == augmented].unique())
        lines += [
            f"| labelled digits, {said} | " + " | ".join(f"{n:,}" for n in sizes) + " |",
            "| --- " * (len(sizes) + 1) + "|",
        ]
        for arm, name in SWEEP_ARMS.items():
            if (augmented, arm, sizes[0]) in found.index:
                cells = []
                for images in sizes:
                    row = found.loc[(augmented, arm, images)]
                    cells.append(f"{row['mean']:.1f} ± {row['sd']:.1f}")
                lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join([*lines, *_differences(table)]).strip() + "\n"


SWEEP_PAIRS = {
    "Option 2 minus Option 1": ("option-2", "option-1"),
    "output layer first minus Option 1": ("output-first", "option-1"),
    "Option 1 minus from scratch": ("option-1", "scratch"),
}


def _differences(table: pd.DataFrame) -> list[str]:
    """Who is ahead on the same draws, in points with 95% intervals; certain signs are bold."""
    sizes = sorted(table.images.unique())
    lines = [
        "| points ahead, same draws | " + " | ".join(f"{n:,}" for n in sizes) + " |",
        "| --- " * (len(sizes) + 1) + "|",
    ]
    for augmented, form in ((False, "as they are"), (True, "with copies")):
        for name, (one, other) in SWEEP_PAIRS.items():
            rows = comparing.paired(table, (one, augmented), (other, augmented)).set_index("images")
            if rows.empty:
                continue
            said = {n: f"{row.ahead:+.1f} ± {row.interval:.1f}" for n, row in rows.iterrows()}
            certain = [n for n, row in rows.iterrows() if comparing.verdict(row) != "not certain"]
            said |= {n: f"**{said[n]}**" for n in certain}
            cells = " | ".join(said.get(n, "") for n in sizes)
            lines.append(f"| {name}, {form} | {cells.replace('-', '−')} |")
    return lines


PUSHED_STEPS = {  # of the recorded table `push`
    "Option 1": "Option 1",
    "with altered copies": "Option 1 with altered copies",
    "then everything moves": "then everything",
    "six such networks averaged, three of them pretrained on pen strokes":
        "both sources: answers of six averaged",
}  # fmt: skip


def pushed(table: pd.DataFrame) -> str:
    """How far few digits were pushed: mean ± spread in percent, a row a step, a column a size."""
    found = 100 * table.groupby(["step", "images"]).accuracy.agg(["mean", "std"])
    sizes = sorted(table.images.unique())
    lines = [
        "| labelled digits, step by step | " + " | ".join(f"{n:,}" for n in sizes) + " |",
        "| --- " * (len(sizes) + 1) + "|",
    ]
    for name, step in PUSHED_STEPS.items():
        cells = [f"{mean:.1f} ± {sd:.1f}" for mean, sd in found.loc[step].loc[sizes].to_numpy()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def matrix(table: pd.DataFrame, images: int = 50) -> str:
    """Option 1 as the README shows it: means in %, and points ahead of random layers."""
    own = table[(table.images == images) & table.option.isin(["1", "classical"])]
    mean = 100 * of_cells.cells(own).pivot(index="target", columns="source", values="mean")
    gains = of_cells.ahead(own, ("random", "1")).set_index(["target", "source"])
    lines = [
        f"| {images} labelled examples | random layers | pictures | sound | text | no network |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(own.target):
        said = [f"{mean.loc[name, 'random']:.0f}"]
        for source in of_cells.SOURCES:
            by = gains.loc[(name, source)]
            points = f"{by.ahead:+.1f} ± {by.interval:.1f}".replace("-", "−")
            shown = f"{mean.loc[name, source]:.0f} ({points})"
            said.append(f"**{shown}**" if abs(by.ahead) > by.interval else shown)
        lines.append(
            f"| {of_cells.CALLED[name]} | {' | '.join(said)} | {mean.loc[name, 'none']:.0f} |"
        )
    return "\n".join(lines) + "\n"


PUBLISHED_ARMS = {
    "own-option-1": "**five layers of drawings**",
    "lite0-option-1": "**ImageNet, best cut**",
    "lite0-last": "ImageNet, last features",
    "scratch": "from scratch",
    "random-frozen": "random layers",
    "classical": "no network",
}


def published(table: pd.DataFrame) -> str:
    """Rows of `finals` as the README shows them: mean ± standard deviation over draws, in %."""
    by = 100 * table.groupby(["target", "arm"]).accuracy.agg(["mean", "std"])
    lines = [
        f"| {experiments.IMAGES} labelled pictures | {' | '.join(PUBLISHED_ARMS.values())} |",
        "| --- " * (len(PUBLISHED_ARMS) + 1) + "|",
    ]
    for name in experiments.targets():
        rows = [by.loc[name, arm] for arm in PUBLISHED_ARMS]
        said = " | ".join(f"{row['mean']:.1f} ± {row['std']:.1f}" for row in rows)
        lines.append(f"| {name} | {said} |")
    return "\n".join(lines) + "\n"
