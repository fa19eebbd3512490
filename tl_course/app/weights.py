"""Trains the shipped weights again: networks of pictures, sound and text, and a small GPT.

Each is trained in the data home, where its checkpoint is, so that it can be interrupted and
continued. Results that were recorded with the old weights are then stale: run `tl-course records`.
"""

import math
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

from tl_course.base import machine, storage
from tl_course.core import files, pretraining, session, spelling
from tl_course.core.training import Callbacks
from tl_course.data.sources import prose
from tl_course.lessons.n09_small_gpt import experiments, gpt


def of_network(name: str) -> str:
    """Pretrain a shipped network again and put it into the package; returns its accuracy in words.

    It takes one million renders of drawings, or 400,000 spoken or written names; spoken names need
    the extra `speech`. The recipe (`pretraining.LONG_RECIPE`, `Style` and `Pose`) was chosen by the
    accuracy of Option 1 on *validation* digits, and is the same for sound and text. No test digit
    was used.
    """
    what, images = pretraining.SHIPPED[name]
    work = storage.home() / "records" / name
    result = pretraining.pretrain(
        pretraining.source(name, 0), images, held_out=pretraining.source(name, 0, held_out=True),
        out=work, overwrite=True, callbacks=Callbacks(progress=name),
    )  # fmt: skip
    shipped = _ship(work, pretraining.shipped_folder(name))
    return f"{shipped}: {100 * result.accuracy:.1f}% of fresh {what} named right."


def of_gpt() -> str:
    """Pretrain the small GPT again; takes about nine minutes on two cores with bf16.

    Its text is the documentation inside installed packages, which depends on their versions. The
    versions and a hash of the text are saved with the network.
    """
    text = prose.prose()
    work = storage.make_folder(storage.home() / "records" / "small-gpt")
    checkpoint = work / pretraining.CHECKPOINT
    bf16 = machine.has_fast_bf16(session.accelerator().device)
    recipe = replace(experiments.RECIPE, bf16=bf16)
    callbacks = Callbacks(checkpoint=checkpoint, identity={"text": text.hash}, progress="small GPT")
    net, history = experiments.pretrain_gpt(text.train, recipe, callbacks=callbacks)
    held_out = gpt.bits(net, *experiments.measured_on(text.held_out, most=2000))
    fives = zip(*(history.loss[first::5] for first in range(5)), strict=False)
    gpt.save_gpt(
        net, work, overwrite=True,
        source="documentation inside installed packages", seed=0, recipe=spelling.to_file(recipe),
        batch=experiments.BATCH, length=experiments.LENGTH,
        precision="bf16" if bf16 else "float32", seconds=round(history.seconds, 1),
        machine=machine.summary(),
        text={
            "characters": len(text.train), "held out": len(text.held_out), "sha256": text.hash,
            "versions": text.versions,
            "licences": dict(prose.PACKAGES.values()),
        },
        metrics={"bits a character, held out": held_out},
        curve={
            "step": history.step[4::5],
            "bits": [round(sum(five) / 5 / math.log(2), 3) for five in fives],
        },
    )  # fmt: skip
    checkpoint.unlink(missing_ok=True)
    shipped = _ship(work, experiments.shipped_gpt_folder())
    return f"{shipped}: {held_out:.2f} bits per character of held-out text."


def _ship(work: Path, shipped: Path) -> Path:
    shipped.mkdir(parents=True, exist_ok=True)
    for file in (files.WEIGHTS_FILE, files.DESCRIPTION_FILE):
        with storage.atomic_path(shipped / file) as path:
            shutil.copyfile(work / file, path)
    return shipped


MADE = {name: partial(of_network, name) for name in pretraining.SHIPPED} | {"small-gpt": of_gpt}
