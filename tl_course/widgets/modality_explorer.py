"""The modality explorer: a cell of the matrix to see, to hear, and said in a sentence."""

from __future__ import annotations

import html

import ipywidgets as widgets
import pandas as pd
from matplotlib.colors import to_hex

from tl_course.lessons.figures import Picture
from tl_course.lessons.n06_wrong_modality import cells as matrix_cells
from tl_course.lessons.n06_wrong_modality import figures as modality_plots
from tl_course.lessons.n06_wrong_modality.cells import Shown
from tl_course.lessons.n06_wrong_modality.figures import SAME, SOURCES, TARGETS
from tl_course.study import results
from tl_course.widgets.base import Experiment, Slot, one_of
from tl_course.widgets.matrix_grid import MatrixGrid

EXAMPLES = (50, 200)
OPTIONS = (("1: four layers fixed", "1"), ("2: everything trained", "2"))
WIDE = {"width": "20em", "max_width": "100%"}
WRAP = {"flex_flow": "row wrap"}


class ModalityExplorer(Experiment):
    """The recorded matrix; choosing a cell shows and plays examples of its source and target."""

    name, title = "modality-explorer", "Which source for which digits?"

    def __init__(self, table: pd.DataFrame | None = None, seed: int = 0):
        super().__init__(seed)
        self._kept: dict[tuple, tuple[Picture | None, str, str]] = {}
        self.table = results.load("matrix") if table is None else table
        self.targets = [name for name in TARGETS if name in set(self.table.target)]
        self.sources = list(SOURCES)
        self.option = widgets.Dropdown(description="Option", options=OPTIONS, layout=WIDE)
        self.images = widgets.Dropdown(
            description="Labelled", options=[(f"{n} examples", n) for n in EXAMPLES], layout=WIDE
        )
        self.grid = MatrixGrid(
            rows=[TARGETS[name].replace("\n", " ") for name in self.targets],
            chosen=[0, self.sources.index("image")],
        )
        self.sentence = widgets.HTML()
        self.source, self.target = Slot(), Slot()
        self.source_sounds, self.target_sounds = widgets.HTML(), widgets.HTML()
        for control in (self.option, self.images):
            self.on_change(control, lambda _: self.show())
        self.on_change(self.grid, lambda _: self._show_cell(), "chosen")
        self.show()
        wide = {"flex": "1 1 20em"}
        self.lay_out(
            [
                widgets.HBox([self.option, self.images], layout=WRAP),
                self.grid,
                self.sentence,
                widgets.HBox(
                    [
                        widgets.VBox([self.source.view, self.source_sounds], layout=wide),
                        widgets.VBox([self.target.view, self.target_sounds], layout=wide),
                    ],
                    layout=WRAP,
                ),
            ]
        )

    @property
    def cell(self) -> tuple[str, str]:
        """The chosen target and source."""
        row, column = self.grid.chosen
        return self.targets[row], self.sources[column]

    @property
    def said(self) -> str:
        """What was measured in the chosen cell."""
        return matrix_cells.in_words(
            self.measured, *self.cell, self.images.value, self.option.value
        )

    def _cell(self, target: str, source: str) -> dict:
        """What the grid needs for one cell; its colour is that of the heat map."""
        row, size, option = self.measured.loc[(target, source)], self.images.value, self.option
        text, shade = f"{row['mean']:.0f}", 0.5
        if source != "random":
            star = " *" if abs(row.ahead) > row.interval else ""
            ahead = f"{row.ahead:+.0f}" if round(row.ahead) else "0"
            text += f"\n{ahead}{star}".replace("-", "−")
            shade += row.ahead / modality_plots.MOST / 2
        colour = modality_plots.HARM_TO_HELP(shade)
        label = matrix_cells.in_words(self.measured, target, source, size, option.value)
        return {
            "text": text, "label": label, "colour": to_hex(colour),
            "ink": modality_plots.ink(colour), "framed": SAME[target] == source,
        }  # fmt: skip

    def _show_cell(self) -> None:
        target, source = self.cell
        self.sentence.value = f'<p role="status">{html.escape(self.said)}</p>'
        self._put("source", source, self.source, self.source_sounds)
        self._put("target", target, self.target, self.target_sounds)

    def _put(self, role: str, name: str, slot: Slot, sounds: widgets.HTML) -> None:
        """Examples into their places: a picture with words, and a player for each sound."""
        key = role, name, self.seed
        if key not in self._kept:  # drawn once
            give = {"source": matrix_cells.of_source, "target": matrix_cells.of_target}[role]
            self._kept[key] = _prepared(give(name, self.seed))
        picture, words, players = self._kept[key]
        if picture is None:
            slot.clear()
        else:
            slot.show(picture, words)
        sounds.value = players

    # ------------------------------------------------------------------ state and still picture

    def settings(self) -> dict:
        target, source = self.cell
        return {
            "option": self.option.value, "images": self.images.value,
            "target": target, "source": source,
        }  # fmt: skip

    def apply(self, settings: dict) -> None:
        self.option.value = one_of(settings, "option", tuple(value for _, value in OPTIONS))
        self.images.value = one_of(settings, "images", EXAMPLES)
        row = self.targets.index(one_of(settings, "target", self.targets))
        column = self.sources.index(one_of(settings, "source", self.sources))
        self.grid.chosen = [row, column]

    def show(self) -> None:
        self.measured = matrix_cells.measured(self.table, self.images.value, self.option.value)
        control = "random layers" if self.option.value == "1" else "from scratch"
        self.grid.caption = (
            "In each cell how many of 100 digits are right, and below it points ahead of "
            f"{control} (* where the 95% interval leaves out zero). Framed: the same kind of "
            "input. Choose a cell."
        )
        self.grid.columns = [
            SOURCES[source] if source != "random" else control for source in self.sources
        ]
        self.grid.cells = [[self._cell(t, s) for s in self.sources] for t in self.targets]
        self._show_cell()

    def still(self) -> tuple[Picture, list[dict]]:
        """The heat map, and every cell in words."""
        found = self.measured.reset_index()
        picture = modality_plots.heat_map(
            found.assign(mean=found["mean"] / 100), found.dropna(), "Which source for which digits?"
        )
        rows = [
            {"target": TARGETS[target].replace("\n", " "), "pretrained on": SOURCES[source],
             "what was measured": matrix_cells.in_words(
                 self.measured, target, source, self.images.value, self.option.value)}
            for target in self.targets
            for source in self.sources
        ]  # fmt: skip
        return picture, rows


def _prepared(shown: Shown) -> tuple[Picture | None, str, str]:
    """A picture of examples, the same in words, and players as HTML."""
    players = "".join(
        modality_plots.Sound(wave, rate, f"{shown.title}: {name}")._repr_html_()
        for name, wave, rate in shown.sounds
    )
    if not len(shown.x):
        return None, "", f"<p>{html.escape(shown.title)}.</p>{players}"
    picture = modality_plots.three_ways(shown.x, shown.captions, shown.title)
    return picture, f"{shown.title}: {', '.join(shown.captions)}", players
