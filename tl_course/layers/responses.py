"""What the units of a layer answer, and which part of the picture each of them looks at.

A *unit* is one output channel of a layer: one filter, slid over everything below it. Its response
is read before the ReLU. Everything in this room works on any `nn.Module` with convolutions: a
layer is named as in `net.named_modules()`, "layer2" in the course's network, "layer1.0.conv1" in
a ResNet of torchvision.
"""

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.base.errors import CourseError
from tl_course.core.network import CHANNELS, SIZE


def convolutions(net: nn.Module) -> list[str]:
    """The names of the layers that convolve, in order: layer1 … layer4 in the course's network."""
    return [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]


class _Enough(Exception):
    """All that was asked for has been seen; the rest of the network need not run."""


def responses(net: nn.Module, x: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
    """What each of `layers` answers to pictures x `[n, 3, h, w]`: `[n, units, rows, columns]`.

    The network is looked at as it is in use (evaluation mode), and left in the mode it was in.
    Gradients flow where they are enabled. CourseError names a layer that does not exist.
    """
    modules = dict(net.named_modules())
    unknown = [name for name in layers if name not in modules or not name]
    if unknown:
        raise CourseError(
            f"The network has no layer '{unknown[0]}'; those that convolve are "
            f"{', '.join(convolutions(net))}."
        )
    found: dict[str, torch.Tensor] = {}
    here = threading.get_ident()

    def keep(name: str, _module, _inputs, output: torch.Tensor) -> None:
        if threading.get_ident() != here:  # another thread uses the network at the same time
            return
        found[name] = output if output.ndim == 4 else output[:, :, None, None]
        if len(found) == len(set(layers)):
            raise _Enough

    handles = [modules[name].register_forward_hook(partial(keep, name)) for name in set(layers)]
    was_training = net.training
    if was_training:
        net.eval()
    try:
        net(x)
    except _Enough:
        pass
    finally:
        if was_training:
            net.train()
        for handle in handles:
            handle.remove()
    return {name: found[name] for name in layers}


@dataclass(frozen=True)
class Field:
    """The receptive fields of a layer's units in pictures of one size.

    `rows[r]` is the first picture row that reaches output row r and the one past the last;
    `columns` likewise. At the border of the picture they are cut off.
    """

    rows: tuple[tuple[int, int], ...]
    columns: tuple[tuple[int, int], ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the largest receptive field, in pixels."""
        return max(b - a for a, b in self.rows), max(b - a for a, b in self.columns)

    @property
    def centre(self) -> tuple[int, int]:
        """The output position in the middle of the picture."""
        return len(self.rows) // 2, len(self.columns) // 2

    def inside(self) -> torch.Tensor:
        """Where the receptive field is not cut off at the border: bool `[rows, columns]`.

        In a layer whose fields are larger than the picture: where they see all of it.
        """
        down, right = (torch.tensor(lines).diff()[:, 0] for lines in (self.rows, self.columns))
        return (down == self.size[0])[:, None] & (right == self.size[1])

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Top and left of the `size` window seen at a position; negative past the border."""
        places = zip((self.rows[row], self.columns[column]), self.size, strict=True)
        top, left = (stop - whole if start == 0 else start for (start, stop), whole in places)
        return top, left


@torch.no_grad()
def receptive_field(net: nn.Module, layer: str, size: int | tuple[int, int] = SIZE) -> Field:
    """Which pixels can reach each output position of `layer`, found out by trying.

    `size` is the side of the pictures, or (height, width).

    One picture row at a time is made not-a-number: whatever it reaches becomes not-a-number too,
    whatever the weights. In float64 on the CPU, where no fast algorithm mixes neighbours.
    """
    probe = copy.deepcopy(net).cpu().double().eval()
    height, width = (size, size) if isinstance(size, int) else size

    def extent(length: int, other: int, of_rows: bool) -> tuple[tuple[int, int], ...]:
        touched = []
        across = min(other, 64)  # the other direction need not be as long
        for lines in torch.arange(length).split(32):
            shape = (length, across) if of_rows else (across, length)
            x = torch.zeros(len(lines), CHANNELS, *shape, dtype=torch.float64)
            for i, line in enumerate(lines):
                x[i].select(1 if of_rows else 2, line).fill_(torch.nan)
            reached = responses(probe, x, [layer])[layer].isnan().any(1)  # [lines, rows, columns]
            touched.append(reached.any(2 if of_rows else 1))
        table = torch.cat(touched)  # [length, positions]
        first = table.int().argmax(0)
        last = length - table.flip(0).int().argmax(0)
        return tuple(zip(first.tolist(), last.tolist(), strict=True))

    return Field(extent(height, width, of_rows=True), extent(width, height, of_rows=False))


def crop(x: torch.Tensor, field: Field, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """What units at `rows`, `columns` `[n]` see of pictures x `[n, 3, h, w]`: `[n, 3, *size]`.

    Past the border of the picture there is grey (0).
    """
    places = zip(x.cpu(), rows.tolist(), columns.tolist(), strict=True)
    from torchvision.transforms.functional import crop as cut  # a second or two to import

    seen = [cut(one, *field.corner(row, column), *field.size) for one, row, column in places]
    return torch.stack(seen)


def smallest_canvas(net: nn.Module, layer: str, size: int = SIZE) -> tuple[Field, int]:
    """The receptive field in the smallest picture whose middle unit sees as much as in a larger.

    A unit answers the same there, and the rest of the picture need not be computed.
    """
    whole = receptive_field(net, layer, size)
    for smaller in (size // 4, size // 2):
        field = receptive_field(net, layer, smaller)
        if field.size == whole.size and field.inside()[field.centre]:
            return field, smaller
    return whole, size


def at_centre(
    net: nn.Module, layer: str, patches: torch.Tensor, field: Field, size: int = SIZE
) -> torch.Tensor:
    """What the unit in the middle answers to `patches` `[n, 3, *field.size]`: `[n, units]`.

    A patch is laid where that unit looks; what is around it (grey) cannot reach the unit.
    """
    row, column = field.centre
    top, left = field.corner(row, column)
    height, width = field.size
    room = (left, size - width - left, top, size - height - top)
    if min(room) < 0:
        raise CourseError(
            f"The unit in the middle of {layer} looks past the border of a {size}×{size} picture; "
            "give a larger size."
        )
    canvas = F.pad(patches, room)
    return responses(net, canvas, [layer])[layer][:, :, row, column]
