"""What comes from outside is met here: read once, within bounds, and checked before it is used.

Files may be a stranger's, or damaged, or of another version. `content` gives the bytes of one,
`parsed` what they say as JSON, and `meet` holds that to a JSON schema. Each raises one CourseError.
"""

import errno
import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

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
            read = file.read(most + whole)
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
    """Raises CourseError for the first part of `value` that does not meet a JSON schema.

    The sentence is: `where`, what is wrong, `todo`. What is wrong says the `said` of the innermost
    part of the schema that has one, with {key} and {value} for what was met; else `GENERAL` does.
    Whole numbers are ints alone, neither truths nor 3.0. (The packages for this take longer to
    import or to prepare than a network takes to load, and fastjsonschema takes 3.0 for whole.)
    """
    for said, key, met in _unmet(value, schema, GENERAL, ""):
        told = said.format(key=key, value=printable(str(met)))
        raise CourseError(f"{where} {told}; {todo}.")


TYPES = {
    "object": (dict,), "array": (list,), "string": (str,), "null": (type(None),),
    "boolean": (bool,), "integer": (int,), "number": (int, float),
}  # fmt: skip
BOUNDS: dict[str, Callable[[Any, Any], bool]] = {  # what a value must not be, by the word for it
    "const": lambda value, only: value != only,
    "enum": lambda value, some: value not in some,
    "minimum": lambda value, least: _is_number(value) and value < least,
    "maximum": lambda value, most: _is_number(value) and value > most,
    "exclusiveMinimum": lambda value, below: _is_number(value) and value <= below,
    "minItems": lambda value, least: isinstance(value, list) and len(value) < least,
    "maxItems": lambda value, most: isinstance(value, list) and len(value) > most,
    "maxLength": lambda value, most: isinstance(value, str) and len(value) > most,
    "pattern": lambda value, text: isinstance(value, str) and not re.search(text, value),
}
INSIDE = {"properties", "required", "additionalProperties", "propertyNames", "items"}
KNOWN = {"type", "said", *BOUNDS, *INSIDE}


def _unmet(value: Any, schema: dict, said: str, key: str) -> Iterator[tuple[str, str, Any]]:
    """Each part of `value` that is not as the schema says: the sentence, the key, what is there."""
    if unknown := schema.keys() - KNOWN:
        raise ValueError(f"this schema says {unknown}, which nobody would check")
    said = schema.get("said", said)
    names = schema.get("type", ())
    names = [names] if isinstance(names, str) else names
    if names and not any(type(value) in TYPES[name] for name in names):
        yield said, key, value
    elif any(wrong(value, schema[word]) for word, wrong in BOUNDS.items() if word in schema):
        yield said, key, value
    elif isinstance(value, list) and "items" in schema:
        for one in value:
            yield from _unmet(one, schema["items"], said, key)
    elif isinstance(value, dict):
        known = schema.get("properties", {})
        yield from ((said, name, value) for name in schema.get("required", ()) if name not in value)
        for name, one in value.items():
            yield from _unmet(name, schema.get("propertyNames", {}), said, key)
            rest = schema.get("additionalProperties", {})
            if name not in known and rest is False:
                yield said, key, value
            elif expected := known.get(name, rest):
                yield from _unmet(one, expected, said, name)


def _is_number(value: object) -> bool:
    return type(value) in (int, float)
