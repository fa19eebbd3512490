"""The one runner of recorded tables: it resumes, writes whole parts, and says what is current."""

import itertools
import os
from dataclasses import replace

import pytest
from sentences import refused

from tl_course.app import records
from tl_course.base import parallel
from tl_course.core import network, settings
from tl_course.core.network import FiveLayerNet
from tl_course.study import results, tables, tuning
from tl_course.study.tables import Table


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(tables, "SAVE_EVERY", -1)


def squares(done, upto=4):
    for number in range(len(done), upto):
        yield {"number": number, "square": number**2}


def test_a_table_is_made_resumed_and_current(folder):
    whole, chosen = Table("squares", ("number",), squares, lambda: "w1"), []

    def stopped(done):
        yield from squares(done, 2)
        raise KeyboardInterrupt

    assert not whole.is_current
    with pytest.raises(KeyboardInterrupt):
        tables.make(Table("squares", ("number",), stopped, lambda: "w1"))
    assert len(whole.done()) == 2 and not whole.is_current
    asked = []

    def rest(done):
        asked.append(len(done))
        return squares(done)

    tables.make(Table("squares", ("number",), rest, lambda: "w1", chosen.extend))
    assert asked == [2] and [row["square"] for row in chosen] == [0, 1, 4, 9]
    assert whole.is_current
    assert results.load("squares").square.tolist() == [0, 1, 4, 9]
    other = Table("squares", ("number",), squares, lambda: "w2")
    assert not other.is_current and other.done() == []


def test_a_table_that_was_made_before_a_kill_is_tidied_up_and_its_settings_chosen(
    folder, monkeypatch
):
    chosen = []
    table = Table("squares", ("number",), squares, lambda: "w", chosen.append)
    with monkeypatch.context() as patch:
        patch.setattr(results, "sweep_unfinished", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tables.make(table)
    assert table.is_current and len(chosen) == 1 and results.unfinished() == ["squares"]
    assert not tables.bring_up_to_date(table)
    assert sorted(os.listdir(results.FOLDER)) == ["squares.csv", "squares.json"]


def interrupt(*_, **__):
    raise KeyboardInterrupt


def scored(done, upto=6):
    """Rows that have bits; from the fourth on more of them."""
    for number in range(len(done), upto):
        yield {"number": number, "right": [number % 2 == 1] * (9 if number < 3 else 20)}


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("files", range(3))
@pytest.mark.parametrize("anew", [False, True])
def test_a_program_that_is_killed_between_two_files_loses_nothing(
    folder, monkeypatch, before, files, anew
):
    """Neither for itself, nor what an earlier sitting had written down."""
    whole = Table("scored", ("number",), scored, lambda: "w")
    if before:
        with pytest.raises(KeyboardInterrupt):
            tables.make(replace(whole, rows=lambda done: interrupted(scored(done, before))))
    replaced, real = itertools.count(), os.replace

    def replace_some(*paths):
        if next(replaced) == files:
            raise KeyboardInterrupt
        real(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_some)
        with pytest.raises(KeyboardInterrupt):
            tables.make(whole, anew)
    assert not whole.is_current
    if not anew:
        assert len(whole.done()) == before
    tables.make(whole)
    assert whole.is_current and len(os.listdir(results.FOLDER)) == 3
    assert [list(row) for row in results.load("scored").right] == [
        row["right"] for row in scored([])
    ]


def interrupted(rows):
    yield from rows
    raise KeyboardInterrupt


def test_a_table_whose_rows_are_gone_is_one_sentence(folder):
    tables.make(Table("squares", ("number",), squares, lambda: "w"))
    path = results.FOLDER / "squares.csv"
    for damage in (lambda: path.write_text("number,square\n0,0\n"), path.unlink):
        damage()
        with refused("unfinished", "'squares'"):
            results.load("squares")


def test_a_network_whose_folder_alone_is_there_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    (tmp_path / "records" / "little").mkdir(parents=True)
    net = tables.saved_network("little", lambda: FiveLayerNet(2))
    again = tables.saved_network("little", lambda: None)
    assert network.fingerprint(again) == network.fingerprint(net)


def test_rows_of_an_earlier_sitting_are_not_written_twice(folder):
    """Also where keys were read back from a file, and where a part comes as a list."""
    keys = ("name", "rate", "copies")
    rows = [{"name": "a", "rate": float("nan"), "copies": True, "x": 1},
            {"name": "a", "rate": 0.1, "copies": False, "x": 2}]  # fmt: skip
    table = Table("some", keys, lambda done: [rows[:1], rows[1]], lambda: "w")
    tables.make(table)
    tables.make(table)
    assert len(results.load("some")) == 2
    tables.make(table, anew=True)
    assert len(results.load("some")) == 2


def test_what_is_missing_of_a_plan():
    done = [{"images": 10, "draw": 0}, {"images": 10, "draw": 1}]
    plan = [(10, 0), (10, 1), (10, 2), (50, 0)]
    assert list(tables.missing(plan, done, ("images", "draw"))) == [(10, 2), (50, 0)]


def test_every_recorded_table_has_a_lesson_that_makes_it():
    every = records.every_table()
    assert set(results.table_names()) == set(every) and not results.unfinished()
    assert set(list(every)[:5]) == set(records.CHOSEN_FIRST), "settings are chosen first"
    with refused("no_table", "'swep'"):
        records.make_all(["swep"])


def test_where_everything_is_current_nothing_is_made(monkeypatch):
    monkeypatch.setattr(tables, "make", None)
    assert records.make_all(results.table_names()) == ["Everything is current."]


def test_settings_are_chosen_from_the_rows_that_were_just_made(folder, tmp_path, monkeypatch):
    """Before a table is written: *output layer first* is tuned with what Option 1 has by then."""
    shipped = settings.FILE.read_text(encoding="utf-8")
    monkeypatch.setattr(settings, "FILE", tmp_path / "settings.json")
    settings.FILE.write_text(shipped, encoding="utf-8")
    before = settings.chosen("option-1", 10).l2
    seen = []

    def run(name, arm, augmented, images, number, candidates):
        seen.append((arm, settings.chosen("option-1", 10).l2))
        cell = {"arm": arm, "augmented": augmented, "images": images}
        accuracies = [float(candidate == candidates[0]) for candidate in candidates]
        return tuning.rows_of(cell, number, candidates, accuracies)

    monkeypatch.setattr(tuning, "run_draw", run)
    monkeypatch.setattr(parallel, "WORTH_IT", 10**6)  # in this process
    monkeypatch.setattr(tables, "SAVE_EVERY", 1e9)
    table = replace(records.every_table()["tuning"], weights=lambda: "w")
    tables.make(table)
    first = tuning.OFFLINE.grid("option-1", False, 10)[0].l2
    assert before != first, "the best that is made up here must be another one"
    assert {l2 for arm, l2 in seen if arm in tuning.HEADS} == {before}
    assert {l2 for arm, l2 in seen if arm in tuning.WHOLE} == {first}
    assert len(results.load("tuning")) == len({table.key(row) for row in table.done()}) == 1026
