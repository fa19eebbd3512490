"""Protocols that others have published figures for: the same digits, the same classifier."""

import torch

from tl_course.core import pretraining, settings
from tl_course.data.examples import Target
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.n10_how_sure import protocols


def test_published_figures_are_within_their_ranges():
    table = protocols.published()
    assert len(table) == 48 and table.model.is_unique and set(table.seen) == {
        "photographs", "pictures and text"
    }  # fmt: skip
    assert ((table.lowest <= table.accuracy) & (table.accuracy <= table.highest)).all()
    assert table.accuracy.is_monotonic_decreasing and table.accuracy.max() == 96.7


def test_the_first_of_each_class_are_the_first_in_order():
    pool = handwritten().pool
    shuffled = pool[torch.randperm(len(pool), generator=torch.Generator().manual_seed(0))]
    labelled = protocols.first(shuffled, 2)
    assert labelled.y.tolist() == [*range(10), *range(10)]
    for label in range(10):
        places = (shuffled.y == label).nonzero()[:2, 0]
        assert torch.equal(labelled.x[[label, 10 + label]], shuffled.x[places])


def test_every_protocol_gives_its_rows(monkeypatch):
    monkeypatch.setattr(protocols, "DRAWS", 1)
    monkeypatch.setattr(settings, "official", settings.chosen)
    monkeypatch.setattr(protocols, "WAYS", {"Option 1": ("option-1", False)})
    digits = handwritten()
    little = Target(digits.pool, digits.validation, digits.test[::10])
    net = pretraining.pretrained()
    rows = [row for some in protocols.protocols_rows(net, little) for row in some]
    assert [(row["protocol"], row["way"], row["images"]) for row in rows] == [
        ("sixteen of each", protocols.REGRESSION, 160),
        ("sixteen of each", "Option 1", 160),
        ("first of each", "Option 1", 10),
        ("first of each", "Option 1", 40),
    ]
    accuracies = [row["accuracy"] for row in rows]
    assert min(accuracies[:2]) > 0.9 and accuracies[2] < accuracies[3]
    assert all(len(row["right"]) == 200 for row in rows)
    again = [row for some in protocols.protocols_rows(net, little, rows[:2]) for row in some]
    assert [row["images"] for row in again] == [10, 40]
