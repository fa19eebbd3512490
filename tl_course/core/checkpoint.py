"""A training on disk: written whole while it runs, and read back to go on exactly where it was."""

from pathlib import Path

import torch

from tl_course.base import storage
from tl_course.base.errors import CourseError


def save(path: Path, run: dict, state: dict, kept: dict) -> None:
    """Write which `run` it is, plain `state`, and the state of what is `kept` (net, …)."""
    states = {name: one.state_dict() for name, one in kept.items()}
    with storage.atomic_path(path) as temporary:
        torch.save({"run": run, **state, **states}, temporary)


def resume(path: Path, run: dict, kept: dict) -> tuple[int, dict, list[float]]:
    """Put what is `kept` back into its state: gives step, history and losses of no look yet.

    Raises CourseError where the file is damaged, or belongs to another run than `run`.
    """
    try:
        with storage.open_plain(path) as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except storage.NotAFile as error:
        raise CourseError(
            f"{path} is not a checkpoint ({error.strerror}); take it away, or give another folder."
        ) from None
    except Exception as error:
        raise CourseError(
            f"The checkpoint {path} is damaged ({type(error).__name__}); delete it to start over."
        ) from None
    found = state.get("run", {"made by": "another version of the course"})
    if found != run:
        theirs = {key: value for key, value in found.items() if run.get(key) != value}
        raise CourseError(
            f"The checkpoint {path} belongs to another run ({theirs}, which is not what was asked "
            "for); delete it, or give another folder."
        )
    for name, one in kept.items():
        one.load_state_dict(state[name])
    return state["step"], state["history"], state["pending"]
