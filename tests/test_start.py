import ast
import collections
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import in_place_of_the_library

ROOT = Path(__file__).parents[1]


@pytest.fixture
def cannot_go_on(start, capsys):
    def check(*args):
        assert start.main(list(args)) == 1
        errors = capsys.readouterr().err.strip()
        assert errors.startswith("start.py: ") and len(errors.splitlines()) == 1
        return errors

    return check


def test_an_old_python_can_still_read_it():
    ast.parse((ROOT / "start.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_an_old_python_is_told_which_is_needed(start, cannot_go_on, monkeypatch):
    monkeypatch.setattr(start.sys, "version_info", (3, 8, 18, "final", 0))
    assert "this is Python 3.8, and the course needs Python 3.11" in cannot_go_on("lab")


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_missing_venv_module(start, cannot_go_on, monkeypatch, module):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        start.importlib.util, "find_spec", lambda name: None if name == module else find(name)
    )
    sentence = cannot_go_on("lab")
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in sentence
    assert not os.path.exists(start.VENV)


def test_no_room_on_the_disk(start, cannot_go_on, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(start.shutil, "disk_usage", lambda _: usage(9e9, 7e9, 2e9))
    monkeypatch.setattr(start.sys, "platform", "linux")
    assert "2.0 GB are free and about 8 GB are needed" in cannot_go_on("lab", "--gpu")
    assert "about 3 GB are needed" in cannot_go_on("lab", "--cpu")
    assert not os.path.exists(start.VENV)


def test_no_network_then_a_half_made_venv_is_made_again(start, cannot_go_on, monkeypatch, capsys):
    with socket.socket() as closed:  # bound but not listening: every connection is refused
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")
        for name in ("PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_EXTRA_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setattr(start, "check_disk", lambda cpu: None)
        assert "this start needs the network" in cannot_go_on("lab")
        assert not os.path.exists(start.READY)
        left = Path(start.VENV, "left-over")
        left.touch()
        assert start.main(["lab"]) == 1
        assert "not whole: making it again" in capsys.readouterr().out
        assert not left.exists()


def test_a_venv_of_someone_else_is_not_deleted(start, cannot_go_on):
    other_file = Path(start.VENV, "theirs")
    other_file.parent.mkdir()
    other_file.touch()
    assert "was not made by start.py" in cannot_go_on("lab")
    assert other_file.exists()


def test_a_disk_that_refuses_is_told_in_a_sentence(start, cannot_go_on, monkeypatch):
    def refuses(path, *_, **__):
        raise OSError(30, "Read-only file system", path)

    monkeypatch.setattr(start.os, "open", refuses)
    assert f"{start.LOCK}: Read-only file system" in cannot_go_on("lab")


def test_a_venv_that_leads_nowhere_is_told_in_a_sentence(start, cannot_go_on, tmp_path):
    os.symlink(tmp_path / "no disk", start.VENV)
    assert "is a link to a folder that is not there" in cannot_go_on("lab")


def test_a_half_made_venv_on_another_disk_is_made_again_there(start, monkeypatch, tmp_path):
    other = tmp_path / "other disk"
    (other / "lib").mkdir(parents=True)
    (other / "left-over").touch()
    (other / "away").symlink_to(tmp_path / "stays", target_is_directory=True)
    (tmp_path / "stays").mkdir()
    os.symlink(other, start.VENV)
    Path(start.OURS).touch()
    monkeypatch.setattr(start, "check_disk", lambda cpu: None)
    start.make_venv(cpu=True)
    assert start.venv_python() and os.path.exists(start.OURS) and os.path.islink(start.VENV)
    assert not os.path.lexists(other / "left-over") and not os.path.lexists(other / "away")
    assert (tmp_path / "stays").is_dir()


def test_what_was_stopped_while_it_cleared_a_venv_is_still_its_own(start, monkeypatch):
    for name in ("a", "z"):
        Path(start.VENV, name).mkdir(parents=True)
    Path(start.OURS).touch()

    def stopped(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(start.shutil, "rmtree", stopped)
    assert start.main(["lab"]) == 130
    assert os.path.exists(start.OURS)


def ready(start, monkeypatch, tmp_path, pip="raise SystemExit(99)"):
    """A .venv that stands ready, in which a stand-in answers for pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", start.VENV], check=True)
    Path(start.OURS).touch()
    stand_in = tmp_path / "stand-in"
    stand_in.mkdir()
    (stand_in / "pip.py").write_text(pip)
    (stand_in / "tl_course").mkdir()
    (stand_in / "tl_course" / "__init__.py").touch()
    (stand_in / "tl_course" / "__main__.py").write_text("import sys; print(sys.argv[1:])")
    monkeypatch.setenv("PYTHONPATH", str(stand_in))
    monkeypatch.chdir(stand_in)
    made = {**start.would_be_ready(), "extras": ["speech"], "cpu": True, "modules": {}}
    Path(start.READY).write_text(json.dumps(made))


def test_the_second_start_sets_nothing_up_and_passes_options_on(
    start, monkeypatch, tmp_path, capfd
):
    ready(start, monkeypatch, tmp_path)
    for name in ("make_venv", "install", "pip_run"):
        monkeypatch.setattr(start, name, lambda *_: pytest.fail("it sets up what is there"))
    assert start.main(["lab", "--notebook", "03"]) == 0
    assert capfd.readouterr().out.strip() == "['lab', '--notebook', '03']"


def test_nothing_of_the_folder_that_it_is_started_in_is_run(start, monkeypatch, tmp_path, capfd):
    ready(start, monkeypatch, tmp_path)
    (tmp_path / "stand-in" / "tl_course" / "__main__.py").write_text("import json, random")
    in_place_of_the_library(tmp_path / "mine", tmp_path / "ran")
    monkeypatch.chdir(tmp_path / "mine")
    assert start.main(["lab"]) == 0
    os.rename(start.VENV, tmp_path / "earlier")
    start.make_venv(cpu=True)
    assert start.venv_python() and not (tmp_path / "ran").exists()


HOLDER = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("other_start", sys.argv[1])
other = importlib.util.module_from_spec(spec)
spec.loader.exec_module(other)
other.bring_up_to_date = lambda *_: (print("setting up", flush=True), sys.stdin.read())
other.set_up(set())
"""


def test_a_second_start_waits_for_the_first_and_takes_over_when_that_is_killed(
    start, monkeypatch, tmp_path, capfd
):
    ready(start, monkeypatch, tmp_path)
    os.remove(start.READY)
    filling, events = Path(start.VENV, "filling"), []
    filling.touch()
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "start.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert first.stdout.readline().strip() == b"setting up"

        def waited(seconds):
            events.append(f"waited beside {len(os.listdir(filling.parent))} names")
            first.kill()
            first.wait()

        names = len(os.listdir(start.VENV))
        monkeypatch.setattr(start.time, "sleep", waited)
        monkeypatch.setattr(start, "install", lambda *_: events.append("installed"))
        monkeypatch.setattr(start, "make_venv", lambda cpu: events.append("made"))
        assert start.main(["lab"]) == 0
    finally:
        first.kill()
        first.wait()
    assert events == [f"waited beside {names} names", "made", "installed"]
    assert capfd.readouterr().out.startswith("Another start is setting up .venv: waiting")
    assert start.is_ready({"speech"})


def test_what_another_start_has_set_up_meanwhile_is_not_set_up_again(start, monkeypatch, tmp_path):
    ready(start, monkeypatch, tmp_path)
    elsewhere = tmp_path / "not yet"
    os.rename(start.READY, elsewhere)
    lock = start.try_to_lock
    monkeypatch.setattr(
        start, "try_to_lock", lambda handle: lock(handle) and not os.rename(elsewhere, start.READY)
    )
    monkeypatch.setattr(start, "bring_up_to_date", lambda *_: pytest.fail("it is ready"))
    assert start.main(["lab"]) == 0


def test_on_windows_the_lock_is_that_of_its_own_library(start, monkeypatch):
    answers = iter([PermissionError(13, "taken"), None])

    class msvcrt:
        LK_NBLCK = 2

        def locking(handle, mode, length):
            assert (mode, length) == (2, 1)
            if error := next(answers):
                raise error

    monkeypatch.setattr(start, "fcntl", None)
    monkeypatch.setattr(start, "msvcrt", msvcrt, raising=False)
    assert [start.try_to_lock(0), start.try_to_lock(0)] == [False, True]


def test_a_changed_project_is_installed_again(start, monkeypatch, tmp_path, capfd):
    ready(start, monkeypatch, tmp_path, pip="import sys; print('asked:', sys.argv[1:])")
    project = tmp_path / "pyproject.toml"
    project.write_text(project.read_text().replace("[tool.ruff]", "[tool.ruff]\n# a setting"))
    assert start.main(["lab"]) == 0
    assert "up to date" not in capfd.readouterr().out, "settings of tools install nothing"
    project.write_text(project.read_text().replace('"tqdm>=4.66"', '"tqdm>=4.67"'))
    assert start.main(["lab"]) == 0
    assert "bringing .venv up to date" in capfd.readouterr().out
    assert "'-e', '.[speech]'" in Path(start.LOG).read_text()
    assert start.main(["lab"]) == 0
    assert "up to date" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left", "full"),
        ("ERROR: No matching distribution found for torch>=2.10", "64-bit Python"),
        ("ERROR: something else", "(something else); its words are in"),
    ],
)
def test_what_pip_says_becomes_a_sentence(
    start, cannot_go_on, monkeypatch, tmp_path, words, sentence
):
    ready(start, monkeypatch, tmp_path, pip=f"print({words!r}); raise SystemExit(1)")
    (tmp_path / "pyproject.toml").write_text("changed")
    assert sentence in cannot_go_on("lab")
    assert os.path.exists(start.READY), "a .venv that was whole is not thrown away"


def test_what_is_asked_for_beside_what_is_there_needs_the_network(
    start, cannot_go_on, monkeypatch, tmp_path, capsys
):
    words = "Retrying after connection broken by 'NewConnectionError'"
    ready(start, monkeypatch, tmp_path, pip=f"print({words!r}); raise SystemExit(1)")
    assert "this start needs the network" in cannot_go_on("lab", "--with", "language")
    assert start.main(["lab"]) == 0
    assert capsys.readouterr().out == "", "without it there is nothing to do"


def test_what_is_started_decides_what_is_installed_and_nothing_is_taken_away(
    start, monkeypatch, tmp_path
):
    ready(start, monkeypatch, tmp_path, pip="import sys; print(sys.argv[1:])")
    for arguments, extras in (
        (["course"], "language,speech"),
        (["lab", "--with", "marks"], "language,marks,speech"),
        (["lab"], "language,marks,speech"),
        (["test"], "language,marks,speech,test"),
    ):
        monkeypatch.setattr(start, "set_up_browser", lambda: None)
        monkeypatch.setattr(start, "call", lambda *_, **__: 0)
        assert start.main(arguments) == 0
        assert f"'-e', '.[{extras}]'" in Path(start.LOG).read_text()
        assert start.read_json(start.READY)["extras"] == extras.split(",")


def test_a_ready_file_of_the_last_release_says_that_everything_is_there(
    start, monkeypatch, tmp_path
):
    ready(start, monkeypatch, tmp_path, pip="import sys; print(sys.argv[1:])")
    Path(start.READY).write_text(json.dumps(start.would_be_ready()))
    assert start.main(["lab"]) == 0 and start.is_ready(start.EXTRAS["test"])


def test_nothing_that_lies_beside_it_is_run(start, monkeypatch, tmp_path):
    ready(start, monkeypatch, tmp_path, pip="import json, random")
    in_place_of_the_library(tmp_path, tmp_path / "ran")
    (tmp_path / "pyproject.toml").write_text("changed")
    output = subprocess.check_output([sys.executable, tmp_path / "start.py", "lab"], text=True)
    assert "Ready." in output and not (tmp_path / "ran").exists()


def test_without_voices_it_goes_on(start, monkeypatch, tmp_path, capfd):
    pip = (
        "import sys\nif 'speech' in sys.argv[-1]:\n"
        "    print('ERROR: No matching distribution found for espeakng-loader')\n"
        "    raise SystemExit(1)"
    )
    ready(start, monkeypatch, tmp_path, pip=pip)
    (tmp_path / "pyproject.toml").write_text("changed")
    assert start.main(["lab"]) == 0
    assert "no voices for this system" in capfd.readouterr().out


def test_without_the_network_for_texts_it_goes_on(start, monkeypatch, tmp_path, capfd):
    ready(start, monkeypatch, tmp_path, pip="")
    (tmp_path / "data_scripts").mkdir()
    (tmp_path / "data_scripts" / "minilm.py").write_text("raise SystemExit('not reached')")
    (tmp_path / "pyproject.toml").write_text("changed")
    assert start.main(["lab", "--with", "language"]) == 0
    assert "notebook 07 shows" in capfd.readouterr().out
    assert "not reached" in Path(start.MINILM_LOG).read_text()


@pytest.mark.parametrize(
    ("system", "cpu", "asked"), [("linux", True, 1), ("linux", False, 0), ("darwin", True, 0)]
)
def test_cpu_builds_are_for_linux_without_cuda(start, monkeypatch, system, cpu, asked):
    calls = []
    monkeypatch.setattr(start, "install_cpu_torch", lambda: calls.append("cpu"))
    monkeypatch.setattr(start, "pip_run", lambda command: 0)
    monkeypatch.setattr(start.sys, "platform", system)
    start.install(["speech"], cpu)
    assert len(calls) == asked


def test_a_gpu_is_seen_by_its_files_or_by_the_program_that_comes_with_it(start, monkeypatch):
    for files, code, there in (([], 1, False), ([], 0, True), (["/dev/nvidia0"], 1, True)):
        monkeypatch.setattr(start.glob, "glob", lambda pattern, files=files: files)
        monkeypatch.setattr(start, "quietly", lambda command, code=code: code)
        assert start.has_nvidia_gpu() is there


def test_ctrl_c_gives_no_traceback(start, monkeypatch, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "set_up", interrupt)
    assert start.main(["lab"]) == 130
    before = signal.getsignal(signal.SIGINT)
    assert start.call([sys.executable, "-c", "raise SystemExit(7)"]) == 7
    assert signal.getsignal(signal.SIGINT) is before


def test_offline_leaves_only_the_loopback(start):
    program = (
        "import socket\n"
        "with socket.create_server(('127.0.0.1', 0)) as s:\n"
        "    socket.create_connection(s.getsockname()).close()\n"
        "print([name for _, name in socket.if_nameindex()])"
    )
    before = start.offline()
    output = subprocess.check_output([*before, sys.executable, "-c", program], text=True)
    if before:
        assert output.strip() == "['lo']"


@pytest.fixture
def programs(start, monkeypatch):
    """Stand-ins for what is on the search path: exit codes by name, and how they were called."""
    codes, calls = {}, []
    os.mkdir(start.VENV)

    def call(command, stdout, **_):
        calls.append(" ".join(command))
        if stdout is not subprocess.DEVNULL:
            stdout.write("words of apt\n")
        return codes["apt-get" if "apt-get" in command else command[0]]

    monkeypatch.setattr(start.shutil, "which", lambda name: name if name in codes else None)
    monkeypatch.setattr(start.subprocess, "call", call)
    monkeypatch.setattr(start.os, "geteuid", lambda: 0, raising=False)
    return codes, calls


def test_a_browser_is_installed_for_the_tests_before_the_network_is_cut(start, monkeypatch):
    order = []
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # it sets it where it is not set
    for name in ("set_up", "set_up_browser", "offline", "call"):
        monkeypatch.setattr(start, name, lambda *_, name=name, **__: order.append(name) or [])
    start.main(["test"])
    assert order == ["set_up", "set_up_browser", "offline", "call"]
    order.clear()
    start.main(["lab"])
    assert order == ["set_up", "call"]


def test_all_tests_run_a_file_on_each_core_and_chosen_ones_as_was_asked(start, monkeypatch):
    calls = []
    for name in ("set_up", "set_up_browser", "offline"):
        monkeypatch.setattr(start, name, lambda *_: [])
    monkeypatch.setattr(start, "call", lambda command, **_: calls.append(command[1:]))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    start.main(["test"])
    start.main(["test", "tests/test_cli.py"])
    assert calls == [["-m", "pytest", *start.every_test()], ["-m", "pytest", "tests/test_cli.py"]]
    assert "--dist=loadfile" in calls[0] and os.environ["OMP_NUM_THREADS"] == "3"


def test_chromium_comes_by_apt_where_that_may_be_done(start, programs, monkeypatch, capsys):
    codes, calls = programs
    start.set_up_browser()
    assert not calls, "no apt-get, no question"

    codes["apt-get"] = 0
    start.set_up_browser()
    update, install = calls
    assert update.startswith("env ") and update.endswith(" update")
    assert install.endswith(" install -y --no-install-recommends chromium")
    output = capsys.readouterr().out.strip()
    assert output.startswith("Installing chromium") and len(output.splitlines()) == 1
    assert Path(start.BROWSER_LOG).read_text() == 2 * "words of apt\n"

    monkeypatch.setattr(start.os, "geteuid", lambda: 1000, raising=False)
    calls.clear()
    start.set_up_browser()
    assert not calls, "neither root nor sudo"
    codes["sudo"] = 1
    start.set_up_browser()
    assert calls == ["sudo -n true"], "sudo would ask for a password"
    codes["sudo"] = 0
    start.set_up_browser()
    assert [line.startswith("sudo -n env ") for line in calls[2:]] == [True, True]

    calls.clear()
    codes["chromium"] = 0
    start.set_up_browser()
    assert not calls, "there is one already"


def test_without_a_browser_the_tests_go_on(start, programs, capsys):
    codes, _ = programs
    codes["apt-get"] = 100
    start.set_up_browser()
    assert f"could not be installed (why: {start.BROWSER_LOG})" in capsys.readouterr().out


def test_a_program_that_is_not_there_is_no_error(start):
    assert start.quietly(["there-is-no-such-program"]) == 1
    assert start.quietly([sys.executable, "-c", "raise SystemExit(3)"]) == 3
