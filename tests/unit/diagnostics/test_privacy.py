"""Membership inference against scikit-learn and known cases."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve
from torch.nn.functional import cross_entropy

from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.privacy import bootstrap, losses, measure, separation
from badminima.models.weights import Weights


def of_sklearn(members: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    member = np.repeat([1, 0], [len(members), len(others)])
    scores = -np.concatenate([members, others])
    false, true, _ = roc_curve(member, scores, drop_intermediate=False)
    return float(roc_auc_score(member, scores)), float((true - false).max())


@pytest.mark.parametrize(("sizes", "distinct"), [((50, 50), 10**9), ((40, 70), 5), ((1, 1), 3), ((300, 20), 40)])
def test_auc_and_advantage_are_those_of_scikit_learn(rng, sizes, distinct):
    for _ in range(5):
        # Few distinct losses: many ties within and between the groups.
        members, others = (rng.integers(distinct, size=size) / distinct for size in sizes)
        assert separation(members, others) == pytest.approx(of_sklearn(members, others), abs=1e-12)


@pytest.mark.parametrize(
    ("members", "others", "expected"),
    [([1, 2], [3, 4], (1, 1)), ([3, 4], [1, 2], (0, 0)), ([1, 1], [1, 1], (0.5, 0)), ([1, 3], [2, 3], (0.625, 0.5))],
)
def test_separation_of_cases_done_by_hand(members, others, expected):
    assert separation(np.array(members, float), np.array(others, float)) == pytest.approx(expected)


def test_each_resample_is_judged_like_a_set_of_its_own(rng):
    members, others = rng.integers(20, size=30) / 20, rng.integers(5, 25, size=40) / 20
    found = bootstrap(members, others, 7, torch.Generator().manual_seed(0))
    draw = torch.Generator().manual_seed(0)
    drawn = [torch.randint(len(part), (7, len(part)), generator=draw).numpy() for part in (members, others)]
    expected = [of_sklearn(members[a], others[b]) for a, b in zip(*drawn, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_bootstrap_has_the_spread_of_the_rank_sum_statistic(rng):
    # Without any difference the variance of the AUC is (n + m + 1) / (12 n m); 250 resamples: three chunks.
    members, others = rng.random((2, 300))
    found = bootstrap(members, others, 250, torch.Generator().manual_seed(0))
    assert found.shape == (250, 2)
    assert found[:, 0].std() == pytest.approx(np.sqrt(601 / (12 * 300 * 300)), rel=0.15)
    assert found[:, 0].mean() == pytest.approx(separation(members, others)[0], abs=0.005)
    assert len(np.unique(found[:, 0])) > 240


def test_losses_are_cross_entropies_that_do_not_round_to_zero():
    generator = torch.Generator().manual_seed(0)
    logits, labels = 3 * torch.randn(50, 10, generator=generator), torch.randint(10, (50,), generator=generator)
    expected = cross_entropy(logits.double(), labels, reduction="none")
    np.testing.assert_allclose(losses(logits, labels), expected, rtol=1e-12)
    sure = torch.tensor([[60.0, 0.0], [70.0, 0.0], [0.0, 60.0]])
    # cross_entropy gives 0 for both of the first two.
    np.testing.assert_allclose(losses(sure, torch.zeros(3, dtype=torch.int64)), [np.exp(-60), np.exp(-70), 60])


def test_members_and_others_are_compared_in_equal_numbers(run_context):
    context = run_context(steps=300, images=300)
    found = measure(context)
    # 120 training images exist; the test sample has 300.
    kept = torch.arange(120) * 300 // 120
    images, labels = context.test.images[kept], context.test.labels[kept]
    members = cross_entropy(
        context.network.logits(context.train.images).double(), context.train.labels, reduction="none"
    )
    others = cross_entropy(context.network.logits(images).double(), labels, reduction="none")
    auc, advantage = of_sklearn(members.numpy(), others.numpy())
    assert found["privacy.auc"] == pytest.approx(auc)
    assert found["privacy.advantage"] == pytest.approx(advantage)
    assert found["privacy.loss_gap"] == pytest.approx(float(others.mean() - members.mean()))
    assert found["privacy.loss_gap"] > 0.1
    assert 0.5 < found["privacy.auc_low"] < found["privacy.auc"] < found["privacy.auc_high"] < 1
    assert 0 < found["privacy.advantage_low"] < found["privacy.advantage"] < found["privacy.advantage_high"] < 1
    assert measure(run_context(steps=300, images=300)) == found


def test_an_untrained_network_gives_nothing_away(run_context):
    found = measure(run_context(steps=0, images=300, privacy={"resamples": 200}))
    assert found["privacy.auc_low"] < 0.5 < found["privacy.auc_high"]
    assert found["privacy.auc_high"] - found["privacy.auc_low"] == pytest.approx(
        4 * np.sqrt(241 / (12 * 120**2)), rel=0.2
    )


def test_losses_that_are_not_finite_are_no_measurement(run_context):
    context = run_context(steps=0)
    huge = {name: array * np.float32(1e30) for name, array in context.end.parameters.items()}
    with pytest.raises(Skipped, match="not finite"):
        measure(Context(context.settings, context.start, Weights(huge, {}), dataset=context.dataset))
