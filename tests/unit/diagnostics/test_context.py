"""Measurements share a context, and one that fails costs no other."""

import numpy as np
import pytest
import torch

from badminima.config.options import TraceOptions
from badminima.data.items import make_items, network_inputs
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.diagnose import diagnose
from badminima.errors import UserError
from tests.unit.diagnostics.conftest import scaled


def test_samples_are_those_of_the_run(run_context, digits_on_torch):
    sample = run_context(images=50).train
    assert len(sample) == 50
    pixels = sample.pixels_of(sample.images)
    assert (pixels.min(), pixels.max()) == (0, 1)
    torch.testing.assert_close(sample.normalize(pixels), sample.images)
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
    measured = diagnose(scaled(run_context(steps=0), np.nan), ["norms", "units"])
    assert measured.skipped == {"units": "the run's weights are not finite"}
    assert "norm.start" in measured.values


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sharpness", "the loss is not finite"),
        ("trace", "the loss is not finite"),
        ("privacy", "the loss is not finite"),
        ("calibration", "a logit is not finite"),
        ("gradients", "a gradient is not finite"),
    ],
)
def test_weights_whose_outputs_overflow_are_not_measured(run_context, name, reason):
    assert diagnose(scaled(run_context(steps=0), 1e30), [name]).skipped == {name: reason}


def test_without_data_only_weights_are_measured(run_context):
    context = run_context(steps=0)
    measured = diagnose(Context(context.settings, context.start, context.end), ["distance", "units"])
    assert measured.skipped == {"units": "no prepared dataset was given"}
    assert measured.values["distance.total"] == 0


def test_options_have_defaults_and_are_checked(run_context):
    assert run_context(trace={"draws": 3}).options("trace", TraceOptions) == TraceOptions(draws=3)
    with pytest.raises(UserError, match=r"measuring\.options\.trace\.draws: found 0; allowed: a whole number >= 2"):
        run_context(trace={"draws": 0}).options("trace", TraceOptions)
