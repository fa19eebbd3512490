"""The present folder: for the learner's own imports alone, and after all that is installed."""

import subprocess
import sys

import pytest
from conftest import in_place_of_the_library

from tl_course.base import here

WAYS = ["_by_folder", *(["_by_variable"] if sys.version_info >= (3, 11) else [])]
HELPER = """
def double(n):
    return 2 * n

class Pair:
    def __init__(self, one):
        self.two = double(one)
"""


@pytest.fixture
def output(tmp_path):
    """What a program prints that runs as a notebook's kernel does, in a stranger's folder."""
    folder, ran = tmp_path / "mine", tmp_path / "ran"
    in_place_of_the_library(folder, ran)
    (folder / "helper.py").write_text(HELPER)
    (folder / "parts").mkdir()
    (folder / "parts" / "__init__.py").write_text("from parts import deep")
    (folder / "parts" / "deep.py").write_text("import helper\nANSWER = helper.double(21)")

    def run(*lines):
        start = here.NOT_FROM_HERE + "from tl_course.base import here; here.libraries_first()"
        program = "\n".join([start, *lines])
        printed = subprocess.check_output([sys.executable, "-c", program], cwd=folder, text=True)
        assert not ran.exists(), ran.read_text()
        return printed.split()

    return run


def test_what_is_installed_comes_first_and_what_is_not_is_not_taken_from_here(output):
    libraries = "import joblib, numpy, pandas, random, timm, torch"
    assert output(libraries, "import tl_course.core.published", "print(pandas.__version__)")


def test_a_learner_imports_what_lies_beside_the_notebook(output):
    assert output(
        "import importlib, pickle, sys",
        "import parts.deep",
        "importlib.reload(sys.modules['helper'])",
        "print(parts.deep.ANSWER, importlib.import_module('helper').double(4))",
    ) == ["42", "8"]
    pair = "pickle.loads(b'\\x80\\x04chelper\\nPair\\nK\\x03\\x85R.').two"
    assert output("import pickle", f"print({pair})") == ["6"]


def test_a_library_finds_there_nothing_but_what_the_learner_uses(output):
    asks = "def ask(name): return importlib.util.find_spec(name) is not None"
    library = f"exec('import importlib.util\\n{asks}', library := {{'__name__': 'pandas.compat'}})"
    assert output(
        library, "ask = library['ask']",
        "print(ask('helper'), ask('lz4'))", "import helper", "print(ask('helper'), ask('lz4'))",
        "import importlib.util; print(importlib.util.find_spec('lz4') is not None)",
    ) == ["False", "False", "True", "False", "True"]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_processes_side_by_side_run_nothing_of_the_folder_but_its_helper(output, way):
    assert output(
        "from tl_course.base import machine, parallel; import helper",
        f"here._by_variable = here._by_folder = here.{way}",
        "machine.cores = lambda: 2; machine.device = lambda: __import__('torch').device('cpu')",
        "def tripled(n): import pandas; return helper.double(n) + n",
        "for run in (helper.double, tripled):",
        "    print(*parallel.side_by_side(run, [(n,) for n in range(9)]))",
    ) == [str(times * n) for times in (2, 3) for n in range(9)]


@pytest.mark.parametrize("way", WAYS)
def test_processes_of_pythons_own_run_nothing_of_the_folder(output, way):
    assert output(
        "import multiprocessing, os, helper",
        f"here._by_variable = here._by_folder = here.{way}",
        "spawn, here_is = multiprocessing.get_context('spawn'), os.getcwd()",
        "with here.no_modules_for_processes(), spawn.Pool(1) as pool:",
        "    print(pool.apply(os.getcwd) == here_is, *pool.map(here.Sent(helper.double), [1, 2]))",
    ) == ["True", "2", "4"]
