"""Synthesised images: the picture that a unit would like best, made by gradient ascent.

After Olah, Mordvintsev and Schubert, "Feature Visualization" (Distill, 2017), in the four nouns of
lucid: an *objective* (one unit's response), a *parametrisation* (a picture as a sum of waves),
*transforms* (small random poses, so that no single pixel matters), and *render*, which puts them
together. Each picture keeps the mean, contrast and range of natural ones; otherwise the ascent
would only make it brighter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from tl_course.core.network import SIZE
from tl_course.data.poses import NUMBERS, Pose, grid, uniform
from tl_course.layers.responses import Field, at_centre, crop, receptive_field

STEPS = 120
RATE = 0.08
SMOOTH = 1.5  # how much short waves are damped
WOBBLE = Pose(rotate=0.1, shear=0.0, shift=0.08, stretch=0.0, zoom=(0.93, 1.07), elastic=0.0)
STEADY = 0.25  # the last share of the steps, without transforms
FLAT = 0.15  # contrast below which a patch shows nothing


@dataclass(frozen=True)
class Looks:
    """Statistics of natural patches: mean, contrast, range, and how their colours correlate."""

    mean: float
    contrast: float
    low: float
    high: float
    colours: torch.Tensor  # [3, 3]: three independent colours to the colours of natural patches


def looks_of(patches: torch.Tensor) -> Looks:
    """The statistics of patches `[n, 3, h, w]`."""
    pixels = patches.permute(0, 2, 3, 1).reshape(-1, 3)
    values, vectors = torch.linalg.eigh(torch.cov(pixels.t()))
    colours = vectors * values.clamp_min(1e-6)  # weak ones are damped, as short waves are
    return Looks(
        patches.mean().item(),
        patches.flatten(1).std(1).mean().item(),
        patches.min().item(),
        patches.max().item(),
        colours / colours.norm(),
    )


def alike(x: torch.Tensor, looks: Looks) -> torch.Tensor:
    """Pictures `[n, 3, h, w]` with the mean, contrast and range of `looks`."""
    for _ in range(3):  # clamping changes the mean and the contrast a little
        mean = x.mean((1, 2, 3), keepdim=True)
        spread = x.std((1, 2, 3), keepdim=True).clamp_min(1e-4)
        x = ((x - mean) / spread * looks.contrast + looks.mean).clamp(looks.low, looks.high)
    return x


def natural_patches(pictures: torch.Tensor, field: Field, seed: int = 0) -> torch.Tensor:
    """A patch from a random place of each picture, except flat ones: `[≤ n, 3, *field.size]`.

    The whole receptive field is inside the picture.
    """
    rows, columns = field.inside().nonzero().unbind(1)
    generator = torch.Generator().manual_seed(seed)
    place = torch.randint(len(rows), (len(pictures),), generator=generator)
    patches = crop(pictures, field, rows[place], columns[place])
    return patches[patches.flatten(1).std(1) > FLAT]


class Waves(nn.Module):
    """The parametrisation: `n` pictures of `size` as sums of waves, short waves damped."""

    def __init__(self, n: int, size: tuple[int, int], looks: Looks, seed: int = 0):
        super().__init__()
        self.size, self.looks = size, looks
        down, right = torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])
        frequency = (down**2 + right**2).sqrt().clamp_min(1 / max(size))
        self.register_buffer("scale", 1 / frequency**SMOOTH)
        generator = torch.Generator().manual_seed(seed)
        shape = (n, 3, *self.scale.shape, 2)
        self.spectrum = nn.Parameter(0.01 * torch.randn(shape, generator=generator))

    def forward(self) -> torch.Tensor:
        """The pictures `[n, 3, *size]`, with the statistics of natural ones."""
        waves = torch.view_as_complex(self.spectrum) * self.scale
        x = torch.fft.irfft2(waves, s=self.size, norm="ortho")
        x = torch.einsum("nchw,dc->ndhw", x, self.looks.colours.to(x))
        return alike(x, self.looks)


def wobble(x: torch.Tensor, seed: int) -> torch.Tensor:
    """The transforms: each picture a little shifted, turned and scaled."""
    u = uniform(seed, torch.arange(len(x), device=x.device), NUMBERS)
    positions = grid(WOBBLE, u, x.shape[-1])
    return F.grid_sample(x, positions, padding_mode="reflection", align_corners=False)


def render(
    waves: Waves,
    objective: Callable[[torch.Tensor], torch.Tensor],
    steps: int = STEPS,
    seed: int = 0,
    progress: str | None = None,
) -> torch.Tensor:
    """The pictures `[n, 3, h, w]` after gradient ascent on the waves."""
    optimizer = torch.optim.Adam(waves.parameters(), lr=RATE)
    for step in tqdm(range(steps), desc=progress, unit="step", disable=progress is None):
        x = waves()
        if step < (1 - STEADY) * steps:
            x = wobble(x, seed * steps + step)
        # Only the waves need gradients, not the network's weights.
        (waves.spectrum.grad,) = torch.autograd.grad(-objective(x).sum(), [waves.spectrum])
        optimizer.step()
    with torch.no_grad():
        return waves()


def synthesise(
    net: nn.Module,
    layer: str,
    natural: torch.Tensor,
    units: Sequence[int] | None = None,
    *,
    steps: int = STEPS,
    seed: int = 0,
    progress: str | None = None,
) -> torch.Tensor:
    """A picture for each of `units` (default: all), as large as the receptive field.

    `natural` `[n, 3, h, w]` are patches of that size (`natural_patches`), whose statistics each
    picture gets.
    """
    device = next(net.parameters()).device
    field = receptive_field(net, layer, SIZE)
    if units is None:
        units = range(net.get_submodule(layer).out_channels)
    chosen = torch.tensor(list(units), device=device)
    waves = Waves(len(chosen), field.size, looks_of(natural), seed).to(device)

    def objective(x: torch.Tensor) -> torch.Tensor:  # the response of unit i to picture i
        return at_centre(net, layer, x, field, SIZE).gather(1, chosen[:, None])[:, 0]

    return render(waves, objective, steps, seed, progress).cpu()
