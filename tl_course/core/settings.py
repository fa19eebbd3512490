"""Settings of adaptations, chosen on validation data.

`tl_course/study/tuning.py` chose `settings.json` from the tables that it records.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.resources import files

FILE = files(__package__) / "settings.json"
OFFLINE, OFFICIAL = "tuning", "official_tuning"  # on the installed digits, on all of MNIST
MANY = 1000  # labelled images, the most that the installed digits give
MOST_STEPS = 3


@dataclass(frozen=True, order=True)
class Settings:
    """What is chosen on validation data: `l2` for Option 1, otherwise learning rate and steps."""

    l2: float = 1e-3
    learning_rate: float = 1e-3
    steps: int = 100


def chosen_settings(name: str) -> dict[tuple, Settings]:
    """The settings chosen from the recorded table `name`, by (arm, augmented, images)."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))[name]
    return {tuple(row["for"]): Settings(row["l2"], row["rate"], row["steps"]) for row in rows}


def chosen(arm: str, images: int, augment: bool = False, name: str = OFFLINE) -> Settings:
    """The settings tuned for the nearest number of images, by ratio, in the tuning `name`.

    With more than `MANY` images they are those of `official`. An arm that was not tuned with
    augmentation takes the settings chosen without it.
    """
    if name == OFFLINE and images > MANY:
        return official(arm, images, augment)
    tuned = chosen_settings(name)
    augmented = augment and any(key[:2] == (arm, True) for key in tuned)
    sizes = [key[2] for key in tuned if key[:2] == (arm, augmented)]
    return tuned[arm, augmented, nearest(sizes, images)]


def official(arm: str, images: int, augment: bool = False) -> Settings:
    """As `chosen`, from the tuning on all of MNIST.

    Beyond the largest tuned number of images the learning rate stays, and the steps grow with the
    images, up to `MOST_STEPS` times.
    """
    settings = chosen(arm, images, augment, OFFICIAL)
    most = max(tuned_for for _, _, tuned_for in chosen_settings(OFFICIAL))
    more = min(max(1.0, images / most), MOST_STEPS)
    return replace(settings, steps=round(more * settings.steps))


def nearest(sizes: Iterable[int], images: int) -> int:
    """The size in `sizes` that is nearest to `images`, by ratio."""
    return min(sizes, key=lambda n: abs(math.log(n / images)))


def fixed(option: str, images: int, augment: bool = False) -> Settings:
    """The same settings for any number of images, for learners without validation data.

    They are the middle of the grids that `tl_course/study/tuning.py` searches, so no result chose
    them.
    """
    fresh = 3e-3 if augment else 1e-3
    rate = fresh if option == "scratch" else 3e-4
    return Settings(l2=1e-3, learning_rate=rate, steps=300 if augment else 100)
