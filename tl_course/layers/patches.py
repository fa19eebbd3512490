"""Top patches: what, out of many pictures, excites a unit most.

After Zeiler and Fergus (arXiv 1311.2901): the pictures, cropped to the unit's receptive field.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from tqdm.auto import tqdm

from tl_course.layers.responses import Field, crop, receptive_field, responses

SPARE = 6  # candidates kept for each patch wanted, so that different things can be shown


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
    and, with `kind_of(index)` (its class, say), at most one from a kind where there are enough.
    Only places where the receptive field is not cut off count: at the border a unit may be
    answering to the border. (More than seven parameters: a search says what it streams and how.)
    """
    device = next(net.parameters()).device
    keep = k * SPARE if kind_of else k
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
            now = (value.float().cpu(), index[:, None].expand_as(place), place)
            if layer in best:
                now = tuple(torch.cat(pair) for pair in zip(best[layer][:3], now, strict=True))
            top = now[0].topk(min(keep, len(now[0])), dim=0).indices
            best[layer] = (*(part.gather(0, top) for part in now), width)
    return {
        layer: _shown(layer, fields[layer], pictures_at, *found, k, kind_of)
        for layer, found in best.items()
    }


def _shown(layer, field, pictures_at, values, pictures, places, width, k, kind_of):
    """The patches: candidates `[keep, units]` thinned to k and cut out of their pictures."""
    if kind_of is not None:
        kinds = kind_of(pictures.flatten()).view_as(pictures).cpu()
        seen_before = (kinds[:, None] == kinds[None]).float()  # [keep, keep, units]
        earlier = torch.ones(len(kinds), len(kinds)).tril(-1)[:, :, None]
        repeated = (seen_before * earlier).any(1)
        order = (repeated * len(kinds) + torch.arange(len(kinds))[:, None]).argsort(0)[:k]
        values, pictures, places = (part.gather(0, order) for part in (values, pictures, places))
    units = values.shape[1]
    values, pictures, places = values.t(), pictures.t(), places.t()  # [units, k]
    needed, which = pictures.flatten().unique(return_inverse=True)
    x = torch.cat([pictures_at(part).cpu() for part in needed.split(500)])[which]
    patches = crop(x, field, places.flatten() // width, places.flatten() % width)
    return TopPatches(layer, patches.view(units, -1, *patches.shape[1:]), values, pictures)
