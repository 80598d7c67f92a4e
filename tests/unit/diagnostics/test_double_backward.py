"""Fast double backward against torch's own, in double precision."""

import pytest
import torch
from torch import Tensor, nn

from badminima.config import ModelConfig
from badminima.diagnostics.hessian import FastDoubleBackward
from badminima.models.build import build_model


def derivatives(model: nn.Module, images: Tensor, fast: bool) -> list[Tensor]:
    """Outputs, gradients with respect to images and parameters, and their derivatives in a random direction."""
    variables = [images.requires_grad_(), *model.parameters()]
    if fast:
        with FastDoubleBackward():
            outputs = model(images)
    else:
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


@pytest.mark.parametrize("architecture", ["convnet", "vgg16", "resnet18", "densenet40"])
def test_a_network_has_torchs_second_derivatives(architecture):
    torch.manual_seed(0)
    options = {"widths": [4, 4]} if architecture == "convnet" else {}
    model = build_model(ModelConfig(architecture=architecture, options=options), (3, 8, 8), 3).double().eval()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(derivatives(model, images, True), derivatives(model, images, False))


def names_of(tensor: Tensor) -> set[str]:
    """The names of all operations of the graph behind a tensor."""
    seen, waiting = set(), [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    return {node.name() for node in seen}


def test_no_slow_operation_is_left_in_the_graph_of_a_networks_gradient():
    model = build_model(ModelConfig(architecture="resnet18"), (3, 8, 8), 3).eval()
    graphs = {}
    for fast in (False, True):
        variables = list(model.parameters())
        if fast:
            with FastDoubleBackward():
                loss = model(torch.randn(2, 3, 8, 8)).sum()
        else:
            loss = model(torch.randn(2, 3, 8, 8)).sum()
        graphs[fast] = names_of(torch.autograd.grad(loss, variables, create_graph=True)[0])
    slow = {"ConvolutionBackwardBackward0", "NativeBatchNormBackwardBackward0"}
    assert slow <= graphs[False]
    assert not {name for name in graphs[True] if "onvolutionBackward" in name or "BatchNorm" in name} - {
        "_ConvolutionBackward"
    }
