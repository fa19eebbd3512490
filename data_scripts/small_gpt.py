"""Make the shipped small GPT again: about nine minutes on two cores with bf16.

    python data_scripts/small_gpt.py

It learns to say what comes next in the documentation inside installed packages
(`tl_course/sources/prose.py`); other versions of them are another text, so the versions and a
hash of the text are written down beside the weights. Interrupt it and run it again: it goes on.
What was recorded with the old weights is stale afterwards: `tl-course records`.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import replace

from tl_course.base import machine, storage
from tl_course.base.errors import CourseError
from tl_course.core import files, session
from tl_course.core.training import Watch
from tl_course.data.sources import prose
from tl_course.lessons.n09_small_gpt import experiments as gpt_experiments
from tl_course.lessons.n09_small_gpt import gpt


def make() -> None:
    """Train (in the data home, where the checkpoint is) and put the result into the package."""
    text = prose.prose()
    work = storage.make_folder(storage.home() / "records" / "small-gpt")
    checkpoint = work / "checkpoint.pt"
    bf16 = machine.has_fast_bf16(session.accelerator().device)
    recipe = replace(gpt_experiments.RECIPE, bf16=bf16)
    watch = Watch(checkpoint=checkpoint, identity={"text": text.hash}, progress="small GPT")
    net, history = gpt_experiments.pretrain(text.train, recipe, watch=watch)
    held_out = gpt.bits(net, *gpt_experiments.measured_on(text.held_out, most=2000))
    gpt.save(
        net, work,
        source="documentation inside installed packages", seed=0, recipe=vars(recipe),
        batch=gpt_experiments.BATCH, length=gpt_experiments.LENGTH,
        precision="bf16" if bf16 else "float32", seconds=round(history.seconds, 1),
        machine=machine.summary(),
        text={
            "characters": len(text.train), "held out": len(text.held_out), "sha256": text.hash,
            "versions": text.versions,
            "licences": dict(prose.PACKAGES[folder] for folder in prose.PACKAGES),
        },
        metrics={"bits a character, held out": held_out},
        curve={
            "step": history.step[4::5],
            "bits": [round(loss / math.log(2), 3) for loss in _means(history.loss, 5)],
        },
    )  # fmt: skip
    checkpoint.unlink(missing_ok=True)
    shipped = gpt_experiments.shipped_folder()
    for file in (files.WEIGHTS_FILE, files.DESCRIPTION_FILE):
        with storage.atomic_path(shipped / file) as path:
            shutil.copyfile(work / file, path)
    print(f"{shipped}: {held_out:.2f} bits a character of held-out text.")


def _means(values: list[float], n: int) -> list[float]:
    """The means of `n` values each."""
    return [sum(values[i : i + n]) / n for i in range(0, len(values) - n + 1, n)]


if __name__ == "__main__":
    try:
        make()
    except CourseError as error:
        raise SystemExit(str(error)) from None
