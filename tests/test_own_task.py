"""A folder of your own: everything wrong with it is said at once; then a run, and a verdict."""

import html.parser
import itertools
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sentences import refused

from tl_course.app import task_report
from tl_course.base import machine
from tl_course.core import model_card, sharing, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.data.examples import Examples
from tl_course.data.targets import made_folder, own_folder
from tl_course.data.targets.own_folder import check
from tl_course.lessons.n08_your_own_task import experiments as own_experiments
from tl_course.lessons.n08_your_own_task import figures as own_plots
from tl_course.study import own_task


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """The made folder with its faults; whoever changes it takes a copy."""
    return made_folder.made_folder(tmp_path_factory.mktemp("made") / "pictures", seed=0)


@pytest.fixture(scope="module")
def checked(pictures):
    return check(pictures)


@pytest.fixture(scope="module")
def outcome(net, checked):
    return own_task.adapt_and_test(net, *checked.ready(), option="1", augment="off")


def noise(seed, size=(40, 40), mode="RGB"):
    """A picture like no other."""
    channels = {"RGB": (3,), "RGBA": (4,), "L": ()}[mode]
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (8, 8, *channels), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.NEAREST)


def classes(root, counts, first=0):
    """A folder a class with as many pictures as asked."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise(first).save(root / name / f"{number:02}.png")
            first += 1
    return root


def kinds(report):
    return {finding.what: finding for finding in report.findings}


# ------------------------------------------------------------------------- the folder made here


def test_no_pixel_of_the_made_folder_is_in_both_parts(tmp_path):
    root = made_folder.made_folder(tmp_path / "pictures", seed=3, faults=False)
    for label, (_, side) in made_folder.PIECES.items():
        places = {}
        for part, n in (("train", made_folder.TRAIN), ("test", made_folder.TEST)):
            names = [path.stem.split("-") for path in (root / part / label).iterdir()]
            places[part] = [(int(left), int(top)) for left, top in names]
            assert len(places[part]) == n
        right_end = max(left for left, _ in places["train"]) + side
        assert right_end <= min(left for left, _ in places["test"])
        every = places["train"] + places["test"]
        assert all(left % side == top % side == 0 for left, top in every), "pieces overlap"
        assert len(set(every)) == len(every)
    assert check(root).left_out == ()


def test_the_made_folder_follows_the_seed_and_is_left_alone(tmp_path):
    first = made_folder.made_folder(tmp_path / "one", seed=1)
    two = made_folder.made_folder(tmp_path / "two", seed=1)
    other = made_folder.made_folder(tmp_path / "other", seed=2)

    def content(root):
        return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*.png"))}

    assert content(first) == content(two) and content(first).keys() != content(other).keys()
    (first / "train" / "cat" / "mine.png").write_bytes(b"mine")
    made_folder.made_folder(first, seed=1)
    assert (first / "train" / "cat" / "mine.png").exists()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "diary.txt").touch()
    with refused("not_empty"):
        made_folder.made_folder(tmp_path / "used")


@pytest.mark.parametrize("seed", range(5))
def test_every_planted_fault_is_found_and_named(tmp_path, seed):
    report = check(made_folder.made_folder(tmp_path / "pictures", seed))
    findings = kinds(report)
    for name, what in made_folder.FAULTS.items():
        assert name in findings[what].files, what
    # One of each that is in two classes is in the folder by right; nothing else is left out.
    extra = set(report.left_out) - set(made_folder.FAULTS)
    assert len(extra) == 1 and extra < set(findings["in two classes"].files)
    assert "train/coffee/icon.png" not in report.left_out
    assert not any(finding.stops for finding in report.findings)


# ------------------------------------------------------------------------- checking any folder


def test_what_is_left_is_what_the_files_say(checked, pictures):
    train, test = checked.ready()
    table = checked.table()
    assert table["train"].sum() == len(train) == len(checked.train_files) == 96
    assert table["test"].sum() == len(test) == 160 and table["left out"].sum() == 8
    assert train.names == tuple(made_folder.PIECES) and train.x.shape[1:] == (3, 32, 32)
    for examples, files in ((train, checked.train_files), (test, checked.test_files)):
        assert [examples.names[i] for i in examples.y] == [Path(f).parent.name for f in files]
    assert not set(checked.left_out) & {*checked.train_files, *checked.test_files}
    text = str(checked)
    for name in made_folder.FAULTS:
        assert name in text
    assert sorted(p.name for p in pictures.iterdir() if p.is_dir()) == ["test", "train"]


def test_a_folder_without_parts_is_split_by_the_seed(tmp_path):
    root = classes(tmp_path / "leaves", {"oak": 20, "maple": 10, "elm": 3})
    for number in range(3):  # burst photographs: nearly the same as one that is there
        picture = Image.open(root / "oak" / "00.png").resize((160, 160), Image.Resampling.BICUBIC)
        picture.save(root / "oak" / f"burst{number}.jpg", quality=90 - 10 * number)
    first, again, other = check(root, seed=1), check(root, seed=1), check(root, seed=2)
    assert first.was_split and first.test_files == again.test_files != other.test_files
    assert first.table()["test"].to_dict() == {"elm": 1, "maple": 4, "oak": 9}
    assert not set(first.train_files) & set(first.test_files)
    assert len(first.train_files) + len(first.test_files) == 36
    for split in (check(root, seed=seed) for seed in range(10)):
        burst = {file for file in split.test_files if "burst" in file or file == "oak/00.png"}
        assert len(burst) in (0, 4), "copies of one photograph are on both sides"
    assert len(kinds(first)["look alike"].files) == 4


def test_two_folders_given_apart(tmp_path):
    train = classes(tmp_path / "a", {"cat": 6, "dog": 6})
    test = classes(tmp_path / "b", {"cat": 5, "horse": 2}, first=100)
    shutil.copy(train / "cat" / "00.png", test / "cat" / "copy.png")
    report = check(train, test)
    findings = kinds(report)
    assert len(findings["classes that only the test has"].left_out) == 2
    assert "dog" in findings["classes without a test"].says
    assert findings["also in the test"].left_out == ((train / "cat" / "00.png").as_posix(),)
    assert len(report.train_files) == 11 and len(report.test_files) == 6
    assert "from 44 to 97%" in findings["a small test"].says


STOPPED = {
    "one class": ({"cat": 8}, "too few classes"),
    "nothing": ({}, "too few classes"),
    "an empty class and one more": ({"cat": 8, "dog": 0}, "too few classes"),
    "single pictures": ({"cat": 1, "dog": 1}, "no test"),
}


@pytest.mark.parametrize("how", STOPPED)
def test_what_stops_is_said_and_nothing_is_trained(tmp_path, how):
    counts, what = STOPPED[how]
    root = classes(tmp_path / "pictures", counts)
    root.mkdir(exist_ok=True)
    report = check(root)
    assert kinds(report)[what].stops and report.findings[0].stops
    assert "STOP" in str(report)
    with refused("nothing_to_train") as caught:
        report.ready()
    assert "\n" not in str(caught.value)


def test_every_finding_at_once(tmp_path):
    """Thirteen things in one folder, thirteen findings."""
    root = classes(tmp_path / "pictures", {"cat": 12, "dog": 3, "empty": 0})
    (root / "cat" / "text.jpg").write_text("I am a text")
    noise(900, (3, 3)).save(root / "cat" / "tiny.png")
    (root / "cat" / "IMG_1.HEIC").touch()
    (root / "cat" / "list.xlsx").touch()
    (root / "cat" / "more").mkdir()
    (root / "cat" / ".DS_Store").touch()
    noise(901).save(root / "loose.jpg")
    noise(902, mode="RGBA").save(root / "dog" / "see-through.png")
    shutil.copy(root / "cat" / "00.png", root / "dog" / "cat.png")
    shutil.copy(root / "cat" / "01.png", root / "cat" / "again.png")
    findings = kinds(check(root))
    assert set(findings) == {
        "unreadable", "too small", "another format", "no picture", "folders inside class folders",
        "no label", "classes without a picture", "transparent", "in two classes",
        "twice in a class", "a small test", "few pictures", "unbalanced",
    }  # fmt: skip
    assert findings["another format"].files == ("cat/IMG_1.HEIC",)
    assert set(findings["in two classes"].left_out) == {"cat/00.png", "dog/cat.png"}
    assert findings["transparent"].left_out == ()
    assert ".DS_Store" not in str(check(root))


def test_a_class_is_found_by_its_name_whatever_that_is(tmp_path):
    """Names with joiners and wide spaces are usual in Persian, in emoji, in Japanese."""
    names = {"a\u200cb": 5, "a\u200db": 7, "\u72ac\u3000\u732b": 6}
    root = classes(tmp_path / "pictures", names)
    report = check(root)
    assert report.table().sum(axis=1).to_dict() == names
    assert all((root / file).is_file() for file in (*report.train_files, *report.test_files))
    notes = own_folder._Notes(root)
    odd = notes.name(root / "a\u200cb" / "line\nbreak.png")
    assert own_folder.legible(odd) == "a?b/line?break.png"
    card = model_card.Card("small", "Ada", "signs", report.classes, "pictures")
    shared = sharing.share(FiveLayerNet(3), tmp_path / "net", card)
    assert sharing.load_shared(shared).about["classes"] == list(report.classes) == sorted(names)


def test_a_class_that_is_left_out_is_as_if_it_were_not_there(tmp_path):
    classes(tmp_path, {"ash": 6, "oak": 6})
    shutil.copytree(tmp_path / "oak", tmp_path / "elm")
    report = check(tmp_path)
    (gone,) = (
        finding for finding in report.findings if finding.what == "classes with nothing left"
    )
    assert "elm, oak: every training picture was left out" in gone.says
    assert "said under “in two classes”; put that right, or leave the class out" in gone.says
    assert gone == report.findings[0] and "above" not in gone.says
    without = check(tmp_path, without=["elm", "yew"])
    assert without.classes == ("ash", "oak") and without.without == ("elm",)
    assert without.left_out == () and len(without.train) + len(without.test) == 12
    assert kinds(without)["classes that you left out"].says == "elm; none of these pictures is used"
    shutil.rmtree(tmp_path / "elm")
    assert check(tmp_path).train_files == without.train_files


def test_unbalanced_classes(tmp_path):
    findings = kinds(check(classes(tmp_path / "pictures", {"cat": 40, "dog": 10})))
    assert "'cat' has 24 training pictures, the smallest class 6" in findings["unbalanced"].says


def test_no_such_folder(tmp_path):
    with refused("no_folder"):
        check(tmp_path / "nowhere")
    with refused("no_folder"):
        check(tmp_path, tmp_path / "nowhere")


def test_near_duplicates_are_found_and_others_are_not(tmp_path):
    """Copies of photographs that were stored again, enlarged or brightened; and other digits."""
    from tl_course.data.targets.handwritten import raw_digits

    root = made_folder.made_folder(tmp_path / "pieces", seed=4, faults=False)
    for path in sorted((root / "train").glob("*/*.png"))[::6]:
        piece = Image.open(path).convert("RGB")
        for name, copy in {
            "jpeg": piece, "large": piece.resize((200, 200), Image.Resampling.BICUBIC),
            "bright": piece.point(lambda v: min(255, int(v * 1.15))),
        }.items():  # fmt: skip
            target = root / "train" / path.parent.name / f"{path.stem}-{name}.jpg"
            copy.save(target, quality=85)
    near = kinds(check(root))["look alike"]
    copies = [name for name in near.files if name.endswith(".jpg")]
    assert len(copies) >= 0.8 * 3 * 16
    originals = {name.rsplit("-", 1)[0] for name in copies}
    assert {name.removesuffix(".png") for name in near.files if name.endswith(".png")} <= originals

    digits, labels = raw_digits()
    for number in range(0, 5000, 10):
        path = tmp_path / "digits" / str(labels[number].item()) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits[number].numpy()).save(path)
    alike = kinds(check(tmp_path / "digits")).get("look alike")
    assert alike is None or len(alike.files) <= 6


def seen_as(look: str, part: str, label: str, number: int) -> own_folder.Seen:
    """A picture without a file; looks of the same letter in either case are nearly the same."""
    rng = np.random.default_rng(ord(look.lower()))
    return own_folder.Seen(
        Path(f"{part}/{label}/{number}.png"), part, label, np.zeros((32, 32, 3), np.uint8), look,
        rng.random(576) < 0.5, rng.integers(0, 256, 1024, np.uint8), False,
    )  # fmt: skip


def told_of_all_pairs(seen: list[own_folder.Seen]) -> tuple:
    """What `_without_copies` tells, slowly: every pair of pictures is looked at."""
    pairs = [
        (i, j) for i, j in itertools.combinations(range(len(seen)), 2)
        if seen[i].pixels.lower() == seen[j].pixels.lower()
    ]  # fmt: skip
    left, findings = set(range(len(seen))), []

    def drop(what: str, wanted, out_of) -> set[int]:
        which = [(i, j) for i, j in pairs if left.issuperset((i, j)) and wanted(seen[i], seen[j])]
        out = {k for pair in which for k in out_of(*pair)}
        if which:
            names = [{seen[k].path.as_posix() for k in some} for some in ({*sum(which, ())}, out)]
            findings.append((what, *map(sorted, names)))
            left.difference_update(out)
        return len(which)

    def same(first, other):
        return first.pixels == other.pixels

    def across(first, other):
        return first.part != other.part

    def trained_on(i, j):
        return [k for k in (i, j) if seen[k].part == "train"]

    leaked = {k for i, j in pairs if across(seen[i], seen[j]) for k in (i, j)}
    leaked = sorted(seen[k].path for k in leaked if seen[k].part == "test")
    drop("in two classes", lambda a, b: same(a, b) and a.label != b.label, lambda i, j: (i, j))
    drop("also in the test", lambda a, b: same(a, b) and across(a, b), trained_on)
    drop("nearly a picture of the test", across, trained_on)
    drop("twice in a class", same, lambda i, j: (j,))
    close = drop("look alike", lambda a, b: True, lambda i, j: ())
    looks = {seen[k].path: seen[k].pixels.lower() for k in sorted(left)}
    return looks, leaked, findings, close


def test_what_is_told_of_copies_is_what_every_pair_would_tell():
    rng, parts, n_findings = np.random.default_rng(0), ("train", "test"), 0
    for _ in range(300):
        seen = sorted(
            (
                seen_as(rng.choice([*"aAbBcd"]), rng.choice(parts), rng.choice([*"xy"]), i)
                for i in range(rng.integers(2, 15))
            ),
            key=lambda picture: (picture.part, picture.path),
        )
        notes = own_folder._Notes(Path("."))
        left, pairs, leaked = own_folder._without_copies(seen, notes)
        groups = own_folder._groups(pairs, len(left))
        looks, all_leaked, findings, close = told_of_all_pairs(seen)
        assert [picture.path for picture in left] == [*looks] and sorted(leaked) == all_leaked
        assert [
            (finding.what, sorted(finding.files), sorted(finding.left_out))
            for finding in notes.findings
        ] == findings
        together = {
            (group, looks[picture.path]) for group, picture in zip(groups, left, strict=True)
        }
        assert len(together) == len(set(groups)) == len(set(looks.values()))
        pairs_in = f"{close} pair{'s' if close > 1 else ''} in"
        assert not close or pairs_in in notes.findings[-1].says
        n_findings += len(findings)
    assert n_findings > 500
    left, pairs, leaked = own_folder._without_copies([], notes)
    assert (left, pairs.tolist(), leaked) == ([], [[], []], [])


def test_a_thousand_pictures_that_look_alike_stay_on_one_side():
    """They make half a million pairs."""
    count = 1000
    seen = [
        replace(seen_as("a", "train", "dog" if i % 5 < 2 else "cat", i), pixels=str(i))
        for i in range(count)
    ]
    seen += [seen_as(look, "train", "cat", count + i) for i, look in enumerate("bcdefgh")]
    notes = own_folder._Notes(Path("."))
    left, alike, _ = own_folder._without_copies(seen, notes)
    split = own_folder._split(left, alike, 0)
    pairs, dogs = count * (count - 1) // 2, count * 2 // 5
    assert notes.findings[-1].says.startswith(f"{pairs:,} pairs in the same part")
    assert f" {dogs * (count - dogs)} of them in two classes" in notes.findings[-1].says
    assert len({picture.part for picture in split[:count]}) == 1


def test_outlines_tell_no_pair_apart_that_is_nearly_the_same(tmp_path):
    """Of digits, which are like each other, every pair is compared here."""
    from tl_course.data.targets.handwritten import raw_digits

    digits, _ = raw_digits()
    seen = []
    for number, digit in enumerate([*digits[:300], *(0.9 * digits[:20]).byte()]):
        edges, greys = own_folder.signature(Image.fromarray(digit.numpy()))
        seen.append(replace(seen_as("a", "train", "x", number), edges=edges, greys=greys))
    edges = np.stack([picture.edges for picture in seen]).astype(int)
    both = edges @ edges.T
    either = edges.sum(1)[:, None] + edges.sum(1) - both
    near = 1 - both / either <= own_folder.NEAR_EDGES
    near &= np.corrcoef([picture.greys for picture in seen]) >= own_folder.NEAR_GREYS
    wanted = np.argwhere(np.triu(near, 1))
    pairs = torch.stack(own_folder.nearly_the_same(seen), 1).numpy()
    assert len(wanted) > 3 and sorted(pairs.tolist()) == wanted.tolist()


def test_the_search_for_look_alikes_stops_and_says_so(monkeypatch):
    monkeypatch.setattr(own_folder, "MOST_PAIRS", 5000)
    looked = []
    really = torch.Tensor.nonzero
    monkeypatch.setattr(
        torch.Tensor, "nonzero", lambda x, **how: looked.append(x.numel()) or really(x, **how)
    )
    seen = [replace(seen_as("a", "train", "x", i), pixels=str(i)) for i in range(1000)]
    notes = own_folder._Notes(Path("."))
    left, pairs, _ = own_folder._without_copies(seen, notes)
    assert len(left) == 1000 and pairs.shape == (2, 5000)
    assert sum(looked) < 200_000, "more was compared than one block"
    assert "stopped at 5,000 pairs" in kinds(notes)["many look alike"].says


@pytest.mark.parametrize("one_way", [True, False])
def test_a_name_that_is_written_in_two_ways_is_one_class(tmp_path, one_way):
    """macOS takes names apart: an ä is an a and two dots there."""
    from tl_course.data.targets.folder import load_folder

    apart, together = "Ba\u0308r", "B\u00e4r"
    train = classes(tmp_path / "train", {together: 3, "Hund": 3})
    classes(train, {together if one_way else apart: 3}, first=50)
    test = classes(tmp_path / "test", {apart: 4, "Hund": 4}, first=100)
    report = check(train, test)
    assert report.classes == (together, "Hund") and "two classes" not in str(report)
    assert report.table()["test"].to_dict() == {together: 4, "Hund": 4}
    assert load_folder(test, names=load_folder(train).names).y.tolist() == [0] * 4 + [1] * 4


def test_what_browsers_save_is_read(tmp_path):
    root = classes(tmp_path / "pictures", {"cat": 4, "dog": 4})
    for number, ending in enumerate(("webp", "gif", "jfif")):
        kind = {"jfif": "JPEG"}.get(ending, ending)
        noise(50 + number).save(root / "cat" / f"picture.{ending}", kind)
    report = check(root)
    assert not report.left_out and report.table().sum(axis=1).to_dict() == {"cat": 7, "dog": 4}


# ------------------------------------------------------------------------- the run


def test_one_picture_per_class_gets_a_verdict(net, tmp_path):
    train = classes(tmp_path / "train", {"cat": 1, "dog": 1})
    test = classes(tmp_path / "test", {"cat": 3, "dog": 3}, first=10)
    outcome = own_task.adapt_and_test(net, *check(train, test).ready(), option="1")
    curve = own_task.more_labels(net, outcome)
    assert curve.images.to_list() == [2]
    sentences = own_task.verdict_sentences(outcome, own_task.right_by_rival(outcome), curve)
    assert any("fewer could not be tried" in sentence for sentence in sentences)
    assert "no fewer to compare" in own_plots.plot_more_labels(curve).alt


def test_the_numbers_of_a_run_fit_each_other(outcome):
    low, high = outcome.interval
    assert low < outcome.right / len(outcome.test) < high
    assert outcome.adapted.accuracy == pytest.approx(outcome.right / 160)
    counts = outcome.confusion
    assert counts.sum() == 160 and counts.diagonal().sum() == outcome.right
    assert (counts.sum(1) == 20).all()
    table = outcome.worst(5)
    assert (table.true != table.said).all() and table.sure.is_monotonic_decreasing
    wrong = outcome.adapted.scores.softmax(1).max(1).values[~outcome.correct]
    assert table.sure.max() == pytest.approx(wrong.max().item())


def test_a_time_is_told_as_on_a_free_machine_and_follows_the_pictures(net, checked, monkeypatch):
    train, estimates = checked.train, []
    for took in (machine.Timed(0.02, 0.02), machine.Timed(0.02, 2.0)):
        monkeypatch.setattr(machine, "timed", lambda *_, took=took: took)
        estimates.append(
            [own_task.expected_seconds(net, train, *way) for way in (("1", True), ("2", False))]
        )
    assert estimates[0] == estimates[1], "others are busy"
    monkeypatch.setattr(machine, "threads", lambda: 1)
    alone = own_task.expected_seconds(net, train, "2", False)
    few = own_task.expected_seconds(net, train[:16], "2", False)
    monkeypatch.setattr(machine, "threads", lambda: 4)
    assert own_task.expected_seconds(net, train, "2", False) < alone
    assert own_task.expected_seconds(net, train[:16], "2", False) == few, "too few to share"


def test_auto_follows_the_recommendation(net, checked, monkeypatch):
    train, test = checked.ready()
    asked = {}

    really = transfer.adapt

    def stub(way, start, labelled, **more):
        if way != "option-2":
            return really(way, start, labelled, **more)
        asked.update(more, images=len(labelled), n_classes=len(labelled.names))
        return transfer.Adapted(
            start, way, len(labelled), 0.0, None, torch.zeros(len(test), 8), 0.0
        )  # fmt: skip

    monkeypatch.setattr(transfer, "adapt", stub)
    outcome = own_task.adapt_and_test(net, train, test)
    assert (outcome.option, outcome.augment) == ("2", True) and asked["augment"] is True
    assert "notebook 05" in outcome.why and asked["n_classes"] == 8
    few = own_task.adapt_and_test(net, own_task.part_of(train, 1 / 12, 0), test, augment="off")
    assert (few.option, few.augment) == ("1", False)


def test_controls_and_a_verdict(net, outcome):
    rivals = own_task.right_by_rival(outcome)
    assert list(rivals) == ["borrowed layers", "random layers, frozen", "always the largest class"]
    assert rivals["always the largest class"].sum() == 20
    assert all(len(right) == 160 for right in rivals.values())
    curve = own_task.more_labels(net, outcome, draws=1)
    assert curve.images.to_list() == [24, 48, 96]
    assert curve.accuracy.iloc[-1] == pytest.approx(outcome.adapted.accuracy)
    sentences = own_task.verdict_sentences(outcome, rivals, curve)
    assert "160 test pictures" in sentences[0] and "random layers" in sentences[1]
    assert (
        "it is ahead" in sentences[2]
        and "From 48 to 96" in sentences[3]
        and "weakest class" in sentences[4]
    )


def test_ahead_is_paired():
    right, wrong = torch.ones(50), torch.zeros(50)
    assert own_task.share_ahead(right, right) == (0.0, 0.0)
    points, half = own_task.share_ahead(right, wrong)
    assert points == 1 and half == 0
    mixed = torch.cat([torch.ones(25), torch.zeros(25)])
    points, half = own_task.share_ahead(mixed, wrong)
    assert points == 0.5 and half == pytest.approx(2.0096 * 0.505 / 50**0.5, rel=1e-3)


def test_a_trial_uses_each_training_picture_once(net, checked):
    train, _ = checked.ready()
    tried = own_task.tried(net, train, arms=own_task.WAYS[:1])
    assert len(tried) == 1 and len(tried.right.iloc[0]) == len(train)
    assert 0.4 < tried.accuracy.iloc[0] <= 1
    shuffled = Examples(train.x, train.y[torch.randperm(len(train))], train.names)
    assert own_task.tried(net, shuffled, arms=own_task.WAYS[:1]).accuracy.iloc[0] < 0.35


def test_colours_are_taken_out_and_nothing_else(checked):
    train, _ = checked.ready()
    grey = own_task.without_colour(train)
    assert torch.equal(grey.x[:, 0], grey.x[:, 1]) and torch.equal(grey.x[:, 1], grey.x[:, 2])
    bricks = train.x[train.y == train.names.index("brick")]
    still = grey.x[train.y == train.names.index("brick")]
    assert torch.allclose(bricks, still, atol=1e-5), "grey pictures change"
    assert (grey.x - train.x).abs().max() > 0.5 and grey.x.abs().max() <= 2.0001


def test_a_recorded_draw_comes_out_the_same_here(net):
    recorded = own_experiments.accuracies_by_arm()
    train, test = own_experiments.made_pictures(0)
    for arm in own_experiments.PLAIN:
        row = own_experiments._row(net, arm, False, True, train, test, 0)
        assert 100 * row["accuracy"] == pytest.approx(recorded.loc[0, (arm, True)], abs=2)


# ------------------------------------------------------------------------- figures and the report


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.alts, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        if tag == "img":
            self.alts.append(given.get("alt", ""))
        self.links += [given[key] for key in ("src", "href") if key in given]


def test_the_report_is_whole_escaped_and_needs_nothing_else(net, tmp_path):
    evil = "<b onclick=alert(1)> $x$ & co"
    root = classes(tmp_path / "pictures", {evil: 8, "cat": 8})
    (root / "cat" / "<script>alert(1)</script.png").mkdir(parents=True)
    report = check(root)
    outcome = own_task.adapt_and_test(net, *report.ready(), option="1", augment="off")
    rivals, curve = own_task.right_by_rival(outcome), own_task.more_labels(net, outcome, draws=1)
    path = task_report.write_report(tmp_path / "report.html", outcome, report, rivals, curve)
    text = path.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert "script" not in page.tags and "b" not in page.tags and "&lt;b onclick" in text
    assert len(page.alts) == 5 and all(len(alt) > 20 for alt in page.alts)
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert text.count("<h1>") == 1 and "95% interval" in text and "<html lang" in text
    short = task_report.write_report(tmp_path / "short.html", outcome)
    assert "The mistakes" in short.read_text(encoding="utf-8")


def test_figures_say_what_they_show(outcome):
    assert f"of {20} right" in own_plots.plot_test_confusion(outcome).alt
    assert "% sure" in own_plots.worst(outcome).alt
    perfect = own_task.Outcome(
        transfer.Adapted(
            outcome.adapted.net, "option-1", 8, 0.0, None,
            torch.nn.functional.one_hot(outcome.test.y, 8).float(), 1.0,
        ),
        "1", False, "", outcome.train, outcome.test,
    )  # fmt: skip
    assert perfect.worst().empty and "as all of them were" in own_plots.worst(perfect).alt
    assert "Not one mistake" in own_plots.plot_test_confusion(perfect).alt


def test_names_that_the_font_lacks_are_numbers_with_a_key(outcome, tmp_path):
    """They were empty boxes, and matplotlib warned of each."""
    lacking = {"brick": "\u7816", "cat": "\u732b", "grass": "\u8349 $x$"}
    names = tuple(lacking.get(name, name) for name in outcome.train.names)
    train, test = (replace(part, names=names) for part in (outcome.train, outcome.test))
    renamed = replace(outcome, train=train, test=test)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = (
            own_plots.some_of_each(train, "What it learns from"),
            own_plots.plot_test_confusion(renamed), own_plots.worst(renamed),
        )  # fmt: skip
    assert own_plots._labels(names)["\u732b"] == "class 2"
    assert all("class 2: \u732b" in figure._repr_mimebundle_()["text/html"] for figure in drawn[:2])
    assert all("\u732b" in figure.alt for figure in drawn[:2])
    report = task_report.write_report(tmp_path / "report.html", renamed).read_text(encoding="utf-8")
    assert "class 1: \u7816; class 2: \u732b" in report
    assert "class" not in "".join(own_plots._labels(outcome.train.names).values())


def test_the_card_of_an_outcome(outcome):
    card = own_task.card(outcome, "pieces", "Anna", "pictures", stands_on=made_folder.PHOTOGRAPHS)
    assert card.classes == outcome.train.names and card.images == 96 and card.tested == 160
    assert card.right == outcome.right and "no other classes" in card.limits
    assert "brick" in card.task and "option 1" in card.data


# ------------------------------------------------------------------------- the notebook


def test_notebook_08_takes_a_folder_of_your_own(tmp_path, monkeypatch):
    """Its claims are about the folder made there, so they hold with other pictures as well."""
    import papermill

    from tl_course.app import notebooks
    from tl_course.lessons import audience

    monkeypatch.setenv(audience.STRICT, "1")
    root = classes(tmp_path / "my leaves", {"oak": 12, "maple & elm": 9})
    (root / "oak" / "broken.jpg").write_text("no picture")
    path = next(path for path in notebooks.find() if path.stem.startswith("08"))
    with notebooks.this_python_kernel():
        node = papermill.execute_notebook(
            str(path), str(tmp_path / path.name), kernel_name=notebooks.KERNEL, language="python",
            parameters={"budget": "quick", "folder": str(root)}, cwd=str(tmp_path),
            progress_bar=False,
        )  # fmt: skip
    outputs = [output for cell in node.cells for output in cell.get("outputs", [])]
    text = "".join(o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in outputs)
    assert "2 classes, 12 pictures to train on, 9 to test on" in text and "oak/broken.jpg" in text
    shown = "".join(
        o.get("data", {}).get("text/html", "")
        for cell in node.cells
        for o in cell.get("outputs", [])
    )
    assert "maple &amp; elm" in shown and "photographs of mine" in shown
    assert str(tmp_path) not in shown, "a path of this machine is in the card"


def test_names_that_do_not_print_are_still_found(tmp_path):
    classes(tmp_path, {"katze": 5, "hund": 5})
    for folder in tmp_path.iterdir():
        for number, path in enumerate(sorted(folder.iterdir())):
            noise(hash_of(folder.name, number)).save(path.with_name(f"1.23\u202fPM {number}.png"))
            path.unlink()
    checked = check(tmp_path)
    assert checked.table()[["train", "test"]].sum(axis=1).tolist() == [5, 5]
    assert all((tmp_path / file).is_file() for file in checked.train_files + checked.test_files)
    finding = own_folder.Finding("odd", "shown", ("a\u202fb\x1b.png",))
    assert "a?b?.png" in str(finding)


def hash_of(name, number):
    return 10 * len(name) + number
