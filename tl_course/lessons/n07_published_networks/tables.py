"""What notebook 07 records: ImageNet's network at every cut, its rivals, and names of things."""

from collections.abc import Iterator

from tl_course.lessons.n07_published_networks import experiments, words
from tl_course.study import results
from tl_course.study.tables import Table, of_all_networks

DRAWS = 10


def published_cuts_rows(done: list[dict]) -> Iterator[list[dict]]:
    """Rows of ImageNet's network at every cut, with pictures of four sizes, on three targets."""
    had = {row["target"] for row in done}
    for name in experiments.targets():
        if name not in had:
            yield list(experiments.cuts(DRAWS, names=[name]))


TABLES = [
    Table("published_cuts", ("target", "net", "cut", "size", "draw"), published_cuts_rows),
    Table(
        "published_rivals", ("target", "arm", "draw"),
        lambda done: experiments.rivals(results.load("published_cuts"), DRAWS),
    ),
    Table("lineage", ("arm", "draw"), lambda done: experiments.lineage_rows(DRAWS)),
    Table(
        "words", ("arm", "images", "draw"), lambda done: words.words_rows(DRAWS), of_all_networks,
    ),
]  # fmt: skip
