"""Predictions before a result, and short questions that are answered at once.

`show` holds back whatever would give away the answer to an open prediction. If nobody sits at the
notebook (papermill, nbval, a built page), every result is shown at once, and each question comes
with the explanation of all its answers.
"""

import html
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import anywidget
import ipywidgets as widgets
import traitlets
from IPython.display import HTML, DisplayHandle, display

from tl_course.base.errors import CourseError
from tl_course.lessons import predictions as answers
from tl_course.lessons.audience import somebody_is_there
from tl_course.lessons.claims import Claim
from tl_course.lessons.lesson import Lesson
from tl_course.lessons.predictions import Asked
from tl_course.lessons.questions import Question
from tl_course.widgets.base import ONE_AT_A_TIME, Experiment, close_earlier, is_like, status
from tl_course.widgets.parts import Guard, joined

RULE = "border-left:4px solid {};padding:0.2em 0.8em;margin:0.4em 0"
PRESS = {"press": str, "typed": [str]}  # what a form sends
NOW = "Show it now"
EMPTY = {"text/html": "", "text/plain": ""}  # an output that is filled later
ASKING, TOLD = RULE.format("#6E6E6E"), RULE.format("#0072B2")


def prediction(
    lesson: Lesson,
    name: str,
    question: str,
    measured: float | dict[str, float] | dict[str, str] | str,
    *results: Any,
    options: Sequence[str] = (),
    unit: str = "%",
    low: float = 0,
    high: float = 100,
) -> "Prediction":
    """Ask before the result is shown; it appears here after an answer, or after *Skip*.

    `measured` is a number, numbers by label, one of `options`, or options by label. `results` are
    figures and texts that are shown with it. The answer is kept in the data home as question `name`
    of the notebook. It takes more than seven parameters so that a notebook asks a question in one
    call.
    """
    if not isinstance(measured, (str, dict)):
        measured = {"": measured}
    chosen = [measured] if isinstance(measured, str) else measured.values() if options else ()
    for choice in chosen:
        if choice not in options:
            raise ValueError(f"'{choice}' is none of the options {', '.join(options)}")
    if isinstance(measured, dict) and not options:
        measured = {label: round(float(value), 6) for label, value in measured.items()}
    asked = Asked(question, measured, tuple(options), unit, low, high)
    shown = [_as_printed(result) if isinstance(result, str) else result for result in results]
    return Prediction(lesson.number, name, asked, shown)


def show(lesson: Lesson, *things: Any) -> None:
    """Show claims, texts (Markdown), figures, questions, experiments.

    They wait while a prediction of this notebook is unanswered.
    """

    def part(thing: Any) -> Any:
        if isinstance(thing, Claim):
            return lesson.judged(thing)
        return _text(thing) if isinstance(thing, str) else thing

    parts = [part(thing) for thing in things]
    here = [asked for asked in _asked.values() if asked.key[0] == lesson.number]
    unanswered = [asked for asked in here if not asked.answered]
    if unanswered:
        Waiting(unanswered, parts)._ipython_display_()
    else:
        display(*parts)


def question(asked: Question) -> "QuestionView":
    """A short multiple-choice question that explains each answer."""
    return QuestionView(asked)


def predictions(lesson: Lesson) -> "Review":
    """The learner's predictions in this notebook, and how far off they were."""
    return Review("predictions", lambda: [HTML(answers.in_words(answers.of(lesson.number)))])


def calibration() -> "Review":
    """Every prediction of the course plotted against the measured value, with a verdict."""

    def parts() -> list[Any]:
        picture, words = answers.plot_calibration(answers.of())
        return [*filter(None, [picture]), HTML(words)]

    return Review("calibration", parts)


class Form(anywidget.AnyWidget):
    """Number fields without a default, a choice, or choices by label, with buttons (front/ask.js).

    A press arrives as a message like `PRESS`, which holds the text of the fields at that moment.
    """

    _esm = joined("ask")
    kind = traitlets.Unicode("").tag(sync=True)  # "Predict." or "Question."; "" shows no question
    question = traitlets.Unicode("").tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)  # one for each field or list
    unit = traitlets.Unicode("").tag(sync=True)
    options = traitlets.List(traitlets.Unicode()).tag(sync=True)  # choices in place of numbers
    answer = traitlets.Unicode("").tag(sync=True)  # the words on three buttons
    skip = traitlets.Unicode("").tag(sync=True)
    again = traitlets.Unicode("").tag(sync=True)
    typed = traitlets.List(traitlets.Unicode()).tag(sync=True)  # the text of the fields
    written = traitlets.Int(0).tag(sync=True)  # how often Python wrote `typed`
    answered = traitlets.Bool(False).tag(sync=True)  # the form is locked
    alert = traitlets.Unicode("").tag(sync=True)  # what is wrong with the answer
    told = traitlets.Unicode("").tag(sync=True)  # HTML that is shown below the form

    def write(self, typed: Sequence[str]) -> None:
        """Replace the text of the fields."""
        self.typed = list(typed)
        self.written += 1


class Fields(Form):
    """A form with the fields or options of `asked`, *This is my answer* and *Skip*."""

    def __init__(self, asked: Asked, **more: Any) -> None:
        labels = []
        if isinstance(asked.measured, dict):
            labels = [label or "Your answer" for label in asked.measured]
        super().__init__(
            question=asked.question, labels=labels, unit=asked.unit, options=list(asked.options),
            answer="This is my answer", skip="Skip", **more,
        )  # fmt: skip
        self.asked = asked

    def read(self, typed: Sequence[str]) -> dict[str, float] | dict[str, str] | str:
        """The answer: an option, or numbers or options by label; CourseError if it is missing."""
        if not self.asked.options:
            texts = dict(zip(self.asked.measured, typed, strict=False))
            return {k: self.asked.number(texts.get(k, ""), k) for k in self.asked.measured}
        if isinstance(self.asked.measured, dict):
            answer = dict(zip(self.asked.measured, typed, strict=False))
        else:
            answer = typed[0] if typed else ""
        if not self.asked.accepts(answer):
            lines = ", one in each line" * isinstance(answer, dict)
            raise CourseError("no_choice", f"Choose one of the answers{lines}, or press Skip.")
        return answer

    def show_answer(self, answer: answers.Answer, answered: bool) -> None:
        """Fill in an answer (None: nothing); the learner can change it unless it is `answered`."""
        texts = [answer] if isinstance(answer, str) else []
        if isinstance(answer, dict):
            texts = [each if isinstance(each, str) else f"{each:g}" for each in answer.values()]
        with self.hold_sync():
            self.write(texts)
            self.answered, self.alert = answered, ""


class _FormView:
    """A form with content below it, and still HTML for a page without a kernel."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.attended = somebody_is_there()
        self.view = widgets.VBox().add_class("tlc")
        self._guard = Guard(self.view, still=uuid.uuid4().hex)
        self.view.children = [form, self._guard]
        self._saved_output = None  # the output that a saved notebook shows

    def content(self) -> list[Any]:
        """The parts below the question at present."""
        raise NotImplementedError

    def still(self) -> str:
        """The question as HTML, for a page without the view."""
        raise NotImplementedError

    def page(self) -> list[Any]:
        """Everything that a page without the view shows."""
        return [HTML(self.still()), *self.content()]

    def begin(self) -> Iterator[dict[str, Any]]:
        """The outputs for a learner: the view, and below it the still page."""
        yield self.view._repr_mimebundle_() | {"text/plain": "a question"}
        yield self._as_saved()

    def _ipython_display_(self) -> None:
        if not self.attended:
            display(*self.page())
            return
        view, saved = self.begin()
        display(view, raw=True)
        self._saved_output = display(saved, raw=True, display_id=True)

    def _as_saved(self) -> dict[str, str]:
        """The still page of a saved notebook; the guard hides it while the view is alive."""
        page = _bundle(self.page())
        hidden = f'<div data-tlc-still="{self._guard.still}">{page["text/html"]}</div>'
        return page | {"text/html": hidden}

    def _show(self) -> None:
        self.form.told = _bundle(self.content())["text/html"]
        if self._saved_output:
            self._saved_output.update(self._as_saved(), raw=True)


class Prediction(_FormView):
    """A question whose result is hidden until it is answered; `said` is None if it is skipped."""

    def __init__(self, number: str, name: str, asked: Asked, results: Sequence[Any]) -> None:
        super().__init__(Fields(asked, kind="Predict.", again="Ask me again"))
        self.number, self.name, self.asked, self.results = number, name, asked, results
        self.answered, self.said = False, None
        if self.attended:
            wait_for(self)
            self.form.on_msg(self._pressed)
            self._become(*answers.before(number, name, asked))

    @property
    def key(self) -> tuple[str, str]:
        """The notebook and the question's name, which stay the same if the cell is run again."""
        return self.number, self.name

    def _pressed(self, _: Any, content: Any, __: Any) -> None:
        press = content["press"] if is_like(content, PRESS) else ""
        if press == "again" and self.answered:
            self._become(False, None)
            answers.forget_prediction(self.number, self.name)
        elif press in ("answer", "skip") and not self.answered:
            try:
                answer = self.form.read(content["typed"]) if press == "answer" else None
            except CourseError as slip:
                self.form.typed, self.form.alert = content["typed"], str(slip)
                return
            self._become(True, answer)
            answers.keep_prediction(self.number, self.name, self.asked, answer)

    def _become(self, answered: bool, answer: answers.Answer) -> None:
        self.answered, self.said = answered, answer
        with self.form.hold_sync():
            self.form.show_answer(answer, answered)
            self._show()

    def content(self) -> list[Any]:
        if self.attended and not self.answered:
            return []
        words = self.asked.said_in_words(self.said)
        return [
            HTML(f'<div class="tl-prediction" style="{TOLD}">{status(words)}</div>'),
            *self.results,
        ]

    def still(self) -> str:
        choices = html.escape(" · ".join(self.asked.options))
        if self.asked.options and isinstance(self.asked.measured, dict):
            choices = f"{html.escape('; '.join(self.asked.measured))}: {choices}"
        words = f'<div style="{ASKING}"><b>Predict.</b> {html.escape(self.asked.question)}</div>'
        return words + (f"<p>{choices}</p>" if choices else "")


class ToBeAnswered(Protocol):
    """A prediction, or an experiment that begins with one."""

    key: tuple[str, str]  # notebook, question
    asked: Asked
    answered: bool


_asked: dict[tuple[str, str], ToBeAnswered] = {}  # by key, in the order of asking


def wait_for(question: ToBeAnswered) -> None:
    """Let `show` hold back from now on until this is answered."""
    _asked.pop(question.key, None)
    _asked[question.key] = question


class Waiting(_FormView):
    """Parts that would give away the answers to predictions: they are shown after the last one."""

    def __init__(self, unanswered: Sequence[ToBeAnswered], parts: Sequence[Any]) -> None:
        super().__init__(Form(skip=NOW))
        self.keys = [asked.key for asked in unanswered]
        self.views = [part for part in parts if isinstance(part, Experiment | _FormView)]
        self.parts = [part for part in parts if not isinstance(part, Experiment | _FormView)]
        self._places: list[list[DisplayHandle]] = []  # two empty outputs for each view
        self.is_shown = False
        self.form.on_msg(self._pressed)
        answers.FOLLOWED_BY[self._guard.still] = self._look
        self._show()

    def _ipython_display_(self) -> None:
        super()._ipython_display_()
        for view in self.views:
            if isinstance(view, Experiment):
                close_earlier(view)
            self._places.append([display(EMPTY, raw=True, display_id=True) for _ in range(2)])

    def _look(self) -> None:
        """Show the parts if every prediction has been answered or skipped by now."""
        if all(_asked[key].answered for key in self.keys):
            self._open()
        else:
            self._show()  # the number of open questions has changed

    def _pressed(self, _: Any, content: Any, __: Any) -> None:
        if is_like(content, PRESS) and content["press"] == "skip":
            self._open()

    def _open(self) -> None:
        self.is_shown = self.form.answered = True
        answers.FOLLOWED_BY.pop(self._guard.still, None)
        self._show()
        for view, places in zip(self.views, self._places, strict=False):
            if isinstance(view, _FormView):
                view._saved_output = places[1]
            elif view.closed:  # its cell was run again
                continue
            for place, bundle in zip(places, view.begin(), strict=True):
                place.update(bundle, raw=True)

    def content(self) -> list[Any]:
        if self.is_shown:
            return self.parts
        asked = [_asked[key] for key in self.keys]
        questions = [each.asked.question for each in asked if not each.answered]
        n, first = len(questions), f"“{questions[0]}”"
        what = f"the question {first}." if n == 1 else f"{n} questions above. The first is {first}"
        words = f"This is shown once you have answered or skipped {what}"
        return [HTML(f'<div style="{ASKING}">{status(words)}</div>')]

    def page(self) -> list[Any]:
        return self.content()


class QuestionView(_FormView):
    """A question with choices; each choice is explained at once, and several may be tried."""

    def __init__(self, asked: Question) -> None:
        form = Form(kind="Question.", question=asked.text, options=list(asked.answers))
        super().__init__(form)
        self.asked = asked
        self.form.observe(lambda _: self._show(), "typed")

    def content(self) -> list[Any]:
        chosen = [typed for typed in self.form.typed if typed in self.asked.answers]
        if not chosen:
            return []
        mark = "✔ Yes." if chosen[0] == self.asked.right else "✘ No."
        why = html.escape(self.asked.answers[chosen[0]])
        return [HTML(f'<div role="status" style="{TOLD}"><b>{mark}</b> {why}</div>')]

    def still(self) -> str:
        details = "".join(
            f"<details><summary>{html.escape(answer)}</summary>"
            f"{'Yes.' if answer == self.asked.right else 'No.'} {html.escape(why)}</details>"
            for answer, why in self.asked.answers.items()
        )
        text = html.escape(self.asked.text)
        return f'<div style="{ASKING}"><b>Question.</b> {text}{details}</div>'


class Review(_FormView):
    """The answers so far; it is drawn again after each answer in this notebook."""

    def __init__(self, name: str, content: Callable[[], list[Any]]) -> None:
        super().__init__(Form())
        self.content = content
        if self.attended:
            answers.FOLLOWED_BY[name] = self._show
            self._show()

    def page(self) -> list[Any]:
        return self.content()

    def _show(self) -> None:
        with ONE_AT_A_TIME:  # matplotlib may draw a picture
            super()._show()


def _as_printed(text: str) -> HTML:
    """Text in a monospaced font, with its line breaks."""
    return HTML(f'<pre style="white-space:pre-wrap">{html.escape(text)}</pre>')


def _text(source: str) -> HTML:
    """Markdown as HTML."""
    import mistune  # here, so that the pad of notebook 00 starts without it

    return HTML(mistune.html(source))


def _bundle(parts: Sequence[Any]) -> dict[str, str]:
    """One output for several parts: HTML, and plain text if any of them has it."""
    bundles = [
        part._repr_mimebundle_()
        if hasattr(part, "_repr_mimebundle_")
        else {"text/html": part._repr_html_()}
        for part in parts
    ]
    words = "\n".join(filter(None, (bundle.get("text/plain") for bundle in bundles)))
    return {
        "text/html": "\n".join(bundle["text/html"] for bundle in bundles),
        "text/plain": words or "a question",
    }
