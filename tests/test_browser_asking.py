"""Predictions, questions and exercises in a real JupyterLab: by keyboard, in haste, reloaded."""

import itertools

import browser
import nbformat
import pytest
from playwright.sync_api import expect

from tl_course.app import notebooks
from tl_course.lessons import exercises

ASKED = ("shapes", "surgery", "question-eval", "ten", "fifty")
COUNT = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"


def opened(page, lab) -> None:
    """Notebook 03, cut to what asks, all cells run."""
    (path,) = notebooks.find(["03"])
    node = nbformat.read(path, as_version=4)
    cell_ids = ("title", "parameters", "setup", "given", "by-hand-surgery", *ASKED)
    node.cells = [
        cell
        for cell in node.cells
        if cell.id in cell_ids or "exercise" in cell.metadata.get("tags", [])
    ]
    for cell in node.cells:
        cell.source = cell.source.replace('budget = "laptop"', 'budget = "quick"')
    nbformat.write(node, lab.folder / "asking.ipynb")
    page.set_viewport_size({"width": 1280, "height": 1500})
    browser.open_notebook(page, lab, "asking.ipynb")
    browser.run_all(page)


def cell_of(page, words: str):
    """What asks in these words, in view."""
    browser.scroll_to(page, f'.jp-OutputArea-output:has-text("{words}")')
    return page.locator(".tlc", has_text=words)


def test_a_prediction_by_keyboard(lab, page):
    opened(page, lab)
    cell, sentence = cell_of(page, "numbers are new?"), "it is 2.55%"
    field = cell.get_by_label("Your answer")
    expect(field).to_have_value("")
    expect(cell.get_by_text(sentence)).to_have_count(0)
    expect(cell.locator("img")).to_have_count(0)
    browser.screenshot(page, "asking-before")
    cells = page.evaluate(COUNT)
    field.focus()
    page.keyboard.type("bad")  # in command mode these would insert and delete cells
    page.keyboard.press("Tab")
    expect(cell.get_by_role("button", name="This is my answer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(cell.get_by_text("“bad” is not an answer here")).to_be_visible()
    assert page.evaluate(COUNT) == cells
    field.fill("40")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    cell.get_by_text(f"You said 40, {sentence}").wait_for()
    cell.locator("img").wait_for()
    browser.screenshot(page, "asking-after")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = (lab.folder / "asking.ipynb").read_text(encoding="utf-8")
    assert f"You said 40, {sentence}" in saved, "what was told is in the saved notebook"
    browser.run_all(page)
    cell = cell_of(page, "numbers are new?")
    cell.get_by_text(f"You said 40, {sentence}").wait_for()
    expect(cell.get_by_label("Your answer")).to_be_disabled()
    cell.get_by_role("button", name="Ask me again").press("Enter")
    expect(cell.get_by_label("Your answer")).to_be_enabled()
    expect(cell.get_by_text(sentence)).to_have_count(0)
    cell.get_by_role("button", name="Skip").press("Enter")
    cell.get_by_text("2.55%").wait_for()
    browser.page_is_well(page)


def test_a_question_and_an_exercise_by_keyboard(lab, page):
    opened(page, lab)
    cell = cell_of(page, "Can it still change while it is trained?")
    cells = page.evaluate(COUNT)
    choices = cell.get_by_role("radio")
    choices.first.focus()
    page.keyboard.press("Space")
    status = cell.get_by_role("status")  # what is for pages without a kernel is not visible
    expect(status).to_contain_text("✘ No. Only parameters need a gradient to change")
    page.keyboard.press("ArrowDown")
    expect(status).to_contain_text("✔ Yes. Frozen and eval are two")
    assert page.evaluate(COUNT) == cells
    browser.screenshot(page, "asking-question")

    surgery = exercises.every("03")["surgery"]
    browser.scroll_to(page, '.tl-exercise[data-outcome="not attempted"]')
    browser.screenshot(page, "asking-exercise")
    write = """([id, source]) => {
        const notebook = window.jupyterapp.shell.currentWidget.content;
        const at = notebook.widgets.findIndex(one => one.model.id === id);
        notebook.activeCellIndex = at;
        notebook.widgets[at].model.sharedModel.setSource(source);
        return window.jupyterapp.commands.execute('notebook:run-cell');
    }"""
    page.evaluate(write, ["exercise-surgery", surgery.cell(solved=True)])
    browser.scroll_to(page, '.tl-exercise[data-outcome="right"]')
    stops = surgery.cell(solved=True).replace("return copied", "return copied.nothing")
    page.evaluate(write, ["exercise-surgery", stops])
    status = browser.scroll_to(page, '.tl-exercise[data-outcome="raised"]')
    expect(status).to_contain_text("“return copied.nothing”: AttributeError")
    browser.screenshot(page, "asking-exercise-raised")


ASKS = """
import types
import tl_course as tl
from PIL import Image
from tl_course.lessons.drawing import Picture
from tl_course.lessons.questions import Question
lesson = types.SimpleNamespace(number="asks")  # what other tests answer is in the same data home
def ask(name, *results):
    return tl.prediction(lesson, name, f"How many of {name}?", 2.55, *results)
figure = Picture(Image.new("RGB", (40, 40)), "A dark square")
question = Question("Is it?", "yes", {"yes": "Because it is.", "no": "It only looks so."})
"""
HASTE = tuple(itertools.product(("click", "Enter", "Tab"), (0, 50, 100, 200), (False, True)))


def answer(page, place, text: str, way: str, wait: int = 0) -> None:
    """Type over what is in the field and press, so many milliseconds after the last key."""
    place.get_by_label("Your answer").press("ControlOrMeta+a")
    page.keyboard.type(text)
    page.wait_for_timeout(wait)
    if way == "click":
        place.get_by_role("button", name="This is my answer").click()
    else:
        page.keyboard.press(way)
    if way == "Tab":
        page.keyboard.press("Enter")


def answer_in_haste(page, lab, count: int) -> None:
    """Answers in every way, each of which counts, also after one that was refused."""
    browser.open_notebook(page, lab, lab.write("haste.ipynb", [ASKS, "ask('haste')"]))
    browser.run_all(page)
    place = cell_of(page, "How many of haste?")
    for number, (way, wait, refused) in zip(range(count), itertools.cycle(HASTE), strict=False):
        if refused:
            answer(page, place, f"bad {number}", way, wait)
            place.get_by_text(f"“bad {number}” is not an answer here").wait_for()
            expect(place.get_by_label("Your answer")).to_have_value(f"bad {number}")
        value = number % 100 + 0.25
        answer(page, place, str(value), way, wait)
        place.get_by_text(f"You said {value:g}, it is 2.55%").wait_for()
        expect(place.locator("[role=alert]")).to_have_text("")
        place.get_by_role("button", name="Ask me again").press("Enter")
        expect(place.get_by_label("Your answer")).to_have_value("")
        expect(place.get_by_label("Your answer")).to_be_focused()
    browser.page_is_well(page)


def test_no_answer_in_haste_is_lost(lab, page):
    answer_in_haste(page, lab, len(HASTE))


@pytest.mark.soak
def test_no_answer_of_a_thousand_is_lost(lab, page):
    answer_in_haste(page, lab, 1000)


def test_a_reload_of_the_tab_keeps_what_was_told_and_goes_on(lab, page):
    asks = ASKS.replace('"asks"', '"reloaded"')
    cells = [asks, "ask('one', figure)", "ask('two', figure)", "tl.question(question)"]
    cells.append("tl.predictions(lesson)")
    browser.open_notebook(page, lab, lab.write("reloaded.ipynb", cells))
    browser.run_all(page)
    first, two = (cell_of(page, f"How many of {name}?") for name in ("one", "two"))
    answer(page, first, "40", "Enter")
    first.get_by_alt_text("A dark square").wait_for()
    answer(page, two, "bad", "Enter")
    two.get_by_text("“bad” is not an answer here").wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.on("dialog", lambda dialog: dialog.accept())  # it may ask whether to leave
    page.reload()
    browser.wait_until_open(page)
    first, two = (cell_of(page, f"How many of {name}?") for name in ("one", "two"))
    first.get_by_text("You said 40, it is 2.55%").wait_for()
    expect(first.get_by_alt_text("A dark square")).to_be_visible()
    expect(two.get_by_label("Your answer")).to_have_value("bad")
    expect(two.get_by_role("alert")).to_contain_text("“bad” is not an answer here")
    answer(page, two, "3", "Enter")
    two.get_by_text("You said 3, it is 2.55%").wait_for()
    expect(two.get_by_alt_text("A dark square")).to_be_visible()
    first.get_by_role("button", name="Ask me again").click()
    expect(first.get_by_alt_text("A dark square")).to_have_count(0)
    question = cell_of(page, "Is it?")
    question.get_by_label("no").check()
    expect(question.get_by_role("status")).to_contain_text("✘ No. It only looks so.")
    table = cell_of(page, "Your predictions")
    expect(table.locator("tbody tr")).to_have_count(1)
    expect(table.locator("tbody tr")).to_contain_text("How many of two?")
    browser.page_is_well(page)
