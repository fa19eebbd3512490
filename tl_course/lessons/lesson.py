"""What every notebook starts with: a budget, the machine's speed, a source network, claims.

from tl_course.lessons.lesson import Lesson
lesson = Lesson("03", budget, seed, weights)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from IPython import get_ipython
from IPython.display import HTML, display

from tl_course.base import machine, storage
from tl_course.base.errors import CourseError
from tl_course.core import files, network, pretraining
from tl_course.lessons import audience, speed
from tl_course.lessons.budgets import BUDGETS
from tl_course.lessons.claims import Claim
from tl_course.lessons.live_curve import LiveCurve
from tl_course.study import results

if TYPE_CHECKING:
    import pandas as pd

MINE = "my-network"


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
            shell.set_custom_exc((CourseError, KeyboardInterrupt), audience.tell_in_a_sentence)
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
        """Whether a claim held, in one sentence, with its numbers on request; strict in tests."""
        recorded = self.budget_name == "quick" if claim.recorded is None else claim.recorded
        where = "in the recorded results" if recorded else "in this run"
        if not claim.holds and os.environ.get(audience.STRICT):
            raise AssertionError(f"claim did not hold {where}: {claim.text} ({claim.evidence})")
        return HTML(claim.as_html(where))
