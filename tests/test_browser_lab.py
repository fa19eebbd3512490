"""The experiments of notebooks 02, 04, 05 and 06 in a real JupyterLab, touched in a real browser.

Each is opened in its own notebook, cut to its set-up and its experiment: all other cells are run by
the notebook tests. Mouse and keyboard both; pictures of it all are in build/browser/.
"""

import re
from pathlib import Path

import browser
import nbformat
import pytest
import sklearn.datasets
from PIL import Image
from playwright.sync_api import expect

from tl_course.app import notebooks

# A training with a thousand images waits in the middle of it until it is told to stop.
WAITS = """
from tl_course.study import trials

def run(trial, *arguments, stop, tell, run=trials.run_trial):
    def tell_and_wait(looks):
        tell(looks)
        if trial.images == 1000 and looks[-1].step:
            stop.wait()

    return run(trial, *arguments, stop=stop, tell=tell_and_wait)

trials.run_trial = run
"""


def cut(lab, number: str, *ids: str, first: str = "") -> str:
    """A copy of a notebook with its first cells and those of the experiment; returns its name.

    `first` is a cell to be run before all others.
    """
    (path,) = notebooks.find([number])
    node = nbformat.read(path, as_version=4)
    node.cells = [c for c in node.cells if c.id in ("title", "parameters", "setup", *ids)]
    if first:
        node.cells.insert(0, nbformat.v4.new_code_cell(first))
    for cell in node.cells:
        cell.source = cell.source.replace('budget = "laptop"', 'budget = "quick"')
    nbformat.write(node, lab.folder / path.name)
    return path.name


def opened(page, lab, number: str, *ids: str, first: str = ""):
    """The experiment's place in its notebook, in view."""
    page.set_viewport_size({"width": 1280, "height": 1500})
    browser.open_notebook(page, lab, cut(lab, number, *ids, first=first))
    command = "([name, how]) => window.jupyterapp.commands.execute(name, how)"
    page.evaluate(command, ["application:toggle-left-area", {}])
    page.evaluate(command, ["apputils:change-theme", {"theme": "JupyterLab Light"}])  # it is kept
    browser.run_all(page)
    browser.scroll_to(page, ".tlc-share")  # the state as text, its last line
    return page.locator(".jp-OutputArea-output", has=page.locator(".tlc-share")).last


def move_sliders(page, place) -> int:
    """Move every slider that can be moved by an arrow key, and see its number change."""
    moved = 0
    for slider in place.locator(".widget-slider:visible").all():
        handle, readout = slider.locator(".noUi-handle"), slider.locator(".widget-readout")
        if slider.locator("[disabled]").count():
            continue
        before = readout.inner_text()
        handle.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "([element, before]) => element.innerText !== before",
            arg=[readout.element_handle(), before],
        )
        moved += 1
    return moved


def say(place, fragment: str) -> None:
    """Wait until the state as text has `fragment` in it."""
    expect(place.locator(".tlc-share textarea")).to_have_value(re.compile(re.escape(fragment)))


def focused(page) -> str:
    """What has the focus: a button's words, or a layer's name."""
    return page.evaluate(
        "() => document.activeElement.ariaLabel || document.activeElement.innerText"
    )


def heights(place) -> list[float]:
    """How high the parts of the training lab are, whose room is kept."""
    parts = ".tlc-network", ".tlc-figure", ".tlc-controls", ".tlc-columns", ".tlc-runs"
    return [place.locator(part).bounding_box()["height"] for part in parts]


def test_training_lab(lab, page):
    place = opened(page, lab, "04", "lab-text", "lab", first=WAITS)
    page.set_viewport_size({"width": 1400, "height": 900})
    assert move_sliders(page, place) == 3
    say(place, '"images":100')
    start = place.get_by_role("button", name="Start", exact=True)
    layers = place.locator("button.tlc-layer")
    expect(layers).to_have_count(4)
    layers.nth(1).click()  # fixes the first two
    say(place, '"frozen":2')
    expect(place.get_by_text("Two frozen, the rest trained")).to_be_visible()
    layers.nth(0).focus()  # by keyboard alone
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    assert focused(page) == "W⁴, layer 4: borrowed from drawings, trained"
    page.keyboard.press("Enter")
    say(place, '"option":"1","frozen":4')
    expect(place.get_by_text("Four frozen: this is Option 1.")).to_be_visible()
    assert focused(page) == "W⁴, layer 4: borrowed from drawings, frozen"
    before = heights(place)
    start.click()
    place.get_by_text("Done in").wait_for()
    expect(layers.nth(3).get_by_text("moved 0%")).to_be_visible()
    place.get_by_label("Start from").select_option("random")
    expect(layers.nth(0)).to_have_accessible_name(re.compile("random weights, frozen"))
    start.focus()
    page.keyboard.press("Enter")  # by keyboard alone
    place.get_by_text("that the other does not").wait_for()
    expect(start).to_be_focused()
    assert heights(place) == before, "something jumps"
    assert place.locator("table td", has_text="drawings").count() == 1
    page.get_by_role("heading", name="Training lab", exact=True).scroll_into_view_if_needed()
    browser.screenshot(page, "training-lab-compared")
    layers.nth(1).click()  # the last three move again
    say(place, '"frozen":1')
    place.locator(".widget-slider", has_text="Labelled images").locator(".noUi-handle").focus()
    page.keyboard.press("End")
    place.get_by_label("train on altered copies too").check()
    start.click()
    place.get_by_alt_text(re.compile("^Under way")).wait_for()
    expect(layers.nth(0).get_by_text("moved 0%")).to_be_visible()
    expect(layers.nth(1).get_by_text(re.compile(r"moved [\d.]*[1-9]"))).to_be_visible()
    assert focused(page) == "Stop", "the focus fell from the disabled button"
    assert heights(place) == before
    browser.screenshot(page, "training-lab-under-way")
    layers.nth(3).click(force=True)  # it says that it cannot be pressed
    expect(place.get_by_text("press Stop before you change layers")).to_be_visible()
    place.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Space")
    place.get_by_text("Stopped after").wait_for()
    expect(start).to_be_focused()
    say(place, '"frozen":1')
    stopped = place.get_by_alt_text(re.compile("^Stopped. ")).get_attribute("alt")
    steps = re.search(r"([\d,]+) of ([\d,]+) steps", stopped)
    done, every = (int(number.replace(",", "")) for number in steps.groups())
    assert done < every, "it went on to the end"
    browser.page_is_well(page)


def test_layer_explorer(lab, page):
    place = opened(page, lab, "02", "explorer-text", "explorer")
    page.set_viewport_size({"width": 1400, "height": 900})
    heading = page.get_by_role("heading", name="Layer explorer")
    heading.evaluate("heading => heading.scrollIntoView()")
    answer, tiles = place.locator(".tlc-portrait"), place.locator(".tlc-sheet [role=option]")
    expect(tiles).to_have_count(32)
    in_sight = {"ratio": 0.99}
    for part in (place.locator(".tlc-sheet"), answer):
        expect(part).to_be_in_viewport(**in_sight)  # both, on one screen
    browser.screenshot(page, "layer-explorer-layer-1")
    tiles.nth(23).click()
    place.get_by_alt_text(re.compile("^Unit 23 of layer 1")).wait_for()
    expect(tiles.nth(23)).to_have_attribute("aria-selected", "true")
    before = answer.bounding_box()
    place.get_by_label("Layer", exact=True).focus()
    for layer, units in (("layer2", 64), ("layer3", 128)):
        page.keyboard.press("ArrowDown")
        say(place, f'"layer":"{layer}"')
        expect(tiles).to_have_count(units)
    place.get_by_alt_text(re.compile("^Unit 23 of layer 3.*a picture made for it")).wait_for()
    expect(answer).not_to_have_class(re.compile("tlc-old"))
    for _ in range(6):  # past the other choices, by keyboard alone
        page.keyboard.press("Tab")
    expect(tiles.nth(23)).to_be_focused()
    for key in ("Home", "ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    say(place, '"layer":"layer3","unit":2,')
    place.get_by_alt_text(re.compile("^Unit 2 of layer 3.*a picture made for it")).wait_for()
    expect(tiles.nth(2)).to_be_focused()
    place.get_by_label("Picture to show it").select_option("photograph: china")
    say(place, '"picture":"photograph: china"')
    at_work = re.compile("looking at drawings|making a picture")
    place.get_by_text(at_work).wait_for(state="hidden")
    assert answer.bounding_box() == before, "something jumps"
    place.get_by_role("button", name="Draw something").click()
    expect(answer).to_be_in_viewport(**in_sight)
    root = page.locator(".tlc-pad")
    browser.draw(page, root.locator("canvas"), browser.DIGITS[7])
    say(place, '"picture":"your own picture"')
    expect(place.get_by_label("Picture to show it")).to_have_value("your own picture")
    assert root.get_by_alt_text("The drawing as the network gets it").count() == 1
    place.get_by_text(at_work).wait_for(state="hidden")
    assert answer.bounding_box() == before, "the pad pushes the answer away"
    browser.screenshot(page, "layer-explorer-own-drawing")
    # The notebook asks for a unit that answers the middle stroke of a 3 and hardly a 1.
    place.get_by_label("Picture to show it").select_option("digit 3")
    place.get_by_label("Compare it with").select_option("digit 1")
    place.get_by_text("those that respond to A and not to B come first").wait_for()
    tiles.first.click()
    place.get_by_alt_text(re.compile("where it answers in A: digit 3 and in B: digit 1")).wait_for()
    place.get_by_text(at_work).wait_for(state="hidden")
    heading.evaluate("heading => heading.scrollIntoView()")
    for part in (place.locator(".tlc-sheet"), answer):
        expect(part).to_be_in_viewport(**in_sight)
    browser.screenshot(page, "layer-explorer-a-not-b")
    flower = Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg"
    large = lab.folder / "large.png"  # as of a good camera
    with Image.open(flower) as picture:
        picture.resize((3200, 2200)).effect_spread(99).save(large)
    assert large.stat().st_size > 11 * 2**20
    for photograph in (large, flower):
        before = place.locator(".tlc-share textarea").input_value()
        with page.expect_file_chooser() as chooser:
            place.get_by_role("button", name="Open a photograph").click()
        chooser.value.set_files(photograph)
        page.wait_for_function(
            "([root, before]) => { const { value } = root.querySelector('.tlc-share textarea');"
            " return value.length > 10000 && value !== before; }",
            arg=[place.element_handle(), before],
        )
        place.get_by_text(at_work).wait_for(state="hidden")
    browser.dark(page)
    browser.scroll_to(page, ".tlc-share")
    browser.screenshot(page, "layer-explorer-dark")
    browser.page_is_well(page)


def test_how_much_data(lab, page):
    place = opened(page, lab, "05", "predict-text", "predict")
    page.set_viewport_size({"width": 1400, "height": 900})
    answer = place.get_by_role("button", name="This is my answer")
    for label, text in (("with 10 images", "70"), ("with 100 images", "many")):
        place.get_by_label(label, exact=True).fill(text)
    answer.click()
    place.get_by_text("“many” for “with 100 images” is not an answer here").first.wait_for()
    for label, text in (("with 100 images", "90"), ("with 1,000 images", "95")):
        place.get_by_label(label, exact=True).fill(text)
    place.get_by_label("with 10 images").focus()  # what is typed is drawn
    curve = place.locator(".tlc-figure img")
    expect(curve).to_have_attribute("alt", re.compile("70.0 at 10, 90.0 at 100, 95.0 at 1,000"))
    page.get_by_role("heading", name="How much data").scroll_into_view_if_needed()
    browser.screenshot(page, "how-much-data-predicted")
    before = curve.bounding_box()
    answer.click()
    place.get_by_text("50 labelled digits as they are").wait_for()
    expect(place.get_by_label("Way to learn")).to_be_focused()  # the button that had it is gone
    for key in ("width", "height", "x"):
        assert curve.bounding_box()[key] == before[key]
    for guess in ("70", "90", "95"):
        expect(place.locator(".tlc-scores td", has_text=re.compile(f"^{guess}$"))).to_be_visible()
    expect(place.get_by_text("Your curve says")).to_be_visible()  # nobody was asked for 50
    assert move_sliders(page, place) == 2
    place.get_by_text("100 labelled digits as they are").wait_for()
    expect(place.get_by_text("You said 90: it is")).to_be_visible()
    run = place.get_by_role("button", name="Run this point now")
    run.click()
    place.get_by_text("Now, on this machine").wait_for()
    expect(run).to_be_focused()
    browser.screenshot(page, "how-much-data-measured")
    page.set_viewport_size({"width": 1280, "height": 1500})
    browser.zoom(page, 2)
    browser.scroll_to(page, ".jp-OutputArea-output h3")
    browser.screenshot(page, "how-much-data-zoomed")
    # At 200% the experiment is not much wider than its place.
    page.wait_for_function(
        "element => element.scrollWidth - element.clientWidth <= 40", arg=place.element_handle()
    )
    browser.page_is_well(page)


def test_modality_explorer(lab, page):
    place = opened(page, lab, "06", "cells-text", "cells")
    cell = place.get_by_role("button", name=re.compile("drawings.*spoken digits .people."))
    cell.click()
    say(place, '"target":"spoken-real","source":"image"')
    place.get_by_role("status").get_by_text("41.7%").wait_for()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # synthetic speech, sound: by keyboard alone
    place.locator("audio").nth(6).wait_for()
    say(place, '"target":"spoken","source":"audio"')
    # The focus stays where it is when a cell is chosen.
    page.wait_for_function("() => document.activeElement.getAttribute('aria-pressed') === 'true'")
    playing = place.locator("audio").first.evaluate(
        "async player => { player.muted = true; await player.play(); return player.duration; }"
    )
    assert playing == pytest.approx(0.43, abs=0.05)
    browser.screenshot(page, "modality-explorer")
    place.get_by_label("The borrowed layers are").select_option("trained further (Option 2)")
    say(place, '"option":"2"')
    browser.dark(page)
    browser.zoom(page, 2)
    browser.scroll_to(page, ".jp-OutputArea-output h3")
    browser.screenshot(page, "modality-explorer-dark-zoomed")
    browser.page_is_well(page)
