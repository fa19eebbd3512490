"""What was recorded: made with the shipped weights, complete, and as good as the course says."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sentences import refused

from tl_course.app import records
from tl_course.app.notebooks import root
from tl_course.app.pages import pages
from tl_course.base import stats
from tl_course.core import files, pretraining, settings
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import ALL, handwritten
from tl_course.lessons.n01_pretrain import recipes
from tl_course.lessons.n04_option_2_fine_tune import figures as figures_04
from tl_course.lessons.n04_option_2_fine_tune import tables as tables_04
from tl_course.lessons.n05_how_much_data import figures as figures_05
from tl_course.lessons.n05_how_much_data import middle_ways, task_tuning
from tl_course.lessons.n05_how_much_data import tables as tables_05
from tl_course.study import comparing, forgetting, matrix_tuning, results, tuning
from tl_course.study.sweep import ARMS, sweep


@pytest.mark.parametrize("name", results.table_names())
def test_no_recorded_table_is_stale(name):
    about, table = results.about(name), records.every_table()[name]
    assert about["weights"] == table.weights(), "run 'tl-course records'"
    keys = list(map(table.key, results.load(name).to_dict("records")))
    assert len(set(keys)) == len(keys), "rows that were made twice"
    assert about["rows"] == len(results.load(name)) and about["command"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": 1}'])
def test_a_damaged_description_is_told_and_its_table_is_not_current(tmp_path, monkeypatch, text):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.record("taste", [{"a": 1}], command="x", seed=0, weights="w")
    assert results.is_current("taste", "w")
    (tmp_path / "taste.json").write_text(text)
    with refused("damaged", "taste.json", "'tl-course records taste'"):
        results.load("taste")
    assert not results.is_current("taste", "w") and results.current("taste", "w") == []


def test_shipped_weights_that_are_missing_come_with_the_course(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SHIPPED", tmp_path)
    with refused("course_incomplete", "weights.safetensors"):
        pretraining.pretrained()


def test_the_shipped_network_is_small_and_names_fresh_renders():
    folder = pretraining.shipped_folder("emoji-images")
    assert (folder / files.WEIGHTS_FILE).stat().st_size <= 4_000_000
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
        ("tuned", False): tables_05.DRAWS, ("tuned", True): tables_05.DRAWS,
        ("fixed", False): tables_05.FIXED, ("fixed", True): tables_05.FIXED,
    }  # fmt: skip
    for (recipe, augmented), plan in plans.items():
        without = {"classical"} if augmented or recipe == "fixed" else set()
        for arm, (images, draws) in itertools.product(set(ARMS) - without, plan.items()):
            assert counts[recipe, augmented, arm, images] == draws


def test_the_readme_and_the_pages_show_what_is_recorded():
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, "run 'tl-course records'"
    for page, start in (("docs/results.md", 7), ("README.md", 81)):
        shown = (root() / page).read_text(encoding="utf-8")
        assert f"| **Option 1**: four layers frozen | {start}" in shown
    shown = (root() / "docs" / "speed.md").read_text(encoding="utf-8")
    assert "| new recipe | 131,072 |" in shown


RECIPES = {"recipes", "race", "long_recipes"}


def test_the_recipe_is_as_good_for_digits_from_fewer_renders():
    table = results.load("recipes")
    assert set(table.idea) == set(recipes.IDEAS) and set(table.seed) == set(recipes.SEEDS)
    mean = table.groupby("idea").mean(numeric_only=True)
    before, now = mean.loc[recipes.BEFORE], mean.loc[recipes.NOW]
    assert now.core_seconds < 0.65 * before.core_seconds
    for measure in ("digits_10", "digits_50", "digits_200"):
        assert now[measure] >= before[measure] - 0.005, measure  # no more than chance
    assert now.oriented > before.oriented
    assert now.start_left < before.start_left + 0.05  # what remains is seen as noise


def test_rows_of_another_recipe_are_not_taken_for_those_of_this_one(monkeypatch):
    tables = {name: table for name, table in records.every_table().items() if name in RECIPES}
    assert all(table.is_current for table in tables.values()) and len(tables) == 3
    for name in tables:
        ideas = recipes.LONG if name == "long_recipes" else recipes.IDEAS
        for row in results.load(name).itertuples():
            assert row.renders == ideas[row.idea].renders * ideas[row.idea].beside.rendered
    monkeypatch.setattr(recipes, "NEW", replace(recipes.NEW, learning_rate=1e-3))
    assert not any(table.is_current or table.done() for table in tables.values())


def test_in_a_race_the_recipe_takes_less_time_and_is_not_clearly_behind_with_digits():
    table = results.load("race")
    assert len(set(table.machine)) == 1, "seconds of several machines"
    assert not set(table.seed) & set(recipes.SEEDS), "seeds that the recipe was chosen with"
    runs = {idea: rows.set_index("seed") for idea, rows in table.groupby("idea")}
    assert {idea: list(rows.index) for idea, rows in runs.items()} == {
        idea: list(seeds) for idea, seeds in recipes.RACED.items()
    }
    before = runs[recipes.BEFORE]
    now = runs[recipes.NOW].loc[before.index]
    assert (now.seconds / before.seconds).median() < 0.65
    for measure in ("digits_10", "digits_50", "digits_200", "oriented"):
        ahead = stats.paired(now[measure], before[measure])
        assert ahead.mean + ahead.half > 0, measure
    noisier = stats.paired(now.start_left, before.start_left)
    assert noisier.mean - noisier.half < 0, "filters keep more of their random start"


def test_a_race_goes_on_with_what_is_missing(monkeypatch):
    monkeypatch.setattr(recipes, "network_quality", lambda net, start: {})
    monkeypatch.setattr(recipes, "RACED", {recipes.BEFORE: (1,), recipes.NOW: (1, 2)})
    little = {name: replace(idea, renders=512) for name, idea in recipes.IDEAS.items()}
    monkeypatch.setattr(recipes, "IDEAS", little)
    rows = list(recipes.race_rows([]))
    assert [(r["idea"], r["seed"]) for r in rows] == [
        (recipes.BEFORE, 1), (recipes.NOW, 1), (recipes.NOW, 2),
    ]  # fmt: skip
    assert all(row["seconds"] > 0 and row["machine"] for row in rows)
    assert [row["seed"] for row in recipes.race_rows(rows[:2])] == [2]


def test_every_idea_can_be_trained_again(monkeypatch):
    """A little of each: what is beside the training does what it says and nothing breaks."""
    monkeypatch.setattr(
        recipes, "network_quality", lambda net, start: {"folded": not net.has_batch_norm}
    )
    for name, idea in recipes.IDEAS.items():
        row = recipes.recipe_row(name, 1, replace(idea, renders=4 * pretraining.BATCH))
        share = idea.beside.rendered
        assert row["idea"] == name and row["renders"] == 4 * share * pretraining.BATCH
        assert row["folded"] and row["core_seconds"] > 0


def test_the_settings_are_the_best_of_the_recorded_grid():
    table = results.load("tuning")
    keys = ["l2", "rate", "steps"]
    for (arm, augmented, images), group in table.groupby(["arm", "augmented", "images"]):
        best = group.groupby(keys).accuracy.mean()
        chosen = settings.chosen(arm, images, augmented)
        assert best[chosen.l2, chosen.learning_rate, chosen.steps] == pytest.approx(best.max())


def test_the_settings_in_use_are_what_the_recorded_tables_choose(tmp_path, monkeypatch):
    shipped = settings.FILE.read_text(encoding="utf-8")
    monkeypatch.setattr(settings, "FILE", tmp_path / "settings.json")
    chosen = {}
    for name in json.loads(shipped):
        keys = {"tuning": tuning.KEYS[:3], "official_tuning": tuning.KEYS[:3],
                "matrix_tuning": matrix_tuning.KEYS[:4],
                middle_ways.TUNING: middle_ways.KEYS[:3],
                task_tuning.NAME: task_tuning.KEYS[:4]}[name]  # fmt: skip
        chosen[name] = tuning.keep_best(name, results.load(name).to_dict("records"), keys)
    assert settings.FILE.read_text(encoding="utf-8") == shipped
    assert all(settings.chosen_settings(name) == best for name, best in chosen.items())


def test_of_what_was_tried_the_best_mean_is_chosen_and_of_equals_the_last():
    tried = [("a", 1, 0.5), ("a", 1, 0.9), ("a", 2, 0.8), ("a", 3, 0.7), ("b", 3, 0.1)]
    assert tuning.best(tried) == {"a": 2, "b": 3}
    assert tuning.best([*tried, ("a", 4, 0.8)]) == {"a": 4, "b": 3}


@pytest.mark.parametrize(("images", "augmented"), [(50, False), (10, True)])
def test_a_recorded_run_comes_out_the_same_here(images, augmented):
    """Draws of Option 1, made again: the table is of this code and these weights."""
    recorded = comparing.tuned(results.load("sweep"))
    recorded = comparing.right(recorded, "option-1", augmented, images)[:3].to_numpy()
    again = sweep(
        pretraining.pretrained(), handwritten(), [images], 3, arms=["option-1"],
        augment=[augmented],
    )  # fmt: skip
    same = np.array([row["right"].numpy() for row in again]) == recorded
    assert same.mean() > 0.999


def of_runs(arm, images, draws, share, seed, **columns):
    """Rows of a sweep whose network gets about this share of 200 examples right."""
    given = np.random.default_rng(seed)
    return [
        {"arm": arm, "augmented": False, "images": images, "draw": draw,
         "right": given.random(200) < share, **columns}
        for draw in range(draws)
    ]  # fmt: skip


def test_an_interval_over_pretrainings_allows_for_others_of_them():
    first, other = ("option-1", False), ("scratch", False)
    table = pd.DataFrame([*of_runs("option-1", 50, 5, 0.9, 1), *of_runs("scratch", 50, 5, 0.5, 2)])
    again = pd.DataFrame(
        [
            *of_runs("option-1", 50, 5, 0.99, 3, pretraining=1),
            *of_runs("option-1", 50, 4, 0.7, 4, pretraining=2),
        ]
    )
    (row,) = comparing.over_pretrainings(table, again, first, other).itertuples()
    runs = [table[table.arm == "option-1"], *(rows for _, rows in again.groupby("pretraining"))]
    base = np.stack(table[table.arm == "scratch"].right.to_list()[:4]).mean()
    each = [100 * (np.stack(rows.right.to_list()[:4]).mean() - base) for rows in runs]
    assert row.each == pytest.approx(each) and row.ahead == pytest.approx(np.mean(each))
    assert (row.wins, row.draws) == (3, 3)
    alone = comparing.paired_arms(table, first, other).interval[0]
    assert row.interval > 2 * alone, "the three differ by far more than draws do"


def test_of_all_digits_there_is_one_draw_and_an_interval_for_other_examples():
    for images, known in ((ALL, True), (50, False)):
        arms = of_runs("option-1", images, 1, 0.9, 1) + of_runs("scratch", images, 1, 0.5, 2)
        rows = comparing.paired_arms(pd.DataFrame(arms), ("option-1", False), ("scratch", False))
        assert (rows.interval[0] > 0) == known == (comparing.ahead_from(rows) == 0)


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


def test_forgetting_is_recorded_of_option_2_as_tuned_and_of_its_control():
    table = results.load("forgetting")
    tuned = comparing.tuned(table)
    counts = tuned[tuned.arm != "before"].groupby(["arm", "images"]).draw.nunique()
    assert all(counts[arm].to_dict() == tables_04.FORGETTING for arm in ("option-1", "option-2"))
    adapted = table[table.arm != "before"]
    assert not adapted.duplicated(["settings", "arm", "images", "draw"]).any()
    for row in adapted.itertuples():
        size = forgetting.SMALL_STEPS if row.settings == forgetting.CONTROL else row.images
        chosen = settings.chosen(row.arm, size)
        assert (row.l2, row.rate, row.steps) == (chosen.l2, chosen.learning_rate, chosen.steps)
    control = table[table.settings == forgetting.CONTROL].groupby("images").draw.nunique()
    assert control.to_dict() == {n: tables_04.FORGETTING[n] for n in (200, 1000)}
    # The same trainings as in the sweep, up to the rounding of another processor.
    keys = ["arm", "images", "draw"]
    sweep_rows = comparing.plain(results.load("sweep")).set_index(keys).accuracy
    difference = tuned[tuned.arm != "before"].set_index(keys).test - sweep_rows
    assert difference.groupby(["arm", "images"]).mean().abs().dropna().max() < 0.005
    assert difference.abs().max() < 0.03


def test_the_figures_of_forgetting_show_the_spread_and_the_control():
    table = results.load("forgetting")
    alt = figures_04.plot_known(table[table.images <= 200], "T").alt
    assert "before adapting: 100, Option 1, any number: 100, Option 2, 10 digits: 81 ± 2" in alt
    assert "200 digits, settings for 50: 76 ± 1, Option 2, 200 digits: 29 ± 11" in alt
    alt = figures_05.costs(table, "T").alt
    of_100 = "training 100.0, test 96.0, of 100 known before 29"
    assert f"Option 2 (fine-tuned), 200 digits: {of_100}" in alt
    assert "Option 2, settings for 50, 200 digits: 76" in alt
    alt = figures_04.plot_overfitting(results.load("overfitting"), "T").alt
    assert "both options, training: 10 at 0, 100 at 5" in alt and "Option 1 (frozen), test" in alt
