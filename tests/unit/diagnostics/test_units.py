"""Units: hand-made networks with known activity, names of ReLU calls, and features of known rank."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from badminima.diagnostics.context import Skipped
from badminima.diagnostics.units import (
    effective_rank,
    measure,
    observe,
    participation_ratio,
    singular_values,
)


def activity(model: nn.Module, *batches: Tensor) -> dict[str, tuple[list[bool], list[bool]]]:
    """Dead and always-on units of each layer."""
    watch, _ = observe(model.eval(), batches)
    return {name: ((watch.highest[name] == 0).tolist(), (low > 0).tolist()) for name, low in watch.lowest.items()}


def test_dead_and_always_on_units_of_a_vector():
    model = nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0], [-1.0], [1.0], [1.0]]))
        model[0].bias.copy_(torch.tensor([5.0, -9.0, 0.0, -2.0]))
    # Unit 3 fires for the last image alone, unit 2 for all but the first, whose input is exactly zero.
    inputs = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    expected = {"1": ([False, True, False, False], [True, False, False, False])}
    assert activity(model, inputs) == expected
    assert activity(model, inputs[:1], inputs[1:3], inputs[3:]) == expected


def test_a_channel_is_dead_if_zero_everywhere_and_on_if_positive_everywhere():
    model = nn.Sequential(nn.Conv2d(2, 4, 1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0], [1, 0], [-1, 0], [0, 1]]).view(4, 2, 1, 1))
        model[0].bias.copy_(torch.tensor([0.0, 1, 0, 0]))
    images = torch.zeros(5, 2, 2, 2)
    # The first channel fires at one position of one image, the last at one position of every image.
    images[3, 0, 1, 1] = 1
    images[:, 1, 0, 1] = 1
    assert activity(model, images) == {"1": ([False, False, True, False], [False, True, False, False])}


@pytest.mark.parametrize("function", [nn.functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_])
def test_every_spelling_of_the_function_is_seen_once(function):
    class Spelled(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return function(inputs - 1)

    assert activity(nn.Sequential(Spelled(), nn.Linear(2, 1)), torch.tensor([[0.0, 2.0]])) == {
        "0.relu": ([True, False], [False, True])
    }


class Reuse(nn.Module):
    """One ReLU module called twice, a functional one inside a block and another at the root."""

    class Block(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return torch.relu_(inputs - 1) + nn.functional.relu(inputs)

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.block, self.classifier = nn.ReLU(inplace=True), self.Block(), nn.Linear(2, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.relu(1 - self.relu(inputs))
        return self.classifier(nn.functional.relu(self.block(hidden), inplace=True))


def test_every_call_of_a_relu_is_a_layer_of_its_own():
    watch, features = observe(Reuse().eval(), [torch.tensor([[-1.0, 0.5]]), torch.tensor([[0.25, 3.0]])])
    expected = {
        "relu": ([0, 0.5], [0.25, 3]),
        "relu:2": ([0.75, 0], [1, 0.5]),
        "block.relu": ([0, 0], [0, 0]),
        "block.relu:2": ([0.75, 0], [1, 0.5]),
        # At the root the name is taken by the module.
        "relu:3": ([0.75, 0], [1, 0.5]),
    }
    assert {name: (low.tolist(), watch.highest[name].tolist()) for name, low in watch.lowest.items()} == expected
    assert features.tolist() == [[1, 0.5], [0.75, 0]]


def test_hooks_are_removed_when_a_pass_fails():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with pytest.raises(RuntimeError):
        observe(model, [torch.zeros(1, 3)])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_measures_of_a_trained_network_are_those_of_its_activations(run_context):
    context = run_context("mlp", steps=100)
    layers, hidden = [], context.train.images
    for module in context.network.model:
        hidden = module(hidden).detach()
        if isinstance(module, nn.ReLU):
            layers.append(hidden)
    found = measure(context)
    units = torch.cat(layers, dim=1)
    assert found["units.dead"] == pytest.approx(float((units == 0).all(0).double().mean()))
    assert found["units.always_on"] == pytest.approx(float((units > 0).all(0).double().mean()))
    assert found["units.dead@4"] == pytest.approx(float((layers[1] == 0).all(0).double().mean()))
    spectrum = np.linalg.svd(layers[1].double().numpy() - layers[1].double().numpy().mean(0), compute_uv=False)
    shares = spectrum[spectrum > 1e-9] / spectrum.sum()
    assert found["units.effective_rank"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-4)
    variances = np.linalg.eigvalsh(np.cov(layers[1].double().numpy().T))
    assert found["units.participation_ratio"] == pytest.approx(variances.sum() ** 2 / (variances**2).sum())


def test_features_that_vary_by_rounding_alone_have_no_rank():
    features = torch.full((30, 4), 0.1)
    features[:9] = torch.nextafter(features[:9], torch.ones(1))
    spectrum = singular_values(features)
    assert np.isnan(effective_rank(spectrum))
    assert np.isnan(participation_ratio(spectrum))


def test_a_network_without_relus_is_skipped(run_context):
    context = run_context("mlp")
    context.network.model[2] = context.network.model[4] = nn.Tanh()
    with pytest.raises(Skipped, match="no ReLU"):
        measure(context)
