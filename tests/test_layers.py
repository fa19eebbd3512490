"""What layers see: receptive fields, patches, gratings, stimuli, preferences, made pictures."""

import math
import threading

import pandas as pd
import pytest
import torch
from sentences import refused
from torch import nn

from tl_course.core import files, network, pretraining
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import handwritten
from tl_course.data.targets.letters import FONTS, letters
from tl_course.data.targets.photographs import crops, photograph, scenes
from tl_course.layers import filters, gratings, preference, snapshots, stimuli, synthesis
from tl_course.layers.patches import top_patches
from tl_course.layers.responses import (
    at_centre,
    convolutions,
    crop,
    receptive_field,
    responses,
    smallest_canvas,
)
from tl_course.lessons.n02_what_layers_see import experiments as layer_experiments

LAYERS = list(network.LAYERS)


def one_filter(*kernels: torch.Tensor) -> nn.Sequential:
    """A network of one layer with the given filters `[3, 7, 7]`."""
    net = nn.Sequential(nn.Conv2d(3, len(kernels), 7, padding=3))
    net[0].weight.data = torch.stack(kernels)
    net[0].bias.data.zero_()
    return net


def bar(size: int = 7) -> torch.Tensor:
    """A bright vertical line two pixels wide between dark flanks."""
    kernel = -torch.ones(3, size, size)
    kernel[:, :, size // 2 : size // 2 + 2] = 2.5
    return kernel - kernel.mean()


def test_layers_are_found_and_a_wrong_name_is_answered_with_the_right_ones(net):
    assert convolutions(net) == LAYERS
    with refused("no_layer", "'layer9'", "layer1, layer2"):
        responses(net, torch.zeros(1, 3, 32, 32), ["layer9"])


def test_responses_are_those_of_the_layers(net):
    x = torch.randn(2, 3, 32, 32)
    activations = responses(net, x, ["layer2", "layer1"])
    assert list(activations) == ["layer2", "layer1"]
    assert torch.equal(activations["layer1"], net.layer1(x))
    assert torch.allclose(activations["layer2"], net.layer2(net.layer(1, x)))
    assert all(not module._forward_hooks for module in net.modules())


def test_two_threads_look_into_one_network_at_once(net):
    x, between = torch.rand(2, 3, 32, 32), []

    def another(*_):  # it begins and ends while the first is under way
        once.remove()
        thread = threading.Thread(
            target=lambda: between.append([responses(net, x, LAYERS), net(x)])
        )
        thread.start()
        thread.join()

    once = net.layer1.register_forward_pre_hook(another)
    maps = responses(net, x, LAYERS[:2])
    ((every, scores),) = between
    assert list(maps) == LAYERS[:2] and list(every) == LAYERS
    assert all(maps[name].equal(every[name]) for name in maps) and scores.shape == (2, 1000)


def test_receptive_fields_are_those_that_arithmetic_gives(net):
    # a convolution of k adds (k − 1) · stride, a pooling of 2 adds stride and doubles it
    size, stride = 1, 1
    for layer, kernel in zip(LAYERS, network.KERNELS, strict=True):
        size += (kernel - 1) * stride
        field = receptive_field(net, layer, size=64)
        assert field.size == (size, size)
        size, stride = size + stride, 2 * stride
    assert receptive_field(net, "layer1").rows[0] == (0, 4)  # cut off at the border


def test_receptive_fields_of_other_networks():
    odd = nn.Sequential(
        nn.Conv2d(3, 4, (3, 5), stride=2, padding=(1, 2)), nn.ReLU(), nn.AvgPool2d(3, 1, 1),
        nn.Conv2d(4, 2, 3, dilation=2, padding=2),
    )  # fmt: skip
    assert receptive_field(odd, "0").size == (3, 5)
    assert receptive_field(odd, "3").size == (3 + 2 * 2 + 4 * 2, 5 + 2 * 2 + 4 * 2)
    from torchvision.models import resnet18

    assert receptive_field(resnet18(weights=None), "layer1.0.conv2", size=64).size == (27, 27)


def test_nothing_outside_its_field_reaches_a_unit_and_everything_inside_does(net):
    for layer in LAYERS[:3]:
        field = receptive_field(net, layer)
        row, column = field.centre
        (top, bottom), (left, right) = field.rows[row], field.columns[column]
        x = torch.randn(1, 3, 32, 32)
        other = torch.randn(1, 3, 32, 32)
        other[:, :, top:bottom, left:right] = x[:, :, top:bottom, left:right]
        a, b = (responses(net, p, [layer])[layer][0, :, row, column] for p in (x, other))
        assert torch.allclose(a, b, atol=1e-4)
        patch = crop(x, field, torch.tensor([row]), torch.tensor([column]))
        assert torch.allclose(at_centre(net, layer, patch, field)[0], a, atol=1e-4)
        small, size = smallest_canvas(net, layer)
        assert torch.allclose(at_centre(net, layer, patch, small, size)[0], a, atol=1e-4)
        border = x.clone()
        border[:, :, top, left:right] += 1
        assert not torch.allclose(responses(net, border, [layer])[layer][0, :, row, column], a)


def test_top_patches_are_the_best_of_all(net):
    source = EmojiImages(5)
    x = source.batch(0, 300)[0]
    best = top_patches(net, ["layer2"], lambda index: x[index], 300, k=4, batch=70)["layer2"]
    inner = responses(net, x, ["layer2"])["layer2"][:, :, 3:13, 3:13]  # fields not cut off
    value = inner.flatten(2).amax(2)
    assert torch.allclose(best.values, value.topk(4, dim=0).values.t(), atol=1e-4)
    assert torch.equal(best.pictures[:, 0], value.argmax(0))
    assert best.patches.shape == (64, 4, 3, 12, 12)
    field = receptive_field(net, "layer2")
    assert field.inside().nonzero().unique().tolist() == list(range(3, 13))
    again = at_centre(net, "layer2", best.patches[:, 0], field).diag()
    assert torch.allclose(again, best.values[:, 0], atol=1e-3)


def test_top_patches_can_show_a_different_thing_each(net):
    source = EmojiImages(5)
    best = top_patches(
        net, LAYERS, lambda index: source.at(index)[0], 3000, k=5, kind_of=source.labels
    )
    assert list(best) == LAYERS
    for layer, top in best.items():
        things = source.labels(top.pictures.flatten()).view(top.pictures.shape)
        assert all(len(set(row.tolist())) == 5 for row in things), layer
        assert (top.values[:, :1] >= top.values).all()


def test_of_each_kind_the_best_is_shown_however_many_of_one_excite_most(net):
    x = EmojiImages(5).batch(0, 300)[0]
    kinds = (torch.arange(300) >= 280).long() + (torch.arange(300) >= 290)  # 280, 10 and 10
    best = top_patches(
        net, ["layer2"], x.__getitem__, 300, k=3, kind_of=kinds.__getitem__, batch=90
    )["layer2"]
    assert (kinds[best.pictures].sort(1).values == torch.arange(3)).all()
    value = responses(net, x, ["layer2"])["layer2"][:, :, 3:13, 3:13].flatten(2).amax(2)
    of_each = torch.stack([value[kinds == kind].amax(0) for kind in range(3)], 1)
    assert torch.allclose(best.values, of_each.sort(1, descending=True).values, atol=1e-4)


def test_in_three_kinds_of_pictures_no_thing_digit_or_photograph_comes_twice(net):
    kinds = layer_experiments.best_of_kinds(net, "layer2", 200)
    assert len(kinds) == 3
    labels = (
        EmojiImages(pretraining.HELD_OUT_SEED).labels(torch.arange(200)),
        handwritten().test.y,
        scenes().pool.y,
    )
    for y, top in zip(labels, kinds.values(), strict=True):
        assert all(len(set(row.tolist())) == 9 for row in y[top.pictures])


def test_a_grating_finds_the_angle_the_frequency_and_the_colour_of_a_filter():
    steps = torch.arange(7) - 3.0
    window = torch.exp(-(steps[:, None] ** 2 + steps**2) / 6)
    grating = gratings.gratings(7) * window  # [axes, frequencies, orientations, phases, 3, 7, 7]
    net = one_filter(grating[0, 3, 5, 2], grating[0, 2, 20, 0], grating[1, 3, 12, 1])
    tuned = gratings.tuning(net, "0", size=16)
    step = 180 / gratings.ORIENTATIONS
    for unit, orientation in enumerate((5, 20, 12)):
        assert abs(tuned.orientation[unit].item() - orientation * step) <= 2 * step
    assert (tuned.orientation_selectivity > 0.5).all()
    assert tuned.axis.tolist() == [0, 0, 1]
    assert tuned.colour_selectivity[0] < -0.5 and tuned.colour_selectivity[2] > 0.5


def test_a_round_spot_has_no_preferred_angle():
    steps = torch.arange(7) - 3.0
    spot = torch.exp(-(steps[:, None] ** 2 + steps**2) / 3).expand(3, 7, 7)
    assert gratings.tuning(one_filter(spot - spot.mean()), "0", 16).orientation_selectivity < 0.2


@pytest.mark.parametrize("kind", stimuli.CLASSES)
@pytest.mark.parametrize("window", [7, 22])
def test_all_stimuli_have_one_mean_and_one_contrast_or_one_range(kind, window):
    x = stimuli.stimuli(kind, window, equal="range")
    assert x.mean((1, 2, 3)).abs().max() < 1e-5
    extent = x.amax((1, 2, 3)) - x.amin((1, 2, 3))
    assert torch.allclose(extent, torch.tensor(2.0), atol=1e-4) and x.abs().max() <= 2
    x = stimuli.stimuli(kind, window)
    assert x.shape[1:] == (3, window, window) and len(x) > 1000
    assert x.mean((1, 2, 3)).abs().max() < 1e-5
    assert torch.allclose(x[:, 0].flatten(1).std(1, correction=0), torch.tensor(0.5), atol=1e-3)
    assert (x.abs() < 2.6).float().mean() > 0.99  # within what pictures can show, but for dots
    half = len(x) // 2
    assert torch.equal(x[:half], -x[half:])  # light on dark and dark on light


def test_a_bar_filter_prefers_bars_and_an_edge_filter_edges():
    net = one_filter(bar(), filters.edge(30, 7, width=3.0))
    for equal in stimuli.EQUAL:
        best = preference.preferred(preference.class_responses(net, "0", size=16, equal=equal))
        assert [stimuli.CLASSES[i] for i in best] == ["bar", "edge"]


def test_a_unit_that_answers_to_nothing_prefers_nothing():
    answers = torch.tensor([[0.0, -1.0], [-2.0, -1.0], [1.0, 2.0]])
    assert preference.preferred(answers).tolist() == [-1, -1, 1]
    net = one_filter(torch.zeros(3, 7, 7))
    net[0].bias.data.fill_(1.0)  # as much to plain grey as to anything else
    answers = preference.class_responses(net, "0", size=16, every=27)
    assert preference.preferred(answers).tolist() == [-1]


def test_preferences_are_shares(net):
    rows = layer_experiments.preference({"it": ("trained", net)}, every=27)
    assert len(rows) == 2 * 4 * (len(stimuli.CLASSES) + 1)
    for row in rows:
        assert 0 <= row["share"] <= 1
        assert (row["response"] is None) == (row["stimulus"] == "none")
        assert row["response"] is None or -20 < row["response"] <= 1


def test_pictures_are_brought_to_one_mean_contrast_and_range():
    natural = EmojiImages(3).batch(0, 200)[0]
    looks = synthesis.looks_of(natural)
    x = synthesis.alike(torch.randn(5, 3, 32, 32) * 3 + 1, looks)
    assert torch.allclose(x.mean((1, 2, 3)), torch.tensor(looks.mean), atol=0.1)
    assert torch.allclose(x.std((1, 2, 3)), torch.tensor(looks.contrast), atol=0.1)
    assert x.min() >= -2 and x.max() <= 2


def test_made_pictures_excite_their_units_more_than_found_ones_and_leave_the_net_alone(net):
    before = network.fingerprint(net)
    wanted = [p.requires_grad for p in net.parameters()]
    made, rows = layer_experiments.synthesised(net, ["layer1", "layer2"], natural=300, steps=40)
    assert made["layer1"].shape == (32, 3, 7, 7) and made["layer2"].shape == (64, 3, 12, 12)
    better = [row["made"] > row["found"] for row in rows]
    assert len(rows) == 96 and sum(better) >= 0.9 * len(better)
    assert network.fingerprint(net) == before
    assert [p.requires_grad for p in net.parameters()] == wanted


def test_similarity_is_one_for_turned_and_scaled_features_and_small_for_others():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(400, 20, generator=generator)
    turned = a @ torch.linalg.qr(torch.randn(20, 20, generator=generator))[0] * 3 + 1
    other = torch.randn(400, 20, generator=generator)
    assert snapshots.similarity(snapshots.gram(a), snapshots.gram(turned)) == pytest.approx(
        1, abs=1e-4
    )
    assert snapshots.similarity(snapshots.gram(a), snapshots.gram(other)) < 0.2


def test_training_can_be_watched():
    net, callbacks = layer_experiments.trained_anew(7, 512 * 6)
    assert sorted(callbacks.filters) == list(range(13))
    assert torch.isfinite(net.layer1.weight).all()
    rows = callbacks.settling()
    assert {row["step"] for row in rows} == {0, 10, 12}
    assert all(row["similarity"] == pytest.approx(1) for row in rows if row["step"] == 12)
    assert all(row["similarity"] < 0.999 for row in rows if row["step"] == 0)


def test_a_network_with_other_kernels_can_be_trained_and_folded_but_not_saved(tmp_path):
    net, accuracy = layer_experiments.pretrained_plainly(7, 1024)
    assert net.layer1.weight.shape == (32, 3, 5, 5) and 0 <= accuracy <= 1
    with refused("kernels"):
        files.save(net, tmp_path / "net")


def test_usage_sums_to_one_and_knows_what_a_unit_is_worth(net):
    rows = layer_experiments.usage({"trained": net}, 200)
    for task in ("drawings", "digits", "letters", "photographs"):
        shares = [row["activity"] for row in rows if row["task"] == task]
        assert len(shares) == 32 and sum(shares) == pytest.approx(1, abs=1e-4)
    assert all((row["loss"] is None) == (row["task"] == "photographs") for row in rows)


def test_looking_leaves_a_network_in_its_mode_and_its_batch_norm_alone():
    from torchvision.models import resnet18

    resnet = resnet18(weights=None).train()
    before = network.fingerprint(resnet)
    responses(resnet, torch.randn(2, 3, 64, 96), ["layer1.0.conv1"])
    assert resnet.training and network.fingerprint(resnet) == before
    wide = torch.randn(20, 3, 48, 80)
    best = top_patches(resnet, ["layer1.0.conv1"], lambda index: wide[index], 20, k=2)
    assert best["layer1.0.conv1"].patches.shape == (64, 2, 3, 19, 19)


def test_filters_are_shown_by_angle_and_then_by_frequency(net):
    tuned = gratings.tuning(net, "layer1")
    order = filters.order(tuned)
    oriented = tuned.orientation_selectivity[order] > 0.5
    n = int(oriented.sum())
    assert oriented[:n].all() and not oriented[n:].any()
    assert (tuned.orientation[order][:n].diff() >= 0).all()
    assert (tuned.frequency[order][n:].diff() >= 0).all()


def test_letters_are_set_in_other_fonts_in_each_part():
    target = letters()
    families = [set(fonts) for fonts in FONTS.values()]
    assert not set.intersection(*families) and sum(map(len, families)) == len(
        set().union(*families)
    )
    for part in (target.pool, target.validation, target.test):
        assert part.names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        assert part.y.bincount().tolist() == [60] * 26
        assert part.x.shape[1:] == (3, 32, 32) and part.x.min() == -2 and part.x.max() > 1.5
        assert (part.x.flatten(1).amax(1) > 1).all(), "a letter is missing"


def test_photographs_come_whole_and_in_pieces():
    whole = photograph("flower", 120)
    assert whole.shape[:2] == (3, 120) and -2 <= whole.min() and whole.max() <= 2
    x, which = crops(40, seed=1)
    assert x.shape == (40, 3, 32, 32) and which.tolist() == [0, 1] * 20
    assert torch.equal(x, crops(40, seed=1)[0]) and not torch.equal(x, crops(40, seed=2)[0])
    assert math.isfinite(x.std().item()) and x.std() > 0.3
    with refused("no_photograph", "china, flower"):
        photograph("cat")


def test_straight_and_curved_are_sums_over_classes_and_means_over_networks():
    rows = [
        {"net": net, "kind": "trained", "equal": "range", "layer": "layer1", "stimulus": s,
         "share": share}
        for net, extra in (("a", 0.0), ("b", 0.2))
        for s, share in (("edge", 0.1), ("bar", 0.2 + extra), ("curve", 0.3), ("spiral", 0.1))
    ]  # fmt: skip
    shares = layer_experiments.straight_and_curved(pd.DataFrame(rows)).loc[
        "range", "trained", "layer1"
    ]
    assert shares.straight == pytest.approx(40) and shares.curved == pytest.approx(40)


def test_agreement_counts_idle_units_and_takes_the_lowest_rank_correlation():
    activity = {"x": [0.1, 0.2, 0.3, 0.4], "y": [0.4, 0.3, 0.28, 0.02], "z": [0.1, 0.2, 0.3, 0.4]}
    rows = [
        {"net": "it", "task": task, "unit": unit, "activity": share}
        for task, shares in activity.items() for unit, share in enumerate(shares)
    ]  # fmt: skip
    agreement = layer_experiments.agreement(pd.DataFrame(rows)).loc["it"]
    assert agreement.lowest == pytest.approx(-1) and (agreement.idle, agreement.units) == (1, 4)
