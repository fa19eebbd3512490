"""Write renders of the 1,000 drawings to disk, so that any framework can train on the same data.

    python data_scripts/emoji_images.py --images 100000 --out renders             folders by class
    python data_scripts/emoji_images.py --images 1000000 --out shards --shards    safetensors

Folders hold `0402 cat/00000017.png` (class number, name, render number), shards of 10,000 hold
`images` uint8 [n, 3, 32, 32] and `labels` int64 [n]. A million renders take about ten minutes as
folders, two as shards (3.1 GB). Interrupt it at any time and run it again: it goes on at the block
where it was. `--verify` reads everything back and compares it with the renderer.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import safetensors.torch
import torch
from PIL import Image
from tqdm import tqdm

from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.data.inputs import to_picture
from tl_course.data.pictures import open_picture
from tl_course.data.sources.emoji_images import EmojiImages

BLOCK = 10_000


def block_of(source: EmojiImages, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Renders start … start+n−1 as pictures: uint8 `[n, 3, 32, 32]`, and their labels."""
    x, y = source.batch(start, n)
    return (to_picture(x) * 255).round().to(torch.uint8).contiguous(), y


def class_folder(source: EmojiImages, label: int) -> str:
    return f"{label:04d} " + re.sub(r"[^\w\- ]", "", source.names[label])


class Folders:
    """One PNG a render, one folder a class."""

    def __init__(self, source: EmojiImages, out: Path):
        self.source, self.out = source, out
        self.done_file = out / ".blocks-done"

    def path(self, number: int, label: int) -> Path:
        return self.out / class_folder(self.source, label) / f"{number:08d}.png"

    def is_done(self, start: int, n: int) -> bool:
        done = self.done_file.read_text().split() if self.done_file.exists() else []
        return f"{start}:{n}" in done

    def write(self, start: int, images: torch.Tensor, labels: torch.Tensor) -> None:
        pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
        for i, label in enumerate(labels.tolist()):
            path = self.path(start + i, label)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[i]).save(path)
        done = self.done_file.read_text() if self.done_file.exists() else ""
        storage.write_text(self.done_file, f"{done}{start}:{len(images)}\n")

    def read(self, start: int, labels: torch.Tensor) -> torch.Tensor:
        read = []
        for i, label in enumerate(labels.tolist()):
            picture, _ = open_picture(self.path(start + i, label))
            pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
            read.append(pixels.view(32, 32, 3).permute(2, 0, 1))
        return torch.stack(read)


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
        with storage.atomic_path(self.path(start)) as path:
            safetensors.torch.save_file({"images": images, "labels": labels}, path)

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
    parser.add_argument(
        "--verify", action="store_true", help="read back and compare, write nothing"
    )
    arguments = parser.parse_args()
    source = EmojiImages(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    stamp = arguments.out / "renders.txt"
    recipe = (
        f"OpenMoji renders, seed {arguments.seed}, {'shards' if arguments.shards else 'folders'}"
    )
    if stamp.exists() and stamp.read_text() != recipe + "\n":
        raise CourseError(
            f"{arguments.out} holds other data ({stamp.read_text().strip()}, and now {recipe} was "
            "asked for); choose another folder."
        )
    storage.write_text(stamp, recipe + "\n")
    writer = (Shards if arguments.shards else Folders)(source, arguments.out)
    starts = range(0, arguments.images, BLOCK)
    with tqdm(total=arguments.images, unit="render", unit_scale=True) as bar:
        for start in starts:
            n = min(BLOCK, arguments.images - start)
            if arguments.verify:
                images, labels = block_of(source, start, n)
                if not writer.is_done(start, n) or not _same(writer, start, images, labels):
                    raise CourseError(
                        f"Renders {start} to {start + n - 1} in {arguments.out} are missing or "
                        "damaged; run the same command without --verify after deleting them."
                    )
            elif not writer.is_done(start, n):
                writer.write(start, *block_of(source, start, n))
            bar.update(n)
    print(
        f"{arguments.images:,} renders {'verified' if arguments.verify else 'in'} {arguments.out}"
    )


def _same(writer, start: int, images: torch.Tensor, labels: torch.Tensor) -> bool:
    try:
        return torch.equal(writer.read(start, labels), images)
    except (CourseError, OSError, RuntimeError, safetensors.SafetensorError):
        return False


if __name__ == "__main__":
    try:
        main()
    except CourseError as error:
        raise SystemExit(str(error)) from None
