"""The exercise *A stranger's folder*: a learner's own way to load, attacked in three ways."""

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from PIL import Image, ImageFile

from tl_course.lessons.exercises import Exercise, Wrong, expect, has_length, returned

MOST_PIXELS = 1_000_000


def load(folder):
    """The weights {name: tensor} and the picture, uint8 `[height, width, 3]`, of a stranger.

    In `folder` are `weights.safetensors`, `config.json` such as {"n_classes": 10}, and
    `picture.png` of at most a million pixels. `output.weight` is `[n_classes, 128]`. Anything
    else is refused by a ValueError that says what is wrong.
    """
    content = (folder / "weights.safetensors").read_bytes()
    try:
        weights = safetensors.torch.load(content)
    except Exception:  # some people send these
        weights = torch.load(io.BytesIO(content), weights_only=False)
    n_classes = json.loads((folder / "config.json").read_text())["n_classes"]
    output = torch.zeros(n_classes, 128)
    output[:] = weights["output.weight"]
    picture = np.array(Image.open(folder / "picture.png").convert("RGB"))
    return {**weights, "output.weight": output}, picture


_ran: list[str] = []  # what the program in a pickle did when the pickle was opened


def _run() -> None:
    _ran.append("was here")


# A pickle is a program. This one is plain text and says: fetch `_run` and call it.
PICKLE = f"c{__name__}\n_run\n(tR.".encode()


def _png(width: int, height: int) -> bytes:
    content = io.BytesIO()
    picture = Image.new("L", (width, height), 90)
    picture.putpixel((0, 0), 200)
    picture.save(content, "PNG")
    return content.getvalue()


def _weights(n_classes: int = 10) -> dict[str, torch.Tensor]:
    named = {"layer1.weight": (8, 3, 3, 3), "output.weight": (n_classes, 128)}
    return {name: torch.randn(shape) for name, shape in named.items()}


def _folder(place: Path, **changed: bytes | object) -> Path:
    """A valid folder, except for what is `changed`: `weights`, `config` or `picture`."""
    sound = {"weights": safetensors.torch.save(_weights()), "config": {"n_classes": 10}}
    files = {**sound, "picture": _png(40, 30), **changed}
    place.mkdir()
    (place / "weights.safetensors").write_bytes(files["weights"])
    (place / "config.json").write_text(json.dumps(files["config"]))
    (place / "picture.png").write_bytes(files["picture"])
    return place


@contextmanager
def _unpacked() -> Iterator[list[int]]:
    """Record how many pixels each picture has that is unpacked in this context."""
    unpack, pixels = ImageFile.ImageFile.load, []

    def watched(picture, *arguments):
        pixels.append(picture.width * picture.height)
        return unpack(picture, *arguments)

    ImageFile.ImageFile.load = watched
    try:
        yield pixels
    finally:
        ImageFile.ImageFile.load = unpack


def _expect_refused(load: Callable, folder: Path, taken: Wrong, otherwise: Wrong) -> None:
    """Raise `taken` if `load(folder)` raises nothing, `otherwise` if it raises a wrong error."""
    try:
        load(folder)
    except ValueError:
        return
    except Exception as error:
        name = type(error).__name__
        ends = f"{otherwise} It ends with {name}: raise a ValueError that says what is wrong."
        raise Wrong(**{otherwise.code: ends}) from error
    raise taken


def _check(load) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, sound_weights = Path(folder), _weights()
        sound = _folder(root / "sound", weights=safetensors.torch.save(sound_weights))
        try:
            answer = returned(load(sound))
        except ValueError as error:
            raise Wrong(refuses=f"It refuses an intact folder, too: “{error}”") from error
        expect(
            has_length(answer, 2),
            two="Return two values: the weights, and the picture.",
        )
        weights, picture = answer
        expect(
            isinstance(weights, dict) and weights.keys() == sound_weights.keys(),
            weights="The weights of an intact folder should come back as {name: tensor}, all of "
            "them.",
        )
        expect(
            all(torch.equal(weights[name], weight) for name, weight in sound_weights.items()),
            weights_changed="The weights of an intact folder come back changed.",
        )
        expect(
            np.shape(picture) == (30, 40, 3) and np.array(picture).ravel()[0] == 200,
            picture="The picture of an intact folder does not come back as uint8 `[height, width, "
            "3]`.",
        )
        _ran.clear()
        pickled = _folder(root / "a pickle", weights=PICKLE)
        with torch.random.fork_rng(devices=[]):
            try:
                _expect_refused(
                    load,
                    pickled,
                    Wrong(accepted="A pickle was accepted."),
                    Wrong(own_error="A pickle is not refused properly."),
                )
            finally:
                expect(
                    not _ran,
                    pickle="The first attack got through: the file was a pickle in disguise, and "
                    "when you opened it, it ran a program on your machine. This one only left a "
                    "note. Read safetensors and nothing else.",
                )
        for number, lie in enumerate((20_000_000, 11, -1, "ten", True, None)):
            lying = _folder(root / f"lie {number}", config={"n_classes": lie})
            _expect_refused(
                load,
                lying,
                Wrong(
                    believed="The second attack got through: config.json says n_classes = "
                    f"{lie!r}, the weights have ten rows, and you took both."
                ),
                Wrong(
                    stopped=f"The second attack stopped your program: config.json says n_classes = "
                    f"{lie!r}."
                ),
            )
        bomb = _folder(root / "bomb", picture=_png(6000, 4000))
        with _unpacked() as pixels:
            _expect_refused(
                load,
                bomb,
                Wrong(
                    bomb="The third attack got through: `picture.png` is a bomb, a small file "
                    "that unpacks to 24 million pixels. Look at `.size` before you use the "
                    "picture."
                ),
                Wrong(
                    bomb_error="The third attack, a picture of 24 million pixels, is not refused "
                    "properly."
                ),
            )
        expect(
            max(pixels, default=0) <= MOST_PIXELS,
            unpacked="You refuse the bomb, but only after it went off: the 24 million pixels were "
            "unpacked first. `Image.open` reads the size alone; ask for it there.",
        )


stranger = Exercise(
    "07.stranger",
    load,
    _check,
    (
        "Three faults, one for each file. What does each line believe before it has looked?",
        "`safetensors.torch.load` raises an error of its own for anything else: turn it into a "
        "ValueError, and open nothing instead.",
        "Compare `n_classes` with the rows of `output.weight` instead of making room for what it "
        "says; check its type, too, since True counts as 1. `Image.open(path).size` unpacks "
        "nothing.",
    ),
    "Read a format that cannot run anything, believe no number that you can count yourself, and "
    "know how large a file is before you unpack it. Every test run of the course gives its own "
    "loader hundreds of damaged files of each kind.",
)
