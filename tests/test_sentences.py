"""The sentences of errors: all in one file, each with its code."""

import ast
import pickle
import re

import pytest
import sentences

from tl_course.base.errors import CourseError
from tl_course.data.pictures import PictureError


def test_the_file_of_sentences_is_up_to_date():
    wanted = sentences.sentences()
    assert sentences.SNAPSHOT.read_text(encoding="utf-8") == wanted, (
        "run `python tests/sentences.py`, and read what changed"
    )


def test_each_code_is_a_name():
    for path, call in sentences.raised():
        code = call.args[0]
        if isinstance(code, ast.Constant):
            assert re.fullmatch("[a-z0-9_]+", code.value), f"{path}:{call.lineno}"


@pytest.mark.parametrize("kind", [CourseError, PictureError])
def test_an_error_of_another_process_keeps_its_code_and_sentence(kind):
    error = pickle.loads(pickle.dumps(kind("no_folder", "There is no folder here.")))
    assert type(error) is kind
    assert (error.code, str(error)) == ("no_folder", "There is no folder here.")
