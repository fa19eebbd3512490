"""Every claim of every lesson holds on the recorded tables, and fails where it does not hold.

`SPOILED` has small changes of the recorded tables, each of which makes the sentence of a claim
untrue. `LIVE` has for a claim on what a notebook has just done what it holds for, and what not.
"""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch

from tl_course import lessons
from tl_course.app.pages import rules
from tl_course.data.targets.made_folder import FAULTS
from tl_course.data.targets.own_folder import Checked, Finding
from tl_course.lessons.claims import Claiming, at_least, at_most
from tl_course.lessons.n05_how_much_data import unlabelled
from tl_course.lessons.n10_how_sure import protocols
from tl_course.study import forgetting, results

MODULES = {  # by the number of their notebook
    path.parent.name[1:3]: importlib.import_module(f"tl_course.lessons.{path.parent.name}.claims")
    for path in sorted(Path(lessons.__path__[0]).glob("n*/claims.py"))
}
EVERY = {
    f"{number}-{name}": claim
    for number, module in MODULES.items()
    for name, claim in vars(module).items()
    if isinstance(claim, Claiming)
}


def put(column, value, where="index >= 0"):
    """A table with `value`, or what a function makes of the column, in the rows of a query."""

    def spoil(table):
        new = value(table[column]) if callable(value) else value
        return table.assign(**{column: table[column].mask(table.eval(where), new)})

    return spoil


def swap(first, other, column="arm", where="index >= 0"):
    """A table in which rows of `first` and of `other` are taken for each other."""
    return put(column, lambda values: values.replace({first: other, other: first}), where)


PAIRED = swap("option-1", "option-2")
LARGE = "arm == 'option-2' and settings == 'tuned' and images == 200"
SPOILED = {  # notebook-claim: changes of all its tables, or of those named
    "00-what_it_saw_before_helps": [swap("option-1", "random-frozen")],
    "01-it_learns_to_name_things": [put("accuracy", lambda accuracy: accuracy - 0.1)],
    "02-training_makes_units_selective": [swap("trained", "untrained", "kind")],
    "02-colour_gives_way_to_light": [put("colour_selectivity", 1)],
    "02-straight_shapes_come_first": [swap("layer1", "layer3", "layer")],
    "02-curved_shapes_come_later": [swap("trained", "untrained", "kind")],
    "02-corners_do_not_come_second": [swap("corner", "edge", "stimulus")],
    "02-one_set_of_units_serves_all": [swap("trained", "untrained", "net")],
    "02-clean_filters_are_not_needed": [put("accuracy", 0.7, "net == 'plain'")],
    "02-made_pictures_beat_natural_ones": [put("made", lambda made: 0.6 * made)],
    "02-lower_layers_start_closer_to_the_end": [swap("layer1", "layer2", "layer")],
    "03-option_1_beats_its_rivals": [swap("option-1", "scratch")],
    "03-layers_ignore_what_pretraining_varied": [swap("option-1", "random-frozen")],
    "04-large_steps_ruin_option_2": [put("accuracy", 0.9)],
    "04-both_options_overfit": [put("accuracy", 1.0)],
    "04-freezing_guards_against_a_bad_rate": [
        PAIRED,
        put("accuracy", 0.6, "arm == 'option-1' and rate == 0.001"),
        put("training", 0.9, "rate == 0.001"),
    ],
    "04-freezing_hardly_helps": [
        {"forgetting": put("training", 0.9, "arm == 'option-1' and images == 10")}
    ],
    "04-freezing_never_helps_much": [
        {"forgetting": put("training", 0.9, "arm == 'option-1' and images == 10")}
    ],
    "04-option_2_forgets": [
        put("accuracy", 0.8, "arm == 'option-1'"),
        put("accuracy", 0.5, LARGE),
        put("accuracy", 0.3, "arm == 'option-2' and images == 10"),
    ],
    "04-steps_decide_what_is_forgotten": [
        put("accuracy", 0.3, f"settings == '{forgetting.CONTROL}'")
    ],
    "04-small_steps_move_little": [
        put("moved_2", 0.09, "images == 50"), put("moved_4", 0.03, LARGE)
    ],
    "04-borrowing_beats_scratch": [swap("option-2", "scratch")],
    "04-fine_tuning_is_ahead_on_letters": [PAIRED],
    "04-only_with_ten_is_one_option_ahead": [
        swap("option-2", "option-1", where="images == 10"),
        *(swap("option-1", "scratch", where=f"images == {n}") for n in (500, 1000)),
    ],
    "05-borrowing_leads": [swap("option-1", "scratch")],
    "05-copies_help_scratch_most": [swap("option-1", "scratch")],
    "05-fixed_layers_are_a_ceiling": [swap("option-1", "scratch")],
    "05-borrowing_saves_labels": [swap("option-1", "scratch")],
    "05-few_labels_favour_frozen_layers": [PAIRED],
    "05-many_labels_favour_fine_tuning": [PAIRED],
    "05-the_table_is_never_clearly_wrong": [PAIRED],
    "05-borrowing_matters_little_with_all": [PAIRED],
    "05-output_layer_first_leads": [swap("output-first", "option-2")],
    "05-labels_cure_overfitting_not_forgetting": [
        put("accuracy", 0.01, "arm == 'option-2' and images == 10")
    ],
    "05-borrowing_leads_on_other_tasks": [swap("option-1", "scratch")],
    "05-borrowing_leads_on_real_letters": [swap("option-1", "scratch")],
    "05-unlabelled_digits_help_if_alike": [
        swap(unlabelled.RANDOM, unlabelled.HALF_THREES, "heap")
    ],
    "05-no_middle_way_leads": [{"official": swap("output-first", "random-frozen")}],
    "05-every_borrowed_layer_helps": [swap(1, 4, "k")],
    "05-renders_and_shapes_matter": [swap("colour only", "line art only", "style")],
    "05-varied_sources_serve_better": [swap(10, 1000, "classes")],
    "05-one_recipe_costs_little": [swap(10, 50, "images")],
    "05-copies_give_most_with_few_digits": [swap(10, 1000, "images")],
    "06-own_kind_helps": [swap("image", "random", "source", "pretraining == 0")],
    "06-own_kind_serves_best": [swap("audio", "text", "source")],
    "06-another_kind_can_help": [swap("image", "random", "source", "pretraining == 0")],
    "06-own_kind_helps_at_every_number": [{"matrix_ends": swap("audio", "text", "source")}],
    "06-three_networks_agree": [swap("audio", "text", "source", "pretraining == 1")],
    "06-own_kind_leads_scratch": [
        put("accuracy", 1.0, "option == 'scratch' and target == 'handwritten'")
    ],
    "06-shuffling_ends_the_help": [
        {"controls": put("accuracy", 0.9, "control == 'its own numbers, shuffled'")}
    ],
    "06-raw_sound_is_another_input": [put("accuracy", 1.0, "source == 'audio'")],
    "06-order_of_pitches_is_not_all": [put("accuracy", 1.0, "source == 'random'")],
    "06-sound_helps_whoever_speaks": [swap("audio", "text", "source")],
    "07-cut_it_in_the_middle": [put("accuracy", lambda accuracy: accuracy.mean())],
    "07-the_nearer_source_wins": [{"published_cuts": swap("own", "efficientnet-lite0", "net")}],
    "07-fine_tuning_is_no_gain_for_pictures": [{"published_rivals": put("accuracy", 1.0)}],
    "07-meaning_beats_letters": [swap("bert-option-1", "ngrams")],
    "07-moving_everything_pays_for_words": [swap("bert-option-1", "bert-option-2")],
    "07-shared_digits_help_most": [swap("letters", "digits")],
    "08-only_random_layers_miss_the_colours": [swap("option-1", "random-frozen")],
    "08-option_2_is_ahead_here": [PAIRED],
    "09-pretraining_saves_bits": [swap("option-2", "scratch")],
    "09-the_output_layer_alone_helps": [swap("option-1", "scratch")],
    "09-a_prompt_helps_a_little": [swap("names", "prose", "front")],
    "09-counting_can_be_pretrained": [
        swap("counting", "counting-pretrained", where="question != 'prose'")
    ],
    "10-one_draw_proves_little": [put("accuracy", 0.8)],
    "10-pairing_removes_shared_luck": [swap("output-first", "random-frozen")],
    "10-about_one_in_twenty_misses": [put("accuracy", 0.8)],
    "10-one_of_five_findings_falls": [PAIRED],
    "10-the_best_of_many_looks_better": [
        put("right", lambda every: every.map(lambda right: right | True))
    ],
    "10-few_labels_leave_the_options_level": [swap("option-2", "output-first")],
    "10-moving_pays_with_copies": [PAIRED],
    "10-borrowing_pays_with_each_network": [swap("option-1", "output-first")],
    "10-few_published_networks_do_better": [
        put("accuracy", 0.93, f"way == '{protocols.REGRESSION}'")
    ],
}  # fmt: skip


def folder(missed=0):
    """A folder in which the checker missed some of the faults."""
    faults = [*list(FAULTS.items())[missed:], ("train/brick/other-copy.png", "in two classes")]
    files = {what: tuple(file for file, named in faults if named == what) for _, what in faults}
    findings = tuple(Finding(what, "", which, which) for what, which in files.items())
    return Checked(Path(), (), findings, None, None)


NAMES = ("palace", "daisy", "cat", "dog", "cup", "car", "sea", "sun", "tree", "leaf", "bread")
SIGHTS = torch.eye(2, len(NAMES)) + 0.5 * torch.tensor([0, 0, 1, 1, 1, 1, *5 * [0]])
CREDITS = [{"name": "emoji-images", "maker": "the contributors"}, {"name": "x", "maker": "you"}]
SCORES = torch.arange(6.0).view(3, 2)
LIVE = {
    "01-batchnorm_melts_away": ((2e-6, 1.7), (2e-3, 1.7)),
    "03-frozen_is_frozen": (("4f2a", "4f2a", 392_256), ("4f2a", "4f2b", 392_256)),
    "03-option_1_by_hand_is_the_same": ((0.925, 0.931), (0.925, 0.949)),
    "04-option_2_by_hand_is_the_same": ((0.925, 0.931), (0.925, 0.949)),
    "05-borrowing_serves_other_tasks": (
        ({"letters": 0.2, "unseen things": 0.1},), ({"letters": 0.2, "unseen things": -0.1},)
    ),
    "07-it_names_what_it_sees": ((SIGHTS, NAMES), (SIGHTS.flip(0), NAMES)),
    "07-you_are_credited": ((True, CREDITS), (True, CREDITS[:1])),
    "08-the_checker_finds_every_fault": ((folder(),), (folder(missed=1),)),
    "08-what_is_shared_answers_the_same": (
        (SCORES, SCORES, CREDITS), (SCORES, SCORES + 1e-6, CREDITS)
    ),
    "09-reading_more_surprises_less": ((3.0, 2.0), (2.0, 3.0)),
}  # fmt: skip


def spoiled(claim, change):
    """The recorded tables of a claim, changed."""
    changes = change if isinstance(change, dict) else dict.fromkeys(claim.tables, change)
    return [changes.get(name, lambda table: table)(results.load(name)) for name in claim.tables]


def test_every_claim_says_what_it_rests_on():
    for module in MODULES.values():
        plain = inspect.getmembers(module, inspect.isfunction)
        names = [name for name, function in plain if function.__module__ == module.__name__]
        assert all(name.startswith("_") for name in names), module.__name__
    assert {*SPOILED, *LIVE} == {*EVERY}
    assert {name for name, claim in EVERY.items() if not claim.tables} == {*LIVE}


@pytest.mark.parametrize("name", EVERY)
def test_a_claim_holds_and_can_fail(name):
    claim = EVERY[name]
    if claim.tables:
        held = claim.recorded()
        wrong = [claim(*spoiled(claim, change)) for change in SPOILED[name]]
    else:
        held, *wrong = (claim(*given) for given in LIVE[name])
    assert held.holds is True, held.evidence
    assert re.search(r"\d", held.text) and held.evidence, "one sentence, one number"
    for other in wrong:
        assert other.holds is False and "nan" not in other.evidence, other.evidence
    for shown in (held, *wrong):
        assert shown.text.endswith(".") and not re.search(r"[.!?] [A-Z“]", shown.text), shown.text


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.says[:40])
def test_a_rule_is_judged_by_claims_in_a_notebook(rule):
    assert rule.claims and rule.verdict in (rules.HELD, rules.PARTLY)
    assert {*re.findall(r"\d\d", rule.notebook)} <= {*MODULES}


def test_at_least_and_at_most_are_true_of_what_is_printed():
    assert (at_least(17.97), at_least(17.97, 1), at_least(3.7, 1)) == ("17", "17.9", "3.7")
    assert (at_most(0.12, 1), at_most(64.2), at_most(0.7, 1)) == ("0.2", "65", "0.7")
    assert at_least(0.29, 2) == at_most(0.29, 2) == "0.29"  # which no float is exactly
