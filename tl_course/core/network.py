"""The five-layer network of the course: feature layers W¹,b¹ … W⁴,b⁴ and output layer W⁵,b⁵.

Layer ℓ = 1 … 4 is convolution (W^ℓ, b^ℓ) → ReLU → 2×2 max-pool; layer 5 is the output layer.
In code W^ℓ is `net.layer1.weight` … `net.layer4.weight`, `net.output.weight`.
"""

import copy
import hashlib

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.core.input_spec import Pictures
from tl_course.data.inputs import CHANNELS, SIZE

WIDTHS = (32, 64, 128, 256)
KERNELS = (7, 3, 3, 3)  # the first is 7×7 so that it can be seen
LAYERS = tuple(f"layer{number}" for number in range(1, len(WIDTHS) + 1))


class FiveLayerNet(nn.Module):
    """Four convolutional layers and an output layer, on pictures `[batch, 3, 32, 32]`.

    `batch_norm=True` puts BatchNorm (arXiv 1502.03167) between convolution and ReLU while
    pretraining, and `fold(net)` merges it into W and b afterwards. Other `kernels` are for
    comparison; such a network cannot be saved.
    """

    def __init__(
        self,
        n_classes: int = 1000,
        batch_norm: bool = False,
        modality: str = "image",
        kernels: tuple[int, ...] = KERNELS,
    ):
        super().__init__()
        self.n_classes, self.modality, self.kernels = n_classes, modality, kernels
        widths = (CHANNELS, *WIDTHS)
        for i, kernel in enumerate(kernels):
            convolution = nn.Conv2d(widths[i], widths[i + 1], kernel, padding=kernel // 2)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
            self.add_module(f"layer{i + 1}", convolution)
            if batch_norm:
                self.add_module(f"norm{i + 1}", nn.BatchNorm2d(widths[i + 1]))
        self.has_batch_norm = batch_norm
        self.output = new_output_layer(n_classes)

    @property
    def requirement(self) -> Pictures:
        """What the network takes at its input."""
        return Pictures(SIZE, modality=self.modality)

    def layer(self, number: int, x: torch.Tensor) -> torch.Tensor:
        """Layer 1 … 4 applied to x: `[batch, channels, size, size]`, half the size out."""
        x = getattr(self, f"layer{number}")(x)
        if self.has_batch_norm:
            x = getattr(self, f"norm{number}")(x)
        return F.relu(F.max_pool2d(x, 2))  # = pool(relu(x)), on a quarter of the numbers

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The input of the output layer: the flat output of layer 4, `[batch, 1024]`."""
        for number in range(1, len(WIDTHS) + 1):
            x = self.layer(number, x)
        return x.flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The score of each class before softmax, `[batch, n_classes]`."""
        return self.output(self.features(x))


N_FEATURES = WIDTHS[-1] * (SIZE // 2 ** len(WIDTHS)) ** 2  # 1,024


def new_output_layer(n_classes: int, n_features: int = N_FEATURES) -> nn.Linear:
    """A fresh output layer of zeros, so that every class starts with the same score."""
    output = nn.Linear(n_features, n_classes)
    nn.init.zeros_(output.weight)
    nn.init.zeros_(output.bias)
    return output


def replace_output_layer(net: FiveLayerNet, n_classes: int) -> FiveLayerNet:
    """A copy of `net` with W¹,b¹ … W⁴,b⁴ as they are and a fresh W⁵,b⁵ for `n_classes`."""
    borrowed = copy.deepcopy(net)
    borrowed.output = new_output_layer(n_classes, net.output.in_features).to(net.output.weight)
    borrowed.n_classes = n_classes
    return borrowed


@torch.no_grad()
def fold(net: FiveLayerNet) -> FiveLayerNet:
    """The same function without BatchNorm: W ← W·γ/√(σ²+ε), b ← (b−μ)·γ/√(σ²+ε) + β."""
    folded = FiveLayerNet(net.n_classes, modality=net.modality, kernels=net.kernels)
    folded.to(net.output.weight.device)
    folded.output.load_state_dict(net.output.state_dict())
    for number in range(1, len(WIDTHS) + 1):
        convolution = getattr(net, f"layer{number}")
        # In double precision on the CPU: Apple GPUs have no float64.
        weight, bias = convolution.weight.cpu().double(), convolution.bias.cpu().double()
        if net.has_batch_norm:
            norm = copy.deepcopy(getattr(net, f"norm{number}")).cpu().double()
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            weight = weight * gain.view(-1, 1, 1, 1)
            bias = (bias - norm.running_mean) * gain + norm.bias
        target = getattr(folded, f"layer{number}")
        target.weight.copy_(weight)
        target.bias.copy_(bias)
    return folded.eval()


def fingerprint(module: nn.Module | dict[str, torch.Tensor]) -> str:
    """SHA-256 over every parameter *and buffer*, names, shapes and bytes: equal means identical."""
    state = module.state_dict() if isinstance(module, nn.Module) else module
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def layers_fingerprint(net: FiveLayerNet) -> str:
    """Fingerprint of layers 1 … 4 alone: unchanged means that they were really frozen."""
    return fingerprint({k: v for k, v in net.state_dict().items() if not k.startswith("output.")})
