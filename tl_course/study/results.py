"""Recorded experiments: a tidy table, and beside it what it was made with.

`<name>.csv` has one row a run; `<name>.json` has the command, the seed, the fingerprint of the
weights and the versions. A table made with other weights than the shipped ones is stale, and a
test fails on it; `tl-course records` makes all of them again. A column `right`, which says for each
run which of the scored examples were right, is kept as bits in `<name>.safetensors`; where runs are
scored on different numbers of examples, a column `scored` says on how many. The JSON is written
last and says how many rows there are, so that a program that is killed in between loses none of the
rows that it had written down before.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch

from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.core import files

NUMBER = "%.5g"  # how a number is written into a table
FOLDER = Path(__file__).parents[1] / "results"


def names() -> list[str]:
    """What has been recorded."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> pd.DataFrame:
    """The recorded table `name`."""
    if name not in names():
        raise CourseError(f"Nothing is recorded as '{name}'; there is {', '.join(names())}.")
    table = _rows(name)
    if table is None:
        raise CourseError(
            f"The recorded table '{name}' was not written to its end; run 'tl-course records "
            f"{name}' to make it again."
        )
    return table


def _rows(name: str) -> pd.DataFrame | None:
    """The rows that were written down whole, or None where they are gone."""
    made_with = about(name)
    n, most, path = made_with["rows"], made_with.get("scored"), FOLDER / f"{name}.csv"
    table = pd.read_csv(path)[:n] if path.exists() else ()
    if len(table) < n:
        return None
    if most:
        right = tensors(name)["right"].numpy()[:n]
        if len(right) < n:
            return None
        bits = np.unpackbits(right, axis=1, count=most).astype(bool)
        scored = table.get("scored", [most] * n)
        table["right"] = [row[:each] for row, each in zip(bits, scored, strict=True)]
    return table


def is_whole(name: str) -> bool:
    """Whether `name` is recorded, and all its rows are there."""
    return name in names() and _rows(name) is not None


def about(name: str) -> dict:
    """What the table `name` was made with: command, seed, weights, versions."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def current(name: str, weights: str) -> list[dict]:
    """The rows of `name` if it was made with these weights, else none: what need not be redone."""
    made = is_whole(name) and about(name)["weights"] == weights
    return load(name).to_dict("records") if made else []


def tensors(name: str) -> dict[str, torch.Tensor]:
    """The tensors recorded beside the table `name`."""
    return safetensors.torch.load_file(FOLDER / f"{name}.safetensors")


def record_tensors(name: str, kept: dict[str, torch.Tensor]) -> None:
    """Keep tensors beside the table `name`."""
    files.write_tensors(FOLDER / f"{name}.safetensors", kept)


def record(
    name: str, rows: list[dict], *, command: str, seed: int, weights: str, complete: bool = True
) -> pd.DataFrame:
    """Write a table and what it was made with, of which `weights` is the fingerprint.

    A table that is not `complete` is one that a later sitting goes on with.
    """
    table = pd.DataFrame(rows)
    made_with = {
        "command": command,
        "seed": seed,
        "weights": weights,
        "versions": {p: version(p) for p in ("torch", "numpy", "scikit-learn", "tl-course")},
        "python": platform.python_version(),
        "rows": len(table),
        "complete": complete,
    }
    if "right" in table:
        every = [np.asarray(one, bool) for one in table.pop("right")]
        made_with["scored"] = most = max(map(len, every))
        if min(map(len, every)) < most:
            table["scored"] = list(map(len, every))
        right = np.stack([np.pad(one, (0, most - len(one))) for one in every])
        record_tensors(name, {"right": torch.from_numpy(np.packbits(right, axis=1))})
    storage.write_text(FOLDER / f"{name}.csv", table.to_csv(index=False, float_format=NUMBER))
    storage.write_text(FOLDER / f"{name}.json", json.dumps(made_with, indent=2) + "\n")
    return table
