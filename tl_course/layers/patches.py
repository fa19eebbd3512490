"""Top patches: what, out of many pictures, excites a unit most.

After Zeiler and Fergus (arXiv 1311.2901): the pictures, cropped to the unit's receptive field.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from tqdm.auto import tqdm

from tl_course.layers.responses import Field, crop, receptive_field, responses


@dataclass(frozen=True)
class TopPatches:
    """For each unit its k best patches, best first.

    `patches` `[units, k, 3, height, width]`, `values` `[units, k]` (responses before ReLU),
    `pictures` `[units, k]` (the number of the picture that each was cut from).
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
    """The `k` patches that excite each unit of `layers` most, out of pictures 0 … n−1.

    `pictures_at(index)` gives pictures `[len(index), 3, h, w]`; they stream through in batches,
    and only those that are shown are asked for again. At most one patch is taken from a picture
    and, with `kind_of(index)` (its class, say), the best one of each kind where there are enough.
    Only places where the receptive field is not cut off count: at the border a unit may be
    answering to the border. (More than seven parameters: a search says what it streams and how.)
    """
    device = next(net.parameters()).device
    best: dict[str, tuple] = {}
    fields: dict[str, Field] = {}
    numbers = torch.arange(n).split(batch)
    for index in tqdm(numbers, desc=progress, unit="batch", disable=progress is None):
        x = pictures_at(index).to(device)
        if not fields:
            fields = {layer: receptive_field(net, layer, tuple(x.shape[-2:])) for layer in layers}
        for layer, found in responses(net, x, layers).items():
            width = found.shape[3]
            outside = ~fields[layer].inside().to(device)
            value, place = found.masked_fill(outside, -torch.inf).flatten(2).max(2)
            place = place.cpu()
            kind = (index if kind_of is None else kind_of(index).cpu())[:, None].expand_as(place)
            now = (value.float().cpu(), index[:, None].expand_as(place), place, kind)
            if layer in best:
                now = tuple(torch.cat(pair) for pair in zip(best[layer][:4], now, strict=True))
            value = now[0] if kind_of is None else _best_of_each(*now[::3])
            order = value.topk(min(k, len(value)), dim=0).indices
            best[layer] = (*(part.gather(0, order) for part in now), width)
    return {
        layer: _shown(layer, fields[layer], pictures_at, *found) for layer, found in best.items()
    }


def _best_of_each(values: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Values `[n, units]`, and −∞ in place of all but the best (the first best) of each kind."""
    shape, place = (int(kinds.max()) + 1, values.shape[1]), torch.arange(len(values))[:, None]
    best = torch.full(shape, -torch.inf).scatter_reduce(0, kinds, values, "amax")
    place = place.where(values == best.gather(0, kinds), len(values))
    first = torch.full(shape, len(values)).scatter_reduce(0, kinds, place, "amin")
    return values.where(place == first.gather(0, kinds), -torch.inf)


def _shown(layer, field, pictures_at, values, pictures, places, kinds, width):
    """The patches `[k, units]`, cut out of their pictures."""
    units = values.shape[1]
    values, pictures, places = values.t(), pictures.t(), places.t()  # [units, k]
    needed, which = pictures.flatten().unique(return_inverse=True)
    x = torch.cat([pictures_at(part).cpu() for part in needed.split(500)])[which]
    patches = crop(x, field, places.flatten() // width, places.flatten() % width)
    return TopPatches(layer, patches.view(units, -1, *patches.shape[1:]), values, pictures)
