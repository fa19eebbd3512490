"""A data home that several users of one machine share: places for all, and one for each alone."""

import json
import os
import shutil
import stat
import tempfile
import warnings
from pathlib import Path

import pytest
from sentences import refused

from tl_course.app import doctor
from tl_course.base import storage
from tl_course.lessons import progress_store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has other users")

NOBODY = 65534


@pytest.fixture(params=[0o1777, 0o777, 0o2775], ids=oct)
def home(request, monkeypatch):
    """A home that others may write to, in a folder that each user of this machine can get to."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    for name, mode in (("home", request.param), ("ada", 0o700), ("bob", 0o777)):
        (top / name).mkdir()
        (top / name).chmod(mode)
    monkeypatch.setenv("TL_COURSE_HOME", str(top / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    storage._tell_once.cache_clear()
    become(monkeypatch, "ada", top)
    yield top / "home"
    shutil.rmtree(top)


def become(monkeypatch, name, top):
    monkeypatch.setattr(storage.getpass, "getuser", lambda: name)
    monkeypatch.setenv("HOME", str(top / name))


def as_bob(monkeypatch, home, act):
    """What `act` gives, and the warnings, for another user, where there is one (root may be)."""
    become(monkeypatch, "bob", home.parent)
    with tempfile.TemporaryFile("w+") as file:
        if not (child := os.fork()):
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setgid(home.stat().st_gid)  # of the class
                    os.setuid(NOBODY)
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    answer = act()
                json.dump([answer, [str(warning.message) for warning in caught]], file)
                file.flush()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        file.seek(0)
        become(monkeypatch, "ada", home.parent)
        return json.load(file)


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


def answer(number):
    progress_store.keep_entry("exercises", "03.x", lambda entry: {"tried": number})
    return progress_store.read_entries("exercises")


def test_what_is_for_all_is_as_open_as_the_home(home):
    storage.write_text(home / "shared" / "anna" / "file", "x")
    with storage.lock(home / "records" / "table"):
        pass
    storage.make_folder(home / "spoken-names")
    for folder in ("shared", "shared/anna", "records", "spoken-names"):
        assert rights(home / folder) == rights(home)
    storage.make_folder(home.parent / "bob" / "mine")  # which is in no data home
    assert not rights(home.parent / "bob" / "mine") & 0o002


def test_each_keeps_answers_of_their_own_and_nobody_else_reads_them(home, monkeypatch):
    assert answer(1) == {"03.x": {"tried": 1}}
    read, warned = as_bob(monkeypatch, home, lambda: answer(2))
    assert read == {"03.x": {"tried": 2}} and warned == []
    assert progress_store.read_entries("exercises") == {"03.x": {"tried": 1}}
    for name in ("ada", "bob"):
        assert rights(home / "made" / name) == 0o700
    assert rights(home / "made") == rights(home)


def test_a_folder_of_an_earlier_version_is_closed(home):
    (home / "made" / "ada").mkdir(parents=True)
    (home / "made" / "ada").chmod(0o755)
    assert storage.person_folder() == home / "made" / "ada"
    assert rights(home / "made" / "ada") == 0o700


def test_without_a_place_in_the_home_answers_are_kept_in_ones_own(home, monkeypatch):
    """As where the first to come made the folder, with an earlier version, for themselves."""
    (home / "made").mkdir(0o755)
    (home / "made" / "bob").symlink_to(home.parent / "ada")
    if os.geteuid():
        (home / "made").chmod(0o555)

    def act():
        answer(2)
        return answer(3), str(storage.person_folder())

    (read, place), warned = as_bob(monkeypatch, home, act)
    assert read == {"03.x": {"tried": 3}}
    assert len(warned) == 1 and warned[0].startswith(f"What you make is kept in {place}. ")
    assert not Path(place).is_relative_to(home) and rights(Path(place)) == 0o700


@pytest.mark.parametrize("plant", ["link", "folder"])
def test_a_folder_that_another_one_planted_is_not_written_to(home, monkeypatch, plant):
    (home / "made").mkdir()
    (home / "made").chmod(rights(home))
    planted = home / "made" / "bob"
    if plant == "link":
        planted.symlink_to(home.parent / "bob")
    else:
        planted.mkdir()
        planted.chmod(0o777)
        if os.geteuid():  # then there is no other user: one is made up
            monkeypatch.setattr(storage, "_is_mine", lambda folder: not folder.samefile(planted))

    def act():
        return answer(2), str(storage.person_folder())

    (read, place), warned = as_bob(monkeypatch, home, act)
    assert read == {"03.x": {"tried": 2}} and len(warned) == 1
    assert not Path(place).is_relative_to(home) and not (planted / "answers.json").exists()


def test_a_home_may_be_read_only(home, monkeypatch):
    """Its data are read, and what a person makes is kept in the person's own home."""
    storage.write_text(home / "omniglot" / "letters.zip", "x")
    access = os.access  # root may write everywhere but on a disk that is read-only
    monkeypatch.setattr(
        storage.os, "access", lambda place, mode: mode != os.W_OK and access(place, mode)
    )
    home.chmod(0o555)

    def act():
        diagnoses = doctor._home(), doctor._disk()
        read = (storage.home() / "omniglot" / "letters.zip").read_text()
        return answer(2), read, str(storage.person_folder()), diagnoses

    (kept_there, read, place, (where, disk)), warned = as_bob(monkeypatch, home, act)
    assert kept_there == {"03.x": {"tried": 2}} and read == "x" and not warned
    assert not Path(place).is_relative_to(home)
    assert where == [
        "note",
        f"{home}, to be read only",
        f"nothing to do: what you make is kept in {place}",
    ]
    assert disk[1].endswith(place)


def test_without_any_place_the_course_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path / "file"))
    with refused("not_writable", "TL_COURSE_HOME"):
        storage.person_folder()
    with pytest.warns(UserWarning, match="No answers are kept.*set TL_COURSE_HOME"):
        assert progress_store.read_entries("exercises") == {}
    with pytest.warns(UserWarning, match="This answer was not kept"):
        progress_store.keep_entry("exercises", "03.x", lambda entry: {"tried": 1})
