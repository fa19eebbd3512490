"""The responses of a layer's units, and which part of the picture each unit sees.

A *unit* is one output channel of a layer: one filter, slid over everything below it. Its response
is read before the ReLU. This package works on any `nn.Module` with convolutions. A layer is named
as in `net.named_modules()`: "layer2" in the course's network, "layer1.0.conv1" in a ResNet of
torchvision.
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
    """The names of the convolutions, in order: layer1 … layer4 in the course's network."""
    return [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]


class _Enough(Exception):
    """All layers that were asked for have answered, so the rest need not run."""


def responses(net: nn.Module, x: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
    """The responses of each of `layers` to pictures x `[n, 3, h, w]`: `[n, units, rows, columns]`.

    The network runs in evaluation mode, and its own mode is restored. Gradients flow if they are
    enabled. CourseError names a layer that does not exist.
    """
    modules = dict(net.named_modules())
    unknown = [name for name in layers if name not in modules or not name]
    if unknown:
        raise CourseError(
            "no_layer",
            f"The network has no layer '{unknown[0]}'; those that convolve are "
            f"{', '.join(convolutions(net))}.",
        )
    outputs: dict[str, torch.Tensor] = {}
    this_thread = threading.get_ident()

    def keep(name: str, _module, _inputs, output: torch.Tensor) -> None:
        if threading.get_ident() != this_thread:  # another one uses the network too
            return
        outputs[name] = output if output.ndim == 4 else output[:, :, None, None]
        if len(outputs) == len(set(layers)):
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
    return {name: outputs[name] for name in layers}


@dataclass(frozen=True)
class Field:
    """The receptive fields of a layer's units in pictures of one size.

    `rows[r]` are the first picture row that reaches output row r and the one after the last;
    `columns` likewise. Fields are cut off at the border of the picture.
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
        """Where the border does not cut the receptive field off: bool `[rows, columns]`.

        If fields are larger than the picture, these are the places that see all of it.
        """
        height, width = (torch.tensor(lines).diff()[:, 0] for lines in (self.rows, self.columns))
        return (height == self.size[0])[:, None] & (width == self.size[1])

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Top and left of the `size` window that a position sees; negative beyond the border."""
        places = zip((self.rows[row], self.columns[column]), self.size, strict=True)
        top, left = (stop - whole if start == 0 else start for (start, stop), whole in places)
        return top, left


@torch.no_grad()
def receptive_field(net: nn.Module, layer: str, size: int | tuple[int, int] = SIZE) -> Field:
    """The pixels that can reach each output position of `layer`, in pictures of `size`.

    `size` is the side of the pictures, or (height, width). One picture row at a time is set to NaN,
    and every output that it reaches becomes NaN, whatever the weights. It runs in float64 on the
    CPU, where no fast algorithm mixes neighbours.
    """
    probe = copy.deepcopy(net).cpu().double().eval()
    height, width = (size, size) if isinstance(size, int) else size

    def extent(length: int, across: int, of_rows: bool) -> tuple[tuple[int, int], ...]:
        touched = []
        across = min(across, 64)  # the other direction may be shorter
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
    """The patches that units at `rows`, `columns` `[n]` see of x `[n, 3, h, w]`: `[n, 3, *size]`.

    Beyond the border of the picture there is grey (0).
    """
    from torchvision.transforms.functional import crop as cut  # a second or two to import

    corners = map(field.corner, rows.tolist(), columns.tolist())
    pairs = zip(x.cpu(), corners, strict=True)
    return torch.stack([cut(picture, *corner, *field.size) for picture, corner in pairs])


def smallest_canvas(net: nn.Module, layer: str, size: int = SIZE) -> tuple[Field, int]:
    """The receptive field in the smallest picture that holds the middle unit's, and its side.

    The unit gives the same response there, and the rest of the full picture need not be computed.
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
    """The response of the units in the middle to `patches` `[n, 3, *field.size]`: `[n, units]`.

    A patch fills the receptive field. The grey around it cannot reach the units. Raises
    CourseError if the field leaves the picture.
    """
    row, column = field.centre
    top, left = field.corner(row, column)
    height, width = field.size
    room = (left, size - width - left, top, size - height - top)
    if min(room) < 0:
        raise CourseError(
            "too_small",
            f"The unit in the middle of {layer} looks past the border of a {size}×{size} picture; "
            "give a larger size.",
        )
    canvas = F.pad(patches, room)
    return responses(net, canvas, [layer])[layer][:, :, row, column]
