"""One click is one action: double clicks, typed numbers and dots, in a real browser.

The second press of a double click is made when the page has changed (`Hand`): the pointer lies
still, and something else is below it. Each test has the press that counts beside the one that does
not.
"""

import re
import time

import browser
from playwright.sync_api import expect

DOUBLE = 0.3  # seconds between the presses of a slow double click
TEACH = """
from tl_course.core import pretraining
from tl_course.widgets.teach import Teach

Teach(pretraining.pretrained(), folder="{folder}")
"""
HOW_MUCH = """
from tl_course.widgets.how_much import HowMuch

HowMuch()
"""
LAB = """
import time
from pathlib import Path

from tl_course.widgets.training_lab import TrainingLab


class Slow(TrainingLab):
    starts = 0

    def _start(self):
        while not Path("begin").exists():  # Python is busy while the second click comes
            time.sleep(0.05)
        self.starts += 1
        self.bar.description = f"Start {self.starts}"
        super()._start()


Slow()
"""


def middle(element) -> tuple[float, float]:
    """Where to press it."""
    on = browser.box(element)
    return on["x"] + on["width"] / 2, on["y"] + on["height"] / 2


class Hand:
    """Presses the pointer at times that the test says.

    How soon one press follows another is what the page is told (`event.timeStamp`), and not how
    long the test has waited between them: a double click lasts as long as the kernel needs.
    """

    def __init__(self, page):
        self._page = page.context.new_cdp_session(page)
        self._now = time.time()

    def press(self, at: tuple[float, float], after: float = 2.0) -> None:
        """Press the left button at (x, y) and let go of it, `after` so many seconds."""
        self._now += after
        (x, y), count = at, 2 if after < 0.5 else 1
        for what in ("mousePressed", "mouseReleased"):
            self._page.send(
                "Input.dispatchMouseEvent",
                {"type": what, "x": x, "y": y, "button": "left", "clickCount": count,
                 "timestamp": self._now},
            )  # fmt: skip


def opened(page, lab, name, source):
    """The experiment of a notebook of its own, with the hand that presses it."""
    page.set_viewport_size({"width": 1280, "height": 1600})
    browser.open_notebook(page, lab, lab.write(name, [source]))
    command = "([name, how]) => window.jupyterapp.commands.execute(name, how)"
    page.evaluate(command, ["application:toggle-left-area", {}])
    page.evaluate(command, ["apputils:change-theme", {"theme": "JupyterLab Light"}])  # it is kept
    browser.run_all(page)
    browser.scroll_to(page, ".jp-OutputArea-output h3")
    place = page.locator(".jp-OutputArea-output", has=page.get_by_label("As text")).last
    return place, Hand(page)


def say(place, fragment: str) -> None:
    """Wait until the state as text has `fragment` in it."""
    text = re.compile(re.escape(fragment))
    expect(place.get_by_label("As text")).to_have_value(text)


def drawn(place, n) -> None:
    """Wait until so many drawings are mine."""
    each = r"\[\d,[^\]]*\]"
    mine = re.compile(r'"mine":\[' + ",".join([each] * n) + r"\]")
    expect(place.get_by_label("As text")).to_have_value(mine)


def focused(page) -> str:
    return page.evaluate("() => document.activeElement.innerText")


def test_a_double_click_deletes_nothing_and_takes_nobodys_place(lab, page):
    place, hand = opened(page, lab, "delete.ipynb", TEACH.format(folder="hand"))

    def button(name):
        return place.get_by_role("button", name=name, exact=True)

    def draw_one():
        browser.draw(page, place.locator("canvas"), browser.DIGITS[0])
        page.keyboard.press("Enter")
        drawn(place, 1)

    draw_one()
    button("More: a neighbour, save, combine, delete").click()
    place.get_by_label("Your first name").fill("Ada")
    button("Save my drawings").click()
    place.get_by_text("1 drawing is in the folder").wait_for()
    ada = lab.folder / "hand" / "Ada.json"
    eva = ada.read_text(encoding="utf-8").replace("Ada", "Eva")
    delete, yes = button("Delete my drawings"), button("Yes, delete them")
    before, at = delete.bounding_box(), middle(delete)

    hand.press(at)
    hand.press(at, DOUBLE)  # before Python can have answered
    yes.wait_for()
    hand.press(at, DOUBLE)  # and after it has
    expect(delete).to_be_disabled()
    assert delete.bounding_box() == before
    assert yes.bounding_box()["y"] > before["y"] + before["height"]
    browser.screenshot(page, "clicks-delete-asked")
    button("No, keep them").click()  # after all that was clicked before
    expect(yes).to_be_hidden()
    expect(delete).to_be_enabled()
    assert ada.exists()
    drawn(place, 1)

    hand.press(at)  # anything else takes the question away
    yes.wait_for()
    button("Forget classmates' drawings").click()
    expect(yes).to_be_hidden()

    delete.focus()  # by keyboard alone
    page.keyboard.press("Enter")
    place.get_by_role("alert").get_by_text("and the files of Ada. Delete them?").wait_for()
    page.wait_for_function("() => document.activeElement.innerText === 'No, keep them'")
    page.keyboard.press("Tab")
    assert focused(page) == "Yes, delete them"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.innerText === 'Delete my drawings'")
    assert ada.exists()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.innerText === 'No, keep them'")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    place.get_by_text("Your drawings are gone").wait_for()
    assert not ada.exists()
    drawn(place, 0)

    # The same where somebody else's drawings would go.
    ada.write_text(eva, encoding="utf-8")
    draw_one()
    save, yes = button("Save my drawings"), button("Yes, put mine there")
    at = middle(save)
    hand.press(at)
    yes.wait_for()
    hand.press(at, DOUBLE)
    expect(save).to_be_disabled()
    assert yes.bounding_box()["y"] > at[1]
    browser.screenshot(page, "clicks-save-asked")
    button("No, keep theirs").click()
    expect(yes).to_be_hidden()
    assert ada.read_text() == eva
    hand.press(at)
    hand.press(middle(yes))
    place.get_by_text("1 drawing is in the folder").wait_for()
    assert ada.read_text() != eva
    browser.page_is_well(page)


def ink(canvas) -> tuple[int, float, float]:
    """How many dots of the canvas are inked, and how wide and high that is, in the pad's units."""
    return tuple(
        canvas.evaluate("""canvas => {
      const size = canvas.width, unit = size / 256;
      const { data } = canvas.getContext("2d").getImageData(0, 0, size, size);
      const x = [], y = [];
      for (let i = 0; i < size * size; i++) {
        if (data[4 * i + 3] > 127) { x.push(i % size); y.push(Math.floor(i / size)); }
      }
      const wide = all => all.length ? (Math.max(...all) - Math.min(...all) + 1) / unit : 0;
      return [x.length, wide(x), wide(y)];
    }""")
    )


def test_dots_and_double_clicks_on_the_pad(lab, page):
    place, hand = opened(page, lab, "pad-clicks.ipynb", TEACH.format(folder="other"))
    root = place.locator(".tlc-pad")
    canvas, undo = root.locator("canvas"), root.get_by_role("button", name="Undo")
    keep = root.get_by_role("button", name="Keep it")
    alert = place.get_by_role("alert").get_by_text("Draw a 0 first")

    def sent():
        return int(root.get_attribute("data-sent") or 0)

    # An alert has its room: nothing moves below the pointer, and the second press does nothing.
    def below_the_heading():
        return canvas.bounding_box()["y"] - place.locator("h3").bounding_box()["y"]

    before, at = below_the_heading(), middle(keep)
    hand.press(at)
    alert.wait_for()
    browser.painted(page)
    assert below_the_heading() == before
    before = sent()
    hand.press(at, DOUBLE)
    assert sent() == before and ink(canvas)[0] == 0
    browser.screenshot(page, "clicks-keep-alert")

    hand.press(middle(canvas))  # no double click: a dot, as thick as the pen
    expect(undo).to_be_enabled()
    _, wide, high = ink(canvas)
    assert 10 <= wide <= 12 and 10 <= high <= 12, (wide, high)
    expect(alert).to_be_hidden()
    box = canvas.bounding_box()
    hand.press((box["x"] + box["width"] / 3, box["y"] + box["height"] / 3))
    assert ink(canvas)[1] > 12
    browser.screenshot(page, "clicks-dots")
    hand.press(middle(undo))  # both clicks of two count
    hand.press(middle(undo), DOUBLE)
    assert ink(canvas)[0] == 0 and undo.is_disabled()

    hand.press(middle(canvas))
    hand.press(middle(keep))
    before = sent()
    hand.press(middle(keep), DOUBLE)  # the next digit is not drawn yet
    assert sent() == before
    expect(root.locator(".tlc-prompt")).to_have_text("Draw a 1")

    fill = place.get_by_role("button", name="Fill the rest")
    at = middle(fill)
    hand.press(at)
    hand.press(at, DOUBLE)
    drawn(place, 10)  # not twenty; and a row for the next ten moved what is below it
    place.get_by_role("button", name="Take back the last").click()
    drawn(place, 9)
    more = place.get_by_role("button", name="More: a neighbour, save, combine, delete")
    hand.press(middle(more))
    hand.press(middle(more), DOUBLE)  # open, and not closed at once
    expect(place.get_by_role("button", name="Forget classmates' drawings")).to_be_visible()
    browser.page_is_well(page)


def test_what_a_first_click_brings_up_is_not_pressed_by_the_second(lab, page):
    place, hand = opened(page, lab, "how-clicks.ipynb", HOW_MUCH)
    skip = place.locator("button", has_text="Skip")
    asked = skip.locator("xpath=ancestor::*[parent::*[contains(@class, 'tlc-controls')]]")
    copies = place.get_by_label("train on altered copies too")
    # Where the box will be: the button is moved there, as it may be on a narrow page.
    show = "(part, shown) => part.style.display = shown"
    measured = place.locator(
        ".widget-vbox", has=page.get_by_label("train on altered copies too")
    ).last
    asked.evaluate(show, "none")
    measured.evaluate(show, "")
    at = middle(copies)
    measured.evaluate(show, "none")
    asked.evaluate(show, "")
    (x, y), (left, top) = at, middle(skip)
    move = "(button, by) => button.style.transform = `translate(${by[0]}px, ${by[1]}px)`"
    skip.evaluate(move, [x - left, y - top])
    hand.press(at)
    copies.wait_for()
    hand.press(at, DOUBLE)
    assert not copies.is_checked()
    browser.screenshot(page, "clicks-measured")
    hand.press(at)  # no double click
    expect(copies).to_be_checked()
    browser.page_is_well(page)


def test_what_is_shown_is_what_it_trains_on(lab, page):
    place, hand = opened(page, lab, "lab-clicks.ipynb", LAB)

    def number(name):
        slider = place.locator(".widget-slider", has=page.get_by_text(name, exact=True))
        return slider.locator(".widget-readout")

    for name, shown in (("Labelled images", "50"), ("Learning rate", "0.00003 (tuned)")):
        number(name).dblclick()  # what is typed then is no key of JupyterLab: "00" ends the kernel
        page.keyboard.press("Control+A")
        page.keyboard.type("100")
        page.keyboard.press("Enter")
        assert number(name).inner_text() == shown
        expect(number(name)).to_have_attribute("contenteditable", "false")
    last = place.get_by_role("button", name="W⁴, layer 4")
    last.click()
    expect(number("Learning rate")).to_be_hidden()
    last.click()
    say(place, '"frozen":3')
    expect(number("Learning rate")).to_be_visible()  # what was disabled can be used again
    expect(number("Learning rate")).to_have_attribute("contenteditable", "false")
    for typed, value in (("12", 12), ("5000", 999)):  # of numbers, the nearest that there is
        number("Seed").dblclick()
        page.keyboard.press("Control+A")
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        say(place, f'"seed":{value},')
        assert number("Seed").inner_text() == str(value)
    browser.screenshot(page, "clicks-lab")

    place.locator(".widget-slider", has=page.get_by_text("Labelled images")).locator(
        ".noUi-handle"
    ).focus()
    page.keyboard.press("End")
    say(place, '"images":1000')
    place.get_by_label("train on altered copies too").check()
    start = place.get_by_role("button", name="Start", exact=True)
    hand.press(middle(start))
    hand.press(middle(start), DOUBLE)
    (lab.folder / "begin").touch()
    expect(start).to_be_disabled()
    place.get_by_role("button", name="Stop").click()
    place.get_by_text("Stopped after").wait_for()
    assert place.get_by_text("Start 1", exact=True).count() == 1
    browser.page_is_well(page)


def test_one_click_is_one_action_in_the_other_experiments(lab, page):
    first = "from tl_course import widgets\nfrom tl_course.core import pretraining\n"
    make = f"{first}widgets.OwnTask(pretraining.pretrained())"
    place, hand = opened(page, lab, "own-clicks.ipynb", make)
    go = place.locator(".tlc-go button")
    expect(go).to_have_text("Next: what the checker found")
    hand.press(middle(go))
    expect(go).to_contain_text("Next: train")
    hand.press(middle(go), DOUBLE)  # it says something else by now
    browser.painted(page)
    expect(go).to_contain_text("Next: train")
    hand.press(middle(go))
    expect(go).to_have_text("Train")
    browser.page_is_well(page)

    make = f"{first}net = pretraining.pretrained()\nwidgets.LayerExplorer(net, net)"
    place, hand = opened(page, lab, "layer-clicks.ipynb", make)
    toggle = place.get_by_role("button", name="Draw something")
    at = middle(toggle)
    hand.press(at)
    place.locator(".tlc-pad canvas").wait_for()
    hand.press(at, DOUBLE)  # open, and not closed at once
    browser.painted(page)
    expect(place.locator(".tlc-pad canvas")).to_be_visible()
    unit = place.locator("[role=option]").nth(7)
    hand.press(middle(unit))
    hand.press(middle(unit), DOUBLE)
    say(place, '"unit":7')
    browser.page_is_well(page)

    place, hand = opened(page, lab, "cell-clicks.ipynb", f"{first}widgets.ModalityExplorer()")
    cell = place.locator(".tlc-grid button").nth(4)
    hand.press(middle(cell))
    hand.press(middle(cell), DOUBLE)
    say(place, '"target":"spoken","source":"random"')
    expect(cell).to_have_attribute("aria-pressed", "true")
    browser.page_is_well(page)
