#!/usr/bin/env python3
"""Sets the course up from nothing and starts it: `python3 start.py lab`, `test` or `course`.

Standard library only, on Linux, macOS and Windows. It makes `.venv` beside this file, which takes
minutes the first time and nothing later, and touches nothing else but a lock, `.venv.lock`. It must
parse on Python 3.6, so that an old Python can say which one is needed.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None

NEEDED = (3, 10)
ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, *(["Scripts", "python.exe"] if os.name == "nt" else ["bin", "python"]))
OURS = os.path.join(VENV, "made-by-start.py")  # written first: this .venv may be rebuilt by us
READY = os.path.join(VENV, "ready-for-tl-course.json")  # written last: this .venv is whole
LOCK = VENV + ".lock"  # locked by whoever is setting .venv up
LOG = os.path.join(VENV, "setup.log")
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
MINILM_LOG = os.path.join(VENV, "minilm.log")
BROWSER_LOG = os.path.join(VENV, "browser.log")
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
NO_SPEECH = "the extra `speech` cannot be installed here; setup.log in .venv says why."
NO_NETWORK = re.compile(
    "NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|NameResolutionError"
    "|Failed to establish a new connection|Temporary failure in name resolution"
    "|Network is unreachable|Connection refused|Connection reset|getaddrinfo failed"
    "|Could not fetch URL|No route to host|TimeoutError"
    r"|requirement setuptools\S* \(from versions: none\)"  # every index has some
)


# For `python -c`: as `-m`, but nothing in the present folder (a learner's random.py) is a module.
MODULE = (
    "import sys; sys.path = [folder for folder in sys.path if folder]; import runpy; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


class Stop(Exception):
    """What is missing, in one sentence."""


def main(argv=None):
    args, extra = parse(argv)
    try:
        if args.verb == "test" and not os.path.isdir(os.path.join(ROOT, "tests")):
            raise Stop(
                "this version of the course is for students and has no tests: ask your teacher."
            )
        set_up(args.cpu, args.folder)
        if args.verb == "test":
            set_up_browser()
            return call(offline() + [PYTHON, "-m", "pytest"] + (extra or every_test()), folder=ROOT)
        verb = "run" if args.verb == "course" else "lab"
        return call([PYTHON, "-c", MODULE, "tl_course", verb] + extra)
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
    """What the operating system would not do, and what to do about it."""
    what = "{}: {}".format(error.filename, error.strerror) if error.filename else str(error)
    return (
        "the operating system refused something ({}): put the course into a folder that you may "
        "write to, with room on its disk, and start again.".format(what)
    )


def parse(argv):
    parser = argparse.ArgumentParser(
        usage="python3 start.py [-h] {lab,test,course} [--cpu] [--from DIR] [options of the verb]",
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
        "--cpu",
        action="store_true",
        help="on Linux: install the build of torch without CUDA, a seventh of the download",
    )
    parser.add_argument(
        "--from",
        dest="folder",
        metavar="DIR",
        help="install without a network, from the folder that `tl-course wheelhouse` made",
    )
    return parser.parse_known_args(argv)


# ---------------------------------------------------------------------------- setting up


def set_up(cpu=False, folder=None):
    """Makes sure that .venv is there and whole; quick when it is."""
    check_python()
    if is_ready():
        return
    packages = packages_in(folder) if folder else None
    with alone():
        if not is_ready():  # another start may have set it up meanwhile
            bring_up_to_date(cpu, packages)


def is_ready():
    made = read_json(READY)
    return made == would_be_ready() and bool(made["python"])


def would_be_ready():
    """What is written down of a .venv that is whole."""
    return {"project": project_hash(), "python": venv_python(), "folder": ROOT}


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
    """Whether this start, and no other, now has the file; it does until the file is closed."""
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except OSError as error:  # any other: some network disks know no locks
        return not isinstance(error, BlockingIOError if fcntl else PermissionError)
    return True


def packages_in(folder):
    """The list of this system's packages in a folder, from which alone pip installs from now on."""
    folder = pathlib.Path(folder).resolve()
    here = "{}-{}-py{}.{}".format(platform.system(), platform.machine(), *sys.version_info[:2])
    packages = folder / (here.lower() + ".txt")
    others = sorted(file.stem for file in folder.glob("*-py*.txt"))
    if not others or not (folder / "wheels").is_dir():
        raise Stop(
            "{} is no folder that `tl-course wheelhouse` made and finished: give that one to "
            "--from.".format(folder)
        )
    if packages.stem not in others:
        raise Stop(
            "{} has nothing for {}, only for {}: start with such a Python, or let `tl-course "
            "wheelhouse` put this one in, where there is a network.".format(
                folder, packages.stem, ", ".join(others)
            )
        )
    os.environ.update(
        PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1",
        PIP_FIND_LINKS=(folder / "wheels").as_uri(),  # pip would split a path at its spaces
    )  # fmt: skip
    return packages


def bring_up_to_date(cpu, packages=None):
    made, wanted = read_json(READY) or {}, would_be_ready()
    cpu = cpu or bool(packages) and "+cpu" in packages.read_text()
    if wanted["python"] and made.get("python") == wanted["python"]:
        print("The course has changed or moved since the last start: bringing .venv up to date.")
    else:
        make_venv(cpu)
    install(cpu, packages)
    wanted["python"] = venv_python()
    with open(READY, "w") as file:
        json.dump(wanted, file)
    print("Ready.\n", flush=True)


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
        smaller = ", or add `--cpu` ({} GB)".format(room(True)) if room(True) < needed else ""
        raise Stop(
            "there is not enough room on the disk of {}: {:.1f} GB are free and about {} GB are "
            "needed; free some{} and start again.".format(ROOT, free, needed, smaller)
        )


def room(cpu):
    """GB that .venv needs: torch for Linux comes with CUDA unless told otherwise."""
    return 8 if sys.platform.startswith("linux") and not cpu else 3


def make_venv(cpu):
    """Makes .venv, in the place of a half-made one."""
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
    made = subprocess.run(
        [sys.executable, "-c", MODULE, "venv", os.path.realpath(VENV)],  # it refuses a link
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if made.returncode:
        words = made.stdout.decode(errors="replace").strip()
        raise Stop("Python could not make {}: {}".format(VENV, words))


def clear(folder):
    """Removes everything in a folder, to which a link may lead, but the sign that it is ours."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        elif entry.name != os.path.basename(OURS):
            os.remove(entry.path)


def install(cpu, packages=None):
    """Installs the course with its extras by pip: from a folder, or as pip's own settings say."""
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    where = []
    if packages:
        print("Setting up .venv from {}: 2 to 5 minutes, once.".format(packages.parent), flush=True)
        if pip_run(pip + ["--require-hashes", "-r", str(packages)]):
            raise Stop(why_folder_failed(packages.parent) or why_pip_failed())
    else:
        say_what_is_downloaded(cpu)
        if cpu and sys.platform.startswith("linux"):
            where = ["--extra-index-url", CPU_BUILDS]
    if pip_run(pip + ["pip>=21.3"]):
        raise Stop(why_pip_failed())
    if pip_run(pip + where + ["-e", ".[test,speech,language]"]):
        problem = packages and why_folder_failed(packages.parent) or why_pip_failed()
        if problem != NO_SPEECH or pip_run(pip + where + ["-e", ".[test,language]"]):
            raise Stop(problem)
        print("There are no voices for this system, so the course goes on with its recordings.")
    fetch_minilm()


def say_what_is_downloaded(cpu):
    size = "3.5 GB" if room(cpu) > 3 else "0.5 GB"
    print(
        "Setting up .venv: up to {} to download, 2 to 15 minutes, only this once.".format(size),
        flush=True,
    )
    if room(cpu) > room(True) and not shutil.which("nvidia-smi"):
        print("(No NVIDIA GPU here? Ctrl-C, then add --cpu: a seventh of that.)", flush=True)


def fetch_minilm():
    """Fetches the network for texts that notebook 07 borrows; without it, it shows recordings."""
    script = os.path.join("data_scripts", "minilm.py")
    if os.path.exists(os.path.join(ROOT, script)) and pip_run([PYTHON, script], MINILM_LOG):
        print(
            "  The network for texts (84 MB) could not be fetched (why: {}), so notebook 07 shows\n"
            "  recorded results there; to try again: {} {}".format(MINILM_LOG, PYTHON, script),
            flush=True,
        )


def pip_run(command, log_file=None):
    """Runs pip, says calmly how far it is, keeps its words in a log; returns its exit code."""
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


def why_pip_failed():
    """One sentence out of what pip wrote."""
    with open(LOG, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if "No space left" in text or "Errno 28" in text:
        return "the disk is full: free some room and start again."
    if NO_NETWORK.search(text):
        return (
            "the packages could not be downloaded: the first start needs the network, so connect "
            "(behind a proxy, set HTTPS_PROXY) and start again; pip's words are in {}.".format(LOG)
        )
    errors = re.findall(r"^ *ERROR: (.*)", text, re.MULTILINE)
    if any("espeakng" in line for line in errors):
        return NO_SPEECH
    reason = errors[-1] if errors else "no reason given"
    hint = ""
    if reason.startswith("No matching distribution"):
        hint = ", so check pip's settings, or use a 64-bit Python 3.10 to 3.13"
    return "pip could not install the course ({}){}; its words are in {}.".format(reason, hint, LOG)


def why_folder_failed(folder):
    """One sentence out of what pip wrote, where it is the folder's fault."""
    with open(LOG, encoding="utf-8", errors="replace") as file:
        text = file.read()
    damaged = re.search(r"^ +\S+ from file:\S*/(\S+) ", text, re.MULTILINE)
    lacking = re.search(r"^ *ERROR: No matching distribution found for (\S+)", text, re.MULTILINE)
    if damaged:
        return "{} in {} is damaged: copy the folder once more.".format(damaged.group(1), folder)
    if lacking:
        return (
            "{} has no {} that this version of the course can use with this Python: let `tl-course "
            "wheelhouse` of this version fill it, where there is a network.".format(
                folder, lacking.group(1)
            )
        )
    return ""


def set_up_browser():
    """Installs chromium for the tests in a browser, on Debian and Ubuntu where we may.

    Whatever happens, the tests go on: without a browser those that need one say how to get it.
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


def quietly(command, log=subprocess.DEVNULL):
    """Runs a program, its words in the log, for ten minutes at most; returns its exit code."""
    try:
        return subprocess.call(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, timeout=600
        )
    except (OSError, subprocess.SubprocessError):
        return 1


def project_hash():
    """A hash of what pyproject.toml says before its first section of settings for tools."""
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        return hashlib.sha256(file.read().split("\n[tool.")[0].encode()).hexdigest()


def venv_python():
    """The version of .venv's Python, such as "3.11"; empty when it does not start."""
    ask = [PYTHON, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        return subprocess.check_output(ask, stderr=subprocess.DEVNULL).decode().strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def read_json(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


# ---------------------------------------------------------------------------- starting


def every_test():
    """How pytest runs all of the tests: a file on each core, in one thread, up to four at once.

    Several threads each would wait for each other more than they compute.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return ["-n", "auto", "--maxprocesses=4", "--dist=loadfile", "--durations=20"]


def call(command, folder=None):
    """Runs a program to its end, leaving Ctrl-C to it; returns its exit code."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = subprocess.call(command, cwd=folder)
    finally:
        signal.signal(signal.SIGINT, before)
    return 128 - code if code < 0 else code


def offline():
    """What to put before a command so that it runs without a network, where the system can.

    Linux can give a program a network of its own, in which only the loopback is up.
    """
    up = [sys.executable, os.path.join(ROOT, "start.py"), "--loopback"]
    for unshare in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        try:
            tried = subprocess.run(
                unshare + up + [sys.executable, "-c", ""],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            break
        if tried.returncode == 0:
            return unshare + up
    print(
        "The network is not cut off for the tests: {} has no `unshare` that may be used; "
        "the tests themselves still refuse it.".format(platform.system()),
        flush=True,
    )
    return []


def with_loopback(command):
    """Inside a network of its own (Linux): brings the loopback up, then becomes the command."""
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
