"""Batches and test sets that several threads share, as one thread computes them."""

import copy
import threading

import pytest
import torch

from tl_course.base import machine
from tl_course.core import training
from tl_course.core.network import FiveLayerNet
from tl_course.core.session import Callbacks, Recipe
from tl_course.core.training import train

STEPS = 4


@pytest.fixture
def cores(monkeypatch):
    """Sets how many threads there may be, whatever this machine has."""
    usual = torch.get_num_threads()

    def set_to(count):
        monkeypatch.setattr(machine, "cores", lambda: count)
        monkeypatch.setattr(machine, "_usual_threads", lambda: count)

    yield set_to
    torch.set_num_threads(usual)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return FiveLayerNet(10)


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(50, 3, 32, 32, generator=generator)
    return x, torch.randint(10, (50,), generator=generator)


def trained(net, batch, frozen=(), **recipe):
    moved = copy.deepcopy(net)
    for name, parameter in moved.named_parameters():
        parameter.requires_grad = name.split(".")[0] not in frozen
    seen = set()

    def batch_at(step):
        seen.add(threading.active_count())
        return batch

    train(moved, batch_at, Recipe(STEPS, 1e-3, bf16=False, **recipe))
    return moved, max(seen)


@pytest.mark.parametrize("frozen", [(), ("layer1", "layer2")])
def test_threads_that_share_a_batch_train_as_one_does(net, batch, cores, frozen):
    cores(1)
    alone, threads = trained(net, batch, frozen)
    cores(3)
    shared, more = trained(net, batch, frozen)
    assert more > threads  # they were there
    for name, weight in shared.state_dict().items():
        apart = (
            weight - alone.state_dict()[name]
        ).abs()  # AdamW enlarges rounding where it is slow
        assert apart.max() < 5e-4 and apart.mean() < 2e-6, name
        is_frozen = name.split(".")[0] in frozen
        assert torch.equal(weight, net.state_dict()[name]) == is_frozen
    assert threading.active_count() == threads  # and are gone


def test_a_layer_that_is_let_go_later_moves_from_then_on(net, batch, cores):
    cores(2)
    moved = copy.deepcopy(net)

    def let_go(step, trained, history):
        trained.layer1.requires_grad_(step >= 2)
        if step == 2:
            assert torch.equal(trained.layer1.weight, net.layer1.weight)

    train(moved, lambda step: batch, Recipe(STEPS, 1e-3, bf16=False), Callbacks(let_go))
    assert not torch.equal(moved.layer1.weight, net.layer1.weight)


def test_where_a_batch_counts_as_a_whole_torch_shares_its_steps(batch, cores, monkeypatch):
    cores(3)
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    train(FiveLayerNet(1000, batch_norm=True), lambda step: batch, Recipe(1))  # small, all the same
    assert asked[0] == 1
    large = batch[0].repeat(2, 1, 1, 1), batch[1].repeat(2)
    train(FiveLayerNet(1000, batch_norm=True), lambda step: large, Recipe(1))
    assert 3 in asked


def test_a_run_goes_on_with_as_many_threads_as_it_began_with(batch, cores, tmp_path, monkeypatch):
    path, stop, asked = tmp_path / "checkpoint", threading.Event(), []
    large = batch[0].repeat(2, 1, 1, 1), batch[1].repeat(2)
    run = {"net": FiveLayerNet(1000, batch_norm=True), "recipe": Recipe(3)}
    cores(2)
    press = Callbacks(lambda step, *_: stop.set() if step == 1 else None, stop, checkpoint=path)
    train(run["net"], lambda step: large, run["recipe"], press)
    cores(8)
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    train(run["net"], lambda step: large, run["recipe"], Callbacks(checkpoint=path))
    assert asked[0] == 2


def test_a_shared_batch_stays_in_as_many_parts_when_a_run_is_resumed(net, batch, cores, tmp_path):
    recipe, runs = Recipe(STEPS, 1e-3, bf16=False), []
    for name, stop_at in (("whole", None), ("stopped", 2)):
        run, stop = copy.deepcopy(net), threading.Event()
        callbacks = Callbacks(
            lambda step, *_, stop=stop, at=stop_at: stop.set() if step == at else None,
            stop,
            checkpoint=tmp_path / name,
        )
        cores(2)
        train(run, lambda step: batch, recipe, callbacks)
        if stop_at:
            cores(3)
            train(run, lambda step: batch, recipe, Callbacks(checkpoint=tmp_path / name))
        runs.append(run.state_dict())
    assert all(torch.equal(runs[0][name], weight) for name, weight in runs[1].items())


@pytest.mark.parametrize("count", [1, 16, 100, 1700])
def test_scores_are_those_of_one_thread_in_their_order(net, batch, cores, count):
    x = batch[0].repeat(34, 1, 1, 1)[:count] + torch.arange(count).view(-1, 1, 1, 1) / 1000
    cores(1)
    alone = training.predict(net, x)
    cores(3)
    assert torch.allclose(training.predict(net, x), alone, atol=1e-5)


def test_after_a_stop_no_further_part_is_begun(net, batch, cores):
    cores(2)
    stop = threading.Event()
    stop.set()
    assert len(training.predict(net, batch[0], stop)) == 25
