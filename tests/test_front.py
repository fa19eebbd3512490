"""The experiments' parts as plain modules, in a browser page without Jupyter."""

import json

import pytest
from front import every_widget
from playwright.sync_api import expect

from tl_course.widgets import parts

WIDGETS = every_widget()
RENDERED = """async ([name, values]) => {
  const { default: widget } = await import(`/joined/${name}.js`);
  const listening = new Set();
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    save_changes() {}, send() {},
    on: (event, act) => listening.add(act),
    off: (event, act) => listening.delete(act),
  };
  const el = document.querySelector("#part");
  const end = await widget.render({ model, el });
  const shown = el.innerHTML;
  await new Promise(requestAnimationFrame);
  end();
  return [shown, listening.size];
}"""


def test_every_part_is_shown_by_some_widget():
    """A module without a function of its own name is no part, but what parts import."""
    for path in parts.FRONT.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert (f"export function {path.stem}(el, store)" in text) == (path.stem in WIDGETS)


@pytest.mark.parametrize("name", sorted(WIDGETS))
def test_joined_it_is_one_module_that_renders_and_ends(front, name):
    text = parts.joined(name)
    assert not [line for line in text.splitlines() if line.startswith("import ")]
    widget = WIDGETS[name]()
    values = {key: value for key, value in widget.get_state().items() if not key.startswith("_")}
    widget.close()
    shown, listening = front.page.evaluate(RENDERED, [name, json.loads(json.dumps(values))])
    assert shown or name == "guard", "it shows nothing"
    assert listening == 0, "it still listens after its end"


# ---------------------------------------------------------------------------- the store


def test_the_store_tells_those_who_listen_and_no_others(front):
    heard = front.page.evaluate("""async () => {
      const { plainStore } = await import("/store.js");
      const heard = [], sent = [], store = plainStore({ a: 1, b: 2 }, (...what) => sent.push(what));
      const end = store.on("a", () => heard.push(`a is ${store.get("a")}`));
      const endMessage = store.onMessage((content) => heard.push(content));
      store.set({ a: 3, b: 4 });
      store.tell("news");
      end();
      endMessage();
      store.set({ a: 5 });
      store.tell("more");
      store.send("out", []);
      return [heard, sent, store.get("a"), store.get("b")];
    }""")
    assert heard == [["a is 3", "news"], [["out", []]], 5, 4]


# ---------------------------------------------------------------------------- the pad

PAD = {
    "drawing": {"revision": 0, "strokes": []}, "heard": 0, "sample": "", "answer": {},
    "prompt": "Draw a 0", "keep": "Keep it",
}  # fmt: skip


@pytest.fixture
def canvas(front):
    front.show("pad", PAD)
    return front.part.locator("canvas")


def at(place, x, y):
    """Where on the page a point is, in hundredths of a place's width and height."""
    box = place.bounding_box()
    return box["x"] + x / 100 * box["width"], box["y"] + y / 100 * box["height"]


def ink(canvas, x, y):
    """How opaque the pad is there, 0 to 255."""
    return canvas.evaluate(
        "(pad, [x, y]) => pad.getContext('2d')"
        ".getImageData(x / 100 * pad.width, y / 100 * pad.height, 1, 1).data[3]",
        [x, y],
    )


def test_a_stroke_is_painted_and_goes_out(front, canvas):
    mouse = front.page.mouse
    mouse.move(*at(canvas, 20, 50))
    mouse.down()
    mouse.move(*at(canvas, 80, 50), steps=5)
    mouse.up()
    drawing = front.get("drawing")
    ((first, *_, last),) = drawing["strokes"]
    assert drawing["final"] and abs(first[0] - 51) < 3 and abs(last[0] - 204) < 3
    assert ink(canvas, 50, 50) == 255 and ink(canvas, 50, 20) == 0


def test_a_click_is_a_dot(front, canvas):
    front.page.mouse.click(*at(canvas, 30, 30))
    assert len(front.get("drawing")["strokes"]) == 1 and ink(canvas, 30, 30) == 255


def test_keys_draw_and_keep(front, canvas):
    canvas.focus()
    for key in ("Space", "ArrowDown", "ArrowDown", "Space"):
        front.page.keyboard.press(key)
    (stroke,) = front.get("drawing")["strokes"]
    assert stroke == [[128, 64], [128, 72], [128, 80]]
    front.page.keyboard.press("Enter")
    ((drawing,),) = front.sent
    assert drawing["strokes"] == [stroke] and front.get("drawing")["strokes"] == []
    front.page.keyboard.press("a")  # nothing happens
    assert len(front.sent) == 1
    # What was kept is said again with the next one until Python has heard it.
    front.page.keyboard.press("Enter")
    assert [resent["revision"] for resent in front.sent[-1]] == [
        drawing["revision"],
        drawing["revision"] + 1,
    ]
    front.set(heard=drawing["revision"] + 1)
    front.page.keyboard.press("Enter")
    assert len(front.sent[-1]) == 1


def test_undo_and_clear_have_something_to_do_or_cannot_be_pressed(front, canvas):
    undo, clear = (front.part.get_by_role("button", name=name) for name in ("Undo", "Clear"))
    expect(undo).to_be_disabled()
    for x in (20, 40, 60):
        front.page.mouse.click(*at(canvas, x, 50))
    undo.click()
    assert len(front.get("drawing")["strokes"]) == 2
    clear.click()
    assert front.get("drawing")["strokes"] == []
    expect(undo).to_be_disabled()
    expect(clear).to_be_disabled()


def test_what_python_draws_is_heeded_if_nothing_was_drawn_since(front, canvas):
    strokes = [[[10, 10], [200, 200]]]
    front.set(drawing={"revision": 1, "strokes": strokes, "after": 0})
    assert ink(canvas, 40, 40) == 255
    front.page.mouse.click(*at(canvas, 80, 20))
    assert front.get("drawing")["strokes"][0] == strokes[0]
    front.set(drawing={"revision": 2, "strokes": [], "after": 0})  # from before the click
    assert ink(canvas, 40, 40) == 255


def test_an_answer_is_said_and_the_pictures_of_its_names_are_asked_for_once(front, canvas):
    reader = {"name": "before", "named": True, "bars": [["cat", 0.75, True], ["dog", 0.2, False]]}
    answer = {"revision": 1, "words": "It looks like a cat.", "seen": "", "readers": [reader]}
    for revision in (1, 2):
        front.set(answer=answer | {"revision": revision})
    assert front.part.locator(".tlc-words").inner_text() == "It looks like a cat."
    assert front.part.locator(".tlc-bar").first.inner_text().split() == ["cat", "75%"]
    assert front.sent == [{"want": ["cat", "dog"]}]
    dot = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
    front.tell({"pictures": {"cat": dot, "dog": dot}})
    expect(front.part.locator(f'.tlc-thing[src="{dot}"]')).to_have_count(2)


def test_after_its_end_the_pad_hears_nothing(front, canvas):
    front.end()
    front.set(prompt="Draw a 1")
    assert front.part.locator(".tlc-prompt").inner_text() == "Draw a 0"


# ---------------------------------------------------------------------------- bars and tiles


def test_bars_slide_in_their_rows(front):
    measured = front.page.evaluate("""async () => {
      const { bars } = await import("/bars.js");
      const el = document.querySelector("#part"), pictures = new Map(), wanted = [];
      const fill = bars(el, pictures, (names) => wanted.push(names));
      const reader = (name, ...bars) => ({ name, named: false, bars });
      fill([reader("A", ["0", 0.25, true], ["1", 0.5, false]), reader("", ["0", 1, true])]);
      const row = el.querySelector(".tlc-bar");
      const hidden = [...el.querySelectorAll("h4")].map((heading) => heading.hidden);
      fill([reader("A", ["0", 0.5, false])]);
      return {
        same: row === el.querySelector(".tlc-bar"), best: row.classList.contains("tlc-best"),
        width: row.querySelector(".tlc-fill").style.width,
        rows: el.querySelectorAll(".tlc-bar").length, hidden, wanted,
      };
    }""")
    assert measured == {
        "same": True, "width": "50%", "best": False, "rows": 1, "hidden": [False, True],
        "wanted": [],
    }  # fmt: skip


@pytest.mark.parametrize(("drawn", "places"), [(0, 10), (9, 10), (10, 20), (13, 20)])
def test_tiles_fill_whole_rows_and_frame_the_next(front, drawn, places):
    front.show("tiles", {"drawings": [], "said": ""})
    front.set(drawings=["data:image/gif;base64,"] * drawn, said=f"{drawn} drawings")
    tiles = front.part.locator(".tlc-tile")
    expect(tiles).to_have_count(places)
    expect(tiles.nth(drawn)).to_have_class("tlc-tile tlc-next")
    expect(tiles.nth(drawn)).to_have_text(str(drawn % 10))
    expect(front.part.get_by_role("img", name=f"{drawn} drawings")).to_have_count(1)


# ---------------------------------------------------------------------------- the grid


def cells(mark=""):
    cell = {"colour": "#fff", "ink": "#000", "framed": False}
    return [
        [cell | {"text": f"{i}{j}{mark}", "label": f"row {i}, column {j}"} for j in range(3)]
        for i in range(2)
    ]


def test_the_grid_is_walked_and_chosen_by_keys(front):
    names = {"rows": ["a", "b"], "columns": ["x", "y", "z"], "caption": "Choose one"}
    front.show("grid", names | {"cells": cells(), "chosen": [0, 0]})
    grid, press = front.part, front.page.keyboard.press
    expect(grid.get_by_role("table", name="Choose one")).to_have_count(1)
    expect(grid.get_by_role("rowheader")).to_have_text(["a", "b"])
    grid.get_by_role("button", name="row 0, column 0").focus()
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown"):
        press(key)  # those over the edge go nowhere
    press("Enter")
    assert front.get("chosen") == [1, 2]
    chosen = grid.get_by_role("button", name="row 1, column 2")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    front.set(cells=cells("!"))
    expect(chosen).to_have_text("12!")
    expect(chosen).to_be_focused()


# ---------------------------------------------------------------------------- share or restore


def test_the_state_is_copied_and_pasted(front):
    front.show("share", {"value": "{1}"})
    front.part.get_by_text("Share or restore").click()
    field = front.part.get_by_label("As text")
    expect(field).to_have_value("{1}")
    front.part.get_by_role("button", name="Copy").click()
    front.part.get_by_role("button", name="Copied").wait_for()
    assert front.page.evaluate("navigator.clipboard.readText()") == "{1}"
    field.fill("{2}")
    field.press("Enter")
    assert front.get("value") == "{2}"
    field.fill("{3}")
    front.part.get_by_role("button", name="Load this text").click()
    assert front.get("value") == "{3}"
    front.set(value="{1}")  # Python refuses it
    expect(field).to_have_value("{1}")


# ---------------------------------------------------------------------------- a question

ASK = {
    "kind": "Predict.", "question": "How many?", "labels": ["before", "after"], "unit": "%",
    "options": [], "answer": "This is my answer", "skip": "Skip", "again": "Ask me again",
    "typed": ["1"], "written": 0, "answered": False, "alert": "", "told": "",
}  # fmt: skip


def test_a_press_takes_along_what_stands_in_the_fields(front):
    front.show("ask", ASK)
    before, after = front.part.get_by_role("textbox").all()
    expect(before).to_have_value("1")
    expect(front.part.get_by_role("group", name="How many?")).to_be_visible()
    before.fill("2")
    after.fill("<b>")
    assert front.sent == []
    after.press("Enter")
    before.fill("3")
    after.focus()
    assert front.get("typed") == ["3", "<b>"]
    front.part.get_by_role("button", name="This is my answer").click()
    front.part.get_by_role("button", name="Skip").press("Enter")
    typed = {"typed": ["3", "<b>"]}
    presses = [{"press": "answer", "typed": ["2", "<b>"]}, {"press": "answer"} | typed]
    assert front.sent == [*presses, {"press": "skip"} | typed]
    front.set(typed=["4", "5"], alert="<i>No</i>")
    expect(before).to_have_value("3")  # only what Python wrote is put there
    expect(front.part.get_by_role("alert")).to_have_text("<i>No</i>")


def test_an_answer_closes_the_fields_and_the_focus_goes_on(front):
    front.show("ask", ASK)
    field = front.part.get_by_label("before")
    field.focus()
    front.set(typed=["4", "5"], written=1, answered=True, told="<b>It is so.</b>")
    expect(field).to_have_value("4")
    expect(field).to_be_disabled()
    expect(front.part.locator("b", has_text="It is so.")).to_be_visible()
    again = front.part.get_by_role("button")
    expect(again).to_be_focused()
    again.click()
    assert front.sent == [{"press": "again", "typed": ["4", "5"]}]
    front.set(typed=[], written=2, answered=False, told="")
    expect(field).to_be_focused()
    expect(field).to_have_value("")


def test_a_choice_without_buttons_is_heard_at_once(front):
    named = {"answer": "", "skip": "", "again": "", "labels": [], "typed": []}
    front.show("ask", ASK | named | {"options": ["yes", "no"]})
    yes, no = front.part.get_by_role("radio").all()
    yes.check()
    assert front.get("typed") == ["yes"]
    yes.press("ArrowDown")
    assert front.get("typed") == ["no"]
    no.press("Enter")
    assert front.sent == [] and front.part.get_by_role("button").count() == 0
    front.set(typed=["yes"], written=1)
    expect(yes).to_be_checked()


def test_many_short_answers_stand_side_by_side_close_to_their_question(front):
    options = [*map(str, range(10, 90, 10)), "with none of these"]
    front.show("ask", ASK | {"labels": [], "options": options})
    first, last = (front.part.locator("label").nth(i).bounding_box() for i in (0, -1))
    question = front.part.locator(".tlc-asked").bounding_box()
    assert first["y"] < question["y"] + 2 * question["height"]
    assert last["y"] < first["y"] + 3 * first["height"]


def test_what_was_waited_for_has_the_focus_of_the_button_that_is_gone(front):
    waits = {"kind": "", "labels": [], "answer": "", "again": "", "skip": "Show it now"}
    front.show("ask", ASK | waits)
    front.set(told="It waits.")
    button = front.part.get_by_role("button", name="Show it now")
    assert front.part.inner_text().split("\n")[0] == "It waits.", "the sentence, then its button"
    button.press("Enter")
    front.set(answered=True, told="<b>It is so.</b>")
    expect(front.part.locator(".tlc-ask")).to_be_focused()


# ---------------------------------------------------------------------------- the guard

CONTROLS = """<button id="train" class="tlc-once">Train</button><button id="undo">Undo</button>
<div class="widget-slider tlc-choice"><span class="widget-label">Labelled images</span>
<div class="noUi-handle" role="slider" tabindex="0" style="position: relative"></div>
<div class="widget-readout" contenteditable="true">1,000</div></div>
<div class="tlc-wide" style="width: 100px"><p style="width: 300px">wide</p></div>"""


@pytest.fixture
def guarded(front):
    front.page.evaluate(
        """html => {
          const controls = document.createElement("div");
          controls.id = "controls";
          controls.innerHTML = html;
          document.querySelector(".tlc").append(controls);
          window.pressed = [];
          controls.addEventListener("click", ({ target }) => window.pressed.push(target.id));
        }""",
        CONTROLS,
    )
    front.show("guard", {"still": "s", "pulse": 0, "into_view": False})
    front.page.locator(".noUi-handle[aria-valuetext]").wait_for()
    return front


def test_controls_have_names_and_values_in_words(guarded):
    page = guarded.page
    slider = page.get_by_role("slider", name="Labelled images")
    expect(slider).to_have_attribute("aria-valuetext", "1,000")
    readout = page.locator(".widget-readout")
    expect(readout).to_have_attribute("contenteditable", "false")
    readout.evaluate("readout => readout.textContent = '2,000'")
    expect(slider).to_have_attribute("aria-valuetext", "2,000")
    slider.focus()
    expect(slider).to_have_attribute("data-lm-suppress-shortcuts", "true")


def test_what_is_cut_off_can_be_scrolled_by_keys(guarded):
    wide = guarded.page.locator(".tlc-wide")
    expect(wide).to_have_attribute("tabindex", "0")
    wide.evaluate("wide => wide.style.width = '400px'")
    expect(wide).not_to_have_attribute("tabindex", "0")


def test_a_double_click_is_one_action_where_one_is_meant(guarded):
    for name, pressed in (("undo", ["undo", "undo"]), ("train", ["train"])):
        guarded.page.evaluate("window.pressed = []")
        guarded.page.mouse.dblclick(*at(guarded.page.locator(f"#{name}"), 50, 50))
        assert guarded.page.evaluate("window.pressed") == pressed


def test_the_second_click_falls_on_nothing_that_came_under_the_pointer(guarded):
    page = guarded.page
    page.evaluate(
        "document.querySelector('#train').addEventListener('click', () => {"
        " document.querySelector('#train').remove(); })"
    )
    page.mouse.dblclick(*at(page.locator("#train"), 40, 50))  # Undo moves there
    assert page.evaluate("window.pressed") == ["train"]


def test_what_is_unfolded_below_the_edge_comes_into_view_and_the_focus_stays(guarded):
    page = guarded.page
    page.set_viewport_size({"width": 800, "height": 400})
    page.evaluate(
        """document.querySelector("#controls").insertAdjacentHTML("beforeend",
          `<div style="height: 330px"></div>
          <button id="more" class="widget-toggle-button">More</button>
          <div class="tlc-more" style="display: none; height: 200px">Save</div>
          <details><summary>Share</summary><p style="height: 100px">As text</p></details>`)"""
    )
    more, fold = page.locator("#more"), page.locator(".tlc-more")
    assert page.evaluate("scrollY") == 0
    more.focus()
    page.keyboard.press("Enter")
    fold.evaluate("fold => fold.style.display = ''")  # what Python does
    expect(fold).to_be_in_viewport(ratio=1)
    expect(more).to_be_in_viewport(ratio=1)
    expect(more).to_be_focused()
    page.locator("summary").click()
    expect(page.locator("details")).to_be_in_viewport(ratio=1)
    page.evaluate("scrollTo(0, 0)")
    fold.evaluate("fold => fold.style.opacity = '1'")  # nobody unfolded it now
    page.evaluate("() => new Promise((done) => setTimeout(done, 100))")
    assert page.evaluate("scrollY") == 0


def test_a_lost_notebook_is_said_and_nothing_can_be_pressed(guarded):
    page = guarded.page
    assert guarded.part.get_attribute("style") == "display: none;"
    guarded.part.dispatch_event("tlc-lost", {"bubbles": True})
    page.get_by_role("alert").get_by_text("Run its cell again").wait_for()
    assert page.locator("#controls").evaluate("controls => controls.inert")
    guarded.end()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert not page.locator("#controls").evaluate("controls => controls.inert")


def test_a_notebook_that_does_not_answer_is_said_until_it_does(guarded):
    page = guarded.page
    page.clock.install()
    page.locator("#undo").click()
    (asked,) = guarded.sent
    waiting = page.get_by_role("status").get_by_text("this goes on as soon as it answers")
    expect(waiting).to_have_count(0)
    page.clock.fast_forward(5000)
    waiting.wait_for()
    guarded.set(pulse=asked["pulse"])
    expect(waiting).to_have_count(0)
    page.clock.fast_forward(3000)
    assert guarded.sent[1:] == [{"again": True}], "what is shown meanwhile may be old"
    page.locator("#undo").click()
    guarded.set(pulse=guarded.sent[-1]["pulse"])  # it answers at once
    page.clock.fast_forward(5000)
    assert len(guarded.sent) == 3


def test_a_still_picture_is_hidden_where_the_experiment_runs(guarded):
    page = guarded.page
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p data-tlc-still=s>still</p>')")
    expect(page.get_by_text("still", exact=True)).to_be_hidden()
    guarded.end()
    expect(page.get_by_text("still", exact=True)).to_be_visible()
