"""What notebook 02 records: gratings, shapes, filters and made pictures, with their controls."""

from collections.abc import Iterator

from tl_course.core import pretraining
from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.lessons.n02_what_layers_see import experiments
from tl_course.study import results
from tl_course.study.tables import Table, saved_network

SEEDS = (1, 2, 3)  # of further pretrainings, to see what depends on chance
SHORT = 200_000  # renders of each pretraining


def seed_network(seed: int) -> FiveLayerNet:
    """The network pretrained from another seed, kept because several tables need it."""
    name = f"seed-{seed}"
    return saved_network(name, lambda: experiments.trained_anew(seed, SHORT, f"seed {seed}")[0])


def networks() -> dict[str, tuple[str, FiveLayerNet]]:
    """The shipped network, three of other seeds, and five untrained ones: name → (kind, net)."""
    trained = {f"seed {seed}": ("trained", seed_network(seed)) for seed in SEEDS}
    untrained = {f"untrained {n}": ("untrained", experiments.untrained(n)) for n in range(5)}
    return {"shipped": ("trained", pretraining.pretrained()), **trained, **untrained}


def orientation_rows(done: list[dict]) -> list[dict]:
    """Responses to gratings: layer 1 of all `networks`, and of one without the recipe's care."""
    plain = experiments.pretrained_plainly(SEEDS[0], SHORT, "plain")[0]
    every = {**networks(), "plain": ("plain", plain)}
    short = {name: ("trained shorter", every[name][1]) for name in every if "seed" in name}
    return experiments.orientation({**every, **short})


def settling_rows(done: list[dict]) -> Iterator[list[dict]]:
    """How early each layer is similar to its final state, in three networks."""
    for seed in set(SEEDS) - {row["seed"] for row in done}:
        growth = experiments.trained_anew(seed, SHORT, f"seed {seed}")[1]
        yield [{"seed": seed, **row} for row in growth.settling()]


def first_layers_rows(done: list[dict]) -> list[dict]:
    """Accuracy with and without the recipe's care. Filters are stored beside the table, by step."""
    recipe, growth = experiments.trained_anew(SEEDS[0], SHORT, f"seed {SEEDS[0]}")
    plain, accuracy = experiments.pretrained_plainly(SEEDS[0], SHORT, "plain")
    stages = {f"step {step}": weight for step, weight in growth.filters.items()}
    filters = {"plain": plain.layer1.weight, **stages}
    results.record_tensors("first_layers", {name: filters[name].half() for name in filters})
    held_out = EmojiImages(pretraining.HELD_OUT_SEED)
    return [
        {"net": "recipe", "accuracy": pretraining.accuracy_on(recipe, held_out)},
        {"net": "plain", "accuracy": accuracy},
    ]


def synthesis_rows(done: list[dict]) -> list[dict]:
    """The response of each unit to the picture made for it, and to the best natural patch."""
    return experiments.synthesised(pretraining.pretrained(), LAYERS, progress=True)[1]


def usage_rows(done: list[dict]) -> list[dict]:
    """How active units of layer 1 are on drawings, digits, letters and photographs."""
    nets = {"trained": pretraining.pretrained(), "untrained": experiments.untrained(0)}
    return experiments.usage(nets)


TABLES = [
    Table("orientation", ("net", "kind", "unit"), orientation_rows),
    Table(
        "preference", ("net", "kind", "equal", "layer", "stimulus"),
        lambda done: experiments.preference(networks()),
    ),
    Table("settling", ("seed", "layer", "step"), settling_rows),
    Table("first_layers", ("net",), first_layers_rows),
    Table("synthesis", ("layer", "unit"), synthesis_rows),
    Table("usage", ("net", "task", "unit"), usage_rows),
]  # fmt: skip
