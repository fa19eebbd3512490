"""Fetch full MNIST (12 MB: 60,000 training and 10,000 test digits) into the data home.

    python data_scripts/mnist.py

torchvision knows the mirrors and checksums. Yann LeCun, Corinna Cortes and Christopher Burges,
yann.lecun.org/exdb/mnist. Afterwards `handwritten(full=True)` finds it.
"""

import gzip
import shutil

from torchvision.datasets import MNIST

from tl_course.base import downloads, storage
from tl_course.base.errors import run_script
from tl_course.data.targets.handwritten import handwritten, raw_folder


def main() -> None:
    folder = raw_folder()
    print(f"Full MNIST, 12 MB in four files, into {folder}")
    for name, md5 in MNIST.resources:
        urls = [mirror + name for mirror in MNIST.mirrors]
        packed = downloads.download(urls, folder / name, md5=md5)
        with gzip.open(packed) as file, storage.atomic_path(packed.with_suffix("")) as path:
            with path.open("wb") as whole:
                shutil.copyfileobj(file, whole)
    target = handwritten(full=True)
    print(
        f"Ready: a pool of {len(target.pool):,} digits, {len(target.validation):,} for validation, "
        f"{len(target.test):,} for the test."
    )


if __name__ == "__main__":
    run_script(main)
