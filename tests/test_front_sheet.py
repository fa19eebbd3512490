"""The sheet of units as a plain module in a browser, without Jupyter: mouse, keys, what it says."""

import pytest
import torch
from playwright.sync_api import expect

from tl_course.widgets.unit_sheet import sheet


def grey(units: int, size: int = 4) -> torch.Tensor:
    """A plain picture for each unit, each a little lighter than the last: unit 0 is black."""
    return (torch.arange(units) / 255).view(-1, 1, 1, 1).expand(-1, 3, size, size)


SHADES = """canvases => canvases.map((canvas) =>
  [...new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)])"""
SMALL = """tiles => Math.min(...tiles.flatMap((tile) => {
  const { width, height } = tile.getBoundingClientRect(); return [width, height]; }))"""
IN_A_ROW = "tiles => tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length"
FOCUSED = "() => document.activeElement.getAttribute('aria-label')"


@pytest.fixture
def shown(front):
    """Shows a sheet of so many units, the seventh of them chosen; returns its tiles."""

    def show(units, chosen=7):
        values = {"sheet": sheet(grey(units), f"All {units}:"), "chosen": chosen, "busy": False}
        front.show("sheet", values)
        tiles = front.page.get_by_role("option")
        expect(front.page.get_by_role("listbox", name=f"All {units}:")).to_be_visible()
        expect(tiles).to_have_count(units)
        return tiles

    return show


def chosen(front) -> list[str]:
    """The names of the tiles that are marked."""
    marked = front.page.get_by_role("option", selected=True).all()
    return [tile.get_attribute("aria-label") for tile in marked]


def test_each_unit_is_a_tile_with_its_own_picture_and_name(front, shown):
    tiles = shown(32)
    assert tiles.evaluate_all("tiles => tiles.map((t) => t.ariaLabel)") == [
        f"unit {unit}" for unit in range(32)
    ]
    shades = front.page.locator("#part canvas").evaluate_all(SHADES)
    assert [set(shade) for shade in shades] == [{unit, 255} for unit in range(32)]
    assert chosen(front) == ["unit 7"]
    tiles.nth(20).click()
    assert front.get("chosen") == 20 and chosen(front) == ["unit 20"]
    front.set(chosen=3)  # by Python
    assert chosen(front) == ["unit 3"]


@pytest.mark.parametrize(("units", "least"), [(32, 44), (64, 44), (128, 24), (256, 24)])
@pytest.mark.parametrize("width", [1400, 390])
def test_no_tile_is_too_small_to_hit(front, shown, units, least, width):
    front.page.set_viewport_size({"width": width, "height": 900})
    tiles = shown(units)
    assert tiles.evaluate_all(SMALL) >= least
    assert front.page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 1400:
        front.part.evaluate("part => { part.style.width = '29em'; }")  # as beside an answer
        assert tiles.evaluate_all(IN_A_ROW) ** 2 >= units, "it is higher than wide"
        assert tiles.evaluate_all(SMALL) >= least


def test_by_keyboard_there_is_one_stop_and_arrows_go_on_from_it(front, shown):
    tiles, press = shown(256), front.page.keyboard.press
    across = tiles.evaluate_all(IN_A_ROW)
    press("Tab")
    assert front.page.evaluate(FOCUSED) == "unit 7", "the chosen one"
    for key, unit in (
        ("ArrowRight", 8), ("ArrowDown", 8 + across), ("ArrowLeft", 7 + across), ("ArrowUp", 7),
        ("ArrowUp", 7), ("End", 255), ("ArrowRight", 255), ("ArrowDown", 255), ("Home", 0),
        ("ArrowLeft", 0), ("a", 0), ("Control+ArrowRight", 0),
    ):  # fmt: skip
        press(key)
        assert front.page.evaluate(FOCUSED) == f"unit {unit}", key
    assert front.get("chosen") == 7, "to look around chooses nothing"
    for key, unit in (("ArrowRight", 1), ("ArrowRight", 2)):
        press(key)
        press("Enter" if unit == 1 else "Space")
        assert front.get("chosen") == unit and chosen(front) == [f"unit {unit}"]
        assert front.page.evaluate(FOCUSED) == f"unit {unit}"
    press("Tab")
    assert front.page.evaluate(FOCUSED) is None, "the next Tab leaves"
    press("Shift+Tab")
    assert front.page.evaluate(FOCUSED) == "unit 2", "and comes back to where it was"


def test_the_digits_of_its_number_go_to_a_unit(front, shown):
    shown(256)
    front.page.keyboard.press("Tab")
    front.page.clock.install(time=0)
    front.page.clock.pause_at(1000)  # on a busy machine a key may come late
    for digit in "17":
        front.page.keyboard.press(digit)
    assert front.page.evaluate(FOCUSED) == "unit 17"
    front.page.keyboard.press("9")
    assert front.page.evaluate(FOCUSED) == "unit 179"
    front.page.keyboard.press("5")  # there is no unit 1795
    assert front.page.evaluate(FOCUSED) == "unit 5"
    front.page.clock.run_for(2000)
    front.page.keyboard.press("6")
    assert front.page.evaluate(FOCUSED) == "unit 6", "another number"


def test_units_stand_in_the_order_that_was_given(front, shown):
    tiles, backwards = shown(32), range(31, -1, -1)
    front.set(sheet=sheet(grey(32), "Backwards:", backwards, [f"{n}!" for n in range(32)]))
    expect(front.page.get_by_role("listbox", name="Backwards:")).to_be_visible()
    assert tiles.evaluate_all("tiles => tiles.map((t) => t.ariaLabel)") == [
        f"unit {unit}: {unit}!" for unit in backwards
    ]
    shades = front.page.locator("#part canvas").evaluate_all(SHADES)
    assert [set(shade) for shade in shades] == [{unit, 255} for unit in backwards]
    assert chosen(front) == ["unit 7: 7!"], "it is the same unit at another place"
    front.page.keyboard.press("Tab")
    for key, unit in (("Home", 31), ("ArrowRight", 30), ("4", 4)):
        front.page.keyboard.press(key)
        assert front.page.evaluate(FOCUSED) == f"unit {unit}: {unit}!", key
    front.page.keyboard.press("Enter")
    assert front.get("chosen") == 4 and chosen(front) == ["unit 4: 4!"]


def test_while_another_sheet_is_made_the_old_one_is_dimmed_and_chooses_nothing(front, shown):
    tiles = shown(64)
    tiles.nth(9).click()
    front.set(busy=True)
    listbox = front.page.get_by_role("listbox")
    assert listbox.get_attribute("aria-disabled") == listbox.get_attribute("aria-busy") == "true"
    assert "tlc-old" in listbox.get_attribute("class")
    front.page.evaluate("() => document.querySelectorAll('[role=option]')[3].click()")
    front.page.keyboard.press("ArrowRight")
    front.page.keyboard.press("Enter")
    assert front.get("chosen") == 9 and front.page.evaluate(FOCUSED) == "unit 10"
    front.set(sheet=sheet(grey(32), "All 32:"), busy=False, chosen=9)
    expect(tiles).to_have_count(32)
    assert front.page.evaluate(FOCUSED) == "unit 10", "the focus stays"
    tiles.nth(31).click()
    assert front.get("chosen") == 31 and listbox.get_attribute("aria-busy") == "false"


def test_where_the_focused_unit_goes_the_chosen_one_has_the_focus(front, shown):
    tiles = shown(256)
    tiles.nth(200).click()
    front.set(sheet=sheet(grey(32), "All 32:"), chosen=31)
    expect(tiles).to_have_count(32)
    assert front.page.evaluate(FOCUSED) == "unit 31" and chosen(front) == ["unit 31"]


def test_the_last_of_two_sheets_is_shown(front, shown):
    tiles = shown(64)
    front.set(sheet=sheet(grey(256), "All 256:"))
    front.set(sheet=sheet(grey(32), "All 32:"))
    expect(front.page.get_by_role("listbox", name="All 32:")).to_be_visible()
    expect(tiles).to_have_count(32)


def test_the_chosen_one_is_marked_without_colour_too(front, shown):
    tiles = shown(64)
    plain, marked = tiles.nth(6), tiles.nth(7)
    ring = "tile => getComputedStyle(tile).boxShadow"
    assert plain.evaluate(ring) == "none" != marked.evaluate(ring)
    front.page.emulate_media(forced_colors="active")
    line = "tile => getComputedStyle(tile).outlineStyle"
    assert plain.evaluate(line) == "none" and marked.evaluate(line) == "solid"
    assert marked.get_attribute("aria-label") == "unit 7"
    assert len(front.page.locator("#part canvas").evaluate_all(SHADES)) == 64
