"""Borrowed Eyes: transfer learning you can run, see and touch.

`import tl_course as tl` gives what learners and engineers use, each loaded when it is asked for:

what a network is shown
    tl.handwritten, tl.letters, tl.unseen_objects, tl.spoken_digits, tl.written_digits   targets
    tl.load_folder    a folder of your own pictures, by class
    tl.draw           a few labelled examples of a target, equally many of each class
    tl.altered        copies of pictures, each a little turned, leaned, stretched and wobbled
    tl.EmojiImages    the 1,000 things that the course pretrains on, rendered anew each time
networks
    tl.pretrained     the course's networks, as shipped: of drawings, of sounds, of texts
    tl.pretrain       pretrains one of your own
    tl.published      networks that others trained: tl.published.load("efficientnet-lite0")
    tl.save, tl.load, tl.share, tl.load_shared    a network to disk and back, also a stranger's
transfer learning
    tl.option_1       W¹ … W⁴ fixed, only a new output layer trained
    tl.option_2       everything fine-tuned
    tl.output_first   Option 2 begun where Option 1 ends
    tl.from_scratch, tl.random_frozen    the controls of Option 2 and of Option 1
    tl.recommended    which option for how many labelled images
    tl.predict        what a network makes of new examples
    tl.sweep          every way to learn with ever more labels
    tl.results        the recorded experiments: tl.results.load("sweep")
    tl.network, tl.training    the five layers and their surgery; the loop
what a notebook needs besides
    tl.Lesson         a budget, the machine's speed, a source network, claims
    tl.prediction     asks before a result is shown, and keeps the answer
    tl.show           claims, texts, figures, after the predictions above
    tl.question       a short question with an answer at once
    tl.predictions, tl.calibration    what was predicted here, and in the whole course
    tl.widgets        the experiments to touch: tl.widgets.Teach(net, seed), …
    tl.doctor         what is wrong with the environment, and what to do
"""

import importlib

__version__ = "0.1.0"

_NAMES = {  # module: what is taken from it
    "data.targets.handwritten": "handwritten",
    "data.targets.letters": "letters",
    "data.targets.objects": "unseen_objects",
    "data.targets.spoken": "spoken_digits",
    "data.targets.written": "written_digits",
    "data.targets.folder": "load_folder",
    "data.examples": "draw",
    "core.output_layers": "altered",
    "data.sources.emoji_images": "EmojiImages",
    "core.pretraining": "pretrained pretrain",
    "core.files": "save load",
    "core.sharing": "share load_shared",
    "core.transfer": "option_1 option_2 output_first from_scratch random_frozen",
    "core.advice": "recommended",
    "core.training": "predict",
    "study.sweep": "sweep",
    "lessons.lesson": "Lesson",
    "widgets.asking": "prediction show question predictions calibration",
}
_MODULES = "core.published study.results core.network core.training widgets app.doctor".split()
_FACE = {name: (place, name) for place, names in _NAMES.items() for name in names.split()}
_FACE |= {place.split(".")[-1]: (place, None) for place in _MODULES}
__all__ = [*_FACE]


def __getattr__(name: str) -> object:
    if name not in _FACE:
        raise AttributeError(f"tl_course has no '{name}'; it has {', '.join(_FACE)}")
    place, inside = _FACE[name]
    module = importlib.import_module(f"tl_course.{place}")
    return getattr(module, inside) if inside else module


def __dir__() -> list[str]:
    return [*_FACE, "__version__"]
