"""The base of every experiment: shared state, pictures, visible errors, work in a thread.

An experiment has a `view` made of ipywidgets. A page without a kernel shows a still picture and a
table instead. Callbacks may run in another thread than the cell (JupyterLab ≥ 4.4 with
ipykernel ≥ 7), and work reports from its own thread. All of them take one lock, because matplotlib
and the traits of a widget tolerate only one thread at a time.
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
from tl_course.lessons import audience, resumed
from tl_course.lessons.drawing import Picture
from tl_course.widgets import loading
from tl_course.widgets.parts import Guard, Share, walk

FORMAT = 1  # of the shared text; a newer one is refused
ONE_AT_A_TIME = threading.RLock()
LONGEST = 1000  # characters of a message to the learner
MOST_STATE = 2_000_000  # characters of a shared text, which may hold a picture
LAST_WAIT = 2.0  # seconds that the kernel's exit waits for work that was told to stop
CAME_BACK = "Here is what you did before."
NOT_BACK = (
    "What you did here before cannot be restored: {file} is damaged, or it is about pictures or a "
    "version of the course that are no longer here. What you do now takes its place."
)
KEPT_AFTER = 0.5  # seconds between a change and saving it, so that a stroke writes one file
WRAP = {"flex_flow": "row wrap", "align_items": "center"}


def control(
    kind: Callable[..., Any], words: str, label: str = "11em", width: str = "29em", **traits: Any
) -> Any:
    """A control with its label before it; a slider reports its value when it is released."""
    if hasattr(kind, "continuous_update"):
        traits["continuous_update"] = False
    style, layout = {"description_width": label}, {"width": width, "max_width": "100%"}
    return kind(description=words, style=style, layout=layout, **traits)


def button(words: str, style: str = "", kind: type = widgets.Button) -> Any:
    """A button that is as wide as its label."""
    return kind(description=words, button_style=style, layout={"width": "auto"})


def status(sentence: str) -> str:
    """A sentence that a screen reader speaks without interrupting."""
    return f'<p role="status">{html.escape(sentence)}</p>'


def columns(controls: Sequence[widgets.Widget], result: Sequence[widgets.Widget]) -> widgets.Box:
    """Controls at the left, their result at the right; on a narrow page they are stacked."""
    left = widgets.VBox(controls).add_class("tlc-controls")
    return widgets.Box([left, widgets.VBox(result)]).add_class("tlc-columns")


class Slot:
    """A place for a picture and its summary in words; `view` goes into the layout."""

    def __init__(self) -> None:
        self.view = widgets.HTML()
        self.clear()

    def show(self, picture: Picture, summary: str) -> None:
        """Show a picture with a summary of one or two sentences; ValueError without one."""
        if not summary.strip():
            raise ValueError("A picture needs a summary in words beside it.")
        self.picture, self.summary = picture, summary
        image = picture._repr_mimebundle_()["text/html"]
        self.view.value = f"{image}<p>{html.escape(summary)}</p>"

    def clear(self) -> None:
        self.picture: Picture | None = None
        self.summary = self.view.value = ""


def table_of_rows(rows: Sequence[dict], caption: str = "") -> str:
    """Rows (all with the same keys) as an HTML table with column headers."""
    if not rows:
        return ""
    style = "border-collapse:separate;border-spacing:1.2em 0.2em"
    head, cells = list(rows[0]), [[str(value) for value in row.values()] for row in rows]
    return str(html_table(cells, head, caption=caption, texts=True, style=style))


def one_of(settings: dict, name: str, allowed: Sequence) -> Any:
    """`settings[name]`; CourseError if it is none of `allowed`."""
    value = settings[name]
    if not any(type(value) is type(a) and value == a for a in allowed):
        raise _damaged(name, value, f"can be one of {', '.join(map(str, allowed))}")
    return value


def number(settings: dict, name: str, low: float, high: float, whole: bool = True) -> Any:
    """`settings[name]`; CourseError if it is no number from `low` to `high`."""
    value = settings[name]
    if type(value) not in ((int,) if whole else (int, float)) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise _damaged(name, value, f"must be {kind} from {low:,} to {high:,}")
    return value


def _damaged(name: str, value: object, requirement: str) -> CourseError:
    shown_value = printable(repr(value))
    return CourseError(
        "state_value",
        f"The state says {name} is {shown_value}, and it {requirement}: copy it again.",
    )


def is_like(content: object, form: Any) -> bool:
    """Whether a message of the browser has the structure `form`: types in lists and dicts.

    A dict has exactly the keys of the form. The items of a list are like the form's only item. A
    tuple stands for a list of that length. `int` is from 0 to 2⁵³, and `object` is anything.
    """
    if isinstance(form, dict):
        fits = isinstance(content, dict) and content.keys() == form.keys()
        return fits and all(is_like(content[key], inner) for key, inner in form.items())
    if isinstance(form, list):
        return isinstance(content, list) and all(is_like(item, form[0]) for item in content)
    if isinstance(form, tuple):
        fits = isinstance(content, list) and len(content) == len(form)
        return fits and all(map(is_like, content, form))
    if form is int:
        return type(content) is int and 0 <= content <= 2**53
    return isinstance(content, form)


class Experiment:
    """The base of every experiment.

    A subclass sets `name` and `title`, builds its controls and calls `lay_out(children)`. Its state
    is `controls`, and `settings` and `apply` extend it. `show` draws everything again, and `still`
    is for a page without a kernel. Controls are connected only by `on_click`, `on_change` and
    `on_message`, which take the lock and handle errors.
    """

    name = ""  # in the shared text
    title = ""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.controls: dict[str, Any] = {}  # by name in the state
        self.errors: list[Exception] = []
        self.closed = False
        self._quiet = 0
        self._alert = widgets.HTML().add_class("tlc-line")  # it takes up room even if it is empty
        self._state = Share()
        self.view = widgets.VBox().add_class("tlc").add_class(f"tlc-{self.name}")
        self._guard = Guard(self.view, still=uuid.uuid4().hex)
        self._tasks: list[tuple[threading.Thread, threading.Event]] = []
        self._current_stop: threading.Event | None = None  # of the work that may still report
        self._kept_in: Path | None = None  # the file of the learner's progress, once it is shown
        self._saved: dict = {}  # the content of that file
        self._save_timer: threading.Timer | None = None
        again = button("Start over")
        self._back = widgets.HBox([widgets.HTML(), again], layout=WRAP | {"display": "none"})
        self.on_click(again, self.start_over)
        weakref.finalize(self, _end, self._tasks)  # also when the kernel ends

    def lay_out(self, children: Sequence[widgets.Widget]) -> None:
        """Put the title, the alert, `children` and the field of the state into `view`."""
        heading = widgets.HTML(f"<h3>{html.escape(self.title)}</h3>")
        head = widgets.HBox([heading, self._alert]).add_class("tlc-head")
        self.view.children = [self._guard, head, self._back, *children, self._state]
        for widget in walk(self.view):
            if isinstance(widget, widgets.SelectionSlider):
                widget.add_class("tlc-choice")  # guard.js makes its readout read-only
        self.refresh_state()
        self._first = self._written  # the state before anything was done
        self.on_change(self._state, self._pasted)

    # ------------------------------------------------------------------ what a subclass overrides

    def settings(self) -> dict:
        """Everything that the learner set, as JSON, without the seed."""
        return {name: control.value for name, control in self.controls.items()}

    def apply(self, settings: dict) -> None:
        """Set the controls to `settings`, which has all keys; CourseError for a bad value.

        It leaves work that is under way alone: `set_state` abandons it after success.
        """
        for name, control in self.controls.items():
            if isinstance(control, widgets.IntSlider):
                control.value = number(settings, name, control.min, control.max)
            else:
                options = getattr(control, "options", (False, True))  # otherwise a checkbox
                values = [option[-1] if isinstance(option, tuple) else option for option in options]
                control.value = one_of(settings, name, values)

    def show(self) -> None:
        """Draw everything again after `apply`."""
        raise NotImplementedError

    def still(self) -> tuple[Picture, list[dict]]:
        """A picture and the rows of a table, for a page without a kernel."""
        raise NotImplementedError

    def trained(self) -> dict:
        """The record of trainings that is kept with the state, as JSON."""
        return {}

    def bring_back(self, trained: dict) -> None:
        """Restore what `trained` returned, after the state; CourseError if it is damaged."""

    # ------------------------------------------------------------------ state as text

    def state_text(self) -> str:
        """The whole state as one line of JSON."""
        state = {"experiment": self.name, "format": FORMAT, "seed": self.seed, **self.settings()}
        return json.dumps(state, ensure_ascii=False, separators=(",", ":"))

    def set_state(self, text: str) -> None:
        """Restore a state that `state_text` wrote, as a whole or not at all.

        Raises CourseError if the text is not a state of this experiment.
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
                "no_state",
                "This text is not the state of an experiment: copy all of it, from { to }, and "
                "paste it again.",
            )
        if state.pop("experiment") != self.name:
            raise CourseError(
                "another_experiment",
                f"This is the state of another experiment, and this one is '{self.name}': paste "
                "it where it was copied.",
            )
        version = state.pop("format", None)
        if version != FORMAT:
            raise CourseError(
                "other_version",
                f"This state has format {printable(repr(version))}, and this version of the course "
                f"reads {FORMAT}: use the same version as your classmate.",
            )
        expected = {"seed", *self.settings()}
        if set(state) != expected:
            wrong = printable(", ".join(sorted(map(str, expected ^ set(state)))), 200)
            raise CourseError(
                "incomplete_state",
                f"This state is incomplete, or has too much (look at: {wrong}): copy it again.",
            )
        number(state, "seed", 0, 2**31 - 1)
        return state

    def _pasted(self, text: str) -> None:
        if text.strip() and text != self._written:
            self.set_state(text)

    def refresh_state(self) -> None:
        """Write the current state into its field."""
        self._written = self.state_text()
        with self.quietly():
            self._state.value = self._written

    def _follow(self) -> None:
        if self._state.value != self.state_text():
            self.refresh_state()
        if self._kept_in and not self._save_timer and self._to_save() != self._saved:
            self._save_timer = threading.Timer(KEPT_AFTER, self._save)
            self._save_timer.start()

    # ------------------------------------------------------------------ the learner's progress

    def _to_save(self) -> dict:
        """The state and the trainings; empty if nothing has been done."""
        trained = self.trained()
        untouched = self._written == self._first and not trained
        return {} if untouched else {"state": self._written, "trained": trained}

    def _save(self) -> None:
        with ONE_AT_A_TIME:
            self._save_timer, content = None, self._to_save()
            if self.closed or content == self._saved:
                return
            try:
                if content:
                    resumed.keep_state(self._kept_in, content)
                else:
                    resumed.forget_state(self._kept_in)
                self._saved = content
            except CourseError as error:
                self.tell(f"What you do here is not kept for the next time. {error}")

    def _come_back(self) -> None:
        """Restore what was done before the notebook was restarted or the cell run again."""
        with ONE_AT_A_TIME:
            if self._kept_in:
                return  # another cell shows it already
            self._kept_in = resumed.place(self.name, self._first)
            try:
                self._saved = saved = resumed.read_state(self._kept_in)
                if not saved:
                    return
                self.set_state(str(saved.get("state")))
                trained = saved.get("trained")
                self.bring_back(trained if isinstance(trained, dict) else {})
                self._show_came_back(True)
            except CourseError:
                self.tell(NOT_BACK.format(file=self._kept_in))

    def start_over(self) -> None:
        """Go back to the first state; the file of the learner's progress is deleted."""
        self.set_state(self._first)
        self._show_came_back(False)

    def _show_came_back(self, back: bool) -> None:
        self._back.children[0].value = status(CAME_BACK) if back else ""
        self._back.layout.display = "" if back else "none"

    # ------------------------------------------------------------------ controls and errors

    def on_click(self, button: widgets.Button, act: Callable[[], None], once: bool = False) -> None:
        """Call `act()` after a click; with `once`, a double click counts as one."""

        def clicked(_: widgets.Button) -> None:
            with ONE_AT_A_TIME:
                if not button.disabled:  # otherwise the click was sent before it was disabled
                    self.guarded(act)

        button.on_click(clicked)
        if once:
            button.add_class("tlc-once")  # guard.js swallows the second click

    def on_change(
        self, of: widgets.Widget | Iterable, act: Callable[[Any], None], trait: str = "value"
    ) -> None:
        """Call `act(new value)` after the learner changes one of these widgets."""

        def changed(change: Any) -> None:
            with ONE_AT_A_TIME:  # wait until another thread has left `quietly`
                if not self._quiet:
                    self.guarded(act, change.new)

        for widget in [of] if isinstance(of, widgets.Widget) else of:
            widget.observe(changed, trait)

    def on_message(
        self, widget: widgets.Widget, act: Callable[..., None], *forms: Any, data: bool = False
    ) -> None:
        """Call `act(content)` after a message from the widget's part in the browser.

        With `data` it is `act(content, bytes that came with it)`. A message that is like none of
        `forms` (`is_like`) is reported and changes nothing. Every message arrives, whereas of
        synced values only the last one may. Messages can overtake each other (ipykernel 7.4:
        `shell_main`), so what belongs together is sent as one.
        """

        def receive(content: Any, buffers: list) -> None:
            if not any(is_like(content, form) for form in forms):
                raise CourseError(
                    "not_understood",
                    "What the browser sent cannot be understood: reload the page, and do it again.",
                )
            act(content, b"".join(buffers)) if data else act(content)

        widget.on_msg(lambda _, content, buffers: self.guarded(receive, content, buffers))

    @contextlib.contextmanager
    def quietly(self) -> Iterator[None]:
        """Let controls be set in this context without any callback."""
        with ONE_AT_A_TIME:
            self._quiet += 1
            try:
                yield
            finally:
                self._quiet -= 1

    def guarded(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call `act` under the lock; an error is shown and recorded, and raised in strict tests.

        A CourseError is only shown: the learner can fix it.
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
                if os.environ.get(audience.STRICT):
                    raise

    def failed(self, error: Exception) -> None:
        """Show an error in one sentence and record it; a CourseError is only shown."""
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
        """Show a sentence that a screen reader speaks at once; "" removes it."""
        if len(sentence) > LONGEST:  # it quotes a long text of the learner's
            sentence = sentence[:LONGEST] + " …"
        with ONE_AT_A_TIME:
            alert = f'<div class="tlc-said" role="alert">{html.escape(sentence)}</div>'
            self._alert.value = alert if sentence else ""
            self.told = sentence

    def raise_errors(self) -> None:
        """Raise the first recorded error, from a callback or from work (for tests)."""
        if self.errors:
            raise self.errors[0]

    # ------------------------------------------------------------------ work off the main thread

    @property
    def busy(self) -> bool:
        """Whether work is under way that has not been told to stop."""
        return any(thread.is_alive() and not stop.is_set() for thread, stop in self._tasks)

    def work(
        self,
        job: Callable[[threading.Event, Callable[[Any], None]], Any],
        report: Callable[[Any], None] = lambda _: None,
        done: Callable[[Any], None] = lambda _: None,
        every: float = 0.0,
    ) -> None:
        """Run `job(stop, tell)` in a thread, after stopping work that is under way.

        The job ends early once the event `stop` is set. It passes progress to `tell(x)`, which
        calls `report(x)` under the lock. With `every`, that is at most once in so many seconds and
        not after a stop. At the end `done(result)` is called, also after a stop; after an error it
        is `done(None)`. A job that was replaced or abandoned, or whose experiment was closed, can
        no longer report. A job computes on one thread, touches no widget, prints nothing and does
        not use pyplot.
        """
        self.stop()
        earlier = [thread for thread, _ in self._tasks if thread.is_alive()]
        stop = self._current_stop = threading.Event()
        last_report = -math.inf

        def is_current() -> bool:
            return not self.closed and self._current_stop is stop

        def tell(x: Any) -> None:
            nonlocal last_report
            if every and (stop.is_set() or time.monotonic() - last_report < every):
                return
            with ONE_AT_A_TIME:
                if is_current():
                    report(x)
                    self._follow()
            last_report = time.monotonic()

        def run() -> None:
            for thread in earlier:
                thread.join()
            try:
                with machine.one_thread():
                    result = job(stop, tell) if is_current() else None
                with ONE_AT_A_TIME:
                    if is_current():
                        stop.set()  # no longer busy
                        done(result)
                        self._follow()
            except Exception as error:
                with ONE_AT_A_TIME:
                    if is_current():
                        stop.set()
                        self.failed(error)
                        with contextlib.suppress(Exception):
                            done(None)

        thread = threading.Thread(target=run, name=f"tl-course {self.name}", daemon=True)
        self._tasks[:] = [task for task in self._tasks if task[0].is_alive()] + [(thread, stop)]
        thread.start()

    def stop(self) -> None:
        """Tell work to stop after its current step; returns at once."""
        for _, stop in self._tasks:
            stop.set()

    def abandon(self) -> None:
        """Tell work to stop, and ignore its reports from now on."""
        self.stop()
        self._current_stop = None

    def wait(self, seconds: float = 600) -> None:
        """Wait until work is done and raise its error (for tests and scripts)."""
        for thread, _ in list(self._tasks):
            thread.join(seconds)
            if thread.is_alive():
                raise TimeoutError(f"{self.name} still works after {seconds:g} s")
        self.raise_errors()

    def close(self) -> None:
        """Stop work, save the learner's progress and close every widget."""
        if self._save_timer:
            self._save_timer.cancel()
            self._save()
        self.closed = True
        self.stop()
        with ONE_AT_A_TIME:
            for part in walk(self.view):
                part.close()

    # ------------------------------------------------------------------ display

    def still_html(self) -> str:
        """HTML for a page on which the experiment cannot run: a picture, its alt text, a table."""
        with ONE_AT_A_TIME:
            picture, rows = self.still()
        return (
            f"<h3>{html.escape(self.title)}</h3>"
            "<p>This is a hands-on experiment: run its cell in a notebook. (What was done in it "
            "comes back then.) A still picture of it:</p>"
            f"{picture._repr_mimebundle_()['text/html']}<p>{html.escape(picture.alt)}</p>{table_of_rows(rows)}"
        )

    def outputs(self) -> Iterator[dict[str, Any]]:
        """The view, and below it the still picture for a page without a kernel.

        `Guard` hides the still picture while the view is alive. They are two outputs, not two MIME
        types of one: JupyterLab would pick the view of a saved notebook even if it cannot show it.
        """
        words = f"{self.title} (an experiment)"
        yield self.view._repr_mimebundle_() | {"text/plain": words}
        still = f'<div data-tlc-still="{self._guard.still}">{self.still_html()}</div>'
        yield {"text/html": still, "text/plain": words}

    def begin(self) -> Iterator[dict[str, Any]]:
        """The outputs for a learner, after restoring what was done before."""
        self._guard.shown_at = time.time()
        self._come_back()
        return self.outputs()

    def _ipython_display_(self) -> None:
        if self.closed:
            raise CourseError(
                "closed", "This experiment was closed: run the cell that made it again."
            )
        close_earlier(self)
        outputs = self.begin() if audience.somebody_is_there() else self.outputs()
        loading.show_bundle(next(outputs))
        display(next(outputs), raw=True)


# By the id of a cell: the id of its last run, and the experiments which that run showed.
_shown_in: dict[str, tuple[str, list[Experiment]]] = {}


def close_earlier(experiment: Experiment) -> None:
    """Close what an earlier run of this cell showed, because the learner can no longer stop it.

    An experiment that another cell also shows stays open.
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
