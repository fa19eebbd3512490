"""How accuracy grows with the data: intervals, comparisons, experiments and figures."""

import numpy as np
import pandas as pd
import pytest
import torch

from tl_course.core import network, transfer
from tl_course.core.network import fingerprint
from tl_course.core.settings import Settings
from tl_course.data.examples import draw
from tl_course.data.sources.classes import source_classes, unseen_classes
from tl_course.data.targets.handwritten import handwritten
from tl_course.data.targets.objects import unseen_objects
from tl_course.lessons import curves
from tl_course.lessons.n05_how_much_data import experiments as data_experiments
from tl_course.lessons.n05_how_much_data import figures as figures_05
from tl_course.study import comparing, results
from tl_course.study.sweep import sweep


def made(arm, images, share, draws=10, scored=400, seed=0, augmented=False):
    """Rows of a sweep in which every run is right with chance `share`."""
    generator = np.random.default_rng(seed)
    right = generator.random((draws, scored)) < share
    return [
        {"arm": arm, "augmented": augmented, "images": images, "draw": d,
         "accuracy": right[d].mean(), "right": right[d]}
        for d in range(draws)
    ]  # fmt: skip


def test_pairs_are_of_the_same_draws():
    table = pd.DataFrame(made("a", 10, 0.7) + made("b", 10, 0.7, seed=0) + made("b", 20, 0.9))
    same = comparing.paired_arms(table, ("a", False), ("b", False))
    assert same.images.to_list() == [10] and same.ahead[0] == same.interval[0] == same.wins[0] == 0
    assert comparing.verdict(same.iloc[0]) == "not clear"
    table = pd.DataFrame(made("a", 10, 0.9) + made("b", 10, 0.7, draws=4, seed=1))
    row = comparing.paired_arms(table, ("a", False), ("b", False)).iloc[0]
    assert row.draws == row.wins == 4 and 10 < row.ahead < 30
    assert comparing.verdict(row) == "ahead"
    turned = comparing.paired_arms(table, ("b", False), ("a", False)).iloc[0]
    assert comparing.verdict(turned) == "behind" and turned.ahead == -row.ahead


def test_labels_are_read_off_the_mean_curve():
    rows = [
        {"arm": "a", "augmented": False, "images": n, "draw": d, "accuracy": share,
         "right": np.arange(100) < 100 * share}
        for n, share in ((10, 0.5), (100, 0.7), (1000, 0.9))
        for d in range(2)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    assert comparing.labels_for(table, "a", False, 60) == pytest.approx(10**1.5)
    assert comparing.labels_for(table, "a", False, 90) == pytest.approx(1000)
    assert comparing.labels_for(table, "a", False, 40) == 10
    assert comparing.labels_for(table, "a", False, 95) is None
    mean = comparing.means(table).set_index("images")
    assert mean["mean"].to_list() == pytest.approx([50, 70, 90]) and (mean.draws == 2).all()


def test_which_were_right_survives_being_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    rows = made("a", 10, 0.7, scored=77)
    results.record("t", rows, command="c", seed=0, weights="w", complete=False)
    assert results.unfinished() == ["t"] and results.table_names() == []
    back = results.current("t", "w")
    assert all(
        np.array_equal(recorded["right"], row["right"])
        for recorded, row in zip(back, rows, strict=True)
    )
    assert "right" not in (tmp_path / "unfinished" / "t.csv").read_text().split("\n")[0]
    results.record("u", rows + made("a", 20, 0.7, scored=9), command="c", seed=0, weights="w")
    assert results.load("u").right.map(len).value_counts().to_dict() == {77: 10, 9: 10}
    results.record("t", back, command="c", seed=0, weights="w")
    again = np.stack(results.load("t").right)
    assert np.array_equal(again, np.stack([row["right"] for row in rows]))
    assert results.unfinished() == [] and not (tmp_path / "unfinished").exists()
    assert results.current("t", "other weights") == []


def test_unseen_things_are_unseen_and_the_parts_differ():
    target = unseen_objects()
    assert not {t.name for t in unseen_classes()} & {t.name for t in source_classes()}
    assert target.pool.names == tuple(t.name for t in unseen_classes())
    assert len(target.test) == 27 * len(target.test.names)
    assert target.test.x.abs().max() <= 2
    some = torch.cdist(target.pool.x[:200].flatten(1), target.test.x[:200].flatten(1))
    assert some.min() > 1, "a render is in both parts"
    labelled = draw(target.pool, len(target.pool.names), 0)
    assert labelled.y.tolist() == list(range(len(target.pool.names)))


def test_the_same_layers_serve_things_and_letters(net):
    for name in ("letters", "unseen things"):
        target = data_experiments.TASKS[name]()
        rows = sweep(net, target, [len(target.pool.names)], 1, arms=["option-1", "random-frozen"])
        accuracies = {row["arm"]: row["accuracy"] for row in rows}
        assert accuracies["option-1"] > accuracies["random-frozen"] + 0.1, name


def test_a_cut_borrows_the_first_layers_and_keeps_them(net, target, monkeypatch):
    ten = draw(target.pool, 10, 0)
    start = transfer.fresh_network(ten.x, 0, first=(net, 2))
    assert fingerprint(start.layer2) == fingerprint(net.layer2)
    assert fingerprint(start.layer3) != fingerprint(net.layer3)
    fixed = transfer.fine_tune(
        network.replace_output_layer(start, 10), ten, chosen=Settings(steps=3),
        frozen=["layer1", "layer2"],
    ).net  # fmt: skip
    for number, same in ((1, True), (2, True), (3, False), (4, False)):
        layers = [getattr(n, f"layer{number}") for n in (start, fixed)]
        assert (fingerprint(layers[0]) == fingerprint(layers[1])) is same
    monkeypatch.setattr(data_experiments, "CUT", Settings(steps=2))
    rows = list(data_experiments.which_layers(net, target, 10, 1))
    assert len(rows) == 13 and {row["k"] for row in rows} == {0, 1, 2, 3, 4}
    by = {(r["first"], r["then"], r["k"]): r["accuracy"] for r in rows}
    assert ("random", "fixed", 0) not in by and len(by) == 13


def test_other_sources_are_what_they_say():
    for question, varied in data_experiments.QUESTIONS.items():
        assert len({task.name for task in varied}) == len(varied) >= 3, question
    small = data_experiments.SourceTask(classes=10, images=512, style="colour only")
    net = data_experiments.network_of_task(small, 1)
    assert net.n_classes == 10
    rows = list(data_experiments.lent_by(net, handwritten(), 2))
    assert [(r["images"], r["draw"]) for r in rows] == [(10, 0), (10, 1), (50, 0), (50, 1)]


def test_figures_say_in_words_what_they_show():
    rows = made("option-1", 10, 0.7) + made("option-1", 100, 0.9)
    rows += made("option-2", 10, 0.6) + made("option-2", 100, 0.95)
    table = pd.DataFrame(rows + [{**row, "augmented": True} for row in rows])
    both = curves.panels(comparing.means(table), "T", prediction={10: 50, 100: 80})
    plain = curves.panels(
        comparing.means(table[~table.augmented]), "T", live=table[~table.augmented]
    )
    assert both.width > plain.width and "Option 1 (frozen): 7" in both.alt and "dots" in plain.alt
    pairs = comparing.paired_arms(table, ("option-2", False), ("option-1", False))
    alt = curves.plot_paired_differences({"x": pairs}, "T", "points").alt
    assert "x, 10: -" in alt and "10 of 10 draws" in alt
    truth = torch.tensor([0, 0, 1, 1, 2])
    predicted = torch.tensor([0, 1, 1, 1, 1])
    alt = figures_05.plot_confusion(truth, predicted, ("a", "b", "c"), "T").alt
    assert "a called b 1 times" in alt and "c called b 1 times" in alt
    sure = torch.linspace(0.05, 1, 200)
    assert "% right where" in figures_05.confidence(sure, sure > 0.5, "T").alt
    tasks = pd.DataFrame([{**row, "task": "letters", "each": 1} for row in rows[:10]])
    assert "letters, Option 1" in figures_05.by_task(tasks, "T").alt


def test_pushing_tells_each_step_and_averages_weights(net, target, monkeypatch):
    other = transfer.option_2(net, target.pool[::50]).net
    first = network.replace_output_layer(net, 10)
    before = fingerprint(first)
    for mean, weight, two in zip(
        data_experiments.averaged([first, other]).parameters(), first.parameters(),
        other.parameters(), strict=True,
    ):  # fmt: skip
        assert torch.allclose(mean, (weight + two) / 2) and not torch.equal(weight, two)
    assert fingerprint(first) == before, "averaging changed a network"
    monkeypatch.setattr(data_experiments, "MANY", 2)
    few = target.validation[::20]
    rows = data_experiments._pushed(net, net, target.pool, few, 10, 0)
    shares = {row["step"]: row["accuracy"] for row in rows}
    assert len(shares) == len(rows) == 10 and min(shares.values()) > 0.4
    again = shares["pretrained on strokes: Option 1 with copies"]  # here the same network
    assert again == shares["Option 1 with altered copies"]
    assert shares["both sources: answers of six averaged"] == shares["answers of three averaged"]
    assert "10 digits, Option 1" in figures_05.steps(pd.DataFrame(rows + rows), "T").alt


def test_the_figure_of_costs_shows_both_parts_and_what_is_left():
    rows = [{"arm": "before", "images": 0, "draw": 0, "accuracy": 0.8}]
    rows += [
        {"arm": arm, "images": images, "draw": d, "accuracy": right, "training": 1.0, "test": test}
        for arm, right, test in (("option-1", 0.8, 0.7), ("option-2", 0.3, 0.75))
        for images in (10, 100)
        for d in range(2)
    ]
    alt = figures_05.costs(pd.DataFrame(rows), "T").alt
    of_100 = "training 100.0, test 75.0, of 100 known before 37"  # 30 of the 80
    assert f"Option 2 (fine-tuned), 100 digits: {of_100}" in alt


def test_figures_of_cuts_and_of_sources():
    cut = [
        {"first": first, "then": then, "k": k, "draw": d, "accuracy": 0.5 + 0.1 * k + 0.01 * d}
        for first, then in (("pretrained", "trained"), ("pretrained", "fixed"), ("random", "fixed"))
        for k in range(first == "random" or then == "fixed", 5)
        for d in range(2)
    ]
    alt = figures_05.plot_cuts(pd.DataFrame(cut), "T").alt
    assert "random and frozen, the rest trained: 50.5, 60.5, 70.5, 80.5, 90.5" in alt
    rows = [
        {"question": question, "classes": 10 ** (i + 1), "images_seen": 10 ** (i + 4),
         "style": f"style {i}", "pretraining": seed, "images": images, "draw": 0,
         "accuracy": 0.5 + 0.1 * i}
        for question in ("classes", "images", "style")
        for i in range(3)
        for seed in (1, 2)
        for images in (10, 50)
    ]  # fmt: skip
    alt = figures_05.plot_sources(pd.DataFrame(rows), "T").alt
    assert "number of classes, 10 labelled digits: 50.0 with 10, 60.0 with 100" in alt
    assert "70.0 with style 2" in alt
