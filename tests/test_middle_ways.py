"""Ways between the options: each changes what it says it does, and nothing else."""

import copy

import pytest
import torch

from tl_course.core import pretraining, transfer
from tl_course.core.network import LAYERS, layers_fingerprint, replace_output_layer
from tl_course.core.session import Recipe, parameter_groups
from tl_course.core.settings import Settings
from tl_course.data.examples import draw
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.n05_how_much_data import middle_ways
from tl_course.lessons.n05_how_much_data.middle_ways import adapted_by_way
from tl_course.study import tuning

STEPS = 10


@pytest.fixture(scope="module")
def ten():
    return draw(handwritten().pool, 10, 0)


@pytest.fixture(scope="module")
def net():
    return pretraining.pretrained()


def kept_along_the_way(way, net, labelled):
    """The network before each step and at the end."""
    start, states = replace_output_layer(net, 10), []
    batch_at = transfer.batches(labelled.x, labelled.y, 0)

    def watched(step):
        states.append(copy.deepcopy(start.state_dict()))
        return batch_at(step)

    middle_ways.WAYS[way](start, watched, Settings(learning_rate=1e-3, steps=STEPS))
    return [*states, start.state_dict()]


def test_layers_are_let_go_one_after_another_from_the_top(net, ten):
    states = kept_along_the_way("gradual unfreezing", net, ten)
    for number, name in enumerate(reversed(LAYERS), 1):
        moved = [
            not torch.equal(a[f"{name}.weight"], b[f"{name}.weight"])
            for a, b in zip(states, states[1:], strict=False)
        ]
        first = STEPS * number // 5
        assert moved == [step >= first for step in range(STEPS)], name


def test_rates_fall_with_the_depth_of_a_layer(net):
    start = replace_output_layer(net, 10).requires_grad_(True)
    groups = parameter_groups(start, Recipe(1, 1e-3, layer_lr_decay=0.5))
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert len(rates) == len(list(start.parameters()))
    for layer, below in zip(("output", *reversed(LAYERS)), range(5), strict=True):
        for parameter in getattr(start, layer).parameters():
            assert rates[id(parameter)] == pytest.approx(1e-3 * 0.5**below), layer
    usual = parameter_groups(start, Recipe(1, 1e-3))
    assert len(usual) == 3 and {group["lr"] for group in usual} == {1e-3}


def test_lora_adds_a_change_of_low_rank_to_frozen_weights(net, ten):
    states = kept_along_the_way("LoRA", net, ten)
    assert states[-1].keys() == replace_output_layer(net, 10).state_dict().keys(), "any network"
    for name in LAYERS:
        before, after = getattr(net, name).weight, states[-1][f"{name}.weight"]
        change = torch.linalg.svdvals((after - before).flatten(1))
        assert change[0] > 1e-3 and (change[middle_ways.RANK :] < 1e-4 * change[0]).all(), name
        assert torch.equal(states[-1][f"{name}.bias"], getattr(net, name).bias)


@pytest.mark.parametrize("way", middle_ways.WAYS)
def test_every_way_learns_the_same_each_time_and_leaves_the_source_alone(net, ten, way):
    before, state = layers_fingerprint(net), torch.get_rng_state()
    chosen = Settings(learning_rate=3e-3, steps=30)
    first, other = (adapted_by_way(way, net, ten, chosen, 3, True) for _ in range(2))
    assert layers_fingerprint(first) == layers_fingerprint(other) != before
    assert layers_fingerprint(net) == before and torch.equal(torch.get_rng_state(), state)
    digits = handwritten().validation[::10]
    assert (first(digits.x).argmax(1) == digits.y).float().mean() > 0.4


def test_ways_are_tuned_and_measured_and_go_on_where_they_were(net, monkeypatch):
    monkeypatch.setattr(middle_ways, "WAYS", {"LoRA": middle_ways.lora})
    monkeypatch.setattr(middle_ways, "RATES", {"LoRA": (1e-3,)})
    monkeypatch.setattr(middle_ways, "STEPS", {False: (2, 3), True: (2,)})
    monkeypatch.setattr(tuning, "DRAWS", {False: 2, True: 1})
    target = handwritten()
    tuned = middle_ways.middle_ways_tuning_rows(net, lambda: target, (10,), [])
    rows = [row for some in tuned for row in some]
    assert len(rows) == 5 and set(rows[0]) == {*middle_ways.KEYS, "accuracy"}
    assert not list(middle_ways.middle_ways_tuning_rows(net, lambda: target, (10,), rows))
    chosen = {("LoRA", augmented, 10): Settings(steps=2) for augmented in (False, True)}
    monkeypatch.setattr(middle_ways.settings, "chosen_settings", {middle_ways.TUNING: chosen}.get)
    measured = list(middle_ways.middle_ways_rows(net, lambda: target, (10,), 2, []))
    assert len(measured) == 4 and all(len(row["right"]) == len(target.test) for row in measured)
    assert measured[0]["accuracy"] == pytest.approx(measured[0]["right"].mean())
    left = list(middle_ways.middle_ways_rows(net, lambda: target, (10,), 2, measured[1:]))
    assert len(left) == 1 and left[0]["accuracy"] == measured[0]["accuracy"]
