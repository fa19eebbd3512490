"""Prints the sentences without a trace, by place, as `traces.json` has them."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from traced import checking  # noqa: E402 the path comes first

places: dict[str, dict[str, list[str]]] = {}
for place, sentence, printed in checking.untraced():
    places.setdefault(place, {})[sentence] = [f"{one} is KIND: EXPRESSION" for one in printed]
print(json.dumps(places, ensure_ascii=False, indent=1))
