"""Networks that others trained: loaded whole, cut, held to their requirement, adapted."""

import contextlib
import json
import shutil
from dataclasses import replace

import pytest
import torch
import torchvision
from sentences import refused
from torch import nn

from tl_course.base.errors import CourseError
from tl_course.core import hub, network, published, transfer
from tl_course.core.settings import Settings
from tl_course.data.examples import Examples, Target, draw
from tl_course.data.inputs import to_picture
from tl_course.data.targets import kinds, photographs
from tl_course.lessons.n07_published_networks import experiments

LITE0 = experiments.LITE0


@pytest.fixture(scope="module")
def lite0():
    return published.load(LITE0)


@pytest.fixture(scope="module")
def cut():
    """EfficientNet-Lite0 up to its third stage, for pictures of 32×32."""
    return published.load(LITE0, cut="blocks.2", size=32)


@pytest.fixture(scope="module")
def minilm():
    return published.load("minilm")


def test_it_names_both_photographs(lite0):
    shown = torch.stack([photographs.middle(name) for name in photographs.NAMES])
    with torch.no_grad():
        share = lite0(lite0.requirement.prepare(shown)).softmax(1)
    named = [[lite0.names[i] for i in row.topk(5).indices.tolist()] for row in share]
    assert named[0][0] == "palace" and named[1][0] == "daisy"
    # With another padding, or BatchNorm with another ε, these would be lower.
    assert share[0, lite0.names.index("palace")] == pytest.approx(0.31, abs=0.06)
    assert share[1, lite0.names.index("daisy")] == pytest.approx(0.36, abs=0.06)


def test_other_weights_than_the_known_ones_are_not_loaded(monkeypatch):
    monkeypatch.setattr(published, "LITE0_HASH", "0" * 64)
    published._lite0_weights.cache_clear()
    with refused("other_file"):
        published.load(LITE0)
    published._lite0_weights.cache_clear()
    monkeypatch.setattr(published, "MINILM_HASH", "0" * 64)
    with refused("other_file"):
        published.load("minilm")


def test_features_are_the_same_at_every_cut_in_one_pass(cut, lite0):
    requirement, look = published.features_at_cuts(LITE0, ["blocks.2", None], 32)
    x = requirement.prepare(torch.rand(3, 3, 32, 32))
    features = look(x)
    with torch.no_grad():
        assert torch.equal(features["blocks.2"], cut.features(x))
        torch.testing.assert_close(features[None], lite0.features(x))
    assert features[None].shape == (3, 1280) and features["blocks.2"].shape == (3, 9 * 40)


def test_a_cut_that_is_not_there_names_those_that_are():
    with refused("no_cut", "'blocks.99'", "conv_stem"):
        published.load(LITE0, cut="blocks.99")


def test_option_1_changes_no_weight_and_no_buffer_below_the_output_layer(cut, target):
    labelled = draw(target.pool, 20, 0)
    shown = replace(labelled, x=cut.requirement.prepare(to_picture(labelled.x)))
    before = network.fingerprint(cut)
    adapted = transfer.option_1(cut, shown, test=shown)
    assert network.fingerprint(cut) == before
    assert network.fingerprint(adapted.net.body) == network.fingerprint(cut.body)
    assert adapted.accuracy == 1 and adapted.net.n_classes == 10


def test_option_2_moves_weights_and_leaves_statistics_as_they_are(cut, target):
    labelled = draw(target.pool, 20, 0)
    shown = replace(labelled, x=cut.requirement.prepare(to_picture(labelled.x)))
    adapted = transfer.option_2(cut, shown, chosen=Settings(learning_rate=1e-3, steps=3))
    before, after = cut.body.state_dict(), adapted.net.body.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "blocks.2.0.conv_pw.weight" in moved
    assert not {name for name in moved if "running" in name or "num_batches" in name}


def test_the_untrained_twin_has_fresh_weights_and_statistics_of_the_pictures(cut):
    x = cut.requirement.prepare(torch.rand(20, 3, 32, 32))
    twin = published.untrained_lite0(LITE0, "blocks.2", 32, x, seed=1)
    again = published.untrained_lite0(LITE0, "blocks.2", 32, x, seed=1)
    assert network.fingerprint(twin.body) == network.fingerprint(again.body)
    assert network.fingerprint(twin.body) != network.fingerprint(cut.body)
    with torch.no_grad():
        assert twin.features(x).std() > 0.01
    assert twin.output.in_features == cut.output.in_features


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(2, 3, 28, 28) - 1, "[2, 3, 28, 28]"),
        (torch.zeros(2, 1, 32, 32) - 1, "[batch, 3, 32, 32]"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), "uint8"),
        (torch.rand(2, 3, 32, 32), "(x − 0.5) / 0.5"),
        (torch.full((2, 3, 32, 32), -2.0), "from −1 to 1"),
        (torch.full((2, 3, 32, 32), float("nan")), "not numbers"),
    ],
)
def test_pictures_that_do_not_meet_its_requirement(cut, x, words):
    mismatch = cut.requirement.mismatch(x, "image")
    assert mismatch is not None
    with refused("mismatch", words):
        transfer.option_1(cut, Examples(x, torch.tensor([0, 1]), ("a", "b")))


def test_prepared_pictures_meet_it_whatever_their_size(cut, lite0):
    for net in (cut, lite0):
        x = net.requirement.prepare(torch.rand(2, 3, 50, 60))
        assert net.requirement.mismatch(x, "image") is None
    assert "pretrained on image and the data are audio" in cut.requirement.mismatch(x, "audio")


def test_scales_of_single_channels_are_said():
    from tl_course.core.input_spec import Pictures

    wanted = Pictures(8, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    x = wanted.prepare(torch.rand(1, 3, 8, 8))
    assert wanted.mismatch(x, "image") is None
    sentence = wanted.mismatch(x * 3, "image")
    assert "(x − [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]" in sentence


# ---------------------------------------------------------------- other places than the packages


@pytest.fixture
def torch_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_a_network_of_torchvision_out_of_its_cache(torch_home):
    weights = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    original = torchvision.models.shufflenet_v2_x0_5()
    url = torchvision.models.ShuffleNet_V2_X0_5_Weights.DEFAULT.url
    torch.save(original.state_dict(), torch_home / url.rsplit("/", 1)[1])
    net = published.load("torchvision/shufflenet_v2_x0_5", size=64)
    x = net.requirement.prepare(torch.rand(2, 3, 64, 64))
    with torch.no_grad():
        torch.testing.assert_close(net(x), original.eval()(x))
    assert len(net.names) == 1000 and net.requirement.mean == pytest.approx((0.485, 0.456, 0.406))
    # One whose output layer is no linear layer asks for a cut.
    torch.save(
        torchvision.models.squeezenet1_1().state_dict(), torch_home / weights.url.rsplit("/", 1)[1]
    )
    with refused("no_output_layer"):
        published.load("torchvision/squeezenet1_1")
    assert published.load("torchvision/squeezenet1_1", cut="features.5", size=64).n_classes == 2


class Evil:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_with_code_is_not_run(torch_home, tmp_path):
    url = torchvision.models.ShuffleNet_V2_X0_5_Weights.DEFAULT.url
    torch.save({"weight": Evil(tmp_path / "done")}, torch_home / url.rsplit("/", 1)[1])
    with refused("not_loaded"):
        published.load("torchvision/shufflenet_v2_x0_5")
    assert not (tmp_path / "done").exists()


def hub_of(monkeypatch, folder, revision="a" * 40):
    """The Hugging Face hub, as far as timm and we ask it: files of `folder`; returns what came."""
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError
    from timm.models import _hub

    asked = []

    def bring(repo_id=None, filename=None, *arguments, revision=None, **more):
        asked.append((filename, revision))
        if not (folder / filename).exists():
            raise EntryNotFoundError(filename)
        there = folder / "snapshots" / (revision or "a" * 40)  # as its cache lies
        shutil.copytree(folder, there, ignore=lambda *_: ["snapshots"], dirs_exist_ok=True)
        return str(there / filename)

    for place in (huggingface_hub, _hub):
        monkeypatch.setattr(place, "hf_hub_download", bring)
    monkeypatch.setattr(published, "_no_waiting", contextlib.nullcontext)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    monkeypatch.setattr(hub, "revision_and_sizes", lambda *_: (revision, sizes))
    return asked


def timm_folder(folder, **pretrained):
    import timm
    from safetensors.torch import save_file

    original = timm.create_model("resnet10t", num_classes=5)
    save_file(original.state_dict(), folder / "model.safetensors")
    config = {
        "architecture": "resnet10t", "num_classes": 5,
        "pretrained_cfg": {"input_size": [3, 64, 64], "num_classes": 5, **pretrained},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return original.eval()


def test_a_network_of_the_hub_is_of_the_revision_that_was_looked_at(tmp_path, monkeypatch):
    import huggingface_hub

    original, asked = timm_folder(tmp_path), hub_of(monkeypatch, tmp_path)
    net = published.load("hf-hub:anna/net")
    x = net.requirement.prepare(torch.rand(2, 3, 64, 64))
    with torch.no_grad():
        torch.testing.assert_close(net(x), original(x))
    assert {revision for _, revision in asked} == {"a" * 40}
    assert {name for name, _ in asked} == {"config.json", "model.safetensors"}
    # Without a connection, what was fetched before is enough.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "revision_and_sizes", None)
    with torch.no_grad():
        torch.testing.assert_close(published.load("hf-hub:anna/net")(x), original(x))


def test_a_configuration_may_say_how_its_own_file_is_read(tmp_path):
    timm_folder(tmp_path, custom_load=True)
    assert published.load(f"local-dir:{tmp_path}").n_classes == 5


@pytest.mark.parametrize("where", ["hf-hub:evil/net", "timm/hf_hub:evil/net", "local-dir:"])
@pytest.mark.parametrize("key", ["hf_hub_filename", "file", "architecture"])
def test_nothing_is_run_that_a_configuration_names(where, key, tmp_path, monkeypatch):
    """timm reads a file that it names with `weights_only`, and another network is refused."""
    if key == "architecture":
        timm_folder(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        config["architecture"] = "hf-hub:evil/other"
        (tmp_path / "config.json").write_text(json.dumps(config))
    else:
        place = tmp_path / "evil.bin"
        timm_folder(tmp_path, **{key: place.name if key == "hf_hub_filename" else str(place)})
    torch.save({"weight": Evil(tmp_path / "done")}, tmp_path / "evil.bin")
    hub_of(monkeypatch, tmp_path)
    try:
        net = published.load(where if where[-1] != ":" else f"{where}{tmp_path}")
    except CourseError as error:
        assert "\n" not in str(error)
    else:  # it was not read at all
        assert net.n_classes == 5
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ("pretrained_cfg", "mean", None), ("pretrained_cfg", "mean", "half"),
        (None, "pretrained_cfg", [1]), (None, "model_args", [1]),
        ("model_args", "depths", [200] * 4), ("model_args", "layers", [1, 10**9]),
        ("model_args", "depth", float("inf")), (None, "auto_map", {"AutoModel": "a.B"}),
        ("pretrained_cfg", "trust_remote_code", True), ("model_args", "stem_width", 10**7),
    ],
)  # fmt: skip
def test_a_configuration_that_fits_no_pictures_is_one_sentence(tmp_path, where, key, value):
    timm_folder(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (config if where is None else config.setdefault(where, {}))[key] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with refused("refused|not_loaded|own_code") as caught:
        published.load(f"local-dir:{tmp_path}")
    assert "\n" not in str(caught.value)


def test_what_a_configuration_says_is_shown_as_plain_text(tmp_path):
    timm_folder(tmp_path, license="mit\n\x1b[2J", label_names=["a\x1b", *"bcde"])
    net = published.load(f"local-dir:{tmp_path}")
    assert net.about.licence == "mit??[2J" and net.names == ("a?", *"bcde")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"architecture": "vit_giant_patch14_224"}, "weights, and at most"),
        ({"model_args": {"stem_width": 20_000}}, "weights, and at most"),
        ({"model_args": {"in_chans": 20_000, "stem_width": 1000}}, "weights, and at most"),
        ({"label_names": ["a", "b"]}, "2 names for 5 classes"),
    ],
)
def test_a_network_that_does_not_fit_is_never_built(tmp_path, changed, words, monkeypatch):
    import timm

    timm_folder(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | changed))
    real = timm.create_model

    def create(name, pretrained):
        assert not pretrained and torch.empty(0).is_meta, "it was built"
        return real(name, pretrained)

    monkeypatch.setattr(timm, "create_model", create)
    with refused("refused", words):
        published.load(f"local-dir:{tmp_path}")


def test_files_that_are_too_large_are_not_fetched(tmp_path, monkeypatch):
    timm_folder(tmp_path)
    for file, size in (("model.safetensors", 10**9), ("config.json", 10**8)):
        asked = hub_of(monkeypatch, tmp_path)
        sizes = {"model.safetensors": 1000, file: size}
        monkeypatch.setattr(hub, "revision_and_sizes", lambda *_, sizes=sizes: ("a" * 40, sizes))
        with refused("refused", file):
            published.load("hf-hub:anna/net")
        assert not asked
    with (tmp_path / "model.safetensors").open("r+b") as sparse:
        sparse.truncate(10**9)
    with refused("refused", "model.safetensors", "1.0 GB"):
        published.load(f"local-dir:{tmp_path}")


def test_pickled_weights_are_never_read(tmp_path, monkeypatch):
    timm_folder(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    asked = hub_of(monkeypatch, tmp_path)
    for name in ("hf-hub:anna/net", f"local-dir:{tmp_path}"):
        with refused("refused", "model.safetensors"):
            published.load(name)
    assert not asked


def test_a_network_of_timm_out_of_a_folder(tmp_path):
    original = timm_folder(tmp_path, license="mit")
    net = published.load(f"local-dir:{tmp_path}")
    x = net.requirement.prepare(torch.rand(2, 3, 64, 64))
    with torch.no_grad():
        torch.testing.assert_close(net(x), original(x))
    assert net.requirement.size == 64 and net.about.licence == "mit"


def texts_folder(folder, **changed):
    from transformers import BertConfig, BertModel

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cat", "dog", "##s"]
    (folder / "vocab.txt").write_text("\n".join(words))
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=12,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    saved = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(saved | changed))


def test_a_network_for_texts_out_of_a_folder(tmp_path):
    texts_folder(tmp_path)
    net = published.load(f"transformers/{tmp_path}")
    assert net.tokens(["cats", "dog"]).tolist() == [[2, 5, 7, 3], [2, 6, 3, 0]]
    assert net.requirement.longest == 12
    with torch.no_grad():  # a text's features do not depend on how long its neighbours are
        together = net.features(net.tokens(["dog", "cat cat cat"]))[0]
        torch.testing.assert_close(together, net.features(net.tokens(["dog"]))[0])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"num_hidden_layers": 10**9}, "more than 200 layers"),
        ({"num_hidden_layers": float("nan")}, "more than 200 layers"),
        ({"hidden_size": 60_000}, "weights, and at most"),
        ({"vocab_size": 10**10}, "weights, and at most"),
        ({"max_position_embeddings": 10**10}, "weights, and at most"),
        ({"auto_map": {"AutoModel": "evil.Net"}}, "asks for code of its own"),
        ({"quantization_config": {"quant_method": "gptq"}}, "leads to something else"),
        ({"model_type": "evil\x1b[2J"}, "its kind is 'evil"),
        ({"hidden_size": -5}, ""),
        ({"hidden_size": "many"}, ""),
    ],
)
def test_a_network_for_texts_that_does_not_fit_is_never_built(
    tmp_path, changed, words, monkeypatch
):
    from transformers import AutoModel

    texts_folder(tmp_path, **changed)
    monkeypatch.setattr(AutoModel, "from_pretrained", lambda *_, **__: pytest.fail("it was built"))
    with refused("refused" if words else "not_loaded", words) as caught:
        published.load(f"transformers/{tmp_path}")
    assert "\n" not in str(caught.value)


def test_a_network_for_texts_that_leads_to_another_is_refused(tmp_path):
    texts_folder(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/net"}')
    with refused("refused", "adapter_config.json"):
        published.load(f"transformers/{tmp_path}")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("resnet", "no_network"),
        ("torchvision/nothing", "no_network"),
        ("torchvision/resnet18", "not_loaded"),
        ("timm/resnet10t", "not_loaded"),
        ("hf-hub:nobody/nothing", "not_loaded"),
        ("transformers/nobody-nothing", "not_loaded"),
    ],
)
def test_offline_and_unknown_names_get_a_sentence(name, code, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with refused(code, name.rpartition("/")[2]) as caught:
        published.load(name)
    assert "\n" not in str(caught.value)


# ----------------------------------------------------------------------------------------- words


def test_it_knows_which_words_belong_together(minilm):
    with torch.no_grad():
        cat, dog, tax = nn.functional.normalize(
            minilm.features(minilm.tokens(["cat", "dog", "income tax"]))
        )
    assert cat @ dog > cat @ tax + 0.2


def test_word_pieces_that_do_not_meet_its_requirement(minilm):
    good = minilm.tokens(["a cat", "a dog"])
    y = torch.tensor([0, 1])
    assert minilm.requirement.mismatch(good, "tokens") is None
    another = minilm.requirement.mismatch(good, "image")
    assert "pretrained on tokens and the data are image" in another and "tokens(texts)" in another
    for x, words in (
        (good.float(), "int64"),
        (good.repeat(1, 60), "at most 64"),
        (good + 40_000, "0 … 30521"),
        (good - 1000, "0 … 30521"),
    ):
        with refused("mismatch", words):
            transfer.option_1(minilm, Examples(x, y, ("cat", "dog"), "tokens"))
    with refused("no_pictures"):
        transfer.option_1(minilm, Examples(good, y, ("cat", "dog"), "tokens"), augment=True)
    with refused("reads_texts"):
        published.load("minilm", cut="encoder")


def test_without_its_package_it_is_said_how_to_fetch_it(monkeypatch):
    monkeypatch.setattr(published, "MINILM_PACKAGE", "a_package_that_is_not_there")
    with refused("not_installed", "data_scripts/minilm.py"):
        published.load("minilm")


def test_both_options_on_words(minilm):
    labelled = kinds.kinds(0, "pool", 20)
    shown = Examples(minilm.tokens(labelled.texts), labelled.y, kinds.NAMES, "tokens")
    before = network.fingerprint(minilm)
    fixed = transfer.option_1(minilm, shown, test=shown)
    moved = transfer.option_2(minilm, shown, chosen=Settings(learning_rate=1e-4, steps=2))
    assert fixed.accuracy == 1 and network.fingerprint(minilm) == before
    assert network.fingerprint(fixed.net.body) == network.fingerprint(minilm.body)
    assert network.fingerprint(moved.net.body) != network.fingerprint(minilm.body)


def test_no_name_is_in_two_parts_of_a_draw():
    for number in (0, 1):
        parts = {part: kinds.kinds(number, part) for part in ("pool", "validation", "test")}
        every = [text for part in parts.values() for text in part.texts]
        assert len(every) == len(set(every)) == sum(map(len, kinds.every_name().values()))
        assert parts["pool"].y.bincount().tolist() == [20] * 10
        assert parts["validation"].y.bincount().tolist() == [7] * 10
        assert parts["test"].y.bincount().min() >= 15
    small = kinds.kinds(1, "pool", 50)
    assert set(small.texts) < set(parts["pool"].texts) and small.y.bincount().tolist() == [5] * 10
    assert kinds.kinds(0, "validation").texts == parts["validation"].texts
    assert kinds.kinds(0, "test").texts != parts["test"].texts
    with refused("unequal_shares", "10", "200"):
        kinds.kinds(0, "pool", 25)


# ------------------------------------------------------------------------------------- the targets


def test_no_pixel_of_a_photograph_is_in_two_parts(monkeypatch):
    def numbered(name):
        """A picture whose pixels say which of the 25 blocks they are in, 0 … 1."""
        rows = torch.arange(400) // 80
        return (rows[:, None] * 5 + rows[None, :]).float() / 25

    monkeypatch.setattr(photographs, "_grey", numbered)
    photographs.scenes.cache_clear()
    target = photographs.scenes(photographs.PIECE)
    photographs.scenes.cache_clear()
    for label in range(len(photographs.SCENES)):
        blocks = []
        for part in (target.pool, target.validation, target.test):
            pieces = to_picture(part.x[part.y == label])
            assert (pieces.amax((1, 2, 3)) == pieces.amin((1, 2, 3))).all(), "crosses two blocks"
            blocks.append(set((pieces[:, 0, 0, 0] * 25).round().int().tolist()))
        assert len(blocks[0] | blocks[1] | blocks[2]) == sum(map(len, blocks)) == 25


def test_the_ten_things_are_in_no_source():
    from tl_course.data.sources.classes import names

    target = experiments.ten_things()
    assert len(set(target.pool.names)) == 10 and not set(target.pool.names) & set(names())


# ------------------------------------------------------------------------------------- experiments


def test_the_best_cut_is_chosen_on_validation_and_not_on_the_test():
    import pandas as pd

    rows = [
        {"target": "digits", "net": LITE0, "cut": cut, "size": size, "l2": 0.1, "validation": v,
         "accuracy": a}
        for cut, size, v, a in (
            ("stem", 32, 0.5, 0.9), ("stage 3", 64, 0.8, 0.6), ("last", 32, 0.7, 1)
        )
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    best = {"cut": "stage 3", "size": 64, "l2": 0.1}
    assert experiments.best_cut_and_size(table, "digits") == best
    assert experiments.best_cut_and_size(table, "digits", size=32)["cut"] == "last"
    assert experiments.module("stage 3") == "blocks.2" and experiments.module("last") is None


def test_cuts_and_their_rows(monkeypatch):
    monkeypatch.setattr(experiments, "SCORED", 50)
    monkeypatch.setattr(experiments, "CHOICE_DRAWS", 1)
    monkeypatch.setattr(experiments, "PENALTIES", (1e-3, 1e-1))
    few = experiments.ten_things()
    few = Target(few.pool, few.validation[::20], few.test)
    monkeypatch.setattr(experiments, "targets", lambda: {"drawings": few})
    monkeypatch.setattr(experiments, "CUTS", ("bn1", "blocks.2", None))
    monkeypatch.setattr(experiments, "CUT_NAMES", ("stem", "stage 3", "last"))
    rows = list(experiments.cuts(2, sizes=(32,), names=["drawings"]))
    assert len(rows) == 2 * (1 + 3)
    assert {(row["net"], row["cut"]) for row in rows} == {
        ("own", "last"), (LITE0, "stem"), (LITE0, "stage 3"), (LITE0, "last")
    }  # fmt: skip
    for row in rows:
        assert len(row["right"]) == 50
        assert row["accuracy"] == pytest.approx(row["right"].mean())


def test_pieces_of_one_block_count_as_one():
    import numpy as np
    import pandas as pd
    from scipy.stats import t

    rng = np.random.default_rng(0)
    blocks = rng.random((1, 10)) < 0.5
    right = np.repeat(blocks, 10, 1)
    rows = [
        {"target": target, "arm": arm, "draw": d, "right": right[0] & (arm == "one")}
        for target in ("photographs", "digits") for arm in ("one", "other") for d in range(4)
    ]  # fmt: skip
    table = experiments.ahead_by_target(pd.DataFrame(rows), "one", "other").set_index("target")
    assert table.ahead["photographs"] == table.ahead["digits"] == pytest.approx(100 * blocks.mean())
    wider = table.interval["photographs"] / table.interval["digits"]
    assert wider == pytest.approx(11**0.5 * t.ppf(0.975, 9) / t.ppf(0.975, 99)), "s² of 10, of 100"


def test_a_classmates_digits_are_nobody_elses(target):
    mine, classmates = experiments.halves(target)
    assert len(mine.pool) == len(classmates) == len(target.pool) // 2
    assert mine.pool.y.bincount().tolist() == classmates.y.bincount().tolist()
    every = torch.cat([mine.pool.x, classmates.x]).flatten(1)
    assert len(every.unique(dim=0)) == len(target.pool.x.flatten(1).unique(dim=0))
