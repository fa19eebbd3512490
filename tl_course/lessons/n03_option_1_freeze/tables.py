"""What notebook 03 records: digits in other forms, and both options written by hand."""

from collections.abc import Iterator

from tl_course.core import pretraining
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.n03_option_1_freeze.experiments import other_forms
from tl_course.study import by_hand
from tl_course.study.tables import Table


def forms_rows(done: list[dict]) -> list[dict]:
    """Accuracy in each form, over twenty draws of fifty digits."""
    return other_forms(pretraining.pretrained(), handwritten(), 50, 20)


def by_hand_rows(done: list[dict]) -> Iterator[list[dict]]:
    """Options 1 and 2 by hand, over ten draws of fifty digits (notebook 04 uses it, too)."""
    return by_hand.compared_with_library(pretraining.pretrained(), handwritten())


TABLES = [
    Table("forms", ("arm", "form", "draw"), forms_rows),
    Table("by_hand", ("arm", "made", "rate", "draw"), by_hand_rows),
]
