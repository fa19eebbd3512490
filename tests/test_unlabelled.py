"""Digits that nobody labelled: features are moved to where theirs lie, and nothing is trained."""

import torch

from tl_course.core import pretraining, settings
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.n05_how_much_data import unlabelled


def test_centred_unlabelled_features_have_the_mean_of_the_labelled_ones():
    heap, labelled = torch.randn(40, 5) + 2, torch.randn(7, 5)
    moved = unlabelled.centred_features(heap, heap, labelled)
    assert torch.allclose(moved.mean(0), labelled.mean(0), atol=1e-5)
    assert torch.allclose(moved - moved[0], heap - heap[0], atol=1e-5)


def test_half_of_a_heap_are_threes_where_it_says_so():
    y = torch.arange(1000) % 10
    threes = unlabelled.picked(y, unlabelled.HALF_THREES, 100, 1)
    alike = unlabelled.picked(y, unlabelled.RANDOM, 100, 1)
    assert len(set(threes.tolist())) == len(set(alike.tolist())) == 100
    assert (y[threes] == unlabelled.THREE).sum() == 50
    assert (y[alike] == unlabelled.THREE).sum() < 25
    assert not torch.equal(alike, unlabelled.picked(y, unlabelled.RANDOM, 100, 2))


def test_every_draw_gives_a_row_of_each_heap(monkeypatch):
    monkeypatch.setattr(settings, "official", settings.chosen)
    heaps = {unlabelled.NOT_CENTRED: (0,), unlabelled.RANDOM: (20,), unlabelled.HALF_THREES: (50,)}
    monkeypatch.setattr(unlabelled, "HEAPS", heaps)
    made = list(unlabelled.unlabelled_rows(pretraining.pretrained(), handwritten(), {10: 2}))
    assert [len(rows) for rows in made] == [3] * 4
    plain, alike, threes = made[0]
    assert (plain["heap"], plain["unlabelled"]) == (unlabelled.NOT_CENTRED, 0)
    assert 0.6 < plain["accuracy"] and len({row["accuracy"] for row in made[0]}) == 3
    assert threes["unlabelled"] == 50 and alike["heap"] == unlabelled.RANDOM
    (last,) = unlabelled.unlabelled_rows(
        pretraining.pretrained(), handwritten(), {10: 2}, sum(made[:3], [])
    )
    assert (last[0]["augmented"], last[0]["draw"]) == (True, 1)
