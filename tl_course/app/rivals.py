"""The same work without the course, as a user would write it, for `tl-course bench`.

Every rival follows its library's documentation and is short, so that readers can check the
comparison. Each plain loop has the fastest of two or three learning rates, tried with draws and
renders that the benchmark does not use.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2
from torchvision.transforms.functional import to_pil_image

from tl_course.core import pretraining
from tl_course.data.examples import Examples
from tl_course.data.sources.emoji_images import EmojiImages

PRETRAINING_RATE = 3e-4
FEW = 200  # labels; with fewer, the first of two rates is used
RATES = {"1": (1e-3, 3e-3), "2": (1e-4, 1e-3)}  # of Option 1 and Option 2


def on_disk(source: EmojiImages, images: int, folder: Path) -> Path:
    """Write the first `images` renders of a source as PNG files, a folder for each class."""
    for number in range(source.n_classes):
        (folder / f"{number:04}").mkdir(parents=True)
    for start in range(0, images, pretraining.BATCH):
        pixels, labels = source.pixels(start, min(pretraining.BATCH, images - start))
        for number, (picture, label) in enumerate(zip(pixels, labels.tolist(), strict=True), start):
            to_pil_image(picture).save(folder / f"{label:04}" / f"{number:07}.png")
    return folder


def files(folder: Path, workers: int) -> DataLoader:
    """Batches of pictures in a folder, read by torchvision and PyTorch."""
    transform = v2.Compose(
        [
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean=[0.5] * 3, std=[0.25] * 3),
        ]
    )
    pictures = ImageFolder(folder, transform, allow_empty=True)
    return DataLoader(
        pictures, pretraining.BATCH, shuffle=True, drop_last=True, num_workers=workers,
        persistent_workers=workers > 0,
    )  # fmt: skip


def shuffled(labelled: Examples, batch: int = 64) -> DataLoader:
    """Shuffled batches of the examples."""
    data = TensorDataset(labelled.x, labelled.y)
    return DataLoader(data, min(batch, len(data)), shuffle=True, drop_last=True)


def rate(option: str, labels: int) -> float:
    """The learning rate with which the plain loop adapts fastest."""
    return RATES[option][labels >= FEW]


def train_plainly(net: nn.Module, batches: DataLoader, rate: float) -> Iterator[float]:
    """PyTorch's plain loop in float32, AdamW with a rate; yields each loss, without end."""
    device = next(net.parameters()).device
    optimizer = torch.optim.AdamW((p for p in net.parameters() if p.requires_grad), lr=rate)
    while True:
        for x, y in batches:
            x, y = x.to(device), y.to(device)
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item()


def fastai_rate(folder: Path, net: nn.Module, workers: int) -> float:
    """Images per second in one pass over a folder with fastai's learner, after the first batch."""
    from fastai.vision.all import (
        Callback,
        CategoryBlock,
        CrossEntropyLossFlat,
        DataBlock,
        ImageBlock,
        Learner,
        Normalize,
        get_image_files,
        parent_label,
    )

    block = DataBlock(
        (ImageBlock, CategoryBlock), get_items=get_image_files, get_y=parent_label,
        splitter=lambda items: (range(len(items)), []),  # nothing is held out
        batch_tfms=Normalize.from_stats([0.5] * 3, [0.25] * 3),
    )  # fmt: skip
    ended = []  # the time at the end of each batch

    class Clock(Callback):
        def after_batch(self):
            ended.append(time.perf_counter())

    batches = block.dataloaders(folder, bs=pretraining.BATCH, num_workers=workers)
    learner = Learner(batches, net, loss_func=CrossEntropyLossFlat())
    with learner.no_bar(), learner.no_logging():
        learner.fit(1, 1e-3, cbs=Clock())
    return (len(ended) - 1) * pretraining.BATCH / (ended[-1] - ended[0])


def seconds_until(
    reached: Callable[[], bool], net: nn.Module, steps: Iterator[float], every: int, most: int
) -> tuple[float, bool]:
    """Seconds of training until `reached()`, tested after every `every` steps, and its success.

    The time of the tests is not counted.
    """
    seconds = 0.0
    for _ in range(max(1, most // every)):
        begun = time.perf_counter()
        for _ in itertools.islice(steps, every):
            pass
        seconds += time.perf_counter() - begun
        if reached():
            return seconds, True
        net.train()
    return seconds, False


def logistic_regression(features: torch.Tensor, labels: torch.Tensor, l2: float):
    """scikit-learn on features `[n, f]` of balanced classes, with the course's loss and penalty."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    mean = features.mean(0)
    length = (features - mean).pow(2).sum(1).mean().sqrt()  # as Option 1 scales them
    scaled = FunctionTransformer(lambda x: (x - mean.numpy()) / length.numpy())
    model = LogisticRegression(C=1 / (l2 * len(labels)), max_iter=10_000)
    return make_pipeline(scaled, model).fit(features.numpy(), labels.numpy())
