"""Checkers are checked: what they accept, what they reject and as which mistake, what they keep.

`tests/exercises/nNN.py` has for each exercise of a lesson other right answers and wrong ones.
"""

import ast
import dataclasses
import importlib
import json
import linecache
import os
import re
import time
from pathlib import Path

import nbformat
import pytest
import torch

from exercises import Answers
from tl_course.app import notebooks
from tl_course.lessons import exercises, progress_store
from tl_course.lessons.exercises import (
    NOT_ATTEMPTED,
    RAISED,
    RIGHT,
    WRONG,
    Exercise,
    expect,
)  # fmt: skip

NUMBERS = [path.stem[:2] for path in notebooks.find()]
EVERY = {
    exercise.name: exercise for number in NUMBERS for exercise in exercises.every(number).values()
}
CASES: dict[str, Answers] = {
    f"{path.stem[1:]}.{exercise}": answers
    for path in sorted(Path(__file__).with_name("exercises").glob("n[0-9][0-9].py"))
    for exercise, answers in importlib.import_module(f"exercises.{path.stem}").CASES.items()
}


def typed(source: str, names: dict | None = None) -> tuple:
    """What lines define that a learner typed into a cell: their source is known as there."""
    file, space = f"a cell {len(linecache.cache)}", dict(names or {})
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    exec(compile(source, file, "exec"), space)
    defined = (getattr(node, "name", None) or node.targets[0].id for node in ast.parse(source).body)
    return tuple(space[name] for name in defined)


def as_typed(name: str, answer: object) -> tuple:
    """What the cell defines with an answer; a tuple is an edit of the worked solution."""
    if not isinstance(answer, tuple):
        return (answer,)
    source, _ = EVERY[name].worked()
    for old, new in zip(answer[::2], answer[1::2], strict=True):
        assert old in source, f"{name}: {old!r} is not in\n{source}"
        source = source.replace(old, new)
    return typed(source, vars(exercises._of_lesson(name[:2], "solutions")))


def wrong(name: str) -> list[tuple[str, object]]:
    """(code, wrong answer) of each."""
    cases = CASES[name].wrong.items()
    return [
        (code, answer)
        for code, answers in cases
        for answer in (answers if type(answers) is list else [answers])
    ]


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))


def test_there_are_enough_and_each_has_its_answers():
    assert CASES.keys() == EVERY.keys()
    for number in NUMBERS:
        in_notebook = exercises.every(number)
        assert len(in_notebook) >= (0 if number in ("00", "11") else 3), number
        assert all(exercise.name == f"{number}.{short}" for short, exercise in in_notebook.items())
    assert len(EVERY) >= 27


@pytest.mark.parametrize("name", EVERY)
def test_the_untouched_cell_is_not_attempted(name):
    exercise = EVERY[name]
    assert exercise.judge(*exercise.untouched()).kind == NOT_ATTEMPTED
    source = exercise.cell().rsplit("\n", 1)[0]  # without the call
    assert exercise.judge(*typed(source)).kind == NOT_ATTEMPTED


@pytest.mark.parametrize("name", EVERY)
def test_the_solution_and_another_right_answer_are_accepted(name):
    exercise, answers = EVERY[name], CASES[name]
    assert len(answers.right) >= 1
    for right in (exercise.solved(), *(as_typed(name, answer) for answer in answers.right)):
        outcome = exercise.judge(*right)
        assert outcome.kind == RIGHT, (right, outcome.message)
        assert outcome.message == exercise.why


@pytest.mark.parametrize("name", EVERY)
def test_wrong_answers_are_rejected_each_as_its_own_mistake(name):
    sentences = {}
    for code, answer in wrong(name):
        outcome = EVERY[name].judge(*as_typed(name, answer))
        assert (outcome.kind, outcome.code) == (WRONG, code), (code, outcome)
        sentences[code] = outcome.message
    assert len(set(sentences.values())) == len(sentences) >= 3


@pytest.mark.parametrize("name", EVERY)
def test_what_there_is_to_read(name):
    exercise = EVERY[name]
    assert 2 <= len(exercise.hints) and all(hint.strip() for hint in exercise.hints)
    assert len(exercise.why) > 40 and 0 < exercise.seconds <= 20
    code, reason = exercise.worked()
    assert len(reason) > 40
    compile(exercise.cell(), "untouched", "exec"), compile(exercise.cell(True), "solved", "exec")


@pytest.mark.parametrize("path", notebooks.find(), ids=lambda path: path.stem)
def test_the_notebook_has_every_exercise_untouched(path):
    code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    tagged = [cell for cell in code if "exercise" in cell.metadata.get("tags", [])]
    expected = [exercise.cell() for exercise in exercises.every(path.stem[:2]).values()]
    assert sorted(cell.source for cell in tagged) == sorted(expected)
    others = [cell.source for cell in code if cell not in tagged]
    assert not any(re.search(r"exercises\.\w+\.check", source) for source in others)


# -------------------------------------------------------------------------------- the kit itself


def doubled(x):
    """Twice x."""
    ...


def is_double(doubled) -> None:
    x = torch.ones(2)
    product = doubled(x)
    expect(product is not None, nothing="It returns nothing.")
    expect(torch.equal(product, 2 * x), other="It is not twice x.")


DOUBLE = Exercise("99.double", doubled, is_double, ("Times.", "Times two."), "Two is twice one.")


def test_the_four_outcomes():
    assert DOUBLE.judge(doubled).kind == NOT_ATTEMPTED
    assert DOUBLE.judge(...).kind == NOT_ATTEMPTED
    assert DOUBLE.judge(lambda x: 2 * x) == (RIGHT, "Two is twice one.", "")
    assert DOUBLE.judge(lambda x: 3 * x) == (WRONG, "It is not twice x.", "other")
    assert DOUBLE.judge(lambda x: None) == (WRONG, "It returns nothing.", "nothing")
    kind, message, _ = DOUBLE.judge(*typed("def doubled(x):\n    y = x.nothing\n    return y\n"))
    assert (
        kind == RAISED
        and "y = x.nothing" in message
        and "In line 2" in message
        and "AttributeError" in message
    )
    kind, message, _ = DOUBLE.judge(3)
    assert kind == RAISED and message.startswith("The checker could not use your answer")


def test_a_docstring_or_pass_is_no_attempt():
    for body in ("'''Told otherwise.'''", "pass", "..."):
        assert DOUBLE.judge(*typed(f"def doubled(x):\n    {body}\n")).kind == NOT_ATTEMPTED


def test_code_that_never_ends_is_stopped_and_nothing_after_it(monkeypatch, capsys):
    source = "def doubled(x):\n    while True:\n        x = x + 0\n    return x\n"
    kind, message, _ = DOUBLE.judge(*typed(source), within=0.2)
    assert kind == WRONG and "come to an end after 0.2 seconds" in message
    assert "in line" in message and "loop that never ends" in message
    monkeypatch.setattr(exercises, "LONGEST", 0.2)
    quick = dataclasses.replace(DOUBLE, seconds=0.01)
    monkeypatch.setattr(exercises, "display", lambda shown: print(shown.data))
    quick.check(*typed(source))
    assert "had not come to an end after 0.2 seconds" in capsys.readouterr().out


def test_a_check_that_ended_is_not_stopped_later():
    """Nor where the timer asks for a stop at the very moment at which the check ends."""
    stopped = []
    for n in range(200):
        try:
            with exercises._no_longer_than(n / 1e6):
                pass
        except exercises.Endless:
            stopped.append(n)
    for _ in range(1000):
        time.sleep(1e-6)  # whatever is still to come comes here
    with pytest.raises(exercises.Endless), exercises._no_longer_than(0.01):
        while True:
            pass
    assert DOUBLE.judge(lambda x: 2 * x, within=60).kind == RIGHT


def test_a_check_leaves_the_learners_things_and_chance_as_they_are():
    def looks(net, numbers):
        net.weight.data.zero_()
        numbers.append(torch.rand(1))

    exercise = Exercise("99.looks", "net = ...\nnumbers = ...", looks, ("a", "b"), "")
    net, numbers = torch.nn.Linear(2, 2), [1]
    before = net.weight.clone()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    assert exercise.judge(net, numbers).kind == RIGHT
    assert torch.equal(net.weight, before) and numbers == [1]
    assert torch.equal(torch.rand(1), expected)
    with torch.no_grad():
        assert exercise.judge(net, numbers).kind == RIGHT


def test_progress_is_kept_and_what_was_right_stays_right(capsys):
    DOUBLE.check(doubled)
    assert progress_store.read_entries("exercises") == {}
    DOUBLE.check(lambda x: 3 * x)
    assert progress_store.read_entries("exercises")["99.double"]["outcome"] == WRONG
    DOUBLE.check(lambda x: 2 * x)
    DOUBLE.check(lambda x: x)
    entry = progress_store.read_entries("exercises")["99.double"]
    assert (entry["outcome"], entry["tried"]) == (RIGHT, 3)
    for _ in range(3):
        DOUBLE.hint()
    output = capsys.readouterr().out
    assert "Hint 1 of 2: Times." in output and output.count("Hint 2 of 2: Times two.") == 2
    assert "exercises.double.solution()" in output
    assert progress_store.read_entries("exercises")["99.double"]["hints"] == 2


def test_without_solutions_the_teacher_keeps_them(capsys):
    DOUBLE.solution()
    assert "ask your teacher" in capsys.readouterr().out


def test_what_is_kept_can_be_deleted_and_damage_is_told():
    DOUBLE.check(lambda x: 2 * x)
    assert json.loads(progress_store.file().read_text(encoding="utf-8"))["exercises"]
    progress_store.forget_everything()
    assert not progress_store.file().exists() and progress_store.read_entries("exercises") == {}
    progress_store.file().write_text('{"exercises": 3', encoding="utf-8")
    with pytest.warns(UserWarning, match=r"damaged.*answers\.damaged\.json"):
        assert progress_store.read_entries("predictions") == {}
    assert progress_store.file().with_name("answers.damaged.json").exists()


def test_each_damaged_file_of_answers_is_kept_under_a_name_of_its_own():
    texts = ["first damage", "{", '{"exercises": 3}', "[]", "null", "[" * 100_000]
    for text in texts:
        progress_store.file().write_text(text, encoding="utf-8")
        with pytest.warns(UserWarning, match=r"damaged.*answers\.damaged.*begin anew"):
            assert progress_store.read_entries("exercises") == {}
    aside = sorted(progress_store.file().parent.glob("answers.damaged*.json"))
    assert sorted(path.read_text(encoding="utf-8") for path in aside) == sorted(texts)
    progress_store.forget_everything()
    assert not list(progress_store.file().parent.glob("answers*.json")), "all of it is deleted"


def test_one_bad_entry_is_no_damage_of_all():
    entry, table = {"outcome": RIGHT}, {"exercises": {"03.x": {"outcome": RIGHT}, "03.y": 3}}
    progress_store.file().write_text(json.dumps(table | {"more": [1]}), encoding="utf-8")
    assert (
        progress_store.read_entries("exercises") == {"03.x": entry}
        and progress_store.read_entries("predictions") == {}
    )
    progress_store.keep_entry("exercises", "03.z", lambda _: entry)
    table["exercises"]["03.z"] = entry
    assert json.loads(progress_store.file().read_text("utf-8")) == table | {
        "more": [1],
        "predictions": {},
    }
    progress_store.keep_entry("exercises", "03.y", lambda before: before | entry)
    assert progress_store.read_entries("exercises")["03.y"] == entry


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no pipes with a name")
def test_answers_that_are_a_pipe_or_endless_are_put_aside():
    os.mkfifo(progress_store.file())
    with pytest.warns(UserWarning, match="no plain file"):
        assert progress_store.read_entries("exercises") == {}
    with progress_store.file().open("wb") as file:
        file.truncate(6_000_000_000)  # a sparse file: no room is taken
    with pytest.warns(UserWarning, match="larger than 1 MB"):
        progress_store.keep_entry("exercises", "03.x", lambda _: {"tried": 1})
    assert progress_store.read_entries("exercises") == {"03.x": {"tried": 1}}
