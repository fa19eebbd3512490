"""What notebook 06 records: every source and target, and what explains the result."""

from collections.abc import Iterator
from functools import partial

from tl_course.base.parallel import side_by_side
from tl_course.core.network import FiveLayerNet
from tl_course.data.targets import spoken
from tl_course.lessons.n06_wrong_modality import experiments
from tl_course.study import matrix, matrix_tuning, tuning
from tl_course.study.tables import Table, of_all_networks, pretrained_again, saved_network

OTHER_SEEDS = (1, 2)  # of further pretrainings, only for Option 1
SIZES, DRAWS = (50, 200), 12  # 12 draws use each fold of languages and of people equally often
ENDS = {  # targets: the fewest examples, and about as many as there are
    ("handwritten", "spoken-real", "written"): (10, 1000),
    ("spoken",): (10, 800),
}


def matrix_tuning_rows(done: list[dict]) -> Iterator[dict]:
    """Rows of every setting for every cell, tried on validation examples."""
    nets = {**matrix.pretrained_by_modality(), "random": None}
    plan = [
        (nets[task[0]], *task) for task in matrix_tuning.missing_cells(list(matrix.SOURCES), done)
    ]
    for new in side_by_side(matrix_tuning.run_cell, plan, "tuning the matrix"):
        yield from new


def matrix_rows(done: list[dict]) -> Iterator[dict]:
    """Rows of every source, target and option; this needs the recordings of people."""
    spoken.recordings()
    common = {"done": done, "progress": True}
    yield from matrix.transfer_matrix(matrix.pretrained_by_modality(), SIZES, DRAWS, **common)
    for seed in OTHER_SEEDS:
        nets = _pretrained(seed)
        yield from matrix.transfer_matrix(
            nets, SIZES, DRAWS, options=["1"], pretraining=seed, **common
        )


def matrix_ends_rows(done: list[dict]) -> Iterator[dict]:
    """Rows of Option 1 with the fewest and most examples; this needs the recordings of people."""
    spoken.recordings()
    for seed in (0, *OTHER_SEEDS):
        nets = _pretrained(seed)
        for targets, sizes in ENDS.items():
            yield from matrix.transfer_matrix(
                nets, sizes, DRAWS, targets=targets, options=["1"], pretraining=seed,
                done=done, progress=True,
            )  # fmt: skip


def _pretrained(seed: int) -> dict[str, FiveLayerNet]:
    """A network for each kind of input; the course ships those of seed 0."""
    if seed == 0:
        return matrix.pretrained_by_modality()
    return {name: pretrained_again(source, seed) for name, source in matrix.SOURCES.items()}


def controls_rows(done: list[dict]) -> Iterator[dict]:
    """Rows of the controls that explain the matrix; this needs the recordings of people."""
    altered = {
        name: saved_network(f"altered-{name}", partial(experiments.altered_network, name))
        for name in experiments.SOURCES
    }
    return experiments.controls(matrix.pretrained_by_modality(), altered, DRAWS)


def directions_rows(done: list[dict]) -> Iterator[dict]:
    """Rows for each pair of people: learn from one, test on the other."""
    return experiments.directions(matrix.pretrained_by_modality(), DRAWS)


TABLES = [
    Table(
        "matrix_tuning", tuple(matrix_tuning.KEYS), matrix_tuning_rows, of_all_networks,
        then=lambda rows: tuning.keep_best("matrix_tuning", rows, matrix_tuning.KEYS[:4]),
    ),
    Table(
        "matrix", ("source", "target", "option", "images", "draw", "pretraining"),
        matrix_rows, of_all_networks,
    ),
    Table(
        "matrix_ends", ("source", "target", "option", "images", "draw", "pretraining"),
        matrix_ends_rows, of_all_networks,
    ),
    Table("controls", ("control", "source", "target", "draw"), controls_rows, of_all_networks),
    Table("directions", ("source", "learnt", "tested", "draw"), directions_rows, of_all_networks),
]  # fmt: skip
