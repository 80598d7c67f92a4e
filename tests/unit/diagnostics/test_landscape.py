"""The loss around a run, on networks whose losses are known."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from torch.nn.functional import cross_entropy

from badminima.diagnostics.context import Skipped
from badminima.diagnostics.landscape import landscape
from badminima.models.weights import Weights
from tests.unit.diagnostics.conftest import scaled

OPTIONS = {"path": 3, "plane": 3, "margin": 0.5}


@pytest.fixture
def context(run_context):
    """A run whose start is a scaled copy of its random weights."""
    found = run_context(images=60, landscape=OPTIONS)
    doubled = {name: 2 * array + 0.1 for name, array in found.start.parameters.items()}
    return replace(found, random=found.start, start=Weights(doubled, found.start.buffers))


def rows(context, kind):
    return [row for row in landscape(context) if row["kind"] == kind]


def test_the_three_points_have_the_losses_of_their_weights_and_the_distances_between_them(context):
    weights = {"random": context.random, "start": context.start, "end": context.end}
    points = {kind: rows(context, kind)[0] for kind in weights}
    for kind, each in weights.items():
        network = replace(context, end=each).network
        loss = cross_entropy(network.logits(context.train.images), context.train.labels)
        assert points[kind]["train_loss"] == pytest.approx(float(loss), rel=1e-4)
    for one, other in combinations(weights, 2):
        apart = np.hypot(points[one]["x"] - points[other]["x"], points[one]["y"] - points[other]["y"])
        assert apart == pytest.approx(np.linalg.norm(weights[one].vector() - weights[other].vector()), rel=1e-6)


def test_the_path_passes_through_the_three_and_the_plane_covers_them(context):
    path = rows(context, "path")
    assert [row["position"] for row in path] == [0, 0.5, 1, 1.5, 2]
    for index, kind in ((0, "random"), (2, "start"), (4, "end")):
        assert path[index]["train_loss"] == pytest.approx(rows(context, kind)[0]["train_loss"])
    plane, end = rows(context, "plane"), rows(context, "end")[0]
    assert len(plane) == 9
    assert min(row["y"] for row in plane) == pytest.approx(-0.5 * end["y"])
    assert max(row["y"] for row in plane) == pytest.approx(1.5 * end["y"])


def test_three_points_on_a_line_and_a_run_without_pretraining_have_no_plane(context):
    with pytest.raises(Skipped, match="did not start from a pretraining"):
        list(landscape(replace(context, random=None)))
    between = {name: (array + context.end.parameters[name]) / 2 for name, array in context.random.parameters.items()}
    on_a_line = replace(context, start=Weights(between, context.end.buffers))
    with pytest.raises(Skipped, match="on one line"):
        list(landscape(on_a_line))


def test_weights_that_are_not_finite_have_no_surroundings(context):
    with pytest.raises(Skipped, match="not finite"):
        list(landscape(scaled(context, np.nan)))
