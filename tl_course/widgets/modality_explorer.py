"""The modality explorer: a cell of the matrix as pictures, as sound and in a sentence."""

import functools
import html

import ipywidgets as widgets
import pandas as pd
from matplotlib.colors import to_hex

from tl_course.lessons.drawing import Picture, ink
from tl_course.lessons.n06_wrong_modality import figures as modality_plots
from tl_course.lessons.n06_wrong_modality.figures import TARGETS
from tl_course.lessons.n06_wrong_modality.sounds import Sound
from tl_course.study import matrix_cells, results
from tl_course.study.matrix_cells import SAME, SOURCES
from tl_course.widgets.base import Experiment, Slot, control, one_of, status
from tl_course.widgets.matrix_grid import MatrixGrid

EXAMPLES = (50, 200)
OPTIONS = (("frozen (Option 1)", "1"), ("trained further (Option 2)", "2"))
WRAP = {"flex_flow": "row wrap"}
SMALL = 1.25  # inches of an example, so that its caption is readable


class ModalityExplorer(Experiment):
    """The recorded matrix; choosing a cell shows and plays examples of its source and target."""

    name, title = "modality-explorer", "Which source for which digits?"

    def __init__(self, table: pd.DataFrame | None = None, seed: int = 0):
        super().__init__(seed)
        self._examples = functools.cache(_examples)
        self.table = results.load("matrix") if table is None else table
        self.targets = [name for name in TARGETS if name in set(self.table.target)]
        self.sources = list(SOURCES)
        numbers = [(f"{n} labelled examples", n) for n in EXAMPLES]
        self.option = control(
            widgets.Dropdown, "The borrowed layers are", "initial", "28em", options=OPTIONS
        )
        self.images = control(
            widgets.Dropdown, "They learn from", "initial", "23em", options=numbers
        )
        self.controls = {"option": self.option, "images": self.images}
        self.grid = MatrixGrid(
            rows=[TARGETS[name].replace("\n", " ") for name in self.targets],
            chosen=[0, self.sources.index("image")],
        )
        self.sentence = widgets.HTML()
        self.source, self.target = Slot(), Slot()
        self.source_sounds, self.target_sounds = (
            widgets.HTML().add_class("tlc-sounds") for _ in range(2)
        )
        self.on_change(self.controls.values(), lambda _: self.show())
        self.on_change(self.grid, self._other_cell, "chosen")
        self.show()
        choices = widgets.HBox([self.option, self.images], layout=WRAP)
        pairs = (self.source.view, self.source_sounds), (self.target.view, self.target_sounds)
        parts = [widgets.VBox(part) for part in pairs]
        examples = widgets.Box(parts).add_class("tlc-columns").add_class("tlc-halves")
        matrix = widgets.HBox([self.grid, self.sentence], layout=WRAP).add_class("tlc-found")
        self.lay_out([choices, matrix, examples])

    @property
    def cell(self) -> tuple[str, str]:
        """The chosen target and source."""
        row, column = self.grid.chosen
        return self.targets[row], self.sources[column]

    @property
    def result_in_words(self) -> str:
        """The result in the chosen cell, in words."""
        return self._in_words(*self.cell)

    def _in_words(self, target: str, source: str) -> str:
        images, option = self.images.value, self.option.value
        ending = " Both are the same modality." if SAME[target] == source else ""
        return matrix_cells.cell_in_words(self.measured, target, source, images, option) + ending

    def _cell(self, target: str, source: str) -> dict:
        """A cell of the grid; its colour is that of the heat map."""
        row = self.measured.loc[(target, source)]
        numbers, ahead = (row["mean"],), 0.0
        if source != "random":
            numbers, ahead = (*numbers, row.points, abs(row.ahead) > row.interval), row.ahead
        colour = modality_plots.HARM_TO_HELP(0.5 + ahead / modality_plots.MOST / 2)
        text = matrix_cells.in_a_cell(*numbers)
        return {
            "text": text, "label": self._in_words(target, source), "colour": to_hex(colour),
            "ink": ink(colour), "framed": SAME[target] == source,
        }  # fmt: skip

    def _other_cell(self, chosen: list[int]) -> None:
        row, column = chosen
        if row in range(len(self.targets)) and column in range(len(self.sources)):
            self._show_cell()
        else:
            with self.quietly():
                self.grid.chosen = self._shown

    def _show_cell(self) -> None:
        self._shown = self.grid.chosen
        target, source = self.cell
        self.sentence.value = status(self.result_in_words)
        for role, name, slot, sounds in (
            ("source", source, self.source, self.source_sounds),
            ("target", target, self.target, self.target_sounds),
        ):
            picture, words, sounds.value = self._examples(role, name, self.seed)
            if picture is None:
                slot.clear()
            else:
                slot.show(picture, words)

    def settings(self) -> dict:
        target, source = self.cell
        return super().settings() | {"target": target, "source": source}

    def apply(self, settings: dict) -> None:
        super().apply(settings)
        row = self.targets.index(one_of(settings, "target", self.targets))
        column = self.sources.index(one_of(settings, "source", self.sources))
        self.grid.chosen = [row, column]

    def show(self) -> None:
        self.measured = matrix_cells.measured_cells(
            self.table, self.images.value, self.option.value
        )
        control = "random layers" if self.option.value == "1" else "from scratch"
        self.grid.caption = (
            "Choose a cell. Column: what the layers learnt from; row: which digits came "
            f"next. In each cell: the percentage right, and how many points ahead of {control} (*: "
            "more than chance explains). Dashed frame: the same modality. Thick frame: the chosen "
            "cell."
        )
        self.grid.columns = list((SOURCES | {"random": control}).values())
        self.grid.cells = [[self._cell(t, s) for s in self.sources] for t in self.targets]
        self._show_cell()

    def still(self) -> tuple[Picture, list[dict]]:
        """The heat map and every cell in words."""
        picture = modality_plots.heat_map(self.measured, "Which source for which digits?")
        rows = [
            {"target": TARGETS[target].replace("\n", " "), "pretrained on": SOURCES[source],
             "what was measured": self._in_words(target, source)}
            for target in self.targets
            for source in self.sources
        ]  # fmt: skip
        return picture, rows


def _examples(role: str, name: str, seed: int) -> tuple[Picture | None, str, str]:
    """Examples of a source or target: a picture, its words, and audio players as HTML."""
    draw_examples = {"source": matrix_cells.of_source, "target": matrix_cells.of_target}[role]
    examples = draw_examples(name, seed)
    players = "".join(Sound(wave, rate, name)._repr_html_() for name, wave, rate in examples.sounds)
    if not len(examples.x):
        return None, "", f"<p>{html.escape(examples.title)}.</p>{players}"
    narrow = [caption.replace(" (voice", "\n(voice") for caption in examples.captions]
    picture = modality_plots.three_ways(examples.x, narrow, examples.title, SMALL)
    return picture, f"{examples.title}: {', '.join(examples.captions)}", players
