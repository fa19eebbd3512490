"""How layers come about: the filters of layer 1 during training, and when each layer settles."""

import torch
from torch import nn

from tl_course.core import network
from tl_course.core.network import LAYERS
from tl_course.layers.responses import responses

STEPS = (0, 10, 30, 60, 100, 150, 200, 300, 400, 500, 600, 700, 1000, 1500, 2000, 3000)


def gram(x: torch.Tensor) -> torch.Tensor:
    """How alike each two pictures are in a layer: responses `[n, …]` → centred `[n, n]`."""
    flat = x.flatten(1)
    flat = flat - flat.mean(0)
    return flat @ flat.t()


def similarity(a: torch.Tensor, b: torch.Tensor) -> float:
    """Linear CKA (arXiv 1905.00414) of two layers, from their `gram` matrices of one set of
    pictures: 1 where they find the same pictures alike, 0 where they have nothing in common."""
    a, b = a.double(), b.double()
    return ((a * b).sum() / (a.norm() * b.norm())).item()


class Growth:
    """Give it to the loop as `on_step`: it keeps what the layers are like along the way.

    `filters[step]` is W¹ `[32, 3, 7, 7]`; `settling()` says how far each layer was, seen by what it
    answers to `pictures` `[n, 3, 32, 32]`. Looked at after `STEPS`, each `every` steps and at the
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
            found = responses(folded, self.pictures.to(folded.output.weight.device), LAYERS)
            self._grams[step] = {name: gram(x.relu().float()).cpu() for name, x in found.items()}

    def settling(self) -> list[dict]:
        """Rows `layer`, `step`, `similarity` (to the layer as it is at the last step, CKA)."""
        last = self._grams[max(self._grams)]
        return [
            {"layer": name, "step": step, "similarity": similarity(found[name], last[name])}
            for step, found in self._grams.items()
            for name in LAYERS
        ]
