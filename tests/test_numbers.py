"""Every number that a reader reads is what is recorded, counted, fixed in the code, or published.

`tests/traced/traces.json` says for each page and each cell where its numbers are from, so that a
sentence can be put better. A new number fails here until it is traced: `python tests/traced` prints
what to add.
"""

import re

import pytest
import test_prose

from traced import checking, collecting, measured, quantities


def test_every_number_is_traced_and_is_what_is_printed():
    problems = checking.problems()
    assert not problems, f"{len(problems)} numbers:\n" + "\n".join(problems)


def test_every_general_trace_is_of_use():
    text = "\n".join(
        sentence for sentences in collecting.places().values() for sentence in sentences
    )
    for pattern in checking.traces()["everywhere"]:
        assert checking.re.search(pattern, text, checking.re.I), pattern


ONE = {"05 leads-explained": ["With ten digits both options are 26.6 points ahead of scratch."]}


def of(sentences: dict, monkeypatch, **known) -> list[str]:
    """What is wrong with the numbers in `sentences`, by place, when these are the traces."""
    monkeypatch.setattr(collecting, "places", lambda: sentences)
    none = {"everywhere": {}, "places": {}, "untraced": {}}
    monkeypatch.setattr(checking, "traces", lambda: none | known)
    return checking.problems()


@pytest.mark.parametrize(
    ("trace", "says"),
    [
        ("26.6 is table: best_without(10)", None),
        ("26.6 is table: best_without(50)", "says 26.6, and best_without(50) is 13.4175"),
        ("26.6 is about table: right('option-1', 10) / 3", None),
        ("26.6 is table: best_without(10) > 26.6", "is not true"),
        ("26.6 is table: best_without(10) > 20", "26.6 is not in the comparison"),
        ("26.6 is table: best_without(11)", "raises KeyError"),
        ("26.6 is claim: n05.borrowing_leads", None),
        ("26.6 is claim: n05.copies_help_scratch_most", "and the claim n05.copies_help_scratch"),
        ("26.6 is source: arXiv 1411.1792, table 1", None),
        ("26.6 is source: somewhere", "names no paper and no page"),
        ("26.6 is guess: somewhere", "no kind of trace 'guess'"),
    ],
)
def test_a_number_that_is_not_what_its_trace_gives_is_named(monkeypatch, trace, says):
    ((place, (sentence,)),) = ONE.items()
    problems = of(ONE, monkeypatch, places={place: [trace]})
    assert len(problems) == (says is not None)
    assert says is None or says in problems[0] and sentence in problems[0]


def test_a_number_without_a_trace_is_named_in_whatever_sentence(monkeypatch):
    ((place, (sentence,)),) = ONE.items()
    assert of(ONE, monkeypatch) == [f"{place}: no trace for 26.6 in: {sentence}"]
    assert not of(ONE, monkeypatch, untraced={place: "26.6"})
    better = {place: ["Both lead by 26.6 points."]}
    assert not of(better, monkeypatch, places={place: ["26.6 is table: best_without(10)"]})


def test_a_trace_of_what_is_gone_is_named(monkeypatch):
    known = {"05 close": ["26.6 is table: best_without(10)"]}
    assert of({}, monkeypatch, places=known) == ["05 close: there is no such place"]
    problems = of({"05 close": ["It leads."]}, monkeypatch, places=known)
    assert problems[0] == "05 close: nobody says 26.6 any more"


def test_what_holds_everywhere_is_checked_everywhere(monkeypatch):
    every = {r"\d+ filters": "constant: network.WIDTHS[0]"}
    problems = of({"README.md": ["It has 33 filters."]}, monkeypatch, everywhere=every)
    assert "says 33, and network.WIDTHS[0] is 32" in problems[0]


@pytest.mark.parametrize(
    ("sentence", "printed"),
    [
        ("Option 1 with ten digits, in notebook 05, layers 1 to 4: five layers, 95% interval",
         []),
        ("With 50 labels GPT-3 gets more than random layers (arXiv 2005.14165, 2020).", []),
        ("After session 2 and notebooks 08 or 10, *zero* to *nine*, arxiv.org/abs/1411.1792", []),
        ("| 8 | 01: *Downhill* | Vote. | Say it. |", []),
        ("| 8 | 01: *Downhill* | Look at 49 numbers. | Say it. |", ["49"]),
        ("| 8 | filters | of 49 numbers | here |", ["8", "49"]),
        ("3.10 to 3.14, on 64-bit processors", ["3.10", "3.14"]),
        ("It gets 92.5% right, 1.2 ± 0.4 points ahead.", ["92.5", "1.2", "0.4"]),
        ("It costs two points, twice as much time, and half of the 1,000 units.",
         ["two", "twice", "half", "1,000"]),
        ("(+4.0, −5.6) at a rate of 1e-3, in 0.06 s, a third more, 1 to 6 percent",
         ["+4.0", "−5.6", "1e-3", "0.06", "third", "1", "6"]),
        ("a million weights, two thousand others, 1.3 million photographs, about 200 labels",
         ["million", "two thousand", "1.3 million", "200"]),
    ],
)  # fmt: skip
def test_what_is_a_quantity(sentence, printed):
    assert quantities.quantities(sentence) == printed


@pytest.mark.parametrize(
    ("printed", "value"),
    [("−5.6", -5.6), ("1,024", 1024), ("two thousand", 2000), ("fifty", 50), ("a third"[2:], 1 / 3),
     ("1.3 million", 1.3e6), ("½", 0.5), ("Twelve", 12), ("hundreds", 100), ("1e-3", 0.001)],
)  # fmt: skip
def test_what_a_printed_number_says(printed, value):
    assert quantities.value(printed) == pytest.approx(value)


def test_sentences_are_taken_apart_and_what_code_writes_is_left_out():
    text = "It gets 3. See Yosinski et al. (2014). `x` is code.\n\n| a | 5 |\n| b |\n- One. Two."
    assert collecting.sentences(text) == [
        "It gets 3.", "See Yosinski et al. (2014).", "`…` is code.", "| a | 5 |", "| b |",
        "One.", "Two.",
    ]  # fmt: skip
    places = collecting.places()
    assert not any(
        "| **Option 1**: four layers frozen | 7" in sentence for sentence in places["README.md"]
    )
    assert any("{…}" in sentence for sentence in places["lessons/figures.py"])
    assert "21% right" in " ".join(places["07 words-predict"])


def test_notebooks_00_to_08_are_read_within_two_hours():
    minutes = {number: measured.minutes_to_read(number) for number in measured.numbered()}
    assert max(minutes.values()) <= 15
    assert sum(minutes[number] for number in measured.numbered()[:9]) <= 120


def test_the_minutes_that_a_notebook_states_are_for_all_of_it():
    for number in measured.numbered()[:11]:
        stated = re.search(r"It takes\*\* about (\d+) minutes", test_prose.cells(number)[0].source)
        in_all = measured.minutes_in_all(number)
        assert abs(int(stated[1]) - in_all) <= in_all / 5, number
        assert in_all > measured.minutes_to_read(number) + 8, number
