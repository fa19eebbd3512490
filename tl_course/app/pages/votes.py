"""What a class votes on in the notebooks of the three sessions: for the pages of docs/teaching/.

The question is read from its notebook. The result is computed from the recorded tables, by the
functions that the notebook uses. What students usually vote is an expectation, not a measurement.
"""

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd

from tl_course.app import notebooks
from tl_course.app.pages import markdown
from tl_course.core.network import FiveLayerNet
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.n00_start_here import claims as c00
from tl_course.lessons.n01_pretrain import claims as c01
from tl_course.lessons.n01_pretrain import experiments as e01
from tl_course.lessons.n02_what_layers_see import experiments as e02
from tl_course.lessons.n03_option_1_freeze import claims as c03
from tl_course.lessons.n03_option_1_freeze import experiments as e03
from tl_course.lessons.n04_option_2_fine_tune import claims as c04
from tl_course.lessons.n04_option_2_fine_tune import experiments as e04
from tl_course.lessons.n05_how_much_data import claims as c05
from tl_course.lessons.n05_how_much_data import experiments as e05
from tl_course.lessons.n05_how_much_data import questions as q05
from tl_course.lessons.n06_wrong_modality import claims as c06
from tl_course.lessons.n06_wrong_modality import experiments as e06
from tl_course.lessons.predictions import Asked
from tl_course.study import comparing
from tl_course.study.matrix import fifty

AFTER_SESSION_1 = "## Edges are edges, on cats and on sevens"
CURVE = ("05", "curve")  # an experiment asks it, not `tl.prediction`
ASKS = {1: "a number", 2: "two numbers", 3: "three numbers", 5: "five numbers"}


@dataclass(frozen=True)
class Vote:
    """Prediction `name` of a notebook: what we expect a class to vote, and the result.

    The parameters of `measured` are the names of recorded tables. It returns a number, numbers by
    label, or (answer, options).
    """

    number: str
    name: str
    expected: str
    measured: Callable[..., float | dict[str, float] | tuple[str | dict[str, str], Sequence[str]]]
    unit: str = "%"
    numbers: int = 0  # how many are asked for, if not as many as the result has

    @functools.cache  # noqa: B019 (there are few, and all of them last)
    def result(self) -> tuple[dict[str, float] | str, list[str]]:
        """The recorded result and the options, of which there are none if it is numbers."""
        result = self.measured(*map(markdown.recorded, inspect.signature(self.measured).parameters))
        if isinstance(result, tuple):
            return result[0], list(result[1])
        return result if isinstance(result, dict) else {"": result}, []

    def came_out(self) -> str:
        """The recorded result in words."""
        result, options = self.result()
        words = Asked("", result, tuple(options), self.unit).said_in_words(None)
        return words.removesuffix(".").removeprefix("It is: ").replace("-", "−")

    def choices(self) -> str:
        """The options, or how many numbers are asked for."""
        result, options = self.result()
        if options and isinstance(result, dict):
            return f"{'; '.join(result)}: {' · '.join(options)}"
        return " · ".join(options) or f"{ASKS[self.numbers or len(result)]} ({self.unit})"


def _right(sweep: pd.DataFrame, arm: str, images: int) -> pd.Series:
    """The percentage of digits that an arm gets right, by draw."""
    right = comparing.right(comparing.plain(sweep), arm, False, images)
    return 100 * right.mean(axis=1)


def _draws(sweep: pd.DataFrame, images: int) -> dict[str, float]:
    """The percentage Option 1 gets right with the digits of seed 0, and on average over draws."""
    right = _right(sweep, "option-1", images)
    return {"with seed 0": right[0], f"mean of {len(right)} draws": right.mean()}


def _new_numbers() -> float:
    net = FiveLayerNet(10)
    new = sum(p.numel() for p in net.output.parameters())
    return 100 * new / sum(p.numel() for p in net.parameters())


def _moved_most(forgetting: pd.DataFrame) -> tuple[str, list[str]]:
    rows = forgetting.query("settings == 'tuned' and arm == 'option-2' and images == 50")
    moved = rows[c04.LAYERS].mean().rename(lambda column: column.replace("moved_", "layer "))
    return moved.idxmax(), list(moved.index)


def _one_image_of_each(tasks: pd.DataFrame) -> dict[str, float]:
    rows = tasks.query("each == 1 and arm == 'option-1' and not augmented")
    mean = 100 * rows.groupby("task").accuracy.mean()
    called = {"letters": "letters", "unseen things": "unseen objects"}
    return {f"{name} (mean of ten draws)": mean[task] for task, name in called.items()}


def _misread(sweep: pd.DataFrame) -> tuple[str, str]:
    test = handwritten().test
    right = comparing.right(comparing.tuned(sweep), "option-1", True, 50).iloc[0]
    wrong = [test.names[y] for y, is_right in zip(test.y, right, strict=True) if not is_right]
    return max(test.names, key=wrong.count), "0123456789"


def _counting(matrix: pd.DataFrame) -> float:
    rows = matrix.query("images == 50 and source == 'none' and target == 'written'")
    return 100 * rows.accuracy.mean()


VOTES = (
    Vote("00", "ten", "20 to 50 before the pad has trained; afterwards what the pad said.",
         lambda sweep: _draws(sweep, 10), numbers=1),
    Vote("00", "fifty", "50 to 80, still too low.", lambda sweep: _draws(sweep, 50), numbers=1),
    Vote("00", "random", "10 to 30 before the pad has trained; then a little above what it said.",
         lambda sweep: _right(sweep, "random-frozen", 50).mean()),
    Vote("01", "filter", "Many say the dark middle of the cat: a filter is taken for a detector of "
         "dark things.", lambda: (e01.strongest_at(e01.edge(0)), e01.PLACES)),
    Vote("01", "output", "Under 10: the last layer looks small.", e01.share_in_output),
    Vote("01", "fresh", "Two camps: below 10, and above 90.",
         lambda pretraining: {"after 200,000 pictures": 100 * pretraining.accuracy.min()}),
    Vote("02", "which", "Nearly all are right.", lambda: (e02.trained_one(0), "AB")),
    Vote("02", "selective", "About 30 with training and 0 without.",
         lambda orientation: e02.selective(e02.selectivity_by_kind(orientation)), "of 32"),
    Vote("02", "straight", "Falling numbers, but not by so much.",
         lambda preference: e02.prefer_straight(preference)),
    Vote("02", "both", "Around 8, as by chance: other pictures, other units.",
         lambda usage: e02.busy_on_both(usage, "digits", "photographs"), "of 16"),
    Vote("02", "settling", "Layer 4, because it is nearest to the answer.",
         lambda settling: (settling.query("step == 0").groupby("layer").similarity.mean().idxmax(),
                           e02.LAYERS)),
    Vote("03", "new", "25 to 70: they remember the large output layer of notebook 01.",
         _new_numbers),
    Vote("03", "ten", "Near 70 where notebook 00 is remembered, otherwise about 40.",
         lambda sweep: _draws(sweep, 10), numbers=1),
    Vote("03", "second", "Divided; no network has the fewest votes.",
         lambda sweep: (e03.second_place(sweep, 50),
                        ("random frozen", "from scratch", "no network"))),
    Vote("03", "forms", "Both low, inverted lower than swapped.", lambda forms: e03.left(forms)),
    Vote("04", "gain", "No clear difference: it is only one of each.",
         lambda tasks: (comparing.leading_option(e04.gain_on_letters(tasks).iloc[0]),
                        comparing.LEADS.values())),
    Vote("04", "large-rate", "About as many as before, or guessing.",
         lambda by_hand: e04.by_hand_at(by_hand, 1e-3)),
    Vote("04", "moved", "Layer 4, because it is nearest to the new output layer.", _moved_most),
    Vote("04", "ten", "Training right, test too high.",
         lambda overfitting: e04.at_the_end(overfitting)),
    Vote("04", "forgotten", "Option 1: too low, Option 2: too high.",
         lambda forgetting: e04.left_of_100(forgetting, 50)),
    Vote("04", "ahead", "50 or 100: the textbook's rule.",
         lambda sweep: e04.digits_until_option_2_leads(e04.option_2_minus_option_1(sweep))),
    Vote(*CURVE, "Too low at ten, right at a thousand.",
         lambda sweep: {f"{n:,} digits": _right(sweep, "option-1", n).mean()
                        for n in (10, 100, 1000)}),
    Vote("05", "copies", "Option 1: it has the fewest numbers to fit.",
         lambda sweep: e05.gains_most(sweep, 10)),
    Vote("05", "decide", "Option 1 for the few, Option 2 for the many: the textbook's rule.",
         lambda official, tasks, real_letters: (
             e05.decided(e05.options_by_labels(official, tasks, real_letters)),
             comparing.LEADS.values())),
    Vote("05", "saved", "100, twice as many.",
         lambda sweep: e05.labels_from_scratch(sweep, "option-1", 50, False), "labels"),
    Vote("05", "tasks", "Letters and objects about equal, and too low.", _one_image_of_each, "%"),
    Vote("05", "misread", "4, 7 or 9, which look similar.", _misread),
    Vote("06", "table", "Pictures near 0 everywhere but for handwriting.",
         lambda matrix: e06.points_ahead(fifty(matrix)), "points ahead"),
    Vote("06", "people", "The same as with synthetic voices.",
         lambda matrix: e06.points_ahead(
             fifty(matrix), [("audio", "spoken-real"), ("image", "spoken-real")]),
         "points ahead"),
    Vote("06", "counting", "Under 20: without a network nothing works.", _counting),
    Vote("06", "controls", "Shuffled labels, or shuffled weights.",
         lambda controls: e06.least_able(controls, "image", "handwritten")),
)  # fmt: skip

CLAIMS = {  # by notebook: claims of its main line that a teacher says
    "00": (c00.what_it_saw_before_helps,),
    "01": (c01.it_learns_to_name_things,),
    "02": (),  # its claims are in Dig deeper
    "03": (c03.option_1_beats_its_rivals, c03.layers_ignore_what_pretraining_varied),
    "04": (
        c04.large_steps_ruin_option_2, c04.freezing_hardly_helps, c04.option_2_forgets,
        c04.only_with_ten_is_one_option_ahead,
    ),
    "05": (
        c05.borrowing_leads, c05.borrowing_saves_labels, c05.few_labels_favour_frozen_layers,
        c05.many_labels_favour_fine_tuning,
    ),
    "06": (c06.own_kind_serves_best, c06.another_kind_can_help),
}  # fmt: skip

PAGES = {  # page of docs/teaching/: its notebooks, and the parts of them with votes
    "session_1": (("00", "01", "02"), ("",)),
    "session_2": (("03", "04"), ("", "dig deeper")),
    "session_3": (("05", "06"), ("", "dig deeper")),
    "single": (("00", "03", "05", "06"), ("",)),
}


@dataclass(frozen=True)
class Place:
    """A prediction in its notebook: its question, and whether it has `options`."""

    number: str
    name: str
    question: str
    has_options: bool
    part: str  # "", "after session 1", "more exercises" or "dig deeper"


@functools.cache
def places() -> tuple[Place, ...]:
    """Every prediction of notebooks 00 to 06, in the order in which they are asked."""
    return tuple(
        Place(path.stem[:2], *asked, part)
        for path in notebooks.find()[:7]
        for source, part in _code_of(path)
        for asked in _asked_in(source, path.stem)
    )


def _code_of(notebook: Path) -> Iterator[tuple[str, str]]:
    """Each code cell of a notebook, with the part of the notebook (as in `Place`) that it is in."""
    part = ""
    for cell in nbformat.read(notebook, as_version=4).cells:
        if notebook.stem.startswith("02") and cell.source.startswith(AFTER_SESSION_1):
            part = "after session 1"
        if begins := notebooks.AFTER_THE_MAIN_LINE.search(cell.source):
            part = begins[0].removeprefix("# ").lower()
        if cell.cell_type == "code":
            yield cell.source, part


def _asked_in(source: str, stem: str) -> Iterator[tuple[str, str, bool]]:
    """The name and question of each prediction in a cell, and whether it has options."""
    texts = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            texts[ast.unparse(node.targets[0])] = node.value.value
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called == "tl.prediction":
            _, name, question, *_ = map(ast.unparse, node.args)
            if question.startswith("questions."):
                texts[question] = getattr(_questions_of(stem), question.partition(".")[2])
            has_options = any(keyword.arg == "options" for keyword in node.keywords)
            yield ast.literal_eval(name), texts[question], has_options
        if called == "tl.widgets.HowMuch":
            yield CURVE[1], q05.CURVE, False


def _questions_of(stem: str):
    return importlib.import_module(f"tl_course.lessons.n{stem}.questions")


def session(numbers: Sequence[str], parts: Sequence[str]) -> dict[str, markdown.Part]:
    """The parts of a session's page about its notebooks, with votes on these parts of them."""
    lines = [f"- **{n}** {claim.recorded().text}\n" for n in numbers for claim in CLAIMS[n]]
    return {
        "votes": votes(numbers, parts),
        "questions": markdown.Part(questions(numbers)),
        "claims": markdown.Part("".join(lines), "tl_course/app/pages/votes.py: CLAIMS"),
    }


def votes(numbers: Sequence[str], parts: Sequence[str]) -> markdown.Part:
    """A table of the votes on parts of some notebooks."""
    by_name = {(vote.number, vote.name): vote for vote in VOTES}
    rows = {}
    for place in places():
        if place.number in numbers and place.part in parts:
            vote = by_name[place.number, place.name]
            rows[f"{_where(place.number, place.part)} `{place.name}`"] = [
                place.question, vote.choices(), vote.expected, f"**{vote.came_out()}**"
            ]  # fmt: skip
    head = ["asked", "options", "what students usually vote", "what came out"]
    return markdown.Part(
        markdown.pipe_table("in", head, rows), "tl_course/app/pages/votes.py: VOTES"
    )


def _where(number: str, part: str) -> str:
    return f"{number} ({part})" if part else number


def questions(numbers: Sequence[str]) -> str:
    """A table of the short questions of some notebooks, with their answers."""
    rows = {}
    for path in notebooks.find(list(numbers)):
        for source, part in _code_of(path):
            for name in re.findall(r"tl\.question\(questions\.(\w+)\)", source):
                question = getattr(_questions_of(path.stem), name)
                wrong = [answer for answer in question.answers if answer != question.right]
                where = f"{_where(path.stem[:2], part)} {question.text}"
                rows[where] = [f"**{question.right}**", " · ".join(wrong)]
    return markdown.pipe_table("in, and question", ["right", "wrong"], rows)
