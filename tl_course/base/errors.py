"""The one error that is meant to be read by people."""

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

LONGEST = 900  # characters of a sentence that somebody reads


class CourseError(Exception):
    """Something a person can put right, `CourseError("no_folder", "There is no folder …")`.

    Its message is one sentence: what was wrong, what was expected, and what to do. The command
    line prints it without a traceback and exits with 2. It may quote what a stranger wrote: nothing
    in it is obeyed by a terminal, and the middle of what is too long is left out. Programs and
    tests know the mistake by its `code`; tests/sentences.txt lists all sentences.
    """

    def __init__(self, code: str, sentence: str):
        line = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in sentence)
        if len(line) > LONGEST:
            line = f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
        super().__init__(code, line)
        self.code = code

    def __str__(self) -> str:
        return self.args[1]


def print_anything() -> None:
    """Write characters that a console cannot show as \\u4e2d, instead of raising an error.

    On many Windows machines redirected output has only 256 characters.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a notebook's, or none
            stream.reconfigure(errors="backslashreplace")


def run_script(main: Callable[[], object]) -> None:
    """Run a script's `main`; a CourseError, an OSError or Ctrl-C ends it with one sentence."""
    print_anything()
    try:
        main()
    except CourseError as error:
        raise SystemExit(str(error)) from None
    except OSError as error:
        raise SystemExit(refusal(error)) from None
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        raise SystemExit(130) from None


def script(name: str) -> str:
    """What to type in a terminal, in any folder, so that data_scripts/NAME.py runs.

    A plain `python` is not the one of `.venv` unless somebody activated that.
    """
    path = Path(__file__).parents[2] / "data_scripts" / f"{name}.py"
    join = subprocess.list2cmdline if os.name == "nt" else shlex.join
    return join([sys.executable, str(path)])


def refusal(error: OSError) -> str:
    """The sentence for what the operating system refused, and for which file."""
    why = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return f"The system refused something ({why}): see to that, and try again."
    return (
        f"{printable(str(error.filename), 500)} cannot be used ({why}): see that it is there and "
        "that you may use it, and try again."
    )


def no_memory(error: Exception) -> str | None:
    """The sentence for an error for want of memory; None for any other error.

    torch has an error type for that on a GPU, but only a message on a CPU.
    """
    words = ("OutOfMemoryError", "DefaultCPUAllocator")
    if not isinstance(error, MemoryError) and not any(word in repr(error) for word in words):
        return None
    return (
        "There is not enough memory for this: close other programs, or ask for less (fewer "
        "pictures or images), and try again; `tl-course doctor` says how much there is."
    )


@contextlib.contextmanager
def refusals_told() -> Iterator[None]:
    """Raise CourseError for a file or folder that the operating system refuses in the block."""
    try:
        yield
    except OSError as error:
        if error.filename is None:  # not about a file, so no person can mend it
            raise
        raise CourseError("refused_by_system", refusal(error)) from error


def printable(text: str, most: int = 80) -> str:
    """A stranger's text for a sentence: one line, nothing that a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)[:most]
