"""The image source: the list, the leak rule, and renders that depend on (seed, index) alone."""

import csv
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from sentences import refused

from tl_course.data.inputs import to_picture
from tl_course.data.sources import classes, emoji_images, strokes
from tl_course.data.sources.emoji_images import EmojiImages, Style

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def classes_script():
    spec = importlib.util.spec_from_file_location(
        "emoji_classes", ROOT / "data_scripts" / "emoji_classes.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.candidates()  # loads the names in every language
    return module


def test_there_are_a_thousand_named_things_and_some_unseen_ones():
    source, unseen = classes.source_classes(), classes.unseen_classes()
    assert len(source) == len(set(source)) == 1000
    assert len({t.name for t in source}) == 1000, "two classes share a name"
    assert 50 <= len(unseen) and not set(source) & set(unseen)
    assert {"cat", "dog", "automobile", "person", "man", "woman"} <= set(classes.names())


def test_no_name_in_any_language_holds_a_number(classes_script):
    leaks = {
        t.name: classes_script.leak(t.emoji)
        for t in classes.source_classes() + classes.unseen_classes()
    }
    assert {name: leak for name, leak in leaks.items() if leak} == {}


@pytest.mark.parametrize(
    ("name", "language", "word"),
    [
        ("two hearts", "en", "two"),
        ("eight-pointed star", "en", "eight"),
        ("one-piece swimsuit", "en", "one"),
        ("Dreieck", "de", "drei"),
        ("三日月", "ja", "三"),
        ("一锅食物", "zh", "一"),
        ("tienda 24 horas", "es", "2"),
        ("phone", "en", None),
        ("stone", "en", None),
        ("Zweig", "de", "zwei"),  # stricter than needed, so that nobody has to judge
    ],
)
def test_the_leak_rule(name, language, word):
    assert classes.number_word(name, language) == word


def test_everything_left_out_by_eye_has_a_reason_and_is_out():
    path = Path(classes.__file__).with_name("excluded_by_eye.csv")
    with open(path, encoding="utf-8", newline="") as handle:
        excluded = list(csv.DictReader(handle))
    assert all(row["reason"] for row in excluded) and len(excluded) > 100
    emoji = {t.emoji for t in classes.source_classes() + classes.unseen_classes()}
    assert not emoji & {row["emoji"] for row in excluded}
    assert {"🎱", "📅", "💶", "🎰", "🃏", "🔟"} & emoji == set()


def test_the_stored_list_follows_from_the_two_rules(classes_script):
    stored = [(t.emoji, t.name, role) for t, role in classes._all_classes()]
    chosen = classes_script.chosen_things()
    missing = [row for row in chosen if row not in stored]
    assert missing == [], "a newer font or name list: look at it, then run emoji_classes.py"


def test_every_drawing_has_ink_and_no_two_are_the_same():
    drawings = emoji_images._drawings(classes.source_classes())
    assert (drawings[:, 3].mean((1, 2)) > 0.02).all()
    assert (drawings[:, 4].mean((1, 2)) > 0.005).all(), "no strokes: its line art would be empty"
    assert drawings.flatten(1).unique(dim=0).shape[0] == 1000


def test_a_render_depends_on_seed_and_index_alone():
    source = EmojiImages(seed=3)
    whole, labels = source.batch(990, 40)
    part, part_labels = EmojiImages(seed=3).batch(1000, 7)
    assert torch.equal(whole[10:17], part) and torch.equal(labels[10:17], part_labels)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert torch.equal(source.batch(990, 40)[0], whole)
    finally:
        torch.set_num_threads(threads)
    other, other_labels = EmojiImages(seed=4).batch(990, 40)
    assert not torch.equal(labels, other_labels)
    assert (other - whole).abs().mean() > 0.1
    one_thing = source.of_thing(7, 20), EmojiImages(seed=4).of_thing(7, 20)
    assert (one_thing[0] - one_thing[1]).abs().mean() > 0.1, "in other poses and styles, too"


def test_a_pass_shows_every_thing_once_in_a_new_order():
    source = EmojiImages()
    labels = source.labels(torch.arange(3000)).view(3, 1000)
    for block in labels:
        assert torch.equal(block.sort().values, torch.arange(1000))
    assert not torch.equal(labels[0], labels[1])


def test_renders_are_on_the_course_scale_and_vary():
    x, y = EmojiImages().batch(0, 512)
    assert x.shape == (512, 3, 32, 32) and x.dtype == torch.float32
    assert x.min() >= -2 and x.max() <= 2 and 0 <= to_picture(x).min()
    same = EmojiImages().of_thing(10, 64)
    assert same.flatten(1).unique(dim=0).shape[0] == 64
    grey = (x[:, 0] - x[:, 1]).abs().amax((1, 2)) < 0.2
    assert 0.3 < grey.float().mean() < 0.95


def test_thickened_strokes_reach_a_pixel_further_on_each_side():
    strokes = torch.rand(5, 1, 32, 31)
    pooled = torch.nn.functional.max_pool2d(strokes, 3, stride=1, padding=1)
    assert torch.equal(emoji_images.thickened(strokes), pooled)


def test_styles_can_be_switched_off():
    plain = Style(line_art=0, silhouette=0, grey=0, invert=0, noise=0, black_background=1)
    x, _ = EmojiImages(style=plain).batch(0, 200)
    assert ((x[:, 0] - x[:, 2]).abs().amax((1, 2)) > 0.3).float().mean() > 0.7
    lines = Style(line_art=1, silhouette=0, white_ink=1, grey=0, invert=0, noise=0)
    x, _ = EmojiImages(style=lines).batch(0, 200)
    assert x.amax((1, 2, 3)).median() > 1.5


def test_unseen_things_can_be_rendered_alike():
    source = EmojiImages(drawn=classes.unseen_classes())
    x, y = source.batch(0, source.n_classes)
    assert len(y.unique()) == source.n_classes and len(x) == len(y)


def test_writing_renders_to_disk_stops_resumes_and_verifies(tmp_path):
    script = [sys.executable, str(ROOT / "data_scripts" / "emoji_images.py")]

    def run(out, *more, images=60):
        return subprocess.run(
            [*script, "--images", str(images), "--out", str(out), *more],
            capture_output=True, text=True,
        )  # fmt: skip

    for kind in ([], ["--shards"]):
        out = tmp_path / ("shards" if kind else "folders")
        assert run(out, *kind).returncode == 0
        assert run(out, *kind, "--verify").returncode == 0
        first = sorted(p for p in out.rglob("*") if p.suffix in (".png", ".safetensors"))
        for path in first:
            os.utime(path, (0, 0))  # long ago: a file that is written anew is of today
        assert run(out, *kind).returncode == 0, "the second run finds everything done"
        assert all(path.stat().st_mtime == 0 for path in first)
        data = bytearray(first[0].read_bytes())
        data[-40] ^= 255
        first[0].write_bytes(data)
        refused = run(out, *kind, "--verify")
        assert refused.returncode != 0 and "damaged" in refused.stderr
    other = run(tmp_path / "folders", "--seed", "1")
    assert other.returncode != 0 and "other data" in other.stderr


@pytest.fixture
def emoji_renders(monkeypatch):
    """The script that writes renders, as a function of its arguments."""
    path = ROOT / "data_scripts" / "emoji_images.py"
    spec = importlib.util.spec_from_file_location("emoji_images_script", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def run(out, *more):
        given = ["--images", "9", "--out", str(out), *more]
        monkeypatch.setattr(sys, "argv", ["emoji_images.py", *given])
        script.main()

    return run


def everything(folder):
    return {p.relative_to(folder): p.is_file() and p.read_bytes() for p in folder.rglob("*")}


def test_renders_go_only_where_there_is_nothing_else(tmp_path, emoji_renders):
    (tmp_path / "holiday.png").write_bytes(b"mine")
    before = everything(tmp_path)
    for more in ([], ["--shards"]):
        with refused("not_empty", "holiday.png"):
            emoji_renders(tmp_path, *more)
    assert everything(tmp_path) == before


def test_renders_are_written_through_no_link(tmp_path, emoji_renders):
    out, mine = tmp_path / "out", tmp_path / "mine.txt"
    mine.write_bytes(b"mine")
    emoji_renders(out)
    (out / ".blocks-done").unlink()
    first, second, *_ = sorted(out.glob("*/*.png"))
    render = first.read_bytes()
    first.unlink()
    first.symlink_to(mine)
    emoji_renders(out)
    assert mine.read_bytes() == b"mine"
    assert not first.is_symlink() and first.read_bytes() == render

    (out / ".blocks-done").unlink()
    second.unlink()
    second.parent.rmdir()
    (tmp_path / "elsewhere").mkdir()
    second.parent.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with refused("link"):
        emoji_renders(out)
    assert not any((tmp_path / "elsewhere").iterdir())


def test_to_verify_renders_writes_nothing(tmp_path, emoji_renders):
    with refused("no_renders"):
        emoji_renders(tmp_path / "new", "--verify")
    assert not (tmp_path / "new").exists()
    emoji_renders(tmp_path / "out")
    before = everything(tmp_path), (tmp_path / "out" / "renders.txt").stat().st_mtime_ns
    emoji_renders(tmp_path / "out", "--verify")
    assert (everything(tmp_path), (tmp_path / "out" / "renders.txt").stat().st_mtime_ns) == before


@pytest.mark.parametrize("damage", ["bytes", "pipe", "large"])
def test_a_stamp_of_renders_that_is_none_is_refused_in_a_sentence(tmp_path, emoji_renders, damage):
    stamp = tmp_path / "renders.txt"
    if damage == "pipe":
        os.mkfifo(stamp) if hasattr(os, "mkfifo") else stamp.mkdir()
    else:
        stamp.write_bytes(b"\xff\xfe" if damage == "bytes" else b" " * 2_000_000)
    for more in ([], ["--verify"]):
        with refused("another_run|unreadable|too_large"):
            emoji_renders(tmp_path, *more)


def test_a_damaged_shard_is_told_by_verify_and_made_again(tmp_path, emoji_renders):
    emoji_renders(tmp_path, "--shards")
    (shard,) = tmp_path.glob("*.safetensors")
    sound = shard.read_bytes()
    tensors = safetensors.torch.load(sound)
    damaged = {
        "cut": sound[: len(sound) // 2],
        "zeros": bytes(8),
        "empty": b"",
        "no images": safetensors.torch.save({"labels": tensors["labels"]}),
        "other images": safetensors.torch.save({**tensors, "images": tensors["images"][:5]}),
        "large": sound + bytes(1_000),
    }
    for content in damaged.values():
        shard.write_bytes(content)
        with refused("damaged"):
            emoji_renders(tmp_path, "--shards", "--verify")
        assert shard.read_bytes() == content
        emoji_renders(tmp_path, "--shards")
        assert shard.read_bytes() == sound
    shard.write_bytes(safetensors.torch.save({**tensors, "labels": tensors["labels"] + 1}))
    with refused("damaged"):
        emoji_renders(tmp_path, "--shards", "--verify")


def test_random_strokes_are_many_and_each_is_drawn_again_the_same():
    source = strokes.RandomStrokes(0)
    x, y = source.batch(0, 1000)
    assert sorted(y.tolist()) == list(range(1000)) and x.shape == (1000, 3, 32, 32)
    assert torch.equal(source.batch(500, 5)[0], x[500:505])
    ink = strokes.figures()[:, 4]
    assert 0.01 < ink.mean((1, 2)).min() and ink.mean((1, 2)).max() < 0.5
    assert torch.equal(strokes.figures(20)[:, 4], ink[:20])
    assert torch.cdist(ink.flatten(1), ink.flatten(1)).fill_diagonal_(9).min() > 3, "no twins"
