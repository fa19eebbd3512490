"""Every claim of every lesson holds on the recorded tables, and fails where it does not hold.

`tests/claims/nNN.py` has for each claim of a lesson `CASES[claim] = given, spoiled`: functions that
give its arguments, as they were recorded and changed so that the sentence is no longer true.
"""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from tl_course.lessons.claims import Claim, at_least, at_most

LESSONS = Path(importlib.import_module("tl_course.lessons").__file__).parent
NAMES = sorted(path.parent.name for path in LESSONS.glob("n*/claims.py"))


CASES = [
    pytest.param(claim, given, spoiled, id=f"{name[:3]}-{claim.__name__}")
    for name in NAMES
    for claim, (given, spoiled) in importlib.import_module(f"claims.{name[:3]}").CASES.items()
]


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_is_tested(name):
    module = importlib.import_module(f"tl_course.lessons.{name}.claims")
    made = {
        function
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not function.__name__.startswith("_")
    }
    assert made == set(importlib.import_module(f"claims.{name[:3]}").CASES)


@pytest.mark.parametrize(("claim", "given", "spoiled"), CASES)
def test_a_claim_holds_and_can_fail(claim, given, spoiled):
    said = claim(*given())
    assert isinstance(said, Claim) and said.holds is True, said.evidence
    assert re.search(r"\d", said.text) and said.evidence, "one sentence, one number"
    wrong = claim(*spoiled())
    assert wrong.holds is False, wrong.evidence
    for one in (said, wrong):
        assert one.text.endswith(".") and not re.search(r"[.!?] [A-Z“]", one.text), one.text


def test_at_least_and_at_most_are_true_of_what_is_printed():
    assert (at_least(17.97), at_least(17.97, 1), at_least(3.7, 1)) == ("17", "17.9", "3.7")
    assert (at_most(0.12, 1), at_most(64.2), at_most(0.7, 1)) == ("0.2", "65", "0.7")
    assert at_least(0.29, 2) == at_most(0.29, 2) == "0.29"  # which no float is exactly
