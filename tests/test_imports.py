"""What is loaded before somebody's first answer: nothing that it does not use."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from tl_course.core import files
from tl_course.core.network import FiveLayerNet

# What takes a tenth of a second and more to import, and is loaded where it is used.
HEAVY = {
    "accelerate", "huggingface_hub", "jsonschema", "mlxtend.plotting", "pandas", "scipy", "sklearn",
    "sympy", "timm", "torch._dynamo", "torchvision", "transformers",
}  # fmt: skip
NETWORK = "import tl_course as tl; tl.pretrained()"
PAD = """
import threading
import tl_course as tl
from tl_course.core import pretraining
tl.widgets.Teach()
tl.predict(pretraining.pretrained(), tl.handwritten().test.x[:1])
for thread in threading.enumerate()[1:]:
    thread.join()  # what the pad gets ready meanwhile
"""
OPTION_1 = """
import tl_course as tl
from tl_course.core import transfer
digits = tl.handwritten()
tl.option_1(tl.pretrained(), tl.draw(digits.pool, 10, 0), test=digits.test[:10])
"""
COMMAND = """
import sys
from tl_course.app import cli
from tl_course.core import training

def scoring(*_):
    sys.exit()  # far enough

training.predict = scoring
try:
    cli.main(["adapt", "--train", {train!r}, "--test", {test!r}, "--option", "1", "--json"])
except SystemExit:
    pass
"""


def loaded_by(code):
    """What of all that is heavy a Python of its own has loaded after `code`."""
    program = f"{code}\nimport sys\nprint(*({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("code", [NETWORK, PAD, OPTION_1], ids=["network", "pad", "option 1"])
def test_nothing_heavy_is_loaded_that_is_not_used(code):
    assert loaded_by(code) == []


def test_a_cell_can_say_what_it_loads_before_that_is_loaded():
    code = "from tl_course.widgets import loading; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_command_adapts_to_a_folder_without_anything_heavy(tmp_path):
    for number in range(210):  # so many that no interval is computed before the training
        folder = tmp_path / ("train" if number < 10 else "test") / f"class {number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(number).integers(0, 255, (28, 28), np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.png")
    folders = {part: str(tmp_path / part) for part in ("train", "test")}
    assert loaded_by(COMMAND.format(**folders)) == []


def test_a_network_from_a_file_is_made_without_start_values():
    state = torch.get_rng_state()
    with files.shapes_alone():
        net = FiveLayerNet(3)
        torch.nn.init.trunc_normal_(tensor=net.output.weight)
    assert net.output.weight.is_meta
    assert torch.equal(torch.get_rng_state(), state)  # nobody has drawn a number
