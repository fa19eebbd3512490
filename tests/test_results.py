"""What was recorded: made with the shipped weights, complete, and as good as the course says."""

import itertools

import numpy as np
import pytest

from tl_course import comparing, network, pretraining, records, results, transfer
from tl_course.sources.emoji_images import EmojiImages
from tl_course.sweep import ARMS, sweep
from tl_course.targets.handwritten import handwritten


@pytest.mark.parametrize("name", ["tuning", *records.TABLES])
def test_no_recorded_table_is_stale(name):
    about = results.about(name)
    assert about["weights"] == records.weights(name), "run 'tl-course records'"
    assert about["rows"] == len(results.load(name)) and about["command"]
    assert about.get("complete", True), "run 'tl-course records', it was stopped on the way"


def test_the_shipped_network_is_small_and_names_fresh_renders():
    folder = pretraining.shipped_folder("emoji-images")
    assert (folder / network.WEIGHTS_FILE).stat().st_size <= 4_000_000
    net = pretraining.pretrained()
    held_out = EmojiImages(pretraining.HELD_OUT_SEED)
    measured = pretraining.accuracy_on(net, held_out, 2000)
    assert measured >= 0.8
    assert measured == pytest.approx(net.about["metrics"]["accuracy on fresh inputs"], abs=0.03)
    assert net.about["images"] == 1_000_000 and net.about["seed"] != held_out.seed


def test_the_recorded_draws_are_many_and_of_every_arm():
    table = results.load("sweep")
    assert table.accuracy.between(0, 1).all() and len(set(table.weights)) == 1
    assert np.allclose(table.right.map(np.mean), table.accuracy, atol=1e-4)
    keys = ["settings", "augmented", "arm", "images"]
    counts = table.groupby(keys).draw.nunique()
    assert not table.duplicated([*keys, "draw"]).any()
    plans = {
        ("tuned", False): records.DRAWS, ("tuned", True): records.DRAWS,
        ("fixed", False): records.FIXED, ("fixed", True): records.FIXED,
    }  # fmt: skip
    for (settings, augmented), plan in plans.items():
        without = {"classical"} if augmented or settings == "fixed" else set()
        for arm, (images, draws) in itertools.product(set(ARMS) - without, plan.items()):
            assert counts[settings, augmented, arm, images] == draws


def test_the_readme_shows_what_is_recorded():
    shown = (records.root() / "README.md").read_text(encoding="utf-8")
    assert shown == records.readme(), "run 'tl-course records'"
    assert "| **Option 1**: four layers fixed | 7" in shown


def test_the_settings_are_the_best_of_the_recorded_grid():
    table = results.load("tuning")
    keys = ["l2", "rate", "steps"]
    for (arm, augmented, images), group in table.groupby(["arm", "augmented", "images"]):
        best = group.groupby(keys).accuracy.mean()
        chosen = transfer.settings(arm, images, augmented)
        assert best[chosen.l2, chosen.rate, chosen.steps] == pytest.approx(best.max())


def test_a_recorded_run_comes_out_the_same_here():
    """Draw 0 of Option 1 at 50 images, made again: the table is of this code and these weights."""
    table = comparing.plain(results.load("sweep"))
    recorded = table[(table.arm == "option-1") & (table.images == 50)].sort_values("draw").accuracy
    again = list(sweep(pretraining.pretrained(), handwritten(), [50], 5, arms=["option-1"]))
    assert np.allclose([r["accuracy"] for r in again], recorded[:5], atol=0.003)


def test_what_layers_see_is_recorded_with_its_controls():
    angles = results.load("orientation")
    choosy = angles.orientation_selectivity.gt(0.5).groupby(angles.net).mean()
    assert choosy["shipped"] >= 0.8
    assert all(choosy[f"untrained {seed}"] <= 0.25 for seed in range(5))
    shapes = results.load("preference")
    assert shapes.groupby("kind").net.nunique().to_dict() == {"trained": 4, "untrained": 5}
    assert np.allclose(shapes.groupby(["net", "equal", "layer"]).share.sum(), 1, atol=1e-3)
    assert shapes.response.max() <= 1 and shapes.response.min() > -20
    made = results.load("synthesis")
    assert made.groupby("layer").size().to_list() == [32, 64, 128, 256]
    assert (made.made > made.found).groupby(made.layer).mean().min() >= 0.95
    assert {"plain", "step 0", "step 100", "step 781"} <= set(results.tensors("first_layers"))
    used = results.load("usage")
    assert np.allclose(used.groupby(["net", "task"]).activity.sum(), 1, atol=1e-3)
