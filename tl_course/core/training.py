"""The training loop: pretraining and Option 2, which update layers, both go through `train`.

Each step has a batch, a loss, a gradient and an update. What else a training needs is in
`session.py`. Option 1 updates no layer. It computes the features of the frozen ones once and fits
an output layer to them (`output_layers.py`).
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

LARGEST = 1e15  # score or feature; its square is still a float32
NUMBERS_AT_ONCE = 8_000_000  # in the inputs of one batch, without training


def train(
    net: nn.Module,
    batch_at: Callable[[int], tuple[torch.Tensor, torch.Tensor]],
    recipe: Recipe,
    callbacks: Callbacks | None = None,
) -> History:
    """Train `net` in place for `recipe.steps` updates and return how it went.

    `batch_at(step)` gives inputs `[batch, 3, 32, 32]` and labels `[batch]`. For a language model it
    gives symbols and the symbols that follow them, both `[batch, length]`. It is a function of the
    step, so a run resumed from a checkpoint continues as if it had never stopped. Raises
    CourseError when the loss is no longer a number or the checkpoint is of another run.
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
    """How many of the inputs `x` go through a network at once: 500 small ones, fewer large ones."""
    return max(1, min(500, NUMBERS_AT_ONCE // max(1, x[:1].numel())))


@torch.no_grad()
def predict(net: nn.Module, x: torch.Tensor, stop: threading.Event | None = None) -> torch.Tensor:
    """Scores of each class, on the CPU: `[len(x), n_classes]`, fewer after a `stop`.

    Raises CourseError where scores are not finite.
    """
    net.eval()
    return finite(in_parts(lambda part: net(part).float().cpu(), net, x, stop))


def finite(answers: torch.Tensor) -> torch.Tensor:
    """The `answers`, unchanged; CourseError where one of them is NaN, infinite or nearly so."""
    if not (answers.abs() < LARGEST).all():
        raise CourseError(
            "not_finite",
            "What the network makes of these examples is too large to be compared, or no number at "
            "all, so its weights are of no use; take another network.",
        )
    return answers


def in_parts(
    answer: Callable[[torch.Tensor], torch.Tensor],
    net: nn.Module,
    x: torch.Tensor,
    stop: threading.Event | None = None,
) -> torch.Tensor:
    """Apply `answer` to inputs `x` in parts that fit into memory, on the device of `net`.

    Several threads share the parts. After `stop` only the first part is computed.
    """
    device = next(net.parameters()).device

    @torch.no_grad()  # each thread has a setting of its own
    def answer_part(number: int) -> torch.Tensor | None:
        if number and stop is not None and stop.is_set():
            return None
        return answer(parts[number].to(device))

    most = machine.threads() if device.type == "cpu" else 1
    size = max(min(LEAST, at_once(x)), min(at_once(x) // most, -(-len(x) // most)))
    parts = x.split(size)
    answers = machine.in_threads(answer_part, range(len(parts)), device)
    return torch.cat([*itertools.takewhile(lambda part: part is not None, answers)])


def accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """The share of `x` `[n, 3, 32, 32]` for which `net` predicts the label `y` `[n]`, 0 … 1."""
    return (predict(net, x).argmax(1) == y.cpu()).float().mean().item()
