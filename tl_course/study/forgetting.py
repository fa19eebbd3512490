"""What adapting costs: how far layers move, what is forgotten, how far one overfits."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple

import pandas as pd
import torch

from tl_course.base import stats
from tl_course.core import settings, spelling, training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.pretraining import Source
from tl_course.core.settings import Settings
from tl_course.data.examples import Target, draw
from tl_course.study import comparing


def moved(before: FiveLayerNet, after: FiveLayerNet) -> dict[str, float]:
    """How far each layer's weights went, ‖W_after − W_before‖ / ‖W_before‖, layers 1 … 4.

    The output layer is none of them: a fresh one starts at zero, and no share of zero is there.
    """
    shares = {}
    for number in (1, 2, 3, 4):
        then, now = (getattr(net, f"layer{number}").weight.detach() for net in (before, after))
        then = then.to(now.device)
        shares[f"layer {number}"] = (now - then).norm() / then.norm()
    found = torch.stack(list(shares.values())).tolist()  # the device is waited for once
    return dict(zip(shares, found, strict=True))


def with_old_output(adapted: FiveLayerNet, source_net: FiveLayerNet) -> FiveLayerNet:
    """The adapted layers 1 … 4 under the 1,000-unit output layer that was taken off."""
    back = copy.deepcopy(adapted)
    back.output = copy.deepcopy(source_net.output).to(adapted.output.weight.device)
    back.n_classes = source_net.n_classes
    return back


SMALL_STEPS = 50  # images whose tuned settings are the control of larger numbers
CONTROL = f"of {SMALL_STEPS} images"


def plan(images: int) -> list[tuple[str, str, Settings]]:
    """What is run in each draw of so many images: which settings they are, the arm, the settings.

    Both options have those that were tuned for that number. Where Option 2 was tuned to others with
    fifty images, it also runs with those of fifty.
    """
    arms = ("option-1", "option-2")
    runs = [("tuned", arm, settings.chosen(arm, images)) for arm in arms]
    small = settings.chosen("option-2", SMALL_STEPS)
    return runs if runs[1][2] == small else [*runs, (CONTROL, "option-2", small)]


def forgetting(
    net: FiveLayerNet,
    target: Target,
    held_out: Source,
    sizes: Sequence[int],
    draws: int | dict[int, int],
    seed: int = 0,
    renders: int = 2000,
    done: Iterable[dict] = (),
) -> Iterator[dict]:
    """What is left of the source task after adapting: one row an adaptation.

    Both options run as they do by default (`settings` is "tuned"), and Option 2 also as it does
    with fifty images where that differs (`settings` is `CONTROL`, see `plan`), which tells apart
    what more images do and what other settings do.

    `accuracy` is that on the source with the old output layer put back, `training` and `test` are
    those on the target; `moved_1` … `moved_4` say how far each layer went; `l2`, `rate` and
    `steps` are the settings. The row `before` is the network as it was. Draws are those of
    `sweep`; rows that are in `done` are given back as they are. (There are more than seven
    parameters, since one call says all that a row depends on.)
    """
    keys = ["arm", "images", "draw", *spelling.to_file(Settings())]
    known = {tuple(row.get(key) for key in keys): row for row in done}
    fresh = held_out.batch(0, renders)
    before = [row for row in known.values() if row["arm"] == "before"] or [
        {"settings": "tuned", "arm": "before", "images": 0, "draw": 0,
         "accuracy": training.accuracy(net, *fresh)}
    ]  # fmt: skip
    yield before[0]
    for images in sizes:
        for number in range(draws[images] if isinstance(draws, dict) else draws):
            labelled = draw(target.pool, images, seed * 1000 + number)
            for name, arm, chosen in plan(images):
                found = known.get((arm, images, number, *astuple(chosen)))
                if found is None:
                    s = seed * 1000 + number
                    adapted = transfer.adapt(arm, net, labelled, seed=s, chosen=chosen).net
                    went = moved(net, adapted)
                    back = with_old_output(adapted, net)
                    found = {
                        "settings": name, "arm": arm, "images": images, "draw": number,
                        **spelling.to_file(chosen),
                        "accuracy": training.accuracy(back, *fresh),
                        **{name.replace("layer ", "moved_"): by for name, by in went.items()},
                        "training": training.accuracy(adapted, labelled.x, labelled.y),
                        "test": training.accuracy(adapted, target.test.x, target.test.y),
                    }  # fmt: skip
                yield found


def overfitting_gaps(costs: pd.DataFrame, scored: pd.DataFrame, images: int) -> dict[str, float]:
    """How far training accuracy is above test accuracy, in points, over the same draws.

    `costs` are rows of `forgetting`, `scored` of a sweep with the same draws; rows of training runs
    at equal rates are both. Gives the mean gap of "option-1" and of "option-2", how much "larger"
    the second is, half of the 95% "interval" of that (over draws and test examples, see
    `stats.estimate`), and the number of "draws".
    """
    gaps = {}
    for arm in ("option-1", "option-2"):
        rows = comparing.tuned(costs).query("arm == @arm and images == @images")
        training_part = rows.set_index("draw").training.sort_index()
        right = comparing.right(scored, arm, False, images).loc[training_part.index]
        gaps[arm] = training_part.to_numpy()[:, None] - right.to_numpy(float)
    larger, interval = stats.paired(gaps["option-2"], gaps["option-1"], draw=0, example=1)
    return {
        **{arm: 100 * float(gap.mean()) for arm, gap in gaps.items()},
        "larger": 100 * larger,
        "interval": 100 * interval,
        "draws": len(gaps["option-1"]),
    }


def gaps_by_size(costs: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """`overfitting_gaps` with each number of images (the index) in `costs`, a row each."""
    sizes = sorted(costs.images[costs.arm == "option-1"].unique())
    return pd.DataFrame({images: overfitting_gaps(costs, scored, images) for images in sizes}).T
