"""What a notebook asks: a prediction before its result, and short questions with an answer at once.

Where nobody sits at the notebook (papermill, nbval, a page that is built), there is nothing to
press: the result is shown at once, and a question with all that can be said to its answers.
"""

import contextlib
import html
import uuid
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
from IPython import get_ipython
from IPython.display import HTML, display

from tl_course.base.errors import CourseError
from tl_course.lessons import predictions
from tl_course.lessons.lesson import Lesson
from tl_course.lessons.predictions import Asked
from tl_course.lessons.questions import Question
from tl_course.widgets.base import WRAP, button, status
from tl_course.widgets.keys import Keys

RULE = "border-left:4px solid {};padding:0.2em 0.8em;margin:0.4em 0"
ASKING, TOLD = RULE.format("#6E6E6E"), RULE.format("#0072B2")


def prediction(
    lesson: Lesson,
    name: str,
    question: str,
    measured: float | dict[str, float] | str,
    *results: Any,
    options: Sequence[str] = (),
    unit: str = "of 100",
    low: float = 0,
    high: float = 100,
) -> "Prediction":
    """Ask before the result is shown; it appears in this place after an answer, or after *Skip*.

    `measured` is a number, numbers by label, or the one of `options` that came out; `results` are
    what else there is to see then (figures, texts). What was said is kept in the data home as
    question `name` of the notebook. More than seven parameters, because a question is one line.
    """
    if not isinstance(measured, (str, dict)):
        measured = {"": measured}
    if isinstance(measured, str) and measured not in options:
        raise ValueError(f"'{measured}' is none of the options {', '.join(options)}")
    if isinstance(measured, dict):
        measured = {label: round(float(value), 6) for label, value in measured.items()}
    asked = Asked(question, measured, tuple(options), unit, low, high)
    return Prediction(lesson.number, name, asked, results)


def question(asked: Question) -> "QuestionView":
    """A short question: a choice, and what there is to say to it."""
    return QuestionView(asked)


def somebody_is_there() -> bool:
    """Whether a learner ran this cell: programs that run notebooks do not say which cell it is."""
    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    metadata = parent.get("metadata", {})
    return "cellId" in metadata or "colab" in metadata


class _Asked:
    """What both have: a view, a place below it, and a still form where no view can be."""

    def __init__(self) -> None:
        self.attended = somebody_is_there()
        self._keys = Keys(still=uuid.uuid4().hex)
        self.alert = widgets.HTML()
        self.view = widgets.VBox()
        self.below = None  # the place of what is told

    def told(self) -> list[Any]:
        """What is shown now below the question, one below the other."""
        raise NotImplementedError

    def still(self) -> str:
        """What is shown where the view is not."""
        raise NotImplementedError

    def tell(self, sentence: str) -> None:
        """Show a sentence about what was typed; an empty one takes it away."""
        said = f'<div role="alert" style="{RULE.format("#D55E00")}">{html.escape(sentence)}</div>'
        self.alert.value = said if sentence else ""

    def _ipython_display_(self) -> None:
        if not self.attended:
            display(HTML(self.still()), *self.told())
            return
        words = {"text/plain": "a question"}
        display(self.view._repr_mimebundle_() | words, raw=True)
        hidden = f'<div data-tlc-still="{self._keys.still}">{self.still()}</div>'
        self.below = display(_bundle([HTML(hidden), *self.told()]), raw=True, display_id=True)
        self._hidden = hidden

    def _show(self) -> None:
        if self.below is not None:
            self.below.update(_bundle([HTML(self._hidden), *self.told()]), raw=True)


class Prediction(_Asked):
    """A question with fields, and its result behind it; `said` is the answer, None if skipped."""

    def __init__(self, number: str, name: str, asked: Asked, results: Sequence[Any]) -> None:
        super().__init__()
        self.number, self.name, self.asked, self.results = number, name, asked, results
        self.answered, self.said = False, None
        if self.attended:
            self.answered, self.said = predictions.before(number, name, asked)
        self.fields = self._fields()
        self.answer_button = button("This is my answer", "primary")
        self.skip_button, self.again_button = button("Skip"), button("Ask me again")
        self.answer_button.on_click(lambda _: self._answer())
        self.skip_button.on_click(lambda _: self._end(None))
        self.again_button.on_click(lambda _: self._again())
        words = widgets.HTML(
            f'<div style="{ASKING}"><b>Predict.</b> {html.escape(asked.question)}</div>'
        )
        buttons = widgets.HBox(
            [self.answer_button, self.skip_button, self.again_button], layout=WRAP
        )
        fields = widgets.HBox(list(self.fields.values()), layout=WRAP)
        self.view.children = [words, fields, self.alert, buttons, self._keys]
        self._refresh()

    def _fields(self) -> dict[str, widgets.Widget]:
        if self.asked.options:
            choice = widgets.RadioButtons(
                options=self.asked.options, value=self.said, layout={"width": "auto"}
            )
            choice.tooltip = self.asked.question
            return {"": choice}
        before = self.said or {}
        return {
            label: widgets.Text(
                value=f"{before[label]:g}" if label in before else "",
                description=label or "Your answer",
                placeholder=self.asked.unit,
                style={"description_width": "initial"},
                layout={"width": f"{11 + len(label) // 2}em", "max_width": "100%"},
            )
            for label in self.asked.measured
        }

    def _answer(self) -> None:
        try:
            if self.asked.options:
                said = self.fields[""].value
                if said is None:
                    raise CourseError("Choose one of the answers, or press Skip.")
            else:
                said = {k: self.asked.number(f.value, k) for k, f in self.fields.items()}
        except CourseError as slip:
            self.tell(str(slip))
            return
        self._end(said)

    def _end(self, said: dict[str, float] | str | None) -> None:
        self.answered, self.said = True, said
        with contextlib.suppress(CourseError):  # a home that is full keeps nobody from the result
            predictions.keep(self.number, self.name, self.asked, said)
        self._refresh()

    def _again(self) -> None:
        predictions.forget(self.number, self.name)
        self.answered, self.said = False, None
        for field in self.fields.values():
            field.value = None if self.asked.options else ""
        self._refresh()

    def _refresh(self) -> None:
        self.tell("")
        for field in self.fields.values():
            field.disabled = self.answered
        for one in (self.answer_button, self.skip_button):
            one.layout.display = "none" if self.answered else ""
        self.again_button.layout.display = "" if self.answered else "none"
        self._show()

    def told(self) -> list[Any]:
        if self.attended and not self.answered:
            return []
        words = self.asked.said_in_words(self.said)
        return [
            HTML(f'<div class="tl-prediction" style="{TOLD}">{status(words)}</div>'),
            *self.results,
        ]

    def still(self) -> str:
        return f'<div style="{ASKING}"><b>Predict.</b> {html.escape(self.asked.question)}</div>'


class QuestionView(_Asked):
    """A question with choices; each is answered at once, and may be tried."""

    def __init__(self, asked: Question) -> None:
        super().__init__()
        self.asked = asked
        self.choices = widgets.RadioButtons(
            options=list(asked.answers), value=None, layout={"width": "auto", "max_width": "100%"}
        )
        self.choices.observe(lambda _: self._show(), "value")
        words = widgets.HTML(
            f'<div style="{ASKING}"><b>Question.</b> {html.escape(asked.text)}</div>'
        )
        self.view.children = [words, self.choices, self._keys]

    def told(self) -> list[Any]:
        taken = self.choices.value
        if taken is None:
            return []
        mark = "✔ Yes." if taken == self.asked.right else "✘ No."
        why = html.escape(self.asked.answers[taken])
        return [HTML(f'<div role="status" style="{TOLD}"><b>{mark}</b> {why}</div>')]

    def still(self) -> str:
        every = "".join(
            f"<details><summary>{html.escape(answer)}</summary>"
            f"{'Yes.' if answer == self.asked.right else 'No.'} {html.escape(why)}</details>"
            for answer, why in self.asked.answers.items()
        )
        return f'<div style="{ASKING}"><b>Question.</b> {html.escape(self.asked.text)}{every}</div>'


def _bundle(parts: Sequence[Any]) -> dict[str, str]:
    """Things to be shown as one output, HTML and words."""
    html_parts, words = [], []
    for part in parts:
        made = part if isinstance(part, str) else None
        bundle = {"text/plain": made} if made is not None else _of(part)
        words.append(bundle.get("text/plain", ""))
        html_parts.append(
            bundle.get("text/html") or f"<pre>{html.escape(bundle.get('text/plain', ''))}</pre>"
        )
    return {"text/html": "\n".join(html_parts), "text/plain": "\n".join(filter(None, words)) or " "}


def _of(part: Any) -> dict[str, str]:
    if hasattr(part, "_repr_mimebundle_"):
        return part._repr_mimebundle_()
    made = part._repr_html_() if hasattr(part, "_repr_html_") else None
    return {"text/html": made or "", "text/plain": "" if made else str(part)}
