"""A folder of photographs by class, for learners who have no pictures of their own at hand.

Square pieces are cut out of eight photographs of scikit-image, no two of them overlapping. Pieces
for training come from the left part of a photograph, pieces for testing from the right; the seed
decides which are taken. Faults that real folders have are planted among them, for the checker to
find.

The photographs are free of copyright (CC0 or public domain) according to scikit-image, "coins" and
"tissue" as far as is known.
"""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.data.credits import Material

PIECES = {  # class: (photograph in skimage.data, side of a piece in pixels)
    "brick": ("brick", 64),
    "cat": ("chelsea", 48),
    "coffee": ("coffee", 64),
    "coins": ("coins", 48),
    "grass": ("grass", 64),
    "gravel": ("gravel", 64),
    "stars": ("hubble_deep_field", 96),
    "tissue": ("immunohistochemistry", 64),
}
CAT_ENDS = 400  # the column where a cushion begins in "chelsea"
LEFT = 0.4  # share of a photograph's columns for training
TRAIN, TEST = 12, 20  # pieces of each class
FREE = "no known restrictions"
PHOTOGRAPHS = tuple(  # whose they are, as scikit-image says
    Material(what, f"{by}, through scikit-image", licence)
    for what, by, licence in (
        ("photographs of brick and gravel", "CC0Textures", "CC0"),
        ("a photograph of grass", "linolafett", "CC0"),
        ("a photograph of a cat", "Stefan van der Walt", "CC0"),
        ("a photograph of coffee", "Rachel Michetti", "CC0"),
        ("the Hubble deep field", "NASA", "public domain"),
        ("a photograph of coins", "Brooklyn Museum Collection", FREE),
        ("a picture of tissue", "Center for Microscopy and Molecular Imaging", FREE),
    )
)
# Planted files, and what a checker should say about each.
FAULTS = {
    "train/cat/broken.png": "unreadable",
    "train/coffee/cup.tif": "another format",
    "train/coins/notes.txt": "no picture",
    "train/IMG_0001.png": "no label",
    "train/grass/copy.png": "also in the test",
    "train/tissue/sent.jpg": "nearly a picture of the test",
    "train/gravel/path.png": "in two classes",
    "train/stars/twice.png": "twice in a class",
    "train/coffee/icon.png": "transparent",
}


def made_folder(root: Path | str, seed: int = 0, faults: bool = True) -> Path:
    """Write `root`/train and `root`/test with one folder per class; returns `root`.

    They have `TRAIN` and `TEST` pictures per class, named `left-top.png` after their places, and
    the files of `FAULTS`. A folder that was made before stays as it is. Raises CourseError if
    `root` holds something else.
    """
    root = Path(root)
    marker = root / ".made-by-the-course"
    with storage.lock(root):
        if marker.exists():
            return root
        if root.exists() and any(root.iterdir()):
            raise CourseError(
                "not_empty", f"{root} is not empty; give a new folder for the pictures."
            )
        draft = root.with_name(f".{root.name}-draft")
        shutil.rmtree(draft, ignore_errors=True)
        from skimage import data  # slow, and usually not needed

        for label, (photograph, side) in PIECES.items():
            pixels = np.asarray(getattr(data, photograph)())
            pixels = pixels[:, :CAT_ENDS] if label == "cat" else pixels
            _cut(label, pixels, side, seed, draft)
        if faults:
            _plant(draft)
        (draft / marker.name).touch()
        shutil.rmtree(root, ignore_errors=True)
        draft.rename(root)
    return root


def folder_of_seed(making: Path, seed: int) -> Path:
    """The folder of a seed in `making`."""
    return making / f"pieces-{seed}"


def _cut(label: str, pixels: np.ndarray, side: int, seed: int, root: Path) -> None:
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    border = round(LEFT * columns)
    rng = np.random.default_rng([seed, *label.encode()])
    for part, n, area in (("train", TRAIN, (0, border)), ("test", TEST, (border, columns))):
        folder = root / part / label
        folder.mkdir(parents=True)
        places = [(row, column) for row in range(rows) for column in range(*area)]
        for number in rng.permutation(len(places))[:n]:
            top, left = (side * position for position in places[number])
            piece = pixels[top : top + side, left : left + side]
            Image.fromarray(piece).save(folder / f"{left:03}-{top:03}.png")


def _plant(root: Path) -> None:
    """Write the files of FAULTS."""

    def piece(folder: str, number: int = 0) -> Path:
        return sorted((root / folder).glob("[0-9]*.png"))[number]

    cat = piece("train/cat").read_bytes()
    (root / "train/cat/broken.png").write_bytes(cat[: len(cat) // 2])
    Image.open(piece("train/coffee", 1)).save(root / "train/coffee/cup.tif")
    (root / "train/coins/notes.txt").write_text("photographed on Sunday\n", encoding="utf-8")
    shutil.copy(piece("train/grass", 1), root / "train/IMG_0001.png")
    shutil.copy(piece("test/grass"), root / "train/grass/copy.png")
    sent = Image.open(piece("test/tissue")).convert("RGB")  # as a messenger compresses it
    sent.save(root / "train/tissue/sent.jpg", quality=75)
    shutil.copy(piece("train/brick"), root / "train/gravel/path.png")
    Image.open(piece("train/stars")).save(root / "train/stars/twice.png", compress_level=1)
    icon = Image.open(piece("train/coffee", 2)).convert("RGBA").rotate(7)
    icon.putalpha(Image.new("L", icon.size, 200))
    icon.save(root / "train/coffee/icon.png")
