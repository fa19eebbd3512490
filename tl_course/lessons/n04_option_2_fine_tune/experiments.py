"""The experiments of notebook 04: overfitting, forgetting, other rates; in tidy rows."""

from collections.abc import Sequence

import pandas as pd
import torch
from tqdm.auto import tqdm

from tl_course.core import network, pretraining, settings, training, transfer
from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.core.output_layers import features, output_layers
from tl_course.core.training import Callbacks
from tl_course.data.examples import Examples, Target, draw
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import handwritten
from tl_course.study import comparing, forgetting
from tl_course.study.forgetting import moved_by_layer as moved_by_layer  # for the notebook

RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)  # of both options, for `over_rates`
RATE_STEPS = 100


def overfitting(
    net: FiveLayerNet, labelled: Examples, scored: Examples, seed: int = 0, every: int = 5
) -> list[dict]:
    """Accuracy of both options during training: rows `arm`, `step`, `part`, `accuracy` (0 … 1)."""
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

    transfer.option_2(net, labelled, seed=seed, callbacks=Callbacks(on_step=on_step))
    parts = [(features(net, part.x), part.y) for part in (labelled, scored)]
    last = rows[-1]["step"]

    def look(step: int, weight: torch.Tensor, bias: torch.Tensor, losses: list[float]) -> None:
        right = [(x @ weight[0].T + bias[0]).argmax(1).cpu() == y for x, y in parts]
        note("option-1", step, *(part.float().mean().item() for part in right))

    l2 = settings.chosen("option-1", len(labelled)).l2
    output_layers(net, [labelled], [seed], [l2], steps=last + 1, on_look=look, every=every)
    return rows


def equal_rates(net: FiveLayerNet, images: int, number: int) -> list[dict]:
    """Both options on draw `number` with equal updates: the learning rate and steps of Option 2.

    Rows as in `equal_updates`, with `right`.
    """
    return equal_updates(net, images, number, settings.chosen("option-2", images))


def over_rates(net: FiveLayerNet, images: int, number: int) -> list[dict]:
    """Both options on draw `number` with each of `RATES` and equally many steps: rows with `rate`.

    Option 1 is trained step by step too, not to its optimum, so that nothing but the frozen layers
    tells the two apart.
    """
    rows = []
    for rate in RATES:
        chosen = settings.Settings(learning_rate=rate, steps=RATE_STEPS)
        for row in equal_updates(net, images, number, chosen):
            del row["right"], row["augmented"]
            rows.append({**row, "rate": rate})
    return rows


def equal_updates(
    net: FiveLayerNet, images: int, number: int, chosen: settings.Settings
) -> list[dict]:
    """Both options on draw `number`, trained with the learning rate and steps of `chosen`.

    Rows `arm`, `augmented`, `images`, `draw`, `training` and `accuracy` (0 … 1), and `right`.
    """
    target, rows = handwritten(), []
    labelled = draw(target.pool, images, number)
    for arm, frozen in (("option-1", LAYERS), ("option-2", ())):
        start = network.replace_output_layer(net, len(labelled.names))
        adapted = transfer.fine_tune(start, labelled, frozen=frozen, seed=number, chosen=chosen)
        adapted = adapted.tested(target.test)
        rows.append(
            {"arm": arm, "augmented": False, "images": images, "draw": number,
             "training": training.accuracy(adapted.net, labelled.x, labelled.y),
             "accuracy": adapted.accuracy, "right": (adapted.predictions == target.test.y).numpy()}
        )  # fmt: skip
    return rows


def overfitting_of_all(
    net: FiveLayerNet, draws: Sequence[Examples], scored: Examples, every: int
) -> list[dict]:
    """The rows of `overfitting` of each draw, with a progress bar."""
    return [
        row
        for labelled in tqdm(draws, "learning", unit="draw")
        for row in overfitting(net, labelled, scored, every=every)
    ]


def still_known(
    net: FiveLayerNet, target: Target, sizes: Sequence[int], draws: int, seed: int, renders: int
) -> list[dict]:
    """Accuracy on the 1,000 things after adapting: rows of `forgetting.forgetting`."""
    fresh = EmojiImages(pretraining.HELD_OUT_SEED)
    rows = forgetting.forgetting(net, target, fresh, sizes, draws, seed, renders)
    total = 1 + draws * sum(len(forgetting.plan(images)) for images in sizes)  # 1: the start
    return list(tqdm(rows, "adapting", total, unit="network"))


def option_2_minus_option_1(sweep: pd.DataFrame) -> pd.DataFrame:
    """How far Option 2 is ahead on the same draws, without augmentation (`paired_arms`)."""
    return comparing.paired_arms(comparing.plain(sweep), ("option-2", False), ("option-1", False))


def gain_on_letters(tasks: pd.DataFrame) -> pd.DataFrame:
    """How far Option 2 is ahead on letters, with augmentation: rows `paired_arms` of `tasks`.

    Of what `results/task_tuning.csv` tries with pictures that come with the course, Option 2 was
    ahead by most here, on validation pictures with one of each letter.
    """
    letters = tasks[tasks.task == "letters"]
    return comparing.paired_arms(letters, ("option-2", True), ("option-1", True))


def gaps(costs: pd.DataFrame, sweep: pd.DataFrame, equal: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Training minus test accuracy of both options at every size, as tuned and at equal rates.

    `costs` has rows of `forgetting`, `sweep` those of a sweep, and `equal` those of `equal_rates`.
    """
    return {
        "tuned for each option": forgetting.gaps_by_size(costs, comparing.plain(sweep)),
        "the same updates for both": forgetting.gaps_by_size(equal, equal),
    }


def at_rates(
    net: FiveLayerNet, labelled: Examples, scored: Examples, rates: Sequence[float], seed: int
) -> list[dict]:
    """Option 2 at other peak learning rates: rows `rate`, `digits` right, `things` still known."""
    steps = settings.chosen("option-2", len(labelled)).steps
    fresh, rows = EmojiImages(pretraining.HELD_OUT_SEED), []
    for rate in rates:
        chosen = settings.Settings(learning_rate=rate, steps=steps)
        tuned = transfer.option_2(net, labelled, test=scored, seed=seed, chosen=chosen)
        back = forgetting.with_old_output(tuned.net, net)
        known = pretraining.accuracy_on(back, fresh, 1000)
        rows.append({"rate": rate, "digits": tuned.accuracy, "things": known})
    return rows


# ---------------------------------------------------------------- what a learner predicts


def by_hand_at(table: pd.DataFrame, rate: float) -> float:
    """The percentage that Option 2 by hand gets right at `rate`: mean of rows of `by_hand`."""
    rows = table[(table.arm == "option-2") & (table.made == "by hand") & (table.rate == rate)]
    return 100 * rows.accuracy.mean()


def at_the_end(curves: pd.DataFrame) -> dict[str, float]:
    """The percentage that Option 2 gets right at the last step of `overfitting`, by part."""
    last = curves[(curves.step == curves.step.max()) & (curves.arm == "option-2")]
    mean = 100 * last.groupby("part").accuracy.mean()
    return {"of those ten": mean["training"], "of other digits": mean["test"]}


def left_of_100(left: pd.DataFrame, images: int) -> dict[str, float]:
    """How many of 100 drawings known before adapting are known after it: rows of `still_known`."""
    tuned = left[(left.settings == "tuned") & left.images.isin((0, images))]
    mean = tuned.groupby("arm").accuracy.mean()
    return {f"after Option {n}": 100 * mean[f"option-{n}"] / mean["before"] for n in (1, 2)}


def digits_until_option_2_leads(gain: pd.DataFrame) -> tuple[str, list[str]]:
    """The number of digits from which on Option 2 is clearly ahead, and all possible answers.

    `gain` has the rows of `option_2_minus_option_1`.
    """
    choices = [*(f"{images:,}" for images in gain.images), "with none of these"]
    return choices[comparing.ahead_from(gain)], choices
