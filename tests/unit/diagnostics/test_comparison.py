"""Comparisons of two networks against second implementations and closed forms, and recomputed BatchNorm statistics."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from torch import nn
from torch.nn.functional import cross_entropy

from badminima.diagnostics.functions import (
    LinearPath,
    disagreement,
    layer_features,
    linear_cka,
    loss_barrier,
    mean_kl,
    unbiased_cka,
)
from badminima.models.batchnorm import recompute_statistics
from badminima.models.weights import Weights


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_disagreement_counts_images():
    first = torch.tensor([[1.0, 0], [1, 0], [0, 1], [3, 2]])
    second = torch.tensor([[9.0, 8], [0, 1], [0, 2], [2, 3]])
    assert disagreement(first, second) == 0.5


def test_mean_kl_is_that_of_scipy():
    a, b = 5 * torch.randn(2, 30, 10)
    expected = entropy(a.double().softmax(1), b.double().softmax(1), axis=1).mean()
    assert mean_kl(a, b) == pytest.approx(expected)


def test_mean_kl_keeps_its_digits_where_networks_are_sure():
    a, b = torch.tensor([[40.0, 0]]), torch.tensor([[30.0, 0]])
    # KL of (1 - p, p) from (1 - q, q), with p = e^-40 far below the spacing of single precision at 1.
    p, q = np.exp(-40), np.exp(-30)
    assert mean_kl(a, b) == pytest.approx(q - p + p * np.log(p / q), rel=1e-3)


def second_cka(a: torch.Tensor, b: torch.Tensor) -> float:
    """By HSIC with the centering matrix, in NumPy."""
    x, y = a.double().numpy(), b.double().numpy()
    center = np.eye(len(x)) - 1 / len(x)
    k, m = center @ x @ x.T @ center, center @ y @ y.T @ center
    return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))


@pytest.mark.parametrize(("p", "q"), [(5, 7), (5, 60), (60, 5), (60, 70)])
def test_cka_is_that_of_a_second_implementation(p, q):
    a, b = 3 + torch.randn(40, p), torch.randn(40, q)
    b[:, :3] += a[:, :3]
    assert linear_cka(a, b) == pytest.approx(second_cka(a, b), rel=1e-6)


def direct_hsic(a: torch.Tensor, b: torch.Tensor) -> float:
    """The unbiased estimate of HSIC from its definition, sums over different images (Song et al. 2012, equation 4)."""
    n = len(a)
    k, m = ((values.double() @ values.double().T).numpy() for values in (a, b))
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    two = np.einsum("ij,ij->", k, m)
    three = np.einsum("ij,iq->", k, m) - two
    four = k.sum() * m.sum() - 4 * three - 2 * two
    return two / (n * (n - 1)) + four / (n * (n - 1) * (n - 2) * (n - 3)) - 2 * three / (n * (n - 1) * (n - 2))


@pytest.mark.parametrize(("n", "p", "q"), [(4, 2, 3), (12, 3, 20), (30, 40, 5)])
def test_unbiased_cka_is_that_of_a_direct_computation(n, p, q):
    a, b = 3 + torch.randn(n, p), torch.randn(n, q)
    b[:, :2] += 3 * a[:, :2]
    own = direct_hsic(a, a) * direct_hsic(b, b)
    assert unbiased_cka(a, b) == pytest.approx(direct_hsic(a, b) / np.sqrt(own), rel=1e-6)


def test_unbiased_cka_needs_four_images_and_features_that_vary():
    assert np.isnan(unbiased_cka(torch.randn(3, 5), torch.randn(3, 5)))
    assert np.isnan(unbiased_cka(torch.randn(9, 5), torch.ones(9, 5)))


def test_every_call_of_a_relu_and_the_last_linear_layer_have_features_averaged_over_maps():
    relu = nn.ReLU()
    model = nn.Sequential(nn.Conv2d(1, 4, 3), relu, nn.Conv2d(4, 3, 3), relu, nn.Flatten(), nn.Linear(48, 5))
    images = torch.randn(6, 1, 8, 8)
    first = model[:2](images)
    second = model[2:4](first)
    expected = {"1": first.mean(dim=(2, 3)), "1:2": second.mean(dim=(2, 3)), "5": model(images)}
    found = layer_features(model, images, batch=4)
    assert list(found) == list(expected)
    torch.testing.assert_close(found, expected)


def test_what_comes_after_a_relu_does_not_reach_back():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Threshold(1e9, 0, inplace=True))
    images = torch.randn(5, 3)
    torch.testing.assert_close(layer_features(model, images, 5)["1"], model[0](images).relu())


@pytest.fixture
def normalized() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5), nn.BatchNorm1d(5)
    )


def test_statistics_of_one_batch_make_evaluation_equal_to_training(normalized):
    images = 2 + 3 * torch.randn(30, 1, 8, 8)
    expected = normalized.train()(images)
    before = {key: tensor.clone() for key, tensor in normalized.state_dict().items()}
    normalized[1].eval()
    recompute_statistics(normalized, [images])
    assert [layer.training for layer in (normalized, normalized[1], normalized[5])] == [True, False, True]
    assert normalized[1].track_running_stats
    torch.testing.assert_close(normalized.eval()(images), expected)
    changed = {key for key, tensor in normalized.state_dict().items() if not torch.equal(tensor, before[key])}
    assert changed == {f"{layer}.running_{part}" for layer in (1, 5) for part in ("mean", "var")}


def test_statistics_are_pooled_over_batches_of_unequal_size(normalized):
    # Batches with different means: an average of their variances misses most of the variance.
    images = torch.randn(25, 1, 8, 8) + torch.arange(25).view(-1, 1, 1, 1)
    recompute_statistics(normalized, images.split(10))
    inputs = normalized[0](images)
    torch.testing.assert_close(normalized[1].running_mean, inputs.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(normalized[1].running_var, inputs.var(dim=(0, 2, 3), correction=0))


def test_without_batchnorm_no_image_is_looked_at():
    recompute_statistics(nn.Linear(2, 2), iter(lambda: pytest.fail("an image was asked for"), None))


def test_the_barrier_of_a_path_computed_by_hand():
    # The chord goes from 1 to 2: at t = 0.25, 0.5 and 0.75 it is 1.25, 1.5, 1.75.
    assert LinearPath(np.array([1, 3, 1.75, 1, 2]), np.ones(5)).barrier == 1.75
    assert LinearPath(np.array([1, 1, 1.0, 1, 2]), np.ones(5)).barrier == 0
    assert np.isnan(LinearPath(np.array([1, np.nan, 2]), np.ones(3)).barrier)


def test_between_two_networks_lie_their_averages(run_context):
    context = run_context(steps=300)
    path = loss_barrier(context.network.model, context.start, context.end, context.train, 5)
    for place, share in enumerate((0, 0.25, 0.5, 0.75, 1)):
        between = {
            name: (1 - share) * first + share * context.end.parameters[name]
            for name, first in context.start.parameters.items()
        }
        logits = replace(context, end=Weights(between, {})).network.logits(context.train.images)
        assert path.loss[place] == pytest.approx(cross_entropy(logits, context.train.labels).item(), rel=1e-4)
        assert path.accuracy[place] == (logits.argmax(1) == context.train.labels).double().mean()


def test_ends_are_measured_with_statistics_of_the_sample(run_context):
    context = run_context("convnet")
    model, sample = context.network.model, context.train
    wrong = Weights(context.end.parameters, {key: np.ones_like(array) for key, array in context.end.buffers.items()})
    paths = [loss_barrier(model, end, context.start, sample, 3).loss for end in (context.end, wrong)]
    assert paths[0].tolist() == paths[1].tolist()
    # One batch holds the sample: the same as in training mode.
    assert paths[0][0] == pytest.approx(cross_entropy(model.train()(sample.images), sample.labels).item(), rel=1e-4)
