"""The same task with ever more labelled images: every arm, several draws, one row a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

import torch
from tqdm.auto import tqdm

from tl_course import transfer
from tl_course.network import FiveLayerNet
from tl_course.targets.examples import Examples, Target, draw, draw_indices

ARMS = ("random-frozen", "scratch", "option-1", "option-2", "classical")
EVERY_ARM = (*ARMS, "output-first")
ROOM = 20_000  # feature vectors that output layers are trained on at once


def sweep(
    net: FiveLayerNet,
    target: Target,
    sizes: Sequence[int],
    draws: int | dict[str, int],
    *,
    arms: Iterable[str] = ARMS,
    augment: Sequence[bool] = (False,),
    seed: int = 0,
    part: str = "test",
    done: Iterable[dict] = (),
    progress: bool = False,
    stop=None,
) -> Iterator[dict]:
    """Rows with `arm`, `augmented`, `images`, `draw`, `accuracy` (0 … 1) and `seconds`.

    Draw d of seed s is the same set of images for every arm, so that arms can be compared in
    pairs. `draws` may differ by arm. `part` is what is scored: "test", or "validation" for choices.
    Runs that are in `done` (rows of an earlier sweep) are not run again. The classical floor has
    no augmentation.
    """
    scored: Examples = getattr(target, part)
    counts = draws if isinstance(draws, dict) else dict.fromkeys(arms, draws)
    had = {(row["arm"], bool(row["augmented"]), row["images"], row["draw"]) for row in done}
    plan = {
        (arm, augmented, images): [
            d for d in range(counts[arm]) if (arm, augmented, images, d) not in had
        ]
        for augmented in augment
        for images in sizes
        for arm in arms
        if not (augmented and arm == "classical")
    }
    with tqdm(total=sum(map(len, plan.values())), desc="runs", disable=not progress) as bar:
        for (arm, augmented, images), numbers in plan.items():
            runs = _runs(arm, augmented, net, target.pool, scored, images, numbers, seed)
            for number, accuracy, seconds in runs:
                yield {
                    "arm": arm, "augmented": augmented, "images": images, "draw": number,
                    "accuracy": accuracy, "seconds": seconds,
                }  # fmt: skip
                bar.update()
                if stop is not None and stop.is_set():
                    return


def _runs(
    arm, augmented, net, pool, scored, images, numbers, seed
) -> Iterator[tuple[int, float, float]]:
    """Draw, accuracy and seconds of each run."""
    if arm == "option-1":  # one set of layers for all draws: features once, heads together
        views = transfer.VIEWS[transfer.nearest(transfer.VIEWS, images)] if augmented else 0
        together = max(1, ROOM // (images * (views + 1)))
        for first in range(0, len(numbers), together):
            yield from _output_layers(
                net, pool, scored, images, numbers[first : first + together], seed, views
            )
        return
    adapt = {
        "option-2": transfer.option_2, "output-first": transfer.output_first,
        "scratch": transfer.from_scratch, "random-frozen": transfer.random_frozen,
    }  # fmt: skip
    for number in numbers:
        s = seed * 1000 + number
        labelled = draw(pool, images, s)
        if arm == "classical":
            yield number, *classical(labelled, scored)
            continue
        source = () if arm in ("scratch", "random-frozen") else (net,)
        result = adapt[arm](
            *source, labelled.x, labelled.y, s, test=(scored.x, scored.y), augment=augmented,
            n_classes=len(pool.names), modality=pool.modality,
        )  # fmt: skip
        yield number, result.accuracy, result.seconds


def _output_layers(net, pool, scored, images, numbers, seed, views):
    """Option 1 for several draws at once; `views` augmented ones of each image beside it."""
    begun = time.perf_counter()
    chosen = torch.stack(
        [draw_indices(pool.y, pool.names, images, seed * 1000 + n) for n in numbers]
    )
    used, where = chosen.unique(return_inverse=True)
    seen = [transfer.features(net, pool.x[used])]
    for view in range(views):
        seen.append(
            transfer.features(net, transfer.augmented(pool.x[used], seed, view * len(pool)))
        )
    x = torch.stack(seen)[:, where].transpose(0, 1).flatten(1, 2)  # [draws, views · images, f]
    l2 = transfer.settings("option-1", images, views > 0).l2
    weight, bias, _ = transfer.fit_output_layers(
        x, pool.y[chosen].repeat(1, views + 1), len(pool.names), torch.full((len(numbers),), l2)
    )
    seconds = (time.perf_counter() - begun) / len(numbers)
    scores = torch.einsum("nf,dkf->dnk", transfer.features(net, scored.x), weight) + bias[:, None]
    right = (scores.argmax(2).cpu() == scored.y).float().mean(1)
    for number, share in zip(numbers, right.tolist(), strict=True):
        yield number, share, seconds


def classical(labelled: Examples, scored: Examples, c: float = 3.0) -> tuple[float, float]:
    """The floor without any network: a support vector machine on the pixels; accuracy, seconds."""
    from sklearn.svm import SVC

    begun = time.perf_counter()
    machine = SVC(C=c, kernel="rbf", gamma="scale")
    machine.fit(labelled.x[:, 0].flatten(1).numpy(), labelled.y.numpy())
    seconds = time.perf_counter() - begun
    return float(machine.score(scored.x[:, 0].flatten(1).numpy(), scored.y.numpy())), seconds
