"""Whether the numbers that a place prints are what their traces give: see `traces.json`.

A place is a page, a cell of a notebook by its id, or a module that says something. Each number that
it prints needs a trace there, "PRINTED is KIND: EXPRESSION", whatever the sentence around it says.
Of these kinds the expression is evaluated, with the names of `measured.py`: `table` (what is
recorded), `constant` (what the code holds), `counted` (what the course has so many of), and
`arithmetic`. A number has to come out as it is printed; after "about", within a sixth of it; and a
comparison ("more than half") has to be true and to hold the number. A `claim` is the claim of a
lesson that prints the number on the recorded tables, a `source` the paper or page that says so.

`untraced` has the numbers that nothing can verify: of invented cases and instructions, and what was
measured once on a machine that the page names.
"""

import ast
import functools
import importlib
import json
import math
import re
from pathlib import Path

import numpy as np

from traced import collecting, measured, quantities

FILE = Path(__file__).with_name("traces.json")
TRACE = re.compile(r"(.+?) is (about )?([a-z ]+): (.+)", re.S)
EVALUATED = ("table", "constant", "counted", "arithmetic")
ABOUT = 1 / 6


@functools.cache
def traces() -> dict:
    """`everywhere`: pattern → trace; `places`: place → traces; `untraced`: place → numbers."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def of_rules(sentence: str) -> tuple[str, list[str]]:
    """The sentence without what `everywhere` explains, and the traces that this takes."""
    taken = []
    if not quantities.NUMBER.search(sentence):
        return sentence, taken
    for pattern, trace in traces()["everywhere"].items():
        match = re.search(pattern, sentence, re.I)
        while match:
            taken.append(f"{quantities.NUMBER.search(match[0])[0]} is {trace}")
            sentence = sentence[: match.start()] + "·" * len(match[0]) + sentence[match.end() :]
            match = re.search(pattern, sentence, re.I)
    return sentence, taken


@functools.cache
def literals(place: str) -> set[float]:
    """The numbers that stand in the code of a module, and the lengths that it asks for."""
    tree = ast.parse(measured.source_text(f"tl_course/{place}"))
    numbers = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {abs(float(n)) for n in numbers if type(n) in (int, float)}


def needed(place: str) -> dict[str, str]:
    """The numbers of a place that need a trace there, each with the first sentence that has it."""
    if place.endswith("claims.py"):  # tests/test_claims.py holds them, with their tables
        return {}
    first_sentences: dict[str, str] = {}
    for sentence in collecting.places()[place]:
        printed = quantities.quantities(of_rules(sentence)[0])
        if place.endswith(("exercises.py", "solutions.py", "strangers.py")):
            known = (abs(quantities.value(number)) in literals(place) for number in printed)
            if not any(number[0] in "+−" for number in printed) and all(known):
                continue  # of the checker's own data
        for number in printed:
            first_sentences.setdefault(number.lower(), sentence)
    return first_sentences


def traced(place: str) -> set[str]:
    """The numbers of a place that have a trace, or are said to have none."""
    lines = traces()["places"].get(place, [])
    numbers = {TRACE.fullmatch(line)[1].lower() for line in lines}
    return numbers | set(traces()["untraced"].get(place, "").lower().split(", "))


def missing() -> dict[str, list[str]]:
    """Place → its numbers that have no trace."""
    numbers = {
        place: [number for number in needed(place) if number not in traced(place)]
        for place in collecting.places()
    }
    return {place: those for place, those in numbers.items() if those}


def wrong(printed: str, trace: str) -> str | None:
    """What is wrong with a number as printed, or None; `trace` is all that follows " is "."""
    about, kind, expression = re.match(r"(about )?([a-z ]+): (.+)", trace, re.S).groups()
    if kind not in EVALUATED:
        return _elsewhere(printed, kind, expression)
    try:
        computed = eval(expression, dict(vars(measured)))  # noqa: S307 it is our own file
    except Exception as error:
        return f"{expression} raises {type(error).__name__}: {error}"
    says = quantities.value(printed)
    if isinstance(computed, (bool, np.bool_)):
        held = {abs(n) for n in _numbers(expression)}
        if not any(math.isclose(abs(says), n * by) for n in held for by in (1, 100, 0.01, 1e-6)):
            return f"{printed} is not in the comparison {expression}"
        return None if computed else f"{expression} is not true"
    if about:
        near = abs(computed - says) <= ABOUT * abs(says) * (1 + 1e-6)
    elif printed.lower().strip("s") in quantities.WORDS and says != int(says):
        near = abs(computed - says) <= 0.1 * says
    else:
        near = abs(abs(computed) - abs(says)) <= _unit(printed) / 2 * (1 + 1e-6)
    if near and not (printed[0] in "−-" and computed > 0 or printed[0] == "+" and computed < 0):
        return None
    return f"the sentence says {printed}, and {expression} is {computed:.6g}"


def _unit(printed: str) -> float:
    """What one more in the last place would be: 0.1 of "2.5", a million of "nine million"."""
    number, _, many = printed.partition(" ")
    decimals = re.search(r"\.(\d+)", number)
    power = re.search(r"e(-?\d+)", number)
    unit = 10.0 ** ((int(power[1]) if power else 0) - (len(decimals[1]) if decimals else 0))
    return unit * (quantities.value(many) if many else 1)


def _numbers(expression: str) -> list[float]:
    """The numbers in an expression, those in its queries too."""
    every = [node.value for node in ast.walk(ast.parse(expression, mode="eval"))
             if isinstance(node, ast.Constant)]  # fmt: skip
    return [float(n) for constant in every for n in re.findall(r"\d+(?:\.\d+)?", str(constant))]


def _elsewhere(printed: str, kind: str, expression: str) -> str | None:
    if kind == "claim":
        return _claimed(printed, expression)
    if kind != "source":
        return f"there is no kind of trace '{kind}'"
    if not re.search(r"arXiv \d|https?://|docs/credits\.md|et al\.", expression):
        return f"'{expression}' names no paper and no page"
    return None


@functools.cache
def claim(name: str):
    """What a claim, such as "n05.borrowing_leads", says on the recorded tables."""
    lesson, function = name.split(".")
    (folder,) = measured.root().glob(f"tl_course/lessons/{lesson}_*")
    module = importlib.import_module(f"tl_course.lessons.{folder.name}.claims")
    return getattr(module, function).recorded()


def _claimed(printed: str, name: str) -> str | None:
    claimed = claim(name)
    numbers = quantities.NUMBER.findall(claimed.text) + quantities.NUMBER.findall(claimed.evidence)
    if abs(quantities.value(printed)) in {abs(quantities.value(number)) for number in numbers}:
        return None
    return f"the sentence says {printed}, and the claim {name}: {claimed.text} ({claimed.evidence})"


def problems(begins: str = "") -> list[str]:
    """A sentence for each number that is not what its trace gives, or has none.

    Only of places whose names begin so.
    """
    listed = []
    places = {
        **collecting.places(),
        **dict.fromkeys((*traces()["places"], *traces()["untraced"]), []),
    }
    for place in (place for place in places if place.startswith(begins)):
        if place not in collecting.places():
            listed.append(f"{place}: there is no such place")
            continue
        needs = needed(place)
        for number in sorted(traced(place) - set(needs) - {""}):
            listed.append(f"{place}: nobody says {number} any more")
        for number, sentence in needs.items():
            if number not in traced(place):
                listed.append(f"{place}: no trace for {number} in: {sentence}")
        lines = [(line, needs) for line in traces()["places"].get(place, [])]
        for sentence in collecting.places()[place]:
            lines += [(line, {"": sentence}) for line in of_rules(sentence)[1]]
        for line, sentences in lines:
            printed, _, trace = line.partition(" is ")
            if error := wrong(printed, trace):
                sentence = sentences.get(printed.lower(), sentences.get(""))
                listed.append(f"{place}: {error}. In: {sentence}")
    return listed
