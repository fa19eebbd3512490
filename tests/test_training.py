"""The loop: it learns, stops when asked, continues exactly, and says when it cannot."""

import copy
import itertools
import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import safetensors.torch
import torch
from conftest import HUNG
from sentences import refused

from tl_course.base.errors import CourseError
from tl_course.core import checkpoint, files, network, pretraining, spelling, training
from tl_course.core.muon import orthogonal
from tl_course.core.network import FiveLayerNet, fingerprint
from tl_course.core.training import Callbacks, Recipe, train
from tl_course.data.sources.emoji_images import EmojiImages

STEPS = 12
WHOLE = ["network.json", "weights.safetensors"]  # the files of a saved network


def source_batch(step: int):
    return EmojiImages(0).batch(step * 32, 32)


def new_net() -> FiveLayerNet:
    torch.manual_seed(0)
    return FiveLayerNet(1000, batch_norm=True)


def test_the_loss_falls_and_the_history_tells():
    net, recipe = new_net(), Recipe(steps=40, learning_rate=2e-3)
    source = EmojiImages(0)
    x, y = source.batch(0, 64)
    history = train(net, lambda step: (x, y), recipe)
    assert history.finished and history.step == [10, 20, 30, 40]
    assert history.loss[-1] < history.loss[0] - 2
    assert not net.training and history.seconds > 0


def test_an_update_has_the_gradient_of_its_batch_alone():
    net = FiveLayerNet(1000)
    recipe = Recipe(steps=3, learning_rate=0.0, bf16=False)  # the weights stay as they are
    train(net, source_batch, recipe)
    x, y = source_batch(2)
    loss = torch.nn.functional.cross_entropy(net(x), y)
    (wanted,) = torch.autograd.grad(loss, [net.output.weight])
    assert torch.allclose(net.output.weight.grad, wanted, atol=1e-5)


@pytest.mark.parametrize("muon_rate", [None, 0.1])
def test_stopped_anywhere_and_resumed_gives_the_same_weights(tmp_path, muon_rate):
    recipe = Recipe(
        steps=STEPS, first_layer_decay=0.5, freeze_layer1_after=0.6, muon_rate=muon_rate
    )
    whole = new_net()
    history = train(whole, source_batch, recipe)
    for stop_at in (1, 5, 8, 11):
        stop, path = threading.Event(), tmp_path / f"{stop_at}.safetensors"

        def press(step, net, history, stop=stop, stop_at=stop_at):
            if step == stop_at:
                stop.set()

        part = new_net()
        stopped = train(part, source_batch, recipe, Callbacks(press, stop, checkpoint=path))
        assert not stopped.finished
        rest = new_net()
        resumed = train(rest, source_batch, recipe, callbacks=Callbacks(checkpoint=path))
        assert resumed.finished
        assert fingerprint(rest) == fingerprint(whole), f"stopped at step {stop_at}"
        assert resumed.step == history.step
        assert resumed.loss == pytest.approx(history.loss, rel=1e-5)


def test_control_c_finishes_the_step_saves_and_raises(tmp_path):
    recipe, path = Recipe(steps=STEPS, first_layer_decay=0.5), tmp_path / "checkpoint.safetensors"
    whole = new_net()
    train(whole, source_batch, recipe)

    def interrupt(step, net, history):
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(new_net(), source_batch, recipe, Callbacks(interrupt, checkpoint=path))
    assert signal.getsignal(signal.SIGINT) is before
    rest = new_net()
    train(rest, source_batch, recipe, callbacks=Callbacks(checkpoint=path))
    assert fingerprint(rest) == fingerprint(whole)


HALFWAY = """
import sys
from tl_course.app import cli; from tl_course.core import session
from tl_course.data.sources.emoji_images import EmojiImages

def batch(self, start, count, batch=EmojiImages.batch):
    if start == 16 * 256:
        print("halfway", flush=True)
        sys.stdin.read()  # so it waits in the middle of it
    return batch(self, start, count)

EmojiImages.batch, session.SAVE_EVERY = batch, -1
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C in another way")
def test_the_command_can_be_killed_and_continued(tmp_path):
    def command(out, *program):
        program = program or ("-m", "tl_course")
        return [sys.executable, *program, "pretrain", "--images", "8192", "--out", str(out)]

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    for name, sign, code in (("ctrl-c", signal.SIGINT, 130), ("kill", signal.SIGKILL, -9)):
        child = subprocess.Popen(
            command(tmp_path / name, "-c", HALFWAY), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout.readline() == "halfway\n"
        child.send_signal(sign)
        _, errors = child.communicate(timeout=HUNG)
        assert child.returncode == code, errors
        assert (tmp_path / name / "checkpoint.safetensors").exists()
        assert not (tmp_path / name / "weights.safetensors").exists()
        subprocess.run(command(tmp_path / name), check=True, capture_output=True)
        files = [(tmp_path / f / "weights.safetensors") for f in ("whole", name)]
        first, second = ((f.read_bytes()[-2_000_000:]) for f in files)
        assert first == second
        assert not (tmp_path / name / "checkpoint.safetensors").exists()


def test_a_loss_that_is_no_number_stops_with_a_sentence(tmp_path):
    net, path = new_net(), tmp_path / "checkpoint.safetensors"
    x = torch.full((8, 3, 32, 32), float("nan"))
    with refused("diverged", "step 10"):
        train(
            net,
            lambda step: (x, torch.zeros(8, dtype=torch.long)),
            Recipe(30),
            callbacks=Callbacks(checkpoint=path),
        )
    assert not path.exists(), "a ruined state was saved"


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused(tmp_path):
    path, stop = tmp_path / "checkpoint.safetensors", threading.Event()
    stop.set()
    train(
        new_net(),
        source_batch,
        Recipe(steps=STEPS),
        callbacks=Callbacks(stop=stop, checkpoint=path),
    )
    with refused("another_run", "steps"):
        train(
            new_net(), source_batch, Recipe(steps=STEPS + 1), callbacks=Callbacks(checkpoint=path)
        )
    path.write_bytes(path.read_bytes()[:200])
    with refused("damaged"):
        train(new_net(), source_batch, Recipe(steps=STEPS), callbacks=Callbacks(checkpoint=path))
    torch.save({"step": 3}, path)  # as earlier versions of the course did
    with refused("other_version"):
        train(new_net(), source_batch, Recipe(steps=STEPS), callbacks=Callbacks(checkpoint=path))


def test_a_pretraining_of_an_earlier_version_is_not_started_over_without_a_word(tmp_path):
    (tmp_path / "checkpoint.pt").touch()
    with refused("other_version", "checkpoint.pt"):
        pretraining.pretrain(EmojiImages(0), 1024, out=tmp_path)


def other_net() -> FiveLayerNet:
    return FiveLayerNet(9, batch_norm=True)


def state_of(at: tuple, value: object):
    """Puts a value into the JSON text of a checkpoint, or takes out what is there."""

    def change(state: dict, _: dict) -> None:
        for key in at[:-1]:
            state = state[key]
        if value is ...:
            del state[at[-1]]
        else:
            state[at[-1]] = value

    return change


def tensor_of(name: str, change):
    def act(_: dict, tensors: dict) -> None:
        tensors[name] = change(tensors[name])

    return act


MOMENTS = ("kept", "optimizer", "state")
NO_CHECKPOINT = {
    "no step": state_of(("step",), ...),
    "a step of words": state_of(("step",), "3"),
    "another history": state_of(("history",), {"x": 1}),
    "a history of words": state_of(("history", "loss"), ["good"]),
    "losses that are truths": state_of(("history", "loss"), [True]),
    "steps that are not whole": state_of(("history", "step"), [1.5]),
    "a run of words": state_of(("run",), "mine"),
    "nothing kept": state_of(("kept",), {}),
    "a net without weights": state_of(("kept", "net"), {}),
    "a net of numbers": state_of(("kept", "net", "output.weight"), 3),
    "a tensor that is not there": state_of(("kept", "net", "output.weight", "tensor"), "other"),
    "no groups": state_of(("kept", "optimizer", "param_groups"), []),
    "a rate of words": state_of(("kept", "optimizer", "param_groups", 0, "lr"), "fast"),
    "moments of no weight": state_of((*MOMENTS, "99"), {}),
    "moments of nobody": state_of((*MOMENTS, "0"), [1]),
    "moments that are no numbers": state_of((*MOMENTS, "0", "exp_avg"), None),
    "a schedule of words": state_of(("kept", "schedule"), "cos"),
    "another shape": tensor_of("net/layer2.weight", lambda tensor: tensor[:8]),
    "other numbers": tensor_of("net/layer2.weight", torch.Tensor.half),
    "moments of another shape": tensor_of("optimizer/state/0/exp_avg", lambda tensor: tensor[:8]),
}  # fmt: skip


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A checkpoint after two steps."""
    stop, path = threading.Event(), tmp_path_factory.mktemp("stopped") / "checkpoint.safetensors"
    callbacks = Callbacks(lambda step, *_: step == 2 and stop.set(), stop, checkpoint=path)
    train(new_net(), source_batch, Recipe(steps=3), callbacks)
    return path


@pytest.mark.parametrize("how", NO_CHECKPOINT)
def test_a_checkpoint_of_another_shape_is_one_sentence_and_changes_nothing(tmp_path, stopped, how):
    with safetensors.safe_open(stopped, framework="pt") as file:
        texts = file.metadata()
    tensors, state = safetensors.torch.load_file(stopped), json.loads(texts["state"])
    NO_CHECKPOINT[how](state, tensors)
    path = tmp_path / "checkpoint.safetensors"
    safetensors.torch.save_file(tensors, path, metadata=texts | {"state": json.dumps(state)})
    net = new_net()
    before = fingerprint(net)
    with refused("damaged", "checkpoint.safetensors"):
        train(net, source_batch, Recipe(steps=3), callbacks=Callbacks(checkpoint=path))
    assert fingerprint(net) == before


def test_a_checkpoint_of_another_network_or_too_large_is_one_sentence(tmp_path, stopped):
    path = Path(shutil.copy(stopped, tmp_path))
    with refused("damaged"):
        train(other_net(), source_batch, Recipe(steps=3), callbacks=Callbacks(checkpoint=path))
    with path.open("r+b") as file:
        file.truncate(6_000_000_000)  # a sparse file: no room is taken
    with refused("too_large"):
        train(new_net(), source_batch, Recipe(steps=3), callbacks=Callbacks(checkpoint=path))


def test_a_finished_training_is_not_lost_where_its_last_checkpoint_does_not_fit(
    tmp_path, monkeypatch
):
    def full(*_):
        raise CourseError("disk_full", "The disk is full.")

    monkeypatch.setattr(checkpoint, "save_checkpoint", full)
    with pytest.warns(UserWarning, match="last checkpoint was not kept. The disk is full"):
        done = pretraining.pretrain(EmojiImages(0), 512, out=tmp_path, callbacks=Callbacks())
    assert done.history.finished
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["weights.safetensors"]


def test_two_processes_share_each_batch(tmp_path):
    """torchrun on the CPU: both take half, and the result is near that of one process."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone",
        "-m", "tl_course", "pretrain", "--images", "2048", "--out", str(tmp_path), "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=HUNG)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "weights.safetensors").exists()
    assert done.stdout.count('"accuracy"') == 1, "only the main process reports"


@pytest.mark.parametrize("shape", [(64, 288), (288, 64), (50, 50)])
def test_an_orthogonal_matrix_has_the_same_reach_in_every_direction(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape) * torch.logspace(-2, 2, shape[1])
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    orthogonalised = orthogonal(matrix).double()
    assert orthogonalised.shape == shape
    strong = (values / values[0]) > 0.01  # five rounds lift what is not much weaker than the rest
    scales = (left.double().T @ orthogonalised @ right.double().T).diagonal()[strong]
    assert ((scales > 0.6) & (scales < 1.3)).all() and strong.sum() > 3
    assert torch.linalg.svdvals(orthogonalised).max() < 1.3


def test_filters_move_by_muon_and_the_rest_as_in_adamw():
    start, moved = new_net(), {}
    torch.nn.init.normal_(start.output.weight, std=0.01)  # from zero, nothing below it would move
    for rate in (None, 0.1):
        net, states = copy.deepcopy(start), []

        def keep(step, net, history, states=states):
            states.append(copy.deepcopy(net.state_dict()))

        recipe = Recipe(2, warm_up=0.5, first_layer_decay=0.5, muon_rate=rate, muon_decay=0.0)
        train(net, source_batch, recipe, Callbacks(keep))
        moved[rate] = {
            name: states[1][name] - weight for name, weight in start.state_dict().items()
        }
    filters = {f"layer{number}.weight" for number in (2, 3, 4)}
    for name, move in moved[None].items():
        assert torch.equal(move, moved[0.1][name]) == (name not in filters), name
    for name in filters:
        reach = torch.linalg.svdvals(moved[0.1][name].flatten(1))
        assert reach.median() == pytest.approx(0.1 / 25, rel=0.3), "the schedule begins at 1/25"
        assert reach.max() < 2 * reach.median(), "equally far in every direction"


def test_layer_1_stays_as_it_is_when_its_share_of_the_steps_is_over():
    net, states = new_net(), []

    def keep(step, net, history):
        states.append(copy.deepcopy(net.state_dict()))

    train(net, source_batch, Recipe(STEPS, freeze_layer1_after=0.5), Callbacks(keep))
    half = STEPS // 2
    for name in ("layer1.weight", "layer1.bias", "norm1.weight", "norm1.bias", "layer2.weight"):
        moved = [not torch.equal(a[name], b[name]) for a, b in itertools.pairwise(states)]
        assert all(moved[1:half]), f"{name}; the first step is the output layer's alone"
        assert moved[half:] == [name == "layer2.weight"] * half, name
    assert all(parameter.requires_grad for parameter in net.parameters()), "as it was given"


@pytest.mark.parametrize("decay", [None, 2.0])
def test_without_decay_a_layer_keeps_the_norm_that_it_starts_with(decay):
    net, start = new_net(), new_net()
    recipe = Recipe(10, first_layer_decay=0.5, muon_rate=0.1, muon_decay=decay)
    train(net, source_batch, recipe)
    for number in (2, 3, 4):
        after, before = (getattr(of, f"layer{number}").weight for of in (net, start))
        assert not torch.allclose(after, before, atol=1e-3), "it learns"
        same_norm = after.norm().item() == pytest.approx(before.norm().item(), rel=1e-4)
        assert same_norm == (decay is None)


def test_a_checkpoint_is_not_continued_with_another_seed(tmp_path):
    stop = threading.Event()
    stop.set()
    pretraining.pretrain(EmojiImages(0), 1024, out=tmp_path, callbacks=Callbacks(stop=stop))
    with refused("another_run", "seed"):
        pretraining.pretrain(EmojiImages(5), 1024, out=tmp_path, seed=5, callbacks=Callbacks())


def test_what_measures_must_not_be_what_is_trained_on():
    with refused("evaluation_seed"):
        pretraining.pretrain(EmojiImages(7), 1024, held_out=EmojiImages(7))
    trained_on = pretraining.source("written-names", 7)
    measured = pretraining.source("written-names", 7, held_out=True)
    assert trained_on.seed == 7 and measured.seed == pretraining.HELD_OUT_SEED


@pytest.mark.parametrize("name", pretraining.SHIPPED)
def test_the_shipped_networks_have_the_recipe_of_long_pretrainings(name):
    images = pretraining.SHIPPED[name][1]
    recipe = spelling.to_file(pretraining.recipe_for(images)) | {
        "steps": images // pretraining.BATCH
    }
    shipped = pretraining.pretrained(name).about["recipe"]
    assert shipped == {key: recipe[key] for key in shipped if key != "bf16"} | {
        "bf16": shipped["bf16"]
    }
    assert pretraining.recipe_for(131_072) is pretraining.RECIPE


def test_each_recipe_starts_layer_1_at_a_size_of_its_own(monkeypatch):
    started = []
    monkeypatch.setattr(
        training, "train", lambda net, *_: started.append(net) or training.History()
    )
    source = EmojiImages(3)
    for images in (512, pretraining.LONG):
        pretraining.pretrain(source, images, seed=3)
    gains = (pretraining.FIRST_LAYER_GAIN, pretraining.LONG_GAIN)
    for net, gain in zip(started, gains, strict=True):
        assert torch.equal(net.layer1.weight, pretraining.fresh(source, 3, gain=gain).layer1.weight)


def test_too_few_images_are_refused():
    with refused("too_few_images"):
        pretraining.pretrain(EmojiImages(0), 100)


def test_accuracy_counts_what_is_right():
    net = new_net().eval()
    x, y = EmojiImages(0).batch(0, 50)
    right = training.predict(net, x).argmax(1)
    assert training.accuracy(net, x, right) == 1.0
    assert training.accuracy(net, x, (right + 1) % 1000) == 0.0


def test_a_folder_that_cannot_be_written_is_refused_before_the_training(tmp_path):
    in_the_way = tmp_path / "net"
    in_the_way.write_text("a file")
    with refused("not_writable", "net"):
        pretraining.pretrain(EmojiImages(0), 1_000_000, out=in_the_way)


def test_what_is_no_checkpoint_is_a_sentence_at_once(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    path.mkdir()
    with refused("unreadable", "it is a folder"):
        train(new_net(), source_batch, Recipe(steps=STEPS), callbacks=Callbacks(checkpoint=path))


def test_a_finished_network_is_not_overwritten_unasked(tmp_path):
    once = pretraining.pretrain(EmojiImages(0), 512, out=tmp_path, callbacks=Callbacks())
    saved = (tmp_path / "weights.safetensors").read_bytes()
    never = EmojiImages(3)
    never.batch = None  # nothing is trained before it is refused
    with refused("already_there", "--force"):
        pretraining.pretrain(never, 512, seed=3, out=tmp_path, callbacks=Callbacks())
    assert (tmp_path / "weights.safetensors").read_bytes() == saved
    other = pretraining.pretrain(
        EmojiImages(3), 512, seed=3, out=tmp_path, overwrite=True, callbacks=Callbacks()
    )
    assert network.fingerprint(other.net) != network.fingerprint(once.net)
    assert (tmp_path / "weights.safetensors").read_bytes() != saved
    assert sorted(path.name for path in tmp_path.iterdir()) == WHOLE


def test_a_finished_network_whose_checkpoint_is_still_there_is_finished_again(
    tmp_path, monkeypatch
):
    """Killed in between: the checkpoint goes, and one of another run is never taken away."""
    saved = files.save

    def save(*arguments, **more):
        saved(*arguments, **more)
        raise KeyboardInterrupt

    def pretrain(seed):
        pretraining.pretrain(EmojiImages(seed), 512, seed=seed, out=tmp_path, callbacks=Callbacks())

    with monkeypatch.context() as patch:
        patch.setattr(files, "save", save)
        with pytest.raises(KeyboardInterrupt):
            pretrain(0)
    fingerprint = files.describe(tmp_path)["fingerprint"]
    with refused("another_run"):
        pretrain(3)
    pretrain(0)
    assert sorted(path.name for path in tmp_path.iterdir()) == WHOLE
    assert files.describe(tmp_path)["fingerprint"] == fingerprint
    with refused("already_there"):
        pretrain(0)


def test_two_pretrainings_cannot_write_into_one_folder(tmp_path):
    seen = []

    def another(step, net, history):
        if not seen:
            command = ["-m", "tl_course", "pretrain", "--images", "512", "--out", str(tmp_path)]
            seen.append(
                subprocess.run(
                    [sys.executable, *command], capture_output=True, text=True, timeout=HUNG
                )
            )

    pretraining.pretrain(EmojiImages(0), 512, out=tmp_path, callbacks=Callbacks(on_step=another))
    assert seen[0].returncode == 2
    assert f"Another program is writing to {tmp_path}" in seen[0].stderr
    assert files.load(tmp_path).about["images"] == 512
