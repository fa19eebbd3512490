"""What Binder and JupyterHub run: the files in `.binder/`. repo2docker builds the images."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tl_course.app import notebooks, wheelhouse

ROOT = notebooks.root()
FOLDER = ROOT / ".binder"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="its scripts are for Linux")


def test_python_is_one_that_the_course_runs_on():
    environment = yaml.safe_load((FOLDER / "environment.yml").read_text(encoding="utf-8"))
    python, pip = environment["dependencies"]
    assert environment["channels"] == ["conda-forge"] and pip == "pip"
    assert wheelhouse.pythons(python.removeprefix("python=")), "PyTorch has wheels for it"


def test_what_is_installed_is_what_start_installs_but_the_tests(start):
    script = (FOLDER / "postBuild").read_text(encoding="utf-8")
    (extras,) = re.findall(r"-e '\.\[(.*)\]'", script)
    assert ["test", *extras.split(",")] == list(wheelhouse.EXTRAS)
    assert f"cpu_builds={start.CPU_BUILDS}\n" in script
    assert "extra-index" not in script, "nothing but torch is taken from there"
    (data,) = re.findall(r"python (data_scripts/\S+)", script)
    assert (ROOT / data).is_file()


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_its_scripts_can_be_run(name):
    assert os.access(FOLDER / name, os.X_OK)
    subprocess.run(["bash", "-n", FOLDER / name], check=True)


def test_what_fails_ends_the_building(tmp_path):
    for name, code in (("python", 7), ("tl-course", 0)):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\nexit {code}\n')
        (tmp_path / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run([FOLDER / "postBuild"], env=path).returncode == 7
    assert len((tmp_path / "called").read_text().splitlines()) == 1


def test_each_start_brings_ones_own_copies_then_starts_what_it_should(tmp_path):
    command = tmp_path / "tl-course"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tl_course "$@"\n')
    command.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path / "anna")}

    def started() -> str:
        begin = [FOLDER / "start", "echo", "Jupyter", "starts"]
        return subprocess.check_output(begin, env=os.environ | path, text=True)

    first = Path(path["HOME"], "my-notebooks", "00_start_here.ipynb")
    assert started().endswith("Jupyter starts\n") and first.exists()
    first.write_text("{}")
    assert started() == "Jupyter starts\n" and first.read_text() == "{}"
    first.parent.rename(tmp_path / "elsewhere")
    first.parent.touch()  # in the way
    assert started().endswith("Jupyter starts\n"), "the server starts all the same"
