"""What a training needs beside its update: a device, a schedule, looks, checkpoints, a stop.

`core/training.py` reads top to bottom because all of this is here. accelerate places a network on a
CPU, a CUDA or an Apple GPU, or on several processes under torchrun.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import signal
import statistics
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from tqdm.auto import tqdm

from tl_course.base import machine
from tl_course.base.errors import CourseError
from tl_course.core import checkpoint, spelling
from tl_course.core.muon import Muon
from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.core.shared_batch import SharedBatch

if TYPE_CHECKING:
    from accelerate import Accelerator

LOOK_EVERY = 10  # steps between two looks at the loss: a look waits for the device
SAVE_EVERY = 20.0  # seconds between two checkpoints
# Weights times examples of a step, from which on torch's threads share it. They have to in a
# pretraining (1.4 million · 256), whose BatchNorm looks at a batch as a whole (shared_batch.py).
LARGE = 100_000_000


@dataclass(frozen=True)
class Recipe:
    """How to train. `learning_rate` is the peak of a one-cycle schedule (arXiv 1708.07120)."""

    steps: int
    learning_rate: float = 4e-3
    layer_lr_decay: float = 1.0  # the rate of a layer, of that of the layer above it
    muon_rate: float | None = None  # layers 2 to 4 learn by Muon at this rate; None: by AdamW too
    muon_decay: float | None = None  # None: a layer's weights keep the norm that they start with
    weight_decay: float = 0.05
    first_layer_decay: float | None = None  # stronger decay of W¹ alone makes its filters clean
    freeze_layer1_after: float = 1.0  # share of the steps after which layer 1 stays as it is
    label_smoothing: float = 0.0
    warm_up: float = 0.2  # share of the steps in which the rate rises
    bf16: bool | None = None  # None: where the processor is fast at it


@dataclass
class History:
    """What happened: one entry each `LOOK_EVERY` steps; `finished` is False after a stop."""

    step: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: float = 0.0
    finished: bool = False


@dataclass(frozen=True)
class Callbacks:
    """What goes on beside a training; all of it may be left out.

    `on_step(step, net, history)` is called before each update and at the end. Ctrl-C and `stop` are
    heeded between two batches. `progress` is the text of the bar. The state is kept in the file
    `checkpoint`, also when stopped; `identity` says what the run is (seed, source), and a
    checkpoint of another run is refused.
    """

    on_step: Callable[[int, nn.Module, History], None] | None = None
    stop: threading.Event | None = None
    progress: str | None = None
    checkpoint: Path | None = None
    identity: dict = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for a stop."""
        return self.stop is not None and self.stop.is_set()


def accelerator() -> Accelerator:
    """accelerate, told to stay on the CPU where there is no GPU (else torchrun is not seen)."""
    from accelerate import Accelerator  # a third of a second that Option 1 need not wait for

    return Accelerator(cpu=machine.device().type == "cpu")


def parameter_groups(net: nn.Module, recipe: Recipe) -> list[dict]:
    """Weights decay, biases and BatchNorm do not; W¹ may decay more, other filters use Muon.

    Where the rates of layers differ, each layer has groups of its own.
    """
    muon = {
        "muon": True, "lr": recipe.muon_rate, "weight_decay": recipe.muon_decay or 0.0,
        "keeps_norm": recipe.muon_decay is None,
    }  # fmt: skip
    settings = {
        "first": {"weight_decay": recipe.first_layer_decay},
        "filters": {"weight_decay": recipe.weight_decay} if recipe.muon_rate is None else muon,
        "matrices": {"weight_decay": recipe.weight_decay},
        "rest": {"weight_decay": 0.0},
    }
    members = {key: [] for key in itertools.product(settings, range(len(LAYERS) + 1))}
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            key = "filters" if parameter.ndim == 4 else "matrices" if parameter.ndim > 1 else "rest"
            first = name == "layer1.weight" and recipe.first_layer_decay is not None
            layer = name.split(".")[0]
            below = (
                LAYERS[::-1].index(layer) + 1
                if recipe.layer_lr_decay != 1 and layer in LAYERS
                else 0
            )
            members["first" if first else key, below].append(parameter)
    return [
        {"params": some, "lr": recipe.learning_rate * recipe.layer_lr_decay**below, **settings[key]}
        for (key, below), some in members.items()
        if some
    ]


class Session:
    """One training while it runs; as a context it takes Ctrl-C as a wish to stop after the step."""

    def __init__(self, net: nn.Module, recipe: Recipe, callbacks: Callbacks):
        self.acc = accelerator()
        device = self.acc.device
        bf16 = machine.has_fast_bf16(device) if recipe.bf16 is None else recipe.bf16
        self.net, self.recipe, self.callbacks = net, recipe, callbacks
        self.precision = lambda: torch.autocast(device.type, torch.bfloat16, enabled=bf16)
        self.backward = self.acc.backward
        net.to(device, memory_format=torch.channels_last).train()
        fused = device.type in ("cpu", "cuda")  # one pass over all weights, several times faster
        optimizer = Muon(parameter_groups(net, recipe), lr=recipe.learning_rate, fused=fused)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            [group["lr"] for group in optimizer.param_groups],
            total_steps=recipe.steps + 1,
            pct_start=max(recipe.warm_up, 2 / (recipe.steps + 1)),  # two steps at least
        )
        self.history, self.step, self.losses = History(), 0, []  # losses since the last look
        self.threads: int | None = None  # that share each step; not known before the first batch
        self.run = {**spelling.to_file(recipe), **callbacks.identity}
        self.kept = {"net": net, "optimizer": optimizer, "schedule": self.schedule}
        if callbacks.checkpoint is not None and callbacks.checkpoint.exists():
            found = checkpoint.resume(callbacks.checkpoint, self.run, self.kept)
            self.step, history, pending, self.threads = found
            self.history = History(**spelling.from_file(history))
            self.losses = [torch.tensor(loss, device=device) for loss in pending]
        self.model, self.optimizer = self.acc.prepare(net, optimizer)
        self.shared = False  # each step among threads
        self.fixed: list[nn.Parameter] | None = None
        self.first, self.before = self.step, self.history.seconds
        self.begun = self.saved = time.perf_counter()
        self.bar = tqdm(
            total=recipe.steps, initial=self.step, desc=callbacks.progress, unit="step",
            dynamic_ncols=True, disable=callbacks.progress is None or not self.acc.is_main_process,
        )  # fmt: skip

    def __enter__(self) -> Session:
        self.open = contextlib.ExitStack()
        self.pressed = self.open.enter_context(_ctrl_c())
        self.open.enter_context(self.bar)
        return self

    def __exit__(self, kind, *_: object) -> None:
        self.open.close()
        for parameter in self.fixed or ():
            parameter.requires_grad_(True)
        if kind is None:
            self.net.eval()
            if self.pressed.is_set():
                raise KeyboardInterrupt

    def steps(self) -> Iterator[int]:
        """The numbers of the steps that are to be made, until the last one or a stop."""
        while self.step < self.recipe.steps:
            over = self.step >= self.recipe.freeze_layer1_after * self.recipe.steps
            if over and self.fixed is None:
                self._fix_first_layer()
            self._show()
            if self._told_to_stop():
                self._save()
                return
            yield self.step
        if self.losses:
            self._look()
        self.history.finished = True
        try:
            self._save()
        except (CourseError, OSError) as error:  # what was trained is there, and may still fit
            warnings.warn(f"The last checkpoint was not kept. {error}", stacklevel=2)
        self._show()

    def placed(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch on the device of the network, in the layout that is fastest there."""
        if not self.shared:
            self._share(y.numel())
        device = self.acc.device
        return x.to(device, memory_format=layout(x), non_blocking=True), y.to(device)

    def _share(self, examples: int) -> None:
        """Share each step among threads, by its size.

        A run that is resumed takes as many as it began with, if there are so many, and so goes on
        as it would have, to the last bit.
        """
        in_parts = isinstance(self.net, FiveLayerNet) and not self.net.has_batch_norm
        in_parts = in_parts and self.model is self.net and self.acc.device.type == "cpu"
        weights = sum(one.numel() for one in self.net.parameters())
        wanted = machine.threads() if in_parts or weights * examples >= LARGE else 1
        self.threads = min(self.threads or wanted, machine.threads())
        self.open.enter_context(machine.on_threads(1 if in_parts else self.threads))
        if in_parts and self.threads > 1:
            pool = self.open.enter_context(machine.alone_each(self.threads))
            self.model = SharedBatch(self.net, pool, self.threads, self.precision)
        self.shared = True

    def note(self, loss: torch.Tensor, images: int) -> None:
        """An update was made, with this loss and so many images."""
        self.losses.append(loss.detach())
        self.step += 1
        self.bar.update()
        if self.step % LOOK_EVERY == 0:
            self._look()
            now = time.perf_counter()
            made = images * self.acc.num_processes * (self.step - self.first)
            said = f"loss {self.history.loss[-1]:.2f}, {made / (now - self.begun):,.0f} images/s"
            self.bar.set_postfix_str(said, False)
            if now - self.saved > SAVE_EVERY:
                self._save()
                self.saved = time.perf_counter()

    def _fix_first_layer(self) -> None:
        """W¹ gets no gradient any more: on large pictures it takes longest (arXiv 1706.04983)."""
        self.fixed = [
            parameter
            for name, parameter in self.net.named_parameters()
            if name.startswith(("layer1.", "norm1.")) and parameter.requires_grad
        ]
        for parameter in self.fixed:
            parameter.requires_grad_(False)
        self.model = self.acc.prepare(self.net)  # of several processes, none waits for it now

    def _show(self) -> None:
        if self.callbacks.on_step is not None:
            self.callbacks.on_step(self.step, self.net, self.history)

    def _told_to_stop(self) -> bool:
        told = self.pressed.is_set() or self.callbacks.stopped
        if self.acc.num_processes == 1:
            return told
        if told:
            self.acc.set_trigger()  # when one process was told to stop, all of them do
        return self.step % LOOK_EVERY == 0 and self.acc.check_trigger()

    def _finite_losses(self) -> list[float]:
        found = torch.stack(self.losses).tolist() if self.losses else []
        if not all(map(math.isfinite, found)):
            raise CourseError(
                f"The loss is no longer a number at step {self.step}: the learning rate "
                f"({self.recipe.learning_rate:g}) is too high for these data. Try a third of it."
            )
        return found

    def _look(self) -> None:
        """Write the mean loss since the last look into the history."""
        self.history.loss.append(statistics.fmean(self._finite_losses()))
        self.history.step.append(self.step)
        self.history.learning_rate.append(self.schedule.get_last_lr()[0])
        self.losses.clear()

    def _save(self) -> None:
        pending = self._finite_losses()  # a ruined state is never saved
        self.history.seconds = self.before + time.perf_counter() - self.begun
        if self.callbacks.checkpoint is not None and self.acc.is_main_process:
            state = {
                "step": self.step,
                "history": spelling.to_file(self.history),
                "pending": pending,
            }
            state["threads"] = self.threads
            checkpoint.save(self.callbacks.checkpoint, self.run, state, self.kept)


@contextlib.contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Ctrl-C sets a flag that the loop heeds between two steps; a second one stops at once."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def press(*_: object) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def layout(x: torch.Tensor) -> torch.memory_format:
    """Pictures lie in memory pixel by pixel, which convolutions are fastest at."""
    return torch.channels_last if x.ndim == 4 else torch.contiguous_format
