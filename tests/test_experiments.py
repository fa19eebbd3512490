"""The small experiments of the lessons, on real digits at a small size."""

import torch

from tl_course import experiments, transfer
from tl_course.sources.emoji_images import EmojiImages
from tl_course.targets.examples import draw
from tl_course.transfer import Settings


def test_how_far_layers_moved(net, target):
    ten = draw(target.pool, 10, 0)
    frozen = transfer.option_1(net, ten.x, ten.y).net
    assert experiments.moved(net, frozen) == {f"layer {i}": 0.0 for i in (1, 2, 3, 4)}
    tuned = transfer.option_2(net, ten.x, ten.y, chosen=Settings(rate=1e-3, steps=10)).net
    assert all(0 < change < 1 for change in experiments.moved(net, tuned).values())


def test_with_the_old_output_layer_nothing_is_forgotten_under_option_1(net, target):
    ten = draw(target.pool, 10, 0)
    back = experiments.with_old_output(transfer.option_1(net, ten.x, ten.y).net, net)
    x, _ = EmojiImages(5).batch(0, 50)
    assert torch.equal(back(x), net(x))
    rows = experiments.forgetting(net, target, EmojiImages(5), [10], 1, renders=300)
    found = {row["arm"]: row["accuracy"] for row in rows}
    assert found["option-1"] == found["before"] > found["option-2"] > 0.1


def test_training_and_test_curves(net, target):
    rows = experiments.overfitting(net, draw(target.pool, 10, 0), target.test[::20], every=25)
    last = {(r["arm"], r["part"]): r["accuracy"] for r in rows}
    assert last["option-1", "training"] == last["option-2", "training"] == 1.0
    assert last["option-1", "test"] < 0.9 and last["option-2", "test"] < 0.9
    first = {(r["arm"], r["part"]): r["accuracy"] for r in reversed(rows)}
    assert first["option-2", "test"] <= 0.2, "before the first step it can only guess"


def test_other_forms_are_changes_that_the_checks_let_pass(net, target):
    x = target.test.x[:4]
    for change in experiments.FORMS.values():
        assert transfer.compatible(net, change(x)) is None
    rows = experiments.other_forms(net, target, 10, 1)
    assert len(rows) == 2 * len(experiments.FORMS)
