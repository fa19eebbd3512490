"""A network on disk: one file with weights and description, written whole and read with care."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import safetensors
import safetensors.torch
import torch
from torch import nn

from tl_course.base import storage
from tl_course.base.errors import CourseError, printable
from tl_course.core.network import KERNELS, WIDTHS, FiveLayerNet, fingerprint

Net = TypeVar("Net", bound=nn.Module)
FORMAT = "tl_course five-layer network 1"
WEIGHTS_FILE, DESCRIPTION_FILE = "weights.safetensors", "network.json"
SHIPPED = Path(__file__).parents[1] / "weights"  # what comes with the package
SHARED_WEIGHTS_FILE = "model.safetensors"  # what a folder for others has (sharing.py)


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
    architecture = {"widths": WIDTHS, "kernels": KERNELS, "n_classes": net.n_classes}
    kind = {"format": FORMAT, "architecture": architecture, "modality": net.modality}
    return write(folder, to_save(net, half), kind, about)


def write(folder: Path | str, state: dict[str, torch.Tensor], kind: dict, about: dict) -> Path:
    """A network's tensors, which `kind` of network it is, and all `about` it, as `save` says."""
    description = {
        **kind,
        "fingerprint": fingerprint(state),
        "versions": {name: version(name) for name in ("torch", "tl-course")},
        **about,
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    folder = storage.make_folder(folder)
    write_tensors(folder / WEIGHTS_FILE, state, network=text)
    storage.write_text(folder / DESCRIPTION_FILE, text + "\n")
    return folder


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], **metadata: str) -> None:
    """Write tensors as a safetensors file, whole or not at all."""
    kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with storage.atomic_path(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(kept, metadata=metadata or None))


def free_folder(folder: Path | str, overwrite: bool = False) -> Path:
    """A folder that a network can be saved in, looked at before the training.

    Raises CourseError where it cannot be written to, where it holds a network and `overwrite` is
    False, and where it holds a shared one, which would then be taken for the new one.
    """
    folder = storage.make_folder(folder)
    says = f"{folder} already holds a finished network"
    storage.refuse_to_overwrite(folder / WEIGHTS_FILE, says, overwrite)
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
        raise _damaged(path, error) from None
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
    modality = description.get("modality", "image")
    make = partial(FiveLayerNet, n_classes, modality=modality)
    net = read(path.read_bytes(), make, description.get("fingerprint"), str(path))
    net.about = description
    return net


def read(
    content: bytes,
    make: Callable[[], Net],
    expected: str,
    where: str,
    called: str = "the five-layer network",
    tied: Sequence[str] = (),
) -> Net:
    """The network of `make` with the weights of the safetensors file `content`, for evaluation.

    Everything is checked before a network is built: names, shapes, number format, the fingerprint
    `expected`, and that each weight is a number; they become float32. Nothing larger than `content`
    is allocated. Weights that are `tied` to others are not in it. Raises CourseError, which names
    the file as `where` and the network as it is `called`.
    """
    if is_pickle(content):
        raise CourseError(
            f"{where} is a pickle, which can run code when it is opened; only safetensors are "
            "read, so ask its maker for those."
        )

    def unfit(why: str) -> CourseError:
        return CourseError(f"{where} does not fit {called}: {why}.")

    try:
        state = safetensors.torch.load(content)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise _damaged(where, printable(str(error), 120)) from None
    with torch.device("meta"):  # the shapes of the network, without its memory
        net = make()
    wanted = {name: value for name, value in net.state_dict().items() if name not in tied}
    for name in wanted:
        if name not in state:
            raise unfit(f"it lacks {name}")
        shape, dtype = tuple(state[name].shape), state[name].dtype
        expected_shape = tuple(wanted[name].shape)
        if shape != expected_shape:
            raise unfit(f"{name} has shape {shape}, and {expected_shape} is expected")
        if dtype not in (torch.float32, torch.float16):
            known = "torch.float32 or torch.float16 are expected"
            raise unfit(f"{name} holds {dtype} numbers, and {known}")
    extra = len(state) - len(wanted)
    if extra:
        tensors = f"{extra} tensor{'s' if extra > 1 else ''}"
        raise unfit(f"it holds {tensors} that the network does not have")
    if fingerprint(state) != expected:
        raise CourseError(f"{where} is damaged: its weights do not match their fingerprint.")
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise CourseError(
                f"{where} is of no use: {name} holds NaN or infinite weights; ask its maker for "
                "a sound one."
            )
    kept = {name: value.float() for name, value in state.items()}
    net.load_state_dict(kept, assign=True, strict=not tied)
    return net.eval()


def _damaged(where: Path | str, why: object) -> CourseError:
    said = f"{where} is damaged or is no safetensors file ({why})"
    return CourseError(f"{said}; fetch or train it again.")


def is_pickle(content: bytes) -> bool:
    """Whether a file begins like what torch.save or pickle write (torch.save writes a zip)."""
    return content[:4] == b"PK\x03\x04" or (content[:1] == b"\x80" and content[1:2] <= b"\x05")
