"""What a learner did stays: after a reload of the tab, a restart of the kernel, and Run All.

Of every notebook's main line half of the predictions are answered, and its experiment is touched.
In ordinary runs these are the two in which the most can be lost; `-m soak` takes them all.
"""

import json
import re

import browser
import nbformat
import pytest
from playwright.sync_api import expect
from test_browser_lost import KERNEL, settled, touch

from tl_course.app import notebooks

EXPERIMENTS = {
    "00": "Teach", "02": "LayerExplorer", "04": "TrainingLab", "05": "HowMuch",
    "06": "ModalityExplorer", "08": "OwnTask",
}  # fmt: skip
NUMBERS = [path.stem[:2] for path in notebooks.find() if "on_your_own" not in path.stem]
OFTEN = ("00", "08")
ASKED = """
import json
from tl_course.widgets import asking
predictions = [one for one in asking._asked.values() if isinstance(one, asking.Prediction)]
every = [one.asked for one in predictions]
print(json.dumps([[one.question, list(one.options), (one.low + one.high) / 2] for one in every]))
"""
SAYS = """async code => {
  let said = "";
  const running = KERNEL.requestExecute({ code });
  running.onIOPub = (message) => { said += message.content.text ?? ""; };
  await running.done;
  return said;
}""".replace("KERNEL", KERNEL)
NOT_RUN = """() => {
  for (const cell of window.jupyterapp.shell.currentWidget.content.model.cells) {
    if (cell.type === "code") cell.executionCount = null;
  }
}"""


def main_line(lab, number: str) -> str:
    """The main line of a notebook at budget quick, without its exercise."""
    (path,) = notebooks.find([number])
    node = nbformat.read(path, as_version=4)
    ends = notebooks.AFTER_THE_MAIN_LINE
    until = next(i for i, cell in enumerate(node.cells) if ends.search(cell.source))
    node.cells = [c for c in node.cells[:until] if "exercise" not in c.metadata.get("tags", [])]
    for cell in node.cells:
        cell.source = cell.source.replace('budget = "laptop"', 'budget = "quick"')
    nbformat.write(node, lab.folder / f"kept-{path.name}")
    return f"kept-{path.name}"


def question(page, words: str):
    """The question in these words, in view."""
    asked = json.dumps(words)
    browser.scroll_to(page, f".tlc-ask:has(.tlc-asked:has-text({asked}))")
    return page.locator(".tlc-ask", has=page.locator(".tlc-asked", has_text=words))


def answer(page, words: str, options: list[str], number: float) -> str:
    """Answer it; what is told then."""
    place = question(page, words)
    if options:
        place.get_by_label(options[0], exact=True).check()
    for field in place.get_by_role("textbox").all():
        field.fill(str(number))
    place.get_by_role("button", name="This is my answer").press("Enter")
    place.get_by_role("button", name="Ask me again").wait_for()
    return place.locator(".tlc-told").inner_text()


def but_for_seconds(text: str) -> re.Pattern:
    """The same text; how long a result took may differ where it was computed again."""
    number = r"\d+\.\d+"
    parts = re.split(rf"{number}(?= seconds)", text)
    return re.compile("^" + number.join(map(re.escape, parts)) + "$")


def experiment(page):
    if "kept-06" in page.url:  # it shows what was asked above, and one of these is open
        heading = "h2:has-text('Look and listen')"
        browser.scroll_to(page, heading)
        below = page.locator(f".jp-Cell:has({heading}) ~ .jp-Cell")
        waits = below.get_by_role("button", name="Show it now")
        if not page.locator(".tlc-share").count():
            waits.first.press("Enter")
    browser.scroll_to(page, ".tlc-share")
    return page.locator(".tlc", has=page.locator(".tlc-share"))


@pytest.mark.parametrize(
    "number",
    [
        number if number in OFTEN else pytest.param(number, marks=pytest.mark.soak)
        for number in NUMBERS
    ],
)
def test_nothing_is_lost_or_mute_after_reload_restart_and_run_all(lab, page, number):
    page.set_viewport_size({"width": 1400, "height": 1400})
    browser.open_notebook(page, lab, main_line(lab, number))
    browser.run_all(page)
    every = json.loads(page.evaluate(SAYS, ASKED))
    answers = {asked[0]: answer(page, *asked) for asked in every[::2]}
    state = touch(page, experiment(page), EXPERIMENTS[number]) if number in EXPERIMENTS else None

    def is_as_it_was() -> None:
        for words, *_ in every:
            place = question(page, words)
            if words in answers:
                expect(place.locator(".tlc-told")).to_have_text(
                    but_for_seconds(answers[words]), use_inner_text=True
                )
                expect(place.get_by_role("button", name="Ask me again")).to_be_visible()
            else:
                expect(place.get_by_role("button", name="This is my answer")).to_be_visible()
        if state:
            assert settled(page, experiment(page)) == state

    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.on("dialog", lambda dialog: dialog.accept())  # it may ask whether to leave
    page.reload()
    browser.wait_until_open(page)
    is_as_it_was()
    for asked in every[1:2]:  # nothing is mute
        answers[asked[0]] = answer(page, *asked)
    page.evaluate(f"() => {KERNEL}.restart()")
    for _ in range(2):  # after the restart, and once more
        page.evaluate(NOT_RUN)
        browser.run_all(page)
        is_as_it_was()
    browser.screenshot(page, f"kept-{number}")
