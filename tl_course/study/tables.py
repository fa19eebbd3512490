"""Recorded tables, and the runner that makes, resumes and records them.

A lesson's tables are declared in its `tables.py`; `tl-course records` makes all of them.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from tl_course.base import storage
from tl_course.core import files, network, pretraining
from tl_course.core.network import FiveLayerNet
from tl_course.core.session import Callbacks
from tl_course.study import matrix, results

COMMAND = "tl-course records"
SAVE_EVERY = 60.0  # seconds between two writes of unfinished rows


def of_pictures() -> str:
    """The fingerprint of the shipped network for pictures, which most tables are made with."""
    return network.fingerprint(pretraining.pretrained())


def of_all_networks() -> str:
    """The fingerprint of the three shipped networks together."""
    return network.fingerprint(
        {
            f"{source} {key}": tensor
            for source, net in matrix.pretrained_by_modality().items()
            for key, tensor in net.state_dict().items()
        }
    )


@dataclass(frozen=True)
class Table:
    """A recorded experiment.

    `rows(done)` yields at least the rows that are missing in `done`, those of an earlier sitting; a
    list of rows is written as a whole. `keys` are the columns that identify a row. `weights()` is
    the fingerprint of the networks it depends on. `then(rows)` is called when all rows are made.
    """

    name: str
    keys: tuple[str, ...]
    rows: Callable[[list[dict]], Iterable[dict | list[dict]]]
    weights: Callable[[], str] = of_pictures
    then: Callable[[list[dict]], object] | None = None

    @property
    def is_current(self) -> bool:
        """Whether it is recorded, complete, and made with today's weights."""
        return results.is_current(self.name, self.weights())

    def key(self, row: dict) -> tuple:
        """What identifies a row, also after it was read from a file."""
        values = map(row.get, self.keys)
        plain = ("" if value is None or value != value else value for value in values)  # NaN too
        return tuple(value if isinstance(value, str) else float(value) for value in plain)

    def done(self) -> list[dict]:
        """The recorded rows that need not be made again."""
        return results.current(self.name, self.weights())


def bring_up_to_date(table: Table, anew: bool = False) -> bool:
    """Make a table that is not current, or any if `anew`; returns whether it was made."""
    if table.is_current and not anew:
        results.sweep_unfinished(table.name)  # of a program that was killed at its end
        return False
    make(table, anew)
    return True


def make(table: Table, anew: bool = False) -> None:
    """Make the missing rows and record the table; after an interruption, call it again."""
    weights = table.weights()
    rows = [] if anew else table.done()
    had = set(map(table.key, rows))
    record = partial(results.record, table.name, rows, command=COMMAND, seed=0, weights=weights)
    saved = time.monotonic()
    for row_or_rows in table.rows(list(rows)):
        new = [row_or_rows] if isinstance(row_or_rows, dict) else row_or_rows
        rows += [row for row in new if table.key(row) not in had]
        if time.monotonic() - saved > SAVE_EVERY:
            record(complete=False)
            saved = time.monotonic()
    if table.then is not None:
        table.then(rows)
    record()  # last, because it makes the table current


def missing(plan: Iterable[tuple], done: list[dict], keys: tuple[str, ...]) -> Iterator[tuple]:
    """The entries of a plan, as tuples of `keys`, that no row of `done` has."""
    had = {tuple(row[key] for key in keys) for row in done}
    return (entry for entry in plan if entry not in had)


def saved_network(name: str, make_it: Callable[[], FiveLayerNet]) -> FiveLayerNet:
    """A network in the data home, made and saved first if it is missing."""
    folder = storage.home() / "records" / name
    if not (folder / files.WEIGHTS_FILE).exists():
        files.save(make_it(), folder)
    return files.load(folder)


def pretrained_again(source: str, seed: int) -> FiveLayerNet:
    """A network like the shipped one, pretrained with another seed and kept in the data home."""
    images = pretraining.SHIPPED[source][1]

    def make() -> FiveLayerNet:
        callbacks = Callbacks(progress=f"{source}, seed {seed}")
        inputs = pretraining.source(source, seed)
        return pretraining.pretrain(inputs, images, seed=seed, callbacks=callbacks).net

    return saved_network(f"{source}-seed-{seed}", make)
