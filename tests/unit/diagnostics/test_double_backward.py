"""Fast double backward against torch's own, in double precision."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from badminima.diagnostics.hessian import FastDoubleBackward


def derivatives(model: nn.Module, images: Tensor, fast: bool) -> list[Tensor]:
    """Outputs, gradients with respect to images and parameters, and their derivatives in a random direction."""
    variables = [images.requires_grad_(), *model.parameters()]
    with FastDoubleBackward() if fast else nullcontext():
        outputs = model(images)
    gradients = torch.autograd.grad(outputs.exp().sum(), variables, create_graph=True)
    draw = torch.Generator().manual_seed(0)
    directions = [torch.randn(gradient.shape, generator=draw, dtype=gradient.dtype) for gradient in gradients]
    return [outputs, *gradients, *torch.autograd.grad(gradients, variables, directions)]


@pytest.mark.parametrize(
    "geometry",
    [
        {"kernel_size": 3, "padding": 1, "bias": False},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (5, 3), "stride": (1, 3), "padding": (2, 1)},
        {"kernel_size": 3, "padding": 2, "dilation": 2, "groups": 2},
        {"kernel_size": 1, "stride": 2, "bias": False},
        {"kernel_size": 3, "padding": "same"},
    ],
)
def test_a_convolution_has_torchs_second_derivatives(geometry):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 6, **geometry), nn.Tanh()).double()
    images = torch.randn(3, 4, 8, 7, dtype=torch.float64)
    torch.testing.assert_close(derivatives(model, images, True), derivatives(model, images, False))


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False)])
@pytest.mark.parametrize("training", [False, True])
def test_a_batchnorm_has_torchs_second_derivatives(layer, training):
    torch.manual_seed(0)
    for tensor in (*layer.parameters(), layer.running_mean, layer.running_var):
        tensor.data.uniform_(0.5, 2)
    model = nn.Sequential(layer, nn.Tanh()).double().train(training)
    images = torch.randn(3, 4, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(derivatives(model, images, True), derivatives(model, images, False))


def test_a_networks_graph_is_of_operations_that_are_fast_to_differentiate():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2)).eval()
    with FastDoubleBackward():
        made_by = model(torch.randn(1, 1, 4, 4)).grad_fn
    assert made_by.name() == "AddcmulBackward0"
    assert "_ConvolutionBackward" in {made_from.name() for made_from, _ in made_by.next_functions}
