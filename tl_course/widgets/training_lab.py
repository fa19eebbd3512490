"""The training lab: set up a training, watch it, stop it, and compare two."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import ipywidgets as widgets

from tl_course.base import machine
from tl_course.core.network import FiveLayerNet
from tl_course.data.examples import Target
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons import figures
from tl_course.lessons.figures import Picture, percent
from tl_course.study import comparing, matrix, results, trials
from tl_course.study.trials import Look, Run, Trial
from tl_course.widgets import figures as trial_plots
from tl_course.widgets.base import Experiment, Slot, number, one_of, table

KEPT = 6  # runs; more would make the text that is shared too long
BETWEEN = 0.5  # seconds between two pictures of a run under way
TUNED = 0.0  # stands for the rate that was found on validation digits
LOW = {"description_width": "11em"}
WIDE = {"width": "29em", "max_width": "100%"}
WRAP = {"flex_flow": "row wrap", "align_items": "center"}
ARMS = ("option-1", "option-2", "scratch", "random-frozen")  # of the still picture
SEEDS = 999


class TrainingLab(Experiment):
    """Trainings of the learner's own, on handwritten digits; `net` is the one of drawings."""

    name, title = "training-lab", "Training lab"

    def __init__(
        self, net: FiveLayerNet | None = None, target: Target | None = None, seed: int = 0
    ):
        super().__init__(seed)
        self.nets = matrix.pretrained() | ({"image": net} if net is not None else {})
        self.target = target or handwritten()
        self.sizes = trials.sizes(self.target)
        self.runs: list[Run] = []
        self.start_from = widgets.Dropdown(
            description="Start from", options=list(trials.STARTS), style=LOW, layout=WIDE
        )
        self.option = widgets.Dropdown(
            description="Option", value="2", style=LOW, layout=WIDE,
            options=[("1: four layers fixed", "1"), ("2: everything may move", "2")],
        )  # fmt: skip
        self.frozen = widgets.IntSlider(
            description="First layers fixed", min=0, max=4, continuous_update=False, style=LOW,
            layout=WIDE,
        )  # fmt: skip
        self.images = widgets.SelectionSlider(
            description="Labelled images", options=[(f"{n:,}", n) for n in self.sizes], value=50,
            continuous_update=False, style=LOW, layout=WIDE,
        )  # fmt: skip
        self.augment = widgets.Checkbox(description="altered copies too", indent=False)
        self.rate = widgets.SelectionSlider(
            description="Learning rate", continuous_update=False, style=LOW, layout=WIDE,
            options=[("as tuned", TUNED), *((f"{rate:g}", rate) for rate in trials.RATES)],
        )  # fmt: skip
        self.draw = widgets.IntSlider(
            description="Seed", value=min(seed, SEEDS), max=SEEDS, continuous_update=False,
            style=LOW, layout=WIDE,
        )  # fmt: skip
        self.seed = self.draw.value
        self.start_button = widgets.Button(description="Start", button_style="primary")
        self.stop_button = widgets.Button(description="Stop", disabled=True)
        self.forget_button = widgets.Button(description="Forget these runs", disabled=True)
        self.bar = widgets.IntProgress(description="Progress", max=1, layout={"width": "16em"})
        self.status = widgets.HTML("<p>Set up a training and press Start.</p>")
        self.picture, self.table = Slot(), widgets.HTML()
        self.first, self.second = (
            widgets.Dropdown(
                description=said, options=[("–", -1)], style=LOW, layout={"width": "98%"}
            )
            for said in ("Compare", "with")
        )
        self.pair = widgets.HBox([self.first, self.second], layout=WRAP | {"display": "none"})
        self.on_click(self.start_button, self._start, once=True)
        self.on_click(self.stop_button, self._stop)
        self.on_click(self.forget_button, self._forget)
        self.on_change(self.option, lambda _: self._fit_controls())
        self.on_change(self.draw, self._reseed)
        for choice in (self.first, self.second):
            self.on_change(choice, lambda _: self._compare())
        for control in (self.start_from, self.frozen, self.images, self.augment, self.rate):
            self.on_change(control, lambda _: None)  # the state follows
        rows = (
            [self.start_from, self.option],
            [self.images, self.augment],
            [self.frozen, self.rate, self.draw],
            [self.start_button, self.stop_button, self.bar, self.status],
        )
        self.lay_out(
            [
                *(widgets.HBox(row, layout=WRAP) for row in rows),
                self.picture.view, self.table, self.pair, self.forget_button,
            ]
        )  # fmt: skip

    @property
    def trial(self) -> Trial:
        """What the controls say now."""
        option = self.option.value
        return Trial(
            start=self.start_from.value,
            option=option,
            frozen=self.frozen.value if option == "2" else 0,
            images=self.images.value,
            augment=self.augment.value,
            rate=(self.rate.value or None) if option == "2" else None,
            seed=self.seed,
        )

    def _fit_controls(self) -> None:
        for control in (self.frozen, self.rate):
            control.disabled = self.option.value == "1"
            control.layout.display = "none" if control.disabled else ""

    def _reseed(self, seed: int) -> None:
        self.seed = seed

    # ------------------------------------------------------------------ a run

    def _start(self) -> None:
        trial, nets, target = self.trial, self.nets, self.target
        self._busy(True, f"Starting: {trial.words} …")

        def job(stop: threading.Event, tell: Callable) -> Run:
            last = 0.0

            def now_and_then(looks: tuple[Look, ...]) -> None:
                nonlocal last
                if time.perf_counter() - last > BETWEEN and not stop.is_set():
                    tell((trial, looks))
                    last = time.perf_counter()

            with machine.one_thread():
                return trials.run(trial, nets, target, stop=stop, tell=now_and_then)

        self.work(job, self._report, self._finished)

    def _stop(self) -> None:
        self.stop()
        self.stop_button.disabled = True

    def _report(self, news: tuple[Trial, tuple[Look, ...]]) -> None:
        trial, looks = news
        now = looks[-1]
        self.bar.max, self.bar.value = now.steps, now.step
        left = f", about {max(1, round(now.left))} s left" if now.left == now.left else ""
        # No live region: a screen reader would have to say each step.
        self.status.value = f"<p>Step {now.step:,} of {now.steps:,}{left}.</p>"
        self._draw({"this run": looks}, f"Under way: {trial.words}")

    def _finished(self, run: Run | None) -> None:
        if run is None:
            return self._busy(False, "It ended with an error.")
        if run.accuracy is None:
            if run.looks:
                self._draw({"this run": run.looks}, f"Stopped: {run.trial.words}")
            return self._busy(
                False, f"Stopped after {run.seconds:.1f} s; such a run is not in the table."
            )
        self.runs = [*self.runs, run][-KEPT:]
        self._busy(False, f"Done: {percent(run.accuracy)} of {len(run.right):,} test digits right.")
        before = max(0, len(self.runs) - 2)
        self._offer(before, len(self.runs) - 1)
        self._compare()

    def _busy(self, busy: bool, status: str) -> None:
        self.start_button.disabled, self.stop_button.disabled = busy, not busy
        self.forget_button.disabled = busy or not self.runs
        self.bar.value = 0
        self.status.value = f'<p role="status">{status}</p>'

    def _forget(self) -> None:
        self.runs = []
        self._offer(-1, -1)
        self._busy(False, "No runs.")
        self._compare()

    # ------------------------------------------------------------------ what is shown

    def _named(self, index: int) -> str:
        return f"{index + 1}: {self.runs[index].trial.words}"

    def _offer(self, first: int, second: int) -> None:
        """The runs to choose from, and these two chosen."""
        with self.quietly():
            options = [(self._named(i), i) for i in range(len(self.runs))] or [("–", -1)]
            for choice, value in ((self.first, first), (self.second, second)):
                choice.options = options
                choice.value = value
        self.pair.layout.display = "" if len(self.runs) > 1 else "none"

    def _compare(self) -> None:
        """The table, and the picture of one or two runs."""
        self.table.value = table(self.rows(), "Your runs")
        if not self.runs:
            self.picture.clear()
            return
        chosen = list(dict.fromkeys([self.first.value, self.second.value]))
        shown = {self._named(i): self.runs[i].looks for i in chosen}
        if len(chosen) == 2:
            words = trials.compared(*(self.runs[i] for i in chosen))
            self._draw(shown, "Two of your runs", words)
        else:
            self._draw({"this run": self.runs[chosen[0]].looks}, self._named(chosen[0]))

    def _draw(self, runs: dict[str, tuple[Look, ...]], title: str, words: str = "") -> None:
        picture = trial_plots.progress(runs, title)
        self.picture.show(picture, words or picture.alt)

    def rows(self) -> list[dict]:
        """The table of the learner's runs."""
        return [
            {
                "run": i + 1, "start from": trial.start, "option": trial.option,
                "fixed": 4 if trial.option == "1" else trial.frozen, "images": trial.images,
                "copies": "yes" if trial.augment else "no",
                "rate": "–" if trial.option == "1" else trials.settings_of(trial).rate,
                "seed": trial.seed, "right": percent(run.accuracy),
                "seconds": f"{run.seconds:.1f}",
            }
            for i, run in enumerate(self.runs)
            for trial in [run.trial]
        ]  # fmt: skip

    # ------------------------------------------------------------------ state and still picture

    def settings(self) -> dict:
        return {
            "start": self.start_from.value, "option": self.option.value,
            "frozen": self.frozen.value, "images": self.images.value,
            "augment": self.augment.value, "rate": self.rate.value,
            "compared": [self.first.value, self.second.value],
            "runs": [trials.to_plain(run) for run in self.runs],
        }  # fmt: skip

    def apply(self, settings: dict) -> None:
        self.draw.value = number({"seed": self.seed}, "seed", 0, SEEDS)
        self.start_from.value = one_of(settings, "start", tuple(trials.STARTS))
        self.option.value = one_of(settings, "option", ("1", "2"))
        self.frozen.value = number(settings, "frozen", 0, 4)
        self.images.value = one_of(settings, "images", self.sizes)
        self.augment.value = one_of(settings, "augment", (False, True))
        self.rate.value = one_of(settings, "rate", (TUNED, *trials.RATES))
        found = settings["runs"] if isinstance(settings["runs"], list) else [None]
        self.runs = [trials.from_plain(run, len(self.target.test)) for run in found[-KEPT:]]
        places = tuple(range(len(self.runs))) or (-1,)
        pair = settings["compared"]
        pair = pair if isinstance(pair, list) and len(pair) == 2 else [None, None]
        first, second = (one_of({"compared": i}, "compared", places) for i in pair)
        self._offer(first, second)

    def show(self) -> None:
        self._fit_controls()
        self._busy(False, f"{len(self.runs)} runs so far." if self.runs else "No runs yet.")
        self._compare()

    def still(self) -> tuple[Picture, list[dict]]:
        """The learner's runs, or recorded ones where there are none yet."""
        if self.runs:
            return self.picture.picture, self.rows()
        recorded = comparing.plain(results.load("sweep"))
        recorded = recorded[recorded.images.isin([10, 50, 200]) & recorded.arm.isin(ARMS)]
        picture = figures.accuracies(
            recorded.to_dict("records"), "Recorded runs: the start decides, the option hardly", ARMS
        )
        rows = [
            {"way": figures.ARMS[row.arm][0], "images": row.images,
             "right, of 100": f"{row.mean:.1f} ± {row.sd:.1f}", "draws": row.draws}
            for row in comparing.means(recorded).itertuples()
        ]  # fmt: skip
        return picture, rows
