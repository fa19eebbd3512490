"""Every figure has alt text; the notebook helper says what it should."""

import errno

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.data.sources import things
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.layers import filters
from tl_course.lessons import figures
from tl_course.lessons import lesson as module
from tl_course.lessons.lesson import Lesson
from tl_course.lessons.n02_what_layers_see import figures as layer_plots
from tl_course.lessons.n05_how_much_data import figures as data_plots
from tl_course.lessons.n06_wrong_modality import figures as modality_plots
from tl_course.lessons.n08_your_own_task import figures as own_plots
from tl_course.study import results

ROWS = [
    {"arm": arm, "images": n, "draw": d, "accuracy": 0.5 + 0.01 * d}
    for arm in ("option-1", "scratch") for n in (10, 50) for d in range(3)
]  # fmt: skip


def every_figure():
    x = EmojiImages().batch(0, 8)[0]
    kernel = filters.edge()
    yield figures.pictures(x, ["a"] * 8, "t", "eight renders")
    yield figures.wall()
    yield figures.guesses(x[:2], torch.rand(2, 1000), things.names())
    yield figures.filters({"one": torch.rand(32, 3, 7, 7)}, "t", "filters")
    yield figures.sliding_filter(x[0], kernel, 0, 31, filters.answers(x[0], kernel))
    yield figures.architecture(10, frozen=4, new_output=True)
    yield figures.training_curve([], [], 10)
    yield figures.training_curve([1, 2], [6.9, 5], 10)
    yield figures.accuracies(ROWS, "t")
    yield figures.curves({"a": ([1, 2], [3, 4])}, "t", "x", "y")
    yield figures.bars({"a": 1.0, "b": 2.0}, "t", "y", spread={"a": 0.1, "b": 0.2})
    yield figures.bars({name: 1.0 for name in "abcdef"}, "t", "y", spread={"a": 0.1})


def text_and_paper(figure):
    """Each text that is seen in a figure, with its colour and that of what lies behind it."""

    def painted():
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[::-1, :, :3] / 255

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")  # nothing moves when the texts are taken away
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    places = [t.get_window_extent().padded(1).extents.clip(0).astype(int) for t in texts]
    written = painted()
    for text in texts:
        text.set_visible(False)
    paper = painted()
    for text, (left, low, right, high) in zip(texts, places, strict=True):
        behind = paper[low:high, left:right]
        if (behind != written[low:high, left:right]).any():  # axes that are off show no labels
            frame = text.get_bbox_patch()
            colour = frame.get_facecolor() if frame else np.median(behind.reshape(-1, 3), 0)
            yield text.get_text(), text.get_color(), colour


def test_the_text_of_every_figure_can_be_read(monkeypatch):
    """It has a contrast of 4.5 to 1 with what is behind it, whatever the colour of its line."""
    drawn, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda f, *a, **k: (drawn.append(f), save(f, *a, **k)))
    for _ in every_figure():
        pass
    for style in figures.STYLES:
        figures.accuracies([row | {"arm": style} for row in ROWS], "t")
    rows = results.load("matrix").query("images == 50 and option == '1'")
    modality_plots.help_and_harm(rows, "t")
    shares = np.linspace(0, 1, 36).reshape(6, 6)
    figure, (ax,) = figures.in_a_row(1, 6, 6)
    figures.heat(ax, shares, list("abcdef"), list("abcdef"), shares.round(1).astype(str), 1)
    figures.finished(figure, "t", ["a heat map"])
    own_plots.rivals({name: torch.tensor([True, False, True]) for name in own_plots.MARKERS})
    known = torch.arange(3).repeat(4)
    data_plots.confusion(known, known.flip(0), ("a", "b", "c"), "t")
    found = [(text, *look) for figure in drawn for text, *look in text_and_paper(figure)]
    assert len(drawn) > 15 and len(found) > 300
    weak = [
        (text, f"{figures.contrast(colour, paper):.1f}")
        for text, colour, paper in found
        if figures.contrast(colour, paper) < figures.READABLE
    ]
    assert not weak, weak


def test_a_colour_for_text_is_darker_only_where_it_has_to_be():
    for colour in (figures.BLUE, figures.GREY, "black"):
        assert figures.as_text(colour) == figures.to_hex(colour)
    for colour in (figures.ORANGE, figures.GREEN, figures.PINK, figures.SKY):
        assert figures.contrast(colour) < 4.5 <= figures.contrast(figures.as_text(colour)) < 5
    assert figures.contrast("white") == 1 and figures.contrast("black") == pytest.approx(21)
    assert (figures.ink("#0072B2"), figures.ink("#56B4E9")) == ("#ffffff", "#000000")


def test_every_figure_is_a_picture_with_alt_text():
    for figure in every_figure():
        bundle = figure._repr_mimebundle_()
        assert len(figure.alt) > 5 and f'alt="{figure.alt[:5]}' in bundle["text/html"]
        assert figure.png.startswith(b"\x89PNG") and "image/png" not in bundle
    with pytest.raises(ValueError, match="alt text"):
        figures.Picture(Image.new("RGB", (4, 4)), "  ")


def test_numbers_in_alt_text_are_those_of_the_table():
    alt = figures.accuracies(ROWS, "t").alt
    assert "Option 1 (frozen): 51.0% at 10, 51.0% at 50" in alt and "3 draws" in alt


def test_bars_name_the_spread_where_there_is_one():
    alt = figures.bars({"one\nbar": 1.0, "two": 2.0}, "t", "y", spread={"two": 0.5}).alt
    assert alt == "t. Bars of y (± one SD over draws): one bar: 1, two: 2 ± 0.5."


def test_six_bars_can_be_read_on_a_phone():
    six = {f"a name of several\nwords: {n}": 10.0 * n for n in range(1, 7)}
    title = "A title that is as long as the longest of those that the course has"
    picture = figures.bars(six, title, "y", spread=dict.fromkeys(six, 3.0))
    assert 9 * figures.DPI / 72 * 390 / picture.width >= 10  # pixels of its smallest letters
    assert "a name of several words: 6: 60 ± 3." in picture.alt and picture.alt.startswith(title)


def test_an_edge_filter_answers_to_its_edge_alone():
    picture = torch.full((3, 32, 32), -1.0)
    picture[:, :, 16:] = 1.0
    across = filters.answers(picture, filters.edge(0))[8:24, 8:24]
    along = filters.answers(picture, filters.edge(90))[8:24, 8:24]
    assert across.max() > 5 and across[:, 8].min() > 5
    assert along.abs().max() < 1e-4
    assert filters.answers(-picture, filters.edge(0))[16, 16] < -5


def test_claims_are_told_to_learners_and_strict_in_tests(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(module, "display", lambda html: shown.append(html.data))
    lesson = Lesson("03", "quick")
    monkeypatch.delenv(module.STRICT, raising=False)
    lesson.claim("a", holds=True, evidence="1 against 2")
    lesson.claim("b", holds=False, evidence="3 against 4")
    assert "holds in the recorded results" in shown[-2] and "1 against 2" in shown[-2]
    assert "did not hold" in shown[-1] and "another seed" in shown[-1]
    monkeypatch.setenv(module.STRICT, "1")
    lesson.claim("a", holds=True, evidence="")
    with pytest.raises(AssertionError, match="3 against 4"):
        lesson.claim("b", holds=False, evidence="3 against 4")


def test_evidence_is_recorded_at_quick_and_live_otherwise(monkeypatch):
    monkeypatch.setattr(module, "display", lambda html: None)
    live = [{"arm": "option-1", "images": 10, "accuracy": 0.123}]
    assert len(Lesson("03", "quick").evidence("sweep", live)) > 100
    assert Lesson("03", "laptop").evidence("sweep", live).accuracy.tolist() == [0.123]


def test_a_slow_machine_is_told_what_to_do(monkeypatch):
    shown = []
    monkeypatch.setattr(module, "display", lambda html: shown.append(html.data))
    for speed in (module.REFERENCE, module.REFERENCE / 50):
        monkeypatch.setattr(module, "images_per_second", lambda speed=speed: speed)
        Lesson("04", "laptop")
    assert "about <b>2 minutes</b>." in shown[0] and "quick" not in shown[0]
    assert "about <b>103 minutes</b>." in shown[1] and 'set budget = "quick"' in shown[1]


def test_wrong_parameters_get_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "display", lambda html: None)
    with pytest.raises(CourseError, match="no budget 'huge'"):
        Lesson("03", "huge")
    with pytest.raises(CourseError, match="'shipped' or 'mine'"):
        Lesson("03", "quick", weights="theirs")
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    with pytest.raises(CourseError, match="run notebook 01"):
        Lesson("03", "quick", weights="mine").source_network()


def test_an_animation_is_a_gif_that_plays_once_and_can_be_heard(tmp_path):
    film = layer_plots.Animation({s: torch.randn(32, 3, 7, 7) for s in (0, 10, 20)}, "Three steps.")
    shown = film._repr_mimebundle_()["text/html"]
    assert 'alt="Three steps."' in shown and "data:image/gif;base64," in shown
    saved = Image.open(film.save(tmp_path / "film.gif"))
    assert saved.format == "GIF" and saved.n_frames == 3 and "loop" not in saved.info


def test_a_figure_is_saved_whole_or_not_at_all(tmp_path, monkeypatch):
    picture = figures.Picture(Image.new("RGB", (9, 9)), "Nothing.")
    assert picture.save(tmp_path / "a.png").read_bytes() == picture.data
    (tmp_path / "a.png").write_bytes(b"the earlier one")
    with monkeypatch.context() as patch, pytest.raises(CourseError, match="is full"):
        patch.setattr(storage.os, "fsync", full)
        picture.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"the earlier one"


def full(handle):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_mosaic_keeps_every_picture_in_its_place():
    x = torch.arange(5).view(5, 1, 1, 1).expand(-1, 3, 2, 2) / 10
    sheet = figures.mosaic(x, 3, zoom=2, gap=1)
    assert sheet.shape == (3, 9, 14)
    assert (sheet[:, 5:9, 5:9] == 0.4).all() and (sheet[:, 5:9, 10:14] == 1).all()


def test_a_network_prefers_what_the_table_says():
    table = results.load("preference")
    alt = layer_plots.preferences(table, "Shapes").alt
    assert "trained, layer1: bar 45" in alt and "untrained, layer4: corner 37" in alt
