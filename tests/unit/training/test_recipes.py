"""Recipes: their names, what they cannot combine, label noise, gradient clipping, schedules."""

import math
import re

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from badminima.config import OptimizationConfig, RecipeConfig
from badminima.config.load import load_config
from badminima.data.augmentation import flip_labels
from badminima.errors import UserError
from badminima.experiment.runs import Run
from badminima.experiment.settings import TrainSettings
from badminima.training.gradients import clip
from badminima.training.optimizer import SGD, learning_rate, rate_of_step
from tests.configs import overlay, raw_config

LABELS = torch.arange(10).repeat(1000)


def test_flipped_labels_are_evenly_spread_over_the_other_classes():
    flipped = flip_labels(LABELS, 10, 0.2, seed=1)
    changed = flipped != LABELS
    assert changed.float().mean() == pytest.approx(0.2, abs=0.015)
    steps = torch.bincount((flipped - LABELS)[changed] % 10, minlength=10)
    assert steps[0] == 0
    assert steps[1:].min() > 150
    assert flipped.min() == 0
    assert flipped.max() == 9


def test_label_noise_is_drawn_anew_for_each_epoch_and_repeats_itself():
    assert torch.equal(flip_labels(LABELS, 10, 0.2, seed=1), flip_labels(LABELS, 10, 0.2, seed=1))
    first, second = (flip_labels(LABELS, 10, 0.2, seed) != LABELS for seed in (1, 2))
    assert (first & second).float().mean() == pytest.approx(0.04, abs=0.01)
    assert torch.equal(flip_labels(LABELS, 10, 0.0, seed=1), LABELS)


def test_clipping_is_that_of_torch():
    torch.manual_seed(0)
    ours, theirs = (nn.Linear(5, 3) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    images, labels = torch.randn(20, 5), torch.randint(3, (20,))
    for limit in (0.01, 0.1, 100.0):
        parameters = list(ours.parameters())
        gradients = torch.autograd.grad(cross_entropy(ours(images), labels), parameters)
        SGD(parameters, RecipeConfig()).step(clip(gradients, limit), torch.tensor(0.5))
        theirs.zero_grad()
        cross_entropy(theirs(images), labels).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), limit)
        with torch.no_grad():
            for parameter in theirs.parameters():
                parameter -= 0.5 * parameter.grad
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other)


def test_schedules_go_by_steps_by_a_cosine_or_not_at_all():
    phase = OptimizationConfig(epochs=4, milestones=[2], learning_rate=1.0)

    def rates(schedule):
        return [learning_rate(phase, RecipeConfig(schedule=schedule), epoch) for epoch in (1, 2, 3, 4)]

    assert rates("steps") == pytest.approx([1, 1, 0.1, 0.1])
    assert rates("constant") == [1, 1, 1, 1]
    assert learning_rate(phase, RecipeConfig(learning_rate_scale=10), 3) == pytest.approx(1)
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    expected = []
    for _ in range(4):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates("cosine") == pytest.approx(expected)


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


def test_the_cosine_per_step_is_torchs_where_there_is_no_warmup():
    phase = OptimizationConfig(epochs=3, learning_rate=1.0, decay="cosine_per_step")
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=15)
    for step in range(15):
        assert rate_of_step(phase, RecipeConfig(), step, 5) == pytest.approx(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()


def test_rates_by_epochs_are_the_same_at_every_step_of_an_epoch_and_a_warmup_multiplies_them():
    phase = OptimizationConfig(epochs=4, milestones=[2], learning_rate=1.0)
    warmed = phase.model_copy(update={"warmup": 0.25})
    for schedule in ("steps", "cosine", "constant"):
        recipe = RecipeConfig(schedule=schedule)
        rates = [rate_of_step(phase, recipe, step, 3) for step in range(12)]
        assert rates == [learning_rate(phase, recipe, epoch) for epoch in (1, 2, 3, 4) for _ in range(3)]
        assert [rate_of_step(warmed, recipe, step, 3) for step in range(12)] == [0.0, 0.5, 1.0, *rates[3:]]
    # One step is left, however long the warm-up is.
    long = OptimizationConfig(epochs=1, learning_rate=1.0, decay="cosine_per_step", warmup=0.99)
    assert [rate_of_step(long, RecipeConfig(), step, 3) for step in range(3)] == [0.0, 1.0, 1.0]
    # A recipe with a schedule of its own keeps it.
    cosine = phase.model_copy(update={"decay": "cosine_per_step"})
    assert rate_of_step(cosine, RecipeConfig(schedule="constant"), 11, 3) == 1.0


# A value other than the default for every field that the paper's names do not speak of.
OTHERS = {
    "weight_decay_of": "readout",
    "keep_norms": True,
    "learning_rate_scale": 10.0,
    "label_noise": 0.1,
    "label_smoothing": 0.1,
    "gradient_clipping": 1.0,
    "schedule": "cosine",
    "dropout": 0.5,
    "mixup": 0.4,
    "cutmix": 1.0,
    "sam": 0.05,
    "optimizer": "adamw",
    "ema": 0.99,
    "shrink": 0.5,
    "perturb": 0.1,
    "full_batch": True,
    "batch_size": 16,
    "epochs": 3,
}


def test_every_field_of_a_recipe_is_in_one_of_the_lists():
    assert set(OTHERS) == set(RecipeConfig.model_fields) - {"augmentation", "momentum", "weight_decay"}


@pytest.mark.parametrize("field", OTHERS)
@pytest.mark.parametrize("name", ["vanilla", "da+l2"])
def test_the_papers_names_stay_the_papers_recipes(field, name):
    change = {field: OTHERS[field]}
    with pytest.raises(UserError, match=f"recipes.{re.escape(name)}: found .*{field}.*choose another name"):
        load_config(overlay(raw_config(), {"recipes": {name: change}}))
    load_config(overlay(raw_config(), {"recipes": {"mine": change}}))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"mixup": 0.4, "cutmix": 1.0}, "recipes.mine: found mixup and cutmix; expected one of the two"),
        ({"optimizer": "adam", "momentum": 0.9}, "recipes.mine.momentum: found 0.9; adam has momentum of its own"),
        ({"optimizer": "adamw", "momentum": 0.5}, "recipes.mine.momentum: found 0.5; adamw has momentum of its own"),
        ({"optimizer": "lbfgs"}, "recipes.mine.optimizer: found 'lbfgs'; allowed: sgd, adam, adamw"),
        (
            {"optimizer": "adamw", "weight_decay_of": "hidden"},
            "recipes.mine.weight_decay_of: found 'hidden'; adamw decays all weights",
        ),
        ({"dropout": 1}, "recipes.mine.dropout: found 1; allowed: a number >= 0 and < 1"),
        ({"mixup": 0}, "recipes.mine.mixup: found 0; allowed: a number > 0 or null"),
        ({"sam": -1}, "recipes.mine.sam: found -1; allowed: a number > 0 or null"),
        ({"ema": 1.0}, "recipes.mine.ema: found 1.0; allowed: a number > 0 and < 1 or null"),
        ({"shrink": 0}, "recipes.mine.shrink: found 0; allowed: a number > 0 and <= 1"),
        ({"shrink": 1.1}, "recipes.mine.shrink: found 1.1; allowed: a number > 0 and <= 1"),
        ({"perturb": -0.1}, "recipes.mine.perturb: found -0.1; allowed: a number >= 0"),
        ({"batch_size": 0}, "recipes.mine.batch_size: found 0; allowed: a whole number >= 1 or null"),
        ({"epochs": 1.5}, "recipes.mine.epochs: found 1.5; allowed: a whole number >= 1 or null"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(recipe, message):
    with pytest.raises(UserError) as error:
        load_config(overlay(raw_config(), {"recipes": {"mine": recipe}}))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


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
