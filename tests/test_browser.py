"""The drawing pad and *Teach it your handwriting* in a real JupyterLab and a real browser."""

import json
import time

import browser
import pytest
from playwright.sync_api import expect

from tl_course.data.targets import drawn, drawn_files
from tl_course.widgets import loading

PAD = """
from tl_course.study import handwriting; from tl_course.core import pretraining
from tl_course.data.sources import classes
from tl_course.data.examples import draw
from tl_course.data.targets.handwritten import NAMES, handwritten
from tl_course.widgets.drawing_pad import DrawingPad

net = pretraining.pretrained()
fifty = draw(handwritten().pool, 50, 0)
taught = handwriting.adapt_to_digits(net, "option-1", fifty, 0).net
pad = DrawingPad({"taught with 50 digits": (taught, NAMES), "before": (net, classes.names())})
pad
"""
# From the end of a stroke until its answer is painted: one time a stroke.
STOPWATCH = """root => new Promise(done => {
  window.tlcTimes = [];
  let ended = null;
  root.querySelector('canvas').addEventListener('pointerup', () => {
    ended = { at: performance.now(), revision: +root.dataset.sent };
  });
  new MutationObserver(() => {
    if (!ended || +root.dataset.answered < ended.revision) return;
    const { at } = ended;
    ended = null;
    requestAnimationFrame(() => setTimeout(() => window.tlcTimes.push(performance.now() - at)));
  }).observe(root, { attributes: true, attributeFilter: ['data-answered'] });
  done();
})"""
# What is said with the role of a status, first of all what is loaded.
SAID = """() => {
  window.tlcSaid = [];
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) {
      const said = node.querySelector?.('p[role=status]');
      if (said) window.tlcSaid.push(said.textContent);
    }
  }).observe(document.body, { subtree: true, childList: true });
}"""
MODEL = "window.jupyterapp.shell.currentWidget.context.model"
ANSWERED = "root => +root.dataset.answered >= +root.dataset.sent"


def wait_for_answer(page, root):
    page.wait_for_function(ANSWERED, arg=root.element_handle())


def test_a_three_is_drawn_and_read(lab, page):
    browser.open_notebook(page, lab, lab.write("pad.ipynb", [PAD]))
    browser.run_all(page)
    root = browser.scroll_to(page, ".tlc-pad")
    canvas = root.locator("canvas")
    words = root.locator(".tlc-words")
    assert words.inner_text() == ""
    browser.draw(page, canvas, browser.DIGITS[3])
    wait_for_answer(page, root)
    assert "taught with 50 digits: 3 (" in words.inner_text()
    browser.screenshot(page, "pad-three")

    undo, clear = root.get_by_role("button", name="Undo"), root.get_by_role("button", name="Clear")
    undo.click()
    wait_for_answer(page, root)
    assert words.inner_text() == "" and undo.is_disabled()
    for stroke in browser.DIGITS[4]:
        browser.draw(page, canvas, [stroke])
    wait_for_answer(page, root)
    assert "taught with 50 digits: 4 (" in words.inner_text()
    clear.click()
    wait_for_answer(page, root)
    assert words.inner_text() == "" and clear.is_disabled()

    times = strokes_answered(page, root)
    middle = browser.median(times)
    print(f"stroke end → answer painted: median {middle:.0f} ms of {len(times)} strokes")
    browser.record("stroke-to-answer", {"median_ms": middle, "ms": times})
    browser.page_is_well(page)


def test_by_keyboard_alone(lab, page):
    browser.open_notebook(page, lab, lab.write("keys.ipynb", [PAD]))
    browser.run_all(page)
    root = browser.scroll_to(page, ".tlc-pad")
    cells = page.locator(".jp-Cell").count()
    root.locator("canvas").focus()
    keys = page.keyboard
    keys.press("Space")  # the pen is down at the top in the middle: a 1 is a line downwards
    for _ in range(20):
        keys.press("ArrowDown")
    keys.press("Space")
    wait_for_answer(page, root)
    assert "taught with 50 digits: 1 (" in root.locator(".tlc-words").inner_text()
    for key in "abdd":  # JupyterLab's own keys: insert above, below, delete the cell
        keys.press(key)
    assert page.locator(".jp-Cell").count() == cells
    browser.screenshot(page, "pad-by-keyboard")
    keys.press("Backspace")
    wait_for_answer(page, root)
    assert root.locator(".tlc-words").inner_text() == ""
    keys.press("Tab")  # Undo and Clear have nothing to do: on to the samples
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    keys.type("7")
    page.wait_for_function(
        "root => root.querySelector('.tlc-words').textContent.includes('digits: 7 (')",
        arg=root.element_handle(),
    )
    inked = """canvas => {
        const { width, height } = canvas;
        const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
        return data.filter((value, i) => i % 4 === 3 && value > 127).length / width / height;
    }"""
    page.wait_for_function(
        f"canvas => ({inked})(canvas) > 0", arg=root.locator("canvas").element_handle()
    )
    assert 0.01 < root.locator("canvas").evaluate(inked) < 0.3, "a 7, and no black square"
    browser.page_is_well(page)


def strokes_answered(page, root) -> list[float]:
    """Draw all digits; milliseconds from the end of each stroke until its answer was painted."""
    canvas, clear = root.locator("canvas"), root.get_by_role("button", name="Clear")
    root.evaluate(STOPWATCH)
    strokes = 0
    for drawn_so in browser.DIGITS.values():
        for stroke in drawn_so:
            browser.draw(page, canvas, [stroke])
            strokes += 1
            page.wait_for_function("n => window.tlcTimes.length >= n", arg=strokes)
        clear.click()
        wait_for_answer(page, root)
    return page.evaluate("window.tlcTimes")


def test_the_first_minute(lab, page):
    """Two clicks lead to the pad, which is in sight; strokes are answered before and after."""
    begun = time.monotonic()
    page.set_viewport_size({"width": 1400, "height": 900})
    browser.open_notebook(page, lab, lab.copy("00", budget="laptop"))
    go = page.get_by_title("Run this cell and advance").first
    picture = page.get_by_alt_text("The pad below at three moments")
    page.wait_for_function("one => one.naturalWidth", arg=picture.element_handle())
    for part in ("h1", ".jp-MarkdownCell p >> text=and draw", ".jp-CodeCell"):
        expect(page.locator(part).first).to_be_in_viewport(ratio=1)
    expect(picture).to_be_in_viewport(ratio=1)
    browser.screenshot(page, "first-screen")
    page.evaluate(SAID)
    go.click()
    go.click()
    root = page.locator(".tlc-pad")
    root.wait_for()
    assert page.evaluate("window.tlcSaid[0]") == loading.WORDS
    expect(page.get_by_text(loading.WORDS)).to_have_count(0)  # the pad has taken its place
    expect(root.locator("canvas")).to_be_in_viewport(ratio=1)
    browser.draw(page, root.locator("canvas"), browser.DIGITS[0])
    expect(root.locator(".tlc-words")).to_contain_text("The network thinks this is")
    seconds = time.monotonic() - begun
    shown = root.locator(".tlc-thing:visible")
    expect(shown).to_have_count(5)
    page.wait_for_function(
        "all => all.every(one => one.naturalWidth)",
        arg=[image.element_handle() for image in shown.all()],
    )
    page.wait_for_function(  # the whole of it is in sight
        "() => { const { top } = document.querySelector('.tlc h3').getBoundingClientRect();"
        " return top > 0 && top < 200; }"
    )
    browser.screenshot(page, "first-minute")
    root.get_by_role("button", name="Clear").click()
    before = strokes_answered(page, root)
    page.get_by_role("button", name="Fill the rest").click()
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("they test it first, then it can learn").wait_for()
    assert page.evaluate("document.activeElement !== document.body")
    after = strokes_answered(page, root)
    measured = {
        "seconds_from_the_notebook_to_the_first_answer": seconds,
        "before_training_median_ms": browser.median(before),
        "after_training_median_ms": browser.median(after),
    }
    print(measured)
    browser.record("first-minute", measured)
    browser.page_is_well(page)


def test_teach_it_your_handwriting_in_notebook_00(lab, page, tmp_path):
    browser.open_notebook(page, lab, lab.copy("00"))
    browser.run_all(page)
    browser.scroll_through(page)
    browser.page_is_well(page)
    root = browser.scroll_to(page, ".tlc-pad")
    canvas, prompt = root.locator("canvas"), root.locator(".tlc-prompt")

    def press(name):
        page.get_by_role("button", name=name, exact=True).click()

    for digit, strokes in browser.DIGITS.items():
        page.wait_for_function(
            f"root => root.querySelector('.tlc-prompt').textContent === 'Draw a {digit}'",
            arg=root.element_handle(),
        )
        for stroke in strokes:
            browser.draw(page, canvas, [stroke])
        wait_for_answer(page, root)
        if digit == 3:
            browser.screenshot(page, "teach-before")
        if digit % 2:
            press("Keep it")
        else:
            page.keyboard.press("Enter")  # the pad has the focus
    page.get_by_text("10 drawn. Of 100").wait_for()
    page.get_by_role("textbox", name="Your prediction").fill("60")
    press("Train")
    page.get_by_text("% of strangers' digits right (you said 60)").wait_for()
    pad = page.locator(".tlc", has=page.locator(".tlc-pad"))
    assert pad.locator("table tbody tr").count() == 4
    browser.draw(page, canvas, browser.DIGITS[3])
    wait_for_answer(page, root)
    words = root.locator(".tlc-words").inner_text()
    assert words.startswith("pretrained, frozen: 3 (")
    assert "random, trained" in root.locator(".tlc-also").inner_text()
    browser.screenshot(page, "teach-learnt")
    browser.scroll_to(page, "text=More: a neighbour, save, combine, delete")
    browser.screenshot(page, "teach-results")

    press("More: a neighbour, save, combine, delete")
    page.get_by_label("Your first name").fill("Ada")
    press("Save my drawings")
    page.get_by_text("10 drawings are in the folder").wait_for()
    folder = lab.folder / "my-handwriting"
    assert len(list((folder / "Ada").glob("[0-9]/*.png"))) == 10
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add classmates' files").click()
    other = [drawn.sample_of_digit(digit, 0, 0) for digit in range(10)]
    (tmp_path / "Alan.json").write_text(drawn_files.drawings_as_text("Alan", other))
    chooser.value.set_files(tmp_path / "Alan.json")
    page.get_by_text("Classmates' drawings: Alan (10).").wait_for()
    press("Compare: one person, or all together?")
    page.get_by_text("other people's digits").wait_for()
    browser.screenshot(page, "teach-pool")
    press("Delete my drawings")
    press("Yes, delete them")
    page.get_by_text("Your drawings are gone").wait_for()
    assert not any(folder.iterdir())
    assert prompt.inner_text() == "Draw a 0"

    # A classmate's state: pasted, it shows the same drawings.
    state = page.get_by_label("As text").first
    pasted = json.loads(state.input_value()) | {"mine": [[0, "#0"], [1, "#100"]]}
    page.get_by_text("Share or restore").first.click()
    state.fill(json.dumps(pasted))
    state.press("Enter")
    page.locator('[aria-label="You have drawn 2: 0 1"]').wait_for()
    browser.page_is_well(page)


TEACH = """
from tl_course.core import pretraining
from tl_course.widgets.teach import Teach

Teach(pretraining.pretrained())
"""
BUSY = """
import threading, time
from pathlib import Path
from tl_course.widgets.base import ONE_AT_A_TIME

begun = threading.Event()

def hold():
    with ONE_AT_A_TIME:
        begun.set()
        while not Path("go on").exists():
            time.sleep(0.05)

threading.Thread(target=hold, daemon=True).start()
assert begun.wait()
"""


def test_nothing_is_lost_that_is_kept_while_python_is_busy(lab, page):
    browser.open_notebook(page, lab, lab.write("busy.ipynb", [TEACH, BUSY]))
    browser.run_all(page)
    root = browser.scroll_to(page, ".tlc-pad")
    canvas, prompt = root.locator("canvas"), root.locator(".tlc-prompt")
    for digit in range(5):
        browser.draw(page, canvas, browser.DIGITS[digit])
        page.keyboard.press("Enter")
    browser.draw(page, canvas, browser.DIGITS[5])  # begun, and not kept yet
    expect(prompt).to_have_text("…")
    (lab.folder / "go on").touch()
    expect(prompt).to_have_text("Draw a 5")
    page.locator('[aria-label="You have drawn 5: 0 1 2 3 4"]').wait_for()
    wait_for_answer(page, root)
    assert root.get_by_alt_text("The drawing as the network gets it").count() == 1
    mine = json.loads(page.get_by_label("As text").first.input_value())["mine"]
    for (label, text), digit in zip(mine, range(5), strict=True):
        strokes = drawn.decode_drawing(text)
        begun = [[x / 255 for x in stroke[0]] for stroke in strokes]
        assert label == digit
        assert begun == [pytest.approx(s[0], abs=0.02) for s in browser.DIGITS[digit]]
    browser.page_is_well(page)


def test_dark_theme_and_large_print(lab, page):
    source = (
        PAD.replace("\npad\n", "\n")
        + """
from tl_course.widgets.teach import Teach

teach = Teach(net)
for _ in range(2):
    teach.fill.click()
teach.train()
teach.wait(3600)
teach
"""
    )
    browser.open_notebook(page, lab, lab.write("dark.ipynb", [source]))
    browser.run_all(page)
    browser.dark(page)
    root = browser.scroll_to(page, ".tlc-pad")
    browser.draw(page, root.locator("canvas"), browser.DIGITS[2])
    wait_for_answer(page, root)
    browser.screenshot(page, "teach-dark")
    browser.zoom(page, 2)
    for place, selector in (
        ("pad", ".tlc-pad"),
        ("results", "text=More: a neighbour, save, combine, delete"),
    ):
        browser.scroll_to(page, selector)
        browser.screenshot(page, f"teach-dark-zoomed-{place}")
    # At 200% nothing of the pad sticks out of its cell.
    page.wait_for_function(
        "([pad, cell]) => { const right = element => element.getBoundingClientRect().right;"
        " return right(pad) <= right(cell) + 1; }",
        arg=[root.element_handle(), page.locator(".jp-OutputArea").last.element_handle()],
    )
    browser.page_is_well(page)


def test_in_notebook_7_too(lab, page):
    lab.write("seven.ipynb", [PAD])
    page.goto(f"{lab.url}/notebooks/seven.ipynb?token={lab.token}")
    browser.wait_until_open(page)
    page.said.clear()  # it finds fault with itself while it starts, with an empty notebook too
    browser.run_all(page)
    root = browser.scroll_to(page, ".tlc-pad")
    browser.draw(page, root.locator("canvas"), browser.DIGITS[3])
    wait_for_answer(page, root)
    assert "taught with 50 digits: 3 (" in root.locator(".tlc-words").inner_text()
    browser.screenshot(page, "notebook-7")
    browser.page_is_well(page)


def test_by_finger_on_a_phone(lab, chromium):
    """Notebook 7 at 390 pixels: a finger draws and does not scroll, nothing is wider than that."""
    lab.write("phone.ipynb", [TEACH])
    with browser.new_page(chromium, 390, 844, has_touch=True) as page:
        page.goto(f"{lab.url}/notebooks/phone.ipynb?token={lab.token}")
        browser.wait_until_open(page)
        page.said.clear()  # it finds fault with itself while it starts, with an empty notebook too
        browser.run_all(page)
        root = page.locator(".tlc-pad")
        canvas = root.locator("canvas")
        canvas.scroll_into_view_if_needed()
        before = canvas.bounding_box()
        browser.touch(page, canvas, browser.DIGITS[0])
        wait_for_answer(page, root)
        expect(root.locator(".tlc-words")).to_contain_text("The network thinks this is")
        assert canvas.bounding_box() == before, "the finger scrolled the page"
        root.get_by_role("button", name="Keep it").tap()
        expect(root.locator(".tlc-prompt")).to_have_text("Draw a 1")
        page.get_by_role("button", name="Fill the rest").tap()
        page.get_by_text("10 drawn. Of 100").wait_for()
        page.wait_for_timeout(600)  # else the next tap may be taken for the second of a double one
        page.get_by_role("button", name="Train", exact=True).tap()
        page.get_by_text("they test it first, then it can learn").wait_for()
        wide = """root => [...root.querySelectorAll('*')].filter(one => {
            const { right, width } = one.getBoundingClientRect();
            return width && right > innerWidth + 1 && !one.closest('.tlc-wide, .tlc-grid-box');
        }).map(one => one.className)"""
        assert page.locator(".tlc").evaluate(wide) == []
        browser.screenshot(page, "phone")
        browser.page_is_well(page)
    lab.end_kernels()


def test_a_notebook_opened_again_shows_its_still_picture(lab, page):
    name = lab.write("again.ipynb", [PAD])
    browser.open_notebook(page, lab, name)
    browser.run_all(page)
    still = page.get_by_text("This is a hands-on experiment")
    browser.scroll_to(page, ".tlc-pad")
    expect(still).to_have_count(1)
    expect(still).to_be_hidden()  # it takes no place beside the living pad
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function(f"() => !{MODEL}.dirty")
    lab.end_kernels()
    browser.open_notebook(page, lab, name)  # with a new kernel, that knows of no widget
    browser.scroll_to(page, "text=This is a hands-on experiment")
    expect(page.get_by_alt_text("Handwritten digits, and what the network").first).to_be_visible()
    browser.screenshot(page, "opened-again")
