"""The one error that is meant to be read by people."""

import contextlib
import sys
import unicodedata
from collections.abc import Callable, Iterator


class CourseError(Exception):
    """Something a person can put right.

    Its message is one sentence: what was wrong, what was expected, and what to do. The command
    line prints it without a traceback and exits with 2.
    """


def run_script(main: Callable[[], object]) -> None:
    """Run a script's `main`; what a person can put right, or Ctrl-C, ends it in one sentence."""
    try:
        main()
    except CourseError as error:
        raise SystemExit(plain(str(error))) from None
    except OSError as error:
        raise SystemExit(refusal(error)) from None
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        raise SystemExit(130) from None


def refusal(error: OSError) -> str:
    """What the operating system would not do, and to which file, in a sentence."""
    why = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return plain(f"The system refused something ({why}): see to that, and try again.")
    return (
        f"{printable(str(error.filename), 500)} cannot be used ({why}): see that it is there and "
        "that you may use it, and try again."
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


def plain(text: str) -> str:
    """The text without what a terminal would obey; its lines stay."""
    return "".join("?" if unicodedata.category(c) == "Cc" and c != "\n" else c for c in text)


def printable(text: str, most: int = 80) -> str:
    """A stranger's text for a sentence: one line, nothing that a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)[:most]
