"""A task of your own in a real JupyterLab: pictures are handed over, trained on, and tried.

The camera is Chromium's own fake one, which shows a moving picture.
"""

import io
import re
import zipfile

import browser
import numpy as np
import pytest
from conftest import HUNG
from PIL import Image
from playwright.sync_api import expect

CELL = """
from tl_course.core import pretraining
from tl_course.widgets import OwnTask
task = OwnTask(pretraining.pretrained(), option="1", augment="off")
task
"""
FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
FILMING = (
    "video => video.srcObject?.getTracks().some(track => track.readyState === 'live') ?? false"
)


@pytest.fixture(scope="module")
def leaves(tmp_path_factory):
    """A folder of 12 pictures of each of two classes that are easy to tell apart, and a .zip."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(root / "leaves.zip", "w") as archive:
        for name, across in (("across", True), ("down", False)):
            (root / "leaves" / name).mkdir(parents=True)
            for number in range(12):
                stripes = np.repeat(rng.integers(0, 255, 12), 4).astype(np.uint8)
                grey = np.tile(stripes[:, None], (1, 48))
                file = io.BytesIO()
                Image.fromarray(grey if across else grey.T).convert("RGB").save(file, "PNG")
                (root / "leaves" / name / f"{number}.png").write_bytes(file.getvalue())
                archive.writestr(f"leaves/{name}/{number}.png", file.getvalue())
        archive.writestr("leaves/across/broken.png", b"nothing")
    return root


@pytest.fixture(scope="module")
def place(lab, chromium):
    """The experiment in its notebook, in a browser with a camera."""
    with_camera = chromium.browser_type.launch(
        executable_path=browser.executable(), args=[*browser.ARGUMENTS, *FAKE_CAMERA],
        timeout=HUNG * 1000,
    )  # fmt: skip
    with browser.new_page(with_camera, width=1400) as page:
        browser.open_notebook(page, lab, lab.write("own.ipynb", [CELL]))
        browser.run_all(page)
        browser.scroll_to(page, ".tlc-share")
        yield page.locator(".tlc").first
        browser.page_is_well(page)
    with_camera.close()
    lab.end_kernels()


def go_on(place, words):
    """Press the button for what comes next, once it says so (by keyboard: it takes no two clicks
    in a second)."""
    place.get_by_role("button", name=words, exact=True).press("Enter")


def step(place, number):
    return place.locator(".tlc-steps li button").nth(number - 1)


def choose(place, name, paths):
    with place.page.expect_file_chooser(timeout=HUNG * 1000) as chooser:
        place.get_by_role("button", name=name).click()
    chooser.value.set_files(paths)


def test_from_a_zip_to_a_try(lab, place, leaves):
    page = place.page
    expect(step(place, 1)).to_contain_text("8 classes")  # to begin with
    browser.screenshot(page, "own-task-pictures")
    choose(place, "Choose a .zip", leaves / "leaves.zip")
    expect(step(place, 1)).to_contain_text("2 classes")
    expect(step(place, 2)).to_contain_text("1 left out")
    expect(place.get_by_text("They are in my-pictures/leaves")).to_be_visible()
    folder = lab.folder / "my-pictures" / "leaves"
    assert len(list(folder.glob("*/*.png"))) == 25

    go_on(place, "Next: what the checker found")
    expect(place.locator("figcaption", has_text="broken.png")).to_be_visible()
    browser.screenshot(page, "own-task-check")
    go_on(place, "Next: train")
    go_on(place, "Train")
    expect(place.locator(".tlc-big")).to_have_text(re.compile(r"^\d+ of \d+ right$"))
    expect(place.locator(":focus")).to_contain_text("try a picture")  # it stays on the button
    expect(step(place, 4)).to_contain_text(re.compile(r"Option 1: \d+ of \d+ right"))
    browser.screenshot(page, "own-task-result")
    place.get_by_role("button", name="Is it better than random layers?").click()
    expect(place.get_by_text("against 'random layers, frozen'")).to_be_visible()

    go_on(place, "Next: try a picture")
    choose(place, "A picture from a file", leaves / "leaves" / "down" / "3.png")
    words = place.locator(".tlc-words")
    expect(words).to_contain_text("3.png: down")
    expect(words).to_contain_text("one of its 2 classes, whatever you show it")
    assert place.locator(".tlc-try .tlc-bar").count() == 2
    assert place.locator(".tlc-seen img").count() == 2

    video = place.locator("video")
    place.get_by_role("button", name="Open the camera").click()
    place.page.wait_for_function("() => document.querySelector('.tlc video').videoWidth > 0")
    assert video.evaluate(FILMING)
    expect(words).to_be_hidden()  # they are about another picture
    place.get_by_role("button", name="Take the picture").click()
    expect(words).to_contain_text("the camera's picture: ")
    expect(words).to_be_visible()
    expect(place.locator("figcaption").last).to_contain_text("the rest in its edge's colour")
    browser.screenshot(page, "own-task-camera")
    place.get_by_role("button", name="Close the camera").click()
    expect(video).to_be_hidden()
    assert not video.evaluate(FILMING)
    # Out of sight it is closed as well.
    place.get_by_role("button", name="Open the camera").click()
    expect(video).to_be_visible()
    step(place, 4).click()
    page.wait_for_function("() => document.querySelector('.tlc video').srcObject === null")


def test_a_folder_and_a_class_are_added_and_a_wrong_zip_is_told(lab, place, leaves, tmp_path):
    choose_folder = "Choose a folder"
    step(place, 1).click()
    choose(place, choose_folder, leaves / "leaves")
    expect(place.get_by_text("They are in my-pictures/leaves-2")).to_be_visible()
    expect(step(place, 2)).to_contain_text("all can be used")
    assert step(place, 4).get_attribute("aria-disabled") == "true", "nothing is trained on these"
    field = place.get_by_label("Or add to a class called")
    field.fill("noise")
    rng, files = np.random.default_rng(1), [tmp_path / f"{n}.jpg" for n in range(10)]
    for file in files:
        noise = Image.fromarray(rng.integers(0, 255, (300, 300, 3), dtype=np.uint8))
        noise.save(file, quality=100)  # together more than one piece
    choose(place, "Add pictures", files)
    expect(step(place, 1)).to_contain_text("3 classes")
    added = lab.folder / "my-pictures" / "leaves-2" / "noise"
    assert all((added / file.name).read_bytes() == file.read_bytes() for file in files)

    wrong = tmp_path / "wrong.zip"
    with zipfile.ZipFile(wrong, "w") as archive:
        archive.writestr("../../escaped.png", files[0].read_bytes())
    choose(place, "Choose a .zip", wrong)
    expect(place.get_by_role("alert")).to_contain_text("leads out of its folder")
    assert not list(lab.folder.parent.rglob("escaped.png"))
    expect(step(place, 1)).to_contain_text("3 classes")
    place.get_by_role("button", name="Take the pictures made here").click()
    expect(step(place, 1)).to_contain_text("8 classes")
