"""Draw a digit and see at once what networks of the course take it for.

`Pad` is the part in the browser (its own small JavaScript, nothing from the network), `DrawingPad`
the experiment around it.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import anywidget
import ipywidgets as widgets
import torch
import traitlets
from PIL import Image

from tl_course.base import machine
from tl_course.base.errors import CourseError
from tl_course.core.network import FiveLayerNet
from tl_course.data.sources import classes, emoji_images
from tl_course.data.targets import drawn
from tl_course.data.targets.handwritten import NAMES, to_input
from tl_course.lessons import figures
from tl_course.lessons.drawing import Picture, url_of
from tl_course.study import handwriting
from tl_course.widgets.base import WRAP, Experiment, control, is_like
from tl_course.widgets.parts import joined

TOP = 5  # classes that are shown of a network with many
THING = 44  # pixels of the drawing beside the name of such a class
NO_SAMPLE = "–"
WANTED = {"want": [str]}  # what the pad sends (front/pad.js)
KEPT = [{"revision": int, "strokes": object, "sample": bool}]
Readers = Mapping[str, tuple[FiveLayerNet, Sequence[str]]]


def png_url(digit: torch.Tensor, as_ink: bool = False) -> str:
    """A digit uint8 `[28, 28]` as a picture that HTML can hold.

    White on black, or `as_ink`: what is not written on can be seen through.
    """
    picture = Image.fromarray(digit.numpy())
    if as_ink:
        written, picture = picture, Image.new("L", picture.size)
        picture.putalpha(written)
    return url_of(picture)


@functools.cache
def thing_url(name: str) -> str:
    """The drawing of one of the 1,000 things, as a picture that HTML can hold."""
    thing = classes.source_classes()[classes.names().index(name)]
    return url_of(emoji_images.draw(thing, THING))


class Pad(anywidget.AnyWidget):
    """Strokes in, answers out; what is synced is said in front/pad.js."""

    _esm = joined("pad")
    drawing = traitlets.Dict({"revision": 0, "strokes": []}).tag(sync=True)
    heard = traitlets.Int(0).tag(sync=True)
    sample = traitlets.Unicode("").tag(sync=True)
    answer = traitlets.Dict({}).tag(sync=True)
    prompt = traitlets.Unicode("").tag(sync=True)
    keep = traitlets.Unicode("").tag(sync=True)

    @property
    def revision(self) -> int:
        """How often the drawing was changed; the browser counts too."""
        counted = self.drawing.get("revision")
        return counted if is_like(counted, int) else 0

    def put(self, strokes: Sequence = (), sample: str = "") -> None:
        """Show strokes or a sample digit (a picture's URL) in place of what is there."""
        seen, copied = self.revision, [[list(point) for point in stroke] for stroke in strokes]
        self.drawing = {"revision": seen + 1, "after": seen, "strokes": copied, "final": True}
        self.sample = sample


class Canvas:
    """What is on a `Pad`, as text (`drawn.Drawing.text`), and how it gets there.

    `read(final)` is called for each look at a stroke and once at its end, `keep(text)` when the
    learner goes on to the next drawing: the pad is empty then.
    """

    def __init__(
        self,
        experiment: Experiment,
        read: Callable[[bool], None],
        keep: Callable[[str], None] | None = None,
    ):
        self.pad = Pad(keep="Keep it" if keep else "")
        self.text = ""
        self._experiment, self._read, self._keep = experiment, read, keep
        self._sample = ""  # its text while one is shown
        self._keeping = False
        experiment.on_change(self.pad, self._drawn, "drawing")
        experiment.on_message(self.pad, self._heard, WANTED, KEPT)

    def answer(
        self,
        readers: Readers,
        final: bool = True,
        also: Readers | None = None,
        words: str = "",
        note: str = "",
    ) -> None:
        """Show the drawing as networks get it, and what those of `readers` take it for, as bars.

        The sentence is `words`, or what each network reads; those of `also` have no bars and a
        sentence of their own, in whose place `note` may stand. Both stay as they are while a stroke
        goes on.
        """
        shown = {"revision": self.pad.revision}
        if not self.text:
            bars = [_reader(name, None, names) for name, (_, names) in readers.items()]
            self.pad.answer = shown | {"seen": "", "words": "", "also": "", "readers": bars}
            return
        digit, bars, said, others = drawn.pixels(self.text), [], [], []
        with machine.one_thread():
            for name, (net, names) in {**readers, **(also or {} if final else {})}.items():
                shares = handwriting.read(net, digit[None])[0]
                if name in readers:
                    bars.append(_reader(name, shares, names))
                best = int(shares.argmax())
                heard = f"{name}: {names[best]} ({100 * shares[best]:.0f}%)"
                (said if name in readers else others).append(heard)
        before = self.pad.answer
        self.pad.answer = shown | {
            "seen": png_url(digit),
            "seen_alt": "The drawing as the network gets it: 28 by 28 pixels, white on black.",
            "words": words or ("; ".join(said) if final else before.get("words", "")),
            "also": note or ("; ".join(others) if final else before.get("also", "")),
            "readers": bars,
        }

    def _heard(self, content: list | dict) -> None:
        """Drawings that are kept, or names whose pictures are wanted."""
        if isinstance(content, dict):
            known = {name: thing_url(name) for name in content["want"] if name in classes.names()}
            self.pad.send({"pictures": known})
        elif self._keep:
            self._kept(content)

    def _kept(self, keeps: list) -> None:
        self._keeping = True
        try:
            with self.pad.hold_sync():  # what was heard, and what is asked for next, in one
                for kept in keeps:
                    if kept["revision"] > self.pad.heard:
                        self.pad.heard = kept["revision"]
                        text = self._text(kept["strokes"], kept["sample"])
                        self._empty()
                        self.put("")
                        self._keep(text)
        finally:
            self._keeping = False
        if self.pad.revision > self.pad.heard:  # it came first
            self._drawn(self.pad.drawing)

    def _empty(self) -> None:
        """Say what the browser syncs after what was kept, unless the next drawing is begun."""
        if self.pad.revision <= self.pad.heard:
            with self._experiment.quietly():
                self.pad.drawing = {"revision": self.pad.heard, "strokes": [], "final": True}

    def _drawn(self, drawing: dict) -> None:
        if self.pad.revision <= self.pad.heard:  # overtaken by what was kept
            self._empty()
            return
        self.text = self._text(drawing.get("strokes", ()), bool(self.pad.sample))
        self._read(bool(drawing.get("final", True)))

    def _text(self, strokes: Sequence, sample: bool) -> str:
        found = drawn.strokes(strokes)
        if found:
            self._sample = ""
        return drawn.encode(found) or (self._sample if sample else "")

    def put(self, text: str) -> None:
        """Show a drawing, a sample ("#17"), or nothing ("")."""
        sample = text.startswith(drawn.SAMPLE)
        strokes = drawn.decode(text) if text and not sample else ()
        url = png_url(drawn.pixels(text), as_ink=True) if sample else ""
        with self._experiment.quietly():
            if text or not self._keeping:
                self.pad.put(strokes, url)
            else:  # the browser has emptied its pad itself, and the next drawing may be begun
                self.pad.sample = ""
        self._sample = text if sample else ""
        self.text = text
        self._read(True)


def _reader(name: str, shares: torch.Tensor | None, names: Sequence[str]) -> dict:
    """One network's bars: every class where they are few, else the best ones."""
    few = len(names) <= 10
    if shares is None:
        bars = [[label, None, False] for label in names] if few else []
    else:
        order = range(len(names)) if few else shares.topk(TOP).indices.tolist()
        best = int(shares.argmax())
        bars = [[names[i], round(shares[i].item(), 4), i == best] for i in order]
    return {"name": name, "named": max(map(len, names)) > 3, "bars": bars}


class DrawingPad(Experiment):
    """The pad with networks that answer: `networks` by name, each with the names of its classes.

    The way without drawing is to put a digit of MNIST's on the pad. Raises CourseError where a
    network has not one name for each class.
    """

    name, title = "drawing-pad", "Draw a digit"

    def __init__(self, networks: Readers, seed: int = 0) -> None:
        super().__init__(seed)
        for name, (net, names) in networks.items():
            if net.n_classes != len(names):
                raise CourseError(
                    f"The network '{name}' has {net.n_classes} classes and {len(names)} names "
                    "were given: give one name for each class."
                )
        if not networks:
            raise CourseError("Give the drawing pad at least one network that answers.")
        self.networks = networks
        self.drawing = Canvas(self, lambda final: self.drawing.answer(networks, final))
        self.pad = self.drawing.pad
        whose, digits = "or use a stranger's", [NO_SAMPLE, *NAMES]
        self.choice = control(widgets.Dropdown, whose, "initial", "14em", options=digits)
        self.another = widgets.Button(description="Another one", disabled=True)
        self.on_change(self.choice, lambda _: self._sample(0))
        self.on_click(self.another, lambda: self._sample(self._number + 1))
        self.show()
        self.lay_out([self.pad, widgets.HBox([self.choice, self.another], layout=WRAP)])

    def _sample(self, number: int) -> None:
        """Put the chosen digit on the pad, the one of that number, or none."""
        self._number, digit = number, self.choice.value
        self.another.disabled = digit == NO_SAMPLE
        if digit == NO_SAMPLE:
            self.drawing.put("")
        else:
            self.drawing.put(drawn.sample(int(digit), self.seed, number).text)

    def settings(self) -> dict:
        return {"drawing": self.drawing.text}

    def apply(self, settings: dict) -> None:
        text = settings["drawing"]
        if not isinstance(text, str):
            raise CourseError("The state's drawing is not text: copy the whole state again.")
        if text:
            drawn.pixels(text)  # raises where it is damaged
        self.choice.value, self.another.disabled = NO_SAMPLE, True
        self.drawing.put(text)

    def show(self) -> None:
        self.drawing.answer(self.networks)

    def still(self) -> tuple[Picture, list[dict]]:
        shown = [drawn.sample(label, self.seed, 0) for label in range(len(NAMES))]
        if self.drawing.text:
            shown = [drawn.Drawing(0, self.drawing.text)]
        digits = torch.stack([drawn.pixels(drawing.text) for drawing in shown])
        rows = [{"digit": "drawn" if self.drawing.text else str(d.label)} for d in shown]
        for name, (net, names) in self.networks.items():
            shares, best = handwriting.read(net, digits).max(1)
            for row, share, i in zip(rows, shares.tolist(), best.tolist(), strict=True):
                row[name] = f"{names[i]} ({100 * share:.0f}%)"
        first = next(iter(self.networks))
        captions = [row[first].replace(" (", "\n(") for row in rows]
        said = "; ".join(f"{row['digit']}: {row[first]}" for row in rows)
        title = f"What the network takes them for ({first})"
        alt = f"Handwritten digits, and what the network '{first}' takes each for: {said}."
        return figures.pictures(to_input(digits), captions, title, alt), rows
