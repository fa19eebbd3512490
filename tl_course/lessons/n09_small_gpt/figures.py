"""Figures of notebook 09: the small GPT (other figures are in `lessons/figures.py`)."""

import math
from collections.abc import Sequence

import pandas as pd
from IPython.display import HTML

from tl_course.base import stats
from tl_course.base.html import lines, table
from tl_course.core.training import History
from tl_course.data.sources import prose
from tl_course.lessons import figures
from tl_course.lessons.figures import Line, Picture
from tl_course.lessons.n09_small_gpt import experiments, gpt
from tl_course.lessons.n09_small_gpt.experiments import Diary
from tl_course.lessons.n09_small_gpt.gpt import GPT

PER_STEP = experiments.BATCH * experiments.LENGTH  # characters read
STYLES = {  # arm: (what it is called, colour, marker)
    "unchanged": ("pretrained, not adapted", figures.GREY, "P"),
    "option-1": ("Option 1: output layer only", figures.BLUE, "o"),
    "option-2": ("Option 2: everything", figures.ORANGE, "s"),
    "scratch": ("from scratch", figures.GREEN, "^"),
    "scratch-smaller": ("from scratch, a smaller one", figures.PINK, "D"),
    "counting": ("counting letters, fifty lines", figures.GREY, "x"),
    "counting-pretrained": ("counting, manuals as well", figures.SKY, "v"),
}
LOOKS = ((figures.BLUE, "o"), (figures.PINK, "D"), (figures.GREY, "x"))
FRONTS = dict(zip(experiments.FRONTS, LOOKS, strict=True))
GPT_3 = {  # arXiv 2005.14165, tables 2.1 and D.1
    "weights": 175e9,
    "blocks": 96,
    "width": 12_288,
    "tokens read in training": 300e9,
    "tokens it sees at a time": 2_048,
    "operations of training": 3.14e23,
}
SECONDS_A_YEAR = 3.156e7


def next_characters(net: GPT, beginning: str, number: int = 4) -> Picture:
    """The likeliest characters after a beginning, in percent."""
    chances = net(gpt.encode(f"\n{beginning}")[None])[0, -1].softmax(0)
    return figures.bars(
        {gpt.SYMBOLS[i]: 100 * chances[i].item() for i in chances.topk(number).indices.tolist()},
        f"After “{beginning}”", "probability, %", show="{:.1f}%".format,
    )  # fmt: skip


def how_sure(net: GPT, beginnings: Sequence[str]) -> dict[str, float]:
    """The probability, in percent, of the likeliest character after each beginning of a line."""
    return {
        f"after “{text}”": 100 * net(gpt.encode(f"\n{text}")[None])[0, -1].softmax(0).max().item()
        for text in beginnings
    }


def learning(history: History, about: dict, title: str) -> Picture:
    """Bits per character against characters read (log), of a training here and the shipped one."""
    guessing, curve = math.log2(len(gpt.SYMBOLS)), about["curve"]
    lines = {
        "here": Line([s * PER_STEP for s in history.step], [x / math.log(2) for x in history.loss]),
        "the shipped one (recorded)": Line([s * PER_STEP for s in curve["step"]], curve["bits"]),
        "pure guessing": figures.level(guessing),
    }
    ylim = (0, 1.05 * guessing)
    return figures.chart(
        {"": lines},
        title,
        "characters read",
        "bits per character",
        look=figures.Look(ylim=ylim, log=True),
    )


def fifty(diaries: dict[str, Diary]) -> Picture:
    """By arm: bits per character of the fifty lines (dashed) and of test lines, against steps."""
    lines, styles = {}, {}
    for arm, diary in diaries.items():
        label, colour, marker = STYLES[arm]
        for (part, bits), dash in zip(diary.bits.items(), ("--", "-"), strict=True):
            lines[f"{label}, {part}"] = (list(bits), list(bits.values()))
            styles[f"{label}, {part}"] = (colour, marker, dash)
    title = "On test lines, the pretrained network is ahead from start to end"
    return figures.curves(lines, title, "steps", "bits per character", styles=styles)


def on_test_at_the_end(diaries: dict[str, Diary]) -> dict[str, float]:
    """By what an arm is called: bits per character of test lines after its last step."""
    return {STYLES[arm][0]: list(diary.bits["test"].values())[-1] for arm, diary in diaries.items()}


def written(net: GPT, number: int, seed: int) -> list[str]:
    """So many lines that the network writes."""
    return [
        gpt.sample(net, length=60, temperature=0.8, seed=100 * seed + i, stop_at_end=True)
        for i in range(number)
    ]


def growing_up(diary: Diary, net: GPT, seed: int, caption: str) -> HTML:
    """What a network wrote while it was trained, and what the shipped one writes."""
    samples = {f"after {step * PER_STEP:,} characters": text for step, text in diary.texts.items()}
    read = net.about["recipe"]["steps"] * PER_STEP
    last = gpt.sample(net, length=diary.length, temperature=0.8, seed=seed)
    return texts({**samples, f"the shipped one, {read:,}": last}, caption)


def temperatures(net: GPT, beginning: str, every: Sequence[float], length: int, seed: int) -> HTML:
    """How the network goes on after a beginning at several temperatures."""
    samples = {
        f"temperature {t}": beginning + gpt.sample(net, beginning, length, temperature=t, seed=seed)
        for t in every
    }
    return texts(samples, f"The same beginning, {len(samples)} temperatures")


def texts(samples: dict[str, str | Sequence[str]], caption: str) -> HTML:
    """Texts as a table: one below the other, or lists of short lines side by side."""
    style = "width:100%;font-family:monospace;overflow-wrap:anywhere"
    if all(isinstance(text, str) for text in samples.values()):
        rows = [(name, lines([text])) for name, text in samples.items()]
        return HTML(table(rows, caption=caption, named=True, texts=True, style=style))
    cells = [lines(list(short)) for short in samples.values()]
    return HTML(
        table([cells], samples, caption=caption, texts=True, style=f"table-layout:fixed;{style}")
    )


def arms(table: pd.DataFrame, title: str) -> Picture:
    """Bits per character of each arm: rows `arm`, `draw`, `bits`."""
    every = {arm: rows.bits for arm, rows in table.groupby("arm")}
    xlabel = "bits per character on test lines (fewer is better)"
    return figures.dots({"": every}, STYLES, title, xlabel, "{:.2f}".format)


PLACES = ("first", "second", "third", "fourth", "last")


def place(table: pd.DataFrame, arm: str) -> str:
    """In which place of the five that learnt from the fifty lines; fewest bits per character first.

    Rows `arm`, `draw`, `bits`; what was not adapted is left out.
    """
    mean = table[table.arm != "unchanged"].groupby("arm").bits.mean()
    return PLACES[int((mean < mean[arm]).sum())]


def saved_in_front(table: pd.DataFrame, number: int = 4) -> dict[str, float]:
    """Bits per character that so many lines in front save, by what they are."""
    mean = table.groupby(["front", "lines"]).bits.mean()
    return {kind: mean["nothing", 0] - mean[kind, number] for kind in FRONTS}


def in_front(table: pd.DataFrame, title: str) -> Picture:
    """Bits per character against the lines put in front: rows `front`, `lines`, `draw`, `bits`."""
    nothing = table[table.front == "nothing"]
    lines = {}
    for kind, look in FRONTS.items():
        rows = pd.concat([nothing, table[table.front == kind]])
        lines[kind] = figures.mean_line(rows, "lines", (*look, "-"), "bits", 1)
    labels, said = ("lines in front", "bits per character"), "{y:.2f} with {x}"
    told = (
        "Bits per character, means with bars of one SD; nothing in front: "
        f"{nothing.bits.mean():.2f}."
    )
    look = figures.Look(legend_title="what is in front")
    return figures.chart({"": lines}, title, *labels, said, told, look)


def fewer(table: pd.DataFrame, one: str, other: str) -> tuple[float, float, float]:
    """Bits that `one` needs fewer than `other` on the same draws: mean, 95% interval, least.

    The interval is over draws of the fifty lines; the test lines are the same for all.
    """
    bits = table.pivot_table(index="draw", columns="arm", values="bits")
    gain = (bits[other] - bits[one]).dropna()
    return *stats.estimate(gain, draw=0), gain.min()


def on_test_lines(recorded: pd.DataFrame) -> pd.DataFrame:
    """Of the recorded table, every arm scored on test lines, and the network as it was shipped."""
    return recorded[recorded.question.isin(["test", "unchanged"])]


def licences(about: dict) -> pd.DataFrame:
    """What the shipped network has read, by package."""
    every = pd.DataFrame(list(prose.PACKAGES.values()), columns=["package", "licence"])
    every["the shipped weights read version"] = list(about["text"]["versions"].values())
    return every.set_index("package")


def chosen(recorded: pd.DataFrame) -> HTML:
    """The settings of each arm with the fewest bits on validation lines."""
    tried = recorded[recorded.question == "validation"]
    mean = tried.groupby(["arm", "rate", "steps", "l2"]).bits.mean().reset_index()
    best = mean.loc[mean.groupby("arm").bits.idxmin()].set_index("arm")
    rows = []
    for arm in [arm for arm in STYLES if arm in best.index]:
        rate, steps, weight, bits = best.loc[arm, ["rate", "steps", "l2", "bits"]]
        says = f"rate {rate:g}, {steps:.0f} steps"
        if arm in experiments.COUNTING:
            what = "share of fifty lines" if arm == "counting-pretrained" else "weight"
            says = f"looks back {steps:.0f} characters, {what} {weight:g}"
        rows.append((STYLES[arm][0], says, f"{bits:.2f}"))
    head = ("way", "best settings", "bits per character, validation lines")
    return HTML(table(rows, head, named=True))


def _count(number: float) -> str:
    """A number of things, exact where that can be read."""
    return f"{number:,.0f}" if number < 1e12 else f"{number:.2e}"


def in_numbers(net: GPT) -> dict[str, float]:
    """How large the network is and how much it read, in the words of `GPT_3`."""
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
    """How long GPT-3 would take where the network was trained, rounded to 10,000 years."""
    ours, work = in_numbers(net), "operations of training"
    return round(GPT_3[work] / ours[work] * net.about["seconds"] / SECONDS_A_YEAR, -4)


def distance(ours: dict[str, float], theirs: dict[str, float]) -> pd.DataFrame:
    """Two networks in numbers, and how many times the other is larger."""
    table = pd.DataFrame({"this one": ours, "GPT-3": theirs}).loc[list(ours)]
    ratios = (table["GPT-3"] / table["this one"]).map(lambda ratio: float(f"{ratio:.3g}"))
    times = ratios.map(_count) + " times"
    return table.map(_count).assign(**{"GPT-3 has more by": times}).rename_axis("")
