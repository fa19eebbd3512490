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
import torch.nn.functional as F
from IPython import get_ipython
from IPython.display import HTML, display

from tl_course.base import machine, storage
from tl_course.base.errors import CourseError
from tl_course.base.html import table
from tl_course.core import files, network, pretraining, training
from tl_course.layers.growing import Growth
from tl_course.lessons import figures, predictions
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
    every: int  # stimuli: each one, each fifth, … (a prime spares no size, place or stroke)
    patches: int  # natural ones, beside the pictures that are made
    ascent_steps: int  # for a picture that is made
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
TOO_LONG = 600  # seconds, from which on it is said what to do about it
REFERENCE = 4000.0  # images a second of the bare network, on two cores with bf16
# What a notebook computes for at that speed with budget laptop.
SECONDS = {
    "00": 12, "01": 55, "02": 85, "03": 75, "04": 124, "05": 90, "06": 25, "07": 60,
    "08": 52, "09": 85, "10": 30,
}  # fmt: skip


def images_per_second(seconds: float = 0.5) -> float:
    """How fast this machine trains the five-layer network: a few real steps, timed."""
    device = machine.device()
    bf16 = machine.has_fast_bf16(device)
    net = network.FiveLayerNet().to(device, memory_format=torch.channels_last)
    x = torch.randn(256, 3, 32, 32, device=device).contiguous(memory_format=torch.channels_last)
    y = torch.randint(1000, (256,), device=device)

    def step() -> float:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            scores = net(x)
        loss = F.cross_entropy(scores.float(), y)
        loss.backward()
        return loss.item()  # waits for the device

    step()
    begun, steps = time.perf_counter(), 0
    while steps < 2 or time.perf_counter() - begun < seconds:
        step()
        steps += 1
    return 256 * steps / (time.perf_counter() - begun)


def somebody_is_there() -> bool:
    """Whether a learner ran this cell: programs that run notebooks do not say which cell it is."""
    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    metadata = parent.get("metadata", {})
    return "cellId" in metadata or "colab" in metadata


def _told(
    shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: int | None = None
) -> list[str]:
    """To a learner, a CourseError in a cell, or a stop, is a sentence without a traceback."""
    if somebody_is_there():
        sentence = str(error) if isinstance(error, CourseError) else STOPPED
        said = f'<div role="alert" style="{ERROR_STYLE}">{html.escape(sentence)}</div>'
        display({"text/html": said, "text/plain": sentence}, raw=True)
    else:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    return [f"{kind.__name__}: {error}"]


@dataclass
class Lesson:
    """One notebook's run. Raises CourseError for a budget or weights that do not exist."""

    number: str
    budget_name: str = "laptop"
    seed: int = 0
    weights: str = "shipped"

    def __post_init__(self) -> None:
        if self.budget_name not in BUDGETS:
            raise CourseError(
                f"There is no budget '{self.budget_name}'; choose one of {', '.join(BUDGETS)}."
            )
        if self.weights not in ("shipped", "mine"):
            raise CourseError(f"weights is '{self.weights}'; choose 'shipped' or 'mine'.")
        if shell := get_ipython():
            shell.set_custom_exc((CourseError, KeyboardInterrupt), _told)
        self.budget = BUDGETS[self.budget_name]
        self.speed = images_per_second()
        display(HTML(f"<p><b>This machine:</b> {machine.hardware()}.<br>{self._how_long()}</p>"))

    def _how_long(self) -> str:
        if self.budget_name == "quick":
            return "Budget quick: a rehearsal of a few seconds; numbers are rough."
        about = machine.time_in_words(self.seconds(self.number))
        more = "; budget gpu asks for several times as much" if self.budget_name == "gpu" else ""
        return (
            f"The network learns from about {self.speed:,.0f} pictures per second here, so this "
            f"notebook will compute for about <b>{about}</b>{more}.{self._if_too_long()}"
        )

    def _if_too_long(self) -> str:
        if self.seconds(self.number) < TOO_LONG:
            return ""
        return (
            " That is long: this machine may be busy now, and then it is worth waiting until it is "
            'free. Or set budget = "quick" in the cell that sets it.'
        )

    def times(self) -> None:
        """Show how long each notebook computes on this machine."""
        rows = [(number, machine.time_in_words(self.seconds(number))) for number in SECONDS]
        display(HTML(table(rows, ("notebook", "computes for, on this machine"))))

    def seconds(self, number: str) -> float:
        """How long a notebook will compute here with budget laptop, from the measured speed."""
        return SECONDS[number] * max(0.2, REFERENCE / self.speed)

    def source_network(self) -> network.FiveLayerNet:
        """The pretrained network to borrow from: the shipped one, or yours of notebook 01."""
        if self.weights == "shipped":
            return pretraining.pretrained("emoji-images")
        folder = self.own_network
        if not folder.exists():
            raise CourseError(
                "You have no network of your own yet: run notebook 01 to its end, or set "
                "weights = 'shipped'."
            )
        return files.load(folder)

    @property
    def own_network(self) -> Path:
        """Where notebook 01 keeps the network that it trains; a rehearsal goes elsewhere."""
        rehearsed = (self.number, self.budget_name) == ("01", "quick")
        return self.folder() / ("rehearsal" if rehearsed else MINE)

    def live_curve(self, n_steps: int) -> LiveCurve:
        """What `Watch` calls at each step: it redraws the loss about once a second."""
        return LiveCurve(n_steps)

    def folder(self) -> Path:
        """Where what a notebook makes is kept: a folder for each person, in a shared home too."""
        return storage.person_folder()

    def predictions(self) -> None:
        """What `tl.predictions` shows, as it is now; for an earlier release's notebooks."""
        display(HTML(predictions.in_words(predictions.of(self.number))))

    def calibration(self) -> None:
        """What `tl.calibration` shows, as it is now; for an earlier release's notebooks."""
        picture, words = predictions.calibration(predictions.of())
        display(*filter(None, [picture]), HTML(words))

    def evidence(self, name: str, live: list[dict] | pd.DataFrame) -> pd.DataFrame:
        """The table that claims rest on: what ran here, or at budget quick what was recorded."""
        if self.budget_name == "quick":
            return results.load(name)
        import pandas as pd

        return pd.DataFrame(live)

    def show(self, claim: Claim, *, recorded: bool | None = None) -> None:
        """Say in one sentence whether a claim held, and the rest on request; strict in tests.

        `recorded` says that the evidence is the recorded results, or (False) this very run, at any
        budget; else it is what `evidence` gives: recorded at budget quick.
        """
        recorded = self.budget_name == "quick" if recorded is None else recorded
        where = "in the recorded results" if recorded else "in this run"
        mark, verdict = ("✔", "holds") if claim.holds else ("✘", "did not hold")
        why = "" if claim.holds else f"<br>{WHY_NOT}"
        display(
            HTML(
                f'<div class="tl-claim" style="{CLAIM_STYLE}"><b>{mark} {claim.text}</b> '
                f"<span>({verdict} {where})</span><details{'' if claim.holds else ' open'}>"
                f"<summary>the numbers</summary>{claim.evidence}{why}</details></div>"
            )
        )
        if not claim.holds and os.environ.get(STRICT):
            raise AssertionError(f"claim did not hold {where}: {claim.text} ({claim.evidence})")

    def claim(self, text: str, *, holds: bool, evidence: str, recorded: bool | None = None) -> None:
        """What `show` does, in the words of an earlier release; gone after the next one."""
        self.show(Claim(text, bool(holds), evidence), recorded=recorded)


class LiveCurve(Growth):
    """Give it to the loop as `on_step`: it redraws the loss about once a second, and watches."""

    def __init__(self, n_steps: int, seconds: float = 1.0):
        super().__init__(n_steps)
        self.seconds, self.drawn = seconds, 0.0
        self.handle = display(figures.training_curve([], [], n_steps), display_id=True)

    def __call__(self, step: int, net: torch.nn.Module, history: training.History) -> None:
        super().__call__(step, net, history)
        if step == self.n_steps or time.perf_counter() - self.drawn > self.seconds:
            self.handle.update(figures.training_curve(history.step, history.loss, self.n_steps))
            self.drawn = time.perf_counter()
