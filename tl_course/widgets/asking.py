"""What a notebook asks: a prediction before its result, and short questions with an answer at once.

Where nobody sits at the notebook (papermill, nbval, a page that is built), there is nothing to
press: the result is shown at once, and a question with all that can be said to its answers.
"""

import html
import uuid
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
from IPython.display import HTML, display

from tl_course.base.errors import CourseError
from tl_course.lessons import predictions
from tl_course.lessons.lesson import Lesson, somebody_is_there
from tl_course.lessons.predictions import Asked
from tl_course.lessons.questions import Question
from tl_course.widgets.base import WRAP, button, status
from tl_course.widgets.parts import Guard

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
    shown = [_printed(one) if isinstance(one, str) else one for one in results]
    return Prediction(lesson.number, name, asked, shown)


def question(asked: Question) -> "QuestionView":
    """A short question: a choice, and what there is to say to it."""
    return QuestionView(asked)


class _Asked:
    """What both have: a view, a place below it, and a still form where no view can be."""

    def __init__(self) -> None:
        self.attended = somebody_is_there()
        self.view = widgets.VBox().add_class("tlc")
        self._guard = Guard(self.view, still=uuid.uuid4().hex)
        self.alert = widgets.HTML()
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
        display(self.view._repr_mimebundle_() | {"text/plain": "a question"}, raw=True)
        hidden = f'<div data-tlc-still="{self._guard.still}">{self.still()}</div>'
        self.below = display(_bundle([HTML(hidden), *self.told()]), raw=True, display_id=True)
        self._hidden = hidden

    def _show(self) -> None:
        if self.below is not None:
            self.below.update(_bundle([HTML(self._hidden), *self.told()]), raw=True)


class Fields:
    """Fields without a default for what is asked, *This is my answer* and *Skip*, in `view`.

    Who puts them somewhere connects the buttons, and calls `close` once there is an answer.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        if asked.options:
            layout = {"width": "auto", "max_width": "100%"}
            choice = widgets.RadioButtons(options=asked.options, value=None, layout=layout)
            self.by_label: dict[str, widgets.Widget] = {"": choice}
        else:
            self.by_label = {label: self._field(label) for label in asked.measured}
        self.answer_button = button("This is my answer", "primary")
        self.skip_button = button("Skip")
        buttons = widgets.HBox([self.answer_button, self.skip_button])
        self.view = widgets.HBox([*self.by_label.values(), buttons], layout=WRAP)

    def _field(self, label: str) -> widgets.Text:
        words = label or "Your answer"
        return widgets.Text(
            description=words,
            placeholder=self.asked.unit,
            continuous_update=False,  # else the browser holds keys back, and a click overtakes them
            style={"description_width": "initial"},
            layout={"width": f"{12 + len(words) // 2}em", "max_width": "100%"},
        )

    def read(self) -> dict[str, float] | str:
        """What was answered; CourseError says what is missing."""
        if not self.asked.options:
            return {k: self.asked.number(f.value, k) for k, f in self.by_label.items()}
        if self.by_label[""].value is None:
            raise CourseError("Choose one of the answers, or press Skip.")
        return self.by_label[""].value

    def write(self, said: dict[str, float] | str | None) -> None:
        """Put an answer in, or with None take it away."""
        for label, field in self.by_label.items():
            if self.asked.options:
                field.value = said
            else:
                field.value = f"{said[label]:g}" if said else ""

    def close(self, answered: bool) -> None:
        """Nothing can be changed after an answer, and everything again before the next."""
        for field in self.by_label.values():
            field.disabled = answered
        for one in (self.answer_button, self.skip_button):
            one.layout.display = "none" if answered else ""


class Prediction(_Asked):
    """A question with fields, and its result behind it; `said` is the answer, None if skipped."""

    def __init__(self, number: str, name: str, asked: Asked, results: Sequence[Any]) -> None:
        super().__init__()
        self.number, self.name, self.asked, self.results = number, name, asked, results
        self.answered, self.said = False, None
        if self.attended:
            self.answered, self.said = predictions.before(number, name, asked)
        self.fields = Fields(asked)
        self.fields.write(self.said)
        self.again_button = button("Ask me again")
        self.fields.answer_button.on_click(lambda _: self._answer())
        self.fields.skip_button.on_click(lambda _: self._end(None))
        self.again_button.on_click(lambda _: self._again())
        words = widgets.HTML(self._question())
        again = widgets.HBox([self.again_button])  # as wide as its words
        self.view.children = [words, self.fields.view, self.alert, again, self._guard]
        self._refresh()

    def _answer(self) -> None:
        try:
            said = self.fields.read()
        except CourseError as slip:
            self.tell(str(slip))
        else:
            self._end(said)

    def _end(self, said: dict[str, float] | str | None) -> None:
        self.answered, self.said = True, said
        predictions.keep(self.number, self.name, self.asked, said)
        self._refresh()

    def _again(self) -> None:
        predictions.forget(self.number, self.name)
        self.answered, self.said = False, None
        self.fields.write(None)
        self._refresh()

    def _refresh(self) -> None:
        self.tell("")
        self.fields.close(self.answered)
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
        choices = html.escape(" · ".join(self.asked.options))
        return self._question() + (f"<p>{choices}</p>" if choices else "")

    def _question(self) -> str:
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
        self.view.children = [words, self.choices, self._guard]

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


def _printed(text: str) -> HTML:
    """A text as it would be printed."""
    return HTML(f'<pre style="white-space:pre-wrap">{html.escape(text)}</pre>')


def _bundle(parts: Sequence[Any]) -> dict[str, str]:
    """Things to be shown as one output: HTML, and words where there are any."""
    bundles = [_as_bundle(part) for part in parts]
    words = "\n".join(filter(None, (one.get("text/plain") for one in bundles)))
    return {
        "text/html": "\n".join(one["text/html"] for one in bundles),
        "text/plain": words or "a question",
    }


def _as_bundle(part: Any) -> dict[str, str]:
    if hasattr(part, "_repr_mimebundle_"):
        return part._repr_mimebundle_()
    return {"text/html": part._repr_html_()}
