"""The toy in the plane: its trainings are torch's, whatever stands beside them in the stack."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from badminima.toy.network import Trainer, draw_layers, logits, stack_layers
from badminima.toy.training import Plateau, run_epoch


@pytest.fixture
def stack(rng):
    """Three networks, their points and labels."""
    layers = stack_layers([draw_layers([2, 6, 5, 1], np.random.default_rng(seed)) for seed in range(3)])
    points = rng.normal(size=(3, 20, 2)).astype(np.float32)
    return layers, points, (rng.random((3, 20)) < 0.5).astype(np.float32)


def as_torch(layers, network: int) -> nn.Sequential:
    """One network of a stack; the last row of a layer is its bias."""
    modules = []
    for layer in layers:
        linear = nn.Linear(layer.shape[1] - 1, layer.shape[2])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer[network, :-1].T.copy()))
            linear.bias.copy_(torch.from_numpy(layer[network, -1].copy()))
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.9, 0.0), (0.0, 0.05), (0.9, 0.05)])
def test_each_network_of_a_stack_takes_the_steps_of_torchs_sgd(stack, momentum, weight_decay):
    layers, points, labels = stack
    trainer = Trainer(layers, 5, momentum, weight_decay)
    for _ in range(10):
        run_epoch(trainer, points, labels, np.full(3, 0.1, dtype=np.float32))
    for network in range(3):
        reference = as_torch(layers, network)
        optimizer = torch.optim.SGD(reference.parameters(), lr=0.1, momentum=momentum, weight_decay=weight_decay)
        inputs, targets = torch.from_numpy(points[network]), torch.from_numpy(labels[network])
        for _ in range(10):
            for first in range(0, 20, 5):
                optimizer.zero_grad()
                outputs = reference(inputs[first : first + 5]).squeeze(1)
                binary_cross_entropy_with_logits(outputs, targets[first : first + 5]).backward()
                optimizer.step()
        found = logits(trainer.layers, points)[network]
        assert found == pytest.approx(reference(inputs).squeeze(1).detach().numpy(), rel=1e-3, abs=1e-4)


def test_the_learning_rate_shrinks_as_torchs_plateau_schedule(rng):
    losses = np.abs(rng.normal(1, 0.2, size=60)) * np.linspace(1, 0.5, 60)
    ours = Plateau(0.1, 0.5, 3, 1)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    for loss in losses:
        ours.update(np.array([loss]))
        theirs.step(loss)
        assert ours.rates[0] == pytest.approx(optimizer.param_groups[0]["lr"])
    assert ours.rates[0] < 0.1
