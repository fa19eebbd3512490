"""Notebook 11, which takes nothing from the course, and the cheat sheet, whose code runs."""

import ast
import json
import re
from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
import torch
from attacks import forked
from PIL import Image, ImageOps
from safetensors import safe_open
from test_notebooks import PATIENT, Images, lines_of_code

from tl_course.app import notebooks

PATH = next(path for path in notebooks.find() if path.stem.startswith("11"))
SHEET = notebooks.root() / "docs" / "cheat_sheet.md"
CODE = [c for c in nbformat.read(PATH, as_version=4).cells if c.cell_type == "code"]
UNSAFE = ("pickle", "joblib", "dill", "cloudpickle")


@pytest.fixture(scope="module", autouse=True)
def kernel():
    with notebooks.this_python_kernel():
        yield


def run(tmp_path: Path, **parameters) -> nbformat.NotebookNode:
    """The notebook after a rehearsal; what it writes is in `tmp_path`/out."""
    parameters = {"budget": "quick", "out": str(tmp_path / "out")} | parameters
    return papermill.execute_notebook(
        str(PATH), str(tmp_path / PATH.name), parameters=parameters,
        kernel_name=notebooks.KERNEL, language="python", cwd=str(tmp_path), progress_bar=False,
        **PATIENT,
    )  # fmt: skip


def printed(node: nbformat.NotebookNode) -> dict[str, str]:
    """What each code cell printed, by its id."""
    return {
        cell.id: "".join(output.get("text", "") for output in cell.outputs)
        for cell in node.cells
        if cell.cell_type == "code"
    }


def noise(height: int, width: int, bright: int, seed: int) -> np.ndarray:
    """A picture of noise, uint8 `[height, width, 3]`, whose mean is about `bright`."""
    rng = np.random.default_rng(seed)
    return rng.integers(bright - 40, bright + 40, (height, width, 3), dtype=np.uint8)


def a_learners_folder(root: Path) -> Path:
    """Three classes of few pictures, of many formats and sizes, with the junk of real folders."""
    for place, (name, bright) in enumerate({"dark": 50, "light": 200, "so & <so>": 120}.items()):
        folder = root / name
        folder.mkdir(parents=True)
        for number in range(5 - place):
            size = 30 + 17 * number, 40 + 29 * place
            picture = Image.fromarray(noise(*size, bright, 10 * place + number))
            picture.save(folder / f"{number}.{('png', 'JPG', 'jpeg')[number % 3]}")
        (folder / ".DS_Store").write_bytes(b"junk")
    Image.fromarray(noise(50, 50, 50, 50)).convert("L").save(root / "dark" / "grey.png")
    Image.fromarray(noise(50, 50, 200, 51)).convert("RGBA").save(root / "light" / "see.png")
    (root / "light" / "broken.jpg").write_bytes((root / "light" / "0.png").read_bytes()[:300])
    (root / "light" / "notes.txt").write_text("photographed on Sunday\n", encoding="utf-8")
    (root / "light" / "more").mkdir()
    (root / ".ipynb_checkpoints").mkdir()
    Image.fromarray(noise(9, 9, 99, 52)).save(root / ".ipynb_checkpoints" / "0.png")
    return root


def test_it_takes_nothing_from_the_course():
    imported = set()
    for cell in CODE:
        assert "tl_course" not in cell.source, cell.id
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, "a relative import"
                imported.add(node.module.split(".")[0])
    assert {"torch", "timm", "safetensors"} <= imported
    assert not imported & {"tl_course", *UNSAFE}
    loads = [line for cell in CODE for line in cell.source.splitlines() if "torch.load(" in line]
    assert loads and all("weights_only=True" in line for line in loads)


def test_how_it_is_kept():
    text = PATH.read_text(encoding="utf-8")
    node = nbformat.reads(text, as_version=4)
    nbformat.validate(node)
    assert text == nbformat.writes(node) + "\n", "indented by one, keys in nbformat's order"
    prose = "\n".join(cell.source for cell in node.cells if cell.cell_type == "markdown")
    assert node.cells[0].source.startswith("# 11 · On your own\n")
    for promise in ("You will see", "It takes", "You need to know"):
        assert f"**{promise}**" in node.cells[0].source
    assert "## What you saw" in prose and "](../docs/cheat_sheet.md)" in prose and SHEET.exists()
    ids = [cell.id for cell in node.cells]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-z0-9-]+", i) for i in ids)
    assert [c.id for c in CODE if "parameters" in c.metadata.get("tags", [])] == ["parameters"]
    for cell in CODE:
        assert not cell.outputs and cell.execution_count is None
        assert len(lines_of_code(cell.source)) <= 15, cell.id
        assert not re.search(r"^\s*(def|class) ", cell.source, re.M), cell.id


def every_alt_text(node: nbformat.NotebookNode) -> list[str]:
    images = Images()
    for cell in node.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert not {"image/png", "image/jpeg", "image/svg+xml"} & set(data), cell.id
            images.feed(data.get("text/html", ""))
    return images.alts


def accuracies(text: str) -> dict[str, tuple[float, ...]]:
    """Share and interval in percent by arm, from what the test cell printed."""
    line = r"^(.+?) +([\d.]+)% right \(95%: (\d+) to (\d+)%\)$"
    return {name: tuple(map(float, rest)) for name, *rest in re.findall(line, text, re.M)}


def check(node: nbformat.NotebookNode, saved: Path, classes: list[str]) -> dict:
    """What must hold of a run on any pictures; returns the accuracies."""
    text = printed(node)
    assert "weights frozen, training mode: 147 of 296 tensors changed" in text["freeze"]
    assert "changed: classifier.weight, classifier.bias\n" in text["frozen"]
    assert "unchanged: 294 tensors, 147 of them buffers" in text["frozen"]
    assert "0 of 147 buffers have moved, and 149 of 149 tensors of weights" in text["option-2"]
    shares = accuracies(text["test"])
    assert set(shares) == {"Option 1", "LP-FT", "random weights", "largest class"}
    assert all(low <= share <= high for share, low, high in shares.values())
    assert text["load"].endswith("are the same\n")
    with safe_open(saved, "pt") as file:
        about = file.metadata()
        assert file.get_tensor("classifier.weight").shape == (len(classes), 1280)
    assert json.loads(about["classes"]) == classes
    assert {"mean", "std", "input_size"} <= set(json.loads(about["preprocessing"]))
    alts = every_alt_text(node)
    assert len(alts) == len(classes) + 1 and all(len(alt) > 20 for alt in alts)
    for name, (share, low, high) in shares.items():
        assert f"{name} {share:.0f}% ({low:.0f} to {high:.0f}%)" in alts[-1], "the bars say it, too"
    assert all(any(name in alt for alt in alts) for name in classes)
    return shares


def test_it_runs_on_the_pictures_that_it_makes(tmp_path):
    node = run(tmp_path, seed=1)
    folder = tmp_path / "out" / "pieces-40-1"
    classes = sorted(path.name for path in (folder / "test").iterdir())
    shares = check(node, tmp_path / "out" / "my_network.safetensors", classes)
    assert len(classes) == 10 and shares["largest class"][0] == 10
    assert shares["Option 1"][1] > shares["random weights"][2], "pretraining shows, beyond luck"
    for name in classes:
        assert len(list((folder / "train" / name).iterdir())) == 10
        assert len(list((folder / "test" / name).iterdir())) == 20
    text = printed(node)
    assert text["split"] == "100 to learn from, 200 held out\n"
    assert text["copies"] == "0 copies left out\n"


def test_it_runs_on_a_learners_own_folder(tmp_path):
    folder = a_learners_folder(tmp_path / "my pictures")
    before = sorted(folder.rglob("*"))
    node = run(tmp_path, pictures=str(folder))
    text = printed(node)
    check(node, tmp_path / "out" / "my_network.safetensors", ["dark", "light", "so & <so>"])
    assert f"15 pictures in {folder}, not split yet" in text["files"]
    assert "Left out because they are neither JPEG nor PNG: notes.txt" in text["files"]
    assert text["read"].splitlines() == [
        f"{Path('light', 'broken.jpg')} cannot be read as a picture, so it is left out.",
        "14 pictures of 3 classes: dark, light, so & <so>",
    ]
    assert "9 to learn from, 5 held out" in text["split"]
    assert sorted(folder.rglob("*")) == before, "nothing in it is changed"


def test_it_decodes_four_formats_and_no_huge_picture(tmp_path, capsys):
    for name in ("dark", "light"):
        (tmp_path / name).mkdir()
        for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff", "ppm"):
            picture = Image.fromarray(noise(20, 20, 90, 0))
            picture.save(tmp_path / name / f"{kind}.png", kind)
    Image.new("1", (10_000, 5_001)).save(tmp_path / "dark" / "huge.png")
    names = {"folder": tmp_path, "Image": Image, "ImageOps": ImageOps, "torch": torch}
    names["prepare"] = lambda picture: torch.zeros(3)
    for cell in CODE:
        if cell.id in ("files", "read"):
            exec(cell.source, names)
    assert {path.stem for path in names["read"]} == {"png", "jpeg", "webp", "gif"}
    assert f"{Path('dark', 'huge.png')} cannot be read" in capsys.readouterr().out
    opens = [line for cell in CODE for line in cell.source.splitlines() if "Image.open(" in line]
    assert len(opens) == 2 and all("formats=formats" in line for line in opens)


def pictures_read(folder: Path) -> tuple[list[str], int]:
    """The names of the pictures that the notebook reads, and how much more memory that takes."""
    names = {"folder": folder, "Image": Image, "ImageOps": ImageOps, "torch": torch}
    names["prepare"] = lambda picture: torch.zeros(3)
    before = forked.peak_memory()
    for cell in CODE:
        if cell.id in ("files", "read"):
            exec(cell.source, names)
    return sorted(path.name for path in names["read"]), forked.peak_memory() - before


def test_large_pictures_take_little_memory(tmp_path):
    for name in ("dark", "light"):
        (tmp_path / name).mkdir()
        Image.fromarray(noise(20, 20, 90, 0)).save(tmp_path / name / "small.png")
    turned = Image.Exif()
    turned[274] = 6
    large = Image.new("RGBA", (7_050, 7_050), (9, 9, 9, 9))
    large.save(tmp_path / "dark" / "large.png", exif=turned)
    large.save(tmp_path / "dark" / "webp.png", "webp", lossless=True, quality=0, method=0)
    Image.new("I;16", (20, 20), 3_000).save(tmp_path / "dark" / "16 bits.png")
    code, (read, more) = forked.run(pictures_read, tmp_path)
    assert (code, read) == (0, ["large.png", "small.png", "small.png"])
    assert more < 550_000_000, "the libraries of the notebook have 440 MB already"


def test_a_network_that_is_there_is_not_replaced(tmp_path):
    (cell,) = (cell for cell in CODE if cell.id == "save")
    net = torch.nn.Linear(2, 2)
    net.pretrained_cfg = {"architecture": "linear"}
    names = {"Path": Path, "out": tmp_path, "net": net, "classes": ["a", "b"], "config": {}}
    for number in range(3):
        exec(cell.source, names)
        names["saved"].write_bytes(b"%d" % number)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "my_network.safetensors": b"0",
        "my_network_2.safetensors": b"1",
        "my_network_3.safetensors": b"2",
    }


def test_a_split_by_hand_is_kept_and_copies_are_left_out(tmp_path):
    folder = tmp_path / "split"
    for part, seeds in (("train", (0, 1, 2)), ("test", (2, 3)), ("validation", (4,))):
        for name, bright in (("dark", 50), ("light", 200)):
            (folder / part / name).mkdir(parents=True)
            for seed in seeds:  # seed 2 is in both parts
                picture = Image.fromarray(noise(40, 40, bright, seed))
                picture.save(folder / part / name / f"{seed}.png")
    output = printed(run(tmp_path, pictures=str(folder)))
    assert f"10 pictures in {folder}, split by hand" in output["files"]
    assert output["split"] == "6 to learn from, 4 held out\n"
    assert output["copies"] == "2 copies left out\n"


def test_groups_are_held_out_as_a_whole_and_asked_about(tmp_path):
    """Six people wrote each of two signs: whoever is in the test is not in the training."""
    folder = tmp_path / "signs"
    for place, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for person in range(6):
            picture = Image.fromarray(noise(30, 30, 60 + 130 * place, 10 * place + person))
            picture.save(folder / name / f"person{person}.png")
    asked = printed(run(tmp_path, pictures=str(folder)))["split"]
    assert "share file names such as person0.png. Do these name people" in asked
    node = run(tmp_path, pictures=str(folder), group=r"person\d")
    assert printed(node)["split"] == "8 to learn from, 4 held out\n"
    (cell,) = [cell for cell in CODE if cell.id == "split"]
    files = sorted(folder.rglob("*.png"))
    names = {
        "group": r"person\d", "split_by_hand": False, "seed": 0, "torch": torch, "read": files,
        "y": torch.tensor([0] * 6 + [1] * 6), "classes": ["dark", "light"],
    }  # fmt: skip
    exec(cell.source, names)
    held, learnt = ({files[i].name for i in names[part]} for part in ("test", "train"))
    assert len(held) == 2 and not held & learnt


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda folder: None, "There is no folder .*missing"),
        (lambda folder: folder.mkdir(), "needs JPEG or PNG files of two classes or more"),
        (lambda folder: (folder / "oak").mkdir(parents=True), "kept as CLASS/PICTURE"),
    ],
    ids=["no-folder", "empty", "no-pictures"],
)
def test_a_folder_that_will_not_do_is_refused_in_one_sentence(make, says, tmp_path):
    folder = tmp_path / "missing"
    make(folder)
    with pytest.raises(papermill.PapermillExecutionError, match=says):
        run(tmp_path, pictures=str(folder))


# ------------------------------------------------------------------------------- the cheat sheet

CLASSES = ["yes", "no"]
PICTURES, LANGUAGE, SOUND = (
    "Pictures: timm or torchvision",
    "Language: transformers",
    "Sound: transformers",
)


def blocks() -> dict[str, list[str]]:
    """The Python blocks of the sheet by section, "" for what comes before the first."""
    by_section, section = {}, ""
    for title, block in re.findall(
        r"^## ([^\n]+)$|^```python\n(.*?)^```$", SHEET.read_text(encoding="utf-8"), re.M | re.S
    ):
        section = title or section
        by_section.setdefault(section, []).extend([block] if block else [])
    return by_section


def phases(block: str) -> list[str]:
    """Load, new head, Option 1, LP-FT and save, each with its comment."""
    begins = r"^(?=# (?:Load and prepare|New head|Option 1|Output layer first|Save))"
    parts = [part for part in re.split(begins, block, flags=re.M) if part]
    assert len(parts) == 5
    return parts


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def run_section(title: str, given: dict, head: str, stand_ins: dict[str, str]) -> dict:
    """Run a section's block with the names `given`, in the working folder; returns its names.

    Before Option 1 nothing moves but the head (a regular expression), and the network is in eval.
    After it nothing else has changed, buffers included. After LP-FT more than the head has.
    """
    (block,) = blocks()[title]
    for name, stand_in in stand_ins.items():
        assert name in block, f"the sheet does not say {name} any more"
        block = block.replace(name, stand_in)
    names = dict(given)
    exec(blocks()[""][0], names)
    for phase in phases(re.sub(r"steps=\d+", "steps=3", block)):
        network = names.get("model", names.get("net"))
        before = network and state(network)
        exec(phase, names)
        if phase.startswith("# New head"):
            network = names.get("model", names.get("net"))
            assert not any(module.training for module in network.modules())
            moving = [name for name, p in network.named_parameters() if p.requires_grad]
            assert all(re.match(head, name) for name in moving), moving
        elif phase.startswith(("# Option 1", "# Output layer first")):
            moved = changed(before, state(network))
            others = [name for name in moved if not re.match(head, name)]
            assert moved and bool(others) == phase.startswith("# Output"), others
        if phase.startswith("# Option 1"):
            with torch.no_grad():
                names["from_features"] = names["head"](names["features"])
                names["from_examples"] = scores(network, names)
            torch.testing.assert_close(names["from_features"], names["from_examples"])
    with torch.no_grad():
        assert not names["again"].training
        torch.testing.assert_close(scores(names["again"], names), scores(network, names))
    return names


def scores(network: torch.nn.Module, names: dict) -> torch.Tensor:
    """What a network says of all training examples, `[n, classes]`."""
    if "x" in names:
        return network(names["x"])
    return network(**names.get("tokens", names.get("inputs"))).logits


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Eight labelled examples, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    return {"classes": CLASSES, "labels": torch.tensor([0, 1] * 4)}


def test_the_sheet_is_one_page():
    text = SHEET.read_text(encoding="utf-8")
    assert list(blocks())[1:4] == [PICTURES, LANGUAGE, SOUND]
    assert len(text.splitlines()) <= 160
    for block in sum(blocks().values(), []):
        assert all(len(line) <= 100 for line in block.splitlines())
    assert "tl_course" not in text


def test_the_sheets_pictures(given, tmp_path):
    given["pictures"] = [
        Image.fromarray(noise(40, 60, (50, 200)[i % 2], i)).convert("L" if i == 3 else "RGB")
        for i in range(8)
    ]
    stand_ins = {"pretrained=True": "pretrained=False", "weights=weights": "weights=None"}
    names = run_section(PICTURES, given, r"fc\.", stand_ins)
    assert names["x"].shape == (8, 3, 224, 224)
    assert names["weights"].transforms()(given["pictures"][0]).shape == (3, 224, 224)
    with safe_open(tmp_path / "my_network.safetensors", "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["classes"] == CLASSES and "crop_pct" in about["preprocessing"]


def test_the_sheets_language(given, tmp_path):
    import transformers

    words = "[PAD] [UNK] [CLS] [SEP] [MASK] this film was good bad very".split()
    tiny = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32,
    )  # fmt: skip
    transformers.BertModel(tiny).save_pretrained(tmp_path / "tiny")
    vocabulary = {word: number for number, word in enumerate(words)}
    transformers.BertTokenizer(vocab=vocabulary).save_pretrained(tmp_path / "tiny")
    given["texts"] = ["this film was very good", "this film was bad"] * 4
    stand_ins = {"google-bert/bert-base-uncased": str(tmp_path / "tiny")}
    names = run_section(LANGUAGE, given, r"classifier\.", stand_ins)
    assert names["tokens"]["input_ids"][1].tolist() == [2, 5, 6, 7, 9, 3, 0]
    check_saved(names, tmp_path / "my_model")


def test_the_sheets_sound(given, tmp_path):
    import transformers

    tiny = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        conv_dim=(8, 8), conv_kernel=(10, 8), conv_stride=(10, 8), num_feat_extract_layers=2,
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, classifier_proj_size=8,
    )  # fmt: skip
    transformers.Wav2Vec2Model(tiny).save_pretrained(tmp_path / "tiny")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "tiny")
    rng = np.random.default_rng(0)
    given["sounds"] = [rng.normal(size=9_000 + 3_000 * i).astype(np.float32) for i in range(8)]
    given["rate"] = 16_000
    stand_ins = {"facebook/wav2vec2-base": str(tmp_path / "tiny")}
    names = run_section(SOUND, given, r"(projector|classifier)\.", stand_ins)
    assert names["inputs"]["input_values"].shape == (8, 16_000), "one second each"
    check_saved(names, tmp_path / "my_model")
    frozen = [n for n, p in names["model"].named_parameters() if not p.requires_grad]
    assert frozen and all("feature_extractor" in name for name in frozen)
    with pytest.raises(ValueError, match="sampling rate of 16000"):
        names["extractor"](given["sounds"], sampling_rate=8_000)


def test_the_sheet_is_right_about_a_log_mel_network(tmp_path):
    """Its features, its head, and that a head of another size must be allowed to go."""
    import transformers

    tiny = transformers.ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        num_mel_bins=32, max_length=64, num_labels=5,
    )  # fmt: skip
    kind = transformers.AutoModelForAudioClassification
    transformers.ASTForAudioClassification(tiny).save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match="mismatch"):
        kind.from_pretrained(tmp_path, num_labels=2)
    model = kind.from_pretrained(tmp_path, num_labels=2, ignore_mismatched_sizes=True)
    pictures = {"input_values": torch.randn(3, 64, 32)}
    with torch.no_grad():
        features = model.base_model(**pictures).pooler_output
        torch.testing.assert_close(model.classifier(features), model(**pictures).logits)
    assert "`pooler_output`, its head is `classifier`" in SHEET.read_text(encoding="utf-8")


def check_saved(names: dict, folder: Path):
    assert (folder / "model.safetensors").exists() and not list(folder.glob("*.bin"))
    assert names["again"].config.id2label == dict(enumerate(CLASSES))


def test_the_sheets_split_keeps_people_together():
    people = [f"person {number // 4}" for number in range(80)]
    names = {"people": people}
    exec(blocks()["Split, and split again"][0], names)
    parts = [{people[i] for i in names[part]} for part in ("learn", "validation", "test")]
    assert [len(part) for part in parts] == [9, 5, 6]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 20


def test_the_sheets_interval(capsys):
    exec(blocks()["An interval in three lines"][0], {"right": 45, "n": 50})
    assert capsys.readouterr().out == "90% right of 50 (95% interval 79% to 96%)\n"
