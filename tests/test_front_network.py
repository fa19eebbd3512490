"""The network of the training lab as a plain module in a browser, without Jupyter."""

import re

import pytest
from playwright.sync_api import expect

from tl_course.widgets.training_lab import Network

FOCUSED = "() => document.activeElement.getAttribute('aria-label')"
WIDTHS = "fills => fills.map((fill) => fill.style.width)"


@pytest.fixture
def layers(front):
    """The four layers that can be pressed."""
    widget = Network()
    state = {key: value for key, value in widget.get_state().items() if not key.startswith("_")}
    widget.close()
    front.show("network", state | {"about": "Press Start."})
    buttons = front.part.get_by_role("button")
    expect(buttons).to_have_count(4)
    return buttons


def state(layers) -> str:
    """Which of the layers are frozen, as F, and which are trained, as M."""
    words = [layer.get_attribute("aria-label").rsplit(", ", 1)[1] for layer in layers.all()]
    return "".join({"frozen": "F", "trained": "M"}[word] for word in words)


def test_a_layer_is_fixed_with_those_before_it_and_moves_with_those_after_it(front, layers):
    assert state(layers) == "MMMM"
    for pressed, fixed, shown in ((1, 2, "FFMM"), (3, 4, "FFFF"), (2, 2, "FFMM"), (0, 0, "MMMM")):
        layers.nth(pressed).click()
        assert front.get("fixed") == fixed and state(layers) == shown
    expect(
        front.part.get_by_text("None frozen, everything is trained: this is Option 2.")
    ).to_be_visible()
    front.set(fixed=4)  # as from a classmate's text
    assert state(layers) == "FFFF"
    expect(front.part.get_by_text("Four frozen: this is Option 1.")).to_be_visible()


def test_by_keyboard_alone(front, layers):
    front.page.keyboard.press("Tab")
    for key in ("ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowUp", "ArrowDown"):
        front.page.keyboard.press(key)
    assert front.page.evaluate(FOCUSED) == "W², layer 2: borrowed from drawings, trained"
    front.page.keyboard.press("Enter")
    assert front.page.evaluate(FOCUSED) == "W², layer 2: borrowed from drawings, frozen"
    front.page.keyboard.press("Space")
    assert state(layers) == "FMMM" and front.get("fixed") == 1


def test_where_it_starts_from_is_said_in_words_and_by_a_pattern(front, layers):
    style = "layer => getComputedStyle(layer).borderLeftStyle"
    for start, origin, line in (
        ("drawings", "borrowed from drawings", "solid"),
        ("written names", "borrowed from written names", "solid"),
        ("random", "random weights", "dotted"),
    ):
        front.set(start=start)
        expect(layers.nth(3)).to_have_accessible_name(f"W⁴, layer 4: {origin}, trained")
        assert layers.nth(3).evaluate(style) == line
    output = front.part.get_by_role("group", name="W⁵, the output layer: always new")
    expect(output.get_by_text("new: starts at zero")).to_be_visible()
    assert not output.locator(".tlc-track").count(), "there is no share of zero"


def test_how_far_each_layer_moved_is_a_bar_and_a_number(front, layers):
    for layer in layers.all():
        expect(layer).to_have_accessible_description("not trained yet")
    expect(front.part.get_by_text("Press Start.")).to_be_visible()
    for moved, full, widths in (
        ([0, 0.42, 5.6, 1], 10, ["0%", "4.2%", "56%", "10%"]),
        ([0, 25, 50, 5], 50, ["0%", "50%", "100%", "10%"]),
        ([0, 250, 125, 25], 250, ["0%", "100%", "50%", "10%"]),
    ):
        front.set(moved=moved)
        shown_widths = front.part.locator(".tlc-fill").evaluate_all(WIDTHS)
        assert [round(float(width[:-1]), 6) for width in shown_widths] == [
            float(width[:-1]) for width in widths
        ]
        expect(front.part.get_by_text(f"A full bar is {full}%.")).to_be_visible()
        expect(layers.nth(1).locator(".tlc-end")).to_have_text(f"{full}%")
    for layer, moved_by in zip(layers.all(), ("0%", "250%", "125%", "25.0%"), strict=True):
        expect(layer).to_have_accessible_description(f"moved {moved_by}")
    front.set(moved=[0, 4000, 1, 1])  # whatever comes, no bar is too long
    assert front.part.locator(".tlc-fill").nth(1).evaluate("fill => fill.style.width") == "100%"
    front.set(moved=[])
    expect(layers.nth(1)).to_have_accessible_description("not trained yet")


def test_while_it_trains_nothing_is_set_and_the_focus_stays(front, layers):
    front.set(fixed=1, busy=True)
    layers.nth(2).focus()
    front.page.keyboard.press("Enter")
    assert front.get("fixed") == 1 and state(layers) == "FMMM"
    expect(layers.nth(2)).to_have_attribute("aria-disabled", "true")
    expect(layers.nth(2)).to_be_focused()
    expect(front.part.get_by_text("press Stop before you change layers")).to_be_visible()
    front.set(busy=False)
    front.page.keyboard.press("Enter")
    assert state(layers) == "FFFM"
    expect(front.part.get_by_text(re.compile("^Three frozen"))).to_be_visible()


def test_targets_are_large_and_nothing_sticks_out_where_it_is_narrow(front, layers):
    front.page.set_viewport_size({"width": 390, "height": 800})
    for layer in layers.all():
        box = layer.bounding_box()
        assert box["height"] >= 44 and box["x"] + box["width"] <= 390
    assert front.page.evaluate("() => document.documentElement.scrollWidth") <= 390
