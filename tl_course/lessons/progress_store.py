"""What a learner answered: predictions and exercises, kept in the data home and sent nowhere.

Each person has one small JSON file, `made/PERSON/answers.json`: `{kind: {name: entry}}`, where
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
DAMAGED = "answers.damaged"  # how the names of damaged files begin


def file() -> Path:
    """The path of this person's answers."""
    return storage.person_folder() / "answers.json"


def read_entries(kind: str) -> dict[str, dict]:
    """The entries of one kind by name, in the order of notebooks; damaged ones are left out.

    If the file cannot be read or repaired, this only warns and returns {}, so that the learner can
    go on.
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
    """Replace an entry by what `change` returns for it ({} if there is none); None deletes it.

    If two notebooks write at the same time, one waits for the other. If the file cannot be written,
    this only warns, so that the learner still sees the result.
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
    """Delete all answers, the damaged files that were kept, and the progress in experiments."""
    resumed.forget_all()
    path = file()
    with storage.lock(path), refusals_told():
        for place in (path, *path.parent.glob(f"{DAMAGED}*.json")):
            place.unlink(missing_ok=True)


def _everything(path: Path) -> dict[str, dict]:
    """All entries by kind; CourseError if the file as a whole is damaged."""
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
    """Like `_everything`, for a caller with the lock: a damaged file is renamed and kept."""
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
