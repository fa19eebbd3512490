"""Clicks at random in anything made of ipywidgets, and looks for errors and growing memory."""

from __future__ import annotations

import ctypes
import datetime
import gc
import io
import random
import sys
import time

import ipywidgets as widgets
import psutil
from conftest import HUNG
from PIL import Image

from tl_course.data.targets import drawn, drawn_files
from tl_course.widgets.asking import Form
from tl_course.widgets.drawing_pad import Pad
from tl_course.widgets.matrix_grid import MatrixGrid
from tl_course.widgets.parts import Share
from tl_course.widgets.training_lab import Network
from tl_course.widgets.unit_sheet import UnitSheet

WORDS = ("", "Ada", "{", '{"experiment": 1}', "ä" * 300, "<b>x</b>", "../..", "7")


def draw_on(pad: Pad, strokes: list, final: bool = True, kept: bool = False) -> None:
    """What the browser does at the end of a stroke, and for *Keep it*."""
    revision, sample = pad.drawing["revision"] + 1, bool(pad.sample) and not strokes
    if kept and pad.keep:
        keep(pad, {"revision": revision, "strokes": strokes, "sample": sample})
        strokes = []
    with pad.hold_trait_notifications():  # as one message
        pad.drawing = {"revision": revision, "strokes": strokes, "final": final}
        if kept or strokes:
            pad.sample = ""


def keep(pad: Pad, *keeps: dict) -> None:
    """What the browser sends of drawings that Python may not have heard of."""
    pad._handle_custom_msg(list(keeps), [])


def press(form: Form, what: str = "answer", *typed: str) -> None:
    """What the browser sends when something is typed and pressed at once."""
    form._handle_custom_msg({"press": what, "typed": list(typed)}, [])


def any_answer(form: Form, rng: random.Random) -> None:
    form.typed = [rng.choice((*WORDS, *form.options)) for _ in form.labels or "one"]
    if rng.random() < 0.5:
        press(form, "skip" if form.skip and rng.random() < 0.3 else "answer", *form.typed)


def scribble(pad: Pad, rng: random.Random) -> None:
    strokes = [
        [[rng.randrange(256), rng.randrange(256)] for _ in range(rng.randrange(1, 12))]
        for _ in range(rng.randrange(3))
    ]
    draw_on(pad, strokes, rng.random() < 0.5, rng.random() < 0.3)


def any_text(share: Share, rng: random.Random) -> None:
    share.value = rng.choice(WORDS)


def any_cell(grid: MatrixGrid, rng: random.Random) -> None:
    grid.chosen = [rng.randrange(len(grid.rows)), rng.randrange(len(grid.columns))]


def any_layers(network: Network, rng: random.Random) -> None:
    if not network.busy:  # the browser refuses it then
        network.fixed = rng.randrange(5)


def any_unit(sheet: UnitSheet, rng: random.Random) -> None:
    if not sheet.busy:
        sheet.chosen = rng.choice(sheet.sheet["order"])


def hand_over(upload: widgets.FileUpload, content: bytes, name: str = "a.png") -> None:
    """What the browser does when a file is chosen."""
    now = datetime.datetime.now(datetime.UTC)
    upload.value = [{
        "name": name, "type": "", "size": len(content), "content": memoryview(content),
        "last_modified": now,
    }]  # fmt: skip


def any_file(upload: widgets.FileUpload, rng: random.Random) -> None:
    """A picture or a hand, or something that is none."""
    if upload.accept == ".json":
        hand = [drawn.sample_of_digit(n, rng.randrange(3), 0) for n in range(rng.randrange(1, 10))]
        text = drawn_files.drawings_as_text(rng.choice(("Ada", "Alan")), hand)
        return hand_over(upload, text.encode() if rng.random() < 0.7 else b"{}")
    file = io.BytesIO()
    Image.new("RGB", (rng.randrange(1, 400), rng.randrange(1, 400)), "red").save(file, "PNG")
    hand_over(upload, file.getvalue() if rng.random() < 0.7 else b"{}")


SPECIAL = {
    Share: any_text, Pad: scribble, MatrixGrid: any_cell, Network: any_layers,
    UnitSheet: any_unit, widgets.FileUpload: any_file, Form: any_answer,
}  # fmt: skip


def in_reach(widget) -> bool:
    return not getattr(widget, "disabled", False)


def shown(widget):
    """The widgets that a learner can reach: not hidden, nor inside something hidden."""
    if getattr(widget, "layout", None) is not None and widget.layout.display == "none":
        return
    if in_reach(widget):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from shown(child)


def touch(widget, rng: random.Random) -> bool:
    """Do to one widget what a learner might; False where there is nothing to do."""
    act = next((SPECIAL[kind] for kind in type(widget).__mro__ if kind in SPECIAL), None)
    if act is not None:
        act(widget, rng)
    elif isinstance(widget, widgets.Button):
        widget.click()
    elif isinstance(widget, widgets.ToggleButton | widgets.Checkbox):
        widget.value = not widget.value
    elif isinstance(widget, widgets.SelectionSlider | widgets.Dropdown | widgets.ToggleButtons):
        if len(widget.options):
            widget.index = rng.randrange(len(widget.options))
    elif isinstance(widget, widgets.IntSlider | widgets.BoundedIntText):
        widget.value = rng.randrange(widget.min, widget.max + 1, max(widget.step or 1, 1))
    elif isinstance(widget, widgets.FloatSlider | widgets.BoundedFloatText):
        widget.value = rng.uniform(widget.min, widget.max)
    elif isinstance(widget, widgets.FloatLogSlider):
        widget.value = widget.base ** rng.uniform(widget.min, widget.max)
    elif isinstance(widget, widgets.Text | widgets.Textarea):
        widget.value = rng.choice(WORDS)
    elif isinstance(widget, widgets.IntText | widgets.FloatText):
        widget.value = rng.randrange(-5, 5000)
    else:
        return False
    return True


def wait_until(true) -> None:
    """Wait until `true()` is."""
    until = time.monotonic() + HUNG
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    assert true()


LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
if hasattr(LIBC, "mallopt"):  # glibc otherwise keeps ever larger pieces for later: +40% in time
    M_MMAP_THRESHOLD, ITS_HIGHEST = -3, 2**25
    LIBC.mallopt(M_MMAP_THRESHOLD, ITS_HIGHEST)


def memory() -> float:
    """What this process holds, in MB, without what the C library keeps for later (Linux)."""
    gc.collect()
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)
    return psutil.Process().memory_info().rss / 1e6


def at_rest(experiment) -> float:
    """The memory while no work is under way."""
    experiment.stop()
    experiment.wait(HUNG)
    return memory()


def click_around(experiment, touches: int, seed: int = 0) -> None:
    """Touch an Experiment at random, `touches` times.

    Fails on an error in a callback (run it with TL_COURSE_STRICT set), an error in work, memory
    that grows by more than a tenth after the first third, or a state that it refuses in the end.
    """
    rng, done, tried, settled = random.Random(seed), 0, 0, None
    while done < touches:
        done += touch(rng.choice(list(shown(experiment.view))), rng)
        experiment.raise_errors()
        if settled is None and done >= touches / 3:
            settled = at_rest(experiment)
        tried += 1
        assert tried < 100 * touches, f"after {done} touches there is nothing to touch"
    now = at_rest(experiment)
    text = experiment.state_text()
    experiment.set_state(text)
    assert experiment.state_text() == text
    print(f"{experiment.name}: {touches} touches, {settled:.0f} → {now:.0f} MB")
    assert now <= 1.1 * settled, f"memory grew from {settled:.0f} to {now:.0f} MB"
