"""Plants every fault, or those that are named, and prints which of them a test has caught."""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import faults  # noqa: E402 the path comes first

every = faults.listed()
names = sys.argv[1:] or list(every)
missed = []
with tempfile.TemporaryDirectory(prefix="tl-course-") as folder:
    course = faults.copy_to(Path(folder) / "course")
    code, output = faults.run(course, sorted({every[name].test for name in names}))
    if code:
        raise SystemExit(f"{output}\nThese tests do not pass without a fault.")
    for name in names:
        begun = time.perf_counter()
        with faults.planted(every[name], course):
            code, output = faults.run(course, [every[name].test])
        if not faults.is_caught(code, output):
            missed.append(name)
        verdict = "MISSED" if name in missed else "caught"
        seconds = time.perf_counter() - begun
        print(f"{verdict}  {name:36} {seconds:4.0f} s  {every[name].test}", flush=True)
print(f"{len(names) - len(missed)} of {len(names)} faults were caught.")
raise SystemExit(bool(missed))
