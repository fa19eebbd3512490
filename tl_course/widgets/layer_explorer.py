"""The layer explorer: any unit of a trained network beside the same unit of an untrained one.

It shows one picture, A, or two. With two, the units that respond to A but not to B come first.
"""

import threading
from collections.abc import Callable, Mapping

import ipywidgets as widgets
import torch

from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets import drawn
from tl_course.data.targets.handwritten import NAMES, handwritten, to_input
from tl_course.data.targets.photographs import NAMES as PHOTOGRAPHS
from tl_course.data.targets.photographs import of_file, photograph
from tl_course.layers import portrait
from tl_course.layers.portrait import UNITS, Portrait, Portraits
from tl_course.lessons.drawing import Picture
from tl_course.widgets import figures as trial_plots
from tl_course.widgets import unit_sheet
from tl_course.widgets.base import WRAP, Experiment, Slot, button, control, number, one_of, status
from tl_course.widgets.drawing_pad import Canvas
from tl_course.widgets.figures import layer_name
from tl_course.widgets.unit_sheet import UnitSheet

TRAINED = "trained"
THINGS = ("cat", "umbrella", "house")
OWN = "your own picture"
NONE, EARLIER = "no other picture", "your earlier picture"  # options of B
TALL = 96  # pixels of a photograph
UNIT = 22  # of layer 1: it is easy to describe
OLD = "tlc-old"  # the class that dims what is out of date


def sheet_of(portraits: Portraits, layer: str, pictures: Mapping[str, torch.Tensor]) -> dict:
    """Every unit of a layer of the trained network, for a `UnitSheet`.

    With two pictures, the units are sorted by how far their strongest answer to A exceeds that
    to B.
    """
    as_pictures = "its filter" if layer == LAYERS[0] else "what excites it most"
    words = f"All {UNITS[layer]} units of {layer_name(layer)}, each as {as_pictures}"
    order, notes = None, ()
    if len(pictures) == 2:
        a, b = (portraits.strongest(TRAINED, layer, x) for x in pictures.values())
        order = (a - b).argsort(descending=True, stable=True).tolist()
        notes = [f"{to_a:.1f} to A, {to_b:.1f} to B" for to_a, to_b in zip(a, b, strict=True)]
        words += "; those that respond to A and not to B come first"
    words += " (arrow keys and Enter choose):"
    return unit_sheet.sheet(portraits.sheet(TRAINED, layer), words, order, notes)


class LayerExplorer(Experiment):
    """A sheet of all units of a layer, and a portrait of the chosen one, trained and untrained."""

    name, title = "layer-explorer", "Layer explorer"

    def __init__(self, net: FiveLayerNet, untrained: FiveLayerNet, seed: int = 0):
        super().__init__(seed)
        self.portraits = Portraits({TRAINED: net, "untrained": untrained}, seed)
        self.own: torch.Tensor | None = None  # the learner's drawing or photograph
        self.earlier: torch.Tensor | None = None  # the one that was kept as B
        layers = [(layer_name(layer), layer) for layer in LAYERS]
        self.layer = control(widgets.Dropdown, "Layer", width="100%", options=layers)
        self.picture, self.other = (
            control(widgets.Dropdown, words, width="100%")
            for words in ("Picture to show it (A)", "Compare it with (B)")
        )
        self._offer()
        self.picture.value = "digit 7"
        self.controls = {"layer": self.layer, "picture": self.picture, "other": self.other}
        self.draw_button = button("Draw something", kind=widgets.ToggleButton)
        self.keep_button = button("Keep as B")
        self.upload = button("Open a photograph", kind=widgets.FileUpload)
        self.upload.accept = ".png,.jpg,.jpeg"
        self.drawing = Canvas(self, self._on_drawing)
        self.sheet = UnitSheet(sheet=sheet_of(self.portraits, LAYERS[0], {}), chosen=UNIT)
        self.unit = UNIT
        self._sheet_key = self._key_of_sheet()
        self.status, self.portrait = widgets.HTML().add_class("tlc-status"), Slot()
        self.shown = widgets.Box([self.portrait.view]).add_class("tlc-portrait")  # dimmed with it
        self._open(False)
        self.on_change(self.layer, self._other_layer)
        self.on_change(self.sheet, self._other_unit, "chosen")
        self.on_change(self.picture, lambda _: self._other_picture())
        self.on_change(self.other, lambda _: self.show())
        self.on_change(self.draw_button, self._open)
        self.on_click(self.keep_button, self._keep)
        self.on_change(self.upload, self._handed_over)
        chosen = self._chosen()  # a filter of layer 1 is ready at once
        self._draw(self.portraits.of(*chosen, make=True), chosen)
        for choice in (self.layer, self.picture, self.other):
            choice.add_class("tlc-inline")
        other = widgets.Box([self.other, self.keep_button]).add_class("tlc-other")
        inputs = widgets.HBox([self.draw_button, self.upload], layout=WRAP)
        choices = [self.layer, self.picture, other, inputs, self.drawing.pad]
        choices = widgets.VBox(choices).add_class("tlc-controls")
        result = widgets.VBox([self.status, self.shown])
        self.lay_out([widgets.Box([choices, self.sheet, result]).add_class("tlc-explorer")])

    def _offer(self) -> None:
        """Offer every picture; A also has the learner's own, and B the one that was kept."""
        digits = [f"digit {name}" for name in NAMES]
        pictures = [*THINGS, *digits, *(f"photograph: {name}" for name in PHOTOGRAPHS)]
        for choice, options in (
            (self.picture, [*pictures, *([OWN] if self.own is not None else [])]),
            (self.other, [NONE, *pictures, *([EARLIER] if self.earlier is not None else [])]),
        ):
            chosen = choice.value
            if choice.options != tuple(options):
                choice.options = options
                choice.value = chosen if chosen in options else options[0]

    def show_drawing(self, x: torch.Tensor) -> None:
        """Show a picture of the learner's own `[3, h, w]`, scaled like every network input."""
        portrait.check_picture(x)
        with self.quietly():
            self.own = x
            self._offer()
            self.picture.value = OWN
        self.show()
        self.refresh_state()

    def _keep(self) -> None:
        """Make A the new B, so that another A can be compared with it."""
        picture = self.picture.value
        with self.quietly():
            if picture == OWN:
                self.earlier, picture = self.own, EARLIER
                self._offer()
                self.drawing.put("")
            self.other.value = picture
        self.show()

    def _open(self, opened: bool) -> None:
        """Show or hide the drawing pad."""
        self.drawing.pad.layout.display = "" if opened else "none"

    def _put_away(self) -> None:
        """Empty and hide the drawing pad, because the network gets another picture."""
        with self.quietly():
            self.draw_button.value = False
        self._open(False)
        self.drawing.put("")

    def _on_drawing(self, final: bool) -> None:
        if final:
            self.drawing.answer({}, words="This is what the network gets.")
            if self.drawing.text:
                self.show_drawing(to_input(drawn.pixels(self.drawing.text)[None])[0])

    def _handed_over(self, files: tuple) -> None:
        with self.quietly():
            self.upload.value = ()
        for file in files[:1]:
            self.show_drawing(of_file(bytes(file["content"]), str(file["name"])))
            self._put_away()

    def shown_picture(self) -> torch.Tensor:
        """The chosen picture `[3, h, w]`."""
        return self._picture(self.picture.value)

    def shown_pictures(self) -> dict[str, torch.Tensor]:
        """The chosen picture, or A and B, by their titles."""
        a, b = self.picture.value, self.other.value
        if b == NONE:
            return {a: self._picture(a)}
        return {f"A: {a}": self._picture(a), f"B: {b}": self._picture(b)}

    def _picture(self, kind: str) -> torch.Tensor:
        if kind in (OWN, EARLIER):
            return self.own if kind == OWN else self.earlier
        if kind in THINGS:
            drawings = EmojiImages(self.seed)
            return drawings.of_thing(drawings.names.index(kind), 1)[0]
        if kind.startswith("digit"):
            test = handwritten().test
            return test.x[(test.y == int(kind[-1])).nonzero()[self.seed % 100, 0]]
        return photograph(kind.removeprefix("photograph: "), TALL)

    def _other_picture(self) -> None:
        self._put_away()
        self.show()

    def _other_layer(self, layer: str) -> None:
        self._choose(min(self.unit, UNITS[layer] - 1))
        self.show()

    def _other_unit(self, unit: int) -> None:
        if unit in range(UNITS[self.layer.value]):
            self.unit = unit
            self.show()
        else:  # the click was on the sheet of a larger layer, which is being replaced
            self._choose(self.unit)

    def _choose(self, unit: int) -> None:
        with self.quietly():
            self.unit = self.sheet.chosen = unit

    # ------------------------------------------------------------------ a portrait

    def _chosen(self) -> tuple[str, int, dict[str, torch.Tensor]]:
        return self.layer.value, self.unit, self.shown_pictures()

    def _key_of_sheet(self) -> tuple:
        """The layer, the seed, and the pictures that decide the order of the units."""
        now = self.settings()
        pair = [now[name] for name in ("picture", "drawing", "other", "earlier")]
        return self.layer.value, self.seed, *(pair if self.other.value != NONE else ())

    def _show_sheet(self, sheet: dict, key: tuple) -> None:
        with self.sheet.hold_sync():  # both traits in one message
            self.sheet.sheet, self.sheet.busy = sheet, False
        self._sheet_key = key

    def _show_status(self, chosen: tuple, doing: str = "") -> None:
        layer, unit, _ = chosen
        more = f": {doing}" if doing else f" (numbered 0 to {UNITS[layer] - 1})"
        self.status.value = status(f"Unit {unit} of {layer_name(layer)}{more}")

    def _draw(self, portraits: list[Portrait], chosen: tuple, doing: str = "") -> None:
        """Show a portrait; `doing` says which part is still being made."""
        picture = trial_plots.portrait(portraits, *chosen)
        self.portrait.show(picture, trial_plots.answers_in_words(portraits, chosen[0]))
        self.shown.remove_class(OLD)
        self._show_status(chosen, doing)

    def _done(self, portraits: list[Portrait] | None, chosen: tuple) -> None:
        if portraits is None:  # after an error; the portrait of another unit stays dimmed
            self._show_status(chosen, "not shown")
        else:
            self._draw(portraits, chosen)

    def show(self) -> None:
        """Compute the portrait in a thread; the last one is dimmed meanwhile.

        A new sheet comes first, then patches and answers, and the synthesised picture comes last.
        """
        chosen, portraits, sheet_key = self._chosen(), self.portraits, self._key_of_sheet()
        self.sheet.busy = changed = self._sheet_key != sheet_key
        self.shown.add_class(OLD)
        self._show_status(chosen, "looking at drawings …")

        def job(stop: threading.Event, tell: Callable) -> list[Portrait] | None:
            if stop.is_set():  # the learner has chosen another unit
                return None
            if changed:
                sheet = sheet_of(portraits, sheet_key[0], chosen[2])
                tell(lambda: self._show_sheet(sheet, sheet_key))
            if not portraits.at_once(*chosen[:2]) and not stop.is_set():
                answers = portraits.of(*chosen, make=False)
                tell(lambda: self._draw(answers, chosen, "making a picture for it …"))
            return None if stop.is_set() else portraits.of(*chosen, make=True)

        self.work(job, lambda draw: draw(), lambda answers: self._done(answers, chosen))

    def settings(self) -> dict:
        drawing, earlier = (
            "" if x is None else portrait.picture_to_text(x) for x in (self.own, self.earlier)
        )
        return {
            "layer": self.layer.value, "unit": self.unit, "picture": self.picture.value,
            "other": self.other.value, "drawing": drawing, "earlier": earlier,
        }  # fmt: skip

    def apply(self, settings: dict) -> None:
        self.own, self.earlier = (
            portrait.picture_from_text(settings[name]) if settings[name] != "" else None
            for name in ("drawing", "earlier")
        )
        last = UNITS[one_of(settings, "layer", LAYERS)] - 1
        self._choose(number(settings, "unit", 0, last))
        self._offer()
        super().apply(settings)
        self._put_away()
        if self.portraits.seed != self.seed:
            self.portraits = Portraits(self.portraits.nets, self.seed)

    def still(self) -> tuple[Picture, list[dict]]:
        """The portrait, and its answers as numbers."""
        layer, unit, _ = chosen = self._chosen()
        rows = [
            {"network": seen.name, "layer": layer[-1], "unit": unit, "picture": name,
             "strongest answer": f"{answer.max():.2f}",
             "more than half of that": f"in {trial_plots.strongly(answer)} of the picture"}
            for seen in self.portraits.of(*chosen, make=False)
            for name, answer in seen.answers.items()
        ]  # fmt: skip
        return self.portrait.picture, rows
