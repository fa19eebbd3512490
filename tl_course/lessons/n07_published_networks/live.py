"""What notebook 07 does live: load others' networks, sort names of things, share your own."""

from pathlib import Path

import pandas as pd
import torch

from tl_course.base.errors import CourseError
from tl_course.core import published
from tl_course.core.model_card import Card, card_as_html
from tl_course.core.published import Published, Reading, n_weights
from tl_course.core.transfer import Adapted
from tl_course.data.examples import Examples
from tl_course.data.targets import kinds, photographs
from tl_course.data.targets.kinds import NAMES, Texts
from tl_course.lessons.n07_published_networks import words
from tl_course.lessons.n07_published_networks.sharing_trials import refusals

__all__ = ["Card", "refusals", "card_as_html"]


def introduction(net: Published, yours: torch.nn.Module) -> str:
    """The size of a published network beside yours, its source, its licence and its credit."""
    about = net.about
    return (
        f"{about.name}: {n_weights(net):,} weights (yours: {n_weights(yours):,})\n"
        f"trained on {about.trained_on}; licence {about.licence}; {about.credit}"
    )


def load_or_say(name: str, otherwise: str = "") -> Published | None:
    """The published network `name`; if it cannot be loaded, None, and the reason is printed."""
    try:
        net = published.load(name)
    except CourseError as error:
        print(error, otherwise)
        return None
    print(f"{name} is here. It takes: {net.requirement}")
    return net


def two_photographs() -> torch.Tensor:
    """The palace and the flower, `[2, 3, 224, 224]`, 0 … 1."""
    return torch.stack([photographs.middle(name) for name in photographs.NAMES])


def names_of_things(labelled: int, seed: int) -> tuple[Texts, Texts]:
    """One draw of labelled names, and the names on which it is tested."""
    return kinds.kinds(seed, "pool", labelled), kinds.kinds(seed, "test")


def in_pieces(reader: Reading, names: Texts) -> Examples:
    """Names as inputs for a reading network: numbers of word pieces, labelled by kind."""
    return Examples(reader.tokens(names.texts), names.y, NAMES, reader.modality)


def by_kind(names: Texts, most: int = 4) -> str:
    """The names of the first kinds, one line for each kind."""
    return "\n".join(
        f"{kind}: " + ", ".join(names.texts[i] for i in (names.y == label).nonzero())
        for label, kind in list(enumerate(NAMES))[:most]
    )


def some_sorted(sorter: Adapted, names: Texts, many: int = 12) -> str:
    """An adapted network's answers for some of the names, with the right kind after a mistake."""
    lines = [
        f"{100 * sorter.accuracy:.0f}% of the names that it had not seen are right. Some of them:"
    ]
    for place in range(0, len(names), len(names) // many):
        answer, kind = NAMES[sorter.predictions[place]], NAMES[names.y[place]]
        lines.append(
            f"  {names.texts[place]:<28} {answer:<10} {'' if answer == kind else f'({kind})'}"
        )
    return "\n".join(lines)


def right_by_network(adapted: dict[str, Adapted]) -> dict[str, float]:
    """The percentage that each network got right."""
    return {name: 100 * each.accuracy for name, each in adapted.items()}


def sorted_right(table: pd.DataFrame, images: int) -> dict[str, float]:
    """The percentage of names that BERT's descendant (Option 1) and counting get right."""
    mean = 100 * table[table.images == images].groupby("arm").accuracy.mean()
    return {words.CALLED[arm]: float(mean[arm]) for arm in ("bert-option-1", "ngrams")}


def counts_for_card(adapted: Adapted, labelled: Examples, test: Examples) -> dict:
    """The numbers for a card: classes, labelled images, test images, and how many are right."""
    right = int((adapted.predictions == test.y).sum())
    return {
        "classes": labelled.names, "images": len(labelled), "right": right, "tested": len(test)
    }  # fmt: skip


def files_and_sizes(folder: Path) -> str:
    """The files of a folder with their sizes, one line for each."""
    return "\n".join(f"{p.name}: {p.stat().st_size:,} bytes" for p in sorted(folder.iterdir()))
