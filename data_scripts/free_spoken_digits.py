"""Fetch the Free Spoken Digit Dataset (16 MB: six people, 3,000 recordings) into the data home.

    python data_scripts/free_spoken_digits.py

Zohar Jackson and others, github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0, version
1.0.10. GitHub packs the archive anew for each download, so it has no fixed checksum. Instead, the
recordings are read and counted, and those of four of the people are compared with checksums.
Afterwards `tl-course matrix` has the row "spoken-real".
"""

import collections
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

from tqdm import tqdm

from tl_course.base import archives, downloads, storage
from tl_course.base.errors import CourseError, run_script
from tl_course.data.targets import spoken

URL = (
    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
    "https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/zip/refs/tags/v1.0.10",
)
PEOPLE, EACH = 6, 50  # recordings of each digit by each person
SUMS = {  # SHA-256 of all recordings of a person, in the order of their names
    "george": "850a07b492bf234407e063d0bb633fb25f7904d3714d67d882e4249d59b506d9",
    "jackson": "80f575d3bd1b1c7ff2195c2c3036c4bb67478b55e97cc84564953d6ee1d11275",
    "nicolas": "826cc33f6aa23a68acfe3358d74ad3a6061b21ffbee235f5811229fc68a950a6",
    "theo": "6b3920b7ae4fbefe475da9808f8985266290992f3eed7a3ad631aa009a433992",
}
MOST, MOST_EACH = 50_000_000, 1_000_000  # bytes of the archive, and of a recording


def unpack(archive: Path, folder: Path) -> int:
    """Unpack `archive` into `folder`, reading each recording as a test; returns how many."""
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [m for m in packed.infolist() if Path(m.filename).match("recordings/*.wav")]
            if len(members) > 10 * PEOPLE * EACH or sum(m.file_size for m in members) > MOST:
                raise zipfile.BadZipFile("it has more recordings than are expected")
            for member in tqdm(members, desc="recordings"):
                content = archives.member_content(packed, member, MOST_EACH)
                with storage.atomic_path(folder / Path(member.filename).name) as path:
                    path.write_bytes(content)
                    spoken.read_wave(path)
    except archives.ERRORS as error:
        archive.unlink()
        raise CourseError(
            "damaged",
            f"{archive.name} is damaged ({error}) and was deleted; run this script again.",
        ) from error
    return len(members)


def is_whole(folder: Path) -> bool:
    """Whether there are `EACH` recordings of each digit by each of `PEOPLE` people."""
    counts = collections.Counter(tuple(path.stem.split("_")[:2]) for path in folder.iterdir())
    return len(counts) == 10 * PEOPLE and set(counts.values()) == {EACH}


def changed(folder: Path) -> list[str]:
    """The people whose recordings have other checksums than `SUMS`."""
    sums = {person: hashlib.sha256() for person in SUMS}
    for path in sorted(folder.iterdir()):
        person = path.stem.split("_")[1]
        if person in sums:
            sums[person].update(path.read_bytes())
    return [person for person in SUMS if sums[person].hexdigest() != SUMS[person]]


def main() -> None:
    home = storage.make_folder(storage.home() / "free-spoken-digit-dataset")
    print(f"The Free Spoken Digit Dataset, about 16 MB, into {home}")
    draft = home / "unpacking"
    with storage.lock(draft):
        shutil.rmtree(draft, ignore_errors=True)  # of an interrupted run
        archive = downloads.download(URL, home / "v1.0.10.zip")
        try:
            n = unpack(archive, storage.make_folder(draft))
            if not is_whole(draft):
                archive.unlink()
                raise CourseError(
                    "other_data",
                    f"The archive has {n} recordings, and {10 * PEOPLE * EACH} were expected, "
                    f"{EACH} of each digit by each of {PEOPLE} people; it has changed at its "
                    "source, and the course needs an update.",
                )
            if people := changed(draft):
                archive.unlink()
                raise CourseError(
                    "other_data",
                    f"The recordings of {', '.join(people)} are not those that the course knows; "
                    "they have changed at their source, and the course needs an update.",
                )
            shutil.rmtree(home / "recordings", ignore_errors=True)
            os.replace(draft, home / "recordings")
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        archive.unlink()
    print(f"Ready: {n:,} recordings by {', '.join(spoken.speakers())}.")


if __name__ == "__main__":
    run_script(main)
