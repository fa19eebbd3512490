"""A folder of pictures by class, `root/class/picture.png`, as a target of your own.

Pictures may be PNG, JPEG, WebP or GIF files of any size and colour. One larger than 32×32 pixels is
shrunk until its longer side is 32; then it is padded with the median colour of its border. So a
28×28 digit keeps every pixel.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from tl_course.base.errors import CourseError, printable, refusals_told
from tl_course.base.names import composed, is_plain
from tl_course.data.examples import Examples
from tl_course.data.inputs import SIZE, scaled
from tl_course.data.pictures import open_picture

ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif")
SMALLEST = 4  # pixels; a smaller picture shows nothing


def picture_to_input(picture: Image.Image) -> torch.Tensor:
    """One RGB picture as the network's input: float `[3, 32, 32]` on the course's scale."""
    return canvas_as_input(on_canvas(picture))


def on_canvas(picture: Image.Image) -> np.ndarray:
    """One RGB picture, shrunk and padded to the network's size: uint8 `[32, 32, 3]`."""
    if max(picture.size) > SIZE:
        picture = picture.copy()
        picture.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    canvas = np.empty((SIZE, SIZE, 3), np.uint8)
    canvas[:] = np.median(edge, axis=0)
    height, width = pixels.shape[:2]
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    canvas[top : top + height, left : left + width] = pixels
    return canvas


def canvas_as_input(canvas: np.ndarray) -> torch.Tensor:
    """A canvas uint8 `[32, 32, 3]` on the course's scale: float `[3, 32, 32]`."""
    return scaled(torch.from_numpy(canvas).permute(2, 0, 1).float() / 255)


def read_picture(path: Path) -> torch.Tensor:
    """The picture at `path` as the network's input; CourseError names a file without one."""
    picture, _ = open_picture(path)
    if min(picture.size) < SMALLEST:
        raise CourseError(
            "too_small",
            f"{printable(str(path), 500)} has only {picture.width}×{picture.height} pixels; at "
            f"least {SMALLEST}×{SMALLEST} are needed to see anything, so take it out of the "
            "folder.",
        )
    return picture_to_input(picture)


@refusals_told()
def load_folder(root: Path | str, names: Iterable[str] | None = None) -> Examples:
    """Every picture below `root`, one folder per class, classes in alphabetical order.

    `names` are the classes of the training folder: a test folder may lack some of them but have no
    others. Raises CourseError if `root` is missing, has no class folders, fewer than two classes,
    an empty class, a picture without a label, or a picture or folder that cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise CourseError(
            "no_folder", f"There is no folder {root}; give one that holds one folder per class."
        )
    loose = _pictures(root)
    if loose:
        raise CourseError(
            "no_label",
            f"{printable(str(loose[0]), 500)} has no label: put each picture into a folder named "
            f"after its class, {root.name}/class/{printable(loose[0].name)}.",
        )
    folders = [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    if not folders:
        raise CourseError(
            "empty",
            f"{root} is empty: expected one folder per class, with pictures (PNG, JPEG, WebP or "
            f"GIF) in each, such as {root.name}/cat/1.png.",
        )
    for folder in folders:
        if not is_plain(folder.name):
            raise CourseError(
                "class_not_plain",
                f"The class folder '{printable(folder.name)}' in {root} has a name that is no "
                "plain text (with control characters, spaces where none show, or bytes that are "
                "not UTF-8): rename it.",
            )
    labels = {folder: composed(folder.name) for folder in folders}
    known = tuple(names) if names is not None else tuple(sorted(set(labels.values())))
    strangers = sorted(set(labels.values()) - set(known))
    if strangers:
        raise CourseError(
            "unknown_class",
            f"{root} has a class '{strangers[0]}' that the training folder lacks "
            f"(its classes: {', '.join(known)}); add it there or remove it here.",
        )
    if len(known) < 2:
        raise CourseError(
            "one_class",
            f"{root} has one class only, '{known[0]}'; to tell classes apart, at least two are "
            "needed.",
        )
    files = []
    for folder in sorted(folders, key=lambda folder: (labels[folder], folder)):
        pictures = _pictures(folder)
        if not pictures:
            raise CourseError(
                "empty_class",
                f"The class folder {folder} holds no picture (PNG, JPEG, WebP or GIF); add some or "
                "remove it.",
            )
        files += [(path, known.index(labels[folder])) for path in pictures]
    inputs = [read_picture(path) for path, _ in tqdm(files, desc=root.name, leave=False, delay=2)]
    x = torch.stack(inputs).contiguous(memory_format=torch.channels_last)
    return Examples(x, torch.tensor([label for _, label in files]), known)


def _pictures(folder: Path) -> list[Path]:
    paths = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return [path for path in paths if path.suffix.lower() in ENDINGS]
