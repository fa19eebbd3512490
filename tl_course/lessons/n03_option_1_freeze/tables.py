"""What notebook 03 records: digits in other forms than those that were learnt from."""

from tl_course.core import pretraining
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.n03_option_1_freeze.experiments import other_forms
from tl_course.study.tables import Table


def forms(done: list[dict]) -> list[dict]:
    """Twenty draws of fifty digits."""
    return other_forms(pretraining.pretrained(), handwritten(), 50, 20)


TABLES = [Table("forms", ("arm", "form", "draw"), forms)]
