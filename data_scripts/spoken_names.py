"""Let 84 synthetic voices speak the 1,000 names: 84,000 log-mel pictures in the data home.

    python data_scripts/spoken_names.py [--processes N]

It takes about two minutes on two cores and 86 MB, and needs the extra `speech` (espeak-ng). After
an interruption, run it again: it continues with the missing voices. Pretraining on spoken names
calls the same function, so this script only saves it the wait.
"""

import argparse
import time

from tl_course.base.errors import run_script
from tl_course.data.sources import spoken_names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, help="default: one a core")
    args = parser.parse_args()
    begun, clips = time.perf_counter(), 0
    for role in ("source", "held-out"):
        clips += sum(map(len, spoken_names.build(role, args.processes).values()))
    seconds = time.perf_counter() - begun
    print(f"Ready in {spoken_names.clips_folder()}: {clips:,} spoken names ({seconds:.0f} s).")


if __name__ == "__main__":
    run_script(main)
