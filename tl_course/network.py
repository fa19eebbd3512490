"""The five-layer network of the course: W¹,b¹ … W⁴,b⁴ see, W⁵,b⁵ name.

Layer ℓ = 1 … 4 is convolution (W^ℓ, b^ℓ) → ReLU → 2×2 max-pool; layer 5 is the output layer.
In code W^ℓ is `net.layer1.weight` … `net.layer4.weight`, `net.output.weight`.
"""

from __future__ import annotations

import copy
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

from tl_course import storage
from tl_course.errors import CourseError
from tl_course.requirement import Pictures

WIDTHS = (32, 64, 128, 256)
KERNELS = (7, 3, 3, 3)  # the first is 7×7 so that it can be seen
CHANNELS, SIZE = 3, 32
FORMAT = "tl_course five-layer network 1"
WEIGHTS_FILE, DESCRIPTION_FILE = "weights.safetensors", "network.json"
SHARED_WEIGHTS_FILE = "model.safetensors"  # what a folder for others has (sharing.py)


class FiveLayerNet(nn.Module):
    """Four convolutional layers and an output layer, on pictures `[batch, 3, 32, 32]`.

    `batch_norm=True` puts BatchNorm (arXiv 1502.03167) between convolution and ReLU while
    pretraining; `fold(net)` melts it into W and b afterwards. `kernels` other than the course's
    are for comparison; such a network cannot be saved.
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
        """What the output layer is given: the four layers' answer, flat, `[batch, 1024]`."""
        for number in range(1, len(WIDTHS) + 1):
            x = self.layer(number, x)
        return x.flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of each class before softmax, `[batch, n_classes]`."""
        return self.output(self.features(x))


N_FEATURES = WIDTHS[-1] * (SIZE // 2 ** len(WIDTHS)) ** 2  # 1,024


def new_output_layer(n_classes: int, n_features: int = N_FEATURES) -> nn.Linear:
    """A fresh output layer that starts at zero: it has no opinion before it has seen a label."""
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
            norm = copy.deepcopy(getattr(net, f"norm{number}"))
            norm = norm.cpu().double()
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


def save(
    net: FiveLayerNet,
    folder: Path | str,
    half: bool = True,
    overwrite: bool = False,
    **about: object,
) -> Path:
    """Write `folder/weights.safetensors` and a readable copy of its description, `network.json`.

    `about` is whatever a stranger should know (recipe, metrics, data), as JSON. The description
    and a hash travel inside the weights' file, so that one atomic write makes a whole network.
    `half` stores float16 (2.8 MB). BatchNorm must have been folded. A network that `folder` holds
    is overwritten only where `overwrite` asks for it (CourseError).
    """
    free_folder(folder, overwrite)
    state = to_save(net, half)
    description = {
        "format": FORMAT,
        "architecture": {"widths": WIDTHS, "kernels": KERNELS, "n_classes": net.n_classes},
        "modality": net.modality,
        "fingerprint": fingerprint(state),
        "versions": {name: version(name) for name in ("torch", "tl-course")},
        **about,
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    folder = storage.make_folder(folder)
    with storage.atomic_path(folder / WEIGHTS_FILE) as path:
        path.write_bytes(safetensors.torch.save(state, metadata={"network": text}))
    storage.write_text(folder / DESCRIPTION_FILE, text + "\n")
    return folder


def free_folder(folder: Path | str, overwrite: bool = False) -> Path:
    """A folder that a network can be saved in, looked at before the training.

    Raises CourseError where it cannot be written to, where it holds a network and `overwrite` is
    False, and where it holds a shared one, which would then be taken for the new one.
    """
    folder = storage.make_folder(folder)
    storage.refuse_to_overwrite(
        folder / WEIGHTS_FILE, f"{folder} already holds a finished network", overwrite
    )
    if (folder / SHARED_WEIGHTS_FILE).exists():
        raise CourseError(
            f"{folder} holds a shared network ({SHARED_WEIGHTS_FILE}): save into another folder."
        )
    return folder


def to_save(net: FiveLayerNet, half: bool = False) -> dict[str, torch.Tensor]:
    """The tensors to be written, on the CPU, float16 where `half`; CourseError where it may not."""
    if net.has_batch_norm:
        raise CourseError("This network still has its BatchNorm; call fold(net) before saving it.")
    if net.kernels != KERNELS:
        raise CourseError(
            f"Only networks with kernels {KERNELS} are saved; this has {net.kernels}."
        )
    dtype = torch.float16 if half else torch.float32
    return {k: v.detach().cpu().to(dtype).contiguous() for k, v in net.state_dict().items()}


def describe(folder: Path | str) -> dict:
    """The description of a saved network, read from its weights' file and checked."""
    path = Path(folder) / WEIGHTS_FILE
    if not path.is_file():
        raise CourseError(
            f"There is no network in {folder}: {WEIGHTS_FILE} is missing. "
            "Give the folder that save() or 'tl-course pretrain --out' wrote."
        )
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {})["network"])
    except (safetensors.SafetensorError, OSError) as error:
        raise CourseError(
            f"{path} is damaged or is no safetensors file ({error}); fetch or train it again."
        ) from None
    except (KeyError, json.JSONDecodeError):
        raise CourseError(
            f"{path} is a safetensors file, but not a network of this course (it carries no "
            "description). Networks of other kinds are loaded as published networks."
        ) from None
    return description


def load(folder: Path | str) -> FiveLayerNet:
    """The network saved in `folder`, float32, in evaluation mode; nothing is ever unpickled."""
    path, description = Path(folder) / WEIGHTS_FILE, describe(folder)
    architecture = description.get("architecture", {})
    expected = {"widths": list(WIDTHS), "kernels": list(KERNELS)}
    n_classes = architecture.get("n_classes")
    found = {key: architecture.get(key) for key in expected}
    if description.get("format") != FORMAT or found != expected or not isinstance(n_classes, int):
        raise CourseError(
            f"{path} holds another architecture ({found}); the five-layer network has {expected}."
        )
    net = from_bytes(
        path.read_bytes(),
        n_classes=n_classes,
        modality=description.get("modality", "image"),
        expected=description.get("fingerprint"),
        where=str(path),
    )
    net.about = description
    return net


def from_bytes(
    content: bytes, *, n_classes: int, modality: str, expected: str, where: str
) -> FiveLayerNet:
    """The network whose weights are in the safetensors file `content`, float32, for evaluation.

    Everything is checked before a network is built: names, shapes, number format, the fingerprint
    `expected`, and that each weight is a number. Nothing larger than `content` is allocated.
    Raises CourseError, which names the file as `where`.
    """
    if is_pickle(content):
        raise CourseError(
            f"{where} is a pickle, which can run code when it is opened; only safetensors are "
            "read, so ask its maker for those."
        )
    try:
        state = safetensors.torch.load(content)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        why = "".join(c if c.isprintable() else "?" for c in str(error))[:120]
        raise CourseError(
            f"{where} is damaged or is no safetensors file ({why}); fetch or train it again."
        ) from None
    with torch.device("meta"):  # the shapes of the network, without its memory
        net = FiveLayerNet(n_classes, modality=modality)
    wanted = net.state_dict()
    for name in wanted:
        if name not in state:
            raise CourseError(f"{where} does not fit the five-layer network: it lacks {name}.")
        shape, dtype = tuple(state[name].shape), state[name].dtype
        if shape != tuple(wanted[name].shape):
            raise CourseError(
                f"{where} does not fit the five-layer network: {name} has shape {shape}, and "
                f"{tuple(wanted[name].shape)} is expected."
            )
        if dtype not in (torch.float32, torch.float16):
            raise CourseError(
                f"{where} does not fit the five-layer network: {name} holds {dtype} numbers, and "
                "torch.float32 or torch.float16 are expected."
            )
    extra = len(state) - len(wanted)
    if extra:
        raise CourseError(
            f"{where} does not fit the five-layer network: it holds {extra} tensor"
            f"{'s' if extra > 1 else ''} that the network does not have."
        )
    if fingerprint(state) != expected:
        raise CourseError(f"{where} is damaged: its weights do not match their fingerprint.")
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise CourseError(
                f"{where} is of no use: {name} holds NaN or infinite weights; ask its maker for "
                "a sound one."
            )
    net.load_state_dict({name: value.float() for name, value in state.items()}, assign=True)
    return net.eval()


def is_pickle(content: bytes) -> bool:
    """Whether a file begins like what torch.save or pickle write (torch.save writes a zip)."""
    return content[:4] == b"PK\x03\x04" or (content[:1] == b"\x80" and content[1:2] <= b"\x05")
