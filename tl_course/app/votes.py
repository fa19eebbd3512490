"""What a class votes on in the notebooks of the three sessions: for the pages of docs/teaching/.

The question is read out of its notebook; what came out is made from the recorded tables, by the
functions that the notebook uses. What students usually vote is an expectation, not a measurement.
"""

import ast
import functools
import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd

from tl_course.app import notebooks
from tl_course.core.network import FiveLayerNet
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.claims import Claim
from tl_course.lessons.n00_start_here import claims as c00
from tl_course.lessons.n01_pretrain import claims as c01
from tl_course.lessons.n01_pretrain import experiments as e01
from tl_course.lessons.n02_what_layers_see import claims as c02
from tl_course.lessons.n02_what_layers_see import experiments as e02
from tl_course.lessons.n02_what_layers_see import experiments as f02
from tl_course.lessons.n03_option_1_freeze import claims as c03
from tl_course.lessons.n03_option_1_freeze import experiments as f03
from tl_course.lessons.n04_option_2_fine_tune import claims as c04
from tl_course.lessons.n04_option_2_fine_tune import experiments as e04
from tl_course.lessons.n05_how_much_data import claims as c05
from tl_course.lessons.n05_how_much_data import experiments as f05
from tl_course.lessons.n05_how_much_data import questions as q05
from tl_course.lessons.n06_wrong_modality import claims as c06
from tl_course.lessons.n06_wrong_modality import experiments as f06
from tl_course.lessons.predictions import Asked
from tl_course.study import comparing, results

AFTER_SESSION_1 = "## Edges, then corners, then shapes?"
CURVE = ("05", "curve")  # asked by an experiment, and not by `tl.prediction`


@dataclass(frozen=True)
class Vote:
    """Prediction `name` of a notebook: what we expect a class to vote, and what came out."""

    number: str
    name: str
    expected: str
    measured: Callable[[], float | dict[str, float] | str]
    options: Callable[[], Sequence[str]] = tuple
    unit: str = "of 100"
    asks: str = "a number"

    @functools.cache  # noqa: B019 (there are few, and all of them last)
    def came_out(self) -> str:
        """The recorded result in words."""
        measured = self.measured()
        if not isinstance(measured, (str, dict)):
            measured = {"": measured}
        return (
            Asked("", measured, unit=self.unit)
            .said_in_words(None)
            .removesuffix(".")
            .removeprefix("It is: ")
            .replace("-", "−")
        )


@functools.cache
def _load(name: str):
    return results.load(name)


def _draws(images: int) -> dict[str, float]:
    """Option 1 on the digits that seed 0 gives, and on average."""
    right = _per_draw("option-1", images)
    return {"with seed 0": right[0], f"mean of {len(right)} draws": right.mean()}


def _mean(arm: str, images: int) -> float:
    return _per_draw(arm, images).mean()


def _per_draw(arm: str, images: int) -> pd.Series:
    right = comparing.right(comparing.plain(_load("sweep")), arm, False, images)
    return 100 * right.mean(axis=1)


def _new_numbers() -> float:
    net = FiveLayerNet(10)
    new = sum(p.numel() for p in net.output.parameters())
    return 100 * new / sum(p.numel() for p in net.parameters())


def _moved_most() -> str:
    rows = _load("forgetting").query("settings == 'tuned' and arm == 'option-2' and images == 50")
    return rows[c04.LAYERS].mean().idxmax().replace("moved_", "layer ")


def _one_image_of_each() -> dict[str, float]:
    rows = _load("tasks").query("each == 1 and arm == 'option-1' and not augmented")
    mean = 100 * rows.groupby("task").accuracy.mean()
    return {f"{task} (mean of ten draws)": mean[task] for task in ("letters", "unseen things")}


def _misread() -> str:
    test = handwritten().test
    right = comparing.right(comparing.tuned(_load("sweep")), "option-1", True, 50).iloc[0]
    wrong = [test.names[y] for y, is_right in zip(test.y, right, strict=True) if not is_right]
    return max(test.names, key=wrong.count)


def _fifty():
    return _load("matrix").query("images == 50 and option == '1'")


def _counting() -> float:
    return (
        100
        * _load("matrix")
        .query("images == 50 and source == 'none' and target == 'written'")
        .accuracy.mean()
    )


VOTES = (
    Vote("00", "ten", "20 to 50 before the pad has trained; afterwards what the pad said.",
         lambda: _draws(10)),
    Vote("00", "fifty", "50 to 80, still too low.", lambda: _draws(50)),
    Vote("00", "random", "10 to 30 before the pad has trained; then a little above what it said.",
         lambda: _mean("random-frozen", 50)),
    Vote("01", "filter", "Many say the dark middle of the cat: a filter is taken for a detector of "
         "dark things.", lambda: e01.strongest_at(e01.edge(0)), lambda: e01.PLACES),
    Vote("01", "output", "Under 10: the last layer looks small.", e01.share_in_output),
    Vote("01", "fresh", "Two camps: below 10, and above 90.",
         lambda: {"after 200,000 pictures": 100 * _load("pretraining").accuracy.min()}),
    Vote("02", "which", "Nearly all are right.", lambda: f02.trained_one(0), lambda: "AB"),
    Vote("02", "choosy", "About 30 with training and 0 without.",
         lambda: e02.choosy(e02.selectivity(_load("orientation"))), unit="of 32",
         asks="two numbers"),
    Vote("02", "straight", "Falling numbers, but not by so much.",
         lambda: e02.prefer_straight(_load("preference")),
         asks="two numbers"),
    Vote("02", "both", "Around 8, as by chance: other pictures, other units.",
         lambda: e02.busy_on_both(_load("usage"), "digits", "photographs"), unit="of 16"),
    Vote("02", "settling", "Layer 4, because it is nearest to the answer.",
         lambda: _load("settling").query("step == 0").groupby("layer").similarity.mean().idxmax(),
         lambda: e02.LAYERS),
    Vote("03", "new", "25 to 70: they remember the large output layer of notebook 01.",
         _new_numbers),
    Vote("03", "ten", "Near 70 where notebook 00 is remembered, otherwise about 40.",
         lambda: _draws(10)),
    Vote("03", "second", "Divided; no network has the fewest votes.",
         lambda: f03.second_place(_load("sweep"), 50),
         lambda: ("random frozen", "from scratch", "no network")),
    Vote("03", "forms", "Both low, inverted lower than swapped.",
         lambda: f03.left(_load("forms")),
         asks="two numbers"),
    Vote("04", "large-rate", "About as many as before, or guessing.",
         lambda: e04.by_hand_at(_load("by_hand"), 1e-3)),
    Vote("04", "moved", "Layer 4, because it is nearest to the new output layer.", _moved_most,
         lambda: ("layer 1", "layer 2", "layer 3", "layer 4")),
    Vote("04", "ten", "Training right, test too high.",
         lambda: e04.at_the_end(_load("overfitting")),
         asks="two numbers"),
    Vote("04", "forgotten", "Option 1: too low, Option 2: too high.",
         lambda: e04.left_of_100(_load("forgetting").query("images <= 200"), 50),
         asks="two numbers"),
    Vote("04", "ahead", "50 or 100: the textbook's rule.",
         lambda: e04.ahead_from(e04.option_2_minus_option_1(_load("sweep")))[0],
         lambda: (e04.ahead_from(e04.option_2_minus_option_1(_load("sweep")))[1])),
    Vote(*CURVE, "Too low at ten, right at a thousand.",
         lambda: {f"{images:,} digits": _mean("option-1", images) for images in (10, 100, 1000)},
         asks="three numbers"),
    Vote("05", "copies", "Option 1: it has the fewest numbers to fit.",
         lambda: f05.gains_most(_load("sweep"), 10)[0],
         lambda: (f05.gains_most(_load("sweep"), 10)[1])),
    Vote("05", "crossing", "200 or later.",
         lambda: f05.ahead_from(_load("official"), "option-2", "option-1", True)[0],
         lambda: (f05.ahead_from(_load("official"), "option-2", "option-1", True)[1])),
    Vote("05", "saved", "100, twice as many.",
         lambda: f05.from_scratch(_load("sweep"), "option-1", 50, False), unit="labels"),
    Vote("05", "tasks", "Letters and things about equal, and too low.", _one_image_of_each,
         asks="two numbers"),
    Vote("05", "misread", "4, 7 or 9, which look similar.", _misread, lambda: "0123456789"),
    Vote("06", "table", "Pictures near 0 everywhere but for handwriting.",
         lambda: f06.points_ahead(_fifty()), unit="points ahead",
         asks="five numbers"),
    Vote("06", "people", "The same as with synthetic voices.",
         lambda: f06.points_ahead(_fifty(), [("audio", "spoken-real"), ("image", "spoken-real")]),
         unit="points ahead",
         asks="two numbers"),
    Vote("06", "counting", "Under 20: without a network nothing works.", _counting),
    Vote("06", "controls", "Shuffled labels, or shuffled weights.",
         lambda: f06.least_able(_load("controls"), "image", "handwritten")[0],
         lambda: (f06.least_able(_load("controls"), "image", "handwritten")[1])),
)  # fmt: skip


@functools.cache
def claims(number: str) -> list[Claim]:
    """What the main line of a notebook claims on recorded tables, made from them now."""
    made = {
        "00": [(c00.what_it_saw_before_helps, "sweep")],
        "01": [(c01.it_learns_to_name_things, "pretraining")],
        "02": [(c02.training_makes_units_choosy, "orientation")],
        "03": [
            (c03.option_1_beats_its_rivals, "sweep"),
            (c03.layers_ignore_what_pretraining_varied, "forms"),
        ],
        "04": [
            (c04.large_steps_ruin_option_2, "by_hand"),
            (c04.freezing_hardly_helps, "forgetting", "sweep"),
            (lambda table: c04.option_2_forgets(table.query("images <= 200")), "forgetting"),
            (
                lambda table: c04.only_with_ten_is_one_option_ahead(
                    e04.option_2_minus_option_1(table)
                ),
                "sweep",
            ),
        ],
        "05": [
            (c05.borrowing_leads, "sweep"),
            (c05.borrowing_saves_labels, "sweep", "official"),
            (c05.the_options_cross, "official"),
            (c05.few_labels_leave_the_options_level, "official", "pretrainings"),
            (c05.moving_pays_with_copies, "official", "pretrainings"),
        ],
        "06": [
            (lambda _: c06.own_kind_serves_best(_fifty()), "matrix"),
            (lambda _: c06.another_kind_can_help(_fifty()), "matrix"),
        ],
    }
    return [claim(*map(_load, names)) for claim, *names in made[number]]


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
    asked = []
    for path in notebooks.find()[:7]:
        for source, part in _code_of(path):
            asked += [Place(path.stem[:2], *one, part) for one in _asked_in(source, path.stem)]
    return tuple(asked)


def _code_of(notebook: Path) -> Iterator[tuple[str, str]]:
    """Each code cell of a notebook, and the part of it (as in `Place`) in which it stands."""
    part = ""
    for cell in nbformat.read(notebook, as_version=4).cells:
        if notebook.stem.startswith("02") and cell.source.startswith(AFTER_SESSION_1):
            part = "after session 1"
        if begins := notebooks.AFTER_THE_MAIN_LINE.search(cell.source):
            part = begins[0].removeprefix("# ").lower()
        if cell.cell_type == "code":
            yield cell.source, part


def _asked_in(source: str, stem: str) -> list[tuple[str, str, bool]]:
    """Name, question and whether there are options, of each prediction in a cell."""
    tree, texts, found = ast.parse(source), {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            texts[ast.unparse(node.targets[0])] = node.value.value
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "tl.prediction":
            _, name, asked, *_ = node.args
            question = ast.unparse(asked)
            if question.startswith("questions."):
                module = importlib.import_module(f"tl_course.lessons.n{stem}.questions")
                texts[question] = getattr(module, question.partition(".")[2])
            options = any(one.arg == "options" for one in node.keywords)
            found.append((name.value, texts[question], options))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "tl.widgets.HowMuch":
            found.append((CURVE[1], q05.CURVE, False))
    return found


def table(numbers: tuple[str, ...], parts: tuple[str, ...] = ("", "dig deeper")) -> str:
    """The votes of some notebooks as docs/teaching/ has them."""
    from tl_course.app.readme import markdown

    by_name = {(vote.number, vote.name): vote for vote in VOTES}
    rows = {}
    for place in places():
        if place.number in numbers and place.part in parts:
            vote = by_name[place.number, place.name]
            options = " · ".join(vote.options()) or f"{vote.asks} ({vote.unit})"
            rows[f"{_where(place.number, place.part)} `{place.name}`"] = [
                place.question, options, vote.expected, f"**{vote.came_out()}**"
            ]  # fmt: skip
    head = ["asked", "options", "what students usually vote", "what came out"]
    return markdown("in", head, rows)


def _where(number: str, part: str) -> str:
    return f"{number} ({part})" if part else number


def questions(numbers: tuple[str, ...]) -> str:
    """The short questions of some notebooks, with their answers."""
    from tl_course.app.readme import markdown

    rows = {}
    for path in notebooks.find(list(numbers)):
        module = importlib.import_module(f"tl_course.lessons.n{path.stem}.questions")
        for source, part in _code_of(path):
            for name in re.findall(r"tl\.question\(questions\.(\w+)\)", source):
                one = getattr(module, name)
                wrong = " · ".join(answer for answer in one.answers if answer != one.right)
                where = _where(path.stem[:2], part)
                rows[f"{where} {one.text}"] = [f"**{one.right}**", wrong]
    return markdown("in, and question", ["right", "wrong"], rows)


def said(numbers: tuple[str, ...]) -> str:
    """The claims of some notebooks as a list."""
    return "".join(f"- **{n}** {claim.text}\n" for n in numbers for claim in claims(n))


PAGES = {  # page of docs/teaching/: notebooks, and the parts of them that it votes on
    "session_1": (("00", "01", "02"), ("",)),
    "session_2": (("03", "04"), ("", "dig deeper")),
    "session_3": (("05", "06"), ("", "dig deeper")),
    "single": (("00", "03", "05", "06"), ("",)),
}


def pages() -> dict[str, dict[str, str]]:
    """The pages of docs/teaching/ with votes, and what stands in each between its marks."""
    of = {
        f"docs/teaching/{page}.md": {
            "votes": table(*votes),
            "questions": questions(votes[0]),
            "claims": said(votes[0]),
        }  # fmt: skip
        for page, votes in PAGES.items()
    }
    of["docs/teaching/session_1.md"]["later"] = table(("02",), ("after session 1", "dig deeper"))
    return of
