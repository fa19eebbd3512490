"""Write renders of the 1,000 drawings to disk, so that any framework can train on the same data.

    python data_scripts/emoji_images.py --images 100000 --out renders             folders by class
    python data_scripts/emoji_images.py --images 1000000 --out shards --shards    safetensors

Folders hold `0402 cat/00000017.png` (class number, name, render number), shards of 10,000 hold
`images` uint8 [n, 3, 32, 32] and `labels` int64 [n]. A million renders take about ten minutes as
folders, two as shards (3.1 GB). After an interruption, run it again: it continues at the unfinished
block. `--verify` reads everything back and compares it with the renderer. The folder must be empty,
or made by an earlier run; links are not followed.
"""

import argparse
import os
import re
from pathlib import Path
from typing import BinaryIO

import safetensors.torch
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor
from tqdm import tqdm

from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError, printable, run_script
from tl_course.core import files
from tl_course.data.inputs import SIZE
from tl_course.data.pictures import open_picture
from tl_course.data.sources.emoji_images import EmojiImages

BLOCK = 10_000
STAMP = "renders.txt"  # says what a folder holds, and that this script made it


class Folders:
    """One PNG per render, one folder per class."""

    def __init__(self, source: EmojiImages, out: Path):
        self.source, self.out = source, out
        self.done_file = out / ".blocks-done"

    def path(self, number: int, label: int) -> Path:
        name = re.sub(r"[^\w\- ]", "", self.source.names[label])
        return self.out / f"{label:04d} {name}" / f"{number:08d}.png"

    def file_of(self, start: int) -> Path:
        """What to delete, so that the block at `start` is written again."""
        return self.done_file

    def is_done(self, start: int, n: int) -> bool:
        return f"{start}:{n}".encode() in self.done().split()

    def done(self) -> bytes:
        if not os.path.lexists(self.done_file):
            return b""
        return untrusted_input.content(self.done_file, untrusted_input.MOST_TEXT, follow=False)

    def write(self, start: int, images: torch.Tensor, labels: torch.Tensor) -> None:
        pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
        done = self.done() + f"{start}:{len(images)}\n".encode()
        # Flushing a million files one by one takes hours. Instead, an unfinished block is written
        # again as a whole.
        with storage.atomic_path(self.done_file) as draft:
            for i, label in enumerate(labels.tolist()):
                with _new_file(self.path(start + i, label)) as file:
                    Image.fromarray(pixels[i]).save(file, "png")
            draft.write_bytes(done)

    def read(self, start: int, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        paths = (self.path(start + i, label) for i, label in enumerate(labels.tolist()))
        pictures = (open_picture(path, most_pixels=SIZE**2)[0] for path in paths)
        return torch.stack([pil_to_tensor(picture) for picture in pictures]), labels


def _new_file(path: Path) -> BinaryIO:
    """A new file that replaces an earlier one or a link; CourseError if its folder is a link."""
    path.parent.mkdir(exist_ok=True)
    if path.parent.is_symlink():
        raise CourseError(
            "link",
            f"{path.parent} is a link, and a folder is expected: remove it, or choose another "
            "folder for the renders.",
        )
    path.unlink(missing_ok=True)
    return path.open("xb")


class Shards:
    """One safetensors file per 10,000 renders."""

    def __init__(self, source: EmojiImages, out: Path):
        self.out = out

    def path(self, start: int) -> Path:
        return self.out / f"renders-{start:08d}.safetensors"

    file_of = path

    def is_done(self, start: int, n: int) -> bool:
        shapes, path = {"images": [n, 3, SIZE, SIZE], "labels": [n]}, self.path(start)
        most = n * (3 * SIZE**2 + 8) + 1_000  # bytes; the header has less than a thousand
        if path.is_symlink() or not path.is_file() or path.stat().st_size > most:
            return False
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                return {name: file.get_slice(name).get_shape() for name in file.keys()} == shapes
        except safetensors.SafetensorError:
            return False

    def write(self, start: int, images: torch.Tensor, labels: torch.Tensor) -> None:
        files.write_tensors(self.path(start), {"images": images, "labels": labels})

    def read(self, start: int, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tensors = safetensors.torch.load_file(self.path(start))
        return tensors["images"], tensors["labels"]


def _take(out: Path, recipe: str, verify: bool) -> None:
    """Stamp an empty folder; CourseError for one that holds anything but such renders."""
    stamp = out / STAMP
    if os.path.lexists(stamp):
        content = untrusted_input.content(stamp, untrusted_input.MOST_TEXT, follow=False)
        earlier = content.decode(errors="replace")
        if earlier != recipe + "\n":
            raise CourseError(
                "another_run",
                f"{out} holds other data ({printable(earlier.strip())}, and now {recipe} was "
                "asked for); choose another folder.",
            )
        return
    if verify:
        raise CourseError(
            "no_renders", f"{out} holds no renders: run the same command without --verify first."
        )
    storage.make_folder(out)
    names = [name for name in sorted(os.listdir(out)) if name != ".DS_Store"]
    strange = [name for name in names if not storage.is_draft(name)]
    if strange:
        raise CourseError(
            "not_empty",
            f"{out} holds other things ({printable(strange[0])}): give an empty folder, or one "
            "that is not there yet.",
        )
    storage.write_text(stamp, recipe + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="0 is what the shipped network saw")
    parser.add_argument("--shards", action="store_true", help="safetensors instead of folders")
    verify = "read back and compare, write nothing"
    parser.add_argument("--verify", action="store_true", help=verify)
    args = parser.parse_args()
    recipe = f"OpenMoji renders, seed {args.seed}, {'shards' if args.shards else 'folders'}"
    _take(args.out, recipe, args.verify)
    source = EmojiImages(args.seed)
    writer = (Shards if args.shards else Folders)(source, args.out)
    with tqdm(total=args.images, unit="render", unit_scale=True) as bar:
        for start in range(0, args.images, BLOCK):
            n = min(BLOCK, args.images - start)
            done = writer.is_done(start, n)
            if args.verify and not (done and _same(writer, start, *source.pixels(start, n))):
                raise CourseError(
                    "damaged",
                    f"Renders {start} to {start + n - 1} in {args.out} are missing or damaged: "
                    f"delete {writer.file_of(start)} and run the same command without --verify.",
                )
            if not done:
                writer.write(start, *source.pixels(start, n))
            bar.update(n)
    print(f"{args.images:,} renders {'verified' if args.verify else 'in'} {args.out}")


def _same(writer, start: int, images: torch.Tensor, labels: torch.Tensor) -> bool:
    try:
        pairs = zip(writer.read(start, labels), (images, labels), strict=True)
        return all(torch.equal(*pair) for pair in pairs)
    except (CourseError, OSError, RuntimeError, safetensors.SafetensorError):
        return False


if __name__ == "__main__":
    run_script(main)
