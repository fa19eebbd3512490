"""Many small trainings at once: one process a core, one thread each.

A network that is adapted to fifty digits is too small to keep two cores busy; two adaptations side
by side are. On a GPU they run one after another.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from joblib import Parallel, delayed, parallel_config
from tqdm.auto import tqdm

from tl_course.base import machine

WORTH_IT = 8  # tasks: for fewer, starting the processes takes longer than they save


def side_by_side(
    run: Callable[..., Any],
    plan: Sequence[tuple],
    title: str | None = None,
    worth_it: int | None = None,
) -> Iterator[Any]:
    """Yield `run(*arguments)` for each entry of `plan`, in order.

    Fewer than `worth_it` entries (by default `WORTH_IT`) run one after another, on all cores.
    """
    bar = tqdm(total=len(plan), desc=title, unit="run", disable=title is None)
    workers = machine.cores() if machine.device().type == "cpu" else 1
    loky = parallel_config(backend="loky", inner_max_num_threads=1)
    with bar, loky:
        if workers == 1 or len(plan) < (worth_it or WORTH_IT):
            done = (run(*arguments) for arguments in plan)
        else:
            done = Parallel(workers, return_as="generator")(
                delayed(run)(*arguments) for arguments in plan
            )
        for result in done:
            yield result
            bar.update()
