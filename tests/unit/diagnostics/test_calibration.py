"""Calibration against scikit-learn and known cases."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from badminima.diagnostics.calibration import measure, reliability_of
from badminima.diagnostics.context import Context, Skipped
from badminima.models.weights import Weights


def test_bins_done_by_hand():
    found = reliability_of(np.array([0.5, 0.51, 0.7, 1.0]), np.array([True, False, True, True]), 4)
    assert found == {0.5: (0.25, 0.5, 1.0), 0.75: (0.5, pytest.approx(0.605), 0.5), 1.0: (0.25, 1.0, 1.0)}


@given(st.lists(st.tuples(st.floats(0.01, 0.999), st.booleans()), min_size=1), st.integers(2, 20))
def test_bins_are_those_of_scikit_learn(answers, bins):
    confidence, right = (np.array(values) for values in zip(*answers, strict=True))
    accuracies, means = calibration_curve(right, confidence, n_bins=bins)
    found = reliability_of(confidence, right, bins)
    assert [values[1] for values in found.values()] == pytest.approx(list(means))
    assert [values[2] for values in found.values()] == pytest.approx(list(accuracies))
    assert sum(values[0] for values in found.values()) == pytest.approx(1)


def test_a_network_that_answers_by_its_own_probabilities_is_calibrated(rng):
    confidence = rng.uniform(0.1, 1, 100_000)
    found = reliability_of(confidence, rng.random(100_000) < confidence, 15)
    assert sum(share * abs(mean - accuracy) for share, mean, accuracy in found.values()) < 0.01


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
    # The mean of the bins' gaps is at least the gap of the means.
    assert abs(over) <= found["calibration.ece"] <= 1
    shares = {name: value for name, value in found.items() if name.startswith("calibration.share@")}
    assert sum(shares.values()) == pytest.approx(1)


def test_sharper_logits_make_a_network_surer_and_no_better(run_context):
    context = run_context(steps=100, images=300)
    sharp = {name: 3 * array if name.startswith("5.") else array for name, array in context.end.parameters.items()}
    assert sharp.keys() == context.end.parameters.keys()
    other = Context(context.settings, context.start, Weights(sharp, {}), dataset=context.dataset)
    plain, surer = measure(context), measure(other)
    assert surer["calibration.overconfidence"] > plain["calibration.overconfidence"] + 0.02


def test_logits_that_are_not_finite_are_no_measurement(run_context):
    context = run_context(steps=0)
    huge = {name: array * np.float32(1e30) for name, array in context.end.parameters.items()}
    with pytest.raises(Skipped, match="not finite"):
        measure(Context(context.settings, context.start, Weights(huge, {}), dataset=context.dataset))
