"""A task of your own as an experiment: pictures from outside, the steps, a try, the state."""

import io
import json
import os
import tracemalloc
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import strange_zips
import torch
from PIL import Image
from sentences import refused

from tl_course.base.errors import CourseError
from tl_course.base.names import LONGEST, clean
from tl_course.data import upload
from tl_course.data.targets import own_folder
from tl_course.data.upload import Upload
from tl_course.lessons import audience, resumed
from tl_course.lessons.n08_your_own_task import thumbnails
from tl_course.study import own_task
from tl_course.widgets import OwnTask, base
from tl_course.widgets.own_task import CHECK, LEAVE, LOOK, RESULT, STOP, TRAIN, TRY, USE

HOSTILE = [
    "../escaped.png", "a/../../escaped.png", "/etc/escaped.png", "\\\\server\\share\\a.png",
    "C:\\escaped.png", "c:escaped.png", "..\\escaped.png", "a/b/c/d/e/f/g.png",
]  # fmt: skip


NONE_LEFT_OUT = {"skipped": 0, "some": []}


def picture(seed: int, size: int = 40, kind: str = "PNG") -> bytes:
    """A picture like no other, as a file's content."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((size, size), Image.Resampling.NEAREST).save(file, kind)
    return file.getvalue()


def leaves(count: int = 4, names=("oak", "maple")) -> dict[str, bytes]:
    """A folder of so many pictures a class: contents by path."""
    every = [(name, number) for name in names for number in range(count)]
    return {f"leaves/{name}/{n}.png": picture(i) for i, (name, n) in enumerate(every)}


def packed(content: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return file.getvalue()


def sent(coming: Upload, contents: list[bytes], size: int = 500) -> Upload:
    """All of it, in pieces of so many bytes."""
    for number, content in enumerate(contents):
        for offset in range(0, max(len(content), 1), size):
            data = content[offset : offset + size]
            coming.take([(number, offset, len(data))], data)
    return coming


def hand_over(kind: str, name: str, content: dict[str, bytes], root: Path, **more) -> Path:
    coming = Upload(kind, name, [(path, len(data)) for path, data in content.items()], root, **more)
    taken = {path for path, _ in coming.files}
    return sent(coming, [data for path, data in content.items() if path in taken]).finish()


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


# -------------------------------------------------------------------------- pictures from outside


def test_a_folder_comes_in_pieces_and_lies_where_it_should(tmp_path):
    content = leaves() | {"leaves/notes.txt": b"mine", "leaves/oak/.DS_Store": b"x"}
    folder = hand_over("folder", "leaves", content, tmp_path)
    assert folder == tmp_path / "leaves"
    assert files(folder) == sorted(path[7:] for path in leaves())
    for path, data in leaves().items():
        assert (tmp_path / path).read_bytes() == data
    assert upload.folders(tmp_path) == {"leaves": folder}
    assert not list(tmp_path.glob(f"{upload.DRAFT}*"))


def test_nothing_that_is_there_is_written_over(tmp_path):
    first = hand_over("folder", "leaves", leaves(), tmp_path)
    second = hand_over("folder", "leaves", leaves(names=("elm", "ash")), tmp_path)
    assert second == tmp_path / "leaves-2" and (first / "oak" / "0.png").exists()
    more = {"0.png": picture(90), "new.jpg": picture(91, kind="JPEG")}
    assert hand_over("class", "oak", more, tmp_path, into=first) == first
    assert (first / "oak" / "0.png").read_bytes() == leaves()["leaves/oak/0.png"]
    assert (first / "oak" / "0-2.png").read_bytes() == more["0.png"]
    assert (first / "oak" / "new.jpg").exists()
    assert hand_over("class", "elm", more, tmp_path) == tmp_path / "my-task"


def test_a_zip_is_unpacked_without_what_is_no_picture(tmp_path):
    rest = {"__MACOSX/leaves/oak/._0.png": b"x", "leaves/run.py": b"print()", "leaves/d/": b""}
    parts = {
        f"leaves/{part}/oak/{part}.png": picture(i) for i, part in enumerate(("train", "test"))
    }
    content = {"Leaves.ZIP": packed(parts | rest)}
    coming = Upload("zip", "Leaves.ZIP", [("Leaves.ZIP", len(content["Leaves.ZIP"]))], tmp_path)
    heard = []
    folder = sent(coming, [content["Leaves.ZIP"]], 700).finish(heard.append)
    assert folder == tmp_path / "Leaves" and heard[-1] == 1
    assert coming.left_out() == "leaves/run.py is no picture and was left out."
    assert files(folder) == ["test/oak/test.png", "train/oak/train.png"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_name_that_leads_out_is_refused_and_nothing_is_left(tmp_path, name, kind):
    root = tmp_path / "deep" / "my-pictures"
    content = {"good/a.png": picture(1), name: picture(2)}
    if kind == "zip":
        content = {"all.zip": packed(content)}
    with refused("leads_out"):
        hand_over(kind, "all.zip", content, root)
    assert not [path for path in files(tmp_path) if not path.endswith(".lock")]


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("a<b>:c?.png", "a_b__c_.png"),
        ("Screenshot\u202f1.png", "Screenshot_1.png"),
        ("line\nbreak\x1b[31m.png", "line_break_[31m.png"),
        ("nul.png", "_nul.png"),
        ("COM1", "_COM1"),
        ("lpt².png", "_lpt².png"),
        (" . ", "_"),
        ("..", "_"),
        ("Bergahorn größer.png", "Bergahorn größer.png"),
        ("\ud800.png", "_.png"),
        ("楓" * 60 + ".png", "楓" * 32 + ".png"),
    ],
)
def test_odd_names_become_names_that_every_system_takes(name, cleaned):
    assert clean(name) == cleaned
    assert len(clean(name).encode()) <= LONGEST


def test_of_a_very_long_name_little_is_looked_at(monkeypatch):
    """Accents in any order are put in order at the cost of their number squared."""
    looked, really = [], unicodedata.normalize
    monkeypatch.setattr(
        unicodedata, "normalize", lambda form, name: looked.append(name) or really(form, name)
    )
    cleaned = clean("oak" + "\u0300\u0316" * 30_000 + ".png")
    assert cleaned.startswith("oak") and cleaned.endswith(".png") and len(looked[0]) <= 1000


def test_names_that_become_the_same_are_told_apart(tmp_path):
    folder = hand_over(
        "folder", "f", {"f/a/x?.png": picture(1), "f/a/x*.png": picture(2)}, tmp_path
    )
    assert files(folder) == ["a/x_-2.png", "a/x_.png"]


def test_too_many_too_large_or_none_at_all(tmp_path, monkeypatch):
    for kind, listed, *refusal in (
        ("folder", [], "no_pictures"),
        ("folder", [("a/notes.txt", 3)], "no_pictures"),
        ("folder", [(f"a/{n}.png", 1) for n in range(upload.MOST_FILES + 1)], "too_many", "5,001"),
        ("folder", [("a/b.png", upload.MOST_BYTES + 1)], "too_large", "20 MB"),
        ("folder", [(f"a/{n}.png", upload.MOST_BYTES) for n in range(51)], "too_large", "1.0 GB"),
        ("zip", [("a.zip", upload.MOST_TOTAL + 1)], "too_large", "1.0 GB"),
        ("class", [("b.png", 1)], "no_class_name"),
    ):
        with refused(*refusal):
            Upload(kind, "", listed, tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(upload, "MOST_BYTES", 5_000)  # a small file that unpacks to a large one
    monkeypatch.setattr(upload.bound, "__defaults__", (5_000,))
    with refused("too_large", "5 kB"):
        hand_over("zip", "a.zip", {"a.zip": packed({"a/b.png": bytes(50_000)})}, tmp_path)
    assert files(tmp_path) == []


def damage(data: bytes) -> bytes:
    middle = len(data) // 3
    return data[:middle] + bytes(20) + data[middle + 20 :]


@pytest.mark.parametrize("change", [damage, lambda _: b"PK nothing", lambda data: data[:-30]])
def test_a_damaged_zip_is_one_sentence(tmp_path, change):
    with refused("damaged"):
        hand_over("zip", "a.zip", {"a.zip": change(packed(leaves()))}, tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize("kind", strange_zips.KINDS)
def test_a_strange_zip_is_one_sentence_and_takes_little_memory(tmp_path, kind):
    why = {"a password": "a password", "more than it says": "damaged"}.get(kind, "unusual way")
    content = {"a.zip": strange_zips.strange(kind, leaves(1))}
    tracemalloc.start()
    try:
        with refused("damaged", why):
            hand_over("zip", "a.zip", content, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < strange_zips.BOMB / 4
    finally:
        tracemalloc.stop()
    assert files(tmp_path) == []


def test_pictures_of_one_name_are_looked_for_once_each(tmp_path, monkeypatch):
    looked, really = [], os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: looked.append(path) or really(path))
    coming = Upload("class", "oak", [("1.png", 1)] * 300, tmp_path)
    folder = sent(coming, [b"x"] * 300).finish()
    assert len(files(folder)) == 300 and "oak/1-300.png" in files(folder)
    assert len(looked) < 3 * 300


ALIKE = [
    ("cat", "cat "), ("cat", "Cat"), ("a?", "a*"), ("a\x01", "a\x02"),
    ("caf\u00e9", "cafe\u0301"), ("nul", "_nul"), ("x" * 120, "x" * 130),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("names", ALIKE)
def test_two_classes_that_would_become_one_are_refused(tmp_path, names, kind):
    content = {f"task/{name}/{n}.png": picture(n) for n, name in enumerate((*names, "dog"))}
    content = {"task.zip": packed(content)} if kind == "zip" else content
    with refused("same_name") as caught:
        hand_over(kind, "task.zip", content, tmp_path)
    quoted = str(caught.value).split("'")[1::2]
    assert len({*quoted}) == len(quoted) == 2
    assert not [path for path in files(tmp_path) if not path.endswith(".lock")]


def test_a_picture_that_is_a_folder_as_well_is_refused(tmp_path):
    content = {path: picture(1) for path in ("t/x/a.png", "t/x/A.png/b.png", "t/y/a.png")}
    with refused("picture_and_folder", "t/x/a.png"):
        hand_over("zip", "task.zip", {"task.zip": packed(content)}, tmp_path)
    assert not [path for path in files(tmp_path) if not path.endswith(".lock")]


def test_classes_of_the_same_name_in_both_parts_are_one(tmp_path):
    paths = [f"t/{part}/{name}/{part}.png" for part in ("train", "test") for name in ("a?", "b")]
    folder = hand_over("folder", "t", {path: picture(i) for i, path in enumerate(paths)}, tmp_path)
    assert {path.parent.name for path in folder.rglob("*.png")} == {"a_", "b"}


@pytest.mark.parametrize(
    "pieces", [[(1, 0, 3)], [(0, 1, 3)], [(0, 0, 9)], [(0, 0, -1)], [(0, 0, 2)]]
)
def test_pieces_out_of_order_are_refused(tmp_path, pieces):
    coming = Upload("folder", "f", [("f/a/1.png", 5), ("f/a/2.png", 5)], tmp_path)
    with refused("missing|damaged"):
        coming.take(pieces, b"abc")


def test_links_in_a_learners_folder_lead_nowhere(tmp_path):
    folder = hand_over("folder", "leaves", leaves(), tmp_path / "my-pictures")
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", folder / "linked")
    with refused("leads_out"):
        hand_over("class", "linked", {"1.png": picture(1)}, tmp_path / "my-pictures", into=folder)
    assert files(tmp_path / "elsewhere") == []


# ------------------------------------------------------------------------------ the experiment


@pytest.fixture(scope="module")
def making(tmp_path_factory):
    return tmp_path_factory.mktemp("making")


def in_a_browser(task: OwnTask) -> OwnTask:
    """The experiment with its messages to the browser in `task.browser`."""
    task.browser = []
    for part in (task.files, task.camera):
        part.send = lambda content, buffers=None: task.browser.append(content)
    return task


@pytest.fixture
def task(net, making, tmp_path):
    pictures_folder = tmp_path / "my-pictures"
    task = in_a_browser(OwnTask(net, "", making, option="1", augment="off", own=pictures_folder))
    yield task
    task.close()


def go_on(task: OwnTask) -> None:
    task._next({"next": task.steps.next})
    task.wait()


def send(
    task: OwnTask, kind: str, name: str, content: dict[str, bytes], size: int = 900,
    skipped: int = 0, some: tuple | list = (),
) -> None:  # fmt: skip
    """What front/files.js does: a piece for each time that it is asked for one."""
    listed = [[path, len(data)] for path, data in content.items()]
    begin = {"id": "up", "kind": kind, "name": name, "files": listed}
    begin |= {"skipped": skipped, "some": [*some]}
    task.files._handle_custom_msg({"begin": begin}, [])
    for number, data in enumerate(content.values()):
        for offset in range(0, max(1, len(data)), size):
            if task.browser[-1] != {"take": "up"}:
                return
            part = data[offset : offset + size]
            piece = {"piece": {"id": "up", "parts": [[number, offset, len(part)]]}}
            task.files._handle_custom_msg(piece, [memoryview(part)])
    task.wait()  # until the files are in place
    task.wait()  # until they are checked


def test_pictures_and_what_was_trained_on_them_come_back(net, making, tmp_path, monkeypatch):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(audience, "somebody_is_there", lambda: True)
    monkeypatch.setattr(base, "display", lambda *_, **__: None)
    pictures_folder = tmp_path / "my-pictures"

    def shown() -> OwnTask:
        task = in_a_browser(OwnTask(net, "", making, own=pictures_folder))
        task._ipython_display_()
        return task

    def close(task: OwnTask) -> None:
        task.close()
        task.wait()

    first = shown()
    send(first, "folder", "trees", leaves(40))
    first.option.value = "2"
    first.steps.chosen = TRAIN
    go_on(first)
    close(first)
    second = shown()
    assert second.folder == first.folder and not second.is_made, "at once, for the cells below"
    second.wait()
    assert second.steps.chosen == RESULT and second.option.value == "2"
    assert second.result.value == first.result.value
    assert torch.equal(second.outcome.adapted.scores, first.outcome.adapted.scores)
    second.guarded(second.start_over)
    second.wait()
    assert second.is_made and second.outcome is None
    close(second)
    third = shown()
    assert third.is_made and third.outcome is None
    assert not list(resumed.folder().iterdir())
    close(third)


def test_one_button_leads_through_all_steps(task):
    assert task.is_made and task.folder.is_dir() and len(task.checked.train) == 96
    seen = []
    for _ in range(5):
        seen.append((task.steps.chosen, task.steps.next))
        go_on(task)
    assert seen == [
        (0, "Next: what the checker found"), (CHECK, "Next: train"), (TRAIN, "Train"),
        (RESULT, "Next: try a picture"), (TRY, "Train in another way"),
    ]  # fmt: skip
    right = f"{task.outcome.right} of 160 right"
    share = f"That is {100 * task.outcome.right / 160:.0f}%."
    assert f'"tlc-big">{right}<' in task.result.value and share in task.result.value
    assert "(95% interval)" in task.result.value
    assert task.steps.steps[RESULT]["said"] == f"Option 1: {right}"
    assert task.mistakes.value.count("<img") == len(task.outcome.worst(8))
    assert "Option 1" in task.advice.value and "chose this yourself" in task.advice.value
    task._compare()
    task.wait()
    assert "random layers" in task.verdict.value and "it gained" not in task.verdict.value
    task._more_labels()
    task.wait()
    assert "From 48 to 96 pictures to learn from it gained" in task.verdict.value


def test_a_result_says_of_which_training_it_is_and_the_last_ones_stay(task):
    task._show_step(TRAIN)
    go_on(task)
    first = f"{task.outcome.right} of 160"
    assert task.result.value.startswith("<p>Option 1:</p>") and task.earlier.value == ""
    task._show_step(TRAIN)
    assert task.steps.next == "Train once more"
    task.augment.value = "on"
    assert task.steps.next == "Train with these settings"
    assert task.steps.steps[TRAIN]["said"] == "Option 1, augmented"
    assert task.steps.steps[RESULT]["said"] == f"Option 1: {first} right"
    state = task.state_text()
    go_on(task)
    second = f"{task.outcome.right} of 160"
    assert task.steps.steps[RESULT]["said"] == f"Option 1, augmented: {second} right"
    assert task.result.value.startswith("<p>Option 1, augmented:</p>")
    rows = task.earlier.value.split("<tbody>")[1].split("</tr>")
    assert all(cell in rows[0] for cell in ("Option 1", "yes", second))
    assert all(cell in rows[1] for cell in ("Option 1", "no", first)) and len(rows) == 3
    assert task.state_text() == state
    task._take(task.folder)
    task.wait()
    assert task.earlier.value == task.result.value == ""
    task._show_step(TRAIN)
    assert task.steps.next == "Train"


def test_a_perfect_score_is_said_without_nonsense(net, task):
    outcome = own_task.adapt_and_test(net, *task.checked.ready(), option="1")
    scores = torch.nn.functional.one_hot(outcome.test.y, 8).float()
    perfect = replace(outcome, adapted=replace(outcome.adapted, scores=scores))
    assert perfect.right == 160
    same = {"borrowed layers": perfect.correct, "random layers, frozen": perfect.correct}
    curve = pd.DataFrame({"images": [48, 96], "right": [perfect.correct] * 2})
    verdict = " ".join(own_task.verdict_sentences(perfect, same, curve)[1:])
    assert (
        verdict.count("the same") == 2 and "does not show that the borrowed layers help" in verdict
    )
    assert not any(words in verdict for words in ("weakest", "nother source", "±", "labels"))
    worse = {**same, "random layers, frozen": outcome.correct}
    rising = pd.DataFrame({"images": [48, 96], "right": [outcome.correct, perfect.correct]})
    verdict = " ".join(own_task.verdict_sentences(perfect, worse, rising)[1:])
    assert "it is ahead" in verdict and "does not show that more would help" in verdict
    assert "weakest class" in " ".join(own_task.verdict_sentences(outcome, {}))
    task._trained(perfect)
    assert "160 of 160 right" in task.result.value and "That is 100%." in task.result.value


def test_a_click_on_what_the_button_said_before_is_none(task):
    task._next({"next": "Train"})
    assert task.steps.chosen == 0
    assert [step["able"] for step in task.steps.steps] == [True, True, True, False, False]


def test_what_the_checker_found_has_pictures_and_whole_words(task):
    shown = task.findings.value
    assert shown.count("<img") >= 8 and shown.count("left out") >= 9
    assert "train/<wbr>IMG_<wbr>0001.png" in shown
    assert "<script" not in str(thumbnails.breakable("<script>_a"))
    assert task.shown.value.count("<img") == 8 * 7


def test_pictures_of_ones_own_take_the_place_of_the_made_ones(task, tmp_path):
    send(task, "folder", "leaves", leaves(12))
    assert task.told == "" and task.folder == tmp_path / "my-pictures" / "leaves"
    assert not task.is_made and task.checked.classes == ("maple", "oak")
    ended = next(message for message in task.browser if "ended" in message)
    assert str(task.folder) in ended["said"] and task.outcome is None
    assert task.files.classes == ["maple", "oak"]
    send(task, "class", "elm", {f"{n}.png": picture(50 + n) for n in range(5)})
    assert task.checked.classes == ("elm", "maple", "oak")
    task.made_button.click()
    task.wait()
    assert task.is_made and len(task.checked.train) == 96


def test_what_is_no_picture_is_named(task, tmp_path):
    coming = Upload("class", "oak", [("1.png", 1), ("a.txt", 1), (".hidden", 1)], tmp_path)
    assert coming.left_out() == "a.txt is no picture and was left out."
    coming.skip(["b.mov", "c.doc", "d.pdf"], 3)
    assert coming.left_out() == "a.txt, b.mov, c.doc and 1 more are no pictures and were left out."
    coming.give_up()
    assert Upload("class", "oak", [("1.png", 1)], tmp_path).left_out() == ""
    send(task, "class", "oak", {"1.png": picture(1)}, skipped=2, some=["x.txt", "y.txt"])
    (ended,) = (message["said"] for message in task.browser if "ended" in message)
    assert ended.endswith("my-task. x.txt and y.txt are no pictures and were left out.")


def test_a_class_is_left_out_and_used_again(task, net, making):
    content = leaves(12, ("oak", "maple", "elm"))
    content |= {f"leaves/elm/{n}.png": content[f"leaves/oak/{n}.png"] for n in range(12)}
    send(task, "folder", "leaves", content)
    task._next({"next": task.steps.next})
    assert task.checked.train is None and "“in two classes”" in task.findings.value
    assert task.doubted.value == "elm" and task.leave_button.description == LEAVE
    task.leave_button.click()
    task.wait()
    assert task.steps.chosen == CHECK and task.steps.able and task.without == ("elm",)
    assert task.checked.classes == ("maple", "oak") and len(task.checked.left_out) == 0
    assert task.steps.steps[CHECK]["said"] == "all can be used, without elm"
    assert "Classes that you left out" in task.findings.value
    go_on(task)
    go_on(task)
    assert task.outcome.train.names == ("maple", "oak")
    text = task.state_text()
    assert json.loads(text)["without"] == ["elm"]
    assert task.doubted.options[0] == ("elm (left out)", "elm")
    assert task.leave_button.description == USE
    task.leave_button.click()
    task.wait()
    assert task.without == () and "elm" in task.checked.classes and task.outcome is None
    task.set_state(text)
    task.wait()
    assert task.without == ("elm",) and task.checked.classes == ("maple", "oak")
    task.doubted.value = "oak"
    assert task.leave_button.description == LEAVE
    task.made_button.click()
    task.wait()
    assert task.without == () and len(task.checked.classes) == 8


def test_pictures_that_cannot_be_trained_on_stop_at_the_check(task):
    send(task, "class", "oak", {f"{n}.png": picture(n) for n in range(5)})
    assert task.checked.train is None and not task.steps.steps[TRAIN]["able"]
    go_on(task)
    assert task.steps.chosen == CHECK and not task.steps.able
    assert "Must be put right first" in task.findings.value
    go_on(task)
    assert task.steps.chosen == CHECK


def test_what_is_refused_is_told_and_leaves_nothing(task, tmp_path):
    send(task, "folder", "x", {"x/../../a.png": picture(1)})
    assert "leads out of its folder" in task.told and task.is_made
    send(task, "zip", "a.zip", {"a.zip": b"no zip"})
    assert "cannot be unpacked" in task.told and task.is_made
    begin = {"id": "up", "kind": "folder", "name": "y", "files": [["y/a/1.png", 10]]}
    begin |= NONE_LEFT_OUT
    task.files._handle_custom_msg({"begin": begin}, [])
    assert task.steps.next == STOP
    go_on(task)
    assert task.steps.next != STOP and task.browser[-1]["said"].startswith("Stopped")
    task.files._handle_custom_msg({"begin": begin}, [])
    task.files._handle_custom_msg({"failed": {"id": "up"}}, [])
    assert "cannot be read" in task.told
    assert files(tmp_path / "my-pictures") == [] and not task.errors


def test_stop_ends_a_training_and_keeps_nothing(task, hold):
    let_go = hold(own_task.transfer, "adapt")
    task._show_step(TRAIN)
    task._next({"next": "Train"})
    assert task.steps.next == STOP and task.steps.share == 0
    task._next({"next": STOP})
    let_go.set()
    task.wait()
    assert task.outcome is None and task.steps.news == "Training: stopped."
    assert task.steps.next == "Train" and task.steps.share == -1
    go_on(task)
    assert task.outcome is not None


def test_progress_is_heard_up_to_the_end(net, task):
    heard = []
    follow = own_task.Follow(heard.append)
    outcome = own_task.adapt_and_test(net, *task.checked.ready(), option="1", follow=follow)
    assert heard == sorted(heard) and heard[0] == 0 and heard[-1] == 1
    heard.clear()
    own_task.more_labels(net, outcome, draws=1, follow=follow)
    assert heard == sorted(heard) and heard[-1] == 1 and 0.5 in heard


def test_a_picture_is_tried(task):
    task.camera._handle_custom_msg({"picture": "x.png"}, [picture(1)])
    assert "Nothing is trained yet" in task.told
    task._show_step(TRAIN)
    go_on(task)
    file = task.folder / task.checked.test_files[0]
    task.camera._handle_custom_msg({"picture": "mine.png"}, [memoryview(file.read_bytes())])
    answer = task.camera.answer
    assert len(answer["bars"]) == 8 and sum(bar[2] for bar in answer["bars"]) == 1
    assert sum(bar[1] for bar in answer["bars"]) == pytest.approx(1, abs=1e-3)
    best = next(name for name, _, best in answer["bars"] if best)
    assert best == task.checked.classes[task.outcome.adapted.predictions[0]]
    assert ": it is" not in answer["words"], "nobody knows what it is"
    assert f"mine.png: {best}" in answer["words"] and "8 classes, whatever" in answer["words"]
    assert answer["seen"].startswith("data:image/jpeg") and set(task.camera.things) == set(
        task.checked.classes
    )
    task.camera._handle_custom_msg({"test": True}, [])
    words, how = task.camera.answer["words"], task.camera.answer["how"]
    true = words.split("/")[1]  # its folder
    best_class = next(name for name, _, best in task.camera.answer["bars"] if best)
    judged = f"{'Right' if best_class == true else 'Wrong'}: it is '{true}'."
    assert "(a test picture)" in words and judged in words and "the rest" not in how
    wide = Image.open(file).convert("RGB").resize((80, 60))
    for true in range(8):
        task._answer("wide", wide, true)
        best_class = next(name for name, _, best in task.camera.answer["bars"] if best)
        words = "Right" if best_class == task.checked.classes[true] else "Wrong"
        assert f"{words}: it is '{task.checked.classes[true]}'." in task.camera.answer["words"]
    assert "the rest in its edge's colour" in task.camera.answer["how"]
    for data, words in ((b"nothing", "can be read"), (bytes(upload.MOST_BYTES + 1), "too large")):
        task.camera._handle_custom_msg({"picture": "odd\x1b.png"}, [data])
        assert words in task.told and "\x1b" not in task.told
    assert not task.errors


NONSENSE = (
    None,
    True,
    -1,
    1.5,
    10**400,
    float("nan"),
    "x",
    [],
    [[]],
    {},
    {"id": 3},
    [["a", -1]],
)


def test_what_is_no_message_of_the_browsers_changes_nothing(task, tmp_path):
    """Also while pictures arrive: every part of a message with something else in its place."""
    begin = {"id": "up", "kind": "folder", "name": "y", "files": [["y/a/1.png", 9]]} | NONE_LEFT_OUT
    piece = {"id": "up", "parts": [[0, 0, 9]]}
    good = {"begin": begin}, {"piece": piece}, {"failed": {"id": "up"}}
    wrong = list(NONSENSE)
    for message in good:
        ((kind, content),) = message.items()
        wrong += [{kind: other} for other in NONSENSE]
        for key, value in content.items():
            others = [other for other in NONSENSE if type(other) is not type(value) or other == []]
            wrong += [{kind: content | {key: other}} for other in others if other != value]
            wrong.append({kind: {k: v for k, v in content.items() if k != key}})
        wrong.append(message | {"more": 1})
    task.files._handle_custom_msg({"begin": begin}, [])
    coming, n_messages = task._coming, len(task.browser)
    nothing_to_take = ({"piece": piece | {"parts": []}}, {"begin": begin | {"files": []}})
    for message in wrong:
        if message not in nothing_to_take:
            task.files._handle_custom_msg(message, [b"123"])
            assert "cannot be understood" in task.told, message
    for message in (*NONSENSE, {"next": 3}, {"picture": None}, {"test": "x"}):
        for part in (task.steps, task.camera):
            part._handle_custom_msg(message, [])
            assert "cannot be understood" in task.told, message
    for step in (-1, 5, 10**30):
        task.steps.chosen = step
        assert task.steps.chosen == 0 and task.panels[0].layout.display == ""
    assert task._coming is coming and len(task.browser) == n_messages and not task.errors


def test_the_state_names_the_folder_and_holds_no_pictures(task, net, making, tmp_path):
    send(task, "folder", "leaves", leaves(12))
    text = task.state_text()
    assert json.loads(text)["folder"] == "leaves" and str(tmp_path) not in text
    task.option.value = "2"
    task.set_state(text)
    task.wait()
    assert task.option.value == "1" and task.checked.classes == ("maple", "oak")
    other = OwnTask(net, "", making, own=tmp_path / "nobodys")
    before = other.state_text()
    with refused("pictures_not_here"):
        other.set_state(text)
    wrongs = {"folder": "../leaves"}, {"folder": 3}, {"option": "3"}, {"augment": None}
    for wrong in (*wrongs, {"without": "oak"}, {"without": [3]}):
        with pytest.raises(CourseError):
            other.set_state(json.dumps(json.loads(before) | wrong))
    assert other.state_text() == before and other.is_made
    other.set_state(json.dumps(json.loads(before) | {"seed": 1}))
    other.wait()
    assert other.seed == 1 and other.is_made and other.folder.name == "pieces-1"
    other.close()


def test_a_folder_that_is_given(net, making, tmp_path):
    folder = hand_over("folder", "leaves", leaves(12), tmp_path / "mine")
    given = OwnTask(net, str(folder), making, own=tmp_path / "my-pictures")
    given.wait()
    assert given.folder == folder and not given.is_made and given.checked.was_split
    assert json.loads(given.state_text())["folder"] == "leaves"
    assert given.still()[1][0]["class"] == "maple"
    given.close()
    gone = OwnTask(net, tmp_path / "nowhere", making)
    gone.wait()
    assert "There is no folder" in gone.told and gone.steps.next == LOOK and not gone.errors
    go_on(gone)
    assert "There is no folder" in gone.told and gone.steps.chosen == 0
    assert gone.checked is None and gone.still()[1][0]["class"] == "brick"
    gone.close()


def test_the_checker_tells_how_far_it_is_and_prints_no_bar(making, task, capsys):
    heard = []
    own_folder.check(task.folder, looked=heard.append)
    assert heard == sorted(heard) and heard[-1] == 1
    assert capsys.readouterr() == ("", "")
