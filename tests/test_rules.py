"""Each rule of docs/rules.md is judged by claims that hold today, and some rules do not hold."""

import pytest

from tl_course.app import rules
from tl_course.app.notebooks import root
from tl_course.app.rules import HELD, NOT_HERE, PARTLY, RULES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says[:40])
def test_what_is_said_of_a_rule_holds_today(rule):
    for claim in rule.judged():
        assert claim.holds, claim.evidence
    for number in rule.notebook.replace(" to ", " and ").split(" and "):
        assert list((root() / "notebooks").glob(f"{number}_*.ipynb")), number


def test_rules_are_judged_and_not_all_alike():
    assert {rule.verdict for rule in RULES} == {HELD, PARTLY, NOT_HERE}
    assert len({rule.says for rule in RULES}) == len(RULES)


def test_a_rule_whose_claim_fails_is_seen(monkeypatch):
    sweep = rules.results.load("sweep").replace(
        {"arm": {"option-1": "scratch", "scratch": "option-1"}}
    )
    monkeypatch.setattr(rules.results, "load", lambda name: sweep)
    helps = next(rule for rule in RULES if rule.says.startswith("With few labels"))
    assert not all(claim.holds for claim in helps.judged())
