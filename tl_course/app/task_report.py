"""The report on a task of your own, as one self-contained HTML file."""

from pathlib import Path

import pandas as pd
import torch
from markupsafe import Markup

from tl_course import __version__
from tl_course.base import storage
from tl_course.base.html import bullets, lines_of_cell, page, paragraph, table
from tl_course.data.targets.own_folder import Checked, legible
from tl_course.lessons.drawing import Picture
from tl_course.lessons.n08_your_own_task import figures as own_plots
from tl_course.study import own_task
from tl_course.study.own_task import Outcome


def write_report(
    path: Path | str,
    outcome: Outcome,
    checked: Checked | None = None,
    rivals: dict[str, torch.Tensor] | None = None,
    curve: pd.DataFrame | None = None,
    title: str = "A task of your own",
) -> Path:
    """Write the report to `path`; all names of files and classes are escaped."""
    parts = []
    if checked is not None:
        parts += [_heading("The pictures"), *_findings(checked), _counts(checked.table())]
    parts += [_picture(own_plots.some_of_each(outcome.train, "What it learns from"))]
    chosen = {"1": "Option 1: four layers frozen", "2": "Option 2: everything fine-tuned"}
    augmentation = f"with{'' if outcome.augment else 'out'} augmentation"
    parts += [
        _heading("The training"),
        paragraph(f"{chosen.get(outcome.option, 'From scratch')}, {augmentation}. {outcome.why}"),
        _heading("The test"),
        bullets(own_task.verdict_sentences(outcome, rivals or {}, curve)),
    ]
    if rivals:
        parts.append(_picture(own_plots.plot_rivals(own_task.shares(rivals))))
    if curve is not None:
        parts.append(_picture(own_plots.plot_more_labels(curve)))
    parts += [
        _heading("The mistakes"),
        _picture(own_plots.plot_test_confusion(outcome)),
        _picture(own_plots.worst(outcome)),
    ]
    made = Markup("<p><small>{}</small></p>")
    parts.append(made.format(f"Made by the course Borrowed Eyes, tl_course {__version__}."))
    return storage.write_text(path, page(title, parts))


def _heading(text: str) -> Markup:
    return Markup("<h2>{}</h2>").format(text)


def _findings(checked: Checked) -> list[Markup]:
    head, *_ = str(checked).splitlines()
    if not checked.findings:
        return [paragraph(f"{head} Nothing was found that should worry you.")]
    rows = []
    for finding in checked.findings:
        more = [f"and {len(finding.files) - 20} more"] if len(finding.files) > 20 else []
        rows.append(
            (finding.what, finding.says, lines_of_cell([*map(legible, finding.files[:20]), *more]))
        )
    return [paragraph(head), table(rows, ("Found", "What it means", "Files"), named=True)]


def _counts(counted: pd.DataFrame) -> Markup:
    rows = zip(counted.index, counted.to_numpy().tolist(), strict=True)
    named = [(str(name), *row) for name, row in rows]
    return table(named, ("class", *counted.columns), named=True)


def _picture(picture: Picture) -> Markup:
    return Markup(f"<p>{picture._repr_mimebundle_()['text/html']}</p>")
