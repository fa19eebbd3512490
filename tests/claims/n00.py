"""What the claims of notebook 00 are tested with."""

import functools

from tl_course.lessons.n00_start_here import claims
from tl_course.study import results

sweep = functools.cache(lambda: results.load("sweep"))


def given():
    return (sweep(),)


def spoiled():
    other = {"option-1": "random-frozen", "random-frozen": "option-1"}
    return (sweep().assign(arm=lambda rows: rows.arm.replace(other)),)


CASES = {claims.what_it_saw_before_helps: (given, spoiled)}
