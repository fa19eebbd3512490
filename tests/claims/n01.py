"""What the claims of notebook 01 are tested with."""

from tl_course.lessons.n01_pretrain import claims
from tl_course.study import results


def recorded():
    return (results.load("pretraining"),)


def less_learnt():
    return (results.load("pretraining").assign(accuracy=lambda rows: rows.accuracy - 0.1),)


CASES = {
    claims.it_learns_to_name_things: (recorded, less_learnt),
    claims.batchnorm_melts_away: (lambda: (2e-6, 1.7), lambda: (2e-3, 1.7)),
}
