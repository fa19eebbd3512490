"""start.py sets up a tiny course from two indexes on this machine, with the real pip."""

import shutil
import socket
import types
from pathlib import Path

import package_index
import pytest
from conftest import HUNG, start_in
from package_index import wheel

PROJECT = f"""{package_index.BUILD}
[project]
name = "tl-course"
version = "0"
dependencies = [
    "torch>=2",
    "torchvision>=0.2",
]
[project.optional-dependencies]
language = []
speech = []
test = []
"""
PIP = wheel("pip", "99")  # is not taken, because there is one
USUAL = [wheel("torch", "2.2", ["pure"]), wheel("torchvision", "0.2"), wheel("pure", "1"), PIP]
CPU = [wheel("torch", "2.1+cpu", ["pure"]), wheel("torchvision", "0.3+cpu"), wheel("pure", "9")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny course before its first start."""
    root = tmp_path_factory.mktemp("tiny course")
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "backend.py").write_text(package_index.BACKEND)
    (root / "tl_course").mkdir()
    (root / "tl_course" / "__main__.py").write_text("import pure, torch; print('started')")
    start = start_in(root)
    with (
        pytest.MonkeyPatch.context() as patch,
        package_index.served(USUAL) as usual,
        package_index.served(CPU) as cpu,
    ):
        for name in ("FIND_LINKS", "NO_INDEX", "EXTRA_INDEX_URL", "CONSTRAINT"):
            patch.delenv(f"PIP_{name}", raising=False)
        patch.delenv("PYTHONPATH", raising=False)
        patch.setenv("PIP_CONFIG_FILE", start.os.devnull)
        patch.setenv("PIP_INDEX_URL", f"{usual.url}/simple")
        patch.setenv("PIP_RETRIES", "0")
        patch.setattr(start, "CPU_BUILDS", f"{cpu.url}/simple")
        patch.setattr(start, "check_disk", lambda cpu: None)
        patch.setattr(start, "has_nvidia_gpu", lambda: False)
        quietly = start.quietly  # with time enough for an index that does answer
        patch.setattr(
            start,
            "quietly",
            lambda command, seconds: quietly(command, seconds=HUNG if seconds == 5 else seconds),
        )
        patch.setattr(start.sys, "platform", "linux")
        yield types.SimpleNamespace(start=start, root=root)


@pytest.fixture
def lab(tiny, capfd):
    """Starts the tiny course: exit code, and what was said; it was set up before."""
    assert tiny.start.main(["lab"]) == 0
    capfd.readouterr()

    def run(*options, start=tiny.start):
        code = start.main(["lab", *options])
        printed = capfd.readouterr()
        return code, printed.out + printed.err

    (run.modules,) = Path(tiny.start.VENV).rglob("site-packages")
    run.start, run.root = tiny.start, tiny.root
    run.versions = lambda: [
        (run.modules / f"{name}.py").read_text().split("'")[1]
        for name in ("torch", "torchvision", "pure")
    ]
    return run


def test_without_a_gpu_torch_alone_comes_from_the_index_of_cpu_builds(tiny, request, capfd):
    assert tiny.start.main(["lab"]) == 0
    output = capfd.readouterr().out
    assert "up to 0.5 GB to download" in output and output.endswith("\nstarted\n")
    lab = request.getfixturevalue("lab")
    assert lab.versions() == ["2.1+cpu", "0.3+cpu", "1"], "the index has a later `pure`"
    assert lab() == (0, "started\n")


def test_the_other_build_of_torch_is_installed_when_it_is_asked_for(lab):
    code, output = lab("--gpu")
    assert code == 0 and "Installing again, because it is damaged or changes: torch" in output
    assert lab.versions() == ["2.2", "0.2", "1"]
    assert lab() == lab("--gpu") == (0, "started\n")
    assert lab("--cpu")[0] == 0 and lab.versions() == ["2.1+cpu", "0.3+cpu", "1"]


def test_what_is_missing_or_damaged_is_installed_again(lab):
    (lab.modules / "pure.py").unlink()
    (lab.modules / "torch.py").unlink()
    shutil.rmtree(next(lab.modules.glob("torch-*.dist-info")))
    code, output = lab()
    assert code == 0 and "damaged or changes: pure, torch.\n" in output and "GB" not in output
    assert lab.versions() == ["2.1+cpu", "0.3+cpu", "1"]
    assert lab() == (0, "started\n")


def test_what_pip_cannot_repair_is_made_again(lab):
    (lab.modules / "pure.py").unlink()
    next(lab.modules.glob("pure-*.dist-info/RECORD")).unlink()
    code, output = lab()
    assert code == 0 and "The .venv here is not whole: making it again." in output
    assert lab() == (0, "started\n")


def test_an_index_that_does_not_answer_is_asked_once_and_for_five_seconds(lab, monkeypatch):
    limits, quietly = [], lab.start.quietly

    def briefly(command, seconds):
        limits.append(seconds)
        return quietly(command, 0.1)

    (lab.modules / "torch.py").unlink()
    with socket.create_server(("127.0.0.1", 0)) as silent, monkeypatch.context() as patch:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        patch.setattr(lab.start, "CPU_BUILDS", address)
        patch.setattr(lab.start, "quietly", briefly)
        code, output = lab()
    assert code == 0 and limits == [5]
    assert "PyTorch's index of CPU builds gives no torch now" in output and "up to 3 GB" in output
    assert lab.versions()[0] == "2.2"
    (lab.modules / "torch.py").unlink()
    assert lab()[0] == 0 and lab.versions()[0] == "2.1+cpu"


@pytest.fixture
def offline(lab, monkeypatch):
    for name in ("PIP_INDEX_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")


def test_without_a_network_a_folder_can_be_moved(lab, offline, tmp_path):
    moved = lab.root.rename(tmp_path / "moved")
    try:
        code, output = lab(start=start_in(moved))
        assert code == 0 and "bringing .venv up to date" in output and output.endswith("started\n")
        assert "GB" not in output and "Downloading" not in output
    finally:
        moved.rename(lab.root)
    assert lab()[0] == 0


def test_without_a_network_a_changed_course_starts_with_what_is_there(lab, offline):
    project = lab.root / "pyproject.toml"
    project.write_text(PROJECT.replace("torch>=2", "torch>=2.0"))
    assert "Downloading" not in lab()[1] and lab() == (0, "started\n"), "all that it needs is there"
    project.write_text(PROJECT.replace('"torch>=2"', '"torch>=2",\n    "not-here>=1"'))
    for _ in range(2):
        code, output = lab()
        assert code == 0 and output.endswith("started\n")
        assert (
            "There is no network, so the course starts with the packages that are here." in output
        )
    (lab.modules / "pure.py").unlink()
    code, output = lab()
    assert code == 1 and "this start needs the network" in output
    project.write_text(PROJECT)


def test_a_damaged_ready_file_costs_nothing(lab, offline):
    for damaged in ('{"project": "a', "[]", ""):
        Path(lab.start.READY).write_text(damaged)
        assert lab()[1].endswith("started\n") and lab() == (0, "started\n")
