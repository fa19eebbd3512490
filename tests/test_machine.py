import threading

import pytest
import torch
from conftest import HUNG
from sentences import refused

from tl_course.base import machine


def test_the_facts_are_plausible():
    assert machine.cores() >= 1
    assert 0.2 < machine.memory_gb() < 100_000
    assert machine.device().type in ("cuda", "mps", "cpu")
    assert "core" in machine.summary() and "\n" not in machine.summary()


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["processor\t: 0", "model name\t: AMD EPYC"], "CPU (AMD EPYC)"),
        (["processor\t: 0", "BogoMIPS\t: 48.00"], "CPU (arm)"),  # a Raspberry Pi
        ([], "CPU (arm)"),  # no such file: macOS, Windows
    ],
)
def test_a_processor_is_called_by_its_model(monkeypatch, lines, name):
    monkeypatch.setattr(machine, "device", lambda: torch.device("cpu"))
    monkeypatch.setattr(machine, "_lines", lambda _: lines)
    monkeypatch.setattr(machine.platform, "processor", lambda: "arm")
    assert machine.device_name() == name


@pytest.fixture
def quota():
    """What a container allows is read anew, and again after the test."""
    machine._cpu_quota.cache_clear()
    yield
    machine._cpu_quota.cache_clear()


@pytest.mark.parametrize(
    ("group", "files", "cores"),
    [
        ("0::/box/inner", {"box/cpu.max": "150000 100000", "box/inner/cpu.max": "max 100000"}, 2),
        ("4:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "1000"}, 50),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ("0::/", {}, 64),
    ],
)
def test_cores_are_those_of_the_container(tmp_path, monkeypatch, quota, group, files, cores):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    lines = machine._lines
    monkeypatch.setattr(
        machine, "_lines", lambda p: [group] if p == "/proc/self/cgroup" else lines(p)
    )
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert machine.cores() == cores


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16", "avx2"])
def test_bf16_is_what_the_processor_says(monkeypatch, flag):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {flag: True})
    assert machine.has_fast_bf16("cpu") == flag.endswith("bf16")
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert machine.has_fast_bf16("cpu") is False
    assert machine.has_fast_bf16("mps") is False


@pytest.fixture
def four_cores(monkeypatch):
    """A machine with four cores, on which torch was told nothing; as it was before at the end."""
    usual = torch.get_num_threads()
    monkeypatch.setattr(machine, "cores", lambda: 4)
    torch.set_num_threads(4)
    machine._usual_threads.cache_clear()
    yield
    torch.set_num_threads(usual)
    machine._usual_threads.cache_clear()


def test_one_thread_lasts_until_the_outermost_ends(four_cores):
    with machine.one_thread():
        with machine.on_threads(3) as inside:
            assert inside == torch.get_num_threads() == machine.threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == machine.threads() == 4


def test_never_more_threads_than_cores_or_than_somebody_wants(four_cores, monkeypatch):
    with machine.on_threads(9) as threads:
        assert threads == 4
    monkeypatch.setenv(machine.THREADS, "2")
    assert machine.threads() == 2
    monkeypatch.setenv(machine.THREADS, "7")
    assert machine.threads() == 4
    for wrong in ("0", "two", "-1"):
        monkeypatch.setenv(machine.THREADS, wrong)
        with refused("threads"):
            machine.threads()


def test_parts_are_computed_by_threads_that_each_compute_alone(four_cores):
    meeting = threading.Barrier(3, timeout=HUNG)

    def work(part):
        meeting.wait()  # three of them are at it at once
        return 10 * part, torch.get_num_threads(), machine.threads()

    assert machine.in_threads(work, [1, 2, 3]) == [(10, 1, 1), (20, 1, 1), (30, 1, 1)]
    assert torch.get_num_threads() == 4
    with machine.one_thread():
        here = machine.in_threads(lambda _: threading.current_thread(), [1, 2])
    assert set(here) == {threading.current_thread()}
    on_gpu = machine.in_threads(lambda _: threading.current_thread(), [1, 2], torch.device("cuda"))
    assert set(on_gpu) == {threading.current_thread()}


@pytest.mark.parametrize("fault", [TypeError, OSError, AttributeError])  # Windows; macOS's library
def test_another_c_library_is_left_alone(monkeypatch, fault):
    def refuse(_):
        raise fault

    monkeypatch.setattr(machine.ctypes, "CDLL", refuse)
    machine.keep_freed_memory.__wrapped__()
