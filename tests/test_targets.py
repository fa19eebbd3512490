"""Digits and folders of pictures: fixed splits, balanced draws, and kind refusals."""

import errno
import functools
import gzip
import hashlib
import io
import itertools
import runpy
import struct
import threading
import tracemalloc
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import strange_zips
import torch
from PIL import Image
from sentences import refused
from torchvision.datasets import MNIST

from tl_course.data.examples import draw
from tl_course.data.targets import handwritten as module
from tl_course.data.targets import omniglot
from tl_course.data.targets.folder import load_folder
from tl_course.data.targets.handwritten import handwritten, raw_digits
from tl_course.data.targets.own_folder import check


def test_the_split_is_fixed_balanced_and_without_overlap():
    target = handwritten()
    parts = (target.pool, target.validation, target.test)
    assert [len(p) for p in parts] == [1000, 2000, 2000]
    for part in parts:
        assert (part.y.bincount() == len(part) // 10).all()
        assert part.x.shape[1:] == (3, 32, 32) and part.x.min() == -2 and part.x.max() == 2
    seen = [{x.numpy().tobytes() for x in part.x} for part in parts]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert target.pool.x[0].sum().item() == pytest.approx(module._offline().pool.x[0].sum().item())


def test_digits_are_padded_not_resized():
    digits, labels = raw_digits()
    x = module.to_input(digits[:1])
    assert torch.equal(((x[0, 0, 2:30, 2:30] * 0.25 + 0.5) * 255).round(), digits[0].float())
    assert (x[0, :, :2] == -2).all() and (x[0, :, :, 30:] == -2).all()


def test_draws_are_balanced_nested_and_differ():
    pool = handwritten().pool
    fifty = draw(pool, 50, seed=4)
    assert (fifty.y.bincount() == 5).all()
    assert torch.equal(draw(pool, 10, seed=4).x, fifty.x[:10])
    assert not torch.equal(draw(pool, 50, seed=5).x, fifty.x)
    for wrong, code in ((5, "unequal_shares"), (55, "unequal_shares"), (1010, "too_few_examples")):
        with refused(code):
            draw(pool, wrong, seed=0)


def test_all_of_a_pool_can_be_drawn_though_its_classes_differ_in_size():
    pool = handwritten().pool[10:]  # of one class ten fewer
    every, other = (draw(pool, len(pool), seed) for seed in (0, 1))
    assert torch.equal(every.y.bincount(), pool.y.bincount())
    assert {x.numpy().tobytes() for x in every.x} == {x.numpy().tobytes() for x in pool.x}
    assert not torch.equal(every.x, other.x), "another order for another seed"


def fake_mnist(folder, n_train, n_test):
    """Files in MNIST's own format."""
    raw = folder / "mnist" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, n in (("train", n_train), ("t10k", n_test)):
        images = rng.integers(0, 255, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        (raw / f"{name}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 2051, n, 28, 28) + images.tobytes()
        )
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 2049, n) + labels.tobytes()
        )
    return raw


def test_full_mnist_behind_the_same_call(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    with refused("not_fetched", "data_scripts/mnist.py"):
        module._full()
    fake_mnist(tmp_path, 6000, 100)
    target = module._full()
    assert [len(p) for p in (target.pool, target.validation, target.test)] == [1000, 5000, 100]
    written = MNIST(tmp_path / "mnist", train=True).data
    for part, pictures in ((target.pool, written[:1000]), (target.validation, written[1000:])):
        assert torch.equal(part.x[[0, -1]], module.to_input(pictures[[0, -1]])), (
            "the official order"
        )
    assert target.test.names == tuple("0123456789")


def changed(path: Path, change) -> None:
    content = change(path.read_bytes())
    path.unlink()
    path.write_bytes(content)


DAMAGES = {
    "cut": ("train-images-idx3-ubyte", lambda data: data[:-100]),
    "too long": ("train-images-idx3-ubyte", lambda data: data + b"more"),
    "empty": ("t10k-labels-idx1-ubyte", lambda data: b""),
    "of floats": ("train-images-idx3-ubyte", lambda data: b"\0\0\r\3" + data[4:]),
    "of another kind": ("t10k-images-idx3-ubyte", lambda data: b"\0\0\x09\3" + data[4:]),
    "of another shape": (
        "train-images-idx3-ubyte",
        lambda data: struct.pack(">IIII", 2051, 6000 * 28 // 14, 14, 28) + data[16:],
    ),
    "a pickle": ("train-labels-idx1-ubyte", lambda data: b"\x80\5" + data[2:]),
    "of too many labels": (
        "train-labels-idx1-ubyte", lambda data: struct.pack(">II", 2049, 6001) + data[8:] + b"\1",
    ),
    "of a label 10": ("t10k-labels-idx1-ubyte", lambda data: data[:-1] + b"\n"),
    "fewer than none": (
        "train-labels-idx1-ubyte", lambda data: struct.pack(">Ii", 2049, -7) + data[8:]
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", [*DAMAGES, "a folder", "too few"])
def test_damaged_mnist_is_one_sentence_that_names_the_file(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    raw = fake_mnist(tmp_path, 5000 if damage == "too few" else 6000, 100)
    name = "raw"
    if damage in DAMAGES:
        name, change = DAMAGES[damage]
        changed(raw / name, change)
    elif damage != "too few":
        name = "train-images-idx3-ubyte"
        (raw / name).unlink()
        (raw / name).mkdir()
    with refused("damaged", name[:5], "mnist.py"):
        module._full()


def test_a_pickle_beside_mnist_is_never_opened(tmp_path, monkeypatch):
    """torchvision would take it for an earlier version's."""
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    processed = fake_mnist(tmp_path, 6000, 100).with_name("processed")
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save(
            (torch.zeros(7000, 28, 28, dtype=torch.uint8), torch.zeros(7000)), processed / name
        )
    target = module._full()
    assert len(target.pool) == 1000 and target.test.y.tolist() == list(range(10)) * 10


@pytest.fixture
def http_server():
    servers = []

    def serve(folder) -> str:
        handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_mnist_script_fetches_resumes_and_unpacks(tmp_path, monkeypatch, http_server):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path / "home"))
    raw = fake_mnist(tmp_path / "made", 6000, 100)
    served, resources = tmp_path / "served", []
    served.mkdir()
    for path in sorted(raw.iterdir()):
        packed = gzip.compress(path.read_bytes(), mtime=0)
        (served / f"{path.name}.gz").write_bytes(packed)
        resources.append((f"{path.name}.gz", hashlib.md5(packed).hexdigest()))
    home_raw = tmp_path / "home" / "mnist" / "MNIST" / "raw"
    home_raw.mkdir(parents=True)
    first = resources[0][0]
    half = (served / first).read_bytes()[:5000]
    (home_raw / f"{first}.part").write_bytes(half)
    monkeypatch.setattr(MNIST, "resources", resources)
    dead = "http://127.0.0.1:9/"
    monkeypatch.setattr(MNIST, "mirrors", [dead, http_server(served)])
    main = runpy.run_path(str(Path(__file__).parents[1] / "data_scripts" / "mnist.py"))
    module.handwritten.cache_clear()
    main["main"]()
    assert len(handwritten(full=True).pool) == 1000
    module.handwritten.cache_clear()
    monkeypatch.setattr(MNIST, "mirrors", [dead])
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path / "other"))
    with refused("unreachable"):
        main["main"]()


def fake_omniglot(path, alphabets=omniglot.ALPHABETS, letters=21):
    """A part of Omniglot in its own format; the place of a dot says letter and writer."""
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as packed:
        for alphabet, letter, writer in itertools.product(
            alphabets, range(1, letters + 1), range(1, 21)
        ):
            drawing = Image.new("1", (105, 105), 1)
            drawing.paste(0, (4 * letter, 4 * writer, 4 * letter + 8, 4 * writer + 8))
            drawing.save(content := io.BytesIO(), "PNG")
            place = f"images_background_small1/{alphabet}/character{letter:02}"
            packed.writestr(f"{place}/{letter:04}_{writer:02}.png", content.getvalue())


def test_letters_of_omniglot_are_split_by_writer(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    omniglot.omniglot.cache_clear()
    with refused("not_fetched", "data_scripts/omniglot.py"):
        omniglot.omniglot("Greek")
    with refused("no_alphabet", "'Gaelic'"):
        omniglot.omniglot("Gaelic")
    fake_omniglot(omniglot.archive(), ["Greek", "Korean"])
    target = omniglot.omniglot("Greek")
    heights = {}
    for part, writers in omniglot.PARTS.items():
        examples = getattr(target, part)
        assert examples.x.shape == (20 * len(writers), 3, 32, 32) and len(examples.names) == 20
        assert (examples.y.bincount() == len(writers)).all()
        assert examples.x.min() == -2 and examples.x.max() == 2, "white on black"
        ink = examples.x[:, 0] + 2
        column, row = ink.sum(1).argmax(1), ink.sum(2).argmax(1)
        order = column.argsort(stable=True)
        assert (examples.y[order].diff() >= 0).all(), "a letter is where it was drawn"
        heights[part] = set(row.tolist())
    assert max(heights["pool"]) <= min(heights["validation"])
    assert max(heights["validation"]) <= min(heights["test"])
    omniglot.archive().write_bytes(omniglot.archive().read_bytes()[:5000])
    with refused("damaged", "small1.zip"):
        omniglot.omniglot("Korean")
    omniglot.omniglot.cache_clear()


@pytest.mark.parametrize("kind", [*strange_zips.KINDS, "too large"])
def test_a_strange_archive_of_letters_is_one_sentence(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    omniglot.archive().parent.mkdir()
    size = 200_000 if kind == "too large" else 100
    letter = {"images_background_small1/Greek/character01/0001_01.png": bytes(size)}
    packed = strange_zips.strange(kind, letter)
    omniglot.archive().write_bytes(packed)
    tracemalloc.start()
    try:
        with refused("damaged", "small1.zip"):
            list(omniglot._drawings("Greek"))
        assert tracemalloc.get_traced_memory()[1] < strange_zips.BOMB / 4
    finally:
        tracemalloc.stop()


def test_the_omniglot_script_fetches_and_counts(tmp_path, monkeypatch, http_server, capsys):
    served = tmp_path / "served" / omniglot.ARCHIVE
    fake_omniglot(served, letters=20)
    content = served.read_bytes()
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(omniglot, "SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(omniglot, "BYTES", len(content))
    script = runpy.run_path(str(Path(__file__).parents[1] / "data_scripts" / "omniglot.py"))
    urls = script["main"].__globals__["URLS"]
    urls[:] = ["http://127.0.0.1:9/", http_server(served.parent) + omniglot.ARCHIVE]
    omniglot.archive().parent.mkdir(parents=True)
    omniglot.omniglot.cache_clear()
    script["main"]()
    assert omniglot.archive().read_bytes() == content
    assert "Greek: 200 drawings to learn from, 120 for the test" in capsys.readouterr().out
    served.write_bytes(content + b"!")
    omniglot.archive().unlink()
    with refused("other_file"):
        script["main"]()
    omniglot.omniglot.cache_clear()


def picture(path, size=(28, 28), mode="L", colour=128):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new(mode, size)
    image.putpixel((size[0] // 2, size[1] // 2), colour)
    image.save(path)


def test_a_folder_of_any_size_colour_and_format(tmp_path):
    picture(tmp_path / "a" / "grey.png")
    picture(tmp_path / "a" / "large.jpg", (300, 120), "RGB", (255, 0, 0))
    picture(tmp_path / "b" / "transparent.PNG", (64, 64), "RGBA", (0, 0, 255, 255))
    picture(tmp_path / "b" / "palette.png", (40, 8), "P", 3)
    picture(tmp_path / "b" / ".hidden" / "x.png")
    (tmp_path / "b" / "notes.txt").write_text("not a picture, and not called one")
    examples = load_folder(tmp_path)
    assert examples.names == ("a", "b") and examples.y.tolist() == [0, 0, 1, 1]
    assert examples.x.shape == (4, 3, 32, 32) and examples.x.abs().max() <= 2


def test_a_digit_saved_as_a_picture_comes_back_the_same(tmp_path):
    digits, labels = raw_digits()
    for i in (0, 600, 1200):
        path = tmp_path / str(labels[i].item()) / f"{i}.png"
        path.parent.mkdir()
        Image.fromarray(digits[i].numpy()).save(path)
    assert torch.allclose(load_folder(tmp_path).x, module.to_input(digits[[0, 600, 1200]]))


def wrong_folder(root, how):
    if how != "no folder":
        root.mkdir()
    if how in ("one class", "text", "tiny", "loose", "empty class", "strange"):
        picture(root / "cat" / "1.png")
    if how in ("text", "tiny", "loose", "empty class", "strange"):
        picture(root / "dog" / "1.png")
    if how == "text":
        (root / "dog" / "2.png").write_text("I am a text file")
    if how == "tiny":
        picture(root / "dog" / "2.png", (1, 1))
    if how == "loose":
        picture(root / "3.png")
    if how == "empty class":
        (root / "horse").mkdir()


WRONG = {
    "no folder": ("no_folder", "pictures"),
    "empty": ("empty", "pictures"),
    "one class": ("one_class", "cat"),
    "text": ("unreadable", "2.png"),
    "tiny": ("too_small", "1×1"),
    "loose": ("no_label", "3.png"),
    "empty class": ("empty_class", "horse"),
}


@pytest.mark.parametrize("how", WRONG)
def test_wrong_folders_get_one_sentence(tmp_path, how):
    wrong_folder(tmp_path / "pictures", how)
    with refused(*WRONG[how]) as caught:
        load_folder(tmp_path / "pictures")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("locked", ["pictures", "cat"])
@pytest.mark.parametrize("read", [load_folder, check])
def test_a_folder_that_may_not_be_read_gets_one_sentence(tmp_path, monkeypatch, read, locked):
    for name in ("cat", "dog"):
        picture(tmp_path / "pictures" / name / "1.png")
    look = Path.iterdir

    def iterdir(path):
        if path.name == locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with refused("refused_by_system", locked, "Permission denied"):
        read(tmp_path / "pictures")


def test_a_test_folder_may_lack_classes_but_not_add_any(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    assert load_folder(tmp_path, names=("ant", "cat")).y.tolist() == [1]
    with refused("unknown_class", "'cat'"):
        load_folder(tmp_path, names=("ant", "dog"))
