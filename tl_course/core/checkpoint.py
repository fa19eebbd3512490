"""A training on disk: written whole while it runs, and read back to go on exactly where it was.

It is one safetensors file. All tensors are in it by name; everything else about the training is a
JSON text in its header, in which `{"tensor": name, …}` stands for a tensor.
"""

import json
from pathlib import Path

import torch

from tl_course.base import untrusted_input
from tl_course.base.errors import CourseError, printable
from tl_course.core import files

FORMAT = "tl_course checkpoint 1"
LEAST_STATE, MOST_STATE = 1_000_000, 50_000_000  # bytes of what is no tensor, for how long a run
PER_STEP = 10  # bytes of it: three numbers for each ten steps
MOST_NUMBER = 1e18  # of all plain numbers; larger ones end in no result
NUMBER = {"type": "number", "minimum": -MOST_NUMBER, "maximum": MOST_NUMBER}
COUNT = {"type": "integer", "minimum": 0, "maximum": MOST_NUMBER}
NUMBERS = {"type": "array"}  # `_are_numbers` looks into them, a hundred times faster
MOMENTS = {False: ("exp_avg", "exp_avg_sq"), True: ("mean",)}  # of each weight: AdamW's, Muon's
SERIES = ("step", "loss", "rate")  # of a history
STATE = {  # what the JSON text must hold (JSON Schema)
    "type": "object",
    "properties": {
        "run": {"type": "object"},
        "step": COUNT,
        "history": {
            "type": "object",
            "properties": {
                **dict.fromkeys(SERIES, NUMBERS),
                "seconds": NUMBER,
                "finished": {"type": "boolean"},
            },
            "required": [*SERIES, "seconds", "finished"],
            "additionalProperties": False,
        },
        "pending": NUMBERS,
        "kept": {"type": "object"},
        "threads": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST_NUMBER},
    },
    "required": ["run", "step", "history", "pending", "kept"],
}  # fmt: skip


def save(path: Path, run: dict, state: dict, kept: dict) -> None:
    """Write which `run` it is, plain `state`, and the state of what is `kept` (net, …)."""
    tensors: dict[str, torch.Tensor] = {}
    states = {name: _packed(one.state_dict(), name, tensors) for name, one in kept.items()}
    text = json.dumps({"run": run, **state, "kept": states})
    files.write_tensors(path, tensors, format=FORMAT, state=text)


def resume(path: Path, run: dict, kept: dict) -> tuple[int, dict, list[float], int | None]:
    """Put what is `kept` back into its state: gives step, history, losses of no look yet, threads.

    Raises CourseError where the file is damaged, was made by another version of the course, or
    belongs to another run than `run`; what is `kept` is then as it was.
    """
    ours: dict[str, torch.Tensor] = {}
    _packed({name: one.state_dict() for name, one in kept.items()}, "", ours)
    room = 4 * sum(value.nbytes for value in ours.values())  # an optimizer keeps two for a weight
    content = untrusted_input.content(path, room + MOST_STATE)
    most = min(MOST_STATE, LEAST_STATE + PER_STEP * run["steps"])
    try:
        tensors = files.tensors_in(content, path, most)
        texts = files.texts_in(content, path, most)
    except CourseError:
        if files.is_pickle(content):  # as torch.save wrote it
            raise of_another_version(path) from None
        raise _damaged(path) from None
    if texts.get("format") != FORMAT:
        raise of_another_version(path)
    state = untrusted_input.parsed(texts.get("state", ""), f"The checkpoint {path}")
    untrusted_input.meet(state, STATE, f"The checkpoint {path}", "delete it to start over")
    history = state["history"]
    some = (*map(history.get, SERIES), state["pending"])
    if not all(map(_are_numbers, some)) or any(type(one) is not int for one in history["step"]):
        raise _damaged(path)
    wanted = json.loads(json.dumps(run))
    if state["run"] != wanted:
        theirs = {key: value for key, value in state["run"].items() if wanted.get(key) != value}
        raise CourseError(
            f"The checkpoint {path} belongs to another run ({printable(str(theirs), 300)}, which "
            "is not what was asked for); delete it, or give another folder."
        )
    try:
        states = {name: _unpacked(state["kept"][name], tensors) for name in kept}
        fits = all(_fits(states[name], one, state["step"]) for name, one in kept.items())
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError):
        fits = False
    if not fits:
        raise _damaged(path)
    for name, one in kept.items():
        one.load_state_dict(states[name])
    return state["step"], history, state["pending"], state.get("threads")


def _are_numbers(some: list) -> bool:
    return all(type(one) in (int, float) and abs(one) <= MOST_NUMBER for one in some)


def of_another_version(path: Path) -> CourseError:
    """What to say of a checkpoint that this version of the course does not go on from."""
    return CourseError(
        f"The checkpoint {path} was made by another version of the course, and this one cannot go "
        "on from it; delete it to start over."
    )


def _damaged(path: Path) -> CourseError:
    return CourseError(
        f"The checkpoint {path} is damaged, or is that of another network; delete it to start over."
    )


def _packed(value: object, name: str, tensors: dict[str, torch.Tensor]) -> object:
    """`value` as JSON takes it; its tensors are put into `tensors`, copied, and named there."""
    if isinstance(value, torch.Tensor):
        plain = value.detach().cpu()
        tensors[name] = plain.clone(memory_format=torch.contiguous_format)
        last = plain.ndim == 4 and plain.is_contiguous(memory_format=torch.channels_last)
        return {"tensor": name, "channels_last": last}
    if isinstance(value, dict):
        return {str(key): _packed(one, f"{name}/{key}", tensors) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_packed(one, f"{name}/{number}", tensors) for number, one in enumerate(value)]
    return value


def _unpacked(value: object, tensors: dict[str, torch.Tensor]) -> object:
    """What `_packed` was given; each tensor lies in memory as it did, and updates stay the same."""
    if isinstance(value, list):
        return [_unpacked(one, tensors) for one in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        last = torch.channels_last if value["channels_last"] else torch.contiguous_format
        return tensors[value["tensor"]].contiguous(memory_format=last)
    return {
        int(key) if key.isdecimal() else key: _unpacked(one, tensors)  # an optimizer counts weights
        for key, one in value.items()
    }


def _fits(state: dict, one: object, step: int) -> bool:
    """Whether a state could be that of `one` before this step: the same parts, of the same shapes.

    All that changes in a schedule is how often it stepped, and the rates that it gave last.
    """
    ours = one.state_dict()
    if isinstance(one, torch.optim.lr_scheduler.OneCycleLR):
        goes_on = {"last_epoch": step, "_step_count": step + 1, "_last_lr": state["_last_lr"]}
        if step > one.total_steps or state != json.loads(json.dumps(ours | goes_on)):
            return False
    if isinstance(one, torch.optim.Optimizer):
        places = [(weight, group) for group in one.param_groups for weight in group["params"]]
        for number, moments in state["state"].items():
            weight, group = places[number]
            shapes = dict.fromkeys(MOMENTS[bool(group.get("muon"))], weight.shape)
            if number < 0 or {key: one.shape for key, one in moments.items()} != {
                "step": torch.Size(), **shapes
            }:  # fmt: skip
                return False
        ours["state"] = state["state"]  # a fresh one has none yet
    return _alike(state, ours)


def _alike(theirs: object, ours: object) -> bool:
    if isinstance(ours, torch.Tensor):
        alike = isinstance(theirs, torch.Tensor) and theirs.shape == ours.shape
        return alike and theirs.dtype == ours.dtype
    if isinstance(ours, dict):
        same = isinstance(theirs, dict) and theirs.keys() == ours.keys()
        return same and all(_alike(theirs[key], ours[key]) for key in ours)
    if isinstance(ours, (list, tuple)):
        same = isinstance(theirs, (list, tuple)) and len(theirs) == len(ours)
        return same and all(map(_alike, theirs, ours))
    numbers = (int, float)
    if type(theirs) in numbers and type(ours) in numbers:
        return -MOST_NUMBER < theirs < MOST_NUMBER
    return type(theirs) is type(ours)
