"""Units: hand-made networks with known activity, names of ReLU calls, and features of known rank."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from badminima.config import ModelConfig
from badminima.diagnostics.context import Skipped
from badminima.diagnostics.units import (
    effective_rank,
    measure,
    observe,
    participation_ratio,
    singular_values,
)
from badminima.models.build import build_model


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
    assert activity(model, inputs[:3]) == {"1": ([False, True, False, True], [True, False, False, False])}


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


@pytest.mark.parametrize(
    ("architecture", "calls", "last", "units"),
    [
        ("mlp", 3, "6", 3 * 128),
        ("convnet", 3, "10", 32 + 64 + 128),
        ("vgg16", 13, "1.42", 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512),
        ("resnet18", 1 + 2 * 8, "layer4.1.relu:2", 64 + 4 * (64 + 128 + 256 + 512)),
        ("densenet40", 2 * 18 + 2 + 1, "relu", None),
    ],
)
def test_all_relus_of_an_architecture_are_seen_and_it_is_left_as_it_was(architecture, calls, last, units):
    torch.manual_seed(0)
    model = build_model(ModelConfig(architecture=architecture), (1, 8, 8), 10).eval()
    images, before = torch.randn(3, 1, 8, 8), {name: value.clone() for name, value in model.state_dict().items()}
    # The watch changes nothing of what is computed.
    given = []
    handle = model.register_forward_hook(lambda module, inputs, output: given.append(output))
    watch, features = observe(model, [images])
    handle.remove()
    assert torch.equal(given[0], model(images))
    assert len(watch.lowest) == calls
    assert list(watch.lowest)[-1] == last
    assert units is None or sum(map(len, watch.lowest.values())) == units
    assert all((low >= 0).all() and (watch.highest[name] >= low).all() for name, low in watch.lowest.items())
    classifier = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    torch.testing.assert_close(classifier(features), model(images))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


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
    assert set(found) == {
        *("units.dead", "units.always_on", "units.effective_rank", "units.participation_ratio"),
        *("units.dead@2", "units.dead@4"),
    }
    assert 0 < found["units.dead"] + found["units.always_on"] < 1


def features_of(spectrum: list[float], rows: int, columns: int) -> Tensor:
    """Features with these singular values once their mean, which is far from zero, is removed."""
    generator = torch.Generator().manual_seed(0)
    left = torch.randn(rows, len(spectrum), generator=generator, dtype=torch.float64)
    left = torch.linalg.qr(left - left.mean(0)).Q
    right = torch.linalg.qr(torch.randn(columns, len(spectrum), generator=generator, dtype=torch.float64)).Q
    return (left @ torch.diag(torch.tensor(spectrum, dtype=torch.float64)) @ right.T + 3).float()


@pytest.mark.parametrize(("rows", "columns"), [(40, 12), (12, 40)])
@pytest.mark.parametrize("spectrum", [[1.0] * 5, [3.0, 1.0], [5.0]])
def test_ranks_of_features_with_a_known_spectrum(rows, columns, spectrum):
    found = singular_values(features_of(spectrum, rows, columns))
    np.testing.assert_allclose(found[: len(spectrum)], spectrum, rtol=1e-5)
    np.testing.assert_allclose(found[len(spectrum) :], 0, atol=1e-4)
    shares, variances = np.array(spectrum) / sum(spectrum), np.array(spectrum) ** 2
    assert effective_rank(found) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-3)
    assert participation_ratio(found) == pytest.approx(variances.sum() ** 2 / (variances**2).sum(), rel=1e-5)


def test_ranks_do_not_depend_on_scale_or_rotation():
    features = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
    turned = 7 * features @ torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1))).Q + 2
    for rank in (effective_rank, participation_ratio):
        assert rank(singular_values(turned)) == pytest.approx(rank(singular_values(features)), rel=1e-4)


@pytest.mark.parametrize("rounded", [0, 9])
def test_features_that_vary_by_rounding_alone_have_no_rank(rounded):
    features = torch.full((30, 4), 0.1)
    features[:rounded] = torch.nextafter(features[:rounded], torch.ones(1))
    spectrum = singular_values(features)
    assert np.isnan(effective_rank(spectrum))
    assert np.isnan(participation_ratio(spectrum))


def test_a_network_without_relus_is_skipped(run_context):
    context = run_context("mlp")
    context.network.model[2] = context.network.model[4] = nn.Tanh()
    with pytest.raises(Skipped, match="no ReLU"):
        measure(context)
