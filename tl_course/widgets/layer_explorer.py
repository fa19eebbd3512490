"""The layer explorer: any unit of a trained network beside the same one of an untrained one."""

from __future__ import annotations

import threading
from collections.abc import Callable

import ipywidgets as widgets
import torch

from tl_course.base import machine
from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import NAMES, handwritten, to_input
from tl_course.data.targets.photographs import NAMES as PHOTOGRAPHS
from tl_course.data.targets.photographs import of_file, photograph
from tl_course.layers import portrait
from tl_course.layers.portrait import UNITS, Portraits
from tl_course.lessons.figures import Picture
from tl_course.lessons.n00_start_here import handwriting
from tl_course.widgets import drawing_pad
from tl_course.widgets import figures as trial_plots
from tl_course.widgets.base import Experiment, Slot, number, one_of

THINGS = ("cat", "umbrella", "house")
OWN = "your own picture"
TALL = 96  # pixels of a photograph
LOW = {"description_width": "5em"}
WIDE = {"width": "20em", "max_width": "100%"}
UNIT = 22  # of layer 1: it is easy to describe


class LayerExplorer(Experiment):
    """Filter or made picture, best patches and answers of one unit, trained and untrained."""

    name, title = "layer-explorer", "Layer explorer"

    def __init__(
        self,
        net: FiveLayerNet,
        untrained: FiveLayerNet,
        seed: int = 0,
        drawing: torch.Tensor | None = None,
    ):
        super().__init__(seed)
        self.portraits = Portraits({"trained": net, "untrained": untrained}, seed)
        self.own: torch.Tensor | None = None  # the learner's drawing or photograph
        self.layer = widgets.Dropdown(
            description="Layer", style=LOW, layout=WIDE,
            options=[(layer.replace("layer", "layer "), layer) for layer in LAYERS],
        )  # fmt: skip
        self.unit = widgets.IntSlider(
            description="Unit", value=UNIT, max=UNITS[LAYERS[0]] - 1, continuous_update=False,
            style=LOW, layout=WIDE,
        )  # fmt: skip
        self.picture = widgets.Dropdown(
            description="Show it", options=self._pictures(), value="digit 7", style=LOW, layout=WIDE
        )
        self.draw_button = widgets.ToggleButton(
            description="Draw something", layout={"width": "auto"}
        )
        self.upload = widgets.FileUpload(
            accept=".png,.jpg,.jpeg", description="Open a photograph",
            layout={"width": "auto"},
        )  # fmt: skip
        self.drawing = drawing_pad.Drawing(self, self._drawn)
        self.drawing.pad.add_class("tlc-small")  # so that the answers below stay in view
        self.status, self.portrait = widgets.HTML(), Slot()
        self._open(False)
        self.on_change(self.layer, self._other_layer)
        for control in (self.unit, self.picture):
            self.on_change(control, lambda _: self.show())
        self.on_change(self.draw_button, self._open)
        self.on_change(self.upload, self._handed_over)
        self._draw(
            self._portrait(*self._chosen(), make=True)
        )  # a filter of layer 1: nothing to wait for
        self.lay_out(
            [
                widgets.HBox(
                    [self.layer, self.unit, self.picture, self.draw_button, self.upload],
                    layout={"flex_flow": "row wrap"},
                ),
                self.drawing.pad,
                self.status,
                self.portrait.view,
            ]
        )
        if drawing is not None:
            self.show_drawing(drawing)

    def _pictures(self) -> list[str]:
        digits = [f"digit {name}" for name in NAMES]
        photographs = [f"photograph: {name}" for name in PHOTOGRAPHS]
        return [*THINGS, *digits, *photographs, *([OWN] if self.own is not None else [])]

    def show_drawing(self, x: torch.Tensor) -> None:
        """Look at a picture of the learner's own `[3, h, w]`, on the course's scale."""
        portrait.check_picture(x)
        with self.quietly():
            self.own = x
            self.picture.options = self._pictures()
            self.picture.value = OWN
        self.show()
        self.refresh_state()

    def _open(self, opened: bool) -> None:
        """Show or hide the drawing pad."""
        self.drawing.pad.layout.display = "" if opened else "none"

    def _drawn(self, text: str, final: bool) -> None:
        if final:
            pad = self.drawing.pad
            words = "This is what the network gets." if text else ""
            revision = pad.drawing.get("revision", 0)
            pad.answer = drawing_pad.answer({}, text, revision, words)
            if text:
                self.show_drawing(to_input(handwriting.pixels(text)[None])[0])

    def _handed_over(self, files: tuple) -> None:
        with self.quietly():
            self.upload.value = ()
        for file in files[:1]:
            self.show_drawing(of_file(bytes(file["content"]), str(file["name"])))

    def shown_picture(self) -> torch.Tensor:
        """The chosen picture `[3, h, w]`."""
        kind = self.picture.value
        if kind == OWN:
            return self.own
        if kind in THINGS:
            drawings = EmojiImages(self.seed)
            return drawings.of_thing(drawings.names.index(kind), 1)[0]
        if kind.startswith("digit"):
            test = handwritten().test
            return test.x[(test.y == int(kind[-1])).nonzero()[self.seed % 100, 0]]
        return photograph(kind.removeprefix("photograph: "), TALL)

    def _other_layer(self, layer: str) -> None:
        with self.quietly():
            self.unit.max = UNITS[layer] - 1  # a unit beyond becomes the last one
        self.show()

    # ------------------------------------------------------------------ a portrait

    def _chosen(self) -> tuple[str, int, torch.Tensor]:
        return self.layer.value, self.unit.value, self.shown_picture()

    def _portrait(self, layer: str, unit: int, x: torch.Tensor, make: bool) -> tuple:
        """What the picture needs; what a unit would like best is None unless it is to be made."""
        own = self.portraits
        liked = [own.liked(name, layer, unit) if make else None for name in own.nets]
        best = [own.patches(name, layer) for name in own.nets]
        answers = [own.answer(name, layer, unit, x) for name in own.nets]
        return list(own.nets), liked, best, x, answers, layer, unit

    def _draw(self, found: tuple | None) -> None:
        if found is not None:
            picture = trial_plots.portrait(*found)
            self.portrait.show(picture, picture.alt)
        self.status.value = ""

    def show(self) -> None:
        """Work it out off the main thread: patches and answers first, the made picture last."""
        self.status.value = '<p role="status">Looking at drawings …</p>'
        chosen = self._chosen()

        def job(stop: threading.Event, tell: Callable) -> tuple | None:
            if stop.is_set():  # the learner has gone on to another unit
                return None
            with machine.one_thread():
                if chosen[0] != LAYERS[0]:
                    tell(self._portrait(*chosen, make=False))
                return None if stop.is_set() else self._portrait(*chosen, make=True)

        def soon(found: tuple) -> None:
            self._draw(found)
            self.status.value = '<p role="status">Making the picture that it would like best …</p>'

        self.work(job, soon, self._draw)

    # ------------------------------------------------------------------ state and still picture

    def settings(self) -> dict:
        return {
            "layer": self.layer.value, "unit": self.unit.value, "picture": self.picture.value,
            "drawing": "" if self.own is None else portrait.picture_to_text(self.own),
        }  # fmt: skip

    def apply(self, settings: dict) -> None:
        drawing = settings["drawing"]
        self.own = portrait.picture_from_text(drawing) if drawing != "" else None
        layer = one_of(settings, "layer", LAYERS)
        unit = number(settings, "unit", 0, UNITS[layer] - 1)
        picture = one_of(settings, "picture", self._pictures())
        self.layer.value, self.unit.max, self.unit.value = layer, UNITS[layer] - 1, unit
        self.picture.options = self._pictures()
        self.picture.value = picture
        if self.portraits.seed != self.seed:
            self.portraits = Portraits(self.portraits.nets, self.seed)

    def still(self) -> tuple[Picture, list[dict]]:
        """The portrait that is shown, and its answers as numbers."""
        names, _, _, _, answers, layer, unit = self._portrait(*self._chosen(), make=False)
        rows = [
            {"network": name, "layer": layer[-1], "unit": unit,
             "strongest answer": f"{answer.max():.2f}",
             "over half of that": f"in {100 * trial_plots.strongly(answer):.0f}% of the places"}
            for name, answer in zip(names, answers, strict=True)
        ]  # fmt: skip
        return self.portrait.picture, rows
