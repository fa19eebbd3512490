"""What transfer learning is said to do, rule by rule, and what this course found: docs/rules.md.

Each rule is judged by claims of the lessons, made here from the recorded tables: `records` writes
their sentences with today's numbers, and a test fails where one of them no longer holds.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tl_course.lessons.claims import Claim
from tl_course.lessons.n01_pretrain import claims as c01
from tl_course.lessons.n02_what_layers_see import claims as c02
from tl_course.lessons.n04_option_2_fine_tune import claims as c04
from tl_course.lessons.n05_how_much_data import claims as c05
from tl_course.lessons.n06_wrong_modality import claims as c06
from tl_course.lessons.n07_published_networks import claims as c07
from tl_course.lessons.n07_published_networks import experiments as of_cuts
from tl_course.lessons.n09_small_gpt import claims as c09
from tl_course.study import results

HELD, PARTLY, NOT_HERE = "held", "partly", "not here"


@dataclass(frozen=True)
class Rule:
    """What is said, whether it held, where the course tries it, and the claims that say so."""

    says: str
    verdict: str
    notebook: str
    claims: tuple[tuple[Callable[..., Claim], tuple[str, ...]], ...]  # each with its tables

    def judged(self) -> list[Claim]:
        """Its claims, on the recorded tables."""
        return [claim(*map(_load, tables)) for claim, tables in self.claims]


def _load(name: str):
    """A recorded table, or what a lesson makes of it."""
    made = {
        "fifty of the matrix": lambda: results.load("matrix").query(
            "images == 50 and option == '1'"
        ),
        "finals": lambda: of_cuts.finals(
            results.load("published_cuts"), results.load("published_rivals")
        ),
    }
    return made[name]() if name in made else results.load(name)


SWEEP, OFFICIAL, BOTH = ("sweep",), ("official",), ("sweep", "official")
NETWORKS = ("official", "pretrainings")
RULES = (
    Rule(
        "A network trained on very many pictures of 1,000 classes learns to name new ones.",
        HELD, "01", ((c01.it_learns_to_name_things, ("pretraining",)),),
    ),
    Rule(
        "Its first layer learns edges.", HELD, "02",
        ((c02.straight_shapes_come_first, ("preference",)),),
    ),
    Rule(
        "Its next layers learn corners, then more complex shapes.", PARTLY, "02",
        (
            (c02.corners_do_not_come_second, ("preference",)),
            (c02.curved_shapes_come_later, ("preference",)),
        ),
    ),
    Rule(
        "What its layers see serves many other tasks.", HELD, "02 and 05",
        (
            (c02.one_set_of_units_serves_all, ("usage",)),
            (c05.borrowing_leads_on_other_tasks, ("tasks",)),
            (c05.borrowing_leads_on_real_letters, ("real_letters",)),
            (c05.every_borrowed_layer_helps, ("which_layers",)),
        ),
    ),
    Rule(
        "With few labels of your own, a network pretrained on another task helps.",
        HELD, "03 to 05",
        ((c05.borrowing_leads, SWEEP), (c05.borrowing_saves_labels, BOTH)),
    ),
    Rule(
        "Small dataset: Option 1, train only the output layer.", NOT_HERE, "05",
        (
            (c05.few_labels_leave_the_options_level, NETWORKS),
            (c05.moving_pays_with_copies, NETWORKS),
        ),
    ),
    Rule(
        "Larger dataset: Option 2, fine-tune everything.", PARTLY, "05",
        (
            (c05.the_options_cross, OFFICIAL),
            (c05.moving_pays_with_copies, NETWORKS),
            (c05.borrowing_matters_little_with_all, OFFICIAL),
        ),
    ),
    Rule(
        "Option 1 keeps a small dataset from being overfitted.", NOT_HERE, "04",
        (
            (c04.freezing_hardly_helps, ("forgetting", "sweep")),
            (c04.freezing_never_helps_much, ("forgetting", "sweep", "equal_rates")),
        ),
    ),
    Rule(
        "The source and the target need the same type of input.", PARTLY, "06",
        (
            (c06.own_kind_helps, ("fifty of the matrix",)),
            (c06.own_kind_serves_best, ("fifty of the matrix",)),
            (c06.another_kind_can_help, ("fifty of the matrix",)),
        ),
    ),
    Rule(
        "The source should be large and varied.", PARTLY, "05",
        ((c05.renders_and_shapes_matter, ("sources",)),),
    ),
    Rule(
        "You need not pretrain: take a network that others published.", PARTLY, "07",
        (
            (c07.cut_it_in_the_middle, ("published_cuts",)),
            (c07.the_nearer_source_wins, ("finals",)),
        ),
    ),
    Rule(
        "Networks pretrained on text, as BERT and GPT-3 were, are fine-tuned in the same way.",
        HELD, "07 and 09",
        (
            (c07.meaning_beats_letters, ("words",)),
            (c07.moving_everything_pays_for_words, ("words",)),
            (c09.pretraining_saves_bits, ("small_gpt",)),
        ),
    ),
)  # fmt: skip
