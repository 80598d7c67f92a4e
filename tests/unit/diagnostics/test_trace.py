"""The trace of the Hessian and the covariance of label noise, against slow exact computations and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev
from torch.nn.functional import cross_entropy

from badminima.data.augmentation import flip_labels
from badminima.diagnostics import trace
from badminima.diagnostics.diagnose import diagnose
from badminima.diagnostics.hessian import Hessian, Landscape
from badminima.diagnostics.network import Sample
from badminima.diagnostics.trace import flip_law, measure, noise_covariance
from badminima.models.weights import Weights

CLASSES = 3
DRAW = torch.Generator()


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


def test_flips_follow_the_law_that_trainings_draw_them_from():
    labels = torch.tensor([0, 1, 2, 3]).repeat(20_000)
    flipped = flip_labels(labels, 4, 0.3, seed=0)
    counts = torch.stack([torch.bincount(flipped[labels == label], minlength=4) for label in range(4)]) / 20_000
    law = flip_law(torch.arange(4), 4, 0.3)
    assert law[0].tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1])
    torch.testing.assert_close(counts.double(), law, atol=0.015, rtol=0)


@pytest.mark.parametrize("probability", [0.2, 0.5])
def test_the_covariance_is_that_of_every_images_gradient_over_its_labels(small, probability):
    gradients, law = gradients_by_label(small), flip_law(small.sample.labels, CLASSES, probability)
    mean = np.einsum("ic,icp->ip", law, gradients)
    exact = (np.einsum("ic,icp->", law, gradients**2) - (mean**2).sum()) / len(mean)
    assert noise_covariance(small, law, CLASSES, DRAW) == (pytest.approx(exact), 0)


@pytest.mark.parametrize("size", [1, 5, 20])
def test_it_is_what_flips_add_to_the_squared_gradient_of_a_minibatch_of_any_size(small, size):
    gradients = gradients_by_label(small)
    law = flip_law(small.sample.labels, CLASSES, 0.2)
    smoothed = np.einsum("ic,icp->ip", law, gradients)
    rng = np.random.default_rng(0)
    added = []
    for _ in range(4000):
        batch = rng.permutation(20)[:size]
        labels = [rng.choice(CLASSES, p=law[image]) for image in batch]
        noisy = gradients[batch, labels].mean(axis=0)
        added.append(size * ((noisy**2).sum() - (smoothed[batch].mean(axis=0) ** 2).sum()))
    error = np.std(added) / np.sqrt(4000)
    exact = noise_covariance(small, law, CLASSES, DRAW).value
    assert 4 * error < 0.35 * exact
    assert np.mean(added) == pytest.approx(exact, abs=4 * error)


@pytest.mark.parametrize("scale", [0, 1, 100])
def test_of_a_linear_classifier_it_is_the_images_square_times_the_spread_of_the_labels_at_any_weights(scale):
    torch.manual_seed(0)
    model = nn.Linear(64, 10, bias=False)
    with torch.no_grad():
        model.weight *= scale
    images, labels = torch.randn(30, 64).sign(), torch.randint(10, (30,))
    landscape = Landscape(model, Sample(images, labels, torch.zeros(1), torch.ones(1)))
    law = flip_law(labels, 10, 0.2)
    found = noise_covariance(landscape, law, 10, DRAW)
    assert found.value == pytest.approx(64 * (1 - 0.8**2 - 9 * (0.2 / 9) ** 2), rel=1e-6)
    assert found.value == pytest.approx(22.76, abs=0.005)
    sampled = noise_covariance(landscape, law, 9, DRAW)
    assert sampled.value == pytest.approx(22.76, abs=4 * sampled.error)


def test_fewer_draws_than_classes_are_unbiased_and_know_their_error(small):
    law = flip_law(small.sample.labels, CLASSES, 0.2)
    exact = noise_covariance(small, law, CLASSES, DRAW).value
    found = [noise_covariance(small, law, 2, torch.Generator().manual_seed(seed)) for seed in range(300)]
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(exact, abs=4 * values.std() / np.sqrt(300))
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.2)


def test_the_number_of_images_at_a_time_changes_nothing(run_context, monkeypatch):
    context = run_context("convnet", images=20)
    landscape, law = Landscape(context.network.model, context.train), flip_law(context.train.labels, 10, 0.2)
    whole = noise_covariance(landscape, law, 10, DRAW).value
    monkeypatch.setitem(trace.GRADIENT_NUMBERS, "cpu", 3 * 10 * len(landscape.end))
    assert noise_covariance(landscape, law, 10, DRAW).value == pytest.approx(whole, rel=1e-5)


def test_with_the_networks_own_law_it_is_the_trace_of_the_hessian_of_a_relu_network(run_context):
    context = run_context("convnet", steps=50, images=40)
    landscape = Landscape(context.network.model, context.train)
    law = context.network.logits(context.train.images).double().softmax(dim=1)
    exact = (Hessian(landscape) @ torch.eye(len(landscape.end))).diagonal().sum().item()
    assert noise_covariance(landscape, law, 10, DRAW).value == pytest.approx(exact, rel=1e-3)


def test_as_a_network_becomes_sure_the_hessian_vanishes_and_a_wrong_label_pulls_harder(run_context):
    fitted, sure = measure(run_context(steps=200)), measure(run_context(steps=1000))
    assert fitted["trace.hessian"] > 3 * sure["trace.hessian"] > 0
    assert sure["trace.noise_covariance"] > fitted["trace.noise_covariance"] > 0


def test_the_trace_is_that_of_the_exact_hessian(run_context):
    context = run_context(images=100, trace={"products": 90})
    landscape = Landscape(context.network.model, context.train)
    exact = (Hessian(landscape) @ torch.eye(len(landscape.end))).diagonal().sum().item()
    found = measure(context)
    assert found["trace.hessian"] == pytest.approx(exact, abs=4 * found["trace.hessian_se"])
    assert found["trace.hessian_se"] < 0.02 * exact


def test_with_the_default_options_the_standard_errors_are_below_five_percent(run_context):
    found = measure(run_context(steps=400))
    assert list(found) == ["trace.hessian", "trace.hessian_se", "trace.noise_covariance", "trace.noise_covariance_se"]
    assert 0 < found["trace.hessian_se"] < 0.05 * found["trace.hessian"]
    assert found["trace.noise_covariance_se"] == 0


def test_the_same_network_is_measured_the_same(run_context):
    assert measure(run_context(steps=20)) == measure(run_context(steps=20))
    other = replace(run_context(steps=20), settings=run_context().settings.model_copy(update={"seed": 1}))
    assert measure(other) != measure(run_context(steps=20))


def test_with_a_loss_that_is_not_finite_there_is_nothing_to_measure(run_context):
    context = run_context(steps=0)
    huge = Weights({name: array * 1e30 for name, array in context.end.parameters.items()}, context.end.buffers)
    assert diagnose(replace(context, end=huge), ["trace"]).skipped == {"trace": "the loss is not finite"}
