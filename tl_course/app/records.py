"""`tl-course records`: makes the shipped weights and everything in `results/` again.

Each part says for itself whether it is up to date, so that the work can be done in several
sittings: what is done is not done again.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from tl_course import __version__
from tl_course.app.notebooks import root
from tl_course.base import storage
from tl_course.base.parallel import side_by_side
from tl_course.core import files, network, pretraining, settings
from tl_course.core.network import LAYERS
from tl_course.core.training import Watch
from tl_course.data.examples import draw
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.sources.strokes import RandomStrokes
from tl_course.data.targets import spoken
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons import figures
from tl_course.lessons.n02_what_layers_see import experiments as layer_experiments
from tl_course.lessons.n03_option_1_freeze import experiments as other_forms
from tl_course.lessons.n04_option_2_fine_tune import experiments
from tl_course.lessons.n05_how_much_data import experiments as data_experiments
from tl_course.lessons.n06_wrong_modality import experiments as modality_controls
from tl_course.lessons.n07_published_networks import (
    experiments as published_experiments,
)
from tl_course.lessons.n07_published_networks import (
    words as word_experiments,
)
from tl_course.lessons.n08_your_own_task import experiments as own_experiments
from tl_course.lessons.n09_small_gpt import experiments as gpt_experiments
from tl_course.study import comparing, matrix, matrix_tuning, results, tuning
from tl_course.study.forgetting import forgetting as run_forgetting
from tl_course.study.sweep import ARMS
from tl_course.study.sweep import sweep as run_sweep

DRAWS = {10: 20, 20: 20, 50: 20, 100: 20, 200: 20, 500: 10, 1000: 10}  # by number of images
FIXED = {10: 10, 50: 10, 200: 10}
FORGETTING = {10: 20, 50: 20, 200: 10, 1000: 10}  # digits: draws
PUSHED = {10: 20, 50: 20, 200: 20, 1000: 10}  # digits: draws
STROKES = 1_000_000  # renders of strokes, for the network of another source
PASSES = [  # of the sweep: settings, how they are chosen, augmentation, draws
    ("tuned", settings.chosen, (False, True), DRAWS),
    ("fixed", settings.fixed, (False, True), FIXED),
]
SEEDS = (1, 2, 3)  # of networks that are pretrained anew, to see what depends on chance
SHORT = 200_000  # a pretraining that a learner does
MATRIX = (50, 200), 12  # examples, draws: each fold of languages and of people equally often
PUBLISHED = 10  # draws of the experiments with published networks
OWN = 10  # draws of the folder that notebook 08 makes
COMMAND = "tl-course records"


def shipped() -> network.FiveLayerNet:
    return pretraining.pretrained("emoji-images")


def sweep() -> list[dict]:
    """Every arm at every size on the test digits, with the settings of tuning and with fixed ones.

    What is done is written down after each hundred runs; the next call goes on from there.
    """
    made_with = weights("sweep")
    rows = results.current("sweep", made_with)
    common = {"seed": 0, "version": __version__, "weights": made_with[:12]}
    for recipe, choice, augment, draws in PASSES:
        new = run_sweep(
            shipped(), handwritten(), list(draws), draws, augment=augment, choice=choice,
            done=[row for row in rows if row["settings"] == recipe], progress=True,
            arms=[arm for arm in ARMS if (recipe, arm) != ("fixed", "classical")],
        )  # fmt: skip
        for number, row in enumerate(new, 1):
            rows.append({"settings": recipe, **row, **common})
            if number % 100 == 0:
                _record("sweep", rows, complete=False)
        _record("sweep", rows, complete=False)
    return rows


def overfitting() -> list[dict]:
    """Training and test curves with ten digits, ten draws."""
    target = handwritten()
    return [
        {**row, "draw": number}
        for number in range(10)
        for row in experiments.overfitting(shipped(), draw(target.pool, 10, number), target.test)
    ]


def forgetting() -> list[dict]:
    """What is left of the 1,000 things, and how far each layer went, on the draws of the sweep."""
    held_out = EmojiImages(pretraining.HELD_OUT_SEED)
    rows = []
    for row in run_forgetting(
        shipped(), handwritten(), held_out, list(FORGETTING), FORGETTING,
        done=results.current("forgetting", weights("forgetting")),
    ):  # fmt: skip
        rows.append(row)
        if len(rows) % 20 == 0:
            _record("forgetting", rows, complete=False)
    return rows


def forms() -> list[dict]:
    """Digits in other forms than those that were learnt from, twenty draws."""
    return other_forms.other_forms(shipped(), handwritten(), 50, 20)


def tasks() -> list[dict]:
    """Letters, and things never seen, ten draws."""
    return list(data_experiments.tasks(shipped(), 10, progress=True))


def which_layers() -> list[dict]:
    """The first k layers borrowed, fixed or trained, ten draws of fifty digits."""
    return list(data_experiments.which_layers(shipped(), handwritten(), 50, 10))


def push() -> list[dict]:
    """How far few images can be taken, step by step; the test part is looked at once, here."""
    rows = results.current("push", weights("push"))
    known = {(row["images"], row["draw"]) for row in rows}
    for images, draws in PUSHED.items():
        missing = [number for number in range(draws) if (images, number) not in known]
        if not missing:
            continue
        strokes = _kept("strokes", lambda: pretraining.pretrain(RandomStrokes(0), STROKES).net)
        for found in data_experiments.push(shipped(), strokes, handwritten(), images, missing):
            rows += found
            _record("push", rows, complete=False)
    return rows


def sources() -> list[dict]:
    """Option 1 on networks of smaller and poorer sources, two pretrainings of each, twenty draws.

    The networks are kept in the data home, so that the next call goes on.
    """
    rows = [
        {"question": "images", "classes": 1000, "images_seen": 1_000_000, "style": "all styles",
         "pretraining": 0, **row}
        for row in data_experiments.lent_by(shipped(), handwritten(), 20)
    ]  # fmt: skip
    for seed in SEEDS[:2]:
        for question, varied in data_experiments.QUESTIONS.items():
            for task in varied:
                net = _kept(
                    f"{task.name}-seed-{seed}",
                    partial(data_experiments.source_network, task, seed, task.name),
                )
                rows += [
                    {"question": question, "classes": task.classes, "images_seen": task.images,
                     "style": task.style, "pretraining": seed, **row}
                    for row in data_experiments.lent_by(net, handwritten(), 20)
                ]  # fmt: skip
    return rows


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
            out=storage.home() / "records" / precision, overwrite=True,
            watch=Watch(progress=precision),
        )  # fmt: skip
        rows.append(
            {"images": SHORT, "precision": precision, "seconds": run.history.seconds,
             "loss": sum(run.history.loss[-10:]) / 10, "accuracy": run.accuracy}
        )  # fmt: skip
    return rows


def _kept(name: str, make: Callable[[], network.FiveLayerNet]) -> network.FiveLayerNet:
    """A network out of the data home, made first where it is not there."""
    folder = storage.home() / "records" / name
    if not folder.exists():
        files.save(make(), folder)
    return files.load(folder)


def seed_network(seed: int) -> network.FiveLayerNet:
    """The network of another seed; several tables look at it."""
    return _kept(
        f"seed-{seed}", lambda: layer_experiments.trained_anew(seed, SHORT, f"seed {seed}")[0]
    )


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
    kept = {"plain": plain.layer1.weight, **stages}
    results.record_tensors("first_layers", {name: kept[name].half() for name in kept})
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


def of_the_matrix() -> list[dict]:
    """The settings of every cell, tried on validation examples."""
    rows = results.current("matrix_tuning", weights("matrix_tuning"))
    nets = {**matrix.pretrained(), "random": None}
    plan = [(nets[task[0]], *task) for task in matrix_tuning.missing(list(matrix.SOURCES), rows)]
    for number, new in enumerate(side_by_side(matrix_tuning.run, plan, "tuning the matrix"), 1):
        rows += new
        if number % 20 == 0:
            _record("matrix_tuning", rows, complete=False)
    return rows


def the_matrix() -> list[dict]:
    """Every source, target and option; it needs the recordings of people."""
    spoken.recordings()
    tuning.keep("matrix_tuning", matrix_tuning.KEYS[:4])
    rows = results.current("matrix", weights("matrix"))
    sizes, draws = MATRIX
    new = matrix.matrix(matrix.pretrained(), sizes, draws, done=rows, progress=True)
    for number, row in enumerate(new, 1):
        rows.append(row)
        if number % 100 == 0:
            _record("matrix", rows, complete=False)
    return rows


def controls() -> list[dict]:
    """What explains the matrix; it needs the recordings of people."""
    altered = {
        name: _kept(f"altered-{name}", partial(modality_controls.source_network, name))
        for name in modality_controls.SOURCES
    }
    return list(modality_controls.controls(matrix.pretrained(), altered, MATRIX[1]))


def directions() -> list[dict]:
    """One person learnt from, another tested, in every direction."""
    return list(modality_controls.directions(matrix.pretrained(), MATRIX[1]))


def published_cuts() -> list[dict]:
    """A network of ImageNet cut everywhere, with pictures of four sizes, on three targets."""
    rows = results.current("published_cuts", weights("published_cuts"))
    for name in published_experiments.targets():
        if name not in {row["target"] for row in rows}:
            rows += published_experiments.cuts(PUBLISHED, names=[name])
            _record("published_cuts", rows, complete=False)
    return rows


def published_rivals() -> list[dict]:
    """What the network of ImageNet competes with, and Option 2 on it."""
    return list(published_experiments.rivals(results.load("published_cuts"), PUBLISHED))


def lineage() -> list[dict]:
    """Fifty digits with nothing shared, with shared weights, and with classmates' weights."""
    return list(published_experiments.lineage(PUBLISHED))


def words() -> list[dict]:
    """What kind of thing is it, by name: a descendant of BERT against nets and counts."""
    return list(word_experiments.words(PUBLISHED))


def small_gpt() -> list[dict]:
    """Fifty lines of something else, with and without pretraining, and prompts."""
    rows = results.current("small_gpt", weights("small_gpt"))
    return gpt_experiments.record(rows, partial(_record, "small_gpt", complete=False))


def own_task() -> list[dict]:
    """The folder that notebook 08 makes, ten times with other pieces of its photographs."""
    rows = results.current("own_task", weights("own_task"))
    for seed in range(OWN):
        copies = seed < own_experiments.DRAWS_WITH_COPIES
        wanted = 2 * len(own_experiments.PLAIN) + copies * len(own_experiments.WITH_COPIES)
        if sum(row["draw"] == seed for row in rows) < wanted:
            rows = [row for row in rows if row["draw"] != seed]
            rows += own_experiments.draws(shipped(), [seed])
            _record("own_task", rows, complete=False)
    return rows


TABLES: dict[str, Callable[[], list[dict]]] = {
    "sweep": sweep,
    "overfitting": overfitting,
    "forgetting": forgetting,
    "forms": forms,
    "tasks": tasks,
    "which_layers": which_layers,
    "push": push,
    "sources": sources,
    "pretraining": pretraining_runs,
    "orientation": orientation,
    "preference": preference,
    "settling": settling,
    "first_layers": first_layers,
    "synthesis": synthesis,
    "usage": usage,
    "matrix_tuning": of_the_matrix,
    "matrix": the_matrix,
    "controls": controls,
    "directions": directions,
    "published_cuts": published_cuts,
    "published_rivals": published_rivals,
    "lineage": lineage,
    "words": words,
    "small_gpt": small_gpt,
    "own_task": own_task,
}
OF_ALL_NETWORKS = ("matrix_tuning", "matrix", "controls", "directions", "words")


def weights(name: str) -> str:
    """The fingerprint of what a table was made with: the network of pictures, all three, a GPT."""
    if name == "small_gpt":
        return network.fingerprint(gpt_experiments.pretrained())
    if name not in OF_ALL_NETWORKS:
        return network.fingerprint(shipped())
    return network.fingerprint(
        {
            f"{source} {key}": value
            for source, net in matrix.pretrained().items()
            for key, value in net.state_dict().items()
        }
    )


def _record(name: str, rows: list[dict], complete: bool = True) -> None:
    results.record(name, rows, command=COMMAND, seed=0, weights=weights(name), complete=complete)


def banner() -> None:
    """The picture on the README's first screen, out of the recorded results."""
    table = results.load("sweep").query("settings == 'tuned' and not augmented").to_dict("records")
    picture = figures.banner(shipped(), EmojiImages(0).batch(0, 32)[0], table)
    picture.save(root() / "notebooks" / "borrowed_eyes.png")


def readme() -> str:
    """The README with its tables of results as they are recorded now."""
    text = (root() / "README.md").read_text(encoding="utf-8")
    tables = {
        "results": comparing.as_markdown(comparing.tuned(results.load("sweep"))),
        "pushed": comparing.pushed_as_markdown(results.load("push")),
        "matrix": matrix.as_markdown(results.load("matrix")),
        "published": published_experiments.as_markdown(
            published_experiments.finals(
                results.load("published_cuts"), results.load("published_rivals")
            )
        ),
    }
    for name, table in tables.items():
        marks = f"<!-- {name}: written by tl-course records -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(marks[0])
        text = f"{before}{marks[0]}\n{table}\n{marks[1]}{rest.partition(marks[1])[2]}"
    return text


def is_current(name: str) -> bool:
    """Whether the table exists, is complete, and was made with the shipped weights."""
    if name not in results.names():
        return False
    about = results.about(name)
    return about["weights"] == weights(name) and about.get("complete", True)


def make_all(anew: bool = False) -> list[str]:
    """Bring weights, settings and tables up to date; `anew` also what is current already."""
    scripts = root() / "data_scripts"
    told = []
    for name in pretraining.SHIPPED:
        if anew or not (pretraining.shipped_folder(name) / files.WEIGHTS_FILE).exists():
            runpy.run_path(str(scripts / "pretrained_weights.py"))["make"](name)
            pretraining._shipped.cache_clear()
            told.append(f"weights of {name} made")
    if anew or not (gpt_experiments.shipped_folder() / files.WEIGHTS_FILE).exists():
        runpy.run_path(str(scripts / "small_gpt.py"))["make"]()
        gpt_experiments.pretrained.cache_clear()
        told.append("weights of the small GPT made")
    if anew or not is_current("tuning"):
        runpy.run_path(str(Path(scripts, "tune.py")))["make"]()
        told.append("tuning made")
    for name, make in TABLES.items():
        if anew or not is_current(name):
            _record(name, make())
            told.append(f"{name} made")
    if told:
        banner()
        storage.write_text(root() / "README.md", readme())
    return told or ["Everything is current."]
