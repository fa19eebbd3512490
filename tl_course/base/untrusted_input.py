"""Files from outside: read once, within bounds, and checked before they are used.

They may be a stranger's, damaged, or of another version. `content` gives the bytes of a file,
`parsed` the JSON value in them, and `meet` checks that against a JSON schema. Each raises
CourseError.
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
# Keys that ask for code of a repository to be run, anywhere in a description.
CUSTOM_CODE = ("auto_map", "custom_pipelines", "custom_code", "trust_remote_code")
GENERAL = "lacks '{key}', or it has another type"


def content(path: str | os.PathLike, most: int, follow: bool = True, whole: bool = True) -> bytes:
    """The bytes of a plain file, read once: at most `most`.

    A larger file is refused (CourseError) if `whole`; otherwise its first `most` bytes are given.
    `follow` allows a link.
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
            "unreadable",
            f"{path} cannot be read ({error.strerror}); give a plain file that you may read.",
        ) from None
    if len(read) > most:
        raise CourseError(
            "too_large",
            f"{path} is larger than {storage.size_in_words(most)}, more than is ever needed there; "
            "ask its maker what it is.",
        )
    return read


def parsed(text: bytes | str, where: object) -> object:
    """The value in a JSON text; CourseError names it as `where`.

    Refused are texts that are not UTF-8 or not JSON, numbers of thousands of digits, nesting deeper
    than `DEEPEST`, and characters that no file could be written with.
    """
    try:
        value = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
        for _, inner, depth in leaves(value):
            if depth > DEEPEST:
                raise RecursionError
            if isinstance(inner, str):
                inner.encode("utf-8")  # raises for a lone surrogate
    except (ValueError, RecursionError):
        raise CourseError(
            "no_json", f"{where} is no JSON text, or not a sound one; ask its maker for another."
        ) from None
    return value


def leaves(value: object) -> Iterator[tuple[str, object, int]]:
    """Each (key, value, depth) inside a JSON value; keys come as values as well."""
    left = [("", value, 0)]
    while left:
        key, value, depth = left.pop()
        yield key, value, depth
        if isinstance(value, dict):
            left += [(name, inner, depth + 1) for name, inner in value.items()]
            left += [("", name, depth + 1) for name in value]
        elif isinstance(value, list):
            left += [(key, inner, depth + 1) for inner in value]


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
        raise CourseError("not_as_described", f"{where} {wrong}; {todo}.") from None


@functools.cache
def _validator(schema: str) -> Callable[[object], object]:
    import fastjsonschema

    draft = {"$schema": "http://json-schema.org/draft-04/schema"}
    return fastjsonschema.compile(draft | json.loads(schema), use_default=False)
