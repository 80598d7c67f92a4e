"""Every diagnostic on a GPU against its value on the CPU: the same network, images and random draws."""

import math
import os
from dataclasses import replace

import pytest
import torch

from badminima.config.registry import DIAGNOSTICS
from badminima.diagnostics.context import Context
from badminima.diagnostics.hessian import Hessian, Landscape
from badminima.diagnostics.network import build_network
from benchmarks.measurements import make_context

pytestmark = pytest.mark.gpu

IMAGES = 200
OPTIONS = {
    "sharpness": {"images": 100, "eigenvalues": 2, "products": 30, "draws": 3},
    "trace": {"images": 100, "products": 30},
    "robustness": {"steps": 5},
    "functions": {"points": 5},
    "gradients": {"images": 32},
    "filter_landscape": {"images": 100, "points": 5},
    "landscape": {"path": 3, "plane": 3},
}
# A CPU takes minutes for more of a ResNet18.
FEWER = {
    **OPTIONS,
    "sharpness": {"images": 40, "eigenvalues": 1, "products": 9, "draws": 2},
    "trace": {"images": 40, "products": 9},
    "robustness": {"steps": 3},
    "functions": {"points": 3},
    "gradients": {"images": 12},
    "filter_landscape": {"images": 40, "directions": 1, "points": 3},
}
MODELS = {"convnet": ((1, 16, 16), OPTIONS), "resnet18": ((3, 16, 16), FEWER)}

# Relative and absolute tolerance, by the beginning of a key; the first that fits.
IMAGE = 1 / IMAGES + 1e-9
TOLERANCES = {
    # Computed in float64 on the CPU, wherever the network lives.
    "distance.": (1e-9, 0),
    "norm.": (1e-9, 0),
    # Norms in float32 and float64; the margin, and what is divided by it, follow the logits.
    "complexity.": (1e-3, 1e-6),
    # Hutch++ draws on the device, other numbers than on the CPU: what is left is its own error with few products, and
    # of this error the one that the standard deviation of three draws has.
    "sharpness.trace_se": (5, 0),
    "trace.hessian_se": (5, 0),
    "sharpness.trace": (0.5, 0),
    "trace.hessian": (0.5, 0),
    "start.": (1e-3, 0),
    # Fractions of images, in bins and over all; Brier's score and its standard error are means over images.
    "calibration.": (1e-3, 2 * IMAGE),
    # A cosine of kernels, and what is missing from one.
    "gradients.kernel_distance": (1e-3, 1e-4),
    "gradients.": (2e-3, 1e-5),
    # Lanczos stops at a residual of 1e-3, and the eigenvalue's error is of the order of its square.
    "sharpness.eigenvalue_": (2e-3, 0),
    # The largest rise on a path of nine steps, which rounding leads a little elsewhere.
    "sharpness.sam": (0.02, 1e-6),
    "sharpness.asam": (0.02, 1e-6),
    # The last of ten bisections is as wide as 1.4%; an image more or less may decide it otherwise.
    "sharpness.pac_bayes_sigma_se": (0.3, 0),
    "sharpness.pac_bayes_sigma_magnitude_se": (0.3, 0),
    "sharpness.pac_bayes_sigma": (0.03, 0),
    "trace.noise_covariance": (2e-3, 1e-6),
    # Fractions of images, of which two may be classified otherwise; these two of few images, of which one.
    "labels.right": (0, 0.1),
    "memory.kept": (0, 0.1),
    "robustness.": (0, 2 * IMAGE),
    "memory.": (0, 2 * IMAGE),
    "labels.": (0, 2 * IMAGE),
    "functions.disagreement": (0, 2 * IMAGE),
    "functions.middle_accuracy": (0, 2 * IMAGE),
    # Ranks of losses: close ones may change places.
    "privacy.": (0.01, 1e-3),
    # Fractions of units: one that is positive by rounding alone may count otherwise.
    "units.dead": (0, 0.01),
    "units.always_on": (0, 0.01),
    "units.": (1e-3, 0),
    # Losses, and fractions of 40 images at least, of which one may be classified otherwise.
    "filter_landscape.loss": (2e-3, 1e-5),
    "filter_landscape.rise": (2e-3, 1e-4),
    "filter_landscape.": (0, 1 / 40),
    "functions.kl": (2e-3, 1e-6),
    "functions.cka": (1e-3, 0),
    "functions.barrier": (5e-3, 1e-6),
}


def close_to(key: str, value: float) -> object:
    """Return what a measured number compares equal to if it is close enough."""
    relative, absolute = next(found for beginning, found in TOLERANCES.items() if key.startswith(beginning))
    return pytest.approx(value, rel=relative, abs=absolute, nan_ok=True)


@pytest.fixture(autouse=True)
def cores(one_thread):
    """Share the cores among the processes: the CPU's values are what takes long."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))


@pytest.fixture(scope="module", params=MODELS)
def on_cpu(request) -> Context:
    """A trained network, measured on the CPU."""
    made = make_context(request.param, MODELS[request.param][0], IMAGES, MODELS[request.param][1])
    return moved(made, "cpu")


def moved(context: Context, device: str) -> Context:
    """Measure the same run on a device."""
    return replace(context, settings=context.settings.model_copy(update={"device": device}))


@pytest.fixture
def on_gpu(cuda, on_cpu) -> Context:
    return moved(on_cpu, "cuda")


@pytest.mark.parametrize("name", [name for name in DIAGNOSTICS.names if name != "landscape"])
def test_a_diagnostic_has_the_value_of_the_cpu(on_cpu, on_gpu, name):
    measure = DIAGNOSTICS.load(name)
    expected, found = measure(on_cpu), measure(on_gpu)
    assert list(found) == list(expected)
    assert not {key: (found[key], value) for key, value in expected.items() if found[key] != close_to(key, value)}
    assert any(math.isfinite(value) for value in found.values())


def test_the_landscape_has_the_values_of_the_cpu(on_cpu, on_gpu):
    survey = DIAGNOSTICS.load("landscape")
    expected, found = list(survey(on_cpu)), list(survey(on_gpu))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one["kind"] == other["kind"]
        assert [one["x"], one["y"]] == pytest.approx([other["x"], other["y"]])
        for part in ("train", "test"):
            assert one[f"{part}_loss"] == pytest.approx(other[f"{part}_loss"], rel=5e-3, nan_ok=True)
            assert one[f"{part}_accuracy"] == pytest.approx(other[f"{part}_accuracy"], abs=2 * IMAGE)


def test_a_measurement_repeats_itself_to_the_bit(on_gpu):
    for name in ("sharpness", "trace", "robustness", "complexity", "functions"):
        measure = DIAGNOSTICS.load(name)
        # Compared as text, so that NaN is NaN.
        assert str(measure(on_gpu)) == str(measure(moved(on_gpu, "cuda")))


def test_memory_that_does_not_suffice_halves_the_batches(on_gpu, monkeypatch, capsys):
    landscape = Landscape(on_gpu.network.model, on_gpu.train)
    vector = torch.ones_like(landscape.end)
    expected = Hessian(landscape) @ vector
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    Hessian(landscape) @ vector
    needed = torch.cuda.max_memory_allocated() - torch.cuda.memory_allocated()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    # What is reserved now, and half of what a product needs.
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + needed // 2) / total)
    try:
        found = Hessian(landscape) @ vector
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "images at a time for Hessian products from now on" in capsys.readouterr().err
    assert float((found - expected).norm() / expected.norm()) < 1e-3


def test_networks_are_built_on_the_gpu_in_full_precision(cuda, on_gpu):
    built = build_network(on_gpu.settings, on_gpu.data, on_gpu.end)
    assert next(built.model.parameters()).is_cuda
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
