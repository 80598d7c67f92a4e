"""Start weights at the scale of others: their norms, their spread of logits, BatchNorm's statistics."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from badminima.config import ModelConfig
from badminima.data.items import network_inputs
from badminima.errors import UserError
from badminima.experiment.settings import InitializeSettings, RescaleSettings
from badminima.models.build import trained_network
from badminima.models.starts import initialize, loss, rescale, spread, training_logits
from badminima.models.weights import Weights

CPU = torch.device("cpu")


def drawn(dataset, seed: int, architecture: str = "mlp", gain: float = 1.0) -> Weights:
    model = ModelConfig(architecture=architecture)
    settings = InitializeSettings(
        model=model, dataset="digits", model_name=architecture, gain=gain, root_seed=0, seed=seed
    )
    return initialize(settings, dataset)


def rescaled(dataset, start: Weights, like: Weights, architecture: str = "mlp", **changes) -> Weights:
    settings = RescaleSettings(model=ModelConfig(architecture=architecture), **changes)
    return rescale(settings, start, like, dataset)


def network(dataset, weights: Weights, architecture: str, tmp_path) -> torch.nn.Module:
    return trained_network(ModelConfig(architecture=architecture), dataset.image_shape, 10, weights, tmp_path)


def norms(weights: Weights) -> dict[str, float]:
    return {name: float(np.linalg.norm(tensor)) for name, tensor in weights.parameters.items()}


@pytest.fixture
def digits(digits_on_torch):
    return digits_on_torch


@pytest.fixture
def large(digits) -> Weights:
    """Weights of another seed, three times as large in one layer."""
    like = drawn(digits, 1)
    return replace(like, parameters={**like.parameters, "1.weight": 3 * like.parameters["1.weight"]})


def test_norms_alone_are_those_of_one_and_directions_those_of_the_other(digits, large):
    start = drawn(digits, 0)
    made = rescaled(digits, start, large, logits=False)
    for name, tensor in made.parameters.items():
        if not start.parameters[name].any():
            assert not tensor.any()
            continue
        assert norms(made)[name] == pytest.approx(norms(large)[name], rel=1e-5)
        ratio = tensor / start.parameters[name]
        assert ratio.std() < 1e-5 * ratio.mean()


def test_one_common_factor_gives_the_norm_of_all_and_keeps_the_direction(digits, large):
    start = drawn(digits, 0)
    made = rescaled(digits, start, large, norms="total", logits=False)
    assert np.linalg.norm(made.vector()) == pytest.approx(np.linalg.norm(large.vector()), rel=1e-5)
    ratios = {norms(made)[name] / norm for name, norm in norms(start).items() if norm > 0}
    assert max(ratios) == pytest.approx(min(ratios), rel=1e-5)


def test_a_tensor_of_zeros_in_the_other_weights_ends_as_zeros(digits):
    fitted = drawn(digits, 0)
    fitted.parameters["1.bias"][:] = 1.0
    assert not rescaled(digits, fitted, drawn(digits, 1), logits=False).parameters["1.bias"].any()


@pytest.mark.parametrize("architecture", ["mlp", "convnet"])
def test_the_logits_spread_as_those_of_the_other_and_only_the_last_layer_gives_way(digits, architecture, tmp_path):
    start, like = drawn(digits, 0, architecture), drawn(digits, 1, architecture, gain=3.0)
    alone, made = (rescaled(digits, start, like, architecture, logits=logits) for logits in (False, True))
    found, wanted = (
        spread(training_logits(network(digits, weights, architecture, tmp_path), digits, CPU)[0])
        for weights in (made, like)
    )
    assert found == pytest.approx(wanted, rel=1e-4)
    last = list(start.parameters)[-2:]
    for name in start.parameters:
        if name not in last:
            assert np.array_equal(made.parameters[name], alone.parameters[name])


def test_kept_norms_give_way_in_the_last_layer_alone(digits):
    """The gain multiplies each of the four matrices by 2, and so the logits by 16; shrunk, the last one is 2 / 16."""
    usual, large = drawn(digits, 0), drawn(digits, 0, gain=2.0)
    made = rescaled(digits, large, usual, norms="kept")
    assert np.array_equal(made.parameters["1.weight"], large.parameters["1.weight"])
    assert made.parameters["7.weight"] == pytest.approx(usual.parameters["7.weight"] / 8, rel=1e-5)


def test_batchnorm_statistics_are_those_of_the_training_images(digits, tmp_path):
    start, like = drawn(digits, 0, "convnet"), drawn(digits, 1, "convnet", gain=3.0)
    made = rescaled(digits, start, like, "convnet")
    assert made.buffers.keys() == start.buffers.keys()
    model = network(digits, made, "convnet", tmp_path)
    images = network_inputs(digits.train_images, digits.mean, digits.std)
    seen = []
    convolution = next(module for module in model.modules() if isinstance(module, torch.nn.Conv2d))
    convolution.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        model(images)
    first = next(name for name in made.buffers if name.endswith("running_mean"))
    assert made.buffers[first] == pytest.approx(seen[0].mean((0, 2, 3)).numpy(), abs=1e-5)


def test_logits_without_any_spread_are_refused(digits):
    flat = drawn(digits, 0)
    flat.parameters["7.weight"][:] = 0
    with pytest.raises(UserError, match="logits with a spread of 0"):
        rescaled(digits, flat, drawn(digits, 1))


def test_the_spread_is_over_images_and_classes_and_the_loss_in_nats():
    logits = torch.tensor([[1.0, -1.0], [3.0, -3.0]])
    assert spread(logits) == pytest.approx(np.sqrt(5))
    labels = torch.tensor([0, 1])
    assert loss(logits, labels) == pytest.approx((np.log1p(np.exp(-2)) + np.log1p(np.exp(6))) / 2)
    assert loss(torch.zeros(2, 10), labels) == pytest.approx(np.log(10))


def test_at_most_a_thousand_images_are_looked_at_evenly_spaced(digits, tmp_path):
    repeated = replace(
        digits,
        train_images=digits.train_images[:1].expand(1500, -1, -1, -1),
        train_labels=torch.arange(1500) % 10,
    )
    logits, labels = training_logits(network(digits, drawn(digits, 0), "mlp", tmp_path), repeated, CPU)
    assert len(logits) == 1000
    assert labels[:4].tolist() == [0, 1, 3, 4]
