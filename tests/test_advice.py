"""The decision table: what it rests on, and that the whole course gives no other advice."""

import itertools
import re

import pytest

from tl_course.app import notebooks
from tl_course.core import advice
from tl_course.study import comparing, results

PER_CLASS = (1, 3, 4, 30, 31, 500)


@pytest.mark.parametrize("augment", ["on", "off", None])
def test_the_command_follows_the_table_and_says_why(augment):
    situation = advice.PLAIN if augment == "off" else advice.AUGMENTED
    for per_class, classes in itertools.product(PER_CLASS, (2, 10, 74)):
        chosen = advice.recommended(per_class * classes, classes, augment)
        cell = advice.advised(situation, per_class)
        wanted = {advice.OPTION_1: "1", advice.EITHER: "1", advice.OPTION_2: "2"}
        assert chosen.option == wanted[cell]
        assert chosen.augment == (augment != "off")
        assert f"{per_class * classes} labelled images of {classes} classes" in chosen.why
        assert ("enough to train every layer" in chosen.why) == (chosen.option == "2")


def test_the_rule_in_words_is_the_table():
    augmented, plain = map(int, re.findall(r"from (\d+)", advice.RULE))
    for situation, least in ((advice.AUGMENTED, augmented), (advice.PLAIN, plain)):
        assert [n for n in PER_CLASS if advice.advised(situation, n) == advice.OPTION_2] == [
            n for n in PER_CLASS if n >= least
        ]
    assert {advice.advised(advice.LIKE, n) for n in PER_CLASS} == {
        advice.OPTION_1, advice.UNKNOWN
    }  # fmt: skip


def test_no_notebook_and_no_page_gives_other_advice():
    texts = {path.name: path.read_text(encoding="utf-8") for path in notebooks.find()}
    page = notebooks.root() / "docs" / "cheat_sheet.md"
    texts[page.name] = page.read_text(encoding="utf-8")
    rule = [name for name, text in texts.items() if advice.RULE in text]
    assert rule == ["08_your_own_task.ipynb", "11_on_your_own.ipynb", "cheat_sheet.md"]
    assert [name for name, text in texts.items() if "advice.as_markdown()" in text] == [
        "05_how_much_data.ipynb"
    ]
    of_limits = re.compile(r"(?i)option [12] (?:up to|from|above) \d")
    for name, text in texts.items():
        assert not of_limits.search(text.replace(advice.RULE, "")), name


@pytest.mark.parametrize("name", ["sweep", "official"])
def test_the_table_follows_what_is_recorded_of_digits(name):
    """Nobody who follows it is clearly behind the other option, at any size that is recorded."""
    table = comparing.tuned(results.load(name))
    for augment, augmented in (("off", False), ("on", True)):
        pairs = comparing.paired_arms(table, ("option-2", augmented), ("option-1", augmented))
        assert len(pairs) >= 3
        for row in pairs.itertuples():
            better = {"ahead": "2", "behind": "1", "not clear": None}[comparing.verdict(row)]
            assert better in (None, advice.recommended(row.images, 10, augment).option), row


def test_a_rate_that_nobody_checked_costs_option_2_more():
    """The last column: a rate of 0.001, with one and with five digits of each class."""
    rates = results.load("over_rates").query("rate == 0.001").groupby("arm").accuracy.mean()
    assert rates["option-1"] > rates["option-2"] + 0.05
    assert {advice.advised(advice.UNCHECKED, n) for n in (1, 5)} == {advice.OPTION_1}
    by_hand = results.load("by_hand").query("arm == 'option-2'").groupby("rate").accuracy.mean()
    sweep = results.load("sweep").query("arm == 'option-1' and images == 50 and not augmented")
    assert sweep.accuracy.mean() > by_hand[1e-3] + 0.05
