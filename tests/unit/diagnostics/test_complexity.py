"""Norm and margin measures against closed forms, dense matrices and what they are invariant to."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from badminima.diagnostics.complexity import (
    convolution_norm,
    fisher_rao,
    fold_batchnorm,
    layer_norms,
    margin,
    measure,
    operator_norm,
    path_norm,
    reshaped_norm,
)
from tests.unit.diagnostics.conftest import generator, scaled


def dense_matrix(layer: nn.Conv2d, shape: tuple[int, ...]) -> np.ndarray:
    """The matrix of a convolution without its bias: column ``i`` is what it makes of the ``i``-th unit image."""
    units = torch.eye(math.prod(shape)).reshape(-1, *shape)
    with torch.no_grad():
        outputs = layer(units) - layer(torch.zeros_like(units))
    return outputs.flatten(1).T.double().numpy()


@pytest.mark.parametrize(
    "geometry",
    [
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (5, 3), "stride": (1, 3), "padding": (2, 1)},
        {"kernel_size": 3, "padding": 2, "dilation": 2, "groups": 2},
        {"kernel_size": 1, "padding": 1},
    ],
)
def test_a_convolutions_norm_is_the_largest_singular_value_of_its_matrix(geometry):
    torch.manual_seed(0)
    layer, shape = nn.Conv2d(4, 6, **geometry), (4, 8, 7)
    expected = np.linalg.norm(dense_matrix(layer, shape), 2)
    measured = convolution_norm(layer, torch.Size((1, *shape)), 100, generator())
    assert measured == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "spectrum", [torch.zeros(5), torch.ones(5), torch.tensor([3.0, 0, 0, 0, 0]), torch.tensor([5.0, 5, 4, 4, 1e-9])]
)
def test_the_norm_is_found_where_the_iterates_span_everything(spectrum):
    assert operator_norm(lambda x: spectrum * x, torch.randn(5, generator=generator()), 100) == pytest.approx(
        float(spectrum.max()), rel=1e-6
    )


def test_norms_of_matrices_and_kernels_agree_with_numpy():
    torch.manual_seed(0)
    wide, grouped = nn.Conv2d(4, 50, 3), nn.Conv2d(4, 6, 3, groups=2)
    assert reshaped_norm(wide) == pytest.approx(np.linalg.norm(wide.weight.detach().flatten(1).numpy(), 2))
    blocks = np.zeros((6, 36))
    kernel = grouped.weight.detach().flatten(1).numpy()
    blocks[:3, :18], blocks[3:, 18:] = kernel[:3], kernel[3:]
    assert reshaped_norm(grouped) == pytest.approx(np.linalg.norm(blocks, 2))


def test_each_layers_norm_is_taken_at_the_size_it_sees_and_no_hook_stays():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()
    )
    model.extend([nn.Conv2d(4, 5, 1), nn.Flatten(), nn.Linear(20, 2)])
    norms = layer_norms(model, torch.randn(1, 2, 8, 8), 100, generator())
    shapes = {"0": (2, 8, 8), "3": (3, 2, 2), "5": (4, 2, 2)}
    assert list(norms) == [*shapes, "7"]
    for name, shape in shapes.items():
        expected = np.linalg.norm(dense_matrix(model.get_submodule(name), shape), 2)
        assert norms[name].spectral == pytest.approx(expected, rel=1e-5)
    assert norms["7"].frobenius == pytest.approx(np.linalg.norm(model[7].weight.detach().numpy()))
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_the_margin_is_the_tenth_percentile_of_the_distance_to_the_nearest_other_class():
    logits = torch.tensor([[3.0, 1, 2], [0, 5, 4.5], [2, 0, 7], [9, 1, 1], [0, 1, 4]])
    labels = torch.tensor([0, 1, 2, 0, 1])  # margins 1, 0.5, 5, 8, -3
    assert margin(logits, labels) == pytest.approx(-3 + 0.4 * 3.5)
    assert margin(logits[:1], labels[:1]) == 1


def test_the_path_norm_sums_squared_weights_over_paths_with_biases_and_poolings():
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1, 1))
    for parameter, value in zip(model.parameters(), (-2.0, -3.0, 5.0, -7.0), strict=True):
        nn.init.constant_(parameter, value)
    assert path_norm(model, torch.Size((1, 2, 2))) == (4 + 9) * 25 + 49


def empirical_fisher_form(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """``w^T F w`` from each image's own gradient."""
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}

    def loss(weights, image, label):
        return cross_entropy(functional_call(model, weights, image[None]), label[None])

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))(weights, images, labels)
    vectors = torch.cat([gradient.flatten(1) for gradient in gradients.values()], 1)
    fisher = vectors.T @ vectors / len(images)
    vector = torch.cat([weight.flatten() for weight in weights.values()])
    return float(vector @ fisher @ vector)


@pytest.mark.parametrize("bias", [False, True])
def test_fisher_rao_is_the_empirical_fishers_quadratic_form_if_there_are_no_biases(bias):
    torch.manual_seed(0)
    layers = [nn.Linear(6, 8, bias=bias), nn.ReLU(), nn.Linear(8, 7, bias=bias), nn.ReLU(), nn.Linear(7, 4, bias=bias)]
    model = nn.Sequential(*layers).double()
    images, labels = torch.randn(40, 6, dtype=torch.float64), torch.randint(4, (40,))
    closed_form = fisher_rao(model(images).detach(), labels, depth=3)
    assert (closed_form == pytest.approx(empirical_fisher_form(model, images, labels), rel=1e-9)) is not bias


def test_measures_fit_together(run_context):
    context = run_context("convnet", steps=300, images=100, complexity={"iterations": 50})
    value = {name.removeprefix("complexity."): number for name, number in measure(context).items()}
    folded = fold_batchnorm(context.network.model)
    norms = layer_norms(folded, context.train.images[:1], 50, context.generator("complexity"))
    assert {f"spectral@{name}": layer.spectral for name, layer in norms.items()}.items() <= value.items()
    squared_margin = value["margin"] ** 2
    assert value["inverse_margin"] == pytest.approx(1 / squared_margin)
    assert value["parameter_norm"] == pytest.approx(sum(layer.frobenius**2 for layer in norms.values()))
    assert math.exp(value["log_path_norm"]) == pytest.approx(value["path_norm"])
    assert math.exp(value["log_path_norm_over_margin"]) == pytest.approx(value["path_norm"] / squared_margin)
    for kind in ("frobenius", "spectral", "spectral_reshaped"):
        product = math.prod(getattr(layer, kind) ** 2 for layer in norms.values())
        for suffix, expected in (("", product), ("_over_margin", product / squared_margin)):
            assert math.exp(value[f"log_product_{kind}{suffix}"]) == pytest.approx(expected)
            assert math.exp(value[f"log_sum_{kind}{suffix}"]) == pytest.approx(3 * expected ** (1 / 3))


def test_over_a_margin_that_is_not_positive_there_is_no_number(run_context):
    measured = measure(run_context(steps=0))
    assert measured["complexity.margin"] < 0
    undefined = {name for name, value in measured.items() if math.isnan(value)}
    assert undefined == {name for name in measured if name.endswith("_over_margin")} | {"complexity.inverse_margin"}


def test_a_layer_of_zeros_makes_products_zero(run_context):
    measured = measure(scaled(run_context(), 0, "3.weight"))
    assert measured["complexity.log_product_spectral"] == measured["complexity.log_sum_frobenius"] == -math.inf
    assert math.isfinite(measured["complexity.log_path_norm"])
