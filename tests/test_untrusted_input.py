"""What comes from outside: files of any kind and size, JSON of any shape, held to a schema."""

import json
import os

import pytest
from sentences import refused

from tl_course.base import untrusted_input
from tl_course.base.errors import CourseError

DEEP = 900  # which json reads, and what looks at it afterwards does not


def test_a_file_is_read_within_its_bounds(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"four")
    assert untrusted_input.content(path, 4) == b"four"
    assert untrusted_input.content(path, 3, whole=False) == b"fou"
    with path.open("r+b") as file:
        file.truncate(6_000_000_000)  # a sparse file: no room is taken
    assert len(untrusted_input.content(path, 1000, whole=False)) == 1000
    with refused("too_large", "1 kB"):
        untrusted_input.content(path, 1000)
    for wrong in (tmp_path, tmp_path / "none"):
        with refused("unreadable"):
            untrusted_input.content(wrong, 1000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no pipes with a name")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with refused("unreadable"):
        untrusted_input.content(tmp_path / "pipe", 1000)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff{}", b"{", b"", b'{"a": 1' + b"0" * 5000 + b"}", b"[" * 100_000,
        b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        rb'["\ud800"]', rb'{"\ud800": 1}', rb'{"a": [{"b": "\udcff"}]}',
    ],
    ids=lambda text: repr(text[:9]),
)  # fmt: skip
def test_a_text_that_is_no_sound_json_is_one_sentence(text):
    with refused("no_json") as caught:
        untrusted_input.parsed(text, "It")
    assert "\n" not in str(caught.value)


def test_what_is_sound_comes_as_it_is():
    content = {"a": [1, 2.5, None, True, "ö\U0001f600"], "b": {"c": {}}}
    assert (
        untrusted_input.parsed(json.dumps(content).encode(), "It") == content
    )  # \\ud83d\\ude00 is a pair
    assert untrusted_input.parsed(json.dumps(content, ensure_ascii=False), "It") == content


SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "maximum": 9, "said": "says {key} = {value}, at most 9 fit"},
        "names": {"type": "array", "items": {"type": "string", "said": "has odd {key}"}},
    },
    "required": ["n"],
}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"n": 10}, "says n = 10, at most 9 fit"),
        ({"n": True}, "says n = True, at most 9 fit"),
        ({"n": 3.0}, "says n = 3.0, at most 9 fit"),
        ({"n": "\x1b[31m"}, "says n = ?[31m, at most 9 fit"),
        ({"n": 1, "names": ["a", 2]}, "has odd names"),
        ({"n": 1, "names": 2}, "lacks 'names', or it has another type"),
        ({}, "lacks 'n', or it has another type"),
    ],
)
def test_a_schema_says_in_a_sentence_what_it_is_not_met_by(value, says):
    with pytest.raises(CourseError) as caught:
        untrusted_input.meet(value, SCHEMA, "It", "ask again")
    assert str(caught.value) == f"It {says}; ask again."
    untrusted_input.meet({"n": 9, "names": [], "more": 1}, SCHEMA, "It", "ask again")
