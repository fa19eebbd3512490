"""Option 1, Option 2 and their controls, on real digits; and what is refused."""

import copy
import itertools
import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from sentences import refused
from sklearn.linear_model import LogisticRegression

from tl_course.app import cli
from tl_course.core import files, settings, training, transfer
from tl_course.core import output_layers as output_layers_module
from tl_course.core.network import fingerprint, layers_fingerprint
from tl_course.core.output_layers import altered, features, output_layers
from tl_course.core.settings import Settings
from tl_course.core.transfer import option_1, option_2
from tl_course.data.examples import Examples, draw
from tl_course.data.inputs import to_picture
from tl_course.data.targets.handwritten import handwritten, raw_digits
from tl_course.study import trials
from tl_course.study.sweep import ARMS, classical, sweep


@pytest.fixture
def ten(target):
    return draw(target.pool, 10, seed=0)


def test_option_1_leaves_every_parameter_and_buffer_of_the_four_layers(net, target):
    fifty = draw(target.pool, 50, seed=0)
    source = fingerprint(net)
    result = option_1(net, fifty, test=target.test)
    assert layers_fingerprint(result.net) == layers_fingerprint(net)
    assert fingerprint(net) == source, "the source network was changed"
    assert fingerprint(result.net.output) != fingerprint(net.output)
    assert result.accuracy > 0.85
    assert result.predictions.shape == (2000,)
    assert result.accuracy == (result.predictions == target.test.y).float().mean().item()
    assert result.history.loss[-1] < result.history.loss[0] and result.seconds > 0


def test_option_2_moves_every_layer_and_leaves_the_source(net, ten, target):
    source = fingerprint(net)
    result = option_2(net, ten, chosen=Settings(learning_rate=1e-3, steps=20))
    assert fingerprint(net) == source
    for (name, before), after in zip(net.named_parameters(), result.net.parameters(), strict=True):
        if not name.startswith("output."):
            assert not torch.equal(before, after), f"{name} did not move"
    again = option_2(net, ten, chosen=Settings(learning_rate=1e-3, steps=20))
    assert fingerprint(again.net) == fingerprint(result.net), "the same seed, another result"


@pytest.mark.parametrize("size", [3e38, 1e20, float("nan")])
def test_a_network_whose_answers_are_no_numbers_is_a_sentence(net, ten, target, size):
    """Weights of 3e38 are numbers, and their sums are none; nor are squares of what 1e20 gives."""
    ruined, test = copy.deepcopy(net), target.test[:50]
    with torch.no_grad():
        ruined.layer1.weight[::2] = size
    for act in (
        lambda: option_1(ruined, ten, test=test),
        lambda: training.accuracy(ruined, test.x, test.y),
    ):
        with refused("not_finite"):
            act()


@pytest.mark.parametrize("left_out", [0, 17])
def test_the_same_output_layer_as_a_library_finds(net, target, left_out):
    """Our batched gradient descent against scikit-learn's solver of the same convex problem."""
    shown = draw(target.pool, 50, seed=1)[: 50 - left_out]  # and with classes of unequal size
    x = features(net, shown.x)
    l2, n = 0.01, len(shown)
    fitted = output_layers(net, [shown], [0], [l2], steps=3000)
    counts = shown.y.bincount(minlength=10)
    say = (n / (10 * counts[shown.y]))[:, None]
    centred = x - (say * x).mean(0)
    scale = (say * centred.pow(2)).sum(1).mean().sqrt()
    solver = LogisticRegression(
        C=1 / (l2 * n), tol=1e-8, max_iter=5000, class_weight="balanced"
    )  # fmt: skip
    solver.fit((centred / scale).numpy(), shown.y.numpy())
    ours = (x @ fitted.weight[0, 0].T + fitted.bias[0, 0]).softmax(1)
    by_library = torch.from_numpy(solver.predict_proba((centred / scale).numpy()))
    assert torch.allclose(ours.double(), by_library.double(), atol=5e-3)
    assert np.all(np.diff(fitted.losses[:50]) < 0.05)


@pytest.mark.parametrize("adapt", [option_1, option_2])
def test_more_of_one_class_does_no_harm(adapt, net, target):
    ten, twenty = (draw(target.pool, n, seed=0) for n in (10, 20))
    few = twenty[:13]
    assert few.y.bincount().unique().tolist() == [1, 2]
    test = target.validation
    equal, unequal = (adapt(net, shown, test=test).accuracy for shown in (ten, few))
    assert unequal > equal - 0.05
    many = torch.cat(
        [(target.pool.y == 3).nonzero()[:50, 0], (target.pool.y == 8).nonzero()[:5, 0]]
    )
    predictions = adapt(net, target.pool[many], test=test).predictions
    assert (predictions[target.validation.y == 8] == 8).float().mean() > 0.8


def test_many_output_layers_at_once_are_each_as_if_alone(net, target):
    draws, seeds = [draw(target.pool, 20, seed=s) for s in range(3)], range(3)
    penalties = [1e-3, 1e-1]
    together = output_layers(net, draws, seeds, penalties)
    known = [replace(labelled, x=features(net, labelled.x)) for labelled in draws]
    looked_up = output_layers(None, known, seeds, penalties)
    for i, k in itertools.product(range(3), range(2)):
        alone = output_layers(net, draws[i : i + 1], seeds[i : i + 1], penalties[k : k + 1])
        assert torch.allclose(together.weight[i, k], alone.weight[0, 0], atol=1e-4)
        assert torch.allclose(together.weight[i, k], looked_up.weight[i, k], atol=1e-4)
    scores = features(net, target.test.x) @ alone.weight[0, 0].T + alone.bias[0, 0]
    right = together.right(features(net, target.test.x), target.test.y)
    assert right.shape == (3, 2, len(target.test))
    assert (right[2, 1] == (scores.argmax(1) == target.test.y)).float().mean() > 0.999


@pytest.mark.parametrize(("images", "least", "most"), [(10, 60, 100), (50, 180, 320)])
def test_an_output_layer_is_done_when_its_answers_stay(
    net, target, monkeypatch, images, least, most
):
    """In any company, and whoever takes all steps gets the same answers."""
    l2 = settings.chosen("option-1", images).l2
    draws = [draw(target.pool, images, seed) for seed in range(3)]
    alone = [output_layers(net, [labelled], [0], [l2]) for labelled in draws]
    together = output_layers(net, draws, [0] * 3, [l2])
    assert all(least <= len(single.losses) <= most for single in alone)
    assert len(together.losses) == max(len(single.losses) for single in alone)
    for place, layer in enumerate(alone):
        assert torch.allclose(together.weight[place], layer.weight[0], atol=1e-5)
    known = features(net, target.test.x)
    right = together.right(known, target.test.y)
    monkeypatch.setattr(output_layers_module, "DONE", 0)
    every_step = output_layers(net, draws, [0] * 3, [l2])
    assert len(every_step.losses) == output_layers_module.FIT_STEPS
    changed = (every_step.right(known, target.test.y) != right).sum(2)
    assert changed.max() <= len(target.test) / 2000 + 1


def test_a_weak_penalty_takes_every_step(net, ten):
    adapted = transfer.option_1(net, ten, chosen=Settings(l2=1e-4))
    assert adapted.history.finished and len(adapted.history.loss) == output_layers_module.FIT_STEPS


def test_the_controls_start_from_fresh_weights(ten, target, net):
    scratch = transfer.from_scratch(ten, seed=3, chosen=Settings(learning_rate=1e-3, steps=5))
    frozen = transfer.random_frozen(ten, seed=3, test=target.test)
    assert scratch.option == "scratch" and frozen.option == "random-frozen"
    fresh = transfer.fresh_network(ten.x, 3)
    assert layers_fingerprint(frozen.net) == layers_fingerprint(fresh)
    assert layers_fingerprint(frozen.net) != layers_fingerprint(net)
    assert layers_fingerprint(transfer.fresh_network(ten.x, 4)) != layers_fingerprint(fresh)
    x = ten.x
    for number in (1, 2, 3, 4):
        before = getattr(fresh, f"layer{number}")(x)
        assert before.mean((0, 2, 3)).abs().max() < 1e-3
        assert (before.std((0, 2, 3)) - 1).abs().max() < 1e-2
        x = fresh.layer(number, x)
    assert 0.15 < frozen.accuracy < 0.7
    assert layers_fingerprint(scratch.net) != layers_fingerprint(fresh), "they were not trained"


def test_augmentation_makes_other_views_of_the_same_digits(ten):
    views = altered(ten.x, seed=0)
    assert views.shape == ten.x.shape and views.min() >= -2 and views.max() <= 2
    for other in (altered(ten.x, 0, view=1), altered(ten.x, seed=1)):
        assert not torch.equal(views, other)
    many = altered(ten.x.repeat(50, 1, 1, 1), 0, torch.arange(500) // 10)
    nearest = torch.cdist(many.flatten(1), ten.x.flatten(1)).argmin(1)
    assert (nearest == torch.arange(500) % 10).float().mean() > 0.4, "views lost their digit"


def test_a_picture_has_the_same_copies_at_any_place_and_in_any_company(target):
    x = target.pool.x[:40]
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    views = torch.arange(40) % 3
    all_at_once = altered(x, 5, views)
    assert torch.equal(altered(x[order], 5, views[order]), all_at_once[order])
    for place in (0, 17, 39):
        alone = altered(x[place : place + 1], 5, int(views[place]))
        assert torch.allclose(alone[0], all_at_once[place], atol=1e-6)
    keys = output_layers_module._fingerprints(target.pool.x)
    assert len(keys.unique()) == len(target.pool.x.flatten(1).unique(dim=0))
    assert torch.equal(output_layers_module._fingerprints(target.pool.x.contiguous()), keys)


def test_batches_are_a_function_of_the_step(target):
    two_hundred = draw(target.pool, 200, seed=0)
    at = transfer.batches(two_hundred.x, two_hundred.y, seed=5)
    assert torch.equal(at(7)[0], at(7)[0]) and not torch.equal(at(7)[0], at(8)[0])
    one_pass = torch.cat([at(step)[0] for step in range(3)])
    assert one_pass.flatten(1).unique(dim=0).shape[0] == 3 * transfer.BATCH


def test_a_mismatch_is_named_in_a_sentence(net):
    good = torch.rand(4, 3, 32, 32) * 4 - 2
    assert net.requirement.mismatch(good, "image") is None
    wrong = {
        "audio": (good, "audio"),
        "[4, 3, 28, 28]": (good[..., :28, :28], "image"),
        "[4, 1, 32, 32]": (good[:, :1], "image"),
        "[3, 32, 32]": (good[0], "image"),
        "uint8": ((good * 50).to(torch.uint8), "image"),
        "not numbers": (good * float("nan"), "image"),
        "between 0 and 1": ((good > 0).float(), "image"),
        "between 0 and 255": ((good > 0).float() * 255, "image"),
    }
    for words, (x, modality) in wrong.items():
        with refused("mismatch", words) as caught:
            option_1(net, Examples(x, torch.tensor([0, 1, 0, 1]), ("a", "b"), modality))
        assert "\n" not in str(caught.value)
    with refused("labels", "4 images", "3 labels"):
        option_2(net, Examples(good, torch.tensor([0, 1, 0]), ("a", "b")))
    with refused("one_label"):
        option_1(net, Examples(good, torch.zeros(4, dtype=torch.long), ("a", "b")))


def test_with_more_than_a_thousand_images_settings_come_from_all_of_mnist():
    for arm in ("option-1", "option-2", "output-first", "scratch"):
        few, many = (
            settings.chosen_settings(settings.OFFLINE),
            settings.chosen_settings(settings.OFFICIAL),
        )
        assert settings.chosen(arm, 1000, True) == few[arm, True, 200]
        assert settings.chosen(arm, 5000, True) == many[arm, True, 5000]
        assert settings.chosen(arm, 10, name=settings.OFFICIAL) == many[arm, False, 10]
        assert settings.official(arm, 10_000).steps == 2 * settings.official(arm, 5000).steps


def test_the_sweep_gives_one_row_a_run_and_shares_its_draws(net, target):
    rows = list(sweep(net, target, [10], 2, seed=0))
    assert [(r["arm"], r["draw"]) for r in rows[:2]] == [("option-1", 0), ("option-1", 1)]
    assert sorted((r["arm"], r["draw"]) for r in rows) == sorted(
        (a, d) for a in ARMS for d in (0, 1)
    )
    assert all(0 <= r["accuracy"] <= 1 and r["seconds"] > 0 for r in rows)
    assert all(r["right"].float().mean().item() == r["accuracy"] for r in rows)
    by_hand = option_1(net, draw(target.pool, 10, 1), test=target.test)
    assert by_hand.accuracy == pytest.approx(rows[1]["accuracy"], abs=2e-3)
    fixed = list(sweep(net, target, [10], 1, arms=["option-2"], choice=settings.fixed))
    tuned = next(r for r in rows if r["arm"] == "option-2")
    assert not torch.equal(fixed[0]["right"], tuned["right"])


def test_what_option_1_and_other_arms_learn_from_is_the_same_draw(net, target):
    option_1_row, floor = sweep(net, target, [10], 1, arms=["classical", "option-1"])
    labelled = draw(target.pool, 10, 0)
    by_hand = option_1(net, labelled, test=target.test)
    assert option_1_row["accuracy"] == pytest.approx(by_hand.accuracy, abs=2e-3)
    assert torch.equal(floor["right"], classical(labelled, target.test)[0])


def test_runs_side_by_side_are_those_one_after_another(net, target, monkeypatch):
    from tl_course.base import parallel as module

    def accuracies():
        arms = ["option-2", "random-frozen"]
        return [r["accuracy"] for r in sweep(net, target, [10, 20], 6, arms=arms)]

    many = accuracies()
    monkeypatch.setattr(module, "WORTH_IT", 10**6)
    assert accuracies() == pytest.approx(many, abs=0.02)  # one thread or two: sums differ a little


def test_a_sweep_goes_on_where_it_was(net, target):
    arms = ("option-1", "classical")
    whole = list(sweep(net, target, [10, 20], 3, arms=arms))
    rest = list(sweep(net, target, [10, 20], 3, arms=arms, done=whole[:4]))

    def summaries(rows):
        return [(r["arm"], r["images"], r["draw"], r["accuracy"]) for r in rows]

    assert summaries(rest) == summaries(whole[4:])
    assert [r["images"] for r in whole] == [10, 10, 10, 20, 20, 20] * 2


def test_runs_with_very_many_images_come_last_and_alone(net, target, monkeypatch):
    from tl_course.study import sweep as module

    side_by_side, together = module.side_by_side, []

    def noted(run, plan):
        together.extend(task[2] for task in plan)
        return side_by_side(run, plan)

    monkeypatch.setattr(module, "side_by_side", noted)
    monkeypatch.setattr(module, "ALONE", 20)
    rows = list(sweep(net, target, [20, 10], 2, arms=["classical", "random-frozen"]))
    assert set(together) == {10}
    assert [row["images"] for row in rows] == [10] * 4 + [20] * 4


def test_fixed_settings_are_the_middle_of_what_is_searched():
    from tl_course.study import tuning

    for arm in (*tuning.HEADS, *tuning.WHOLE):
        for augmented in (False, True):
            tried = tuning.OFFLINE.grid(arm, augmented, 10)
            fixed = settings.fixed(arm, 10, augmented)
            key = "l2" if arm in tuning.HEADS else "learning_rate"
            values = sorted({getattr(settings, key) for settings in tried})
            assert getattr(fixed, key) == values[len(values) // 2] and len(values) % 2
            if arm in tuning.WHOLE:
                assert fixed.steps == sorted({settings.steps for settings in tried})[1]


def test_arms_of_one_kind_have_as_many_settings_to_choose_from():
    from tl_course.study import tuning

    for each, arms in itertools.product(
        (tuning.OFFLINE, tuning.OFFICIAL), (tuning.HEADS, tuning.WHOLE)
    ):
        for augmented, images in itertools.product((False, True), each.sizes):
            sizes = {len(each.grid(arm, augmented, images)) for arm in arms}
            assert len(sizes) == 1, (each.name, arms, augmented, images)


def test_output_first_is_option_2_begun_where_option_1_ends(net, ten, target, monkeypatch):
    test = target.test
    first = option_1(net, ten, test=test)
    begin = transfer._new_output_layer
    slow = lambda *a, **k: replace(begin(*a, **k), seconds=1e6)  # noqa: E731
    monkeypatch.setattr(transfer, "_new_output_layer", slow)
    barely = Settings(settings.chosen("option-1", 10).l2, learning_rate=1e-9, steps=2)
    barely = transfer.output_first(net, ten, test=test, chosen=barely)
    assert barely.option == "output-first"
    assert barely.seconds > 1e6, "the seconds of both halves count"
    assert barely.accuracy == pytest.approx(first.accuracy, abs=2e-3)
    moved = transfer.output_first(net, ten, chosen=Settings(learning_rate=1e-3, steps=5))
    assert layers_fingerprint(moved.net) != layers_fingerprint(net)


def test_side_by_side_gives_every_result_once_in_the_order_of_the_plan(tmp_path, monkeypatch):
    from math import gcd

    from tl_course.base import machine
    from tl_course.base.parallel import side_by_side

    def second_ends_first(number, over):
        if number == 2:
            over.touch()
        while not over.exists():
            time.sleep(0.01)
        return number

    assert list(side_by_side(gcd, [(4, 6), (9, 6), (5, 10)])) == [2, 3, 5]
    assert list(side_by_side(gcd, [])) == []
    monkeypatch.setattr(machine, "cores", lambda: 2)
    monkeypatch.setattr(machine, "device", lambda: torch.device("cpu"))
    plan = [(1, tmp_path / "over"), (2, tmp_path / "over")]
    assert list(side_by_side(second_ends_first, plan, worth_it=1)) == [1, 2]


def test_tuning_tries_what_is_missing_on_validation_digits_only(target, monkeypatch):
    from tl_course.study import tuning

    rows = []
    monkeypatch.setattr(tuning, "handwritten", lambda full: replace(target, test=None))
    plan = list(tuning.missing_draws(tuning.OFFLINE, tuning.HEADS, rows))
    *task, todo = plan[0]
    assert task == ["tuning", "option-1", False, 10, 0] and len(todo) == 9
    rows = tuning.run_draw(*task, todo[:2])
    assert [row["l2"] for row in rows] == [c.l2 for c in todo[:2]]
    again = list(tuning.missing_draws(tuning.OFFLINE, tuning.HEADS, rows))
    assert again[0][:5] == plan[0][:5] and again[0][5] == todo[2:] and len(again) == len(plan)
    one_step = [Settings(steps=1)]
    assert len(tuning.run_draw("tuning", "scratch", False, 10, 0, one_step)) == 1
    assert {len(t[5]) for t in tuning.missing_draws(tuning.OFFLINE, tuning.WHOLE, [])} == {15, 9}


def write_digits(folder, per_class, first=0):
    digits, labels = raw_digits()
    for label in range(10):
        where = (labels == label).nonzero().flatten()[first : first + per_class]
        (folder / str(label)).mkdir(parents=True)
        for i in where.tolist():
            Image.fromarray(digits[i].numpy()).save(folder / str(label) / f"{i}.png")


def adapt(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tl_course", "adapt", *map(str, arguments)],
        capture_output=True, text=True,
    )  # fmt: skip


def write_examples(folder, examples):
    """Digits of the course as picture files, in an order of their own."""
    pixels = (255 * to_picture(examples.x[:, 0])).round().byte()
    for place, (digit, label) in enumerate(zip(pixels, examples.y.tolist(), strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(digit.numpy()).save(folder / str(label) / f"{7919 * place % 4001:04}.png")


@pytest.fixture(scope="module")
def test_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures") / "test"
    write_examples(folder, handwritten().test)
    return folder


@pytest.mark.parametrize("images", [10, 50, 200])
@pytest.mark.parametrize("copies", [False, True])
def test_the_same_draw_gives_the_same_answers_whoever_asks(images, copies, net, test_folder):
    """`option_1`, a sweep, the training lab, and `adapt` on picture files in another order."""
    digits, seed = handwritten(), 1
    shown = draw(digits.pool, images, seed)
    adapted = option_1(net, shown, seed=seed, augment=copies, test=digits.test)
    right = adapted.predictions == digits.test.y
    rows = sweep(net, digits, [images], 2, arms=["option-1"], augment=[copies])
    swept = next(row["right"] for row in rows if row["draw"] == seed)
    trial = trials.Trial(option="1", images=images, augment=copies, seed=seed)
    tried = trials.run_trial(trial, {"image": net}, digits).right
    assert (swept == right).sum() >= 1999 and (tried == right).sum() >= 1999

    train, out = test_folder.parent / f"{images}-{copies}", test_folder.parent / "net"
    write_examples(train, shown)
    command = ["adapt", "--train", train, "--test", test_folder, "--out", out, "--option", "1"]
    command += ["--seed", seed, "--augment", "on" if copies else "off", "--force"]
    assert cli.main([str(word) for word in command]) == 0
    scores = training.predict(files.load(out), digits.test.x)
    assert (scores.argmax(1) == adapted.predictions).sum() >= 1999
    assert (scores - adapted.scores).abs().max() < 1e-3


def test_the_command_adapts_to_folders_of_pictures(tmp_path):
    write_digits(tmp_path / "train", 5)
    write_digits(tmp_path / "test", 20, first=100)
    folders = ("--train", tmp_path / "train", "--test", tmp_path / "test", "--json")
    results = {}
    for option in ("1", "2", "scratch", "auto"):
        done = adapt(*folders, "--option", option)
        assert done.returncode == 0, done.stderr
        results[option] = json.loads(done.stdout.splitlines()[-1])
        assert results[option]["images"] == 50 and results[option]["classes"] == 10
    assert results["1"]["accuracy"] > 0.8 and results["2"]["accuracy"] > 0.8
    assert results["auto"]["option"] in ("1", "2")
    saved = adapt(*folders, "--option", "1", "--out", tmp_path / "mine")
    again = json.loads(saved.stdout.splitlines()[-1])
    assert again["accuracy"] == results["1"]["accuracy"], "the same seed, another result"
    assert files.load(tmp_path / "mine").n_classes == 10


WRONG = {  # what the one sentence must say
    "no folder": "no folder",
    "empty": "no class has pictures to train on",
    "one class": "only 'cat' has pictures to train on",
    "text": "dog/2.png): called pictures, but they cannot be opened",
    "tiny": "dog/2.png): fewer than 4 pixels wide or high",
    "loose": "no label",
    "empty class": "horse): nothing in them can be read",
}


@pytest.mark.parametrize("how", [*WRONG, "weights", "damaged", "stranger"])
def test_wrong_input_to_the_command_is_one_sentence_and_exit_code_2(tmp_path, how, net):
    from test_targets import wrong_folder

    write_digits(tmp_path / "test", 1)
    train, more, says = tmp_path / "train", [], WRONG.get(how)
    if says:
        wrong_folder(train, how)
    else:
        write_digits(train, 1)
        weights = tmp_path / "weights"
        files.save(net, weights)
        more = ["--weights", weights]
        path = weights / "weights.safetensors"
        if how == "weights":
            import safetensors.torch

            safetensors.torch.save_file({"conv1.weight": torch.zeros(3)}, path)
            says = "not a network of this course"
        elif how == "damaged":
            path.write_bytes(path.read_bytes()[:-100])
            says = "damaged"
        else:
            (tmp_path / "test" / "cat").mkdir()
            says = "test/cat): nothing in them can be read; fill or delete them"
    done = adapt("--train", train, "--test", tmp_path / "test", *more)
    assert done.returncode == 2 and says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--arms", "option-3"], ["--images", "abc"], ["--images", "55"], ["--images", "2000"],
     ["--draws", "0"], ["--seed", "99999999999999999999"]],
)  # fmt: skip
def test_a_wrong_sweep_is_refused_in_a_sentence(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "tl_course", "sweep", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert arguments[1] in done.stderr and "runs:" not in done.stderr
