"""Ways to escape beside the paper's three: label noise, label smoothing, gradient clipping, schedules."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from badminima.config import OptimizationConfig, RecipeConfig
from badminima.data.batches import flip_labels
from badminima.errors import UserError
from badminima.loading import load_config
from badminima.training.gradients import clip
from badminima.training.optimizer import SGD, learning_rate
from tests.unit.test_config import overlay, raw_config

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
        SGD(parameters, RecipeConfig()).step(clip(gradients, limit), 0.5)
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
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    expected = []
    for _ in range(4):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates("cosine") == pytest.approx(expected)


@pytest.mark.parametrize("change", [{"label_noise": 0.1}, {"schedule": "cosine"}, {"gradient_clipping": 1.0}])
def test_the_papers_names_stay_the_papers_recipes(change):
    with pytest.raises(UserError, match="choose another name"):
        load_config(overlay(raw_config(), {"recipes": {"vanilla": change}}))
