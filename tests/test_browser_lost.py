"""What every experiment does where its kernel is restarted, killed, busy or out of reach."""

import json
import re

import browser
import pytest
from playwright.sync_api import expect

from tl_course import widgets

FIRST = "from tl_course import widgets\nfrom tl_course.core import pretraining"
MADE = {  # how each is made; a new experiment without an entry fails the test
    "Teach": "widgets.Teach()",
    "LayerExplorer": "widgets.LayerExplorer(pretraining.pretrained(), pretraining.pretrained())",
    "TrainingLab": "widgets.TrainingLab()",
    "HowMuch": "widgets.HowMuch()",
    "ModalityExplorer": "widgets.ModalityExplorer()",
    "DrawingPad": (
        "widgets.DrawingPad({'one': (pretraining.pretrained(), list(map(str, range(1000))))})"
    ),
    "OwnTask": "widgets.OwnTask(pretraining.pretrained())",
}
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
GONE = re.compile("This experiment has lost its notebook")
RUN = """id => {
  const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
  content.activeCellIndex = content.widgets.findIndex(one => one.model.id === id);
  content.deselectAll();
  return window.jupyterapp.commands.execute('notebook:run-cell');
}"""
CELLS = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(one => one.model.id)"


def opened(page, lab, name, *kinds):
    """The roots of these experiments, each from a cell of its own."""
    page.set_viewport_size({"width": 1280, "height": 1600})
    browser.open_notebook(page, lab, lab.write(name, [FIRST, *(MADE[kind] for kind in kinds)]))
    browser.run_all(page)
    roots = []
    for number in range(len(kinds)):
        page.evaluate(
            "i => { const { content } = window.jupyterapp.shell.currentWidget;"
            " content.activeCellIndex = i; return content.scrollToItem(i, 'start'); }",
            number + 1,
        )
        cell = page.locator(f".jp-Cell[data-windowed-list-index='{number + 1}']")
        roots.append(cell.locator(".tlc"))
        expect(roots[-1]).to_be_visible()
    return roots


def state_of(root) -> dict:
    return json.loads(root.get_by_label("As text").input_value())


def test_every_experiment_is_here():
    assert set(MADE) == set(widgets._IN)


@pytest.mark.parametrize("kind", MADE)
def test_a_restart_is_said_and_what_was_done_comes_back(lab, page, kind):
    (root,) = opened(page, lab, f"lost-{kind}.ipynb", kind)
    expect(root.locator(".tlc-note")).to_have_text("")
    first = root.get_by_label("As text").input_value()
    before = touch(page, root, kind)
    page.evaluate(f"() => {KERNEL}.restart()")
    expect(root.get_by_role("alert").filter(has_text=GONE)).to_be_visible()
    assert root.locator("button:visible").count() > 0
    for button in root.locator("button:visible").all():
        if button.evaluate("one => !one.closest('.tlc-share')"):
            assert button.evaluate("one => one.closest('[inert]') !== null")
    expect(root.locator("img:visible")).to_have_count(root.locator("img:visible").count())
    broken = "all => all.filter(one => one.src && one.complete && !one.naturalWidth).length"
    assert root.locator("img").evaluate_all(broken) == 0
    assert state_of(root) == before, "what was done can still be copied"
    browser.screenshot(page, f"lost-{kind}")

    for cell in page.evaluate(CELLS):
        page.evaluate(RUN, cell)
    expect(root.locator(".tlc-note")).to_have_text("")
    text = json.dumps(before, ensure_ascii=False, separators=(",", ":"))
    expect(root.get_by_label("As text")).to_have_value(text)
    expect(root.get_by_text("Here is what you did before.")).to_be_visible()
    browser.screenshot(page, f"back-{kind}")
    root.get_by_role("button", name="Start over").click()
    expect(root.get_by_label("As text")).to_have_value(first)
    expect(root.get_by_role("button", name="Start over")).to_be_hidden()
    # What JupyterLab sends for widgets of the kernel before is nothing that the new one knows;
    # a debugger speaks as the new kernel starts, and zmq may as the old one ends.
    known = re.compile(r"No such comm|\A\d\.\d\ds - |zmq gc socket requested during shutdown")
    errors = [e for e in page.evaluate(browser.CELL_ERRORS) if not known.search(e)]
    assert not errors, errors


def touch(page, root, kind) -> dict:
    """Do something in it that its state says; the state then."""
    before = root.get_by_label("As text").input_value()
    if kind in ("Teach", "DrawingPad"):
        browser.draw(page, root.locator("canvas"), browser.DIGITS[0])
        if kind == "Teach":
            page.keyboard.press("Enter")
    elif kind == "HowMuch":
        root.get_by_role("button", name="Skip").click()
    elif kind == "LayerExplorer":
        root.get_by_label("Picture to show it").select_option("digit 3")
    elif kind == "ModalityExplorer":
        root.locator(".tlc-grid button").last.click()
    elif kind == "TrainingLab":
        root.get_by_label("Start from").select_option("random")
    else:
        root.locator(".tlc-steps li button", has_text="Train").click()
        root.get_by_label("What is trained").select_option(index=1)
    expect(root.get_by_label("As text")).not_to_have_value(before)
    # A stroke is sent in pieces, the last of them when the pen is lifted.
    page.evaluate(f"async () => {{ await {KERNEL}.requestExecute({{ code: '' }}).done; }}")
    return settled(page, root)


def settled(page, root) -> dict:
    """What is said of the state, once it stays so."""
    before, state = None, state_of(root)
    while state != before:
        page.wait_for_timeout(300)
        before, state = state, state_of(root)
    return state


def test_a_kernel_that_died_is_said_at_the_next_press_at_the_latest(lab, page):
    (root,) = opened(page, lab, "died.ipynb", "Teach")
    browser.draw(page, root.locator("canvas"), browser.DIGITS[0])
    end = "{ code: 'import os; os._exit(1)' }"
    page.evaluate(f"async () => {{ await {KERNEL}.requestExecute({end}).done.catch(() => 0); }}")
    page.locator(".jp-Dialog button", has_text="Ok").click()  # JupyterLab says that it died
    box = browser.box(root.get_by_role("button", name="Keep it"))
    page.mouse.click(box["x"] + 20, box["y"] + 20)  # where it is not said by itself already
    expect(root.get_by_role("alert").filter(has_text=GONE)).to_be_visible()
    browser.screenshot(page, "lost-died")


def test_a_busy_kernel_is_waited_for(lab, page):
    (root,) = opened(page, lab, "busy-kernel.ipynb", "HowMuch")
    note = root.locator(".tlc-note")
    page.evaluate(
        f"""() => {{ {KERNEL}.requestExecute({{ code: `
from pathlib import Path
import time
while not Path("free").exists():
    time.sleep(0.05)
`}}); }}"""
    )
    root.get_by_role("button", name="Skip").click()
    expect(note).to_contain_text("The notebook is busy or out of reach")
    browser.screenshot(page, "lost-busy")
    (lab.folder / "free").touch()
    expect(note).to_have_text("")
    root.get_by_role("button", name="Run this point now").wait_for()
    browser.page_is_well(page)


def test_a_connection_that_was_cut_loses_nothing(lab, page):
    lines = []

    def connected(client):
        server = client.connect_to_server()
        lines.append((client, server))

    page.route_web_socket(re.compile("/api/kernels/.*/channels"), connected)
    (root,) = opened(page, lab, "cut.ipynb", "Teach")
    canvas = root.locator("canvas")
    browser.draw(page, canvas, browser.DIGITS[0])
    page.keyboard.press("Enter")
    expect(root.locator(".tlc-prompt")).to_have_text("Draw a 1")
    before = len(lines)
    for client, server in lines:
        client.close()
        server.close()
    browser.draw(page, canvas, browser.DIGITS[1])
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {KERNEL}.connectionStatus === 'connected'")
    assert len(lines) > before
    expect(root.locator(".tlc-prompt")).to_have_text("Draw a 2")
    mine = re.compile(r'"mine":\[\[0,[^\]]*\],\[1,[^\]]*\]\]')
    expect(root.get_by_label("As text")).to_have_value(mine)
    browser.screenshot(page, "lost-cut")
