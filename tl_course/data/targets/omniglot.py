"""Letters of five alphabets, each drawn by twenty people: a part of Omniglot.

B. Lake, R. Salakhutdinov and J. Tenenbaum, Science 350 (2015), github.com/brendenlake/omniglot, MIT
licence, fetched by `data_scripts/omniglot.py`. The first twenty letters of an alphabet are a
target, split by writer: nobody is in two parts.
"""

import functools
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torchvision.transforms.v2.functional import pil_to_tensor

from tl_course.base import archives, storage
from tl_course.base.errors import CourseError, script
from tl_course.data.examples import Examples, Target
from tl_course.data.inputs import SIZE, scaled
from tl_course.data.pictures import open_picture

ARCHIVE = "images_background_small1.zip"
SHA256 = "f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4"
BYTES = 1_319_022
ALPHABETS = ("Balinese", "Early_Aramaic", "Greek", "Korean", "Latin")
LETTERS = 20  # of each alphabet
PARTS = {"pool": range(1, 11), "validation": range(11, 15), "test": range(15, 21)}  # writers
PLACE = re.compile(r"images_background_small1/(\w+)/character(\d\d)/\d{4}_(\d\d)\.png")
PIXELS = 105  # of a drawing, each way
MOST_BYTES = 100_000  # of a drawing's file; each has a few hundred


def archive() -> Path:
    """The archive of letters that `data_scripts/omniglot.py` fetches."""
    return storage.home() / "omniglot" / ARCHIVE


@functools.cache
def omniglot(alphabet: str) -> Target:
    """Twenty letters of one of `ALPHABETS`: `[n, 3, 32, 32]`, 10, 4 and 6 of each in the parts.

    Raises CourseError if they were not fetched or are damaged.
    """
    if alphabet not in ALPHABETS:
        raise CourseError(
            "no_alphabet", f"There is no alphabet '{alphabet}'; there is {', '.join(ALPHABETS)}."
        )
    names = tuple(f"{alphabet.replace('_', ' ')} {number}" for number in range(1, LETTERS + 1))
    drawings, parts = list(_drawings(alphabet)), {}
    for part, writers in PARTS.items():
        of_part = [(letter - 1, ink) for letter, writer, ink in drawings if writer in writers]
        labels, inks = zip(*of_part, strict=True)
        parts[part] = Examples(_input(inks), torch.tensor(labels), names)
    return Target(**parts)


def _drawings(alphabet: str) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Number of the letter and of the writer, both from 1, and ink 0 … 1 `[105, 105]`."""
    path = archive()
    if not path.is_file():
        raise CourseError(
            "not_fetched",
            f"The letters of Omniglot are not in {path.parent}. Fetch them (1.3 MB) with "
            f"'{script('omniglot')}' in a terminal, or go on with letters of fonts, which are here "
            "already.",
        )
    try:
        with zipfile.ZipFile(path) as packed:
            for member in sorted(packed.infolist(), key=lambda member: member.filename):
                place = PLACE.fullmatch(member.filename)
                if place and place[1] == alphabet and int(place[2]) <= LETTERS:
                    content = archives.member_content(packed, member, MOST_BYTES)
                    picture, _ = open_picture(content, member.filename, PIXELS**2)
                    yield int(place[2]), int(place[3]), 1 - pil_to_tensor(picture)[0] / 255
    except archives.ERRORS as error:
        raise CourseError(
            "damaged", f"{path} is damaged ({error}): delete it and run '{script('omniglot')}'."
        ) from error


def _input(ink: Sequence[torch.Tensor]) -> torch.Tensor:
    """Drawings `[105, 105]` as the network's input: white on black, `[n, 3, 32, 32]`."""
    x = F.interpolate(torch.stack(ink)[:, None], SIZE, mode="bilinear", antialias=True)
    return scaled(x.clamp(0, 1)).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
