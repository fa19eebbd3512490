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


def sweep(
    net: FiveLayerNet,
    target: Target,
    sizes: Sequence[int],
    draws: int | dict[str, int],
    *,
    arms: Iterable[str] = ARMS,
    seed: int = 0,
    part: str = "test",
    progress: bool = False,
    stop=None,
) -> Iterator[dict]:
    """Rows with `arm`, `augmented`, `images`, `draw`, `accuracy` (0 … 1) and `seconds`.

    Draw d of seed s is the same set of images for every arm, so that arms can be compared in
    pairs. `draws` may differ by arm. `part` is what is scored: "test", or "validation" for choices.
    """
    scored: Examples = getattr(target, part)
    counts = draws if isinstance(draws, dict) else dict.fromkeys(arms, draws)
    total = sum(counts[arm] for arm in arms) * len(sizes)
    with tqdm(total=total, desc="runs", disable=not progress) as bar:
        for arm in arms:
            for images in sizes:
                if stop is not None and stop.is_set():
                    return
                for row in _runs(arm, net, target.pool, scored, images, counts[arm], seed):
                    yield row
                    bar.update()


def _runs(arm, net, pool, scored, images, draws, seed) -> Iterator[dict]:
    def row(number: int, accuracy: float, seconds: float) -> dict:
        return {
            "arm": arm, "augmented": False, "images": images, "draw": number,
            "accuracy": accuracy, "seconds": seconds,
        }  # fmt: skip

    seeds = range(seed * 1000, seed * 1000 + draws)
    if arm == "option-1":  # one set of layers for all draws: features once, heads together
        begun = time.perf_counter()
        chosen = torch.stack([draw_indices(pool.y, pool.names, images, s) for s in seeds])
        used, where = chosen.unique(return_inverse=True)
        x = transfer.features(net, pool.x[used])[where]
        weight, bias, _ = transfer.fit_output_layers(
            x, pool.y[chosen], len(pool.names),
            torch.full((draws,), transfer.settings(arm, images).l2),
        )  # fmt: skip
        seconds = (time.perf_counter() - begun) / draws
        seen = transfer.features(net, scored.x)
        scores = torch.einsum("nf,dkf->dnk", seen, weight) + bias[:, None]
        right = (scores.argmax(2).cpu() == scored.y).float().mean(1)
        for number in range(draws):
            yield row(number, right[number].item(), seconds)
        return
    for number, s in enumerate(seeds):
        labelled = draw(pool, images, s)
        if arm == "classical":
            yield row(number, *classical(labelled, scored))
            continue
        common = {
            "test": (scored.x, scored.y), "n_classes": len(pool.names), "modality": pool.modality
        }  # fmt: skip
        if arm == "option-2":
            result = transfer.option_2(net, labelled.x, labelled.y, s, **common)
        elif arm == "scratch":
            result = transfer.from_scratch(labelled.x, labelled.y, s, **common)
        else:
            result = transfer.random_frozen(labelled.x, labelled.y, s, **common)
        yield row(number, result.accuracy, result.seconds)


def classical(labelled: Examples, scored: Examples, c: float = 3.0) -> tuple[float, float]:
    """The floor without any network: a support vector machine on the pixels; accuracy, seconds."""
    from sklearn.svm import SVC

    begun = time.perf_counter()
    machine = SVC(C=c, kernel="rbf", gamma="scale")
    machine.fit(labelled.x[:, 0].flatten(1).numpy(), labelled.y.numpy())
    seconds = time.perf_counter() - begun
    return float(machine.score(scored.x[:, 0].flatten(1).numpy(), scored.y.numpy())), seconds
