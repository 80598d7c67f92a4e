"""Networks, their weights on disk, and their initialization."""

import numpy as np
import pytest
import torch

from badminima.config import ModelConfig
from badminima.errors import UserError
from badminima.models.build import build_model
from badminima.models.initialization import initialize, rescale
from badminima.models.weights import load_weights, read_weights, weights_of, write_weights
from badminima.runs import InitializeSettings

EVERY_MODEL = ["mlp", "convnet", "resnet18"]


def parameters(model: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in model.parameters())


def settings(seed: int = 0, architecture: str = "mlp") -> InitializeSettings:
    model = ModelConfig(architecture=architecture)
    return InitializeSettings(model=model, dataset="digits", model_name=architecture, root_seed=0, seed=seed)


@pytest.mark.parametrize("architecture", EVERY_MODEL)
@pytest.mark.parametrize("image_shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_every_model_gives_a_logit_per_class_for_every_image_size(architecture, image_shape):
    model = build_model(ModelConfig(architecture=architecture), image_shape, 10)
    assert model(torch.zeros(2, *image_shape)).shape == (2, 10)


def test_parameter_counts():
    # 64*128+128 + 2*(128*128+128) + 128*10+10
    assert parameters(build_model(ModelConfig(architecture="mlp"), (1, 8, 8), 10)) == 42_634
    # Convolutions 9*(1*32 + 32*64 + 64*128), BatchNorm 2*(32+64+128), classifier 128*10+10
    assert parameters(build_model(ModelConfig(architecture="convnet"), (1, 28, 28), 10)) == 94_186
    # Stem 3*64*9+128; stages of width w after v: (v*w + 3*w*w)*9 + 4*2*w, and from the second stage on a shortcut
    # v*w + 2*w: 147,968 + 525,568 + 2,099,712 + 8,393,728; classifier 512*10+10.
    assert parameters(build_model(ModelConfig(architecture="resnet18"), (3, 32, 32), 10)) == 11_173_962


def test_a_model_that_is_not_there_yet_is_told_in_one_line():
    with pytest.raises(UserError, match="'vgg16', which this version does not provide yet; available: mlp"):
        build_model(ModelConfig(architecture="vgg16"), (3, 32, 32), 10)


def test_the_resnet_stem_keeps_the_image_size():
    model = build_model(ModelConfig(architecture="resnet18"), (3, 32, 32), 10)
    assert model.maxpool(model.conv1(torch.zeros(1, 3, 32, 32))).shape == (1, 64, 32, 32)


@pytest.mark.parametrize("architecture", EVERY_MODEL)
def test_initialization_is_the_seeds_alone(digits, architecture):
    first = initialize(settings(0, architecture), digits)
    torch.manual_seed(123)
    again = initialize(settings(0, architecture), digits)
    other = initialize(settings(1, architecture), digits)
    assert np.array_equal(first.vector(), again.vector())
    assert not np.array_equal(first.vector(), other.vector())


def test_initialization_leaves_torchs_own_generator_alone(digits):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    initialize(settings(), digits)
    assert torch.equal(torch.rand(3), expected)


def test_mlp_weights_are_kaiming_normal_with_zero_biases(digits):
    weights = initialize(settings(), digits).parameters
    assert weights["3.weight"].std() == pytest.approx(np.sqrt(2 / 128), rel=0.05)
    assert not weights["3.bias"].any()


@pytest.mark.parametrize("architecture", EVERY_MODEL)
def test_weights_come_back_from_disk_with_buffers_apart(tmp_path, architecture):
    model = build_model(ModelConfig(architecture=architecture), (1, 8, 8), 10)
    write_weights(tmp_path / "w.safetensors", weights_of(model))
    read = read_weights(tmp_path / "w.safetensors")
    assert list(read.parameters) == [name for name, _ in model.named_parameters()]
    assert set(read.buffers) == {name for name, _ in model.named_buffers()}
    other = build_model(ModelConfig(architecture=architecture), (1, 8, 8), 10)
    load_weights(other, read, tmp_path)
    state = other.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_weights_of_another_network_are_refused(tmp_path, digits):
    weights = initialize(settings(), digits)
    other = build_model(ModelConfig(architecture="convnet"), (1, 8, 8), 10)
    with pytest.raises(UserError, match="weights of another network"):
        load_weights(other, weights, tmp_path / "w.safetensors")


def test_rescaled_weights_have_the_norms_of_one_and_the_directions_of_the_other(digits):
    random, like = initialize(settings(0), digits), initialize(settings(1), digits)
    like.parameters["1.weight"][:] *= 3
    rescaled = rescale(random, like)
    for name, tensor in rescaled.parameters.items():
        if not random.parameters[name].any():
            assert not tensor.any()
            continue
        assert np.linalg.norm(tensor) == pytest.approx(np.linalg.norm(like.parameters[name]), rel=1e-5)
        ratio = tensor / random.parameters[name]
        assert ratio.std() < 1e-5 * ratio.mean()
