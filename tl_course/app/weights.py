"""The weights that the course ships, made again: networks of pictures, sound and text, a small GPT.

Each is trained in the data home, where its checkpoint is, so that it can be interrupted and called
again. What was recorded with the old weights is stale afterwards: `tl-course records`.
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
    """Pretrain a shipped network again and put it into the package; tells how good it is.

    One million renders of drawings, 400,000 spoken and 400,000 written names; spoken names need the
    extra `speech`. The recipe (`pretraining.LONG_RECIPE`, `Style` and `Pose`) was chosen by what
    Option 1 reached on the *validation* digits, and taken over for sound and text; no test digit
    was read.
    """
    what, images = pretraining.SHIPPED[name]
    work = storage.home() / "records" / name
    found = pretraining.pretrain(
        pretraining.source(name, 0), images, held_out=pretraining.source(name, 0, held_out=True),
        out=work, overwrite=True, callbacks=Callbacks(progress=name),
    )  # fmt: skip
    shipped = _ship(work, pretraining.shipped_folder(name))
    return f"{shipped}: {100 * found.accuracy:.1f}% of fresh {what} named right."


def of_gpt() -> str:
    """Pretrain the small GPT again: about nine minutes on two cores with bf16.

    It learns to say what comes next in the documentation inside installed packages; other versions
    of them are another text, so versions and a hash of the text are written down beside it.
    """
    text = prose.prose()
    work = storage.make_folder(storage.home() / "records" / "small-gpt")
    checkpoint = work / pretraining.CHECKPOINT
    bf16 = machine.has_fast_bf16(session.accelerator().device)
    recipe = replace(experiments.RECIPE, bf16=bf16)
    callbacks = Callbacks(checkpoint=checkpoint, identity={"text": text.hash}, progress="small GPT")
    net, history = experiments.pretrain(text.train, recipe, callbacks=callbacks)
    held_out = gpt.bits(net, *experiments.measured_on(text.held_out, most=2000))
    fives = zip(*(history.loss[first::5] for first in range(5)), strict=False)
    gpt.save(
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
    shipped = _ship(work, experiments.shipped_folder())
    return f"{shipped}: {held_out:.2f} bits per character of held-out text."


def _ship(work: Path, shipped: Path) -> Path:
    shipped.mkdir(parents=True, exist_ok=True)
    for file in (files.WEIGHTS_FILE, files.DESCRIPTION_FILE):
        with storage.atomic_path(shipped / file) as path:
            shutil.copyfile(work / file, path)
    return shipped


MADE = {name: partial(of_network, name) for name in pretraining.SHIPPED} | {"small-gpt": of_gpt}
