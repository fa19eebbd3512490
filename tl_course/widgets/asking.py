"""What a notebook asks: a prediction before its result, and short questions with an answer at once.

What comes after a prediction and would tell its answer (`show`) waits for it. Where nobody sits at
the notebook (papermill, nbval, a page that is built), there is nothing to press: the result is
shown at once, and a question with all that can be said to its answers.
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
from tl_course.lessons.claims import Claim
from tl_course.lessons.lesson import Lesson, somebody_is_there
from tl_course.lessons.predictions import Asked
from tl_course.lessons.questions import Question
from tl_course.widgets.base import ONE_AT_A_TIME, Experiment, close_earlier, is_like, status
from tl_course.widgets.parts import Guard, joined

RULE = "border-left:4px solid {};padding:0.2em 0.8em;margin:0.4em 0"
PRESS = {"press": str, "typed": [str]}  # what a form sends
NOW = "Show it now"  # what waits for an answer
EMPTY = {"text/html": "", "text/plain": ""}  # of an output that is filled later
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


def show(lesson: Lesson, *things: Any) -> None:
    """Show claims, texts (Markdown), figures, questions, experiments: after open predictions."""

    def part(thing: Any) -> Any:
        if isinstance(thing, Claim):
            return lesson.judged(thing)
        return _text(thing) if isinstance(thing, str) else thing

    parts = [part(thing) for thing in things]
    waits_for = [one for one in _asked.values() if one.key[0] == lesson.number and not one.answered]
    if waits_for:
        Waiting(waits_for, parts)._ipython_display_()
    else:
        display(*parts)


def question(asked: Question) -> "QuestionView":
    """A short question: a choice, and what there is to say to it."""
    return QuestionView(asked)


def predictions(lesson: Lesson) -> "Kept":
    """What was predicted in this notebook, and how far off it was."""
    return Kept("predictions", lambda: [HTML(answers.in_words(answers.of(lesson.number)))])


def calibration() -> "Kept":
    """Every prediction of the course against what came out, and what that says."""

    def told() -> list[Any]:
        picture, words = answers.calibration(answers.of())
        return [*filter(None, [picture]), HTML(words)]

    return Kept("calibration", told)


class Form(anywidget.AnyWidget):
    """Fields without a default for numbers, or a choice, and what is pressed (front/ask.js).

    A press comes as a message like `PRESS`, in which is what stood in the fields then.
    """

    _esm = joined("ask")
    kind = traitlets.Unicode("").tag(sync=True)  # a word before the question, where it is shown
    question = traitlets.Unicode("").tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of fields
    unit = traitlets.Unicode("").tag(sync=True)
    options = traitlets.List(traitlets.Unicode()).tag(sync=True)  # in place of fields
    answer = traitlets.Unicode("").tag(sync=True)  # what stands on the buttons
    skip = traitlets.Unicode("").tag(sync=True)
    again = traitlets.Unicode("").tag(sync=True)
    typed = traitlets.List(traitlets.Unicode()).tag(sync=True)  # what stands in the fields
    written = traitlets.Int(0).tag(sync=True)  # how often Python wrote it
    answered = traitlets.Bool(False).tag(sync=True)  # nothing can be changed any more
    alert = traitlets.Unicode("").tag(sync=True)  # a sentence about what was typed
    told = traitlets.Unicode("").tag(sync=True)  # as HTML what an answer brings

    def write(self, typed: Sequence[str]) -> None:
        """Put something into the fields, in the place of what stands there."""
        self.typed = list(typed)
        self.written += 1


class Fields(Form):
    """The form of something `asked`, with *This is my answer* and *Skip*."""

    def __init__(self, asked: Asked, **more: Any) -> None:
        labels = [] if asked.options else [label or "Your answer" for label in asked.measured]
        super().__init__(
            question=asked.question, labels=labels, unit=asked.unit, options=list(asked.options),
            answer="This is my answer", skip="Skip", **more,
        )  # fmt: skip
        self.asked = asked

    def read(self, typed: Sequence[str]) -> dict[str, float] | str:
        """What was answered; CourseError says what is missing."""
        if not self.asked.options:
            texts = dict(zip(self.asked.measured, typed, strict=False))
            return {k: self.asked.number(texts.get(k, ""), k) for k in self.asked.measured}
        if not typed or typed[0] not in self.asked.options:
            raise CourseError("Choose one of the answers, or press Skip.")
        return typed[0]

    def show_answer(self, said: dict[str, float] | str | None, answered: bool) -> None:
        """Show what was said, None for nothing; it can be changed where it is not `answered`."""
        numbers = [f"{value:g}" for value in said.values()] if isinstance(said, dict) else []
        with self.hold_sync():
            self.write([said] if isinstance(said, str) else numbers)
            self.answered, self.alert = answered, ""


class _Asked:
    """What all of them have: a form, and a still form of it where no view can be."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.attended = somebody_is_there()
        self.view = widgets.VBox().add_class("tlc")
        self._guard = Guard(self.view, still=uuid.uuid4().hex)
        self.view.children = [form, self._guard]
        self._saved = None  # the output that a saved notebook shows

    def told(self) -> list[Any]:
        """What is shown now below the question, one below the other."""
        raise NotImplementedError

    def still(self) -> str:
        """The question where the view is not."""
        raise NotImplementedError

    def page(self) -> list[Any]:
        """All that is seen where the view is not."""
        return [HTML(self.still()), *self.told()]

    def begin(self) -> Iterator[dict[str, Any]]:
        """The outputs for a learner: the view, and below it what a saved notebook shows."""
        yield self.view._repr_mimebundle_() | {"text/plain": "a question"}
        yield self._as_saved()

    def _ipython_display_(self) -> None:
        if not self.attended:
            display(*self.page())
            return
        view, saved = self.begin()
        display(view, raw=True)
        self._saved = display(saved, raw=True, display_id=True)

    def _as_saved(self) -> dict[str, str]:
        """What a saved notebook shows; the guard hides it where the view lives."""
        page = _bundle(self.page())
        hidden = f'<div data-tlc-still="{self._guard.still}">{page["text/html"]}</div>'
        return page | {"text/html": hidden}

    def _show(self) -> None:
        self.form.told = _bundle(self.told())["text/html"]
        if self._saved:
            self._saved.update(self._as_saved(), raw=True)


class Prediction(_Asked):
    """A question with fields, and its result behind it; `said` is the answer, None if skipped."""

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
        """Which question of which notebook it is, also where its cell is run again."""
        return self.number, self.name

    def _pressed(self, _: Any, content: Any, __: Any) -> None:
        press = content["press"] if is_like(content, PRESS) else ""
        if press == "again" and self.answered:
            self._become(False, None)
            answers.forget(self.number, self.name)
        elif press in ("answer", "skip") and not self.answered:
            try:
                said = self.form.read(content["typed"]) if press == "answer" else None
            except CourseError as slip:
                self.form.typed, self.form.alert = content["typed"], str(slip)
                return
            self._become(True, said)
            answers.keep(self.number, self.name, self.asked, said)

    def _become(self, answered: bool, said: dict[str, float] | str | None) -> None:
        self.answered, self.said = answered, said
        with self.form.hold_sync():
            self.form.show_answer(said, answered)
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
        words = f'<div style="{ASKING}"><b>Predict.</b> {html.escape(self.asked.question)}</div>'
        return words + (f"<p>{choices}</p>" if choices else "")


class ToBeAnswered(Protocol):
    """What can be waited for: a prediction, or an experiment that begins with one."""

    key: tuple[str, str]  # which question of which notebook
    asked: Asked
    answered: bool


_asked: dict[tuple[str, str], ToBeAnswered] = {}  # in this kernel, in the order of asking


def wait_for(one: ToBeAnswered) -> None:
    """Let what `show` shows from now on wait for it."""
    _asked.pop(one.key, None)
    _asked[one.key] = one


class Waiting(_Asked):
    """Something that would tell the answer to predictions: it is shown after the last of them."""

    def __init__(self, waits_for: Sequence[ToBeAnswered], parts: Sequence[Any]) -> None:
        super().__init__(Form(skip=NOW))
        self.keys = [asked.key for asked in waits_for]
        self.views = [one for one in parts if isinstance(one, Experiment | _Asked)]
        self.parts = [one for one in parts if not isinstance(one, Experiment | _Asked)]
        self._places: list[list[DisplayHandle]] = []  # two outputs for each view, empty so far
        self.is_shown = False
        self.form.on_msg(self._pressed)
        answers.FOLLOWED_BY[self._guard.still] = self._look
        self._show()

    def _ipython_display_(self) -> None:
        super()._ipython_display_()
        for one in self.views:
            if isinstance(one, Experiment):
                close_earlier(one)
            self._places.append([display(EMPTY, raw=True, display_id=True) for _ in range(2)])

    def _look(self) -> None:
        """Show it where every prediction was answered or skipped meanwhile."""
        if all(_asked[key].answered for key in self.keys):
            self._open()
        else:
            self._show()  # how many are left

    def _pressed(self, _: Any, content: Any, __: Any) -> None:
        if is_like(content, PRESS) and content["press"] == "skip":
            self._open()

    def _open(self) -> None:
        self.is_shown = self.form.answered = True
        answers.FOLLOWED_BY.pop(self._guard.still, None)
        self._show()
        for one, places in zip(self.views, self._places, strict=False):
            if isinstance(one, _Asked):
                one._saved = places[1]
            elif one.closed:  # its cell was run again
                continue
            for place, bundle in zip(places, one.begin(), strict=True):
                place.update(bundle, raw=True)

    def told(self) -> list[Any]:
        if self.is_shown:
            return self.parts
        waits_for = [_asked[key].asked.question for key in self.keys if not _asked[key].answered]
        n, first = len(waits_for), f"“{waits_for[0]}”"
        what = f"the question {first}." if n == 1 else f"{n} questions above. The first is {first}"
        words = f"This is shown once you have answered or skipped {what}"
        return [HTML(f'<div style="{ASKING}">{status(words)}</div>')]

    def page(self) -> list[Any]:
        return self.told()


class QuestionView(_Asked):
    """A question with choices; each is answered at once, and may be tried."""

    def __init__(self, asked: Question) -> None:
        form = Form(kind="Question.", question=asked.text, options=list(asked.answers))
        super().__init__(form)
        self.asked = asked
        self.form.observe(lambda _: self._show(), "typed")

    def told(self) -> list[Any]:
        taken = [one for one in self.form.typed if one in self.asked.answers]
        if not taken:
            return []
        mark = "✔ Yes." if taken[0] == self.asked.right else "✘ No."
        why = html.escape(self.asked.answers[taken[0]])
        return [HTML(f'<div role="status" style="{TOLD}"><b>{mark}</b> {why}</div>')]

    def still(self) -> str:
        every = "".join(
            f"<details><summary>{html.escape(answer)}</summary>"
            f"{'Yes.' if answer == self.asked.right else 'No.'} {html.escape(why)}</details>"
            for answer, why in self.asked.answers.items()
        )
        return f'<div style="{ASKING}"><b>Question.</b> {html.escape(self.asked.text)}{every}</div>'


class Kept(_Asked):
    """What was answered so far, and after each answer in this notebook anew."""

    def __init__(self, name: str, told: Callable[[], list[Any]]) -> None:
        super().__init__(Form())
        self.told = told
        if self.attended:
            answers.FOLLOWED_BY[name] = self._show
            self._show()

    def page(self) -> list[Any]:
        return self.told()

    def _show(self) -> None:
        with ONE_AT_A_TIME:  # there may be a picture in it
            super()._show()


def _printed(text: str) -> HTML:
    """A text as it would be printed."""
    return HTML(f'<pre style="white-space:pre-wrap">{html.escape(text)}</pre>')


def _text(source: str) -> HTML:
    """Markdown as it is seen."""
    import mistune  # not above: the pad of 00 needs a form, and no texts

    return HTML(mistune.html(source))


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
