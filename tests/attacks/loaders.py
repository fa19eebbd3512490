"""Everything that reads what comes from outside: sound samples of it, and how it is read."""

import functools
import io
import json
import os
import struct
import threading
import warnings
import wave
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import nbformat
import numpy as np
import safetensors.numpy
import torch
from attacks.mutate import Tree
from PIL import Image
from torch import nn

from tl_course.app import marks, notebooks
from tl_course.base import storage
from tl_course.core import files, sharing, training
from tl_course.core.model_card import Card
from tl_course.core.network import FiveLayerNet
from tl_course.core.session import Callbacks, Recipe
from tl_course.data import upload
from tl_course.data.pictures import PictureError, open_picture
from tl_course.data.sources import spoken_names
from tl_course.data.targets import drawn as drawn_digits
from tl_course.data.targets import drawn_files, handwritten, omniglot, own_folder, spoken
from tl_course.lessons import predictions, progress_store
from tl_course.lessons.n09_small_gpt import gpt
from tl_course.widgets.base import Experiment

STROKES = "#3"  # a sample digit


@dataclass(frozen=True)
class Loader:
    """`samples(folder)` are sound inputs; `prepare(folder)` gives what reads one of them.

    Both get an empty folder. What reads is given a folder with the files of one input.
    """

    samples: Callable[[Path], Iterator[Tree]]
    prepare: Callable[[Path], Callable[[Path], object]]


LOADERS: dict[str, Loader] = {}


def reads(name: str, samples: Callable[[Path], Iterator[Tree]]):
    """Puts the decorated function, which reads one input, into `LOADERS`."""

    def put(read: Callable[[Path], object]):
        LOADERS[name] = Loader(samples, lambda folder: read)
        return read

    return put


def written(folder: Path) -> Tree:
    """The files of a folder."""
    every = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in every}


def net() -> FiveLayerNet:
    """An untrained network of two classes."""
    torch.manual_seed(0)
    return FiveLayerNet(2)


# ----------------------------------------------------------------------------------- networks


def saved_networks(folder: Path) -> Iterator[Tree]:
    for number, about in enumerate(({}, {"classes": ["cat", "dog"], "metrics": {"accuracy": 0.5}})):
        yield written(files.save(net(), folder / f"saved-{number}", **about))


@reads("network", saved_networks)
def network(folder: Path) -> None:
    loaded = files.load(folder)
    assert loaded(torch.zeros(1, 3, 32, 32)).shape == (1, loaded.n_classes)


def saved_gpts(folder: Path) -> Iterator[Tree]:
    small = gpt.fresh_gpt(0, width=24, blocks=2, heads=3, context=16)
    yield written(gpt.save_gpt(small, folder / "saved-gpt"))


@reads("small GPT", saved_gpts)
def small_gpt(folder: Path) -> None:
    gpt.sample(gpt.load_gpt(folder), length=2)


def shared_networks(folder: Path) -> Iterator[Tree]:
    card = Card("small", "Ada", "cats and dogs", ("cat", "dog"), "pictures")
    yield written(sharing.share(net(), folder / "shared", card))


@reads("shared network", shared_networks)
def shared_network(folder: Path) -> None:
    sharing.load_shared(folder)


def _run(checkpoint: Path, steps: int) -> None:
    """Trains a tiny network, or goes on with it, for so many of its four steps."""
    torch.manual_seed(0)
    small, stop = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), threading.Event()
    x, y = torch.ones(4, 12), torch.zeros(4, dtype=torch.long)

    def batch_at(step: int):
        if step == steps - 1:
            stop.set()
        return x, y

    training.train(small, batch_at, Recipe(4), Callbacks(stop=stop, checkpoint=checkpoint))


def checkpoints(folder: Path) -> Iterator[Tree]:
    path = folder / "checkpoints" / "run.safetensors"
    path.parent.mkdir()
    _run(path, 2)
    yield written(path.parent)


@reads("checkpoint", checkpoints)
def checkpoint(folder: Path) -> None:
    _run(folder / "run.safetensors", 4)


# ---------------------------------------------------------------------- pictures and recordings


def stored(picture: Image.Image, form: str, **how: object) -> bytes:
    content = io.BytesIO()
    picture.save(content, form, **how)
    return content.getvalue()


@functools.cache
def drawn(side: int = 40) -> Image.Image:
    down, across = np.mgrid[:side, :side] * 6 % 256
    return Image.fromarray(np.stack([down, across, down ^ across], 2).astype(np.uint8))


def pictures(folder: Path) -> Iterator[Tree]:
    """Every format that is opened, and what PNG and JPEG have of kinds."""
    for form in ("PNG", "JPEG", "GIF", "WEBP", "MPO"):
        yield {f"one.{form.lower()}": stored(drawn(), form)}
    for mode in ("P", "RGBA", "LA", "1"):
        yield {"one.png": stored(drawn().convert(mode), "PNG")}
    yield {"one.png": stored(Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)), "PNG")}
    yield {"one.jpeg": stored(drawn().convert("CMYK"), "JPEG", progressive=True)}


@reads("picture", pictures)
def picture(folder: Path) -> None:
    for path in folder.iterdir():
        opened, _ = open_picture(path.read_bytes())
        assert opened.mode == "RGB" and opened.tobytes()


def other_pictures(folder: Path) -> Iterator[Tree]:
    """Formats that are not opened at all."""
    for form in ("BMP", "TIFF", "EPS", "ICO", "PPM"):
        yield {f"one.{form.lower()}": stored(drawn(), form)}


@reads("picture of another format", other_pictures)
def other_picture(folder: Path) -> None:
    try:
        picture(folder)
    except PictureError:
        return
    raise AssertionError("a format was opened that is not named")


def folders(folder: Path) -> Iterator[Tree]:
    pixels = {
        f"{part}/{name}/{number}.png": stored(drawn(40 + 4 * at), "PNG")
        for at, (part, name, number) in enumerate(
            (part, name, number)
            for part in ("train", "test") for name in ("cat", "dog") for number in range(2)
        )
    }  # fmt: skip
    yield pixels
    yield {path.partition("/")[2]: content for path, content in pixels.items()}


@reads("folder of pictures", folders)
def folder_of_pictures(folder: Path) -> None:
    str(own_folder.check(folder))


def recordings(folder: Path) -> Iterator[Tree]:
    for channels, rate in ((1, 8000), (2, 44100)):
        content = io.BytesIO()
        with wave.open(content, "wb") as file:
            file.setnchannels(channels), file.setsampwidth(2), file.setframerate(rate)
            file.writeframes((10_000 * np.sin(np.arange(800) / 9)).astype("<i2").tobytes())
        yield {"7_ada_0.wav": content.getvalue()}


def next_recording() -> bytes:
    """A short recording, as a WAV file."""
    return next(recordings(Path()))["7_ada_0.wav"]


@reads("recording", recordings)
def recording(folder: Path) -> None:
    assert spoken.sound_as_input(*spoken.read_wave(folder / "7_ada_0.wav")).isfinite().all()


def voices(folder: Path) -> Iterator[Tree]:
    yield {"voice.safetensors": safetensors.numpy.save({"clips": np.zeros((2, 32, 32), np.uint8)})}


@reads("voice", voices)
def voice(folder: Path) -> None:
    spoken_names._read(folder / "voice.safetensors", 2)


# ---------------------------------------------------------------------------------- archives


def zipped(members: Tree, method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, member in members.items():
            file.writestr(name, member)
    return content.getvalue()


def zips_of_pictures(folder: Path) -> Iterator[Tree]:
    members = {f"task/{name}/1.png": stored(drawn(16), "PNG") for name in ("cat", "dog")}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield {"pictures.zip": zipped(members, method)}


@reads("ZIP of pictures", zips_of_pictures)
def zip_of_pictures(folder: Path) -> None:
    content = (folder / "pictures.zip").read_bytes()
    arriving = upload.Upload("zip", "t.zip", [("t.zip", len(content))], folder / "mine")
    arriving.take([(0, 0, len(content))], content)
    try:
        arriving.finish()
    finally:
        left = [path.name for path in (folder / "mine").glob(f"{upload.DRAFT}*")]
        assert not left, f"{left} stay behind"


def zips_of_letters(folder: Path) -> Iterator[Tree]:
    place = "images_background_small1/Latin/character01"
    members = {f"{place}/0001_{writer:02}.png": stored(drawn(105).convert("1"), "PNG")
               for writer in range(1, 21)}  # fmt: skip
    yield {f"omniglot/{omniglot.ARCHIVE}": zipped(members, zipfile.ZIP_DEFLATED)}


@reads("ZIP of letters", zips_of_letters)
def zip_of_letters(folder: Path) -> None:
    with mock.patch.dict(os.environ, TL_COURSE_HOME=str(folder)):
        list(omniglot._drawings("Latin"))


def zips_of_recordings(folder: Path) -> Iterator[Tree]:
    members = {f"x-1.0/recordings/{digit}_ada_0.wav": next_recording()
               for digit in range(2)}  # fmt: skip
    yield {"recordings.zip": zipped(members, zipfile.ZIP_DEFLATED)}


@reads("ZIP of recordings", zips_of_recordings)
def zip_of_recordings(folder: Path) -> None:
    script("free_spoken_digits").unpack(folder / "recordings.zip", folder / "recordings")


@functools.cache
def script(name: str):
    """One of `data_scripts/` as a module."""
    import importlib.util

    path = Path(__file__).parents[2] / "data_scripts" / f"{name}.py"
    described = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def mnists(folder: Path) -> Iterator[Tree]:
    def idx(values: np.ndarray) -> bytes:
        sides = struct.pack(f">{values.ndim}I", *values.shape)
        return bytes([0, 0, 8, values.ndim]) + sides + values.astype(np.uint8).tobytes()

    labels, digits = np.arange(20) % 10, np.zeros((20, 28, 28))
    yield {
        f"mnist/MNIST/raw/{part}-{what}": idx(values)
        for part in ("train", "t10k")
        for what, values in (("images-idx3-ubyte", digits), ("labels-idx1-ubyte", labels))
    }


@reads("MNIST", mnists)
def mnist(folder: Path) -> None:
    home = mock.patch.dict(os.environ, TL_COURSE_HOME=str(folder))
    with home, mock.patch.object(handwritten, "FULL_VALIDATION", 5):  # of twenty digits
        handwritten.handwritten.__wrapped__(True)


# ------------------------------------------------------------------------------------- JSON


def hands(folder: Path) -> Iterator[Tree]:
    stroke = drawn_digits.encode_drawing([[(60, 60), (120, 200), (130, 90)]])
    for drawings in ([[3, STROKES]], [[3, stroke], [4, stroke]]):
        described = {"format": drawn_files.FORMAT, "name": "Ada", "drawings": drawings}
        yield {"Ada.json": json.dumps(described).encode()}


@reads("hand", hands)
def hand(folder: Path) -> None:
    drawn_files.from_text((folder / "Ada.json").read_bytes())


def answers(folder: Path) -> Iterator[Tree]:
    entry = {"said": {"": "3"}, "measured": "4", "question": "How many?", "words": "off by 1"}
    described = {"predictions": {"03.first": entry}, "exercises": {"03.x": {"tried": 2}}}
    yield {"answers.json": json.dumps(described).encode()}


@reads("answers", answers)
def answer(folder: Path) -> None:
    with (
        mock.patch.object(progress_store, "file", lambda: folder / "answers.json"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        for kind in progress_store.KINDS:
            progress_store.read_entries(kind)
        predictions.prediction_rows(predictions.of())


def copies(folder: Path) -> Iterator[Tree]:
    yield {notebooks.MANIFEST: json.dumps({"a.ipynb": "0" * 64}).encode()}


@reads("manifest of copies", copies)
def manifest(folder: Path) -> None:
    original = folder.parent / "a.ipynb"
    original.write_text("{}")
    notebooks.copy_for_learner([original], folder)
    assert (folder / "a.ipynb").read_text() == "{}"


@functools.cache
def experiments() -> dict[str, Experiment]:
    """Every experiment of the course, of which nothing is drawn."""
    import tempfile

    from tl_course.core import pretraining
    from tl_course.data.sources import classes
    from tl_course.widgets import (
        drawing_pad,
        how_much,
        layer_explorer,
        modality_explorer,
        own_task,
        teach,
        training_lab,
    )

    folder = Path(tempfile.mkdtemp(dir=storage.home()))
    source, digits = pretraining.pretrained(), handwritten.handwritten()
    every = [
        drawing_pad.DrawingPad({"before": (source, classes.names())}),
        how_much.HowMuch(source, digits),
        layer_explorer.LayerExplorer(source, net()),
        modality_explorer.ModalityExplorer(),
        own_task.OwnTask(source, making=folder, own=folder / "my-pictures"),
        teach.Teach(source, 0, folder / "hands"),
        training_lab.TrainingLab(source, digits),
    ]
    for running in every:
        running.wait()
        running.show = running.abandon = lambda: None
    return {experiment.name: experiment for experiment in every}


def states(folder: Path) -> Iterator[Tree]:
    for name, experiment in experiments().items():
        yield {f"{name}.state": experiment.state_text().encode()}


def _set_states(folder: Path) -> Callable[[Path], object]:
    every = experiments()

    def read(place: Path) -> None:
        for path in place.iterdir():
            text = path.read_bytes().decode("utf-8", "replace")
            experiment = every.get(path.name.removesuffix(".state"))
            if experiment is not None:
                before = experiment.state_text()
                try:
                    experiment.set_state(text)
                except Exception:
                    assert experiment.state_text() == before, "a state was half taken over"
                    raise

    return read


LOADERS["state of an experiment"] = Loader(states, _set_states)


# ------------------------------------------------------------------------------- of a class


def points(folder: Path) -> Iterator[Tree]:
    table = "notebook,exercise,points\n01,downhill,1\n03,freezing,2.5\n03,drift,10\n"
    for separator in ",;":
        yield {marks.POINTS: table.replace(",", separator).encode()}


@reads("points of exercises", points)
def points_of_exercises(folder: Path) -> None:
    marks.points_in(folder / marks.POINTS)


def handed_in(folder: Path) -> Iterator[Tree]:
    path = next(notebook for notebook in notebooks.find() if notebook.stem.startswith("03"))
    node = nbformat.read(path, as_version=4)
    cells = [cell for cell in node.cells if "exercise" in cell.metadata.get("tags", [])]
    output = nbformat.v4.new_output("stream", text="Right.")
    node.cells = [*node.cells[:2], *cells, nbformat.v4.new_code_cell("1", outputs=[output])]
    yield {"ada.ipynb": nbformat.writes(node).encode()}


@reads("notebook that is handed in", handed_in)
def notebook_handed_in(folder: Path) -> None:
    released = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", id="x-marks")])
    released.cells[0].metadata["nbgrader"] = {"grade_id": "x"}
    marks._prepared(folder / "ada.ipynb", released)
