"""Measure along the toy's runs: autograd's and the digits' numbers, and the table's at the ends."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from badminima.diagnostics import gradients, units, weights
from badminima.diagnostics.hessian import Landscape, as_vector
from badminima.toy.data import draw_data, steps_of
from badminima.toy.data import stack as stack_data
from badminima.toy.experiment import logarithmic
from badminima.toy.measure import KEPT, Derivatives, PathMeter, coherence, hessian_trace
from badminima.toy.network import vectors
from tests.unit.diagnostics.conftest import as_sample, logits_at
from tests.unit.toy.conftest import SMALL, as_torch


@pytest.fixture
def data(stack):
    """The points and labels of the three networks as the data of three seeds."""
    _, points, labels = stack
    of_seeds = stack_data([draw_data(SMALL, 0, seed) for seed in SMALL.seeds])
    return replace(of_seeds, train_points=points, train_labels=labels, random_labels=1 - labels)


@pytest.mark.parametrize(("count", "steps"), [(2, [0, 1000]), (3, [0, 1, 1000]), (5, [0, 1, 10, 100, 1000])])
def test_kept_steps_run_from_the_start_to_the_end_however_few(count, steps):
    assert logarithmic(1000, count).tolist() == steps


def gradients_of(network, values) -> torch.Tensor:
    """The gradient of each of some values by all weights, ``[n, p]``."""
    parts = [torch.autograd.grad(value, network.parameters(), retain_graph=True) for value in values]
    return torch.stack([as_vector(tensors) for tensors in parts])


def test_the_tangent_kernel_and_the_coherence_are_those_of_autograds_gradients(stack):
    layers, points, labels = stack
    found = Derivatives(layers, points)
    for seed in range(3):
        network = as_torch(layers, seed)
        outputs = network(torch.from_numpy(points[seed])).squeeze(1)
        losses = binary_cross_entropy_with_logits(outputs, torch.from_numpy(labels[seed]), reduction="none")
        jacobian, of_losses = gradients_of(network, outputs), gradients_of(network, losses)
        assert found.kernel[seed] == pytest.approx((jacobian @ jacobian.T).numpy(), rel=1e-10)
        expected = gradients.coherence(of_losses @ of_losses.T)
        assert coherence(found.kernel, found.outputs, labels)[seed] == pytest.approx(expected, rel=1e-10)


def test_the_trace_is_that_of_the_hessian_by_double_backward(stack):
    layers, points, labels = stack
    found = Derivatives(layers, points)
    for seed in range(3):
        targets = torch.from_numpy(labels[seed])
        landscape = Landscape(as_torch(layers, seed), as_sample(torch.from_numpy(points[seed]), targets))

        def loss(vector, landscape=landscape, targets=targets):
            return binary_cross_entropy_with_logits(logits_at(landscape, vector).squeeze(1), targets)

        expected = torch.func.hessian(loss)(landscape.end).trace().item()
        assert hessian_trace(found.kernel, found.outputs)[seed] == pytest.approx(expected, rel=1e-10)


def test_the_other_measures_are_the_digits(stack, data):
    layers, points, labels = stack
    start = [layer + 0.1 for layer in layers]
    measured = PathMeter(start, data).measure(layers)
    found, before = Derivatives(layers, points), Derivatives(start, points)
    for seed in range(3):
        kernel, old = torch.from_numpy(found.kernel[seed]), torch.from_numpy(before.kernel[seed])
        one_hot = torch.nn.functional.one_hot(torch.from_numpy(labels[seed]).long()).double()
        watch, features = units.observe(as_torch(layers, seed), [torch.from_numpy(points[seed])])
        first, last = vectors(start)[seed], vectors(layers)[seed]
        expected = {
            "gradients.kernel_alignment": gradients.centered_alignment(kernel, one_hot @ one_hot.T),
            "gradients.kernel_distance": 1 - float((kernel * old).sum() / (kernel.norm() * old.norm())),
            "units.effective_rank": units.effective_rank(units.singular_values(features)),
            "units.dead": float(torch.cat([(highest <= 0).double() for highest in watch.highest.values()]).mean()),
            "norm.end": np.linalg.norm(last),
            "distance.angle": weights.angle(first, last),
        }
        assert {name: measured[name][seed] for name in expected} == pytest.approx(expected, rel=1e-9)
        right = (found.outputs[seed] > 0) == (labels[seed] > 0.5)
        assert measured["train_accuracy"][seed] == right.mean()
        assert measured["memory.confusing_accuracy"][seed] == pytest.approx(1 - right.mean())


def test_points_that_are_fitted_beyond_rounding_still_agree():
    outputs = np.full((1, 4), 50.0)  # of which the sigmoid is 1 in double precision
    assert coherence(np.ones((1, 4, 4)), outputs, np.ones((1, 4))) == pytest.approx([4])


def test_a_network_that_left_the_numbers_has_no_values_and_spoils_no_other(stack, data):
    layers = [layer.copy() for layer in stack[0]]
    meter = PathMeter(layers, data)
    sound = meter.measure(layers)
    layers[1][1] = np.nan
    for name, values in meter.measure(layers).items():
        assert np.isnan(values[1])
        assert values[[0, 2]].tolist() == sound[name][[0, 2]].tolist()


def test_a_path_goes_from_the_runs_start_to_the_row_of_its_network(paths, table):
    for name, run in SMALL.runs.items():
        path = paths[paths["run"] == name]
        steps = path["step"].drop_duplicates().tolist()
        assert steps == sorted(steps)
        assert (steps[0], steps[-1]) == (0, steps_of(SMALL, name))
        assert 0.6 * KEPT < len(steps) <= KEPT
        assert path["epoch"].max() == run.epochs
        start, end = path[path["step"] == 0], path[path["step"] == steps[-1]]
        assert (start[["gradients.kernel_distance", "distance.angle"]].abs() < 1e-12).all(axis=None)
        assert (start["memory.confusing_accuracy"] == 1).all()
        row = table[table["run"] == name]
        same = {"train_accuracy": "train_accuracy", "test_accuracy": "test_accuracy", "norm.end": "norm"}
        same["memory.confusing_accuracy"] = "random_label_accuracy"
        for measure, column in same.items():
            assert end[measure].tolist() == pytest.approx(row[column].tolist(), rel=1e-12)
