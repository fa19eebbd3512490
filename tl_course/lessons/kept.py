"""What a learner answered: predictions and exercises, kept in the data home and sent nowhere.

One small JSON file for each person, `made/PERSON/answers.json`: `{kind: {name: entry}}`, where
`kind` is "predictions" or "exercises". `forget` deletes it.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

from tl_course.base import storage
from tl_course.base.errors import CourseError

KINDS = ("predictions", "exercises")


def file() -> Path:
    """Where it is."""
    return storage.person_folder() / "answers.json"


def read(kind: str) -> dict[str, dict]:
    """Everything of one kind by its name, in the order of notebooks.

    A home that cannot be written to keeps nobody from reading on: it is a warning.
    """
    try:
        return dict(sorted(_everything()[kind].items()))
    except CourseError as error:
        warnings.warn(f"No answers are kept. {error}", stacklevel=2)
        return {}


def keep(kind: str, name: str, change: Callable[[dict], dict | None]) -> None:
    """Let `change` turn the entry of that name ({} where there is none) into a new one, or None.

    Two notebooks may write at the same time: each waits for the other. A home that cannot be
    written to keeps nobody from a result: it is a warning.
    """
    try:
        path = file()
        with storage.lock(path):
            everything = _everything()
            changed = change(dict(everything[kind].get(name, {})))
            everything[kind].pop(name, None)
            if changed is not None:
                everything[kind][name] = changed
            storage.write_text(path, json.dumps(everything, indent=1, sort_keys=True) + "\n")
    except CourseError as error:
        warnings.warn(f"This answer was not kept. {error}", stacklevel=2)


def forget() -> None:
    """Delete all of it."""
    path = file()
    with storage.lock(path):
        path.unlink(missing_ok=True)


def _everything() -> dict[str, dict[str, dict]]:
    path = file()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if any(not isinstance(one, dict) for kind in KINDS for one in found[kind].values()):
            raise ValueError("an entry is not a table")
        return {kind: dict(found[kind]) for kind in KINDS}
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        aside = path.with_name("answers.damaged.json")
        path.replace(aside)
        warnings.warn(
            f"{path} is damaged ({error}); it is now {aside.name}, and your answers begin anew.",
            stacklevel=3,
        )
    return {kind: {} for kind in KINDS}
