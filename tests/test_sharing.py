"""Share, load in another process, build on it; and every folder that is not to be trusted."""

import hashlib
import html
import itertools
import json
import math
import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from sentences import refused
from test_network import used_network

from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.core import files, model_card, network, sharing, transfer
from tl_course.core.model_card import Card
from tl_course.core.network import FiveLayerNet
from tl_course.core.sharing import load_shared, share
from tl_course.data.credits import Material
from tl_course.data.examples import draw

DIGITS = tuple("0123456789")


@pytest.fixture(scope="module")
def adapted(net, target):
    """Anna's network: the shipped one, adapted to fifty digits."""
    fifty = draw(target.pool, 50, 0)
    test = target.test[:500]
    return transfer.option_1(net, fifty, test=test)


@pytest.fixture(scope="module")
def published(adapted, tmp_path_factory):
    """The folder that Anna published; tests copy it before they do anything to it."""
    right = round(adapted.accuracy * 500)
    card = Card(
        "digits of Anna", "Anna", "read handwritten digits", DIGITS, "MNIST", 50, right, 500
    )
    return share(adapted.net, tmp_path_factory.mktemp("anna") / "net", card)


@pytest.fixture
def folder(published, tmp_path):
    return Path(shutil.copytree(published, tmp_path / "given"))


# ------------------------------------------------------------------------- the way there and back


IN_ANOTHER_PROCESS = """
import sys, torch
from tl_course.core import transfer
from tl_course.core.model_card import Card
from tl_course.core.sharing import load_shared, share
from tl_course.data.examples import Examples
folder, work = sys.argv[1:]
data = torch.load(work + "/data.pt", weights_only=True)
fifty = Examples(data["x"], data["y"], tuple("0123456789"))
net = load_shared(folder)
tuned = transfer.option_2(net, fifty, chosen=transfer.Settings(steps=10))
share(tuned.net, work + "/ben", Card("digits of Ben", "Ben"))
torch.save({"before": net(data["x"]).detach(), "after": tuned.net(data["x"]).detach()},
           work + "/answers.pt")
"""


def test_share_load_in_a_fresh_process_and_fine_tune(adapted, published, target, tmp_path):
    fifty = draw(target.pool, 50, 1)
    torch.save({"x": fifty.x, "y": fifty.y}, tmp_path / "data.pt")
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(published), str(tmp_path)]
    subprocess.run(command, check=True)
    answers = torch.load(tmp_path / "answers.pt", weights_only=True)
    assert torch.equal(answers["before"], adapted.net(fifty.x)), "sharing changed the answers"
    assert not torch.equal(answers["after"], answers["before"]), "fine-tuning changed nothing"
    ben = load_shared(tmp_path / "ben")
    assert torch.equal(ben(fifty.x), answers["after"])

    chain = [(ancestor["name"], ancestor["maker"]) for ancestor in ben.about["lineage"]]
    assert chain == [("emoji-images", "the tl_course contributors"), ("digits of Anna", "Anna")]
    assert ben.about["lineage"][1]["fingerprint"] == load_shared(published).about["fingerprint"]
    assert ben.about["licence"] == "cc-by-sa-4.0"
    card = (tmp_path / "ben" / "README.md").read_text(encoding="utf-8")
    assert card.index("emoji-images, by the tl") < card.index("digits of Anna, by Anna")
    assert "OpenMoji drawings, by OpenMoji" in card


def test_three_links_of_a_chain_and_sharing_again_unchanged(published, tmp_path):
    anna = load_shared(published)
    again = load_shared(share(anna, tmp_path / "again", Card("mine now", "Carla", classes=DIGITS)))
    assert [ancestor["maker"] for ancestor in again.about["lineage"]][-1] == "Anna"
    mine = load_shared(share(anna, tmp_path / "mine", Card("digits of Anna", "Anna")))
    assert [ancestor["maker"] for ancestor in mine.about["lineage"]] == [
        "the tl_course contributors"
    ]
    third = network.replace_output_layer(again, 3)
    third = load_shared(share(third, tmp_path / "third", Card("third", "Dora")))
    assert [ancestor["name"] for ancestor in third.about["lineage"]] == [
        "emoji-images", "digits of Anna", "mine now"
    ]  # fmt: skip


def test_what_a_folder_holds(published):
    assert sorted(path.name for path in published.iterdir()) == sorted(sharing.FILES)
    config = json.loads((published / "config.json").read_text(encoding="utf-8"))
    about = config["tl_course"]
    assert config["n_classes"] == 10 and config["modality"] == "image"
    state = safetensors.torch.load((published / "model.safetensors").read_bytes())
    assert all(value.dtype == torch.float32 for value in state.values())
    assert about["fingerprint"] == network.fingerprint(state)
    metrics = about["metrics"]
    low, high = metrics["interval"]
    assert 0 < low < metrics["accuracy"] < high < 1 and metrics["tested"] == 500

    card = ModelCard.load(published / "README.md")  # no network: it is a file
    assert card.data.license == "cc-by-sa-4.0" and card.data.library_name == "tl_course"
    assert card.data.eval_results[0].metric_value == metrics["accuracy"]
    for heading in (
        "Made by", "Task", "Classes", "Input", "Training data", "Metrics", "Intended use", "Limits",
        "Licence", "What it learnt from", "Built on", "SHA-256", "Versions", "How to load it",
    ):  # fmt: skip
        assert f"\n## {heading}" in card.text
    for words in ("3×32×32", "50", "95% interval", "Anna", about["fingerprint"]):
        assert words in card.text
    in_a_notebook = model_card.card_as_html({**about, "modality": "image"}).data
    assert about["fingerprint"] not in in_a_notebook and about["fingerprint"][:12] in in_a_notebook


def test_a_plain_share_says_what_was_not_said(tmp_path):
    net = network.fold(used_network())
    about = load_shared(share(net, tmp_path / "net")).about
    assert about["maker"] == "not said" and about["licence"] == "unknown"
    assert about["lineage"] == [] and about["metrics"] == {}
    assert "not tested" in (tmp_path / "net" / "README.md").read_text(encoding="utf-8")


def test_the_folder_follows_the_conventions_of_the_hub(adapted, published, target):
    class Shared(FiveLayerNet, PyTorchModelHubMixin):
        pass

    by_the_hub = Shared.from_pretrained(published)
    x = target.test.x[:100]
    assert torch.equal(by_the_hub(x), adapted.net(x)) and by_the_hub.modality == "image"


def test_the_card_says_how_to_load_it(adapted, published, target, tmp_path):
    """Both ways, run as a stranger would run them."""
    card = (published / "README.md").read_text(encoding="utf-8")
    ways = re.findall(r"```python\n(.*?)```", card, re.S)
    x = target.test.x[:20]
    torch.save(x, tmp_path / "x.pt")
    for way in ways:
        program = (
            f"import torch\nx = torch.load({str(tmp_path / 'x.pt')!r}, weights_only=True)\n{way}\n"
            f"torch.save(scores.detach(), {str(tmp_path / 'scores.pt')!r})"
        ).replace('"this-folder"', repr("."))
        subprocess.run([sys.executable, "-c", program], check=True, cwd=published)
        scores = torch.load(tmp_path / "scores.pt", weights_only=True)
        assert torch.allclose(scores, adapted.net(x), atol=1e-5)
    assert len(ways) == 2 and "tl_course" not in ways[1]


def test_half_precision_is_half_the_size_and_not_identical(adapted, target, tmp_path):
    share(adapted.net, tmp_path / "half", Card(classes=DIGITS), half=True)
    half = load_shared(tmp_path / "half")
    assert (tmp_path / "half" / "model.safetensors").stat().st_size < 900_000
    x = target.test.x[:100]
    assert not torch.equal(half(x), adapted.net(x))
    assert torch.allclose(half(x), adapted.net(x), atol=0.05)


def test_share_refuses_what_could_not_be_loaded(adapted, net, tmp_path):
    wrong = {
        "not_folded": (used_network(), None),
        "class_names": (adapted.net, Card(classes=("a", "b", "c"))),
        "licence_differs": (adapted.net, Card(licence="mit")),
        "no_json": (adapted.net, Card(name="\ud800")),
        "not_as_described": (FiveLayerNet(2), Card(licence="mit\n---\nx: 1")),
    }
    for code, (which, card) in wrong.items():
        with refused(code):
            share(which, tmp_path / "new", card)
        assert not (tmp_path / "new").exists()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "diary.txt").write_text("dear diary")
    with refused("not_empty", "diary.txt"):
        share(adapted.net, tmp_path / "used")
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["diary.txt"]


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"licence": 7}, ("licence", "is 7")),
        ({"right": 5, "tested": 2}, ("impossible_score", "5 of 2")),
        ({"right": -1, "tested": 2}, ("impossible_score", "-1 of 2")),
    ],
)
def test_a_card_that_cannot_be_is_refused(fields, refusal):
    with refused(*refusal):
        Card(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"maker": "x" * 1_200_000},
        {"task": "&" * 300_000},  # four times as long in the card
        {"classes": tuple(f"{i:04}" + "x" * 241 for i in range(5_000))},
    ],
)
def test_what_nobody_could_load_is_refused_before_anything_is_written(fields, tmp_path):
    net = FiveLayerNet(len(fields.get("classes", "ab"))).eval()
    with refused("too_much_said"):
        sharing.share(net, tmp_path / "new", Card(**fields))
    assert not (tmp_path / "new").exists()


def test_a_name_that_no_system_takes_is_told_in_a_sentence(tmp_path):
    name = "x" * 300
    for load in (sharing.load_shared, sharing.load_any, files.load):
        with refused("no_folder" if load is sharing.load_shared else "no_network"):
            load(tmp_path / name)
    net = FiveLayerNet(2).eval()
    for write in (sharing.share, files.save):
        with refused("not_writable"):
            write(net, tmp_path / name)


def test_weights_that_are_no_numbers_are_never_published(tmp_path):
    net = FiveLayerNet(2).eval()
    net.output.bias.data[0] = torch.nan
    with refused("not_finite"):
        sharing.share(net, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_a_network_learnt_from_is_passed_on(adapted, tmp_path):
    photographs = Material("photographs", "Anna", "CC0")
    share(adapted.net, tmp_path / "a", Card("a", "Anna", stands_on=(photographs,)))
    share(load_shared(tmp_path / "a"), tmp_path / "b", Card("b", "Ben"))
    what = [material["what"] for material in load_shared(tmp_path / "b").about["stands_on"]]
    assert what == ["OpenMoji drawings", "photographs"]


# ------------------------------------------------------------------------- what a card may contain


def test_foreign_text_is_escaped(adapted, tmp_path):
    evil = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    card = Card(evil, evil, evil, data=evil, limits="[click](javascript:alert(1))\n# heading")
    about = load_shared(share(adapted.net, tmp_path / "evil", card)).about
    shown = model_card.card_as_html(about).data
    assert "<script" not in shown and "<img" not in shown and "&lt;script&gt;" in shown
    text = ModelCard.load(tmp_path / "evil" / "README.md").text
    assert "<script" not in text and "<img" not in text
    assert "[click](" not in text and "\n# heading" not in text


ALIVE = (
    "https://evil.example/a", "HTTP://evil.example", "www.evil.example", "ftp://evil.example/a",
    "mailto:a@evil.example", "a@evil.example", "evil.example", "![x](https://evil.example/a.png)",
    "[x]: https://evil.example", "<https://evil.example>", "<img src=https://evil.example/a.png>",
    "<b>bold</b>", "&lt;b&gt;", "$\\href{https://evil.example}{x}$", "\\(x\\)", "*bold*",
    "so ~~gone~~", "| a | b |", "`code` ``more`` `", "```", "@somebody", "[^1]", "mailto:somebody",
    "__bold__",
)  # fmt: skip


@pytest.mark.parametrize("text", ALIVE)
def test_foreign_text_becomes_nothing_else(tmp_path, text):
    """Neither in the README, as readers of Markdown show it, nor in a notebook."""
    import mistune

    texts = dict.fromkeys(("name", "maker", "task", "data", "intended", "limits"), text)
    stands_on = (Material(text, text, text),)
    card = Card(**texts, classes=(f"is {text}", "b"), stands_on=stands_on)
    about = load_shared(share(FiveLayerNet(2), tmp_path, card)).about
    readme = (tmp_path / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]
    every = ["url", "math", "table", "strikethrough", "footnotes", "task_lists"]
    page = mistune.create_markdown(escape=False, plugins=every)(readme)
    tags = set(re.findall(r"<(\w+)", page))
    assert tags <= {"h1", "h2", "p", "ul", "li", "code", "pre"}, tags
    outside_code = re.sub(r"<(code|pre)\b.*?</\1>", "", page, flags=re.S)
    assert not re.search(r"evil|[$@\\]|www|://|mailto", outside_code)
    assert html.unescape(re.sub(r"<.*?>", "", page)).count(text) >= 9
    shown = model_card.card_as_html(about).data
    assert set(re.findall(r"<(\w+)", shown)) == {
        "div",
        "table",
        "caption",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert shown.startswith('<div class="mathjax_ignore">') and html.escape(text) in shown


@pytest.mark.parametrize("change", ["order", "kind"])
def test_a_saved_network_whose_weights_are_not_its_own_is_named(tmp_path, change):
    files.save(FiveLayerNet(2), tmp_path, half=False)
    path = tmp_path / "weights.safetensors"
    content = path.read_bytes()
    state, texts = safetensors.torch.load(content), files.texts_in(content, path)
    if change == "order":
        swapped(state)
    else:
        state = halved(state)
    path.write_bytes(files.as_file(state, texts))
    with refused("fingerprint", "weights.safetensors"):
        files.load(tmp_path)


def test_the_accuracy_of_a_card_follows_from_its_counts(folder):
    better = {"accuracy": 1.0, "right": 449, "tested": 500, "interval": [1, 1]}
    of_tl_course(metrics=better)(folder)
    assert load_shared(folder).about["metrics"] == model_card.metrics(449, 500)


# ------------------------------------------------------------------------- hostile and damaged


class Bomb:
    """A pickle that writes a file into the current folder when it is opened."""

    def __reduce__(self):
        return (os.system, ("touch exploded",))


def change_config(change):
    def act(folder):
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = change(config) or config
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")

    return act


def of_tl_course(**changes):
    return change_config(lambda config: config["tl_course"].update(changes))


def top(**changes):
    return change_config(lambda config: config.update(changes))


def without(key):
    return change_config(lambda config: config["tl_course"].pop(key) and None)


def change_weights(change, true_hash=True):
    """Other weights, under a description that fits them."""

    def act(folder):
        state = safetensors.torch.load((folder / "model.safetensors").read_bytes())
        state = change(state) or state
        safetensors.torch.save_file(state, folder / "model.safetensors")
        if true_hash:
            new = network.fingerprint(state)
            old = json.loads((folder / "config.json").read_text())["tl_course"]["fingerprint"]
            for name in ("config.json", "README.md"):
                text = (folder / name).read_text(encoding="utf-8").replace(old, new)
                (folder / name).write_text(text, encoding="utf-8")

    return act


def write(name, content):
    def act(folder):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    return act


def one_byte(folder):
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def cut_short(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4000])


def header(change):
    def act(folder):
        path = folder / "model.safetensors"
        content = path.read_bytes()
        size = struct.unpack("<Q", content[:8])[0]
        entries = json.loads(content[8 : 8 + size])
        change(entries)
        text = json.dumps(entries).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])

    return act


def overlapping(entries):
    entries["layer2.weight"]["data_offsets"] = entries["layer1.weight"]["data_offsets"]


def gigantic(entries):
    entries["output.weight"].update(shape=[10**6, 10**6], data_offsets=[0, 4 * 10**12])


def giant_header(folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}" * 50)


def link(name, target):
    def act(folder):
        path = folder / name
        path.unlink(missing_ok=True)
        outside = folder.parent / target
        if target == "elsewhere":
            outside.mkdir()
        elif not outside.exists():
            outside.write_bytes(b"secret")
        path.symlink_to(outside)

    return act


def a_folder_for(name):
    def act(folder):
        (folder / name).unlink()
        (folder / name).mkdir()

    return act


def nan(state):
    state["layer3.bias"][5] = float("nan")


def infinite(state):
    state["output.weight"][0, 0] = float("inf")


def empty_tensors(entries):
    entries |= {
        f"{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(20_000)
    }


def of_shape(*shape):
    def change(entries):
        entries["more"] = {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}

    return header(change)


def grow(name, size):
    def act(folder):
        with (folder / name).open("r+b") as file:
            file.truncate(size)  # a sparse file: no room is taken

    return act


def swapped(state):
    state["layer2.weight"] = state["layer2.weight"].flip(0)


def halved(state):
    return {name: value.half() for name, value in state.items()}


REFUSED = {
    "no such folder": (shutil.rmtree, "no_folder"),
    "a pickle beside it": (write("pytorch_model.bin", pickle.dumps(Bomb())), "refused", "pickle"),
    "a .pkl": (write("net.pkl", pickle.dumps(Bomb())), "refused", "pickle"),
    "a pickle by another name": (
        write("model.safetensors", pickle.dumps(Bomb())), "damaged", "pickle"
    ),
    "python beside it": (write("modeling.py", b"open('exploded', 'w')"), "refused", "is code"),
    "auto_map": (top(auto_map={"AutoModel": "modeling.Net"}), "own_code", "auto_map"),
    "custom code inside": (of_tl_course(versions={"trust_remote_code": "1"}), "own_code"),
    "a licence of lines": (of_tl_course(licence="mit\n---\nx: 1"), "not_as_described", "licence"),
    "a name that is no text": (of_tl_course(name="\ud800"), "no_json"),
    "twenty thousand tensors": (header(empty_tensors), "damaged"),
    "a shape without an end": (of_shape(0, 2**64 - 1), "damaged"),
    "a shape of too much": (of_shape(0, 2**62, 2**62), "damaged"),
    "a file that is a link": (link("model.safetensors", "secret.txt"), "refused", "link"),
    "a folder that is a link": (link("more", "elsewhere"), "refused", "link"),
    "other widths": (
        of_tl_course(architecture={"widths": [16, 32, 64, 128], "kernels": [7, 3, 3, 3]}),
        "not_as_described",
    ),
    "other kernels": (
        of_tl_course(architecture={"widths": [32, 64, 128, 256], "kernels": [5, 3, 3, 3]}),
        "not_as_described",
    ),
    "one byte flipped": (one_byte, "fingerprint"),
    "numbers in another order": (change_weights(swapped, False), "fingerprint"),
    "numbers of another kind": (change_weights(halved, False), "fingerprint"),
    "cut short": (cut_short, "damaged"),
    "a header of exabytes": (giant_header, "damaged"),
    "a tensor of terabytes": (header(gigantic), "damaged"),
    "overlapping tensors": (header(overlapping), "damaged"),
    "no weights at all": (write("model.safetensors", b""), "damaged"),
    "a tensor less": (
        change_weights(lambda state: state.pop("layer4.bias") is None),
        "does_not_fit", "layer4.bias",
    ),
    "a tensor more": (
        change_weights(lambda state: state.update(extra=torch.zeros(2))), "does_not_fit", "1 tensor"
    ),
    "whole numbers": (
        change_weights(lambda state: state.update({"layer4.bias": torch.zeros(256).long()})),
        "does_not_fit", "torch.int64",
    ),
    "another shape": (
        change_weights(lambda state: state.update({"layer4.bias": torch.zeros(255)})),
        "does_not_fit", "(255,)",
    ),
    "NaN": (change_weights(nan), "not_finite"),
    "infinite": (change_weights(infinite), "not_finite"),
    "no JSON": (write("config.json", b"{'n_classes': 10}"), "no_json"),
    "no text": (write("config.json", b"\xff\xfe\x00"), "no_json"),
    "JSON without an end": (write("config.json", b"[" * 900_000), "no_json"),
    "a list": (write("config.json", b"[1, 2]"), "another_kind"),
    "a missing key": (without("lineage"), "not_as_described", "lineage"),
    "another program's": (write("config.json", b'{"hidden_size": 768}'), "another_kind"),
    "a billion classes": (top(n_classes=10**9), "not_as_described", "n_classes = 1000000000"),
    "true classes": (top(n_classes=True), "not_as_described", "n_classes = True"),
    "too few names": (of_tl_course(classes=["a", "b"]), "class_names"),
    **{
        f"a class called {name!r}": (of_tl_course(classes=[name, *DIGITS[1:]]), "class_not_plain")
        for name in ("\x1b[2J", "a\nb", "a\u2028b", "\u202eb", "a  b", " a", "a\xa0b", "\x9b", "")
    },
    "two classes of one name": (
        of_tl_course(classes=["1", *DIGITS[1:]]), "class_twice", "'1'"
    ),
    "two classes that look the same": (
        of_tl_course(classes=["\xe4", "a\u0308", *DIGITS[2:]]), "class_twice", "'\xe4'"
    ),
    "lineage no list": (of_tl_course(lineage={"Anna": 1}), "not_as_described", "lineage"),
    "lineage without names": (of_tl_course(lineage=["Anna"]), "not_as_described", "lineage"),
    "a modality unknown": (top(modality="smell"), "not_as_described", "smell"),
    "more right than tested": (of_tl_course(metrics={"right": 9, "tested": 3}), "impossible_score"),
    "a count of words": (
        of_tl_course(metrics={"right": "9", "tested": 10}), "not_as_described", "right"
    ),
    "more tested than can be": (
        of_tl_course(metrics={"right": 0, "tested": 10**300}), "not_as_described", "tested"
    ),
    "no card": (lambda folder: (folder / "README.md").unlink(), "refused", "README.md"),
    "another's card": (write("README.md", b"# Another"), "another_card"),
    "from the future": (of_tl_course(format="tl_course shared network 2"), "other_version"),
    "a folder for a file": (a_folder_for("model.safetensors"), "unreadable"),
    "a folder for the config": (a_folder_for("config.json"), "unreadable"),
    "a large config": (grow("config.json", 1_000_001), "too_large", "1 MB"),
    "large weights": (grow("model.safetensors", 100_000_001), "too_large", "100 MB"),
}  # fmt: skip


def everything(folder):
    """Names and content of all that is below a folder, links as links."""
    contents = {}
    for path in sorted(folder.rglob("*")):
        size = path.lstat().st_size
        whole = path.is_file() and not path.is_symlink() and size < 10_000_000
        content = hashlib.sha256(path.read_bytes()).hexdigest() if whole else size
        contents[str(path)] = (content, path.lstat().st_mtime_ns)
    return contents


@pytest.mark.parametrize("how", REFUSED)
def test_hostile_and_damaged_folders_are_refused(folder, how, monkeypatch):
    act, code, *words = REFUSED[how]
    act(folder)
    monkeypatch.chdir(folder.parent)
    before = everything(folder.parent)
    largest = []
    monkeypatch.setattr(torch.nn.Conv2d, "__call__", lambda *_: pytest.fail("the network ran"))
    empty = torch.empty

    def watched(*size, **more):
        shape = size[0] if size and isinstance(size[0], (tuple, list, torch.Size)) else size
        if str(more.get("device")) != "meta":
            largest.append(math.prod(shape))
        return empty(*size, **more)

    monkeypatch.setattr(torch, "empty", watched)
    with refused(code, *words) as caught:
        load_shared(folder)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith((".", ")")) and len(sentence) < 600
    assert everything(folder.parent) == before, "something was written or run"
    assert max(largest, default=0) < 2_000_000, "memory was taken for it"


def test_what_is_loaded_is_what_was_checked(adapted, folder, monkeypatch, target):
    """Each file is read once: a change after the reading changes nothing."""
    read, reads = sharing._bytes, []

    def then_change(folder, name, most):
        content = read(folder, name, most)
        reads.append(name)
        (folder / name).write_bytes(b"changed")
        return content

    monkeypatch.setattr(sharing, "_bytes", then_change)
    x = target.test.x[:20]
    assert torch.equal(load_shared(folder)(x), adapted.net(x))
    assert sorted(reads) == sorted(sharing.FILES)


# ------------------------------------------------------------------------- the hub


class Hub(BaseHTTPRequestHandler):
    """As much of the Hugging Face hub as downloading needs, with one network on it."""

    sha = "a" * 40
    files: dict = {}
    sizes: dict = {}
    asked: list = []
    refusal: tuple = ()  # status and code for whoever asks for a file

    def log_message(self, *_):
        pass

    def answer(self, content, headers, code=200, kind="application/json"):
        self.send_response(code)
        for key, value in {"Content-Type": kind, "Content-Length": len(content), **headers}.items():
            self.send_header(key, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_GET(self):
        path = self.path.split("?")[0]
        self.asked.append(path)
        if "/anna/digits" not in path:
            return self.answer(b"{}", {"X-Error-Code": "RepoNotFound"}, 404)
        if "/revision/" in path and path.rsplit("/", 1)[1] not in ("main", self.sha):
            return self.answer(b"{}", {"X-Error-Code": "RevisionNotFound"}, 404)
        if path.startswith("/api/"):
            listed = [
                {"rfilename": name, "size": self.sizes.get(name, len(content))}
                for name, content in self.files.items()
            ]
            if "/tree/" in path:
                listed = [
                    {"type": "file", "path": name, "size": len(content),
                     "oid": hashlib.sha1(content).hexdigest()}
                    for name, content in self.files.items()
                ]  # fmt: skip
                return self.answer(json.dumps(listed).encode(), {})
            info = {"id": "anna/digits", "sha": self.sha, "siblings": listed, "private": False}
            return self.answer(json.dumps(info).encode(), {})
        if self.refusal:
            return self.answer(b"{}", {"X-Error-Code": self.refusal[1]}, self.refusal[0])
        content = self.files[path.rsplit("/", 1)[1]]
        etag = hashlib.sha1(content).hexdigest()
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": self.sha, "Accept-Ranges": "bytes"}
        self.answer(content, headers, kind="application/octet-stream")

    do_HEAD = do_GET


@pytest.fixture
def hub(published, monkeypatch, tmp_path):
    Hub.files = {path.name: path.read_bytes() for path in published.iterdir()}
    Hub.files["pytorch_model.bin"] = pickle.dumps(Bomb())
    Hub.sizes, Hub.asked, Hub.refusal = {}, [], ()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    for module in (huggingface_hub.constants, huggingface_hub.file_download):  # its own, before 1.0
        monkeypatch.setattr(
            module, "HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/{repo_id}/resolve/{revision}/{filename}", raising=False,
        )  # fmt: skip
    Hub.port = server.server_port
    yield Hub
    server.shutdown()
    server.server_close()


def test_a_network_from_the_hub(hub, adapted, target):
    net = load_shared("anna/digits")
    x = target.test.x[:20]
    assert torch.equal(net(x), adapted.net(x))
    assert net.about["from"] == "anna/digits@" + hub.sha
    assert load_shared("anna/digits", revision=hub.sha).about["from"].endswith(hub.sha)
    assert not any("pytorch_model.bin" in path for path in hub.asked), "more was fetched than used"


def test_what_the_hub_may_answer(hub):
    with refused("hub", "anna/nothing"):
        load_shared("anna/nothing")
    with refused("hub", "revision"):
        load_shared("anna/digits", revision="other")
    hub.sizes["model.safetensors"] = 10**12
    with refused("refused", "model.safetensors", "1000.0 GB"):
        load_shared("anna/digits")
    hub.sizes.clear()
    hub.files.pop("config.json")
    with refused("another_kind", "config.json"):
        load_shared("anna/digits")
    assert not any("/resolve/" in path for path in hub.asked)
    hub.files["config.json"] = b"{}"
    for refusal, words in {
        (403, "GatedRepo"): "asks for an agreement on its page",
        (401, ""): "does not know you well enough",
        (403, ""): "does not know you well enough",
        (418, ""): "answered 418",
    }.items():
        hub.refusal = refusal
        with refused("hub", words):
            load_shared("anna/digits")


def test_offline_one_sentence_says_so(published, tmp_path, monkeypatch):
    for act in (lambda: load_shared("anna/digits"), lambda: sharing.publish(published, "anna/x")):
        with refused("hub", "you are offline") as caught:
            act()
        assert "\n" not in str(caught.value)
    with refused("hub_name"):
        sharing.publish(published, "../x")
    monkeypatch.chdir(tmp_path)  # where none of these is a folder
    for name in ("../x", "a/b/c", "anna", "~/x", "-a/b"):
        with refused("no_folder"):
            load_shared(name)


def test_publishing_sends_the_three_files(published, folder, monkeypatch):
    done = []

    class Api:
        def create_repo(self, name, **more):
            done.append(("create", name, more))

        def upload_folder(self, **more):
            done.append(("upload", more))
            return type("Commit", (), {"oid": "b" * 40})

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert sharing.publish(published, "anna/digits", private=True) == "anna/digits@" + "b" * 40
    assert done[0] == ("create", "anna/digits", {"private": True, "exist_ok": True})
    assert done[1][1]["allow_patterns"] == list(sharing.FILES)
    one_byte(folder)
    with refused("fingerprint"):
        sharing.publish(folder, "anna/digits")
    assert len(done) == 2, "a damaged network was published"


# ------------------------------------------------------------------------- nothing is overwritten


def test_a_shared_network_is_not_overwritten_unasked(tmp_path):
    first, other = FiveLayerNet(2), FiveLayerNet(2)
    share(first, tmp_path)
    with refused("already_there", "--force"):
        share(other, tmp_path)
    assert network.fingerprint(load_shared(tmp_path)) == network.fingerprint(first)
    share(other, tmp_path, overwrite=True)
    assert network.fingerprint(load_shared(tmp_path)) == network.fingerprint(other)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
@pytest.mark.parametrize("file", range(3))
def test_a_share_that_was_killed_is_done_by_the_same_call(tmp_path, monkeypatch, file):
    net = FiveLayerNet(2)
    if not (child := os.fork()):
        real, replaced = os.replace, itertools.count()

        def replace(*paths):
            os._exit(9) if next(replaced) == file else real(*paths)

        monkeypatch.setattr(os, "replace", replace)
        share(net, tmp_path)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert any(path.name.startswith(storage.DRAFT) for path in tmp_path.iterdir())
    share(net, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(sharing.FILES)
    assert network.fingerprint(load_shared(tmp_path)) == network.fingerprint(net)


def test_a_card_of_somebody_elses_is_no_unfinished_share(tmp_path):
    share(FiveLayerNet(2), tmp_path)
    (tmp_path / sharing.WEIGHTS_FILE).unlink()
    assert sharing.free_folder_to_share(tmp_path) == tmp_path
    (tmp_path / sharing.CARD_FILE).write_text("# My project")
    with refused("already_there", "README.md", "--force"):
        share(FiveLayerNet(2), tmp_path)
    assert (tmp_path / sharing.CARD_FILE).read_text() == "# My project"


def test_a_draft_of_a_living_program_is_no_other_thing(tmp_path):
    with storage.atomic_path(tmp_path / "README.md") as draft:
        draft.write_text("half")
        sharing.free_folder_to_share(tmp_path)
        share(FiveLayerNet(2), tmp_path)
        load_shared(tmp_path)


def test_of_two_networks_in_a_folder_no_clock_chooses(tmp_path):
    """As earlier versions of the course could write them, and a stranger can."""
    shared, saved = FiveLayerNet(2), FiveLayerNet(2)
    share(shared, tmp_path)
    files.save(saved, tmp_path / "saved", half=False)
    for path in (tmp_path / "saved").iterdir():
        path.rename(tmp_path / path.name)
    for last in ("model.safetensors", "weights.safetensors"):
        os.utime(tmp_path / "model.safetensors", (5, 5))
        os.utime(tmp_path / "weights.safetensors", (5, 5))
        os.utime(tmp_path / last, (9, 9))
        with refused("two_networks"):
            sharing.load_any(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert network.fingerprint(sharing.load_any(tmp_path)) == network.fingerprint(saved)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("stopped", [KeyboardInterrupt, OSError(28, "no space left")])
@pytest.mark.parametrize("at", range(3))
def test_a_share_that_is_stopped_is_made_by_the_same_call(
    tmp_path, monkeypatch, overwrite, stopped, at
):
    """Where it is stopped as the first, second or third file takes its place."""
    first, other = FiveLayerNet(2), FiveLayerNet(2)
    if overwrite:
        share(first, tmp_path)
    placed, replace = [], os.replace

    def stop(*paths):
        if len(placed) == at:
            raise stopped
        placed.append(replace(*paths))

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises((KeyboardInterrupt, CourseError)):
        share(other, tmp_path, overwrite=overwrite)
    monkeypatch.undo()
    assert {path.name for path in tmp_path.iterdir()} <= set(sharing.FILES), "drafts are left"
    if overwrite and at == 0:
        assert network.fingerprint(load_shared(tmp_path)) == network.fingerprint(first)
    else:
        with pytest.raises(CourseError):  # never half of one and half of the other
            load_shared(tmp_path)
    share(other, tmp_path, overwrite=overwrite)
    assert network.fingerprint(load_shared(tmp_path)) == network.fingerprint(other)
