"""The one error that is meant to be read by people."""

from collections.abc import Callable


class CourseError(Exception):
    """Something a person can put right.

    Its message is one sentence: what was wrong, what was expected, and what to do. The command
    line prints it without a traceback and exits with 2.
    """


def run_script(main: Callable[[], object]) -> None:
    """Run a script's `main`; an error that a person can put right ends it in one sentence."""
    try:
        main()
    except CourseError as error:
        raise SystemExit(str(error)) from None


def printable(text: str, most: int = 80) -> str:
    """A stranger's text for a sentence: one line, nothing that a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)[:most]
