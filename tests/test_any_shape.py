"""Descriptions, states, lists and folders of any shape: each is read, or refused in one sentence.

Hypothesis bends something sound in one place, in any way, and shows the smallest case that fails.
"""

import json
import shutil

import pytest
from attacks.loaders import LOADERS, drawn, experiments, stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tl_course.app import notebooks
from tl_course.base.errors import CourseError
from tl_course.lessons.n08_your_own_task import upload

LONGEST = 1000  # characters of a sentence
PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from([2**63, 10**30, "\ud800", "../x", "x" * 100_000])
)  # fmt: skip
ANY = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=40)
SOME = settings(
    max_examples=300, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
VERY_MANY = settings(SOME, max_examples=10_000, derandomize=False)
efforts = pytest.mark.parametrize(
    "effort",
    [pytest.param(SOME, id="some"), pytest.param(VERY_MANY, id="many", marks=pytest.mark.soak)],
)


@st.composite
def bent(draw, whole: object) -> object:
    """`whole`, with one of its parts exchanged for anything, left out, or with something added."""
    if isinstance(whole, dict) and whole and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(whole)))
        if draw(st.integers(0, 6)) == 0:
            return {name: one for name, one in whole.items() if name != key}
        if draw(st.integers(0, 6)) == 0:
            return {**whole, draw(st.text()): draw(ANY)}
        return {**whole, key: draw(bent(whole[key]))}
    if isinstance(whole, list) and whole and draw(st.integers(0, 4)):
        place = draw(st.integers(0, len(whole) - 1))
        return [*whole[:place], draw(bent(whole[place])), *whole[place + 1 :]]
    return draw(ANY)


def told(act, *arguments) -> bool:
    """Whether it was done; else a CourseError, one sentence of a length that is read, says why."""
    try:
        act(*arguments)
        return True
    except CourseError as error:
        assert "\n" not in str(error) and 0 < len(str(error)) < LONGEST, str(error)[:300]
        return False


DESCRIBED = {  # loaders, and the file of a sample in which its description is
    "network": "weights.safetensors",
    "small GPT": "weights.safetensors",
    "shared network": "config.json",
    "hand": "Ada.json",
    "answers": "answers.json",
    "manifest of copies": notebooks.MANIFEST,
}


def header_of(content: bytes) -> tuple[dict, bytes]:
    """The header of a safetensors file, and what follows it."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_text(content: bytes, text: str) -> bytes:
    """A safetensors file with another description in its metadata."""
    header, numbers = header_of(content)
    header["__metadata__"]["network"] = text
    new = json.dumps(header).encode()
    new += b" " * (-len(new) % 8)
    return len(new).to_bytes(8, "little") + new + numbers


@efforts
@pytest.mark.parametrize("name", DESCRIBED)
def test_descriptions_of_any_shape(name, effort, tmp_path):
    file, loader = DESCRIBED[name], LOADERS[name]
    tree = next(loader.samples(tmp_path / "samples"))
    read, place = loader.prepare(tmp_path), tmp_path / "read"
    is_network = file.endswith(".safetensors")
    text = header_of(tree[file])[0]["__metadata__"]["network"] if is_network else tree[file]

    @effort
    @given(bent(json.loads(text)))
    def run(description):
        shutil.rmtree(place, ignore_errors=True)
        text = json.dumps(description)
        content = with_text(tree[file], text) if is_network else text.encode()
        for path, one in {**tree, file: content}.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(one)
        told(read, place)

    run()


@efforts
def test_states_of_any_shape(effort):
    for experiment in experiments().values():
        sound = json.loads(experiment.state_text())
        effort(given(bent(sound))(taking_over(experiment)))()


def taking_over(experiment):
    """What gives an experiment a state, which it takes over whole or not at all."""

    def run(state):
        before = experiment.state_text()
        if not told(experiment.set_state, json.dumps(state)):
            assert experiment.state_text() == before, f"{experiment.name} was half changed"

    return run


@efforts
def test_folders_of_any_names(effort, tmp_path):
    picture, root = stored(drawn(), "PNG"), tmp_path / "folder"
    read = LOADERS["folder of pictures"].prepare(tmp_path)
    places = st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=4)

    @effort
    @given(places, st.sampled_from([picture, b"", b"not a picture"]))
    def run(places, content):
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for parts in places:
            path = root.joinpath(*(part for part in parts if part not in (".", "..")))
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(f"{path.name}.png").write_bytes(content)
            except (OSError, ValueError):  # a name that this system does not take
                continue
        told(read, root)

    run()


@efforts
def test_uploads_of_any_names(effort, tmp_path):
    root = tmp_path / "inside" / "mine"
    root.parent.mkdir()
    pictures = st.lists(st.tuples(st.text(max_size=60), st.integers(0, 3)), max_size=6)

    @effort
    @given(st.sampled_from(["folder", "class"]), st.text(), pictures)
    def run(kind, name, pictures):
        def arrive():
            arriving = upload.Upload(kind, name, [(f"{p}.png", n) for p, n in pictures], root)
            for number, (_, size) in enumerate(arriving.files):
                arriving.take([(number, 0, size)], bytes(size))
            arriving.finish()

        told(arrive)
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert all(path.is_relative_to(root) for path in written), "it leads out of its folder"
        assert not list(root.glob(f"{upload.DRAFT}*")), "a draft was left behind"
        shutil.rmtree(root, ignore_errors=True)

    run()
