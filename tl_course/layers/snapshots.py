"""How layers develop: the filters of layer 1 during training, and when each layer settles."""

import torch
from torch import nn

from tl_course.core import network
from tl_course.core.network import LAYERS
from tl_course.layers.responses import responses

STEPS = (0, 10, 30, 60, 100, 150, 200, 300, 400, 500, 600, 700, 1000, 1500, 2000, 3000)


def gram(x: torch.Tensor) -> torch.Tensor:
    """Similarity of each pair of pictures in a layer: responses `[n, …]` → centred `[n, n]`."""
    flat = x.flatten(1)
    flat = flat - flat.mean(0)
    return flat @ flat.t()


def similarity(a: torch.Tensor, b: torch.Tensor) -> float:
    """Linear CKA (arXiv 1905.00414) of two layers, from their `gram` matrices of the same pictures.

    It is 1 if they find the same pictures similar, and 0 if they have nothing in common.
    """
    a, b = a.double(), b.double()
    return ((a * b).sum() / (a.norm() * b.norm())).item()


class Growth:
    """Records the layers during training; it is passed to the loop as `on_step`.

    `filters[step]` is W¹ `[32, 3, 7, 7]`, after `STEPS`, every `every` steps and at the end.
    `settling()` compares the layers' responses to `pictures` `[n, 3, 32, 32]` with those at the
    end.
    """

    def __init__(self, n_steps: int, pictures: torch.Tensor | None = None, every: int = 0):
        self.n_steps, self.pictures, self.every = n_steps, pictures, every
        self.filters: dict[int, torch.Tensor] = {}
        self._grams: dict[int, dict[str, torch.Tensor]] = {}

    @torch.no_grad()
    def __call__(self, step: int, net: nn.Module, history) -> None:
        milestone = step in STEPS or step == self.n_steps
        if not milestone and (not self.every or step % self.every):
            return
        self.filters[step] = net.layer1.weight.detach().float().cpu().clone()
        if self.pictures is not None and milestone:
            folded = network.fold(net)
            answers = responses(folded, self.pictures.to(folded.output.weight.device), LAYERS)
            self._grams[step] = {name: gram(x.relu().float()).cpu() for name, x in answers.items()}

    def settling(self) -> list[dict]:
        """Rows `layer`, `step`, `similarity` (CKA with the same layer at the last step)."""
        last = self._grams[max(self._grams)]
        return [
            {"layer": name, "step": step, "similarity": similarity(grams[name], last[name])}
            for step, grams in self._grams.items()
            for name in LAYERS
        ]
