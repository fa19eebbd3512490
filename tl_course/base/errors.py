"""The one error that is meant to be read by people."""


class CourseError(Exception):
    """Something a person can put right.

    Its message is one sentence: what was wrong, what was expected, and what to do. The command
    line prints it without a traceback and exits with 2.
    """


def printable(text: str, most: int = 80) -> str:
    """A stranger's text for a sentence: one line, nothing that a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)[:most]
