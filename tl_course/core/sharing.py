"""Share a network so that a stranger can use it, and load a stranger's without trusting them.

A shared folder has the three files of huggingface_hub's PyTorchModelHubMixin: `model.safetensors`,
`config.json` (the network's constructor arguments, and the card under `tl_course`) and `README.md`,
the model card. `load_shared` reads each file once, checks it, and builds the network from the bytes
that it checked. It runs nothing and writes nothing.
"""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tl_course.base import names, storage, untrusted_input
from tl_course.base.errors import CourseError, printable
from tl_course.core import files, hub, model_card
from tl_course.core.files import MOST_CLASSES, MOST_WEIGHTS, TEXT
from tl_course.core.model_card import Card
from tl_course.core.network import FiveLayerNet

KIND = "tl_course shared network"
FORMAT = f"{KIND} 1"
WEIGHTS_FILE = files.SHARED_WEIGHTS_FILE
CONFIG_FILE, CARD_FILE = "config.json", "README.md"
FILES = (WEIGHTS_FILE, CONFIG_FILE, CARD_FILE)
MOST_TEXT = untrusted_input.MOST_TEXT
MOST = {WEIGHTS_FILE: MOST_WEIGHTS, CONFIG_FILE: MOST_TEXT, CARD_FILE: MOST_TEXT}
MODALITIES = tuple(model_card.INPUTS)
PICKLES = (
    ".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".dill", ".mar",
)  # fmt: skip
CODE = (
    ".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".exe", ".sh", ".bat", ".cmd", ".ps1", ".js",
    ".ipynb", ".pth.tar", ".whl", ".egg",
)  # fmt: skip


# --------------------------------------------------------------------------------------- sharing


def share(
    net: FiveLayerNet,
    folder: Path | str,
    card: Card | None = None,
    half: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write `net` into `folder`, to be used by a stranger; returns the folder.

    Weights are float32 (1.6 MB with ten classes, 5.6 MB with 1,000), so that what others load
    answers bit for bit as yours does, on inputs in the memory layout channels_last. With `half`
    they are float16. What `net` was built on is credited (`model_card.lineage`). Raises CourseError
    where `load_shared` would refuse the folder, where it holds something else, and where it holds a
    shared network and `overwrite` is False. The weights take their place last: what is stopped
    before is no shared network, and the same call makes it one.
    """
    contents = as_files(net, card or Card(), half)
    folder = free_folder_to_share(folder, overwrite)
    with contextlib.ExitStack() as drafts:  # the last file takes its place first when it ends
        for name, content in contents.items():
            drafts.enter_context(storage.atomic_path(folder / name)).write_bytes(content)
    return folder


def as_files(net: FiveLayerNet, card: Card, half: bool = False) -> dict[str, bytes]:
    """What `share` would write, by file; CourseError where `load_shared` would refuse it."""
    state = files.to_save(net, half)
    about = model_card.description(net, card, state, FORMAT)
    config = {"n_classes": net.n_classes, "modality": net.modality, "tl_course": about}
    text = json.dumps(config, indent=2, ensure_ascii=False)
    called = f"The card of '{printable(card.name)}'"
    _checked(untrusted_input.parsed(text, called), called)
    contents = {
        WEIGHTS_FILE: files.as_file(state, {"format": "pt"}),
        CARD_FILE: model_card.as_markdown({**about, "modality": net.modality}).encode(),
        CONFIG_FILE: f"{text}\n".encode(),
    }
    for name, content in contents.items():
        if len(content) > MOST[name]:
            most = storage.size_in_words(MOST[name])
            raise CourseError(
                "too_much_said",
                f"{called} makes {name} larger than {most}, which nobody would load: say less in "
                "it, or give its classes shorter names.",
            )
    _network(contents.__getitem__, called)
    return contents


def free_folder_to_share(folder: Path | str, overwrite: bool = False) -> Path:
    """The folder to share into, made where it is missing, checked before the training.

    Raises CourseError where it holds anything else. Where `overwrite` is False it may hold no
    shared network either, only what is left of a share that was stopped.
    """
    folder = storage.make_folder(folder)
    held = f"{folder} already holds a shared network"
    storage.refuse_to_overwrite(folder / WEIGHTS_FILE, held, overwrite)
    for path in (folder / name for name in FILES if name not in _left_over(folder)):
        held = f"{path} is not from a share that was stopped"
        storage.refuse_to_overwrite(path, held, overwrite)
    expected = (*FILES, storage.CLAIM, ".DS_Store")
    for name in sorted(os.listdir(folder)):
        if name not in expected and not storage.is_draft(name):
            raise CourseError(
                "not_empty",
                f"{folder} holds other things ({name}); share into an empty folder, so that only "
                "what you mean to publish is in it.",
            )
    return folder


def _left_over(folder: Path) -> list[str]:
    """The files in `folder` of a share that was stopped before its weights were in place."""
    names = []
    with contextlib.suppress(CourseError):
        config = untrusted_input.parsed(_bytes(folder, CONFIG_FILE, MOST_TEXT), CONFIG_FILE)
        about = _checked(config, CONFIG_FILE)
        names.append(CONFIG_FILE)
        _check_card(_bytes(folder, CARD_FILE, MOST_TEXT), about, folder / CARD_FILE)
        names.append(CARD_FILE)
    return names


# --------------------------------------------------------------------------------------- loading


def load_any(folder: Path | str) -> FiveLayerNet:
    """A network from a folder, whether it was shared or saved (`files.save`).

    Raises CourseError where it holds both: nothing in a folder says which one is meant.
    """
    folder = Path(folder)
    shared, saved = map(os.path.exists, (folder / WEIGHTS_FILE, folder / files.WEIGHTS_FILE))
    if shared and saved:
        raise CourseError(
            "two_networks",
            f"{folder} holds two networks, a shared one ({WEIGHTS_FILE}) and a saved one "
            f"({files.WEIGHTS_FILE}): move the one that you do not want to another folder.",
        )
    shared = shared or os.path.exists(folder / CONFIG_FILE) and not saved
    return load_shared(folder) if shared else files.load(folder)


def load_shared(folder_or_name: Path | str, revision: str | None = None) -> FiveLayerNet:
    """The network that somebody shared: in a folder, or on the Hugging Face hub as "owner/name".

    It is float32 and in evaluation mode. `net.about` is its card, whose `from` is the folder, or
    the name and the fetched revision. Raises CourseError for whatever is unsafe or incomplete.
    Nothing in the folder is run or unpickled, and what is adapted from the network credits it.
    """
    folder, origin = Path(folder_or_name), str(folder_or_name)
    if (
        not os.path.exists(folder)
        and hub.NAME.fullmatch(origin)
        and isinstance(folder_or_name, str)
    ):
        folder, origin = fetch(origin, revision)
    if not os.path.isdir(folder):
        raise CourseError(
            "no_folder",
            f"There is no folder {folder_or_name}; give one that share() wrote, or a name on the "
            "Hugging Face hub such as owner/name.",
        )
    _check_names(folder)
    net = _network(lambda name: _bytes(folder, name, MOST[name]), folder)
    net.about["from"] = origin
    return net


def _network(content: Callable[[str], bytes], place: Path | str) -> FiveLayerNet:
    """The network in the contents of the three files, each checked; errors name the `place`."""
    where = {name: os.path.join(place, name) for name in FILES}
    config = untrusted_input.parsed(content(CONFIG_FILE), where[CONFIG_FILE])
    about = _checked(config, where[CONFIG_FILE])
    _check_card(content(CARD_FILE), about, where[CARD_FILE])
    arguments = {key: config[key] for key in ("n_classes", "modality")}
    make = partial(FiveLayerNet, **arguments)
    net = files.read(content(WEIGHTS_FILE), make, about["fingerprint"], where[WEIGHTS_FILE])
    net.about = {**about, **arguments}
    return net


def _check_names(folder: Path) -> None:
    """Refuse a folder that holds links, pickles or code."""
    for path in sorted(folder.iterdir()):
        name, why = path.name.lower(), None
        if path.is_symlink():
            why = "a link, which may lead anywhere; ask for a folder with the files themselves"
        elif name.endswith(PICKLES):
            why = (
                "a pickle, or may be one, which can run code when it is opened; ask for a folder "
                "with safetensors alone"
            )
        elif name.endswith(CODE):
            why = "code, and a shared network needs none; ask for a folder without it"
        if why:
            raise _refused(folder, f"{printable(path.name)} is {why}")


def _refused(what: Path | str, why: str) -> CourseError:
    return CourseError("refused", f"{what} is refused: {why}.")


def _bytes(folder: Path, name: str, most: int) -> bytes:
    """The content of one file, read once and through no link, of at most `most` bytes."""
    if not os.path.lexists(folder / name):
        why = f"{name} is missing; a shared folder has {', '.join(FILES)}"
        raise _refused(folder, why)
    return untrusted_input.content(folder / name, most, follow=False)


# What config.json must hold (JSON Schema).
COUNT = {
    "type": "integer", "minimum": 0, "maximum": 2**53,
    "said": "has metrics whose '{key}' is no count",
}  # fmt: skip
ABOUT = {
    **dict.fromkeys(("format", "input", "name", "maker", "task", "data"), TEXT),
    **dict.fromkeys(("intended", "limits"), TEXT),
    "licence": {
        "type": "string", "pattern": untrusted_input.ONE_LINE,
        "said": "has a licence that is not one line of text",
    },
    "images": {"type": "integer"},
    "metrics": {"type": "object", "properties": {"right": COUNT, "tested": COUNT}},
    "architecture": {
        "type": "object",
        "properties": files.ARCHITECTURE,
        "required": [*files.ARCHITECTURE],
        "said": f"describes another architecture; {files.ONLY_ARCHITECTURE}",
    },
    "fingerprint": files.FINGERPRINT,
    "classes": {"type": "array", "items": {**TEXT, "said": "has class names that are no texts"}},
    "lineage": files.LINEAGE,
    "stands_on": files.STANDS_ON,
    "versions": {
        "type": "object",
        "additionalProperties": {**TEXT, "said": "has 'versions' that are no texts"},
    },
}  # fmt: skip
CONFIG = {
    "type": "object",
    "properties": {
        "n_classes": {
            "type": "integer", "minimum": 2, "maximum": MOST_CLASSES,
            "said": f"says n_classes = {{value}}; a whole number from 2 to {MOST_CLASSES:,} fits",
        },
        "modality": {
            "enum": [*MODALITIES],
            "said": f"has the unknown modality '{{value}}'; there are {', '.join(MODALITIES)}",
        },
        "tl_course": {"type": "object", "properties": ABOUT, "required": [*ABOUT]},
    },
    "required": ["n_classes", "modality", "tl_course"],
}  # fmt: skip


def _checked(config: object, where: str) -> dict:
    """What config.json says about the network, every part checked; errors name it as `where`."""
    for key, _, _ in untrusted_input.leaves(config):
        if key in untrusted_input.CUSTOM_CODE:
            raise CourseError(
                "own_code",
                f"{where} asks for code of its own ('{key}'), and none is run here; ask for a "
                "network without it.",
            )
    about = config.get("tl_course") if isinstance(config, dict) else None
    kind = about.get("format") if isinstance(about, dict) else None
    if not isinstance(kind, str) or not kind.startswith(KIND):
        raise CourseError(
            "another_kind",
            f"{where} is not that of a network shared by this course; networks of other kinds are "
            "loaded as published networks (notebook 07).",
        )
    if kind != FORMAT:
        raise CourseError(
            "other_version",
            f"{where} has the format '{printable(kind)}', and this version of the course reads "
            f"'{FORMAT}': it was made by another version, so update the course.",
        )
    untrusted_input.meet(config, CONFIG, where, "ask for the file that share() wrote")
    classes, n_classes = about["classes"], config["n_classes"]
    if len(classes) != n_classes:
        raise CourseError(
            "class_names",
            f"{where} gives {len(classes):,} class names for {n_classes:,} classes; each class "
            "needs one name.",
        )
    _check_classes(classes, where)
    right, tested = (about["metrics"].get(key, 0) for key in ("right", "tested"))
    if right > tested:
        raise CourseError(
            "impossible_score",
            f"{where} has {right:,} right of {tested:,} test examples; do not believe it, and ask "
            "its maker.",
        )
    return about | {"metrics": model_card.metrics(right, tested)}


def _check_classes(classes: list[str], where: str) -> None:
    """Refuse class names that are not shown as they are, or that look the same."""
    for name in classes:
        if not names.is_plain(name):
            raise CourseError(
                "class_not_plain",
                f"{where} has the class name '{printable(name)}', which is no plain text of one "
                "line: ask its maker for another name.",
            )
    twice = [name for name, count in Counter(map(names.composed, classes)).items() if count > 1]
    if twice:
        raise CourseError(
            "class_twice",
            f"{where} has several classes called '{printable(twice[0])}': ask its maker for a name "
            "for each.",
        )


def _check_card(content: bytes, about: dict, path: Path | str) -> None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        why = "is no text in UTF-8; ask its maker for the model card"
        raise CourseError("refused", f"{path} {why}.") from None
    if about["fingerprint"] not in text:
        raise CourseError(
            "another_card",
            f"{path} is the card of another network: it does not name the SHA-256 of this one's "
            "weights; ask its maker for the right one.",
        )


# --------------------------------------------------------------------------------------- the hub


def publish(folder: Path | str, name: str, private: bool = False) -> str:
    """Put a shared folder on the Hugging Face hub as `name` ("owner/name"); gives "name@revision".

    You need an account there and must be logged in (`hf auth login`). Raises CourseError for a
    folder that `load_shared` refuses, offline, or without the right to write there.
    """
    hub.check_repository_name(name)
    load_shared(folder)
    return f"{name}@{hub.upload_files(name, Path(folder), FILES, private)}"


def fetch(name: str, revision: str | None = None) -> tuple[Path, str]:
    """Fetch a shared network from the hub; gives its folder, and "name@revision".

    Only the three files are fetched, and none that is too large. The revision is looked up first,
    so that all three are of the same one.
    """
    hub.check_repository_name(name)
    sha, sizes = hub.revision_and_sizes(name, revision)
    for file in FILES:
        if file not in sizes:
            raise CourseError(
                "another_kind",
                f"{name} on the Hugging Face hub has no {file}, so it is not a network shared "
                "by this course; networks of other kinds are loaded as published networks.",
            )
        if sizes[file] > MOST[file]:
            size = storage.size_in_words(sizes[file])
            why = f"its {file} has {size}, more than a five-layer network needs"
            raise _refused(f"{name} on the Hugging Face hub", why)
    folder = storage.home() / "shared" / name.replace("/", "--") / sha
    hub.bring(name, sha, FILES, folder)
    return folder, f"{name}@{sha}"
