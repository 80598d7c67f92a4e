"""Comparisons of two networks against second implementations and closed forms, and recomputed BatchNorm statistics."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy, ortho_group
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import update_bn

from badminima.config import ModelConfig
from badminima.diagnostics.functions import (
    LinearPath,
    disagreement,
    layer_features,
    linear_cka,
    loss_barrier,
    mean_kl,
    unbiased_cka,
)
from badminima.diagnostics.network import Sample
from badminima.errors import UserError
from badminima.models.batchnorm import recompute_statistics
from badminima.models.build import build_model
from badminima.models.weights import Weights, weights_of


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def as_sample(images: torch.Tensor, labels: torch.Tensor) -> Sample:
    return Sample(images, labels, torch.zeros(1), torch.ones(1))


def permuted(weights: Weights, order: torch.Tensor) -> Weights:
    """The same function of an mlp, with the units of its first hidden layer in another order."""
    own = dict(weights.parameters)
    own |= {key: own[key][order] for key in ("1.weight", "1.bias")} | {"3.weight": own["3.weight"][:, order]}
    return Weights(own, {})


def test_disagreement_counts_images():
    first = torch.tensor([[1.0, 0], [1, 0], [0, 1], [3, 2]])
    second = torch.tensor([[9.0, 8], [0, 1], [0, 2], [2, 3]])
    assert disagreement(first, second) == 0.5
    assert disagreement(first, 10 * first) == 0


def test_mean_kl_is_that_of_scipy_and_not_symmetric():
    a, b = 5 * torch.randn(2, 30, 10)
    expected = entropy(a.double().softmax(1), b.double().softmax(1), axis=1).mean()
    assert mean_kl(a, b) == pytest.approx(expected)
    assert mean_kl(a, b) != pytest.approx(mean_kl(b, a), rel=1e-3)
    assert mean_kl(a, a + 7) == pytest.approx(0, abs=1e-9)


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
    assert 0.02 < linear_cka(a, b) < 0.98
    assert linear_cka(a, b) == pytest.approx(linear_cka(b, a))


@pytest.mark.parametrize("p", [6, 60])
def test_cka_is_blind_to_rotation_scale_and_offset_alone(p):
    a = torch.randn(40, p) * torch.arange(1, p + 1)
    rotation = torch.tensor(ortho_group.rvs(p, random_state=0), dtype=torch.float32)
    assert linear_cka(a, a) == pytest.approx(1)
    assert linear_cka(a, 0.1 * a @ rotation + 5) == pytest.approx(1)
    assert linear_cka(a, a / torch.arange(1, p + 1) ** 2) < 0.8
    assert np.isnan(linear_cka(a, torch.ones(40, p)))


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
    assert unbiased_cka(a, a) == pytest.approx(1)


def test_unbiased_cka_of_independent_features_is_zero_where_the_biased_one_is_not():
    pairs = [(torch.randn(300, 128), torch.randn(300, 128)) for _ in range(40)]
    found = np.array([unbiased_cka(a, b) for a, b in pairs])
    assert np.mean(found) == pytest.approx(0, abs=4 * found.std() / np.sqrt(40))
    assert abs(found).max() < 0.02
    assert np.mean([linear_cka(a, b) for a, b in pairs]) == pytest.approx(0.30, abs=0.01)


def test_unbiased_cka_needs_four_images_and_features_that_vary():
    assert np.isnan(unbiased_cka(torch.randn(3, 5), torch.randn(3, 5)))
    assert np.isnan(unbiased_cka(torch.randn(9, 5), torch.ones(9, 5)))


@pytest.mark.parametrize(
    ("architecture", "options", "names"),
    [
        ("mlp", {"widths": [9, 7]}, ["2", "4", "5"]),
        ("convnet", {"widths": [8, 6]}, ["2", "6", "10"]),
        ("densenet40", {}, None),
        (
            "resnet18",
            {},
            ["relu"] + [f"layer{s}.{b}.relu{c}" for s in "1234" for b in "01" for c in ("", ":2")] + ["fc"],
        ),
    ],
)
def test_every_call_of_a_relu_and_the_last_layer_have_features(architecture, options, names):
    model = build_model(ModelConfig(architecture=architecture, options=options), (1, 8, 8), 10).eval()
    images = torch.randn(6, 1, 8, 8)
    features = layer_features(model, images, batch=4)
    assert names is None or list(features) == names
    assert all(part.shape[0] == 6 and part.ndim == 2 and part.dtype == torch.float32 for part in features.values())
    *hidden, last = features.values()
    assert all((part >= 0).all() for part in hidden)
    torch.testing.assert_close(last, model(images))
    assert not any(module._forward_hooks for module in model.modules())


def test_features_are_averages_of_maps_after_the_relu():
    model = build_model(ModelConfig(architecture="convnet", options={"widths": [8, 6]}), (1, 8, 8), 10).eval()
    images = torch.randn(5, 1, 8, 8)
    maps = model[:3](images)
    torch.testing.assert_close(layer_features(model, images, 2)["2"], maps.mean(dim=(2, 3)))
    # In a ResNet the classifier sees the average of the last ReLU's second call.
    model = build_model(ModelConfig(architecture="resnet18"), (1, 8, 8), 10).eval()
    features = layer_features(model, images, 5)
    torch.testing.assert_close(model.fc(features["layer4.1.relu:2"]), features["fc"])
    # What comes after must not reach back: here a layer that erases its input.
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Threshold(1e9, 0, inplace=True), nn.Linear(4, 2))
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
    assert normalized.training
    assert normalized[5].training
    assert not normalized[1].training
    assert normalized[1].track_running_stats
    torch.testing.assert_close(normalized.eval()(images), expected)
    changed = {key for key, tensor in normalized.state_dict().items() if not torch.equal(tensor, before[key])}
    assert changed == {f"{layer}.running_{part}" for layer in (1, 5) for part in ("mean", "var")}


def test_statistics_are_pooled_over_batches_of_unequal_size(normalized):
    # Batches with different means: an average of their variances misses most of the variance.
    images = torch.randn(25, 1, 8, 8) + torch.arange(25).view(-1, 1, 1, 1)
    batches = list(images.split(10))
    recompute_statistics(normalized, batches)
    inputs = normalized[0](images)
    torch.testing.assert_close(normalized[1].running_mean, inputs.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(normalized[1].running_var, inputs.var(dim=(0, 2, 3), correction=0))
    ours = normalized[1].running_var.clone()
    update_bn(batches, normalized)
    assert (normalized[1].running_var < 0.5 * ours).all()


def test_without_batchnorm_no_image_is_looked_at():
    recompute_statistics(nn.Linear(2, 2), iter(lambda: pytest.fail("an image was asked for"), None))


def test_the_barrier_of_a_path_computed_by_hand():
    # The chord goes from 1 to 2: at t = 0.25, 0.5 and 0.75 it is 1.25, 1.5, 1.75.
    assert LinearPath(np.array([1, 3, 1.75, 1, 2]), np.ones(5)).barrier == 1.75
    assert LinearPath(np.array([1, 1, 1.0, 1, 2]), np.ones(5)).barrier == 0
    assert np.isnan(LinearPath(np.array([1, np.nan, 2]), np.ones(3)).barrier)


@pytest.mark.parametrize("name", ["mlp", "convnet"])
def test_between_a_network_and_itself_there_is_no_barrier(run_context, name):
    context = run_context(name)
    before = {key: tensor.clone() for key, tensor in context.network.model.state_dict().items()}
    path = loss_barrier(context.network.model, context.end, context.end, context.train, 5)
    assert path.barrier == pytest.approx(0, abs=1e-6)
    assert np.ptp(path.loss) == pytest.approx(0, abs=1e-6)
    assert path.accuracy.min() > 0.7
    assert all(torch.equal(tensor, before[key]) for key, tensor in context.network.model.state_dict().items())


def test_between_a_network_and_its_permuted_twin_there_is_one(run_context):
    context = run_context(steps=300)
    twin = permuted(context.end, torch.randperm(16))
    path = loss_barrier(context.network.model, context.end, twin, context.train, 11)
    logits = context.network.logits(context.train.images)
    assert path.loss[[0, -1]] == pytest.approx(cross_entropy(logits, context.train.labels).item(), rel=1e-4)
    assert path.accuracy[0] == path.accuracy[-1] == (logits.argmax(1) == context.train.labels).double().mean()
    assert path.barrier > 0.05
    assert path.barrier == pytest.approx((path.loss - path.loss[0]).max(), rel=1e-3)
    # Its middle is the average of the two.
    mean = {key: (array + twin.parameters[key]) / 2 for key, array in context.end.parameters.items()}
    middle = loss_barrier(context.network.model, Weights(mean, {}), context.end, context.train, 2)
    assert middle.loss[0] == pytest.approx(path.loss[5])


def test_a_convex_loss_has_no_barrier():
    model, other = nn.Sequential(nn.Flatten(), nn.Linear(6, 3)), nn.Sequential(nn.Flatten(), nn.Linear(6, 3))
    sample = as_sample(torch.randn(50, 1, 2, 3), torch.randint(3, (50,)))
    assert loss_barrier(model, weights_of(model), weights_of(other), sample, 11).barrier == pytest.approx(0, abs=1e-7)


def test_ends_are_measured_with_statistics_of_the_sample(run_context):
    context = run_context("convnet")
    model, sample = context.network.model, context.train
    wrong = Weights(context.end.parameters, {key: np.ones_like(array) for key, array in context.end.buffers.items()})
    paths = [loss_barrier(model, end, context.start, sample, 3).loss for end in (context.end, wrong)]
    assert paths[0].tolist() == paths[1].tolist()
    # One batch holds the sample: the same as in training mode.
    assert paths[0][0] == pytest.approx(cross_entropy(model.train()(sample.images), sample.labels).item(), rel=1e-4)


def test_weights_of_another_network_are_refused(run_context):
    context = run_context(steps=0)
    with pytest.raises(UserError, match="another network"):
        loss_barrier(context.network.model, context.end, Weights({}, {}), context.train, 3)
