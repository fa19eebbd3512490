"""The layer explorer: any unit of a trained network beside the same one of an untrained one.

It looks at one picture, A, or at two; then the units come first that answer A and not B.
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
NONE, EARLIER = "no other picture", "your earlier picture"  # of B
TALL = 96  # pixels of a photograph
UNIT = 22  # of layer 1: it is easy to describe
OLD = "tlc-old"  # the class of what is out of date: it is dimmed


def sheet_of(portraits: Portraits, layer: str, pictures: Mapping[str, torch.Tensor]) -> dict:
    """Every unit of a layer of the trained network, for a `UnitSheet`.

    Of two pictures, the units come first whose strongest answer to A is most above that to B.
    """
    what = "its filter" if layer == LAYERS[0] else "what excites it most"
    every = f"All {UNITS[layer]} units of {layer_name(layer)}, each as {what}"
    order, notes = None, ()
    if len(pictures) == 2:
        a, b = (portraits.strongest(TRAINED, layer, x) for x in pictures.values())
        order = (a - b).argsort(descending=True, stable=True).tolist()
        notes = [f"{to_a:.1f} to A, {to_b:.1f} to B" for to_a, to_b in zip(a, b, strict=True)]
        every += "; first those that answer A and not B"
    words = f"{every} (arrow keys and Enter choose):"
    return unit_sheet.sheet(portraits.sheet(TRAINED, layer), words, order, notes)


class LayerExplorer(Experiment):
    """A sheet of all units of a layer, and a portrait of the chosen one, trained and untrained."""

    name, title = "layer-explorer", "Layer explorer"

    def __init__(self, net: FiveLayerNet, untrained: FiveLayerNet, seed: int = 0):
        super().__init__(seed)
        self.portraits = Portraits({TRAINED: net, "untrained": untrained}, seed)
        self.own: torch.Tensor | None = None  # the learner's drawing or photograph
        self.earlier: torch.Tensor | None = None  # one that was kept as B
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
        self.drawing = Canvas(self, self._drawn)
        self.sheet = UnitSheet(sheet=sheet_of(self.portraits, LAYERS[0], {}), chosen=UNIT)
        self.unit = UNIT
        self._laid = self._sheet_is_of()
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
        chosen = self._chosen()  # a filter of layer 1: nothing to wait for
        self._draw(self.portraits.of(*chosen, make=True), chosen)
        for choice in (self.layer, self.picture, self.other):
            choice.add_class("tlc-inline")
        other = widgets.Box([self.other, self.keep_button]).add_class("tlc-other")
        own = widgets.HBox([self.draw_button, self.upload], layout=WRAP)
        choices = [self.layer, self.picture, other, own, self.drawing.pad]
        choices = widgets.VBox(choices).add_class("tlc-controls")
        result = widgets.VBox([self.status, self.shown])
        self.lay_out([widgets.Box([choices, self.sheet, result]).add_class("tlc-explorer")])

    def _offer(self) -> None:
        """Offer every picture, for A the learner's own, and for B the one that was kept."""
        digits = [f"digit {name}" for name in NAMES]
        every = [*THINGS, *digits, *(f"photograph: {name}" for name in PHOTOGRAPHS)]
        for choice, options in (
            (self.picture, [*every, *([OWN] if self.own is not None else [])]),
            (self.other, [NONE, *every, *([EARLIER] if self.earlier is not None else [])]),
        ):
            chosen = choice.value
            if choice.options != tuple(options):
                choice.options = options
                choice.value = chosen if chosen in options else options[0]

    def show_drawing(self, x: torch.Tensor) -> None:
        """Look at a picture of the learner's own `[3, h, w]`, on the course's scale."""
        portrait.check_picture(x)
        with self.quietly():
            self.own = x
            self._offer()
            self.picture.value = OWN
        self.show()
        self.refresh_state()

    def _keep(self) -> None:
        """Let what is A now be B, so that another A can be compared with it."""
        kept = self.picture.value
        with self.quietly():
            if kept == OWN:
                self.earlier, kept = self.own, EARLIER
                self._offer()
                self.drawing.put("")
            self.other.value = kept
        self.show()

    def _open(self, opened: bool) -> None:
        """Show or hide the drawing pad."""
        self.drawing.pad.layout.display = "" if opened else "none"

    def _put_away(self) -> None:
        """Empty the drawing pad and hide it: the network gets something else."""
        with self.quietly():
            self.draw_button.value = False
        self._open(False)
        self.drawing.put("")

    def _drawn(self, final: bool) -> None:
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
        """That picture, or A and B, by what is written above them."""
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
        self._choose(min(self.unit, UNITS[layer] - 1))  # a unit beyond becomes the last one
        self.show()

    def _other_unit(self, unit: int) -> None:
        if unit in range(UNITS[self.layer.value]):
            self.unit = unit
            self.show()
        else:  # it was chosen from the sheet of a larger layer, on its way meanwhile
            self._choose(self.unit)

    def _choose(self, unit: int) -> None:
        with self.quietly():
            self.unit = self.sheet.chosen = unit

    # ------------------------------------------------------------------ a portrait

    def _chosen(self) -> tuple[str, int, dict[str, torch.Tensor]]:
        return self.layer.value, self.unit, self.shown_pictures()

    def _sheet_is_of(self) -> tuple:
        """The layer and the seed, and the pictures that give the units their order."""
        now = self.settings()
        pair = [now[name] for name in ("picture", "drawing", "other", "earlier")]
        return self.layer.value, self.seed, *(pair if self.other.value != NONE else ())

    def _lay(self, sheet: dict, of: tuple) -> None:
        with self.sheet.hold_sync():  # the pictures and what they are in one
            self.sheet.sheet, self.sheet.busy = sheet, False
        self._laid = of

    def _say(self, of: tuple, doing: str = "") -> None:
        layer, unit, _ = of
        more = f": {doing}" if doing else f" (numbered 0 to {UNITS[layer] - 1})"
        self.status.value = status(f"Unit {unit} of {layer_name(layer)}{more}")

    def _draw(self, found: list[Portrait], of: tuple, doing: str = "") -> None:
        """Show a portrait; `doing` says what is still being done for it."""
        picture = trial_plots.portrait(found, *of)
        self.portrait.show(picture, trial_plots.answers_in_words(found, of[0]))
        self.shown.remove_class(OLD)
        self._say(of, doing)

    def _done(self, found: list[Portrait] | None, of: tuple) -> None:
        if found is None:  # it went wrong: what is shown stays dimmed, for it is of another unit
            self._say(of, "not shown")
        else:
            self._draw(found, of)

    def show(self) -> None:
        """Work it out off the main thread; what was there before is dimmed until then.

        The sheet comes first, if it is another layer's, then patches and answers. The made picture
        comes last.
        """
        chosen, portraits, of = self._chosen(), self.portraits, self._sheet_is_of()
        self.sheet.busy = other = self._laid != of
        self.shown.add_class(OLD)
        self._say(chosen, "looking at drawings …")

        def job(stop: threading.Event, tell: Callable) -> list[Portrait] | None:
            if stop.is_set():  # the learner has gone on to another unit
                return None
            if other:
                sheet = sheet_of(portraits, of[0], chosen[2])
                tell(lambda: self._lay(sheet, of))
            if not portraits.at_once(*chosen[:2]) and not stop.is_set():
                found = portraits.of(*chosen, make=False)
                tell(lambda: self._draw(found, chosen, "making a picture for it …"))
            return None if stop.is_set() else portraits.of(*chosen, make=True)

        self.work(job, lambda draw: draw(), lambda found: self._done(found, chosen))

    def settings(self) -> dict:
        chosen = {"layer": self.layer.value, "unit": self.unit, "picture": self.picture.value}
        texts = {name: "" if x is None else portrait.picture_to_text(x) for name, x in self._own()}
        return chosen | {"other": self.other.value} | texts

    def _own(self) -> list[tuple[str, torch.Tensor | None]]:
        return [("drawing", self.own), ("earlier", self.earlier)]

    def apply(self, settings: dict) -> None:
        self.own, self.earlier = (
            portrait.picture_from_text(settings[name]) if settings[name] != "" else None
            for name, _ in self._own()
        )
        last = UNITS[one_of(settings, "layer", LAYERS)] - 1
        self._choose(number(settings, "unit", 0, last))
        self._offer()
        super().apply(settings)
        self._put_away()
        if self.portraits.seed != self.seed:
            self.portraits = Portraits(self.portraits.nets, self.seed)

    def still(self) -> tuple[Picture, list[dict]]:
        """The portrait that is shown, and its answers as numbers."""
        layer, unit, _ = chosen = self._chosen()
        rows = [
            {"network": one.name, "layer": layer[-1], "unit": unit, "picture": name,
             "strongest answer": f"{answer.max():.2f}",
             "more than half of that": f"in {trial_plots.strongly(answer)} of the picture"}
            for one in self.portraits.of(*chosen, make=False)
            for name, answer in one.answers.items()
        ]  # fmt: skip
        return self.portrait.picture, rows
