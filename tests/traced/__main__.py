"""Prints the numbers without a trace, by place, as `traces.json` has them.

`python tests/traced "12 "` looks at notebook 12 only, and at whether its traces are right.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from traced import checking  # noqa: E402 the path comes first

(begins,) = sys.argv[1:] or [""]
missing = {
    place: [f"{number} is KIND: EXPRESSION" for number in numbers]
    for place, numbers in checking.missing().items()
    if place.startswith(begins)
}
if missing:
    sys.exit(json.dumps(missing, ensure_ascii=False, indent=1))
if begins:
    sys.exit("\n".join(checking.problems(begins)) or 0)
