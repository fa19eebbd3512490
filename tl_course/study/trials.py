"""One training that a learner sets up: what to start from, what is frozen, how many images.

A trial is a small object that says everything: it gives the same run on any machine, up to
rounding. It runs through the same functions as every other adaptation of the course.
"""

import base64
import binascii
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from tl_course.base import stats
from tl_course.base.errors import CourseError
from tl_course.core import network, settings, spelling, training, transfer
from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.core.output_layers import FIT_STEPS, features
from tl_course.core.session import LOOK_EVERY
from tl_course.core.settings import Settings
from tl_course.core.training import Callbacks
from tl_course.data.examples import Target, draw
from tl_course.study import forgetting, matrix

STARTS = {"drawings": "image", "spoken names": "audio", "written names": "text", "random": "random"}
SIZES = (10, 20, 50, 100, 200, 500, 1000, 2500, 5000)  # the last two need all of MNIST
RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
LOOKED_AT = 4  # every fourth test digit is scored during training, and all at the end
LOOKS = 20  # during training, about


def decimal(rate: float) -> str:
    """A learning rate as people write it: 0.00003, not 3e-05."""
    return np.format_float_positional(rate, trim="-")


def sizes(target: Target) -> tuple[int, ...]:
    """The numbers of labelled images that can be drawn from a target."""
    return tuple(n for n in SIZES if n <= len(target.pool))


@dataclass(frozen=True)
class Trial:
    """A learner's choices. Without a `learning_rate`, the one tuned on validation digits is used.

    Option 2 freezes the first `frozen` layers, and Option 1 always all four. `seed` decides which
    images are drawn, their order, and random weights.
    """

    start: str = "drawings"
    option: str = "2"
    frozen: int = 0
    images: int = 50
    augment: bool = False
    learning_rate: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for value, allowed in ((self.start, STARTS), (self.option, ("1", "2"))):
            if value not in allowed:
                raise CourseError(
                    "unknown_choice", f"There is no '{value}'; choose one of {', '.join(allowed)}."
                )
        if self.frozen not in range(len(LAYERS) + 1):
            raise CourseError("frozen", f"{self.frozen} layers cannot be frozen; there are 0 to 4.")

    @property
    def words(self) -> str:
        """The trial in a few words, such as `drawings, Option 2, 50 images`."""
        if self.start == "random":  # the options are about pretrained layers
            frozen = "all" if self.option == "1" else self.frozen
            parts = [f"random layers, {frozen} frozen" if frozen else "from scratch"]
        else:
            parts = [self.start, f"Option {self.option}"]
            if self.option == "2" and self.frozen:
                parts.append(f"{self.frozen} frozen")
        parts.append(f"{self.images:,} images")
        if self.augment:
            parts.append("copies")
        if self.option == "2" and self.learning_rate is not None:
            parts.append(f"rate {decimal(self.learning_rate)}")
        return ", ".join([*parts, f"seed {self.seed}"])


@dataclass(frozen=True)
class Look:
    """The state during training: mean training loss since the last look, accuracy 0 … 1.

    `moved` says how far layers 1 … 4 have moved (`forgetting.moved_by_layer`). Numbers are rounded
    to four places, so a run does not change when it is shared as text. `left` estimates the
    remaining seconds.
    """

    step: int
    steps: int
    loss: float
    accuracy: float
    left: float
    moved: tuple[float, ...] = ()  # empty if unknown


@dataclass(frozen=True)
class Run:
    """The result of a trial; `accuracy` and `right` `[n_test]` are None if it was stopped.

    The accuracies of `looks` are on every fourth test digit, `accuracy` is on all of them.
    """

    trial: Trial
    looks: tuple[Look, ...]
    seconds: float
    accuracy: float | None = None
    right: torch.Tensor | None = None

    @property
    def moved(self) -> tuple[float, ...]:
        """How far layers 1 … 4 moved up to the last look."""
        return self.looks[-1].moved if self.looks else ()


def settings_of_trial(trial: Trial) -> Settings:
    """The tuned settings of the trial's start and option, with the learner's own rate if any."""
    source = STARTS[trial.start]
    if source in ("audio", "text"):
        chosen = matrix.chosen_for_cell(source, "handwritten", trial.option, trial.images)
    else:
        control = {"1": "random-frozen", "2": "scratch"}[trial.option]
        arm = control if source == "random" else f"option-{trial.option}"
        chosen = settings.chosen(arm, trial.images, trial.augment)
    return (
        chosen
        if trial.learning_rate is None
        else replace(chosen, learning_rate=trial.learning_rate)
    )


def run_trial(
    trial: Trial,
    nets: Mapping[str, FiveLayerNet],
    target: Target,
    *,
    stop: threading.Event | None = None,
    tell: Callable[[tuple[Look, ...]], None] | None = None,
) -> Run:
    """Run a trial. `nets` are the pretrained networks by modality ("image", "audio", "text").

    `tell(looks so far)` is called after each look; `stop` ends the run between two batches. Raises
    CourseError if the learning rate is so high that the loss is no longer a number.
    """
    labelled = draw(target.pool, trial.images, trial.seed)
    source = STARTS[trial.start]
    if source == "random":
        net = transfer.fresh_network(labelled.x, trial.seed, labelled.modality, stop=stop)
    else:
        net = nets[source]
    chosen, scored = settings_of_trial(trial), target.test[::LOOKED_AT]
    steps = FIT_STEPS if trial.option == "1" else chosen.steps
    every = LOOK_EVERY * max(1, round(steps / LOOKS / LOOK_EVERY))
    scored_features = features(net, scored.x, stop) if trial.option == "1" else None
    if Callbacks(stop=stop).stopped:  # network and features may be incomplete
        return Run(trial, (), 0.0)
    start = network.replace_output_layer(net, len(labelled.names))
    looks: list[Look] = []
    begun = time.perf_counter()

    @torch.no_grad()
    def on_step(step: int, adapted: nn.Module, history: training.History) -> None:
        last = step if history.finished else steps  # an output layer may finish early
        if step % every and step != last or looks and looks[-1].step == step:
            return
        if scored_features is not None:
            scores = adapted.output(scored_features)
        else:
            was_training = adapted.training
            scores = training.predict(adapted, scored.x, stop)
            adapted.train(was_training)
            if callbacks.stopped:
                return
        # For an output layer of zeros all classes are equally likely.
        loss = history.loss[-1] if history.loss else math.log(len(target.pool.names))
        accuracy = (scores.argmax(1).cpu() == scored.y).float().mean().item()
        shares = forgetting.moved_by_layer(start.to(adapted.output.weight.device), adapted).values()
        moved = tuple(round(share, 4) for share in shares)
        spent = time.perf_counter() - begun
        left = spent / step * (last - step) if step else math.nan
        looks.append(Look(step, last, round(loss, 4), round(accuracy, 4), left, moved))
        if tell is not None:
            tell(tuple(looks))

    labelled, callbacks = labelled.with_modality(net.modality), Callbacks(on_step, stop)
    how = {"seed": trial.seed, "augment": trial.augment, "chosen": chosen, "callbacks": callbacks}
    if trial.option == "1":
        adapted = transfer.option_1(net, labelled, **how)
    else:
        adapted = transfer.fine_tune(start, labelled, frozen=LAYERS[: trial.frozen], **how)
    untested = Run(trial, tuple(looks), round(adapted.seconds, 2))
    finished = adapted.history.finished
    scores = training.predict(adapted.net, target.test.x, stop) if finished else None
    if scores is None or callbacks.stopped:
        return untested
    right = scores.argmax(1) == target.test.y
    return replace(untested, accuracy=right.float().mean().item(), right=right)


def to_plain(done: Run) -> dict:
    """A finished run for JSON: the trial, its curve, and which digits were right.

    `moved` is only that of the last look, because nothing shows the others again and a text that
    people copy should be short.
    """
    return {
        **spelling.to_file(done.trial),
        "steps": done.looks[-1].steps,
        "curve": [[look.step, look.loss, look.accuracy] for look in done.looks],
        "moved": list(done.moved),
        "seconds": done.seconds,
        "right": base64.b64encode(np.packbits(done.right.numpy()).tobytes()).decode(),
    }


def from_plain(plain: dict, tested: int) -> Run:
    """The run that `to_plain` wrote, tested on `tested` digits; CourseError if it is damaged."""
    try:
        plain = dict(plain)
        steps, curve = int(plain.pop("steps")), plain.pop("curve")
        shares = plain.pop("moved", [])  # older texts have none
        moved = tuple(map(float, shares))
        seconds, packed = float(plain.pop("seconds")), plain.pop("right")
        bits = np.frombuffer(base64.b64decode(packed, validate=True), np.uint8)
        right = torch.from_numpy(np.unpackbits(bits, count=tested).astype(bool))
        looks = tuple(
            Look(int(step), steps, float(loss), float(accuracy), 0.0)
            for step, loss, accuracy in curve
        )
        looks = *looks[:-1], replace(looks[-1], moved=moved)
        trial = Trial(**spelling.from_file(plain))
        is_whole = (
            type(shares) is list
            and len(moved) in (0, len(LAYERS))
            and all(0 <= share < 1e6 for share in moved)
            and len(bits) == -(-tested // 8)
            and all(0 <= look.step <= steps <= 10**6 for look in looks)
            and all(0 <= look.loss < 1e6 and 0 <= look.accuracy <= 1 for look in looks)
            and 0 <= seconds < 1e6
            and trial.images in SIZES
            and trial.learning_rate in (None, *RATES)
            and type(trial.augment) is bool
            and type(trial.frozen) is type(trial.seed) is int
            and 0 <= trial.seed < 2**31
        )
        if not is_whole:
            raise ValueError
        return Run(trial, looks, seconds, right.float().mean().item(), right)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError, binascii.Error):
        damaged = "One of the runs in this state is damaged: copy the whole text again."
        raise CourseError("damaged", damaged) from None


def compared(first: Run, second: Run) -> str:
    """How far `first` is ahead of `second`, in sentences, and whether that may be chance."""
    if first.right is None or second.right is None:
        raise CourseError(
            "stopped_run", "A run that was stopped cannot be compared; start it again."
        )
    difference = 100 * (first.right.float() - second.right.float())
    ahead, half = stats.estimate(difference, digit=0)
    only_first, only_second = int((difference > 0).sum()), int((difference < 0).sum())
    certain = "more" if abs(ahead) > half else "no more"
    same = (first.trial.images, first.trial.seed) == (second.trial.images, second.trial.seed)
    drawn = "Both learnt from the same images" if same else "They learnt from different images"
    side = "ahead" if ahead >= 0 else "behind"
    return (
        f"The first is {abs(ahead):.1f} points {side} on the {len(difference):,} test digits: it "
        f"gets {only_first} right that the other does not, and {only_second} the other way round. "
        f"That is {certain} than the choice "
        f"of test digits explains (± {half:.1f}). {drawn}; with another seed it may come out "
        "differently, so try several before you believe it."
    )
