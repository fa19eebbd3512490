"""Recorded tables: what each is made of, and the one runner that makes, resumes and records them.

Every lesson says in its `tables.py` which tables it records; `tl-course records` makes them all.
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
SAVE_EVERY = 60.0  # seconds between two times that rows are written down


def of_pictures() -> str:
    """The fingerprint of the shipped network of pictures, which most tables are made with."""
    return network.fingerprint(pretraining.pretrained())


def of_all_networks() -> str:
    """The fingerprint of the three shipped networks together."""
    states = {source: net.state_dict() for source, net in matrix.pretrained().items()}
    every = {f"{source} {key}": one for source in states for key, one in states[source].items()}
    return network.fingerprint(every)


@dataclass(frozen=True)
class Table:
    """A recorded experiment.

    `rows(done)` yields rows, at least those that are missing, given those of an earlier sitting; a
    list of rows is written down as a whole. `keys` are the columns that tell rows apart. `weights`
    gives the fingerprint of what it is made with. `then(rows)` is called when all are there.
    """

    name: str
    keys: tuple[str, ...]
    rows: Callable[[list[dict]], Iterable[dict | list[dict]]]
    weights: Callable[[], str] = of_pictures
    then: Callable[[list[dict]], object] | None = None

    @property
    def is_current(self) -> bool:
        """Whether it is recorded, and was made with what `weights` says today."""
        return results.is_current(self.name, self.weights())

    def key(self, row: dict) -> tuple:
        """What tells a row from the others, also after it was read from a file."""
        values = map(row.get, self.keys)
        plain = ("" if value is None or value != value else value for value in values)
        return tuple(value if isinstance(value, str) else float(value) for value in plain)

    def done(self) -> list[dict]:
        """The rows that need not be made again."""
        return results.current(self.name, self.weights())


def bring_up_to_date(table: Table, anew: bool = False) -> bool:
    """Make a table that is not current, or `anew` any; gives whether it was made."""
    if table.is_current and not anew:
        results.sweep_unfinished(table.name)  # which a program that was killed at its end left
        return False
    make(table, anew)
    return True


def make(table: Table, anew: bool = False) -> None:
    """Make the rows that are missing and record the table; it can be stopped and called again."""
    weights = table.weights()
    rows = [] if anew else table.done()
    had = set(map(table.key, rows))
    record = partial(results.record, table.name, rows, command=COMMAND, seed=0, weights=weights)
    saved = time.monotonic()
    for made in table.rows(list(rows)):
        together = [made] if isinstance(made, dict) else made
        rows += [row for row in together if table.key(row) not in had]  # of an earlier sitting
        if time.monotonic() - saved > SAVE_EVERY:
            record(complete=False)
            saved = time.monotonic()
    if table.then is not None:
        table.then(rows)
    record()  # last: from then on the table is current, and is not made again


def missing(plan: Iterable[tuple], done: list[dict], keys: tuple[str, ...]) -> Iterator[tuple]:
    """The entries of a plan, as tuples of `keys`, that no row of `done` has."""
    had = {tuple(row[key] for key in keys) for row in done}
    return (entry for entry in plan if entry not in had)


def kept(name: str, make_it: Callable[[], FiveLayerNet]) -> FiveLayerNet:
    """A network out of the data home, made first where it is not there."""
    folder = storage.home() / "records" / name
    if not (folder / files.WEIGHTS_FILE).exists():
        files.save(make_it(), folder)
    return files.load(folder)


def pretrained_again(source: str, seed: int) -> FiveLayerNet:
    """A network as the course ships it, but pretrained with another seed: out of the data home."""
    images = pretraining.SHIPPED[source][1]

    def make() -> FiveLayerNet:
        callbacks = Callbacks(progress=f"{source}, seed {seed}")
        inputs = pretraining.source(source, seed)
        return pretraining.pretrain(inputs, images, seed=seed, callbacks=callbacks).net

    return kept(f"{source}-seed-{seed}", make)
