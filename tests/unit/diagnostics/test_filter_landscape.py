"""Lines along filter-normalized directions, on networks whose losses are known."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from badminima.diagnostics.filter_landscape import filter_direction, measure
from tests.unit.diagnostics.conftest import scaled

OPTIONS = {"directions": 2, "points": 5, "radius": 0.5}


@pytest.fixture
def context(run_context):
    return run_context(steps=30, images=60, filter_landscape=OPTIONS)


def lines(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if name.startswith("filter_landscape.loss@")}


def test_filters_of_a_direction_have_the_norms_of_the_network_and_nothing_else_moves():
    draws = torch.Generator().manual_seed(0)
    weights = [torch.randn(4, 3, 2, 2, generator=draws), torch.randn(5, 7, generator=draws), torch.ones(6)]
    weights[1][2] = 0
    kernels, matrix, bias = filter_direction(weights, draws)
    assert torch.allclose(kernels.flatten(1).norm(dim=1), weights[0].flatten(1).norm(dim=1))
    assert torch.allclose(matrix.norm(dim=1), weights[1].norm(dim=1))
    assert not torch.allclose(kernels, weights[0])
    assert not matrix[2].any()
    assert not bias.any()


def test_a_line_passes_through_the_end_and_the_numbers_are_its_means(context):
    found = measure(context)
    loss = float(cross_entropy(context.network.logits(context.train.images), context.train.labels))
    assert len(lines(found)) == 10
    assert found["filter_landscape.loss@1:0"] == found["filter_landscape.loss@2:0"] == pytest.approx(loss)
    assert found["filter_landscape.rise"] == pytest.approx(sum(lines(found).values()) / 10 - loss)


def test_a_layer_times_a_factor_and_the_next_divided_by_it_leave_the_lines_as_they_are(context):
    assert list(context.end.parameters)[:3] == ["1.weight", "1.bias", "3.weight"]
    other = scaled(scaled(context, 10, "1.weight", "1.bias"), 0.1, "3.weight")
    assert lines(measure(other)) == pytest.approx(lines(measure(context)), rel=1e-3)


def test_a_network_without_a_last_layer_is_flat(context):
    assert list(context.end.parameters)[-2:] == ["5.weight", "5.bias"]
    found = measure(scaled(context, 0, "5.weight", "5.bias"))
    assert list(lines(found).values()) == pytest.approx([math.log(10)] * 10)


def test_weights_that_overflow_leave_out_points_and_have_no_rise(context):
    found = measure(scaled(context, 1e20))
    assert not lines(found)
    assert math.isnan(found["filter_landscape.rise"])
