"""The small experiments of the lessons: each gives tidy rows, one a measurement."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from tl_course import pretraining, training, transfer
from tl_course.network import FiveLayerNet
from tl_course.pretraining import Source
from tl_course.targets.examples import Examples, Target, draw
from tl_course.transfer import Settings


def overfitting(
    net: FiveLayerNet, labelled: Examples, scored: Examples, seed: int = 0, every: int = 5
) -> list[dict]:
    """Training and test accuracy along the way, for both options: rows `arm`, `step`, `part`."""
    rows = []

    def note(arm: str, step: int, on_training: float, on_test: float) -> None:
        for part, accuracy in (("training", on_training), ("test", on_test)):
            rows.append({"arm": arm, "step": step, "part": part, "accuracy": accuracy})

    def on_step(step: int, adapted, history) -> None:
        if step % every == 0:
            was_training = adapted.training
            note(
                "option-2", step, training.accuracy(adapted, labelled.x, labelled.y),
                training.accuracy(adapted, scored.x, scored.y),
            )  # fmt: skip
            adapted.train(was_training)

    transfer.option_2(
        net, labelled.x, labelled.y, seed, n_classes=len(labelled.names), on_step=on_step
    )
    own, other = transfer.features(net, labelled.x), transfer.features(net, scored.x)
    l2 = torch.tensor([transfer.settings("option-1", len(labelled)).l2])
    last = rows[-1]["step"]
    for step in range(0, last + 1, every):
        weight, bias, _ = transfer.fit_output_layers(
            own[None], labelled.y[None], len(labelled.names), l2, steps=step
        )
        right = [
            ((x @ weight[0].T + bias[0]).argmax(1).cpu() == y).float().mean().item()
            for x, y in ((own, labelled.y), (other, scored.y))
        ]
        note("option-1", step, *right)
    return rows


def moved(before: FiveLayerNet, after: FiveLayerNet) -> dict[str, float]:
    """How far each layer's weights went, ‖W_after − W_before‖ / ‖W_before‖, layers 1 … 4."""
    return {
        f"layer {number}": ((now - then).norm() / then.norm()).item()
        for number in (1, 2, 3, 4)
        for then, now in [
            (getattr(net, f"layer{number}").weight.detach().cpu() for net in (before, after))
        ]
    }


def with_old_output(adapted: FiveLayerNet, source_net: FiveLayerNet) -> FiveLayerNet:
    """The adapted layers 1 … 4 under the 1,000-unit output layer that was taken off."""
    back = copy.deepcopy(adapted)
    back.output = copy.deepcopy(source_net.output).to(adapted.output.weight.device)
    back.n_classes = source_net.n_classes
    return back


# One training for every number of images, so that they can be compared.
FORGETTING = Settings(l2=1e-2, rate=1e-4, steps=100)


def forgetting(
    net: FiveLayerNet,
    target: Target,
    held_out: Source,
    sizes: Sequence[int],
    draws: int,
    seed: int = 0,
    renders: int = 2000,
) -> list[dict]:
    """What is left of the source task after adapting: one row an adaptation.

    `accuracy` is that on the source with the old output layer put back, `training` and `test` are
    those on the target; `moved_1` … `moved_4` say how far each layer went. The row `before` is the
    network as it was.
    """
    rows = [
        {"arm": "before", "images": 0, "draw": 0,
         "accuracy": pretraining.accuracy_on(net, held_out, renders)}
    ]  # fmt: skip
    for images in sizes:
        for number in range(draws):
            labelled = draw(target.pool, images, seed * 1000 + number)
            for arm, adapt in (("option-1", transfer.option_1), ("option-2", transfer.option_2)):
                adapted = adapt(
                    net, labelled.x, labelled.y, seed * 1000 + number, chosen=FORGETTING
                ).net
                back = with_old_output(adapted, net)
                went = moved(net, adapted)
                rows.append(
                    {"arm": arm, "images": images, "draw": number,
                     "accuracy": pretraining.accuracy_on(back, held_out, renders),
                     "training": training.accuracy(adapted, labelled.x, labelled.y),
                     "test": training.accuracy(adapted, target.test.x, target.test.y),
                     **{key.replace("layer ", "moved_"): value for key, value in went.items()}}
                )  # fmt: skip
    return rows


FORMS = {  # changes of an input `[n, 3, 32, 32]` that no check of shape or range can notice
    "as they are": lambda x: x,
    "inverted": lambda x: -x,
    "rows and columns swapped": lambda x: x.transpose(2, 3),
}


def other_forms(
    net: FiveLayerNet, target: Target, images: int, draws: int, seed: int = 0
) -> list[dict]:
    """Trained on digits as they are, tested in other forms: `arm`, `form`, `draw`, `accuracy`."""
    rows = []
    for number in range(draws):
        labelled = draw(target.pool, images, seed * 1000 + number)
        x, y = labelled.x, labelled.y
        for adapted in (transfer.option_1(net, x, y), transfer.random_frozen(x, y, number)):
            for form, change in FORMS.items():
                rows.append(
                    {"arm": adapted.option, "form": form, "images": images, "draw": number,
                     "accuracy": training.accuracy(
                         adapted.net, change(target.test.x), target.test.y)}
                )  # fmt: skip
    return rows
