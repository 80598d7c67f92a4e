"""The trace of the Hessian and the noise covariance, against slow exact computations."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev
from torch.nn.functional import cross_entropy

from badminima.diagnostics.diagnose import diagnose
from badminima.diagnostics.network import Sample
from badminima.diagnostics.sharpness import Hessian, Landscape
from badminima.diagnostics.trace import measure, noise_covariance
from badminima.models.weights import Weights

CLASSES = 3


@pytest.fixture
def small() -> Landscape:
    """A network of 51 parameters in double precision, nearly fitted to 20 images."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, CLASSES)).double()
    images, labels = torch.randn(20, 4, dtype=torch.float64), torch.randint(CLASSES, (20,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(300):
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()
    return Landscape(model, Sample(images, labels, torch.zeros(1), torch.ones(1)))


def gradients_by_label(landscape: Landscape) -> np.ndarray:
    """The gradient of each image's cross entropy with each label it may have, ``[n, classes, p]``."""
    names = [name for name, _ in landscape.model.named_parameters()]
    sample, shapes = landscape.sample, [parameter.shape for parameter in landscape.model.parameters()]
    sizes = [shape.numel() for shape in shapes]

    def losses(vector):
        parts = torch.split(vector, sizes)
        state = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        logits = functional_call(landscape.model, state, (sample.images,))
        columns = [torch.full_like(sample.labels, label) for label in range(CLASSES)]
        return torch.stack([cross_entropy(logits, labels, reduction="none") for labels in columns], dim=1)

    return jacrev(losses)(landscape.end).numpy()


def exact_noise_covariance(landscape: Landscape, size: int, probability: float) -> float:
    """Over all minibatches and all flips at once, from every image's gradient with every label.

    For minibatches of ``B`` of ``n`` vectors, drawn without replacement, ``E|mean|^2`` is
    ``(S / n + (B - 1) (|sum|^2 - S) / (n (n - 1))) / B`` with ``S`` the sum of the squared lengths; independent noise
    adds its mean variance over ``B``.
    """
    gradients, labels = gradients_by_label(landscape), landscape.sample.labels.numpy()
    n = len(labels)
    weights = np.full((n, CLASSES), probability / (CLASSES - 1))
    weights[np.arange(n), labels] = 1 - probability

    def mean_square(vectors: np.ndarray) -> float:
        squares = (vectors**2).sum()
        pairs = (vectors.sum(axis=0) ** 2).sum() - squares
        return (squares / n + (size - 1) * pairs / (n * (n - 1))) / size

    expected = np.einsum("ic,icp->ip", weights, gradients)
    variance = np.einsum("ic,icp->", weights, gradients**2) - (expected**2).sum()
    noisy = mean_square(expected) + variance / n / size
    return size * (noisy - mean_square(gradients[np.arange(n), labels]))


@pytest.mark.parametrize(("size", "probability"), [(1, 0.2), (5, 0.2), (5, 0.5), (20, 0.2)])
def test_the_noise_covariance_is_estimated_without_bias(small, size, probability):
    exact = exact_noise_covariance(small, size, probability)
    draws = (torch.Generator().manual_seed(seed) for seed in range(60))
    estimates = [noise_covariance(small, CLASSES, size, probability, 25, draw) for draw in draws]
    error = np.std(estimates) / np.sqrt(60)
    assert 4 * error < 0.35 * exact
    assert np.mean(estimates) == pytest.approx(exact, abs=4 * error)


def test_as_a_network_becomes_sure_the_hessian_vanishes_and_a_wrong_label_pulls_harder(run_context):
    fitted, sure = measure(run_context(steps=200)), measure(run_context(steps=1000))
    assert fitted["trace.hessian"] > 3 * sure["trace.hessian"] > 0
    assert sure["trace.noise_covariance"] > fitted["trace.noise_covariance"] > 0


def test_the_trace_is_that_of_the_exact_hessian(run_context):
    context = run_context(images=100, trace={"products": 90})
    landscape = Landscape(context.network.model, context.train)
    exact = (Hessian(landscape) @ torch.eye(len(landscape.end))).diagonal().sum().item()
    assert measure(context)["trace.hessian"] == pytest.approx(exact, rel=0.1)


def test_the_same_network_is_measured_the_same(run_context):
    assert measure(run_context(steps=20)) == measure(run_context(steps=20))
    other = replace(run_context(steps=20), settings=run_context().settings.model_copy(update={"seed": 1}))
    assert measure(other) != measure(run_context(steps=20))


def test_fewer_images_than_a_batch_are_one_batch(run_context):
    measured = measure(run_context(images=40, trace={"batch_size": 1000, "batches": 3}))
    assert np.isfinite(list(measured.values())).all()


def test_with_a_loss_that_is_not_finite_there_is_nothing_to_measure(run_context):
    context = run_context(steps=0)
    huge = Weights({name: array * 1e30 for name, array in context.end.parameters.items()}, context.end.buffers)
    assert diagnose(replace(context, end=huge), ["trace"]).skipped == {"trace": "the loss is not finite"}
