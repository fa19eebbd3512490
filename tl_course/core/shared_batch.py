"""A batch that several threads share: each computes a part of it, and the gradients are added.

torch's own threads share every operation of a network, and wait for each other after each one.
These wait once per update: alone they are as fast, and beside other programs twice as fast.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from functools import reduce

import torch
from torch import nn

LEAST = 16  # pictures, for which another thread is worth starting


class SharedBatch(nn.Module):
    """`net` as a training loop sees it, with batches shared by the `threads` of `pool`.

    No picture may depend on another of its batch (BatchNorm) or on chance (dropout). `precision` is
    entered in each thread.
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
        weights = [weight for weight in self.net.parameters() if weight.requires_grad]
        return _Shared.apply(self._answer, self.pool, x.chunk(n), *weights)

    def _answer(self, part: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad(), self.precision():
            return self.net(part)


class _Shared(torch.autograd.Function):
    """The answers to all parts in order; the gradient of a weight is the sum over the parts."""

    @staticmethod
    def forward(ctx, answer, pool: Executor, parts: Sequence[torch.Tensor], *weights):
        ctx.pool, ctx.weights, ctx.answers = pool, weights, list(pool.map(answer, parts))
        return torch.cat([answer.detach() for answer in ctx.answers])

    @staticmethod
    def backward(ctx, gradient):
        def gradients_of(answer, part):
            return torch.autograd.grad(answer, ctx.weights, part)

        parts = gradient.split([len(answer) for answer in ctx.answers])
        by_part = ctx.pool.map(gradients_of, ctx.answers, parts)
        by_weight = zip(*by_part, strict=True)
        return None, None, None, *(reduce(torch.add, gradients) for gradients in by_weight)
