"""`tl-course bench`, with little work: what it measures, what its rivals do, what it writes."""

import itertools
import json

import pytest
import torch
from torch import nn

from tl_course.app import bench, cli, rivals
from tl_course.app.bench import Figure, Size
from tl_course.base import machine
from tl_course.core import pretraining, training
from tl_course.core.network import FiveLayerNet, layers_fingerprint
from tl_course.core.output_layers import features, output_layers
from tl_course.data.examples import draw
from tl_course.data.inputs import to_picture
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import handwritten
from tl_course.study.by_hand import with_new_output

BEGIN, END = "<!-- bench: written by tl-course bench -->\n", "<!-- end of bench -->\n"

LITTLE = Size(
    repeats=1, product=64, steps=2, on_disk=512, enough=512, names=0.0, digits=0.0, pretrain_most=1,
    labels=(10,), adapt_most=20, every=20, sweep=(10,), arms=("option-1",),
)  # fmt: skip


@pytest.fixture(scope="module")
def figures():
    return bench.measure_figures(LITTLE)


def test_every_figure_that_is_promised_is_in_the_json(figures):
    report = json.loads(json.dumps(bench.as_json(figures)))
    promised = {
        "images_per_second", "plain_images_per_second", "speedup", "share_of_limit",
        "seconds_to_accuracy", "gflops_float32", "gflops_bf16", "copy_gb_per_second",
        "rendering_share", "rendering_images_per_second", "plain_seconds_to_accuracy",
        "plain_accuracy_on_digits", "plain_accuracy_on_fresh_renders",
        "option_1_10_seconds", "option_1_10_sklearn_seconds", "option_2_10_plain_seconds",
        "sweep_seconds", "import_seconds", "help_seconds", "peak_memory_gb",
        *(f"{work}_busy_ratio" for work in ("stroke", "option_1", "option_2", "scoring")),
        "pretraining_busy_ratio", "plain_busy_ratio",
    }  # fmt: skip
    assert promised <= report.keys() and promised <= report["parts"].keys()
    for key, part in report["parts"].items():
        assert part["lowest"] <= part["median"] <= part["highest"], key
        assert report[key] == part["median"] and part["highest"] >= 0
    rate = report["images_per_second"]
    ahead = rate / report["plain_images_per_second"]
    assert report["speedup"] == pytest.approx(ahead), "one turn, so the ratio of the medians"
    assert report["rendering_share"] == pytest.approx(rate / report["rendering_images_per_second"])
    limit = report["gflops_bf16" if machine.has_fast_bf16() else "gflops_float32"]
    assert report["share_of_limit"] == pytest.approx(rate * bench.flops_per_image() / 1e9 / limit)


def test_the_table_has_each_figure_with_its_spread_and_replaces_the_last_one(figures, tmp_path):
    page = tmp_path / "speed.md"
    page.write_text(f"Before.\n{BEGIN}old\n{END}After.\n", encoding="utf-8")
    for _ in range(2):
        bench.write_speed_page(figures, page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("Before.\n") and text.endswith("After.\n") and "old" not in text
    assert all(text.count(f"| {figure.says} |") == 1 for figure in figures)


def test_the_verb_prints_the_table_and_ends_with_json(figures, monkeypatch, capsys):
    monkeypatch.setattr(bench, "measure_figures", lambda **_: figures)
    assert cli.main(["bench", "--json"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert json.loads(lines[-1])["speedup"] > 0 and lines[0].startswith(f"| {machine.summary()}")


def test_what_is_compared_takes_turns_and_the_first_turn_is_not_counted():
    order, counter = [], itertools.count()

    def program(name):
        return lambda: order.append(name) or next(counter)

    turns = bench.in_turn(2, a=program("a"), b=program("b"))
    assert order == ["a", "b"] * 3
    assert turns == {"a": (2, 4), "b": (3, 5)}
    assert bench.ratios(turns["b"], turns["a"]) == (3 / 2, 5 / 4)
    assert Figure("x", "x", "", (3.0, 1.0, 2.0)).as_dict()["median"] == 2.0


def test_the_operations_of_an_image_are_counted():
    by_hand, until = (
        0,
        pretraining.RECIPE.freeze_layer1_after,
    )  # the share with a gradient of layer 1
    for (into, out), kernel, size in zip(
        ((3, 32), (32, 64), (64, 128), (128, 256)), (7, 3, 3, 3), (32, 16, 8, 4), strict=True
    ):
        once = 2 * into * out * kernel**2 * size**2
        gradients = {3: until, 32: 1 + until}.get(into, 2)  # none of the pixels
        by_hand += (1 + gradients) * once
    by_hand += 3 * 2 * 1024 * 1000
    assert bench.flops_per_image() == pytest.approx(by_hand, rel=0.01)


def test_the_rivals_see_the_pictures_that_the_course_sees(tmp_path):
    source = EmojiImages(0)
    folder = rivals.on_disk(source, 300, tmp_path / "pictures")
    loader = rivals.files(folder, 0)
    assert len(loader.dataset) == 300
    x, y = source.batch(0, 300)
    for place, (path, label) in enumerate(sorted(loader.dataset.samples, key=lambda s: s[0][-11:])):
        assert label == y[place], path
        seen = to_picture(loader.dataset.transform(loader.dataset.loader(path))[None])
        assert (seen[0] - to_picture(x[place : place + 1])[0]).abs().max() < 1 / 254
    batch, labels = next(iter(loader))
    assert batch.shape == (pretraining.BATCH, 3, 32, 32) and labels.dtype == torch.int64


def test_the_plain_loop_learns_and_leaves_frozen_layers_alone():
    digits = handwritten()
    labelled = draw(digits.pool, 50, 0)
    net = pretraining.pretrained()
    for frozen in (True, False):
        other = with_new_output(net, 10, frozen)
        steps = rivals.train_plainly(
            other, rivals.shuffled(labelled), rivals.rate("1" if frozen else "2", 50)
        )
        losses = list(itertools.islice(steps, 30))
        assert losses[-1] < losses[0] / 4
        assert (layers_fingerprint(other) == layers_fingerprint(net)) == frozen
        assert training.accuracy(other, digits.validation.x, digits.validation.y) > 0.7


def test_asking_is_not_counted_and_a_rival_may_fail(monkeypatch):
    net, asked, clock = FiveLayerNet(2, batch_norm=True), [], [0.0]
    monkeypatch.setattr(rivals.time, "perf_counter", lambda: clock[0])

    def steps():
        while True:
            assert net.training
            clock[0] += 1.0
            yield 0.0

    def reached():
        clock[0] += 100.0
        asked.append(net.eval())
        return len(asked) == 3

    assert rivals.seconds_until(reached, net, steps(), every=5, most=100) == (15.0, True)
    assert rivals.seconds_until(lambda: False, nn.Linear(1, 1), iter([0.0] * 9), 2, 6)[1] is False


def test_the_regression_of_scikit_learn_is_as_good_on_the_same_features():
    digits = handwritten()
    labelled = draw(digits.pool, 50, 0)
    net = pretraining.pretrained()
    fitted = rivals.logistic_regression(features(net, labelled.x), labelled.y, 1e-2)
    seen = features(net, digits.validation.x).numpy()
    course = output_layers(net, [labelled], [0], [1e-2]).right(
        features(net, digits.validation.x), digits.validation.y
    )
    score = fitted.score(seen, digits.validation.y.numpy())
    assert score == pytest.approx(course.float().mean().item(), abs=0.002)
