"""Predictions, questions and exercises of notebook 03 in a real JupyterLab, by keyboard."""

import browser
import nbformat
from playwright.sync_api import expect

from tl_course.app import notebooks
from tl_course.lessons import exercises

ASKED = ("shapes", "surgery", "question-eval", "ten", "fifty")
COUNT = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"


def opened(page, lab) -> None:
    """Notebook 03, cut to what asks, all cells run."""
    (path,) = notebooks.find(["03"])
    node = nbformat.read(path, as_version=4)
    kept = ("title", "parameters", "setup", "given", "by-hand-surgery", *ASKED)
    node.cells = [
        cell
        for cell in node.cells
        if cell.id in kept or "exercise" in cell.metadata.get("tags", [])
    ]
    for cell in node.cells:
        cell.source = cell.source.replace('budget = "laptop"', 'budget = "quick"')
    nbformat.write(node, lab.folder / "asking.ipynb")
    page.set_viewport_size({"width": 1280, "height": 1500})
    browser.open_notebook(page, lab, "asking.ipynb")
    browser.run_all(page)


def cell_of(page, words: str):
    """The cell whose output has these words, in view."""
    browser.scroll_to(page, f'.jp-OutputArea-output:has-text("{words}")')
    return page.locator(".jp-CodeCell", has=page.get_by_text(words, exact=False)).first


def test_a_prediction_by_keyboard(lab, page):
    opened(page, lab)
    cell, said = cell_of(page, "how many are new?"), "it is 2.55 of 100"
    field = cell.get_by_label("Your answer")
    expect(field).to_have_value("")
    expect(cell.get_by_text(said)).to_have_count(0)
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
    cell.get_by_text(f"You said 40, {said}").wait_for()
    cell.locator("img").wait_for()
    browser.screenshot(page, "asking-after")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = (lab.folder / "asking.ipynb").read_text(encoding="utf-8")
    assert f"You said 40, {said}" in saved, "what was told is in the saved notebook"
    browser.run_all(page)
    cell = cell_of(page, "how many are new?")
    cell.get_by_text(f"You said 40, {said}").wait_for()
    expect(cell.get_by_label("Your answer")).to_be_disabled()
    cell.get_by_role("button", name="Ask me again").press("Enter")
    expect(cell.get_by_label("Your answer")).to_be_enabled()
    expect(cell.get_by_text(said)).to_have_count(0)
    cell.get_by_role("button", name="Skip").press("Enter")
    cell.get_by_text("2.55 of 100").wait_for()
    browser.page_is_well(page)


def test_a_question_and_an_exercise_by_keyboard(lab, page):
    opened(page, lab)
    cell = cell_of(page, "Can it still change while it is trained?")
    cells = page.evaluate(COUNT)
    choices = cell.get_by_role("radio")
    choices.first.focus()
    page.keyboard.press("Space")
    told = cell.get_by_role("status")  # what is for pages without a kernel is not visible
    expect(told).to_contain_text("✘ No. Only parameters need a gradient to move")
    page.keyboard.press("ArrowDown")
    expect(told).to_contain_text("✔ Yes. Frozen and eval are two")
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
    told = browser.scroll_to(page, '.tl-exercise[data-outcome="raised"]')
    expect(told).to_contain_text("“return copied.nothing”: AttributeError")
    browser.screenshot(page, "asking-exercise-raised")
