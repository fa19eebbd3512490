"""Runs notebooks headless and makes one HTML report of them."""

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
MANIFEST = ".tl-course-run.json"  # the files in a folder that this command makes there
SILENCE = 600  # seconds that a kernel may take to start, or keep its outputs to itself
TITLE = "Borrowed Eyes: transfer learning you can run, see and touch"


@dataclass(frozen=True)
class Executed:
    """How one notebook went: `error` names the cell and what it raised, or is None."""

    name: str
    title: str
    seconds: float
    error: str | None

    @property
    def result(self) -> str:
        return f"failed: {self.error}" if self.error else "ok"


def free_folder(out: Path, notebooks: list[Path], overwrite: bool = False) -> Path:
    """The folder to run notebooks into, made where it is missing, looked at before they run.

    Raises CourseError where it has the notebooks themselves, and where a file would be replaced
    that no run made there and `overwrite` is False.
    """
    out = storage.make_folder(out.resolve())
    if any(notebook.parent == out for notebook in notebooks):
        raise CourseError(f"{out} has the notebooks themselves: give --out another folder.")
    made = _made(out)
    wanted = {INDEX, *(f"{one.stem}{end}" for one in notebooks for end in (".html", ".ipynb"))}
    for path in (out / name for name in sorted(wanted - made)):
        storage.refuse_to_overwrite(path, f"{path} is not from an earlier run", overwrite)
    storage.write_text(out / MANIFEST, json.dumps(sorted(made | wanted), indent=1) + "\n")
    return out


def _made(out: Path) -> set[str]:
    """The names of the files in `out` that runs have made there; none where that is not known."""
    try:
        text = untrusted_input.content(out / MANIFEST, untrusted_input.MOST_TEXT, follow=False)
        names = untrusted_input.parsed(text, MANIFEST)
    except CourseError:
        return set()
    return {one for one in names if isinstance(one, str)} if isinstance(names, list) else set()


def run_notebook(notebook: Path, out: Path, budget: str, seed: int) -> Executed:
    """Runs one notebook in its own folder; writes `out/name.ipynb` and `out/name.html`."""
    executed = out / notebook.name
    for earlier in (executed, executed.with_suffix(".html")):
        earlier.unlink(missing_ok=True)
    start = time.perf_counter()
    try:
        with storage.atomic_path(executed) as draft:
            error = execute(notebook, draft, budget, seed)
            if not draft.stat().st_size:
                raise CourseError(error or "nothing came of it")
    except CourseError as problem:
        error = str(problem)
    seconds = time.perf_counter() - start
    title = _write_html(executed) if executed.exists() else None
    return Executed(notebook.stem, title or notebook.stem, seconds, error)


def execute(notebook: Path, to: Path, budget: str, seed: int) -> str | None:
    """Runs a notebook and writes it with its outputs, as far as it gets; what went wrong."""
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
            # Of a busy machine nothing is known but that it answers in the end.
            start_timeout=SILENCE,
            iopub_timeout=SILENCE,
        )
    except KeyboardInterrupt:
        logging.getLogger("asyncio").disabled = True  # it would tell what was left undone
        raise
    except PapermillExecutionError as problem:
        line = next((s for s in problem.source.splitlines() if s.strip()), "").strip()
        return f"cell {problem.cell_index} (`{line}`) raised {problem.ename}: {problem.evalue}"
    except Exception as problem:  # a dead kernel, a damaged file: the other notebooks go on
        words = str(problem).strip() or "no message"
        return f"{type(problem).__name__}: {words.splitlines()[-1]}"
    return None


def write_index(outcomes: list[Executed], out: Path, budget: str, seed: int) -> Path:
    """Writes `out/index.html`, a table of the notebooks with time and result; returns its path."""
    from tl_course.base import machine

    failed = sum(o.error is not None for o in outcomes)
    summary = (
        f"{len(outcomes)} notebooks, {failed} failed, "
        f"{sum(o.seconds for o in outcomes):.0f} s with budget {budget} and seed {seed} "
        f"on {machine.summary()}; tl_course {__version__}."
    )
    rows = []
    for o in outcomes:
        there = (out / f"{o.name}.html").exists()
        link = Markup('<a href="{}.html">{}</a>').format(o.name, o.title)
        rows.append((link if there else o.title, f"{o.seconds:.1f} s", o.result))
    parts = [paragraph(summary), table(rows, ("Notebook", "Time", "Result"))]
    return storage.write_text(out / INDEX, page("Borrowed Eyes: report", parts, heading=TITLE))


def _write_html(executed: Path) -> str | None:
    """Writes the notebook as HTML beside it; returns its first heading."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(executed, as_version=4)
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = (text.splitlines()[0].lstrip("# ").strip() for text in texts if text[:2] == "# ")
    title = next(headings, None)
    # On a page an experiment is dead, and its scripts would come from the network: without its
    # state the still picture and the table that every experiment brings are shown instead.
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:  # collapsed in JupyterLab, left out of the page
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["transient"] = {"remove_source": True}
    exporter = HTMLExporter(extra_template_basedirs=[])  # else templates of the present folder
    resources = {"metadata": {"name": title or executed.stem}}
    page, _ = exporter.from_notebook_node(notebook, resources)
    storage.write_text(executed.with_suffix(".html"), page)
    return title
