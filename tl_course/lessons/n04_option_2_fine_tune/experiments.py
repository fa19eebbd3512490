"""The experiment of notebook 04: training and test curves, in tidy rows."""

from __future__ import annotations

import torch

from tl_course.core import settings, training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import features, output_layers
from tl_course.data.examples import Examples


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
    parts = [(features(net, part.x), part.y) for part in (labelled, scored)]
    last = rows[-1]["step"]

    def look(step: int, weight: torch.Tensor, bias: torch.Tensor, losses: list[float]) -> None:
        right = [(x @ weight[0].T + bias[0]).argmax(1).cpu() == y for x, y in parts]
        note("option-1", step, *(one.float().mean().item() for one in right))

    l2 = settings.chosen("option-1", len(labelled)).l2
    output_layers(net, [labelled], [seed], [l2], steps=last + 1, on_look=look, every=every)
    return rows
