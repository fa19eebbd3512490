"""The five layers: folding, the surgery, saving, and every way a file can be wrong."""

import copy
import json
import os
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from sentences import refused

from tl_course.base.errors import CourseError
from tl_course.core import files, model_card, network
from tl_course.core.files import load, save
from tl_course.core.network import FiveLayerNet, fingerprint, fold, replace_output_layer


def used_network(n_classes: int = 10) -> FiveLayerNet:
    """A network whose BatchNorm has statistics and whose output layer is not zero."""
    torch.manual_seed(0)
    net = FiveLayerNet(n_classes, batch_norm=True)
    torch.nn.init.normal_(net.output.weight, std=0.05)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias)
    for _ in range(3):
        net(torch.randn(16, 3, 32, 32))
    return net.eval()


def test_shapes_and_sizes():
    net = FiveLayerNet(1000)
    x, shapes = torch.randn(2, 3, 32, 32), []
    for number in (1, 2, 3, 4):
        x = net.layer(number, x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(32, 16, 16), (64, 8, 8), (128, 4, 4), (256, 2, 2)]
    assert net(torch.randn(2, 3, 32, 32)).shape == (2, 1000)
    names = [n for n, _ in net.named_parameters()]
    assert names == [f"layer{i}.{p}" for i in (1, 2, 3, 4) for p in ("weight", "bias")] + [
        "output.weight",
        "output.bias",
    ]
    assert sum(p.numel() for p in replace_output_layer(net, 10).output.parameters()) == 10_250


def test_a_raw_28_by_28_digit_stops_at_the_output_layer():
    with pytest.raises(RuntimeError, match="256"):
        FiveLayerNet(10)(torch.randn(1, 3, 28, 28))


def test_folded_and_unfolded_agree():
    net = used_network()
    folded = fold(net)
    x = torch.randn(32, 3, 32, 32)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert torch.allclose(net(x), folded(x), atol=1e-4, rtol=1e-4)
    assert net(x).std() > 0.1  # they agree on something
    assert len(list(folded.buffers())) == 0


def test_replacing_the_output_layer_copies_the_four_layers_and_leaves_the_source():
    net = fold(used_network(1000))
    before = fingerprint(net)
    borrowed = replace_output_layer(net, 10)
    assert fingerprint(net) == before
    assert network.layers_fingerprint(borrowed) == network.layers_fingerprint(net)
    assert borrowed.output.weight.shape == (10, 1024) and not borrowed.output.weight.any()
    with torch.no_grad():
        borrowed.layer1.weight.add_(1)
    assert fingerprint(net) == before, "the copy shares memory with the source"


def test_a_fingerprint_sees_one_bit_and_buffers():
    net = used_network()
    before = fingerprint(net)
    net.norm3.running_mean[0] += 1e-6
    assert fingerprint(net) != before


def test_saved_and_loaded_networks_answer_alike(tmp_path):
    net = fold(used_network())
    save(net, tmp_path / "net", half=False, recipe={"steps": 3})
    again = load(tmp_path / "net")
    x = torch.randn(8, 3, 32, 32)
    assert torch.equal(net(x), again(x))
    assert again.about["recipe"] == {"steps": 3} and again.modality == "image"
    readable = json.loads((tmp_path / "net" / "network.json").read_text(encoding="utf-8"))
    assert readable == again.about
    save(net, tmp_path / "half")
    assert (tmp_path / "half" / "weights.safetensors").stat().st_size < 900_000
    assert torch.allclose(net(x), load(tmp_path / "half")(x), atol=0.05)


def test_a_save_that_was_killed_before_its_end_is_no_network_and_goes_on(tmp_path, monkeypatch):
    net, move = fold(used_network()), os.replace

    def replace(draft, path):
        if path.name == "weights.safetensors":
            raise KeyboardInterrupt
        move(draft, path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            save(net, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["network.json"]
    with refused("no_network"):
        load(tmp_path)
    save(net, tmp_path)
    assert load(tmp_path).n_classes == net.n_classes


def test_saving_refuses_a_network_with_batch_norm(tmp_path):
    with refused("not_folded"):
        save(used_network(), tmp_path)


def damaged(folder, how):
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
    elif how == "cut short":
        path.write_bytes(content[: len(content) // 2])
    elif how == "one bit":
        content[-1000] ^= 1
        path.write_bytes(content)
    elif how == "a pickle":
        torch.save({"layer1.weight": torch.zeros(3)}, path)
    elif how == "another network's":
        safetensors.torch.save_file({"conv1.weight": torch.zeros(3)}, path)
    elif how == "another width":
        state = safetensors.torch.load_file(path)
        text = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        text["architecture"]["widths"] = [16, 32, 64, 128]
        safetensors.torch.save_file(state, path, metadata={"network": json.dumps(text)})


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("missing", "no_network"),
        ("cut short", "damaged"),
        ("one bit", "fingerprint"),
        ("a pickle", "damaged"),
        ("another network's", "another_kind"),
        ("another width", "not_as_described"),
    ],
)
def test_a_wrong_file_gets_one_sentence(tmp_path, how, code):
    save(fold(used_network()), tmp_path)
    damaged(tmp_path, how)
    with refused(code) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


NASTY = (
    None, True, -1, 0, 10**30, float("nan"), "x", "\ud800", [], [[]], ["x"], {}, [{"name": "x"}],
)  # fmt: skip


def mutations(description: dict, folder):
    """Writes each into the folder: every part of the description lost, or nasty."""
    path = folder / "weights.safetensors"
    state = safetensors.torch.load_file(path)

    def parts(value, at=()):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*at, key)
            if isinstance(value[key], (dict, list)):
                yield from parts(value[key], (*at, key))

    for *above, last in parts(description):
        for put in (..., *NASTY):
            changed = copy.deepcopy(description)
            inner = changed
            for key in above:
                inner = inner[key]
            if put is ...:
                del inner[last]
            else:
                inner[last] = put
            safetensors.torch.save_file(state, path, metadata={"network": json.dumps(changed)})
            yield changed


def test_no_description_raises_anything_but_a_sentence(tmp_path):
    """And a network that is loaded can be built on: what its description credits is sound."""
    by = {"name": "a", "maker": "b", "fingerprint": "c", "licence": "d"}
    credits = {"lineage": [by], "stands_on": [{"what": "a", "by": "b", "licence": "c"}]}
    net = FiveLayerNet(2)
    save(net, tmp_path, source="EmojiImages", name="n", maker="m", licence="l", more=1, **credits)
    refused = loaded = 0
    for description in mutations(load(tmp_path).about, tmp_path):
        try:
            net = load(tmp_path)
        except CourseError as error:
            assert "\n" not in str(error) and len(str(error)) < 400
            refused += 1
        else:
            model_card.lineage(net), model_card.learnt_from(net)
            loaded += 1
            assert net.n_classes == description["architecture"]["n_classes"] == 2
    assert loaded > 50 and refused > 300


@pytest.mark.parametrize("size", [1408, 65_536 + 128])
def test_a_file_that_begins_like_a_pickle_and_is_none_is_read(tmp_path, size):
    net, path = FiveLayerNet(2), tmp_path / "weights.safetensors"
    save(net, tmp_path, half=False, note="")
    least = int.from_bytes(path.read_bytes()[:8], "little")
    save(net, tmp_path, half=False, overwrite=True, note="x" * (size - least))
    assert files.is_pickle(path.read_bytes()), "its first bytes are the size of its header"
    assert fingerprint(load(tmp_path)) == fingerprint(net)


def grown(path, size):
    with path.open("r+b") as file:
        file.truncate(size)  # a sparse file: no room is taken


def test_a_file_is_read_once_and_within_its_bounds(tmp_path, monkeypatch):
    save(FiveLayerNet(2), tmp_path)
    path = tmp_path / "weights.safetensors"
    whole = path.read_bytes()
    description = load(tmp_path).about
    path.write_bytes(whole[:5000])
    assert files.describe(tmp_path) == description, "its beginning suffices"
    path.write_bytes(whole)
    grown(path, 100_000_001)
    with refused("too_large", "100 MB"):
        load(tmp_path)
    grown(path, 0)
    path.write_bytes((2_000_000).to_bytes(8, "little") + b" " * 3_000_000)
    monkeypatch.setattr(safetensors.torch, "load", lambda _: pytest.fail("it was read"))
    for look in (load, files.describe):
        with refused("damaged"):
            look(tmp_path)


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    net = FiveLayerNet(2)
    for about, *refusal in (
        ({"note": "\ud800"}, "no_json"),
        ({"note": "x" * 1_000_000}, "too_much_said", "1 MB"),
        ({"source": ["a"]}, "not_as_described", "'source'"),
    ):
        with refused(*refusal, "The description of the network"):
            save(net, tmp_path, **about)
    assert not list(tmp_path.iterdir())


def test_importing_the_course_imports_no_torch():
    code = "import sys, tl_course; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_a_network_is_not_overwritten_unasked(tmp_path):
    first, other = FiveLayerNet(10), FiveLayerNet(10)
    save(first, tmp_path, half=False)
    with refused("already_there", "--force"):
        save(other, tmp_path, half=False)
    assert fingerprint(load(tmp_path)) == fingerprint(first)
    save(other, tmp_path, half=False, overwrite=True)
    assert fingerprint(load(tmp_path)) == fingerprint(other)
    (tmp_path / "model.safetensors").touch()  # of a shared network
    with refused("holds_shared_network"):
        save(first, tmp_path, overwrite=True)
