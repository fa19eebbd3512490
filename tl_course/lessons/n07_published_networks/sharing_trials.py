"""What a stranger's folder might hold, tried on copies of a good one (notebook 07)."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tl_course.base import storage
from tl_course.base.errors import CourseError
from tl_course.core import sharing


def _a_pickle(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04N.")


def _one_byte_changed(folder: Path) -> None:
    path = folder / sharing.WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def _config(change: Callable[[dict], None], folder: Path) -> None:
    path = folder / sharing.CONFIG_FILE
    config = json.loads(path.read_text(encoding="utf-8"))
    change(config)
    path.write_text(json.dumps(config), encoding="utf-8")


TRIALS = {
    "a-pickle": _a_pickle,
    "one-byte-changed": _one_byte_changed,
    "code-of-its-own": partial(_config, lambda c: c.update(auto_map={"AutoModel": "theirs.Net"})),
    "another-architecture": partial(
        _config, lambda c: c["tl_course"]["architecture"].update(widths=[8, 8, 8, 8])
    ),
}


def refusals(folder: Path, into: Path) -> Iterator[str]:
    """The sentence that refuses each altered copy of a shared `folder`; copies are made in `into`.

    Raises AssertionError if one of them is accepted.
    """
    for name, alter in TRIALS.items():
        copy = storage.make_folder(into) / name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        alter(copy)
        try:
            sharing.load_shared(copy)
        except CourseError as error:
            yield str(error).replace(str(copy), copy.name)
        else:
            raise AssertionError(f"{copy} was taken")
