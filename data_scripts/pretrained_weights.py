"""Make the shipped networks again: about ten minutes on two cores with bf16.

    python data_scripts/pretrained_weights.py [emoji-images] [spoken-names] [written-names]

One million renders of drawings, 400,000 spoken and 400,000 written names; spoken names need the
extra `speech`. The recipe (`pretraining.RECIPE`, `Style` and `Pose`) was chosen by what Option 1
reached on the *validation* digits, and taken over for sound and text; no test digit was read.
Interrupt it and run it again: it goes on. Everything that was recorded with the old weights is
stale afterwards: `tl-course records`.
"""

from __future__ import annotations

import argparse
import shutil

from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.core import files, pretraining
from tl_course.core.training import Watch


def make(name: str = "emoji-images") -> None:
    """Train (in the data home, where the checkpoint is) and put the result into the package."""
    shipped = pretraining.shipped_folder(name)
    what, images = pretraining.SHIPPED[name]
    work = storage.home() / "records" / name
    result = pretraining.pretrain(
        pretraining.source(name, 0),
        images,
        held_out=pretraining.source(name, 0, held_out=True),
        out=work,
        overwrite=True,
        watch=Watch(progress=name),
    )
    shipped.mkdir(parents=True, exist_ok=True)
    for file in (files.WEIGHTS_FILE, files.DESCRIPTION_FILE):
        with storage.atomic_path(shipped / file) as path:
            shutil.copyfile(work / file, path)
    print(f"{shipped}: {100 * result.accuracy:.1f}% of fresh {what} named right.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="SOURCE", help="default: all")
    try:
        for name in parser.parse_args().names or pretraining.SHIPPED:
            make(name)
    except CourseError as error:
        raise SystemExit(str(error)) from None
