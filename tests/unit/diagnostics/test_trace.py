"""The trace of the Hessian and the covariance of label noise, against slow exact computations and closed forms."""

import numpy as np
import pytest
import torch
from torch.func import jacrev

from badminima.data.augmentation import flip_labels
from badminima.diagnostics.hessian import Landscape
from badminima.diagnostics.trace import flip_law, measure, noise_covariance
from tests.unit.diagnostics.conftest import generator, logits_at

CLASSES = 3
DRAW = generator()


def gradients_by_label(landscape: Landscape) -> np.ndarray:
    """The gradient of each image's cross entropy with each label it may have, ``[n, classes, p]``."""

    def losses(vector):
        return -logits_at(landscape, vector).log_softmax(dim=1)

    return jacrev(losses)(landscape.end).numpy()


def test_flips_follow_the_law_that_trainings_draw_them_from():
    labels = torch.tensor([0, 1, 2, 3]).repeat(20_000)
    flipped = flip_labels(labels, 4, 0.3, seed=0)
    counts = torch.stack([torch.bincount(flipped[labels == label], minlength=4) for label in range(4)]) / 20_000
    law = flip_law(torch.arange(4), 4, 0.3)
    assert law[0].tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1])
    torch.testing.assert_close(counts.double(), law, atol=0.015, rtol=0)


def test_the_covariance_is_that_of_every_images_gradient_over_its_labels(small):
    gradients, law = gradients_by_label(small), flip_law(small.sample.labels, CLASSES, 0.2)
    mean = np.einsum("ic,icp->ip", law, gradients)
    exact = (np.einsum("ic,icp->", law, gradients**2) - (mean**2).sum()) / len(mean)
    assert noise_covariance(small, law, CLASSES, DRAW) == (pytest.approx(exact), 0)


def test_fewer_draws_than_classes_are_unbiased_and_know_their_error(small):
    law = flip_law(small.sample.labels, CLASSES, 0.2)
    exact = noise_covariance(small, law, CLASSES, DRAW).value
    found = [noise_covariance(small, law, 2, generator(seed)) for seed in range(300)]
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(exact, abs=4 * values.std() / np.sqrt(300))
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.12)


def test_the_trace_of_a_relu_networks_hessian_is_the_covariance_under_its_own_law(run_context):
    context = run_context("convnet", images=40, trace={"products": 90})
    law = context.network.logits(context.train.images).double().softmax(dim=1)
    landscape, found = Landscape(context.network.model, context.train), measure(context)
    exact = noise_covariance(landscape, law, 10, DRAW).value
    assert found["trace.hessian"] == pytest.approx(exact, abs=4 * found["trace.hessian_se"])
    assert 0 < found["trace.hessian_se"] < 0.03 * exact
    of_flips = noise_covariance(landscape, flip_law(landscape.sample.labels, 10, 0.2), 10, DRAW)
    assert (found["trace.noise_covariance"], found["trace.noise_covariance_se"]) == of_flips
