from types import SimpleNamespace

import pytest
import torch

from tl_course.base import machine


def test_the_facts_are_plausible():
    assert machine.cores() >= 1
    assert 0.2 < machine.memory_gb() < 100_000
    assert machine.device().type in ("cuda", "mps", "cpu")
    assert "core" in machine.summary() and "\n" not in machine.summary()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["processor\t: 0", "model name\t: AMD EPYC"], "CPU (AMD EPYC)"),
        (["processor\t: 0", "BogoMIPS\t: 48.00"], "CPU (arm)"),  # a Raspberry Pi
        ([], "CPU (arm)"),  # no such file: macOS, Windows
    ],
)
def test_a_processor_is_called_by_its_model(monkeypatch, lines, said):
    monkeypatch.setattr(machine, "device", lambda: torch.device("cpu"))
    monkeypatch.setattr(machine, "_lines", lambda _: lines)
    monkeypatch.setattr(machine.platform, "processor", lambda: "arm")
    assert machine.device_name() == said


@pytest.mark.parametrize(
    ("group", "files", "cores"),
    [
        ("0::/box/inner", {"box/cpu.max": "150000 100000", "box/inner/cpu.max": "max 100000"}, 2),
        ("4:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "1000"}, 50),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ("0::/", {}, 64),
    ],
)
def test_cores_are_those_of_the_container(tmp_path, monkeypatch, group, files, cores):
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


def test_one_thread_lasts_until_the_outermost_ends():
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    machine._usual_threads.cache_clear()
    try:
        with machine.one_thread():
            with machine.one_thread():
                pass
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(usual)
        machine._usual_threads.cache_clear()


@pytest.mark.parametrize(("most", "asked"), [(2**31, 2), (2**25, 3), (0, 2)])
def test_freed_memory_is_kept_as_far_as_the_c_library_lets_us(monkeypatch, most, asked):
    told = []

    def mallopt(what, threshold):
        told.append(what)
        return what == -1 or threshold <= most

    monkeypatch.setattr(machine.ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    machine.keep_freed_memory.__wrapped__()
    assert len(told) == asked and (-1 in told) == (most > 0)


@pytest.mark.parametrize("fault", [TypeError, OSError])  # Windows; macOS has no mallopt
def test_another_c_library_is_left_alone(monkeypatch, fault):
    def none(_):
        raise fault

    for library in (none, lambda _: SimpleNamespace()):
        monkeypatch.setattr(machine.ctypes, "CDLL", library)
        machine.keep_freed_memory.__wrapped__()
