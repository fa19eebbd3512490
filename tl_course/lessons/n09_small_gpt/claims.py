"""Claims of notebook 09: a large source helps a small GPT, and letter counts as well."""

import math

import pandas as pd

from tl_course.lessons.claims import Claim, claim
from tl_course.lessons.n09_small_gpt.experiments import fewer, on_test_lines
from tl_course.lessons.n09_small_gpt.figures import STYLES
from tl_course.lessons.n09_small_gpt.gpt import SYMBOLS


@claim()
def reading_more_surprises_less(here: float, shipped: float) -> Claim:
    """Bits per character on unread text: the network trained here against the shipped one."""
    guessing = math.log2(len(SYMBOLS))
    return Claim(
        f"On text that it has not read, the shipped network needs {shipped:.1f} bits per "
        "character: less than half of what guessing needs, and less than the one trained here.",
        bool(shipped < guessing / 2 and shipped < here),
        f"guessing {guessing:.2f}, trained here {here:.2f}, shipped {shipped:.2f} bits per "
        "character",
    )


@claim("small_gpt")
def pretraining_saves_bits(recorded: pd.DataFrame) -> Claim:
    """Option 2 against training from scratch, and against the best way without pretraining."""
    rows = on_test_lines(recorded)
    gain, interval, least = fewer(rows, "option-2", "scratch")
    mean = rows.groupby("arm").bits.mean()
    rival = mean[["scratch", "scratch-smaller", "counting"]].idxmin()
    ahead, ahead_interval, _ = fewer(rows, "option-2", rival)
    return Claim(
        "With fifty lines to learn from and Option 2, the network pretrained on manuals needs "
        f"{gain:.1f} bits per character fewer for new names than the same network from scratch, "
        "and also fewer than the best way without pretraining.",
        bool(gain - interval > 0.3 and least > 0 and ahead - ahead_interval > 0),
        f"{gain:.2f} ± {interval:.2f} bits fewer than from scratch (ten draws, least {least:.2f}); "
        f"{ahead:.2f} ± {ahead_interval:.2f} fewer than {STYLES[rival][0]}",
    )


@claim("small_gpt")
def the_output_layer_alone_helps(recorded: pd.DataFrame) -> Claim:
    """Option 1 against training from scratch."""
    rows = on_test_lines(recorded)
    gain, interval, _ = fewer(rows, "option-1", "scratch")
    other, other_interval, _ = fewer(rows, "option-1", "option-2")
    return Claim(
        "With only its output layer trained on fifty lines, the pretrained network needs "
        f"{gain:.1f} bits per character fewer for new names than one from scratch.",
        bool(gain - interval > 0.3),
        f"Option 1 needs {gain:.2f} ± {interval:.2f} bits fewer than from scratch, and "
        f"{other:+.2f} ± {other_interval:.2f} fewer than Option 2",
    )


@claim("small_gpt")
def a_prompt_helps_a_little(recorded: pd.DataFrame) -> Claim:
    """Names, shuffled names or prose in front of a line, against training on fifty lines."""
    prompts = recorded[recorded.question == "prompt"].groupby(["front", "lines"]).bits.mean()
    unchanged = prompts["nothing", 0]
    gained, form, prose = (
        unchanged - prompts[kind, 4] for kind in ("names", "their letters shuffled", "prose")
    )
    rows = on_test_lines(recorded)
    trained = unchanged - rows[rows.arm == "option-2"].bits.mean()
    return Claim(
        f"Four names in front save {gained:.1f} bits per character, more than shuffled names or "
        "prose do, and less than a quarter of what training on fifty lines saves.",
        bool(0.05 < form < gained < trained / 4 and abs(prose) < 0.05),
        f"four names in front: {gained:.2f} bits fewer than nothing; shuffled letters: "
        f"{form:.2f}; prose: {prose:.2f}; Option 2 on fifty lines: {trained:.2f}",
    )


@claim("small_gpt")
def counting_can_be_pretrained(recorded: pd.DataFrame) -> Claim:
    """Counting letters of the manuals too, against counting without and against the network."""
    rows = on_test_lines(recorded)
    borrowed, interval, _ = fewer(rows, "counting-pretrained", "counting")
    beyond, beyond_interval, _ = fewer(rows, "option-2", "counting-pretrained")
    read = recorded[recorded.question == "prose"].set_index("arm").bits
    return Claim(
        f"Pretraining saves letter counts {borrowed:.1f} bits per character, too: with fifty lines "
        "they then need no more for names than the network with Option 2, and the two are level "
        "on manuals that neither has read.",
        bool(
            borrowed - interval > 0.2
            and beyond - beyond_interval < 0
            and abs(read["counting"] - read["unchanged"]) < 0.1
        ),
        f"for names {borrowed:.2f} ± {interval:.2f} bits fewer than without; the network with "
        f"Option 2 against it: {beyond:+.2f} ± {beyond_interval:.2f} bits fewer; on manuals: "
        f"network {read['unchanged']:.2f}, counting {read['counting']:.2f}",
    )
