"""Fetch the Free Spoken Digit Dataset (16 MB: six people, 3,000 recordings) into the data home.

    python data_scripts/free_spoken_digits.py

Zohar Jackson and others, github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0, version
1.0.10. GitHub packs the archive anew for each download, so that it has no checksum of its own: what
is inside is read and counted instead. Afterwards `tl-course matrix` has the row "spoken-real".
"""

import zipfile
import zlib
from pathlib import Path

from tqdm import tqdm

from tl_course.base import downloads, storage
from tl_course.base.errors import CourseError, run_script
from tl_course.data.targets import spoken

URL = (
    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
    "https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/zip/refs/tags/v1.0.10",
)
PEOPLE, EACH = 6, 50  # recordings of each digit by each person


def unpack(archive: Path, folder: Path) -> int:
    """The recordings of `archive` into `folder`, each read as a test: how many there are."""
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [m for m in packed.infolist() if Path(m.filename).match("recordings/*.wav")]
            for member in tqdm(members, desc="recordings"):
                with storage.atomic_path(folder / Path(member.filename).name) as path:
                    path.write_bytes(packed.read(member))
                    spoken.read_wave(path)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        archive.unlink()
        raise CourseError(
            f"{archive.name} is damaged ({error}) and was deleted; run this script again."
        ) from error
    return len(members)


def main() -> None:
    home = storage.home() / "free-spoken-digit-dataset"
    print(f"The Free Spoken Digit Dataset, about 16 MB, into {home}")
    storage.make_folder(home / "recordings")
    archive = downloads.download(URL, home / "v1.0.10.zip")
    found = unpack(archive, home / "recordings")
    expected = 10 * PEOPLE * EACH
    if found != expected:
        raise CourseError(
            f"The archive has {found} recordings and {expected} were expected; it has changed at "
            "its source, and the course needs an update."
        )
    archive.unlink()
    print(f"Ready: {found:,} recordings by {', '.join(spoken.speakers())}.")


if __name__ == "__main__":
    run_script(main)
