"""Things that no network of the course was pretrained on: drawings held out of the source.

They are rendered like the source, in the same poses, styles and backgrounds. The parts have other
renders of the same drawings, so the task is to recognise a thing after one or a few renders.
"""

import functools

from tl_course.data.examples import Examples, Target
from tl_course.data.sources.classes import unseen_classes
from tl_course.data.sources.emoji_images import EmojiImages

SEEDS = {"pool": 2_000_001, "validation": 2_000_002, "test": 2_000_003}
EACH = {"pool": 40, "validation": 20, "test": 27}  # renders of each thing; 27 · 74 ≈ 2,000


@functools.cache
def unseen_objects() -> Target:
    """74 things, `[n, 3, 32, 32]` on the course's scale."""
    parts = {}
    for part, seed in SEEDS.items():
        source = EmojiImages(seed, unseen_classes())
        x, y = source.batch(0, source.n_classes * EACH[part])
        parts[part] = Examples(x, y, tuple(source.names))
    return Target(**parts)
