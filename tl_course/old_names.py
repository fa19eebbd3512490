"""Names of an earlier release, for a learner's own copies of notebooks; gone after the next one.

`import tl_course` has Python ask `Finder` first, which answers for the old places alone: it loads
what is asked for from where it is now, and warns with the new place.
"""

import importlib
import importlib.machinery
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

PACKAGE, FOLDER = "tl_course.", Path(__file__).parent
N05, N07, N09 = (
    "lessons.n05_how_much_data",
    "lessons.n07_published_networks",
    "lessons.n09_small_gpt",
)
MOVED = {  # old module: the modules that hold its names now, where it changed more than its folder
    "comparing": "study.comparing study.forgetting",
    "data_plots": f"lessons.curves lessons.n04_option_2_fine_tune.figures {N05}.figures",
    "experiments": "study.forgetting lessons.n03_option_1_freeze.experiments "
    "lessons.n04_option_2_fine_tune.experiments",
    "gpt_experiments": f"{N09}.experiments",
    "gpt_plots": f"{N09}.figures",
    "layer_experiments": "lessons.n02_what_layers_see.experiments",
    "layer_plots": "lessons.n02_what_layers_see.figures",
    "modality_plots": "lessons.n06_wrong_modality.figures",
    "network": "core.network core.files",
    "own_experiments": "lessons.n08_your_own_task.experiments",
    "own_plots": "lessons.n08_your_own_task.figures",
    "own_task": "lessons.n08_your_own_task.own_task",
    "plots": "lessons.figures",
    "published_experiments": f"{N07}.experiments",
    "published_plots": f"{N07}.figures",
    "results": "study.results",
    "scale": "data.inputs",
    "targets.examples": "data.examples",
    "word_experiments": f"{N07}.words",
    "written": "data.writing",
}
RENAMED = {  # functions: where each is now, and what it is called
    "layer_experiments.straight_and_bent": (
        "lessons.n02_what_layers_see.experiments",
        "straight_and_curved",
    ),
    "transfer.settings": ("core.settings", "chosen"),
    "transfer.fixed": ("core.settings", "fixed"),
    "transfer.recommend": ("core.settings", "recommended"),
    "transfer.features": ("core.output_layers", "features"),
    "transfer.augmented": ("old_names", "augmented"),
    "plots.ARMS": ("lessons.figures", "STYLES"),
    "gpt_plots.ARMS": ("lessons.n09_small_gpt.figures", "STYLES"),
    "own_task.ARMS": ("lessons.n08_your_own_task.own_task", "WAYS"),
    "own_task.trial": ("lessons.n08_your_own_task.own_task", "tried"),
}


def places(old: str) -> list[str]:
    """The modules that hold the names of the old module `old` now; none where it is not one."""
    if old in MOVED:
        return MOVED[old].split()
    if old.split(".")[0] in ("sources", "targets"):
        path = FOLDER / "data" / old.replace(".", "/")
        return [f"data.{old}"] if path.is_dir() or path.with_suffix(".py").exists() else []
    if "." in old or (FOLDER / old).exists() or (FOLDER / f"{old}.py").exists():
        return []
    found = [*FOLDER.glob(f"*/{old}.py"), *FOLDER.glob(f"lessons/*/{old}.py")][:1]
    return [".".join(path.relative_to(FOLDER).with_suffix("").parts) for path in found]


class Old(ModuleType):
    """A module at an old place; what is asked of it comes from the new one."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        old = self.__name__.removeprefix(PACKAGE)
        renamed = RENAMED.get(f"{old}.{name}")
        for place, new in [renamed] if renamed else [(place, name) for place in places(old)]:
            module = _new(place)
            if hasattr(module, new):
                said = f"{PACKAGE}{old}.{name} is now {PACKAGE}{place}.{new}"
                warnings.warn(said, FutureWarning, stacklevel=2)
                return CHANGED.get(f"{old}.{name}") or getattr(module, new)
        raise AttributeError(f"{PACKAGE}{old} has no '{name}'")

    def __call__(self, *given: object, **named: object) -> object:
        """`tl.sweep(…)` still works after an old notebook has imported `tl_course.sweep`."""
        return getattr(self, self.__name__.rpartition(".")[2])(*given, **named)


class Finder:
    """Finds the old modules, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """How to load the module `fullname`, if that is an old place."""
        if not fullname.startswith(PACKAGE) or not places(fullname.removeprefix(PACKAGE)):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Old:
        """An empty module that knows its new places."""
        return Old(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run: names are looked up when they are asked for."""


def augmented(x, seed: int):
    """An altered copy of each picture of `x`, each in a pose of its own."""
    altered, arange = _new("core.output_layers").altered, importlib.import_module("torch").arange
    return altered(x, seed, arange(len(x), device=x.device))


def _new(place: str) -> ModuleType:
    return importlib.import_module(PACKAGE + place)


def _examples(x, y, n_classes: int | None, modality: str):
    return _new("data.examples").Examples(
        x, y, tuple(map(str, range(n_classes or int(y.max()) + 1))), modality
    )


def _adapted(name, net, x, y, seed=0, *, test=None, n_classes=None, modality="image", **more):
    shown = _examples(x, y, n_classes, modality)
    if more.pop("across", False):
        shown = shown.said_to_be(net.modality)
    test = test and _examples(*test, len(shown.names), modality)
    way, start = getattr(_new("core.transfer"), name), () if net is None else (net,)
    return way(*start, shown, test=test, seed=seed, **_watched(more))


def _watched(more: dict) -> dict:
    """What a training is given now, out of `on_step=…`, `stop=…` and the like."""
    names = ("on_step", "stop", "progress", "checkpoint", "identity")
    given = {name: more.pop(name) for name in names if name in more}
    return {**more, "watch": _new("core.training").Watch(**given)} if given else more


def _watching(place: str, name: str, **usual) -> Callable:
    """The function `name` of a module, told about what goes on beside it one by one."""

    def run(*given, **more):
        return getattr(_new(place), name)(*given, **_watched({**usual, **more}))

    return run


def _learning(lines: dict, title: str, guessing: float):
    """Bits per character against characters read, each line as (x, y)."""
    kit = _new("lessons.figures")
    drawn = {name: kit.Line(*line) for name, line in lines.items()}
    drawn["pure guessing"] = kit.level(guessing)
    look = kit.Look(ylim=(0, 1.05 * guessing), log=True)
    return kit.chart({"": drawn}, title, "characters read", "bits per character", look=look)


def _explained(table, title: str):
    """Rows of the matrix, whose control is "as it is", and controls in one table."""
    return _new("lessons.n06_wrong_modality.figures").explained(table[:0], table, title)


CHANGED = {  # functions with other parameters now: of inputs and labels that travel apart, …
    "transfer.option_1": partial(_adapted, "option_1"),
    "transfer.option_2": partial(_adapted, "option_2"),
    "transfer.from_scratch": partial(_adapted, "from_scratch", None),
    "transfer.random_frozen": partial(_adapted, "random_frozen", None),
    "pretraining.pretrain": _watching("core.pretraining", "pretrain", progress="pretraining"),
    "gpt_experiments.pretrain": _watching(f"{N09}.experiments", "pretrain"),
    "gpt_plots.learning": _learning,
    "modality_plots.explained": _explained,
    "training.train": _watching("core.training", "train"),
}
