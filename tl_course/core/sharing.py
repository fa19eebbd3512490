"""Share a network so that a stranger can use it, and load a stranger's without trusting them.

A shared folder has three files, as huggingface_hub's PyTorchModelHubMixin has them:
`model.safetensors`, `config.json` (the network's constructor arguments, and under `tl_course` what
the card says) and `README.md`, the model card. `load_shared` reads each file once, checks what it
read, and builds the network from those very bytes; it runs nothing and writes nothing.
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
from tl_course.core.network import KERNELS, WIDTHS, FiveLayerNet

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

    Weights are stored in float32 (1.6 MB with ten classes, 5.6 MB with 1,000): what others load
    then answers bit for bit as yours does (inputs in the memory layout of the course's targets,
    channels_last), which float16 (`half`, half the size) would not. What `net` was built on is
    credited by itself (`model_card.lineage`). Raises CourseError where `load_shared` would refuse
    the folder, so that nothing unusable is ever published, and where `folder` holds something
    already; a shared network is overwritten only where `overwrite` asks for it. All three files are
    written before the first takes its place, which is config.json, and the weights come last: what
    is stopped in between is no shared network, and the same call makes it one.
    """
    written = as_files(net, card or Card(), half)
    folder = free_folder(folder, overwrite)
    with contextlib.ExitStack() as drafts:  # the last file takes its place first when it ends
        for name, content in written.items():
            drafts.enter_context(storage.atomic_path(folder / name)).write_bytes(content)
    load_shared(folder)
    return folder


def as_files(net: FiveLayerNet, card: Card, half: bool = False) -> dict[str, bytes]:
    """What `share` would write, by file; CourseError where `load_shared` would refuse it."""
    state = files.to_save(net, half)
    about = model_card.description(net, card, state, FORMAT)
    config = {"n_classes": net.n_classes, "modality": net.modality, "tl_course": about}
    text = json.dumps(config, indent=2, ensure_ascii=False)
    said = f"The card of '{printable(card.name)}'"
    _checked(untrusted_input.parsed(text, said), said)
    written = {
        WEIGHTS_FILE: files.as_file(state, {"format": "pt"}),
        CARD_FILE: model_card.as_markdown({**about, "modality": net.modality}).encode(),
        CONFIG_FILE: f"{text}\n".encode(),
    }
    for name, content in written.items():
        if len(content) > MOST[name]:
            most = storage.in_words(MOST[name])
            raise CourseError(
                f"{said} makes {name} larger than {most}, which nobody would load: say less in it, "
                "or give its classes shorter names."
            )
    _network(written.__getitem__, said)
    return written


def free_folder(folder: Path | str, overwrite: bool = False) -> Path:
    """The folder to share into, made where it is missing, looked at before the training.

    Raises CourseError where it holds anything else; where `overwrite` is False, also where it holds
    a shared network, or a file of such a name that no share left there which was stopped.
    """
    folder = storage.make_folder(folder)
    says = f"{folder} already holds a shared network"
    storage.refuse_to_overwrite(folder / WEIGHTS_FILE, says, overwrite)
    for path in (folder / name for name in FILES if name not in _unfinished(folder)):
        says = f"{path} is not from a share that was stopped"
        storage.refuse_to_overwrite(path, says, overwrite)
    known = (*FILES, storage.CLAIM, ".DS_Store")
    names = sorted(path.name for path in folder.iterdir())
    strange = [name for name in names if name not in known and not storage.is_draft(name)]
    if strange:
        raise CourseError(
            f"{folder} holds other things ({strange[0]}); share into an empty folder, so that "
            "only what you mean to publish is in it."
        )
    return folder


def _unfinished(folder: Path) -> list[str]:
    """The files that are there of a share that was stopped before its weights were in place."""
    files_of_it = []
    with contextlib.suppress(CourseError):
        config = untrusted_input.parsed(_bytes(folder, CONFIG_FILE, MOST_TEXT), CONFIG_FILE)
        about = _checked(config, CONFIG_FILE)
        files_of_it.append(CONFIG_FILE)
        _check_card(_bytes(folder, CARD_FILE, MOST_TEXT), about, folder / CARD_FILE)
        files_of_it.append(CARD_FILE)
    return files_of_it


# --------------------------------------------------------------------------------------- loading


def load_any(folder: Path | str) -> FiveLayerNet:
    """A network from a folder, whether it was shared or saved (`files.save`).

    Raises CourseError where there are both: nothing in a folder says which one is meant.
    """
    folder = Path(folder)
    shared, saved = map(os.path.exists, (folder / WEIGHTS_FILE, folder / files.WEIGHTS_FILE))
    if shared and saved:
        raise CourseError(
            f"{folder} holds two networks, a shared one ({WEIGHTS_FILE}) and a saved one "
            f"({files.WEIGHTS_FILE}): move the one that you do not want to another folder."
        )
    shared = shared or os.path.exists(folder / CONFIG_FILE) and not saved
    return load_shared(folder) if shared else files.load(folder)


def load_shared(folder_or_name: Path | str, revision: str | None = None) -> FiveLayerNet:
    """The network that somebody shared: in a folder, or on the Hugging Face hub as "owner/name".

    float32, in evaluation mode; `net.about` is its card, with `from`: the folder, or the name and
    the revision that was fetched. Raises CourseError, one sentence, for whatever is not safe or not
    whole. Nothing of the folder is run or unpickled, and what is adapted from it credits it.
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
            f"There is no folder {folder_or_name}; give one that share() wrote, or a name on the "
            "Hugging Face hub such as owner/name."
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
    given = {key: config[key] for key in ("n_classes", "modality")}
    make = partial(FiveLayerNet, **given)
    weights = content(WEIGHTS_FILE)
    net = files.read(weights, make, about["fingerprint"], where[WEIGHTS_FILE])
    net.about = {**about, **given}
    return net


def _check_names(folder: Path) -> None:
    """Refuses a folder that holds links, pickles or code beside the three files."""
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
    return CourseError(f"{what} is refused: {why}.")


def _bytes(folder: Path, name: str, most: int) -> bytes:
    """The content of one file, read once and through no link, of at most `most` bytes."""
    if not os.path.lexists(folder / name):
        why = f"{name} is missing; a shared folder has {', '.join(FILES)}"
        raise _refused(folder, why)
    return untrusted_input.content(folder / name, most, follow=False)


# What config.json must hold (JSON Schema). `said` is the sentence for what does not meet a part.
ABOUT = {
    **dict.fromkeys(("format", "input", "name", "maker", "task", "data"), TEXT),
    **dict.fromkeys(("intended", "limits"), TEXT),
    "licence": {
        "type": "string", "pattern": untrusted_input.ONE_LINE,
        "said": "has a licence that is not one line of text",
    },
    "images": {"type": "integer"},
    "metrics": {"type": "object"},
    "architecture": {
        "type": "object",
        "properties": {"widths": {"enum": [[*WIDTHS]]}, "kernels": {"enum": [[*KERNELS]]}},
        "required": ["widths", "kernels"],
        "said": "describes another architecture; the five-layer network has widths "
        f"{[*WIDTHS]} and kernels {[*KERNELS]}",
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
    """What config.json says about the network, every part of it checked; `where` names it."""
    if not isinstance(config, dict):
        raise CourseError(f"{where} is no JSON object; ask for the file that share() wrote.")
    for key, _, _ in untrusted_input.leaves(config):
        if key in untrusted_input.CUSTOM_CODE:
            raise CourseError(
                f"{where} asks for code of its own ('{key}'), and none is run here; ask for a "
                "network without it."
            )
    about = config.get("tl_course")
    kind = about.get("format") if isinstance(about, dict) else None
    if not isinstance(kind, str) or not kind.startswith(KIND):
        raise CourseError(
            f"{where} is not that of a network shared by this course; networks of other kinds are "
            "loaded as published networks (notebook 07)."
        )
    if kind != FORMAT:
        raise CourseError(
            f"{where} has the format '{printable(kind)}', and this version of the course reads "
            f"'{FORMAT}': it was made by another version, so update the course."
        )
    untrusted_input.meet(config, CONFIG, where, "ask for the file that share() wrote")
    classes, n_classes = about["classes"], config["n_classes"]
    if len(classes) != n_classes:
        raise CourseError(
            f"{where} gives {len(classes):,} class names for {n_classes:,} classes; each class "
            "needs one name."
        )
    _check_classes(classes, where)
    _check_metrics(about["metrics"], where)
    return about


def _check_classes(classes: list[str], where: str) -> None:
    """Names are shown as they are or not at all, so that two never look the same."""
    for name in classes:
        if not names.is_plain(name):
            raise CourseError(
                f"{where} has the class name '{printable(name)}', which is no plain text of one "
                "line: ask its maker for another name."
            )
    twice = [name for name, count in Counter(map(names.composed, classes)).items() if count > 1]
    if twice:
        raise CourseError(
            f"{where} has several classes called '{printable(twice[0])}': ask its maker for a name "
            "for each."
        )


def _check_metrics(found: dict, where: str) -> None:
    """An accuracy must be what its own counts give."""
    right, tested = found.get("right"), found.get("tested")
    counted = type(right) is type(tested) is int and 0 <= right <= tested and 0 < tested < 2**53
    if found and not (counted and _same(found, model_card.metrics(right, tested))):
        raise CourseError(
            f"{where} has metrics that do not follow from 'right' and 'tested'; do not believe "
            "them, and ask its maker."
        )


def _same(found: dict, wanted: dict) -> bool:
    """Whether metrics agree; the last digits of an interval differ between versions."""
    ends = found.get("interval")
    if set(found) != set(wanted) or type(ends) is not list or len(ends) != 2:
        return False
    return all(
        type(one) in (int, float) and 0 <= one <= 1 and abs(one - other) < 1e-6
        for one, other in zip(
            [found["accuracy"], *ends], [wanted["accuracy"], *wanted["interval"]], strict=True
        )
    )


def _check_card(content: bytes, about: dict, path: Path | str) -> None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        why = "is no text in UTF-8; ask its maker for the model card"
        raise CourseError(f"{path} {why}.") from None
    if about["fingerprint"] not in text:
        raise CourseError(
            f"{path} is the card of another network: it does not name the SHA-256 of this one's "
            "weights; ask its maker for the right one."
        )


# --------------------------------------------------------------------------------------- the hub


def publish(folder: Path | str, name: str, private: bool = False) -> str:
    """Put a shared folder on the Hugging Face hub as `name` ("owner/name"); "name@revision".

    You need an account there and to be logged in (`hf auth login`). Raises CourseError for a folder
    that `load_shared` refuses, offline, or without the right to write there.
    """
    hub.check_name(name)
    load_shared(folder)
    return f"{name}@{hub.publish(name, Path(folder), FILES, private)}"


def fetch(name: str, revision: str | None = None) -> tuple[Path, str]:
    """Bring a shared network from the hub: its folder, and "name@revision" with its revision.

    Of what is there, the three files alone are fetched, and none that is too large; the revision is
    looked up first, so that all three are of the same one.
    """
    hub.check_name(name)
    sha, sizes = hub.listed(name, revision)
    for file in FILES:
        if file not in sizes:
            raise CourseError(
                f"{name} on the Hugging Face hub has no {file}, so it is not a network shared "
                "by this course; networks of other kinds are loaded as published networks."
            )
        if sizes[file] > (MOST_WEIGHTS if file == WEIGHTS_FILE else MOST_TEXT):
            size = storage.in_words(sizes[file])
            why = f"its {file} has {size}, more than a five-layer network needs"
            raise _refused(f"{name} on the Hugging Face hub", why)
    folder = storage.home() / "shared" / name.replace("/", "--") / sha
    hub.bring(name, sha, FILES, folder)
    return folder, f"{name}@{sha}"
