"""Steps on fixed memory: all of it but the recording itself, which needs CUDA (tests/gpu)."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from badminima.config import RecipeConfig
from badminima.errors import UserError
from badminima.models.numerics import Numerics
from badminima.training.graphs import CAPTURED, REPLAYED, Learner, Replayed, choice
from badminima.training.step import Step

CPU = torch.device("cpu")
# Recipes whose steps can be recorded, of every part that a step may have.
RECORDED = {
    "vanilla": {},
    "momentum": {"momentum": 0.9, "weight_decay": 0.01, "gradient_clipping": 1.0},
    "adam": {"optimizer": "adam", "weight_decay": 0.01},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "dropout": {"dropout": 0.3},
    "sam": {"sam": 0.05, "momentum": 0.5},
    "ema": {"ema": 0.8},
}
HINDERED = {
    "mixup": {"mixup": 0.4},
    "cutmix": {"cutmix": 1.0},
    "full_batch": {"full_batch": True},
    "dropout and sam": {"sam": 0.05, "dropout": 0.3},
}


def numerics(graphs: str, device: str = "cpu") -> Numerics:
    return Numerics(torch.device(device), "fp32", "none", True, graphs)


def network(recipe: RecipeConfig) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(recipe.dropout)]
    return nn.Sequential(*layers, nn.Linear(144, 10))


def learner(recipe: dict, graphs: str, batch_size: int = 8) -> Learner:
    config = RecipeConfig(**recipe)
    chosen = numerics(graphs)
    return Learner(Step(network(config), config, chosen, 10, 20, batch_size), chosen, batch_size, count_correct=True)


def batches():
    """Two epochs of 20 items in batches of 8, 8 and 4."""
    generator = torch.Generator().manual_seed(1)
    for size in (8, 8, 4, 8, 8, 4):
        yield torch.randn(size, 1, 8, 8, generator=generator), torch.randint(10, (size,), generator=generator)


def state(learn: Learner) -> dict[str, torch.Tensor]:
    tensors = {f"{index}": tensor for index, tensor in enumerate(learn.step.tensors())}
    return {**tensors, "loss": learn.loss_sum, "correct": learn.correct, "rate": learn.step.rate}


def assert_same(one: Learner, other: Learner) -> None:
    assert one.step.count == other.step.count
    for name, tensor in state(one).items():
        assert torch.equal(tensor, state(other)[name]), name


@pytest.mark.parametrize("recipe", RECORDED.values(), ids=RECORDED)
def test_on_fixed_memory_every_number_is_that_of_steps_call_by_call(recipe):
    fixed, plain = learner(recipe, "on"), learner(recipe, "off")
    assert fixed.graphs == REPLAYED
    assert plain.graphs == "not captured: numerics.graphs is off"
    randoms = []
    for learn in (fixed, plain):
        torch.manual_seed(5)
        for number, (images, labels) in enumerate(batches()):
            learn(images, labels, 0.1 / (1 + number))
        randoms.append(torch.rand(3))
    assert_same(fixed, plain)
    assert torch.equal(*randoms)


def test_memory_is_where_it_was_and_the_batch_is_not_the_callers():
    learn = learner({"momentum": 0.9}, "on")
    addresses = [tensor.data_ptr() for tensor in state(learn).values()]
    for images, labels in batches():
        learn(images, labels, 0.1)
        images.fill_(float("nan"))  # the caller may use it again
    assert [tensor.data_ptr() for tensor in state(learn).values()] == addresses
    assert torch.isfinite(learn.loss_sum)


@pytest.mark.parametrize("recipe", RECORDED.values(), ids=RECORDED)
def test_a_restored_step_goes_on_in_its_own_memory(recipe):
    first, taken_up, whole = (learner(recipe, graphs) for graphs in ("on", "on", "off"))
    every = list(batches())
    torch.manual_seed(5)
    for images, labels in every:
        whole(images, labels, 0.1)
    torch.manual_seed(5)
    for images, labels in every[:2]:
        first(images, labels, 0.1)
    saved = deepcopy((first.step.state(), first.step.model.state_dict(), first.loss_sum, first.correct))
    random = torch.get_rng_state()
    # The other one has already recorded; what it recorded must see what is restored.
    taken_up(*every[4], 0.1)
    taken_up.step.model.load_state_dict(saved[1])
    taken_up.step.restore(saved[0])
    taken_up.loss_sum.copy_(saved[2])
    taken_up.correct.copy_(saved[3])
    torch.set_rng_state(random)
    for images, labels in every[2:]:
        taken_up(images, labels, 0.1)
    assert_same(taken_up, whole)


def test_warming_up_leaves_no_trace():
    weight, total = torch.ones(3), torch.zeros(())

    def function(images, labels):
        weight.mul_(2.0).add_(torch.rand(3))
        total.add_(images.sum() + labels.sum())

    torch.manual_seed(0)
    before = torch.get_rng_state()
    replayed = Replayed(function, torch.ones(2, 1), torch.ones(2, dtype=torch.int64), [weight, total])
    assert torch.equal(weight, torch.ones(3))
    assert total == 0
    assert torch.equal(torch.get_rng_state(), before)
    replayed(torch.full((2, 1), 3.0), torch.zeros(2, dtype=torch.int64))
    assert total == 6


@pytest.mark.parametrize("recipe", HINDERED.values(), ids=HINDERED)
def test_steps_that_need_the_host_run_call_by_call_and_say_why(recipe):
    assert learner(recipe, "off").graphs.startswith("not captured: ")
    config = RecipeConfig(**recipe)
    step = Step(network(config), config, numerics("auto"), 10, 20, 8)
    on_cuda = replace(numerics("auto"), device=torch.device("cuda"))
    assert choice(step, on_cuda).startswith("not captured: ")
    with pytest.raises(UserError, match=r"numerics\.graphs: found 'on', but .*auto runs it call by call"):
        choice(step, replace(on_cuda, graphs="on"))


def test_auto_records_on_cuda_alone():
    config = RecipeConfig(momentum=0.9)
    step = Step(network(config), config, numerics("auto"), 10, 20, 8)
    assert choice(step, replace(numerics("auto"), device=torch.device("cuda"))) == CAPTURED
    assert choice(step, numerics("auto")) == "not captured: a CPU has no graphs"


def test_a_network_that_cannot_be_recorded_runs_call_by_call_and_says_so(monkeypatch, capsys):
    def refuse(*_):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr("badminima.training.graphs.Replayed", refuse)
    fixed, plain = learner({}, "on"), learner({}, "off")
    fixed._must = False
    for images, labels in batches():
        fixed(images, labels, 0.1)
        plain(images, labels, 0.1)
    assert_same(fixed, plain)
    assert fixed.graphs == "not captured: operation not permitted when stream is capturing"
    assert capsys.readouterr().err.count("operation not permitted") == 1
    with pytest.raises(UserError, match=r"numerics\.graphs: found 'on' for a step that can't be captured"):
        learner({}, "on")(*next(batches()), 0.1)
