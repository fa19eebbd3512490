"""What a teacher reads: minutes add up, every figure is recorded, nothing is forgotten."""

import html
import importlib
import re
from functools import cache

import nbformat
import pytest
import yaml

import tl_course as tl
from tl_course.app import notebooks, report
from tl_course.app.notebooks import root
from tl_course.app.pages import votes
from tl_course.data.sources import classes, espeak, strokes
from tl_course.data.targets import handwritten, kinds, letters, lines, made_folder, written
from tl_course.lessons import exercises

NUMBERS = [path.stem[:2] for path in notebooks.find()]
EXERCISES = {exercise.name for number in NUMBERS for exercise in exercises.every(number).values()}


@cache
def page(name: str) -> str:
    return (root() / "docs" / f"{name}.md").read_text(encoding="utf-8")


def note(name: str) -> str:
    return page(f"teaching/{name}")


def by_hand(text: str) -> str:
    """A page without what `tl-course records` writes into it."""
    return re.sub(r"<!-- (\w+): .*?<!-- end of \1 -->", "", text, flags=re.S)


# ------------------------------------------------------------------------------- the sessions


def minutes(text: str) -> list[tuple[int, str]]:
    """The rows of the page's time-table: minutes and section."""
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", by_hand(text), flags=re.M)
    return [(int(number), section) for number, section in rows]


@pytest.mark.parametrize("name", votes.PAGES)
def test_minutes_add_up_to_90_with_a_break_and_time_for_exercises(name):
    rows = minutes(note(name))
    assert sum(number for number, _ in rows) == 90
    assert any(number >= 5 and section == "Break" for number, section in rows)
    assert sum(number for number, section in rows if section.startswith("Exercise")) >= 10
    assert any(section == "Exit ticket" for _, section in rows)


@cache
def cells(number: str) -> list:
    (path,) = notebooks.find([number])
    return nbformat.read(path, as_version=4).cells


def core(number: str) -> set[str]:
    """The exercises of a notebook below a heading that says so."""
    sources = [cell.source for cell in cells(number)]
    below = [
        b for a, b in zip(sources, sources[1:], strict=False) if re.match("### .*\\(core\\)", a)
    ]
    return {f"{number}.{re.search(r'exercises.([a-z_]+).check', source)[1]}" for source in below}


def headings(number: str) -> set[str]:
    return {
        heading for cell in cells(number) for heading in re.findall("^## (.+)$", cell.source, re.M)
    }


def words(text: str) -> int:
    return len(re.findall(r"[\w’'-]+", re.sub(r"```.*?```|\]\(.*?\)", "", text, flags=re.S)))


def test_session_1_is_prepared_within_an_hour():
    """Read slowly, at 120 words a minute, with a quarter of an hour for running and answering.

    What goes wrong in a lab is looked up when it does.
    """
    until = {"00": "\n# Dig deeper", "01": "\n# More exercises", "02": votes.AFTER_SESSION_1}
    read = words(note("session_1")) + words(note("lab").partition("## What goes wrong")[0])
    for number, end in until.items():
        text = "\n\n".join(map(notebooks.text_of, cells(number)))
        read += words(text.partition("## Exercise\n")[0].partition(end)[0])
    assert read / 120 + 15 <= 60


@pytest.mark.parametrize("name", votes.PAGES)
def test_sections_of_a_session_are_headings_of_its_notebooks(name):
    text, seen = note(name), set()
    for _, section in minutes(text):
        number = re.match(r"(\d\d)\b", section)
        if number:
            seen.add(number[1])
            for heading in re.findall(r"\*([^*]+)\*", section):
                assert heading in headings(number[1]), (section, heading)
    assert seen == set(votes.PAGES[name][0])


def test_session_1_ends_where_notebook_02_says():
    sources = [cell.source for cell in cells("02")]
    at = next(i for i, source in enumerate(sources) if source.startswith(votes.AFTER_SESSION_1))
    assert sources[at - 1].endswith("*Here the first session ends.*")
    text = " ".join(note("session_1").split())
    assert f"*Here the first session ends* (just before *{votes.AFTER_SESSION_1[3:]}*)" in text


@pytest.mark.parametrize("name", votes.PAGES)
def test_each_vote_of_a_session_has_its_place_in_the_hour(name):
    text = by_hand(note(name))
    numbers, parts = votes.PAGES[name]
    for place in votes.places():
        if place.number in numbers and place.part in set(parts) - {"dig deeper"}:
            assert f"`{place.name}`" in text, place.name


@pytest.mark.parametrize("name", votes.PAGES)
def test_an_exit_ticket_has_three_or_four_questions_with_answers(name):
    ticket = note(name).partition("## Exit ticket")[2].partition("\n## ")[0]
    asked = re.split(r"^\d\. ", ticket, flags=re.M)[1:]
    assert 3 <= len(asked) <= 4
    assert all(
        re.search(r"\?\s+\*\([^*]+\)\*", question) or "?" in question and "*(" in question
        for question in asked
    )


# ---------------------------------------------------------------------------------- the votes


def test_every_prediction_of_the_sessions_has_its_vote():
    places = {(asked_at.number, asked_at.name): asked_at for asked_at in votes.places()}
    given = {(vote.number, vote.name): vote for vote in votes.VOTES}
    assert places.keys() == given.keys() and len(given) == len(votes.VOTES) >= 25
    source = "".join(cell.source for n in NUMBERS[:7] for cell in cells(n))
    assert len(places) == source.count("tl.prediction(") + 1, "and the curve of 05"
    for key, place in places.items():
        came_out, options = given[key].result()
        assert bool(options) == place.has_options, key
        answers = came_out.values() if isinstance(came_out, dict) else [came_out]
        assert not options or {*answers} <= {*options}, key
        assert place.question.endswith(("?", ".)", "is behind."))


MADE_LIVE = {("01", "fresh"), ("05", "tasks"), ("06", "table")}  # at budget quick, too


def in_words(output) -> str:
    """What a notebook says came out of a prediction, as the notes have it."""
    text = html.unescape(re.sub("<[^>]*>", "", output.data["text/html"])).strip()
    return text.removesuffix(".").removeprefix("It is: ").replace("-", "−")


@pytest.mark.soak
@pytest.mark.parametrize("number", NUMBERS[:7])
def test_what_a_notebook_shows_is_what_the_notes_say(number, tmp_path):
    (path,) = notebooks.find([number])
    with notebooks.this_python_kernel():
        assert report.execute(path, tmp_path / path.name, "quick", 0) is None
    words_shown = [
        in_words(output)
        for cell in nbformat.read(tmp_path / path.name, as_version=4).cells
        for output in cell.get("outputs", [])
        if 'class="tl-prediction"' in output.get("data", {}).get("text/html", "")
    ]
    asked = [place for place in votes.places() if place.number == number]
    asked = [place.name for place in asked if (number, place.name) != votes.CURVE]
    by_name = {vote.name: vote.came_out() for vote in votes.VOTES if vote.number == number}
    for name, shown in zip(asked, words_shown, strict=True):
        if (number, name) not in MADE_LIVE:
            assert shown in by_name[name], name


def test_claims_and_questions_are_those_of_the_notebooks():
    for number in NUMBERS[:7]:
        source = "".join(cell.source for cell in cells(number))
        assert all(f"claims.{claim.__name__}" in source for claim in votes.CLAIMS[number])
        asked = re.findall(r"questions\.([A-Z_]+)\)", source)
        (path,) = notebooks.find([number])
        module = importlib.import_module(f"tl_course.lessons.n{path.stem}.questions")
        for name in asked:
            if isinstance(getattr(module, name), tl.lessons.questions.Question):
                assert getattr(module, name).text in votes.questions([number])


FIGURE = re.compile(r"\d[\d.,]*\s*(?:%|points?\b|of 100|± )|±")


@pytest.mark.parametrize("name", [*votes.PAGES, "lab", "learners"])
def test_no_result_is_typed_by_hand(name):
    assert FIGURE.findall(by_hand(note(name))) == []


def test_a_typed_result_is_seen():
    for typed in ("92.5 of 100", "28 points ahead", "about 80%", "72.8 ± 4.5"):
        assert FIGURE.search(typed), typed
    assert "86.2" in note("session_2") and "86.2" not in by_hand(note("session_2"))


# --------------------------------------------------------------------- exercises and objectives


def test_every_exercise_is_seen_in_an_objective_and_the_first_is_the_core():
    table = note("learners").partition("## Objectives")[2]
    assert set(re.findall(r"`(\d\d\.\w+)`", table)) == EXERCISES
    assert set(re.findall(r"`(\d\d\.\w+)` \(core\)", table)) == set.union(*map(core, NUMBERS))
    for number in NUMBERS:
        rows = re.findall(rf"^\| {number} \|.*\n(?:\| \|.*\n)*", table, flags=re.M)
        assert len(rows) == 1 and 2 <= len(rows[0].splitlines()) <= 4, number


@pytest.mark.parametrize("name", [*votes.PAGES, "lab", "learners"])
def test_exercises_that_a_page_names_exist(name):
    named = set(re.findall(r"`(\d\d\.[a-z_]+)`", note(name)))
    assert named <= EXERCISES and (named or name == "lab")


def test_every_exercise_of_the_sessions_is_in_the_notes():
    named = "".join(note(f"session_{n}") for n in (1, 2, 3))
    expected = {exercise for exercise in EXERCISES if exercise[:2] < "07"}
    assert {exercise for exercise in expected if f"`{exercise}`" not in named} == set()


# ------------------------------------------------------------------- check-lists and datasheets

ANSWERS = {"met", "partly", "not met", "open", "does not apply"}
BOXES = {"For editors": 20, "For reviewers": 24}  # of the two guides


def test_every_box_is_answered():
    for heading, number in BOXES.items():
        part = note("checklist").partition(f"## {heading}")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| (?!box|---)([^|]+) \| ([^|]+) \| ([^|]+) \|$", part, flags=re.M)
        assert len(rows) == number
        assert {answer for _, answer, _ in rows} <= ANSWERS
        assert all(where.strip() for *_, where in rows)
    for file in re.findall(r"`((?:tests|tl_course)/[\w/.]+)`", note("checklist")):
        assert (root() / file).exists(), file


def headings_in(source: str) -> list[int]:
    return [
        len(marks)
        for marks in re.findall("^(#+) ", re.sub("```.*?```", "", source, flags=re.S), re.M)
    ]


CONTRACTION = re.compile(r"\b\w+[’'](?:t|ve|re|ll|m)\b")
DISMISSIVE = re.compile(
    r"\b(?:obviously|of course|trivial(?:ly)?|everyone knows|just (?:do|run|use|write))\b",
    re.I,
)


@pytest.mark.parametrize("number", NUMBERS)
def test_notebooks_are_as_the_check_lists_say(number):
    text = "\n\n".join(map(notebooks.text_of, cells(number)))
    levels = headings_in(text)
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    assert levels.count(1) <= 3
    assert len(CONTRACTION.findall(text)) <= 3
    assert DISMISSIVE.findall(text) == []


def test_the_patterns_of_the_check_lists_find_what_they_look_for():
    assert headings_in("# a\n\n### b") == [1, 3]
    assert CONTRACTION.findall("we can't, you've") and not CONTRACTION.findall("the class's")
    assert DISMISSIVE.search("You just run it") and not DISMISSIVE.search("just as many")


SHEETS = {  # what the datasheets say, and what the code says
    "1,000 drawings": len(classes.source_classes()),
    "74 drawings": len(classes.unseen_classes()),
    "1,000 figures": len(strokes.figures(1000)),
    "26 letters": len(letters.NAMES),
    "80 synthetic voices": espeak.ROLES["source"],
    "20 voices": espeak.ROLES["target"],
    "14 languages": len(classes.LANGUAGES),
    "24 languages": len(written.LANGUAGES),
    "748 English names": sum(map(len, kinds.every_name().values())),
    "12 to learn": made_folder.TRAIN,
}


def test_datasheets_are_true_to_the_code():
    text = " ".join(page("datasheets").split())
    for says, number in SHEETS.items():
        assert says in text and says.startswith(f"{number:,} "), says
    digits, shared = handwritten.handwritten(), lines.lines()
    assert "pool of 1,000, a validation part of 2,000 and a test of 2,000" in text
    assert (len(digits.pool), len(digits.validation), len(digits.test)) == (1000, 2000, 2000)
    assert "322 to learn from, 100 for validation, 200 for the test" in text
    assert (len(shared.pool), len(shared.validation), len(shared.test)) == (322, 100, 200)
    spoken = tl.spoken_digits()
    assert "800 in the pool (8 voices), 600 for validation (4) and 1,200 in the test (8)" in text
    assert (len(spoken.pool), len(spoken.validation), len(spoken.test)) == (800, 600, 1200)
    out_by_eye = (root() / "tl_course/data/sources/excluded_by_eye.csv").read_text("utf-8")
    assert f"{len(out_by_eye.splitlines()) - 1} drawings that were left out by eye" in text


def test_every_module_of_data_has_its_sheet():
    sheets = page("datasheets")
    folder = root() / "tl_course" / "data"
    helpers = {"espeak", "classes", "__init__", "folder", "own_folder", "drawn", "drawn_files"}
    for path in [*folder.glob("sources/*.py"), *folder.glob("targets/*.py")]:
        script = f"data_scripts/{path.stem}.py"
        named = f"{path.parent.name}/{path.name}" in sheets or script in sheets
        assert path.stem in helpers or named, path.name


def test_the_citation_is_that_of_this_version():
    about = yaml.safe_load((root() / "CITATION.cff").read_text(encoding="utf-8"))
    assert about["version"] == tl.__version__ and about["license"] == "MIT"
    assert about["title"] in (root() / "pyproject.toml").read_text(encoding="utf-8")
    for key in ("cff-version", "message", "abstract", "authors", "type", "keywords"):
        assert about[key], key
    for reference in about["references"]:
        assert reference["type"] and reference["title"] and reference["authors"]
