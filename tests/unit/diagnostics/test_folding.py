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
WEIGHTED = nn.Conv2d | nn.Linear


def randomized(model: nn.Module) -> nn.Module:
    """The model in training mode with BatchNorms far from the identity."""
    for module in model.modules():
        if isinstance(module, BATCHNORM):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.3, 3.0)
            if module.affine:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
    return model.train()


def built(architecture: str, side: int = 16, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return randomized(build_model(ModelConfig(architecture=architecture, options=options), (3, side, side), 10))


def relative_difference(model: nn.Module, images: torch.Tensor) -> float:
    with torch.no_grad():
        expected, folded = deepcopy(model).eval()(images), fold_batchnorm(model)(images)
    return float((folded - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(
    ("architecture", "channelwise"),
    [("mlp", 0), ("convnet", 0), ("vgg16", 0), ("resnet18", 0), ("resnet50", 0), ("densenet40", 21)],
)
def test_a_folded_network_computes_the_same_without_batchnorm(architecture, channelwise):
    model = built(architecture)
    assert relative_difference(model, torch.randn(4, 3, 16, 16)) < 1e-5
    folded = fold_batchnorm(model)
    assert not any(isinstance(module, BATCHNORM) for module in folded.modules())
    layers = {name for name, module in model.named_modules() if isinstance(module, WEIGHTED)}
    folded_layers = {name: module for name, module in folded.named_modules() if isinstance(module, WEIGHTED)}
    assert layers <= set(folded_layers)
    added = [module for name, module in folded_layers.items() if name not in layers]
    assert len(added) == channelwise
    assert all(module.groups == module.in_channels and module.kernel_size == (1, 1) for module in added)


def test_stems_for_large_images_fold_too():
    for architecture in ("resnet18", "densenet40"):
        model = built(architecture, side=64, stem="imagenet")
        assert relative_difference(model, torch.randn(2, 3, 64, 64)) < 1e-5


def test_folding_leaves_the_network_and_the_random_numbers_as_they_are():
    model = built("densenet40")
    before, random_state = deepcopy(model.state_dict()), torch.get_rng_state()
    folded = fold_batchnorm(model)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert model.training
    assert not folded.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    own = {tensor.data_ptr() for tensor in model.state_dict().values()}
    assert own.isdisjoint(tensor.data_ptr() for tensor in folded.state_dict().values())


def test_a_kernels_scale_that_batchnorm_takes_away_is_gone_after_folding():
    model = built("convnet").eval()
    scaled = deepcopy(model)
    scaled[0].weight.data *= 100
    scaled[1].running_mean *= 100
    scaled[1].running_var *= 100**2
    folded, folded_scaled = fold_batchnorm(model), fold_batchnorm(scaled)
    for name, parameter in folded.named_parameters():
        torch.testing.assert_close(folded_scaled.get_parameter(name), parameter, rtol=1e-4, atol=1e-5)


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


@pytest.mark.parametrize("architecture", ["vgg16", "resnet18"])
def test_groupnorm_cannot_be_folded_and_no_normalization_needs_no_folding(architecture):
    def network(norm):
        return build_model(ModelConfig(architecture=architecture, options={"norm": norm}), (3, 32, 32), 10).eval()

    with pytest.raises(Skipped, match="GroupNorm depends on each image"):
        fold_batchnorm(network("group"))
    plain, images = network("none"), torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(fold_batchnorm(plain)(images), plain(images))


def test_batchnorm_of_vectors_after_something_else_cannot_be_folded():
    with pytest.raises(Skipped, match="BatchNorm 1 does not follow a linear layer"):
        fold_batchnorm(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 2)))
