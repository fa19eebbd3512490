"""What notebook 08 records: the folder that it makes, with other pieces of its photographs."""

from collections.abc import Iterator

from tl_course.core import pretraining
from tl_course.lessons.n08_your_own_task import experiments
from tl_course.study.tables import Table, missing

DRAWS = 10


def own_task_rows(done: list[dict]) -> Iterator[list[dict]]:
    """Rows of the folder that notebook 08 makes, ten times with other pieces of its photographs."""
    for (seed,) in missing([(n,) for n in range(DRAWS)], done, ("draw",)):
        yield list(experiments.draws(pretraining.pretrained(), [seed]))


TABLES = [Table("own_task", ("arm", "augmented", "colour", "draw"), own_task_rows)]
