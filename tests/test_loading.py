"""The sentence that a cell shows while its experiment is loaded."""

from types import SimpleNamespace

import pytest
from IPython.core.events import EventManager, available_events

from tl_course.widgets import loading


@pytest.fixture
def cell(monkeypatch):
    """A cell that runs: `outputs` is what it shows, and `end()` is its end."""
    shell = SimpleNamespace(kernel=True)
    shell.events = EventManager(shell, available_events)
    outputs = []

    def display(bundle, raw, display_id=None):
        outputs.append(bundle["text/plain"])
        place = len(outputs) - 1
        return SimpleNamespace(
            update=lambda bundle, raw: outputs.__setitem__(place, bundle["text/plain"])
        )

    monkeypatch.setattr(loading, "get_ipython", lambda: shell)
    monkeypatch.setattr(loading, "display", display)
    end = lambda: shell.events.trigger("post_run_cell", None)  # noqa: E731
    return SimpleNamespace(outputs=outputs, end=end, shell=shell)


def test_an_experiment_takes_the_place_of_the_sentence_and_a_second_one_its_own(cell):
    loading.show_message()
    loading.show_message()
    assert cell.outputs == [loading.WORDS]
    for experiment in ("first", "second"):
        loading.show_bundle({"text/plain": experiment})
    cell.end()
    assert cell.outputs == ["first", "second"]


def test_nothing_is_left_of_it_after_a_cell_that_fails_or_shows_nothing(cell):
    for _ in range(2):
        loading.show_message()
        cell.end()
    assert cell.outputs == ["", ""] and not cell.shell.events.callbacks["post_run_cell"]


def test_without_a_notebook_nothing_is_said(cell):
    del cell.shell.kernel
    loading.show_message()
    assert cell.outputs == []
