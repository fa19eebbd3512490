#!/usr/bin/env python3
"""Sets the course up and starts it: `python3 start.py lab`, `test` or `course`.

It needs the standard library only, on Linux, macOS and Windows. It makes `.venv` beside this file,
which takes minutes the first time, and changes nothing else except the lock `.venv.lock`. It must
parse on Python 3.6, so that an old Python can say which version is needed.
"""

import os
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
if ROOT in sys.path:  # otherwise a json.py beside this file would be imported
    sys.path.remove(ROOT)

import argparse
import contextlib
import glob
import hashlib
import importlib.util
import json
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import threading
import time

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None

NEEDED = (3, 11)
EXTRAS = {  # of pyproject.toml, by what is started
    "lab": {"speech"},
    "course": {"language", "speech"},
    "test": {"language", "speech", "test"},
}
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, *(["Scripts", "python.exe"] if os.name == "nt" else ["bin", "python"]))
OURS = os.path.join(VENV, "made-by-start.py")  # written first: start.py may rebuild this .venv
READY = os.path.join(VENV, "ready-for-tl-course.json")  # written last: this .venv is complete
LOCK = VENV + ".lock"  # locked while .venv is set up
LOG = os.path.join(VENV, "setup.log")
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
MINILM_LOG = os.path.join(VENV, "minilm.log")
BROWSER_LOG = os.path.join(VENV, "browser.log")
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
NO_NETWORK = re.compile(
    "NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|NameResolutionError"
    "|Failed to establish a new connection|Temporary failure in name resolution"
    "|Network is unreachable|Connection refused|Connection reset|getaddrinfo failed"
    "|Could not fetch URL|No route to host|TimeoutError"
    r"|requirement setuptools\S* \(from versions: none\)"  # every index has some
)
# -P: no file in the current folder (a learner's random.py) is imported.
PIP = [PYTHON, "-P", "-m", "pip"]
INSTALL = PIP + ["install", "--disable-pip-version-check", "--no-input"]

# For `python -c`: prints what `venv_modules` returns.
MODULES = r"""
import importlib.metadata, json, os, re, sys
modules, pattern = {}, r"^[^/,]+(?:/__init__)?\.py(?=,)"
for package in importlib.metadata.distributions():
    for name in re.findall(pattern, package.read_text("RECORD") or "", re.MULTILINE):
        file = os.path.relpath(str(package.locate_file(name)), sys.prefix)
        if os.path.exists(os.path.join(sys.prefix, file)):
            modules.setdefault(package.metadata["Name"], []).append(file)
print(json.dumps(modules))
"""
ASK = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])"  # also for `python -c`


class Stop(Exception):
    """What is missing, in one sentence."""


class NoNetwork(Stop):
    """A stop that a network would prevent."""


class NoVoices(Stop):
    """A stop because the extra `speech` cannot be installed."""


def main(argv=None):
    args, extra = parse(argv)
    try:
        if args.verb == "test" and not os.path.isdir(os.path.join(ROOT, "tests")):
            raise Stop(
                "this version of the course is for students and has no tests: ask your teacher."
            )
        set_up(EXTRAS[args.verb].union(args.extras), args.cpu, args.folder)
        if args.verb == "test":
            set_up_browser()
            return call(offline() + [PYTHON, "-m", "pytest"] + (extra or every_test()), folder=ROOT)
        verb = "run" if args.verb == "course" else "lab"
        return call([PYTHON, "-P", "-m", "tl_course", verb] + extra)
    except Stop as stop:
        print("start.py: " + str(stop), file=sys.stderr)
        return 1
    except OSError as error:
        print("start.py: " + refusal(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return 130


def refusal(error):
    """A sentence about what the operating system refused, and what to do about it."""
    what = "{}: {}".format(error.filename, error.strerror) if error.filename else str(error)
    return (
        "the operating system refused something ({}): put the course into a folder that you may "
        "write to, with room on its disk, and start again.".format(what)
    )


def parse(argv):
    parser = argparse.ArgumentParser(
        usage="python3 start.py [-h] {lab,test,course} [--with EXTRA] [--cpu | --gpu]\n"
        "                        [--from DIR] [options of the verb]",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Borrowed Eyes: transfer learning you can run, see and touch.\n\n"
        "The first start makes .venv in this folder (some minutes, and a download);\n"
        "later ones are quick. To remove everything, delete this folder.",
        epilog="lab     your own copies of the notebooks, in JupyterLab;\n"
        "        options go to `tl-course lab`\n"
        "test    the tests; options and files go to pytest\n"
        "course  every notebook without a browser, and a report in build/course/;\n"
        "        options go to `tl-course run`",
    )
    parser.add_argument("verb", choices=["lab", "test", "course"], help="what to start (see below)")
    parser.add_argument(
        "--with",
        dest="extras",
        metavar="EXTRA",
        action="append",
        choices=["language", "marks", "test"],
        default=[],
        help="also install `language` (for notebook 07), `marks` (for `tl-course mark`) or `test`",
    )
    build = parser.add_mutually_exclusive_group()
    build.add_argument(
        "--cpu",
        action="store_true",
        default=None,
        help="on Linux: the build of torch without CUDA, a seventh of the download, which is "
        "taken anyway where there is no NVIDIA GPU",
    )
    build.add_argument(
        "--gpu", dest="cpu", action="store_false", help="on Linux: the build of torch with CUDA"
    )
    parser.add_argument(
        "--from",
        dest="folder",
        metavar="DIR",
        help="install without a network, from the folder that `tl-course wheelhouse` made",
    )
    return parser.parse_known_args(argv)


# ---------------------------------------------------------------------------- setting up


def set_up(extras, cpu=None, folder=None):
    """Makes .venv, or completes it with these extras; quick if nothing is missing.

    `cpu` is whether torch must be a build without CUDA; None means either.
    """
    check_python()
    if folder:
        extras = EXTRAS["test"] | extras
    if is_ready(extras, cpu):
        return
    packages = packages_in(folder) if folder else None
    with alone():
        if not is_ready(extras, cpu):  # another start may have set it up meanwhile
            bring_up_to_date(extras, cpu, packages)


def is_ready(extras, cpu=None):
    ready = read_json(READY)
    return (
        would_be_ready().items() <= ready.items()
        and extras <= set(ready.get("extras", ()))
        and cpu in (None, ready.get("cpu"))
        and not damaged(ready)
    )


def would_be_ready():
    """The entries of READY for a complete .venv, without "extras", "modules" and "cpu"."""
    return {"project": project_hash(), "python": venv_python(), "folder": ROOT}


def damaged(ready):
    """The packages with a missing module, according to the content of READY."""
    return [
        name
        for name, files in sorted(ready.get("modules", {}).items())
        if not all(os.path.exists(os.path.join(VENV, file)) for file in files)
    ]


@contextlib.contextmanager
def alone():
    """Waits until no other start is setting up; the system ends a lock with its process."""
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not try_to_lock(lock):
            print("Another start is setting up .venv: waiting until it is done.", flush=True)
            while not try_to_lock(lock):
                time.sleep(1)
        yield
    finally:
        os.close(lock)


def try_to_lock(handle):
    """Locks the file until it is closed; returns whether this start now has the lock."""
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except OSError as error:  # any other: some network disks know no locks
        return not isinstance(error, BlockingIOError if fcntl else PermissionError)
    return True


def packages_in(folder):
    """The list of this system's packages in a folder; pip uses only that folder from now on."""
    folder = pathlib.Path(folder).resolve()
    system = "{}-{}-py{}.{}".format(platform.system(), platform.machine(), *sys.version_info[:2])
    packages = folder / (system.lower() + ".txt")
    systems = sorted(file.stem for file in folder.glob("*-py*.txt"))
    if not systems or not (folder / "wheels").is_dir():
        raise Stop(
            "{} is no folder that `tl-course wheelhouse` made and finished: give that one to "
            "--from.".format(folder)
        )
    if packages.stem not in systems:
        raise Stop(
            "{} has nothing for {}, only for {}: start with such a Python, or let `tl-course "
            "wheelhouse` put this one in, where there is a network.".format(
                folder, packages.stem, ", ".join(systems)
            )
        )
    os.environ.update(
        PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1",
        PIP_FIND_LINKS=(folder / "wheels").as_uri(),  # pip would split a path at its spaces
    )  # fmt: skip
    return packages


def bring_up_to_date(extras, cpu=None, packages=None):
    before, after = read_json(READY), would_be_ready()
    # The last release recorded no extras, because it installed all of them.
    had = set(before.get("extras", EXTRAS["test"] if before else ()))
    if packages:
        cpu = "+cpu" in packages.read_text()
    elif cpu is None:
        cpu = before.get("cpu", not has_nvidia_gpu())
    again = damaged(before) + ["torch", "torchvision"] * (cpu != before.get("cpu", cpu))
    is_there = (
        os.path.exists(READY)
        and after["python"]
        and after["python"] == before.get("python", after["python"])
    )
    if is_there and again:
        print("Installing again, because it is damaged or changes: {}.".format(", ".join(again)))
        is_there = "pip" not in again and not pip_run(PIP + ["uninstall", "-y"] + again)
    elif is_there:
        print("The course has changed, moved or grown: bringing .venv up to date.", flush=True)
    if not is_there:
        make_venv(cpu)
    after.update(extras=sorted(had | extras), cpu=cpu)
    install_offline = INSTALL + ["--no-index", "--no-build-isolation"]
    install_offline += course_with(after["extras"])
    if again or packages or not is_there or pip_run(install_offline):
        try:
            install(after["extras"], cpu, packages, is_there)
        except NoNetwork:
            if again or not is_there or not extras <= had:
                raise
            pip_run(install_offline + ["--no-deps"])
            print("There is no network, so the course starts with the packages that are here.")
            return
    if "language" in after["extras"]:
        fetch_minilm()
    after.update(python=venv_python(), modules=venv_modules())
    with open(READY + ".part", "w") as file:
        json.dump(after, file)
    os.replace(READY + ".part", READY)
    print("Ready.\n", flush=True)


def has_nvidia_gpu():
    signs = glob.glob("/dev/nvidia*") + glob.glob("/proc/driver/nvidia")
    return bool(signs) or quietly(["nvidia-smi"]) == 0


def check_python():
    if sys.version_info[:2] < NEEDED:
        raise Stop(
            "this is Python {}.{}, and the course needs Python {}.{} or newer: install it (for "
            "example from python.org) and start with it, as in `python{}.{} start.py lab`.".format(
                *(tuple(sys.version_info[:2]) + NEEDED + NEEDED)
            )
        )


def check_venv_module():
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    version = "{}.{}".format(*sys.version_info[:2])
    raise Stop(
        "this Python comes without the `venv` module: install it (Debian and Ubuntu: "
        "`sudo apt install python{}-venv`) and start again.".format(version)
    )


def check_disk(cpu):
    needed, free = room(cpu), shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        raise Stop(
            "there is not enough room on the disk of {}: {:.1f} GB are free and about {} GB are "
            "needed; free some and start again.".format(ROOT, free, needed)
        )


def room(cpu):
    """GB that .venv needs; on Linux, torch may come with CUDA."""
    return 8 if sys.platform.startswith("linux") and not cpu else 3


def make_venv(cpu):
    """Makes .venv, or makes an incomplete one again."""
    if os.path.islink(VENV) and not os.path.isdir(VENV):
        raise Stop(
            "{} is a link to a folder that is not there: make that folder, or remove the link, "
            "and start again.".format(VENV)
        )
    if os.path.exists(VENV) and not os.path.exists(OURS):
        if not venv_python():
            raise Stop(
                "{} was not made by start.py and its Python does not start: delete or rename it, "
                "and start again.".format(VENV)
            )
        print("Using the .venv that is already here.")
        return
    check_venv_module()
    if os.path.exists(VENV):
        if os.path.realpath(sys.prefix) == os.path.realpath(VENV):
            raise Stop(
                ".venv has to be made again and start.py is running from inside it: "
                "run `deactivate` and start again."
            )
        print("The .venv here is not whole: making it again.")
        clear(VENV)
    check_disk(cpu)
    os.makedirs(VENV, exist_ok=True)
    open(OURS, "w").close()
    process = subprocess.run(
        [sys.executable, "-P", "-m", "venv", os.path.realpath(VENV)],  # venv refuses a link
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if process.returncode:
        output = process.stdout.decode(errors="replace").strip()
        raise Stop("Python could not make {}: {}".format(VENV, output))


def clear(folder):
    """Removes everything in a folder (which may be a link) except OURS."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        elif entry.name != os.path.basename(OURS):
            os.remove(entry.path)


def install(extras, cpu, packages=None, is_there=False):
    """Installs the course by pip, from a folder or as pip's own settings say."""
    if packages:
        print("Setting up .venv from {}: 2 to 5 minutes, once.".format(packages.parent), flush=True)
        if pip_run(INSTALL + ["--require-hashes", "-r", str(packages)]):
            raise why_pip_failed(packages.parent)
    elif is_there:
        print("Downloading what is missing.", flush=True)
    else:
        size = 0.5 if room(cpu) < 8 else 3.5
        size += 0.1 * ("language" in extras) + 0.1 * ("test" in extras)
        print(
            "Setting up .venv: up to {:.1f} GB to download, 2 to 15 minutes, only this "
            "once.".format(size),
            flush=True,
        )
    if pip_run(INSTALL + ["pip>=21.3"]):
        raise why_pip_failed()
    if cpu and not packages and sys.platform.startswith("linux"):
        install_cpu_torch()
    if pip_run(INSTALL + course_with(extras)):
        problem = why_pip_failed(packages and packages.parent)
        without = [extra for extra in extras if extra != "speech"]
        if not isinstance(problem, NoVoices) or pip_run(INSTALL + course_with(without)):
            raise problem
        print("There are no voices for this system, so the course goes on with its recordings.")


def course_with(extras):
    return ["-e", ".[{}]".format(",".join(extras)) if extras else "."]


def install_cpu_torch():
    """Installs torch without CUDA from PyTorch's index, if that answers within five seconds.

    It does nothing if torch is installed, or in a folder that pip's settings name.
    """
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        torch = ["--no-deps"] + re.findall(r'"(torch(?:vision)?>=[^"]+)"', file.read())
    if not pip_run(INSTALL + ["--no-index"] + torch):
        return
    index = ["--only-binary=:all:", "--index-url", CPU_BUILDS]
    is_up = quietly([sys.executable, "-I", "-c", ASK, CPU_BUILDS + "/torch/"], seconds=5) == 0
    if not is_up or pip_run(INSTALL + index + torch):
        print(
            "PyTorch's index of CPU builds gives no torch now, so pip takes what else it finds: up "
            "to 3 GB more, as it may come with CUDA.",
            flush=True,
        )


def fetch_minilm():
    """Fetches the network for texts of notebook 07, which shows recorded results without it."""
    script = os.path.join("data_scripts", "minilm.py")
    if os.path.exists(os.path.join(ROOT, script)) and pip_run([PYTHON, script], MINILM_LOG):
        print(
            "  The network for texts (84 MB) could not be fetched (why: {}), so notebook 07 shows\n"
            "  recorded results there; to try again: {} {}".format(MINILM_LOG, PYTHON, script),
            flush=True,
        )


def pip_run(command, log_file=None):
    """Runs pip, prints its progress, writes its output to a log, and returns its exit code."""
    start = time.time()
    with open(log_file or LOG, "w", encoding="utf-8", errors="replace") as log:
        pip = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            universal_newlines=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        done = threading.Event()

        def tell_that_it_lives():
            while not done.wait(30):
                print("  ... {:.0f} s so far".format(time.time() - start), flush=True)

        threading.Thread(target=tell_that_it_lives, daemon=True).start()
        try:
            for line in pip.stdout:
                log.write(line)
                log.flush()
                file = re.match(r"\s*Downloading (?:\S*/)?(\S+?)-\d\S* \((\d+)\.\d MB\)", line)
                if file and int(file.group(2)) >= 5:
                    print("  downloading {} ({} MB)".format(*file.groups()), flush=True)
                elif line.startswith("Installing collected"):
                    print("  installing", flush=True)
            return pip.wait()
        except BaseException:
            pip.terminate()
            pip.wait()
            raise
        finally:
            done.set()


def why_pip_failed(folder=None):
    """An error with one sentence about pip's log; `folder` is the only place where it looked."""
    with open(LOG, encoding="utf-8", errors="replace") as file:
        text = file.read()
    damaged = re.search(r"^ +\S+ from file:\S*/(\S+) ", text, re.MULTILINE)
    lacking = re.search(r"^ *ERROR: No matching distribution found for (\S+)", text, re.MULTILINE)
    if folder and damaged:
        return Stop("{} in {} is damaged: copy the folder once more.".format(damaged[1], folder))
    if folder and lacking:
        return Stop(
            "{} has no {} that this version of the course can use with this Python: let `tl-course "
            "wheelhouse` of this version fill it, where there is a network.".format(
                folder, lacking[1]
            )
        )
    if "No space left" in text or "Errno 28" in text:
        return Stop("the disk is full: free some room and start again.")
    if NO_NETWORK.search(text):
        return NoNetwork(
            "the packages could not be downloaded: this start needs the network, so connect "
            "(behind a proxy, set HTTPS_PROXY) and start again; pip's words are in {}.".format(LOG)
        )
    errors = re.findall(r"^ *ERROR: (.*)", text, re.MULTILINE)
    if any("espeakng" in line for line in errors):
        return NoVoices("the extra `speech` cannot be installed here; {} says why.".format(LOG))
    reason = errors[-1] if errors else "no reason given"
    hint = ", so check pip's settings, or use a 64-bit Python 3.11 to 3.14" if lacking else ""
    return Stop(
        "pip could not install the course ({}){}; its words are in {}.".format(reason, hint, LOG)
    )


def set_up_browser():
    """Installs chromium for the tests in a browser, on Debian and Ubuntu, if permitted.

    The tests run in any case; those that need a browser say how to get one.
    """
    if any(shutil.which(name) for name in BROWSERS) or not shutil.which("apt-get"):
        return
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not root and not (shutil.which("sudo") and quietly(["sudo", "-n", "true"]) == 0):
        return
    as_root = [] if root else ["sudo", "-n"]
    apt = as_root + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    apt += ["-o", "Acquire::http::Timeout=20", "-o", "DPkg::Lock::Timeout=60"]
    print("Installing chromium for the tests in a browser, by apt-get: 1 to 3 minutes.", flush=True)
    with open(BROWSER_LOG, "w") as log:
        quietly(apt + ["update"], log)  # a mirror that is down need not be the one that matters
        code = quietly(apt + ["install", "-y", "--no-install-recommends", "chromium"], log)
    if code:
        print(
            "  It could not be installed (why: {}); the tests go on without.".format(BROWSER_LOG),
            flush=True,
        )


def quietly(command, log=subprocess.DEVNULL, seconds=600):
    """Runs a program with its output in `log`; returns its exit code, or 1 after `seconds`."""
    try:
        return subprocess.call(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, timeout=seconds
        )
    except (OSError, subprocess.SubprocessError):
        return 1


def project_hash():
    """A hash of pyproject.toml up to its first [tool.…] section."""
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        return hashlib.sha256(file.read().split("\n[tool.")[0].encode()).hexdigest()


def venv_python():
    """The version of .venv's Python, such as "3.11"; empty if it does not start."""
    ask = [PYTHON, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        return subprocess.check_output(ask, stderr=subprocess.DEVNULL).decode().strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def venv_modules():
    """The modules of each package in .venv, as {name: [file]}."""
    return json.loads(subprocess.check_output([PYTHON, "-I", "-c", MODULES]).decode())


def read_json(path):
    """The object in a file; empty if the file is missing or damaged."""
    try:
        with open(path) as file:
            return dict(json.load(file))
    except (OSError, ValueError, TypeError):
        return {}


# ---------------------------------------------------------------------------- starting


def every_test():
    """pytest's options for all tests: one file per core, in one thread, up to four at once.

    With more threads they would mostly wait for each other.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return ["-n", "auto", "--maxprocesses=4", "--dist=loadfile", "--durations=20"]


def call(command, folder=None):
    """Runs a program, which handles Ctrl-C itself; returns its exit code."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = subprocess.call(command, cwd=folder)
    finally:
        signal.signal(signal.SIGINT, before)
    return 128 - code if code < 0 else code


def offline():
    """The words before a command that run it without a network, if the system can do that.

    Linux can give a program its own network, in which only the loopback is up.
    """
    up = [sys.executable, os.path.join(ROOT, "start.py"), "--loopback"]
    for unshare in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        try:
            process = subprocess.run(
                unshare + up + [sys.executable, "-c", ""],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            break
        if process.returncode == 0:
            return unshare + up
    print(
        "The network is not cut off for the tests: {} has no `unshare` that may be used; "
        "the tests themselves still refuse it.".format(platform.system()),
        flush=True,
    )
    return []


def with_loopback(command):
    """Brings the loopback up in the program's own network (Linux), then becomes the command."""
    import socket
    import struct

    set_flags, up = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH22x", b"lo", up))
    os.execvp(command[0], command)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--loopback"]:
        with_loopback(sys.argv[2:])
    sys.exit(main())
