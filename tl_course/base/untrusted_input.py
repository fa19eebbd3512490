"""What comes from outside is met here: read once, within bounds, and checked before it is used.

Files may be a stranger's, or damaged, or of another version. `content` gives the bytes of one,
`parsed` what they say as JSON, and `meet` holds that to a JSON schema. Each raises one CourseError.
"""

import errno
import functools
import json
import os
from collections.abc import Callable, Iterator

from tl_course.base import storage
from tl_course.base.errors import CourseError, printable

MOST_TEXT = 1_000_000  # bytes of a text that describes something
DEEPEST = 100  # lists and objects inside each other; nothing of the course has more than ten
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"  # a pattern of JSON Schema
# What asks for code of its own, wherever it stands in a description.
CUSTOM_CODE = ("auto_map", "custom_pipelines", "custom_code", "trust_remote_code")
GENERAL = "lacks '{key}', or it has another type"


def content(path: str | os.PathLike, most: int, follow: bool = True, whole: bool = True) -> bytes:
    """The bytes of a plain file, read once: at most `most`.

    Of a file with more, `whole` refuses all (CourseError), and its first `most` come otherwise.
    `follow` says whether the name may be a link.
    """
    try:
        if why := storage.no_file(path):
            raise OSError(errno.EINVAL, why)
        if not follow and os.path.islink(path):
            raise OSError(errno.ELOOP, "it is a link")
        with open(path, "rb") as file:
            read = file.read(min(os.fstat(file.fileno()).st_size, most) + whole)
    except OSError as error:
        raise CourseError(
            f"{path} cannot be read ({error.strerror}); give a plain file that you may read."
        ) from None
    if len(read) > most:
        raise CourseError(
            f"{path} is larger than {storage.in_words(most)}, more than is ever needed there; ask "
            "its maker what it is."
        )
    return read


def parsed(text: bytes | str, where: object) -> object:
    """What a JSON text says; CourseError names it as `where`.

    Refused are texts that are no UTF-8 or no JSON, numbers of thousands of digits, what is nested
    deeper than anything of the course, and characters that could never be written again.
    """
    try:
        value = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
        for _, one, depth in leaves(value):
            if depth > DEEPEST:
                raise RecursionError
            if isinstance(one, str):
                one.encode("utf-8")  # which a lone surrogate cannot
    except (ValueError, RecursionError):
        raise CourseError(
            f"{where} is no JSON text, or not a sound one; ask its maker for another."
        ) from None
    return value


def leaves(value: object) -> Iterator[tuple[str, object, int]]:
    """Each (key, value, depth) inside what a JSON text says; keys come as values as well."""
    left = [("", value, 0)]
    while left:
        key, one, depth = left.pop()
        yield key, one, depth
        if isinstance(one, dict):
            left += [(name, inner, depth + 1) for name, inner in one.items()]
            left += [("", name, depth + 1) for name in one]
        elif isinstance(one, list):
            left += [(key, inner, depth + 1) for inner in one]


def meet(value: object, schema: dict, where: object, todo: str) -> None:
    """Raises CourseError for the first part of `value` that does not meet a JSON schema (draft 4).

    The sentence is: `where`, what is wrong, `todo`. What is wrong is the text under `said` in the
    innermost part of the schema that has one, with {key} and {value} filled in, or `GENERAL`.
    In draft 4 an integer is neither a truth value nor 3.0.
    """
    import fastjsonschema  # a twentieth of a second, which not every command needs

    try:
        _validator(json.dumps(schema))(value)
    except fastjsonschema.JsonSchemaValueException as error:
        sentence, part, key = GENERAL, schema, ""
        for name in error.path[1:]:
            sentence = part.get("said", sentence)
            inner = part.get("properties", {}).get(name) or part.get("items")
            part = inner or part.get("additionalProperties") or {}
            key = key if name.isdecimal() else name
        sentence = error.definition.get("said", part.get("said", sentence))
        if error.rule == "required":
            key = next(name for name in error.rule_definition if name not in error.value)
        wrong = sentence.format(key=key, value=printable(str(error.value)))
        raise CourseError(f"{where} {wrong}; {todo}.") from None


@functools.cache
def _validator(schema: str) -> Callable[[object], object]:
    import fastjsonschema

    draft = {"$schema": "http://json-schema.org/draft-04/schema"}
    return fastjsonschema.compile(draft | json.loads(schema), use_default=False)
