"""Measurements with known answers."""

import numpy as np
import pytest

from badminima.diagnostics.context import Context
from badminima.diagnostics.diagnose import diagnose
from badminima.diagnostics.weights import angle
from badminima.models.weights import Weights
from tests.unit.diagnostics.conftest import diagnose_settings


def weights(first, second, running_mean=0.0) -> Weights:
    parameters = {"a": np.array(first, dtype=np.float32), "b": np.array(second, dtype=np.float32)}
    return Weights(parameters, {"running_mean": np.array([running_mean])})


def measured(start: Weights, end: Weights, names: list[str], random: Weights | None = None) -> dict[str, float]:
    return diagnose(Context(diagnose_settings(), start, end, random), names).values


def test_distance_of_a_case_computed_by_hand():
    # Start (3, 4 | 0), end (3, 4 | 12): moved by 12, from a norm of 5 to one of 13, by the angle of cosine 5/13.
    found = measured(weights([3, 4], [0]), weights([3, 4], [12]), ["distance", "norms"])
    assert found["distance.total"] == pytest.approx(12)
    assert found["distance.relative"] == pytest.approx(12 / 5)
    assert found["distance.angle"] == pytest.approx(np.degrees(np.arccos(5 / 13)))
    assert found["norm.start"] == pytest.approx(5)
    assert found["norm.end"] == pytest.approx(13)
    assert found["distance.total@a"] == 0
    assert found["distance.total@b"] == pytest.approx(12)
    assert np.isnan(found["distance.relative@b"])
    assert found["norm.end@b"] == pytest.approx(12)


def test_distances_from_the_random_weights_behind_the_start():
    # From the origin's neighbour (0, 0 | 1) to (3, 4 | 1) it is 5, on to (3, 4 | 13) it is 13 from there.
    found = measured(weights([3, 4], [1]), weights([3, 4], [13]), ["distance"], weights([0, 0], [1]))
    assert found["distance.random_to_start"] == pytest.approx(5)
    assert found["distance.random_to_end"] == pytest.approx(13)
    assert found["distance.random_to_end_relative"] == pytest.approx(13)
    assert found["distance.cosine"] == pytest.approx((25 + 13) / np.sqrt(26 * (25 + 169)))


def test_batchnorm_statistics_do_not_count():
    found = measured(weights([1], [2], running_mean=0), weights([1], [2], running_mean=9), ["distance"])
    assert found["distance.total"] == 0


@pytest.mark.parametrize("degrees", [0, 1e-6, 1, 90, 179, 180])
def test_angles_from_tiny_to_straight(degrees):
    turned = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    assert angle(np.array([2.0, 0.0]), 7 * turned) == pytest.approx(degrees, rel=1e-6, abs=1e-12)


def test_weights_that_are_not_finite_are_measured_as_nan():
    found = measured(weights([1], [2]), weights([np.inf], [2]), ["distance", "norms"])
    assert np.isnan(found["distance.angle"])
    assert not np.isfinite(found["distance.total"])
