"""Choose the settings of every arm on validation digits: tl_course/results/tuning.csv (10 minutes).

    python data_scripts/tune.py

Every arm gets the same care: for Option 1 and random frozen a grid of penalties, for Option 2 and
from scratch the same grid of rates and steps. Draws are others than those of the reported
results, and what is scored is the validation part; the test part is not read. `transfer.settings`
takes the best mean of each arm and size from the table.
"""

from __future__ import annotations

import argparse
import itertools

from tqdm import tqdm

from tl_course import pretraining, results, transfer
from tl_course.network import fingerprint
from tl_course.targets.examples import draw
from tl_course.targets.handwritten import handwritten
from tl_course.transfer import Settings

SIZES = (10, 50, 200)
PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
RATES, STEPS = (1e-4, 3e-4, 1e-3, 3e-3), (30, 100, 300)
FIRST_DRAW = 500_000  # reported results start at draw 0


KEYS = ("arm", "images", "l2", "rate", "steps", "draw")


def already(weights: str) -> list[dict]:
    """The rows that were recorded with these weights: they are not computed again."""
    current = "tuning" in results.names() and results.about("tuning")["weights"] == weights
    return results.load("tuning").to_dict("records") if current else []


def tune(draws: int) -> list[dict]:
    """One row a run: `arm`, `images`, `l2`, `rate`, `steps`, `draw`, validation `accuracy`."""
    net, target = pretraining.pretrained(), handwritten()
    validation = (target.validation.x, target.validation.y)
    grids = {
        "option-1": [Settings(l2=l2) for l2 in PENALTIES],
        "option-2": [Settings(rate=r, steps=s) for r, s in itertools.product(RATES, STEPS)],
    }
    grids["random-frozen"], grids["scratch"] = grids["option-1"], grids["option-2"]
    runs = [(arm, n, d) for arm in grids for n in SIZES for d in range(draws)]
    rows = already(fingerprint(net))
    done = {tuple(row[key] for key in KEYS) for row in rows}
    for arm, images, number in tqdm(runs, desc="draws"):
        seed = FIRST_DRAW + number
        labelled = draw(target.pool, images, seed)
        for chosen in grids[arm]:
            if (arm, images, chosen.l2, chosen.rate, chosen.steps, number) in done:
                continue
            common = {"seed": seed, "test": validation, "chosen": chosen}
            match arm:
                case "option-1":
                    result = transfer.option_1(net, labelled.x, labelled.y, **common)
                case "option-2":
                    result = transfer.option_2(net, labelled.x, labelled.y, **common)
                case "scratch":
                    result = transfer.from_scratch(labelled.x, labelled.y, **common)
                case _:
                    result = transfer.random_frozen(labelled.x, labelled.y, **common)
            rows.append(
                {"arm": arm, "images": images, "l2": chosen.l2, "rate": chosen.rate,
                 "steps": chosen.steps, "draw": number, "accuracy": result.accuracy}
            )  # fmt: skip
    return rows


def make(draws: int = 4) -> None:
    """Write the table and show what was chosen."""
    table = results.record(
        "tuning", tune(draws), command=f"python data_scripts/tune.py --draws {draws}", seed=0,
        weights=fingerprint(pretraining.pretrained()),
    )  # fmt: skip
    mean = table.groupby(["arm", "images", "l2", "rate", "steps"]).accuracy.agg(["mean", "std"])
    best = mean.loc[mean.groupby(["arm", "images"])["mean"].idxmax()]
    print((100 * best).round(1).to_string())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4)
    make(parser.parse_args().draws)
