"""The small experiments of the lessons, on real digits at a small size."""

from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch

from tl_course.core import settings, training, transfer
from tl_course.core.network import layers_fingerprint
from tl_course.core.settings import Settings
from tl_course.data.examples import draw
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.lessons.n03_option_1_freeze import experiments as other_forms
from tl_course.lessons.n04_option_2_fine_tune import experiments
from tl_course.study import by_hand, forgetting, results


def test_how_far_layers_moved(net, target):
    ten = draw(target.pool, 10, 0)
    frozen = transfer.option_1(net, ten).net
    assert forgetting.moved_by_layer(net, frozen) == {f"layer {i}": 0.0 for i in (1, 2, 3, 4)}
    tuned = transfer.option_2(net, ten, chosen=Settings(learning_rate=1e-3, steps=10)).net
    assert all(0 < change < 1 for change in forgetting.moved_by_layer(net, tuned).values())


def test_with_the_old_output_layer_nothing_is_forgotten_under_option_1(net, target):
    ten = draw(target.pool, 10, 0)
    back = forgetting.with_old_output(transfer.option_1(net, ten).net, net)
    x, _ = EmojiImages(5).batch(0, 50)
    assert torch.equal(back(x), net(x))
    target = replace(target, test=target.test[::20])
    rows = list(forgetting.forgetting(net, target, EmojiImages(5), [10], 1, renders=300))
    accuracies = {row["arm"]: row["accuracy"] for row in rows}
    assert accuracies["option-1"] == accuracies["before"] > accuracies["option-2"] > 0.1
    assert len(rows) == 3, "ten digits have the settings of fifty, so there is no control"


def test_forgetting_is_measured_on_the_networks_that_the_options_give_by_default(net, target):
    target = replace(target, test=target.test[::20])
    ten = draw(target.pool, 10, 1)
    tuned_2 = transfer.option_2(net, ten, seed=1)
    seed_0 = forgetting.forgetting(net, target, EmojiImages(5), [10], 2, renders=50)
    row = [row for row in seed_0 if row["arm"] == "option-2"][1]
    assert row["draw"] == 1
    for layer, share in forgetting.moved_by_layer(net, tuned_2.net).items():
        assert row[layer.replace("layer ", "moved_")] == pytest.approx(share, rel=1e-6)
    assert row["test"] == training.accuracy(tuned_2.net, target.test.x, target.test.y)
    tuned = settings.chosen("option-2", 10)
    assert (row["settings"], row["rate"], row["steps"]) == (
        "tuned",
        tuned.learning_rate,
        tuned.steps,
    )


def test_other_settings_get_a_control_and_a_later_sitting_goes_on(net, target, monkeypatch):
    target = replace(target, test=target.test[::20])
    chosen = {
        20: Settings(learning_rate=1e-3, steps=4),
        forgetting.SMALL_STEPS: Settings(1e-3, 1e-5, 2),
    }
    monkeypatch.setattr(settings, "chosen", lambda arm, images, augment=False: chosen[images])
    make = partial(forgetting.forgetting, net, target, EmojiImages(5), [20], 2, renders=50)
    rows = list(make())
    assert [(row["arm"], row["settings"], row["draw"]) for row in rows[1:]] == [
        (arm, settings, number)
        for number in (0, 1)
        for arm, settings in (
            ("option-1", "tuned"), ("option-2", "tuned"), ("option-2", forgetting.CONTROL)
        )
    ]  # fmt: skip
    assert [row["steps"] for row in rows[2:4]] == [4, 2]
    assert rows[2]["moved_1"] > rows[3]["moved_1"] > 0
    trained = []
    adapt = transfer.adapt
    monkeypatch.setattr(
        transfer, "adapt", lambda *some, **more: trained.append(1) or adapt(*some, **more)
    )
    stopped = pd.DataFrame(rows[:-1]).to_dict("records")
    again = list(make(done=stopped))
    assert len(trained) == 1 and [r["test"] for r in again] == pytest.approx(
        [r.get("test") for r in stopped] + [rows[-1]["test"]], nan_ok=True
    )
    chosen[20] = Settings(learning_rate=1e-3, steps=5)
    assert [row["steps"] for row in make(done=stopped)][2:4] == [5, 2], "what is stale is redone"


def test_the_gaps_of_both_options_are_compared_on_the_same_draws():
    right = {"option-1": [[1, 1, 0, 0], [1, 1, 1, 0]], "option-2": [[1, 0, 0, 0], [1, 1, 0, 0]]}
    scored = pd.DataFrame(
        {"arm": arm, "augmented": False, "images": 10, "draw": number, "right": row}
        for arm, rows in right.items()
        for number, row in enumerate(rows)
    )
    common = {"arm": "option-2", "images": 10}
    costs = pd.DataFrame(
        [{"settings": "tuned", **common, "draw": number, "training": 1.0} for number in (1, 0)]
        + [{"settings": "tuned", **common, "arm": "option-1", "draw": 0, "training": 0.9}]
        + [{"settings": "tuned", **common, "arm": "option-1", "draw": 1, "training": 1.0}]
        + [{"settings": forgetting.CONTROL, **common, "draw": 0, "training": 0.0}]
    )
    gaps = forgetting.overfitting_gaps(costs, scored, 10)
    assert gaps["option-1"] == pytest.approx(100 * (0.4 + 0.25) / 2)
    assert gaps["option-2"] == pytest.approx(100 * (0.75 + 0.5) / 2)
    assert gaps["larger"] == pytest.approx(gaps["option-2"] - gaps["option-1"])
    assert gaps["draws"] == 2 and gaps["interval"] > 0


def test_forgetting_runs_option_2_with_the_settings_of_fifty_where_it_has_others():
    assert [run[:2] for run in forgetting.plan(50)] == [("tuned", f"option-{n}") for n in (1, 2)]
    *_, tuned, control = forgetting.plan(200)
    small = forgetting.plan(50)[-1][2]
    assert control == (forgetting.CONTROL, "option-2", small) and tuned[2] != small


def test_each_draw_is_watched(net, target):
    tens = [draw(target.pool, 10, number) for number in range(2)]
    rows = experiments.overfitting_of_all(net, tens, target.test[::100], every=50)
    assert rows[: len(rows) // 2] == experiments.overfitting(
        net, tens[0], target.test[::100], every=50
    )


def test_training_and_test_curves(net, target):
    rows = experiments.overfitting(net, draw(target.pool, 10, 0), target.test[::20], every=25)
    last = {(r["arm"], r["part"]): r["accuracy"] for r in rows}
    assert last["option-1", "training"] == last["option-2", "training"] == 1.0
    assert last["option-1", "test"] < 0.9 and last["option-2", "test"] < 0.9
    first = {(r["arm"], r["part"]): r["accuracy"] for r in reversed(rows)}
    assert first["option-2", "test"] <= 0.2, "before the first step it can only guess"


def test_other_forms_are_changes_that_the_checks_let_pass(net, target):
    x = target.test.x[:4]
    for change in other_forms.FORMS.values():
        assert net.requirement.mismatch(change(x), "image") is None
    rows = other_forms.other_forms(net, target, 10, 1)
    assert len(rows) == 2 * len(other_forms.FORMS)


def test_by_hand_frozen_is_frozen_and_everything_else_moves(net, target):
    ten = draw(target.pool, 10, 0)
    frozen, tuned = (by_hand.by_hand(net, ten, freeze, 1e-3, 2) for freeze in (True, False))
    assert layers_fingerprint(frozen) == layers_fingerprint(net) != layers_fingerprint(tuned)
    assert frozen.output.weight.abs().sum() > 0 and frozen.output.out_features == 10


def test_by_hand_and_the_library_are_level_over_ten_draws():
    """Within a point on average, both options, as the notebooks show them."""
    table = results.load("by_hand").query("rate != 0.001 or arm == 'option-1'")
    mean = 100 * table.groupby(["arm", "made"]).accuracy.mean().unstack()
    assert (table.groupby(["arm", "made"]).draw.nunique() == 10).all()
    assert ((mean["by hand"] - mean["library"]).abs() < 1).all(), mean
