"""What a learner predicted beside the results: the entries, the differences, a calibration.

The answer to a question is one of some choices, or numbers or choices by label. It is kept only
once, together with the result (`progress_store`). A skipped question is kept as None.
"""

import html
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tl_course.base.errors import CourseError
from tl_course.base.html import table
from tl_course.lessons import progress_store
from tl_course.lessons.drawing import BLUE, Picture, in_a_row

FOLLOWED_BY: dict[str, Callable[[], None]] = {}  # functions by name, called after each answer
Answer = dict[str, float] | dict[str, str] | str | None  # None: skipped
FEW = 3  # predicted numbers that a calibration needs
FORMER_PERCENT = "of 100"  # the unit of a percentage in answers that were kept by older versions


@dataclass(frozen=True)
class Asked:
    """A question and its result.

    `measured` is a choice, choices by label, or numbers by label ("" if there is one number).
    """

    question: str
    measured: dict[str, float] | dict[str, str] | str
    options: tuple[str, ...] = ()
    unit: str = "%"
    low: float = 0
    high: float = 100

    def number(self, text: str, label: str = "") -> float:
        """The typed text as a number; CourseError if it is none from `low` to `high`."""
        try:
            value = float(text.strip().removesuffix("%").replace(",", ".").strip())
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high:
            where = f" for “{label}”" if label else ""
            raise CourseError(
                "no_answer",
                f"“{text.strip()}”{where} is not an answer here: type a number from {self.low:g} "
                f"to {self.high:g}, or press Skip.",
            )
        return value

    def accepts(self, answer: object) -> bool:
        """Whether `answer` is an answer to this question, or None."""
        if answer is None or isinstance(self.measured, str):
            return answer is None or answer in self.options
        same = isinstance(answer, dict) and answer.keys() == self.measured.keys()
        is_answer = self.options.__contains__ if self.options else _is_number
        return same and all(map(is_answer, answer.values()))

    def said_in_words(self, answer: Answer) -> str:
        """The answer beside the result in words, with a part for each number."""
        if isinstance(self.measured, str):
            if answer is None:
                return f"It is: {self.measured}."
            verdict = "and so it is" if answer == self.measured else f"and it is: {self.measured}"
            return f"You said: {answer}, {verdict}."
        if self.options:
            return self._choices_in_words(answer)
        words = []
        for label, value in self.measured.items():
            start = f"{label}: " if label else ""
            if answer is None:
                words.append(f"{start}{_with_unit(_short(value), self.unit)}")
                continue
            off = value - answer[label]
            points = " points" * (self.unit == "%")
            apart = f"{_short(abs(off))}{points} {_side(off)}"
            apart = apart if _short(abs(off)) != "0" else "just that"
            is_it = _with_unit(_short(value), self.unit)
            words.append(f"{start}you said {answer[label]:g}, it is {is_it}: {apart}")
        sentence = "; ".join(words)
        return sentence[:1].upper() + sentence[1:] + "."

    def _choices_in_words(self, answer: dict[str, str] | None) -> str:
        """How many of the choices by label agree, and each that does not."""
        if answer is None:
            parts = [f"{label}: {choice}" for label, choice in self.measured.items()]
            return f"It is: {'; '.join(parts)}."
        others = [
            f"{label}: you said {answer[label]}, it is {choice}"
            for label, choice in self.measured.items()
            if answer[label] != choice
        ]
        n = len(self.measured)
        words = [f"{n - len(others)} of {n} agree.", *(f"{other}." for other in others)]
        return " ".join(words)


def _short(value: float) -> str:
    """A number with three significant digits, or without decimals if it is larger."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def _with_unit(number: str, unit: str) -> str:
    """A number and its unit, as they are written: 73%, 1.8 bits."""
    return f"{number}%" if unit == "%" else f"{number} {unit}".strip()


def _side(off: float) -> str:
    return "higher" if off > 0 else "lower"


def keep_prediction(number: str, name: str, asked: Asked, answer: Answer) -> None:
    """Keep the answer to question `name` of notebook `number`; an earlier one is not replaced."""
    entry = {**asdict(asked), "options": list(asked.options), "said": answer}
    _change(f"{number}.{name}", lambda before: before or entry)


def before(number: str, name: str, asked: Asked) -> tuple[bool, Answer]:
    """Whether that question was answered before, and the answer (None: it was skipped)."""
    entry = progress_store.read_entries("predictions").get(f"{number}.{name}", {})
    answer = entry.get("said")
    fits = asked.accepts(answer)
    return ("said" in entry and fits, answer if fits else None)


def forget_prediction(number: str, name: str) -> None:
    """Delete the answer to one question, so that it can be asked again."""
    _change(f"{number}.{name}", lambda _: None)


def _change(name: str, change: Callable[[dict], dict | None]) -> None:
    progress_store.keep_entry("predictions", name, change)
    for follow in list(FOLLOWED_BY.values()):
        follow()


def of(number: str = "") -> dict[str, dict]:
    """The kept entries of a notebook, or of all notebooks, by name; damaged ones are left out."""
    entries = progress_store.read_entries("predictions")
    return {
        name: {**entry, "unit": "%"} if entry["unit"] == FORMER_PERCENT else entry
        for name, entry in entries.items()
        if name.startswith(number) and _whole(entry)
    }


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and abs(value) <= sys.float_info.max


def _whole(entry: dict) -> bool:
    answer, measured = entry.get("said"), entry.get("measured")
    if "said" not in entry:
        return False
    if not all(isinstance(entry.get(name), str) for name in ("question", "unit")):
        return False
    if isinstance(measured, str):
        return answer is None or isinstance(answer, str)
    for each in (measured, measured if answer is None else answer):
        if not isinstance(each, dict) or each.keys() != measured.keys():
            return False
        if not (all(map(_is_number, each.values())) or _are_choices(each)):
            return False
    return answer is None or _are_choices(answer) == _are_choices(measured)


def _are_choices(answers: object) -> bool:
    """Whether these are choices by label."""
    return isinstance(answers, dict) and all(isinstance(each, str) for each in answers.values())


def prediction_rows(entries: dict[str, dict]) -> list[tuple[str, str, str, str]]:
    """Question, answer, result and difference: one row for each number or choice.

    Numbers with the same unit get the same number of decimals.
    """
    answers, numbers = [], {}
    for entry in entries.values():
        if isinstance(entry["measured"], dict) and not _are_choices(entry["measured"]):
            answer = (entry["said"] or {}).values()
            numbers.setdefault(entry["unit"], []).extend([*entry["measured"].values(), *answer])
    digits = {unit: _digits(values) for unit, values in numbers.items()}
    for entry in entries.values():
        answer, measured = entry["said"], entry["measured"]
        if isinstance(measured, str) or _are_choices(measured):
            answers += _choice_rows(entry["question"], answer, measured)
            continue
        after = digits[entry["unit"]]
        for label, value in measured.items():
            question = f"{entry['question']} ({label})" if label else entry["question"]
            of = _with_unit(f"{value:,.{after}f}", entry["unit"])
            of = of.replace(" ", "\N{NO-BREAK SPACE}")
            if answer is None:
                answers.append((question, "–", of, "skipped"))
            else:
                apart = round(value, after) - round(answer[label], after)
                off = f"{apart:+,.{after}f}".replace("-", "−")
                answers.append((question, f"{answer[label]:,.{after}f}", of, off))
    return answers


def _choice_rows(question: str, answer: Answer, measured: dict[str, str] | str) -> list[tuple]:
    """The rows of a choice, or of choices by label."""
    choices = measured if isinstance(measured, dict) else {"": measured}
    rows = []
    for label, choice in choices.items():
        chosen = answer[label] if isinstance(answer, dict) else answer
        off = "skipped" if answer is None else "right" if chosen == choice else "wrong"
        asked = f"{question} ({label})" if label else question
        rows.append((asked, chosen or "–", choice, off))
    return rows


def _digits(values: Sequence[float]) -> int:
    """How many decimals such numbers need."""
    if all(value == round(value) for value in values) or max(map(abs, values)) > 100:
        return 0
    return 1 if max(map(abs, values)) >= 10 else 2


def in_words(entries: dict[str, dict]) -> str:
    """A notebook's predictions as an HTML table."""
    if not entries:
        return "<p>You have predicted nothing in this notebook so far.</p>"
    head = ("question", "you said", "it is", "it is higher (+) or lower (−) by")
    return str(table(prediction_rows(entries), head, caption="Your predictions"))


def plot_calibration(entries: dict[str, dict]) -> tuple[Picture | None, str]:
    """A figure of all predicted against measured percentages, and a verdict in HTML.

    The figure is None if there are fewer than `FEW` numbers.
    """
    pairs = np.array(
        [
            (entry["said"][label], value)
            for entry in entries.values()
            if isinstance(entry["said"], dict) and not _are_choices(entry["said"])
            if entry["unit"] == "%"
            for label, value in entry["measured"].items()
        ],
        dtype=float,  # otherwise numpy makes objects of huge whole numbers
    ).reshape(-1, 2)
    chosen = [
        row[-1]
        for entry in entries.values()
        if isinstance(entry["said"], str) or _are_choices(entry["said"])
        for row in _choice_rows("", entry["said"], entry["measured"])
    ]
    right = chosen.count("right")
    words = []
    if len(pairs) >= FEW:
        off = pairs[:, 1] - pairs[:, 0]
        mean = f"{abs(off.mean()):.0f} {_side(off.mean())}"
        words.append(
            f"You predicted {len(pairs)} percentages. You were {np.abs(off).mean():.0f} points off "
            f"on average, and on average it was {mean} than you said."
        )
    else:
        words.append(
            f"You have predicted {len(pairs)} percentages so far; with {FEW} or more there is a "
            "picture of them here."
        )
    if chosen:
        words.append(f"Of {len(chosen)} choices you got {right} right.")
    sentence = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in words)
    return (_scatter(pairs, words[0]) if len(pairs) >= FEW else None), sentence


def _scatter(pairs: Sequence, words: str) -> Picture:
    off = np.abs(np.subtract(*np.transpose(pairs))).mean()
    title = f"You were {off:.0f} points off on average"
    figure, (ax,) = in_a_row(1, 4.2, 4.2)
    ax.plot([0, 100], [0, 100], color="black", linestyle=":", label="exactly right")
    ax.plot(*np.transpose(pairs), "o", color=BLUE, label="a prediction")
    ax.set(
        title=title, xlabel="you said, %",
        ylabel="it was, %", xlim=(-3, 103), ylim=(-3, 103),
    )  # fmt: skip
    ax.legend(frameon=False)
    return Picture(figure, f"{title}. What you said, and what it was: {words}")
