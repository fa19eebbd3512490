"""Every figure has alt text; the notebook helper says what it should."""

import errno
import io
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from sentences import refused

from tl_course.base import machine, storage
from tl_course.core import pretraining
from tl_course.data.examples import draw
from tl_course.data.sources import classes
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import handwritten
from tl_course.layers import filters, patches, snapshots
from tl_course.lessons import audience, drawing, figures, speed
from tl_course.lessons import lesson as module
from tl_course.lessons.claims import Claim
from tl_course.lessons.lesson import Lesson
from tl_course.lessons.n00_start_here import figures as figures_00
from tl_course.lessons.n01_pretrain import figures as figures_01
from tl_course.lessons.n02_what_layers_see import experiments as layer_experiments
from tl_course.lessons.n02_what_layers_see import figures as layer_plots
from tl_course.lessons.n03_option_1_freeze import experiments as experiments_03
from tl_course.lessons.n03_option_1_freeze import figures as figures_03
from tl_course.lessons.n04_option_2_fine_tune import experiments as experiments_04
from tl_course.lessons.n04_option_2_fine_tune import figures as crossing_plots
from tl_course.lessons.n05_how_much_data import experiments as experiments_05
from tl_course.lessons.n05_how_much_data import figures as data_plots
from tl_course.lessons.n06_wrong_modality import figures as modality_plots
from tl_course.lessons.n08_your_own_task import figures as own_plots
from tl_course.study import matrix_cells, results

ROWS = [
    {"arm": arm, "images": n, "draw": d, "accuracy": 0.5 + 0.01 * d}
    for arm in ("option-1", "scratch") for n in (10, 50) for d in range(3)
]  # fmt: skip


def every_figure():
    x = EmojiImages().batch(0, 8)[0]
    yield figures.pictures(x, ["a"] * 8, "t", "eight renders")
    yield figures_01.wall()
    yield figures_00.guesses(x[:2], torch.rand(2, 1000))
    yield figures.filters({"one": torch.rand(32, 3, 7, 7)}, "t", "filters")
    yield figures_01.sliding_filter(x[0], 0, 31, filters.edge())
    yield figures.architecture(10, frozen=4, new_output=True)
    yield figures.training_curve([], [], 10)
    yield figures.training_curve([1, 2], [6.9, 5], 10)
    yield figures.accuracies(ROWS, "t")
    yield figures.chart({"": {"a": drawing.Line([1, 2], [3, 4])}}, "t", "x", "y")
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


@pytest.fixture
def drawn(monkeypatch):
    """Every figure that becomes a picture."""
    every, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda f, *a, **k: (every.append(f), save(f, *a, **k)))
    return every


def test_the_text_of_every_figure_can_be_read(drawn):
    """It has a contrast of 4.5 to 1 with what is behind it, whatever the colour of its line."""
    for _ in every_figure():
        pass
    for style in drawing.STYLES:
        figures.accuracies([row | {"arm": style} for row in ROWS], "t")
    modality_plots.heat_map(matrix_cells.measured_cells(results.load("matrix"), 50, "1"), "t")
    shares = np.linspace(0, 1, 36).reshape(6, 6)
    figure, (ax,) = drawing.in_a_row(1, 6, 6)
    drawing.heat(ax, shares, list("abcdef"), list("abcdef"), shares.round(1).astype(str), 1)
    drawing.finished(figure, "t", ["a heat map"])
    own_plots.plot_rivals(dict.fromkeys(own_plots.MARKERS, (67.0, 20.0, 94.0)))
    known = torch.arange(3).repeat(4)
    data_plots.plot_confusion(known, known.flip(0), ("a", "b", "c"), "t")
    texts = [(text, *look) for figure in drawn for text, *look in text_and_paper(figure)]
    assert len(drawn) > 15 and len(texts) > 300
    weak = [
        (text, f"{drawing.contrast(colour, paper):.1f}")
        for text, colour, paper in texts
        if drawing.contrast(colour, paper) < drawing.READABLE
    ]
    assert not weak, weak


def figures_of_00_to_03():
    """Every kind of figure that these notebooks draw, of made-up numbers or recorded ones."""
    x, net = EmojiImages().batch(0, 20)[0], pretraining.pretrained()
    scores, digits, names = torch.rand(20, 1000), handwritten(), classes.names()
    yield figures_00.guesses(digits.test.x[:8], scores[:8])
    sweep = results.load("sweep")
    for n in (10, 50):
        yield figures_00.plot_given_digits(draw(digits.pool, n, 0))
    yield figures_00.seen_and_not_seen(sweep)
    growth = snapshots.Growth(500)
    for step in (0, 30, 100, 500):
        growth(step, net, None)
    yield figures_01.first_filters(growth, net)
    yield figures_01.renders(x, "cat")
    yield figures_01.picture_and_filter(x[0], filters.edge())
    yield figures_01.sliding_filter(x[0], 3, 4, filters.edge())
    yield figures_01.downhill(0.15)
    yield figures_01.right_and_wrong(x, scores.argmax(1) * (torch.arange(20) < 10), scores, names)
    yield layer_plots.which_is_which(layer_experiments.a_and_b(net, net, 0))
    yield layer_plots.plot_selectivity({kind: torch.rand(32) for kind in ("trained", "untrained")})
    tuned, units = layer_experiments.grating_tuning(net), layer_experiments.by_angle(net).tolist()
    yield layer_plots.tuning_curves(tuned, net.layer1.weight, units[:8], "t")
    best = {
        f"layer{i + 1}": patches.TopPatches(
            "", torch.rand(n, 9, 3, size, size), *[torch.ones(n, 9)] * 2
        )
        for i, (n, size) in enumerate(((32, 7), (64, 12), (128, 22)))
    }
    yield layer_plots.best_of_units(best, dict.fromkeys(best, 21), 100)
    yield layer_plots.same_unit(best, 21)
    few = best["layer2"]
    few = patches.TopPatches("layer2", few.patches[:12], few.values[:12], few.pictures[:12])
    yield layer_plots.patch_sheet(few, "t")
    for picture in (digits.test.x[0], layer_experiments.photograph("china")):
        answers = layer_experiments.answers(net, picture, ["layer1"])
        yield layer_plots.maps(picture, answers, "t", {"layer1": units[:6]})
    answers = layer_experiments.answers(net, x[0], ["layer2", "layer3"])
    yield layer_plots.maps(x[0], answers, "t", favourites=best)
    preference = results.load("preference")
    yield layer_plots.plot_straight_and_curved(layer_experiments.straight_and_curved(preference))
    yield layer_plots.preferences(preference, "t")
    yield layer_plots.plot_usage(results.load("usage"), units, net.layer1.weight, "t")
    yield layer_plots.made({"layer2": best["layer2"].patches[:, 0]}, "layer2")
    yield layer_plots.plot_settling(results.load("settling"), "t")
    steps, plain, accuracy = layer_experiments.first_layers()
    yield layer_plots.plot_first_layers(steps, plain, accuracy)
    yield layer_plots.stills(steps)
    yield figures_03.surgery(10)
    yield figures_03.mistakes(digits.test, 9 - digits.test.y, 0)
    yield figures_03.plot_beside_rivals(sweep)
    yield figures_03.plot_forms(experiments_03.in_each_form(digits.test.x[:1]))
    yield figures_03.harm(results.load("forms"))
    yield figures_03.plot_penalties({"10": ([1.0, 2.0], [80.0, 90.0])})


PLACE = 960  # pixels that JupyterLab leaves a figure at 1400 × 900, beside its list of files
LEAST = {"text": 10, "picture": 40}  # pixels on the screen


def too_small(figure: Figure, sheets: dict[tuple[int, int], int]) -> list[str]:
    """What of a figure is smaller than `LEAST` where it is shown, at most as wide as `PLACE`.

    `sheets`: the size of pictures that are put together of smaller ones, to that of the smaller.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width = figure.get_tightbbox(canvas.get_renderer()).width + 0.2  # inches, as it is saved
    inch = min(drawing.DPI, PLACE / width)
    sizes = [
        (t.get_fontsize() / 72 * inch, "text", t.get_text())
        for t in figure.findobj(Text)
        if t.get_visible() and t.get_text().strip()
    ]
    for image in (image for ax in figure.axes for image in ax.images):
        high, wide = image.get_array().shape[:2]
        place = image.get_window_extent()
        scale = min(place.width / wide, place.height / high) / figure.dpi * inch
        title = image.axes.get_title(loc="left") or image.axes.get_title()
        sizes.append((sheets.get((high, wide), min(high, wide)) * scale, "picture", title))
    return [f"{name}, {size:.1f} pixels" for size, kind, name in sizes if size < LEAST[kind]]


def test_text_and_pictures_are_large_enough_on_a_laptop(monkeypatch):
    drawn, sheets, mosaic = [], {}, drawing.mosaic

    def noted(x, columns, zoom=1, gap=3):
        sheet = mosaic(x, columns, zoom, gap)
        sheets[sheet.shape[1:]] = zoom * min(x.shape[-2:])
        return sheet

    def keep_figure(figure, file, **_):  # it is drawn once, when it is measured
        drawn.append(figure)
        Image.new("RGB", (9, 9)).save(file, "PNG")

    monkeypatch.setattr(Figure, "savefig", keep_figure)
    for module_of_it in (drawing, figures):
        monkeypatch.setattr(module_of_it, "mosaic", noted)
    for _ in figures_of_00_to_03():
        pass
    assert len(drawn) > 25
    small = {f._suptitle and f._suptitle.get_text(): too_small(f, sheets) for f in drawn}
    assert not any(small.values()), {title: parts for title, parts in small.items() if parts}


def test_the_wall_is_large_enough_to_find_a_cat_and_small_enough_to_be_saved():
    wall = figures_01.wall()
    picture, columns = (
        Image.open(io.BytesIO(wall.png)),
        int(re.search(r"(\d+) columns", wall.alt)[1]),
    )
    assert picture.width / columns >= 40 and picture.width < PLACE
    assert len(wall.data) < 1_000_000
    shown = wall._repr_mimebundle_()["text/html"]
    assert 'tabindex="0"' in shown and "max-width:none" in shown


def test_a_colour_for_text_is_darker_only_where_it_has_to_be():
    for colour in (drawing.BLUE, drawing.GREY, "black"):
        assert drawing.text_colour(colour) == drawing.to_hex(colour)
    for colour in (drawing.ORANGE, drawing.GREEN, drawing.PINK, drawing.SKY):
        assert drawing.contrast(colour) < 4.5 <= drawing.contrast(drawing.text_colour(colour)) < 5
    assert drawing.contrast("white") == 1 and drawing.contrast("black") == pytest.approx(21)
    assert (drawing.ink("#0072B2"), drawing.ink("#56B4E9")) == ("#ffffff", "#000000")


def test_every_figure_is_a_picture_with_alt_text():
    for figure in every_figure():
        bundle = figure._repr_mimebundle_()
        assert len(figure.alt) > 5 and f'alt="{figure.alt[:5]}' in bundle["text/html"]
        assert figure.png.startswith(b"\x89PNG") and "image/png" not in bundle
    with pytest.raises(ValueError, match="alt text"):
        drawing.Picture(Image.new("RGB", (4, 4)), "  ")


def test_numbers_in_alt_text_are_those_of_the_table():
    alt = figures.accuracies(ROWS, "t").alt
    assert "Option 1 (frozen): 51.0% at 10, 51.0% at 50" in alt and "3 draws" in alt


def test_the_crossing_of_04_has_a_title_and_nothing_that_runs_into_it(drawn):
    gain = experiments_04.option_2_minus_option_1(results.load("sweep"))
    alt = crossing_plots.crossing(gain, "A title").alt
    (ax,) = drawn[0].axes
    assert ax.get_title() == "" and "on the same draws" in ax.get_ylabel()
    assert "above zero; filled where the interval leaves out zero. 10: " in alt


def test_every_case_that_is_decided_in_05_is_drawn(drawn):
    tables = map(results.load, ("official", "tasks", "real_letters"))
    compared = experiments_05.options_by_labels(*tables)
    alt = data_plots.plot_by_labels(compared, experiments_05.NEAR, "A title").alt
    decided = experiments_05.decided(compared)
    for name, (task, augmented, per_class) in experiments_05.CASES.items():
        row = compared[augmented][task].set_index("per_class").loc[per_class]
        assert f"{row.ahead:+.1f} with {per_class}" in alt
        clear = abs(row.ahead) > row.interval
        leader = "Option 2" if row.ahead > 0 else "Option 1"
        assert decided[name] == (leader if clear else "no clear difference")
    for ax in drawn[0].axes:
        (low, high), points = ax.get_ylim(), [line.get_ydata() for line in ax.lines]
        assert all(low < y < high for ys in points for y in ys), "a point is cut off"


def test_what_is_forgotten_is_counted_in_05_as_in_04(drawn):
    table = results.load("forgetting")
    alt = data_plots.costs(table, "A title").alt
    bars = crossing_plots.plot_known(table.query("images <= 200"), "A title").alt
    assert "Option 2, 10 digits: 81 ± " in bars
    assert "10 digits: training 100.0, test 71.5, of 100 known before 81 ± " in alt
    learnt, known = drawn[0].axes
    assert not drawn[0].legends and not learnt.get_legend() and not known.get_legend()
    assert len(learnt.texts) == 4 and len(known.texts) == 3, "each line has its name"
    (row,) = [r for r in alt.split("; ") if r.startswith("Option 1 (frozen), 1,000")]
    assert "known before 100 ± 0" in row


def test_figures_of_several_panels_can_be_read_in_jupyterlab(drawn):
    """At 1400 × 900 pixels it gives a figure 948 across, and scales down what is wider."""
    recorded, ends = results.load("matrix"), results.load("matrix_ends")
    pictures = [
        data_plots.plot_accuracy(experiments_05.tuned_means(results.load("sweep")), "A title"),
        modality_plots.by_examples(recorded, ends, "A title"),
    ]
    for figure, picture in zip(drawn, pictures, strict=True):
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
        least = min(text.get_fontsize() for text in texts) * drawing.DPI / 72
        assert least * min(1, 948 / picture.width) >= 10, picture.alt[:50]


def test_bars_name_the_spread_where_there_is_one():
    alt = figures.bars({"one\nbar": 1.0, "two": 2.0}, "t", "y", spread={"two": 0.5}).alt
    assert alt == "t. Bars of y (± one SD over draws): one bar: 1, two: 2 ± 0.5."


def test_six_bars_can_be_read_on_a_phone():
    six = {f"a name of several\nwords: {n}": 10.0 * n for n in range(1, 7)}
    title = "A title that is as long as the longest of those that the course has"
    picture = figures.bars(six, title, "y", spread=dict.fromkeys(six, 3.0))
    assert 9 * drawing.DPI / 72 * 390 / picture.width >= 10  # pixels of its smallest letters
    assert "a name of several words: 6: 60 ± 3." in picture.alt and picture.alt.startswith(title)


def test_an_edge_filter_answers_to_its_edge_alone():
    picture = torch.full((3, 32, 32), -1.0)
    picture[:, :, 16:] = 1.0
    across = filters.answer_map(picture, filters.edge(0))[8:24, 8:24]
    along = filters.answer_map(picture, filters.edge(90))[8:24, 8:24]
    assert across.max() > 5 and across[:, 8].min() > 5
    assert along.abs().max() < 1e-4
    assert filters.answer_map(-picture, filters.edge(0))[16, 16] < -5


def test_claims_are_told_to_learners_and_strict_in_tests(monkeypatch):
    monkeypatch.setattr(module, "display", lambda html: None)
    lesson = Lesson("03", "quick")
    it_holds, it_does_not = Claim("a", True, "1 against 2"), Claim("b", False, "3 against 4", False)
    monkeypatch.delenv(audience.STRICT, raising=False)
    shown = lesson.judged(it_holds).data
    assert "holds in the recorded results" in shown and "1 against 2" in shown
    shown = lesson.judged(it_does_not).data
    assert "did not hold in this run" in shown and "another seed" in shown
    monkeypatch.setenv(audience.STRICT, "1")
    lesson.judged(it_holds)
    with pytest.raises(AssertionError, match="3 against 4"):
        lesson.judged(it_does_not)


def test_evidence_is_recorded_at_quick_and_live_otherwise(monkeypatch):
    monkeypatch.setattr(module, "display", lambda html: None)
    live = [{"arm": "option-1", "images": 10, "accuracy": 0.123}]
    assert len(Lesson("03", "quick").evidence("sweep", live)) > 100
    assert Lesson("03", "laptop").evidence("sweep", live).accuracy.tolist() == [0.123]


def test_a_slow_machine_is_told_what_to_do(monkeypatch):
    shown = []
    monkeypatch.setattr(module, "display", lambda html: shown.append(html.data))
    monkeypatch.setattr(speed, "SECONDS", {"04": 120})
    for images, busy in ((1, 1), (1, 2.5), (1, 10), (1 / 50, 1)):
        now = speed.Speed(speed.REFERENCE * images, busy)
        monkeypatch.setattr(speed, "measured", lambda now=now: now)
        Lesson("04", "laptop").times()
    free, table, busy, both, very_busy, _, slow, _ = shown
    assert "about <b>2 minutes</b>." in free and "quick" not in free and "busy" not in table
    assert "about <b>2 minutes</b>, up to <b>5 minutes</b> while other programs are busy." in busy
    assert "2 minutes" in both and "5 minutes" in both and "as busy as now" in both
    assert "up to <b>20 minutes</b>" in very_busy and "worth waiting" in very_busy
    assert "about <b>100 minutes</b>." in slow and 'set budget = "quick"' in slow
    assert "worth waiting" not in slow


def test_what_other_programs_take_is_not_this_machines_speed(monkeypatch):
    """Beside ten times as much of the others', work takes as long by the processor's clock."""
    clock = {"wall": 0.0, "own": 0.0}
    fake = SimpleNamespace(
        perf_counter=lambda: clock["wall"], thread_time=lambda: clock["own"], sleep=time.sleep
    )
    monkeypatch.setattr(machine, "time", fake)

    def work():
        clock["wall"] += 1
        clock["own"] += 0.1

    took = machine.timed(work, 5)
    assert (took.own, took.wall) == (pytest.approx(0.1), pytest.approx(1))
    monkeypatch.setattr(machine, "timed", lambda *_: took)
    assert speed.measured() == (pytest.approx(640), pytest.approx(10))


def test_wrong_parameters_get_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "display", lambda html: None)
    with refused("no_budget", "'huge'"):
        Lesson("03", "huge")
    with refused("weights", "'shipped'", "'mine'"):
        Lesson("03", "quick", weights="theirs")
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    with refused("no_own_network"):
        Lesson("03", "quick", weights="mine").source_network()


def test_an_animation_is_a_gif_that_plays_once_and_can_be_heard(tmp_path):
    film = layer_plots.Animation({s: torch.randn(32, 3, 7, 7) for s in (0, 10, 20)}, "Three steps.")
    shown = film._repr_mimebundle_()["text/html"]
    assert 'alt="Three steps."' in shown and "data:image/gif;base64," in shown
    saved = Image.open(film.save(tmp_path / "film.gif"))
    assert saved.format == "GIF" and saved.n_frames == 3 and "loop" not in saved.info


def test_a_figure_is_saved_whole_or_not_at_all(tmp_path, monkeypatch):
    picture = drawing.Picture(Image.new("RGB", (9, 9)), "Nothing.")
    assert picture.save(tmp_path / "a.png").read_bytes() == picture.data
    (tmp_path / "a.png").write_bytes(b"the earlier one")
    with monkeypatch.context() as patch, refused("disk_full"):
        patch.setattr(storage.os, "fsync", full)
        picture.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"the earlier one"


def full(handle):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_mosaic_keeps_every_picture_in_its_place():
    x = torch.arange(5).view(5, 1, 1, 1).expand(-1, 3, 2, 2) / 10
    sheet = drawing.mosaic(x, 3, zoom=2, gap=1)
    assert sheet.shape == (3, 9, 14)
    assert (sheet[:, 5:9, 5:9] == 0.4).all() and (sheet[:, 5:9, 10:14] == 1).all()


def test_a_network_prefers_what_the_table_says():
    table = results.load("preference")
    alt = layer_plots.preferences(table, "Shapes").alt
    assert "trained, layer1: bar 45" in alt and "untrained, layer4: corner 37" in alt
