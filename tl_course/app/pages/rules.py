"""What transfer learning is said to do, rule by rule, and what this course found: docs/rules.md.

Each rule is judged by claims of the lessons, which tests/test_claims.py checks.
"""

from typing import NamedTuple

from tl_course.app.pages import markdown
from tl_course.lessons.claims import Claiming
from tl_course.lessons.n01_pretrain import claims as c01
from tl_course.lessons.n02_what_layers_see import claims as c02
from tl_course.lessons.n04_option_2_fine_tune import claims as c04
from tl_course.lessons.n05_how_much_data import claims as c05
from tl_course.lessons.n06_wrong_modality import claims as c06
from tl_course.lessons.n07_published_networks import claims as c07
from tl_course.lessons.n09_small_gpt import claims as c09
from tl_course.lessons.n10_how_sure import claims as c10

HELD, PARTLY = "held", "partly"


class Rule(NamedTuple):
    """What is said, whether it held, where the course tests it, and the claims that decide it."""

    says: str
    verdict: str
    notebook: str
    claims: tuple[Claiming, ...]


RULES = (
    Rule(
        "A network trained on very many pictures of 1,000 classes learns to name new pictures.",
        HELD, "01", (c01.it_learns_to_name_things,),
    ),
    Rule("Its first layer learns edges.", HELD, "02", (c02.straight_shapes_come_first,)),
    Rule(
        "Its next layers learn corners, then more complex shapes.", PARTLY, "02",
        (c02.corners_do_not_come_second, c02.curved_shapes_come_later),
    ),
    Rule(
        "What its layers see serves many other tasks.", HELD, "02 and 05",
        (
            c02.one_set_of_units_serves_all, c05.borrowing_leads_on_other_tasks,
            c05.borrowing_leads_on_real_letters, c05.every_borrowed_layer_helps,
        ),
    ),
    Rule(
        "With few labels of your own, a network pretrained on another task helps.",
        HELD, "03 to 05", (c05.borrowing_leads, c05.borrowing_saves_labels),
    ),
    Rule(
        "Small dataset: Option 1, train only the output layer.", PARTLY, "05",
        (
            c05.few_labels_favour_frozen_layers, c10.few_labels_leave_the_options_level,
            c10.moving_pays_with_copies,
        ),
    ),
    Rule(
        "Larger dataset: Option 2, fine-tune everything.", PARTLY, "05",
        (
            c05.many_labels_favour_fine_tuning, c10.moving_pays_with_copies,
            c05.borrowing_matters_little_with_all,
        ),
    ),
    Rule(
        "Option 1 keeps a small dataset from being overfitted.", PARTLY, "04",
        (
            c04.freezing_guards_against_a_bad_rate, c04.freezing_hardly_helps,
            c04.freezing_never_helps_much,
        ),
    ),
    Rule(
        "The source and the target need the same type of input.", PARTLY, "06",
        (c06.own_kind_helps, c06.own_kind_serves_best, c06.another_kind_can_help),
    ),
    Rule(
        "The source should be large and varied.", PARTLY, "05", (c05.renders_and_shapes_matter,)
    ),
    Rule(
        "You need not pretrain: take a network that others published.", PARTLY, "07",
        (c07.cut_it_in_the_middle, c07.the_nearer_source_wins),
    ),
    Rule(
        "Networks pretrained on text, as BERT and GPT-3 were, are fine-tuned in the same way.",
        HELD, "07 and 09",
        (
            c07.meaning_beats_letters, c07.moving_everything_pays_for_words,
            c09.pretraining_saves_bits,
        ),
    ),
)  # fmt: skip


def rules_part() -> markdown.Part:
    """A row for each rule, with the sentences of its claims on the recorded tables."""
    rows = {
        rule.says: [
            rule.verdict, " ".join(claim.recorded().text for claim in rule.claims), rule.notebook
        ]
        for rule in RULES
    }  # fmt: skip
    text = markdown.pipe_table("the rule", ["here", "what was found", "notebook"], rows)
    return markdown.Part(text, "tl_course/app/pages/rules.py: RULES")
