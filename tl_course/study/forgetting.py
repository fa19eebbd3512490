"""The costs of adapting: how far layers move, what is forgotten, how much is overfitted."""

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


def moved_by_layer(before: FiveLayerNet, after: FiveLayerNet) -> dict[str, float]:
    """How far each layer's weights moved, ‖W_after − W_before‖ / ‖W_before‖, layers 1 … 4.

    The output layer is left out, because it starts at zero.
    """
    shares = {}
    for number in (1, 2, 3, 4):
        old, new = (getattr(net, f"layer{number}").weight.detach() for net in (before, after))
        old = old.to(new.device)
        shares[f"layer {number}"] = (new - old).norm() / old.norm()
    values = torch.stack(list(shares.values())).tolist()  # so the device is waited for once
    return dict(zip(shares, values, strict=True))


def with_old_output(adapted: FiveLayerNet, source_net: FiveLayerNet) -> FiveLayerNet:
    """The adapted layers 1 … 4 with the source's output layer."""
    restored = copy.deepcopy(adapted)
    restored.output = copy.deepcopy(source_net.output).to(adapted.output.weight.device)
    restored.n_classes = source_net.n_classes
    return restored


SMALL_STEPS = 50  # images whose tuned settings are the control of larger numbers
CONTROL = f"of {SMALL_STEPS} images"


def plan(images: int) -> list[tuple[str, str, Settings]]:
    """The runs in each draw of so many images: the settings' name, the arm, the settings.

    Both options run with the settings tuned for that number. Option 2 also runs with those tuned
    for fifty images, if they differ.
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
    """Accuracy on the source task after adapting: one row per adaptation.

    Both options run with their default settings (`settings` is "tuned"). If those of Option 2
    differ from those for fifty images, it also runs with these (`settings` is `CONTROL`, see
    `plan`), to separate the effect of more images from that of other settings.

    `accuracy` is on the source with the old output layer; `training` and `test` are on the target.
    `moved_1` … `moved_4` say how far each layer moved; `l2`, `rate` and `steps` are the settings.
    The row `before` is the network before adapting. Draws are those of `sweep`; rows in `done` are
    returned unchanged. (More than seven parameters: one call says all that a row depends on.)
    """
    keys = ["arm", "images", "draw", *spelling.to_file(Settings())]
    known = {tuple(row.get(key) for key in keys): row for row in done}
    unseen = held_out.batch(0, renders)
    before = [row for row in known.values() if row["arm"] == "before"] or [
        {"settings": "tuned", "arm": "before", "images": 0, "draw": 0,
         "accuracy": training.accuracy(net, *unseen)}
    ]  # fmt: skip
    yield before[0]
    for images in sizes:
        for number in range(draws[images] if isinstance(draws, dict) else draws):
            run_seed = seed * 1000 + number
            labelled = draw(target.pool, images, run_seed)
            for name, arm, chosen in plan(images):
                row = known.get((arm, images, number, *astuple(chosen)))
                if row is None:
                    adapted = transfer.adapt(arm, net, labelled, seed=run_seed, chosen=chosen).net
                    shares = moved_by_layer(net, adapted).items()
                    restored = with_old_output(adapted, net)
                    row = {
                        "settings": name, "arm": arm, "images": images, "draw": number,
                        **spelling.to_file(chosen),
                        "accuracy": training.accuracy(restored, *unseen),
                        **{layer.replace("layer ", "moved_"): share for layer, share in shares},
                        "training": training.accuracy(adapted, labelled.x, labelled.y),
                        "test": training.accuracy(adapted, target.test.x, target.test.y),
                    }  # fmt: skip
                yield row


def overfitting_gaps(costs: pd.DataFrame, scored: pd.DataFrame, images: int) -> dict[str, float]:
    """How far training accuracy is above test accuracy, in points, over the same draws.

    `costs` are rows of `forgetting`, `scored` are rows of a sweep with the same draws; rows of
    runs at equal rates serve as both. Returns the mean gap of "option-1" and of "option-2", how
    much "larger" the second is, half of its 95% "interval" (over draws and test examples, see
    `stats.estimate`), and the number of "draws".
    """
    gaps = {}
    for arm in ("option-1", "option-2"):
        rows = comparing.tuned(costs).query("arm == @arm and images == @images")
        accuracies = rows.set_index("draw").training.sort_index()  # on the training examples
        right = comparing.right(scored, arm, False, images).loc[accuracies.index]
        gaps[arm] = accuracies.to_numpy()[:, None] - right.to_numpy(float)
    larger, interval = stats.paired(gaps["option-2"], gaps["option-1"], draw=0, example=1)
    return {
        **{arm: 100 * float(gap.mean()) for arm, gap in gaps.items()},
        "larger": 100 * larger,
        "interval": 100 * interval,
        "draws": len(gaps["option-1"]),
    }


def gaps_by_size(costs: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """`overfitting_gaps` for each number of images in `costs` (the index)."""
    sizes = sorted(costs.images[costs.arm == "option-1"].unique())
    return pd.DataFrame({images: overfitting_gaps(costs, scored, images) for images in sizes}).T
