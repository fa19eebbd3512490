"""What notebook 09 records: fifty new lines, with and without pretraining, and prompts."""

from tl_course.core import network
from tl_course.lessons.n09_small_gpt import experiments
from tl_course.study.tables import Table

TABLES = [
    Table(
        "small_gpt",
        ("question", "arm", "l2", "rate", "steps", "draw", "front", "lines"),
        experiments.small_gpt_rows,
        weights=lambda: network.fingerprint(experiments.pretrained_gpt()),
    )
]
