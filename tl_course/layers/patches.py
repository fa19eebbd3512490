"""Top patches: the parts of many pictures that excite a unit most.

As in Zeiler and Fergus (arXiv 1311.2901), pictures are cropped to the unit's receptive field.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from tqdm.auto import tqdm

from tl_course.layers.responses import Field, crop, receptive_field, responses


@dataclass(frozen=True)
class TopPatches:
    """The k best patches of each unit, best first.

    `patches` `[units, k, 3, height, width]`, `values` `[units, k]` (responses before ReLU),
    `pictures` `[units, k]` (the numbers of the pictures that they were cut from).
    """

    layer: str
    patches: torch.Tensor
    values: torch.Tensor
    pictures: torch.Tensor


@torch.no_grad()
def top_patches(
    net: nn.Module,
    layers: Sequence[str],
    pictures_at: Callable[[torch.Tensor], torch.Tensor],
    n: int,
    k: int = 9,
    *,
    kind_of: Callable[[torch.Tensor], torch.Tensor] | None = None,
    batch: int = 500,
    progress: str | None = None,
) -> dict[str, TopPatches]:
    """The `k` patches of pictures 0 … n−1 that excite each unit of `layers` most.

    `pictures_at(index)` gives pictures `[len(index), 3, h, w]`, in batches, and again for the
    patches that are returned. At most one patch comes from a picture. With `kind_of(index)`, such
    as the picture's class, patches are of different kinds as long as there are enough kinds. Places
    where the border cuts the receptive field off do not count, because the unit may respond to the
    border. (More than seven parameters: a search says what it streams and how.)
    """
    device = next(net.parameters()).device
    best: dict[str, tuple] = {}
    fields: dict[str, Field] = {}
    numbers = torch.arange(n).split(batch)
    for index in tqdm(numbers, desc=progress, unit="batch", disable=progress is None):
        x = pictures_at(index).to(device)
        if not fields:
            fields = {layer: receptive_field(net, layer, tuple(x.shape[-2:])) for layer in layers}
        for layer, answers in responses(net, x, layers).items():
            outside = ~fields[layer].inside().to(device)
            value, place = answers.masked_fill(outside, -torch.inf).flatten(2).max(2)
            place = place.cpu()
            kind = (index if kind_of is None else kind_of(index).cpu())[:, None].expand_as(place)
            candidates = (value.float().cpu(), index[:, None].expand_as(place), place, kind)
            if layer in best:
                pairs = zip(best[layer], candidates, strict=True)
                candidates = tuple(torch.cat(pair) for pair in pairs)
            value = candidates[0] if kind_of is None else _best_of_each(*candidates[::3])
            order = value.topk(min(k, len(value)), dim=0).indices
            best[layer] = tuple(part.gather(0, order) for part in candidates)
    return {
        layer: _cut_out(layer, fields[layer], pictures_at, *parts[:3])
        for layer, parts in best.items()
    }


def _best_of_each(values: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Values `[n, units]`, with −∞ for all but the best of each kind (the first, if equal)."""
    shape, place = (int(kinds.max()) + 1, values.shape[1]), torch.arange(len(values))[:, None]
    best = torch.full(shape, -torch.inf).scatter_reduce(0, kinds, values, "amax")
    place = place.where(values == best.gather(0, kinds), len(values))
    first = torch.full(shape, len(values)).scatter_reduce(0, kinds, place, "amin")
    return values.where(place == first.gather(0, kinds), -torch.inf)


def _cut_out(layer, field, pictures_at, values, pictures, places) -> TopPatches:
    """The patches at `places` of `pictures`, both `[k, units]`."""
    values, pictures, places = values.t(), pictures.t(), places.t()  # [units, k]
    needed, index = pictures.flatten().unique(return_inverse=True)
    x = torch.cat([pictures_at(part).cpu() for part in needed.split(500)])[index]
    width = len(field.columns)
    patches = crop(x, field, places.flatten() // width, places.flatten() % width)
    return TopPatches(layer, patches.view(*values.shape, *patches.shape[1:]), values, pictures)
