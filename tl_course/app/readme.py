"""The tables of results in the README and in docs/, out of what is recorded."""

from pathlib import Path

import pandas as pd

from tl_course.app import rules, votes
from tl_course.app.notebooks import root
from tl_course.base import stats
from tl_course.base.errors import CourseError
from tl_course.data.targets.handwritten import ALL
from tl_course.lessons.n01_pretrain.recipes import BEFORE, HALF, IDEAS, NOW
from tl_course.lessons.n05_how_much_data import protocols
from tl_course.lessons.n07_published_networks import experiments
from tl_course.study import comparing, results
from tl_course.study import matrix as of_cells


def pages() -> dict[Path, str]:
    """The README and pages of docs/ with their tables as they are recorded now, by their paths."""
    cuts, rivals = results.load("published_cuts"), results.load("published_rivals")
    of = {
        "README.md": {
            "short": short(results.load("official")),
            "beside": beside_published(results.load("protocols")),
        },
        "docs/results.md": {
            "results": sweep(comparing.tuned(results.load("sweep"))),
            "official": sweep(results.load("official")),
            "networks": networks(results.load("official"), results.load("pretrainings")),
            "pushed": pushed(results.load("push")),
            "first": first_of_each(results.load("protocols")),
            "matrix": matrix(results.load("matrix")),
            "published": published(experiments.finals(cuts, rivals)),
        },
        "docs/rules.md": {"rules": of_rules()},
        "docs/speed.md": {
            "recipes": recipes(results.load("recipes")),
            "race": race(results.load("race")),
            "long_recipes": long_recipes(results.load("long_recipes")),
        },
        **votes.pages(),
    }
    return {root() / path: filled(root() / path, tables) for path, tables in of.items()}


def filled(path: Path, tables: dict[str, str], command: str = "tl-course records") -> str:
    """The text of a page with these tables, each between the marks of its name and command."""
    text = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        marks = f"<!-- {name}: written by {command} -->\n", f"<!-- end of {name} -->\n"
        if not all(mark in text for mark in marks):
            raise CourseError(f"{path} has no place for the table '{name}': {' … '.join(marks)}.")
        before, _, rest = text.partition(marks[0])
        text = f"{before}{marks[0]}\n{table}\n{marks[1]}{rest.partition(marks[1])[2]}"
    return text


SWEEP_ARMS = {
    "option-1": "**Option 1**: four layers frozen",
    "option-2": "**Option 2**: everything moves",
    "output-first": "output layer first, then everything",
    "scratch": "from scratch",
    "random-frozen": "random layers, frozen",
    "classical": "no network (SVM on pixels)",
}


SHORT = ("option-1", "option-2", "scratch", "random-frozen")


def short(table: pd.DataFrame, sizes: tuple[int, ...] = (10, 50, 200, 1000, ALL)) -> str:
    """The means of a sweep with altered copies, in %, as the README shows them."""
    means = comparing.means(table[table.augmented]).set_index(["arm", "images"])["mean"]
    rows = {SWEEP_ARMS[arm]: [f"{means[arm, n]:.1f}" for n in sizes] for arm in SHORT}
    return markdown("labelled digits", list(sizes), rows)


def sweep(table: pd.DataFrame) -> str:
    """A sweep as docs/results.md has it: mean ± standard deviation over draws, in %."""
    found = comparing.means(table).set_index(["augmented", "arm", "images"])
    parts = []
    for augmented, said in ((False, "as they are"), (True, "with altered copies")):
        sizes = sorted(table.images[table.augmented == augmented].unique())
        rows = {
            name: [_spread(found.loc[(augmented, arm, images)]) for images in sizes]
            for arm, name in SWEEP_ARMS.items()
            if (augmented, arm, sizes[0]) in found.index
        }
        parts.append(markdown(f"labelled digits, {said}", sizes, rows))
    return "\n".join([*parts, _differences(table)])


def markdown(of: str, columns: list, rows: dict[str, list[str]]) -> str:
    """A table, `rows` by their names; numbers above its columns are written with commas."""
    head = [of, *(one if isinstance(one, str) else f"{one:,}" for one in columns)]
    lines = [head, ["---"] * len(head), *([name, *cells] for name, cells in rows.items())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _spread(found: pd.Series) -> str:
    """A mean and a standard deviation, the first two of what was found; of one draw its value."""
    mean, sd = found.iloc[:2]
    return f"{mean:.1f}" if pd.isna(sd) else f"{mean:.1f} ± {sd:.1f}"


SWEEP_PAIRS = {
    "Option 2 minus Option 1": ("option-2", "option-1"),
    "output layer first minus Option 1": ("output-first", "option-1"),
    "Option 1 minus from scratch": ("option-1", "scratch"),
}


def _differences(table: pd.DataFrame) -> str:
    """Who is ahead on the same draws, in points with 95% intervals; certain signs are bold."""
    sizes, lines = sorted(table.images.unique()), {}
    for augmented, form in ((False, "as they are"), (True, "with copies")):
        for name, (one, other) in SWEEP_PAIRS.items():
            rows = comparing.paired(table, (one, augmented), (other, augmented)).set_index("images")
            if rows.empty:
                continue
            said = {n: f"{row.ahead:+.1f} ± {row.interval:.1f}" for n, row in rows.iterrows()}
            certain = [n for n, row in rows.iterrows() if comparing.verdict(row) != "not certain"]
            said |= {n: f"**{said[n]}**" for n in certain}
            lines[f"{name}, {form}"] = [said.get(n, "").replace("-", "−") for n in sizes]
    return markdown("points ahead, same draws", sizes, lines)


def networks(official: pd.DataFrame, again: pd.DataFrame) -> str:
    """The same differences over three pretrainings, and in brackets the single networks."""
    lines = {}
    for augmented, form in ((False, "as they are"), (True, "with copies")):
        for name, (one, other) in SWEEP_PAIRS.items():
            pair = (one, augmented), (other, augmented)
            rows = comparing.over_pretrainings(official, again, *pair).set_index("images")
            cells = [_of_networks(row) for _, row in rows.iterrows()]
            lines[f"{name}, {form}"] = cells
    return markdown("points ahead, three networks", list(rows.index), lines)


def _of_networks(row: pd.Series) -> str:
    said = f"{row.ahead:+.1f} ± {row.interval:.1f}"
    said = said if comparing.verdict(row) == "not certain" else f"**{said}**"
    each = ", ".join(f"{one:+.1f}" for one in row["each"])
    return f"{said} ({each})".replace("-", "−")


PUSHED_STEPS = {  # of the recorded table `push`
    "Option 1": "Option 1",
    "with altered copies": "Option 1 with altered copies",
    "then everything moves": "then everything",
    "six such networks averaged, three of them pretrained on pen strokes":
        "both sources: answers of six averaged",
}  # fmt: skip


def pushed(table: pd.DataFrame) -> str:
    """How far few digits were pushed: mean ± spread in percent, a row a step, a column a size."""
    found = 100 * table.groupby(["step", "images"]).accuracy.agg(["mean", "std"])
    sizes = sorted(table.images.unique())
    rows = {
        name: [_spread(found.loc[(step, images)]) for images in sizes]
        for name, step in PUSHED_STEPS.items()
    }
    return markdown("labelled digits, step by step", sizes, rows)


def matrix(table: pd.DataFrame, images: int = 50) -> str:
    """Option 1 as the README shows it: means in %, and points ahead of random layers."""
    own = table[(table.images == images) & table.option.isin(["1", "classical"])]
    mean = 100 * of_cells.cells(own).pivot(index="target", columns="source", values="mean")
    gains = of_cells.ahead(own, ("random", "1")).set_index(["target", "source"])
    rows = {}
    for name in dict.fromkeys(own.target):
        said = [f"{mean.loc[name, 'random']:.0f}"]
        for source in of_cells.SOURCES:
            by = gains.loc[(name, source)]
            points = f"{by.ahead:+.1f} ± {by.interval:.1f}".replace("-", "−")
            shown = f"{mean.loc[name, source]:.0f} ({points})"
            said.append(f"**{shown}**" if abs(by.ahead) > by.interval else shown)
        rows[of_cells.CALLED[name]] = [*said, f"{mean.loc[name, 'none']:.0f}"]
    columns = ["random layers", "pictures", "sound", "text", "no network"]
    return markdown(f"{images} labelled examples", columns, rows)


PUBLISHED_ARMS = {
    "own-option-1": "**five layers of drawings**",
    "lite0-option-1": "**ImageNet, best cut**",
    "lite0-last": "ImageNet, last features",
    "scratch": "from scratch",
    "random-frozen": "random layers",
    "classical": "no network",
}


def published(table: pd.DataFrame) -> str:
    """Rows of `finals` as the README shows them: mean ± standard deviation over draws, in %."""
    by = 100 * table.groupby(["target", "arm"]).accuracy.agg(["mean", "std"])
    rows = {
        name: [_spread(by.loc[(name, arm)]) for arm in PUBLISHED_ARMS]
        for name in experiments.targets()
    }
    columns = [*PUBLISHED_ARMS.values()]
    return markdown(f"{experiments.IMAGES} labelled pictures", columns, rows)


NAMED = {  # of those that the embedding benchmark MTEB lists, with sixteen labels of each digit
    "jinaai/jina-embeddings-v5-omni-small": "the best of 48: jina-embeddings-v5-omni-small",
    "openai/clip-vit-large-patch14": "CLIP ViT-L/14",
    "facebook/dinov2-giant": "DINOv2-giant",
    "nyu-visionx/moco-v3-vit-l": "MoCo v3 ViT-L",
}  # fmt: skip


def beside_published(table: pd.DataFrame) -> str:
    """Sixteen labels of each digit, the official test: the course and four published networks."""
    others = protocols.published().set_index("model")
    rows = {name: _beside(others.loc[model], others.seen[model]) for model, name in NAMED.items()}
    for way, own in protocols.sixteen_of_each(table).iterrows():
        rows[f"**five layers of the course**, {way}"] = _beside(own, "drawings")
    columns = ["it had seen", "of 100 right", "lowest to highest draw"]
    return markdown("sixteen labels of each digit", columns, rows)


def _beside(row: pd.Series, seen: str) -> list[str]:
    return [seen, f"{row.accuracy:.1f}", f"{row.lowest:.1f} to {row.highest:.1f}"]


def first_of_each(table: pd.DataFrame) -> str:
    """The first digits of each class in the official order, the official test: in %."""
    rows = table[table.protocol == protocols.FIRST_EACH]
    by = 100 * rows.pivot(index="way", columns="images", values="accuracy").loc[rows.way.unique()]
    cells = {way: [f"{one:.1f}" for one in found] for way, found in by.iterrows()}
    return markdown("the first of each class", [f"{n} labels" for n in by.columns], cells)


def of_rules() -> str:
    """What transfer learning is said to do, and what was found: a row a rule."""
    rows = {
        rule.says: [rule.verdict, " ".join(one.text for one in rule.judged()), rule.notebook]
        for rule in rules.RULES
    }
    return markdown("the rule", ["here", "what was found", "notebook"], rows)


JUDGED = {  # columns of the recorded tables of recipes
    "names": "renders, %", "digits_10": "digits, 10 labels, %", "digits_50": "50 labels, %",
    "digits_200": "200 labels, %", "oriented": "filters with an orientation, %",
    "start_left": "start of layer 1 remaining, %",
}  # fmt: skip


def recipes(table: pd.DataFrame) -> str:
    """What was tried to pretrain in less time: mean ± standard deviation over seeds."""
    table = table.sort_values("idea", key=lambda ideas: ideas.map([*IDEAS].index), kind="stable")
    parts = [_judged(table, "core_seconds", "seconds of one core")]
    whole = [idea for idea in dict.fromkeys(table.idea) if idea.startswith(("old", "new"))]
    for other, ideas in ((BEFORE, whole), (NOW, whole), (HALF, dict.fromkeys(table.idea))):
        ahead = {idea: _ahead(table, idea, other) for idea in ideas if idea != other}
        parts.append(markdown(f"points ahead of *{other}*", [*JUDGED.values()], ahead))
    return "\n".join(parts)


def long_recipes(table: pd.DataFrame) -> str:
    """The same for a million renders, as the shipped network saw, and for half of them."""
    ahead = {idea: _ahead(table, idea, BEFORE) for idea in (HALF, NOW)}
    return "\n".join(
        [
            _judged(table, "core_seconds", "seconds of one core"),
            markdown(f"points ahead of *{BEFORE}*", [*JUDGED.values()], ahead),
        ]
    )


def race(table: pd.DataFrame) -> str:
    """The recipe and the one before, in turn and alone on a machine: seconds by the clock."""
    parts = [_judged(table, "seconds", "seconds")]
    seconds, rows = table.pivot(index="seed", columns="idea", values="seconds"), {}
    for idea in dict.fromkeys(table.idea[table.idea != BEFORE]):
        ratios = (seconds[idea] / seconds[BEFORE]).dropna()
        by = stats.estimate(ratios)
        rows[f"{idea}, {len(ratios)} pairs"] = [
            f"{by.mean:.2f} ± {by.half:.2f}", *_ahead(table, idea, BEFORE)
        ]  # fmt: skip
    head = ["of its seconds", *JUDGED.values()]
    parts.append(markdown(f"points ahead of *{BEFORE}*", head, rows))
    return "\n".join([*parts, f"On {' and '.join(dict.fromkeys(table.machine))}.\n"])


def _judged(table: pd.DataFrame, seconds: str, says: str) -> str:
    """A row an idea: renders, runs, time and how good the network is, mean ± SD over seeds."""
    rows = {}
    for idea, own in table.groupby("idea", sort=False):
        time = _spread(own[seconds].agg(["mean", "std"]))
        found = [_spread(100 * own[share].agg(["mean", "std"])) for share in JUDGED]
        rows[idea] = [f"{own.renders.iloc[0]:,}", str(len(own)), time, *found]
    return markdown("idea", ["renders", "runs", says, *JUDGED.values()], rows)


def _ahead(table: pd.DataFrame, idea: str, other: str) -> list[str]:
    """How many points an idea is ahead of another, with 95% intervals; certain signs are bold."""
    runs = [table[table.idea == name].set_index("seed") for name in (idea, other)]
    both = runs[0].index.intersection(runs[1].index)
    one, second = (own.loc[both] for own in runs)
    cells = []
    for measure in JUDGED:
        by = stats.paired(100 * one[measure], 100 * second[measure])
        digits = 2 if measure.startswith("digits") else 1  # which vary less
        said = f"{by.mean:+.{digits}f} ± {by.half:.{digits}f}".replace("-", "−")
        cells.append(f"**{said}**" if abs(by.mean) > by.half else said)
    return cells
