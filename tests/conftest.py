"""For every test: no network, a data home of its own, and no silent skips with CI=true."""

import importlib.util
import json
import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import pytest

HUNG = 600  # seconds after which something hangs, on however busy a machine: the one time limit

LOOPBACK = ("127.", "::1", "localhost", "::ffff:127.")


class NetworkRefused(OSError):
    """A test reached for the network."""


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist: it inherits all of this
        os.environ["LOGNAME"] = config.workerinput["workerid"]  # whose answers are its own
        return
    config.tl_course_folder = folder = tempfile.mkdtemp(prefix="tl-course-tests-")
    os.environ["TL_COURSE_HOME"] = os.path.join(folder, "home")
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        os.environ[name] = os.path.join(folder, name.lower())
    # Programs that tests start: what respects a proxy finds a closed door, loopback stays open.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ[name] = "http://127.0.0.1:9"
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"
    os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_unconfigure(config):
    if hasattr(config, "tl_course_folder"):
        shutil.rmtree(config.tl_course_folder, ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def no_network():
    """Refuses connections from this process to anywhere but this machine."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        patch.setattr(socket.socket, name, _only_loopback(getattr(socket.socket, name)))
    yield
    patch.undo()


def _only_loopback(connect):
    def guarded(self, address):
        inet = self.family in (socket.AF_INET, socket.AF_INET6)
        if inet and not str(address[0]).startswith(LOOPBACK):
            raise NetworkRefused(f"tests may not reach {address[0]}: they run offline")
        return connect(self, address)

    return guarded


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    _no_skips(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report():
    outcome = yield
    _no_skips(outcome.get_result())


def _no_skips(report):
    """With CI=true a skip is a failure: nothing is left out silently. (xfail is not a skip.)"""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"with CI=true nothing may be skipped: {reason}"


@pytest.fixture
def hold(monkeypatch):
    """Keeps work under way until the test has seen it: `hold(module, name)` lets a function wait.

    It returns the event that lets every call of the function begin. `hold(module, name, after=n)`
    is for a generator, which waits before it yields what comes after the first n.
    """
    every = []

    def hold_one(module, name, after=None):
        let_go, real = threading.Event(), getattr(module, name)
        every.append(let_go)

        def waits(*arguments, **more):
            assert let_go.wait(HUNG)
            return real(*arguments, **more)

        def waits_between(*arguments, **more):
            for count, result in enumerate(real(*arguments, **more)):
                assert count < after or let_go.wait(HUNG)
                yield result

        monkeypatch.setattr(module, name, waits if after is None else waits_between)
        return let_go

    yield hold_one
    for let_go in every:
        let_go.set()


def in_place_of_the_library(folder, ran):
    """Files of a learner's that are called as modules of others; imported, they write `ran`.

    There are Python's own, libraries, and what libraries use where it is installed.
    """
    folder.mkdir(exist_ok=True)
    names = (
        "random json logging runpy tempfile pathlib fnmatch subprocess ipykernel jupyterlab "
        "numpy torch timm transformers tl_course joblib lz4 pyarrow bottleneck numexpr viztracer"
    )
    for name in names.split():
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write('{name} ')")
    (folder / "pandas").mkdir()
    (folder / "pandas" / "__init__.py").write_text(f"open({str(ran)!r}, 'a').write('pandas ')")


def in_place_of_the_templates(folder, ran):
    """Templates of a stranger's for every page that nbconvert makes; used, they write `ran`."""
    ran = json.dumps(str(ran))
    writes = f"{{{{ cycler.__init__.__globals__.os.mkdir({ran}) }}}}"
    for name in ("lab", "base", "reveal", "python", "markdown", "."):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "conf.json").write_text('{"preprocessors": {"1": {"type": "evil.Evil"}}}')
        for ending in ("html", "py", "md"):
            (folder / name / f"index.{ending}.j2").write_text(writes)


@pytest.fixture
def start(tmp_path):
    """A fresh start.py in a folder of its own, with nothing set up."""
    shutil.copy(Path(__file__).parents[1] / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    return start_in(tmp_path)


def start_in(folder):
    """A fresh start.py in a folder, as a module."""
    shutil.copy(Path(__file__).parents[1] / "start.py", folder)
    spec = importlib.util.spec_from_file_location("start_in_a_copy", folder / "start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def net():
    """The shipped network; nothing may change it."""
    from tl_course.core import pretraining

    return pretraining.pretrained()


@pytest.fixture(scope="session")
def target():
    """The handwritten digits."""
    from tl_course.data.targets.handwritten import handwritten

    return handwritten()


@pytest.fixture(scope="session")
def record_digit():
    """Writes a tone as if somebody had said a digit, named as in the Free Spoken Digit Dataset."""
    import wave

    import numpy as np

    def write(folder, digit, speaker, take, hertz):
        samples = 20000 * np.sin(2 * np.pi * hertz * np.arange(4000) / 8000)
        with wave.open(str(folder / f"{digit}_{speaker}_{take}.wav"), "wb") as file:
            file.setnchannels(1), file.setsampwidth(2), file.setframerate(8000)
            file.writeframes(samples.astype("<i2").tobytes())

    return write


@pytest.fixture(scope="session")
def a_browser():
    """That there is a browser on this machine; otherwise the test is a skip."""
    import browser

    if browser.executable() is None:
        pytest.skip(browser.HOW_TO_GET_ONE)


@pytest.fixture(scope="session")
def lab(a_browser, tmp_path_factory):
    """A JupyterLab of our own (browser.Lab)."""
    import browser

    with browser.jupyterlab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="session")
def chromium(a_browser):
    """A headless browser."""
    import browser

    with browser.chromium() as chromium:
        yield chromium


@pytest.fixture
def page(lab, chromium):
    """A fresh page of it, which remembers what its console said; kernels end with the test."""
    import browser

    with browser.new_page(chromium) as page:
        yield page
    lab.end_kernels()


@pytest.fixture(scope="session")
def front_address():
    """The address of the experiments' parts, without Jupyter."""
    import front

    with front.served() as address:
        yield address


@pytest.fixture
def front(front_address, chromium):
    """A fresh page for one part of an experiment (front.Front); its console has to stay silent."""
    import browser
    import front

    with browser.new_page(chromium) as page:
        page.goto(front_address)
        yield front.Front(page)
        assert not page.said, page.said
