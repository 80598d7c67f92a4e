"""Gradients taken uphill of the weights, and gradients of all items in batches, against slow loops."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from badminima.config import RecipeConfig
from badminima.models.build import add_dropout
from badminima.models.numerics import Numerics
from badminima.training.gradients import Accumulation, Gradient
from badminima.training.step import Step

CPU = torch.device("cpu")
EXACT, MIXED = Numerics(CPU, "fp32", "none", True), Numerics(CPU, "bf16", "none", True)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


@pytest.fixture
def batch(network) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(20, 6), torch.randint(3, (20,))


def by_hand(network: nn.Module, batch, rho: float) -> list[torch.Tensor]:
    """The gradient at ``w + rho g / |g|``, parameter by parameter, in a copy of the network."""
    climbed = deepcopy(network)
    images, labels = batch
    cross_entropy(climbed(images), labels).backward()
    length = sum((parameter.grad**2).sum() for parameter in climbed.parameters()).sqrt()
    with torch.no_grad():
        for parameter in climbed.parameters():
            parameter += rho * parameter.grad / length
    climbed.zero_grad()
    cross_entropy(climbed(images), labels).backward()
    return [parameter.grad for parameter in climbed.parameters()]


@pytest.mark.parametrize("rho", [0.01, 0.5])
def test_sam_descends_the_gradient_uphill_of_the_weights(network, batch, rho):
    uphill = by_hand(network, batch, rho)
    expected = [(parameter - 0.1 * one).detach() for parameter, one in zip(network.parameters(), uphill, strict=True)]
    before = cross_entropy(deepcopy(network)(batch[0]), batch[1])
    loss, logits = Step(network, RecipeConfig(sam=rho), EXACT, 3, 20)(*batch, 0.1)
    for parameter, one in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.detach(), one)
    assert torch.equal(loss, before)  # of the weights, not of those uphill
    assert torch.equal(loss, cross_entropy(logits, batch[1]))


def test_the_weights_are_back_to_the_bit_and_statistics_come_from_the_first_pass_alone(network, batch):
    once = deepcopy(network)
    once(batch[0])
    Gradient(network, 0.5)(lambda: (cross_entropy(network(batch[0]), batch[1]), torch.empty(0)))
    assert all(torch.equal(one, once.state_dict()[name]) for name, one in network.state_dict().items())
    assert network[1].num_batches_tracked == 1
    assert network[1].track_running_stats


def test_dropout_zeroes_the_same_inputs_in_both_passes_of_sam(network, batch):
    add_dropout(network, 0.5)
    seen = []
    network[3].register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0] == 0))
    torch.manual_seed(3)
    Step(network, RecipeConfig(sam=1e-6), EXACT, 3, 20)(*batch, 0.1)
    after_two = torch.rand(1)
    assert torch.equal(seen[0], seen[1])
    torch.manual_seed(3)
    network(batch[0])
    assert torch.equal(after_two, torch.rand(1))  # as if there had been one pass
    network(batch[0])
    assert not torch.equal(seen[2], seen[3])


@pytest.mark.parametrize("recipe", [{}, {"sam": 0.1}, {"full_batch": True}])
def test_every_forward_pass_is_in_bf16_where_that_is_wanted_and_nothing_else_is(network, batch, recipe):
    seen = []
    network.register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))
    step = Step(network, RecipeConfig(**recipe), MIXED, 3, 20)
    plain = step.gradient

    def watched(loss_of):
        loss, logits, gradients = plain(loss_of)
        assert not torch.is_autocast_enabled("cpu")
        assert {one.dtype for one in (loss, logits, *gradients)} == {torch.float32}
        return loss, logits, gradients

    step.gradient = watched
    step(*batch, 0.1)
    assert seen == [True] * (2 if "sam" in recipe else 1)


def test_means_over_batches_add_up_to_the_mean_over_all_whatever_the_last_one_holds(network, batch):
    network = nn.Sequential(network[0], nn.Tanh(), network[3])  # BatchNorm would tie the items of a batch together
    images, labels = batch
    parameters = list(network.parameters())
    accumulation = Accumulation(20)
    for epoch in range(2):
        found = []
        for rows in torch.randperm(20).split(8):  # 8, 8 and 4
            loss = cross_entropy(network(images[rows]), labels[rows])
            found.append(accumulation.add(torch.autograd.grad(loss, parameters), len(rows)))
        assert found[:2] == [None, None], epoch
        expected = torch.autograd.grad(cross_entropy(network(images), labels), parameters)
        for one, other in zip(found[2], expected, strict=True):
            torch.testing.assert_close(one, other)
