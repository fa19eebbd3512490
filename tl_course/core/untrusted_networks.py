"""What is looked at before a stranger's network is built: its files, its configuration, its size.

`for_pictures` and `for_texts` give what timm and transformers are then asked for, always the one
revision that was looked at. Both raise CourseError where a configuration asks for code or for
another network, or where the network is larger than those that a laptop adapts.
"""

import re
from collections.abc import Callable
from pathlib import Path

from torch import nn

from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError, printable
from tl_course.core import files, hub

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
MOST_CONFIG = 10_000_000  # bytes of a configuration; one with 22,000 classes has two million
MOST_READ = 20_000_000  # bytes of another file beside the weights: word pieces of all languages
LAYERS = re.compile("depth|layer|block|stage|repeat|group")  # keys that say how many there are
MOST_LAYERS = 200  # that a stranger's configuration may ask for, all of them together
MOST_WEIGHTS = 125_000_000  # numbers of a network from a stranger: half a gigabyte
MOST_FILE = 4 * MOST_WEIGHTS + MOST_CONFIG  # bytes of one with weights
READERS = (
    "albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert",
    "mpnet", "roberta", "xlm-roberta",
)  # fmt: skip
LED_AWAY = ("quantization_config", "adapter_config.json")  # to other code, and to another network


def for_pictures(name: str) -> str:
    """timm's name of a network; a network on the hub gets the revision that was looked at."""
    import timm

    source, place = timm.models.parse_model_name(name)
    if source == "hf-hub":
        place, _, revision = place.partition("@")
        folder, revision = _at_the_hub(name, place, revision or None)
        place = f"{place}@{revision}"
    elif source == "local-dir":
        folder = _in_a_folder(name, Path(place))
    else:
        return name
    config = _configuration(name, folder)
    architecture = config.get("architecture")
    if not isinstance(architecture, str) or not timm.is_model(architecture):
        raise _refused(name, f"timm has no architecture called '{printable(str(architecture))}'")
    chosen = f"{source}:{place}"
    model = _weights_fit(name, lambda: timm.create_model(chosen, pretrained=False))
    labels = model.pretrained_cfg.get("label_names") or ()
    if labels and len(labels) != model.num_classes:
        raise _refused(name, f"it has {len(labels):,} names for {model.num_classes:,} classes")
    return chosen


def for_texts(name: str) -> str | None:
    """The revision of a network for texts that was looked at; None for one in a folder."""
    from transformers import AutoConfig, AutoModel

    if Path(name).is_dir():
        folder, revision = _in_a_folder(name, Path(name)), None
    else:
        folder, revision = _at_the_hub(name, name, None)
    config = _configuration(name, folder)
    kind, beside = config.get("model_type"), {path.name for path in folder.iterdir()}
    if kind not in READERS:
        known = ", ".join(READERS)
        raise _refused(name, f"its kind is '{printable(str(kind))}', and the course knows {known}")
    for led in LED_AWAY:
        if led in config or led in beside:
            raise _refused(name, f"it has {led}, which leads to something else")
    exactly = AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=False)
    _weights_fit(name, lambda: AutoModel.from_config(exactly, trust_remote_code=False))
    return revision


def _refused(name: str, why: str) -> CourseError:
    return CourseError("refused", f"{name} is refused: {why}; choose another network.")


def _at_the_hub(name: str, place: str, revision: str | None) -> tuple[Path, str]:
    """Where the configuration of a repository came to, and its revision; all of it has to fit."""
    import huggingface_hub

    if not huggingface_hub.constants.HF_HUB_OFFLINE:
        revision, sizes = hub.revision_and_sizes(place, revision)
        _sizes_fit(name, sizes)
    path = Path(huggingface_hub.hf_hub_download(place, CONFIG_FILE, revision=revision))
    if huggingface_hub.constants.HF_HUB_OFFLINE:  # then all of it is here
        _in_a_folder(name, path.parent)
    return path.parent, path.parent.name  # a revision's folder has its name


def _in_a_folder(name: str, folder: Path) -> Path:
    """A folder with a configuration; all of it has to fit."""
    _sizes_fit(name, {path.name: path.stat().st_size for path in folder.iterdir()})
    return folder


def _sizes_fit(name: str, sizes: dict[str, int]) -> None:
    """Whether of the files in a folder or a repository those fit that may be read."""
    if WEIGHTS_FILE not in sizes:
        raise _refused(name, f"it has no {WEIGHTS_FILE}, and no other kind of weights is read")
    for file, size in sizes.items():
        most = MOST_FILE if file == WEIGHTS_FILE else MOST_READ
        read = file.endswith((WEIGHTS_FILE, ".json", ".txt", ".model")) and "/" not in file
        if read and size > most:
            size, most = storage.size_in_words(size), storage.size_in_words(most)
            raise _refused(name, f"its {printable(file)} has {size}, and at most {most} fit")


def _configuration(name: str, folder: Path) -> dict:
    """What the configuration in `folder` says.

    CourseError where it asks for code of its own, or for too many layers to be laid out.
    """
    path, layers = folder / CONFIG_FILE, 0.0
    config = untrusted_input.parsed(untrusted_input.content(path, MOST_CONFIG), path)
    if not isinstance(config, dict):
        raise _refused(name, "its configuration is no JSON object")
    for key, value, _ in untrusted_input.leaves(config):
        if key in untrusted_input.CUSTOM_CODE:
            raise _refused(name, f"it asks for code of its own ('{key}'), and none is run here")
        if LAYERS.search(key) and isinstance(value, (int, float)):
            layers += abs(value)
    if not layers <= MOST_LAYERS:
        raise _refused(name, f"its configuration asks for more than {MOST_LAYERS} layers")
    return config


def _weights_fit(name: str, make: Callable[[], nn.Module]) -> nn.Module:
    """The network of `make` without its memory, where it is not too large."""
    with files.shapes_alone():
        model = make()
    numbers = sum(tensor.numel() for tensor in (*model.parameters(), *model.buffers()))
    if numbers > MOST_WEIGHTS:
        raise _refused(name, f"it has {numbers:,} weights, and at most {MOST_WEIGHTS:,} fit")
    return model
