"""Teach it your handwriting: draw ten digits, and ten more, and see four networks learn."""

from __future__ import annotations

import html
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets

from tl_course.base import machine
from tl_course.base.errors import CourseError
from tl_course.core.network import FiveLayerNet
from tl_course.data.sources import things
from tl_course.data.targets.handwritten import NAMES
from tl_course.lessons import figures
from tl_course.lessons.figures import Picture
from tl_course.lessons.n00_start_here import (
    figures as handwriting_plots,
)
from tl_course.lessons.n00_start_here import (
    handwriting,
    handwriting_files,
)
from tl_course.lessons.n00_start_here.handwriting import Drawing as Labelled
from tl_course.lessons.n00_start_here.handwriting import Result
from tl_course.study import results
from tl_course.widgets.base import Experiment, Slot, one_of, table
from tl_course.widgets.drawing_pad import Drawing, answer, png_url

ME, NEIGHBOUR = "I do", "my neighbour"
SAVE, DELETE = "Save my drawings", "Delete my drawings"
MOST = 100  # drawings of one hand; more gain little here and make the state's text long
LONGEST = handwriting_files.LARGEST // MOST - 20  # characters of a drawing, so that all can be read
REDRAW = 0.6  # seconds between two drawings of the figure while results come in
ROW = {"flex_flow": "row wrap", "width": "100%", "align_items": "center"}


def button(description: str, style: str = "", tooltip: str = "") -> widgets.Button:
    """A button that is as wide as its words."""
    return widgets.Button(
        description=description, button_style=style, tooltip=tooltip, layout={"width": "auto"}
    )


class Teach(Experiment):
    """`net` is the pretrained network to borrow from; drawings are saved in `folder` when asked."""

    name, title = "teach", "Teach it your handwriting"

    def __init__(
        self, net: FiveLayerNet, seed: int = 0, folder: Path | str = "my-handwriting"
    ) -> None:
        super().__init__(seed)
        self.net, self.folder = net, Path(folder)
        self.mine: list[Labelled] = []
        self.neighbours: list[Labelled] = []
        self.results: dict[tuple[str, int], Result] = {}
        self._learnt_by = seed  # what the results came out with
        self._test: handwriting.Examples | None = None
        self._drawn_at = 0.0
        self._comparing = False

        self.who = widgets.Dropdown(
            description="Who draws?", options=[ME, NEIGHBOUR], value=ME,
            style={"description_width": "initial"},
        )  # fmt: skip
        self.drawing = Drawing(self, self._look, self._add)
        self.pad = self.drawing.pad
        self.borrow = button("Take somebody's")  # the way without drawing
        self.back = button("Take back the last")
        self.fill = button("Fill this ten with somebody's")
        self.row = widgets.HTML()
        self.train = button("Train", "success")
        self.halt = button("Stop")
        self.status = widgets.HTML()
        self.board = widgets.HTML()
        self.figure = Slot()
        self.more = widgets.ToggleButton(
            description="Save, pool, delete",
            value=False,
            layout={"width": "auto", "align_self": "flex-start"},
        )
        self.hands = Hands(self)

        for control, act in (
            (self.borrow, self._borrow), (self.back, self._take_back), (self.halt, self._halt),
        ):  # fmt: skip
            self.on_click(control, act)
        self.on_click(self.fill, self._fill, once=True)
        self.on_click(self.train, self._train, once=True)
        self.on_change(self.who, lambda _: self._next())
        self.on_change(self.more, self.hands.open)
        self.hands.open(False)
        self._next()
        self._show_results()
        self.lay_out(
            [
                self.who,
                self.pad,
                widgets.HBox([self.borrow, self.fill, self.back], layout=ROW),
                self.row,
                widgets.HBox([self.train, self.halt, self.status], layout=ROW),
                self.board,
                self.figure.view,
                self.more,
                self.hands.view,
            ]
        )

    # ------------------------------------------------------------------ drawing

    @property
    def hand(self) -> list[Labelled]:
        """The drawings of whoever draws now."""
        return self.mine if self.who.value == ME else self.neighbours

    @property
    def label(self) -> int:
        """The digit that is to be drawn next."""
        return len(self.hand) % handwriting.ROUND

    def _add(self, text: str) -> None:
        if not text:
            self.tell(f"Draw a {self.label} first, or take somebody's {self.label}.")
        elif len(self.hand) >= MOST:
            self.tell(f"{MOST} drawings are enough; press Train.")
        elif len(text) > LONGEST:
            self.tell(f"This {self.label} has far too many points: draw it again, more simply.")
        else:
            self.hand.append(Labelled(self.label, text))
            self._next()
            self._rescore()

    def _borrow(self) -> None:
        """One of MNIST's on the pad; another one with each click."""
        self.drawing.put(self._sample(self._borrowed).text)
        self._borrowed += 1

    def _sample(self, more: int = 0) -> Labelled:
        # A neighbour's samples are other ones than mine.
        first = len(self.hand) // handwriting.ROUND + (self.hand is self.neighbours) * 50
        return handwriting.sample(self.label, self.seed, first + more)

    def _fill(self) -> None:
        """What is missing of the present ten comes from MNIST."""
        while len(self.hand) < MOST:
            self.hand.append(self._sample())
            if self.label == 0:
                break
        self._next()
        self._rescore()

    def _take_back(self) -> None:
        if self.hand:
            self.hand.pop()
        if self.hand is self.mine:
            self.results = {
                key: result for key, result in self.results.items() if key[1] <= len(self.mine)
            }
        self._next()
        self._rescore()

    def _next(self) -> None:
        """An empty pad, the next digit asked for, what was drawn so far."""
        self._borrowed = 0
        self.drawing.put("")
        whose = "" if self.who.value == ME else "Neighbour: "
        self.pad.prompt = f"{whose}{'d' if whose else 'D'}raw a {self.label}"
        self.borrow.description = f"Take somebody's {self.label}"
        self.row.value = drawn_so_far(self.hand, self.who.value == ME)
        self.back.disabled = not self.hand
        self._buttons()

    def _look(self, text: str, final: bool) -> None:
        words = None if final and text else "" if not text else self.pad.answer.get("words", "")
        best = self._latest()
        if best:
            named = {
                arm: (figures.ARMS[arm][0], (result.net, NAMES)) for arm, result in best.items()
            }
            readers = dict([named.pop("option-1")]) if "option-1" in named else {}
            also = dict(named.values())
        else:
            readers, also = {"it takes it for": (self.net, things.names())}, None
        revision = self.pad.drawing.get("revision", 0)
        self.pad.answer = answer(readers, text, revision, words, also)

    # ------------------------------------------------------------------ learning

    def _sizes(self) -> list[int]:
        """All whole tens, the present one first, then from the smallest up."""
        present = handwriting.taught_with(self.mine)
        return [present, *range(handwriting.ROUND, present, handwriting.ROUND)] if present else []

    def _missing(self) -> int:
        known = sum((arm, n) in self.results for n in self._sizes() for arm in handwriting.ARMS)
        return len(self._sizes()) * len(handwriting.ARMS) - known

    def _train(self) -> None:
        if not self._sizes():
            self.tell("Draw ten digits first, or fill in with somebody's.")
            return
        drawings, sizes = list(self.mine), self._sizes()
        known, net, seed = set(self.results), self.net, self.seed

        def job(stop: threading.Event, tell: Callable[[Result], None]) -> None:
            with machine.one_thread():
                test = self._test = self._test or handwriting.mnist_test()
                for found in handwriting.teach(net, drawings, sizes, seed, test, stop, known):
                    tell(found)

        def learnt(result: Result) -> None:
            if drawings[: result.images] == self.mine[: result.images]:  # not taken back since
                self._learnt(result)

        self._comparing = False
        self.work(job, learnt, lambda _: self._finished())
        self._buttons()

    def _halt(self) -> None:
        self.stop()
        self._buttons()

    def _learnt(self, result: Result) -> None:
        self.results[result.arm, result.images] = handwriting.followed(result, self.mine)
        self._slim()
        newest = result.images == handwriting.taught_with(self.mine)
        if newest and result.arm == "option-1":
            self._look(self.drawing.text, True)  # from now on it answers with digits
        now = time.monotonic()
        self._show_results(figure=now - self._drawn_at > REDRAW)
        self._buttons()

    def _finished(self) -> None:
        self._show_results()
        self._buttons()

    def _buttons(self) -> None:
        """What can be pressed, and where things stand."""
        missing, sizes = self._missing(), self._sizes()
        self.train.disabled = self.busy or not missing
        self.halt.disabled = not self.busy
        self.hands.compare.disabled = self.busy
        n = len(self.mine)
        if self.busy and self._comparing:
            said = "comparing hands …"
        elif self.busy:
            said = f"learning: {missing} of {len(sizes) * len(handwriting.ARMS)} to go …"
        elif not sizes:
            left = handwriting.ROUND - n
            said = f"{left} more drawing{'s' if left > 1 else ''}, then it can learn"
        elif missing:
            said = f"ready to learn from {sizes[0]} drawings"
        else:
            left = handwriting.ROUND - n % handwriting.ROUND
            said = f"{left} more, and it can learn from {n + left}"
        self.status.value = f'<span role="status">{said}</span>'

    def _latest(self) -> dict[str, Result]:
        """Each arm's result with the most drawings."""
        best: dict[str, Result] = {}
        for (arm, images), result in self.results.items():
            if arm not in best or best[arm].images < images:
                best[arm] = result
        return {arm: best[arm] for arm in handwriting.ARMS if arm in best}

    def _rescore(self) -> None:
        """The tests that came in since: what was drawn next, and the neighbour's hand."""
        with machine.one_thread():
            for key, result in list(self.results.items()):
                if result.following_of == min(handwriting.ROUND, len(self.mine) - result.images):
                    continue
                if result.net is None:  # its later tests were taken back; Train learns it again
                    del self.results[key]
                else:
                    self.results[key] = handwriting.followed(result, self.mine)
        # Where the latest was taken back, one whose network was let go of may now be the latest.
        while gone := [result for result in self._latest().values() if result.net is None]:
            for result in gone:  # Train learns it again
                del self.results[result.arm, result.images]
        self._slim()
        # The table follows each drawing; the figure takes longer to draw than a digit.
        self._show_results(figure=self.hand is self.mine and self.label == 0)
        self._buttons()

    def _slim(self) -> None:
        """Let go of networks that have been tested and that a later one took the place of."""
        latest = self._latest()
        for key, result in self.results.items():
            newer = result.images < latest[result.arm].images
            if newer and result.following_of == handwriting.ROUND:
                self.results[key] = replace(result, net=None)

    def _show_results(self, figure: bool = True) -> None:
        if not self.results:
            self.board.value = ""
            self.figure.clear()
            return
        rows = self.rows()
        self.board.value = table(rows, "How well each reads what it never saw")
        if figure:
            best = max(self._latest().values(), key=lambda r: r.mnist / r.mnist_of)
            self.figure.show(
                handwriting_plots.growing(list(self.results.values())),
                f"So far {figures.ARMS[best.arm][0]} reads most of MNIST's digits: {best.mnist} of "
                f"{best.mnist_of} after {best.images} drawings. Bars are 95% intervals: those of "
                "ten drawings are wide.",
            )
            self._drawn_at = time.monotonic()

    def rows(self) -> list[dict]:
        """The table: one row an arm, with the most drawings that it learnt from."""
        theirs = handwriting.examples(self.neighbours) if self.neighbours else None
        rows = []
        with machine.one_thread():
            for arm, result in self._latest().items():
                row = {
                    "network": figures.ARMS[arm][0],
                    "learnt from": result.images,
                    "strangers' digits (MNIST)": f"{result.mnist} of {result.mnist_of}",
                    "what you drew next": f"{result.following} of {result.following_of}"
                    if result.following_of
                    else "draw more",
                }
                if theirs is not None:
                    read = handwriting.right(result.net, theirs)
                    row["your neighbour's"] = f"{read} of {len(theirs)}"
                rows.append(row | {"seconds to learn": f"{result.seconds:.1f}"})
        return rows

    # ------------------------------------------------------------------ many hands

    def forget_mine(self) -> None:
        """Drop what I drew and what was learnt from it."""
        self.abandon()
        self.mine, self.results = [], {}
        self._next()
        self._show_results()

    def compare(
        self,
        hands: dict[str, list[Labelled]],
        done: Callable[[list[handwriting.Taught] | None], None],
    ) -> None:
        """Teach Option 1 with each hand and with all of them, off the main thread."""
        net, seed = self.net, self.seed

        def job(stop: threading.Event, tell: Callable) -> list[handwriting.Taught] | None:
            with machine.one_thread():
                return handwriting.pooled(net, hands, seed, handwriting.mnist_test(), stop)

        def finished(rows: list[handwriting.Taught] | None) -> None:
            done(rows)
            self._buttons()

        self._comparing = True
        self.work(job, done=finished)
        self._buttons()

    def stop_comparing(self) -> None:
        """Hear nothing of a pool that has changed meanwhile."""
        if self.busy and self._comparing:
            self.abandon()
            self._buttons()

    # ------------------------------------------------------------------ state, still picture

    def settings(self) -> dict:
        return {
            "who": self.who.value,
            "mine": [[drawing.label, drawing.text] for drawing in self.mine],
            "neighbour": [[drawing.label, drawing.text] for drawing in self.neighbours],
        }

    def apply(self, settings: dict) -> None:
        who = one_of(settings, "who", [ME, NEIGHBOUR])
        mine, neighbours = (
            handwriting_files.from_rows(settings[key]) for key in ("mine", "neighbour")
        )
        self.who.value = who
        if (mine, self.seed) != (self.mine, self._learnt_by):
            self.mine, self.results, self._learnt_by = mine, {}, self.seed
            self.hands.disown()
        self.neighbours = neighbours

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
            {"network": figures.ARMS[arm][0]}
            | {f"{n} digits": f"{mean[arm, n]:.0f}%" for n in mean[arm].index}
            for arm in handwriting.ARMS
        ]
        picture = figures.accuracies(
            recorded.to_dict("records"), "Taught with MNIST's digits in place of yours",
            arms=handwriting.ARMS,
        )  # fmt: skip
        return picture, rows


def drawn_so_far(drawings: list[Labelled], mine: bool) -> str:
    """All drawings in rows of ten, one column a digit, the next one framed."""
    whose = "You have" if mine else "Your neighbour has"
    n = len(drawings)
    if n:
        said = f"{whose} drawn {n}: " + " ".join(str(drawing.label) for drawing in drawings)
    else:
        said = f"{whose} drawn nothing yet."
    tiles = []
    for place in range(-(-(n + 1) // handwriting.ROUND) * handwriting.ROUND):
        frame = "3px solid #0072B2" if place == n else "1px solid #8888"
        style = (
            f"width:36px;height:36px;box-sizing:border-box;border:{frame};border-radius:4px;"
            "text-align:center;line-height:32px;overflow:hidden"
        )
        if place < n:
            url = png_url(handwriting.pixels(drawings[place].text))
            inner = f'<img alt="" src="{url}" style="width:100%;display:block">'
        else:
            inner = str(place % handwriting.ROUND)
        tiles.append(f'<div style="{style}">{inner}</div>')
    grid = "display:grid;grid-template-columns:repeat(10,36px);gap:4px;margin:0.4em 0"
    return (
        f'<div role="img" aria-label="{html.escape(said, quote=True)}" style="{grid}">'
        f"{''.join(tiles)}</div>"
    )


class Hands:
    """Saving one's drawings, pooling those that others handed over, deleting both.

    What takes drawings away is asked first. The question has buttons of its own, below the one that
    was clicked, so that a double click does not answer it.
    """

    def __init__(self, experiment: Teach) -> None:
        self._experiment = experiment
        self.pool: dict[str, list[Labelled]] = {}
        self._saved: set[str] = set()  # under which names, by this experiment
        wide = {"description_width": "initial"}
        self.name = widgets.Text(description="Your first name", placeholder="Ada", style=wide)
        self.save, self.delete = button(SAVE), button(DELETE)
        self.question = widgets.HTML()
        self.no, self.yes = button("No"), button("Yes", "danger")
        self.asking = widgets.VBox([self.question, widgets.HBox([self.no, self.yes], layout=ROW)])
        self._asked: tuple[widgets.Button, Callable[[], None]] | None = None  # by what, what for
        self.upload = widgets.FileUpload(
            accept=".json", multiple=True, description="Hand over files", layout={"width": "auto"}
        )
        self.compare = button("Does the pool beat each of us?")
        self.forget = button("Forget the pool")
        self.told = widgets.HTML()
        self.found = widgets.HTML()
        for control, act in (
            (self.save, self._save), (self.delete, self._delete), (self.forget, self._forget),
            (self.no, self._answered_no), (self.yes, self._answered_yes),
        ):  # fmt: skip
            experiment.on_click(control, act)
        experiment.on_click(self.compare, self._compare, once=True)
        experiment.on_change(self.upload, self._handed_over)
        experiment.on_change(self.name, lambda _: self._ask_nothing())
        self._ask_nothing()
        self.view = widgets.VBox(
            [
                widgets.HTML(
                    "Your drawings stay on this machine. <b>Save</b> writes them beside your "
                    "notebooks: pictures in a folder a digit, for notebook 08, and one file that "
                    "you may hand over to somebody who pools. <b>Delete</b> takes all of it away."
                ),
                widgets.HBox([self.name, self.save, self.delete], layout=ROW),
                self.asking,
                widgets.HBox([self.upload, self.compare, self.forget], layout=ROW),
                self.told,
                self.found,
            ]
        )

    def open(self, opened: bool) -> None:
        """Show or hide it."""
        self.view.layout.display = "" if opened else "none"
        self._ask_nothing()
        self._say()

    def disown(self) -> None:
        """What was saved so far is not of the drawings that are there now."""
        self._saved.clear()
        self._ask_nothing()

    def _say(self, sentence: str = "") -> None:
        known = ", ".join(f"{who} ({len(hand)})" for who, hand in self.pool.items())
        pool = f"In the pool: {known}." if known else "The pool is empty."
        self.told.value = f'<span role="status">{html.escape(f"{sentence} {pool}".strip())}</span>'

    def _ask(
        self, by: widgets.Button, words: str, no: str, yes: str, act: Callable[[], None]
    ) -> None:
        """Ask below the button that was clicked whether `act` is meant."""
        self._asked = by, act
        by.disabled = True
        self.question.value = f'<p role="alert">{html.escape(words)}</p>'
        self.no.description, self.yes.description = no, yes
        self.asking.layout.display = ""
        self.no.focus()  # a disabled button loses it

    def _ask_nothing(self) -> None:
        """Take a question away: whatever else is done here says no to it."""
        self._asked, self.question.value = None, ""
        self.asking.layout.display = "none"
        self.save.disabled = self.delete.disabled = False

    def _answered_no(self) -> None:
        if self._asked:
            by, _ = self._asked
            self._ask_nothing()
            by.focus()

    def _answered_yes(self) -> None:
        if self._asked:
            by, act = self._asked
            self._ask_nothing()
            by.focus()
            act()

    def _save(self) -> None:
        self._ask_nothing()
        self._say()
        folder, name = self._experiment.folder, handwriting_files.named(self.name.value)
        if handwriting_files.taken(folder, name) and name not in self._saved:
            self._ask(
                self.save,
                f"There are drawings of {name} already, and another name keeps both. Put yours in "
                "their place?",
                "No, keep theirs",
                "Yes, put mine there",
                lambda: self._save_as(name),
            )
        else:
            self._save_as(name)

    def _save_as(self, name: str) -> None:
        folder = self._experiment.folder
        saved = handwriting_files.save(folder, name, self._experiment.mine)
        self._saved.add(name)
        self._say(
            f"{saved.drawings} drawing{'s are' if saved.drawings > 1 else ' is'} in the folder "
            f"{saved.pictures}, and in the file {saved.file}."
        )

    def _delete(self) -> None:
        self._ask_nothing()
        self._say()
        typed = self.name.value.strip()
        mine = self._saved | ({handwriting_files.named(typed)} if typed else set())
        files = f" and the files of {', '.join(sorted(mine))}." if mine else ". You saved no files."
        self._ask(
            self.delete,
            f"This deletes all your drawings here{files} Delete them?",
            "No, keep them",
            "Yes, delete them",
            lambda: self._delete_all(mine),
        )

    def _delete_all(self, mine: set[str]) -> None:
        """Delete what was drawn here, and the files under the names of `mine`."""
        folder = self._experiment.folder
        gone = sum(handwriting_files.delete(folder, name) for name in mine)
        self._saved.clear()
        self._experiment.forget_mine()
        left = ", ".join(handwriting_files.names(folder))
        self._say(
            f"Your drawings are gone, and {gone} files with them."
            + (f" Still saved here: {left}; type a name to delete it." if left else "")
        )

    def _handed_over(self, files: tuple) -> None:
        self._ask_nothing()
        slips = []
        for file in files:
            try:
                name, hand = handwriting_files.from_text(bytes(file["content"]))
                _join(self.pool, name, hand)
            except CourseError as slip:
                slips.append(f"{file['name']}: {slip}")
        with self._experiment.quietly():
            self.upload.value = ()
        self._experiment.stop_comparing()
        self.found.value = ""
        self._say()
        self._experiment.tell(" ".join(slips))

    def _forget(self) -> None:
        self._ask_nothing()
        self.pool.clear()
        self._experiment.stop_comparing()
        self.found.value = ""
        self._say()

    def _compare(self) -> None:
        self._ask_nothing()
        hands = dict(self.pool)
        mine = [drawing for drawing in self._experiment.mine if not drawing.is_sample]
        if len({drawing.label for drawing in mine}) > 1:
            _join(hands, self.name.value.strip() or "you", mine)
        if len(hands) < 2:
            raise CourseError(
                "A pool needs at least two hands: hand over files that volunteers saved."
            )
        self._experiment.compare(hands, self._compared)

    def _compared(self, rows: list[handwriting.Taught] | None) -> None:
        if not rows:
            return
        self.found.value = table(
            [
                {
                    "taught by": row.who,
                    "drawings": row.drawings,
                    "of MNIST's digits": figures.percent(row.mnist),
                    "of hands it has not seen": figures.percent(row.other_hands),
                }
                for row in rows
            ],
            "Option 1, taught by each and by all together",
        )


def _join(pool: dict[str, list[Labelled]], name: str, hand: list[Labelled]) -> None:
    """Put a hand into a pool, in the place of what the same person handed over before.

    Two people may have one name; one person's hands have most drawings in common, and the later
    one counts unless it is the beginning of the other.
    """
    for who, known in pool.items():
        if 2 * len(set(known) & set(hand)) >= min(len(set(known)), len(set(hand))):
            pool[who] = known if known[: len(hand)] == hand else hand
            return
    names = itertools.chain([name], (f"{name} ({n})" for n in itertools.count(2)))
    pool[next(name for name in names if name not in pool)] = hand
