"""Each fault of `tests/faults` can be planted, and its test catches it (`-m soak`)."""

from pathlib import Path

import faults
import pytest

EVERY = faults.listed()
ROOMS = ("base", "core", "data", "layers", "study", "lessons", "widgets", "app")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return faults.copy_to(tmp_path_factory.mktemp("faults") / "course")


@pytest.mark.parametrize("fault", EVERY.values(), ids=EVERY)
def test_a_fault_can_be_planted_and_its_test_is_there(fault):
    assert (faults.ROOT / fault.file).read_text(encoding="utf-8").count(fault.old) == 1
    assert fault.old != fault.new
    path, _, name = fault.test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (faults.ROOT / path).read_text(encoding="utf-8")


def test_every_room_has_faults():
    folders = {"/".join(Path(fault.file).parts[:2]) for fault in EVERY.values()}
    assert folders > {f"tl_course/{room}" for room in ROOMS}
    assert any(folder.startswith("data_scripts") for folder in folders)


@pytest.mark.soak
def test_without_a_fault_the_tests_pass(course):
    code, output = faults.run(course, sorted({fault.test for fault in EVERY.values()}))
    assert code == 0, output


@pytest.mark.soak
@pytest.mark.parametrize("fault", EVERY.values(), ids=EVERY)
def test_a_planted_fault_is_caught(course, fault):
    with faults.planted(fault, course):
        code, output = faults.run(course, [fault.test])
    assert faults.is_caught(code, output), output
