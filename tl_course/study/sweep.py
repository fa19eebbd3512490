"""The same task with more and more labelled images: every arm, several draws, one row per run."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from tqdm.auto import tqdm

from tl_course.base.parallel import side_by_side
from tl_course.core import settings, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import copies_of, features, output_layers
from tl_course.core.settings import Settings
from tl_course.data.examples import Examples, Target, draw

ARMS = ("random-frozen", "scratch", "option-1", "option-2", "output-first", "classical")
CALLED = {
    "option-1": "Option 1 (frozen)",
    "option-2": "Option 2 (fine-tuned)",
    "scratch": "from scratch",
    "random-frozen": "random frozen",
    "output-first": "output layer first, then all",
    "classical": "no network",
}
ROOM = 20_000  # feature vectors that output layers are trained on at once
TOGETHER = 2  # runs of one process between two reports
ALONE = 20_000  # images from which a run has the machine to itself: copies take gigabytes
Choice = Callable[[str, int, bool], Settings]  # by arm, number of images, augmented


def sweep(
    net: FiveLayerNet,
    target: Target | Callable[[], Target],
    sizes: Sequence[int],
    draws: int | dict[int, int],
    *,
    arms: Iterable[str] = ARMS,
    augment: Sequence[bool] = (False,),
    choice: Choice = settings.chosen,
    seed: int = 0,
    part: str = "test",
    done: Iterable[dict] = (),
    progress: bool = False,
) -> Iterator[dict]:
    """Rows with `arm`, `augmented`, `images`, `draw`, `accuracy` (0 … 1), `seconds` and `right`.

    Draw d of seed s is the same set of images for every arm, so that arms can be compared in
    pairs; `right` says which of the scored examples were right, bool `[n_scored]`. A large `target`
    should be a function, which each process calls. `draws` may differ by size. `part` is scored:
    "test", or "validation" for choices. Runs in `done` (rows of an earlier sweep) are not run
    again. The classical floor has no augmentation. (More than seven parameters: one call says all
    that a row depends on.)

    Option 1 comes first, with features computed once for all draws. Networks that are trained whole
    follow, one per core, so their `seconds` are those of one core. Runs with very many images come
    last, one at a time and on all cores.
    """
    counts = draws if isinstance(draws, dict) else dict.fromkeys(sizes, draws)
    had = {(row["arm"], bool(row["augmented"]), row["images"], row["draw"]) for row in done}
    plan = []
    first = sorted(arms, key=lambda arm: arm != "option-1")
    for augmented, images, arm in itertools.product(augment, sizes, first):
        if augmented and arm == "classical":
            continue
        key = arm, augmented, images
        numbers = [d for d in range(counts[images]) if (*key, d) not in had]
        shown = images * (augmented * copies_of(images) + 1)
        once = max(1, ROOM // shown) if arm == "option-1" else TOGETHER
        for begin in range(0, len(numbers), once):
            plan.append((*key, numbers[begin : begin + once], net, target, part, seed, choice))
    heads = [task for task in plan if task[0] == "option-1"]
    whole = [task for task in plan if task[0] != "option-1" and task[2] < ALONE]
    large = [task for task in plan if task[0] != "option-1" and task[2] >= ALONE]
    total = sum(len(task[3]) for task in plan)
    with tqdm(total=total, desc="runs", disable=not progress) as bar:
        for results in (
            itertools.starmap(_output_layers_of, heads),
            side_by_side(_runs, whole),
            itertools.starmap(_runs, large),
        ):
            for rows in results:
                yield from rows
                bar.update(len(rows))


def settings_of(choice: Choice, arm: str, images: int, augmented: bool) -> Settings:
    """An arm's settings; *output layer first* also needs the penalty of Option 1."""
    chosen = choice(arm, images, augmented)
    if arm == "output-first":
        chosen = replace(chosen, l2=choice("option-1", images, augmented).l2)
    return chosen


def _row(arm, augmented, images, number, right: torch.Tensor, seconds: float) -> dict:
    return {
        "arm": arm, "augmented": augmented, "images": images, "draw": number,
        "accuracy": right.float().mean().item(), "seconds": seconds, "right": right,
    }  # fmt: skip


def _parts(target: Target | Callable[[], Target], part: str) -> tuple[Examples, Examples]:
    """The pool, and the part that is scored."""
    target = target() if callable(target) else target
    return target.pool, getattr(target, part)


def _runs(arm, augmented, images, numbers, net, target, part, seed, choice) -> list[dict]:
    """The rows of the draws `numbers` of one arm, adapted one after another."""
    pool, scored = _parts(target, part)
    rows = []
    for number in numbers:
        run_seed = seed * 1000 + number
        labelled = draw(pool, images, run_seed)
        if arm == "classical":
            right, seconds = classical(labelled, scored)
        else:
            chosen = settings_of(choice, arm, images, augmented)
            start = None if arm in ("scratch", "random-frozen") else net
            adapted = transfer.adapt(
                arm, start, labelled, test=scored, seed=run_seed, augment=augmented, chosen=chosen
            )
            right, seconds = adapted.predictions == scored.y, adapted.seconds
        rows.append(_row(arm, augmented, images, number, right, seconds))
    return rows


def _output_layers_of(
    arm, augmented, images, numbers, net, target, part, seed, choice
) -> list[dict]:
    """The rows of the draws `numbers` of Option 1, all trained at once."""
    pool, scored = _parts(target, part)
    begun = time.perf_counter()
    seeds = [seed * 1000 + number for number in numbers]
    draws = [draw(pool, images, run_seed) for run_seed in seeds]
    l2 = choice(arm, images, augmented).l2
    trained = output_layers(net, draws, seeds, [l2], augment=augmented)
    seconds = (time.perf_counter() - begun) / len(numbers)
    right = trained.right(features(net, scored.x), scored.y)[:, 0]  # [draws, n_scored]
    return [
        _row(arm, augmented, images, number, row, seconds)
        for number, row in zip(numbers, right, strict=True)
    ]


def classical(labelled: Examples, scored: Examples, c: float = 3.0) -> tuple[torch.Tensor, float]:
    """A support vector machine on the pixels: bool `[n_scored]`, which are right, and seconds."""
    from sklearn.svm import SVC

    begun = time.perf_counter()
    classifier = SVC(C=c, kernel="rbf", gamma="scale")
    classifier.fit(labelled.x[:, 0].flatten(1).numpy(), labelled.y.numpy())
    seconds = time.perf_counter() - begun
    predictions = torch.from_numpy(classifier.predict(scored.x[:, 0].flatten(1).numpy()))
    return predictions == scored.y, seconds
