"""Exercises: what a learner writes, a checker that says what is wrong with it, hints, a solution.

How to add one, 03.freezing:

1. `nNN_…/exercises.py`: write what the learner's cell holds, a function `freeze` whose body is
   `...` or has a fault, then its checker, then `freezing = Exercise("03.freezing", freeze, …)`.
2. The checker calls the learner's function on data of its own and looks at what it does. For each
   mistake it says `expect(condition, code="What is wrong, and what to look at.")`. The first
   condition that fails ends the check, so put the most telling one first.
3. `solutions.py`: write the worked solution and its reason. (A student's version has no such file.)
4. Notebook NN: put a text and a cell tagged `exercise`, which holds `freezing.cell()`.
5. `tests/exercises/nNN.py`: add another right answer and a wrong one for each code, most of them
   as an edit of the solution: `code=(" in trainable", " not in trainable")`.
6. Run `pytest tests/test_exercises.py -k 03`.
"""

import ast
import contextlib
import copy
import ctypes
import functools
import html
import importlib
import importlib.util
import inspect
import linecache
import os
import pkgutil
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from types import FunctionType, ModuleType
from typing import NamedTuple

import numpy as np
import torch
from IPython.display import HTML, display

from tl_course import lessons
from tl_course.lessons import progress_store

MARKING = "NBGRADER_EXECUTION"  # what nbgrader sets while it marks or validates a notebook
LONGEST = 20  # seconds that a check may take, unless ten times its usual time is more
NOT_ATTEMPTED, WRONG, RAISED, RIGHT = "not attempted", "wrong", "raised", "right"
LOOKS = {  # outcome: mark, heading, colour of the line beside it
    NOT_ATTEMPTED: ("○", "Not attempted yet.", "#767676"),
    WRONG: ("✘", "Not yet.", "#D55E00"),
    RAISED: ("✘", "Your code stopped.", "#D55E00"),
    RIGHT: ("✔", "Right.", "#0072B2"),
}


class Wrong(Exception):
    """A wrong answer: `Wrong(code="A sentence.")`.

    The sentence tells the learner what is wrong and what to look at. Tests know the mistake by its
    code.
    """

    def __init__(self, **mistake: str):
        ((self.code, sentence),) = mistake.items()
        super().__init__(sentence)


class Endless(BaseException):
    """Raised inside code that does not end; `except Exception` there does not catch it."""


class CheckResult(NamedTuple):
    """What a checker found: one of the four outcomes, a sentence or two, the code of a mistake."""

    kind: str
    message: str
    code: str = ""


# ------------------------------------------------------------------------- what a checker asks


def expect(condition: object, /, **mistake: str) -> None:
    """Raise `Wrong(code=sentence)` unless the condition holds."""
    if not condition:
        raise Wrong(**mistake)


def expect_unlike(is_it: Callable[..., bool], mistakes: dict[tuple, str]) -> None:
    """Raise `Wrong` for the first mistake that explains the learner's answer.

    `mistakes` maps (code, a result of this mistake, …) to its sentence. `is_it(result)` says
    whether the answer is that result.
    """
    for (code, *results), sentence in mistakes.items():
        expect(not any(map(is_it, results)), **{code: sentence})


NOTHING = "Your function returns nothing: its last line must be `return …`."


def returned(answer: object, nothing: str = NOTHING) -> object:
    """What a learner's function returned; raises `Wrong(nothing=…)` if that is None."""
    expect(answer is not None, nothing=nothing)
    return answer


def called(function: Callable, *given: object, changed: str, nothing: str = NOTHING) -> object:
    """What a learner's function returns for copies of `given`.

    Raises `Wrong(changed=…)` if the function changes one of them, and `Wrong(nothing=…)` if it
    returns nothing.
    """
    copies = copy.deepcopy(given)
    answer = function(*copies)
    expect(all(map(same, given, copies)), changed=changed)
    return returned(answer, nothing)


def same(first: object, second: object) -> bool:
    """Whether two tensors, arrays, tables, networks or plain values are equal."""
    if isinstance(first, torch.nn.Module):
        return not differing(first, second)
    equal = getattr(first, "equal", None) or getattr(first, "equals", None)  # tensors, tables
    return equal(second) if equal else np.array_equal(first, second)


def differing(before: torch.nn.Module, after: torch.nn.Module) -> set[str]:
    """The names of parameters and buffers of `before` that are not equal in `after`."""
    states = before.state_dict(), after.state_dict()
    return {
        name
        for name, value in states[0].items()
        if name not in states[1] or not torch.equal(value, states[1][name])
    }


def has_length(answer: object, length: int) -> bool:
    """Whether an answer is a tuple or a list of this length."""
    return isinstance(answer, (tuple, list)) and len(answer) == length


def two_numbers(answer: object, expected: str) -> list[float]:
    """An answer as two floats; raises Wrong if it is anything else."""
    two = isinstance(answer, (tuple, list, np.ndarray, torch.Tensor)) and len(answer) == 2
    expect(two, numbers=f"Return {expected}.")
    try:
        return [float(number) for number in answer]
    except (TypeError, ValueError, RuntimeError):
        sentence = f"The function must give {expected}: single numbers, not arrays."
        raise Wrong(single=sentence) from None


# ------------------------------------------------------------------------------- an exercise


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise.

    `name` is the notebook's number and the exercise's own name, "03.freezing". `given` is the code
    in the learner's cell: a function that is unfinished or has a fault, or lines such as
    `steps = ...`. `checker` takes what the cell defines, in that order. Each of the `hints` says
    more than the one before. `why` tells learners whose answer is right why it matters. `seconds`
    is how long a check takes on two cores, if that is more than one.
    """

    name: str
    given: Callable | str
    checker: Callable[..., None]
    hints: tuple[str, ...]
    why: str
    seconds: float = 1

    # ------------------------------------------------------------------ what a learner calls

    def check(self, *answers: object) -> None:
        """Show whether the answers are right, and otherwise what is wrong with them.

        Code that does not end is stopped (`LONGEST`). While a notebook is being marked, this does
        nothing, because `mark` judges the answers.
        """
        if os.environ.get(MARKING):
            return
        if self.seconds > 1 and self._attempted(answers):
            print(f"Checking takes about {self.seconds:.0f} s.")
        outcome = self.judge(*answers, within=max(LONGEST, 10 * self.seconds))
        if outcome.kind != NOT_ATTEMPTED:
            self._keep(outcome.kind)
        mark, heading, colour = LOOKS[outcome.kind]
        more = f"{self._call}.hint() and {self._call}.solution() help."
        rest = "" if outcome.kind == RIGHT else f"<br><small>{html.escape(more)}</small>"
        display(
            HTML(
                f'<div class="tl-exercise" role="status" data-outcome="{outcome.kind}" '
                f'style="border-left:4px solid {colour};padding:0.2em 0.8em;margin:0.4em 0">'
                f"<b>{mark} {heading}</b> {html.escape(outcome.message)}{rest}</div>"
            )
        )

    def hint(self) -> None:
        """Show the next hint; each says more than the one before."""
        number = min(_hints_given.get(self.name, 0), len(self.hints) - 1)
        _hints_given[self.name] = number + 1
        progress_store.keep_entry(
            "exercises", self.name, lambda e: e | {"hints": max(number + 1, e.get("hints", 0))}
        )
        last = (
            f" The next step is {self._call}.solution()." if number + 1 == len(self.hints) else ""
        )
        print(f"Hint {number + 1} of {len(self.hints)}: {self.hints[number]}{last}")

    def solution(self) -> None:
        """Show a worked solution and its reason."""
        try:
            code, reason = self.worked()
        except KeyError:
            print("The solutions are not in this version of the course: ask your teacher.")
            return
        progress_store.keep_entry(
            "exercises", self.name, lambda entry: entry | {"solution_seen": True}
        )
        display(HTML(f"<pre><code>{html.escape(code)}</code></pre><p>{html.escape(reason)}</p>"))

    def mark(self, *answers: object) -> None:
        """While a notebook is being marked, raise `Wrong` unless the answers are right.

        In a learner's own session it raises nothing, whatever the answers are.
        """
        if not os.environ.get(MARKING):
            print("This cell counts when your teacher marks the notebook.")
            return
        with contextlib.redirect_stderr(sys.stdout):  # nbgrader takes a warning for a failure
            outcome = self.judge(*answers)
        if outcome.kind != RIGHT:
            raise Wrong(marked=outcome.kind if outcome.kind == NOT_ATTEMPTED else outcome.message)

    # ------------------------------------------------------- what tests and teachers' tools call

    def judge(self, *answers: object, within: float | None = None) -> CheckResult:
        """The checker's outcome for copies of the answers; it is stopped after `within` seconds."""
        if not self._attempted(answers):
            return CheckResult(NOT_ATTEMPTED, "Write your answer into the cell and run it again.")
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            try:
                with _no_longer_than(within):
                    self.checker(*map(_copy, answers))
            except Wrong as wrong:
                return CheckResult(WRONG, str(wrong), wrong.code)
            except Endless as endless:
                line = _line(endless, answers)
                return CheckResult(
                    WRONG,
                    f"Your code had not come to an end after {within:g} seconds, so it was stopped"
                    f"{f' in {line}' if line else ''}. Does it hold a loop that never ends?",
                )
            except Exception as error:
                return CheckResult(RAISED, _where(error, answers))
        return CheckResult(RIGHT, self.why)

    def _attempted(self, answers: tuple) -> bool:
        here = all(answer is not ... for answer in answers)
        return here and not all(map(_same, answers, self.untouched()))

    def untouched(self) -> tuple:
        """What the cell defines before anybody has changed it."""
        return tuple(_defined(self.given).values())

    def solved(self) -> tuple:
        """What the cell defines with the worked solution in it; KeyError if there is none."""
        return tuple(_defined(self._solution()[0]).values())

    def cell(self, solved: bool = False) -> str:
        """The code of the exercise's cell, untouched or solved."""
        code = self._solution()[0] if solved else self.given
        between = "\n\n\n" if callable(code) else "\n"
        return f"{_source(code)}{between}{self._call}.check({', '.join(_defined(code))})"

    def marking_cell(self, points: float) -> str:
        """The code of the cell that gives the points when the notebook is marked."""
        return f"{self._call}.mark({', '.join(_defined(self.given))})  # points: {points:g}"

    def worked(self) -> tuple[str, str]:
        """The code of the worked solution, and its reason; KeyError if there is none."""
        code, reason = self._solution()
        return _source(code), reason

    @property
    def own_name(self) -> str:
        """The exercise's name without the notebook's number."""
        return self.name.partition(".")[2]

    @property
    def _call(self) -> str:
        return f"exercises.{self.own_name}"

    def _solution(self) -> tuple[Callable | str, str]:
        number, _, own_name = self.name.partition(".")
        solutions = _of_lesson(number, "solutions")
        if solutions is None:
            raise KeyError(f"{self.name} has no solution")
        return solutions.SOLUTIONS[own_name]

    def _keep(self, kind: str) -> None:
        def changed(entry: dict) -> dict:
            best = RIGHT if RIGHT in (kind, entry.get("outcome")) else kind
            tried = entry.get("tried", 0) + 1
            return entry | {"outcome": best, "tried": tried, "last": date.today().isoformat()}

        progress_store.keep_entry("exercises", self.name, changed)


_hints_given: dict[str, int] = {}  # by exercise, in this kernel


def every(number: str) -> dict[str, Exercise]:
    """The exercises of a notebook ("03") by their own names, in the order of definition."""
    module = _of_lesson(number, "exercises")
    declared = (
        [exercise for exercise in vars(module).values() if isinstance(exercise, Exercise)]
        if module
        else []
    )
    return {exercise.own_name: exercise for exercise in declared}


@functools.cache
def _of_lesson(number: str, what: str) -> ModuleType | None:
    """The module `what` of the lesson with that number; None if there is none."""
    for lesson in pkgutil.iter_modules(lessons.__path__, f"{lessons.__name__}."):
        module = f"{lesson.name}.{what}"
        if f".n{number}_" in module and importlib.util.find_spec(module) is not None:
            return importlib.import_module(module)
    return None


def _source(code: Callable | str) -> str:
    return (code if isinstance(code, str) else inspect.getsource(code)).strip()


def _defined(code: Callable | str) -> dict[str, object]:
    """What a function or some lines define, by name, in order; they are never a learner's."""
    if not isinstance(code, str):
        return {code.__name__: code}
    space = {}
    exec(code, space)
    del space["__builtins__"]
    return space


def _same(answer: object, given: object) -> bool:
    """Whether an answer is still the given code, or a function without statements."""
    if isinstance(answer, FunctionType) and isinstance(given, FunctionType):
        body = _body(answer)
        return body is not None and (not body or body == _body(given))
    return type(answer) is type(given) and answer == given


def _body(function: FunctionType) -> list[str] | None:
    """A function's statements without docstring and `pass`; None if its source is not available."""
    try:
        (defined,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        body = [statement for statement in defined.body if not isinstance(statement, ast.Pass)]
    except (OSError, TypeError, SyntaxError, ValueError, AttributeError):
        return None
    return [ast.dump(statement) for statement in body if not _says_nothing(statement)]


def _says_nothing(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring or `...`."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _copy(answer: object) -> object:
    """A function itself, or a copy of another object, so that the learner's own stays unchanged."""
    is_code = callable(answer) and not isinstance(answer, torch.nn.Module)
    return answer if is_code else copy.deepcopy(answer)


def _where(error: Exception, answers: tuple) -> str:
    """The error in words, with the learner's line in which it was raised."""
    description = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no reason given'}"
    if line := _line(error, answers):
        return f"In {line}: {description}"
    return f"The checker could not use your answer ({description}); look at what the task asks for."


def _line(error: BaseException, answers: tuple) -> str:
    """The learner's line in which the error was raised, in words; "" if it was raised elsewhere."""
    files = {answer.__code__.co_filename for answer in answers if isinstance(answer, FunctionType)}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in files:
            line = (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()
            return f"line {frame.lineno}, “{line}”"
    return ""


@contextlib.contextmanager
def _no_longer_than(seconds: float | None) -> Iterator[None]:
    """Raise `Endless` in this thread if the context has not ended after so many seconds.

    The caller catches it outside this context. A timer asks Python to raise it between two steps of
    this thread. No signal is sent, so it works on every system and interrupts nothing else.
    """
    if seconds is None:
        yield
        return
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread = ctypes.c_ulong(threading.get_ident())
    timer = threading.Timer(seconds, raise_in, (thread, ctypes.py_object(Endless)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it has asked by now, or it never will
        raise_in(thread, None)  # withdraw a request that came too late
