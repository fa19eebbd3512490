"""The training lab: set up a training, watch it, stop it, and compare two."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import anywidget
import ipywidgets as widgets
import traitlets

from tl_course.core.network import LAYERS, WIDTHS, FiveLayerNet
from tl_course.data.examples import Target
from tl_course.data.inputs import SIZE
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons import figures
from tl_course.lessons.drawing import STYLES, Picture
from tl_course.study import comparing, matrix, results, trials
from tl_course.study.trials import Look, Run, Trial
from tl_course.widgets import figures as trial_plots
from tl_course.widgets.base import (
    WRAP,
    Experiment,
    Slot,
    button,
    columns,
    control,
    number,
    one_of,
    status,
    table_of_rows,
)
from tl_course.widgets.parts import joined

MOST_RUNS = 6  # more would make the shared text too long
BETWEEN = 0.5  # seconds between two pictures of a run under way
TUNED = 0.0  # stands for the rate that was tuned on validation digits
ARMS = ("option-1", "option-2", "scratch", "random-frozen")  # of the still picture
SEEDS = 999
NAMES = "W¹", "W²", "W³", "W⁴"
NO_RUN = "Set up a training and press Start."


class Network(anywidget.AnyWidget):
    """Five layers as buttons (`front/network.js`); the first `fixed` ones are frozen."""

    _esm = joined("network")
    layers = traitlets.List().tag(sync=True)
    start = traitlets.Unicode("drawings").tag(sync=True)
    fixed = traitlets.Int(0, min=0, max=len(LAYERS)).tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    moved = traitlets.List(traitlets.Float()).tag(sync=True)  # in percent
    about = traitlets.Unicode("").tag(sync=True)

    def __init__(self) -> None:
        sides = (SIZE // 2**number for number in range(1, len(LAYERS) + 1))
        super().__init__(layers=[list(layer) for layer in zip(NAMES, WIDTHS, sides, strict=True)])


class Training(Experiment):
    """The base of experiments that train: networks, digits, their number, Start and Stop."""

    def __init__(self, net: FiveLayerNet | None, target: Target | None, seed: int, start: str):
        super().__init__(seed)
        self.nets = matrix.pretrained_by_modality() | ({"image": net} if net is not None else {})
        self.target = target or handwritten()
        sizes = [(f"{n:,}", n) for n in trials.sizes(self.target)]
        self.images = control(
            widgets.SelectionSlider, "Labelled images", width="100%", options=sizes, value=50
        )
        self.augment = widgets.Checkbox(description="train on altered copies too", indent=False)
        self.start_button, self.stop_button = button(start, "primary"), button("Stop")
        self.stop_button.disabled = True
        self.buttons = widgets.HBox([self.start_button, self.stop_button], layout=WRAP)
        self.status = widgets.HTML().add_class("tlc-status")
        self.on_click(self.start_button, self._start, once=True)
        self.on_click(self.stop_button, self._stop)

    @property
    def trial(self) -> Trial:
        """The training that the controls describe."""
        raise NotImplementedError

    def _start(self) -> None:
        trial, nets, target = self.trial, self.nets, self.target
        self._busy(True, "Starting …")

        def job(stop: threading.Event, tell: Callable[[Run], None]) -> Run:
            def looked(looks: tuple[Look, ...]) -> None:
                tell(Run(trial, looks, 0.0))

            return trials.run_trial(trial, nets, target, stop=stop, tell=looked)

        self.work(job, self._report, self._ended, BETWEEN)

    def _stop(self) -> None:
        self.stop()  # the button stays enabled: a disabled one would lose the focus
        self.status.value = status("Stopping after this step …")

    def _report(self, so_far: Run) -> None:
        """Show the progress of a run under way."""
        now = so_far.looks[-1]
        left = f", about {max(1, round(now.left))} s left" if now.left == now.left else ""
        # No live region: a screen reader would speak each step.
        self.status.value = f"<p>Step {now.step:,} of {now.steps:,}{left}.</p>"

    def _ended(self, run: Run | None) -> None:
        if run is None:
            self._busy(False, "It ended with an error.")
        elif run.accuracy is None:
            self._stopped(run)
        else:
            self._finished(run)

    def _busy(self, busy: bool, sentence: str) -> None:
        buttons = self.stop_button, self.start_button
        enabled, disabled = buttons if busy else reversed(buttons)
        enabled.disabled = False  # first, so that one of them can always have the focus
        disabled.disabled = True
        self.status.value = status(sentence)


class TrainingLab(Training):
    """The learner's own trainings on handwritten digits; `net` is pretrained on drawings.

    The first `network.fixed` layers are frozen: four are Option 1, and fewer are Option 2.
    """

    name, title = "training-lab", "Training lab"

    def __init__(
        self, net: FiveLayerNet | None = None, target: Target | None = None, seed: int = 0
    ):
        super().__init__(net, target, seed, "Start")
        self.runs: list[Run] = []
        self.shown: Run | None = None  # the network shows how far its layers moved
        wide = {"width": "100%"}
        self.start_from = control(
            widgets.Dropdown, "Start from", **wide, options=list(trials.STARTS)
        )
        self.network = Network()
        self.rate = control(
            widgets.SelectionSlider, "Learning rate", **wide, options=self._rates("tuned")
        )
        self.draw = control(widgets.IntSlider, "Seed", **wide, value=min(seed, SEEDS), max=SEEDS)
        self.seed = self.draw.value
        self.controls = {
            "start": self.start_from, "images": self.images, "augment": self.augment,
            "rate": self.rate,
        }  # fmt: skip
        self.forget_button = button("Forget these runs")
        self.forget_button.disabled = True
        self.bar = widgets.IntProgress(description="Progress", max=1, layout={"flex": "1 1 9em"})
        self.picture = Slot()
        self.table = widgets.HTML().add_class("tlc-wide").add_class("tlc-runs")
        self.first, self.second = (
            control(widgets.Dropdown, label, "auto", "100%", options=[("–", -1)])
            for label in ("Compare", "with")
        )
        self.pair = widgets.Box([self.first, self.second], layout={"visibility": "hidden"})
        self.pair.add_class("tlc-pair")
        self.on_click(self.forget_button, self._forget)
        self.on_change(self.controls.values(), lambda _: self._fit_controls())  # the state follows
        self.on_change(self.network, lambda _: self._fit_controls(), "fixed")
        self.on_change(self.draw, self._reseed)
        self.on_change((self.first, self.second), lambda _: self._compare())
        self.show()
        several = [[self.images, self.augment], [self.rate, self.draw]]
        controls = [
            self.start_from.add_class("tlc-inline"), self.network,
            *(widgets.Box(row).add_class("tlc-two") for row in several),
            widgets.HBox([self.buttons, self.bar.add_class("tlc-inline")], layout=WRAP),
            self.status,
        ]  # fmt: skip
        shown = [self.picture.view.add_class("tlc-figure"), self.pair]
        self.lay_out([columns(controls, shown), self.table, widgets.HBox([self.forget_button])])

    @property
    def trial(self) -> Trial:
        fixed = self.network.fixed
        moves = {"frozen": fixed, "learning_rate": self.rate.value or None}
        return Trial(
            self.start_from.value, "1" if fixed == len(LAYERS) else "2", images=self.images.value,
            augment=self.augment.value, seed=self.seed,
            **(moves if fixed < len(LAYERS) else {}),
        )  # fmt: skip

    def _fit_controls(self) -> None:
        fixed = self.network.fixed == len(LAYERS)
        self.rate.disabled = fixed  # its place is kept
        self.rate.layout.visibility = "hidden" if fixed else "visible"
        self.network.start = self.start_from.value
        if not fixed:
            tuned = trials.decimal(
                trials.settings_of_trial(replace(self.trial, learning_rate=None)).learning_rate
            )
            self._offer_rates(f"{tuned} (tuned)")
        self._show_moved()

    @staticmethod
    def _rates(tuned: str) -> list[tuple[str, float]]:
        """The learning rates to choose from, after the one that was tuned."""
        return [(tuned, TUNED), *((trials.decimal(rate), rate) for rate in trials.RATES)]

    def _offer_rates(self, tuned: str) -> None:
        """Label the tuned rate, which depends on the start and the number of images."""
        if self.rate.options[0][0] != tuned:
            with self.quietly():
                chosen = self.rate.value
                self.rate.options = self._rates(tuned)
                self.rate.value = chosen

    def _show_moved(self) -> None:
        """Show how far each layer moved, if the shown run had the current start and layers."""
        now = (self.start_from.value, self.network.fixed)
        fits = self.shown is not None and self.shown.moved and set_up(self.shown.trial) == now
        self.network.moved = list(map(_percent, self.shown.moved)) if fits else []
        about = "Press Start to see how far each layer changes."
        if self.network.fixed == len(LAYERS):
            about = "Only the output layer learns, in a way that needs no learning rate."
        self.network.about = "Press Stop to change the layers." if self.network.busy else about

    def _reseed(self, seed: int) -> None:
        self.seed = seed

    # ------------------------------------------------------------------ a run

    def _start(self) -> None:
        if self.runs and self.runs[-1].trial == self.trial:  # pressed several times
            again = f"That is run {len(self.runs)} again: {score_in_percent(self.runs[-1])}% right."
            self._busy(
                False, f"{again} The same settings give the same result: change something first."
            )
            return
        super()._start()
        self.shown = Run(self.trial, (), 0.0)
        self._show_moved()

    def _report(self, so_far: Run) -> None:
        super()._report(so_far)
        self.bar.max, self.bar.value = so_far.looks[-1].steps, so_far.looks[-1].step
        self._draw([so_far], "Under way")

    def _stopped(self, run: Run) -> None:
        if run.looks:
            self._draw([run], "Stopped")
        self._busy(
            False, f"Stopped after {run.seconds:.1f} s; a stopped run does not go into the table."
        )

    def _finished(self, run: Run) -> None:
        self.runs = [*self.runs, run][-MOST_RUNS:]
        score = f"{score_in_percent(run)}% right, scored on all {len(run.right):,}"
        self._busy(False, f"Done in {run.seconds:.1f} s: {score}.")
        self._offer(max(0, len(self.runs) - 2), len(self.runs) - 1)
        self._compare()

    def _busy(self, busy: bool, sentence: str) -> None:
        super()._busy(busy, sentence)
        self.forget_button.disabled = busy or not self.runs
        self.network.busy = self.start_from.disabled = busy  # the learner sees what is trained
        self.bar.value = 0

    def _forget(self) -> None:
        self.runs = []
        self._offer(-1, -1)
        self._busy(False, "No runs.")
        self._compare()

    # ------------------------------------------------------------------ display

    def _called(self, run: Run) -> str:
        """A run in words, with its number if it is in the table."""
        is_listed = any(listed is run for listed in self.runs)
        name = f"Run {self._place(run) + 1}" if is_listed else "This run"
        return f"{name}: {run.trial.words}"

    def _place(self, run: Run) -> int:
        """The row of a run in the table; for a run under way, the row that it will get."""
        last = min(len(self.runs), MOST_RUNS - 1)
        return next((i for i, listed in enumerate(self.runs) if listed is run), last)

    def _offer(self, first: int, second: int) -> None:
        """Offer all runs for comparison, and choose these two."""
        with self.quietly():
            options = [(f"run {i + 1}", i) for i in range(len(self.runs))] or [("–", -1)]
            for choice, value in ((self.first, first), (self.second, second)):
                choice.options = options
                choice.value = value
        self.pair.layout.visibility = "visible" if len(self.runs) > 1 else "hidden"

    def _compare(self) -> None:
        """Show the table, and the picture of one or two runs."""
        self.table.value = table_of_rows(self.rows(), "Your runs")
        first, second = self.first.value, self.second.value
        if not self.runs:
            self._draw([], "No run yet")
        elif first == second:
            self._draw([self.runs[first]], "One of your runs")
        else:
            pair = self.runs[first], self.runs[second]
            self._draw(pair, "Two of your runs", trials.compared(*pair))

    def _draw(self, runs: Sequence[Run], title: str, words: str = "") -> None:
        """Show the picture of these runs, and how far the layers of the last one moved."""
        self.shown = runs[-1] if runs else None
        named = {self._called(run): run for run in runs}
        picture = trial_plots.plot_progress(named, title, list(map(self._place, runs)))
        self.picture.show(picture, words or picture.alt)
        self._show_moved()

    def rows(self) -> list[dict]:
        """The table of the learner's runs."""
        return [
            {
                "run": i + 1, "start from": trial.start, "frozen": set_up(trial)[1],
                "images": f"{trial.images:,}{' + copies' if trial.augment else ''}",
                "rate": "–" if trial.option == "1" else _rate_of(trial),
                "seed": trial.seed, "right, %": score_in_percent(run),
                "layers moved, %": " · ".join(_words_of(_percent(way)) for way in run.moved) or "–",
                "steps": f"{run.looks[-1].steps:,}",
                "seconds": f"{run.seconds:.1f}",
            }
            for i, run in enumerate(self.runs)
            for trial in [run.trial]
        ]  # fmt: skip

    def settings(self) -> dict:
        return super().settings() | {
            "option": self.trial.option,
            "frozen": self.network.fixed,
            "compared": [self.first.value, self.second.value],
            "runs": [trials.to_plain(run) for run in self.runs],
        }

    def apply(self, settings: dict) -> None:
        self.draw.value = number({"seed": self.seed}, "seed", 0, SEEDS)
        super().apply(settings)
        option = one_of(settings, "option", ("1", "2"))
        fixed = number(settings, "frozen", 0, len(LAYERS))
        self.network.fixed = len(LAYERS) if option == "1" else fixed
        runs = settings["runs"] if isinstance(settings["runs"], list) else [None]
        self.runs = [trials.from_plain(run, len(self.target.test)) for run in runs[-MOST_RUNS:]]
        places = tuple(range(len(self.runs))) or (-1,)
        pair = settings["compared"]
        pair = pair if isinstance(pair, list) and len(pair) == 2 else [None, None]
        first, second = (one_of({"compared": i}, "compared", places) for i in pair)
        self._offer(first, second)

    def show(self) -> None:
        self._fit_controls()
        self._busy(False, f"{len(self.runs)} runs so far." if self.runs else NO_RUN)
        self._compare()

    def still(self) -> tuple[Picture, list[dict]]:
        """The learner's runs, or recorded ones before the first."""
        if self.runs:
            return self.picture.picture, self.rows()
        recorded = comparing.plain(results.load("sweep"))
        recorded = recorded[recorded.images.isin([10, 50, 200]) & recorded.arm.isin(ARMS)]
        picture = figures.accuracies(
            recorded.to_dict("records"),
            "Recorded runs: the start matters more than the option",
            ARMS,
        )
        rows = [
            {"way": STYLES[row.arm][0], "images": row.images,
             "right, %": f"{row.mean:.1f} ± {row.sd:.1f}", "draws": row.draws}
            for row in comparing.means(recorded).itertuples()
        ]  # fmt: skip
        return picture, rows


def set_up(trial: Trial) -> tuple[str, int]:
    """The start of a trial, and how many of its first layers are frozen (Option 1: all four)."""
    return trial.start, len(LAYERS) if trial.option == "1" else trial.frozen


def _percent(share: float) -> float:
    """A share in percent, rounded to a tenth."""
    return round(100 * share, 1)


def _words_of(percent: float) -> str:
    return f"{percent:.{int(0 < percent < 100)}f}"  # as front/network.js does


def _rate_of(trial: Trial) -> str:
    return trials.decimal(trials.settings_of_trial(trial).learning_rate)


def score_in_percent(run: Run) -> str:
    """The percentage of test digits that a finished run has right, as every text quotes it."""
    return f"{100 * run.accuracy:.1f}"
