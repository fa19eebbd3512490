"""environment.yml and pyproject.toml say the same, and the tests' own rules hold."""

import socket
import tomllib
from pathlib import Path

import pytest
import torch
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import tl_course
from tl_course.app import doctor

ROOT = Path(tl_course.__file__).parents[1]
pytest_plugins = ["pytester"]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_conda_brings_only_python_and_pip(project, conda):
    assert conda["channels"] == ["conda-forge"]
    plain = [d for d in conda["dependencies"] if isinstance(d, str)]
    assert plain == ["python" + project["requires-python"], "pip"]


def test_pip_brings_the_package_itself_with_its_extras(project, conda):
    (by_pip,) = [d["pip"] for d in conda["dependencies"] if isinstance(d, dict)]
    (line,) = by_pip
    assert line.startswith("-e .[") and line.endswith("]")
    extras = line[len("-e .[") : -1].split(",")
    within_test = ["marks"]
    assert sorted([*extras, "bench", *within_test]) == sorted(project["optional-dependencies"])
    assert all(
        f"tl-course[{extra}]" in project["optional-dependencies"]["test"] for extra in within_test
    )


def test_every_dependency_is_a_range_with_a_lower_bound(project):
    every = project["dependencies"] + sum(project["optional-dependencies"].values(), [])
    pinned = [d for d in every if "==" in d.split(";")[0]]
    assert pinned == ["nbval==0.11.0"]
    ranges = [d for d in every if not d.startswith("tl-course[")]
    assert [d for d in ranges if ">=" not in d.split(";")[0] and d not in pinned] == []


@pytest.fixture(scope="module")
def lowest(project):
    """The lowest version of each dependency that is allowed."""
    every = map(Requirement, project["dependencies"])
    return {
        requirement.name: Version(bound.version)
        for requirement in every
        if requirement.marker is None or requirement.marker.evaluate()
        for bound in requirement.specifier
        if bound.operator == ">="
    }


def test_versions_that_run_a_strangers_code_are_not_allowed(lowest):
    # timm before 1.0.31 unpickles whatever file a network's configuration names.
    assert lowest["timm"] >= Version("1.0.31")
    # torch before 2.10 can be made to write where it must not, in spite of `weights_only=True`
    # (CVE-2026-24747).
    assert lowest["torch"] >= Version("2.10")
    # Pillow before 13 can be made to write where it must not by a JPEG (CVE-2026-112403).
    assert lowest["pillow"] >= Version("13")


def test_doctor_names_an_old_torch(lowest, monkeypatch):
    assert Version("{}.{}".format(*doctor.OLDEST_TORCH)) == lowest["torch"]
    monkeypatch.setattr(torch, "__version__", f"{lowest['torch']}.0+cpu")
    assert doctor._torch()[0] == "ok"
    for old in ("2.10.1+cu128", "2.9.1", "1.13.0a0+git"):
        monkeypatch.setattr(torch, "__version__", old)
        status, version, todo = doctor._torch()
        assert status == "problem" and old in version and f"{lowest['torch']} or newer" in todo


def test_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == tl_course.__version__


def test_the_network_is_refused():
    with socket.socket() as outside, pytest.raises(OSError, match="offline"):
        outside.connect(("192.0.2.1", 80))


@pytest.mark.parametrize(("ci", "outcome"), [("true", "failed"), ("", "skipped")])
def test_with_ci_a_skip_is_a_failure(pytester, monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile("import pytest\ndef test_a(): pytest.skip('no such thing here')")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rs")
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines("*no such thing here*")
