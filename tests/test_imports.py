"""What is loaded before somebody's first answer: nothing that it does not use."""

import subprocess
import sys

import pytest
import torch

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


@pytest.mark.parametrize("code", [NETWORK, PAD, OPTION_1], ids=["network", "pad", "option 1"])
def test_nothing_heavy_is_loaded_that_is_not_used(code):
    told = f"{code}\nimport sys\nprint(*({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_a_network_from_a_file_is_made_without_start_values(monkeypatch):
    state = torch.get_rng_state()
    with files._NoStart():
        net = FiveLayerNet(3)
        torch.nn.init.trunc_normal_(tensor=net.output.weight)
    assert torch.equal(torch.get_rng_state(), state)  # nobody has drawn a number
