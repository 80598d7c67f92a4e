"""Measurements share a context, and one that fails costs no other."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from badminima.config.options import TraceOptions
from badminima.data.items import make_items, network_inputs
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.diagnose import diagnose
from badminima.errors import UserError
from badminima.models.weights import Weights


def test_the_network_and_its_samples_are_those_of_the_run(run_context, digits_on_torch):
    context = run_context(steps=100, images=50)
    assert len(context.train) == 50
    loss = cross_entropy(context.network.logits(context.train.images), context.train.labels)
    assert loss < 0.5
    pixels = context.train.pixels()
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    torch.testing.assert_close(context.train.normalize(pixels), context.train.images)
    again = run_context(steps=100, images=50).train
    assert torch.equal(again.images, context.train.images)
    assert len(run_context(images=10**6).test) == len(digits_on_torch.test_labels)


def test_trainings_measurements_and_users_normalize_to_the_same_bits(run_context, digits_on_torch):
    images, labels = digits_on_torch.train_images[:50], digits_on_torch.train_labels[:50]
    items = make_items(digits_on_torch, images, labels, torch.device("cpu"))
    ((trained, _),) = items.batches(torch.arange(50), 50)
    assert torch.equal(trained, run_context().sample(images, labels).images)
    assert torch.equal(trained, network_inputs(images, digits_on_torch.mean, digits_on_torch.std))


@pytest.mark.parametrize(
    ("failure", "kind", "reason"),
    [
        (Skipped("no pretraining"), "skipped", "no pretraining"),
        (RuntimeError("out of\n memory"), "failed", "RuntimeError: out of memory"),
    ],
)
def test_a_measurement_that_fails_costs_its_own_numbers_alone(run_context, monkeypatch, failure, kind, reason):
    def fail(context):
        raise failure

    monkeypatch.setattr("badminima.diagnostics.units.measure", fail)
    measured = diagnose(run_context(), ["units", "norms"])
    assert getattr(measured, kind) == {"units": reason}
    assert len(measured.skipped) + len(measured.failed) == 1
    assert "norm.end" in measured.values
    assert set(measured.seconds) == {"units", "norms"}


def test_a_diverged_run_is_measured_where_that_means_something(run_context):
    context = run_context(steps=0)
    infinite = {name: array * np.inf for name, array in context.end.parameters.items()}
    context = Context(context.settings, context.start, Weights(infinite, {}), dataset=context.dataset)
    measured = diagnose(context, ["norms", "units"])
    assert measured.skipped == {"units": "the run's weights are not finite"}
    assert "norm.start" in measured.values


def test_without_data_only_weights_are_measured(run_context):
    context = run_context(steps=0)
    measured = diagnose(Context(context.settings, context.start, context.end), ["distance", "units"])
    assert measured.skipped == {"units": "no prepared dataset was given"}
    assert measured.values["distance.total"] == 0


def test_options_have_defaults_and_are_checked(run_context):
    assert run_context(trace={"draws": 3}).options("trace", TraceOptions) == TraceOptions(draws=3)
    with pytest.raises(UserError, match=r"measuring\.options\.trace\.draws: found 0; allowed: a whole number >= 2"):
        run_context(trace={"draws": 0}).options("trace", TraceOptions)
