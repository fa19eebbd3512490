"""The Hugging Face hub, through its own library: list, fetch, publish, and errors as sentences."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tl_course.base.errors import CourseError, printable

NAME = re.compile(r"[A-Za-z0-9][\w-]*(\.[\w-]+)*/[A-Za-z0-9][\w-]*(\.[\w-]+)*", re.ASCII)


def check_repository_name(name: str) -> None:
    """Raise CourseError for a name that is not "owner/name"."""
    if not NAME.fullmatch(name):
        raise CourseError(
            "hub_name",
            f"'{printable(name)}' is no name on the Hugging Face hub; it is written owner/name, "
            "such as anna/my-five-layers.",
        )


def revision_and_sizes(name: str, revision: str | None = None) -> tuple[str, dict[str, int]]:
    """A repository's revision (the newest unless one is given), and the size of each file."""
    import huggingface_hub

    with errors_told(name):
        about = huggingface_hub.HfApi().model_info(name, revision=revision, files_metadata=True)
    return about.sha, {file.rfilename: file.size or 0 for file in about.siblings}


def bring(name: str, revision: str, files: Sequence[str], folder: Path) -> None:
    """Fetch files of that revision into `folder`."""
    import huggingface_hub

    with errors_told(name):
        for file in files:
            huggingface_hub.hf_hub_download(name, file, revision=revision, local_dir=folder)


def upload_files(name: str, folder: Path, files: Sequence[str], private: bool) -> str:
    """Upload files of a folder; returns the new revision."""
    import huggingface_hub

    with errors_told(name):
        api = huggingface_hub.HfApi()
        api.create_repo(name, private=private, exist_ok=True)
        message = "A network shared from the course Borrowed Eyes"
        done = api.upload_folder(
            repo_id=name,
            folder_path=str(folder),
            allow_patterns=list(files),
            commit_message=message,
        )
    return done.oid


@contextlib.contextmanager
def errors_told(name: str) -> Iterator[None]:
    """Turn errors of huggingface_hub into one sentence."""
    try:
        yield
    except Exception as error:
        if (sentence := _sentence(error, name)) is None:
            raise
        raise CourseError("hub", sentence) from error


def _sentence(error: Exception, name: str) -> str | None:
    from huggingface_hub import errors

    here = f"{name} on the Hugging Face hub"
    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # what the hub answered, before its library looked on the disk
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RevisionNotFoundError):
        return f"There is no such revision of {here}: leave the revision out to get the newest."
    if isinstance(error, errors.GatedRepoError):
        todo = "agree there and log in with `hf auth login`"
        return f"{name} asks for an agreement on its page: {todo}."
    if isinstance(error, errors.RepositoryNotFoundError):
        todo = "check the name, or log in with `hf auth login` if it is private"
        return f"There is no {here} that you may read: {todo}."
    if status in (401, 403) or isinstance(error, errors.LocalTokenNotFoundError):
        todo = "log in with `hf auth login` as somebody who may use it"
        return f"The Hugging Face hub does not know you well enough for {name}: {todo}."
    if status:
        return f"The Hugging Face hub answered {status} for {name}: try again later."
    if isinstance(error, OSError) or "http" in type(error).__module__:
        todo = "go online and try again, or take the folder from its maker on a disk"
        return f"The Hugging Face hub cannot be reached for {name}; you are offline: {todo}."
    return None
