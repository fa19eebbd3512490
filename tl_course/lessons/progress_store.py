"""What a learner answered: predictions and exercises, kept in the data home and sent nowhere.

One small JSON file for each person, `made/PERSON/answers.json`: `{kind: {name: entry}}`, where
`kind` is "predictions" or "exercises". `forget_everything` deletes it.
"""

import itertools
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path

from tl_course.base import storage, untrusted_input
from tl_course.base.errors import CourseError, refusals_told
from tl_course.lessons import resumed

KINDS = ("predictions", "exercises")
DAMAGED = "answers.damaged"  # how the names begin of files that were put aside


def file() -> Path:
    """Where it is."""
    return storage.person_folder() / "answers.json"


def read_entries(kind: str) -> dict[str, dict]:
    """Everything of one kind by its name, in the order of notebooks; damaged entries left out.

    A home that cannot be written to keeps nobody from reading on: it is a warning.
    """
    try:
        path = file()
        try:
            everything = _everything(path)
        except CourseError:
            with storage.lock(path):
                everything = _whole(path)
    except CourseError as error:
        warnings.warn(f"No answers are kept. {error}", stacklevel=2)
        return {}
    return {
        name: entry for name, entry in sorted(everything[kind].items()) if isinstance(entry, dict)
    }


def keep_entry(kind: str, name: str, change: Callable[[dict], dict | None]) -> None:
    """Let `change` turn the entry of that name ({} where there is none) into a new one, or None.

    Two notebooks may write at the same time: each waits for the other. A home that cannot be
    written to keeps nobody from a result: it is a warning.
    """
    try:
        path = file()
        with storage.lock(path):
            everything = _whole(path)
            before = everything[kind].pop(name, {})
            changed = change(dict(before) if isinstance(before, dict) else {})
            if changed is not None:
                everything[kind][name] = changed
            storage.write_text(path, json.dumps(everything, indent=1, sort_keys=True) + "\n")
    except CourseError as error:
        warnings.warn(f"This answer was not kept. {error}", stacklevel=2)


def forget_everything() -> None:
    """Delete all of it, what was put aside and what was done in experiments as well."""
    resumed.forget_all()
    path = file()
    with storage.lock(path), refusals_told():
        for place in (path, *path.parent.glob(f"{DAMAGED}*.json")):
            place.unlink(missing_ok=True)


def _everything(path: Path) -> dict[str, dict]:
    """All that is kept, with every kind; CourseError where the file as a whole is damaged."""
    if not os.path.lexists(path):
        return {kind: {} for kind in KINDS}
    everything = untrusted_input.parsed(
        untrusted_input.content(path, untrusted_input.MOST_TEXT), path
    )
    if not isinstance(everything, dict):
        raise CourseError("damaged", f"{path} is not a table of answers.")
    everything = {kind: {} for kind in KINDS} | everything
    if not all(isinstance(everything[kind], dict) for kind in KINDS):
        raise CourseError("damaged", f"{path} has no table of each kind of answers.")
    return everything


def _whole(path: Path) -> dict[str, dict]:
    """The same for whoever has the lock: what is damaged gets a name of its own, and is kept."""
    try:
        return _everything(path)
    except CourseError as error:
        ends = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        places = (path.with_name(f"{DAMAGED}{end}.json") for end in ends)
        aside = next(place for place in places if not os.path.lexists(place))
        with refusals_told():
            path.replace(aside)
        warnings.warn(
            f"{path} is damaged ({error}); it is now {aside.name}, and your answers begin anew.",
            stacklevel=4,
        )
        return _everything(path)
