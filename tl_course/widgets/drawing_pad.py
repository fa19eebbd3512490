"""Draw a digit and see at once which class each network predicts.

`Pad` is the part in the browser, and `DrawingPad` is the experiment around it.
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

FEW, TOP = 10, 5  # up to 10 classes all have a bar, otherwise the 5 likeliest
THING = 44  # pixels of the picture beside the name of such a class
NO_SAMPLE = "–"
PICTURES_WANTED = {"want": [str]}  # the two messages of front/pad.js
KEPT_DRAWINGS = [{"revision": int, "strokes": object, "sample": bool}]
Readers = Mapping[str, tuple[FiveLayerNet, Sequence[str]]]


def png_url(digit: torch.Tensor, as_ink: bool = False) -> str:
    """The data URL of a digit uint8 `[28, 28]`, white on black.

    With `as_ink` it is black ink on a transparent background.
    """
    picture = Image.fromarray(digit.numpy())
    if as_ink:
        ink, picture = picture, Image.new("L", picture.size)
        picture.putalpha(ink)
    return url_of(picture)


@functools.cache
def thing_url(name: str) -> str:
    """The data URL of the picture of one of the 1,000 things."""
    thing = classes.source_classes()[classes.names().index(name)]
    return url_of(emoji_images.render_glyph(thing, THING))


class Pad(anywidget.AnyWidget):
    """Strokes in, answers out; front/pad.js describes the synced traits."""

    _esm = joined("pad")
    drawing = traitlets.Dict({"revision": 0, "strokes": []}).tag(sync=True)
    heard = traitlets.Int(0).tag(sync=True)
    sample = traitlets.Unicode("").tag(sync=True)
    answer = traitlets.Dict({}).tag(sync=True)
    prompt = traitlets.Unicode("").tag(sync=True)
    keep = traitlets.Unicode("").tag(sync=True)

    @property
    def revision(self) -> int:
        """The number of changes to the drawing; the browser counts too."""
        revision = self.drawing.get("revision")
        return revision if is_like(revision, int) else 0

    def put(self, strokes: Sequence = (), sample: str = "") -> None:
        """Replace the drawing by strokes or by a sample digit (a data URL)."""
        after, points = self.revision, [[list(point) for point in stroke] for stroke in strokes]
        self.drawing = {"revision": after + 1, "after": after, "strokes": points, "final": True}
        self.sample = sample


class Canvas:
    """The drawing on a `Pad` as text (`drawn.Drawing.text`), kept in sync with the browser.

    `read(final)` is called several times during a stroke and once at its end. `keep(text)` is
    called when the learner goes on to the next drawing, and the pad is then empty.
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
        self._sample = ""  # the text of the sample that is shown
        self._keeping = False
        experiment.on_change(self.pad, self._on_drawing, "drawing")
        experiment.on_message(self.pad, self._on_message, PICTURES_WANTED, KEPT_DRAWINGS)

    def answer(
        self,
        readers: Readers,
        final: bool = True,
        also: Readers | None = None,
        words: str = "",
        note: str = "",
    ) -> None:
        """Show the input of the networks, and the predictions of `readers` as bars.

        `words` replaces the sentence about `readers`. The networks in `also` get a second sentence
        and no bars, and `note` replaces it. Neither sentence changes during a stroke.
        """
        shown = {"revision": self.pad.revision}
        if not self.text:
            answers = [_reader(name, None, names) for name, (_, names) in readers.items()]
            self.pad.answer = shown | {"seen": "", "words": "", "also": "", "readers": answers}
            return
        digit, answers, sentences, other_sentences = drawn.pixels(self.text), [], [], []
        with machine.one_thread():
            for name, (net, names) in {**readers, **(also or {} if final else {})}.items():
                shares = handwriting.class_probabilities(net, digit[None])[0]
                if name in readers:
                    answers.append(_reader(name, shares, names))
                best = int(shares.argmax())
                sentence = f"{name}: {names[best]} ({100 * shares[best]:.0f}%)"
                (sentences if name in readers else other_sentences).append(sentence)
        before = self.pad.answer
        self.pad.answer = shown | {
            "seen": png_url(digit),
            "seen_alt": "The drawing as the network gets it: 28 by 28 pixels, white on black.",
            "words": words or ("; ".join(sentences) if final else before.get("words", "")),
            "also": note or ("; ".join(other_sentences) if final else before.get("also", "")),
            "readers": answers,
        }

    def _on_message(self, content: list | dict) -> None:
        if isinstance(content, dict):
            urls = {name: thing_url(name) for name in content["want"] if name in classes.names()}
            self.pad.send({"pictures": urls})
        elif self._keep:
            self._keep_drawings(content)

    def _keep_drawings(self, drawings: list) -> None:
        self._keeping = True
        try:
            with self.pad.hold_sync():  # `heard` and the next prompt in one message
                for drawing in drawings:
                    if drawing["revision"] > self.pad.heard:
                        self.pad.heard = drawing["revision"]
                        text = self._text(drawing["strokes"], drawing["sample"])
                        self._clear_kept()
                        self.put("")
                        self._keep(text)
        finally:
            self._keeping = False
        if self.pad.revision > self.pad.heard:  # the synced drawing overtook this message
            self._on_drawing(self.pad.drawing)

    def _clear_kept(self) -> None:
        """Empty `pad.drawing` after it was kept, unless the next drawing has begun."""
        if self.pad.revision <= self.pad.heard:
            with self._experiment.quietly():
                self.pad.drawing = {"revision": self.pad.heard, "strokes": [], "final": True}

    def _on_drawing(self, drawing: dict) -> None:
        if self.pad.revision <= self.pad.heard:  # the message about keeping it overtook this
            self._clear_kept()
            return
        self.text = self._text(drawing.get("strokes", ()), bool(self.pad.sample))
        self._read(bool(drawing.get("final", True)))

    def _text(self, strokes: Sequence, sample: bool) -> str:
        drawing = drawn.strokes(strokes)
        if drawing:
            self._sample = ""
        return drawn.encode_drawing(drawing) or (self._sample if sample else "")

    def put(self, text: str) -> None:
        """Show a drawing, a sample ("#17"), or nothing ("")."""
        sample = text.startswith(drawn.SAMPLE)
        strokes = drawn.decode_drawing(text) if text and not sample else ()
        url = png_url(drawn.pixels(text), as_ink=True) if sample else ""
        with self._experiment.quietly():
            if text or not self._keeping:
                self.pad.put(strokes, url)
            else:  # the browser has emptied its pad already, and the next drawing may have begun
                self.pad.sample = ""
        self._sample = text if sample else ""
        self.text = text
        self._read(True)


def _reader(name: str, shares: torch.Tensor | None, names: Sequence[str]) -> dict:
    """One network's bars for front/bars.js; `shares` is None before the first stroke."""
    if shares is not None:
        rows = bars_of_shares(shares, names)
    else:
        rows = [[label, None, False] for label in names] if len(names) <= FEW else []
    return {"name": name, "named": max(map(len, names)) > 3, "bars": rows}


def bars_of_shares(shares: torch.Tensor, names: Sequence[str]) -> list[list]:
    """[name, share, is the likeliest] of each class; of more than FEW classes the likeliest TOP."""
    order = range(len(names)) if len(names) <= FEW else shares.topk(TOP).indices.tolist()
    best = int(shares.argmax())
    return [[names[i], round(shares[i].item(), 4), i == best] for i in order]


class DrawingPad(Experiment):
    """A pad that shows the predictions of `networks`: by name, each with its class names.

    Without drawing, the learner can put an MNIST digit on the pad. Raises CourseError if a network
    does not have exactly one name for each class.
    """

    name, title = "drawing-pad", "Draw a digit"

    def __init__(self, networks: Readers, seed: int = 0) -> None:
        super().__init__(seed)
        for name, (net, names) in networks.items():
            if net.n_classes != len(names):
                raise CourseError(
                    "class_names",
                    f"The network '{name}' has {net.n_classes} classes and {len(names)} names "
                    "were given: give one name for each class.",
                )
        if not networks:
            raise CourseError(
                "no_networks", "Give the drawing pad at least one network that answers."
            )
        self.networks = networks
        self.drawing = Canvas(self, lambda final: self.drawing.answer(networks, final))
        self.pad = self.drawing.pad
        label, digits = "or use a stranger's", [NO_SAMPLE, *NAMES]
        self.choice = control(widgets.Dropdown, label, "initial", "14em", options=digits)
        self.another = widgets.Button(description="Another one", disabled=True)
        self.on_change(self.choice, lambda _: self._sample(0))
        self.on_click(self.another, lambda: self._sample(self._number + 1))
        self.show()
        self.lay_out([self.pad, widgets.HBox([self.choice, self.another], layout=WRAP)])

    def _sample(self, number: int) -> None:
        """Put the sample of that number of the chosen digit on the pad, or nothing."""
        self._number, digit = number, self.choice.value
        self.another.disabled = digit == NO_SAMPLE
        if digit == NO_SAMPLE:
            self.drawing.put("")
        else:
            self.drawing.put(drawn.sample_of_digit(int(digit), self.seed, number).text)

    def settings(self) -> dict:
        return {"drawing": self.drawing.text}

    def apply(self, settings: dict) -> None:
        text = settings["drawing"]
        if not isinstance(text, str):
            raise CourseError(
                "damaged", "The state's drawing is not text: copy the whole state again."
            )
        if text:
            drawn.pixels(text)  # raises if it is damaged
        self.choice.value, self.another.disabled = NO_SAMPLE, True
        self.drawing.put(text)

    def show(self) -> None:
        self.drawing.answer(self.networks)

    def still(self) -> tuple[Picture, list[dict]]:
        if text := self.drawing.text:
            digits, rows = drawn.pixels(text)[None], [{"digit": "drawn"}]
        else:
            samples = [drawn.sample_of_digit(label, self.seed, 0) for label in range(len(NAMES))]
            digits = torch.stack([drawn.pixels(sample.text) for sample in samples])
            rows = [{"digit": name} for name in NAMES]
        for name, (net, names) in self.networks.items():
            shares, best = handwriting.class_probabilities(net, digits).max(1)
            for row, share, i in zip(rows, shares.tolist(), best.tolist(), strict=True):
                row[name] = f"{names[i]} ({100 * share:.0f}%)"
        first = next(iter(self.networks))
        captions = [row[first].replace(" (", "\n(") for row in rows]
        answers = "; ".join(f"{row['digit']}: {row[first]}" for row in rows)
        title = f"What the network takes them for ({first})"
        alt = f"Handwritten digits, and what the network '{first}' takes each for: {answers}."
        return figures.pictures(to_input(digits), captions, title, alt), rows
