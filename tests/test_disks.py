"""Everything that the course writes, on disks and in homes that are no use: one sentence each."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import misbehaving
import pytest

from tl_course.base import storage

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has other disks and users")

CONTENT = bytes(range(256)) * 4000
GOOD = ("a clock a year ahead", "a clock a year behind")
BAD = (
    "a full disk", "a disk without names left", "a disk to be read alone",
    "a home that others may read", "a home of another user", "a file", "inside a file",
    "a link to nothing", "a link to itself", "a name in Latin-1", "a name that is too long",
)  # fmt: skip
VOICE = r"spoken-names/\w+\.safetensors"
WHOLE = rf".*\.lock|file.bin(.part)?|{VOICE}|hands/.*(json|png)|ballast.*|.*/v1.*zip"


@pytest.fixture(scope="module")
def server():
    with misbehaving.server(CONTENT) as one:
        yield one


@pytest.fixture(scope="module")
def attempt(server, tmp_path_factory):
    """Asks tests/on_disks.py, which has to see a good home first: then it has imported all."""
    here = Path(__file__)
    program = subprocess.Popen(
        [sys.executable, here.with_name("on_disks.py")], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, cwd=here.parents[1],
        env={**os.environ, "SHA256": hashlib.sha256(CONTENT).hexdigest(),
             "PYTHONPATH": str(here.parents[1]), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip

    def ask(kind: str, home: Path) -> dict:
        print(json.dumps([kind, str(home), server.good]), file=program.stdin, flush=True)
        return json.loads(program.stdout.readline())

    with program:
        first = {GOOD[0]: ask(GOOD[0], tmp_path_factory.mktemp("home"))}
        yield lambda kind, home: first.get(kind) or ask(kind, home)
        program.stdin.close()


@pytest.fixture
def home():
    """A folder that every user of this machine can get to."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    (top / "home").mkdir()
    yield top / "home"
    if (top / "home").is_dir():
        (top / "home").chmod(0o700)
    shutil.rmtree(top)


@pytest.mark.parametrize("kind", [*GOOD, *BAD])
def test_what_the_course_writes_is_whole_or_one_sentence(attempt, home, kind):
    """And nothing that is half of something is left; with some room the same calls succeed."""
    answer = attempt(kind, home)
    for told in answer["told"].values():
        if kind in GOOD:
            assert told == "ok"
        else:
            assert re.fullmatch(r"[^\n]{20,600}\.", told), told
    left = [name for name in answer["left"] if not re.fullmatch(WHOLE, name)]
    if kind in BAD:
        assert left == []
    if "again" in answer:
        assert set(answer["again"].values()) == {"ok"}
    assert not [name for name in answer.get("left again", []) if storage.DRAFT in name]


def test_two_programs_may_share_a_home(attempt, home):
    """One of them may be told that the other one is writing there."""
    answer = attempt("two programs", home)
    for one, other in zip(answer["told"].values(), answer["other"].values(), strict=True):
        assert "ok" in (one, other)
        for told in (one, other):
            assert told == "ok" or told.startswith("Another program is writing to"), told
    assert not [name for name in answer["left"] if storage.DRAFT in name]
