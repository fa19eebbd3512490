"""Choose the settings of every arm on validation digits: tl_course/results/tuning.csv.

    python data_scripts/tune.py

What is tried is in `tl_course/study/tuning.py`. The best mean of each arm and size goes into
`tl_course/settings.json`, which adaptations read. It can be stopped; what is in the table is not
computed again. About three quarters of an hour on two cores.
"""

from __future__ import annotations

import argparse

from tl_course.base.parallel import side_by_side
from tl_course.core import pretraining
from tl_course.core.network import fingerprint
from tl_course.study import results, tuning


def make() -> None:
    """Complete the table and show what was chosen."""
    weights = fingerprint(pretraining.pretrained())
    rows = results.current("tuning", weights)
    for arms in (tuning.HEADS, tuning.WHOLE):
        for found in side_by_side(tuning.run, list(tuning.missing(arms, rows)), "tuning"):
            rows += found
            rows.sort(key=lambda row: [row[key] for key in tuning.KEYS])
            results.record(
                "tuning", rows, command="python data_scripts/tune.py", seed=0, weights=weights
            )
        tuning.keep("tuning", tuning.KEYS[:3])
    table = results.load("tuning")
    mean = table.groupby(tuning.KEYS[:-1]).accuracy.mean()
    best = mean.loc[mean.groupby(["arm", "augmented", "images"]).idxmax()]
    print((100 * best).round(1).to_string())


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    make()
