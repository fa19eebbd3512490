"""Strangers' files and killed programs: a result or one sentence, and nothing is lost.

`attacks/` has what is done: `loaders` everything that reads what comes from outside, `mutate` the
damage, `commands` what is killed, `corpus/LOADER/CASE/` everything that once failed. A case that
fails here says where it is kept; put a copy of it into the corpus.
"""

import functools
import math
import random
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from attacks import forked
from attacks.commands import COMMANDS
from attacks.loaders import LOADERS

CORPUS = Path(__file__).parent / "attacks" / "corpus"
INPUTS, MANY = 300, 10_000  # damaged inputs for each loader, in ordinary runs and with `-m soak`
MORE = {"picture": 1500, "picture of another format": 500}  # which take milliseconds
ALWAYS_READ = (  # what is damaged is told, made again, or refused as it should be
    "answers", "folder of pictures", "manifest of copies", "picture of another format", "voice",
)  # fmt: skip
AT_ONCE = 2500  # inputs of one process


def attacked(work, *arguments) -> int:
    """How many inputs were refused, in a process of its own, where nothing went wrong."""
    code, answer = forked.run(work, *arguments)
    assert code == 0, f"the process ended with {code}: see what it left in {arguments[-1]}"
    wrong, refused = answer
    assert not wrong, "\n".join(wrong[:20])
    return refused


@pytest.mark.parametrize("name", LOADERS)
def test_sound_samples_are_read(name, tmp_path):
    code, answer = forked.run(forked.sound, name, tmp_path)
    assert code == 0 and answer == [], answer


@pytest.mark.parametrize("name", LOADERS)
def test_damaged_inputs_are_results_or_sentences(name, tmp_path):
    inputs = MORE.get(name, INPUTS)
    refused = attacked(forked.outcomes, name, range(inputs), tmp_path)
    if name in ALWAYS_READ:
        assert refused == 0
    else:  # the damage is neither too small nor too large to say anything
        assert inputs / 20 < refused < inputs


@pytest.mark.soak
@pytest.mark.parametrize("part", range(math.ceil(MANY / AT_ONCE)))
@pytest.mark.parametrize("name", LOADERS)
def test_very_many_damaged_inputs(name, part, tmp_path):
    attacked(forked.outcomes, name, range(part * AT_ONCE, (part + 1) * AT_ONCE), tmp_path)


@pytest.mark.parametrize(
    "name", sorted(path.name for path in CORPUS.iterdir()) if CORPUS.is_dir() else []
)
def test_what_once_failed_does_not_fail_again(name, tmp_path):
    cases = sorted((CORPUS / name).iterdir())
    assert cases
    assert attacked(forked.kept, name, cases, tmp_path) <= len(cases)


def test_peak_memory_is_known_on_windows(monkeypatch):
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=123_000_000))
    monkeypatch.setattr(forked.psutil, "Process", lambda: process)
    monkeypatch.setattr(forked.Path, "exists", lambda self: False)
    monkeypatch.setattr(forked, "resource", None)
    assert forked.peak_memory() == 123_000_000


# -------------------------------------------------------------------------------------- kills


def killed(name: str, kills: int, seed: int, folder: Path):
    """The command is killed at writes and at moments, each time in an empty folder, and run again.

    What it makes then is what it makes where nobody kills it, and nothing else lies there.
    """
    rng = random.Random(f"{name} {seed}")
    whole = fresh(name, folder / "whole")
    code, answer = forked.run(forked.commanded, name, whole)
    assert code == 0
    writes, seconds = answer
    assert writes > 2
    wanted = forked.run(forked.made, name, whole)
    for number in range(kills):
        place = fresh(name, folder / str(number))
        how = (
            {"write": writes - 1 - number // 3},  # at its end, where it tidies up
            {"write": rng.randrange(writes)},
            {"moment": rng.uniform(0, seconds)},
        )[number % 3]
        code, _ = forked.run(functools.partial(forked.commanded, **how), name, place)
        assert code in (-signal.SIGKILL, -signal.SIGPROF, 0), code
        code, _ = forked.run(forked.commanded, name, place)
        assert code == 0, f"{name}, killed at {how}, does not go on: see {place}"
        assert forked.run(forked.made, name, place) == wanted, f"{name}, killed at {how}: {place}"


def fresh(name: str, place: Path) -> Path:
    """An empty folder for a command, with what it begins with beside it."""
    folder = place / "written"
    folder.mkdir(parents=True)
    assert forked.run(forked.prepared, name, folder)[0] == 0
    return folder


on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@on_posix
@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_loses_nothing(name, tmp_path):
    killed(name, 3, 0, tmp_path)


@on_posix
@pytest.mark.soak
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_killed_very_often_loses_nothing(name, tmp_path):
    killed(name, 50, 1, tmp_path)
