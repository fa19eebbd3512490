"""The loss of a training in a notebook, drawn while it runs."""

import time

import torch
from IPython.display import display

from tl_course.core import training
from tl_course.layers.snapshots import Growth
from tl_course.lessons import figures


class LiveCurve(Growth):
    """An `on_step` for the loop that redraws the loss about once a second, and records `Growth`."""

    def __init__(self, n_steps: int, seconds: float = 1.0):
        super().__init__(n_steps)
        self.seconds, self.drawn = seconds, 0.0
        self.handle = display(figures.training_curve([], [], n_steps), display_id=True)

    def __call__(self, step: int, net: torch.nn.Module, history: training.History) -> None:
        super().__call__(step, net, history)
        if step == self.n_steps or time.perf_counter() - self.drawn > self.seconds:
            self.handle.update(figures.training_curve(history.step, history.loss, self.n_steps))
            self.drawn = time.perf_counter()
