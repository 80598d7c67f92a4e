"""Gradients of single images against slow exact computations and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from badminima.diagnostics.gradients import centered_alignment, coherence, loss_products, measure, tangent_kernel
from badminima.diagnostics.network import thin_out


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


def test_the_numbers_of_a_run_are_those_of_its_kernels(run_context):
    context = run_context(gradients={"images": 20})
    sample = thin_out(context.train, 20)
    start = replace(context, end=context.start).network
    kernel, before = (tangent_kernel(network, sample.images) for network in (context.network, start))
    labels = one_hot(sample.labels, 10).double()
    assert measure(context) == {
        "gradients.coherence": pytest.approx(coherence(loss_products(context.network, sample))),
        "gradients.kernel_alignment": pytest.approx(centered_alignment(kernel, labels @ labels.T)),
        "gradients.kernel_distance": pytest.approx(
            1 - torch.cosine_similarity(kernel.ravel(), before.ravel(), 0).item()
        ),
        "gradients.kernel_trace": pytest.approx(kernel.trace().item() / 20),
    }
