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
MOST_BYTES, MOST_STATE = 4_000_000_000, 50_000_000  # of the file, and of the JSON text in it
MOMENTS = ({"exp_avg", "exp_avg_sq"}, {"mean"})  # of each weight: AdamW's, Muon's
NUMBER = {"type": "number", "minimum": -1e18, "maximum": 1e18}
COUNT = {"type": "integer", "minimum": 0, "maximum": 10**18}
NUMBERS = {"type": "array", "items": NUMBER}
HISTORY = {
    "step": {"type": "array", "items": COUNT}, "loss": NUMBERS, "rate": NUMBERS,
    "seconds": NUMBER, "finished": {"type": "boolean"},
}  # fmt: skip
STATE = {  # what the JSON text must hold (JSON Schema)
    "type": "object",
    "properties": {
        "run": {"type": "object"},
        "step": COUNT,
        "history": {
            "type": "object",
            "properties": HISTORY,
            "required": [*HISTORY],
            "additionalProperties": False,
        },
        "pending": NUMBERS,
        "kept": {"type": "object"},
        "threads": {"type": ["integer", "null"], "minimum": 1, "maximum": 10**18},
    },
    "required": ["run", "step", "history", "pending", "kept"],
}


def save_checkpoint(path: Path, run: dict, progress: dict, parts: dict) -> None:
    """Write which `run` it is, its `progress` as JSON, and the state of its `parts` (net, …)."""
    tensors: dict[str, torch.Tensor] = {}
    states = {name: _packed(part.state_dict(), name, tensors) for name, part in parts.items()}
    text = json.dumps({"run": run, **progress, "kept": states})
    files.write_tensors(path, tensors, format=FORMAT, state=text)


def resume(path: Path, run: dict, parts: dict) -> tuple[int, dict, list[float], int | None]:
    """Put the `parts` back into their states; step, history, losses since the last look, threads.

    Raises CourseError where the file is damaged, was made by another version of the course, or
    belongs to another run than `run`; the `parts` are then as they were.
    """
    content = untrusted_input.content(path, MOST_BYTES)
    damaged = CourseError(
        "damaged",
        f"The checkpoint {path} is damaged, or is that of another network; delete it to "
        "start over.",
    )
    try:
        tensors = files.tensors_in(content, path, MOST_STATE)
        texts = files.texts_in(content, path, MOST_STATE)
    except CourseError:
        # torch.save wrote the checkpoints of earlier versions.
        raise of_another_version(path) if files.is_pickle(content) else damaged from None
    if texts.get("format") != FORMAT:
        raise of_another_version(path)
    try:
        state = untrusted_input.parsed(texts.get("state", ""), path)
        untrusted_input.meet(state, STATE, path, "delete it to start over")
    except CourseError:
        raise damaged from None
    wanted = json.loads(json.dumps(run))
    if state["run"] != wanted:
        different = {key: value for key, value in state["run"].items() if wanted.get(key) != value}
        raise CourseError(
            "another_run",
            f"The checkpoint {path} belongs to another run ({printable(str(different), 300)}, "
            "which is not what was asked for); delete it, or give another folder.",
        )
    try:
        states = {name: _unpacked(state["kept"][name], tensors) for name in parts}
        fits = all(_fits(states[name], part, state["step"]) for name, part in parts.items())
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError):
        fits = False
    if not fits:
        raise damaged
    for name, part in parts.items():
        part.load_state_dict(states[name])
    return state["step"], state["history"], state["pending"], state.get("threads")


def of_another_version(path: Path) -> CourseError:
    """What to say of a checkpoint that this version of the course does not go on from."""
    return CourseError(
        "other_version",
        f"The checkpoint {path} was made by another version of the course, and this one cannot go "
        "on from it; delete it to start over.",
    )


def _packed(value: object, name: str, tensors: dict[str, torch.Tensor]) -> object:
    """`value` as JSON takes it; its tensors are put into `tensors`, copied, and named there."""
    if isinstance(value, torch.Tensor):
        plain = value.detach().cpu()
        tensors[name] = plain.clone(memory_format=torch.contiguous_format)
        last = plain.ndim == 4 and plain.is_contiguous(memory_format=torch.channels_last)
        return {"tensor": name, "channels_last": last}
    if isinstance(value, dict):
        return {str(key): _packed(part, f"{name}/{key}", tensors) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_packed(part, f"{name}/{number}", tensors) for number, part in enumerate(value)]
    return value


def _unpacked(value: object, tensors: dict[str, torch.Tensor]) -> object:
    """What `_packed` was given; each tensor lies in memory as it did, and updates stay the same."""
    if isinstance(value, list):
        return [_unpacked(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        last = torch.channels_last if value["channels_last"] else torch.contiguous_format
        return tensors[value["tensor"]].contiguous(memory_format=last)
    return {
        int(key) if key.isdecimal() else key: _unpacked(part, tensors)  # an optimizer counts
        for key, part in value.items()
    }


def _fits(state: dict, part: object, step: int) -> bool:
    """Whether a state could be that of `part` before this step.

    torch checks the network alone: other moments would crash it in the middle of an update.
    """
    expected = part.state_dict()
    if isinstance(part, torch.optim.lr_scheduler.LRScheduler):
        expected |= {"last_epoch": step, "_step_count": step + 1}
    if isinstance(part, torch.optim.Optimizer):
        weights = [weight for group in part.param_groups for weight in group["params"]]
        for number, moments in state["state"].items():
            names, shape = moments.keys() - {"step"}, weights[number].shape
            if names not in MOMENTS or any(moments[name].shape != shape for name in names):
                return False
        state = state | {"state": {}}  # a fresh optimizer has no moments yet
    return _outline(state) == _outline(expected)


def _outline(value: object) -> object:
    """A state without the numbers that a training changes: keys, counts, shapes and dtypes."""
    if isinstance(value, dict):
        return {key: _outline(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_outline(part) for part in value]
    if isinstance(value, torch.Tensor):
        return value.shape, value.dtype
    return float if isinstance(value, float) else value
