"""Attacks against closed forms, a slow second implementation, and foolbox."""

from contextlib import suppress

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from badminima.diagnostics.attacks import draw_start, fgsm, frozen, pgd
from badminima.models.numerics import rounding


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def linear(generator) -> nn.Module:
    """Two classes, linear in 3x4x4 pixels; gives label 1 to pixels near 1/2 with a large margin."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.randn(2, 48, generator=generator))
        model[1].bias.copy_(torch.tensor([0.0, 25.0]))
    return model


@pytest.fixture
def digit_network(run_context):
    """A trained convnet on pixels, with 200 test images."""
    context = run_context("convnet", steps=100)
    sample, model = context.test, context.network.model
    return lambda pixels: model(sample.normalize(pixels)), sample.pixels_of(sample.images).clamp(0, 1), sample.labels


def inner_pixels(generator) -> torch.Tensor:
    return 0.3 + 0.4 * torch.rand(20, 3, 4, 4, generator=generator)


def margins(model, pixels):
    return (model(pixels)[:, 1] - model(pixels)[:, 0]).detach()


def test_fgsm_finds_the_worst_case_of_a_linear_network(linear, generator):
    pixels, labels = inner_pixels(generator), torch.ones(20, dtype=torch.int64)
    attacked = fgsm(linear, pixels, labels, 0.1)
    difference = linear[1].weight[1] - linear[1].weight[0]
    expected = margins(linear, pixels) - 0.1 * difference.abs().sum()
    torch.testing.assert_close(margins(linear, attacked), expected.detach())


@pytest.mark.parametrize(
    ("norm", "dual", "random", "tolerance"), [("linf", 1, 1, 1e-5), ("l2", 2, 0, 1e-5), ("l2", 2, 1, 0.05)]
)
def test_pgd_finds_the_worst_case_of_a_linear_network(linear, generator, norm, dual, random, tolerance):
    # A random start costs the l2 attack a little: its part across the gradient shrinks at each projection alone.
    pixels, labels = inner_pixels(generator), torch.ones(20, dtype=torch.int64)
    start = random * draw_start(pixels, norm, generator)
    attacked, broken = pgd(linear, pixels, labels, 0.1, norm, 20, start)
    worst = 0.1 * torch.linalg.vector_norm((linear[1].weight[1] - linear[1].weight[0]).detach(), ord=dual)
    found = margins(linear, pixels) - margins(linear, attacked)
    torch.testing.assert_close(found, worst.expand(20), rtol=tolerance, atol=0)
    assert found.max() <= worst * (1 + 1e-5)
    assert not broken.any()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("radius", [0.03, 3.0])
def test_attacks_stay_inside_the_ball_and_the_box(digit_network, generator, norm, radius):
    classify, pixels, labels = digit_network
    attacked, _ = pgd(classify, pixels, labels, radius, norm, 5, draw_start(pixels, norm, generator))
    away = (attacked - pixels).flatten(1)
    assert torch.linalg.vector_norm(away, ord=2 if norm == "l2" else torch.inf, dim=1).max() <= radius + 1e-6
    for images in (attacked, fgsm(classify, pixels, labels, radius)):
        assert (images.min(), images.max()) == (0, 1)


class OnPixels(nn.Module):
    """A network with its own normalization: another one's rounding leads some attacks elsewhere."""

    def __init__(self, classify) -> None:
        super().__init__()
        self.forward = classify


@pytest.mark.parametrize(("norm", "radius"), [("linf", 16 / 255), ("l2", 0.5)])
def test_pgd_does_as_foolbox(digit_network, generator, norm, radius):
    foolbox = pytest.importorskip("foolbox")
    classify, pixels, labels = digit_network
    start = draw_start(pixels, norm, generator)
    attacked, broken = pgd(classify, pixels, labels, radius, norm, 20, start)
    attack = {"linf": foolbox.attacks.LinfPGD, "l2": foolbox.attacks.L2PGD}[norm](rel_stepsize=2.5 / 20, steps=20)
    attack.get_random_start = lambda images, epsilon: images + epsilon * type(images)(start)
    model = foolbox.PyTorchModel(OnPixels(classify).eval(), (0, 1), "cpu")
    _, theirs, their_broken = attack(model, pixels, labels, epsilons=radius)
    torch.testing.assert_close(attacked[~broken], theirs[~broken], rtol=0, atol=1e-5)
    # Theirs is broken if the last iterate is misclassified.
    assert not (their_broken & ~broken).any()
    ours, theirs = float(broken.double().mean()), float(their_broken.double().mean())
    assert ours == pytest.approx(theirs, abs=0.02)


def test_a_radius_of_zero_breaks_what_is_misclassified_anyway(digit_network, generator):
    classify, pixels, labels = digit_network
    _, broken = pgd(classify, pixels, labels, 0.0, "l2", 5, draw_start(pixels, "l2", generator))
    assert torch.equal(broken, classify(pixels).argmax(1) != labels)


def test_an_overconfident_network_is_attacked_as_well_as_any(linear, generator):
    # With logits times 1000 the cross entropy of every image rounds to zero in 32 bits, and so does its gradient.
    pixels, labels = inner_pixels(generator), torch.ones(20, dtype=torch.int64)

    def scaled(inputs):
        return 1e3 * linear(inputs)

    assert not cross_entropy(scaled(pixels), labels).any()
    assert torch.equal(fgsm(scaled, pixels, labels, 0.1), fgsm(linear, pixels, labels, 0.1))
    start = draw_start(pixels, "l2", generator)
    moved = [pgd(classify, pixels, labels, 0.1, "l2", 5, start)[0] for classify in (scaled, linear)]
    torch.testing.assert_close(*moved)


def test_starts_are_uniform_in_the_unit_ball(generator):
    pixels = torch.zeros(4000, 1, 2, 3)
    lengths = draw_start(pixels, "l2", generator).flatten(1).norm(dim=1)
    assert lengths.max() <= 1 + 1e-6
    # The share within r is r ** 6: that share of the length is itself uniform.
    assert lengths.pow(6).mean() == pytest.approx(1 / 2, abs=0.02)
    assert lengths.pow(6).var() == pytest.approx(1 / 12, abs=0.005)
    cube = draw_start(pixels, "linf", generator)
    assert cube.abs().max() <= 1
    assert cube.var() == pytest.approx(1 / 3, abs=0.01)
    assert abs(cube.mean()) < 0.02


def test_a_frozen_network_is_thawed_as_it_was(linear):
    linear[1].bias.requires_grad_(False)
    with suppress(KeyError), frozen(linear) as model:
        assert not any(parameter.requires_grad for parameter in model.parameters())
        raise KeyError
    assert linear[1].weight.requires_grad
    assert not linear[1].bias.requires_grad


@pytest.mark.parametrize("tf32", [False, True])
def test_pgd_searches_in_tf32_and_decides_in_full_precision_whatever_the_job_was_set_up_with(linear, generator, tf32):
    pixels, labels = inner_pixels(generator), torch.ones(20, dtype=torch.int64)
    seen = []

    def classify(images):
        seen.append(torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32)
        return linear(images)

    with rounding(tf32=tf32):
        pgd(classify, pixels, labels, 0.01, "linf", 3, draw_start(pixels, "linf", generator))
        assert torch.backends.cuda.matmul.allow_tf32 == tf32
    assert seen == [True, True, True, False]


def test_an_image_that_rounding_alone_stops_is_attacked_again_without(linear, generator):
    pixels = inner_pixels(generator)
    labels, start = linear(pixels).argmax(1), torch.zeros_like(pixels)

    def rounds_badly(images):
        # So badly that the search takes every image for broken from the start.
        logits = linear(images)
        return -logits if torch.backends.cudnn.allow_tf32 else logits

    for radius, breaks in ((0.1, False), (0.8, True)):
        attacked, wrong = pgd(linear, pixels, labels, radius, "linf", 4, start)
        again, wrong_again = pgd(rounds_badly, pixels, labels, radius, "linf", 4, start)
        assert wrong.any() == breaks
        assert torch.equal(wrong, wrong_again)
        assert torch.equal(attacked, again)
