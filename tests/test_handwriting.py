"""Strokes become digits like MNIST's; drawings teach, are pooled, saved and deleted."""

import json
import threading

import numpy as np
import pytest
import torch
from scipy import ndimage
from sentences import refused
from skimage.morphology import skeletonize

from tl_course.base import storage
from tl_course.core import training, transfer
from tl_course.data.examples import draw
from tl_course.data.targets import drawn, drawn_files
from tl_course.data.targets.drawn import Drawing
from tl_course.data.targets.folder import load_folder
from tl_course.data.targets.handwritten import raw_digits, to_input
from tl_course.lessons.n00_start_here import figures as handwriting_plots
from tl_course.study import handwriting

THREE = (((60, 60), (120, 40), (170, 60), (170, 100), (120, 120), (180, 150), (110, 220)),)
INDEX = torch.arange(28.0)


def pen_path(digit):
    """The middle line of an MNIST digit, as short straight strokes."""
    thin = skeletonize(ndimage.zoom(digit / 255.0, 8, order=1) > 0.5)
    points = {(int(x), int(y)) for y, x in zip(*np.nonzero(thin), strict=True)}
    steps = ((1, 0), (0, 1), (1, 1), (1, -1))
    pairs = [(p, (p[0] + dx, p[1] + dy)) for p in points for dx, dy in steps]
    return tuple(pair for pair in pairs if pair[1] in points)


def centres(digits):
    x = digits.float()
    ink = x.sum((1, 2))
    return (x.sum(1) * INDEX).sum(1) / ink, (x.sum(2) * INDEX).sum(1) / ink


def sides(digits):
    return torch.maximum((digits > 0).any(1).sum(1), (digits > 0).any(2).sum(1))


@pytest.fixture(scope="module")
def redrawn():
    """Every 25th of MNIST's digits as it is, and drawn again along its middle line; labels."""
    digits, labels = (part[::25] for part in raw_digits())
    again = torch.stack([drawn.digit(pen_path(digit.numpy())) for digit in digits])
    return digits, again, labels


def test_a_digit_drawn_again_has_mnists_thickness_size_and_place(redrawn):
    before, after, _ = redrawn
    ink = [x.float().mean().item() / 255 for x in (before, after)]
    assert abs(ink[1] / ink[0] - 1) < 0.05, ink
    partial = [((x > 5) & (x < 250)).sum().item() / (x > 5).sum().item() for x in (before, after)]
    assert abs(partial[0] - partial[1]) < 0.05, "edges as soft as MNIST's"
    assert abs(sides(after).float().mean() - 20) < 0.3 and sides(after).max() <= 21
    for centre in centres(after):
        assert abs(centre.mean() - 14) < 0.1 and (centre - 14).abs().max() < 0.75


def test_a_digit_drawn_again_is_read_as_well(redrawn, net, target):
    before, after, labels = redrawn
    fifty = draw(target.pool, 50, 0)
    taught = transfer.option_1(net, fifty).net
    read = [
        (handwriting.class_probabilities(taught, x).argmax(1) == labels).float().mean()
        for x in (before, after)
    ]
    assert read[0] > 0.85 and read[1] > read[0] - 0.04, read


def test_how_large_and_where_one_draws_does_not_matter():
    small = tuple((90 + x // 4, 10 + y // 4) for x, y in THREE[0])
    same = (drawn.digit(THREE).float() - drawn.digit((small,)).float()).abs().mean()
    assert same < 6, "up to rounding"
    flat = drawn.digit((((10, 100), (250, 100)),))  # a long line, whose box touches the edges
    assert flat[:, :4].sum() == flat[:, 24:].sum() == 0
    dot = drawn.digit((((30, 30),),))
    assert 3 <= sides(dot[None]).item() <= 5 and abs(centres(dot[None])[0] - 14) < 0.1


def test_strokes_come_in_whole_or_not_at_all():
    assert drawn.strokes([]) == () and drawn.strokes([[]]) == ()
    assert drawn.strokes([[[-5, 300.4]]]) == (((0, 255),),)
    line = [[x, 2 * x + 1] for x in range(100)]
    assert drawn.strokes([line]) == (((0, 1), (99, 199)),), "points on a line say nothing"
    wild = [[(i * 7919) % 256, (i * 104729) % 256] for i in range(50_000)]
    (stroke,) = drawn.strokes([wild])
    assert len(stroke) <= drawn.MOST + 1 and stroke[-1] == tuple(wild[-1])
    for wrong in (None, 3, [3], [[3]], [[[1, 2, 3]]], [["ab"]], [[[1, "x"]]]):
        with refused("no_strokes"):
            drawn.strokes(wrong)
    with refused("nothing_drawn"):
        drawn.digit(())


def test_a_drawing_survives_as_text():
    two = (*THREE, ((1, 2),))
    assert drawn.decode_drawing(drawn.encode_drawing(two)) == two
    assert len(drawn.encode_drawing(two)) < 30
    for wrong in ("", "!", "AA=A", "AA", "AAA.AA", "ä"):
        with refused("damaged"):
            drawn.decode_drawing(wrong)


def test_samples_are_mnists_and_never_test_digits(target):
    taken = {drawn.sample_of_digit(3, 0, number).text for number in range(100)}
    assert len(taken) == 100, "a hundred different ones, then again from the first"
    assert drawn.sample_of_digit(3, 0, 100) == drawn.sample_of_digit(3, 0, 0)
    shown = drawn.examples([drawn.sample_of_digit(d, 5, 0) for d in range(10)])
    assert shown.y.tolist() == list(range(10))
    for x in shown.x:
        assert (target.pool.x - x).abs().amax((1, 2, 3)).min() < 1e-6, "exactly as it was"
    for wrong in ("#", "#-1", "#1000", "#²", "#" + "1" * 4301):
        with refused("no_sample") as caught:
            drawn.pixels(wrong)
        assert len(str(caught.value)) < 100


@pytest.fixture(scope="module")
def twenty():
    return [drawn.sample_of_digit(n % 10, 0, n // 10) for n in range(20)]


def test_all_four_learn_and_are_tested_on_what_comes_next(net, twenty):
    test = handwriting.mnist_test()
    assert len(test) == 500 and (test.y.bincount() == 50).all()
    run = handwriting.teach(net, twenty, [10], 0, test, threading.Event())
    results = {result.arm: result for result in run}
    assert tuple(results)[:2] == handwriting.QUICK and set(results) == set(handwriting.ARMS)
    alone = handwriting.adapt_to_digits(net, "scratch", drawn.examples(twenty[:10]), 0)
    same = handwriting.count_right(alone.net, test)
    assert results["scratch"].mnist == same, "side by side as one after another"
    option_1 = results["option-1"]
    assert option_1.mnist > 250 and option_1.mnist > results["random-frozen"].mnist
    followed = handwriting.followed(option_1, twenty)
    assert followed.following_of == 10 and followed.following >= 4
    assert handwriting.followed(option_1, twenty[:13]).following_of == 3
    assert handwriting.followed(followed, twenty[:10]).following_of == 0

    shown = handwriting_plots.growing([followed, *list(results.values())[1:]])
    assert "pretrained, frozen (Option 1)" in shown.alt and "with 10" in shown.alt


def test_how_sure_it_says_it_is_can_be_believed(net, target):
    drawings = [drawn.sample_of_digit(n % 10, 1, n // 10) for n in range(20)]
    taught = handwriting.adapt_to_digits(net, "option-1", drawn.examples(drawings), 0).net
    test = handwriting.mnist_test()

    def gap():
        scores = training.predict(taught, test.x)
        sure, labels_read = scores.softmax(1).max(1)
        return labels_read, abs(sure.mean() - (labels_read == test.y).float().mean()).item()

    digits_read, before = gap()
    same, after = (handwriting.calibrated(taught), gap())[1]
    assert torch.equal(digits_read, same), "it reads what it read"
    assert before > 0.3 and after < 0.08, (before, after)


def test_it_stops_and_leaves_out_what_is_known(net, twenty):
    test, stop = handwriting.mnist_test(), threading.Event()
    run = handwriting.teach(net, twenty, [20, 10], 0, test, stop, {("option-1", 20)})
    assert (next(run).arm) == "random-frozen"
    stop.set()
    assert list(run) == []


def test_a_pool_is_compared_with_each_hand(net):
    hands = {
        who: [drawn.sample_of_digit(n % 10, seed, n // 10) for n in range(20)]
        for who, seed in (("Ada", 1), ("Alan", 2), ("Grace", 3))
    }
    rows = handwriting.pooled(net, hands, 0, handwriting.mnist_test())
    assert [(row.who, row.drawings) for row in rows] == [
        ("Ada", 20), ("Alan", 20), ("Grace", 20), ("all together, only 20", 20),
        ("all together", 60),
    ]  # fmt: skip
    alone = [row.mnist for row in rows[:3]]
    assert rows[-1].mnist > sum(alone) / 3, "sixty digits teach more than twenty"
    assert all(0.3 < row.other_hands <= 1 for row in rows)
    with refused("one_person"):
        handwriting.pooled(net, {"Ada": hands["Ada"]}, 0, handwriting.mnist_test())
    with refused("one_digit", "Eve"):
        handwriting.pooled(net, hands | {"Eve": hands["Ada"][:1]}, 0, handwriting.mnist_test())


def test_saved_drawings_are_a_folder_for_notebook_08_and_a_file(tmp_path):
    text = drawn.encode_drawing(THREE)
    mine = [
        Drawing(3, text),
        Drawing(1, drawn.encode_drawing((((9, 9), (9, 200)),))),
        Drawing(3, text),
    ]
    saved = drawn_files.save_drawings(tmp_path / "hand", " Ada  L. Lovelace", [
        *mine, drawn.sample_of_digit(7, 0, 0)
    ])  # fmt: skip
    assert saved.drawings == 3, "samples are nobody's"
    folder = load_folder(saved.pictures)
    assert folder.names == ("1", "3") and folder.y.tolist() == [0, 1, 1]
    ours = to_input(torch.stack([drawn.pixels(d.text) for d in (mine[1], *mine[::2])]))
    assert torch.equal(folder.x, ours), "notebook 08 sees what this lesson saw"
    name, again = drawn_files.from_text(saved.file.read_bytes())
    assert (name, again) == ("Ada L. Lovelace", mine)

    notes = tmp_path / "hand" / "Ada L. Lovelace" / "3" / "notes.txt"
    notes.write_text("mine")
    drawn_files.save_drawings(tmp_path / "hand", "Ada L. Lovelace", mine[:1])
    assert len(list(saved.pictures.rglob("*.png"))) == 1, "in the place of the earlier ones"
    assert drawn_files.delete(tmp_path / "hand", "Ada L. Lovelace") == 2
    assert [p.name for p in (tmp_path / "hand").rglob("*") if p.is_file()] == ["notes.txt"]
    notes.unlink()
    assert drawn_files.delete(tmp_path / "hand", "Ada L. Lovelace") == 0
    assert not any((tmp_path / "hand").iterdir())


def test_a_save_that_was_killed_leaves_no_class_behind(tmp_path):
    mine = [Drawing(digit, drawn.encode_drawing(THREE)) for digit in (3, 4)]
    saved = drawn_files.save_drawings(tmp_path, "Ada", mine)
    (saved.pictures / "4" / f"{storage._drafts_here()}999999999-1234abcd-01.png").write_text("half")
    drawn_files.save_drawings(tmp_path, "Ada", mine[:1])
    assert [path.name for path in saved.pictures.iterdir()] == ["3"]


def test_what_cannot_be_saved_or_read_is_told_in_a_sentence(tmp_path):
    mine = [Drawing(3, drawn.encode_drawing(THREE))]
    for name in ("", "  "):
        with refused("no_name"):
            drawn_files.save_drawings(tmp_path, name, mine)
    for name in ("../..", "a/b", ".x", "x" * 41, "a.", "C:\\x", "<b>", "CON", "nul.x"):
        with refused("file_name"):
            drawn_files.save_drawings(tmp_path, name, mine)
    with refused("nothing_drawn"):
        drawn_files.save_drawings(tmp_path, "Ada", [drawn.sample_of_digit(7, 0, 0)])
    assert not any(tmp_path.iterdir())
    good = json.loads(drawn_files.drawings_as_text("Ada", mine))
    for change, code in (
        ({"format": "other"}, "not_drawings"),
        ({"name": 3}, "no_owner"),
        ({"name": "../x"}, "file_name"),
        ({"drawings": "x"}, "no_hand"),
        ({"drawings": [[3, "!"]]}, "damaged"),
        ({"drawings": [[10, "AAAA"]]}, "labels"),
        ({"drawings": [[True, "AAAA"]]}, "labels"),
        ({"drawings": [[3]]}, "damaged"),
        ({"drawings": [[3, "#5000"]]}, "no_sample"),
    ):
        with refused(code):
            drawn_files.from_text(json.dumps(good | change))
    for text in ("", "[]", "{}", b"\xff\xfe", "[" * 100_000):
        with refused("not_drawings"):
            drawn_files.from_text(text)


def test_a_file_larger_than_any_of_drawings_is_not_even_parsed(monkeypatch):
    text = f'{{"format": "{drawn_files.FORMAT}", "drawings": [{"[]," * 300_000}[]]}}'
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail("it was parsed"))
    with refused("not_drawings"):
        drawn_files.from_text(text)


def test_as_many_points_as_fit_are_looked_at_in_parts_that_stay_small(monkeypatch):
    looked, squares = [], drawn._squares

    def counted(points, start, end):
        looked.append(len(points) * len(start))
        return squares(points, start, end)

    monkeypatch.setattr(drawn, "_squares", counted)
    generator = np.random.default_rng(0)
    scribble = tuple(map(tuple, generator.integers(0, 256, (3700, 2)).tolist()))
    text = drawn.encode_drawing([scribble])
    rows = [[3, text[:-8] + f"{number:08}"] for number in range(30)]
    assert len(drawn_files.from_rows(rows)) == 30
    assert max(looked) <= 28 * 28 * drawn.AT_ONCE and sum(looked) < 30 * 2 * 3700 * 28 * 28
    with refused("too_many_points"):
        drawn_files.from_rows([*rows, *rows])


def test_distances_are_those_of_the_textbook():
    points, start = np.array([[0.0, 0], [3, 4], [9, 1]]), np.array([[0.0, 0], [5, 5]])
    end = np.array([[6.0, 0], [5, 5]])  # a line and a dot
    expected = [[0, 50**0.5], [4, 5**0.5], [10**0.5, 32**0.5]]
    assert np.allclose(np.sqrt(drawn._squares(points, start, end)), expected)


def test_drawings_are_neither_written_nor_deleted_where_a_link_leads(tmp_path):
    mine, other = [Drawing(3, drawn.encode_drawing(THREE))], tmp_path / "other"
    (other / "3").mkdir(parents=True)
    (other / "3" / "3-99.png").write_text("precious")
    (tmp_path / "mine" / "Alan").mkdir(parents=True)
    links = {"Ada": other, "Alan/3": other / "3", "Eve.json": other / "nothing"}
    try:
        for name, place in links.items():
            (tmp_path / "mine" / name).symlink_to(place)
    except OSError:
        pytest.skip("this system lets nobody make a link")
    for name in ("Ada", "Alan", "Eve"):
        with refused("link"):
            drawn_files.save_drawings(tmp_path / "mine", name, mine)
        assert drawn_files.delete(tmp_path / "mine", name) == 0
    assert drawn_files.taken(tmp_path / "mine", "Eve")
    assert [path.name for path in other.rglob("*") if path.is_file()] == ["3-99.png"]
    assert not list((tmp_path / "mine").glob("A*.json"))


def test_a_file_that_save_never_wrote_is_neither_replaced_nor_deleted(tmp_path):
    mine = [Drawing(3, drawn.encode_drawing(THREE))]
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "Bob.json").mkdir()
    assert drawn_files.save_drawings(tmp_path, "notes.of me", mine).drawings == 1
    assert drawn_files.delete(tmp_path, "notes.of me") == 2
    for name in ("notes", "Bob"):
        with refused("not_drawings"):
            drawn_files.save_drawings(tmp_path, name, mine)
        assert drawn_files.taken(tmp_path, name)
        assert drawn_files.delete(tmp_path, name) == 0
    assert drawn_files.people_with_drawings(tmp_path) == []
    assert (tmp_path / "notes.json").read_text() == "{}" and (tmp_path / "Bob.json").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Bob.json", "notes.json"]


def test_a_folder_whose_name_no_system_takes_is_told_in_a_sentence(tmp_path):
    folder, mine = tmp_path / ("x" * 300), [Drawing(3, drawn.encode_drawing(THREE))]
    for act, *more in (
        (drawn_files.people_with_drawings,), (drawn_files.taken, "Ada"),
        (drawn_files.delete, "Ada"), (drawn_files.save_drawings, "Ada", mine),
    ):  # fmt: skip
        with refused("not_writable|refused_by_system", "too long"):
            act(folder, *more)
