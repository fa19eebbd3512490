"""Muon, the optimizer of pretraining: orthogonal updates for filters, AdamW for the rest."""

import torch

from tl_course.base import machine

COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of K. Jordan et al., kellerjordan.github.io/posts/muon
ROUNDS = 5


class Muon(torch.optim.AdamW):
    """AdamW, and Muon for groups with `muon=True`, whose weights are `[units, …]`.

    Gradient descent moves a layer mostly along the few directions in which its gradient is large.
    Muon moves it equally far along all of them: the update is the orthogonal matrix nearest to the
    gradient's running mean (Nesterov momentum, the first of `betas`). Decay is decoupled. Under
    BatchNorm the norm of a layer's weights changes nothing but how fast they turn; a group with
    `keeps_norm` keeps it as it was. (`torch.optim.Muon` takes matrices, not filters.)
    """

    @torch.no_grad()
    def step(self, closure=None):
        """One update of all weights that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"] if group.get("muon") else ():
                if weight.grad is not None:
                    self._move(weight, group)
                    weight.grad = None  # so that AdamW leaves it alone
        return super().step(closure)

    def _move(self, weight: torch.Tensor, group: dict) -> None:
        momentum, state = group["betas"][0], self.state[weight]
        if not state:  # AdamW asks for a step where it loads a state
            state.update(step=torch.zeros(()), mean=torch.zeros_like(weight))
        mean = state["mean"]
        mean.lerp_(weight.grad, 1 - momentum)
        update = orthogonal(torch.lerp(weight.grad, mean, momentum).flatten(1))
        norm = weight.norm()
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.sub_(update.view(weight.shape), alpha=group["lr"])
        if group["keeps_norm"]:
            weight.mul_(norm / weight.norm())


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """About the orthogonal matrix nearest to `matrix` `[m, n]`: singular values near 1 (0.7 … 1.2).

    Newton–Schulz iteration, which needs products alone; in bf16 where the device is fast at it.
    """
    fast = machine.has_fast_bf16(matrix.device)
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    x = wide.to(torch.bfloat16 if fast else torch.float32)
    x = x / (x.norm() + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x if wide is matrix else x.T).to(matrix.dtype)
