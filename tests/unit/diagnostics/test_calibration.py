"""Calibration against known cases and the probabilities themselves."""

import numpy as np
import pytest
import torch

from badminima.diagnostics.calibration import measure, reliability_of


def test_bins_done_by_hand():
    found = reliability_of(np.array([0.5, 0.51, 0.7, 1.0]), np.array([True, False, True, True]), 4)
    assert found == {0.5: (0.25, 0.5, 1.0), 0.75: (0.5, pytest.approx(0.605), 0.5), 1.0: (0.25, 1.0, 1.0)}


def test_the_numbers_of_a_run_are_those_of_its_probabilities(run_context):
    context = run_context(steps=100, images=300)
    found = measure(context)
    logits, labels = context.network.logits(context.test.images).double(), context.test.labels
    probabilities = logits.softmax(1)
    squares = (probabilities - torch.eye(10)[labels]).square().sum(1)
    assert found["calibration.brier"] == pytest.approx(float(squares.mean()))
    assert found["calibration.brier_se"] == pytest.approx(float(squares.std() / 300**0.5))
    top, answers = probabilities.max(1)
    over = float(top.mean() - (answers == labels).double().mean())
    assert found["calibration.overconfidence"] == pytest.approx(over)
    bins = [
        [found[f"calibration.{part}@{name.partition('@')[2]}"] for part in ("share", "confidence", "accuracy")]
        for name in found
        if name.startswith("calibration.share@")
    ]
    shares, confidences, accuracies = np.array(bins).T
    assert shares.sum() == pytest.approx(1)
    assert found["calibration.ece"] == pytest.approx((shares * abs(confidences - accuracies)).sum())
