"""What every notebook starts with: a budget, the machine's speed, a source network, claims.

from tl_course.lessons.lesson import Lesson
lesson = Lesson("03", budget, seed, weights)
"""

from __future__ import annotations

import html
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from IPython import get_ipython
from IPython.display import HTML, display

from tl_course.base import machine, storage
from tl_course.base.errors import CourseError
from tl_course.core import files, network, pretraining, training
from tl_course.layers.snapshots import Growth
from tl_course.lessons import figures, speed
from tl_course.lessons.claims import Claim
from tl_course.study import results

if TYPE_CHECKING:
    import pandas as pd

STRICT = "TL_COURSE_STRICT"  # set by the tests: a claim that does not hold raises
MINE = "my-network"
CLAIM_STYLE = "border-left:4px solid #0072B2;padding:0.2em 0.8em;margin:0.4em 0"
ERROR_STYLE = CLAIM_STYLE.replace("#0072B2", "#D55E00")
STOPPED = "You stopped this cell. Run it again to start over."
WHY_NOT = (
    "That can happen: few draws, another seed or your own network scatter more than the recorded "
    "experiment. Run it with another seed, or look at the recorded results before you believe "
    "either."
)


class Budget(NamedTuple):
    """How much a notebook computes."""

    pretrain_images: int
    draws: int  # of each experiment
    sizes: tuple[int, ...]  # numbers of labelled images, where an experiment varies them
    images_per_test: int
    renders: int  # that are searched for the best patches
    every: int  # shows every n-th stimulus; a prime n keeps all sizes, places and strokes
    patches: int  # natural ones, shown beside synthesised pictures
    ascent_steps: int  # for a synthesised picture
    layers_to_make: int


BUDGETS = {
    "quick": Budget(
        pretrain_images=5_120, draws=1, sizes=(10, 20),
        images_per_test=500, renders=2_000, every=19, patches=500,
        ascent_steps=5, layers_to_make=2,
    ),
    "laptop": Budget(
        pretrain_images=131_072, draws=10, sizes=(10, 20, 30, 50, 100),
        images_per_test=2000, renders=100_000, every=5,
        patches=5_000, ascent_steps=120, layers_to_make=3,
    ),
    "gpu": Budget(
        pretrain_images=1_000_000, draws=40, sizes=(10, 20, 50, 100, 200, 500, 1000),
        images_per_test=2000, renders=1_000_000, every=1,
        patches=50_000, ascent_steps=300, layers_to_make=4,
    ),
}  # fmt: skip


def somebody_is_there() -> bool:
    """Whether a learner ran this cell; programs that run notebooks do not send the cell's id."""
    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    metadata = parent.get("metadata", {})
    return "cellId" in metadata or "colab" in metadata


def _told(
    shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: int | None = None
) -> list[str]:
    """Show an error or a stop: to a learner as a sentence, to a program with the traceback."""
    if somebody_is_there():
        sentence = str(error) if isinstance(error, CourseError) else STOPPED
        shown = f'<div role="alert" style="{ERROR_STYLE}">{html.escape(sentence)}</div>'
        display({"text/html": shown, "text/plain": sentence}, raw=True)
    else:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    return [f"{kind.__name__}: {error}"]


@dataclass
class Lesson:
    """One notebook's run. Raises CourseError if the budget or the weights do not exist."""

    number: str
    budget_name: str = "laptop"
    seed: int = 0
    weights: str = "shipped"

    def __post_init__(self) -> None:
        if self.budget_name not in BUDGETS:
            raise CourseError(
                "no_budget",
                f"There is no budget '{self.budget_name}'; choose one of {', '.join(BUDGETS)}.",
            )
        if self.weights not in ("shipped", "mine"):
            raise CourseError(
                "weights", f"weights is '{self.weights}'; choose 'shipped' or 'mine'."
            )
        if shell := get_ipython():
            shell.set_custom_exc((CourseError, KeyboardInterrupt), _told)
        self.budget = BUDGETS[self.budget_name]
        self.speed = speed.measured()
        display(HTML(f"<p><b>This machine:</b> {machine.hardware()}.<br>{self._how_long()}</p>"))

    @property
    def images_per_second(self) -> float:
        """How many images per second this machine trains five layers on, with all threads."""
        return self.speed.images * machine.threads()

    def _how_long(self) -> str:
        if self.budget_name == "quick":
            return "Budget quick: a rehearsal of a few seconds; numbers are rough."
        more = " Budget gpu asks for several times as much." if self.budget_name == "gpu" else ""
        return self.speed.how_long(self.number, more)

    def times(self) -> None:
        """Show how long each notebook computes on this machine."""
        display(HTML(self.speed.times()))

    def source_network(self) -> network.FiveLayerNet:
        """The pretrained network to start from: the shipped one, or your own from notebook 01.

        Raises CourseError if you have no network of your own yet.
        """
        if self.weights == "shipped":
            return pretraining.pretrained("emoji-images")
        folder = self.own_network
        if not folder.exists():
            raise CourseError(
                "no_own_network",
                "You have no network of your own yet: run notebook 01 to its end, or set "
                "weights = 'shipped'.",
            )
        return files.load(folder)

    @property
    def own_network(self) -> Path:
        """The folder in which notebook 01 keeps its network; a rehearsal has another folder."""
        rehearsed = (self.number, self.budget_name) == ("01", "quick")
        return self.folder() / ("rehearsal" if rehearsed else MINE)

    def live_curve(self, n_steps: int) -> LiveCurve:
        """An `on_step` for `Callbacks`: it redraws the loss about once a second."""
        return LiveCurve(n_steps)

    def folder(self) -> Path:
        """The folder for what a notebook makes; each person has one, in a shared home too."""
        return storage.person_folder()

    def evidence(self, name: str, live: list[dict] | pd.DataFrame) -> pd.DataFrame:
        """The table that claims rest on: `live`, or the recorded one at budget quick."""
        if self.budget_name == "quick":
            return results.load(name)
        import pandas as pd

        return pd.DataFrame(live)

    def judged(self, claim: Claim) -> HTML:
        """A claim with verdict and numbers as HTML; strict tests get AssertionError if it fails."""
        recorded = self.budget_name == "quick" if claim.recorded is None else claim.recorded
        where = "in the recorded results" if recorded else "in this run"
        if not claim.holds and os.environ.get(STRICT):
            raise AssertionError(f"claim did not hold {where}: {claim.text} ({claim.evidence})")
        mark, verdict = ("✔", "holds") if claim.holds else ("✘", "did not hold")
        why = "" if claim.holds else f"<br>{WHY_NOT}"
        return HTML(
            f'<div class="tl-claim" style="{CLAIM_STYLE}"><b>{mark} {claim.text}</b> '
            f"<span>({verdict} {where})</span><details{'' if claim.holds else ' open'}>"
            f"<summary>the numbers</summary>{claim.evidence}{why}</details></div>"
        )


class LiveCurve(Growth):
    """An `on_step` for the loop that redraws the loss about once a second, and records `Growth`."""

    def __init__(self, n_steps: int, seconds: float = 1.0):
        super().__init__(n_steps)
        self.seconds, self.drawn = seconds, 0.0
        self.handle = display(figures.training_curve([], [], n_steps), display_id=True)

    def __call__(self, step: int, net: torch.nn.Module, history: training.History) -> None:
        super().__call__(step, net, history)
        if step == self.n_steps or time.perf_counter() - self.drawn > self.seconds:
            self.handle.update(figures.training_curve(history.step, history.loss, self.n_steps))
            self.drawn = time.perf_counter()
