"""Trials, portraits and cells: what the experiments of learners compute, without any widget."""

import copy
import math
import threading

import pytest
import torch
from sentences import refused

from tl_course.base.errors import script
from tl_course.core import training, transfer
from tl_course.core.network import fingerprint
from tl_course.core.output_layers import altered, copies_of, features, seen
from tl_course.core.training import Callbacks
from tl_course.data.examples import Examples, Target, draw
from tl_course.data.targets.handwritten import handwritten
from tl_course.layers import portrait
from tl_course.study import forgetting, matrix, matrix_cells, results, trials
from tl_course.study.trials import Trial


@pytest.fixture(scope="module")
def nets():
    return matrix.pretrained_by_modality()


@pytest.fixture(scope="module")
def target():
    digits = handwritten()
    return Target(digits.pool, digits.validation, digits.test[::5])


def test_a_trial_is_the_same_adaptation_as_everywhere_else(nets, target):
    ten = draw(target.pool, 10, 3)
    run = trials.run_trial(Trial(option="1", images=10, seed=3), nets, target)
    alone = transfer.option_1(nets["image"], ten, test=target.test)
    assert run.accuracy == pytest.approx(alone.accuracy, abs=1e-6)
    assert run.looks[0].loss == pytest.approx(math.log(10), abs=1e-4)
    assert 60 <= run.looks[-1].step == run.looks[-1].steps == len(alone.history.loss) <= 100
    assert run.looks[-1].loss == pytest.approx(alone.history.loss[-1], abs=1e-4)
    random = trials.run_trial(Trial("random", "1", images=10, seed=3), nets, target)
    alone = transfer.random_frozen(ten, seed=3, test=target.test)
    assert random.accuracy == pytest.approx(alone.accuracy, abs=1e-6)


def test_first_layers_stay_fixed_and_the_source_network_is_never_touched(nets, target, monkeypatch):
    before = {name: fingerprint(net) for name, net in nets.items()}
    runs = []
    real = transfer.fine_tune
    monkeypatch.setattr(
        trials.transfer, "fine_tune", lambda *a, **k: runs.append(real(*a, **k)) or runs[-1]
    )
    run = trials.run_trial(Trial(frozen=2, images=10, learning_rate=1e-3), nets, target)
    (adapted,) = runs
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        after, source = (getattr(net, layer).weight for net in (adapted.net, nets["image"]))
        assert torch.equal(after, source) == (layer in ("layer1", "layer2"))
    assert run.looks[-1].step == run.looks[-1].steps == trials.settings_of_trial(run.trial).steps
    assert trials.settings_of_trial(run.trial).learning_rate == 1e-3
    assert {name: fingerprint(net) for name, net in nets.items()} == before


def test_how_far_layers_moved_is_told_along_the_way_and_is_what_notebook_04_shows(
    nets, target, monkeypatch
):
    real, pairs, shares = transfer.fine_tune, [], []

    def fine_tune(start, *arguments, **more):
        before, adapted = copy.deepcopy(start), real(start, *arguments, **more)
        pairs.append((before, adapted.net))
        return adapted

    monkeypatch.setattr(trials.transfer, "fine_tune", fine_tune)
    trial = Trial(frozen=1, images=10, learning_rate=1e-2)
    run = trials.run_trial(trial, nets, target, tell=lambda looks: shares.append(looks[-1].moved))
    assert shares[0] == (0, 0, 0, 0) and shares[-1] == run.moved
    by_hand = list(forgetting.moved_by_layer(*pairs[0]).values())
    assert run.moved == pytest.approx(by_hand, abs=1e-4)
    assert run.moved[0] == 0 and min(run.moved[1:]) > 0.001
    assert all(len(moved) == 4 for moved in shares)
    monkeypatch.undo()
    fixed = trials.run_trial(Trial(option="1", images=10), nets, target)
    assert {look.moved for look in fixed.looks} == {(0, 0, 0, 0)}


@pytest.mark.parametrize("start", ["spoken names", "written names"])
def test_a_start_of_another_modality_is_tried_and_does_worse(start, nets, target):
    other = trials.run_trial(Trial(start, "1", seed=1), nets, target)
    same_modality = trials.run_trial(Trial("drawings", "1", seed=1), nets, target)
    assert 0.3 < other.accuracy < same_modality.accuracy
    assert "points ahead on the" in trials.compared(same_modality, other)


@pytest.mark.parametrize("trial", [Trial(option="1", augment=True), Trial(), Trial("random")])
def test_a_run_that_is_stopped_ends_within_a_batch(trial, nets, target):
    stop, seen = threading.Event(), []

    def tell(looks):
        seen.append(looks[-1].step)
        stop.set()

    run = trials.run_trial(trial, nets, target, stop=stop, tell=tell)
    assert seen == [0] and run.accuracy is None and run.right is None
    with refused("stopped_run"):
        trials.compared(run, run)


def test_copies_are_the_same_whether_they_are_made_together_or_not(nets, target):
    ten = draw(target.pool, 10, 0)
    x, y = seen(nets["image"], ten, 0, augment=True)
    views = [altered(ten.x, 0, view) for view in range(copies_of(10))]
    alone = torch.cat([features(nets["image"], view) for view in (ten.x, *views)])
    assert torch.allclose(x, alone, atol=1e-4) and len(y) == 10 * (copies_of(10) + 1)


@pytest.mark.parametrize("option", ["1", "2"])
@pytest.mark.parametrize("start", ["drawings", "random"])
def test_stop_is_heeded_before_the_first_step_too(start, option, nets, target):
    stop = threading.Event()
    stop.set()
    run = trials.run_trial(Trial(start=start, option=option, images=200), nets, target, stop=stop)
    assert run.accuracy is None and run.looks == ()


def test_after_a_stop_no_part_follows_the_first(nets, target):
    stop, x = threading.Event(), target.test.x[torch.arange(1200) % len(target.test)]
    assert len(training.predict(nets["image"], x, stop)) == 1200
    stop.set()
    assert len(training.predict(nets["image"], x, stop)) == training.at_once(x) == 500
    y = torch.zeros(len(x), dtype=torch.long)
    for augment in (False, True):
        many = Examples(x, y, ("0", "1"))
        known, labels = seen(nets["image"], many, 0, augment, stop)
        assert len(known) == len(labels) == 500


def test_option_1_tells_what_it_does_and_can_be_stopped(nets, target):
    ten = draw(target.pool, 10, 0)
    stop, seen = threading.Event(), []

    def on_step(step, net, history):
        seen.append((step, len(history.loss), training.accuracy(net, ten.x, ten.y)))
        if step == 50:
            stop.set()

    stopped = transfer.option_1(nets["image"], ten, callbacks=Callbacks(on_step=on_step, stop=stop))
    assert [step for step, *_ in seen] == [0, 10, 20, 30, 40, 50, 50]
    assert all(step == losses for step, losses, _ in seen) and seen[-1][2] == 1.0
    assert not stopped.history.finished
    whole = transfer.option_1(nets["image"], ten)
    watched = transfer.option_1(nets["image"], ten, callbacks=Callbacks(on_step=lambda *_: None))
    assert whole.history.finished and whole.history.loss == watched.history.loss
    assert fingerprint(whole.net) == fingerprint(watched.net)


def test_runs_survive_as_plain_text_and_damaged_ones_are_refused(nets, target):
    run = trials.run_trial(Trial(option="1", images=10), nets, target)
    plain = trials.to_plain(run)
    back = trials.from_plain(plain, len(target.test))
    assert back.trial == run.trial and torch.equal(back.right, run.right)
    assert back.accuracy == pytest.approx(run.accuracy) and trials.to_plain(back) == plain
    for change in (
        {"right": "%"}, {"right": ""}, {"curve": []}, {"curve": 7}, {"images": 11}, {"steps": "x"},
        {"more": 1}, {"frozen": "2"}, {"seconds": math.nan}, {"curve": [[0, math.inf, 0.5]]},
        {"augment": 1}, {"seed": -1}, {"rate": 0.5}, {"moved": [0, 0, 0]}, {"moved": "1234"},
        {"moved": [0, 0, 0, -1]}, {"moved": [0, 0, 0, math.nan]}, {"moved": None},
    ):  # fmt: skip
        with refused("damaged|unknown_choice|frozen"):
            trials.from_plain(plain | change, len(target.test))
    for no_run in (None, 3, [], {}):
        with refused("damaged"):
            trials.from_plain(no_run, len(target.test))
    older = {key: value for key, value in plain.items() if key != "moved"}
    assert back.moved == run.moved and trials.from_plain(older, len(target.test)).moved == ()


def test_what_borrows_nothing_is_no_option():
    assert Trial("random").words.startswith("from scratch, 50 images")
    assert Trial("random", frozen=2).words.startswith("random layers, 2 frozen, ")
    assert Trial("random", "1").words.startswith("random layers, all frozen, ")
    assert Trial(frozen=2).words.startswith("drawings, Option 2, 2 frozen, ")


def test_trials_that_do_not_exist_are_refused_in_a_sentence():
    for wrong in ({"start": "photographs"}, {"option": "3"}, {"frozen": 5}):
        with refused("unknown_choice|frozen"):
            Trial(**wrong)


def test_a_portrait_shows_the_filter_the_best_patches_and_a_map(nets):
    portraits = portrait.Portraits({"trained": nets["image"]}, renders=100)
    liked = portraits.liked("trained", "layer1", 22)
    weight = nets["image"].layer1.weight[22]
    assert torch.allclose(liked, 2 * weight / weight.abs().max(), atol=1e-5)
    top = portraits.patches("trained", "layer2")
    assert top.patches.shape == (64, 9, 3, 12, 12) and (top.values.diff(dim=1) <= 0).all()
    assert portraits.patches("trained", "layer2") is top  # kept
    made = portraits.liked("trained", "layer2", 21)
    answers = [
        portraits.strongest("trained", "layer2", torch.nn.functional.pad(x, (10, 10, 10, 10)))[21]
        for x in (made, top.patches[20, 0])
    ]
    assert made.shape == (3, 12, 12) and answers[0] > answers[1]
    digit = handwritten().test.x[0]
    assert portraits.answers("trained", "layer1", digit).shape == (32, 32, 32)
    for wrong in (torch.zeros(1, 32, 32), torch.zeros(3, 4, 32), torch.zeros(32, 32)):
        with refused("shape"):
            portraits.answers("trained", "layer1", wrong)
    for layer, unit in (("layer5", 0), ("layer1", 32), ("layer1", -1)):
        with refused("no_layer|no_unit"):
            portraits.liked("trained", layer, unit)


def test_a_picture_survives_as_text():
    x = handwritten().test.x[5]
    back = portrait.picture_from_text(portrait.picture_to_text(x))
    assert torch.allclose(back, x, atol=0.01)
    for damaged in ("", "AAAA", "%", None, 5, portrait.picture_to_text(x)[:80]):
        with refused("damaged"):
            portrait.picture_from_text(damaged)


def test_a_cell_says_what_the_table_says():
    table = results.load("matrix")
    cells = matrix_cells.measured_cells(table, 50, "1")
    rows = table[(table.images == 50) & (table.option == "1")]
    mean = rows[(rows.source == "image") & (rows.target == "handwritten")].accuracy.mean()
    sentence = matrix_cells.cell_in_words(cells, "handwritten", "image", 50, "1")
    assert f"{100 * mean:.1f}%" in sentence and "ahead of random layers" in sentence
    gains = matrix.ahead(rows, ("random", "1")).set_index(["target", "source"])
    for (name, source), row in gains.iterrows():
        if source in matrix.SOURCES:
            sentence = matrix_cells.cell_in_words(cells, name, source, 50, "1")
            assert ("may be chance" in sentence) == (abs(row.ahead) <= row.interval)
            assert f"± {row.interval:.1f}" in sentence
    scratch = matrix_cells.measured_cells(table, 200, "2")
    assert "The control" in matrix_cells.cell_in_words(scratch, "written", "random", 200, "2")
    assert "from scratch" in matrix_cells.cell_in_words(scratch, "written", "text", 200, "2")


def test_every_source_and_target_has_examples():
    for source in matrix_cells.LEARNT:
        shown = matrix_cells.of_source(source)
        assert len(shown.x) == len(shown.captions) and bool(len(shown.x)) == (source != "random")
        assert bool(shown.sounds) == (source == "audio")
    for name in matrix.CALLED:
        shown = matrix_cells.of_target(name)
        assert len(shown.x) == len(shown.captions)
        if name != "spoken-real":
            assert len(shown.x) == 4 and bool(shown.sounds) == (name == "spoken")
        elif not len(shown.x):
            assert shown.title.endswith(f"in a new cell: !{script('free_spoken_digits')}")
    for give in (matrix_cells.of_source, matrix_cells.of_target):
        with refused("no_source|no_target"):
            give("smell")
