"""Teach it your handwriting: draw digits, ten at a time, and see four networks learn."""

import functools
import html
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import torch
import traitlets

from tl_course.base import machine
from tl_course.base.errors import CourseError
from tl_course.core import pretraining
from tl_course.core.network import FiveLayerNet
from tl_course.data.examples import Examples
from tl_course.data.sources import classes
from tl_course.data.targets import drawn, drawn_files
from tl_course.data.targets.drawn import Drawing as Labelled
from tl_course.data.targets.handwritten import NAMES, handwritten
from tl_course.lessons import figures, predictions
from tl_course.lessons.drawing import STYLES, Picture
from tl_course.lessons.n00_start_here import figures as handwriting_plots
from tl_course.lessons.predictions import Asked
from tl_course.study import handwriting, results
from tl_course.study.handwriting import Result
from tl_course.widgets.asking import PRESS, Form
from tl_course.widgets.base import (
    WRAP,
    Experiment,
    Slot,
    button,
    control,
    is_like,
    status,
    table_of_rows,
)
from tl_course.widgets.drawing_pad import Canvas, png_url
from tl_course.widgets.parts import joined

ME, NEIGHBOUR = "I do", "my neighbour"
WORDS = (
    "<p>Layers 1 to 4 are <b>pretrained</b> on drawings, or <b>random</b>. <i>After your first "
    "training</i>, below, explains the other words.</p>"
)
LOOKS_LIKE = "The network thinks this is"  # before it has learnt any digit
BEST_OF = "(Its five best guesses among 1,000 objects.)"
HERE = "<p>After training, the score on new digits appears here.</p>"
ASKED = "What percentage of strangers' digits will Option 1 get right, after {} of your drawings?"
SAVE, DELETE = "Save my drawings", "Delete my drawings"
ENOUGH = 50  # drawings for everything that the notebook says
MOST = 100  # drawings of one person; more help little and make the state's text long
# Of one drawing, so that a file of MOST drawings can be read again.
MOST_CHARACTERS = drawn_files.LARGEST // MOST - drawn_files.BESIDE
REDRAW_EVERY = 0.6  # seconds between two drawings of the figure while results come in
ROW = WRAP | {"width": "100%"}
TRAINED = {"sizes": [int]}  # the record of trainings: after how many drawings


class Teach(Experiment):
    """`net` is the pretrained network to borrow from (default: the course's own).

    The learner can save drawings in `folder`.
    """

    name, title = "teach", "Teach it your handwriting"

    def __init__(
        self,
        net: FiveLayerNet | None = None,
        seed: int = 0,
        folder: Path | str = "my-handwriting",
    ) -> None:
        super().__init__(seed)
        self.net, self.folder = net or pretraining.pretrained(), Path(folder)
        self.mine: list[Labelled] = []
        self.neighbours: list[Labelled] = []
        self.results: dict[tuple[str, int], Result] = {}
        self.predicted: dict[int, float] = {}  # predictions by the number of drawings
        self._results_seed = seed
        self._learning: list[int] = []  # the numbers of drawings of the training under way
        self._test: Examples | None = None
        self._drawn_at = 0.0  # when the figure was drawn
        self._comparing = False
        self._misread = ""  # a sentence if Option 1 misread the last drawing

        people = [ME, NEIGHBOUR]
        self.who = control(widgets.Dropdown, "Who draws?", "initial", "300px", options=people)
        self.controls = {"who": self.who}
        self.drawing = Canvas(self, self._look, self._add)
        self.pad = self.drawing.pad
        self.borrow = button("Use a stranger's")  # for learners who do not draw
        self.back = button("Take back the last")
        self.fill = button("Fill the rest")
        self.step, self.board = widgets.HTML().add_class("tlc-step-said"), widgets.HTML()
        words = "Your prediction"
        self.guess = Form(question=words, labels=[words], unit="%", answer="Train")
        self.halt = button("Stop")
        self.bar = widgets.IntProgress(layout={"width": "9em"})
        self.row = Tiles()
        self.figure = Slot()
        self.more = button("More: a neighbour, save, combine, delete", kind=widgets.ToggleButton)
        self.hands = Hands(self)

        self.on_click(self.borrow, self._borrow)
        self.on_click(self.back, self._take_back)
        self.on_click(self.halt, self._halt)
        self.on_click(self.fill, self._fill, once=True)
        self.on_change(self.who, lambda _: self._next())
        self.on_message(self.guess, self._pressed, PRESS)
        self.on_change(self.more, self.hands.open)
        self.hands.open(False)
        self.show()
        threading.Thread(target=get_ready, args=[self.net], daemon=True).start()
        # The next step is described and done in one place above the pad.
        doing = [self.step, self.guess, self.bar, self.halt]
        ways = widgets.HBox([self.borrow, self.fill, self.back], layout=ROW)
        pad = widgets.VBox([self.pad, self.row, ways])
        results = widgets.VBox([self.board, self.figure.view])
        self.lay_out([
            widgets.HBox(doing, layout=ROW).add_class("tlc-step"),
            widgets.Box([pad, results]).add_class("tlc-columns").add_class("tlc-teach"),
            widgets.HBox([self.more]), self.hands.view.add_class("tlc-more"),
        ])  # fmt: skip

    # ------------------------------------------------------------------ drawing

    @property
    def hand(self) -> list[Labelled]:
        """The drawings of the person who is drawing."""
        return self.mine if self.who.value == ME else self.neighbours

    @property
    def label(self) -> int:
        """The digit to draw next."""
        return len(self.hand) % handwriting.ROUND

    def _add(self, text: str) -> None:
        if not text:
            self.tell(f"Draw a {self.label} first, or use a stranger's {self.label}.")
        elif len(self.hand) >= MOST:
            self.tell(f"{MOST} drawings are enough; press Train.")
        elif len(text) > MOST_CHARACTERS:
            self.tell(f"This {self.label} has far too many points: draw it again, more simply.")
        else:
            drawing = Labelled(self.label, text)
            self.hand.append(drawing)
            self._changed()
            self._misread = self._read_as(drawing)
            self._buttons()

    def _read_as(self, drawing: Labelled) -> str:
        """A sentence if Option 1 reads a drawing as another digit than its label, otherwise ""."""
        option_1 = self._latest().get("option-1")
        if option_1 is None:
            return ""
        with machine.one_thread():
            pixels = drawn.pixels(drawing.text)[None]
            read = int(handwriting.class_probabilities(option_1.net, pixels)[0].argmax())
        if read == drawing.label:
            return ""
        return f"You were asked for a {drawing.label}, and Option 1 read a {read}. "

    def _borrow(self) -> None:
        """Put an MNIST digit on the pad, another one with each click. Enter keeps it."""
        self.drawing.put(self._sample(self._borrowed).text)
        self.pad.focus()
        self._borrowed += 1

    def _sample(self, more: int = 0) -> Labelled:
        # The neighbour gets other samples than the learner.
        first = len(self.hand) // handwriting.ROUND + (self.hand is self.neighbours) * 50
        return drawn.sample_of_digit(self.label, self.seed, first + more)

    def _fill(self) -> None:
        """Keep the drawing on the pad, and complete the current ten with MNIST digits."""
        on_pad = self.drawing.text
        if on_pad and not on_pad.startswith(drawn.SAMPLE):
            self._add(on_pad)
            if self.label == 0:  # the ten is complete
                return
        while len(self.hand) < MOST:
            self.hand.append(self._sample())
            if self.label == 0:
                break
        self._changed()

    def _take_back(self) -> None:
        if self.hand:
            self.hand.pop()
        if self.hand is self.mine:
            self.results = {key: r for key, r in self.results.items() if key[1] <= len(self.mine)}
        self._changed()

    def _changed(self) -> None:
        self._next()
        self._rescore()

    def _next(self) -> None:
        """Empty the pad, ask for the next digit, and show the drawings so far."""
        self._borrowed, self._misread = 0, ""
        self.drawing.put("")
        self.borrow.description = f"Use a stranger's {self.label}"
        self.row.show(self.hand, "You have" if self.who.value == ME else "Your neighbour has")
        self.back.disabled = not self.hand
        self._buttons()

    def _look(self, final: bool = True) -> None:
        """Show the predictions of the networks that were taught, or of the pretrained one."""
        taught = {
            arm: (handwriting.WAYS[arm][0], (result.net, NAMES))
            for arm, result in self._latest().items()
        }
        if not taught:
            self.drawing.answer({LOOKS_LIKE: (self.net, classes.names())}, final, note=BEST_OF)
            return
        readers = dict([taught.pop("option-1")]) if "option-1" in taught else {}
        self.drawing.answer(readers, final, also=dict(taught.values()))

    # ------------------------------------------------------------------ learning

    def _sizes(self) -> list[int]:
        """The numbers of drawings to learn from: the largest first, then from the smallest up."""
        present = handwriting.taught_with(self.mine)
        return [present, *range(handwriting.ROUND, present, handwriting.ROUND)] if present else []

    def _n_missing(self, sizes: Sequence[int]) -> int:
        pairs = itertools.product(handwriting.ARMS, sizes)
        return sum(pair not in self.results for pair in pairs)

    def _pressed(self, content: dict) -> None:
        if not self.guess.answered:
            self.train(*content["typed"][:1])

    def train(self, typed: str = "") -> None:
        """Train with each number of drawings; `typed` is a prediction, or ""."""
        if not self._sizes():
            self.tell("Draw ten digits first, or press Fill the rest.")
            return
        sizes = self._sizes()
        if typed.strip():
            self.predicted[sizes[0]] = _parsed_guess(typed)
            self.guess.write([])
        self._learn(sizes)

    def _learn(self, sizes: list[int]) -> None:
        """Train with each number of drawings, in each way that has no result yet."""
        drawings, known, net, seed = list(self.mine), set(self.results), self.net, self.seed

        def job(stop: threading.Event, tell: Callable[[Result], None]) -> None:
            test = self._test = self._test or handwriting.mnist_test()
            for result in handwriting.teach(net, drawings, sizes, seed, test, stop, known):
                tell(result)

        def learnt(result: Result) -> None:
            if drawings[: result.images] == self.mine[: result.images]:  # none was taken back
                self._learnt(result)

        def ended(_: None) -> None:
            self._learning = []
            self._show_results()

        self._comparing, self._learning = False, sizes
        self.work(job, learnt, ended)
        self.bar.value, self.bar.max = 0, self._n_missing(sizes)
        self._buttons()

    def _halt(self) -> None:
        self.stop()
        self._buttons()

    def _learnt(self, result: Result) -> None:
        self.results[result.arm, result.images] = handwriting.followed(result, self.mine)
        self.bar.value += 1
        if result.arm == "option-1" and result.images in self.predicted:
            question = _question(result.images, result.percent)
            answer = {"": self.predicted[result.images]}
            predictions.keep_prediction("00", f"handwriting-{result.images}", question, answer)
        self._drop_old_networks()
        newest = result.images == handwriting.taught_with(self.mine)
        if newest and result.arm == "option-1":
            self._look()  # from now on it predicts digits
        self._show_results(figure=time.monotonic() - self._drawn_at > REDRAW_EVERY)

    def _buttons(self) -> None:
        """Enable and show the buttons that can be used, and describe the next step."""
        learning, missing = self.busy and not self._comparing, self._n_missing(self._sizes())
        self.guess.answered = self.busy or not missing
        self.halt.disabled = not self.busy
        for widget, is_shown in (
            (self.guess, missing and not learning), (self.halt, self.busy), (self.bar, learning),
        ):  # fmt: skip
            widget.layout.display = "" if is_shown else "none"
        self.hands.compare.disabled = self.busy
        self.step.value = status(self._what_next())
        ready = missing and not learning and not self.label and self.hand is self.mine
        whose = "Train now, or " if ready else "" if self.who.value == ME else "Neighbour: "
        self.pad.prompt = f"{whose}{'d' if whose else 'D'}raw a {self.label}"

    def _what_next(self) -> str:
        """The current state and the next step, in a sentence or two."""
        sizes, n = self._sizes(), len(self.mine)
        left = handwriting.ROUND - n % handwriting.ROUND
        if self.busy and self._comparing:
            return "Comparing people's drawings …"
        if self.busy:
            return f"It learns from {sizes[0]} drawings, in four ways …"
        if self.hand is self.neighbours:
            drawn = len(self.neighbours)
            if not drawn:
                return "Your neighbour has drawn nothing yet. Can the network read their digits?"
            score = "the table says how many it gets right"
            return f"{self._misread}Your neighbour has drawn {drawn}: {score}."
        if not sizes:
            return f"Draw ten digits, then it can learn: {left} to go."
        if self._n_missing(sizes):
            ask = "Of 100 strangers' digits, how many will the network get right after training?"
            return f"{sizes[0]} drawn. {ask}"
        result = self.results["option-1", sizes[0]]
        predicted = self.predicted.get(sizes[0])
        guessed = "" if predicted is None else f" (you said {predicted:g})"
        draw = "That is enough to read on below. Or draw" if n >= ENOUGH else "Draw"
        return (
            f"{self._misread}Option 1 (pretrained, frozen) gets {result.percent:.0f}% of "
            f"strangers' digits right{guessed}. {draw} {left} more: they test it first, then it "
            f"can learn from all {n + left}."
        )

    def _latest(self) -> dict[str, Result]:
        """Each arm's result with the most drawings."""
        by_size = sorted(self.results.values(), key=lambda result: result.images)
        best = {result.arm: result for result in by_size}
        return {arm: best[arm] for arm in handwriting.ARMS if arm in best}

    def _rescore(self) -> None:
        """Test every result on the drawings that followed it.

        A result whose network was dropped cannot be tested again. It is deleted, and Train makes it
        anew.
        """
        with machine.one_thread():
            for key, result in list(self.results.items()):
                n_following = min(handwriting.ROUND, len(self.mine) - result.images)
                if result.following_of != n_following and result.net is None:
                    del self.results[key]
                elif result.following_of != n_following:
                    self.results[key] = handwriting.followed(result, self.mine)
        # After the latest result was deleted, one without its network may be the latest.
        while without_net := [result for result in self._latest().values() if result.net is None]:
            for result in without_net:
                del self.results[result.arm, result.images]
        self._drop_old_networks()
        # The table changes with each drawing; the figure takes longer to draw than a digit.
        self._show_results(figure=self.hand is self.mine and self.label == 0)

    def _drop_old_networks(self) -> None:
        """Drop each network that has been tested and that a later one has replaced."""
        latest = self._latest()
        for key, result in self.results.items():
            newer = result.images < latest[result.arm].images
            if newer and result.following_of == handwriting.ROUND:
                self.results[key] = replace(result, net=None)

    def _show_results(self, figure: bool = True) -> None:
        self._buttons()
        if not self.results:
            self.board.value = HERE
            self.figure.clear()
            return
        self.board.value = WORDS + table_of_rows(
            self.rows(), "How well each reads digits that it has never seen"
        )
        if figure:
            best = max(self.results.values(), key=lambda result: result.percent)
            self.figure.show(
                handwriting_plots.growing(list(self.results.values())),
                f"Best so far: {handwriting.arm_in_words(best.arm)}, {best.percent:.0f}% "
                f"after {best.images} drawings. Each was tested on {best.mnist_of} strangers' "
                "digits; the thin lines, 95% intervals, show how much other digits could change "
                "the number.",
            )
            self._drawn_at = time.monotonic()

    def rows(self) -> list[dict]:
        """A row for each way to learn, with the result after the most drawings."""
        rows, newest = [], max(images for _, images in self.results)
        with machine.one_thread():
            for arm, result in self._latest().items():
                older = f" (after {result.images})" if result.images < newest else ""
                following = f"{result.following} of {result.following_of}"
                mark = handwriting_plots.MARKS[arm]
                row = {
                    "way to learn": f"{mark} {handwriting.arm_in_words(arm)}",
                    "strangers' digits, %": f"{result.percent:.0f}{older}",
                    "your next ten": following if result.following_of else "–",
                }
                if self.neighbours:
                    examples = drawn.examples(self.neighbours)
                    read = handwriting.count_right(result.net, examples)
                    row["neighbour's"] = f"{read} of {len(examples)}"
                rows.append(row)
        return rows

    # ------------------------------------------------------------------ many hands

    def forget_mine(self) -> None:
        """Delete the learner's drawings and everything that was learnt from them."""
        self.abandon()
        self.mine, self.results, self.predicted = [], {}, {}
        self.show()

    def compare(self, hands: dict[str, list[Labelled]], done: Callable[[Any], None]) -> None:
        """Train Option 1 with each hand and with all of them, in a thread."""
        net, seed = self.net, self.seed

        def job(stop: threading.Event, tell: Callable) -> list[handwriting.Taught] | None:
            return handwriting.pooled(net, hands, seed, handwriting.mnist_test(), stop)

        def finished(rows: list[handwriting.Taught] | None) -> None:
            done(rows)
            self._buttons()

        self._comparing = True
        self.work(job, done=finished)
        self._buttons()

    def stop_comparing(self) -> None:
        """Abandon a comparison, because the pool has changed."""
        if self.busy and self._comparing:
            self.abandon()
            self._buttons()

    # ------------------------------------------------------------------ state, still picture

    def settings(self) -> dict:
        return super().settings() | {
            "mine": [[drawing.label, drawing.text] for drawing in self.mine],
            "neighbour": [[drawing.label, drawing.text] for drawing in self.neighbours],
            "said": [list(pair) for pair in self.predicted.items()],
        }

    def apply(self, settings: dict) -> None:
        mine, neighbours = (drawn_files.from_rows(settings[key]) for key in ("mine", "neighbour"))
        predicted = _parsed_predictions(settings["said"])  # raises before anything changes
        super().apply(settings)
        self.predicted = predicted
        if (mine, self.seed) != (self.mine, self._results_seed):
            self.mine, self.results, self._results_seed = mine, {}, self.seed
            self.hands.disown()
        self.neighbours = neighbours

    def trained(self) -> dict:
        sizes = sorted({*self._learning, *(images for _, images in self.results)})
        return {"sizes": sizes} if sizes else {}

    def bring_back(self, trained: dict) -> None:
        """Train again with the same numbers of drawings: the result is the same in seconds."""
        before = trained["sizes"] if is_like(trained, TRAINED) else []
        if sizes := [images for images in self._sizes() if images in before]:
            self._learn(sizes)

    def show(self) -> None:
        self._next()
        self._show_results()

    def still(self) -> tuple[Picture, list[dict]]:
        if self.results:
            return handwriting_plots.growing(list(self.results.values())), self.rows()
        recorded = results.load("sweep")
        recorded = recorded[~recorded.augmented & recorded.images.isin([10, 20, 50, 100])]
        recorded = recorded[recorded.arm.isin(handwriting.ARMS)]
        mean = 100 * recorded.groupby(["arm", "images"]).accuracy.mean()
        rows = [
            {"network": STYLES[arm][0]}
            | {f"{n} digits": f"{mean[arm, n]:.0f}%" for n in mean[arm].index}
            for arm in handwriting.ARMS
        ]
        title = "Taught with MNIST's digits in place of yours"
        return figures.accuracies(recorded, title, handwriting.ARMS), rows


def get_ready(net: FiveLayerNet | None = None) -> None:
    """Load what the first stroke and the first stranger's digit need; it takes a second."""
    blank = torch.zeros(1, 28, 28, dtype=torch.uint8)
    with machine.one_thread():
        net = net or pretraining.pretrained()
        handwriting.class_probabilities(net, blank)  # torch initialises itself
    handwritten()


def _question(images: int, measured: float = 0) -> Asked:
    """The question about a number of drawings, with the measured value."""
    return Asked(ASKED.format(images), {"": round(measured, 1)})


def _parsed_guess(typed: str) -> float:
    """A typed prediction as a number; CourseError if it is none."""
    try:
        return _question(0).number(typed)
    except CourseError:
        todo = "type one, or leave the field empty"
        raise CourseError(
            "no_number", f"“{typed}” is not a number from 0 to 100: {todo}."
        ) from None


def _parsed_predictions(pairs: Any) -> dict[int, float]:
    """The predictions of a state; CourseError if they are damaged."""
    try:
        predicted = {int(images): float(guess) for images, guess in pairs}
        if not all(0 < n <= MOST and 0 <= guess <= 100 for n, guess in predicted.items()):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise CourseError(
            "damaged", "The predictions in this state are damaged: copy it again."
        ) from None
    return predicted


class Tiles(anywidget.AnyWidget):
    """All drawings in rows of ten, a column for each digit (front/tiles.js)."""

    _esm = joined("tiles")
    drawings = traitlets.List(traitlets.Unicode()).tag(sync=True)  # data URLs
    theirs = traitlets.List(traitlets.Int()).tag(sync=True)  # the places of strangers' drawings
    said = traitlets.Unicode("").tag(sync=True)  # all drawings in words

    def show(self, drawings: Sequence[Labelled], whose: str) -> None:
        """Show these drawings; `whose` begins the sentence, such as "You have"."""
        labels = " ".join(str(drawing.label) for drawing in drawings)
        n = len(drawings)
        self.said = f"{whose} drawn {n}: {labels}" if n else f"{whose} drawn nothing yet."
        self.theirs = [place for place, drawing in enumerate(drawings) if drawing.is_sample]
        self.drawings = [_tile(drawing.text) for drawing in drawings]


@functools.lru_cache(2 * MOST)
def _tile(text: str) -> str:
    return png_url(drawn.pixels(text))


class Hands:
    """Saves the learner's drawings, pools those of classmates, and deletes both.

    It asks before it deletes or replaces drawings. The question has its own buttons below the one
    that was clicked, so that a double click cannot answer it.
    """

    def __init__(self, experiment: Teach) -> None:
        self._experiment = experiment
        self.pool: dict[str, list[Labelled]] = {}
        self._saved: set[str] = set()  # the names under which this experiment saved files
        style = {"description_width": "initial"}
        self.name = widgets.Text(description="Your first name", placeholder="Ada", style=style)
        self.save, self.delete = button(SAVE), button(DELETE)
        self.question, self.status, self.comparison = (widgets.HTML() for _ in range(3))
        self.no, self.yes = button("No"), button("Yes", "danger")
        self.asking = widgets.VBox([self.question, widgets.HBox([self.no, self.yes], layout=ROW)])
        # The button that asked, and the action that is in question.
        self._asked: tuple[widgets.Button, Callable[[], None]] | None = None
        self.upload = button("Add classmates' files", kind=widgets.FileUpload)
        self.upload.accept, self.upload.multiple = ".json", True
        self.compare = button("Compare: one person, or all together?")
        self.forget = button("Forget classmates' drawings")
        experiment.on_click(self.save, self._save)
        experiment.on_click(self.delete, self._delete)
        experiment.on_click(self.forget, self._forget)
        experiment.on_click(self.no, lambda: self._answered(False))
        experiment.on_click(self.yes, lambda: self._answered(True))
        experiment.on_click(self.compare, self._compare, once=True)
        experiment.on_change(self.upload, self._handed_over)
        experiment.on_change(self.name, lambda _: self._withdraw_question())
        about = widgets.HTML(
            "Your drawings stay on this machine. <b>Save</b> writes them beside your notebooks: "
            "pictures, one folder per digit, for notebook 08, and one file to give to the person "
            "who combines everyone's drawings. <b>Delete</b> removes all of it."
        )
        saving = widgets.HBox([experiment.who, self.name, self.save, self.delete], layout=ROW)
        pooling = widgets.HBox([self.upload, self.compare, self.forget], layout=ROW)
        self.view = widgets.VBox(
            [about, saving, self.asking, self.status, pooling, self.comparison]
        )

    def open(self, opened: bool) -> None:
        """Show or hide it."""
        self.view.layout.display = "" if opened else "none"
        self._report_pool()

    def disown(self) -> None:
        """Forget which files were saved, because the drawings have changed."""
        self._saved.clear()
        self._withdraw_question()

    def _report_pool(self, sentence: str = "") -> None:
        """Report what was done and who is in the pool; an open question is withdrawn."""
        self._withdraw_question()
        people = ", ".join(f"{who} ({len(hand)})" for who, hand in self.pool.items())
        pool = f"Classmates' drawings: {people}." if people else "No classmates' drawings yet."
        words = html.escape(f"{sentence} {pool}".strip())
        self.status.value = f'<span role="status">{words}</span>'

    def _ask(
        self, by: widgets.Button, act: Callable[[], None], no: str, yes: str, words: str
    ) -> None:
        """Ask below the button that was clicked, and call `act` after Yes."""
        self._asked = by, act
        by.disabled = True
        self.question.value = f'<p role="alert">{html.escape(words)}</p>'
        self.no.description, self.yes.description = f"No, {no}", f"Yes, {yes}"
        self.asking.layout.display = ""
        self.no.focus()  # a disabled button loses the focus

    def _withdraw_question(self) -> None:
        """Close an open question without acting, as any other action here does."""
        self._asked, self.question.value = None, ""
        self.asking.layout.display = "none"
        self.save.disabled = self.delete.disabled = False

    def _answered(self, yes: bool) -> None:
        if self._asked:
            by, act = self._asked
            self._withdraw_question()
            by.focus()
            if yes:
                act()

    def _save(self) -> None:
        self._report_pool()
        folder, name = self._experiment.folder, drawn_files.named(self.name.value)
        if drawn_files.taken(folder, name) and name not in self._saved:
            words = (
                f"There are already drawings by {name}; another name keeps both. Put yours in "
                "their place?"
            )
            save = functools.partial(self._save_as, name)
            self._ask(self.save, save, "keep theirs", "put mine there", words)
        else:
            self._save_as(name)

    def _save_as(self, name: str) -> None:
        folder = self._experiment.folder
        saved = drawn_files.save_drawings(folder, name, self._experiment.mine)
        self._saved.add(name)
        borrowed = any(drawing.is_sample for drawing in self._experiment.mine)
        left_out = " Strangers' digits are not saved." if borrowed else ""
        self._report_pool(
            f"{saved.drawings} drawing{'s are' if saved.drawings > 1 else ' is'} in the folder "
            f"{saved.pictures}, and in the file {saved.file}.{left_out}"
        )

    def _delete(self) -> None:
        self._report_pool()
        typed = self.name.value.strip()
        mine = self._saved | ({drawn_files.named(typed)} if typed else set())
        files = f" and the files of {', '.join(sorted(mine))}." if mine else ". You saved no files."
        words = f"This deletes all your drawings here{files} Delete them?"
        self._ask(self.delete, lambda: self._delete_all(mine), "keep them", "delete them", words)

    def _delete_all(self, mine: set[str]) -> None:
        """Delete the learner's drawings, and the files under the names `mine`."""
        folder = self._experiment.folder
        n_deleted = sum(drawn_files.delete(folder, name) for name in mine)
        self._saved.clear()
        self._experiment.forget_mine()
        still_saved = ", ".join(drawn_files.people_with_drawings(folder))
        more = f" Still saved here: {still_saved}; type a name to delete it." if still_saved else ""
        self._report_pool(f"Your drawings are gone, and {n_deleted} files with them.{more}")

    def _handed_over(self, files: tuple) -> None:
        slips = []
        for file in files:
            try:
                name, hand = drawn_files.from_text(bytes(file["content"]))
                _join(self.pool, name, hand)
            except CourseError as slip:
                slips.append(f"{file['name']}: {slip}")
        with self._experiment.quietly():
            self.upload.value = ()
        self._pool_changed()
        self._experiment.tell(" ".join(slips))

    def _forget(self) -> None:
        self.pool.clear()
        self._pool_changed()

    def _pool_changed(self) -> None:
        self._experiment.stop_comparing()
        self.comparison.value = ""
        self._report_pool()

    def _compare(self) -> None:
        self._withdraw_question()
        hands = dict(self.pool)
        mine = [drawing for drawing in self._experiment.mine if not drawing.is_sample]
        if len({drawing.label for drawing in mine}) > 1:
            _join(hands, self.name.value.strip() or "you", mine)
        if len(hands) < 2:
            raise CourseError(
                "one_person",
                "Comparing needs drawings by two people or more: press Add classmates' files, "
                "and choose files that they saved.",
            )
        self._report_pool(f"Comparing the drawings of {len(hands)} people …")
        self._experiment.compare(hands, self._compared)

    def _compared(self, results: list[handwriting.Taught] | None) -> None:
        rows = [
            {
                "taught by": row.who,
                "drawings": row.drawings,
                "MNIST's digits": f"{100 * row.mnist:.1f}%",
                "other people's digits": f"{100 * row.other_hands:.1f}%",
            }
            for row in results or ()
        ]
        self._report_pool()
        if rows:
            self.comparison.value = table_of_rows(
                rows, "Option 1, taught by each person and by all together: how many it gets right"
            )


def _join(pool: dict[str, list[Labelled]], name: str, hand: list[Labelled]) -> None:
    """Add a hand to a pool; it replaces an earlier hand of the same person.

    Two hands with at least half of their drawings in common are one person's, whatever the name.
    The later one counts, unless it is only the beginning of the earlier one.
    """
    for who, earlier in pool.items():
        if 2 * len(set(earlier) & set(hand)) >= min(len(set(earlier)), len(set(hand))):
            pool[who] = earlier if earlier[: len(hand)] == hand else hand
            return
    names = itertools.chain([name], (f"{name} ({n})" for n in itertools.count(2)))
    pool[next(name for name in names if name not in pool)] = hand
