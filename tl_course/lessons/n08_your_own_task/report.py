"""What was found about a task of your own, as one HTML file that needs nothing beside it."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import torch

from tl_course import __version__
from tl_course.base import storage
from tl_course.data.targets.own_folder import Checked
from tl_course.lessons.figures import Picture
from tl_course.lessons.n08_your_own_task import figures as own_plots
from tl_course.lessons.n08_your_own_task import own_task
from tl_course.lessons.n08_your_own_task.own_task import Outcome

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: .3rem .8rem; border-bottom: 1px solid #bbb; vertical-align: top; }}
td.number {{ text-align: right; }}
img {{ max-width: 100%; height: auto; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
<p><small>Made by the course Borrowed Eyes, tl_course {version}.</small></p>
</main>
</body>
</html>
"""  # noqa: E501


def write(
    path: Path | str,
    outcome: Outcome,
    checked: Checked | None = None,
    rivals: dict[str, torch.Tensor] | None = None,
    curve: pd.DataFrame | None = None,
    title: str = "A task of your own",
    used_all: bool = False,
) -> Path:
    """Write the report to `path`; every name of a file or class in it is escaped.

    `used_all` says that the copies which `checked` would leave out were used as well.
    """
    parts = []
    if checked is not None:
        parts += ["<h2>The pictures</h2>", _findings(checked), _counts(checked.table())]
        if used_all and checked.copies:
            parts.append(_text("This time the copies were not left out, and were used as well."))
    parts += [_picture(own_plots.some_of_each(outcome.train, "What it learns from"))]
    chosen = {"1": "Option 1: four layers fixed", "2": "Option 2: everything moves"}
    copies = "with altered copies" if outcome.augment else "without altered copies"
    parts += [
        "<h2>The training</h2>",
        _text(f"{chosen.get(outcome.option, 'From scratch')}, {copies}. {outcome.why}"),
        "<h2>The test</h2>",
        _list(own_task.verdict(outcome, rivals or {}, curve)),
    ]
    if rivals:
        parts.append(_picture(own_plots.rivals(rivals)))
    if curve is not None:
        parts.append(_picture(own_plots.more_labels(curve)))
    parts += [
        "<h2>The mistakes</h2>",
        _picture(own_plots.confusion(outcome)),
        _picture(own_plots.worst(outcome)),
    ]
    page = PAGE.format(title=html.escape(title), body="\n".join(parts), version=__version__)
    return storage.write_text(path, page)


def _text(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>"


def _findings(checked: Checked) -> str:
    head, *_ = str(checked).splitlines()
    if not checked.findings:
        return _text(f"{head} Nothing was found that should worry you.")
    rows = []
    for finding in checked.findings:
        files = "<br>".join(html.escape(name) for name in finding.files[:20])
        if len(finding.files) > 20:
            files += f"<br>and {len(finding.files) - 20} more"
        rows.append(
            f'<tr><th scope="row">{html.escape(finding.what)}</th>'
            f"<td>{html.escape(finding.says)}</td><td>{files}</td></tr>"
        )
    return (
        _text(head) + '<table><thead><tr><th scope="col">Found</th><th scope="col">What it means'
        f'</th><th scope="col">Files</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _counts(table: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("class", *table.columns))
    rows = "".join(
        f'<tr><th scope="row">{html.escape(str(name))}</th>'
        + "".join(f'<td class="number">{value}</td>' for value in row)
        + "</tr>"
        for name, row in zip(table.index, table.to_numpy().tolist(), strict=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _picture(picture: Picture) -> str:
    return f"<p>{picture._repr_mimebundle_()['text/html']}</p>"
