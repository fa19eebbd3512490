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
    """Something a person can put right.

    Its message is one sentence: what was wrong, what was expected, and what to do. The command
    line prints it without a traceback and exits with 2. It may quote what a stranger wrote: nothing
    in it is obeyed by a terminal, and the middle of what is too long is left out.
    """

    def __init__(self, sentence: str):
        line = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in sentence)
        if len(line) > LONGEST:
            line = f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
        super().__init__(line)


def print_anything() -> None:
    """From now on what a console cannot show is written as \\u4e2d, where it would be an error.

    Output that is redirected has no more than 256 characters on many Windows machines.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a notebook's, or none
            stream.reconfigure(errors="backslashreplace")


def run_script(main: Callable[[], object]) -> None:
    """Run a script's `main`; what a person can put right, or Ctrl-C, ends it in one sentence."""
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
    """What the operating system would not do, and to which file, in a sentence."""
    why = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return f"The system refused something ({why}): see to that, and try again."
    return (
        f"{printable(str(error.filename), 500)} cannot be used ({why}): see that it is there and "
        "that you may use it, and try again."
    )


def no_memory(error: Exception) -> str | None:
    """The sentence for an error that comes of too little memory; None for any other.

    torch has a type of its own for that on a GPU, and only words on a processor.
    """
    words = ("OutOfMemoryError", "DefaultCPUAllocator")
    if not isinstance(error, MemoryError) and not any(one in repr(error) for one in words):
        return None
    return (
        "There is not enough memory for this: close other programs, or ask for less (fewer "
        "pictures or images), and try again; `tl-course doctor` says how much there is."
    )


@contextlib.contextmanager
def refusals_told() -> Iterator[None]:
    """Within it, a file or folder that the operating system refuses is a CourseError."""
    try:
        yield
    except OSError as error:
        if error.filename is None:  # of no file: none of a person's doing
            raise
        raise CourseError(refusal(error)) from error


def printable(text: str, most: int = 80) -> str:
    """A stranger's text for a sentence: one line, nothing that a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)[:most]
