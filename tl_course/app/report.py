"""Runs notebooks headless and writes an HTML report."""

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from tl_course import __version__
from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError
from tl_course.base.html import page, paragraph, table

INDEX = "index.html"
MANIFEST = ".tl-course-run.json"  # lists the files of a folder that this command has written
SILENCE = 600  # seconds that a kernel may take to start or to send an output
TITLE = "Borrowed Eyes: transfer learning you can run, see and touch"


@dataclass(frozen=True)
class Executed:
    """The result of one notebook; `error` names the cell and what it raised, or is None."""

    name: str
    title: str
    seconds: float
    error: str | None

    @property
    def result(self) -> str:
        return f"failed: {self.error}" if self.error else "ok"


def free_report_folder(out: Path, notebooks: list[Path], overwrite: bool = False) -> Path:
    """Make or check the folder for executed notebooks.

    Raises CourseError if it holds the notebooks themselves, or if a file from elsewhere would be
    replaced and `overwrite` is False.
    """
    out = storage.make_folder(out.resolve())
    if any(notebook.parent == out for notebook in notebooks):
        raise CourseError(
            "notebooks_there", f"{out} has the notebooks themselves: give --out another folder."
        )
    earlier = _made(out)
    names = (f"{notebook.stem}{end}" for notebook in notebooks for end in (".html", ".ipynb"))
    written = {INDEX, *names}
    for path in (out / name for name in sorted(written - earlier)):
        storage.refuse_to_overwrite(path, f"{path} is not from an earlier run", overwrite)
    storage.write_text(out / MANIFEST, json.dumps(sorted(earlier | written), indent=1) + "\n")
    return out


def _made(out: Path) -> set[str]:
    """The names of files that earlier runs wrote to `out`; empty if that is not known."""
    try:
        text = untrusted_input.content(out / MANIFEST, untrusted_input.MOST_TEXT, follow=False)
        names = untrusted_input.parsed(text, MANIFEST)
    except CourseError:
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def run_notebook(notebook: Path, out: Path, budget: str, seed: int) -> Executed:
    """Run a notebook in its folder, and write `out/name.ipynb` and `out/name.html`."""
    executed = out / notebook.name
    for earlier in (executed, executed.with_suffix(".html")):
        earlier.unlink(missing_ok=True)
    start = time.perf_counter()
    try:
        with storage.atomic_path(executed) as draft:
            error = execute(notebook, draft, budget, seed)
            if not draft.stat().st_size:
                raise CourseError("not_run", error or "nothing came of it")
    except CourseError as problem:
        error = str(problem)
    seconds = time.perf_counter() - start
    title = _write_html(executed) if executed.exists() else None
    return Executed(notebook.stem, title or notebook.stem, seconds, error)


def execute(notebook: Path, to: Path, budget: str, seed: int) -> str | None:
    """Run a notebook and write it with its outputs so far; returns its error, or None."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from tl_course.app.notebooks import KERNEL

    try:
        papermill.execute_notebook(
            str(notebook),
            str(to),
            parameters={"budget": budget, "seed": seed},
            kernel_name=KERNEL,
            language="python",
            cwd=str(notebook.parent),
            progress_bar=False,
            # A busy machine may be slow, but it answers in the end.
            start_timeout=SILENCE,
            iopub_timeout=SILENCE,
        )
    except KeyboardInterrupt:
        logging.getLogger("asyncio").disabled = True  # otherwise it logs unfinished tasks
        raise
    except PapermillExecutionError as problem:
        line = next((s for s in problem.source.splitlines() if s.strip()), "").strip()
        return f"cell {problem.cell_index} (`{line}`) raised {problem.ename}: {problem.evalue}"
    except Exception as problem:  # a dead kernel, a damaged file: the other notebooks go on
        words = str(problem).strip() or "no message"
        return f"{type(problem).__name__}: {words.splitlines()[-1]}"
    return None


def write_index(outcomes: list[Executed], out: Path, budget: str, seed: int) -> Path:
    """Write `out/index.html`, a table of notebooks with time and result; returns its path."""
    from tl_course.base import machine

    failed = sum(outcome.error is not None for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    summary = (
        f"{len(outcomes)} notebooks, {failed} failed, "
        f"{seconds:.0f} s with budget {budget} and seed {seed} "
        f"on {machine.summary()}; tl_course {__version__}."
    )
    rows = []
    for outcome in outcomes:
        there = (out / f"{outcome.name}.html").exists()
        link = Markup('<a href="{}.html">{}</a>').format(outcome.name, outcome.title)
        rows.append((link if there else outcome.title, f"{outcome.seconds:.1f} s", outcome.result))
    parts = [paragraph(summary), table(rows, ("Notebook", "Time", "Result"))]
    return storage.write_text(out / INDEX, page("Borrowed Eyes: report", parts, heading=TITLE))


def _write_html(executed: Path) -> str | None:
    """Write the notebook as HTML beside it; returns its first heading."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(executed, as_version=4)
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = (text.splitlines()[0].lstrip("# ").strip() for text in texts if text[:2] == "# ")
    title = next(headings, None)
    # Experiments do not work on a page, and their scripts would come from the network. Without
    # their state, the still picture and table of each experiment are shown instead.
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:  # code that JupyterLab collapses is left out
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["transient"] = {"remove_source": True}
    exporter = HTMLExporter(extra_template_basedirs=[])  # otherwise it uses templates here
    resources = {"metadata": {"name": title or executed.stem}}
    page, _ = exporter.from_notebook_node(notebook, resources)
    storage.write_text(executed.with_suffix(".html"), page)
    return title
