"""A real JupyterLab and a real browser for tests: started by the test, on this machine alone.

`lab` and `page` are fixtures (conftest.py). A test copies or writes a notebook, opens it, runs all
of it, touches it, and ends with `page_is_well`: no error in the browser's console or the kernel.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from conftest import HUNG

from tl_course.app import notebooks
from tl_course.lessons import audience

ROOT = Path(__file__).parents[1]
SCREENSHOTS = ROOT / "build" / "browser"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ELSEWHERE = (  # macOS and Windows keep browsers off the search path
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
ARGUMENTS = [  # a container has no sandbox and no GPU; nothing may ask for the network
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-proxy-server",
]  # fmt: skip
HOW_TO_GET_ONE = (
    "no Chromium or Chrome was found: install one (Debian: `sudo apt install chromium`; macOS and "
    "Windows: google.com/chrome) and run the tests again"
)


def executable() -> str | None:
    """The browser of this machine, or None."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    return program or next((path for path in ELSEWHERE if Path(path).exists()), None)


class Lab:
    """A JupyterLab server in `folder`; `url` is known once it runs."""

    def __init__(self, folder: Path, token: str):
        self.folder, self.token, self.url = folder, token, ""

    def write(self, name: str, cells: Sequence[str]) -> str:
        """Write a notebook of code cells; returns its name."""
        node = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": notebooks.KERNEL, "display_name": "Python"}},
        )
        nbformat.write(node, self.folder / name)
        return name

    def copy(self, number: str, budget: str = "quick") -> str:
        """Copy one of the course's notebooks with another budget; returns its name."""
        (path,) = notebooks.find([number])
        node = nbformat.read(path, as_version=4)
        for cell in node.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = cell.source.replace('"laptop"', f'"{budget}"', 1)
        nbformat.write(node, self.folder / path.name)
        return path.name

    def ask(self, path: str, method: str = "GET") -> bytes:
        """Ask the server by its own interface; closing a page alone leaves its kernel running."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=HUNG) as answer:
            return answer.read()

    def end_kernels(self) -> None:
        """Shut down every notebook's kernel."""
        for session in json.loads(self.ask("sessions")):
            self.ask(f"sessions/{session['id']}", "DELETE")


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[Lab]:
    """JupyterLab on a free port of 127.0.0.1, strict about errors in callbacks."""
    token, port = secrets.token_hex(16), 20_000 + secrets.randbelow(10_000)
    work, log, runtime = folder / "work", folder / "jupyterlab.log", folder / "runtime"
    work.mkdir()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--expose-app-in-browser", "--JupyterNotebookApp.expose_app_in_browser=True",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",  # or near it
        "--ServerApp.port_retries=100", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={work}", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--LabApp.user_settings_dir={_settings(folder)}",
        f"--LabApp.workspaces_dir={folder / 'workspaces'}",  # which tabs a reload brings back
        *notebooks.SERVER,
    ]  # fmt: skip
    environment = os.environ | {
        audience.STRICT: "1", "PYTHONUNBUFFERED": "1", "JUPYTER_RUNTIME_DIR": str(runtime)
    }  # fmt: skip
    ours = notebooks.our_jupyter(work, None)  # as a learner has it
    with notebooks.this_python_kernel(), ours, log.open("w") as words:
        environment |= {name: os.environ[name] for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH")}
        server = subprocess.Popen(command, env=environment, stdout=words, stderr=words)
        try:
            lab = Lab(work, token)
            _until_it_answers(lab, server, log, runtime)
            yield lab
        finally:
            server.terminate()
            try:
                server.wait(HUNG)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _settings(folder: Path, theme: str = "JupyterLab Light") -> Path:
    """JupyterLab's settings: no news, no questions."""
    settings = folder / "settings"
    quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
    for plugin, values in (("notification", quiet), ("themes", {"theme": theme})):
        path = settings / "@jupyterlab" / "apputils-extension" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    return settings


def _until_it_answers(lab: Lab, server: subprocess.Popen, log: Path, runtime: Path) -> None:
    until = time.monotonic() + HUNG
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError, ValueError):
            for about in runtime.glob("jpserver-*.json"):  # which port it took
                lab.url = f"http://127.0.0.1:{json.loads(about.read_text())['port']}"
                lab.ask("status")
                return
        time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@contextlib.contextmanager
def chromium() -> Iterator:
    """A headless browser driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), args=ARGUMENTS, timeout=HUNG * 1000
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def new_page(browser, width: int = 1280, height: int = 900, **more) -> Iterator:
    """A page that remembers what its console said: `page.said`, a list of errors.

    Whoever sits at it has answered, drawn and trained nothing yet. What is `more` goes to
    Playwright's context, such as has_touch=True.
    """
    from playwright.sync_api import expect

    from tl_course.lessons import progress_store

    progress_store.forget_everything()
    expect.set_options(timeout=HUNG * 1000)
    context = browser.new_context(viewport={"width": width, "height": height}, **more)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(HUNG * 1000)
    page.said = []
    page.on("pageerror", lambda error: page.said.append(f"page: {error}"))
    page.on("console", lambda message: _listen(page.said, message))
    yield page
    context.close()


def _listen(problems: list[str], message) -> None:
    url = message.location.get("url", "")
    # JupyterLab puts a picture that is attached to a cell into the page before it looks it up.
    attached = url.startswith("attachment:")
    # It asks for the list of kernels every few seconds. The server answers 500 while one of them is
    # being started (jupyter-server/enterprise_gateway, issue 1395), and JupyterLab asks again.
    polled = "/api/kernels?" in url and "status of 500" in message.text
    if message.type == "error" and not (attached or polled):
        problems.append(f"console: {message.text} ({url})")


# What the page knows about its notebook, by JupyterLab's own objects: the panel is windowed, so
# that cells out of sight are not in the document.
PANEL = """
  const lab = window.jupyterapp;
  const panel = lab.shell.currentWidget;
"""
LISTEN = (
    "() => {"
    + PANEL
    + """
  const kernel = panel.sessionContext.session.kernel;
  window.tlcErrors = [];
  window.tlcRan = false;
  kernel.iopubMessage.connect((_, message) => {
    const kind = message.header.msg_type, content = message.content;
    if (kind === 'error') window.tlcErrors.push(content.ename + ': ' + content.evalue);
    if (kind === 'execute_input') window.tlcRan = true;
    // JupyterLab asks every new kernel for its widgets, before anything could have imported them.
    const early = !window.tlcRan && content.text?.startsWith('No such comm');
    if (kind === 'stream' && content.name === 'stderr' && !early) {
      window.tlcErrors.push(content.text);
    }
  });
}"""
)
READY = (
    "() => { const lab = window.jupyterapp; if (!lab) return false;"
    " const panel = lab.shell.currentWidget;"
    " return !!panel?.sessionContext?.session?.kernel"
    " && ['idle', 'busy'].includes(panel.sessionContext.session.kernel.status)"
    " && panel.content?.widgets?.length > 0; }"
)
DONE = (
    "() => {"
    + PANEL
    + """
  const cells = [...panel.content.model.cells].filter(
    c => c.type === 'code' && c.sharedModel.getSource().trim());
  const failed = cells.some(c => [...Array(c.outputs.length).keys()].some(
    i => c.outputs.get(i).type === 'error'));
  return failed || (cells.every(c => c.executionCount !== null)
    && panel.sessionContext.session.kernel.status === 'idle');
}"""
)
CELL_ERRORS = (
    "() => {"
    + PANEL
    + """
  const found = [];
  for (const cell of panel.content.model.cells) {
    if (cell.type !== 'code') continue;
    for (let i = 0; i < cell.outputs.length; i++) {
      const output = cell.outputs.get(i).toJSON();
      if (output.output_type === 'error') found.push(output.ename + ': ' + output.evalue);
    }
  }
  return found.concat(window.tlcErrors || []);
}"""
)


def open_notebook(page, lab: Lab, name: str) -> None:
    """Open a notebook and wait until its kernel is there."""
    page.goto(f"{lab.url}/lab/tree/{name}?token={lab.token}&reset")
    wait_until_open(page)


def wait_until_open(page) -> None:
    """Wait until the notebook of a page that was gone to has its kernel."""
    page.wait_for_function(READY)
    page.evaluate(LISTEN)


def run_all(page) -> None:
    """Choose *Run All Cells* in the menu and wait until every cell has run."""
    page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
    page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
    page.wait_for_function(DONE)
    page.wait_for_timeout(1000)  # an experiment comes into view by itself


def scroll_to(page, selector: str):
    """Scroll through the windowed panel until something is in view; returns its locator."""
    element = page.locator(selector)
    panel = page.locator(".jp-WindowedPanel-outer").first
    panel.evaluate("panel => panel.scrollTop = 0")
    until = time.monotonic() + HUNG
    while time.monotonic() < until:
        if element.count() and element.first.is_visible():
            element.first.scroll_into_view_if_needed()
            return element.first
        at_end = panel.evaluate(
            "p => { const before = p.scrollTop; p.scrollTop += p.clientHeight * 0.7;"
            " return p.scrollTop === before; }"
        )
        page.wait_for_timeout(150)
        if at_end:
            panel.evaluate("panel => panel.scrollTop = 0")
    raise AssertionError(f"{selector} is nowhere in the notebook")


def scroll_through(page) -> None:
    """Scroll from the top to the end, so that every cell has been drawn once."""
    panel = page.locator(".jp-WindowedPanel-outer").first
    panel.evaluate("panel => panel.scrollTop = 0")
    painted(page)
    for _ in range(500):
        at_end = panel.evaluate(
            "p => { const before = p.scrollTop; p.scrollTop += p.clientHeight * 0.8;"
            " return p.scrollTop === before; }"
        )
        painted(page)
        if at_end:
            return


def painted(page) -> None:
    """Wait until the page has painted what it knows by now."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>"
        " setTimeout(done, 100))))"
    )


def page_is_well(page) -> None:
    """No error in a cell, a callback, the kernel's stderr, the console, nor one that is told."""
    kernel = page.evaluate(CELL_ERRORS)
    assert not kernel, kernel
    assert not page.said, page.said
    alerts = [
        words
        for alert in page.locator(".jp-OutputArea [role=alert]").all()
        if (words := alert.inner_text())
    ]
    assert not alerts, alerts


def screenshot(page, name: str) -> Path:
    """Keep a picture of the page as build/browser/NAME.png."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path


def dark(page) -> None:
    """Change to JupyterLab's dark theme."""
    _change_theme(page, "Dark")


def light(page) -> None:
    """Change back to JupyterLab's light theme."""
    _change_theme(page, "Light")


def _change_theme(page, theme: str) -> None:
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
        f"JupyterLab {theme}",
    )
    page.wait_for_function(
        "light => document.body.dataset.jpThemeLight === light", arg=str(theme == "Light").lower()
    )
    painted(page)


def zoom(page, factor: float = 2.0) -> None:
    """Zoom the page as a browser does: fewer CSS pixels, each of them larger."""
    size = {side: int(length / factor) for side, length in page.viewport_size.items()}
    page.set_viewport_size(size)
    page.wait_for_function("width => window.innerWidth === width", arg=size["width"])
    painted(page)


# Strokes by digit: x and y in hundredths of the pad, one after another.
WRITTEN = {
    0: ["50 15 33 28 28 50 35 75 50 85 66 74 72 50 66 27 50 15"],
    1: ["55 15 50 50 46 85"],
    2: ["30 30 42 17 60 18 68 32 60 50 42 68 30 83 50 80 74 82"],
    3: ["30 25 45 15 62 20 66 33 55 45 42 48 58 50 70 62 66 78 50 87 30 80"],
    4: ["38 15 32 35 28 52 50 52 72 48", "66 20 62 50 58 88"],
    5: ["68 18 40 18 36 45 55 42 68 55 66 75 50 86 30 80"],
    6: ["60 13 42 30 33 55 36 78 50 86 64 76 62 58 48 54 36 64"],
    7: ["30 20 50 18 70 18 60 40 50 62 44 87"],
    8: ["62 25 48 16 36 28 50 45 64 62 60 80 46 86 34 74 44 56 62 40 64 26"],
    9: ["64 30 50 17 36 28 40 44 54 46 65 34 63 55 56 87"],
}
DIGITS = {
    digit: [
        [(int(x) / 100, int(y) / 100) for x, y in zip(s[::2], s[1::2], strict=True)]
        for s in map(str.split, strokes)
    ]
    for digit, strokes in WRITTEN.items()
}


def box(element) -> dict:
    """Where it is on the page (x, y, width and height), once it can be seen."""
    element.wait_for()
    return element.bounding_box()


def draw(page, canvas, strokes: Sequence[Sequence[tuple[float, float]]], steps: int = 3) -> None:
    """Draw with the pointer on a canvas; points are shares 0 … 1 of its width and height."""
    for stroke in strokes:
        on = box(canvas)
        at = [(on["x"] + x * on["width"], on["y"] + y * on["height"]) for x, y in stroke]
        page.mouse.move(*at[0])
        page.mouse.down()
        for point in at[1:]:
            page.mouse.move(*point, steps=steps)
        page.mouse.up()


def touch(page, canvas, strokes: Sequence[Sequence[tuple[float, float]]]) -> None:
    """Draw with a finger on a canvas, as `draw` does with the pointer."""
    finger = page.context.new_cdp_session(page)
    on = box(canvas)

    def send(what: str, *points: tuple[float, float]) -> None:
        at = [{"x": on["x"] + x * on["width"], "y": on["y"] + y * on["height"]}
              for x, y in points]  # fmt: skip
        finger.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": at})

    for stroke in strokes:
        send("touchStart", stroke[0])
        for point in stroke[1:]:
            page.wait_for_timeout(30)  # no finger is faster, and a fling swallows the next tap
            send("touchMove", point)
        page.wait_for_timeout(100)
        send("touchEnd")
    finger.detach()


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def record(name: str, measured: dict) -> None:
    """Keep what was measured beside the screenshots, as build/browser/NAME.json."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / f"{name}.json").write_text(json.dumps(measured, indent=1) + "\n")
