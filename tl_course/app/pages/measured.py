"""What the README and pages of docs/ show of the recorded tables, with a function for each part."""

import itertools
from collections.abc import Iterator

import pandas as pd

from tl_course.app.pages import markdown
from tl_course.app.pages.markdown import points, spread
from tl_course.base import stats
from tl_course.data.targets.handwritten import ALL
from tl_course.lessons.n01_pretrain.recipes import BEFORE, HALF, IDEAS, NOW
from tl_course.lessons.n07_published_networks import experiments
from tl_course.lessons.n10_how_sure import protocols
from tl_course.study import comparing
from tl_course.study import matrix as of_cells

SWEEP_ARMS = {
    "option-1": "**Option 1**: four layers frozen",
    "option-2": "**Option 2**: everything trained",
    "output-first": "output layer first, then everything",
    "scratch": "from scratch",
    "random-frozen": "random layers, frozen",
    "classical": "no network (SVM on pixels)",
}
SHORT = ("option-1", "option-2", "scratch", "random-frozen")


def short_table(official: pd.DataFrame, sizes: tuple[int, ...] = (10, 50, 200, 1000, ALL)) -> str:
    """The means of a sweep with altered copies, in %, as the README shows them."""
    means = comparing.means(official[official.augmented]).set_index(["arm", "images"])["mean"]
    rows = {SWEEP_ARMS[arm]: [f"{means[arm, n]:.1f}" for n in sizes] for arm in SHORT}
    return markdown.pipe_table("labelled digits", list(sizes), rows)


def sweep_table(table: pd.DataFrame) -> str:
    """A sweep: mean ± standard deviation over draws, in %, and points ahead on the same draws."""
    table = comparing.tuned(table)
    means = comparing.means(table).set_index(["augmented", "arm", "images"])
    parts = []
    for augmented, form in ((False, "as they are"), (True, "with altered copies")):
        sizes = sorted(table.images[table.augmented == augmented].unique())
        rows = {
            name: [spread(means.loc[(augmented, arm, images)]) for images in sizes]
            for arm, name in SWEEP_ARMS.items()
            if (augmented, arm, sizes[0]) in means.index
        }
        parts.append(markdown.pipe_table(f"labelled digits, {form}", sizes, rows))
    sizes, lines = sorted(table.images.unique()), {}
    for name, arm, other in _pairs():
        rows = comparing.paired_arms(table, arm, other).set_index("images")
        if len(rows):
            cells = {n: points(row.ahead, row.interval) for n, row in rows.iterrows()}
            lines[name] = [cells.get(n, "") for n in sizes]
    return "\n".join([*parts, markdown.pipe_table("points ahead, same draws", sizes, lines)])


def _pairs() -> Iterator[tuple[str, tuple[str, bool], tuple[str, bool]]]:
    """Each comparison in words, and its two sides: an arm, and whether it has altered copies."""
    arms = {
        "Option 2 minus Option 1": ("option-2", "option-1"),
        "output layer first minus Option 1": ("output-first", "option-1"),
        "Option 1 minus from scratch": ("option-1", "scratch"),
    }
    forms = {"as they are": False, "with copies": True}
    for form, (name, (arm, other)) in itertools.product(forms, arms.items()):
        yield f"{name}, {form}", (arm, forms[form]), (other, forms[form])


def networks_table(official: pd.DataFrame, again: pd.DataFrame) -> str:
    """Points ahead over three pretrainings, and in brackets those of the single networks."""
    lines = {}
    for name, arm, other in _pairs():
        rows = comparing.over_pretrainings(official, again, arm, other)
        lines[name] = [
            f"{points(row.ahead, row.interval)} ({_signed(row.each)})" for row in rows.itertuples()
        ]
    return markdown.pipe_table("points ahead, three networks", list(rows.images), lines)


def _signed(values: list[float]) -> str:
    return ", ".join(f"{value:+.1f}" for value in values).replace("-", "−")


PUSHED_STEPS = {  # of the recorded table `push`
    "Option 1": "Option 1",
    "with altered copies": "Option 1 with altered copies",
    "then everything moves": "then everything",
    "six such networks averaged, three of them pretrained on pen strokes":
        "both sources: answers of six averaged",
}  # fmt: skip


def pushed_table(push: pd.DataFrame) -> str:
    """How far few digits go: mean ± SD in percent, a row for each step, a column for each size."""
    by = 100 * push.groupby(["step", "images"]).accuracy.agg(["mean", "std"])
    sizes = sorted(push.images.unique())
    rows = {
        name: [spread(by.loc[(step, images)]) for images in sizes]
        for name, step in PUSHED_STEPS.items()
    }
    return markdown.pipe_table("labelled digits, step by step", sizes, rows)


def matrix_table(table: pd.DataFrame, images: int = 50) -> str:
    """Option 1 with every source and target: means in %, and points ahead of random layers."""
    table = table[(table.images == images) & table.option.isin(["1", "classical"])]
    mean = 100 * of_cells.cells(table).pivot(index="target", columns="source", values="mean")
    gains = of_cells.ahead(table, ("random", "1")).set_index(["target", "source"])
    rows = {}
    for target in dict.fromkeys(table.target):
        cells = [
            points(gain.ahead, gain.interval, within=f"{mean.loc[target, source]:.0f} ({{}})")
            for source in of_cells.SOURCES
            for gain in [gains.loc[(target, source)]]
        ]
        random, counting = (f"{mean.loc[target, source]:.0f}" for source in ("random", "none"))
        rows[of_cells.CALLED[target]] = [random, *cells, counting]
    columns = ["random layers", "pictures", "sound", "text", "no network"]
    return markdown.pipe_table(f"{images} labelled examples", columns, rows)


PUBLISHED_ARMS = {
    "own-option-1": "**five layers of drawings**",
    "lite0-option-1": "**ImageNet, best cut**",
    "lite0-last": "ImageNet, last features",
    "scratch": "from scratch",
    "random-frozen": "random layers",
    "classical": "no network",
}


def published_table(cuts: pd.DataFrame, rivals: pd.DataFrame) -> str:
    """ImageNet's network beside the course's: mean ± standard deviation over draws, in %."""
    finals = experiments.finals(cuts, rivals)
    by = 100 * finals.groupby(["target", "arm"]).accuracy.agg(["mean", "std"])
    rows = {
        target: [spread(by.loc[(target, arm)]) for arm in PUBLISHED_ARMS]
        for target in experiments.targets()
    }
    title = f"{experiments.IMAGES} labelled pictures"
    return markdown.pipe_table(title, [*PUBLISHED_ARMS.values()], rows)


NAMED = {  # of those that the embedding benchmark MTEB lists, with sixteen labels of each digit
    "jinaai/jina-embeddings-v5-omni-small": "the best of 48: jina-embeddings-v5-omni-small",
    "openai/clip-vit-large-patch14": "CLIP ViT-L/14",
    "facebook/dinov2-giant": "DINOv2-giant",
    "nyu-visionx/moco-v3-vit-l": "MoCo v3 ViT-L",
}  # fmt: skip


def beside_published_table(table: pd.DataFrame) -> str:
    """The official test, sixteen labels of each digit: the course and four published networks."""
    others = protocols.published().set_index("model")
    rows = {name: _beside(others.loc[model], others.seen[model]) for model, name in NAMED.items()}
    for way, row in protocols.sixteen_of_each(table).iterrows():
        rows[f"**five layers of the course**, {way}"] = _beside(row, "drawings")
    columns = ["it had seen", "% right", "lowest to highest draw"]
    return markdown.pipe_table("sixteen labels of each digit", columns, rows)


def _beside(row: pd.Series, seen: str) -> list[str]:
    return [seen, f"{row.accuracy:.1f}", f"{row.lowest:.1f} to {row.highest:.1f}"]


def first_of_each_table(table: pd.DataFrame) -> str:
    """The official test with the first digits of each class in the official order, in %."""
    rows = table[table.protocol == protocols.FIRST_EACH]
    by = 100 * rows.pivot(index="way", columns="images", values="accuracy").loc[rows.way.unique()]
    cells = {way: [f"{accuracy:.1f}" for accuracy in row] for way, row in by.iterrows()}
    return markdown.pipe_table(
        "the first of each class", [f"{n} labels" for n in by.columns], cells
    )


JUDGED = {  # columns of the recorded tables of recipes
    "names": "renders, %", "digits_10": "digits, 10 labels, %", "digits_50": "50 labels, %",
    "digits_200": "200 labels, %", "oriented": "filters with an orientation, %",
    "start_left": "start of layer 1 remaining, %",
}  # fmt: skip


def recipes_table(table: pd.DataFrame) -> str:
    """Recipes that were tried to pretrain in less time: mean ± standard deviation over seeds."""
    table = table.sort_values("idea", key=lambda ideas: ideas.map([*IDEAS].index), kind="stable")
    parts = [_judged(table, "core_seconds", "seconds of one core")]
    whole = [idea for idea in dict.fromkeys(table.idea) if idea.startswith(("old", "new"))]
    for other, ideas in ((BEFORE, whole), (NOW, whole), (HALF, dict.fromkeys(table.idea))):
        rows = {idea: _ahead(table, idea, other) for idea in ideas if idea != other}
        parts.append(_points_ahead(other, rows))
    return "\n".join(parts)


def long_recipes_table(table: pd.DataFrame) -> str:
    """Recipes for a million renders, as the shipped network saw, and for half a million."""
    rows = {idea: _ahead(table, idea, BEFORE) for idea in (HALF, NOW)}
    judged = _judged(table, "core_seconds", "seconds of one core")
    return f"{judged}\n{_points_ahead(BEFORE, rows)}"


def race_table(table: pd.DataFrame) -> str:
    """The recipe and the one before, in turn and alone on a machine: wall-clock seconds."""
    seconds, rows = table.pivot(index="seed", columns="idea", values="seconds"), {}
    for idea in dict.fromkeys(table.idea[table.idea != BEFORE]):
        ratios = (seconds[idea] / seconds[BEFORE]).dropna()
        mean, half = stats.estimate(ratios)
        cells = [f"{mean:.2f} ± {half:.2f}", *_ahead(table, idea, BEFORE)]
        rows[f"{idea}, {len(ratios)} pairs"] = cells
    ahead = _points_ahead(BEFORE, rows, "of its seconds")
    machines = " and ".join(dict.fromkeys(table.machine))
    return f"{_judged(table, 'seconds', 'seconds')}\n{ahead}\nOn {machines}.\n"


def _judged(table: pd.DataFrame, seconds: str, title: str) -> str:
    """A row for each idea: renders, runs, time and the network's quality, mean ± SD over seeds."""
    rows = {}
    for idea, runs in table.groupby("idea", sort=False):
        time = spread(runs[seconds].agg(["mean", "std"]))
        shares = [spread(100 * runs[share].agg(["mean", "std"])) for share in JUDGED]
        rows[idea] = [f"{runs.renders.iloc[0]:,}", str(len(runs)), time, *shares]
    return markdown.pipe_table("idea", ["renders", "runs", title, *JUDGED.values()], rows)


def _points_ahead(other: str, rows: dict[str, list[str]], *first: str) -> str:
    return markdown.pipe_table(f"points ahead of *{other}*", [*first, *JUDGED.values()], rows)


def _ahead(table: pd.DataFrame, idea: str, other: str) -> list[str]:
    """How many points an idea is ahead of another on the same seeds, with 95% intervals."""
    shares = table.set_index("seed")[[*JUDGED]]
    runs, others = (100 * shares[list(table.idea == name)] for name in (idea, other))
    gains = (runs - others).dropna()
    digits = {name: 2 if name.startswith("digits") else 1 for name in JUDGED}  # these vary less
    return [points(*stats.estimate(gains[name]), digits[name]) for name in JUDGED]
