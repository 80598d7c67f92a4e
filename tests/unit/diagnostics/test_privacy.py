"""Membership inference against scikit-learn and known cases."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve
from torch.nn.functional import cross_entropy

from badminima.diagnostics import privacy
from badminima.diagnostics.privacy import bootstrap, losses, measure, separation
from tests.unit.diagnostics.conftest import generator


def of_sklearn(members: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    member = np.repeat([1, 0], [len(members), len(others)])
    scores = -np.concatenate([members, others])
    false, true, _ = roc_curve(member, scores, drop_intermediate=False)
    return float(roc_auc_score(member, scores)), float((true - false).max())


@pytest.mark.parametrize(("sizes", "distinct"), [((50, 50), 10**9), ((40, 70), 5), ((1, 1), 3), ((300, 20), 40)])
def test_auc_and_advantage_are_those_of_scikit_learn(rng, sizes, distinct):
    # Few distinct losses: many ties within and between the groups.
    members, others = (rng.integers(distinct, size=size) / distinct for size in sizes)
    assert separation(members, others) == pytest.approx(of_sklearn(members, others), abs=1e-12)


def test_each_resample_is_judged_like_a_set_of_its_own(rng, monkeypatch):
    monkeypatch.setattr(privacy, "CHUNK", 3)
    members, others = rng.integers(20, size=30) / 20, rng.integers(5, 25, size=40) / 20
    found = bootstrap(members, others, 7, generator())
    draw, expected = generator(), []
    for rows in (3, 3, 1):
        drawn = [torch.randint(len(part), (rows, len(part)), generator=draw).numpy() for part in (members, others)]
        expected += [of_sklearn(members[a], others[b]) for a, b in zip(*drawn, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_losses_are_cross_entropies_that_do_not_round_to_zero():
    draw = generator()
    logits, labels = 3 * torch.randn(50, 10, generator=draw), torch.randint(10, (50,), generator=draw)
    expected = cross_entropy(logits.double(), labels, reduction="none")
    np.testing.assert_allclose(losses(logits, labels), expected, rtol=1e-12)
    sure = torch.tensor([[60.0, 0.0], [70.0, 0.0], [0.0, 60.0]])
    # cross_entropy gives 0 for both of the first two.
    np.testing.assert_allclose(losses(sure, torch.zeros(3, dtype=torch.int64)), [np.exp(-60), np.exp(-70), 60])


def test_members_and_others_are_compared_in_equal_numbers(run_context):
    context = run_context(steps=300, images=300, privacy={"resamples": 200})
    found = measure(context)
    # 120 training images exist; the test sample has 300.
    kept = torch.arange(120) * 300 // 120
    images, labels = context.test.images[kept], context.test.labels[kept]
    members = losses(context.network.logits(context.train.images), context.train.labels)
    others = losses(context.network.logits(images), labels)
    auc, advantage = of_sklearn(members, others)
    assert found["privacy.auc"] == pytest.approx(auc)
    assert found["privacy.advantage"] == pytest.approx(advantage)
    assert found["privacy.loss_gap"] == pytest.approx(float(others.mean() - members.mean()))
    drawn = bootstrap(members, others, 200, context.generator("privacy"))
    for place, name in enumerate(("privacy.auc", "privacy.advantage")):
        interval = [found[f"{name}_low"], found[f"{name}_high"]]
        assert interval == pytest.approx(np.quantile(drawn[:, place], [0.025, 0.975]))
