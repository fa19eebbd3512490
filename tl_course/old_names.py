"""Names of an earlier release, for a learner's own copies of notebooks; gone after the next one.

`import tl_course` has Python ask `Finder` first, which answers for the old places alone: it loads
what is asked for from where it is now, and warns with the new place.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import warnings
from collections.abc import Sequence
from types import ModuleType

PACKAGE = "tl_course."
MOVED = {  # old module: the modules that hold its names now
    "comparing": "study.comparing study.forgetting",
    "data_plots": "lessons.curves lessons.n04_option_2_fine_tune.figures "
    "lessons.n05_how_much_data.figures",
    "doctor": "app.doctor",
    "errors": "base.errors",
    "experiments": "study.forgetting lessons.n03_option_1_freeze.experiments "
    "lessons.n04_option_2_fine_tune.experiments",
    "gpt": "lessons.n09_small_gpt.gpt",
    "gpt_experiments": "lessons.n09_small_gpt.experiments",
    "gpt_plots": "lessons.n09_small_gpt.figures",
    "layer_experiments": "lessons.n02_what_layers_see.experiments",
    "layer_plots": "lessons.n02_what_layers_see.figures",
    "lesson": "lessons.lesson",
    "machine": "base.machine",
    "matrix": "study.matrix",
    "modality_plots": "lessons.n06_wrong_modality.figures",
    "model_card": "core.model_card",
    "network": "core.network core.files",
    "output_layers": "core.output_layers",
    "own_experiments": "lessons.n08_your_own_task.experiments",
    "own_plots": "lessons.n08_your_own_task.figures",
    "own_task": "lessons.n08_your_own_task.own_task",
    "plots": "lessons.figures",
    "pretraining": "core.pretraining",
    "published": "core.published",
    "published_experiments": "lessons.n07_published_networks.experiments",
    "published_plots": "lessons.n07_published_networks.figures",
    "results": "study.results",
    "scale": "data.inputs",
    "settings": "core.settings",
    "sharing": "core.sharing",
    "sharing_trials": "lessons.n07_published_networks.sharing_trials",
    "sources": "data.sources",
    "sources.emoji_images": "data.sources.emoji_images",
    "sources.espeak": "data.sources.espeak",
    "sources.prose": "data.sources.prose",
    "sources.things": "data.sources.things",
    "sources.written_names": "data.sources.written_names",
    "storage": "base.storage",
    "sweep": "study.sweep",
    "targets": "data.targets",
    "targets.examples": "data.examples",
    "targets.handwritten": "data.targets.handwritten",
    "targets.kinds": "data.targets.kinds",
    "targets.letters": "data.targets.letters",
    "targets.lines": "data.targets.lines",
    "targets.made_folder": "data.targets.made_folder",
    "targets.objects": "data.targets.objects",
    "targets.own_folder": "data.targets.own_folder",
    "targets.photographs": "data.targets.photographs",
    "targets.spoken": "data.targets.spoken",
    "targets.written": "data.targets.written",
    "training": "core.training",
    "transfer": "core.transfer",
    "word_experiments": "lessons.n07_published_networks.words",
    "written": "data.writing",
}
CHANGED = {  # functions with other parameters now: `module.name` in this module
    "transfer.option_1": "option_1",
    "transfer.option_2": "option_2",
    "transfer.from_scratch": "from_scratch",
    "transfer.random_frozen": "random_frozen",
    "pretraining.pretrain": "pretrain",
    "gpt_experiments.pretrain": "pretrain_gpt",
    "training.train": "train",
}
RENAMED = {  # functions: where each is now, and what it is called
    "transfer.settings": ("core.settings", "chosen"),
    "transfer.fixed": ("core.settings", "fixed"),
    "transfer.recommend": ("core.settings", "recommended"),
    "transfer.features": ("core.output_layers", "features"),
    "transfer.augmented": ("old_names", "augmented"),
}


class Old(ModuleType):
    """A module at an old place; what is asked of it comes from the new one."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        old = self.__name__.removeprefix(PACKAGE)
        places = [(place, name) for place in MOVED[old].split()]
        if f"{old}.{name}" in RENAMED:
            places = [RENAMED[f"{old}.{name}"]]
        for place, new in places:
            module = _new(place)
            if hasattr(module, new):
                said = f"{PACKAGE}{old}.{name} is now {PACKAGE}{place}.{new}"
                warnings.warn(said, FutureWarning, stacklevel=2)
                changed = CHANGED.get(f"{old}.{name}")
                return globals()[changed] if changed else getattr(module, new)
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
        if not fullname.startswith(PACKAGE) or fullname.removeprefix(PACKAGE) not in MOVED:
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


def option_1(net, x, y, seed=0, **more):
    """Option 1 of inputs and labels that travel apart."""
    return _adapted("option_1", net, x, y, seed, **more)


def option_2(net, x, y, seed=0, **more):
    """Option 2 of inputs and labels that travel apart."""
    return _adapted("option_2", net, x, y, seed, **more)


def from_scratch(x, y, seed=0, **more):
    """The control of Option 2, of inputs and labels that travel apart."""
    return _adapted("from_scratch", None, x, y, seed, **more)


def random_frozen(x, y, seed=0, **more):
    """The control of Option 1, of inputs and labels that travel apart."""
    return _adapted("random_frozen", None, x, y, seed, **more)


def pretrain(source, images, **more):
    """Pretraining, told about what goes on beside it one by one."""
    more = _watched({"progress": "pretraining", **more})
    return _new("core.pretraining").pretrain(source, images, **more)


def pretrain_gpt(*given, **more):
    """Pretraining of the small GPT, told about what goes on beside it one by one."""
    return _new("lessons.n09_small_gpt.experiments").pretrain(*given, **_watched(more))


def train(net, batch_at, recipe, **more):
    """The training loop, told about what goes on beside it one by one."""
    return _new("core.training").train(net, batch_at, recipe, **_watched(more))
