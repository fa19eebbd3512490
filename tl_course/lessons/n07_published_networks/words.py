"""Which kind of thing has this name? A descendant of BERT against networks and letter counts.

With 10, 50 and 200 labelled names. Arms:

- "bert-option-1", "bert-option-2": all-MiniLM-L6-v2, frozen, or output layer first, then
  everything (LP-FT, arXiv 2202.10054), so "option-2" here begins with the head of Option 1;
- "bert-random": the control, the same architecture with random weights, frozen;
- "own-option-1": the course's text network, which learnt to tell 1,000 names in 14 languages apart;
- "scratch", "random-frozen": five layers with random weights, trained or frozen;
- "ngrams": no network, logistic regression on counts of neighbouring characters.

Penalties, rates and steps are chosen on validation names, with separate draws.
"""

import functools
import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from tl_course.base.parallel import side_by_side
from tl_course.core import pretraining, published, training, transfer
from tl_course.core.output_layers import features, output_layers
from tl_course.core.settings import Settings
from tl_course.data import writing
from tl_course.data.examples import Examples
from tl_course.data.targets.kinds import NAMES, Texts, every_name, kinds
from tl_course.lessons.n07_published_networks.experiments import paired_by
from tl_course.study import tuning
from tl_course.study.tuning import FIRST_DRAW, PENALTIES

SIZES = (10, 50, 200)
FIXED = ("bert-option-1", "bert-random", "own-option-1", "random-frozen")
ARMS = (*FIXED, "bert-option-2", "scratch", "ngrams")
CALLED = {
    "bert-option-1": "BERT's descendant, Option 1",
    "bert-option-2": "BERT's descendant, output layer first, then everything (LP-FT)",
    "bert-random": "BERT's architecture, frozen random weights",
    "own-option-1": "the course's text network, frozen",
    "scratch": "five layers from scratch",
    "random-frozen": "five layers, frozen random weights",
    "ngrams": "no network: counting letters",
}
CHOICE_DRAWS = 4
MOVING = {  # arms that train everything: the settings to try, and on how many draws
    "bert-option-2": ([Settings(learning_rate=r, steps=40) for r in (1e-5, 3e-5, 1e-4, 3e-4)], 2),
    "scratch": (
        [Settings(learning_rate=r, steps=s) for r in (1e-3, 3e-3, 1e-2) for s in (100, 300)],
        2,
    ),
}
NGRAMS = [(longest, c) for longest in (3, 5) for c in (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)]


def on_grid(texts: tuple[str, ...]) -> torch.Tensor:
    """Texts as inputs for the five-layer network: `[n, 3, 32, 32]`."""
    return writing.coded(writing.code_points_of(texts))


def untrained_twin(net: published.Reading, seed: int) -> published.Reading:
    """A network with the architecture of `net` and random weights."""
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = AutoModel.from_config(net.body.config)
    return published.Reading(
        body, body.config.hidden_size, net.requirement, net.about, tokenizer=net.tokenizer
    ).eval()


@functools.cache
def _seen_by(arm: str, seed: int = 0):
    """A frozen arm's features of every name, and the row of each name in them."""
    texts = tuple(itertools.chain.from_iterable(every_name().values()))
    if arm.startswith("bert"):
        net = published.load("minilm")
        net = untrained_twin(net, seed) if arm == "bert-random" else net
        x = net.tokens(texts)
    else:
        x = on_grid(texts)
        net = (
            pretraining.pretrained("written-names")
            if arm == "own-option-1"
            else transfer.fresh_network(x, seed, "text")
        )
    return features(net, x), {text: place for place, text in enumerate(texts)}


def _of(seen: torch.Tensor, place: dict[str, int], names: Texts) -> torch.Tensor:
    return seen[[place[text] for text in names.texts]]


def _right(arm: str, images: int, draw: int, part: str, chosen) -> torch.Tensor:
    """Which names of a part are right after learning from a draw: bool `[n]`, in their order."""
    labelled, scored = kinds(draw, "pool", images), kinds(draw, part)
    if arm == "ngrams":
        return _ngrams(labelled, scored, *chosen)
    if arm in FIXED:
        seen, place = _seen_by(arm, draw if "random" in arm else 0)
        shown = Examples(_of(seen, place, labelled), labelled.y, NAMES)
        trained = output_layers(None, [shown], [draw], [chosen.l2])
        return trained.right(_of(seen, place, scored), scored.y)[0, 0]
    if arm == "scratch":
        shown = Examples(on_grid(labelled.texts), labelled.y, NAMES, "text")
        trained = transfer.from_scratch(shown, seed=draw, chosen=chosen)
        return training.predict(trained.net, on_grid(scored.texts)).argmax(1) == scored.y
    net = published.load("minilm")
    shown = Examples(net.tokens(labelled.texts), labelled.y, NAMES, "tokens")
    trained = transfer.output_first(net, shown, seed=draw, chosen=chosen)
    return training.predict(trained.net, net.tokens(scored.texts)).argmax(1) == scored.y


def _ngrams(labelled: Texts, scored: Texts, longest: int, c: float) -> torch.Tensor:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, longest), sublinear_tf=True),
        LogisticRegression(C=c, max_iter=2000),
    )
    model.fit(labelled.texts, labelled.y.numpy())
    return torch.from_numpy(model.predict(scored.texts)) == scored.y


def _tried(arm: str, images: int, number: int, chosen) -> tuple:
    right = _right(arm, images, FIRST_DRAW + number, "validation", chosen)
    return (arm, images), chosen, right.float().mean().item()


def choose() -> dict[tuple[str, int], Settings | tuple]:
    """The settings of each arm and size that are best on validation names."""
    plan = []
    heads = [Settings(l2=l2) for l2 in PENALTIES]
    for arm, images in itertools.product(ARMS, SIZES):
        if arm == "bert-option-2":
            continue  # it begins with Option 1, whose penalty must be chosen first
        tried, draws = MOVING.get(arm, (NGRAMS if arm == "ngrams" else heads, CHOICE_DRAWS))
        plan += [(arm, images, n, chosen) for chosen in tried for n in range(draws)]
    best = tuning.best(side_by_side(_tried, plan, "choosing"))
    tried, draws = MOVING["bert-option-2"]
    plan = []
    for images, settings, n in itertools.product(SIZES, tried, range(draws)):
        chosen = replace(settings, l2=best["bert-option-1", images].l2)
        plan.append(("bert-option-2", images, n, chosen))
    return best | tuning.best(side_by_side(_tried, plan, "choosing the rate"))


def words_rows(draws: int) -> Iterator[dict]:
    """Every arm at every size: rows `arm`, `images`, `draw`, `accuracy`, `right`, settings."""
    best = choose()
    every = itertools.product(ARMS, SIZES, range(draws))
    plan = [(arm, images, draw, best[arm, images]) for arm, images, draw in every]
    yield from side_by_side(_row, plan, "names")


def _row(arm: str, images: int, draw: int, chosen) -> dict:
    begun = time.perf_counter()
    right = _right(arm, images, draw, "test", chosen)
    settings = chosen if isinstance(chosen, Settings) else Settings(math.nan, math.nan, 0)
    longest, c = chosen if arm == "ngrams" else (0, math.nan)
    return {
        "arm": arm, "images": images, "draw": draw, "accuracy": right.float().mean().item(),
        "l2": settings.l2, "rate": settings.learning_rate, "steps": settings.steps,
        "longest": longest, "c": c, "right": right.numpy(), "seconds": time.perf_counter() - begun,
    }  # fmt: skip


def ahead_by_images(table: pd.DataFrame, arm: str, other: str) -> pd.DataFrame:
    """How far `arm` is ahead of `other` on the same draws, in points, with a 95% interval.

    Each draw has its own test names, and a name can be in several draws. The interval is therefore
    for other draws and other names, and each name counts with its mean over all draws.
    """

    def clusters(images: int, right: pd.DataFrame) -> dict:
        return {"name": np.array([kinds(draw, "test").texts for draw in right.index])}

    return paired_by(table, arm, other, "images", clusters)
