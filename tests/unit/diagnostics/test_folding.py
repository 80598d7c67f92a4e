"""Networks without BatchNorm that compute the same."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from badminima.config import ModelConfig
from badminima.diagnostics.complexity import fold_batchnorm
from badminima.diagnostics.context import Skipped
from badminima.models.build import build_model

BATCHNORM = nn.BatchNorm1d | nn.BatchNorm2d


def randomized(model: nn.Module) -> nn.Module:
    """The model in training mode with BatchNorms far from the identity."""
    for module in model.modules():
        if isinstance(module, BATCHNORM):
            for tensor in (*module.parameters(), module.running_mean, module.running_var):
                tensor.data.uniform_(0.3, 3)
    return model.train()


def built(architecture: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return randomized(build_model(ModelConfig(architecture=architecture, options=options), (3, 16, 16), 10))


def relative_difference(model: nn.Module, images: torch.Tensor) -> float:
    with torch.no_grad():
        expected, folded = deepcopy(model).eval()(images), fold_batchnorm(model)(images)
    return float((folded - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(("architecture", "channelwise"), [("resnet18", 0), ("densenet40", 21)])
def test_a_folded_network_computes_the_same_without_batchnorm(architecture, channelwise):
    model = built(architecture)
    assert relative_difference(model, torch.randn(4, 3, 16, 16)) < 1e-5
    folded = fold_batchnorm(model)
    assert not any(isinstance(module, BATCHNORM) for module in folded.modules())
    layers, folded_layers = (
        {name for name, module in each.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
        for each in (model, folded)
    )
    assert layers <= folded_layers
    assert len(folded_layers - layers) == channelwise


def test_folding_leaves_the_random_numbers_as_they_are():
    model, random_state = built("densenet40"), torch.get_rng_state()
    fold_batchnorm(model)
    assert torch.equal(torch.get_rng_state(), random_state)


def test_batchnorm_after_a_linear_layer_and_without_parameters_is_folded():
    model = randomized(
        nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4, affine=False),
            nn.Flatten(),
            nn.Linear(4 * 36, 5),
            nn.BatchNorm1d(5),
        )
    )
    assert relative_difference(model, torch.randn(4, 3, 8, 8)) < 1e-5
    assert [type(module) for module in fold_batchnorm(model).children()] == [nn.Conv2d, nn.Flatten, nn.Linear]


class Fork(nn.Module):
    """A convolution whose output is used with and without BatchNorm."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, images):
        output = self.convolution(images)
        return self.norm(output) + output


def test_a_convolution_whose_output_is_used_twice_is_left_as_it_is():
    torch.manual_seed(0)
    model = randomized(Fork())
    assert relative_difference(model, torch.randn(4, 3, 8, 8)) < 1e-5
    torch.testing.assert_close(fold_batchnorm(model).convolution.weight, model.convolution.weight)


def test_groupnorm_cannot_be_folded():
    with pytest.raises(Skipped, match="GroupNorm depends on each image"):
        fold_batchnorm(built("resnet18", norm="group"))


def test_batchnorm_of_vectors_after_something_else_cannot_be_folded():
    with pytest.raises(Skipped, match="BatchNorm 1 does not follow a linear layer"):
        fold_batchnorm(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 2)))
