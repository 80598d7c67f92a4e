"""Gradients of single images against slow exact computations and closed forms."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.gradients import centered_alignment, coherence, loss_products, measure, tangent_kernel
from badminima.diagnostics.network import thin_out
from badminima.models.weights import Weights


def gradient(model: torch.nn.Module, value: torch.Tensor) -> torch.Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(value, list(model.parameters()))]).double()


@pytest.mark.parametrize("name", ["mlp", "convnet"])
def test_products_are_those_of_gradients_made_one_by_one(run_context, name):
    context = run_context(name, steps=50)
    network, sample = context.network, thin_out(context.train, 6)
    pairs = list(zip(sample.images.split(1), sample.labels.split(1), strict=True))
    losses = torch.stack([gradient(network.model, cross_entropy(network.model(x), y)) for x, y in pairs])
    torch.testing.assert_close(loss_products(network, sample), losses @ losses.T, rtol=1e-4, atol=1e-9)
    kernel = torch.zeros(6, 6, dtype=torch.float64)
    for k in range(10):
        rows = torch.stack([gradient(network.model, network.model(x)[0, k]) for x, _ in pairs])
        kernel += rows @ rows.T
    torch.testing.assert_close(tangent_kernel(network, sample.images), kernel, rtol=1e-4, atol=1e-6)


def test_coherence_counts_the_images_that_a_step_along_one_of_them_helps():
    same, orthogonal = torch.ones(7, 7), torch.eye(7)
    two_groups = torch.block_diag(torch.ones(3, 3), torch.ones(3, 3))
    assert [coherence(products) for products in (same, orthogonal, two_groups)] == [7, 1, 3]
    assert np.isnan(coherence(torch.zeros(2, 2)))


def test_a_kernel_of_labels_is_aligned_with_them_whatever_its_scale_and_offset(rng):
    labels = one_hot(torch.from_numpy(rng.integers(4, size=30))).double()
    of_labels = labels @ labels.T
    assert centered_alignment(3 * of_labels + 5, of_labels) == pytest.approx(1)
    noise = torch.from_numpy(rng.normal(size=(30, 500)))
    # Both have a large diagonal, so chance is not zero.
    assert 0.1 < centered_alignment(noise @ noise.T, of_labels) < 0.4


def test_training_turns_the_kernel_towards_the_labels(run_context):
    untrained, trained = measure(run_context(steps=0)), measure(run_context(steps=200))
    assert untrained["gradients.kernel_distance"] == pytest.approx(0, abs=1e-6)
    assert trained["gradients.kernel_distance"] > 0.01
    assert trained["gradients.kernel_alignment"] > untrained["gradients.kernel_alignment"]
    # Gradients agree at first, and cancel at a minimum.
    assert 100 > untrained["gradients.coherence"] > 2 > trained["gradients.coherence"] > 0


def test_a_linear_network_keeps_its_kernel(run_context):
    """Without hidden layers a network is its linearization."""
    context = run_context(steps=0)
    sample = thin_out(context.train, 20)
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    kernel = tangent_kernel(type(context.network)(linear, context.network.device, context.network.batch), sample.images)
    rows = sample.images.flatten(1).double()
    # The closed form: of each class the inner product of the images, and 1 for its bias.
    torch.testing.assert_close(kernel, 10 * (rows @ rows.T + 1), rtol=1e-5, atol=1e-5)


def test_gradients_that_are_not_finite_are_no_measurement(run_context):
    context = run_context(steps=0)
    huge = {name: array * np.float32(1e30) for name, array in context.end.parameters.items()}
    with pytest.raises(Skipped, match="not finite"):
        measure(Context(context.settings, context.start, Weights(huge, {}), dataset=context.dataset))
