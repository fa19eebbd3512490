"""A batch that several threads share: each computes a part of it, and their gradients are added.

torch's own threads share each single step of a network instead, and wait for each other after it.
These wait once in an update: alone they are as quick, and beside other programs twice as quick.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from functools import reduce

import torch
from torch import nn

LEAST = 16  # pictures, for which another thread is worth its while


class SharedBatch(nn.Module):
    """`net` as seen by a training loop; its batches are shared by the `threads` of `pool`.

    Only for a network in which no picture depends on another of its batch (no BatchNorm), and
    without chance (no dropout). `precision` is entered in each thread.
    """

    def __init__(
        self,
        net: nn.Module,
        pool: Executor,
        threads: int,
        precision: Callable[[], AbstractContextManager],
    ):
        super().__init__()
        self.net, self.pool, self.threads, self.precision = net, pool, threads, precision

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of `net`, `[batch, classes]`."""
        n = min(self.threads, len(x) // LEAST)
        if n < 2:
            return self.net(x)
        weights = [one for one in self.net.parameters() if one.requires_grad]
        return _Shared.apply(self._answer, self.pool, x.chunk(n), *weights)

    def _answer(self, part: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad(), self.precision():
            return self.net(part)


class _Shared(torch.autograd.Function):
    """Answers to all parts in their order; the gradient of a weight is the sum over the parts."""

    @staticmethod
    def forward(ctx, answer, pool: Executor, parts: Sequence[torch.Tensor], *weights):
        ctx.pool, ctx.weights, ctx.answers = pool, weights, list(pool.map(answer, parts))
        return torch.cat([one.detach() for one in ctx.answers])

    @staticmethod
    def backward(ctx, gradient):
        def one(answer, part):
            return torch.autograd.grad(answer, ctx.weights, part)

        parts = gradient.split([len(answer) for answer in ctx.answers])
        each = ctx.pool.map(one, ctx.answers, parts)
        return None, None, None, *(reduce(torch.add, some) for some in zip(*each, strict=True))
