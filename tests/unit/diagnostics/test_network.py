"""Batches: halved where memory is short, and of no consequence for what is measured."""

import pytest
import torch
from torch import nn

from badminima.config.registry import DIAGNOSTICS
from badminima.diagnostics import network, robustness
from badminima.diagnostics.context import Context
from badminima.diagnostics.hessian import GRADIENT_BATCH, HESSIAN_BATCH, Hessian, Landscape
from badminima.diagnostics.network import statistics_batches
from badminima.errors import UserError
from badminima.storage.device import BatchSize

OPTIONS = {
    "sharpness": {"images": 50, "products": 6, "draws": 2},
    "trace": {"images": 50, "products": 6},
    "robustness": {"steps": 3},
    "complexity": {"iterations": 20},
    "functions": {"points": 3},
}
MEASURED = ["complexity", "sharpness", "robustness", "trace", "privacy", "units", "functions"]


class SmallMemory:
    """A device without memory for more than so many images: a hook of modules that says so."""

    def __init__(self, monkeypatch, images: int) -> None:
        self.images, self.refused = images, []
        plain = nn.Conv2d.forward

        def forward(layer, inputs):
            if len(inputs) > self.images:
                self.refused.append(len(inputs))
                raise torch.OutOfMemoryError("CUDA out of memory")
            return plain(layer, inputs)

        monkeypatch.setattr(nn.Conv2d, "forward", forward)


def measure(context: Context, name: str) -> dict[str, float]:
    return DIAGNOSTICS.load(name)(context)


@pytest.fixture
def context(run_context) -> Context:
    """A trained network with BatchNorm, and its reference."""
    made = run_context("convnet", steps=60, images=100, **OPTIONS)
    return Context(made.settings, made.start, made.end, dataset=made.dataset, reference=made.start)


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


@pytest.mark.parametrize("name", MEASURED)
def test_what_is_measured_does_not_depend_on_memory(context, name, monkeypatch, capsys):
    # Behind these two stand statistics of BatchNorm, which are defined by batches.
    left_out = {"functions.barrier", "functions.middle_accuracy"}
    expected = {key: value for key, value in measure(context, name).items() if key not in left_out}
    again = Context(context.settings, context.start, context.end, dataset=context.dataset, reference=context.reference)
    _ = again.train, again.test
    memory = SmallMemory(monkeypatch, 13)
    found = measure(again, name)
    assert memory.refused
    assert "out of memory: 12 images at a time" in capsys.readouterr().err
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6, nan_ok=True)


def test_hessian_products_do_not_depend_on_the_batch_or_the_number_of_directions(context, monkeypatch):
    landscape = Landscape(context.network.model, context.train)
    matrix = torch.randn(len(landscape.end), 3, generator=torch.Generator().manual_seed(0))
    whole = Hessian(landscape)
    expected = whole @ matrix
    torch.testing.assert_close(torch.stack([whole @ column for column in matrix.unbind(1)], dim=1), expected)
    monkeypatch.setitem(HESSIAN_BATCH, "cpu", 7)
    torch.testing.assert_close(Hessian(landscape) @ matrix, expected, rtol=1e-4, atol=1e-5)


def test_a_hessian_stays_where_it_is_when_the_landscape_is_visited_elsewhere(context):
    landscape = Landscape(context.network.model, context.train)
    hessian = Hessian(landscape)
    vector = torch.ones_like(landscape.end)
    expected = hessian @ vector
    landscape.loss(2 * landscape.end)
    landscape.gradient(3 * landscape.end)
    assert torch.equal(hessian @ vector, expected)


def test_a_forward_pass_and_a_gradient_do_not_depend_on_the_batch(context, monkeypatch):
    landscape = Landscape(context.network.model, context.train)
    loss, gradient = landscape.loss(landscape.end), landscape.gradient(landscape.end)
    monkeypatch.setitem(network.BATCH, "cpu", 7)
    monkeypatch.setitem(GRADIENT_BATCH, "cpu", 7)
    other = Landscape(context.network.model, context.train)
    assert other.loss(other.end) == pytest.approx(loss, rel=1e-6)
    assert other.loss_and_gradient(other.end)[0] == pytest.approx(loss, rel=1e-6)
    torch.testing.assert_close(other.gradient(other.end), gradient, rtol=1e-4, atol=1e-6)


def test_random_draws_of_robustness_come_in_blocks_of_their_own(context, monkeypatch):
    expected = measure(context, "robustness")
    monkeypatch.setitem(network.BATCH, "cpu", 7)
    assert measure(context, "robustness") == expected
    monkeypatch.setitem(robustness.BLOCK, "cpu", 30)
    assert measure(context, "robustness") != expected


@pytest.mark.parametrize(
    ("images", "size", "expected"), [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (1, 4, [1]), (4, 1, [2, 2])]
)
def test_no_batch_behind_statistics_is_a_single_image(images, size, expected):
    assert [len(part) for part in statistics_batches(torch.zeros(images, 1), size)] == expected
