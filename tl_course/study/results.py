"""Recorded experiments: tidy tables, and what each was made with.

`<name>.csv` has one row per run; `<name>.json` has the command, the seed, the fingerprint of the
weights and the versions. A table of other weights than the shipped ones is stale, and a test fails
on it; `tl-course records` makes it again. The column `right` says which of the scored examples were
right in each run; it is stored as bits in `<name>.safetensors`. If runs are scored on different
numbers of examples, the column `scored` has these numbers. The JSON is written last and holds the
number of rows, so a program that is killed in between loses no earlier rows.

A table that takes several sittings is in `unfinished/` until it is complete. The old table stays
readable meanwhile.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors.torch
import torch

from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.core import files

if TYPE_CHECKING:
    import pandas as pd

NUMBER = "%.5g"  # how a number is written into a table
FOLDER = Path(__file__).parents[1] / "results"
UNFINISHED = "unfinished"
TENSORS = ".safetensors"


def table_names() -> list[str]:
    """The names of the recorded tables."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def unfinished() -> list[str]:
    """The names of the tables that a later sitting continues."""
    return sorted(path.stem for path in (FOLDER / UNFINISHED).glob("*.json"))


def load(name: str) -> pd.DataFrame:
    """The recorded table `name`; CourseError if there is none, or it is incomplete."""
    if name not in table_names():
        raise CourseError(
            "no_table", f"Nothing is recorded as '{name}'; there is {', '.join(table_names())}."
        )
    table = _rows(FOLDER / name)
    if table is None:
        raise CourseError(
            "unfinished",
            f"The recorded table '{name}' was not written to its end; run 'tl-course records "
            f"{name}' to make it again.",
        )
    return table


def _rows(place: Path) -> pd.DataFrame | None:
    """The complete rows, or None if some are missing; `place` is a path without suffix."""
    import pandas as pd

    record = _about(place)
    n, most, path = record["rows"], record.get("scored"), place.with_suffix(".csv")
    table = pd.read_csv(path)[:n] if path.exists() else ()
    if len(table) < n:
        return None
    if most:
        right = safetensors.torch.load_file(place.with_suffix(TENSORS))["right"].numpy()[:n]
        if len(right) < n:
            return None
        bits = np.unpackbits(right, axis=1, count=most).astype(bool)
        scored = table.get("scored", [most] * n)
        table["right"] = [row[:each] for row, each in zip(bits, scored, strict=True)]
    return table


def _about(place: Path) -> dict:
    file = place.with_suffix(".json")
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(about, dict) and {"rows", "weights"} <= about.keys():
            return about
    except ValueError:
        pass
    raise CourseError(
        "damaged",
        f"{file} is damaged: unpack or install the course again, or make the table again with "
        f"'tl-course records {place.name}'.",
    )


def is_current(name: str, weights: str) -> bool:
    """Whether `name` is recorded, complete, and made with the weights of this fingerprint."""
    return (
        name in table_names()
        and _is_of(FOLDER / name, weights)
        and _rows(FOLDER / name) is not None
    )


def _is_of(place: Path, weights: str) -> bool:
    try:
        return _about(place)["weights"] == weights
    except CourseError:
        return False


def about(name: str) -> dict:
    """The command, seed, weights and versions that the table `name` was made with."""
    return _about(FOLDER / name)


def current(name: str, weights: str) -> list[dict]:
    """The rows of `name` that were made with these weights, which need not be made again."""
    for recorded, folder in ((unfinished(), FOLDER / UNFINISHED), (table_names(), FOLDER)):
        if name in recorded and _is_of(folder / name, weights):
            rows = _rows(folder / name)
            if rows is not None:
                return rows.to_dict("records")
    return []


def tensors(name: str) -> dict[str, torch.Tensor]:
    """The tensors recorded beside the table `name`."""
    return safetensors.torch.load_file(FOLDER / (name + TENSORS))


def record_tensors(name: str, tensors: dict[str, torch.Tensor]) -> None:
    """Write tensors beside the table `name`."""
    files.write_tensors(FOLDER / (name + TENSORS), tensors)


def record(
    name: str, rows: list[dict], *, command: str, seed: int, weights: str, complete: bool = True
) -> None:
    """Write a table and what it was made with; `weights` is a fingerprint.

    A later sitting continues a table that is not `complete`.
    """
    import pandas as pd

    table = pd.DataFrame(rows)
    place = (FOLDER if complete else FOLDER / UNFINISHED) / name
    made_with = {
        "command": command,
        "seed": seed,
        "weights": weights,
        "versions": {p: version(p) for p in ("torch", "numpy", "scikit-learn", "tl-course")},
        "python": platform.python_version(),
        "rows": len(table),
    }
    if "right" in table:
        runs = [np.asarray(run, bool) for run in table.pop("right")]
        made_with["scored"] = most = max(map(len, runs))
        if min(map(len, runs)) < most:
            table["scored"] = list(map(len, runs))
        right = np.stack([np.pad(run, (0, most - len(run))) for run in runs])
        bits = torch.from_numpy(np.packbits(right, axis=1))
        files.write_tensors(place.with_suffix(TENSORS), {"right": bits})
    text = table.to_csv(index=False, float_format=NUMBER)
    storage.write_text(place.with_suffix(".csv"), text)
    storage.write_text(place.with_suffix(".json"), json.dumps(made_with, indent=2) + "\n")
    if complete:
        sweep_unfinished(name)


def sweep_unfinished(name: str) -> None:
    """Delete the unfinished files of `name`, first the JSON, which describes the others."""
    folder = FOLDER / UNFINISHED
    for suffix in (".json", ".csv", TENSORS):
        (folder / (name + suffix)).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
