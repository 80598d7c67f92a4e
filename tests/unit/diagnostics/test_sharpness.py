"""Curvature against the exact Hessian, worst cases against a search of the whole disc, sigma against a closed form."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn
from torch.func import hessian
from torch.nn.functional import cross_entropy

from badminima.diagnostics import sharpness
from badminima.diagnostics.hessian import HESSIAN_BATCH, Hessian, Landscape, hessian_trace
from badminima.diagnostics.network import thin_out
from badminima.diagnostics.sharpness import largest_sigma, top_eigenvalues, worst_rise
from tests.unit.diagnostics.conftest import as_sample, generator, logits_at


@pytest.fixture
def relu() -> Landscape:
    """A ReLU network without biases, fitted for a while to random labels."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.ReLU(), nn.Linear(16, 3, bias=False))
    sample = as_sample(torch.randn(40, 8), torch.randint(3, (40,)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        cross_entropy(model(sample.images), sample.labels).backward()
        optimizer.step()
    return Landscape(model, sample)


@pytest.fixture
def two_weights() -> Landscape:
    """Two classes, one input, no bias: two parameters, which can be searched exhaustively."""
    model = nn.Linear(1, 2, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.9], [-0.3]]))
    images = torch.tensor([[1.0], [2.0], [-0.5], [0.4]], dtype=torch.float64)
    return Landscape(model, as_sample(images, torch.tensor([0, 0, 0, 1])))


def exact_hessian(landscape: Landscape) -> torch.Tensor:
    return hessian(lambda vector: cross_entropy(logits_at(landscape, vector), landscape.sample.labels))(landscape.end)


def test_hessian_products_are_exact_also_in_batches(small, monkeypatch):
    exact = exact_hessian(small)
    identity = torch.eye(len(exact), dtype=torch.float64)
    monkeypatch.setitem(HESSIAN_BATCH, "cpu", 7)
    torch.testing.assert_close(Hessian(small) @ identity, exact)
    torch.testing.assert_close(Hessian(small) @ identity[0], exact[0])


def test_the_trace_is_unbiased_knows_its_standard_error_and_spreads_as_that_of_curvlinops(small):
    from curvlinops import hutchpp_trace

    exact = exact_hessian(small)
    values, errors = np.array([hessian_trace(small, 9, generator(seed)) for seed in range(200)]).T
    torch.manual_seed(0)
    theirs = np.array([hutchpp_trace(exact, 9).item() for _ in range(400)])
    assert values.mean() == pytest.approx(exact.trace().item(), abs=4 * values.std() / np.sqrt(200))
    assert values.std() == pytest.approx(theirs.std(), rel=0.25)
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.25)


def test_the_largest_eigenvalues_are_exact(small):
    exact = torch.linalg.eigvalsh(exact_hessian(small)).flip(0)
    # The eighth is smaller than the size of the most negative one.
    assert exact[7] < -exact[-1]
    assert top_eigenvalues(small, 8, generator()) == pytest.approx(exact[:8].tolist(), rel=1e-4)


def test_an_eigenvalue_that_does_not_converge_is_nan(run_context, monkeypatch):
    monkeypatch.setattr(sharpness, "RESTARTS", 1)
    monkeypatch.setattr(sharpness, "RESIDUAL", 1e-7)
    context = run_context(steps=5)
    assert np.isnan(top_eigenvalues(Landscape(context.network.model, context.train), 2, generator())).all()


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("rho", [0.05, 0.5])
def test_the_worst_rise_is_that_of_a_search_of_the_whole_disc(two_weights, rho, adaptive):
    # In a disc of radius 2 there is a second maximum, on the far side, which ascent does not find.
    end = two_weights.end
    scale = end.abs() if adaptive else torch.ones(2)
    angles, radii = torch.linspace(0, 2 * torch.pi, 400), torch.linspace(0, rho, 20)
    steps = radii.view(-1, 1, 1) * torch.stack([angles.cos(), angles.sin()], dim=1)
    logits = (end + scale * steps).view(-1, 1, 2) * two_weights.sample.images
    labels = two_weights.sample.labels.expand(len(logits), -1)
    losses = cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(dim=1)
    assert worst_rise(two_weights, rho, adaptive) == pytest.approx(
        losses.max().item() - two_weights.loss(end), rel=1e-3
    )


def test_gradients_of_fitted_images_keep_their_digits():
    model = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[6.0], [-6.0]]))
    landscape = Landscape(model, as_sample(torch.ones(1, 1), torch.tensor([0])))
    probability = 1 / (1 + np.exp(12))
    assert landscape.loss_and_gradient(landscape.end)[1].tolist() == pytest.approx(
        [-probability, probability], rel=1e-5
    )


@pytest.mark.parametrize(("magnitude", "eps"), [(False, 0), (True, 0), (True, 3)])
def test_the_largest_sigma_is_that_of_the_closed_form(magnitude, eps):
    # One image is wrong anyway; the other where sigma * z > 6 with z on the second logit alone. The mean error of the
    # two rises by 0.1 where that happens in a fifth of the draws.
    model = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[3.0], [-3.0]]))
    landscape = Landscape(model, as_sample(torch.tensor([[0.0], [1.0]]), torch.tensor([1, 0])))
    z = torch.tensor(norm.ppf((np.arange(200) + 0.5) / 200), dtype=torch.float32)
    noise = torch.stack([torch.zeros(200), z], dim=1)
    deviation = 6 / norm.ppf(0.8)
    sigma = np.sqrt(deviation**2 - eps**2) / 3 if magnitude else deviation
    assert largest_sigma(landscape, noise, magnitude, eps).value == pytest.approx(sigma, rel=0.03)


def test_a_network_that_cannot_become_worse_has_no_sigma(relu):
    wrong = relu.logits(relu.end, relu.sample.images).argmin(dim=1)
    hopeless = Landscape(relu.model, as_sample(relu.sample.images, wrong))
    assert np.isnan(largest_sigma(hopeless, torch.randn(5, len(relu.end), generator=generator()))).all()


def test_sigma_knows_its_standard_error(relu):
    draws = (torch.randn(20, len(relu.end), generator=generator(seed)) for seed in range(40))
    values, errors = np.array([largest_sigma(relu, noise) for noise in draws]).T
    assert values.std() < 0.2 * values.mean()
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.3)


def test_a_vanishing_gradient_gives_nan(relu):
    blind = Landscape(relu.model, as_sample(relu.sample.images * 0, relu.sample.labels))
    assert np.isnan(worst_rise(blind, 0.5, adaptive=True))


def test_the_numbers_of_a_run_are_those_of_its_landscape(run_context):
    context = run_context(sharpness={"images": 60, "eigenvalues": 2, "draws": 2, "products": 9})
    landscape = Landscape(context.network.model, thin_out(context.train, 60))
    largest = top_eigenvalues(landscape, 2, context.generator("sharpness", "eigenvalues"))
    noise = torch.randn(2, len(landscape.end), generator=context.generator("sharpness", "noise"))
    expected = {
        **hessian_trace(landscape, 9, context.generator("sharpness", "trace")).named("sharpness.trace"),
        "sharpness.eigenvalue_1": largest[0],
        "sharpness.eigenvalue_2": largest[1],
        "sharpness.sam": worst_rise(landscape, 0.05, False),
        "sharpness.asam": worst_rise(landscape, 0.5, True),
        **largest_sigma(landscape, noise, False).named("sharpness.pac_bayes_sigma"),
        **largest_sigma(landscape, noise, True, 1e-3).named("sharpness.pac_bayes_sigma_magnitude"),
    }
    assert sharpness.measure(context) == expected


def test_images_are_taken_evenly_from_the_sample():
    taken = thin_out(as_sample(torch.arange(10.0), torch.arange(10)), 4)
    assert taken.images.tolist() == taken.labels.tolist() == [0, 2, 5, 7]
