"""The interactive experiments. The packages below compute.

`Teach`, `LayerExplorer`, `TrainingLab`, `HowMuch`, `ModalityExplorer`, `OwnTask`, and the bare
`DrawingPad`.
"""

import importlib
import sys

_IN = {
    "Teach": "teach", "LayerExplorer": "layer_explorer", "TrainingLab": "training_lab",
    "HowMuch": "how_much", "OwnTask": "own_task",
    "ModalityExplorer": "modality_explorer", "DrawingPad": "drawing_pad",
}  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _IN:
        raise AttributeError(f"{__name__} has no '{name}'; it has {', '.join(_IN)}")
    module = f"{__name__}.{_IN[name]}"
    from tl_course.widgets import loading

    if module not in sys.modules or loading.is_under_way():
        loading.show_message()
    return getattr(importlib.import_module(module), name)
