"""The small GPT's experiments, in tidy rows: pretraining, fifty lines of something else, prompts.

Results are bits per character on test lines. This is the mean of −log₂ of the probability that was
given to each character and to the end of the line. Settings are chosen on validation lines, and
each arm has a grid of the same size.
"""

import copy
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from tl_course.base import stats
from tl_course.base.parallel import side_by_side
from tl_course.core import files, training
from tl_course.core.settings import Settings
from tl_course.core.training import Callbacks, History, Recipe
from tl_course.data.sources import prose
from tl_course.data.targets.lines import draw_lines, lines
from tl_course.lessons.n09_small_gpt import gpt, ngram
from tl_course.lessons.n09_small_gpt.gpt import GPT

BATCH, LENGTH = 16, 128  # stretches of text per step, characters per stretch
PER_STEP = BATCH * LENGTH  # characters read in a step
RECIPE = Recipe(steps=4500, learning_rate=4e-3, weight_decay=0.1, warm_up=0.1)
LINES_AT_ONCE = 16
FIFTY = 50
SMALLER = {"width": 64, "blocks": 2, "heads": 2}  # from scratch: fewer weights, less overfitting
STEPS = (10, 30, 100)
RATES = {
    "option-1": (1e-3, 3e-3, 1e-2, 3e-2),
    "option-2": (1e-4, 3e-4, 1e-3, 3e-3),
    "scratch": (3e-4, 1e-3, 3e-3, 1e-2),
    "scratch-smaller": (3e-4, 1e-3, 3e-3, 1e-2),
}
ORDERS = (2, 3, 4)  # of n-grams
COUNTING = {  # weights of the fifty lines' n-gram; its shares in a mixture with the prose's
    "counting": (1.0, 2.0, 4.0, 8.0),
    "counting-pretrained": (0.2, 0.4, 0.6, 0.8),
}
CALLED = {
    "unchanged": "pretrained, not adapted",
    "option-1": "Option 1: output layer only",
    "option-2": "Option 2: everything",
    "scratch": "from scratch",
    "scratch-smaller": "from scratch, a smaller network",
    "counting": "letter counts of fifty lines",
    "counting-pretrained": "letter counts of the manuals as well",
}
FIRST_TUNING_DRAW = 500_000  # reported results start at draw 0
TUNING_DRAWS, DRAWS = 3, 10
PROSE_ORDER = 5  # of the n-gram that has read the pretraining text
MIXED_WEIGHT = 4.0  # of the n-gram of the fifty lines that is mixed with it


def shipped_gpt_folder() -> Path:
    """The folder of the shipped weights, which `tl-course records` makes."""
    return files.SHIPPED / "small-gpt"


def pretrained_gpt() -> GPT:
    """The small GPT that the course ships. All callers share it, so adapt only a copy."""
    weights = shipped_gpt_folder() / files.WEIGHTS_FILE
    return _shipped(weights.stat().st_mtime_ns if weights.exists() else 0)


@functools.lru_cache(maxsize=1)
def _shipped(modified: int) -> GPT:
    return gpt.load_gpt(shipped_gpt_folder())


def measured_on(text: str, length: int = LENGTH, most: int = 400) -> tuple:
    """Inputs and labels `[n, length]`: at most `most` stretches, evenly spread over a text."""
    symbols = gpt.encode(text)
    n = (len(symbols) - 1) // length
    x, y = (part[: n * length].view(n, length) for part in (symbols[:-1], symbols[1:]))
    return x[:: -(-n // most)], y[:: -(-n // most)]


def pretrain_gpt(
    text: str, recipe: Recipe = RECIPE, *, seed: int = 0, callbacks: Callbacks | None = None
) -> tuple[GPT, History]:
    """A new GPT trained to predict the next character of `text`; see `training.train`."""
    callbacks = callbacks or Callbacks()
    callbacks = replace(callbacks, identity={"seed": seed, **callbacks.identity})
    net = gpt.fresh_gpt(seed)
    at = gpt.stretches(gpt.encode(text).to(torch.uint8), BATCH, LENGTH, seed)
    return net, training.train(net, at, recipe, callbacks)


def live_recipe(steps: int) -> Recipe:
    """The recipe with fewer steps, for a training in the notebook."""
    return replace(RECIPE, steps=steps)


class Diary:
    """An `on_step` for the loop that records samples and scores of the network after some steps.

    `texts[step]` is a sample of `length` characters. `bits[name][step]` are bits per character of
    the lines `parts[name]`.
    """

    def __init__(
        self, steps: Sequence[int], parts: dict[str, Sequence[str]] | None = None, length: int = 0
    ):
        self.steps, self.parts, self.length = set(steps), parts or {}, length
        self.texts: dict[int, str] = {}
        self.bits: dict[str, dict[int, float]] = {name: {} for name in self.parts}

    def __call__(self, step: int, net: nn.Module, history: History) -> None:
        if step not in self.steps:
            return
        for name, texts in self.parts.items():
            self.bits[name][step] = scored(net, texts)
        if self.length:
            self.texts[step] = gpt.sample(net, length=self.length, temperature=0.8)
        net.train()


def real_words(
    writers: dict[str, GPT], read: str, length: int = 300, seed: int = 0
) -> dict[str, float]:
    """What percentage of the words that each network writes occur in the text `read`.

    Only words of four letters or more count, because most combinations of three occur somewhere.
    Each network writes `length` characters.
    """
    known, shares = set(_words(read)), {}
    for name, net in writers.items():
        written = _words(gpt.sample(net, length=length, temperature=0.8, seed=seed))
        shares[name] = 100 * sum(word in known for word in written) / max(1, len(written))
    return shares


def _words(text: str) -> list[str]:
    return re.findall("[a-z]{4,}", text.lower())


def start(arm: str, net: GPT, seed: int) -> GPT:
    """The network that an arm starts from, with the layers frozen that the arm does not train."""
    if arm == "scratch":
        return gpt.fresh_gpt(seed)
    if arm == "scratch-smaller":
        return gpt.fresh_gpt(seed, **SMALLER)
    if arm == "option-2":
        return copy.deepcopy(net)
    untied = gpt.untie(net)  # Option 1: the output layer alone
    for name, parameter in untied.named_parameters():
        parameter.requires_grad = name.startswith("output.")
    return untied


def adapt_gpt(
    arm: str,
    net: GPT,
    texts: Sequence[str],
    seed: int,
    chosen: Settings,
    on_step: Callable[[int, nn.Module, History], None] | None = None,
) -> tuple[GPT, History]:
    """A copy of `net`, or a new network for the arms from scratch, trained on the lines `texts`.

    `seed` decides the order of the lines and the weights of a new network. `net` is not changed.
    """
    adapted = start(arm, net, seed)
    x, y = gpt.padded(texts)

    def batch_at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        lines = torch.randperm(len(x), generator=generator)[:LINES_AT_ONCE]
        longest = int((y[lines] != gpt.NOT_SCORED).sum(1).max())
        return x[lines, :longest], y[lines, :longest]

    recipe = Recipe(chosen.steps, chosen.learning_rate, weight_decay=0.1)
    return adapted, training.train(adapted, batch_at, recipe, Callbacks(on_step=on_step))


def scored(net: nn.Module, texts: Sequence[str]) -> float:
    """Bits per character that `net` needs for the lines `texts`."""
    return gpt.bits(net, *gpt.padded(texts))


@functools.cache
def _read_prose() -> ngram.NGram:
    return ngram.NGram(prose.prose().train, PROSE_ORDER)


def held_out_paragraphs(most: int = 300) -> list[str]:
    """Up to `most` held-out paragraphs that fit into the context, evenly spread."""
    every = prose.prose().held_out.splitlines()
    fitting = [paragraph for paragraph in every if len(paragraph) < LENGTH]
    return fitting[:: -(-len(fitting) // most)]


def fitted_ngram(arm: str, texts: Sequence[str], chosen: Settings) -> ngram.NGram | ngram.Mixture:
    """The n-gram of the lines `texts`; `steps` is its order here, `l2` its weight or its share."""
    text = "\n" + "\n".join(texts) + "\n"
    if arm == "counting":
        return ngram.NGram(text, chosen.steps, chosen.l2)
    fifty = ngram.NGram(text, chosen.steps, MIXED_WEIGHT)
    return ngram.Mixture(fifty, _read_prose(), chosen.l2)


def settings_to_try(arm: str) -> list[Settings]:
    """The twelve settings that are tried for an arm."""
    if arm in COUNTING:
        every = itertools.product(ORDERS, COUNTING[arm])
        return [Settings(l2=weight, learning_rate=0, steps=order) for order, weight in every]
    return [
        Settings(l2=0, learning_rate=r, steps=s) for r, s in itertools.product(RATES[arm], STEPS)
    ]


def run_fifty_lines(arm: str, number: int, todo: Sequence[Settings], part: str) -> list[dict]:
    """Rows of one draw of fifty lines: an arm with each setting of `todo`, scored on `part`."""
    target = lines()
    texts, measured = draw_lines(target.pool, FIFTY, number), getattr(target, part)
    rows = []
    for chosen in todo:
        if arm in COUNTING:
            score = ngram.ngram_bits(fitted_ngram(arm, texts, chosen), measured)
        else:
            score = scored(adapt_gpt(arm, pretrained_gpt(), texts, number, chosen)[0], measured)
        rows.append(
            {"question": part, "arm": arm, "l2": chosen.l2, "rate": chosen.learning_rate,
             "steps": chosen.steps, "draw": number, "bits": score}
        )  # fmt: skip
    return rows


def best_settings(rows: Sequence[dict], arm: str) -> Settings:
    """The settings of `arm` with the fewest mean bits on validation lines."""
    table = pd.DataFrame(rows)
    tried = table[(table.question == "validation") & (table.arm == arm)]
    l2, rate, steps = map(float, tried.groupby(["l2", "rate", "steps"]).bits.mean().idxmin())
    return Settings(l2, rate, int(steps))


FRONTS = ("names", "their letters shuffled", "prose")
LINES_IN_FRONT = (0, 1, 2, 4)


def front(kind: str, number_of_lines: int, seed: int, paragraphs: Sequence[str] = ()) -> str:
    """The text in front of a line: names, names with shuffled letters, or prose.

    Lines of prose have as many characters as the names. They are from `paragraphs`, by default from
    all that are held out.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = draw_lines(lines().pool, max(LINES_IN_FRONT), seed)[:number_of_lines]
    if kind == "their letters shuffled":
        chosen = tuple(
            "".join(name[i] for i in torch.randperm(len(name), generator=generator).tolist())
            for name in chosen
        )
    if kind == "prose":
        every = paragraphs or prose.prose().held_out.splitlines()
        picked = torch.randperm(len(every), generator=generator).tolist()
        long_enough = (every[i] for i in picked if len(every[i]) >= 60)
        chosen = tuple(next(long_enough)[: len(name)] for name in chosen)
    return "".join(f"{line}\n" for line in chosen)


def prompted(
    net: GPT,
    kind: str,
    number: int,
    seed: int,
    texts: Sequence[str],
    paragraphs: Sequence[str] = (),
) -> float:
    """Bits per character of `texts`, each after `number` lines of a kind, without any training.

    Each line has other lines in front of it. Their beginning is cut off if they do not fit into the
    context.
    """
    fronts = [front(kind, number, 1000 * seed + i, paragraphs) for i in range(len(texts))]
    room = [net.context - len(line) - 1 for line in texts]
    fronts = [text[-most:] for text, most in zip(fronts, room, strict=True)]
    return gpt.bits(net, *gpt.padded(texts, fronts))


def prompts(net: GPT, draws: int, texts: Sequence[str] | None = None) -> Iterator[dict]:
    """Rows `front`, `lines`, `draw`, `bits`: the target's lines with other lines in front."""
    texts = lines().test if texts is None else texts
    for number, kind, seed in itertools.product(LINES_IN_FRONT, FRONTS, range(draws)):
        if number > 0 or (kind, seed) == (FRONTS[0], 0):
            yield {
                "question": "prompt", "front": kind if number else "nothing", "lines": number,
                "draw": seed, "bits": prompted(net, kind, number, seed, texts),
            }  # fmt: skip


def missing_runs(arms: Sequence[str], rows: Sequence[dict], part: str) -> list[tuple]:
    """The arguments of `run_fifty_lines` for the results that `rows` lack."""
    done = {(row["question"], row["arm"], row["draw"]) for row in rows}
    tuning = part == "validation"
    numbers = range(FIRST_TUNING_DRAW, FIRST_TUNING_DRAW + TUNING_DRAWS)
    return [
        (arm, number, settings_to_try(arm) if tuning else [best_settings(rows, arm)], part)
        for arm in arms
        for number in (numbers if tuning else range(DRAWS))
        if (part, arm, number) not in done
    ]


def small_gpt_rows(done: list[dict]) -> Iterator[dict]:
    """The rows of everything that notebook 09 shows, except those in `done`.

    Rows have `question`: "validation" (settings are chosen), "test" (what is reported), "unchanged"
    (the pretrained network as it is), "prose" (this network and an n-gram on held-out text of the
    kind that they read), "prompt".
    """
    for part in ("validation", "test"):
        for arms, together in ((tuple(RATES), side_by_side), (tuple(COUNTING), _one_by_one)):
            for new in together(run_fifty_lines, missing_runs(arms, done, part), f"{part} lines"):
                done = done + new  # the test needs the settings chosen on validation lines
                yield from new
    answered = {row["question"] for row in done}
    if "unchanged" not in answered:
        bits = scored(pretrained_gpt(), lines().test)
        yield {"question": "unchanged", "arm": "unchanged", "draw": 0, "bits": bits}
    if "prose" not in answered:
        paragraphs = held_out_paragraphs()
        both = {
            "unchanged": scored(pretrained_gpt(), paragraphs),
            "counting": ngram.ngram_bits(_read_prose(), paragraphs),
        }
        for arm, bits in both.items():
            yield {"question": "prose", "arm": arm, "draw": 0, "bits": bits}
    if "prompt" not in answered:
        yield from prompts(pretrained_gpt(), DRAWS)


def _one_by_one(run: Callable, plan: Sequence[tuple], title: str) -> Iterator:
    """Like `side_by_side`, but in this process, which has already read the prose."""
    for arguments in plan:
        yield run(*arguments)


# ---------------------------------------------------------------- what the notebook reads out


def next_characters(net: GPT, beginning: str, number: int = 4) -> dict[str, float]:
    """The likeliest characters after the beginning of a line, in percent, the likeliest first."""
    chances = net(gpt.encode(f"\n{beginning}")[None])[0, -1].softmax(0)
    return {gpt.SYMBOLS[i]: 100 * chances[i].item() for i in chances.topk(number).indices.tolist()}


def how_sure(net: GPT, beginnings: Sequence[str]) -> dict[str, float]:
    """The probability, in percent, of the likeliest character after each beginning of a line."""
    return {f"after “{text}”": max(next_characters(net, text).values()) for text in beginnings}


def on_test_at_the_end(diaries: dict[str, Diary]) -> dict[str, float]:
    """Bits per character of test lines after the last step, by the arm's name in words."""
    return {CALLED[arm]: list(diary.bits["test"].values())[-1] for arm, diary in diaries.items()}


def written(net: GPT, number: int, seed: int) -> list[str]:
    """`number` lines that the network writes."""
    return [
        gpt.sample(net, length=60, temperature=0.8, seed=100 * seed + i, stop_at_end=True)
        for i in range(number)
    ]


def growing_up(diary: Diary, net: GPT, seed: int) -> dict[str, str]:
    """What a network wrote during its training, and what the shipped network writes."""
    samples = {f"after {step * PER_STEP:,} characters": text for step, text in diary.texts.items()}
    read = net.about["recipe"]["steps"] * PER_STEP
    last = gpt.sample(net, length=diary.length, temperature=0.8, seed=seed)
    return {**samples, f"the shipped one, {read:,}": last}


def temperatures(
    net: GPT, beginning: str, every: Sequence[float], length: int, seed: int
) -> dict[str, str]:
    """How the network continues a beginning at several temperatures."""
    return {
        f"temperature {t}": beginning + gpt.sample(net, beginning, length, temperature=t, seed=seed)
        for t in every
    }


PLACES = ("first", "second", "third", "fourth", "last")


def place_among_five(table: pd.DataFrame, arm: str) -> str:
    """The rank of `arm` among the five that learnt from the fifty lines; fewest bits are first.

    Rows `arm`, `draw`, `bits`; what was not adapted is left out.
    """
    mean = table[table.arm != "unchanged"].groupby("arm").bits.mean()
    return PLACES[int((mean < mean[arm]).sum())]


def saved_in_front(table: pd.DataFrame, number: int = 4) -> dict[str, float]:
    """Bits per character that `number` lines in front save, by the kind of these lines."""
    mean = table.groupby(["front", "lines"]).bits.mean()
    return {kind: mean["nothing", 0] - mean[kind, number] for kind in FRONTS}


def fewer(table: pd.DataFrame, arm: str, other: str) -> tuple[float, float, float]:
    """How many bits fewer `arm` needs than `other` on the same draws: mean, 95% interval, minimum.

    The interval is over draws of the fifty lines, which all have the same test lines.
    """
    bits = table.pivot_table(index="draw", columns="arm", values="bits")
    gain = (bits[other] - bits[arm]).dropna()
    return *stats.estimate(gain, draw=0), gain.min()


def on_test_lines(recorded: pd.DataFrame) -> pd.DataFrame:
    """Recorded rows on test lines: every arm, and the network as it is shipped."""
    return recorded[recorded.question.isin(["test", "unchanged"])]


def licences(about: dict) -> pd.DataFrame:
    """The packages whose text the shipped network has read, with licences and versions."""
    every = pd.DataFrame(list(prose.PACKAGES.values()), columns=["package", "licence"])
    every["the shipped weights read version"] = list(about["text"]["versions"].values())
    return every.set_index("package")


GPT_3 = {  # arXiv 2005.14165, tables 2.1 and D.1
    "weights": 175e9,
    "blocks": 96,
    "width": 12_288,
    "tokens read in training": 300e9,
    "tokens it sees at a time": 2_048,
    "operations of training": 3.14e23,
}
SECONDS_A_YEAR = 3.156e7


def _count(number: float) -> str:
    """A number with all its digits, or as a power of ten if it has too many to read."""
    return f"{number:,.0f}" if number < 1e12 else f"{number:.2e}"


def in_numbers(net: GPT) -> dict[str, float]:
    """The size of the network and how much it read, under the names in `GPT_3`."""
    weights = sum(parameter.numel() for parameter in net.parameters())
    read = net.about["recipe"]["steps"] * net.about["batch"] * net.about["length"]
    return {
        "weights": weights,
        "blocks": net.architecture["blocks"],
        "width": net.architecture["width"],
        "tokens read in training": read,
        "tokens it sees at a time": net.context,
        "operations of training": 6 * weights * read,
    }


def years_for_gpt_3(net: GPT) -> float:
    """How many years GPT-3 would take where the network was trained, to the nearest 10,000."""
    ours, work = in_numbers(net), "operations of training"
    return round(GPT_3[work] / ours[work] * net.about["seconds"] / SECONDS_A_YEAR, -4)


def distance(ours: dict[str, float], gpt_3: dict[str, float]) -> pd.DataFrame:
    """Two networks in numbers, and how many times larger the second one is."""
    table = pd.DataFrame({"this one": ours, "GPT-3": gpt_3}).loc[list(ours)]
    ratios = (table["GPT-3"] / table["this one"]).map(lambda ratio: float(f"{ratio:.3g}"))
    times = ratios.map(_count) + " times"
    return table.map(_count).assign(**{"GPT-3 has more by": times}).rename_axis("")
