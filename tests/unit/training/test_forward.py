"""Casting weights and counting batches for all layers at once gives what each layer does by itself."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from badminima.config import ModelConfig
from badminima.models.build import build_model
from badminima.training.forward import Forward

BF16 = torch.bfloat16


@pytest.fixture
def networks():
    torch.manual_seed(0)
    network = build_model(ModelConfig(architecture="densenet40"), (3, 8, 8), 10)
    return network, deepcopy(network)


def gradients(call, network, images):
    with torch.autocast("cpu", BF16, cache_enabled=False):
        logits = call(images)
    return logits, torch.autograd.grad(logits.float().square().mean(), list(network.parameters()))


def test_weights_cast_at_once_give_the_numbers_of_autocast(networks):
    ours, plain = networks
    images = torch.randn(6, 3, 8, 8)
    logits, found = gradients(Forward(ours, BF16), ours, images)
    expected, theirs = gradients(plain, plain, images)
    assert logits.dtype == BF16
    assert torch.equal(logits, expected)
    for one, other in zip(found, theirs, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, other)


@pytest.mark.parametrize("training", [True, False])
def test_batches_are_counted_as_each_layer_does(networks, training):
    ours, plain = networks
    forward = Forward(ours)
    for network in (ours, plain):
        network.train(training)
    for _ in range(3):
        images = torch.randn(6, 3, 8, 8)
        assert torch.equal(forward(images), plain(images))
    for name, tensor in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name


def test_a_layer_that_keeps_its_statistics_does_not_count():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    network[1].track_running_stats = False
    Forward(network)(torch.randn(4, 1, 5, 5))
    assert network[1].num_batches_tracked == 0


def test_compiled_code_is_for_batches_of_the_full_size():
    called = []

    def compiler(function):
        def compiled(weights, images):
            called.append(len(images))
            return function(weights, images)

        return compiled

    forward = Forward(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), compiler=compiler, batch_size=8)
    for size in (8, 3, 8):
        assert forward(torch.randn(size, 1, 2, 2)).shape == (size, 2)
    assert called == [8, 8]
