"""The Hugging Face hub: what it has, and files of it, within bounds that are known beforehand.

What the hub announces is not believed: an answer ends at its bound, however much more would come.
"""

import contextlib
import re
import urllib.error
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from tl_course.base import downloads, outside
from tl_course.base.errors import CourseError, printable

NAME = re.compile(r"[A-Za-z0-9][\w-]*(\.[\w-]+)*/[A-Za-z0-9][\w-]*(\.[\w-]+)*", re.ASCII)
MOST_TOLD = 2_000_000  # bytes of what the hub tells of a repository
TOLD = {  # JSON Schema
    "type": "object",
    "properties": {
        "sha": {
            "type": "string", "pattern": r"^[0-9a-f]{40,64}\Z", "said": "gave no revision",
        },
        "siblings": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
 "rfilename": {"type": "string"}, "size": {"type": "integer", "minimum": 0}
},
"required": ["rfilename", "size"],
            },
        },
    },
    "required": ["sha", "siblings"],
}  # fmt: skip


def check_name(name: str) -> None:
    """Raises CourseError for what is no "owner/name"."""
    if not NAME.fullmatch(name):
        raise CourseError(
            f"'{printable(name)}' is no name on the Hugging Face hub; it is written owner/name, "
            "such as anna/my-five-layers."
        )


def listed(name: str, revision: str | None = None) -> tuple[str, dict[str, int]]:
    """Of a repository the revision (the newest where none is given), and each file's bytes."""
    from huggingface_hub import constants

    place = urllib.parse.quote(name)
    exactly = f"/revision/{urllib.parse.quote(revision, safe='')}" if revision else ""
    address = f"{constants.ENDPOINT}/api/models/{place}{exactly}?blobs=true"
    with errors_told(name):
        content = downloads.answer(address, MOST_TOLD, _token())
    where = f"The Hugging Face hub, asked for {name},"
    told = outside.parsed(content, f"What the Hugging Face hub tells of {name}")
    outside.meet(told, TOLD, where, "try again later")
    return told["sha"], {one["rfilename"]: one["size"] for one in told["siblings"]}


def bring(name: str, revision: str, files: dict[str, int], folder: Path) -> None:
    """Puts files of that revision, of so many bytes each, into `folder`."""
    from huggingface_hub import hf_hub_url

    with errors_told(name):
        for file, size in files.items():
            address = hf_hub_url(name, file, revision=revision)
            downloads.download(address, folder / file, size=size, token=_token())


def _token() -> str | None:
    """Who asks, for the hub alone."""
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers

    if constants.HF_HUB_OFFLINE:
        raise ConnectionError("HF_HUB_OFFLINE is set")
    return build_hf_headers().get("authorization", "").removeprefix("Bearer ") or None


@contextlib.contextmanager
def errors_told(name: str) -> Iterator[None]:
    """Turns what the hub answers and what huggingface_hub raises into one sentence."""
    try:
        yield
    except Exception as error:
        refused = error.__cause__ if isinstance(error, CourseError) else error
        if refused is not error and not isinstance(refused, urllib.error.HTTPError):
            raise
        if (sentence := _sentence(refused, name)) is None:
            raise
        raise CourseError(sentence) from error


def _sentence(error: Exception, name: str) -> str | None:
    from huggingface_hub import errors

    here = f"{name} on the Hugging Face hub"
    status, code = _answer_in(error)
    if code == "RevisionNotFound" or isinstance(error, errors.RevisionNotFoundError):
        return f"There is no such revision of {here}: leave the revision out to get the newest."
    if code == "GatedRepo" or isinstance(error, errors.GatedRepoError):
        todo = "agree there and log in with `hf auth login`"
        return f"{name} asks for an agreement on its page: {todo}."
    reading = isinstance(error, urllib.error.HTTPError)
    if (
        code == "RepoNotFound"
        or isinstance(error, errors.RepositoryNotFoundError)
        or (reading and status in (401, 404))  # it tells nobody what others keep private
    ):
        todo = "check the name, or log in with `hf auth login` if it is private"
        return f"There is no {here} that you may read: {todo}."
    if status in (401, 403) or isinstance(error, errors.LocalTokenNotFoundError):
        todo = "log in with `hf auth login` and use an owner that is you"
        return f"The Hugging Face hub does not know you well enough for {name}: {todo}."
    if status:
        return f"The Hugging Face hub answered {status} for {name}: try again later."
    if isinstance(error, OSError) or "http" in type(error).__module__:
        todo = "go online and try again, or take the folder from its maker on a disk"
        return f"The Hugging Face hub cannot be reached for {name}; you are offline: {todo}."
    return None


def _answer_in(error: Exception) -> tuple[int | None, str | None]:
    """The status and the code with which the hub refused, where it answered at all."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code, error.headers.get("X-Error-Code")
    answer = getattr(error, "response", None)
    return getattr(answer, "status_code", None), None
