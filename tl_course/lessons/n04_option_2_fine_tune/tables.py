"""What notebook 04 records: accuracy during training, and what adapting makes a network forget."""

import itertools
from collections.abc import Iterator

from tl_course.base.parallel import side_by_side
from tl_course.core import pretraining
from tl_course.data.examples import draw
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.n04_option_2_fine_tune import experiments
from tl_course.study import forgetting
from tl_course.study.tables import Table, missing

EQUAL_RATES, EQUAL_DRAWS = (10, 50, 200, 1000), 10
OVER_RATES, OVER_RATES_DRAWS = (10, 50), 10
FORGETTING = {10: 20, 50: 20, 200: 10, 1000: 10}  # number of digits: draws


def overfitting_rows(done: list[dict]) -> Iterator[list[dict]]:
    """Training and test accuracy by step with ten digits, over ten draws."""
    target = handwritten()
    for (number,) in missing([(n,) for n in range(10)], done, ("draw",)):
        ten = draw(target.pool, 10, number)
        rows = experiments.overfitting(pretraining.pretrained(), ten, target.test)
        yield [{**row, "draw": number} for row in rows]


def equal_rates_rows(done: list[dict]) -> Iterator[list[dict]]:
    """Both options with equal updates, over ten draws of each number of digits."""
    plan = itertools.product(EQUAL_RATES, range(EQUAL_DRAWS))
    left = [(pretraining.pretrained(), *row) for row in missing(plan, done, ("images", "draw"))]
    return side_by_side(experiments.equal_rates, left, "equal rates")


def over_rates_rows(done: list[dict]) -> Iterator[list[dict]]:
    """Both options at six learning rates with equally many steps, over ten draws."""
    plan = itertools.product(OVER_RATES, range(OVER_RATES_DRAWS))
    left = [(pretraining.pretrained(), *row) for row in missing(plan, done, ("images", "draw"))]
    return side_by_side(experiments.over_rates, left, "six rates")


def forgetting_rows(done: list[dict]) -> Iterator[dict]:
    """Accuracy on the 1,000 things, and how far each layer moved, on the draws of the sweep."""
    return forgetting.forgetting(
        pretraining.pretrained(), handwritten(), EmojiImages(pretraining.HELD_OUT_SEED),
        list(FORGETTING), FORGETTING, done=done,
    )  # fmt: skip


TABLES = [
    Table("overfitting", ("arm", "step", "part", "draw"), overfitting_rows),
    Table("equal_rates", ("arm", "images", "draw"), equal_rates_rows),
    Table("over_rates", ("arm", "images", "rate", "draw"), over_rates_rows),
    Table("forgetting", ("settings", "arm", "images", "draw"), forgetting_rows),
]
