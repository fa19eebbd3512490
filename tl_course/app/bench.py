"""`tl-course bench`: how fast the course is here, beside the machine's limit and beside rivals.

Everything is measured in one run, each figure several times. What is compared takes turns, so that
a machine that slows down slows all of them; ratios are taken turn by turn.
"""

import contextlib
import importlib.util
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm.auto import tqdm

from tl_course.app import rivals
from tl_course.app.notebooks import root
from tl_course.app.pages import markdown
from tl_course.base import machine, storage
from tl_course.core import network, pretraining, training, transfer
from tl_course.core.network import FiveLayerNet
from tl_course.core.output_layers import features, output_layers
from tl_course.core.settings import chosen
from tl_course.core.training import Callbacks
from tl_course.data.examples import draw
from tl_course.data.sources.emoji_images import EmojiImages
from tl_course.data.targets.handwritten import handwritten
from tl_course.study.by_hand import with_new_output
from tl_course.study.sweep import ARMS, sweep

SHARE = "of 1"
HELD_OUT = 2000  # fresh renders that are to be named
DRAWS = 10  # of 50 labelled digits, for the accuracy of a network on digits
BEHIND = 0.005  # how far a rival may stay behind the course and still count as equal


@dataclass(frozen=True)
class Size:
    """How much is measured; less of it in tests."""

    repeats: int = 5
    product: int = 2048  # rows of the matrices that are multiplied
    steps: int = 10  # of a pretraining, 256 renders each
    on_disk: int = 20_480  # renders as files, for a rival that trains until it is as good
    enough: int = 20_480  # renders after which the course's network is as good as is said next
    names: float = 0.01  # share of fresh renders named right
    digits: float = 0.70  # share of validation digits right, Option 1 with 50 labels
    pretrain_most: int = 80  # steps that a rival may take for that, as many as the course takes
    labels: tuple[int, ...] = (50, 1000)
    adapt_most: int = 300  # steps that a rival may take to adapt
    every: int = 10  # steps after which a rival is asked how good it is
    sweep: tuple[int, ...] = (10,)
    arms: tuple[str, ...] = ARMS


@dataclass(frozen=True)
class Figure:
    """Something measured several times; `key` is its name in the JSON."""

    key: str
    says: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """What is quoted."""
        return statistics.median(self.values)

    def as_dict(self) -> dict:
        """For the JSON."""
        low, high = min(self.values), max(self.values)
        return {"unit": self.unit, "median": self.median, "lowest": low, "highest": high}


def bench(size: Size = Size(), progress: bool = False) -> list[Figure]:  # noqa: B008 it is frozen
    """All figures of this machine; about ten minutes on two cores."""
    parts = (limits, rates, until_as_good, adapting, crowded, sweeping, starting, memory)
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in tqdm(parts, desc="bench", unit="part", disable=not progress):
            found += part(size, Path(folder))
    by = {figure.key: figure for figure in found}
    limit = by["gflops_bf16" if machine.has_fast_bf16() else "gflops_float32"].median
    share = [rate * flops_per_image() / 1e9 / limit for rate in by["images_per_second"].values]
    found.append(
        Figure("share_of_limit", "the course, of a matrix product's rate", SHARE, tuple(share))
    )
    return found


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    begun = time.perf_counter()
    work()
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()  # a GPU works on after it was told to
    return time.perf_counter() - begun


def in_turn(repeats: int, **works: Callable[[], float]) -> dict[str, tuple[float, ...]]:
    """What each of `works` gives, once unseen and then `repeats` times, one after the other."""
    rounds = [[work() for work in works.values()] for _ in range(repeats + 1)]
    return dict(zip(works, zip(*rounds[1:], strict=True), strict=True))


def ratios(one: Sequence[float], other: Sequence[float]) -> tuple[float, ...]:
    """One by the other, turn by turn."""
    return tuple(a / b for a, b in zip(one, other, strict=True))


def limits(size: Size, _: Path) -> Iterator[Figure]:
    """What this machine can do at most: multiply matrices, copy memory."""
    n = size.product
    a, b = torch.randn(2, n, n, device=machine.device())
    half = a.bfloat16(), b.bfloat16()
    much = torch.zeros(8 * n * n, device=a.device)
    there = torch.zeros_like(much)
    found = in_turn(
        size.repeats,
        float32=lambda: 2 * n**3 / 1e9 / timed(lambda: a @ b),
        bf16=lambda: 2 * n**3 / 1e9 / timed(lambda: half[0] @ half[1]),
        copy=lambda: 2 * much.nbytes / 1e9 / timed(lambda: there.copy_(much)),
    )
    yield Figure("gflops_float32", "matrix product, float32", "GFLOP/s", found["float32"])
    yield Figure("gflops_bf16", "matrix product, bf16", "GFLOP/s", found["bf16"])
    yield Figure("copy_gb_per_second", "memory read and written", "GB/s", found["copy"])


def flops_per_image() -> float:
    """Floating-point operations that an image of a pretraining takes, forward and backward.

    It is the mean over the steps: in the last ones layer 1 needs no gradient.
    """
    net, x, counts = FiveLayerNet(batch_norm=True), torch.zeros(2, 3, 32, 32), []
    for trained in (True, False):
        net.layer1.requires_grad_(trained)
        net.norm1.requires_grad_(trained)
        with FlopCounterMode(display=False) as counter:
            net(x).sum().backward()
        counts.append(counter.get_total_flops() / len(x))
    until = pretraining.RECIPE.freeze_layer1_after
    return until * counts[0] + (1 - until) * counts[1]


def rates(size: Size, folder: Path) -> Iterator[Figure]:
    """Images a second of a pretraining, end to end: the course's, the plain way's, fastai's."""
    device, images = machine.device(), size.steps * pretraining.BATCH
    source = EmojiImages(0, device=device)
    few = rivals.on_disk(source, images + pretraining.BATCH, folder / "few")

    def course(bf16: bool) -> float:
        recipe = replace(pretraining.RECIPE, bf16=bf16)
        run = pretraining.pretrain(source, images, recipe=recipe, callbacks=Callbacks())
        return images / run.history.seconds

    def plain(workers: int) -> float:
        net = pretraining.fresh(source, 0).to(device).train()
        steps = rivals.train(net, rivals.files(few, workers), rivals.PRETRAINING_RATE)
        next(steps)  # its workers have begun
        return images / timed(lambda: list(itertools.islice(steps, size.steps)))

    def rendering() -> float:
        batches = range(0, images, pretraining.BATCH)
        return images / timed(lambda: [source.batch(start, pretraining.BATCH) for start in batches])

    fast = machine.has_fast_bf16(device)
    workers = max({0, 1, machine.cores()}, key=plain)
    works = {"float32": lambda: course(False), "plain": lambda: plain(workers)}
    if fast:
        works["bf16"] = lambda: course(True)
    if importlib.util.find_spec("fastai"):
        works["fastai"] = lambda: rivals.fastai_rate(few, pretraining.fresh(source, 0), workers)
    found = in_turn(size.repeats, rendering=rendering, **works)
    best = found["bf16" if fast else "float32"]
    yield Figure("images_per_second", "the course", "images/s", best)
    yield Figure("float32_images_per_second", "the course, float32", "images/s", found["float32"])
    for name, says in RIVALS.items():
        if name in found:
            own, others = found["float32"], found[name]
            yield Figure(f"{name}_images_per_second", says, "images/s", others)
            key = "speedup" if name == "plain" else f"{name}_speedup"
            yield Figure(key, f"the course : {says}", "times", ratios(best, others))
            yield Figure(
                f"float32_{key}", f"the course, float32 : {says}", "times", ratios(own, others)
            )
    rendered = found["rendering"]
    yield Figure("rendering_images_per_second", "rendering alone", "images/s", rendered)
    shares = ratios(best, rendered)
    yield Figure("rendering_share", "rendering, of the course's time", SHARE, shares)


RIVALS = {"plain": "plain PyTorch", "fastai": "fastai"}


def until_as_good(size: Size, folder: Path) -> Iterator[Figure]:
    """Seconds to a network that names so many fresh renders and helps so much with digits."""
    device, digits = machine.device(), handwritten()
    held_out = EmojiImages(pretraining.HELD_OUT_SEED, device=device)
    draws = [draw(digits.pool, 50, seed) for seed in range(DRAWS)]
    many = rivals.files(rivals.on_disk(EmojiImages(0), size.on_disk, folder / "many"), 1)

    def named(net: FiveLayerNet) -> float:
        return pretraining.accuracy_on(net, held_out, HELD_OUT)

    def on_digits(net: FiveLayerNet) -> float:
        found = output_layers(net, draws, range(DRAWS), [chosen("option-1", 50, False).l2])
        right = found.right(features(net, digits.validation.x), digits.validation.y)
        return right.float().mean().item()

    def reached(net: FiveLayerNet) -> bool:
        folded = network.fold(net)
        return on_digits(folded) >= size.digits and named(folded) >= size.names

    rows, reached_it = [], []
    for seed in range(size.repeats):
        source = EmojiImages(seed, device=device)
        run = pretraining.pretrain(source, size.enough, seed=seed, callbacks=Callbacks())
        net = pretraining.fresh(source, seed).to(device).train()
        steps = rivals.train(net, many, rivals.PRETRAINING_RATE)
        seconds, was = rivals.seconds_until(
            lambda net=net: reached(net), net, steps, size.every, size.pretrain_most
        )
        other = network.fold(net)
        own = run.history.seconds, named(run.net), on_digits(run.net)
        rows.append((*own, seconds, named(other), on_digits(other)))
        reached_it.append(was)
    aim = f"{size.names:.0%} of renders and {size.digits:.0%} of digits"
    says = {
        "seconds_to_accuracy": (f"the course, {size.enough:,} renders", "s"),
        "accuracy_on_fresh_renders": ("its accuracy on fresh renders", SHARE),
        "accuracy_on_digits": ("its accuracy on digits, 50 labels", SHARE),
        "plain_seconds_to_accuracy": (
            f"plain PyTorch, until {aim}, {size.pretrain_most} steps at most", "s",
        ),
        "plain_accuracy_on_fresh_renders": ("plain PyTorch's accuracy on fresh renders", SHARE),
        "plain_accuracy_on_digits": ("plain PyTorch's accuracy on digits, 50 labels", SHARE),
    }  # fmt: skip
    for (key, (said, unit)), values in zip(says.items(), zip(*rows, strict=True), strict=True):
        yield Figure(key, said, unit, values)
    yield Figure("plain_reached_accuracy", "how often it was as good", SHARE, _often(reached_it))


def _often(reached: Sequence[bool]) -> tuple[float]:
    """The share of turns in which a rival was as good as the course, as one value."""
    return (statistics.fmean(map(float, reached)),)


def adapting(size: Size, _: Path) -> Iterator[Figure]:
    """Option 1 and Option 2 beside what a user would write, until that is as good."""
    importlib.import_module("sklearn.linear_model")  # so that no turn has to wait for it
    for labels, option in itertools.product(size.labels, ("1", "2")):
        rows = [_adapted(option, labels, seed, size) for seed in range(size.repeats)]
        for key, says, unit in rows[0]:
            values = tuple(row[key, says, unit] for row in rows)
            values = _often(values) if key == "plain_reached" else values
            said = f"Option {option}, {labels:,} labels: {says}"
            yield Figure(f"option_{option}_{labels}_{key}", said, unit, values)


def _adapted(option: str, labels: int, seed: int, size: Size) -> dict[tuple, float]:
    """One draw, adapted by the course and by its rivals: what was measured, by key, words, unit."""
    net, digits = pretraining.pretrained(), handwritten()
    scored, labelled = digits.validation, draw(digits.pool, labels, seed)
    own = transfer.adapt(f"option-{option}", net, labelled, test=scored)
    other = with_new_output(net, len(labelled.names), frozen=option == "1")
    rate = rivals.rate(option, labels)
    steps = rivals.train(other, rivals.shuffled(labelled), rate)

    def as_good() -> bool:
        return training.accuracy(other, scored.x, scored.y) >= own.accuracy - BEHIND

    seconds, was = rivals.seconds_until(as_good, other, steps, size.every, size.adapt_most)
    found = {
        ("seconds", "the course", "s"): own.seconds,
        ("accuracy", "its accuracy", SHARE): own.accuracy,
        ("plain_seconds", "plain PyTorch, until as good", "s"): seconds,
        ("plain_reached", "how often it was as good", SHARE): float(was),
    }
    if option == "1":
        shown, seen = features(net, labelled.x), features(net, scored.x)
        given = replace(labelled, x=shown)
        l2 = [chosen("option-1", labels, False).l2]
        begun = time.perf_counter()
        fitted = output_layers(None, [given], [seed], l2)
        middle = time.perf_counter()
        regression = rivals.logistic_regression(shown, labelled.y, l2[0])
        ended = time.perf_counter()
        right = fitted.right(seen, scored.y).float().mean().item()
        score = regression.score(seen.numpy(), scored.y.numpy())
        found |= {
            ("fit_seconds", "the course's fit alone, on features", "s"): middle - begun,
            ("fit_accuracy", "that fit's accuracy", SHARE): right,
            ("sklearn_seconds", "scikit-learn's, same penalty", "s"): ended - middle,
            ("sklearn_accuracy", "scikit-learn's accuracy", SHARE): score,
        }
    return found


@contextlib.contextmanager
def busy(programs: int = 2) -> Iterator[None]:
    """Meanwhile so many other programs compute without a pause, on a thread each."""
    with contextlib.ExitStack() as running:
        for _ in range(programs):
            loop = running.enter_context(subprocess.Popen([sys.executable, "-c", "while True: 1"]))
            running.callback(loop.kill)
        yield


def crowded(size: Size, _: Path) -> Iterator[Figure]:
    """What a learner waits for: alone, and beside two other programs that are busy."""
    net, digits, source = pretraining.pretrained(), handwritten(), EmojiImages(0)
    fifty, scored = draw(digits.pool, 50, 0), digits.validation
    other, rate = with_new_output(net, 10, False), rivals.rate("2", 50)
    plain = rivals.train(other, rivals.shuffled(fifty), rate)

    def plain_steps() -> None:
        with machine.on_threads(2):
            list(itertools.islice(plain, size.steps))

    works = {
        "stroke": ("ten strokes of the pad", lambda: [_stroke(net, one) for one in scored.x[:10]]),
        "option_1": ("Option 1, 50 labels", lambda: transfer.option_1(net, fifty)),
        "option_2": ("Option 2, 50 labels", lambda: transfer.option_2(net, fifty)),
        "scoring": ("scoring 2,000 digits", lambda: training.predict(net, scored.x[:2000])),
        "pretraining": (
            f"a pretraining of {size.steps} steps",
            lambda: pretraining.pretrain(
                source, size.steps * pretraining.BATCH, callbacks=Callbacks()
            ),
        ),
        "plain": (f"{size.steps} plain steps of Option 2 on two threads", plain_steps),
    }
    alone = {key: [] for key in works}
    beside = {key: [] for key in works}
    for _ in range(size.repeats + 1):
        for key, (_, work) in works.items():
            alone[key].append(timed(work))
        with busy():
            for key, (_, work) in works.items():
                beside[key].append(timed(work))
    for key, (says, _) in works.items():  # the first turn is not counted
        yield Figure(f"{key}_alone_seconds", says, "s", tuple(alone[key][1:]))
        yield Figure(
            f"{key}_busy_ratio", f"{says}: beside two busy programs", "times",
            ratios(beside[key][1:], alone[key][1:]),
        )  # fmt: skip


def _stroke(net: FiveLayerNet, picture: torch.Tensor) -> torch.Tensor:
    return training.predict(net, picture[None])


def sweeping(size: Size, _: Path) -> Iterator[Figure]:
    """A whole sweep: every method, two draws of each number of labelled digits."""
    net, digits = pretraining.pretrained(), handwritten()

    def rows() -> list[dict]:
        return list(sweep(net, digits, size.sweep, 2, arms=size.arms, part="validation"))

    found = tuple(timed(rows) for _ in range(size.repeats))
    sizes = " and ".join(map(str, size.sweep))
    yield Figure("sweep_seconds", f"a sweep: every method, {sizes} labels, two draws", "s", found)


STARTS = {
    "face": """
import torch, time
begun = time.perf_counter()
import tl_course
print(time.perf_counter() - begun)
""",
    "used": """
import torch, time
begun = time.perf_counter()
import tl_course as tl
tl.EmojiImages, tl.pretrain, tl.option_1, tl.option_2, tl.handwritten
print(time.perf_counter() - begun)
""",
}
PEAK = """
import resource, sys
from tl_course.core import pretraining
from tl_course.data.sources.emoji_images import EmojiImages
pretraining.pretrain(EmojiImages(0), {images}, callbacks=pretraining.Callbacks())
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(most / (1e9 if sys.platform == "darwin" else 1e6))  # bytes there, kB elsewhere
"""


def starting(size: Size, _: Path) -> Iterator[Figure]:
    """How long one waits before anything is computed."""
    quiet = {"stdout": subprocess.DEVNULL}
    helped = [sys.executable, "-P", "-m", "tl_course", "--help"]
    found = in_turn(
        size.repeats,
        face=lambda: _printed(STARTS["face"]),
        used=lambda: _printed(STARTS["used"]),
        help=lambda: timed(lambda: subprocess.run(helped, check=True, **quiet)),
    )
    yield Figure("import_seconds", "`import tl_course`, after torch", "s", found["face"])
    yield Figure(
        "import_used_seconds", "and what a training and an adaptation use", "s", found["used"]
    )
    yield Figure("help_seconds", "`tl-course --help`", "s", found["help"])


def memory(size: Size, _: Path) -> Iterator[Figure]:
    """The most memory that a pretraining holds, libraries included (not on Windows)."""
    if importlib.util.find_spec("resource"):
        code = PEAK.format(images=max(2, size.steps // 4) * pretraining.BATCH)
        found = in_turn(size.repeats, peak=lambda: _printed(code))["peak"]
        yield Figure("peak_memory_gb", "a pretraining's peak memory, torch included", "GB", found)


def _printed(code: str) -> float:
    """The number that a Python of its own prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def as_json(figures: Sequence[Figure]) -> dict:
    """Medians by their keys; `parts` has each with its unit and spread."""
    parts = {figure.key: figure.as_dict() for figure in figures}
    medians = {key: part["median"] for key, part in parts.items()}
    about = {"machine": machine.summary(), "torch": torch.__version__}
    return {**medians, **about, "repeats": len(figures[0].values), "parts": parts}


def as_table(figures: Sequence[Figure]) -> str:
    """A Markdown table: each figure with its spread."""
    rows = {}
    for figure in figures:
        part = figure.as_dict()
        spread = f"{_said(part['lowest'])} to {_said(part['highest'])}"
        rows[figure.says] = [_said(figure.median), spread, figure.unit]
    about = f"{machine.summary()}; torch {torch.__version__}"
    return markdown.table(about, ["median", "lowest to highest", ""], rows)


def _said(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write(figures: Sequence[Figure], page: Path | None = None) -> Path:
    """Put the table into the documentation, in place of the last one."""
    page = page or root() / "docs" / "speed.md"
    text = markdown.filled(page, {"bench": markdown.Part(as_table(figures))}, "tl-course bench")
    storage.write_text(page, text)
    return page
