"""Fetch full MNIST (12 MB: 60,000 training and 10,000 test digits) into the data home.

    python data_scripts/mnist.py

torchvision knows the mirrors and checksums and reads the files; here they are fetched so that an
interrupted download goes on where it was. Yann LeCun, Corinna Cortes and Christopher Burges,
yann.lecun.org/exdb/mnist. Afterwards `handwritten(full=True)` finds it.
"""

from torchvision.datasets import MNIST

from tl_course.base import downloads, storage
from tl_course.base.errors import run_script
from tl_course.data.targets.handwritten import handwritten

MOST = 20_000_000  # bytes of a file; the largest has 9.9 million


def main() -> None:
    folder = storage.home() / "mnist"
    print(f"Full MNIST, 12 MB in four files, into {folder}")
    for name, md5 in MNIST.resources:
        urls = [mirror + name for mirror in MNIST.mirrors]
        downloads.download(urls, folder / "MNIST" / "raw" / name, md5=md5, most=MOST)
    MNIST(folder, train=True, download=True)  # everything is there: this only unpacks
    MNIST(folder, train=False, download=True)
    target = handwritten(full=True)
    print(
        f"Ready: a pool of {len(target.pool):,} digits, {len(target.validation):,} for validation, "
        f"{len(target.test):,} for the test."
    )


if __name__ == "__main__":
    run_script(main)
