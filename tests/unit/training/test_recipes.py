"""Recipes: label noise, gradient clipping, schedules, epochs and batches of their own."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from badminima.config import OptimizationConfig, RecipeConfig
from badminima.config.load import load_config
from badminima.data.augmentation import flip_labels
from badminima.experiment.runs import Run
from badminima.experiment.settings import TrainSettings
from badminima.training.gradients import clip
from badminima.training.optimizer import Optimizer, learning_rate, rate_of_step
from tests.configs import overlay, raw_config

LABELS = torch.arange(10).repeat(1000)


def test_flipped_labels_are_evenly_spread_over_the_other_classes_and_drawn_anew_for_each_epoch():
    flipped = flip_labels(LABELS, 10, 0.2, seed=1)
    changed = flipped != LABELS
    assert changed.float().mean() == pytest.approx(0.2, abs=0.015)
    steps = torch.bincount((flipped - LABELS)[changed] % 10, minlength=10)
    assert steps[1:].min() > 150
    assert (flipped.min(), flipped.max()) == (0, 9)
    assert torch.equal(flip_labels(LABELS, 10, 0.2, seed=1), flipped)
    again = flip_labels(LABELS, 10, 0.2, seed=2) != LABELS
    assert (changed & again).float().mean() == pytest.approx(0.04, abs=0.01)


def test_clipping_is_that_of_torch():
    torch.manual_seed(0)
    ours, theirs = (nn.Linear(5, 3) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    images, labels = torch.randn(20, 5), torch.randint(3, (20,))
    for limit in (0.01, 0.1, 100.0):
        parameters = list(ours.parameters())
        gradients = torch.autograd.grad(cross_entropy(ours(images), labels), parameters)
        Optimizer(parameters, RecipeConfig()).step(clip(gradients, limit), torch.tensor(0.5))
        theirs.zero_grad()
        cross_entropy(theirs(images), labels).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), limit)
        with torch.no_grad():
            for parameter in theirs.parameters():
                parameter -= 0.5 * parameter.grad
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other)


def torchs_cosine(steps: int) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    rates = []
    for _ in range(steps):
        rates += scheduler.get_last_lr()
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ({}, [1, 1, 0.1, 0.1]),
        ({"learning_rate_scale": 10}, [10, 10, 1, 1]),
        ({"schedule": "constant"}, [1, 1, 1, 1]),
        ({"schedule": "cosine"}, torchs_cosine(4)),
    ],
)
def test_schedules_go_by_steps_by_a_cosine_or_not_at_all(recipe, expected):
    phase, recipe = OptimizationConfig(epochs=4, milestones=[2], learning_rate=1.0), RecipeConfig(**recipe)
    assert [learning_rate(phase, recipe, epoch) for epoch in (1, 2, 3, 4)] == pytest.approx(expected)
    # At every step of an epoch; a warm-up multiplies them.
    rates = [rate_of_step(phase, recipe, step, 3) for step in range(12)]
    assert rates == pytest.approx([rate for rate in expected for _ in range(3)])
    warmed = [rate_of_step(phase.model_copy(update={"warmup": 0.25}), recipe, step, 3) for step in range(12)]
    assert warmed == pytest.approx([0.0, 0.5 * rates[1], *rates[2:]])


def published_rates(first: float, warmup: int, steps: int) -> list[float]:
    """Lightning Bolts' LinearWarmupCosineAnnealingLR from 0 to 0, step after step, each from the one before."""
    rates, span = [0.0], steps - warmup
    for step in range(1, steps):
        if step < warmup:
            rates.append(rates[-1] + first / (warmup - 1))
        elif step == warmup:
            rates.append(first)
        else:
            now, before = (1 + math.cos(math.pi * (step - warmup - late) / span) for late in (0, 1))
            rates.append(now / before * rates[-1])
    return rates


def test_the_cosine_per_step_after_a_warmup_is_that_of_the_published_code():
    phase = OptimizationConfig(epochs=10, learning_rate=0.5, decay="cosine_per_step", warmup=0.1)
    for recipe, batches in (({}, 20), ({"learning_rate_scale": 3.0}, 20), ({"full_batch": True, "epochs": 200}, 7)):
        recipe = RecipeConfig(**recipe)
        rates = [rate_of_step(phase.with_recipe(recipe), recipe, step, batches) for step in range(200)]
        assert rates == pytest.approx(published_rates(0.5 * recipe.learning_rate_scale, 20, 200), abs=1e-12)


def test_the_cosine_per_step_is_torchs_where_there_is_no_warmup_and_a_recipes_own_schedule_counts_before_it():
    phase = OptimizationConfig(epochs=3, learning_rate=1.0, decay="cosine_per_step")
    assert [rate_of_step(phase, RecipeConfig(), step, 5) for step in range(15)] == pytest.approx(torchs_cosine(15))
    assert rate_of_step(phase, RecipeConfig(schedule="constant"), 11, 5) == 1.0


def test_one_step_is_left_however_long_the_warmup_is():
    long = OptimizationConfig(epochs=1, learning_rate=1.0, decay="cosine_per_step", warmup=0.99)
    assert [rate_of_step(long, RecipeConfig(), step, 3) for step in range(3)] == [0.0, 1.0, 1.0]


def test_a_recipes_own_epochs_and_batches_take_the_place_of_the_phases_in_training_alone():
    raw = overlay(raw_config(), {"recipes": {"short": {"epochs": 35, "batch_size": 7}}})
    config = load_config(overlay(raw, {"studies": {"scale": {"recipes": ["short", "vanilla"]}}}))
    own, plain = (
        TrainSettings.of(config, Run("cifar10", "vgg16", "adversarial", recipe, 0)) for recipe in ("short", "vanilla")
    )
    assert plain.optimization == config.training
    changed = {"epochs": 35, "batch_size": 7, "milestones": [15, 25], "evaluate_every": 1}
    assert own.optimization == config.training.model_copy(update=changed)
    assert (own.batch_size_key, plain.batch_size_key) == ("recipes.short.batch_size", "training.batch_size")
    assert TrainSettings.of_pretraining(config, "cifar10", "vgg16", "adversarial", 0).optimization == config.pretraining


def test_milestones_keep_their_share_of_the_epochs():
    phase = OptimizationConfig(epochs=350, milestones=[150, 250], evaluate_every=5)
    longer, shorter, two = (phase.with_recipe(RecipeConfig(epochs=epochs)) for epochs in (700, 175, 2))
    assert (longer.milestones, longer.evaluate_every) == ([300, 500], 10)
    assert (shorter.milestones, shorter.evaluate_every) == ([75, 125], 2)
    assert (two.milestones, two.evaluate_every) == ([1, 1], 1)
    assert learning_rate(two, RecipeConfig(), 2) == pytest.approx(0.001)
    assert phase.with_recipe(RecipeConfig()) == phase
