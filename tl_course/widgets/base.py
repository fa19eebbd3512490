"""What every experiment has: a state that can be copied, pictures, errors that are seen, work.

An experiment is an object with a `view` made of ipywidgets; shown at the end of a cell it is the
view, and on a page or without a kernel a still picture and a table. Callbacks may come from another
thread than the cell's (JupyterLab ≥ 4.4 with ipykernel ≥ 7) and work reports from a thread of its
own, so all of them take one lock: matplotlib and a widget's traits bear one thread at a time.
"""

import contextlib
import html
import json
import math
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from IPython import get_ipython
from IPython.display import display

from tl_course.base import machine
from tl_course.base.errors import CourseError, printable
from tl_course.base.html import table as html_table
from tl_course.lessons import lesson, resumed
from tl_course.lessons.drawing import Picture
from tl_course.widgets import loading
from tl_course.widgets.parts import Guard, Share, walk

FORMAT = 1  # of the text that is shared; a newer one is refused in a sentence
ONE_AT_A_TIME = threading.RLock()
LONGEST = 1000  # characters of what is told
MOST_STATE = 2_000_000  # characters of a shared text, in which a picture may be
LAST_WAIT = 2.0  # seconds that the end of the kernel waits for work that was told to stop
CAME_BACK = "Here is what you did before."
NOT_BACK = (
    "What you did here before cannot come back: {file} is damaged, or it is about pictures or a "
    "version of the course that are no longer here. What you do now takes its place."
)
KEPT_AFTER = 0.5  # seconds after which what was done is kept, so that a stroke writes one file
WRAP = {"flex_flow": "row wrap", "align_items": "center"}


def control(
    kind: Callable[..., Any], words: str, label: str = "11em", width: str = "29em", **traits: Any
) -> Any:
    """A control with its words before it; nothing follows from a slider before it is let go of."""
    if hasattr(kind, "continuous_update"):
        traits["continuous_update"] = False
    style, layout = {"description_width": label}, {"width": width, "max_width": "100%"}
    return kind(description=words, style=style, layout=layout, **traits)


def button(words: str, style: str = "", kind: type = widgets.Button) -> Any:
    """A button that is as wide as its words."""
    return kind(description=words, button_style=style, layout={"width": "auto"})


def status(sentence: str) -> str:
    """A sentence that a screen reader speaks when it has time."""
    return f'<p role="status">{html.escape(sentence)}</p>'


def columns(controls: Sequence[widgets.Widget], result: Sequence[widgets.Widget]) -> widgets.Box:
    """Controls at the left and what comes of them at the right; narrow, one below the other."""
    left = widgets.VBox(controls).add_class("tlc-controls")
    return widgets.Box([left, widgets.VBox(result)]).add_class("tlc-columns")


class Slot:
    """A place for a picture and, below it, for the same in words; `view` goes into the layout."""

    def __init__(self) -> None:
        self.view = widgets.HTML()
        self.clear()

    def show(self, picture: Picture, summary: str) -> None:
        """Put a picture with its summary, one or two sentences, in place of the last one."""
        if not summary.strip():
            raise ValueError("A picture needs a summary in words beside it.")
        self.picture, self.summary = picture, summary
        image = picture._repr_mimebundle_()["text/html"]
        self.view.value = f"{image}<p>{html.escape(summary)}</p>"

    def clear(self) -> None:
        """Show nothing."""
        self.picture: Picture | None = None
        self.summary = self.view.value = ""


def table(rows: Sequence[dict], caption: str = "") -> str:
    """Rows (all with the same keys) as an HTML table with column headers."""
    if not rows:
        return ""
    style = "border-collapse:separate;border-spacing:1.2em 0.2em"
    head, cells = list(rows[0]), [[str(value) for value in row.values()] for row in rows]
    return str(html_table(cells, head, caption=caption, texts=True, style=style))


def one_of(settings: dict, name: str, allowed: Sequence) -> Any:
    """`settings[name]`, one of `allowed`; CourseError says which there are."""
    value = settings[name]
    if not any(type(value) is type(a) and value == a for a in allowed):
        raise _damaged(name, value, f"can be one of {', '.join(map(str, allowed))}")
    return value


def number(settings: dict, name: str, low: float, high: float, whole: bool = True) -> Any:
    """`settings[name]`, a number from `low` to `high`; CourseError says the range."""
    value = settings[name]
    if type(value) not in ((int,) if whole else (int, float)) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise _damaged(name, value, f"must be {kind} from {low:,} to {high:,}")
    return value


def _damaged(name: str, value: object, wanted: str) -> CourseError:
    said = printable(repr(value))
    return CourseError(f"The state says {name} is {said}, and it {wanted}: copy it again.")


def is_like(content: object, form: Any) -> bool:
    """Whether what the browser sent has a form: types (`object` is any), in lists and dicts.

    A dict has the form's keys, all in a list are like the form's one entry, and a tuple's entries
    stand in a list of that length. A number is whole, and from 0 to 2⁵³.
    """
    if isinstance(form, dict):
        fits = isinstance(content, dict) and content.keys() == form.keys()
        return fits and all(is_like(content[key], inner) for key, inner in form.items())
    if isinstance(form, list):
        return isinstance(content, list) and all(is_like(one, form[0]) for one in content)
    if isinstance(form, tuple):
        fits = isinstance(content, list) and len(content) == len(form)
        return fits and all(map(is_like, content, form))
    if form is int:
        return type(content) is int and 0 <= content <= 2**53
    return isinstance(content, form)


class Experiment:
    """Base of every experiment.

    A subclass sets `name` and `title`, builds its controls, calls `lay_out(children)`, and says
    what its state is (`controls`, and in `settings` and `apply` what is in none of them), how
    everything is drawn anew (`show`) and what a page without a kernel gets (`still`). Controls are
    connected by `on_click`, `on_change` and `on_message` alone: they take the lock and see to
    errors.
    """

    name = ""  # in the text that is shared
    title = ""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.controls: dict[str, Any] = {}  # by their names in the state
        self.errors: list[Exception] = []
        self.closed = False
        self._quiet = 0
        self._alert = widgets.HTML().add_class("tlc-line")  # its room is kept: nothing moves
        self._state = Share()
        self.view = widgets.VBox().add_class("tlc").add_class(f"tlc-{self.name}")
        self._guard = Guard(self.view, still=uuid.uuid4().hex)
        self._tasks: list[tuple[threading.Thread, threading.Event]] = []
        self._heard: threading.Event | None = None  # the stop of the work whose word counts
        self._kept_in: Path | None = None  # a file for what is done, once a learner sees it
        self._kept: dict = {}  # what is there
        self._keeping: threading.Timer | None = None
        again = button("Start over")
        self._back = widgets.HBox([widgets.HTML(), again], layout=WRAP | {"display": "none"})
        self.on_click(again, self.start_over)
        weakref.finalize(self, _end, self._tasks)  # also when the kernel ends

    def lay_out(self, children: Sequence[widgets.Widget]) -> None:
        """Put title, alert, the experiment's own parts and the state's field into `view`."""
        heading = widgets.HTML(f"<h3>{html.escape(self.title)}</h3>")
        head = widgets.HBox([heading, self._alert]).add_class("tlc-head")
        self.view.children = [self._guard, head, self._back, *children, self._state]
        for widget in walk(self.view):
            if isinstance(widget, widgets.SelectionSlider):
                widget.add_class("tlc-choice")  # guard.js lets nobody type over what it says
        self.refresh_state()
        self._first = self._written  # the state before anything was done
        self.on_change(self._state, self._pasted)

    # ------------------------------------------------------------------ what a subclass says

    def settings(self) -> dict:
        """Everything a learner set, as JSON: numbers, words, lists. The seed is added."""
        return {name: control.value for name, control in self.controls.items()}

    def apply(self, settings: dict) -> None:
        """Set the controls to `settings` (all keys are there); CourseError for a bad value.

        Work that is under way is left alone: `set_state` gives it up once all is well.
        """
        for name, control in self.controls.items():
            if isinstance(control, widgets.IntSlider):
                control.value = number(settings, name, control.min, control.max)
            else:
                options = getattr(control, "options", (False, True))  # else a checkbox
                values = [option[-1] if isinstance(option, tuple) else option for option in options]
                control.value = one_of(settings, name, values)

    def show(self) -> None:
        """Draw everything anew after `apply`."""
        raise NotImplementedError

    def still(self) -> tuple[Picture, list[dict]]:
        """For a page without a kernel: a picture and the rows of a table."""
        raise NotImplementedError

    def trained(self) -> dict:
        """As JSON what comes back besides the state: what was trained."""
        return {}

    def bring_back(self, trained: dict) -> None:
        """Take over what `trained` gave, after the state; CourseError where it is damaged."""

    # ------------------------------------------------------------------ state as text

    def state_text(self) -> str:
        """The whole state as one line of JSON."""
        state = {"experiment": self.name, "format": FORMAT, "seed": self.seed, **self.settings()}
        return json.dumps(state, ensure_ascii=False, separators=(",", ":"))

    def set_state(self, text: str) -> None:
        """Take over a state that `state_text` wrote, whole or not at all.

        Raises CourseError, one sentence, where the text is none of this experiment.
        """
        state = self._parsed(text)
        with ONE_AT_A_TIME:
            before = {"seed": self.seed, **self.settings()}
            try:
                self._take_over(state)
            except Exception:
                self._take_over(before)
                raise
            else:
                self.abandon()
                self.show()
            finally:
                self.refresh_state()

    def _take_over(self, state: dict) -> None:
        with self.quietly():
            self.seed = state.pop("seed")
            self.apply(state)

    def _parsed(self, text: str) -> dict:
        try:
            state = json.loads(text) if len(text) <= MOST_STATE else None
        except (ValueError, RecursionError):
            state = None
        if not isinstance(state, dict) or "experiment" not in state:
            raise CourseError(
                "This text is not the state of an experiment: copy all of it, from { to }, and "
                "paste it again."
            )
        if state.pop("experiment") != self.name:
            raise CourseError(
                f"This is the state of another experiment, and this one is '{self.name}': paste "
                "it where it was copied."
            )
        made = state.pop("format", None)
        if made != FORMAT:
            raise CourseError(
                f"This state has format {printable(repr(made))}, and this version of the course "
                f"reads {FORMAT}: use the same version as your classmate."
            )
        wanted = {"seed", *self.settings()}
        if set(state) != wanted:
            wrong = printable(", ".join(sorted(map(str, wanted ^ set(state)))), 200)
            raise CourseError(
                f"This state is incomplete, or has too much (look at: {wrong}): copy it again."
            )
        number(state, "seed", 0, 2**31 - 1)
        return state

    def _pasted(self, text: str) -> None:
        if text.strip() and text != self._written:
            self.set_state(text)

    def refresh_state(self) -> None:
        """Write the present state into its field."""
        self._written = self.state_text()
        with self.quietly():
            self._state.value = self._written

    def _follow(self) -> None:
        if self._state.value != self.state_text():
            self.refresh_state()
        if self._kept_in and not self._keeping and self._to_keep() != self._kept:
            self._keeping = threading.Timer(KEPT_AFTER, self._write_down)
            self._keeping.start()

    # ------------------------------------------------------------------ kept for the learner

    def _to_keep(self) -> dict:
        trained = self.trained()
        as_in_the_beginning = self._written == self._first and not trained
        return {} if as_in_the_beginning else {"state": self._written, "trained": trained}

    def _write_down(self) -> None:
        """Keep what was done; nothing where it is as in the beginning."""
        with ONE_AT_A_TIME:
            self._keeping, content = None, self._to_keep()
            if self.closed or content == self._kept:
                return
            try:
                if content:
                    resumed.keep(self._kept_in, content)
                else:
                    resumed.forget(self._kept_in)
                self._kept = content
            except CourseError as error:
                self.tell(f"What you do here is not kept for the next time. {error}")

    def _come_back(self) -> None:
        """Take over what was done here before the notebook was restarted or the cell run again."""
        with ONE_AT_A_TIME:
            if self._kept_in:
                return  # it is shown in another cell as well
            self._kept_in = resumed.place(self.name, self._first)
            try:
                self._kept = kept = resumed.read(self._kept_in)
                if not kept:
                    return
                self.set_state(str(kept.get("state")))
                trained = kept.get("trained")
                self.bring_back(trained if isinstance(trained, dict) else {})
                self._say_that_it_came_back(True)
            except CourseError:
                self.tell(NOT_BACK.format(file=self._kept_in))

    def start_over(self) -> None:
        """Everything as it was before anything was done, and nothing is kept."""
        self.set_state(self._first)
        self._say_that_it_came_back(False)

    def _say_that_it_came_back(self, back: bool) -> None:
        self._back.children[0].value = status(CAME_BACK) if back else ""
        self._back.layout.display = "" if back else "none"

    # ------------------------------------------------------------------ controls and errors

    def on_click(self, button: widgets.Button, act: Callable[[], None], once: bool = False) -> None:
        """Let `act()` follow a click; with `once` a double click counts as one."""

        def clicked(_: widgets.Button) -> None:
            with ONE_AT_A_TIME:
                if not button.disabled:  # else the click was on its way when it was disabled
                    self.guarded(act)

        button.on_click(clicked)
        if once:
            button.add_class("tlc-once")  # guard.js swallows the second click

    def on_change(
        self, of: widgets.Widget | Iterable, act: Callable[[Any], None], trait: str = "value"
    ) -> None:
        """Let `act(new value)` follow a change that the learner makes, in one widget or several."""

        def changed(change: Any) -> None:
            with ONE_AT_A_TIME:  # what another thread does quietly silences nobody here
                if not self._quiet:
                    self.guarded(act, change.new)

        for widget in [of] if isinstance(of, widgets.Widget) else of:
            widget.observe(changed, trait)

    def on_message(
        self, widget: widgets.Widget, act: Callable[..., None], *forms: Any, data: bool = False
    ) -> None:
        """Let `act(content)` follow a message that the widget's part in the browser sends.

        With `data` it is `act(content, data)`, where `data` are the bytes that came with it. What
        is like none of the `forms` (`is_like`) changes nothing and is told. Of what is synced only
        the last may come; of messages all do. Of three that come at once, the last may overtake the
        second (ipykernel 7.4: `shell_main`), so what belongs together is one message.
        """

        def heard(content: Any, buffers: list) -> None:
            if not any(is_like(content, form) for form in forms):
                raise CourseError(
                    "What the browser sent cannot be understood: reload the page, and do it again."
                )
            act(content, b"".join(buffers)) if data else act(content)

        widget.on_msg(lambda _, content, buffers: self.guarded(heard, content, buffers))

    @contextlib.contextmanager
    def quietly(self) -> Iterator[None]:
        """While this lasts, controls can be set without anything following from it."""
        with ONE_AT_A_TIME:
            self._quiet += 1
            try:
                yield
            finally:
                self._quiet -= 1

    def guarded(self, act: Callable[..., None], *arguments: Any) -> None:
        """Do it under the lock; an error is shown and recorded, and in strict tests raised.

        A CourseError is told only: it is what the learner can put right, no fault of the course.
        """
        with ONE_AT_A_TIME:
            if self.closed:
                return
            self.tell("")
            try:
                try:
                    act(*arguments)
                except CourseError as slip:
                    self.tell(str(slip))
                self._follow()
            except Exception as error:
                self.failed(error)
                if os.environ.get(lesson.STRICT):
                    raise

    def failed(self, error: Exception) -> None:
        """Show an error of the course in one sentence and record it; a CourseError is told only."""
        if isinstance(error, CourseError):
            self.tell(str(error))
            return
        self.errors.append(error)
        words = " ".join(str(error).split()) or "no reason given"
        self.tell(
            f"Something went wrong in this experiment ({type(error).__name__}: {words}); run "
            "its cell again, and if that does not help, tell the makers of the course."
        )

    def tell(self, sentence: str) -> None:
        """Show a sentence where a screen reader speaks it at once; an empty one takes it away."""
        if len(sentence) > LONGEST:  # somebody's own text is in it
            sentence = sentence[:LONGEST] + " …"
        with ONE_AT_A_TIME:
            said = f'<div class="tlc-said" role="alert">{html.escape(sentence)}</div>'
            self._alert.value = said if sentence else ""
            self.told = sentence

    def raise_errors(self) -> None:
        """For tests: raise the first error that was recorded, from a callback or from work."""
        if self.errors:
            raise self.errors[0]

    # ------------------------------------------------------------------ work off the main thread

    @property
    def busy(self) -> bool:
        """Whether work is under way that was not told to stop."""
        return any(thread.is_alive() and not stop.is_set() for thread, stop in self._tasks)

    def work(
        self,
        job: Callable[[threading.Event, Callable[[Any], None]], Any],
        report: Callable[[Any], None] = lambda _: None,
        done: Callable[[Any], None] = lambda _: None,
        every: float = 0.0,
    ) -> None:
        """Run `job(stop, tell)` in a thread; work that was under way is stopped first.

        The job heeds the event `stop` and passes progress to `tell(x)`, which calls `report(x)`
        under the lock, at most once in `every` seconds where that is given, and then not after a
        stop; `done(what it returned)` follows at the end, also of a job that stopped, and
        `done(None)` after an error. Of a job that was replaced or given up, or whose
        experiment was closed, nothing is heard any more. It computes on one thread, touches no
        widget itself, prints nothing and uses no pyplot.
        """
        self.stop()
        earlier = [thread for thread, _ in self._tasks if thread.is_alive()]
        stop = self._heard = threading.Event()
        told_at = -math.inf

        def mine() -> bool:
            return not self.closed and self._heard is stop

        def tell(x: Any) -> None:
            nonlocal told_at
            if every and (stop.is_set() or time.monotonic() - told_at < every):
                return
            with ONE_AT_A_TIME:
                if mine():
                    report(x)
                    self._follow()
            told_at = time.monotonic()

        def run() -> None:
            for thread in earlier:
                thread.join()
            try:
                with machine.one_thread():
                    found = job(stop, tell) if mine() else None
                with ONE_AT_A_TIME:
                    if mine():
                        stop.set()  # no longer busy
                        done(found)
                        self._follow()
            except Exception as error:
                with ONE_AT_A_TIME:
                    if mine():
                        stop.set()
                        self.failed(error)
                        with contextlib.suppress(Exception):
                            done(None)

        thread = threading.Thread(target=run, name=f"tl-course {self.name}", daemon=True)
        self._tasks[:] = [task for task in self._tasks if task[0].is_alive()] + [(thread, stop)]
        thread.start()

    def stop(self) -> None:
        """Tell work to stop; it does between two steps. Returns at once."""
        for _, stop in self._tasks:
            stop.set()

    def abandon(self) -> None:
        """Tell work to stop, and hear nothing of it any more."""
        self.stop()
        self._heard = None

    def wait(self, seconds: float = 600) -> None:
        """For tests and scripts: wait until work is done, then raise what went wrong."""
        for thread, _ in list(self._tasks):
            thread.join(seconds)
            if thread.is_alive():
                raise TimeoutError(f"{self.name} still works after {seconds:g} s")
        self.raise_errors()

    def close(self) -> None:
        """End work and take every widget away; what was done is kept."""
        if self._keeping:
            self._keeping.cancel()
            self._write_down()
        self.closed = True
        self.stop()
        with ONE_AT_A_TIME:
            for part in walk(self.view):
                part.close()

    # ------------------------------------------------------------------ showing it

    def still_html(self) -> str:
        """What is seen where the experiment cannot run: a picture, its words, a table."""
        with ONE_AT_A_TIME:
            picture, rows = self.still()
        return (
            f"<h3>{html.escape(self.title)}</h3>"
            "<p>This is a hands-on experiment: run its cell in a notebook. (What was done in it "
            "comes back then.) A still picture of it:</p>"
            f"{picture._repr_mimebundle_()['text/html']}<p>{html.escape(picture.alt)}</p>{table(rows)}"
        )

    def outputs(self) -> Iterator[dict[str, Any]]:
        """The view, at once, and below it what takes its place on a page or without a kernel.

        Where the view is alive, `Guard` hides the still picture. Two outputs, not two forms of one:
        JupyterLab takes the view of a saved notebook even where it can show only an error for it.
        """
        words = f"{self.title} (an experiment)"
        yield self.view._repr_mimebundle_() | {"text/plain": words}
        still = f'<div data-tlc-still="{self._guard.still}">{self.still_html()}</div>'
        yield {"text/html": still, "text/plain": words}

    def begin(self) -> Iterator[dict[str, Any]]:
        """The outputs for a learner who sees it now; what was done before comes back."""
        self._guard.shown_at = time.time()
        self._come_back()
        return self.outputs()

    def _ipython_display_(self) -> None:
        if self.closed:
            raise CourseError("This experiment was closed: run the cell that made it again.")
        close_earlier(self)
        outputs = self.begin() if lesson.somebody_is_there() else self.outputs()
        loading.show(next(outputs))
        display(next(outputs), raw=True)


# By the id of a cell, where the notebook tells it: which run of it, and what that run showed.
_shown_in: dict[str, tuple[str, list[Experiment]]] = {}


def close_earlier(experiment: Experiment) -> None:
    """End what the same cell showed before it was run again: nobody can stop it any more.

    Not what another cell shows as well.
    """
    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = parent.get("metadata", {}).get("cellId")
    if cell:
        run = parent["header"]["msg_id"]
        last, earlier = _shown_in.get(cell, (run, []))
        if last != run:
            elsewhere = [e for key, (_, shown) in _shown_in.items() if key != cell for e in shown]
            for other in set(earlier) - {experiment, *elsewhere}:
                other.close()
            earlier = []
        _shown_in[cell] = run, [*earlier, experiment]


def _end(tasks: list[tuple[threading.Thread, threading.Event]]) -> None:
    for _, stop in tasks:
        stop.set()
    for thread, _ in tasks:
        if thread is not threading.current_thread():
            thread.join(LAST_WAIT)
