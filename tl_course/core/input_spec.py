"""What a network requires of its input, and the sentence that says why data do not meet it.

A network needs the same modality, channels, size and scale as in its pretraining.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Pictures:
    """Float `[n, 3, size, size]`, pixels 0 … 1 scaled by (x − mean) / std of each channel.

    Sound and text as pictures have the same shape and another `modality`. Each of those inputs is
    standardised by itself, so their scale is not checked.
    """

    size: int = 32
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.25, 0.25, 0.25)
    modality: str = "image"

    def __str__(self) -> str:
        scale = f", pixels 0 … 1 scaled by {self._scale()}" if self.modality == "image" else ""
        return f"[n, 3, {self.size}, {self.size}], modality {self.modality}{scale}"

    def _scale(self) -> str:
        def in_words(numbers: tuple[float, ...]) -> str:
            shown = [f"{number:.4g}" for number in numbers]
            return shown[0] if len(set(shown)) == 1 else f"[{', '.join(shown)}]"

        return f"(x − {in_words(self.mean)}) / {in_words(self.std)}"

    def prepare(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures 0 … 1 `[n, 3, height, width]`, resized and scaled for the network."""
        from torchvision.transforms.functional import normalize

        size = (self.size, self.size)
        if tuple(pictures.shape[-2:]) != size:
            pictures = F.interpolate(pictures, size, mode="bilinear", antialias=True).clamp(0, 1)
        scaled = normalize(pictures, self.mean, self.std)
        return scaled.contiguous(memory_format=torch.channels_last)

    def mismatch(self, x: torch.Tensor, modality: str, scaled: bool = True) -> str | None:
        """The sentence that says why `x` does not fit, or None; its scale counts if `scaled`."""
        if self.modality != modality:
            return (
                f"{_other_modality(self.modality, modality)} "
                f"(examples.with_modality('{self.modality}') tries it anyway)."
            )
        size = self.size
        if x.ndim != 4 or tuple(x.shape[1:]) != (3, size, size):
            return (
                f"The data have shape {list(x.shape)}, and this network takes [batch, 3, {size}, "
                f"{size}]: pad or resize each picture to {size}×{size} and repeat a single channel "
                "three times."
            )
        if not x.is_floating_point():
            return (
                f"The data are {str(x.dtype).removeprefix('torch.')} numbers, and this network "
                f"takes float numbers on the scale {self._scale()} of pictures 0 … 1."
            )
        if not torch.isfinite(x).all():
            mend = "mend or leave out those inputs"
            return f"Some of the data are not numbers (NaN or infinite); {mend}."
        low, high = x.min().item(), x.max().item()
        channels = [*zip(self.mean, self.std, strict=True)]
        least = min(-mean / std for mean, std in channels)
        most = max((1 - mean) / std for mean, std in channels)
        unscaled = low >= 0 and high > 0  # as of pixels 0 … 1 or 0 … 255
        outside = low < least - 1e-3 or high > most + 1e-3
        if self.modality == "image" and scaled and (outside or unscaled):
            return (
                f"The data lie between {low:g} and {high:g}, and this network was pretrained on "
                f"pictures from {_signed(least)} to {_signed(most)}: scale 0 … 1 by "
                f"{self._scale()}."
            )
        return None


@dataclass(frozen=True)
class Tokens:
    """Int64 `[n, length]`: numbers of word pieces below `vocabulary`, `padding` after the end."""

    longest: int
    vocabulary: int
    padding: int = 0
    modality: str = "tokens"

    def __str__(self) -> str:
        pieces = f"numbers of word pieces below {self.vocabulary:,}"
        return f"[n, at most {self.longest}], modality tokens, {pieces}"

    def mismatch(self, x: torch.Tensor, modality: str, scaled: bool = True) -> str | None:
        """The sentence that says why `x` does not fit, or None."""
        if self.modality != modality:
            return (
                f"{_other_modality(self.modality, modality)}; give it texts as word pieces, made "
                "with its own `tokens(texts)`."
            )
        if x.ndim != 2 or not 1 <= x.shape[1] <= self.longest or x.dtype != torch.int64:
            return (
                f"The data are {str(x.dtype).removeprefix('torch.')} numbers of shape "
                f"{list(x.shape)}, and this network takes word pieces, int64 [batch, at most "
                f"{self.longest}]: make them of texts with its own `tokens(texts)`."
            )
        if x.numel() and not 0 <= int(x.min()) <= int(x.max()) < self.vocabulary:
            return (
                f"The word pieces lie between {int(x.min())} and {int(x.max())}, and this network "
                f"knows 0 … {self.vocabulary - 1}: make them with its own `tokens(texts)`, "
                "since every published network numbers them in its own way."
            )
        return None


def _other_modality(pretrained: str, data: str) -> str:
    return (
        f"This network was pretrained on {pretrained} and the data are {data}: what it "
        "learnt may not help there, and may harm"
    )


def _signed(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")
