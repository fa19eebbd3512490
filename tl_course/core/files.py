"""A network on disk: one file with weights and description, written whole and read with care."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import safetensors.torch
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError, printable
from tl_course.core.network import KERNELS, WIDTHS, FiveLayerNet, fingerprint

Net = TypeVar("Net", bound=nn.Module)
FORMAT = "tl_course five-layer network 1"
WEIGHTS_FILE, DESCRIPTION_FILE = "weights.safetensors", "network.json"
SHIPPED = Path(__file__).parents[1] / "weights"  # what comes with the package
SHARED_WEIGHTS_FILE = "model.safetensors"  # what a folder for others has (sharing.py)
MOST_WEIGHTS, MOST_HEADER = 100_000_000, 1_000_000  # bytes of a file, and of what describes it
MOST_CLASSES = 20_000  # 82 MB of output layer
AGAIN, ABOUT = "fetch or train it again", "The description of the network"

# Parts of what the descriptions of saved and shared networks must hold (JSON Schema).
TEXT = {"type": "string"}
ARCHITECTURE = {"widths": {"enum": [[*WIDTHS]]}, "kernels": {"enum": [[*KERNELS]]}}
ONLY_ARCHITECTURE = f"the five-layer network has widths {[*WIDTHS]} and kernels {[*KERNELS]}"
FINGERPRINT = {
    "type": "string", "pattern": r"^[0-9a-f]{64}\Z",
    "said": "has a fingerprint that is no SHA-256 of 64 hex digits",
}  # fmt: skip


def credits(key: str, *names: str) -> dict:
    """The JSON schema of a list of credits, which stands under `key`, each with these texts."""
    credit = {
        "type": "object",
        "properties": dict.fromkeys(names, TEXT),
        "required": [*names],
        "additionalProperties": False,
        "said": f"has a '{key}' that is no list of credits, each with {', '.join(names)}",
    }
    return {"type": "array", "items": credit}


LINEAGE = credits("lineage", "name", "maker", "fingerprint", "licence")
STANDS_ON = credits("stands_on", "what", "by", "licence")
# What the description of any saved network must hold.
DESCRIPTION = {
    "type": "object",
    "said": "is not described as a network of this course is ('{key}')",
    "properties": {
        **dict.fromkeys(("format", "modality", "source", "name", "maker", "licence"), TEXT),
        "architecture": {"type": "object"},
        "fingerprint": FINGERPRINT,
        "lineage": LINEAGE,
        "stands_on": STANDS_ON,
    },
    "required": ["format", "architecture", "fingerprint"],
}
FIVE_LAYERS = {
    "properties": {
        "format": {"enum": [FORMAT], "said": "holds another kind of network ({value})"},
        "architecture": {
            "properties": {
                **ARCHITECTURE,
                "n_classes": {
                    "type": "integer", "minimum": 1, "maximum": MOST_CLASSES,
                    "said": f"has {{value}} classes, and 1 to {MOST_CLASSES:,} fit",
                },
            },
            "required": ["widths", "kernels", "n_classes"],
            "said": f"holds another architecture ('{{key}}'); {ONLY_ARCHITECTURE}",
        },
    }
}  # fmt: skip


def save(
    net: FiveLayerNet,
    folder: Path | str,
    half: bool = True,
    overwrite: bool = False,
    **about: object,
) -> Path:
    """Write `folder/weights.safetensors` and a readable copy of its description, `network.json`.

    `about` is what a stranger should know (recipe, metrics, data), as JSON. The weights' file holds
    the description and a hash, so one atomic write makes a whole network. It is written last, so
    that the same call goes on where a program was killed. `half` stores float16 (2.8 MB). Raises
    CourseError for a network with BatchNorm, and where `folder` holds a network and `overwrite` is
    False.
    """
    free_folder(folder, overwrite)
    return write(folder, to_save(net, half), _kind(net), about)


def check_about(net: FiveLayerNet, **about: object) -> None:
    """Raise CourseError where `save` would refuse `about`; called before the training."""
    _described(to_save(net), _kind(net), about)


def _kind(net: FiveLayerNet) -> dict:
    architecture = {"widths": WIDTHS, "kernels": KERNELS, "n_classes": net.n_classes}
    return {"format": FORMAT, "architecture": architecture, "modality": net.modality}


def write(folder: Path | str, state: dict[str, torch.Tensor], kind: dict, about: dict) -> Path:
    """Write a network's tensors, its `kind` (format, architecture) and `about`, as `save` does."""
    content, text = _described(state, kind, about)
    folder = storage.make_folder(folder)
    with storage.atomic_path(folder / WEIGHTS_FILE) as draft:
        draft.write_bytes(content)
        storage.write_text(folder / DESCRIPTION_FILE, text + "\n")
    return folder


def _described(state: dict[str, torch.Tensor], kind: dict, about: dict) -> tuple[bytes, str]:
    """The content of the weights' file, and the description in it as text."""
    description = {
        **kind,
        "fingerprint": fingerprint(state),
        "versions": {name: version(name) for name in ("torch", "tl-course")},
        **about,
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    untrusted_input.meet(
        untrusted_input.parsed(text, ABOUT), DESCRIPTION, ABOUT, "say it in another way"
    )
    content = as_file(state, {"network": text})
    if _header_size(content) > MOST_HEADER:
        most = storage.size_in_words(MOST_HEADER)
        raise CourseError(
            "too_much_said", f"{ABOUT} has more than {most}, which nobody reads: say less about it."
        )
    return content, text


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], **metadata: str) -> None:
    """Write tensors as a safetensors file, in one atomic write."""
    with storage.atomic_path(path) as temporary:
        temporary.write_bytes(as_file(tensors, metadata))


def as_file(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> bytes:
    """Tensors as the content of a safetensors file."""
    on_cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    return safetensors.torch.save(on_cpu, metadata=metadata or None)


def free_folder(folder: Path | str, overwrite: bool = False) -> Path:
    """A folder that a network can be saved in, checked before the training.

    Raises CourseError where it cannot be written to, where it holds a shared network, and where
    `overwrite` is False and it holds a saved one or a `network.json` of something else.
    """
    folder = storage.make_folder(folder)
    held = f"{folder} already holds a finished network"
    storage.refuse_to_overwrite(folder / WEIGHTS_FILE, held, overwrite)
    description = folder / DESCRIPTION_FILE
    if not _is_left_over(description):
        storage.refuse_to_overwrite(description, f"{description} is of something else", overwrite)
    if (folder / SHARED_WEIGHTS_FILE).exists():
        raise CourseError(
            "holds_shared_network",
            f"{folder} holds a shared network ({SHARED_WEIGHTS_FILE}): save into another folder.",
        )
    return folder


def _is_left_over(path: Path) -> bool:
    """Whether a program left this description that was killed before it wrote the weights."""
    try:
        _parsed_description(untrusted_input.content(path, MOST_HEADER), path)
    except CourseError:
        return False
    return True


def to_save(net: FiveLayerNet, half: bool = False) -> dict[str, torch.Tensor]:
    """The tensors to write, on the CPU, float16 if `half`; CourseError for what is never saved."""
    if net.has_batch_norm:
        raise CourseError(
            "not_folded", "This network still has its BatchNorm; call fold(net) before saving it."
        )
    if net.kernels != KERNELS:
        raise CourseError(
            "kernels", f"Only networks with kernels {KERNELS} are saved; this has {net.kernels}."
        )
    dtype = torch.float16 if half else torch.float32
    return {k: v.detach().cpu().to(dtype).contiguous() for k, v in net.state_dict().items()}


def describe(folder: Path | str) -> dict:
    """The description of a saved network, from the beginning of its weights' file."""
    path = _weights_in(folder)
    return _description(untrusted_input.content(path, 8 + MOST_HEADER, whole=False), path)


def opened(folder: Path | str, kind: dict) -> tuple[bytes, dict]:
    """The content of a saved network's weights' file, read once, and the description in it.

    Raises CourseError where the description does not meet `kind`, the JSON schema of a kind of
    network.
    """
    path = _weights_in(folder)
    content = untrusted_input.content(path, MOST_WEIGHTS)
    description = _description(content, path)
    untrusted_input.meet(description, kind, path, AGAIN)
    return content, description


def _weights_in(folder: Path | str) -> Path:
    path = Path(folder) / WEIGHTS_FILE
    if not os.path.isfile(path):  # Path.is_file raises for a name that no system takes
        if SHIPPED in path.parents:
            raise CourseError(
                "course_incomplete",
                f"The course's own network {path} is missing: unpack or install the course again.",
            )
        raise CourseError(
            "no_network",
            f"There is no network in {folder}: {WEIGHTS_FILE} is missing. "
            "Give the folder that save() or 'tl-course pretrain --out' wrote.",
        )
    return path


def _description(content: bytes, path: Path) -> dict:
    text = texts_in(content, path).get("network")
    if not isinstance(text, str):
        raise CourseError(
            "another_kind",
            f"{path} is a safetensors file, but not a network of this course (it carries no "
            "description). Networks of other kinds are loaded as published networks.",
        )
    return _parsed_description(text, path)


def _parsed_description(text: bytes | str, path: Path) -> dict:
    description = untrusted_input.parsed(text, f"The description in {path}")
    untrusted_input.meet(description, DESCRIPTION, path, AGAIN)
    return description


def load(folder: Path | str) -> FiveLayerNet:
    """The network saved in `folder`, float32, in evaluation mode; nothing is ever unpickled."""
    content, description = opened(folder, FIVE_LAYERS)
    n_classes, modality = description["architecture"]["n_classes"], description.get("modality")
    make = partial(FiveLayerNet, n_classes, modality=modality or "image")
    net = read(content, make, description["fingerprint"], str(Path(folder) / WEIGHTS_FILE))
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
    """The network of `make` with the weights in a safetensors file's `content`, for evaluation.

    Names, shapes, dtypes and the fingerprint `expected` are checked before memory is taken, and
    each weight must be finite. Weights become float32. Those `tied` to others are not in the file.
    Raises CourseError, which names the file as `where` and the network as it is `called`.
    """

    def unfit(why: str) -> CourseError:
        return CourseError("does_not_fit", f"{where} does not fit {called}: {why}.")

    state = tensors_in(content, where)
    with shapes_alone():
        net = make()
    ours = {name: value for name, value in net.state_dict().items() if name not in tied}
    for name, tensor in ours.items():
        if name not in state:
            raise unfit(f"it lacks {name}")
        shape, dtype = tuple(state[name].shape), state[name].dtype
        if shape != tuple(tensor.shape):
            raise unfit(f"{name} has shape {shape}, and {tuple(tensor.shape)} is expected")
        if dtype not in (torch.float32, torch.float16):
            known = "torch.float32 or torch.float16 are expected"
            raise unfit(f"{name} holds {dtype} numbers, and {known}")
    if extra := len(state) - len(ours):
        tensors = f"{extra} tensor{'s' if extra > 1 else ''}"
        raise unfit(f"it holds {tensors} that the network does not have")
    if fingerprint(state) != expected:
        raise CourseError(
            "fingerprint", f"{where} is damaged: its weights do not match their fingerprint."
        )
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise CourseError(
                "not_finite",
                f"{where} is of no use: {name} holds NaN or infinite weights; ask its maker for "
                "a sound one.",
            )
    weights = {name: value.float() for name, value in state.items()}
    net.load_state_dict(weights, assign=True, strict=not tied)
    return net.eval()


@contextlib.contextmanager
def shapes_alone() -> Iterator[None]:
    """Give networks made in the block shapes, but neither memory nor start values.

    torch would load its compiler for start values without memory, which takes seconds.
    """
    with torch.device("meta"), _NoStartValues():
        yield


class _NoStartValues(TorchFunctionMode):
    """Skips whatever would fill a weight with random numbers."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        initialises = getattr(function, "__module__", None) == "torch.nn.init"
        if initialises or getattr(function, "__name__", None) in ("normal_", "uniform_"):
            return args[0] if args else kwargs["tensor"]
        return function(*args, **kwargs)


def texts_in(content: bytes, where: object, most: int = MOST_HEADER) -> dict:
    """The texts in a safetensors file's header of at most `most` bytes; there may be none."""
    size = _header_size(content)
    if size > min(most, len(content) - 8):
        raise _damaged(content, where, "its header is cut off or too large")
    header = untrusted_input.parsed(content[8 : 8 + size], f"The header of {where}")
    texts = header.get("__metadata__") if isinstance(header, dict) else None
    return texts if isinstance(texts, dict) else {}


def _header_size(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def tensors_in(content: bytes, where: object, most: int = MOST_HEADER) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file; CourseError where it is damaged, or is none."""
    texts_in(content, where, most)
    try:
        return safetensors.torch.load(content)
    except Exception as error:  # a damaged header raises six kinds
        raise _damaged(content, where, printable(str(error), 120)) from None


def _damaged(content: bytes, where: object, why: str) -> CourseError:
    if is_pickle(content):
        why = "it is a pickle, which can run code when it is opened; only safetensors are read"
    return CourseError("damaged", f"{where} is damaged or is no safetensors file ({why}): {AGAIN}.")


def is_pickle(content: bytes) -> bool:
    """Whether a file begins like what torch.save or pickle write (torch.save writes a zip).

    A sound safetensors file may do so too, so ask this only of what is none.
    """
    return content[:4] == b"PK\x03\x04" or (content[:1] == b"\x80" and content[1:2] <= b"\x05")
