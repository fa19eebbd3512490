import contextlib
import io
import json
import logging
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
import torch
from conftest import HUNG, in_place_of_the_library, in_place_of_the_templates
from jupyter_client.kernelspec import KernelSpecManager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from tl_course.app import cli, doctor, notebooks, report
from tl_course.base import storage
from tl_course.base.errors import no_memory, run_script, script
from tl_course.core import files, network, pretraining, sharing
from tl_course.core.network import FiveLayerNet
from tl_course.data.targets import own_folder
from tl_course.data.targets.made_folder import made_folder
from tl_course.lessons import audience, progress_store
from tl_course.study import own_task


def write_notebook(path, *sources, title="A made notebook"):
    cells = [new_markdown_cell(f"# {title}")]
    cells.append(new_code_cell('budget = "laptop"\nseed = 0', metadata={"tags": ["parameters"]}))
    cells += [new_code_cell(source) for source in sources]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with two notebooks: the first one runs, the second does not."""
    monkeypatch.setattr(notebooks, "root", lambda: tmp_path)
    folder = tmp_path / "notebooks"
    write_notebook(
        folder / "00_runs.ipynb",
        "import os, sys\nprint('PYTHON', sys.executable)\nprint('IN', os.getcwd())\n"
        "print('GIVEN', budget, seed)\n"
        "print('LOG', get_ipython().parent.parent.log_level)",
        title="It runs & ends",
    )
    write_notebook(folder / "01_fails.ipynb", "\nlen(5)\n", title="It fails")
    (folder / "notes.ipynb").touch()
    return tmp_path


# ------------------------------------------------------------------------- the command itself


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from tl_course.app import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = 'torch numpy scipy pandas matplotlib papermill nbformat IPython psutil'\n"
        "sys.exit(' '.join(set(heavy.split()) & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for verb in ("lab", "run", "doctor"):
        assert verb in done.stdout


def more_than_there_is() -> RuntimeError:
    """What torch raises where there is too little memory."""
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**61, dtype=torch.uint8)
    return refused.value


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (cli.CourseError("a_code", "One sentence."), 2, "tl-course: One sentence."),
        (cli.CourseError("a_code", "a\x1b[31mb\x07c\x9bd"), 2, "tl-course: a?[31mb?c?d"),
        (KeyboardInterrupt(), 130, "Stopped."),
        (
            PermissionError(13, "Permission denied", "/x/\x1bcat"), 2,
            "tl-course: /x/?cat cannot be used (Permission denied): see that it is there and that "
            "you may use it, and try again.",
        ),
        (
            OSError(5, "Input/output error"), 2,
            "tl-course: The system refused something (Input/output error): see to that, and try "
            "again.",
        ),
        (MemoryError(), 2, f"tl-course: {no_memory(MemoryError())}"),
        (more_than_there_is(), 2, f"tl-course: {no_memory(MemoryError())}"),
    ],
)  # fmt: skip
def test_errors_for_people_have_no_traceback(monkeypatch, capsys, raised, code, message):
    def add_break(verbs):
        def act(args):
            raise raised

        verbs.add_parser("break").set_defaults(act=act)

    monkeypatch.setattr(cli, "VERBS", [add_break])
    assert cli.main(["break"]) == code
    assert capsys.readouterr().err.strip() == message
    monkeypatch.setenv(audience.STRICT, "1")
    with pytest.raises(OSError) if isinstance(raised, OSError) else contextlib.nullcontext():
        assert cli.main(["break"]) == code


def test_other_errors_of_the_program_keep_their_traceback():
    assert cli.no_memory(RuntimeError("shapes differ")) is None


def test_a_verb_does_its_work_where_its_output_is_closed(tmp_path):
    command = ["lab", "--dry-run", "--folder", str(tmp_path)]
    program = (
        "import sys; sys.stdout = sys.stderr = None\n"  # as Python has it where they are closed
        f"from tl_course.app import cli; sys.exit(cli.main({command!r}))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=HUNG).returncode == 0
    assert list(tmp_path.glob("*.ipynb"))


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (cli.CourseError("a_code", "One\x1b sentence."), "One? sentence."),
        (OSError(5, "Input/output error"), cli.refusal(OSError(5, "Input/output error"))),
        (KeyboardInterrupt(), 130),
    ],
)
def test_scripts_end_in_a_sentence_too(capsys, raised, code):
    def main():
        raise raised

    with pytest.raises(SystemExit) as ended:
        run_script(main)
    assert ended.value.code == code
    assert ("Stopped" in capsys.readouterr().err) == (code == 130)


def test_a_folder_that_the_system_refuses_is_a_sentence(capsys):
    assert cli.main(["adapt", "--train", "x" * 300, "--test", "x" * 300]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_reader_that_goes_away_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "tl_course", "doctor"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_unknown_options_are_refused_but_by_lab(clone, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["doctor", "--jsno"])
    assert stop.value.code == 2
    assert cli.main(["lab", "--dry-run", "--port=9999"]) == 0


# ------------------------------------------------------------------------- doctor


def test_doctor_says_that_this_environment_is_well(capsys):
    assert cli.main(["doctor"]) == 0
    output = capsys.readouterr().out
    for name in ("python", "torch", "device", "bf16", "kernel", "memory", "cores", "disk", "home"):
        assert f" {name} " in output
    assert "PROBLEM" not in output


def test_doctor_as_json_is_its_last_line(capsys):
    (storage.home() / "a-cached-thing.bin").write_bytes(bytes(2_000_000))
    assert cli.main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["ok"] is True
    cached = next(f for f in report["findings"] if f["name"] == "cached")
    assert "a-cached-thing.bin (2 MB)" in cached["found"]
    (storage.home() / "a-cached-thing.bin").unlink()


@pytest.mark.parametrize("home", ["file", "~nobody-is-called-so", "link"])
def test_doctor_says_what_to_do(monkeypatch, capsys, tmp_path, home):
    (tmp_path / "file").touch()
    if home == "link" and os.name == "posix":
        (tmp_path / home).symlink_to(tmp_path / "nothing")
    monkeypatch.setenv("TL_COURSE_HOME", home if home[0] == "~" else str(tmp_path / home))
    monkeypatch.setattr(doctor.machine, "memory_gb", lambda: 1.0)
    monkeypatch.setattr(doctor.machine, "cores", lambda: 1)
    monkeypatch.setattr(doctor.machine, "has_fast_bf16", lambda: False)
    find = doctor.importlib.util.find_spec
    monkeypatch.setattr(
        doctor.importlib.util,
        "find_spec",
        lambda name: None if name == "espeakng_loader" else find(name),
    )
    assert cli.main(["doctor"]) == 1
    output = capsys.readouterr().out
    todo = "write the whole path" if home[0] == "~" else "set TL_COURSE_HOME"
    for words in (
        "PROBLEM memory", "at least 2 GB", "PROBLEM home", todo,
        "note    cores", "note    bf16", "note    speech", ".[speech]",
    ):  # fmt: skip
        assert words in output
    assert "start.py" not in output, "nothing is missing that it would install"


def test_doctor_names_what_is_missing_or_damaged(monkeypatch, tmp_path):
    for name in ("torch", "psutil"):
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}/sub/__init__.py,,\n")
        (tmp_path / name).mkdir()
    (tmp_path / "psutil" / "__init__.py").touch()
    requires = ["ipykernel>=6; extra == 'test'", "torch>=2", "psutil", "filelock>=3"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: requires)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    status, packages, todo = doctor._packages()
    assert status == "problem" and packages == "missing or damaged: filelock, torch"
    assert "`python3 start.py lab`" in todo
    (tmp_path / "torch" / "__init__.py").touch()
    requires.pop()
    assert doctor._packages()[0] == "ok"


def test_doctor_needs_no_library_to_say_what_to_do():
    program = (
        "import sys; from importlib.metadata import packages_distributions as those;"
        "sys.modules.update((name, None) for name in those() if name != 'tl_course');"
        "from tl_course.app import cli; sys.exit(cli.main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == ""
    assert "PROBLEM memory" in done.stdout and "run `python3 start.py lab` again" in done.stdout


def test_doctor_sees_a_kernel_of_another_python(monkeypatch, tmp_path):
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    other = {"argv": [str(tmp_path / "python")], "display_name": "other", "language": "python"}
    spec.write_text(json.dumps(other))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    status, _, todo = doctor._kernel()
    assert status == "note" and "tl-course lab" in todo
    with notebooks.this_python_kernel():
        assert KernelSpecManager().get_kernel_spec("python3").argv[0] == sys.executable
        assert doctor._kernel()[0] == "ok"
    assert os.environ["JUPYTER_PATH"] == str(tmp_path)


def test_doctor_runs_nothing_of_the_folder_that_it_is_in(monkeypatch, tmp_path):
    in_place_of_the_library(tmp_path / "mine", tmp_path / "ran")
    monkeypatch.chdir(tmp_path / "mine")
    with notebooks.this_python_kernel():
        assert doctor._kernel()[0] == "ok"
    assert not (tmp_path / "ran").exists()


# ------------------------------------------------------------------------- lab


def lab(clone, capsys):
    assert cli.main(["lab", "--dry-run"]) == 0
    return capsys.readouterr().out


def test_lab_copies_only_the_course(clone, capsys):
    assert "2 notebooks copied" in lab(clone, capsys)
    mine = clone / "my-notebooks"
    assert sorted(p.name for p in mine.glob("*.ipynb")) == ["00_runs.ipynb", "01_fails.ipynb"]
    assert lab(clone, capsys) == ""


def test_lab_copies_into_the_home_where_the_course_is_read_only(
    clone, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(storage.os, "access", lambda place, mode: mode != os.W_OK)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "anna"))
    assert f"copied to {tmp_path / 'anna' / 'my-notebooks'}." in lab(clone, capsys)
    assert not (clone / "my-notebooks").exists()


def test_lab_updates_what_was_not_changed(clone, capsys):
    lab(clone, capsys)
    write_notebook(clone / "notebooks" / "00_runs.ipynb", "print('version 2')")
    assert "00_runs.ipynb was updated" in lab(clone, capsys)
    assert "version 2" in (clone / "my-notebooks" / "00_runs.ipynb").read_text()


def test_lab_never_overwrites_what_was_changed(clone, capsys):
    lab(clone, capsys)
    mine = clone / "my-notebooks" / "00_runs.ipynb"
    new = clone / "my-notebooks" / "00_runs.new.ipynb"
    original = clone / "notebooks" / "00_runs.ipynb"
    mine.write_text("my work")
    assert lab(clone, capsys) == "", "there is nothing new"
    assert not new.exists()

    write_notebook(original, "print('version 2')")
    assert "There is a newer 00_runs.ipynb; yours is as you left it" in lab(clone, capsys)
    assert mine.read_text() == "my work" and "version 2" in new.read_text()
    assert lab(clone, capsys) == "", "it is offered once"

    write_notebook(original, "print('version 3')")
    lab(clone, capsys)
    assert mine.read_text() == "my work" and "version 3" in new.read_text()

    new.write_text("my work too")
    write_notebook(original, "print('version 4')")
    assert "you changed both" in lab(clone, capsys)
    assert mine.read_text() == "my work" and new.read_text() == "my work too"


@pytest.mark.parametrize(
    "damaged",
    [
        "{ damaged",
        "[]",
        '{"00_runs.ipynb": [1]}',
        '{"00_runs.ipynb": ""}',
    ],
)
def test_lab_without_its_memory_overwrites_nothing(clone, capsys, damaged):
    lab(clone, capsys)
    mine = clone / "my-notebooks" / "00_runs.ipynb"
    mine.write_text("my work")
    (clone / "my-notebooks" / notebooks.MANIFEST).write_text(damaged)
    lab(clone, capsys)
    assert mine.read_text() == "my work"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no pipes with a name")
def test_lab_waits_for_no_pipe_and_reads_nothing_endless(clone, capsys):
    mine = clone / "my-notebooks"
    mine.mkdir()
    os.mkfifo(mine / notebooks.MANIFEST)
    os.mkfifo(mine / "00_runs.ipynb")
    with (mine / "01_fails.ipynb").open("wb") as file:
        file.truncate(20_000_000_000)  # a sparse file: no room is taken
    output = lab(clone, capsys)
    assert output.count("yours is as you left it") == 2
    assert (mine / "01_fails.ipynb").stat().st_size == 20_000_000_000
    with (mine / notebooks.MANIFEST).open("wb") as file:
        file.truncate(3_000_000_000)
    lab(clone, capsys)
    assert (mine / notebooks.MANIFEST).stat().st_size < 1000


def test_lab_puts_new_notebooks_beside_folders_and_dangling_links(clone, capsys):
    mine = clone / "my-notebooks"
    (mine / "00_runs.ipynb").mkdir(parents=True)
    try:
        (mine / "01_fails.ipynb").symlink_to("nowhere")
    except OSError:
        pytest.skip("this system lets nobody make a link")
    output = lab(clone, capsys)
    assert output.count("yours is as you left it") == 2 and "copied" not in output
    assert (mine / "01_fails.ipynb").is_symlink() and (mine / "00_runs.ipynb").is_dir()
    assert (mine / "00_runs.new.ipynb").is_file() and (mine / "01_fails.new.ipynb").is_file()
    assert lab(clone, capsys) == "", "they are offered once"


@pytest.fixture
def handed_over(monkeypatch):
    """What JupyterLab would have been started with, for an ordinary user."""
    seen = {}

    def hand_over(command, folder):
        seen.update(command=command, folder=folder)
        seen["kernel"] = KernelSpecManager().get_kernel_spec("python3").argv[0]
        (config, *_) = os.environ["JUPYTER_CONFIG_PATH"].split(os.pathsep)
        seen["config"] = json.loads(Path(config, "jupyter_server_config.json").read_text())
        return 0

    monkeypatch.setattr(cli, "_hand_over", hand_over)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    return seen


def test_lab_starts_this_jupyter_in_the_folder_with_this_kernel(clone, handed_over, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/theirs")
    assert cli.main(["lab", "--no-browser", "--port=9999"]) == 0
    start = [sys.executable, "-P", "-m", "jupyterlab"]
    assert handed_over["command"][:4] == start
    assert {"--no-browser", "--port=9999"} <= set(handed_over["command"])
    assert handed_over["folder"] == clone / "my-notebooks"
    assert handed_over["config"]["ServerApp"]["root_dir"] == str(clone / "my-notebooks")
    assert handed_over["config"]["LabApp"] == {"default_url": "/lab/tree/00_runs.ipynb"}
    assert handed_over["kernel"] == sys.executable
    assert os.environ["JUPYTER_CONFIG_PATH"] == "/theirs"


def test_lab_opens_what_there_is_where_the_first_notebook_was_taken_away(
    clone, handed_over, monkeypatch
):
    copy = notebooks.copy_for_learner
    monkeypatch.setattr(notebooks, "copy_for_learner", lambda all, folder: copy(all[1:], folder))
    assert cli.main(["lab"]) == 0
    assert handed_over["config"]["LabApp"] == {}


def test_root_is_told_what_to_do_before_anything_is_copied(
    clone, handed_over, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert cli.main(["lab"]) == 2
    errors = capsys.readouterr().err.strip()
    assert "an ordinary user, or add `--allow-root`" in errors and len(errors.splitlines()) == 1
    assert not handed_over and not (clone / "my-notebooks").exists()
    for option in ("--allow-root", "--ServerApp.allow_root=True", "--dry-run"):
        assert cli.main(["lab", option]) == 0
    # A container may allow it once and for all.
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    for name in ("server", "lab"):
        config = tmp_path / f"jupyter_{name}_config.py"
        config.write_text("c.ServerApp.allow_root = True")
        assert cli.main(["lab"]) == 0
        config.unlink()
    assert cli.main(["lab"]) == 2


def test_without_notebooks_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "root", lambda: tmp_path)
    for verb in ("lab", "run"):
        assert cli.main([verb]) == 2
        assert "There are no notebooks in" in capsys.readouterr().err


def test_doctor_names_files_that_look_like_libraries(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "learners_folder", lambda: tmp_path)
    for name in ("helper.py", "00_start_here.ipynb"):
        (tmp_path / name).touch()
    assert doctor._beside()[0] == "ok"
    (tmp_path / "random.py").touch()
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").touch()
    status, names, todo = doctor._beside()
    assert (status, names) == ("note", f"random.py, torch in {tmp_path}") and "rename it" in todo


# ------------------------------------------------------------------------- run


def test_run_goes_on_after_a_failure_and_reports(clone, tmp_path, capsys):
    out = tmp_path / "report"
    assert cli.main(["run", "--budget", "quick", "--seed", "3", "--out", str(out)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("00_runs") and lines[0].endswith(" s  ok")
    assert "failed: cell 3 (`len(5)`) raised TypeError: object of type 'int'" in lines[1]

    printed = nbformat.read(out / "00_runs.ipynb", 4).cells[-1].outputs[0].text
    assert f"PYTHON {sys.executable}" in printed
    assert f"IN {clone / 'notebooks'}" in printed
    assert "GIVEN quick 3" in printed
    assert f"LOG {logging.CRITICAL}" in printed, "a stop is told without the kernel's tracebacks"

    index = (out / "index.html").read_text(encoding="utf-8")
    assert '<a href="00_runs.html">It runs &amp; ends</a>' in index
    assert '<a href="01_fails.html">It fails</a>' in index and "raised TypeError" in index
    assert "2 notebooks, 1 failed" in index
    assert "GIVEN quick 3" in (out / "00_runs.html").read_text(encoding="utf-8")


def test_a_run_that_is_stopped_tells_nothing_of_what_it_left_undone(clone, monkeypatch, caplog):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(papermill, "execute_notebook", stopped)
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", False)
    assert cli.main(["run", "--out", str(clone / "report")]) == 130
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    assert not caplog.records


def test_a_page_takes_no_template_out_of_the_present_folder(clone, tmp_path, monkeypatch):
    in_place_of_the_templates(tmp_path / "strange", tmp_path / "ran")
    monkeypatch.chdir(tmp_path / "strange")
    report._write_html(clone / "notebooks" / "00_runs.ipynb")
    assert "It runs &amp; ends" in (clone / "notebooks" / "00_runs.html").read_text("utf-8")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["00_runs.ipynb", "00_runs.html", "01_fails.html", "index.html"])
def test_run_overwrites_nothing_unasked(clone, tmp_path, monkeypatch, capsys, name):
    monkeypatch.setattr(report, "execute", lambda path, to, *_: shutil.copyfile(path, to) and None)
    mine = tmp_path / "mine"
    mine.mkdir()
    for other in (name, "02_other.ipynb"):
        (mine / other).write_text("my work")
    assert cli.main(["run", "--out", str(mine)]) == 2
    errors = capsys.readouterr().err
    assert f"{name} is not from an earlier run" in errors and "--force" in errors
    assert {path.name for path in mine.iterdir()} == {name, "02_other.ipynb"}
    assert (mine / name).read_text() == "my work"
    assert cli.main(["run", "--out", str(mine), "--force"]) == 0
    assert cli.main(["run", "--out", str(mine)]) == 0, "now they are its own"
    assert (mine / name).read_text("utf-8") != "my work"
    assert (mine / "02_other.ipynb").read_text() == "my work"


def test_run_never_writes_over_the_notebooks_that_it_runs(clone, capsys):
    before = (clone / "notebooks" / "00_runs.ipynb").read_bytes()
    assert cli.main(["run", "--out", str(clone / "notebooks"), "--force"]) == 2
    assert "has the notebooks themselves" in capsys.readouterr().err
    assert (clone / "notebooks" / "00_runs.ipynb").read_bytes() == before


@pytest.mark.parametrize("damaged", ["{ damaged", "3", "[[]]"])
def test_a_run_without_its_memory_overwrites_nothing(clone, tmp_path, capsys, damaged):
    (tmp_path / report.MANIFEST).write_text(damaged)
    (tmp_path / "00_runs.html").write_text("my work")
    assert cli.main(["run", "--out", str(tmp_path)]) == 2
    assert (tmp_path / "00_runs.html").read_text() == "my work"


def test_a_run_that_was_killed_is_done_by_the_same_command(clone, tmp_path, monkeypatch, capsys):
    """Half of a notebook is never there, and what was done is not taken for somebody else's."""
    out, done = tmp_path / "report", []

    def execute(notebook, to, *_):
        to.write_bytes(notebook.read_bytes()[: None if not done else 20])
        done.append(notebook.name)
        if len(done) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(report, "execute", execute)
        assert cli.main(["run", "--out", str(out)]) != 0
    assert sorted(path.name for path in out.iterdir()) == [
        report.MANIFEST, "00_runs.html", "00_runs.ipynb",
    ]  # fmt: skip
    monkeypatch.setattr(report, "execute", lambda path, to, *_: shutil.copyfile(path, to) and None)
    assert cli.main(["run", "--out", str(out)]) == 0
    assert "01_fails.html" in (out / "index.html").read_text(encoding="utf-8")


def test_run_one_notebook(clone, capsys):
    (clone / "notebooks" / "01_fails.ipynb").write_text("not a notebook")
    assert cli.main(["run", "--notebook", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("01_fails") and "failed" in lines[0]
    assert (clone / "build" / "course" / "index.html").exists()


def test_run_an_unknown_notebook(clone, capsys):
    assert cli.main(["run", "--notebook", "07"]) == 2
    assert "There is no notebook '07'; choose one of 00, 01" in capsys.readouterr().err


# ------------------------------------------------------------------------- adapt


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return made_folder(tmp_path_factory.mktemp("adapt") / "pictures", seed=0)


def adapt(pictures, *more):
    parts = [f"--{part}={pictures / part}" for part in ("train", "test")]
    return cli.main(["adapt", *parts, "--option", "1", *map(str, more)])


def test_adapt_still_refuses_what_it_cannot_read(pictures, capsys):
    assert adapt(pictures) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "no label" in sentence and "IMG_0001.png" in sentence and "--leave-out" in sentence
    assert "unreadable" in sentence and "broken.png" in sentence and "cup.tif" not in sentence


def test_adapt_says_what_it_does_not_read_and_goes_on(pictures, tmp_path, capsys):
    for part in ("train", "test"):
        shutil.copytree(pictures / "test", tmp_path / part)
    shutil.copy(pictures / "train" / "coffee" / "cup.tif", tmp_path / "train" / "cat")
    shutil.copytree(pictures / "test" / "cat", tmp_path / "test" / "cat" / "deeper")
    assert adapt(tmp_path, "--json") == 0
    captured = capsys.readouterr()
    assert "cat/cup.tif" in captured.err and "store them again as JPEG or PNG" in captured.err
    assert "cat/deeper" in captured.err and "move them up" in captured.err
    assert json.loads(captured.out.splitlines()[-1])["tested"] == 160


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_adapt_prints_on_a_console_without_unicode(pictures, tmp_path, encoding, monkeypatch):
    """As output that is redirected has on Windows."""
    name = "\u72ac \u010cern\u00fd"
    for part in ("train", "test"):
        shutil.copytree(pictures / "test" / "cat", tmp_path / part / name)
        shutil.copytree(pictures / "test" / "grass", tmp_path / part / "grass")
    share, report = tmp_path / f"for {name}", tmp_path / f"{name}.html"
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding))
    assert adapt(tmp_path, "--share", share, "--report", report, "--json") == 0
    output = out.getvalue().decode(encoding)
    assert "for \\u72ac" in output and ("\u00fd" if encoding == "cp1252" else "\\xfd") in output
    assert json.loads(output.splitlines()[-1])["classes"] == 2
    assert name in report.read_text(encoding="utf-8")


def test_adapt_says_beforehand_what_it_will_do(pictures, capsys, monkeypatch, nothing_is_trained):
    monkeypatch.setattr(own_task, "expected_seconds", lambda *_: 150.0)
    with pytest.raises(pytest.fail.Exception):
        adapt(pictures, "--leave-out", "--option=auto")
    output = capsys.readouterr().out
    assert "Option 2, augmentation on: with 96 labelled images" in output
    assert "The training takes about 2 minutes" in output


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--share", "new", "--maker", "x" * 1_200_000], "larger than 1 MB"),
        (["--out", "new"], "has more than"),
    ],
)
def test_adapt_refuses_before_the_training_what_could_not_be_kept(
    pictures, tmp_path, capsys, monkeypatch, more, says, nothing_is_trained
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "MOST_HEADER", 100 if "--out" in more else files.MOST_HEADER)
    monkeypatch.setattr(pretraining, "pretrained", lambda: FiveLayerNet(10).eval())
    assert adapt(pictures, "--leave-out", *more) == 2
    assert re.search(says, capsys.readouterr().err)


def test_adapt_reports_shares_and_builds_on_what_was_shared(pictures, tmp_path, capsys):
    report, shared, saved = tmp_path / "report.html", tmp_path / "shared", tmp_path / "saved"
    asked = ["--leave-out", "--report", report, "--share", shared, "--maker", "Anna"]
    assert adapt(pictures, *asked, "--out", saved, "--json") == 0
    output = capsys.readouterr().out
    data = json.loads(output.splitlines()[-1])
    assert (data["option"], data["images"], data["classes"], data["tested"]) == ("1", 96, 8, 160)
    assert data["interval"][0] < data["accuracy"] < data["interval"][1]
    assert "also in the test" in output and "train/grass/copy.png" in output
    page = report.read_text(encoding="utf-8")
    assert "also in the test" in page and "random layers" in page
    assert page.count("<img") == 5 == page.count("alt=")

    net = sharing.load_shared(shared)
    assert net.about["maker"] == "Anna"
    assert net.about["metrics"]["accuracy"] == pytest.approx(data["accuracy"])
    saved_net = files.load(saved)
    assert network.fingerprint(saved_net) == network.fingerprint(net)
    assert (
        saved_net.about["metrics"] == {"accuracy": data["accuracy"]}
        and saved_net.about["images"] == 96
    )

    # The same training again gives the same network, which is not an ancestor of itself; but who
    # shares another's is to credit them.
    for before, makers in ((shared, ["the tl_course contributors", "Anna"]),
                           (saved, ["the tl_course contributors"])):  # fmt: skip
        after = tmp_path / f"after-{before.name}"
        assert adapt(pictures, "--leave-out", "--weights", before, "--share", after) == 0
        lineage = sharing.load_shared(after).about["lineage"]
        assert [ancestor["maker"] for ancestor in lineage] == makers


@pytest.mark.parametrize(
    ("option", "name"),
    [("--share", "README.md"), ("--share", "config.json"), ("--out", "network.json")],
)
def test_adapt_replaces_nothing_unasked(pictures, tmp_path, monkeypatch, capsys, option, name):
    (tmp_path / name).write_text("{}")
    monkeypatch.setattr(cli, "_adapt", lambda _: pytest.fail("the work has begun"))
    assert adapt(pictures, option, tmp_path) == 2
    errors = capsys.readouterr().err
    assert str(tmp_path / name) in errors and "--force" in errors
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "{}"


def test_adapt_tells_of_test_pictures_that_were_trained_on(pictures, tmp_path, capsys):
    for part in ("train", "test"):
        shutil.copytree(pictures / "test", tmp_path / part)
    shutil.rmtree(tmp_path / "test" / "cat")
    report, out, share = tmp_path / "r.html", tmp_path / "out", tmp_path / "share"
    places = [f"--report={report}", f"--out={out}", f"--share={share}"]
    assert adapt(tmp_path, "--json", "--augment=on", *places) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out.splitlines()[-1])
    description = json.loads((out / "network.json").read_text())
    for about in (result, description):
        assert about["images"] == 160 and about["test_pictures_trained_on"] == 140
    assert "also in the test" in printed.err and "--leave-out" in printed.err
    warning = "140 of these test pictures were also trained on"
    assert warning in printed.out and warning in (share / "README.md").read_text()
    assert warning in report.read_text() and "they are used all the same" in report.read_text()


def test_adapt_trains_on_nothing_of_the_test_where_it_leaves_out(pictures, tmp_path, capsys):
    for part in ("train", "test"):
        shutil.copytree(pictures / "test", tmp_path / part)
    assert adapt(tmp_path, "--leave-out") == 2
    assert "every training picture was left out" in capsys.readouterr().err
    assert adapt(pictures, "--leave-out", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["test_pictures_trained_on"] == 0


@pytest.fixture
def nothing_is_trained(monkeypatch):
    monkeypatch.setattr(own_task, "adapt_and_test", lambda *_: pytest.fail("the training begins"))


def test_adapt_overwrites_nothing_unasked(pictures, tmp_path, capsys, monkeypatch):
    places = {"--out": tmp_path / "out", "--share": tmp_path / "share", "--report": tmp_path / "r"}
    every = [f"{option}={place}" for option, place in places.items()]
    assert adapt(pictures, "--leave-out", *every) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(before) == 2 + 3 + 1
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(own_task, "adapt_and_test", None)  # it is refused before anything is trained
        for option, place in places.items():
            assert adapt(pictures, "--leave-out", f"{option}={place}") == 2
            errors = capsys.readouterr().err
            assert "already " in errors and "--force" in errors and str(place) in errors
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert adapt(pictures, "--leave-out", "--augment=on", "--force", *every) == 0
    assert not any(path.read_bytes() == content for path, content in before.items())
    new = network.fingerprint(files.load(places["--out"]))
    assert new == network.fingerprint(sharing.load_shared(places["--share"]))


@pytest.mark.parametrize("first", ["--share", "--out"])
def test_adapt_keeps_shared_and_saved_networks_apart(
    pictures, tmp_path, capsys, first, nothing_is_trained
):
    net = network.FiveLayerNet(2)
    sharing.share(net, tmp_path) if first == "--share" else files.save(net, tmp_path)
    other = {"--share": "--out", "--out": "--share"}[first]
    for more in ([], ["--force"]):
        assert adapt(pictures, "--leave-out", f"{other}={tmp_path}", *more) == 2
        assert str(tmp_path) in capsys.readouterr().err


def test_adapt_looks_at_names_and_places_before_it_trains(
    pictures, tmp_path, capsys, nothing_is_trained
):
    (tmp_path / "file").touch()
    latin = os.fsdecode(b"caf\xe9") if os.name == "posix" else "\udce9"
    share, unfinished = tmp_path / "share", tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "checkpoint.safetensors").touch()
    wrong = [
        *([f"{option}={tmp_path / latin}"] for option in ("--out", "--share", "--report")),
        ["--maker", latin], ["--report="], [f"--report={tmp_path}"],
        [f"--report={tmp_path / 'file' / 'r.html'}"], [f"--out={tmp_path / 'file'}"],
        [f"--share={share}", f"--out={share}"],
        [f"--share={share}", f"--report={share / 'r.html'}"],
        [f"--out={share}", f"--report={share / 'weights.safetensors'}"],
        [f"--report={tmp_path / ('n' * 257)}.html"], [f"--report={tmp_path / ('n' * 240)}.html"],
        *([f"{option}={pictures / 'train' / 'x'}"] for option in ("--out", "--share", "--report")),
        [f"--out={pictures / 'test'}"], [f"--out={unfinished}"],
    ]  # fmt: skip
    for options in wrong:
        assert adapt(pictures, "--leave-out", *options) == 2, options
        errors = capsys.readouterr().err
        assert errors.startswith("tl-course: ") and errors.count("\n") == 1
    assert not (pictures / "train" / "x").exists()


@pytest.mark.skipif(os.name != "posix", reason="names are text there")
@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9"), "caf\x1b[31m", "caf\n"])
def test_adapt_refuses_classes_whose_names_are_no_text(
    pictures, tmp_path, capsys, nothing_is_trained, name
):
    shutil.copytree(pictures / "test", tmp_path / "test")
    shutil.copytree(pictures / "test", tmp_path / "train")
    for part in ("train", "test"):
        (tmp_path / part / "cat").rename(tmp_path / part / name)
    for more in ([], ["--leave-out"]):
        assert adapt(tmp_path, *more) == 2
        captured = capsys.readouterr()
        assert "caf?" in (captured.out if more else captured.err)
        assert name not in captured.out + captured.err and "\x1b" not in captured.out + captured.err


def test_two_adaptations_cannot_write_into_one_place(pictures, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    for option, place in (("--out", tmp_path / "out"), ("--report", tmp_path / "r.html")):
        with storage.claimed(place):
            assert adapt(pictures, "--leave-out", f"{option}={place}") == 2
        assert "Another program is writing to" in capsys.readouterr().err


def test_the_report_of_many_classes_stays_small(tmp_path, capsys, monkeypatch):
    """250 classes took 9.5 GB and ended with an exception, after the training."""
    rng = np.random.default_rng(0)
    for part, n in (("train", 2), ("test", 1)):
        for number in range(250):
            folder = tmp_path / part / f"class {number}"
            folder.mkdir(parents=True)
            for i in range(n):
                noise = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(noise).save(folder / f"{i}.png")
    report = tmp_path / "report.html"
    pixels, render = [], FigureCanvasAgg.get_renderer
    monkeypatch.setattr(
        FigureCanvasAgg,
        "get_renderer",
        lambda canvas: pixels.append(math.prod(canvas.get_width_height())) or render(canvas),
    )
    assert adapt(tmp_path, "--report", report) == 0
    assert pixels and max(pixels) < 5e6
    assert report.stat().st_size < 5e6
    page = report.read_text(encoding="utf-8")
    assert "0 of 0 right" not in page and page.count(" of 1 right") == 20 + 1
    assert "Not one mistake" not in page
    assert "the 20 of 250 classes with the most mistakes" in page
    assert "(the first of 250)" in page


def test_adapt_shares_into_an_empty_folder_only(pictures, tmp_path, capsys):
    (tmp_path / "diary.txt").touch()
    assert adapt(pictures, "--leave-out", "--share", tmp_path) == 2
    assert "diary.txt" in capsys.readouterr().err


ODD_ANSWERS = [
    {"exercises": {"03.x": {"outcome": None}, "03.y": {"outcome": []}, "03.z": {"tried": {}}}},
    {"predictions": {"03.x": {"question": "q", "unit": "", "said": None, "measured": 10**400}}},
    {"predictions": {"03.x": {
        "question": "q", "unit": "", "said": {"": 1}, "measured": {"": 10**400}}}},
    {"predictions": {"03.x": {"question": "q", "unit": "", "measured": {"": 1}}}},
    {"exercises": {"\ud800": {"outcome": "right"}}},
    {"predictions": {"03.x": {
        "question": "\x1b]0;owned\x07\x1b[2Jq", "unit": "\x1b[1m", "said": None,
        "measured": {"\x9b1m": 3}}}, "exercises": {"\x1b[2J": {"outcome": "\x1b[3J"}}},
]  # fmt: skip


@pytest.mark.parametrize("answers", ODD_ANSWERS, ids=lambda answers: json.dumps(answers)[:60])
@pytest.mark.filterwarnings("ignore:.*is damaged")
def test_progress_shows_odd_answers_without_a_traceback_or_control_codes(
    answers, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path / "home"))
    answers = {kind: {} for kind in progress_store.KINDS} | answers
    progress_store.file().write_text(json.dumps(answers), encoding="utf-8")
    assert cli.main(["progress", "--out", str(tmp_path / "out.json")]) == 0
    shown = capsys.readouterr()
    assert all(c.isprintable() or c == "\n" for c in shown.out + shown.err)
    assert (tmp_path / "out.json").read_text(encoding="utf-8")


def test_doctor_and_adapt_show_names_that_no_terminal_obeys(monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("TL_COURSE_HOME", str(home))
    for name in (b"own\x1b[2J\x1b]0;x\ard", b"\xff"):
        try:
            os.mkdir(os.path.join(os.fsencode(home), name))
        except OSError:
            pytest.skip("this system takes no such names")
    shown = doctor.as_text([doctor.Diagnosis("cached", *doctor._cached())])
    assert "own?[2J?]0;x?rd" in shown
    assert all(c.isprintable() or c == "\n" for c in shown)
    checked = own_folder.Checked(tmp_path / "ev\x1b[31mil", ("a",), (), None, None)
    assert str(checked).splitlines()[0].isprintable()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("sweep --draws 99999999999", "give a number from 1 to 10000"),
        ("matrix --draws 0", "give a number from 1 to 10000"),
        ("pretrain --out net --images 99999999999999999999999999", "1000000000 or fewer"),
    ],
)
def test_numbers_that_no_machine_gets_through_are_told_at_once(
    arguments, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments.split()) == 2
    assert sentence in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_an_adapt_that_is_asked_to_end_leaves_no_lock(tmp_path, monkeypatch):
    def asked_to_end(args):
        assert [path.name for path in (tmp_path / "net").iterdir()] == [storage.CLAIM]
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(cli, "_adapt", asked_to_end)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main(["adapt", "--train", "a", "--test", "b", "--out", str(tmp_path / "net")])
        assert ended.value.code == 143 and not list((tmp_path / "net").iterdir())
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN, "as it was"
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_script_is_named_so_that_it_runs_in_any_folder_without_an_activated_venv(tmp_path):
    bare = {name: value for name, value in os.environ.items() if name != "PATH"}
    asked = {"shell": True, "cwd": tmp_path, "env": bare, "capture_output": True, "text": True}
    done = subprocess.run(f"{script('spoken_names')} --help", **asked)
    assert done.returncode == 0 and "usage: spoken_names.py" in done.stdout, done.stderr
    for path in (notebooks.root() / "tl_course").rglob("*.py"):
        assert "python data_scripts/" not in path.read_text(encoding="utf-8"), path
