"""`tl-course lab` for real: what it prints, what it opens, and whose settings win."""

import contextlib
import io
import json
import logging
import os
import queue
import re
import subprocess
import sys
import time
import types
import urllib.error
import urllib.request
import zipfile
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from conftest import HUNG, in_place_of_the_library, in_place_of_the_templates
from jupyter_client import KernelManager

from tl_course.app import notebooks
from tl_course.app import server as extension

NEWS = "@jupyterlab/apputils-extension:notification"
ENDS = "To end it, press Ctrl-C here twice."


@contextlib.contextmanager
def started(folder, *options, **environment):
    """JupyterLab as a learner starts it; yields the lines up to how to end it, and the address."""
    command = [sys.executable, "-m", "tl_course", "lab", "--folder", str(folder), "--allow-root"]
    server = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        lines = []
        while ENDS not in lines:
            line = server.stdout.readline()
            assert line, f"JupyterLab did not start: {lines}"
            lines.append(line.strip())
        yield lines, re.search(r"http://\S+", " ".join(lines)).group()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, 15) if hasattr(os, "killpg") else server.terminate()
        server.wait(HUNG)
        server.stdout.close()


def ask(address, path, method="GET", content=None):
    """Ask the server at the address that was printed."""
    parts = urlsplit(address)
    request = urllib.request.Request(
        f"http://{parts.netloc}{path}", method=method,
        headers={"Authorization": parts.query.replace("token=", "token ")},
        data=None if content is None else json.dumps(content).encode(),
    )  # fmt: skip
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        request, timeout=HUNG
    ) as answer:
        return answer.read()


@pytest.fixture
def settings(tmp_path):
    """Folders of Jupyter settings that belong to a learner."""
    folder = tmp_path / "theirs"
    (folder / "labconfig").mkdir(parents=True)
    (folder / "labconfig" / "page_config.json").write_text('{"ofTheirs": "kept"}')
    return {"JUPYTER_CONFIG_DIR": str(folder), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}


def news(address, name="fetchNews"):
    """The present answer to the question about news, as JupyterLab works it out."""
    answer = json.loads(ask(address, f"/lab/api/settings/{NEWS}"))
    return answer["settings"].get(name, answer["schema"]["properties"][name]["default"])


def test_it_prints_the_address_of_the_first_notebook_and_little_else(tmp_path, settings):
    with started(tmp_path / "mine", "--no-browser", **settings) as (lines, address):
        assert [line for line in lines if line] == [
            f"12 notebooks copied to {tmp_path / 'mine'}.",
            "JupyterLab is starting ...",
            "Open this address:",
            address,
            ENDS,
        ]
        assert re.fullmatch(
            r"http://127\.0\.0\.1:\d+/lab/tree/00_start_here\.ipynb\?token=\w{20,}", address
        )
        assert b"JupyterLab" in ask(address, urlsplit(address).path)
        names = {entry["name"] for entry in json.loads(ask(address, "/api/contents"))["content"]}
        assert "00_start_here.ipynb" in names and "tl_course" not in names

        # Our answer to the question about news is a default: it hides nothing of the learner's.
        assert news(address) == "false" and news(address, "checkForUpdates") is False
        assert b'"ofTheirs": "kept"' in ask(address, "/lab")
        ask(address, f"/lab/api/settings/{NEWS}", "PUT", {"raw": '{"fetchNews": "true"}'})
        assert news(address) == "true"
    file = tmp_path / "theirs" / "settings" / (NEWS.replace(":", "/") + ".jupyterlab-settings")
    assert "true" in file.read_text()


def test_the_browser_opens_the_same(tmp_path, settings):
    opened, browser = tmp_path / "opened", tmp_path / "browser.py"
    browser.write_text(f"import sys; open({str(opened)!r}, 'w').write(sys.argv[1])")
    with started(tmp_path / "mine", BROWSER=f"{sys.executable} {browser} %s", **settings) as (
        lines,
        address,
    ):
        assert "JupyterLab opens in your browser. If it does not, open this address:" in lines
        until_it_is_there(opened)
        page = opened.read_text()  # a file of the learner's that leads on, so that no token shows
        with urllib.request.urlopen(page) as leads:
            goal = re.search(r'href="([^"]+)"', leads.read().decode()).group(1)
        assert urlsplit(goal).path == "/lab/tree/00_start_here.ipynb"
        assert urlsplit(goal).query == urlsplit(address).query


def test_files_of_the_learner_are_no_modules_of_jupyters(tmp_path, settings):
    in_place_of_the_library(tmp_path / "mine", tmp_path / "ran")
    with started(tmp_path / "mine", "--no-browser", **settings) as (_, address):
        assert ask(address, "/api/kernelspecs")
    assert not (tmp_path / "ran").exists()


def test_what_is_exported_takes_no_template_out_of_the_folder(tmp_path, settings):
    mine, ran = tmp_path / "mine", tmp_path / "ran"
    in_place_of_the_templates(mine, ran)
    with started(mine, "--no-browser", **settings) as (_, address):
        for kind, says in (("html", b"<!DOCTYPE html>"), ("python", b"#"), ("markdown", b"# ")):
            page = ask(address, f"/nbconvert/{kind}/01_pretrain.ipynb")
            if page.startswith(b"PK"):  # Markdown comes with its pictures
                with zipfile.ZipFile(io.BytesIO(page)) as packed:
                    page = packed.read("01_pretrain.md")
            assert says in page and b"A million pictures" in page
    assert not ran.exists()


def until_it_is_there(file):
    until = time.monotonic() + HUNG
    while not (file.exists() and file.read_text()) and time.monotonic() < until:
        time.sleep(0.05)


def test_options_and_settings_of_the_learner_win(tmp_path, settings):
    options = "--no-browser", "--LabApp.default_url=/lab/tree/03_option_1_freeze.ipynb"
    (tmp_path / "theirs" / "jupyter_server_config.json").write_text(
        '{"IdentityProvider": {"token": "theirs"}}'
    )
    with started(tmp_path / "mine", *options, "--log-level=INFO", **settings) as (lines, address):
        assert urlsplit(address).path == "/lab/tree/03_option_1_freeze.ipynb"
        assert any("extension was successfully loaded" in line for line in lines)
        address = f"http://{urlsplit(address).netloc}/?token=theirs"
        assert json.loads(ask(address, "/api/status"))["kernels"] == 0


@pytest.mark.parametrize(
    "reached_by_others", [{"ip": "0.0.0.0"}, {"custom_display_url": "http://x/"}, {"sock": "s"}]
)
def test_where_others_reach_it_jupyters_own_words_stand(reached_by_others):
    plain = {"ip": "localhost", "custom_display_url": "", "sock": ""}
    filters, callbacks = [], []
    server = types.SimpleNamespace(
        **plain, local_url="http://127.0.0.1:1/?token=t", open_browser=False,
        io_loop=types.SimpleNamespace(add_callback=lambda *call: callbacks.append(call)),
        log=types.SimpleNamespace(addFilter=filters.append),
    )  # fmt: skip
    vars(server).update(reached_by_others)
    extension._load_jupyter_server_extension(server)
    assert not filters and not callbacks
    vars(server).update(plain)
    extension._load_jupyter_server_extension(server)
    (is_news,) = filters
    assert len(callbacks) == 1
    assert not is_news(logging.makeLogRecord({"msg": f"copy and paste {server.local_url}"}))
    assert is_news(logging.makeLogRecord({"msg": "the disk is full"}))


def test_the_first_notebook_is_in_sight_and_no_question_covers_it(tmp_path, settings, chromium):
    import browser

    options = "--no-browser", "--expose-app-in-browser"
    with (
        started(tmp_path / "mine", *options, **settings) as (_, address),
        browser.new_page(chromium) as page,
    ):
        page.goto(address)
        browser.wait_until_open(page)
        opened = page.evaluate("window.jupyterapp.shell.currentWidget.title.label")
        assert opened == "00_start_here.ipynb"
        # JupyterLab asks as soon as it has read its settings.
        page.evaluate(f"window.jupyterapp.serviceManager.settings.fetch('{NEWS}')")
        browser.painted(page)
        assert page.locator(".Toastify__toast").count() == 0
        browser.screenshot(page, "lab-first-sight")
        browser.page_is_well(page)


def test_answers_of_the_kernel_wait_for_nothing(monkeypatch):
    connection = extension.PromptConnection.__new__(extension.PromptConnection)
    heard = []
    handler = SimpleNamespace(set_nodelay=heard.append)
    monkeypatch.setattr(extension.PromptConnection, "websocket_handler", handler)
    monkeypatch.setattr(extension.PromptConnection.__base__, "connect", lambda self: "connected")
    assert connection.connect() == "connected" and heard == [True]
    assert any(extension.PromptConnection.__name__ in option for option in notebooks.SERVER)


def test_what_nbgrader_has_for_teachers_is_not_in_a_learners_way(tmp_path, settings):
    with started(tmp_path / "mine", "--no-browser", **settings) as (_, address):
        page = ask(address, "/lab").decode()
        config = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1]
        assert "@jupyter/nbgrader" in json.loads(config)["disabledExtensions"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(address, "/formgrader")


def test_a_stop_while_the_kernel_imports_leaves_torch_whole():
    with notebooks.this_python_kernel(notebooks.LOADS_EARLY):
        manager = KernelManager(kernel_name=notebooks.KERNEL)
        manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        # The cell goes on until it is stopped: outside a cell, a stop may end ipykernel itself.
        client.execute("print('begun'); import time, torch; time.sleep(600)")
        while client.get_iopub_msg(timeout=HUNG)["msg_type"] != "stream":
            pass
        stopped = None
        while stopped is None:  # an import may swallow a stop; whoever presses ■ presses it again
            manager.interrupt_kernel()
            with contextlib.suppress(queue.Empty):
                stopped = client.get_shell_msg(timeout=30)
        assert stopped["content"]["ename"] == "KeyboardInterrupt"
        checks = "assert torch.ones(2).sum() == 2 and 'tl_course' not in globals()"
        status = "aborted"  # as what waits is while a cell is being stopped
        while status == "aborted":
            reply = client.execute(f"import torch; {checks}", reply=True, timeout=HUNG)
            status = reply["content"]["status"]
        assert status == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
