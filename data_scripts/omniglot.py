"""Fetch letters of five alphabets (1.3 MB: 2,720 drawings by hand) into the data home.

    python data_scripts/omniglot.py

A part of Omniglot: Brenden Lake and others, github.com/brendenlake/omniglot, MIT licence.
Afterwards `omniglot("Greek")` of `tl_course.data.targets.omniglot` finds it.
"""

from tl_course.base import downloads, storage
from tl_course.base.errors import run_script
from tl_course.data.targets import omniglot

URLS = [
    f"https://raw.githubusercontent.com/brendenlake/omniglot/master/python/{omniglot.ARCHIVE}",
    f"https://github.com/brendenlake/omniglot/raw/master/python/{omniglot.ARCHIVE}",
]


def main() -> None:
    path = omniglot.archive()
    print(f"Letters of Omniglot, {storage.size_in_words(omniglot.BYTES)}, into {path.parent}")
    downloads.download(URLS, path, sha256=omniglot.SHA256)
    for alphabet in omniglot.ALPHABETS:
        target = omniglot.omniglot(alphabet)
        n_pool, n_test = len(target.pool), len(target.test)
        print(f"{alphabet}: {n_pool} drawings to learn from, {n_test} for the test")


if __name__ == "__main__":
    run_script(main)
