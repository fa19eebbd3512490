"""`tl-course records`: makes the shipped weights and everything in `results/` again.

Each part says for itself whether it is up to date, so that the work can be done in several
sittings: what is done is not done again.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tl_course import experiments, network, plots, pretraining, results, storage
from tl_course.notebooks import root
from tl_course.sources.emoji_images import EmojiImages
from tl_course.sweep import sweep
from tl_course.targets.examples import draw
from tl_course.targets.handwritten import handwritten

SIZES = (10, 50, 200, 1000)
DRAWS = {"option-1": 40, "option-2": 10, "scratch": 10, "random-frozen": 40, "classical": 40}
SHORT = 200_000  # a pretraining that a learner does
COMMAND = "tl-course records"


def shipped() -> network.FiveLayerNet:
    return pretraining.pretrained("emoji-images")


def adapt() -> list[dict]:
    """Every arm at every size on the test digits."""
    return list(sweep(shipped(), handwritten(), SIZES, DRAWS, progress=True))


def overfitting() -> list[dict]:
    """Training and test curves with ten digits, ten draws."""
    target = handwritten()
    return [
        {**row, "draw": number}
        for number in range(10)
        for row in experiments.overfitting(shipped(), draw(target.pool, 10, number), target.test)
    ]


def forgetting() -> list[dict]:
    """What is left of the 1,000 things, and how far each layer went, ten draws."""
    held_out = EmojiImages(pretraining.HELD_OUT_SEED)
    return experiments.forgetting(shipped(), handwritten(), held_out, (10, 50, 200), 10)


def forms() -> list[dict]:
    """Digits in other forms than those that were learnt from, twenty draws."""
    return experiments.other_forms(shipped(), handwritten(), 50, 20)


def pretraining_runs() -> list[dict]:
    """The shipped network, and a learner's of 200,000 renders with bf16 and with float32."""
    about = shipped().about
    rows = [
        {"images": about["images"], "precision": about["precision"], "seconds": about["seconds"],
         "loss": about["metrics"]["loss"],
         "accuracy": about["metrics"]["accuracy on fresh inputs"]}
    ]  # fmt: skip
    held_out = EmojiImages(pretraining.HELD_OUT_SEED)
    for precision in ("bf16", "float32"):
        run = pretraining.pretrain(
            EmojiImages(0), SHORT, held_out=held_out,
            recipe=replace(pretraining.RECIPE, bf16=precision == "bf16"),
            out=storage.home() / "records" / precision, progress=precision,
        )  # fmt: skip
        rows.append(
            {"images": SHORT, "precision": precision, "seconds": run.history.seconds,
             "loss": sum(run.history.loss[-10:]) / 10, "accuracy": run.accuracy}
        )  # fmt: skip
    return rows


TABLES: dict[str, Callable[[], list[dict]]] = {
    "adapt": adapt,
    "overfitting": overfitting,
    "forgetting": forgetting,
    "forms": forms,
    "pretraining": pretraining_runs,
}


def banner() -> None:
    """The picture on the README's first screen, out of the recorded results."""
    table = results.load("adapt").to_dict("records")
    picture = plots.banner(shipped(), EmojiImages(0).batch(0, 32)[0], table)
    picture.save(root() / "notebooks" / "borrowed_eyes.png")


def is_current(name: str) -> bool:
    """Whether the table exists and was made with the shipped weights."""
    weights = network.fingerprint(shipped())
    return name in results.names() and results.about(name)["weights"] == weights


def make_all(anew: bool = False) -> list[str]:
    """Bring weights, settings and tables up to date; `anew` also what is current already."""
    scripts = root() / "data_scripts"
    told = []
    weights = scripts / "pretrained_weights.py"
    if anew or not (pretraining.shipped_folder("emoji-images") / network.WEIGHTS_FILE).exists():
        runpy.run_path(str(weights))["make"]()
        pretraining._shipped.cache_clear()
        told.append("weights made")
    if anew or not is_current("tuning"):
        runpy.run_path(str(Path(scripts, "tune.py")))["make"]()
        told.append("tuning made")
    for name, make in TABLES.items():
        if anew or not is_current(name):
            results.record(
                name, make(), command=COMMAND, seed=0, weights=network.fingerprint(shipped())
            )
            told.append(f"{name} made")
    if told:
        banner()
    return told or ["Everything is current."]
