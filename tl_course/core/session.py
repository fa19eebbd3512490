"""What a training needs beside its update: a device, a schedule, a history, checkpoints, a stop.

All of this is here, so that `core/training.py` reads from top to bottom. accelerate places a
network on a CPU, a CUDA or an Apple GPU, or on several processes under torchrun.
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

LOOK_EVERY = 10  # steps between two readings of the loss: each waits for the device
SAVE_EVERY = 20.0  # seconds between two checkpoints
# torch's threads share a step from this many weights times examples. In a pretraining (1.4 million
# · 256) they have to, because BatchNorm needs the batch as a whole (shared_batch.py).
LARGE = 100_000_000


@dataclass(frozen=True)
class Recipe:
    """How to train. `learning_rate` is the peak of a one-cycle schedule (arXiv 1708.07120)."""

    steps: int
    learning_rate: float = 4e-3
    layer_lr_decay: float = 1.0  # a layer's rate, as a share of the rate of the layer above
    muon_rate: float | None = None  # of layers 2 to 4, by Muon; None: by AdamW, as the rest
    muon_decay: float | None = None  # None: a layer's weights keep their initial norm
    weight_decay: float = 0.05
    first_layer_decay: float | None = None  # stronger decay of W¹ makes its filters clean
    freeze_layer1_after: float = 1.0  # share of the steps after which layer 1 is frozen
    label_smoothing: float = 0.0
    warm_up: float = 0.2  # share of the steps in which the rate rises
    bf16: bool | None = None  # None: where the processor is fast at it


@dataclass
class History:
    """How a training went, an entry per `LOOK_EVERY` steps; `finished` is False after a stop."""

    step: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: float = 0.0
    finished: bool = False


@dataclass(frozen=True)
class Callbacks:
    """What happens beside a training; each part is optional.

    `on_step(step, net, history)` is called before each update and at the end. `stop` and Ctrl-C
    take effect between two batches. `progress` is the text of the progress bar. The file
    `checkpoint` keeps the state, also after a stop. `identity` names the run (seed, source), and a
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
    """accelerate, told to stay on the CPU without a GPU (otherwise it would not see torchrun)."""
    from accelerate import Accelerator  # takes a third of a second, which Option 1 does not need

    return Accelerator(cpu=machine.device().type == "cpu")


def parameter_groups(net: nn.Module, recipe: Recipe) -> list[dict]:
    """The optimizer's groups: weights decay, biases and BatchNorm do not.

    W¹ may decay more, and other filters may use Muon. Layers with different rates have groups of
    their own.
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
        {
            "params": parameters,
            "lr": recipe.learning_rate * recipe.layer_lr_decay**below,
            **settings[key],
        }
        for (key, below), parameters in members.items()
        if parameters
    ]


class Session:
    """A training while it runs; inside its context, Ctrl-C stops it after the step."""

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
        self.history, self.step, self.losses = History(), 0, []  # losses since the last entry
        self.threads: int | None = None  # that share each step; known from the first batch on
        self.run = {**spelling.to_file(recipe), **callbacks.identity}
        self.parts = {"net": net, "optimizer": optimizer, "schedule": self.schedule}
        if callbacks.checkpoint is not None and callbacks.checkpoint.exists():
            self.step, history, pending, self.threads = checkpoint.resume(
                callbacks.checkpoint, self.run, self.parts
            )
            self.history = History(**spelling.from_file(history))
            self.losses = [torch.tensor(loss, device=device) for loss in pending]
        self.model, self.optimizer = self.acc.prepare(net, optimizer)
        self.shared = False  # whether threads share each step
        self.frozen: list[nn.Parameter] | None = None
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
        for parameter in self.frozen or ():
            parameter.requires_grad_(True)
        if kind is None:
            self.net.eval()
            if self.pressed.is_set():
                raise KeyboardInterrupt

    def steps(self) -> Iterator[int]:
        """The numbers of the steps, until the last one or a stop."""
        while self.step < self.recipe.steps:
            over = self.step >= self.recipe.freeze_layer1_after * self.recipe.steps
            if over and self.frozen is None:
                self._freeze_layer1()
            self._show()
            if self._asked_to_stop():
                self._save()
                return
            yield self.step
        if self.losses:
            self._look()
        self.history.finished = True
        try:
            self._save()
        except (
            CourseError,
            OSError,
        ) as error:  # the network is trained, and may still fit on the disk
            warnings.warn(f"The last checkpoint was not kept. {error}", stacklevel=2)
        self._show()

    def placed(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch on the network's device, in the layout that is fastest there."""
        if not self.shared:
            self._share(y.numel())
        device = self.acc.device
        return x.to(device, memory_format=layout(x), non_blocking=True), y.to(device)

    def _share(self, examples: int) -> None:
        """Choose by the size of a step how many threads share it.

        A resumed run takes as many as it began with, where there are so many, so that it goes on as
        it would have, to the last bit.
        """
        in_parts = isinstance(self.net, FiveLayerNet) and not self.net.has_batch_norm
        in_parts = in_parts and self.model is self.net and self.acc.device.type == "cpu"
        weights = sum(parameter.numel() for parameter in self.net.parameters())
        useful = machine.threads() if in_parts or weights * examples >= LARGE else 1
        self.threads = min(self.threads or useful, machine.threads())
        self.open.enter_context(machine.on_threads(1 if in_parts else self.threads))
        if in_parts and self.threads > 1:
            pool = self.open.enter_context(machine.alone_each(self.threads))
            self.model = SharedBatch(self.net, pool, self.threads, self.precision)
        self.shared = True

    def note(self, loss: torch.Tensor, images: int) -> None:
        """Record an update with this loss on so many images."""
        self.losses.append(loss.detach())
        self.step += 1
        self.bar.update()
        if self.step % LOOK_EVERY == 0:
            self._look()
            now = time.perf_counter()
            made = images * self.acc.num_processes * (self.step - self.first)
            speed = made / (now - self.begun)
            self.bar.set_postfix_str(
                f"loss {self.history.loss[-1]:.2f}, {speed:,.0f} images/s", False
            )
            if now - self.saved > SAVE_EVERY:
                self._save()
                self.saved = time.perf_counter()

    def _freeze_layer1(self) -> None:
        """Give W¹ no more gradients: on large pictures they take longest (arXiv 1706.04983)."""
        self.frozen = [
            parameter
            for name, parameter in self.net.named_parameters()
            if name.startswith(("layer1.", "norm1.")) and parameter.requires_grad
        ]
        for parameter in self.frozen:
            parameter.requires_grad_(False)
        self.model = self.acc.prepare(self.net)  # several processes no longer wait for it

    def _show(self) -> None:
        if self.callbacks.on_step is not None:
            self.callbacks.on_step(self.step, self.net, self.history)

    def _asked_to_stop(self) -> bool:
        asked = self.pressed.is_set() or self.callbacks.stopped
        if self.acc.num_processes == 1:
            return asked
        if asked:
            self.acc.set_trigger()  # when one process is asked to stop, all of them do
        return self.step % LOOK_EVERY == 0 and self.acc.check_trigger()

    def _finite_losses(self) -> list[float]:
        losses = torch.stack(self.losses).tolist() if self.losses else []
        if not all(map(math.isfinite, losses)):
            raise CourseError(
                "diverged",
                f"The loss is no longer a number at step {self.step}: the learning rate "
                f"({self.recipe.learning_rate:g}) is too high for these data. Try a third of it.",
            )
        return losses

    def _look(self) -> None:
        """Add the mean loss since the last entry to the history."""
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
                "threads": self.threads,
            }
            checkpoint.save_checkpoint(self.callbacks.checkpoint, self.run, state, self.parts)


@contextlib.contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Ctrl-C sets a flag that the loop checks between two steps; a second one stops at once."""
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
    """Pictures lie in memory pixel by pixel, because convolutions are fastest so."""
    return torch.channels_last if x.ndim == 4 else torch.contiguous_format
