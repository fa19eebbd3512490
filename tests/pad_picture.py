"""Makes the picture at the top of notebook 00, of its own pad in a real JupyterLab.

A 3 is drawn, and drawn again after the network has learnt from fifty digits of strangers. What the
pad answers is shown, whatever it is; the words of the picture, and those in its place, are in the
notebook and here. Run it with the course's Python: `python tests/pad_picture.py`.
"""

import base64
import io
import tempfile
from pathlib import Path

import browser
import nbformat
import numpy as np
from PIL import Image
from playwright.sync_api import expect
from scipy.interpolate import make_interp_spline

from tl_course.app import notebooks

NAME = "pad.png"
SHARP = 2  # pixels of the picture for one of the screen: it is as sharp on a fine one
COLOURS = 128
HEADINGS = (
    "1 · You draw a 3.",
    "2 · It has never seen a digit.",
    "3 · Fifty digits later, it reads yours.",
)
PAGE = """<!doctype html><meta charset="utf-8"><style>
  body {{ margin: 0; background: #fff; color: #1a1a1a; font: 650 16px/1.3 system-ui, sans-serif; }}
  main {{ display: flex; gap: 30px; padding: 5px 16px 0; width: max-content; }}
  figure {{ margin: 0; }}
  figcaption {{ margin-bottom: 4px; }}
  img {{ display: block; zoom: {zoom}; }}
</style><main>{figures}</main>"""
FIGURE = '<figure><figcaption>{}</figcaption><img src="data:image/png;base64,{}"></figure>'


def rounded(stroke: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A curve through the points of a stroke."""
    curve = make_interp_spline(range(len(stroke)), np.array(stroke))
    return [tuple(point) for point in curve(np.linspace(0, len(stroke) - 1, 60))]


def seen(page, pad) -> list[bytes]:
    """What is on the pad, and what the network takes it for, as pictures."""
    three = [rounded(stroke) for stroke in browser.DIGITS[3]]
    browser.draw(page, pad.locator("canvas"), three, steps=1)
    page.wait_for_function(
        "root => +root.dataset.answered >= +root.dataset.sent", arg=pad.element_handle()
    )
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(1000)  # its pictures come, and its bars slide
    style = ".tlc-answer { min-height: 0 !important; } .tlc-also { display: none; }"
    parts = pad.locator("canvas"), pad.locator(".tlc-answer")
    pad.page.add_style_tag(content=style)
    return [part.screenshot() for part in parts]


def make(folder: Path) -> bytes:
    """The picture as PNG."""
    with (
        browser.jupyterlab(folder) as lab,
        browser.chromium() as chromium,
        browser.new_page(chromium, 1400, 1000, device_scale_factor=SHARP) as page,
    ):
        cell = "import tl_course as tl\ntl.widgets.Teach()"
        browser.open_notebook(page, lab, lab.write("pad.ipynb", [cell]))
        browser.run_all(page)
        pad = browser.scroll_to(page, ".tlc-pad")
        drawing, before = seen(page, pad)
        pad.get_by_role("button", name="Clear").click()
        for number in range(5):
            page.get_by_role("button", name="Fill the rest").click()
            expect(page.locator(".tlc-tile")).to_have_count(10 * number + 20)
            page.wait_for_timeout(600)  # a second click would be half of a double click
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_text("That is enough to read on").wait_for()
        _, after = seen(page, pad)
        pictures = [base64.b64encode(picture).decode() for picture in (drawing, before, after)]
        figures = "".join(map(FIGURE.format, HEADINGS, pictures))
        page.set_content(PAGE.format(figures=figures, zoom=1 / SHARP))
        png = page.locator("main").screenshot()
    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS).save(small, "png", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    (notebook,) = notebooks.find(["00"])
    with tempfile.TemporaryDirectory() as folder:
        png = base64.b64encode(make(Path(folder))).decode()
    node = nbformat.read(notebook, as_version=4)
    node.cells[0].attachments = {NAME: {"image/png": png}}
    nbformat.write(node, notebook)
    print(f"{len(png) * 3 // 4 / 1000:.0f} kB in {notebook.name}")
