"""The training lab: set up a training, watch it, stop it, and compare two."""

import threading
import time
from collections.abc import Callable

import ipywidgets as widgets

from tl_course.core.network import FiveLayerNet
from tl_course.data.examples import Target
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons import figures
from tl_course.lessons.figures import Picture, percent
from tl_course.study import comparing, matrix, results, trials
from tl_course.study.trials import Look, Run, Trial
from tl_course.widgets import figures as trial_plots
from tl_course.widgets.base import WRAP, Experiment, Slot, control, number, one_of, status, table

KEPT = 6  # runs; more would make the text that is shared too long
BETWEEN = 0.5  # seconds between two pictures of a run under way
TUNED = 0.0  # stands for the rate that was found on validation digits
ARMS = ("option-1", "option-2", "scratch", "random-frozen")  # of the still picture
SEEDS = 999


class Training(Experiment):
    """What experiments that train have: networks, digits, how many of them, Start and Stop."""

    def __init__(self, net: FiveLayerNet | None, target: Target | None, seed: int, start: str):
        super().__init__(seed)
        self.nets = matrix.pretrained() | ({"image": net} if net is not None else {})
        self.target = target or handwritten()
        sizes = [(f"{n:,}", n) for n in trials.sizes(self.target)]
        self.images = control(widgets.SelectionSlider, "Labelled images", options=sizes, value=50)
        self.augment = widgets.Checkbox(description="altered copies too", indent=False)
        self.start_button = widgets.Button(description=start)
        self.stop_button = widgets.Button(description="Stop", disabled=True)
        self.status = widgets.HTML()
        self.on_click(self.start_button, self._start, once=True)
        self.on_click(self.stop_button, self._stop)

    @property
    def trial(self) -> Trial:
        """What the controls say now, as something to run."""
        raise NotImplementedError

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

            return trials.run(trial, nets, target, stop=stop, tell=now_and_then)

        self.work(job, self._report, self._ended)

    def _stop(self) -> None:
        self.stop()
        self.stop_button.disabled = True

    def _report(self, news: tuple[Trial, tuple[Look, ...]]) -> None:
        """What is shown while it trains."""

    def _ended(self, run: Run | None) -> None:
        if run is None:
            self._busy(False, "It ended with an error.")
        elif run.accuracy is None:
            self._stopped(run)
        else:
            self._finished(run)

    def _busy(self, busy: bool, said: str) -> None:
        self.start_button.disabled, self.stop_button.disabled = busy, not busy
        self.status.value = status(said)


class TrainingLab(Training):
    """Trainings of the learner's own, on handwritten digits; `net` is the one of drawings."""

    name, title = "training-lab", "Training lab"

    def __init__(
        self, net: FiveLayerNet | None = None, target: Target | None = None, seed: int = 0
    ):
        super().__init__(net, target, seed, "Start")
        self.start_button.button_style = "primary"
        self.runs: list[Run] = []
        options = [("1: four layers fixed", "1"), ("2: everything may move", "2")]
        rates = [("as tuned", TUNED), *((f"{rate:g}", rate) for rate in trials.RATES)]
        self.start_from = control(widgets.Dropdown, "Start from", options=list(trials.STARTS))
        self.option = control(widgets.Dropdown, "Option", options=options, value="2")
        self.frozen = control(widgets.IntSlider, "First layers fixed", max=4)
        self.rate = control(widgets.SelectionSlider, "Learning rate", options=rates)
        self.draw = control(widgets.IntSlider, "Seed", value=min(seed, SEEDS), max=SEEDS)
        self.seed = self.draw.value
        self.controls = {
            "start": self.start_from, "option": self.option, "frozen": self.frozen,
            "images": self.images, "augment": self.augment, "rate": self.rate,
        }  # fmt: skip
        self.forget_button = widgets.Button(description="Forget these runs", disabled=True)
        self.bar = widgets.IntProgress(description="Progress", max=1, layout={"width": "16em"})
        self.status.value = "<p>Set up a training and press Start.</p>"
        self.picture, self.table = Slot(), widgets.HTML()
        self.first, self.second = (
            control(widgets.Dropdown, said, width="98%", options=[("–", -1)])
            for said in ("Compare", "with")
        )
        self.pair = widgets.HBox([self.first, self.second], layout=WRAP | {"display": "none"})
        self.on_click(self.forget_button, self._forget)
        self.on_change(
            self.controls.values(), lambda _: self._fit_controls()
        )  # and the state follows
        self.on_change(self.draw, self._reseed)
        self.on_change((self.first, self.second), lambda _: self._compare())
        rows = (
            [self.start_from, self.option],
            [self.images, self.augment],
            [self.frozen, self.rate, self.draw],
            [self.start_button, self.stop_button, self.bar, self.status],
        )
        shown = self.picture.view, self.table, self.pair, self.forget_button
        self.lay_out([*(widgets.HBox(row, layout=WRAP) for row in rows), *shown])

    @property
    def trial(self) -> Trial:
        """What the controls say now."""
        moves = {"frozen": self.frozen.value, "rate": self.rate.value or None}
        return Trial(
            self.start_from.value, self.option.value, images=self.images.value,
            augment=self.augment.value, seed=self.seed,
            **(moves if self.option.value == "2" else {}),
        )  # fmt: skip

    def _fit_controls(self) -> None:
        for one in (self.frozen, self.rate):
            one.disabled = self.option.value == "1"
            one.layout.display = "none" if one.disabled else ""

    def _reseed(self, seed: int) -> None:
        self.seed = seed

    # ------------------------------------------------------------------ a run

    def _report(self, news: tuple[Trial, tuple[Look, ...]]) -> None:
        trial, looks = news
        now = looks[-1]
        self.bar.max, self.bar.value = now.steps, now.step
        left = f", about {max(1, round(now.left))} s left" if now.left == now.left else ""
        # No live region: a screen reader would have to say each step.
        self.status.value = f"<p>Step {now.step:,} of {now.steps:,}{left}.</p>"
        self._draw({"this run": looks}, f"Under way: {trial.words}")

    def _stopped(self, run: Run) -> None:
        if run.looks:
            self._draw({"this run": run.looks}, f"Stopped: {run.trial.words}")
        self._busy(False, f"Stopped after {run.seconds:.1f} s; such a run is not in the table.")

    def _finished(self, run: Run) -> None:
        self.runs = [*self.runs, run][-KEPT:]
        self._busy(False, f"Done: {percent(run.accuracy)} of {len(run.right):,} test digits right.")
        self._offer(max(0, len(self.runs) - 2), len(self.runs) - 1)
        self._compare()

    def _busy(self, busy: bool, said: str) -> None:
        super()._busy(busy, said)
        self.forget_button.disabled = busy or not self.runs
        self.bar.value = 0

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
        first, second = self.first.value, self.second.value
        if first == second:
            self._draw({"this run": self.runs[first].looks}, self._named(first))
        else:
            shown = {self._named(i): self.runs[i].looks for i in (first, second)}
            words = trials.compared(self.runs[first], self.runs[second])
            self._draw(shown, "Two of your runs", words)

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

    def settings(self) -> dict:
        return super().settings() | {
            "compared": [self.first.value, self.second.value],
            "runs": [trials.to_plain(run) for run in self.runs],
        }

    def apply(self, settings: dict) -> None:
        self.draw.value = number({"seed": self.seed}, "seed", 0, SEEDS)
        super().apply(settings)
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
            {"way": figures.STYLES[row.arm][0], "images": row.images,
             "right, of 100": f"{row.mean:.1f} ± {row.sd:.1f}", "draws": row.draws}
            for row in comparing.means(recorded).itertuples()
        ]  # fmt: skip
        return picture, rows
