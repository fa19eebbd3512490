"""The layer explorer: any unit of a trained network beside the same one of an untrained one."""

import threading
from collections.abc import Callable

import ipywidgets as widgets
import torch

from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import NAMES, handwritten, to_input
from tl_course.data.targets.photographs import NAMES as PHOTOGRAPHS
from tl_course.data.targets.photographs import of_file, photograph
from tl_course.layers import portrait
from tl_course.layers.portrait import UNITS, Portrait, Portraits
from tl_course.lessons.figures import Picture
from tl_course.lessons.n00_start_here import handwriting
from tl_course.widgets import figures as trial_plots
from tl_course.widgets.base import Experiment, Slot, button, control, one_of, status
from tl_course.widgets.drawing_pad import Canvas

THINGS = ("cat", "umbrella", "house")
OWN = "your own picture"
TALL = 96  # pixels of a photograph
SIZE = {"label": "5em", "width": "20em"}  # of the controls
UNIT = 22  # of layer 1: it is easy to describe


class LayerExplorer(Experiment):
    """Filter or made picture, best patches and answers of one unit, trained and untrained."""

    name, title = "layer-explorer", "Layer explorer"

    def __init__(self, net: FiveLayerNet, untrained: FiveLayerNet, seed: int = 0):
        super().__init__(seed)
        self.portraits = Portraits({"trained": net, "untrained": untrained}, seed)
        self.own: torch.Tensor | None = None  # the learner's drawing or photograph
        layers = [(layer.replace("layer", "layer "), layer) for layer in LAYERS]
        self.layer = control(widgets.Dropdown, "Layer", options=layers, **SIZE)
        last = UNITS[LAYERS[0]] - 1
        self.unit = control(widgets.IntSlider, "Unit", value=UNIT, max=last, **SIZE)
        self.picture = control(
            widgets.Dropdown, "Show it", options=self._pictures(), value="digit 7", **SIZE
        )
        self.controls = {"layer": self.layer, "unit": self.unit, "picture": self.picture}
        self.draw_button = button("Draw something", kind=widgets.ToggleButton)
        self.upload = button("Open a photograph", kind=widgets.FileUpload)
        self.upload.accept = ".png,.jpg,.jpeg"
        self.drawing = Canvas(self, self._drawn)
        self.drawing.pad.add_class("tlc-small")  # so that the answers below stay in view
        self.status, self.portrait = widgets.HTML(), Slot()
        self._open(False)
        self.on_change(self.layer, self._other_layer)
        self.on_change((self.unit, self.picture), lambda _: self.show())
        self.on_change(self.draw_button, self._open)
        self.on_change(self.upload, self._handed_over)
        chosen = self._chosen()  # a filter of layer 1: nothing to wait for
        self._draw(self.portraits.of(*chosen, make=True), chosen)
        choices = [self.layer, self.unit, self.picture, self.draw_button, self.upload]
        top = widgets.HBox(choices, layout={"flex_flow": "row wrap"})
        self.lay_out([top, self.drawing.pad, self.status, self.portrait.view])

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

    def _drawn(self, final: bool) -> None:
        if final:
            self.drawing.answer({}, words="This is what the network gets.")
            if self.drawing.text:
                self.show_drawing(to_input(handwriting.pixels(self.drawing.text)[None])[0])

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

    def _draw(self, found: list[Portrait] | None, of: tuple, then: str = "") -> None:
        if found is not None:
            picture = trial_plots.portrait(found, *of)
            self.portrait.show(picture, picture.alt)
        self.status.value = then

    def show(self) -> None:
        """Work it out off the main thread: patches and answers first, the made picture last."""
        self.status.value = status("Looking at drawings …")
        chosen, portraits = self._chosen(), self.portraits

        def job(stop: threading.Event, tell: Callable) -> list[Portrait] | None:
            if stop.is_set():  # the learner has gone on to another unit
                return None
            if chosen[0] != LAYERS[0]:
                tell(portraits.of(*chosen, make=False))
            return None if stop.is_set() else portraits.of(*chosen, make=True)

        making = status("Making the picture that it would like best …")
        self.work(
            job,
            lambda found: self._draw(found, chosen, making),
            lambda found: self._draw(found, chosen),
        )

    def settings(self) -> dict:
        drawing = "" if self.own is None else portrait.picture_to_text(self.own)
        return super().settings() | {"drawing": drawing}

    def apply(self, settings: dict) -> None:
        drawing = settings["drawing"]
        self.own = portrait.picture_from_text(drawing) if drawing != "" else None
        self.unit.max = UNITS[one_of(settings, "layer", LAYERS)] - 1
        self.picture.options = self._pictures()
        super().apply(settings)
        if self.portraits.seed != self.seed:
            self.portraits = Portraits(self.portraits.nets, self.seed)

    def still(self) -> tuple[Picture, list[dict]]:
        """The portrait that is shown, and its answers as numbers."""
        layer, unit, x = self._chosen()
        rows = [
            {"network": one.name, "layer": layer[-1], "unit": unit,
             "strongest answer": f"{one.answer.max():.2f}",
             "over half of that": f"in {trial_plots.strongly(one.answer)} of the places"}
            for one in self.portraits.of(layer, unit, x, make=False)
        ]  # fmt: skip
        return self.portrait.picture, rows
