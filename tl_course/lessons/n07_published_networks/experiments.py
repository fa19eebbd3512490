"""Is downloading better? A network of ImageNet against the course's own, on three targets.

Each target has fifty labelled pictures: handwritten digits, ten drawn things that no network of the
course has seen, or pieces of ten photographs. The cut, the size of the pictures, the penalty and
the learning rate are chosen on validation pictures, with separate draws.
"""

import functools
import itertools
import time
import timeit
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pandas as pd
import torch

from tl_course.base import stats
from tl_course.base.parallel import side_by_side
from tl_course.core import network, pretraining, published, transfer
from tl_course.core.output_layers import features, output_layers
from tl_course.core.settings import Settings
from tl_course.data.examples import Examples, Target, draw, draw_indices
from tl_course.data.inputs import to_picture
from tl_course.data.sources.classes import unseen_classes
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets import objects, photographs
from tl_course.data.targets.handwritten import handwritten
from tl_course.data.targets.letters import letters
from tl_course.study.sweep import classical
from tl_course.study.tuning import FIRST_DRAW, PENALTIES

IMAGES = 50
SIZES = (32, 64, 112, 160)  # pixels per side
CUTS = published.LITE0_CUTS
CUT_NAMES = ("stem", *(f"stage {number}" for number in range(1, 8)), "last")
CHOICE_DRAWS = 4
SCORED = 1000  # test pictures at most, because large ones take long
LITE0 = "efficientnet-lite0"
OPTION_2_SIZE = 64  # pixels: training everything at 112 takes three times as long
OPTION_2 = [Settings(learning_rate=rate, steps=60) for rate in (1e-4, 3e-4, 1e-3, 3e-3)]
BLOCKWISE = {"photographs": photographs.EACH}  # pieces per block, which are not independent


@functools.cache
def ten_things() -> Target:
    """A target of ten things held out of the source, evenly spread over them: `[n, 3, 32, 32]`."""
    every = unseen_classes()
    chosen = every[:: len(every) // 10][:10]
    parts = {}
    for part, seed in objects.SEEDS.items():
        source = EmojiImages(seed, chosen)
        x, y = source.batch(0, 100 * len(chosen))
        parts[part] = Examples(x, y, tuple(source.names))
    return Target(**parts)


@functools.cache
def targets() -> dict[str, Target]:
    """The three targets by name, on the course's scale: 32×32 pixels, photographs 56×56."""
    return {
        "digits": handwritten(),
        "drawings": ten_things(),
        "photographs": photographs.scenes(photographs.PIECE),
    }


def for_own(x: torch.Tensor) -> torch.Tensor:
    """Pictures of any size on the course's scale as inputs for the five-layer network."""
    if x.shape[-1] == network.SIZE:
        return x
    return network.FiveLayerNet(2).requirement.prepare(to_picture(x))


def option_1_at(look, prepare, target: Target, keys: list, draws: int) -> Iterator[dict]:
    """Option 1 on the features that `look(prepared pictures)` returns by key, for each of `keys`.

    The penalty is chosen on validation pictures, with other draws than those that are reported.
    Rows `key`, `l2`, `validation` (mean accuracy over the draws for choosing), `draw`, `accuracy`,
    `right`.
    """
    pool, test, names = target.pool, _spread(target.test), target.pool.names
    seeds = [*range(draws), *(FIRST_DRAW + number for number in range(CHOICE_DRAWS))]
    every = torch.stack([draw_indices(pool.y, names, IMAGES, seed) for seed in seeds])
    used, chosen = every.unique(return_inverse=True)
    pool_x, val_x, test_x = (look(prepare(x)) for x in (pool.x[used], target.validation.x, test.x))
    y = pool.y[used]
    for key in keys:
        shown = [Examples(pool_x[key][which], y[which], names) for which in chosen]
        tried = output_layers(None, shown[draws:], seeds[draws:], PENALTIES)
        right = tried.right(val_x[key], target.validation.y)
        means = right.float().mean((0, 2))
        l2 = PENALTIES[int(means.argmax())]
        heads = output_layers(None, shown[:draws], seeds[:draws], [l2])
        scored = heads.right(test_x[key], test.y)[:, 0]
        for number in range(draws):
            yield {
                "key": key, "l2": l2, "validation": means.max().item(), "draw": number,
                "accuracy": scored[number].float().mean().item(), "right": scored[number].numpy(),
            }  # fmt: skip


def _spread(test: Examples) -> Examples:
    """At most SCORED test pictures, evenly spaced, so that each class keeps about its share."""
    return test[:: max(1, len(test) // SCORED)][:SCORED]


def cuts(draws: int, *, sizes=SIZES, names=None) -> Iterator[dict]:
    """Option 1 at every cut and size, and on the course's own network: rows `target`, `net`, ….

    `net` is "own" (with `size` 32, `cut` "last") or "efficientnet-lite0".
    """
    five_layers = pretraining.pretrained()
    for name, target in targets().items():
        if names is not None and name not in names:
            continue
        rows = option_1_at(
            lambda x: {"last": features(five_layers, x)}, for_own, target, ["last"], draws
        )
        common = {"target": name, "images": IMAGES}
        for row in rows:
            yield {**common, "net": "own", "size": network.SIZE, "cut": row.pop("key"), **row}
        for size in sizes:
            requirement, look = published.features_at_cuts(LITE0, CUTS, size)
            prepare = partial(_prepared, requirement)
            for row in option_1_at(look, prepare, target, list(CUTS), draws):
                cut = CUT_NAMES[CUTS.index(row.pop("key"))]
                yield {**common, "net": LITE0, "size": size, "cut": cut, **row}


def best_cut_and_size(
    table: pd.DataFrame, target: str, net: str = LITE0, size: int | None = None
) -> dict:
    """The cut and size with the best validation accuracy for a target: `cut`, `size`, `l2`."""
    rows = table[(table.target == target) & (table.net == net)]
    if size is not None:
        rows = rows[rows["size"] == size]
    chosen = rows.loc[rows.validation.idxmax()]
    return {"cut": chosen.cut, "size": int(chosen["size"]), "l2": float(chosen.l2)}


WINS = ("digits", "digits, photographs", "photographs", "drawings, photographs", "everywhere")


def downloaded_wins(table: pd.DataFrame) -> str:
    """The targets on which ImageNet's network beats yours at its best cut: rows of `cuts`."""
    percent = table.groupby(["target", "net", "size", "cut"]).accuracy.mean()
    ahead = []
    for name in table.target.unique():
        at = best_cut_and_size(table, name)
        if percent[name, LITE0, at["size"], at["cut"]] > percent[name, "own"].max():
            ahead.append(name)
    return "everywhere" if len(ahead) == table.target.nunique() else ", ".join(ahead)


def at_best_size(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `cuts` at the size that validation chose for each target, and of your network."""
    size = table.target.map(
        {name: best_cut_and_size(table, name)["size"] for name in table.target.unique()}
    )
    return table[(table.net == "own") | (table["size"] == size)]


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """The percentage that ImageNet's network gets right by size, cut where validation chose.

    There is a row for each size and a column for each target. `table` has rows of `cuts`.
    """
    rows = table[table.net == LITE0]
    right = 100 * rows.groupby(["target", "size", "cut"]).accuracy.mean()
    at = rows[["target", "size"]].drop_duplicates().itertuples(index=False)
    chosen = {(name, size): best_cut_and_size(table, name, size=size)["cut"] for name, size in at}
    return pd.Series({key: right[(*key, cut)] for key, cut in chosen.items()}).unstack(0)


def module(cut: str) -> str | None:
    """The name of the module at which a cut ends; None for the last features."""
    return CUTS[CUT_NAMES.index(cut)]


def rivals(table: pd.DataFrame, draws: int) -> Iterator[dict]:
    """The arms that compete with a downloaded network on the same draws: rows `target`, `arm`, ….

    Arms: "random-lite0" (untrained, cut where the trained one was best), "random-frozen", "scratch"
    and "own-option-2" (five layers), "classical" (no network), and "lite0-option-2" (all layers up
    to the best cut at 64 pixels).
    """
    at = {name: best_cut_and_size(table, name) for name in targets()}
    small = {name: best_cut_and_size(table, name, size=OPTION_2_SIZE) for name in targets()}
    plan = [
        (name, arm, number, at[name])
        for name in targets()
        for arm in ("classical", "random-frozen", "scratch", "own-option-2", "random-lite0")
        for number in range(draws)
    ]
    yield from side_by_side(_rival, plan, "rivals")
    tried = itertools.product(small, range(2), OPTION_2)
    plan = [(name, number, small[name], chosen) for name, number, chosen in tried]
    choice = pd.DataFrame(list(side_by_side(_option_2_choice, plan, "choosing rates")))
    rates = choice.groupby(["target", "rate"]).accuracy.mean().unstack().idxmax(axis=1)
    plan = [
        (name, "lite0-option-2", number, small[name],
         Settings(learning_rate=float(rates[name]), steps=OPTION_2[0].steps))
        for name in targets()
        for number in range(draws)
    ]  # fmt: skip
    yield from side_by_side(_rival, plan, "everything moves")


def prepared_examples(net: published.Seeing, part: Examples) -> Examples:
    """Examples on the course's scale as inputs for a published network."""
    return replace(part, x=_prepared(net.requirement, part.x))


def _prepared(requirement, x: torch.Tensor) -> torch.Tensor:
    return requirement.prepare(to_picture(x))


def _option_2_choice(name: str, number: int, at: dict, chosen: Settings) -> dict:
    target = targets()[name]
    net = published.load(LITE0, module(at["cut"]), at["size"])
    labelled = draw(target.pool, IMAGES, FIRST_DRAW + number)
    shown, scored = (prepared_examples(net, part) for part in (labelled, target.validation))
    adapted = transfer.option_2(net, shown, test=scored, seed=number, chosen=chosen)
    return {"target": name, "rate": chosen.learning_rate, "accuracy": adapted.accuracy}


def _rival(name: str, arm: str, number: int, at: dict, chosen: Settings | None = None) -> dict:
    target, size = targets()[name], network.SIZE
    labelled, test = draw(target.pool, IMAGES, number), _spread(target.test)
    begun = time.perf_counter()
    if "lite0" in arm:
        size = at["size"]
        net = published.load(LITE0, module(at["cut"]), size)
        shown, scored = (prepared_examples(net, part) for part in (labelled, test))
        if arm == "random-lite0":
            net = published.untrained_lite0(LITE0, module(at["cut"]), size, shown.x, number)
            adapted = transfer.option_1(net, shown, test=scored, chosen=Settings(l2=at["l2"]))
        else:
            adapted = transfer.option_2(net, shown, test=scored, seed=number, chosen=chosen)
        right = adapted.predictions == test.y
    else:
        shown, scored = (replace(part, x=for_own(part.x)) for part in (labelled, test))
        five_layers = arm == "own-option-2"
        way, net = ("option-2", pretraining.pretrained()) if five_layers else (arm, None)
        if arm == "classical":
            right = classical(shown, scored)[0]
        else:
            right = transfer.adapt(way, net, shown, test=scored, seed=number).predictions == test.y
    return {
        "target": name, "arm": arm, "images": IMAGES, "size": size, "draw": number,
        "rate": chosen.learning_rate if chosen else float("nan"),
        "accuracy": right.float().mean().item(), "right": right.numpy(),
        "seconds": time.perf_counter() - begun,
    }  # fmt: skip


def finals(table: pd.DataFrame, rivals: pd.DataFrame) -> pd.DataFrame:
    """Rows of all arms: those of `rivals`, "own-option-1", "lite0-option-1" and "lite0-last"."""
    tables = [rivals[["target", "arm", "draw", "accuracy", "right"]]]
    for name in table.target.unique():
        at = best_cut_and_size(table, name)
        last = best_cut_and_size(table[table.cut == "last"], name)
        for arm, net, where in (
            ("own-option-1", "own", {"cut": "last", "size": network.SIZE}),
            ("lite0-option-1", LITE0, at),
            ("lite0-last", LITE0, last),
        ):
            rows = table[
                (table.target == name) & (table.net == net) & (table.cut == where["cut"])
                & (table["size"] == where["size"])
            ]  # fmt: skip
            tables.append(rows[["target", "draw", "accuracy", "right"]].assign(arm=arm))
    return pd.concat(tables, ignore_index=True)


def ahead_by_target(table: pd.DataFrame, arm: str, other: str) -> pd.DataFrame:
    """How far `arm` is ahead of `other` on the same draws, in points, with a 95% interval."""

    def clusters(target: str, right: pd.DataFrame) -> dict:
        return {"block": right.columns.to_numpy() // BLOCKWISE.get(target, 1)}

    return paired_by(table, arm, other, "target", clusters)


def paired_by(
    table: pd.DataFrame, leader: str, other: str, by: str, clusters: Callable[..., dict]
) -> pd.DataFrame:
    """`leader` against `other` on the same draws: rows `by`, `ahead`, `interval`, `wins`, `draws`.

    `ahead` and its 95% `interval` are in points. `clusters(value of by, right by draw)`
    returns what was sampled besides the draws, for `stats.estimate`.
    """
    rows = []
    for value, group in table.groupby(by, sort=False):
        first, second = (
            pd.DataFrame(dict(zip(rows.draw, rows.right, strict=True))).T.sort_index().astype(float)
            for rows in (group[group.arm == arm] for arm in (leader, other))
        )
        each = (first - second).dropna()
        points, interval = stats.estimate(each, draw=0, **clusters(value, each))
        rows.append(
            {by: value, "ahead": 100 * points, "interval": 100 * interval,
             "wins": int((each.mean(axis=1) > 0).sum()), "draws": len(each)}
        )  # fmt: skip
    return pd.DataFrame(rows)


def times(sizes=SIZES, n: int = 64) -> list[dict]:
    """How long the features of one picture take here: rows `net`, `size`, `milliseconds`."""
    rows = []
    nets = [("own", pretraining.pretrained())]
    nets += [(LITE0, published.load(LITE0, size=size)) for size in sizes]
    for name, net in nets:
        size = net.requirement.size
        x = net.requirement.prepare(torch.rand(n, 3, size, size))
        first, *spent = timeit.repeat(partial(features, net, x), number=1, repeat=4)
        rows.append({"net": name, "size": size, "milliseconds": 1000 * min(spent) / n})
    return rows


STARTS = {
    "digits": "a classmate's, built on it with digits",
    "shipped": "the shipped network",
    "letters": "a classmate's, built on it with letters",
    "scratch": "nothing shared: from scratch",
}
LETTERS = Settings(learning_rate=1e-3, steps=300)  # with copies: best of four on validation digits
CLASSMATE = 500  # digits that a classmate has labelled


def halves(target: Target) -> tuple[Target, Examples]:
    """A target with the first half of each class of its pool, and a classmate's second half."""
    place = torch.empty(len(target.pool), dtype=torch.long)
    for label in range(len(target.pool.names)):
        where = (target.pool.y == label).nonzero().flatten()
        place[where] = torch.arange(len(where)) * 2 // len(where)
    first_half, second_half = target.pool[place == 0], target.pool[place == 1]
    return Target(first_half, target.validation, target.test), second_half


def classmates() -> dict[str, network.FiveLayerNet]:
    """Networks that two classmates built on the shipped one: with letters, with their digits."""
    shipped, of_classmate = pretraining.pretrained(), halves(handwritten())[1]
    of_letters = letters().pool
    of_classmate = draw(of_classmate, CLASSMATE, 0)
    return {
        "letters": transfer.option_2(shipped, of_letters, augment=True, chosen=LETTERS).net,
        "digits": transfer.option_2(shipped, of_classmate, augment=True).net,
    }


def lineage_rows(draws: int) -> Iterator[dict]:
    """Fifty digits with nothing shared, shared weights, and what classmates built on these.

    Rows `arm` ("scratch", "shipped", "letters", "digits"), `draw`, `accuracy`, `right`. Shared
    networks are adapted with Option 1. The classmate's digits are neither among these fifty nor in
    the test.
    """
    target = halves(handwritten())[0]
    nets = {"shipped": pretraining.pretrained(), **classmates()}

    def look(x):
        return {name: features(net, x) for name, net in nets.items()}

    for row in option_1_at(look, for_own, target, list(nets), draws):
        yield {"arm": row.pop("key"), "target": "digits", "images": IMAGES, **row}
    plan = [(target.pool, target.test, number) for number in range(draws)]
    yield from side_by_side(_alone, plan, "alone")


def _alone(pool: Examples, test: Examples, number: int) -> dict:
    labelled, test = draw(pool, IMAGES, number), _spread(test)
    right = transfer.from_scratch(labelled, test=test, seed=number).predictions == test.y
    return {
        "arm": "scratch", "target": "digits", "images": IMAGES, "draw": number,
        "accuracy": right.float().mean().item(), "right": right.numpy(),
    }  # fmt: skip


def shared_right(table: pd.DataFrame) -> dict[str, float]:
    """The percentage of digits that are right from each start of `lineage_rows`."""
    mean = 100 * table.groupby("arm").accuracy.mean()
    return {called: float(mean[arm]) for arm, called in reversed(STARTS.items())}
