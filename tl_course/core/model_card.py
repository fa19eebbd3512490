"""A model card: what a stranger must know before using a network (arXiv 1810.03993).

A person writes a card (`Card`), and the network completes it (`description`). It is shown as
Markdown in the shared folder or as HTML in a notebook. A stranger's card is shown as plain text: it
becomes no link, no picture and no formula, and is never run.
"""

import html
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version

import torch
from IPython.display import HTML

from tl_course.base import stats
from tl_course.base.errors import CourseError
from tl_course.base.html import lines_of_cell, table
from tl_course.core import files, network, pretraining
from tl_course.core.network import FiveLayerNet, fingerprint
from tl_course.data.credits import Material

UNSAID = "not said"
CARD_PARTS = ("name", "maker", "task", "data", "images", "intended", "limits")
FINGERPRINT = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
CARD_STYLE = "overflow-wrap:anywhere"
SHARE_ALIKE = "cc-by-sa-4.0"  # what is built on it must have the same licence
INPUTS = {
    "image": "RGB pictures, at most 32×32 pixels on a ground of 32×32, values 0 … 1 scaled by "
    "(x − 0.5) / 0.25",
    "audio": "log-mel spectrograms of one second, 32 bands × 32 steps, each to mean 0 and spread "
    "1, three times",
    "text": "texts of at most 32 characters, each as a code of 32 numbers, to mean 0 and spread 1, "
    "three times",
}


@dataclass(frozen=True)
class Credit:
    """A network that another one was built on: its maker and its fingerprint."""

    name: str
    maker: str
    fingerprint: str
    licence: str = "unknown"


@dataclass(frozen=True)
class Card:
    """What the maker of a network says about it; omitted parts are shown as "not said".

    `right` of `tested` test examples were right. `licence` is that of the weights, as the Hugging
    Face hub writes it ("mit", "cc-by-4.0"). Without one it is the licence that the network's
    ancestors require, or "unknown".
    """

    name: str = "a five-layer network"
    maker: str = UNSAID
    task: str = UNSAID
    classes: tuple[str, ...] | None = None
    data: str = UNSAID
    images: int = 0  # labelled, that it was adapted to
    right: int | None = None
    tested: int | None = None
    intended: str = "learning about transfer learning"
    limits: str = "It was tested on nothing but what is said here; try it before you trust it."
    licence: str | None = None
    stands_on: tuple[Material, ...] = ()

    def __post_init__(self):
        if not isinstance(self.licence, str | None):
            raise CourseError(
                "licence",
                f"The licence of a card is {self.licence!r}: give its name as text, such as 'mit'.",
            )
        if self.tested and not 0 <= (self.right or 0) <= self.tested:
            raise CourseError(
                "impossible_score",
                f"A card says that {self.right} of {self.tested} test examples were right: give "
                "`right` as a number from 0 to `tested`.",
            )


# What the sources of the course are made of (README, credits and licences).
NAMES = Material("names of 1,000 things (Unicode CLDR, through emoji)", "Unicode, Inc.", "Unicode")
SOURCES = {
    "EmojiImages": (
        Material("OpenMoji drawings", "OpenMoji, the open-source emoji and icon project",
               "CC BY-SA 4.0"),
    ),
    "SpokenNames": (NAMES, Material("voices", "made with espeak-ng (GPL 3)", "CC BY 4.0")),
    "WrittenNames": (NAMES,),
}  # fmt: skip


def lineage(net: FiveLayerNet, maker: str = UNSAID) -> list[Credit]:
    """The networks that `net` was built on, the oldest first.

    An adapted network carries the description of its source network (`net.about`), which has a
    lineage too, so a chain A → B → C credits A and B. A network that was loaded and is shared again
    unchanged credits its maker as well, unless that is you.
    """
    about = getattr(net, "about", None)
    if not about:
        return []
    ancestors = [Credit(**ancestor) for ancestor in about.get("lineage", [])]
    source = credit(about)
    half = {name: value.half() for name, value in net.state_dict().items()}
    unchanged = about["fingerprint"] in (fingerprint(net), fingerprint(half))
    mine = source.maker in (maker, UNSAID)
    return ancestors if unchanged and mine else [*ancestors, source]


def credit(about: dict) -> Credit:
    """The credit for the network that `about` describes: shipped, shared, or only saved."""
    for name in pretraining.SHIPPED:
        shipped = files.describe(pretraining.shipped_folder(name))
        if about["fingerprint"] == shipped["fingerprint"]:
            return Credit(name, "the tl_course contributors", about["fingerprint"], SHARE_ALIKE)
    source = about.get("source")
    name = f"a network pretrained on {source}" if source else "a network that was saved"
    licence = SHARE_ALIKE if source in SOURCES else "unknown"
    maker, licence = about.get("maker", UNSAID), about.get("licence", licence)
    return Credit(about.get("name", name), maker, about["fingerprint"], licence)


def learnt_from(net: FiveLayerNet) -> list[Material]:
    """The work of others that the networks below `net` learnt from."""
    about = getattr(net, "about", None) or {}
    materials = [Material(**material) for material in about.get("stands_on", [])]
    return [*materials, *SOURCES.get(about.get("source"), ())]


def description(net: FiveLayerNet, card: Card, state: dict[str, torch.Tensor], kind: str) -> dict:
    """Everything about a network that is to be shared, as JSON: the card, completed.

    `state` has the tensors to be written, and `kind` is the name of the format. Raises CourseError
    for too few or too many class names, and for a licence that an ancestor does not allow.
    """
    ancestors = lineage(net, card.maker)
    share_alike = [ancestor.name for ancestor in ancestors if ancestor.licence == SHARE_ALIKE]
    licence = (card.licence or (SHARE_ALIKE if share_alike else "unknown")).lower()
    if share_alike and licence != SHARE_ALIKE:
        raise CourseError(
            "licence_differs",
            f"The licence is {licence}, and this network is built on '{share_alike[0]}' under "
            f"{SHARE_ALIKE}, which asks for the same licence: leave licence out, or say that one.",
        )
    classes = card.classes or tuple(f"class {i}" for i in range(net.n_classes))
    if len(classes) != net.n_classes:
        raise CourseError(
            "class_names",
            f"The card has {len(classes)} class names and the network {net.n_classes} outputs; "
            "give one name for each output, in their order.",
        )
    materials = dict.fromkeys([*learnt_from(net), *card.stands_on])
    return {
        "format": kind,
        "architecture": {"widths": list(network.WIDTHS), "kernels": list(network.KERNELS)},
        "input": INPUTS.get(net.modality, UNSAID),
        "fingerprint": fingerprint(state),
        **{part: getattr(card, part) for part in CARD_PARTS},
        "classes": list(classes),
        "metrics": metrics(card.right, card.tested),
        "licence": licence,
        "stands_on": [asdict(material) for material in materials],
        "lineage": [asdict(ancestor) for ancestor in ancestors],
        "versions": {name: version(name) for name in ("torch", "tl-course")},
    }


def metrics(right: int | None, tested: int | None) -> dict:
    """The `accuracy`, its counts and its 95% interval; empty without a test."""
    if right is None or not tested:
        return {}
    interval = list(stats.wilson_interval(right, tested))
    return {"accuracy": right / tested, "right": right, "tested": tested, "interval": interval}


def metrics_in_words(measured: dict) -> str:
    """The metrics as a sentence."""
    if not measured:
        return "not tested"
    low, high = (100 * end for end in measured["interval"])
    return (
        f"{100 * measured['accuracy']:.1f}% of {measured['tested']:,} test examples right (95% "
        f"interval: {low:.1f} to {high:.1f}%)"
    )


def card_rows(about: dict) -> list[tuple[str, str | list[str]]]:
    """What a card shows: headings, each with a text or a list of texts, not escaped yet."""
    names = about["classes"]
    more = [f"and {len(names) - 50:,} more (config.json)"] if len(names) > 50 else []
    learnt = "{what}, by {by}, {licence}"
    built_on = "{name}, by {maker}, {licence}, SHA-256 {fingerprint}"
    return [
        ("Made by", about["maker"]),
        ("Task", about["task"]),
        (f"Classes ({len(names):,})", ", ".join([*names[:50], *more])),
        ("Input", f"{about['modality']}, 3×32×32 float numbers: {about['input']}"),
        ("Training data", f"{about['data']}; labelled examples: {about['images']:,}"),
        ("Metrics", metrics_in_words(about["metrics"])),
        ("Intended use", about["intended"]),
        ("Limits", about["limits"]),
        ("Licence of the weights", about["licence"]),
        ("What it learnt from", [learnt.format(**material) for material in about["stands_on"]]),
        (
            "Built on (the oldest first)",
            [built_on.format(**ancestor) for ancestor in about["lineage"]],
        ),
        ("SHA-256 of the weights' content", about["fingerprint"]),
        ("Versions", ", ".join(f"{name} {number}" for name, number in about["versions"].items())),
    ]


WITH = """import tl_course as tl
net = tl.load_shared("this-folder")  # or owner/name, from the Hugging Face hub
scores = net(x)  # x [n, 3, 32, 32] as under Input; net.about["classes"] names the columns"""

WITHOUT = """import torch.nn.functional as F, safetensors.torch
w = {name: value.float() for name, value in safetensors.torch.load_file("model.safetensors").items()}
for i in (1, 2, 3, 4): x = F.relu(F.max_pool2d(F.conv2d(x, w[f"layer{i}.weight"], w[f"layer{i}.bias"], padding="same"), 2))
scores = F.linear(x.flatten(1), w["output.weight"], w["output.bias"])"""  # noqa: E501


def as_markdown(about: dict) -> str:
    """The card as a README.md with the front matter that the Hugging Face hub reads."""
    from huggingface_hub import EvalResult, ModelCardData

    measured = about["metrics"]
    result = EvalResult(
        task_type=f"{about['modality']}-classification", dataset_type="own", metric_type="accuracy",
        dataset_name=_line(about["data"]), metric_value=measured.get("accuracy"),
    )  # fmt: skip
    data = ModelCardData(
        license=about["licence"],
        library_name="tl_course",
        tags=["transfer-learning", "pytorch_model_hub_mixin", "model_hub_mixin"],
        pipeline_tag=f"{about['modality']}-classification",
        model_name=_line(about["name"]),
        eval_results=[result] if measured else None,
    )
    parts = [f"# {_inert(about['name'])}"]
    for heading, shown in card_rows(about):
        texts = [shown] if isinstance(shown, str) else shown or ["nothing that is known"]
        bullet = "" if isinstance(shown, str) else "- "
        parts.append(f"## {heading}\n\n" + "\n".join(bullet + _inert(text) for text in texts))
    parts.append(f"## How to load it\n\nWith the course:\n\n```python\n{WITH}\n```")
    parts.append(f"Without it, PyTorch and safetensors suffice:\n\n```python\n{WITHOUT}\n```")
    return f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(parts) + "\n"


def card_as_html(about: dict) -> HTML:
    """A card for a notebook: `net.about` of a loaded network, every word of it escaped.

    Each fingerprint is cut to twelve digits; the files have all of them.
    """
    body = [
        (heading, shown if isinstance(shown, str) else lines_of_cell(shown or ["nothing known"]))
        for heading, shown in card_rows(about)
    ]
    card = FINGERPRINT.sub(
        r"\1…", table(body, caption=about["name"], named=True, texts=True, style=CARD_STYLE)
    )
    return HTML(f'<div class="mathjax_ignore">{card}</div>')  # no formulas, which may hold links


def _line(text: str) -> str:
    return " ".join(text.split())


# What some Markdown reader turns into a link, a picture, a formula or a mention.
ALIVE = re.compile(
    r"[\\`*\[\]#|~$@{}]|\b_|_\b|:/|www\.|\w\.[a-z]{2}|(?<!\w)(mailto|xmpp):", re.IGNORECASE
)


def _inert(text: str) -> str:
    """Text on one line that Markdown shows as it is: tags escaped, anything else active as code."""
    parts = re.split(r"([<>&()]|\s+)", _line(text))
    return "".join(
        _code(part) if ALIVE.search(part) else html.escape(part, False) for part in parts
    )


def _code(word: str) -> str:
    """A word between more backticks than it holds."""
    fence = "`" * (1 + max(map(len, re.findall("`+", word)), default=0))
    padding = " " if word.startswith("`") or word.endswith("`") else ""
    return f"{fence}{padding}{word}{padding}{fence}"
