"""Which option to take: the decision table of notebook 05, which everything in the course follows.

The command's `auto`, the experiment of notebook 08, notebook 11 and the cheat sheet give no other
advice. The evidence is Option 2 minus Option 1 on the same draws, each with settings of its own:
digits (`results/official.csv`), letters and unseen objects (`results/tasks.csv`), and letters that
people drew (`results/real_letters.csv`). The table was written from these, except the last, which
were recorded when it stood. Two more networks agree where there is augmentation, but not with ten
digits and none (`results/pretrainings.csv`).
"""

from dataclasses import dataclass

LIMITS = 3, 30  # labelled images per class: the last numbers of the first rows
ROWS = f"1 to {LIMITS[0]}", f"{LIMITS[0] + 1} to {LIMITS[1]}", f"more than {LIMITS[1]}"
LIKE, AUGMENTED = "like the source's", "unlike, with augmentation"
PLAIN, UNCHECKED = "unlike, without augmentation", "a learning rate that you cannot check"
OPTION_1, OPTION_2 = "Option 1", "Option 2"
EITHER, UNKNOWN = "either", "not measured here"
TABLE = {  # a column for each situation, a row for each number of labelled images per class
    LIKE: (OPTION_1, OPTION_1, UNKNOWN),
    AUGMENTED: (EITHER, OPTION_2, OPTION_2),
    PLAIN: (OPTION_1, OPTION_1, OPTION_2),
    UNCHECKED: (OPTION_1, OPTION_1, UNKNOWN),
}
RULE = (  # the table in words, as 08, 11 and the cheat sheet have it
    "Start with Option 1 if your pictures are like the source's. Otherwise start with Option 2 "
    f"from {LIMITS[0] + 1} labelled images per class on (without augmentation, from "
    f"{LIMITS[1] + 1})."
)


@dataclass(frozen=True)
class Advice:
    """Which option the course recommends for a number of labelled images, and why."""

    option: str  # "1" or "2"
    augment: bool
    why: str


def advised(situation: str, per_class: float) -> str:
    """The cell of `TABLE` for a column and a number of labelled images per class."""
    return TABLE[situation][sum(per_class > limit for limit in LIMITS)]


def recommended(images: int, classes: int, augment: str | None = None) -> Advice:
    """The option to start with for pictures unlike the source's; `augment` is "on", "off" or None.

    None augments. For *either*, it is Option 1, which is quicker and forgets nothing.
    """
    copies = augment != "off"
    few = advised(AUGMENTED if copies else PLAIN, images / classes) != OPTION_2
    why = (
        "training every layer brings no clear gain, takes longer, and forgets what was learnt "
        "before (notebooks 04 and 05)"
        if few
        else "there are enough to train every layer. If your pictures are drawings like those of "
        "the pretraining, take Option 1 without augmentation (notebook 05)"
    )
    form = "and augmentation" if copies else "and no augmentation"
    why = f"with {images} labelled images of {classes} classes {form}, {why}."
    return Advice("1" if few else "2", copies, why)


def as_markdown() -> str:
    """`TABLE` as a table in Markdown."""
    head = ["labelled images per class", *TABLE]
    body = zip(ROWS, *TABLE.values(), strict=True)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body))
