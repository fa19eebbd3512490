"""The training loop: whatever updates layers goes through `train`, a pretraining and Option 2.

For each step a batch, a loss, a gradient, an update; what else a training needs is in `session.py`.
Option 1 updates no layer. It computes the features of the frozen ones once and fits an output layer
to them (`output_layers.py`).
"""

import itertools
import threading
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.base import machine
from tl_course.base.errors import CourseError
from tl_course.core.session import Callbacks, History, Recipe, Session
from tl_course.core.shared_batch import LEAST

LARGEST = 1e15  # of what a network answers; squares of it are still numbers
NUMBERS_AT_ONCE = 8_000_000  # pixels' numbers of one batch while nothing is learnt


def train(
    net: nn.Module,
    batch_at: Callable[[int], tuple[torch.Tensor, torch.Tensor]],
    recipe: Recipe,
    callbacks: Callbacks | None = None,
) -> History:
    """Train `net` in place for `recipe.steps` updates and tell what happened.

    `batch_at(step)` gives inputs `[batch, 3, 32, 32]` and labels `[batch]`, or for a language model
    symbols and those that follow them, both `[batch, length]`. Since it is a function of the step,
    a run resumed from a checkpoint continues exactly as if it had never stopped. Raises CourseError
    when the loss is no longer a number or the checkpoint is of another run.
    """
    with Session(net, recipe, callbacks or Callbacks()) as session:
        for step in session.steps():
            x, y = session.placed(*batch_at(step))
            with session.precision():
                scores = session.model(x)
            loss = F.cross_entropy(  # a language model has scores at each place of a text
                scores.flatten(0, -2).float(), y.flatten(), label_smoothing=recipe.label_smoothing
            )
            session.optimizer.zero_grad()
            session.backward(loss)  # a gradient for each weight
            session.optimizer.step()  # an update
            session.schedule.step()  # the next rate
            session.note(loss, len(x))
    return session.history


def at_once(x: torch.Tensor) -> int:
    """How many of the inputs `x` go through a network together: 500 small ones, fewer large."""
    return max(1, min(500, NUMBERS_AT_ONCE // max(1, x[:1].numel())))


@torch.no_grad()
def predict(net: nn.Module, x: torch.Tensor, stop: threading.Event | None = None) -> torch.Tensor:
    """Scores of each class, on the CPU: `[len(x), n_classes]`, fewer after a `stop`.

    Raises CourseError where they are no numbers that could be compared.
    """
    net.eval()
    return finite(in_parts(lambda part: net(part).float().cpu(), net, x, stop))


def finite(answers: torch.Tensor) -> torch.Tensor:
    """The same; CourseError where one of them is NaN, infinite or nearly so."""
    if not (answers.abs() < LARGEST).all():
        raise CourseError(
            "What the network makes of these examples is too large to be compared, or no number at "
            "all, so its weights are of no use; take another network."
        )
    return answers


def in_parts(
    answer: Callable[[torch.Tensor], torch.Tensor],
    net: nn.Module,
    x: torch.Tensor,
    stop: threading.Event | None = None,
) -> torch.Tensor:
    """What `answer` makes of inputs `x`, in parts that fit into memory, on the device of `net`.

    Several threads share the parts. After `stop` none is begun but the first.
    """
    device = next(net.parameters()).device

    @torch.no_grad()  # each thread has its own say in that
    def one(number: int) -> torch.Tensor | None:
        if number and stop is not None and stop.is_set():
            return None
        return answer(parts[number].to(device))

    most = machine.threads() if device.type == "cpu" else 1
    size = max(min(LEAST, at_once(x)), min(at_once(x) // most, -(-len(x) // most)))
    parts = x.split(size)
    found = machine.in_threads(one, range(len(parts)), device)
    return torch.cat([*itertools.takewhile(lambda part: part is not None, found)])


def accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Share of `x` `[n, 3, 32, 32]` that `net` calls by its label `y` `[n]`, 0 … 1."""
    return (predict(net, x).argmax(1) == y.cpu()).float().mean().item()
