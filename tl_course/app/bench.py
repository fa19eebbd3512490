"""`tl-course bench`: the speed of the course here, compared with the machine's limit and rivals.

Each figure is measured several times in one run. Programs that are compared take turns, so that a
machine that slows down slows all of them. Ratios are taken turn by turn.
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
HELD_OUT = 2000  # fresh renders to classify
DRAWS = 10  # of 50 labelled digits, for the accuracy of a network on digits
BEHIND = 0.005  # a rival counts as equal if its accuracy is lower by at most this


@dataclass(frozen=True)
class Size:
    """How much is measured; tests use less."""

    repeats: int = 5
    product: int = 2048  # rows of the matrices
    steps: int = 10  # of a pretraining, 256 renders each
    on_disk: int = 20_480  # renders as files, for a rival
    enough: int = 20_480  # renders after which the course reaches the next two accuracies
    names: float = 0.01  # on fresh renders
    digits: float = 0.70  # on validation digits, Option 1 with 50 labels
    pretrain_most: int = 80  # steps that a rival may take for that, as many as the course takes
    labels: tuple[int, ...] = (50, 1000)
    adapt_most: int = 300  # steps that a rival may take to adapt
    every: int = 10  # steps between two tests of a rival
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
        return statistics.median(self.values)

    def as_dict(self) -> dict:
        low, high = min(self.values), max(self.values)
        return {"unit": self.unit, "median": self.median, "lowest": low, "highest": high}


def measure_figures(size: Size = Size(), progress: bool = False) -> list[Figure]:  # noqa: B008 it is frozen
    """All figures of this machine; takes about ten minutes on two cores."""
    parts = (limits, rates, until_as_good, adapting, crowded, sweeping, starting, memory)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in tqdm(parts, desc="bench", unit="part", disable=not progress):
            figures += part(size, Path(folder))
    by = {figure.key: figure for figure in figures}
    limit = by["gflops_bf16" if machine.has_fast_bf16() else "gflops_float32"].median
    share = [rate * flops_per_image() / 1e9 / limit for rate in by["images_per_second"].values]
    figures.append(
        Figure("share_of_limit", "the course, of a matrix product's rate", SHARE, tuple(share))
    )
    return figures


def seconds_of(work: Callable[[], object]) -> float:
    """The duration of `work` in seconds."""
    begun = time.perf_counter()
    work()
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()  # a GPU works asynchronously
    return time.perf_counter() - begun


def in_turn(repeats: int, **works: Callable[[], float]) -> dict[str, tuple[float, ...]]:
    """The values of `works`, called in turn `repeats` times after a first turn that is dropped."""
    rounds = [[work() for work in works.values()] for _ in range(repeats + 1)]
    return dict(zip(works, zip(*rounds[1:], strict=True), strict=True))


def ratios(first: Sequence[float], second: Sequence[float]) -> tuple[float, ...]:
    """The ratio of each pair, turn by turn."""
    return tuple(a / b for a, b in zip(first, second, strict=True))


def limits(size: Size, _: Path) -> Iterator[Figure]:
    """The limits of this machine: matrix products and memory copies."""
    n = size.product
    a, b = torch.randn(2, n, n, device=machine.device())
    half = a.bfloat16(), b.bfloat16()
    much = torch.zeros(8 * n * n, device=a.device)
    there = torch.zeros_like(much)
    measured = in_turn(
        size.repeats,
        float32=lambda: 2 * n**3 / 1e9 / seconds_of(lambda: a @ b),
        bf16=lambda: 2 * n**3 / 1e9 / seconds_of(lambda: half[0] @ half[1]),
        copy=lambda: 2 * much.nbytes / 1e9 / seconds_of(lambda: there.copy_(much)),
    )
    yield Figure("gflops_float32", "matrix product, float32", "GFLOP/s", measured["float32"])
    yield Figure("gflops_bf16", "matrix product, bf16", "GFLOP/s", measured["bf16"])
    yield Figure("copy_gb_per_second", "memory read and written", "GB/s", measured["copy"])


def flops_per_image() -> float:
    """Floating-point operations for an image of a pretraining, forward and backward.

    This is the mean over all steps, because layer 1 needs no gradient in the last ones.
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
    """Images per second of a pretraining, end to end: the course, plain PyTorch, fastai."""
    device, images = machine.device(), size.steps * pretraining.BATCH
    source = EmojiImages(0, device=device)
    few = rivals.on_disk(source, images + pretraining.BATCH, folder / "few")

    def course(bf16: bool) -> float:
        recipe = replace(pretraining.RECIPE, bf16=bf16)
        run = pretraining.pretrain(source, images, recipe=recipe, callbacks=Callbacks())
        return images / run.history.seconds

    def plain(workers: int) -> float:
        net = pretraining.fresh(source, 0).to(device).train()
        steps = rivals.train_plainly(net, rivals.files(few, workers), rivals.PRETRAINING_RATE)
        next(steps)  # the workers have started
        return images / seconds_of(lambda: list(itertools.islice(steps, size.steps)))

    def rendering() -> float:
        batches = range(0, images, pretraining.BATCH)
        return images / seconds_of(
            lambda: [source.batch(start, pretraining.BATCH) for start in batches]
        )

    fast = machine.has_fast_bf16(device)
    workers = max({0, 1, machine.cores()}, key=plain)
    works = {"float32": lambda: course(False), "plain": lambda: plain(workers)}
    if fast:
        works["bf16"] = lambda: course(True)
    if importlib.util.find_spec("fastai"):
        works["fastai"] = lambda: rivals.fastai_rate(few, pretraining.fresh(source, 0), workers)
    measured = in_turn(size.repeats, rendering=rendering, **works)
    float32, best = measured["float32"], measured["bf16" if fast else "float32"]
    yield Figure("images_per_second", "the course", "images/s", best)
    yield Figure("float32_images_per_second", "the course, float32", "images/s", float32)
    for name, says in RIVALS.items():
        if name in measured:
            rival = measured[name]
            yield Figure(f"{name}_images_per_second", says, "images/s", rival)
            key = "speedup" if name == "plain" else f"{name}_speedup"
            yield Figure(key, f"the course : {says}", "times", ratios(best, rival))
            yield Figure(
                f"float32_{key}", f"the course, float32 : {says}", "times", ratios(float32, rival)
            )
    rendered = measured["rendering"]
    yield Figure("rendering_images_per_second", "rendering alone", "images/s", rendered)
    shares = ratios(best, rendered)
    yield Figure("rendering_share", "rendering, of the course's time", SHARE, shares)


RIVALS = {"plain": "plain PyTorch", "fastai": "fastai"}


def until_as_good(size: Size, folder: Path) -> Iterator[Figure]:
    """Seconds of pretraining until both accuracies of `size` are reached."""
    device, digits = machine.device(), handwritten()
    held_out = EmojiImages(pretraining.HELD_OUT_SEED, device=device)
    draws = [draw(digits.pool, 50, seed) for seed in range(DRAWS)]
    many = rivals.files(rivals.on_disk(EmojiImages(0), size.on_disk, folder / "many"), 1)

    def named(net: FiveLayerNet) -> float:
        return pretraining.accuracy_on(net, held_out, HELD_OUT)

    def on_digits(net: FiveLayerNet) -> float:
        layers = output_layers(net, draws, range(DRAWS), [chosen("option-1", 50, False).l2])
        right = layers.right(features(net, digits.validation.x), digits.validation.y)
        return right.float().mean().item()

    def reached(net: FiveLayerNet) -> bool:
        folded = network.fold(net)
        return on_digits(folded) >= size.digits and named(folded) >= size.names

    rows, successes = [], []
    for seed in range(size.repeats):
        source = EmojiImages(seed, device=device)
        course_run = pretraining.pretrain(source, size.enough, seed=seed, callbacks=Callbacks())
        net = pretraining.fresh(source, seed).to(device).train()
        steps = rivals.train_plainly(net, many, rivals.PRETRAINING_RATE)
        seconds, succeeded = rivals.seconds_until(
            lambda net=net: reached(net), net, steps, size.every, size.pretrain_most
        )
        other = network.fold(net)
        course = course_run.history.seconds, named(course_run.net), on_digits(course_run.net)
        rows.append((*course, seconds, named(other), on_digits(other)))
        successes.append(succeeded)
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
    for (key, (label, unit)), values in zip(says.items(), zip(*rows, strict=True), strict=True):
        yield Figure(key, label, unit, values)
    yield Figure(
        "plain_reached_accuracy", "how often it was as good", SHARE, _share_true(successes)
    )


def _share_true(successes: Sequence[bool]) -> tuple[float]:
    """The share of turns in which a rival succeeded, as the only value."""
    return (statistics.fmean(map(float, successes)),)


def adapting(size: Size, _: Path) -> Iterator[Figure]:
    """Option 1 and Option 2, and the plain way until it is as good."""
    importlib.import_module("sklearn.linear_model")  # before the first turn
    for labels, option in itertools.product(size.labels, ("1", "2")):
        rows = [_adapted(option, labels, seed, size) for seed in range(size.repeats)]
        for key, says, unit in rows[0]:
            values = tuple(row[key, says, unit] for row in rows)
            values = _share_true(values) if key == "plain_reached" else values
            label = f"Option {option}, {labels:,} labels: {says}"
            yield Figure(f"option_{option}_{labels}_{key}", label, unit, values)


def _adapted(option: str, labels: int, seed: int, size: Size) -> dict[tuple, float]:
    """One draw, adapted by the course and by its rivals: values by (key, words, unit)."""
    net, digits = pretraining.pretrained(), handwritten()
    scored, labelled = digits.validation, draw(digits.pool, labels, seed)
    course = transfer.adapt(f"option-{option}", net, labelled, test=scored)
    rival = with_new_output(net, len(labelled.names), frozen=option == "1")
    rate = rivals.rate(option, labels)
    steps = rivals.train_plainly(rival, rivals.shuffled(labelled), rate)

    def as_good() -> bool:
        return training.accuracy(rival, scored.x, scored.y) >= course.accuracy - BEHIND

    seconds, succeeded = rivals.seconds_until(as_good, rival, steps, size.every, size.adapt_most)
    values = {
        ("seconds", "the course", "s"): course.seconds,
        ("accuracy", "its accuracy", SHARE): course.accuracy,
        ("plain_seconds", "plain PyTorch, until as good", "s"): seconds,
        ("plain_reached", "how often it was as good", SHARE): float(succeeded),
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
        values |= {
            ("fit_seconds", "the course's fit alone, on features", "s"): middle - begun,
            ("fit_accuracy", "that fit's accuracy", SHARE): right,
            ("sklearn_seconds", "scikit-learn's, same penalty", "s"): ended - middle,
            ("sklearn_accuracy", "scikit-learn's accuracy", SHARE): score,
        }
    return values


@contextlib.contextmanager
def busy(programs: int = 2) -> Iterator[None]:
    """Let this number of other `programs` compute during the context, on one thread each."""
    with contextlib.ExitStack() as running:
        for _ in range(programs):
            loop = running.enter_context(subprocess.Popen([sys.executable, "-c", "while True: 1"]))
            running.callback(loop.kill)
        yield


def crowded(size: Size, _: Path) -> Iterator[Figure]:
    """What a learner waits for, alone and beside two busy programs."""
    net, digits, source = pretraining.pretrained(), handwritten(), EmojiImages(0)
    fifty, scored = draw(digits.pool, 50, 0), digits.validation
    rival, rate = with_new_output(net, 10, False), rivals.rate("2", 50)
    plain = rivals.train_plainly(rival, rivals.shuffled(fifty), rate)

    def plain_steps() -> None:
        with machine.on_threads(2):
            list(itertools.islice(plain, size.steps))

    works = {
        "stroke": (
            "ten strokes of the pad",
            lambda: [training.predict(net, digit[None]) for digit in scored.x[:10]],
        ),
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
            alone[key].append(seconds_of(work))
        with busy():
            for key, (_, work) in works.items():
                beside[key].append(seconds_of(work))
    for key, (says, _) in works.items():  # the first turn is not counted
        yield Figure(f"{key}_alone_seconds", says, "s", tuple(alone[key][1:]))
        yield Figure(
            f"{key}_busy_ratio", f"{says}: beside two busy programs", "times",
            ratios(beside[key][1:], alone[key][1:]),
        )  # fmt: skip


def sweeping(size: Size, _: Path) -> Iterator[Figure]:
    """A sweep: every method, two draws of each number of labelled digits."""
    net, digits = pretraining.pretrained(), handwritten()

    def rows() -> list[dict]:
        return list(sweep(net, digits, size.sweep, 2, arms=size.arms, part="validation"))

    seconds = tuple(seconds_of(rows) for _ in range(size.repeats))
    sizes = " and ".join(map(str, size.sweep))
    yield Figure("sweep_seconds", f"a sweep: every method, {sizes} labels, two draws", "s", seconds)


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
    """The start-up times."""
    quiet = {"stdout": subprocess.DEVNULL}
    helped = [sys.executable, "-P", "-m", "tl_course", "--help"]
    measured = in_turn(
        size.repeats,
        face=lambda: _printed(STARTS["face"]),
        used=lambda: _printed(STARTS["used"]),
        help=lambda: seconds_of(lambda: subprocess.run(helped, check=True, **quiet)),
    )
    yield Figure("import_seconds", "`import tl_course`, after torch", "s", measured["face"])
    yield Figure(
        "import_used_seconds", "and what a training and an adaptation use", "s", measured["used"]
    )
    yield Figure("help_seconds", "`tl-course --help`", "s", measured["help"])


def memory(size: Size, _: Path) -> Iterator[Figure]:
    """The peak memory of a pretraining, libraries included (not on Windows)."""
    if importlib.util.find_spec("resource"):
        code = PEAK.format(images=max(2, size.steps // 4) * pretraining.BATCH)
        peaks = in_turn(size.repeats, peak=lambda: _printed(code))["peak"]
        yield Figure("peak_memory_gb", "a pretraining's peak memory, torch included", "GB", peaks)


def _printed(code: str) -> float:
    """The number that `code` prints in a separate Python process."""
    process = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )
    return float(process.stdout)


def as_json(figures: Sequence[Figure]) -> dict:
    """Medians by key; `parts` has the unit and spread of each."""
    parts = {figure.key: figure.as_dict() for figure in figures}
    medians = {key: part["median"] for key, part in parts.items()}
    about = {"machine": machine.summary(), "torch": torch.__version__}
    return {**medians, **about, "repeats": len(figures[0].values), "parts": parts}


def as_table(figures: Sequence[Figure]) -> str:
    """A Markdown table of the figures with their spread."""
    rows = {}
    for figure in figures:
        part = figure.as_dict()
        spread = f"{_rounded(part['lowest'])} to {_rounded(part['highest'])}"
        rows[figure.says] = [_rounded(figure.median), spread, figure.unit]
    about = f"{machine.summary()}; torch {torch.__version__}"
    return markdown.pipe_table(about, ["median", "lowest to highest", ""], rows)


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write_speed_page(figures: Sequence[Figure], page: Path | None = None) -> Path:
    """Replace the table in the documentation."""
    page = page or root() / "docs" / "speed.md"
    text = markdown.filled(page, {"bench": markdown.Part(as_table(figures))}, "tl-course bench")
    storage.write_text(page, text)
    return page
