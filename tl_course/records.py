"""`tl-course records`: makes the shipped weights and everything in `results/` again.

Each part says for itself whether it is up to date, so that the work can be done in several
sittings: what is done is not done again.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tl_course import experiments, layer_experiments, network, plots, pretraining, results, storage
from tl_course.layers.growing import LAYERS
from tl_course.notebooks import root
from tl_course.sources.emoji_images import EmojiImages
from tl_course.sweep import sweep
from tl_course.targets.examples import draw
from tl_course.targets.handwritten import handwritten

SIZES = (10, 50, 200, 1000)
DRAWS = {"option-1": 40, "option-2": 10, "scratch": 10, "random-frozen": 40, "classical": 40}
SEEDS = (1, 2, 3)  # of networks that are pretrained anew, to see what depends on chance
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


def seed_network(seed: int) -> network.FiveLayerNet:
    """The network of another seed; kept in the data home, since several tables look at it."""
    folder = storage.home() / "records" / f"seed-{seed}"
    if not folder.exists():
        network.save(layer_experiments.trained_anew(seed, SHORT, f"seed {seed}")[0], folder)
    return network.load(folder)


def fresh_networks() -> dict[str, tuple[str, network.FiveLayerNet]]:
    """The shipped network, three of other seeds, and five untrained ones: name → (kind, net)."""
    trained = {f"seed {seed}": ("trained", seed_network(seed)) for seed in SEEDS}
    untrained = {
        f"untrained {seed}": ("untrained", layer_experiments.untrained(seed)) for seed in range(5)
    }
    return {"shipped": ("trained", shipped()), **trained, **untrained}


def orientation() -> list[dict]:
    """Gratings put to layer 1 of all of them, and of the one without the recipe's care."""
    plain = layer_experiments.plain(SEEDS[0], SHORT, "plain")[0]
    networks = {**fresh_networks(), "plain": ("plain", plain)}
    short = {name: ("trained shorter", networks[name][1]) for name in networks if "seed" in name}
    return layer_experiments.orientation({**networks, **short})


def preference() -> list[dict]:
    """Which shapes the units of each layer prefer."""
    return layer_experiments.preference(fresh_networks())


def settling() -> list[dict]:
    """How early each layer is what it will be, in three networks."""
    return [
        {"seed": seed, **row}
        for seed in SEEDS
        for row in layer_experiments.trained_anew(seed, SHORT, f"seed {seed}")[1].settling()
    ]


def first_layers() -> list[dict]:
    """Accuracy with and without the recipe's care; filters, also on the way, are kept beside it."""
    recipe, watch = layer_experiments.trained_anew(SEEDS[0], SHORT, f"seed {SEEDS[0]}")
    plain, accuracy = layer_experiments.plain(SEEDS[0], SHORT, "plain")
    stages = {f"step {step}": weight for step, weight in watch.filters.items()}
    results.record_tensors("first_layers", {"plain": plain.layer1.weight, **stages})
    held_out = EmojiImages(pretraining.HELD_OUT_SEED)
    return [
        {"net": "recipe", "accuracy": pretraining.accuracy_on(recipe, held_out)},
        {"net": "plain", "accuracy": accuracy},
    ]


def synthesis() -> list[dict]:
    """What each unit answers to the picture made for it, and to the best natural patch."""
    return layer_experiments.synthesised(shipped(), LAYERS, progress=True)[1]


def usage() -> list[dict]:
    """Which units of layer 1 are used on drawings, digits, letters and photographs."""
    return layer_experiments.usage(
        {"trained": shipped(), "untrained": layer_experiments.untrained(0)}
    )


TABLES: dict[str, Callable[[], list[dict]]] = {
    "adapt": adapt,
    "overfitting": overfitting,
    "forgetting": forgetting,
    "forms": forms,
    "pretraining": pretraining_runs,
    "orientation": orientation,
    "preference": preference,
    "settling": settling,
    "first_layers": first_layers,
    "synthesis": synthesis,
    "usage": usage,
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
