"""The portrait of one unit: what it would like best, what excites it, where it answers.

It takes few renders and one unit at a time, and caches all results, for quick exploration.
"""

import base64
import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from tl_course.base.errors import CourseError
from tl_course.core.network import CHANNELS, LAYERS, WIDTHS, FiveLayerNet
from tl_course.data.inputs import scaled, to_picture
from tl_course.data.pictures import open_picture
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.layers import synthesis
from tl_course.layers.patches import TopPatches, top_patches
from tl_course.layers.responses import receptive_field, responses

UNITS = dict(zip(LAYERS, WIDTHS, strict=True))
STEPS = 60  # of the ascent; half as many as for a finished sheet give the same pattern
PATCHES = 9
SIDES = range(16, 513)  # pixels of a picture, each way


class Portrait(NamedTuple):
    """One unit of the network `name`."""

    name: str
    liked: torch.Tensor | None  # what it would like best [3, h, w]; None before it is synthesised
    patches: torch.Tensor  # those that excite it most [9, 3, h, w]
    answers: Mapping[str, torch.Tensor]  # its answers to each picture [rows, columns]
    brightest: float  # the strongest answer to the pictures in the layer, of all networks


@dataclass
class Portraits:
    """Portraits of the units of `nets`, by name ("trained", "untrained").

    `renders` drawings are searched; up to 1,000 show different things.
    """

    nets: Mapping[str, FiveLayerNet]
    seed: int = 0
    renders: int = 1000

    def __post_init__(self) -> None:
        self._synthesised: set[tuple[str, int]] = set()  # layers and units
        for name in ("pictures", "natural", "patches", "sheet", "liked"):  # cached for each object
            setattr(self, name, functools.cache(getattr(self, name)))

    def of(
        self, layer: str, unit: int, pictures: Mapping[str, torch.Tensor], make: bool
    ) -> list[Portrait]:
        """One unit of each network and its answers to `pictures` `[3, h, w]`, by their names.

        Synthesising what it would like best takes seconds above layer 1, and is only done with
        `make`.
        """
        check_unit(layer, unit)
        answers = {
            (name, picture): self.answers(name, layer, x)
            for name in self.nets
            for picture, x in pictures.items()
        }
        brightest = torch.stack([maps.max() for maps in answers.values()]).max().item()
        portraits = []
        for name in self.nets:
            liked = self.liked(name, layer, unit) if make else None
            best = self.patches(name, layer).patches[unit]
            of_unit = {picture: answers[name, picture][unit] for picture in pictures}
            portraits.append(Portrait(name, liked, best, of_unit, brightest))
        if make:
            self._synthesised.add((layer, unit))
        return portraits

    def at_once(self, layer: str, unit: int) -> bool:
        """Whether what the unit would like best need not be synthesised."""
        return layer == LAYERS[0] or (layer, unit) in self._synthesised

    def pictures(self) -> torch.Tensor:
        """The drawings that are searched: `[renders, 3, 32, 32]`."""
        return EmojiImages(1_000_000 + self.seed).batch(0, self.renders)[0]

    def natural(self, layer: str) -> torch.Tensor:
        """Patches of the drawings, as large as the receptive field of `layer`."""
        field = receptive_field(next(iter(self.nets.values())), layer)
        return synthesis.natural_patches(self.pictures(), field)

    def patches(self, name: str, layer: str) -> TopPatches:
        """The nine patches that excite each unit of a layer most, best first."""
        x = self.pictures()
        return top_patches(self.nets[name], [layer], x.__getitem__, len(x), PATCHES)[layer]

    def sheet(self, name: str, layer: str) -> torch.Tensor:
        """A small picture of every unit of a layer `[units, 3, size, size]`, 0 … 1.

        It is the unit's filter in layer 1, and above that the patch that excites it most.
        """
        if layer != LAYERS[0]:
            return to_picture(self.patches(name, layer).patches[:, 0])
        weight = getattr(self.nets[name], layer).weight.detach().float().cpu()
        return weight / weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-8) / 2 + 0.5

    def liked(self, name: str, layer: str, unit: int) -> torch.Tensor:
        """What the unit would like best `[3, h, w]`, on the course's scale, −2 … 2.

        It is the filter in layer 1, and above that it is made by gradient ascent.
        """
        check_unit(layer, unit)
        if layer == LAYERS[0]:
            return scaled(self.sheet(name, layer)[unit])
        net, natural = self.nets[name], self.natural(layer)
        return synthesis.synthesise(net, layer, natural, [unit], steps=STEPS, seed=self.seed)[0]

    @torch.no_grad()
    def answers(self, name: str, layer: str, x: torch.Tensor) -> torch.Tensor:
        """Each unit's answers to a picture `[3, h, w]`, after ReLU: `[units, rows, columns]`."""
        check_picture(x)
        net = self.nets[name]
        device = next(net.parameters()).device
        return responses(net, x[None].to(device), [layer])[layer][0].relu().cpu()

    def strongest(self, name: str, layer: str, x: torch.Tensor) -> torch.Tensor:
        """Each unit's strongest answer to a picture: `[units]`."""
        return self.answers(name, layer, x).flatten(1).amax(1)


def check_unit(layer: str, unit: int) -> None:
    """Raise CourseError if there is no such unit."""
    if layer not in UNITS:
        raise CourseError("no_layer", f"There is no '{layer}'; the layers are {', '.join(UNITS)}.")
    if unit not in range(UNITS[layer]):
        raise CourseError(
            "no_unit", f"There is no unit {unit}; {layer} has units 0 to {UNITS[layer] - 1}."
        )


def check_picture(x: torch.Tensor) -> None:
    """Raise CourseError if `x` is no picture of a size that units can be asked about."""
    if x.ndim != 3 or x.shape[0] != CHANNELS or not all(side in SIDES for side in x.shape[1:]):
        raise CourseError(
            "shape",
            f"The picture has shape {list(x.shape)}; [3, height, width] with {SIDES.start} to "
            f"{SIDES.stop - 1} pixels each way is needed, on the scale (x − 0.5) / 0.25.",
        )


def picture_to_text(x: torch.Tensor) -> str:
    """A picture `[3, h, w]` as text: a PNG in base64."""
    check_picture(x)
    file = io.BytesIO()
    pixels = (255 * to_picture(x)).round().byte().cpu()
    to_pil_image(pixels).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def picture_from_text(text: str) -> torch.Tensor:
    """The picture that `picture_to_text` wrote; CourseError if the text is damaged."""
    try:
        content = base64.b64decode(text, validate=True)
        picture, _ = open_picture(content, most_pixels=(SIDES.stop - 1) ** 2)
        if not all(side in SIDES for side in picture.size):
            raise ValueError
    except (TypeError, ValueError, CourseError):
        raise CourseError(
            "damaged", "The drawing in this state is damaged: copy the whole text."
        ) from None
    return scaled(pil_to_tensor(picture).float() / 255)
