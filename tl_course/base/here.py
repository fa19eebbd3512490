"""The present folder, which a stranger may have filled: for whom its files are modules.

Python, IPython and every process that they start look for modules there before they look where
libraries are installed. A learner may keep `helper.py` beside a notebook; a `random.py` or a
`transformers.py` that lies there is not to be run by the course, nor by a library.
"""

import contextlib
import importlib.machinery
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

# For `python -c`. (-P is of Python 3.11; PYTHONSAFEPATH would go on to kernels, in which `import
# helper` is to find what lies beside the notebook.)
NOT_FROM_HERE = "import sys; sys.path = [folder for folder in sys.path if folder]; "
_AS_A_MODULE = (
    "import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)
MODULE = NOT_FROM_HERE + _AS_A_MODULE  # as `python -m`
KERNEL = NOT_FROM_HERE + "from tl_course.base import here; here.libraries_first(); " + _AS_A_MODULE

learners = {"__main__"}  # the notebook's cells, and modules that they took from the present folder


class LibrariesFirst(importlib.machinery.PathFinder):
    """Finds modules as Python does, but in the present folder last, and for the learner alone.

    So a file there is never taken for a library that is missing, unless a cell imports it.
    """

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """How to load the module `name`, if it is there for whoever asks."""
        if path is not None:  # a part of a package
            return super().find_spec(name, path, target)
        spec = super().find_spec(name, [folder for folder in sys.path if folder], target)
        if spec and spec.loader or not {name, _asker()} & learners:
            return spec
        beside = super().find_spec(name, [""], target)
        if beside is None:
            return spec
        learners.add(name)
        if "" not in sys.path:
            sys.path.append("")  # processes that are started are told to look where this one does
        return beside


def libraries_first() -> None:
    """From now on modules are found as `LibrariesFirst` says."""
    usual = importlib.machinery.PathFinder
    sys.meta_path[:] = [LibrariesFirst if one is usual else one for one in sys.meta_path]


def _asker() -> str:
    """The package of whose code the import is."""
    frame, package = sys._getframe(2), "importlib"
    while frame is not None and package == "importlib":
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        frame = frame.f_back
    return package


class Sent:
    """A function for another process, which finds modules there as they are found here."""

    def __init__(self, run: Callable):
        self.run = run

    def __call__(self, *arguments: object) -> object:
        return self.run(*arguments)

    def __reduce__(self) -> tuple:
        return _arrives, (learners, sys.path), vars(self)


def _arrives(names: set[str], path: list[str]) -> Sent:
    """What is called before the function itself, and all that it imports, arrives."""
    libraries_first()
    learners.update(names)
    sys.path[:] = path  # as it is there, and not with the name of this folder
    return Sent.__new__(Sent)


@contextlib.contextmanager
def no_modules_for_processes() -> Iterator[None]:
    """While this lasts, no process that starts takes a file of the present folder for a module.

    That holds for `sys.path` too, which multiprocessing hands on, and which comes before what an
    editable installation adds. By `Sent` a process finds a learner's `helper.py` all the same.
    """
    is_searched = "" in sys.path
    sys.path[:] = [folder for folder in sys.path if folder]
    try:
        with _by_variable() if sys.version_info >= (3, 11) else _by_folder():
            yield
    finally:
        if is_searched and "" not in sys.path:
            sys.path.append("")


@contextlib.contextmanager
def _by_variable() -> Iterator[None]:
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        if before is not None:
            os.environ["PYTHONSAFEPATH"] = before


@contextlib.contextmanager
def _by_folder() -> Iterator[None]:
    """Python 3.10 knows no such variable: processes start in the folder of Python's own modules.

    multiprocessing and joblib start them by these functions, and send them back here afterwards.
    """
    if os.name == "nt":
        import _winapi as system

        name, folder_at = "CreateProcess", 7
    else:
        import _posixsubprocess as system

        name, folder_at = "fork_exec", 4
    start = getattr(system, name)

    def start_elsewhere(*given: object) -> object:
        folder = given[folder_at] or os.path.dirname(os.__file__)
        return start(*given[:folder_at], folder, *given[folder_at + 1 :])

    setattr(system, name, start_elsewhere)
    try:
        yield
    finally:
        setattr(system, name, start)
