"""What notebook 01 records: the shipped network beside two that a learner pretrains."""

from collections.abc import Iterator
from dataclasses import replace

from tl_course.base import storage
from tl_course.core import pretraining
from tl_course.core.training import Callbacks
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.lessons.n01_pretrain import recipes
from tl_course.study.tables import Table

SHORT = 200_000  # renders of a learner's own pretraining


def pretraining_rows(done: list[dict]) -> Iterator[dict]:
    """Rows of the shipped network, and of pretraining on 200,000 renders in bf16 and in float32."""
    about = pretraining.pretrained().about
    if not done:
        yield {
            "images": about["images"], "precision": about["precision"], "seconds": about["seconds"],
            "loss": about["metrics"]["loss"],
            "accuracy": about["metrics"]["accuracy on fresh inputs"],
        }  # fmt: skip
    had = {row["precision"] for row in done if row["images"] == SHORT}
    for precision in {"bf16": True, "float32": False}.keys() - had:
        run = pretraining.pretrain(
            EmojiImages(0), SHORT, held_out=EmojiImages(pretraining.HELD_OUT_SEED),
            recipe=replace(pretraining.RECIPE, bf16=precision == "bf16"),
            out=storage.home() / "records" / precision, overwrite=True,
            callbacks=Callbacks(progress=precision),
        )  # fmt: skip
        yield {
            "images": SHORT, "precision": precision, "seconds": run.history.seconds,
            "loss": sum(run.history.loss[-10:]) / 10, "accuracy": run.accuracy,
        }  # fmt: skip


TABLES = [
    Table("pretraining", ("images", "precision"), pretraining_rows),
    Table("recipes", ("idea", "seed"), recipes.recipes_rows, weights=recipes.recipes_fingerprint),
    Table(
        "long_recipes",
        ("idea", "seed"),
        recipes.long_recipes_rows,
        weights=recipes.recipes_fingerprint,
    ),
    Table("race", ("idea", "seed"), recipes.race_rows, weights=recipes.recipes_fingerprint),
]
