"""Settings for letters and objects: chosen for each task, on its validation part alone."""

from dataclasses import replace

import pytest
import torch

from tl_course.base import parallel
from tl_course.core import pretraining, settings
from tl_course.core.settings import Settings
from tl_course.data.examples import Examples, Target
from tl_course.lessons.n05_how_much_data import experiments, task_tuning
from tl_course.study import results, tuning


@pytest.fixture(scope="module")
def two_classes() -> Target:
    """Light and dark pictures, eight of each in every part."""
    y = torch.arange(16) % 2
    parts = [Examples(0.1 * torch.randn(16, 3, 32, 32) + y[:, None, None, None], y, ("a", "b"))] * 3
    return Target(*parts)


def test_a_task_is_tuned_without_its_test_part(two_classes, monkeypatch):
    untested = replace(two_classes, test=None)
    monkeypatch.setitem(task_tuning.TASKS, "letters", (lambda: untested,))
    tried = [Settings(l2=1e-3), Settings(l2=1e-1)]
    monkeypatch.setattr(tuning.Tuning, "grid", lambda *_: tried)
    rows = task_tuning.run_draw("letters", "option-1", False, 1, 0)
    assert [row["l2"] for row in rows] == [1e-3, 1e-1]
    assert all(list(row)[:-1] == list(task_tuning.KEYS) for row in rows)
    assert {(row["task"], row["each"], row["draw"]) for row in rows} == {("letters", 1, 0)}


def test_alphabets_take_turns(two_classes, monkeypatch):
    taken = []
    alphabets = [lambda n=n: taken.append(n) or two_classes for n in range(5)]
    monkeypatch.setitem(task_tuning.TASKS, "Omniglot", alphabets)
    for number in (0, 4, 5, 9):
        task_tuning.run_draw("Omniglot", "random-frozen", False, 1, number)
    assert taken == [0, 4, 0, 4]


def test_a_task_is_measured_with_its_own_settings(two_classes, monkeypatch):
    """Each arm, number of images and form asks for the settings of this task."""
    asked = []

    def choice(name, classes, arm, images, augmented):
        asked.append((name, arm, images // classes, augmented))
        return Settings(steps=1)

    monkeypatch.setattr(parallel, "WORTH_IT", 10**6)  # in this process
    monkeypatch.setattr(task_tuning, "choice", choice)
    monkeypatch.setattr(experiments, "TASKS", {"letters": lambda: two_classes})
    monkeypatch.setitem(task_tuning.EACH, "letters", (1, 6))
    monkeypatch.setitem(task_tuning.AUGMENTED, "letters", (1,))
    rows = list(experiments.other_tasks(pretraining.pretrained(), 1))
    measured = {(row["arm"], row["each"], row["augmented"]) for row in rows}
    arms = set(experiments.AUGMENTED)
    assert measured == {
        *((arm, each, False) for arm in (*arms, "classical") for each in (1, 6)),
        *((arm, 1, True) for arm in arms),
    }
    of_arms = {tuple(key[1:]) for key in asked} - {("classical", 1, False)}
    assert {key[0] for key in asked} == {"letters"}
    assert of_arms == {key for key in measured if key[0] != "classical"}


def test_every_arm_has_settings_at_every_size_that_is_measured():
    chosen = settings.chosen_settings(task_tuning.NAME)
    wanted = {
        (name, arm, augmented, each)
        for name in task_tuning.TASKS
        for arm in (*tuning.HEADS, *tuning.WHOLE)
        for augmented in (False, True)
        for each in task_tuning.sizes(name, augmented)
    }
    assert set(chosen) == wanted
    rows = results.load(task_tuning.NAME)
    mean = rows.groupby(list(task_tuning.KEYS[:7])).accuracy.mean()
    for key, best in chosen.items():
        at_best = mean.loc[(*key, best.l2, best.learning_rate, best.steps)]
        assert at_best == pytest.approx(mean.loc[key].max(), abs=1e-4)


def test_letters_of_04_are_the_case_in_which_option_2_leads_most_on_validation():
    rows = results.load(task_tuning.NAME).query("task != 'Omniglot'")  # whose pictures are shipped
    settings_of = list(task_tuning.KEYS[:7])
    best = (
        rows.groupby(settings_of).accuracy.mean().groupby(level=[0, 1, 2, 3]).max().unstack("arm")
    )
    assert (best["option-2"] - best["option-1"]).idxmax() == ("letters", True, 1)
