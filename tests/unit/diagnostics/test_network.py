"""Batches: halved where memory is short, and of no consequence for what is measured."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from badminima.config.registry import DIAGNOSTICS
from badminima.diagnostics.context import Context
from badminima.diagnostics.hessian import Hessian, Landscape
from badminima.diagnostics.network import statistics_batches
from badminima.errors import UserError
from badminima.storage.device import BatchSize
from tests.unit.diagnostics.conftest import scaled

OPTIONS = {
    "sharpness": {"images": 50, "products": 6, "draws": 2},
    "trace": {"images": 50, "products": 6},
    "robustness": {"steps": 3},
    "complexity": {"iterations": 20},
    "functions": {"points": 3},
    "gradients": {"images": 20},
    "filter_landscape": {"images": 50, "directions": 1, "points": 3},
    "landscape": {"path": 2, "plane": 2},
}


@pytest.fixture
def context(run_context) -> Context:
    """A trained network with BatchNorm, and its surroundings."""
    made = run_context("convnet", images=100, **OPTIONS)
    return replace(made, reference=made.start, random=scaled(made, 0.5).end)


def test_a_batch_that_does_not_fit_is_halved_and_stays_so(capsys):
    batch, tried = BatchSize(64, "tests"), []

    def compute(size: int) -> int:
        tried.append(size)
        if size > 5:
            raise torch.OutOfMemoryError
        return size

    assert batch.fit(compute, 40) == 5
    assert tried == [40, 20, 10, 5]
    assert batch.fit(compute, 40) == 5
    assert batch.fit(compute, 3) == 3
    assert tried[4:] == [5, 3]
    assert capsys.readouterr().err.splitlines() == [
        f"out of memory: {size} images at a time for tests from now on" for size in (20, 10, 5)
    ]


def test_one_image_that_does_not_fit_is_told_in_one_line():
    def compute(size: int) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(UserError, match=r"memory: found too little for tests of one image; choose a smaller model"):
        BatchSize(3, "tests").fit(compute, 10)


@pytest.mark.parametrize("name", [*OPTIONS, "calibration", "privacy", "units"])
def test_a_measurement_repeats_itself_and_leaves_everything_as_it_is(context, name):
    model, found = context.network.model, []
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    for _ in range(2):
        values = DIAGNOSTICS.load(name)(context)
        # As text, in which NaN is NaN.
        found.append(str(list(values) if name == "landscape" else values))
    assert found[0] == found[1]
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert not any(module.training or module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("name", ["complexity", "sharpness", "robustness", "trace", "privacy", "units", "functions"])
def test_what_is_measured_does_not_depend_on_memory(context, name, monkeypatch, capsys):
    measure, forward = DIAGNOSTICS.load(name), nn.Conv2d.forward
    # Behind these two stand statistics of BatchNorm, which are defined by batches.
    left_out = {"functions.barrier", "functions.middle_accuracy"}
    expected = {key: value for key, value in measure(context).items() if key not in left_out}

    def of_few(layer, inputs):
        if len(inputs) > 13:
            raise torch.OutOfMemoryError
        return forward(layer, inputs)

    monkeypatch.setattr(nn.Conv2d, "forward", of_few)
    found = measure(replace(context))
    assert "out of memory: 12 images at a time" in capsys.readouterr().err
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6, nan_ok=True)


def test_a_hessian_stays_where_it_is_when_the_landscape_is_visited_elsewhere(context):
    landscape = Landscape(context.network.model, context.train)
    hessian = Hessian(landscape)
    vector = torch.ones_like(landscape.end)
    expected = hessian @ vector
    landscape.loss(2 * landscape.end)
    landscape.loss_and_gradient(3 * landscape.end)
    assert torch.equal(hessian @ vector, expected)


@pytest.mark.parametrize(
    ("images", "size", "expected"), [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (1, 4, [1]), (4, 1, [2, 2])]
)
def test_no_batch_behind_statistics_is_a_single_image(images, size, expected):
    assert [len(part) for part in statistics_batches(torch.zeros(images, 1), size)] == expected
