"""The story's picture stands at the top of each notebook as it is drawn, with its words."""

import base64
import io

import nbformat
import numpy as np
import pytest
from PIL import Image

from tl_course.app import notebooks
from tl_course.lessons import story

NUMBERED = {path.stem[:2]: path for path in notebooks.find()}


def test_every_notebook_has_its_part_of_the_story():
    assert set(story.LIT) == set(NUMBERED)
    assert all(set(parts) <= set(story.PARTS) and parts for parts in story.LIT.values())
    assert set().union(*(story.LIT[number] for number in NUMBERED if number != "00")) == {
        *story.PARTS
    }


@pytest.mark.parametrize("number", NUMBERED)
def test_the_picture_in_a_notebook_is_the_one_that_is_drawn(number):
    node = nbformat.read(NUMBERED[number], as_version=4)
    (cell,) = (cell for cell in node.cells if story.FILE in cell.get("attachments", {}))
    drawn = story.story(number)
    assert f"![{drawn.alt}](attachment:{story.FILE})" in cell.source
    png = base64.b64decode(cell.attachments[story.FILE]["image/png"])
    embedded, made = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)
        for data in (png, drawn.data)
    )
    assert embedded.shape == made.shape and np.abs(embedded - made).mean() < 1
    assert len(png) < 40_000, "a notebook stays small"
