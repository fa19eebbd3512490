"""Which source serves which target: every cell there, draws in pairs, controls that control."""

import dataclasses
import itertools
import json
import os
import runpy
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
import strange_zips
import torch
from sentences import refused

from tl_course.app import cli
from tl_course.base import storage
from tl_course.core import files, network, pretraining, transfer
from tl_course.core.settings import Settings
from tl_course.data.examples import draw
from tl_course.data.targets import spoken, written
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.n06_wrong_modality import experiments as modality_controls
from tl_course.lessons.n06_wrong_modality import figures as modality_plots
from tl_course.lessons.n06_wrong_modality import sounds
from tl_course.lessons.n06_wrong_modality import tables as tables_06
from tl_course.study import matrix, matrix_cells, matrix_tuning, results, tuning


def smaller(target):
    """A target whose test part is short."""
    return dataclasses.replace(target, test=target.test[:: len(target.test) // 50])


@pytest.fixture
def tasks(monkeypatch):
    """Two short targets, one of them with two folds."""
    folds = (lambda: smaller(written.written_digits(0)), lambda: smaller(written.written_digits(1)))
    targets = {
        "handwritten": matrix.Task("image", (lambda: smaller(handwritten()),)),
        "written": matrix.Task("text", folds),
    }
    monkeypatch.setattr(matrix, "tasks", lambda: targets)
    return targets


def test_every_cell_of_the_matrix_is_there_and_draws_are_in_pairs(tasks):
    nets = {"image": pretraining.pretrained(), "text": pretraining.pretrained("written-names")}
    asked = {"images": [10], "draws": 3, "options": ["1"]}
    rows = list(matrix.transfer_matrix(nets, **asked))
    table = pd.DataFrame(rows)
    counts = table.groupby(["target", "source", "option"]).size()
    assert set(counts) == {3} and len(counts) == 2 * 4
    assert set(table.source) == {"random", "image", "text", "none"}
    assert table[table.target == "written"].groupby("draw").fold.first().to_list() == [0, 1, 0]
    cells = matrix.cells(table)
    assert cells["mean"].between(0, 1).all() and set(cells.draws) == {3}
    # What is done is not run again, and one by one it comes out the same.
    done = [row for row in rows if row["draw"] > 0]
    again = {
        (r["target"], r["source"]): r for r in matrix.transfer_matrix(nets, done=done, **asked)
    }
    assert len(again) == 8
    for row in rows:
        if row["draw"] == 0:
            assert np.array_equal(again[row["target"], row["source"]]["right"], row["right"])
    target = tasks["handwritten"].folds[0]()
    labelled = draw(target.pool, 10, 2)
    chosen = matrix.chosen_for_cell("image", "handwritten", "1", 10)
    adapted = matrix.adapted_in_cell(nets["image"], labelled, "1", 2, chosen)
    right = (adapted(target.test.x).argmax(1) == target.test.y).numpy()
    recorded = next(
        r for r in rows if (r["target"], r["source"], r["draw"]) == ("handwritten", "image", 2)
    )
    assert (right != recorded["right"]).sum() <= 1  # features in one batch or another
    # Of another pretraining only what it changes is run, and rows say which it is.
    other = list(matrix.transfer_matrix(nets, done=rows, pretraining=1, **asked))
    assert {row["source"] for row in other} == set(nets) and len(other) == 2 * 2 * 3
    assert {row["pretraining"] for row in other} == {1}
    assert not list(matrix.transfer_matrix(nets, done=[*rows, *other], pretraining=1, **asked))
    with refused("no_target", "'braille'", "handwritten, written"):
        next(matrix.transfer_matrix(nets, [10], 1, targets=["braille"]))


def test_the_most_examples_of_a_target_are_there_to_be_drawn():
    wanted = {name: sizes for names, sizes in tables_06.ENDS.items() for name in names}
    assert set(wanted) == {*matrix.CALLED}
    for name, task in matrix.tasks().items():
        assert all(len(fold().pool) >= max(wanted[name]) for fold in task.folds)
        for size in wanted[name]:
            assert len(draw(task.folds[0]().pool, size, 0)) == size


def test_people_who_cannot_be_heard_are_named_not_left_out(tmp_path, monkeypatch, record_digit):
    monkeypatch.delenv(spoken.VARIABLE, raising=False)
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    assert "spoken-real" not in matrix.tasks()
    with refused("not_fetched", "free_spoken_digits.py"):
        next(matrix.transfer_matrix({}, [10], 1, targets=["spoken-real"]))
    monkeypatch.setenv(spoken.VARIABLE, str(tmp_path / "nowhere"))
    with refused("not_fetched", "nowhere"):
        matrix.tasks()
    for speaker in ("ann", "bob"):
        record_digit(tmp_path, 3, speaker, 0, 300)
    monkeypatch.setenv(spoken.VARIABLE, str(tmp_path))
    assert len(matrix.tasks()["spoken-real"].folds) == 2
    (tmp_path / "3_bob_0.wav").write_bytes(b"RIFF")
    spoken._real.cache_clear()
    with refused("unreadable", "3_bob_0.wav"):
        matrix.tasks()


def test_what_is_ahead_is_paired_and_its_interval_is_of_the_right_kind():
    right = np.zeros((6, 100), bool)
    rows = []
    for d in range(6):
        for source, correct in (("random", 50 + 5 * d), ("text", 60 + 5 * d)):
            right = np.arange(100) < correct
            rows.append(
                {"source": source, "target": "written", "option": "1", "images": 50, "draw": d,
                 "fold": d % 3, "accuracy": right.mean(), "right": right}
            )  # fmt: skip
    difference = matrix.ahead(pd.DataFrame(rows), ("random", "1")).iloc[0]
    assert difference.ahead == pytest.approx(10) and difference.wins == difference.draws == 6
    assert difference.interval == pytest.approx(0, abs=1e-9), "with folds, the draws' own spread"
    one_test_set = pd.DataFrame(rows).assign(fold=0)
    difference = matrix.ahead(one_test_set, ("random", "1")).iloc[0]
    assert difference.interval > 1, "with one test set, another one might differ"
    assert matrix.ahead(one_test_set, ("image", "1")).empty
    # With eight voices of which one alone is helped, nothing is clear.
    for row in rows:
        row["right"] = np.repeat(np.arange(8) < (row["source"] == "text"), 10)
        row |= {"target": "spoken", "fold": 0, "accuracy": row["right"].mean()}
    difference = matrix.ahead(pd.DataFrame(rows), ("random", "1")).iloc[0]
    assert difference.ahead == pytest.approx(12.5) and difference.interval > 25


def test_other_pretrainings_widen_an_interval():
    random, rows = np.random.default_rng(0), []
    for run, d in itertools.product(range(3), range(6)):
        for source in ("random", "image") if run == 0 else ("image",):
            share = 0.5 if source == "random" else 0.6 + 0.1 * run
            right = random.random(400) < share
            rows.append(
                {"source": source, "target": "handwritten", "option": "1", "images": 50, "draw": d,
                 "fold": 0, "accuracy": right.mean(), "right": right, "pretraining": run}
            )  # fmt: skip
    table = pd.DataFrame(rows)
    three = matrix.ahead(table, ("random", "1")).iloc[0]
    alone = matrix.ahead(table[table.pretraining == 0], ("random", "1")).iloc[0]
    assert three.ahead == pytest.approx(20, abs=3) and alone.ahead == pytest.approx(10, abs=3)
    assert three.draws == alone.draws == 6
    assert three.interval > 15 > 2 * alone.interval, "three that differ by ten points each"
    languages = table.assign(target="written", fold=table.draw % 3)
    three = matrix.ahead(languages, ("random", "1")).iloc[0]
    alone = matrix.ahead(languages[languages.pretraining == 0], ("random", "1")).iloc[0]
    assert three.interval > 15 > alone.interval
    cells = matrix.cells(table).set_index("source")
    assert set(cells.draws) == {6} and cells["mean"].image == pytest.approx(0.7, abs=0.03)


def test_settings_of_a_cell_are_the_best_of_its_recorded_grid():
    table = results.load("matrix_tuning")
    assert "spoken-real" not in set(table.target)
    cell = ["source", "target", "option", "images"]
    sizes = table.groupby(cell).size()
    assert len(sizes) == 3 * (4 * 2 + 3 + 1), "targets × (Option 1 at two sizes, 2, scratch)"
    for (_, _, option, images), tried in sizes.items():
        assert images in matrix_tuning.SIZES[option]
        assert tried == len(matrix_tuning.grid_of_option(option)) * matrix_tuning.DRAWS
    for key, group in table.groupby(cell):
        mean = group.groupby(["l2", "rate", "steps"]).accuracy.mean()
        chosen = matrix.chosen_for_cell(*key)
        assert mean[chosen.l2, chosen.learning_rate, chosen.steps] == pytest.approx(mean.max())
    real = matrix.chosen_for_cell("audio", "spoken-real", "1", 50)
    assert real == matrix.chosen_for_cell("audio", "spoken", "1", 50)


def test_tuning_scores_on_validation_examples_and_stands_alone(tasks, monkeypatch):
    monkeypatch.setattr(
        matrix_tuning, "grid_of_option", lambda option: [Settings(l2=1e-3), Settings(l2=1)]
    )
    rows = matrix_tuning.run_cell(pretraining.pretrained(), "image", "handwritten", "1", 50, 0)
    target = handwritten()
    labelled = draw(target.pool, 50, tuning.FIRST_DRAW)
    test = target.validation
    for row in rows:
        chosen = Settings(l2=row["l2"])
        alone = transfer.option_1(pretraining.pretrained(), labelled, chosen=chosen, test=test)
        assert row["accuracy"] == pytest.approx(alone.accuracy, abs=0.002)
    plan = list(matrix_tuning.missing_cells(["image"], rows))
    assert ("image", "handwritten", "1", 50, 0) not in plan
    assert ("image", "handwritten", "2", 50, 0) in plan and (
        "random",
        "written",
        "1",
        200,
        1,
    ) in plan


def test_the_floor_counts_letters_of_texts_and_needs_no_network():
    target = written.written_digits()
    labelled = draw(target.pool, 100, 0)
    right = matrix.floor(labelled, target.test[::10])
    assert right.dtype == torch.bool and 0.2 < right.float().mean() < 0.95


def test_another_modality_is_refused_unless_it_is_asked_for():
    net, target = pretraining.pretrained(), spoken.spoken_digits()
    labelled = draw(target.pool, 10, 0)
    with refused("mismatch", "image", "audio"):
        transfer.option_1(net, labelled)
    forced = transfer.option_1(net, labelled.with_modality("image"))
    assert forced.images == 10


def test_altered_sources_keep_their_pictures_or_their_labels():
    plain, permuted = (
        modality_controls.EmojiImages(0),
        modality_controls.Altered(0, modality_controls.pixels_permuted),
    )
    x, y = plain.batch(0, 50)
    moved, labels = permuted.batch(0, 50)
    assert torch.equal(y, labels) and not torch.equal(x, moved)
    assert torch.equal(x.flatten(2).sort(2).values, moved.flatten(2).sort(2).values)
    shuffled = modality_controls.Altered(0, shuffle=True)
    same, other = shuffled.batch(0, 2000)
    assert torch.equal(same[:50], x) and (other[:50] == y).float().mean() < 0.1
    assert torch.equal(shuffled.batch(1000, 3)[1], other[1000:1003])
    assert set(modality_controls.SOURCES) >= {"its pixels permuted", "its labels shuffled"}


def test_shuffled_weights_have_the_same_numbers_in_every_layer(net):
    before = network.fingerprint(net)
    mixed = modality_controls.shuffled_weights(net)
    for weights, other in zip(net.parameters(), mixed.parameters(), strict=True):
        assert torch.equal(weights.flatten().sort().values, other.flatten().sort().values)
    assert not torch.equal(net.layer2.weight, mixed.layer2.weight)
    assert network.fingerprint(net) == before


def test_rows_are_permuted_alike_in_every_part_of_a_target():
    target = spoken.spoken_digits()
    changed = modality_controls.with_inputs_changed(target, modality_controls.rows_permuted)
    order = torch.cdist(target.pool.x[0, 0], changed.pool.x[0, 0]).argmin(0)
    assert torch.equal(changed.test.x[7, 0], target.test.x[7, 0][order])
    assert torch.equal(changed.test.y, target.test.y)


def test_raw_sound_is_its_own_samples(tmp_path, monkeypatch, record_digit):
    for speaker in ("ann", "bob"):
        for digit in range(10):
            record_digit(tmp_path, digit, speaker, 0, 200 + 100 * digit)
    monkeypatch.setenv(spoken.VARIABLE, str(tmp_path))
    target = modality_controls.raw_speech("ann")
    assert target.pool.x.shape == (10, 3, 32, 32) and len(target.test) == 10
    wave = target.test.x[0].flatten()
    spectrum = torch.fft.rfft(wave).abs()
    assert abs(int(spectrum[1:].argmax()) + 1 - 200) <= 2, "200 waves in its second"
    assert wave.mean().abs() < 1e-4


def test_controls_are_tuned_on_validation_and_tell_what_they_are(net):
    target = smaller(handwritten())
    rows = modality_controls.run_control({"control": "none"}, net, [target], 2, target)
    assert [row["draw"] for row in rows] == [0, 1] and rows[0]["control"] == "none"
    assert all(row["accuracy"] > 0.8 for row in rows)


def test_a_player_has_a_name_and_figures_can_be_heard():
    wave = next(iter(spoken.sounds().values()))
    shown = sounds.Sound(wave, spoken.SOUNDS_RATE, "“cat” <f3>")._repr_html_()
    assert '<audio aria-label="“cat” &lt;f3&gt;"' in shown and "controls" in shown
    fifty = matrix_cells.measured_cells(results.load("matrix"), 50, "1")
    picture = modality_plots.heat_map(fifty, "Its own kind")
    for words in ("pictures for handwritten digits", "sound for spoken digits (people)"):
        assert words in picture.alt


def test_the_command_prints_every_cell(tasks, capsys, monkeypatch):
    asked = ["matrix", "--images", "10", "--draws", "2", "--options", "1", "--json"]
    assert cli.main(asked) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    keys = {"source", "target", "option", "mean", "sd", "draws", "images"}
    assert all(set(cell) == keys and 0 <= cell["mean"] <= 1 for cell in printed["cells"])
    assert len(printed["cells"]) == 2 * 4 and len(printed["floor"]) == 2
    for wrong, problem in (
        (["--images", "ten"], "no list of numbers"), (["--options", "3"], "none of 1, 2, scratch"),
        (["--draws", "0"], "a number from 1 to"), (["--targets", "braille"], "no target 'braille'"),
    ):  # fmt: skip
        assert cli.main(["matrix", *wrong]) == 2
        assert problem in capsys.readouterr().err


@pytest.mark.parametrize("name", ["spoken-names", "written-names"])
def test_networks_of_sound_and_text_are_shipped_and_small(name):
    folder = pretraining.shipped_folder(name)
    assert (folder / files.WEIGHTS_FILE).stat().st_size <= 4_000_000
    net = pretraining.pretrained(name)
    assert net.modality == {"spoken-names": "audio", "written-names": "text"}[name]
    assert net.about["images"] == pretraining.SHIPPED[name][1]
    assert net.about["metrics"]["accuracy on fresh inputs"] > 0.3
    if name == "written-names":
        held_out = pretraining.source(name, 0, held_out=True)
        measured = pretraining.accuracy_on(net, held_out, 2000)
        claimed = net.about["metrics"]["accuracy on fresh inputs"]
        assert measured == pytest.approx(claimed, abs=0.03)


def test_the_command_pretrains_on_written_names(tmp_path, capsys):
    asked = ["pretrain", "--source", "written-names", "--images", "512", "--out", str(tmp_path)]
    assert cli.main(asked) == 0
    assert "fresh written names named right after 512" in capsys.readouterr().out
    assert files.load(tmp_path).modality == "text"
    with refused("no_source", "'smells'"):
        pretraining.source("smells", 0)


def test_fetched_recordings_are_unpacked_read_and_a_damaged_archive_is_named(
    tmp_path, record_digit
):
    script = runpy.run_path("data_scripts/free_spoken_digits.py")
    made = storage.make_folder(tmp_path / "made")
    record_digit(made, 3, "ann", 0, 300)
    archive = tmp_path / "v1.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(made / "3_ann_0.wav", "free-spoken-digit-dataset-1/recordings/3_ann_0.wav")
        packed.writestr("free-spoken-digit-dataset-1/README.md", "words")
    assert script["unpack"](archive, tmp_path / "recordings") == 1
    assert spoken.read_wave(tmp_path / "recordings" / "3_ann_0.wav")[1] == 8000
    archive.write_bytes(archive.read_bytes()[:200])
    with refused("damaged", "v1.zip"):
        script["unpack"](archive, tmp_path / "recordings")
    assert not archive.exists()


@pytest.mark.parametrize(("count", "size"), [(3001, 1), (60, 999_000)])
def test_an_archive_of_more_recordings_than_there_are_is_not_unpacked(tmp_path, count, size):
    script = runpy.run_path("data_scripts/free_spoken_digits.py")
    archive = tmp_path / "v.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(count):
            packed.writestr(f"f/recordings/3_ann_{number}.wav", bytes(size))
    with refused("damaged", "more recordings"):
        script["unpack"](archive, tmp_path / "recordings")
    assert not any(tmp_path.rglob("*.wav"))


@pytest.mark.parametrize("kind", [*strange_zips.KINDS, "too large"])
def test_a_strange_archive_of_recordings_is_one_sentence(tmp_path, kind):
    script = runpy.run_path("data_scripts/free_spoken_digits.py")
    archive = tmp_path / "v1.zip"
    size = 2_000_000 if kind == "too large" else 1000
    archive.write_bytes(strange_zips.strange(kind, {"f/recordings/3_ann_0.wav": bytes(size)}))
    tracemalloc.start()
    try:
        with refused("damaged", "v1.zip"):
            script["unpack"](archive, tmp_path / "recordings")
        assert tracemalloc.get_traced_memory()[1] < strange_zips.BOMB / 4
    finally:
        tracemalloc.stop()
    assert not archive.exists() and not any((tmp_path / "recordings").glob("*"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_recordings_that_were_half_unpacked_are_not_taken_for_all(
    tmp_path, monkeypatch, record_digit
):
    """After a kill the script goes through; of an archive that lacks one nothing is taken."""
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    monkeypatch.delenv(spoken.VARIABLE, raising=False)
    main = runpy.run_path("data_scripts/free_spoken_digits.py")["main"]
    monkeypatch.setitem(main.__globals__, "EACH", 1)
    made, home = tmp_path / "made", storage.make_folder(tmp_path / "free-spoken-digit-dataset")
    made.mkdir()
    for number, speaker in itertools.product(range(10), "abcdef"):
        record_digit(made, number, speaker, 0, 300)

    def pack(paths):
        with zipfile.ZipFile(home / "v1.0.10.zip", "w") as packed:
            for path in paths:
                packed.write(path, f"f/recordings/{path.name}")

    pack(sorted(made.iterdir()))
    if not (child := os.fork()):
        monkeypatch.setattr(spoken, "read_wave", lambda path: "7_a" in path.name and os._exit(9))
        main()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (home / "unpacking" / "3_a_0.wav").exists()
    with refused("not_fetched"):
        spoken.recordings()
    archive = (home / "v1.0.10.zip").read_bytes()
    with refused("other_data", "george"):
        main()
    assert not (home / "recordings").exists()
    (home / "v1.0.10.zip").write_bytes(archive)
    monkeypatch.setitem(main.__globals__, "SUMS", {})
    main()
    assert len(list(spoken.recordings().iterdir())) == 60
    assert sorted(path.name for path in home.iterdir() if path.suffix != ".lock") == ["recordings"]
    pack(sorted(made.iterdir())[1:])
    with refused("other_data", "59", "60"):
        main()
    assert len(list(spoken.recordings().iterdir())) == 60, "those of before"
