"""The one training loop: every network of the course goes through `train`.

It reads top to bottom: prepare, resume, then for each step a batch, a loss, a gradient, an update.
accelerate places it on a CPU, a CUDA or an Apple GPU, or on several processes under torchrun.
"""

from __future__ import annotations

import contextlib
import math
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn
from tqdm.auto import tqdm

from tl_course.base import machine, storage
from tl_course.base.errors import CourseError

LOOK_EVERY = 10  # steps between two looks at the loss: a look waits for the device
SAVE_EVERY = 20.0  # seconds between two checkpoints
NUMBERS_AT_ONCE = 8_000_000  # pixels' numbers of one batch while nothing is learnt


@dataclass(frozen=True)
class Recipe:
    """How to train. `rate` is the peak of a one-cycle schedule (arXiv 1708.07120)."""

    steps: int
    rate: float = 4e-3
    weight_decay: float = 0.05
    first_layer_decay: float | None = None  # stronger decay of W¹ alone makes its filters clean
    label_smoothing: float = 0.0
    warm_up: float = 0.2  # share of the steps in which the rate rises
    bf16: bool | None = None  # None: where the processor is fast at it


@dataclass
class History:
    """What happened: one entry each `LOOK_EVERY` steps; `finished` is False after a stop."""

    step: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    seconds: float = 0.0
    finished: bool = False


def accelerator() -> Accelerator:
    """accelerate, told to stay on the CPU where there is no GPU (else torchrun is not seen)."""
    return Accelerator(cpu=machine.device().type == "cpu")


def parameter_groups(net: nn.Module, recipe: Recipe) -> list[dict]:
    """Weights decay, biases and BatchNorm do not, and W¹ may decay more than the others."""
    groups = {"first": [], "weights": [], "rest": []}
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            first = name == "layer1.weight" and recipe.first_layer_decay is not None
            key = "first" if first else "weights" if parameter.ndim > 1 else "rest"
            groups[key].append(parameter)
    decay = {"first": recipe.first_layer_decay, "weights": recipe.weight_decay, "rest": 0.0}
    return [{"params": groups[key], "weight_decay": decay[key]} for key in groups if groups[key]]


def train(
    net: nn.Module,
    batch_at: Callable[[int], tuple[torch.Tensor, torch.Tensor]],
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    identity: dict | None = None,
    stop: threading.Event | None = None,
    on_step: Callable[[int, nn.Module, History], None] | None = None,
    progress: str | None = None,
) -> History:
    """Train `net` in place for `recipe.steps` updates and tell what happened.

    `batch_at(step)` gives inputs `[batch, 3, 32, 32]` and labels `[batch]`, or for a language model
    symbols and those that follow them, both `[batch, length]`; since it is a function of the step,
    a run resumed from `checkpoint` continues exactly as if it had never stopped.
    `identity` says what the run is (seed, source): a checkpoint of another run is refused.
    Ctrl-C and `stop` are heeded between two batches, after a checkpoint. `on_step(step, net,
    history)` is called before each update and at the end. `progress` is the bar's text.

    Raises CourseError when the loss is no longer a number or the checkpoint is of another run.
    """
    acc = accelerator()
    device = acc.device
    bf16 = machine.has_fast_bf16(device) if recipe.bf16 is None else recipe.bf16
    net.to(device, memory_format=torch.channels_last).train()
    fused = device.type in ("cpu", "cuda")  # one pass over all weights, several times faster
    optimizer = torch.optim.AdamW(parameter_groups(net, recipe), lr=recipe.rate, fused=fused)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.rate,
        total_steps=recipe.steps + 1,
        pct_start=max(recipe.warm_up, 2 / (recipe.steps + 1)),  # two steps at least
    )
    run = {**vars(recipe), **(identity or {})}
    history, step, losses = History(), 0, []  # losses since the last look
    if checkpoint is not None and checkpoint.exists():
        step, history, pending = _resume(checkpoint, run, net, optimizer, schedule)
        losses = [torch.tensor(loss, device=device) for loss in pending]
    first = step
    model, optimizer = acc.prepare(net, optimizer)
    bar = tqdm(
        total=recipe.steps, initial=step, desc=progress, unit="step", dynamic_ncols=True,
        disable=progress is None or not acc.is_main_process,
    )  # fmt: skip

    def finite_losses() -> list[float]:
        found = torch.stack(losses).tolist() if losses else []
        if not all(map(math.isfinite, found)):
            raise CourseError(
                f"The loss is no longer a number at step {step}: the learning rate "
                f"({recipe.rate:g}) is too high for these data. Try a third of it."
            )
        return found

    def look() -> None:
        """Write the mean loss since the last look into the history."""
        history.loss.append(statistics.fmean(finite_losses()))
        history.step.append(step)
        history.rate.append(schedule.get_last_lr()[0])
        losses.clear()

    def save() -> None:
        pending = finite_losses()  # a ruined state is never saved
        history.seconds = before + time.perf_counter() - begun
        if checkpoint is not None and acc.is_main_process:
            _save(checkpoint, run, step, history, pending, net, optimizer, schedule)

    before, begun, saved = history.seconds, time.perf_counter(), time.perf_counter()

    def told_to_stop() -> bool:
        told = pressed.is_set() or (stop is not None and stop.is_set())
        if acc.num_processes == 1:
            return told
        if told:
            acc.set_trigger()  # when one process was told to stop, all of them do
        return step % LOOK_EVERY == 0 and acc.check_trigger()

    with _ctrl_c() as pressed, bar:
        while step < recipe.steps:
            if on_step is not None:
                on_step(step, net, history)
            if told_to_stop():
                save()
                break
            x, y = batch_at(step)
            x = x.to(device, memory_format=layout(x), non_blocking=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                scores = model(x)
            loss = F.cross_entropy(  # a language model has scores at each place of a text
                scores.flatten(0, -2).float(), y.flatten().to(device),
                label_smoothing=recipe.label_smoothing,
            )  # fmt: skip
            optimizer.zero_grad()
            acc.backward(loss)
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
            step += 1
            bar.update()
            if step % LOOK_EVERY == 0:
                look()
                rate = len(x) * acc.num_processes * (step - first) / (time.perf_counter() - begun)
                bar.set_postfix_str(f"loss {history.loss[-1]:.2f}, {rate:,.0f} images/s", False)
                if time.perf_counter() - saved > SAVE_EVERY:
                    save()
                    saved = time.perf_counter()
        else:
            if losses:
                look()
            history.finished = True
            save()
            if on_step is not None:
                on_step(step, net, history)
    net.eval()
    if pressed.is_set():
        raise KeyboardInterrupt
    return history


def _save(path, run, step, history, pending, net, optimizer, schedule) -> None:
    state = {
        "run": run, "step": step, "history": vars(history),
        "pending": pending, "net": net.state_dict(),
        "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
    }  # fmt: skip
    with storage.atomic_path(path) as temporary:
        torch.save(state, temporary)


def _resume(path, run, net, optimizer, schedule) -> tuple[int, History, list[float]]:
    try:
        with storage.open_plain(path) as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except storage.NotAFile as error:
        raise CourseError(
            f"{path} is not a checkpoint ({error.strerror}); take it away, or give another folder."
        ) from None
    except Exception as error:
        raise CourseError(
            f"The checkpoint {path} is damaged ({type(error).__name__}); delete it to start over."
        ) from None
    found = state.get("run", {"made by": "another version of the course"})
    if found != run:
        theirs = {key: value for key, value in found.items() if run.get(key) != value}
        raise CourseError(
            f"The checkpoint {path} belongs to another run ({theirs}, which is not what was asked "
            "for); delete it, or give another folder."
        )
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return state["step"], History(**state["history"]), state["pending"]


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


def at_once(x: torch.Tensor) -> int:
    """How many of the inputs `x` go through a network together: 500 small ones, fewer large."""
    return max(1, min(500, NUMBERS_AT_ONCE // max(1, x[:1].numel())))


@torch.no_grad()
def predict(net: nn.Module, x: torch.Tensor, stop: threading.Event | None = None) -> torch.Tensor:
    """Scores of each class, on the CPU: `[len(x), n_classes]`, fewer after a `stop`."""
    device = next(net.parameters()).device
    net.eval()
    return torch.cat([net(part.to(device)).float().cpu() for part in parts(x, stop)])


def parts(x: torch.Tensor, stop: threading.Event | None = None) -> Iterator[torch.Tensor]:
    """Inputs `x` in parts that fit into memory; after `stop` none follows, but there is a first."""
    for number, part in enumerate(x.split(at_once(x))):
        if number and stop is not None and stop.is_set():
            return
        yield part


def accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Share of `x` `[n, 3, 32, 32]` that `net` calls by its label `y` `[n]`, 0 … 1."""
    return (predict(net, x).argmax(1) == y.cpu()).float().mean().item()
