"""How much data: predict a curve, see the measured one, and run one of its points."""

import contextlib
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets
import pandas as pd
import torch

from tl_course.base.errors import CourseError
from tl_course.core.network import FiveLayerNet
from tl_course.data.examples import Examples, Target, draw
from tl_course.data.targets.handwritten import ALL, handwritten
from tl_course.lessons import curves, predictions
from tl_course.lessons.drawing import STYLES, Picture
from tl_course.lessons.n05_how_much_data.questions import CURVE
from tl_course.lessons.predictions import Asked
from tl_course.study import comparing, results, trials
from tl_course.study.trials import Run, Trial
from tl_course.widgets import figures as trial_plots
from tl_course.widgets.asking import PRESS, Fields, wait_for
from tl_course.widgets.base import Slot, columns, control, number, one_of, table_of_rows
from tl_course.widgets.training_lab import Training

ASKED = (10, 100, 1000)  # the numbers of images that the learner predicts
KEPT_AS = "05", "curve"  # among the learner's predictions
WAYS = {  # arm: its start, and the option
    "option-1": ("drawings", "1"),
    "option-2": ("drawings", "2"),
    "scratch": ("random", "2"),
    "random-frozen": ("random", "1"),
}
ARM_OF = {way: arm for arm, way in WAYS.items()}
DRAWS = 20
MOST_LIVE = 30  # runs that are kept
ROW = ("arm", "augmented", "images", "draw", "accuracy")  # of a run, as in the recorded table


class HowMuch(Training):
    """Accuracy against the number of labelled digits, after the learner's `prediction`."""

    name, title = "how-much-data", "How much data?"
    key = KEPT_AS

    def __init__(
        self, net: FiveLayerNet | None = None, target: Target | None = None, seed: int = 0
    ):
        super().__init__(net, target, seed, "Run this point now")
        self.recorded, self._same = _recorded(self.target.pool)
        self.means = comparing.means(self.recorded)
        self.live: list[dict] = []  # the learner's runs, as rows
        measured = {
            f"with {n:,} images": round(float(self._measured("option-1", False, n)["mean"]), 1)
            for n in ASKED
        }
        self.fields = Fields(Asked(CURVE, measured))
        self.answer: dict[str, float] | None = None  # by the labels of the fields
        ways = [(STYLES[arm][0], arm) for arm in WAYS]
        self.arm = control(widgets.Dropdown, "Way to learn", width="100%", options=ways)
        self.draw = control(widgets.IntSlider, "Random draw", width="100%", min=1, max=DRAWS)
        self.controls = {
            "arm": self.arm, "augment": self.augment, "images": self.images, "draw": self.draw
        }  # fmt: skip
        self.scores = widgets.HTML().add_class("tlc-wide").add_class("tlc-scores")
        self.curve, self.digits = Slot(), Slot()
        sliders = widgets.Box([self.images, self.draw]).add_class("tlc-two")
        self.measured = widgets.VBox([
            self.scores, self.arm.add_class("tlc-inline"), self.augment, sliders, self.buttons,
            self.status, self.digits.view.add_class("tlc-given"),
        ])  # fmt: skip
        self.shown = False
        self.on_change(self.controls.values(), lambda _: self.show())
        self.on_change(self.fields, lambda _: self._draw_curve(), "typed")
        self.on_message(self.fields, self._pressed, PRESS)
        self.ask = widgets.VBox([widgets.HTML(f"<p>{CURVE}</p>"), self.fields])
        self.show()
        result = [self.curve.view.add_class("tlc-figure")]
        self.lay_out([columns([self.ask, self.measured], result)])

    @property
    def prediction(self) -> dict[int, float]:
        """The learner's curve, in % by number of labelled images; empty if it was skipped."""
        return dict(zip(ASKED, self.answer.values(), strict=True)) if self.answer else {}

    @property
    def trial(self) -> Trial:
        """The point that the controls show, ready to run."""
        start, option = WAYS[self.arm.value]
        return Trial(
            start=start, option=option, images=self.images.value, augment=self.augment.value,
            seed=1000 * self.seed + self.draw.value - 1,
        )  # fmt: skip

    @property
    def asked(self) -> Asked:
        """The first question; the rest of the notebook waits for it (`asking.ToBeAnswered`)."""
        return self.fields.asked

    @property
    def answered(self) -> bool:
        """Whether the question was answered or skipped."""
        return self.shown

    def begin(self) -> Iterator[dict[str, Any]]:
        """The outputs for a learner; `asking.show` waits from now on for the answer."""
        wait_for(self)
        return super().begin()

    def _pressed(self, content: dict) -> None:
        if self.shown:
            return
        try:
            answer = self.fields.read(content["typed"]) if content["press"] == "answer" else None
        except CourseError as slip:  # in the form: `typed` may be synced after the press
            self.fields.alert = str(slip)
            return
        self.fields.alert = ""
        self.shown, self.answer = True, answer
        predictions.keep_prediction(*KEPT_AS, self.fields.asked, answer)
        self.show()
        self.arm.focus()  # the button that had the focus is gone

    # ------------------------------------------------------------------ a point, live

    def _start(self) -> None:
        super()._start()
        self._busy(True, "Training …")

    def _stopped(self, run: Run) -> None:
        self._busy(False, "Stopped.")

    def _finished(self, run: Run) -> None:
        arm = ARM_OF[run.trial.start, run.trial.option]
        row = {
            "arm": arm, "augmented": run.trial.augment, "images": run.trial.images,
            "draw": run.trial.seed, "accuracy": round(run.accuracy, 5),
        }  # fmt: skip
        others = [other for other in self.live if _key(other) != _key(row)]
        self.live = [*others, row][-MOST_LIVE:]
        what = f"{STYLES[arm][0]}, {run.trial.images:,} digits" + ", copies" * run.trial.augment
        self._busy(False, f"{what}: {100 * row['accuracy']:.1f}%, after {run.seconds:.1f} s.")
        self._draw_curve()

    # ------------------------------------------------------------------ display

    def _draw_curve(self) -> None:
        sizes = trials.sizes(self.target)
        if not self.shown:
            typed, title = self._typed(), "Your curve"
            picture = curves.panels(self.means[:0], title, prediction=typed, sizes=sizes)
            more = "" if typed else " Type three numbers, and it is drawn here."
            self.curve.show(picture, f"What was measured appears after your answer.{more}")
            return
        arm, augmented, images = self.arm.value, self.augment.value, self.images.value
        live = pd.DataFrame(self.live) if self.live else None
        here = self._measured(arm, augmented, images)
        title = f"{STYLES[arm][0]} with {images:,} labelled digits"
        picture = curves.panels(
            self.means[self.means.augmented == augmented],
            title if here is None else f"{title} gets {here['mean']:.1f}% right",
            tuple(WAYS), live, self.prediction, marked=images, sizes=sizes,
        )  # fmt: skip
        self.curve.show(picture, self.point_in_words(arm, augmented, images))

    def _typed(self) -> dict[int, float]:
        """The numbers that are in the fields so far."""
        numbers = {}
        for images, typed in zip(ASKED, self.fields.typed, strict=False):
            with contextlib.suppress(CourseError):
                numbers[images] = self.fields.asked.number(typed)
        return numbers

    def scored(self) -> list[dict]:
        """A row for each prediction: predicted, measured, difference."""
        predicted, rows = self.prediction, []
        for images, measured in zip(ASKED, self.fields.asked.measured.values(), strict=True):
            guess = off = "–"
            if predicted:
                guess = f"{predicted[images]:g}"
                off = f"{measured - predicted[images]:+.1f}".replace("-", "−")
            rows.append(
                {"images": f"{images:,}", "you said": guess, "measured": f"{measured:.1f}",
                 "difference": off}
            )  # fmt: skip
        return rows

    def point_in_words(self, arm: str, augmented: bool, images: int) -> str:
        """A point in words: recorded, this draw, predicted."""
        here = self._measured(arm, augmented, images)
        form = "and altered copies of them" if augmented else "as they are"
        words = f"{STYLES[arm][0]}, {images:,} labelled digits {form}: "
        if here is None:
            words += "this number was not recorded; run this point."
        else:
            mean = f"{here['mean']:.1f}%, mean of {here.draws} draws"
            words += f"{mean}; the band is ± {here.sd:.1f}."
        recorded = _at(self.recorded, arm, augmented, images)
        recorded = recorded[recorded.draw == self.trial.seed]
        live = [row for row in self.live if _key(row) == (arm, augmented, images, self.trial.seed)]
        if len(recorded) and self._same:
            words += f" This draw, recorded: {100 * recorded.accuracy.iloc[0]:.1f}."
        if not self._same:
            words += " (Recorded with the digits that come with the course; yours are different.)"
        if live:
            words += f" Now, on this machine: {100 * live[0]['accuracy']:.1f}."
        guess = curves.between(self.prediction, images)
        if self.prediction and (arm, augmented) != ("option-1", False):
            words += " (Your prediction was for Option 1 without altered copies.)"
        elif guess is not None and here is not None:
            guessed = (
                f"You said {guess:g}" if images in ASKED else f"Your curve says {guess:.1f} here"
            )
            words += f" {guessed}: it is {_apart(here['mean'] - guess)}."
        return words

    def _measured(self, arm: str, augmented: bool, images: int) -> pd.Series | None:
        """The row of `comparing.means` of one point; None if it was not recorded."""
        rows = _at(self.means, arm, augmented, images)
        return None if rows.empty else rows.iloc[0]

    def settings(self) -> dict:
        answer = {"prediction": list(self.prediction.values()), "shown": self.shown}
        return answer | super().settings() | {"live": self.live}

    def apply(self, settings: dict) -> None:
        values, self.answer = settings["prediction"], None
        if values != []:  # neither skipped nor unanswered
            if not isinstance(values, list) or len(values) != len(ASKED):
                values = [None] * len(ASKED)
            self.answer = {
                label: number({"prediction": value}, "prediction", 0, 100, whole=False)
                for label, value in zip(self.fields.asked.measured, values, strict=True)
            }
        self.shown = one_of(settings, "shown", (False, True))
        self.fields.show_answer(self.answer, self.shown)
        super().apply(settings)
        live = settings["live"] if isinstance(settings["live"], list) else [None]
        if any(not isinstance(row, dict) or set(row) != set(ROW) for row in live):
            raise CourseError(
                "damaged", "The points in this state are damaged: copy the whole text again."
            )
        self.live = [
            {
                "arm": one_of(row, "arm", tuple(WAYS)),
                "augmented": one_of(row, "augmented", (False, True)),
                "images": one_of(row, "images", trials.sizes(self.target)),
                "draw": number(row, "draw", 0, 1000 * (2**31 - 1) + DRAWS),
                "accuracy": number(row, "accuracy", 0, 1, whole=False),
            }
            for row in live[-MOST_LIVE:]
        ]

    def show(self) -> None:
        self.measured.layout.display = "" if self.shown else "none"
        self.ask.layout.display = "none" if self.shown else ""
        self.fields.answered = self.shown
        self.scores.value = table_of_rows(
            self.scored(), "Accuracy of Option 1 without augmentation, in %"
        )
        if not self.busy:
            self._busy(False, "")
        self._draw_curve()
        if self.shown:
            labelled = draw(self.target.pool, self.images.value, self.trial.seed)
            picture = trial_plots.labelled(labelled, f"draw {self.draw.value}")
            copies = " It learns from altered copies of them as well." * self.augment.value
            self.digits.show(picture, f"What was labelled: {picture.alt}{copies}")

    def still(self) -> tuple[Picture, list[dict]]:
        """The recorded curves, without and with copies."""
        title = "Ten images or a thousand? Recorded"
        picture = curves.panels(self.means, title, tuple(WAYS), prediction=self.prediction)
        measured = self.means[self.means.arm.isin(WAYS)].pivot(
            index="images", columns=["arm", "augmented"], values="mean"
        )
        rows = [
            {"images": f"{images:,}"}
            | {
                f"{STYLES[arm][0]}, {curves.PANELS[augmented]}": f"{row[arm, augmented]:.1f}"
                for arm in WAYS
                for augmented in (False, True)
            }
            for images, row in measured.iterrows()
        ]
        return picture, rows


def _recorded(pool: Examples) -> tuple[pd.DataFrame, bool]:
    """The recorded rows that fit this pool, and whether they were recorded with its digits.

    With all of MNIST they are the official test, up to the largest number that can be run here.
    """
    if len(pool) == ALL:
        return results.load("official").query(f"images <= {max(trials.SIZES)}"), True
    same = torch.equal(pool.y, handwritten().pool.y)
    return comparing.tuned(results.load("sweep")), same


def _apart(off: float) -> str:
    if abs(off) < 0.05:
        return "just that"
    return f"{abs(off):.1f} {'higher' if off > 0 else 'lower'}"


def _at(rows: pd.DataFrame, arm: str, augmented: bool, images: int) -> pd.DataFrame:
    return rows[(rows.arm == arm) & (rows.augmented == augmented) & (rows.images == images)]


def _key(row: dict) -> tuple:
    return tuple(row[name] for name in ROW[:4])
