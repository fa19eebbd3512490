"""Slides: what is on them follows from the notebook, they fit, and they need no network."""

import os
import re

import browser
import pytest
from conftest import in_place_of_the_templates
from nbformat import read, write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tl_course.app import cli, notebooks, slides
from tl_course.base import storage

LONG = "This paragraph goes on and on about the very same thing. " * 12


def shows(*html, source="figure()", **metadata):
    outputs = [new_output("display_data", {"text/html": part}) for part in html]
    return new_code_cell(source, outputs=outputs, metadata=metadata)


def picture(height=500):
    svg = f"%3Csvg xmlns='http://www.w3.org/2000/svg' width='300' height='{height}'/%3E"
    return f'<img alt="nothing" src="data:image/svg+xml,{svg}">'


def a_notebook(*more):
    alive = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"a": 1}})
    still = f'<div data-tlc-still="1"><h3>To touch</h3><p>SAID AT LENGTH</p>{picture()}</div>'
    experiment = shows(still, source="tl.widgets.Pad()")
    experiment.outputs.insert(0, alive)
    cells = [
        new_markdown_cell("# 03 · A lesson\n\nWhat [01](01_first.ipynb) began."),
        shows("<p>SET UP</p>", source="budget = 3", tags=["parameters"]),
        shows("<p>THIS MACHINE</p>", source="import tl", jupyter={"source_hidden": True}),
        experiment,
        new_markdown_cell("## A question\n\nIt is asked here."),
        shows(
            "<b>Predict.</b> HOW MANY?", '<p class="tl-prediction">SO MANY</p>', picture(),
            source="tl.prediction(lesson)",
        ),
        shows('<div class="tl-claim">IT HELD</div>', jupyter={"source_hidden": True}),
        new_markdown_cell("\n\n".join([LONG, "In between.", LONG])),
        new_code_cell("by_hand = 6 * 7", outputs=[new_output("stream", name="stderr", text="0%|")]),
        new_markdown_cell("## Exercise"),
        new_markdown_cell("### Freeze\n\nDo it."),
        shows("<p>NOT ATTEMPTED</p>", source="def freeze(): ...", tags=["exercise"]),
        new_markdown_cell("## Your predictions in this notebook"),
        shows("<p>NOTHING</p>", source="tl.predictions(lesson)"),
        new_markdown_cell("## What you saw\n\nMuch. See [the glossary](../docs/glossary.md)."),
        *more,
        new_markdown_cell("---\n# Dig deeper\n\nSECRETS"),
        shows("<p>DEEP</p>"),
    ]  # fmt: skip
    return new_notebook(cells=cells)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A course of one notebook, which has its outputs."""
    (tmp_path / "notebooks").mkdir()
    write(a_notebook(), tmp_path / "notebooks" / "03_lesson.ipynb")
    monkeypatch.setattr(notebooks, "root", lambda: tmp_path)
    return tmp_path


def by_slide(node):
    """The texts, codes and outputs of each slide, joined."""
    texts = []
    for cell in slides.as_slides(node).cells:
        if cell.metadata["slideshow"]["slide_type"] != "-":
            texts.append("")
        hidden = cell.metadata.get("transient", {}).get("remove_source")
        texts[-1] += "" if hidden else cell.source + "\n"
        texts[-1] += "".join(str(output) for output in cell.get("outputs", []))
    return texts


def test_a_slide_begins_at_headings_and_a_result_waits_for_the_vote():
    texts = by_slide(a_notebook())
    asked = next(i for i, text in enumerate(texts) if "HOW MANY?" in text)
    assert texts[asked].startswith("## A question") and "SO MANY" not in texts[asked]
    assert "SO MANY" in texts[asked + 1] and "<img" in texts[asked + 1]
    assert any("IT HELD" in text for text in texts[asked + 1 :])
    assert [text for text in texts if text.startswith("### Freeze")][0].count("def freeze") == 1
    assert texts[-1].startswith("## What you saw")
    assert "by_hand = 6 * 7" in "".join(texts), "the code is the point"


def test_a_picture_in_a_text_stays_with_it_where_links_go():
    text = new_markdown_cell("See [01](01.ipynb).\n\n![navy](attachment:a.png)")
    text.attachments = {"a.png": {"image/png": "iVBO"}}
    (slide,) = slides.as_slides(new_notebook(cells=[text])).cells
    assert slide.source == "See 01.\n\n![navy](attachment:a.png)"
    assert slide.attachments == text.attachments


@pytest.mark.parametrize(
    "absent",
    [
        "SET UP", "THIS MACHINE", "SECRETS", "DEEP", "NOT ATTEMPTED", "NOTHING", "0%|",
        "Your predictions", "tl.prediction(", "SAID AT LENGTH", "widget-view", "](", "figure()",
    ],
)  # fmt: skip
def test_what_is_for_one_learner_or_for_later_is_left_out(absent):
    node = a_notebook()
    node.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    assert absent in str(node) and absent not in "".join(by_slide(node))
    assert "widgets" not in slides.as_slides(node).metadata


def test_no_experiment_gives_a_vote_away():
    still = '<div data-tlc-still="1"><h3>THE RESULT</h3></div>'
    pad = shows(still, source="import tl_course as tl\n\ntl.widgets.Teach()")
    (first,) = notebooks.find(["00"])
    assert pad.source in [cell.source for cell in read(first, as_version=4).cells]
    curve = shows(still, source="tl.widgets.HowMuch(net)")
    _, question, result = slides.as_slides(
        new_notebook(cells=[pad, new_markdown_cell("Draw."), curve])
    ).cells
    assert question.source.startswith("**Predict:** What percentage")
    assert result.metadata.slideshow.slide_type == "subslide" and "THE RESULT" in str(result)


def test_a_long_text_is_cut_between_paragraphs_and_nothing_is_lost():
    long = next(cell.source for cell in a_notebook().cells if "on and on" in cell.source)
    pages = [text for text in by_slide(a_notebook()) if "on and on" in text]
    assert len(pages) == 2
    assert re.sub(r"\W+", "", long) in re.sub(r"\W+", "", "".join(pages))


def test_a_page_needs_no_other_file_and_takes_no_strangers_template(clone, monkeypatch):
    in_place_of_the_templates(clone / "strange", clone / "ran")
    monkeypatch.chdir(clone / "strange")
    assert cli.main(["slides", "--out", str(clone / "out")]) == 0
    assert os.listdir(clone / "out") == ["03_lesson.slides.html"]
    page = (clone / "out" / "03_lesson.slides.html").read_text(encoding="utf-8")
    page = re.sub("(<script>).*?</script>", r"\1", page, flags=re.S)
    loads = r"""@import|<link|(?:src=|url\()["']?(?!data:|#)[\w./]"""
    assert "SO MANY" in page and not re.findall(loads, page)
    assert re.findall(loads, "<script src='https://a.b/c.js'>"), "the test can fail"
    assert not (clone / "ran").exists()


def test_the_command_makes_those_that_are_asked_for(clone, capsys):
    bare = new_notebook(cells=[new_code_cell("print('RUN', 6 * 7)")])
    write(bare, clone / "notebooks" / "04_bare.ipynb")
    assert cli.main(["slides", "04", "--out", str(clone / "out")]) == 0
    assert capsys.readouterr().out.strip() == str(clone / "out" / "04_bare.slides.html")
    page = (clone / "out" / "04_bare.slides.html").read_text(encoding="utf-8")
    assert "RUN 42" in page, "a notebook without outputs is run"
    assert read(clone / "notebooks" / "04_bare.ipynb", 4).cells[0].outputs == []
    assert not (clone / "out" / "03_lesson.slides.html").exists()


def test_nothing_is_overwritten_unasked(clone, capsys):
    mine = clone / "out" / "03_lesson.slides.html"
    mine.parent.mkdir()
    mine.write_text("my work")
    assert cli.main(["slides", "--out", str(clone / "out")]) == 2
    assert "--force" in capsys.readouterr().err and mine.read_text() == "my work"
    assert cli.main(["slides", "--out", str(clone / "out"), "--force"]) == 0
    assert mine.read_text(encoding="utf-8") != "my work"


def test_a_notebook_that_fails_has_no_slides_and_says_why(clone, capsys):
    write(new_notebook(cells=[new_code_cell("1 / 0")]), clone / "notebooks" / "04_bad.ipynb")
    assert cli.main(["slides", "04", "--out", str(clone / "out")]) == 2
    assert "04_bad.ipynb could not be run" in capsys.readouterr().err
    assert not (clone / "out" / "04_bad.slides.html").exists()


def test_reveal_is_as_it_was_published():
    """reveal.js 6.0.2 as npm has it: neither file is ever edited here."""
    for name, digest in {
        "reveal.js": "aa1bbbf2617b23a623b23612cb3c5bdb63de512e652bf20fcfa832b045d37844",
        "reveal.css": "615ee850cbbb98a0f688b60ed37b21819a3f54c9f3e6f20e33e63693ab74a0c0",
    }.items():
        assert storage.sha256(slides.REVEAL / name) == digest, name


HIGH = "() => { const s = Reveal.getCurrentSlide(); return s.scrollHeight * s.style.zoom; }"


def shown_in(chromium, path):
    """Each slide, looked at: how many there are, and those that are higher than the screen."""
    with browser.new_page(chromium, 1280, 720) as page:
        asked, seen, high = [], 0, []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        while True:
            seen += 1
            if page.evaluate(HIGH) > int(slides.SIZE[1]) + 1:
                high.append(page.evaluate("() => Reveal.getCurrentSlide().innerText"))
            if page.evaluate("Reveal.isLastSlide()"):
                break
            page.keyboard.press("Space")
        away = [url for url in asked if url != path.as_uri() and not url.startswith("data:")]
        assert not page.said and not away, (page.said, away)
        return seen, high


def test_what_is_too_high_is_made_to_fit(chromium, clone):
    node = a_notebook(shows(picture(1900), "<p>below</p>"), new_markdown_cell(LONG * 6))
    (notebook,) = notebooks.find(["03"])
    write(node, notebook)
    page = slides.make_slides(notebook, clone / "out")
    seen, high = shown_in(chromium, page)
    assert seen == len(by_slide(node)) and high == []
    text = page.read_text(encoding="utf-8")
    unfitted = re.sub(r"function fit\(slide\) \{", r"\g<0> slide.style.zoom = 1; return;", text)
    page.write_text(unfitted, encoding="utf-8")
    assert len(shown_in(chromium, page)[1]) >= 2, "the test can fail"


@pytest.mark.soak
@pytest.mark.parametrize("path", notebooks.find(), ids=lambda path: path.stem)
def test_the_slides_of_a_notebook_fit_and_need_no_network(chromium, path, tmp_path):
    with notebooks.this_python_kernel():
        page = slides.make_slides(path, tmp_path, "quick")
    seen, high = shown_in(chromium, page)
    assert seen >= 15 and high == []
