"""Predictions before a result, kept and compared with it, and short questions."""

import json
import types

import pytest
from clicker import press

import tl_course as tl
from tl_course.app import cli
from tl_course.base.errors import CourseError
from tl_course.lessons import lesson as module
from tl_course.lessons import predictions, progress_store, speed
from tl_course.lessons.claims import Claim
from tl_course.lessons.exercises import Exercise
from tl_course.lessons.predictions import Asked
from tl_course.lessons.questions import Question
from tl_course.widgets import asking
from tl_course.widgets.modality_explorer import ModalityExplorer

LESSON = types.SimpleNamespace(number="03")
RIGHT_AND_WRONG = {"yes": "Because it is.", "no": "It only looks so."}


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))


@pytest.fixture
def shown(monkeypatch):
    """What a cell shows, as HTML; what is updated replaces the last."""
    parts = []

    def display(*things, raw=False, display_id=None, **_):
        parts.extend(
            thing.get("text/html", "") if raw else asking._bundle([thing])["text/html"]
            for thing in things
        )

        def update(thing, raw):
            parts[-1] = thing.get("text/html", "")

        return types.SimpleNamespace(update=update) if display_id else None

    monkeypatch.setattr(asking, "display", display)
    return parts


@pytest.fixture
def learner(monkeypatch, shown):
    """Somebody sits at the notebook."""
    monkeypatch.setattr(asking, "somebody_is_there", lambda: True)
    return shown


def ask(measured=73.05, *results, **more):
    made = tl.prediction(LESSON, "ten", "How many of 100?", measured, *results, **more)
    made._ipython_display_()
    return made


def test_without_a_learner_the_result_is_there_at_once(shown):
    ask(73.05, "a printed text")
    assert "How many of 100?" in shown[0]
    assert "73%." in shown[1] and "a printed text" in shown[2]
    assert progress_store.read_entries("predictions") == {}


def test_choices_are_read_where_nobody_can_press_them(shown):
    ask("scratch", options=("frozen <4>", "scratch"))
    assert "frozen &lt;4&gt; · scratch" in shown[0]
    ask()
    assert "·" not in shown[-2]


def test_the_result_comes_after_the_answer_and_is_kept(learner):
    prediction = ask(73.05, "a printed text")
    form, written = prediction.form, prediction.form.written
    assert not any("73%" in part or "printed" in part for part in [*learner, form.told])
    assert form.labels == ["Your answer"] and form.typed == [], "no default"
    for text in ("", "many", "101", "-1", "nan"):
        press(prediction.form, "answer", text)
        assert "type a number from 0 to 100, or press Skip" in form.alert
        assert not any("73%" in part for part in [*learner, form.told])
        assert form.written == written, "what was typed stays in the field"
    press(prediction.form, "answer", " 30,5 % ")
    for shown in (form.told, learner[-1]):  # in the view, and in the notebook that is saved
        assert "You said 30.5, it is 73%: 42.5 points higher." in shown
        assert "a printed text" in shown
    assert not form.alert and form.answered and form.typed == ["30.5"]
    assert progress_store.read_entries("predictions")["03.ten"]["said"] == {"": 30.5}


def test_who_skips_sees_it_and_is_asked_again_on_demand(learner):
    prediction = ask()
    press(prediction.form, "skip", "")
    assert (
        "73%." in prediction.form.told
        and progress_store.read_entries("predictions")["03.ten"]["said"] is None
    )
    again = ask()
    assert again.answered and "73%." in again.form.told and "73%." in learner[-1]
    press(again.form, "again", "")
    assert (
        "73%" not in learner[-1] + again.form.told
        and progress_store.read_entries("predictions") == {}
    )
    assert not again.form.answered and again.form.typed == []
    press(again.form, "answer", "73.05")
    assert "just that" in again.form.told


def test_of_two_presses_the_first_counts(learner):
    prediction = ask()
    press(prediction.form, "again")  # nothing is answered yet
    press(prediction.form, "answer", "30")
    press(prediction.form, "answer", "40")
    press(prediction.form, "skip", "40")
    assert prediction.said == {"": 30} and prediction.form.typed == ["30"]


@pytest.mark.parametrize(
    "content", [None, "skip", {}, {"press": "skip"}, {"press": "end", "typed": []}, {"press": 1}]
)
def test_what_is_no_press_changes_nothing(learner, content):
    prediction = ask()
    before = prediction.form.get_state()
    prediction.form._handle_custom_msg(content, [])
    assert not prediction.answered and prediction.form.get_state() == before


def test_the_first_answer_counts_also_when_the_cell_is_run_again(learner):
    prediction = ask()
    press(prediction.form, "answer", "30")
    again = ask(74)
    assert again.form.typed == ["30"] and "you said 30" in again.form.told.lower()
    assert progress_store.read_entries("predictions")["03.ten"]["measured"] == {"": 73.05}
    predictions.keep_prediction("03", "ten", prediction.asked, {"": 73})  # from a second window
    assert progress_store.read_entries("predictions")["03.ten"]["said"] == {"": 30}


def test_a_home_that_cannot_be_written_to_keeps_nobody_from_the_result(learner, monkeypatch):
    def full(*_):
        raise CourseError("disk_full", "The disk is full.")

    monkeypatch.setattr(progress_store.storage, "write_text", full)
    prediction = ask()
    with pytest.warns(UserWarning, match="not kept. The disk is full"):
        press(prediction.form, "answer", "30")
    assert "You said 30, it is 73%" in learner[-1]
    exercise = Exercise("03.x", "x = ...", lambda x: None, ("a", "b"), "")
    with pytest.warns(UserWarning, match="not kept"):
        exercise.check(1)


def test_large_numbers_are_written_out(learner):
    press(ask({"labels": 1234.5}, unit="labels", high=5000).form, "skip")
    assert "Labels: 1,234 labels." in learner[-1]


def test_several_numbers_and_choices(learner):
    prediction = ask({"after 10": 73, "after 50": 92.5})
    assert prediction.form.labels == ["after 10", "after 50"]
    for typed in (["80", ""], ["80"]):
        press(prediction.form, "answer", *typed)
        assert "for “after 50”" in prediction.form.alert
    press(prediction.form, "answer", "80", "90")
    assert "After 10: you said 80, it is 73%: 7 points lower; after 50: you said 90" in learner[-1]

    progress_store.forget_everything()
    prediction = ask("layer 2", options=["layer 1", "layer 2"])
    for typed in ([], ["layer 3"]):
        press(prediction.form, "answer", *typed)
        assert "Choose one" in prediction.form.alert
    press(prediction.form, "answer", "layer 1")
    assert "You said: layer 1, and it is: layer 2." in learner[-1]
    with pytest.raises(ValueError, match="none of the options"):
        ask("layer 3", options=["layer 1", "layer 2"])


def test_a_choice_in_each_line(learner):
    """As in a table that is filled in: each line has its own choice, and all are wanted."""
    table = {"few labels": "Option 1", "many labels": "Option 2"}
    prediction = ask(table, "the table", options=["Option 1", "Option 2"])
    assert prediction.form.labels == list(table)
    for typed in ([], ["Option 1", ""], ["Option 1", "Option 3"]):
        press(prediction.form, "answer", *typed)
        assert "in each line" in prediction.form.alert and not prediction.answered
    press(prediction.form, "answer", "Option 1", "Option 1")
    assert "1 of 2 agree. many labels: you said Option 1, it is Option 2." in learner[-1]
    assert "the table" in learner[-1]
    again = ask(table, options=["Option 1", "Option 2"])
    assert again.answered and again.form.typed == ["Option 1", "Option 1"]
    rows = predictions.prediction_rows(predictions.of("03"))
    assert [row[1:] for row in rows] == [
        ("Option 1", "Option 1", "right"), ("Option 1", "Option 2", "wrong"),
    ]  # fmt: skip
    picture, words = predictions.plot_calibration(predictions.of())
    assert picture is None and "Of 2 choices you got 1 right" in words
    assert not ask({"few labels": 1, "many labels": 2}).answered
    press(again.form, "again")
    press(again.form, "skip")
    assert "It is: few labels: Option 1; many labels: Option 2." in learner[-1]
    with pytest.raises(ValueError, match="none of the options"):
        ask(table, options=["Option 1"])


def test_what_is_kept_of_another_question_is_not_taken_for_an_answer(learner):
    prediction = ask()
    press(prediction.form, "answer", "30")
    assert not ask({"one": 1, "two": 2}).answered
    assert not ask("no", options=["yes", "no"]).answered


def test_a_notebook_shows_its_predictions_and_the_course_a_calibration(learner, capsys):
    assert "nothing" in predictions.in_words(predictions.of("03"))
    for name, guess, measured in (
        ("a", 30, 70.0),
        ("b", 90, 95.0),
        ("c", None, 50.0),
        ("d", 60, 75),
    ):
        entry = None if guess is None else {"": guess}
        predictions.keep_prediction("03", name, Asked(f"Question {name}?", {"": measured}), entry)
    predictions.keep_prediction("04", "e", Asked("Which?", "yes", ("yes", "no")), "yes")
    progress_store.keep_entry(
        "predictions", "03.damaged", lambda _: {"said": {"": "x"}, "measured": 3}
    )
    table = predictions.in_words(predictions.of("03"))
    assert (
        all(words in table for words in ("Question a?", "+40", "skipped")) and "Which" not in table
    )
    picture, words = predictions.plot_calibration(predictions.of())
    assert "You predicted 3 percentages. You were 20 points off on average" in words
    assert "it was 20 higher than you said" in words and "Of 1 choices you got 1 right" in words
    assert "20 points off" in picture.alt
    picture, words = predictions.plot_calibration({})
    assert picture is None and "0 percentages" in words


def test_the_table_follows_each_answer(learner):
    table, calibration = tl.predictions(LESSON), tl.calibration()
    table._ipython_display_()
    assert "predicted nothing" in table.form.told and "predicted nothing" in learner[-1]
    assert "0 percentages" in calibration.form.told
    prediction = ask(73.05)
    press(prediction.form, "answer", "30")
    assert "How many of 100?" in table.form.told and "1 percentages" in calibration.form.told
    press(prediction.form, "again")
    assert "predicted nothing" in table.form.told and "0 percentages" in calibration.form.told


def test_without_a_learner_the_table_is_there_as_well(shown):
    tl.predictions(LESSON)._ipython_display_()
    assert shown == ["<p>You have predicted nothing in this notebook so far.</p>"]


def test_numbers_of_one_unit_have_the_same_digits():
    percent = {"a": 77.0, "b": 93.6, "c": 8.59}
    for name, asked, guess in (
        ("share", Asked("?", percent), {"a": 80, "b": 93.6, "c": 12.25}),
        ("bits", Asked("?", {"": 1.8}, unit="bits", high=10), {"": 2}),
        ("labels", Asked("?", {"": 1215.0}, unit="labels", low=10, high=1000), {"": 200}),
    ):
        predictions.keep_prediction("03", name, asked, guess)
    rows = [row[1:] for row in predictions.prediction_rows(predictions.of("03"))]
    rows = [tuple(cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row) for row in rows]
    assert rows == [
        ("2.00", "1.80 bits", "−0.20"),
        ("200", "1,215 labels", "+1,015"),
        ("80.0", "77.0%", "−3.0"),
        ("93.6", "93.6%", "+0.0"),
        ("12.2", "8.6%", "−3.6"),
    ]


# ---------------------------------------------------------------------------- what waits for it


@pytest.fixture
def lesson(monkeypatch):
    """A lesson at which claims can be judged, and nothing was asked before."""
    monkeypatch.setattr(asking, "_asked", {})
    monkeypatch.setattr(module, "display", lambda *_: None)
    monkeypatch.setattr(speed, "measured", lambda: speed.Speed(2000.0))
    return module.Lesson("03")


CLAIM = Claim("It is 73.05%.", True, "73.05 against 10")


def test_without_a_learner_nothing_waits(lesson, shown):
    tl.show(lesson, CLAIM, "*So* it is.")
    assert "It is 73.05" in shown[0] and "<em>So</em> it is." in shown[1]


def test_what_would_tell_an_answer_waits_for_it(lesson, learner):
    ten, other = ask(), tl.prediction(LESSON, "fifty", "And after fifty?", 90)
    tl.show(lesson, CLAIM)
    assert "2 questions above. The first is “How many of 100?”" in learner[-1]
    assert "73.05" not in learner[-1]
    waiting = asking.Waiting([ten, other], [lesson.judged(CLAIM), asking._text("*So* it is.")])
    press(ten.form, "answer", "80")
    shown_text = waiting.form.told
    assert "the question “And after fifty?”" in shown_text and "So" not in shown_text
    one_more = tl.prediction(LESSON, "fifty", "And after fifty?", 90)  # its cell is run again
    press(one_more.form, "skip")
    assert "It is 73.05" in waiting.form.told and "<em>So</em> it is." in waiting.form.told
    press(ten.form, "again")
    assert "It is 73.05" in waiting.form.told, "what was told stays"


def test_whoever_wants_it_now_gets_it_now(learner, lesson):
    waiting = asking.Waiting([ask()], [asking._text("So it is.")])
    assert "So" not in waiting.form.told
    press(waiting.form, "skip")
    assert "So it is." in waiting.form.told and waiting.form.answered


def test_an_experiment_that_would_tell_it_begins_then(learner, lesson):
    cells = ModalityExplorer()
    waiting = asking.Waiting([ask()], [cells, asking._text("So it is.")])
    waiting._ipython_display_()
    assert learner[-2:] == ["", ""] and "data-tlc-still" not in waiting.form.told
    press(waiting.form, "skip")
    assert "So it is." in waiting.form.told and cells.title in learner[-1]
    assert cells._kept_in, "what is done in it is kept"
    closed = asking.Waiting([ask()], [cells])
    cells.close()
    press(closed.form, "skip")
    assert closed.form.answered


def test_a_question_of_another_notebook_is_not_waited_for(lesson, learner):
    tl.prediction(types.SimpleNamespace(number="04"), "ten", "How many?", 1)
    tl.show(lesson, "So it is.")
    assert "So it is." in learner[-1]


def test_a_question_says_something_to_every_answer(learner, monkeypatch):
    asked = Question("Is it?", "yes", RIGHT_AND_WRONG)
    view = tl.question(asked)
    view._ipython_display_()
    assert "Because" not in learner[-1].split("</details>")[-1]
    view.form.typed = ["perhaps"]
    assert not view.form.told
    view.form.typed = ["no"]
    for shown in (view.form.told, learner[-1]):
        assert "<b>✘ No.</b> It only looks so." in shown
    view.form.typed = ["yes"]
    for shown in (view.form.told, learner[-1]):
        assert "<b>✔ Yes.</b> Because it is." in shown and "looks so.</div>" not in shown
    monkeypatch.setattr(asking, "somebody_is_there", lambda: False)
    tl.question(asked)._ipython_display_()
    assert "<details><summary>no</summary>No. It only looks so.</details>" in learner[-1]
    with pytest.raises(ValueError, match="not one of"):
        Question("Is it?", "perhaps", RIGHT_AND_WRONG)
    with pytest.raises(ValueError, match="explanation"):
        Question("Is it?", "yes", RIGHT_AND_WRONG | {"no": " "})


def test_what_was_typed_may_be_anything():
    for text in ("<b>3</b>", "١٢", "1e9", "3 4", "0x10", "∞", "\ud800"):
        asked = Asked("?", {"": 1.0})
        try:
            assert 0 <= asked.number(text) <= 100
        except CourseError as slip:
            assert "type a number" in str(slip)


# ------------------------------------------------------------------------------ tl-course progress


def test_progress_is_printed_exported_and_deleted(tmp_path, capsys):
    assert cli.main(["progress"]) == 0
    assert "nothing" in capsys.readouterr().out.lower()
    exercise = Exercise("03.x", "x = ...", lambda x: None, ("a", "b"), "")
    exercise.check(1)
    predictions.keep_prediction("03", "ten", Asked("How many?", {"": 73.0}), {"": 30})
    capsys.readouterr()
    assert cli.main(["progress"]) == 0
    output = capsys.readouterr().out
    assert "03.x" in output and "right" in output and "How many?" in output and "+43" in output
    assert cli.main(["progress", "--json"]) == 0
    exported = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert exported["exercises"]["03.x"]["outcome"] == "right"
    assert exported["predictions"]["03.ten"]["said"] == {"": 30}
    file = tmp_path / "mine.json"
    assert cli.main(["progress", "--out", str(file)]) == 0
    assert json.loads(file.read_text(encoding="utf-8")) == exported
    assert cli.main(["progress", "--out", str(file)]) == 2
    assert "already exists" in capsys.readouterr().err
    assert cli.main(["progress", "--delete"]) == 0
    assert not progress_store.file().exists()
