"""Write renders of the 1,000 drawings to disk, so that any framework can train on the same data.

    python data_scripts/emoji_images.py --images 100000 --out renders             folders by class
    python data_scripts/emoji_images.py --images 1000000 --out shards --shards    safetensors

Folders hold `0402 cat/00000017.png` (class number, name, render number), shards of 10,000 hold
`images` uint8 [n, 3, 32, 32] and `labels` int64 [n]. A million renders take about ten minutes as
folders, two as shards (3.1 GB). Interrupt it at any time and run it again: it goes on at the block
where it was. `--verify` reads everything back and compares it with the renderer. The folder has to
be an empty one, or one that an earlier run made; nothing is ever written through a link.
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
from tl_course.data.pictures import open_picture
from tl_course.data.sources.emoji_images import EmojiImages

BLOCK = 10_000
SIDE = 32  # pixels of a render
STAMP = "renders.txt"  # says what a folder holds, and that this script made it


class Folders:
    """One PNG a render, one folder a class."""

    def __init__(self, source: EmojiImages, out: Path):
        self.source, self.out = source, out
        self.done_file = out / ".blocks-done"

    def path(self, number: int, label: int) -> Path:
        name = re.sub(r"[^\w\- ]", "", self.source.names[label])
        return self.out / f"{label:04d} {name}" / f"{number:08d}.png"

    def kept(self, start: int) -> Path:
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
        # To flush a million files one by one takes hours: a block whose end is not written down is
        # written again, with whatever was cut short in it.
        with storage.atomic_path(self.done_file) as draft:
            for i, label in enumerate(labels.tolist()):
                with _anew(self.path(start + i, label)) as file:
                    Image.fromarray(pixels[i]).save(file, "png")
            draft.write_bytes(done)

    def read(self, start: int, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        paths = (self.path(start + i, label) for i, label in enumerate(labels.tolist()))
        pictures = (open_picture(path, most_pixels=SIDE**2)[0] for path in paths)
        return torch.stack([pil_to_tensor(picture) for picture in pictures]), labels


def _anew(path: Path) -> BinaryIO:
    """A new file, in the place of what an earlier run left; a link there leads nowhere."""
    path.parent.mkdir(exist_ok=True)
    if path.parent.is_symlink():
        raise CourseError(
            f"{path.parent} is a link, and a folder is expected: remove it, or choose another "
            "folder for the renders."
        )
    path.unlink(missing_ok=True)
    return path.open("xb")


class Shards:
    """One safetensors file for each 10,000 renders."""

    def __init__(self, source: EmojiImages, out: Path):
        self.out = out

    def path(self, start: int) -> Path:
        return self.out / f"renders-{start:08d}.safetensors"

    kept = path

    def is_done(self, start: int, n: int) -> bool:
        shapes, path = {"images": [n, 3, SIDE, SIDE], "labels": [n]}, self.path(start)
        most = n * (3 * SIDE**2 + 8) + 1_000  # bytes; the header has less than a thousand
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
    """Stamp a folder that is empty; CourseError for one that holds anything but such renders."""
    stamp = out / STAMP
    if os.path.lexists(stamp):
        says = untrusted_input.content(stamp, untrusted_input.MOST_TEXT, follow=False).decode(
            errors="replace"
        )
        if says != recipe + "\n":
            raise CourseError(
                f"{out} holds other data ({printable(says.strip())}, and now {recipe} was "
                "asked for); choose another folder."
            )
        return
    if verify:
        raise CourseError(f"{out} holds no renders: run the same command without --verify first.")
    storage.make_folder(out)
    strange = [name for name in sorted(os.listdir(out)) if name != ".DS_Store"]
    strange = [name for name in strange if not storage.is_draft(name)]
    if strange:
        raise CourseError(
            f"{out} holds other things ({printable(strange[0])}): give an empty folder, or one "
            "that is not there yet."
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
    given = parser.parse_args()
    recipe = f"OpenMoji renders, seed {given.seed}, {'shards' if given.shards else 'folders'}"
    _take(given.out, recipe, given.verify)
    source = EmojiImages(given.seed)
    writer = (Shards if given.shards else Folders)(source, given.out)
    with tqdm(total=given.images, unit="render", unit_scale=True) as bar:
        for start in range(0, given.images, BLOCK):
            n = min(BLOCK, given.images - start)
            done = writer.is_done(start, n)
            if given.verify and not (done and _same(writer, start, *source.pixels(start, n))):
                raise CourseError(
                    f"Renders {start} to {start + n - 1} in {given.out} are missing or damaged: "
                    f"delete {writer.kept(start)} and run the same command without --verify."
                )
            if not done:
                writer.write(start, *source.pixels(start, n))
            bar.update(n)
    print(f"{given.images:,} renders {'verified' if given.verify else 'in'} {given.out}")


def _same(writer, start: int, images: torch.Tensor, labels: torch.Tensor) -> bool:
    try:
        pairs = zip(writer.read(start, labels), (images, labels), strict=True)
        return all(torch.equal(*pair) for pair in pairs)
    except (CourseError, OSError, RuntimeError, safetensors.SafetensorError):
        return False


if __name__ == "__main__":
    run_script(main)
