"""How files spell the names that the code has changed since: the one map for all of them.

Recorded tables, saved networks, checkpoints and copied runs keep the old words, so that all that
was ever written can be read.
"""

from collections.abc import Mapping

IN_FILES = {
    "learning_rate": "rate",
    "layer_lr_decay": "falls",
    "freeze_layer1_after": "first_layer_until",
}
IN_CODE = {old: new for new, old in IN_FILES.items()}


def to_file(record: object) -> dict[str, object]:
    """The fields of a dataclass, by the names that files have for them."""
    return {IN_FILES.get(name, name): value for name, value in vars(record).items()}


def from_file(entry: Mapping[str, object]) -> dict[str, object]:
    """What a file says, by the names that the code has for it."""
    return {IN_CODE.get(name, name): value for name, value in entry.items()}
