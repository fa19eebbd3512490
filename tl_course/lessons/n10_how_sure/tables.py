"""What notebook 10 records: further pretrainings, and the protocol of published networks."""

from collections.abc import Iterator
from functools import partial

from tl_course.core import pretraining, settings
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.n10_how_sure import protocols
from tl_course.study.sweep import sweep
from tl_course.study.tables import Table, pretrained_again

DIGITS = partial(handwritten, full=True)
OTHER_SEEDS = (1, 2)  # of further pretrainings
BORROWED = {10: 10, 50: 10, 200: 10, 1000: 3}  # draws with each, by number of images
BORROWING = ("option-1", "option-2", "output-first")


def pretrainings_rows(done: list[dict]) -> Iterator[dict]:
    """The official protocol with networks of other seeds, for the arms that borrow layers."""
    whole = 2 * len(BORROWING) * sum(BORROWED.values())
    for seed in OTHER_SEEDS:
        had = [row for row in done if row["pretraining"] == seed]
        if len(had) == whole:
            continue  # saves minutes of pretraining a network that is not needed
        net = pretrained_again("emoji-images", seed)
        rows = sweep(
            net, DIGITS, list(BORROWED), BORROWED, arms=BORROWING, augment=(False, True),
            choice=settings.official, done=had, progress=True,
        )  # fmt: skip
        for row in rows:
            yield {"pretraining": seed, **row}


TABLES = [
    Table("pretrainings", ("pretraining", "arm", "augmented", "images", "draw"), pretrainings_rows),
    Table(
        "protocols", ("protocol", "way", "images", "draw"),
        lambda done: protocols.protocols_rows(pretraining.pretrained(), DIGITS(), done),
    ),
]  # fmt: skip
