"""axe-core finds nothing wrong in any experiment: light and dark, before and after it was used.

Every experiment of `tl_course.widgets` is here, with a prediction and a question. They are in one
notebook, since starting a kernel takes longer than looking at all of them.
"""

import itertools

import browser
import pytest
from axe_playwright_python.sync_playwright import Axe

from tl_course import widgets

SET_UP = """
import pathlib, tempfile
import tl_course as tl
from tl_course.core import network
from tl_course.data.sources import classes
from tl_course.lessons.lesson import Lesson
from tl_course.lessons.questions import Question
from tl_course.widgets import asking
net, untrained, lesson = tl.pretrained(), network.FiveLayerNet(), Lesson("03", "quick")
folder, shown = pathlib.Path(tempfile.mkdtemp(dir=".")), {}
def press(form, what):
    form._handle_custom_msg({"press": what, "typed": []}, [])
def show(name, experiment):
    shown[name] = experiment
    return experiment
"""
# What makes each, and what a learner does then (`x` is the experiment), one thing after another.
EVERY = {
    "Teach": ("tl.widgets.Teach(net)", ["x.fill.click(); x.train(); x.wait()"]),
    "LayerExplorer": (
        "tl.widgets.LayerExplorer(net, untrained)",
        ["x.wait(); x.layer.value = 'layer2'; x.draw_button.value = True; x.wait()"],
    ),
    "TrainingLab": (
        "tl.widgets.TrainingLab(net)",
        ["x.images.value = 10; x.start_button.click(); x.wait(); x.start_button.click(); x.wait()"],
    ),
    "HowMuch": ("tl.widgets.HowMuch(net)", ["press(x.fields, 'skip')"]),
    "ModalityExplorer": ("tl.widgets.ModalityExplorer()", ["x.grid.chosen = [1, 1]"]),
    "OwnTask": (
        "tl.widgets.OwnTask(net, own=folder / 'own', making=folder)",
        [
            "x.wait(); x.steps.chosen = 1",
            "x.steps.chosen = 2",
            "x.steps._handle_custom_msg({'next': x.steps.next}, []); x.wait()",
            "x.steps.chosen = 4",
        ],
    ),
    "DrawingPad": (
        "tl.widgets.DrawingPad({'before': (net, classes.names())})",
        ["x.choice.value = '3'"],
    ),
    "prediction": (
        "asking.prediction(lesson, 'axe', 'How many of 100?', 93, 'its result')",
        ["press(x.form, 'answer')", "press(x.form, 'skip')"],  # first without a number
    ),
    "choice": (
        "asking.prediction(lesson, 'axe-2', 'Which?', 'this', options=['this', 'that'])",
        ["press(x.form, 'skip')"],
    ),
    "question": (
        "asking.question(Question('Is it?', 'yes', {'yes': 'Because it is.', 'no': 'It is.'}))",
        ["x.form.typed = ['no']"],
    ),
    "table": ("asking.predictions(lesson)", []),
}
OPTIONS = {"resultTypes": ["violations", "passes"]}
THEMES = {"light": browser.light, "dark": browser.dark}
# Runs code in the notebook's kernel, and waits until it has; returns what went wrong.
IN_KERNEL = """async code => {
  const { session } = window.jupyterapp.shell.currentWidget.sessionContext;
  const { content } = await session.kernel.requestExecute({ code }).done;
  return content.status === 'ok' ? '' : `${content.ename}: ${content.evalue}`;
}"""
# JupyterLab's body has no height and hides what overflows: axe takes all text for hidden, and looks
# at no contrast.
IN_SIGHT = "html, body { overflow: visible !important; }"
SLIDERS = """root => [...root.querySelectorAll('[role=slider]')]
  .filter(slider => slider.checkVisibility())
  .map(slider => ['aria-label', 'aria-valuetext'].map(name => slider.getAttribute(name)))"""


@pytest.fixture(scope="module")
def notebook(lab, chromium):
    """A page with all of them, each in its cell."""
    cells = [SET_UP, *(f"show('{name}', {makes})" for name, (makes, _) in EVERY.items())]
    with browser.new_page(chromium, width=1400, height=1600) as page:
        browser.open_notebook(page, lab, lab.write("axe.ipynb", cells))
        browser.run_all(page)
        page.add_style_tag(content=IN_SIGHT)
        yield page
    lab.end_kernels()


def place_of(page, name):
    """The experiment, in view."""
    place = page.locator(".jp-CodeCell").nth(1 + list(EVERY).index(name)).locator(".tlc").first
    place.scroll_into_view_if_needed()
    place.wait_for()
    return place


def look(page, name):
    """What is wrong with it, in words, and of how much text the contrast was measured."""
    place = place_of(page, name)
    browser.painted(page)
    page.evaluate("document.querySelectorAll('[data-axe]').forEach(e => delete e.dataset.axe)")
    place.evaluate("root => root.dataset.axe = ''")
    report = Axe().run(page, "[data-axe]", OPTIONS)
    passed = {rule["id"]: len(rule["nodes"]) for rule in report.response["passes"]}
    wrong = report.generate_report() if report.violations_count else ""
    for words in place.evaluate(SLIDERS):
        wrong += "" if all(words) else f"a slider's name and words: {words}\n"
    return wrong, passed.get("color-contrast", 0)


def test_every_experiment_is_here():
    assert set(widgets._IN) <= set(EVERY), "add what is new, with something to do in it"


@pytest.mark.parametrize("name", EVERY)
def test_axe_finds_nothing(notebook, name):
    wrong, order = [], itertools.cycle(["light", "dark", "dark", "light"])
    for done in ["", *EVERY[name][1]]:
        if done:
            failed = notebook.evaluate(IN_KERNEL, f"x = shown[{name!r}]\n{done}")
            assert not failed, failed
        for theme in itertools.islice(order, 2):
            THEMES[theme](notebook)
            problems, measured = look(notebook, name)
            state = f"{name}, {theme}, after `{done}`"
            assert measured, f"{state}: no contrast was measured"
            print(f"{state}: {measured} pieces of text")
            if problems:
                wrong.append(f"{state}: {problems}")
                browser.screenshot(notebook, f"axe-{name}-{len(wrong)}")
    assert not wrong, "\n".join(wrong)
