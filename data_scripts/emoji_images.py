"""Write renders of the 1,000 drawings to disk, so that any framework can train on the same data.

    python data_scripts/emoji_images.py --images 100000 --out renders             folders by class
    python data_scripts/emoji_images.py --images 1000000 --out shards --shards    safetensors

Folders hold `0402 cat/00000017.png` (class number, name, render number), shards of 10,000 hold
`images` uint8 [n, 3, 32, 32] and `labels` int64 [n]. A million renders take about ten minutes as
folders, two as shards (3.1 GB). Interrupt it at any time and run it again: it goes on at the block
where it was. `--verify` reads everything back and compares it with the renderer.
"""

import argparse
import re
from pathlib import Path

import safetensors.torch
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor
from tqdm import tqdm

from tl_course.base import storage
from tl_course.base.errors import CourseError, run_script
from tl_course.core import files
from tl_course.data.pictures import open_picture
from tl_course.data.sources.emoji_images import EmojiImages

BLOCK = 10_000


class Folders:
    """One PNG a render, one folder a class."""

    def __init__(self, source: EmojiImages, out: Path):
        self.source, self.out = source, out
        self.done_file = out / ".blocks-done"

    def path(self, number: int, label: int) -> Path:
        name = re.sub(r"[^\w\- ]", "", self.source.names[label])
        return self.out / f"{label:04d} {name}" / f"{number:08d}.png"

    def is_done(self, start: int, n: int) -> bool:
        return f"{start}:{n}" in self.done().split()

    def done(self) -> str:
        return self.done_file.read_text() if self.done_file.exists() else ""

    def write(self, start: int, images: torch.Tensor, labels: torch.Tensor) -> None:
        pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
        done = f"{self.done()}{start}:{len(images)}\n"
        # To flush a million files one by one takes hours: a block whose end is not written down is
        # written again, with whatever was cut short in it.
        with storage.atomic_path(self.done_file) as draft:
            for i, label in enumerate(labels.tolist()):
                path = self.path(start + i, label)
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels[i]).save(path)
            draft.write_text(done)

    def read(self, start: int, labels: torch.Tensor) -> torch.Tensor:
        paths = (self.path(start + i, label) for i, label in enumerate(labels.tolist()))
        return torch.stack([pil_to_tensor(open_picture(path)[0]) for path in paths])


class Shards:
    """One safetensors file for each 10,000 renders."""

    def __init__(self, source: EmojiImages, out: Path):
        self.out = out

    def path(self, start: int) -> Path:
        return self.out / f"renders-{start:08d}.safetensors"

    def is_done(self, start: int, n: int) -> bool:
        path = self.path(start)
        if not path.exists():
            return False
        with safetensors.safe_open(path, framework="pt") as file:
            return file.get_slice("labels").get_shape() == [n]

    def write(self, start: int, images: torch.Tensor, labels: torch.Tensor) -> None:
        files.write_tensors(self.path(start), {"images": images, "labels": labels})

    def read(self, start: int, labels: torch.Tensor) -> torch.Tensor:
        return safetensors.torch.load_file(self.path(start))["images"]


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
    source = EmojiImages(given.seed)
    storage.make_folder(given.out)
    stamp = given.out / "renders.txt"
    recipe = f"OpenMoji renders, seed {given.seed}, {'shards' if given.shards else 'folders'}"
    if stamp.exists() and stamp.read_text() != recipe + "\n":
        raise CourseError(
            f"{given.out} holds other data ({stamp.read_text().strip()}, and now {recipe} was "
            "asked for); choose another folder."
        )
    storage.write_text(stamp, recipe + "\n")
    writer = (Shards if given.shards else Folders)(source, given.out)
    with tqdm(total=given.images, unit="render", unit_scale=True) as bar:
        for start in range(0, given.images, BLOCK):
            n = min(BLOCK, given.images - start)
            done = writer.is_done(start, n)
            if given.verify and not (done and _same(writer, start, *source.pixels(start, n))):
                raise CourseError(
                    f"Renders {start} to {start + n - 1} in {given.out} are missing or damaged; "
                    "run the same command without --verify after deleting them."
                )
            if not done:
                writer.write(start, *source.pixels(start, n))
            bar.update(n)
    print(f"{given.images:,} renders {'verified' if given.verify else 'in'} {given.out}")


def _same(writer, start: int, images: torch.Tensor, labels: torch.Tensor) -> bool:
    try:
        return torch.equal(writer.read(start, labels), images)
    except (CourseError, OSError, RuntimeError, safetensors.SafetensorError):
        return False


if __name__ == "__main__":
    run_script(main)
