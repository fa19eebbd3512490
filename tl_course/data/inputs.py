"""The scales of inputs: (x − 0.5) / 0.25 for pictures; sound and text are standardised."""

import torch

CHANNELS, SIZE = 3, 32  # of every example, whatever its modality
MEAN, SCALE = 0.5, 0.25
LUMINANCE = (0.299, 0.587, 0.114)  # weights of red, green and blue in grey (ITU-R BT.601)


def scaled(x: torch.Tensor) -> torch.Tensor:
    """Pixels 0 … 1 on the course's scale, −2 … 2: same shape."""
    return (x - MEAN) / SCALE


def to_picture(x: torch.Tensor) -> torch.Tensor:
    """From the course's scale back to 0 … 1, for showing: same shape."""
    return (x * SCALE + MEAN).clamp(0, 1)


def standardised_inputs(x: torch.Tensor) -> torch.Tensor:
    """Inputs `[n, 1, 32, 32]`, each scaled to mean 0 and spread 1, in three channels."""
    x = x - x.mean((1, 2, 3), keepdim=True)
    x = x / x.std((1, 2, 3), keepdim=True).clamp_min(1e-6)
    return x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
