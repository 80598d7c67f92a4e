"""Networks, their weights on disk, and their initialization."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from badminima.config import ModelConfig
from badminima.config.registry import ARCHITECTURES
from badminima.errors import UserError
from badminima.experiment.settings import InitializeSettings
from badminima.models.build import build_model, check_batch
from badminima.models.starts import initialize
from badminima.models.vgg import pad_to
from badminima.models.weights import load_weights, read_weights, weights_of, write_weights
from tests.trainings import same

EVERY_MODEL = ARCHITECTURES.names


def parameters(model: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in model.parameters())


def settings(seed: int = 0, architecture: str = "mlp", gain: float = 1.0) -> InitializeSettings:
    model = ModelConfig(architecture=architecture)
    return InitializeSettings(model=model, dataset="digits", model_name=architecture, gain=gain, root_seed=0, seed=seed)


@pytest.mark.parametrize("architecture", EVERY_MODEL)
@pytest.mark.parametrize("image_shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_every_model_gives_a_logit_per_class_for_every_image_size(architecture, image_shape):
    model = build_model(ModelConfig(architecture=architecture), image_shape, 10)
    assert model(torch.zeros(2, *image_shape)).shape == (2, 10)


@pytest.mark.parametrize(
    ("architecture", "image_shape", "count"),
    [
        # 64*128+128 + 2*(128*128+128) + 128*10+10
        ("mlp", (1, 8, 8), 42_634),
        # Convolutions 9*(1*32 + 32*64 + 64*128), BatchNorm 2*(32+64+128), classifier 128*10+10
        ("convnet", (1, 28, 28), 94_186),
        # Thirteen 3x3 convolutions 9*(3*64 + 64*64 + 64*128 + 128*128 + 128*256 + 2*256*256 + 256*512 + 5*512*512)
        # = 14,710,464; 4,224 channels with a bias and two BatchNorm parameters each; classifier 512*10+10.
        ("vgg16", (3, 32, 32), 14_710_464 + 3 * 4_224 + 5_130),
        # The same with three more convolutions, of 256, 512 and 512 channels.
        ("vgg19", (3, 32, 32), 14_710_464 + 9 * (256**2 + 2 * 512**2) + 3 * 5_504 + 5_130),
        # Stem 3*64*9+128. A stage of width w after v: 3x3 convolutions 9*(v*w + 3*w*w), four BatchNorms 8*w, and
        # from the second on a shortcut v*w + 2*w: 147,968 + 525,568 + 2,099,712 + 8,393,728. Classifier 512*10+10.
        ("resnet18", (3, 32, 32), 1_856 + 147_968 + 525_568 + 2_099_712 + 8_393_728 + 5_130),
        # Stem 1,856. A bottleneck of width w after v channels: v*w + 9*w*w + 4*w*w and BatchNorms 2*(w + w + 4*w); the
        # first of a stage has a shortcut 4*w*v + 8*w: stages of 3, 4, 6, 3 are 215,808 + 1,219,584 + 7,098,368
        # + 14,964,736. Classifier 2048*10+10.
        ("resnet50", (3, 32, 32), 1_856 + 215_808 + 1_219_584 + 7_098_368 + 14_964_736 + 20_490),
        # Stem 3*24*9. A layer after v channels: BatchNorm 2*v, v*48, BatchNorm 96, 9*48*12: with v from 24, 48 and 60
        # in steps of 12 the blocks are 47,880 + 55,080 + 58,680. Transitions 2*v + v*v/2 with v = 96 and 120:
        # 4,800 + 7,440. Last BatchNorm 2*132, classifier 132*10+10.
        ("densenet40", (3, 32, 32), 648 + 47_880 + 55_080 + 58_680 + 4_800 + 7_440 + 264 + 1_330),
    ],
)
def test_parameter_counts_are_those_of_the_published_architectures(architecture, image_shape, count):
    assert parameters(build_model(ModelConfig(architecture=architecture), image_shape, 10)) == count
    assert ARCHITECTURES.entry(architecture).parameters == count


@pytest.mark.parametrize("architecture", ["vgg16", "resnet18", "densenet40"])
@pytest.mark.parametrize("initialization", ["torch", "torch_0.3", "kaiming_fan_in", "kaiming_fan_out"])
def test_every_tensor_is_drawn_as_the_initialization_says(architecture, initialization):
    torch.manual_seed(0)
    model = build_model(
        ModelConfig(architecture=architecture, options={"initialization": initialization}), (3, 32, 32), 10
    )
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()
            fan_out = layer.weight.numel() // layer.weight.shape[1]
            expected = 1 / np.sqrt(3 * fan_in)
            if isinstance(layer, nn.Conv2d) and initialization.startswith("kaiming"):
                expected = np.sqrt(2 / (fan_in if initialization == "kaiming_fan_in" else fan_out))
            error = 4 / np.sqrt(2 * layer.weight.numel())
            assert layer.weight.std().item() == pytest.approx(expected, rel=error), name
        if isinstance(layer, nn.BatchNorm2d):
            assert not layer.bias.any()
            uniform = initialization == "torch_0.3"
            assert layer.weight.mean().item() == pytest.approx(0.5 if uniform else 1, abs=0.3 if uniform else 0), name
            assert layer.weight.max() <= 1
    biases = [layer.bias for layer in model.modules() if isinstance(layer, nn.Conv2d) and layer.bias is not None]
    assert all(bias.any() != initialization.startswith("kaiming") for bias in biases)


@pytest.mark.parametrize("architecture", ["vgg16", "vgg19", "resnet18", "resnet50"])
def test_groups_of_32_channels_or_nothing_take_the_place_of_batchnorm(architecture):
    models = {
        norm: build_model(ModelConfig(architecture=architecture, options={"norm": norm}), (3, 32, 32), 10).train()
        for norm in ("batch", "group", "none")
    }
    batch = [one for one in models["batch"].modules() if isinstance(one, nn.BatchNorm2d)]
    group = [one for one in models["group"].modules() if isinstance(one, nn.GroupNorm)]
    assert [one.num_channels for one in group] == [one.num_features for one in batch]
    assert {one.num_channels // one.num_groups for one in group} == {32}
    assert parameters(models["group"]) == parameters(models["batch"])
    assert parameters(models["none"]) == parameters(models["batch"]) - sum(2 * one.num_features for one in batch)
    for norm in ("group", "none"):
        assert not any(isinstance(one, nn.BatchNorm2d) for one in models[norm].modules())
        # An image's logits don't depend on the other images, and nothing is remembered between batches.
        images = torch.randn(3, 3, 32, 32)
        torch.testing.assert_close(models[norm](images)[:1], models[norm](images[:1]), rtol=1e-3, atol=1e-4)
        assert not list(models[norm].buffers())


def test_small_images_are_padded_evenly_for_vgg():
    padding = pad_to(32, 28, 9)
    padded = padding(torch.ones(1, 1, 28, 9))
    assert padded.shape == (1, 1, 32, 32)
    assert padded[0, 0, 2:30, 11:20].all()
    assert padded.sum() == 28 * 9


def test_initialization_is_the_seeds_alone_and_leaves_torchs_own_generator_alone(digits):
    first = initialize(settings(0, "convnet"), digits)
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    again = initialize(settings(0, "convnet"), digits)
    assert torch.equal(torch.rand(3), expected)
    other = initialize(settings(1, "convnet"), digits)
    assert np.array_equal(first.vector(), again.vector())
    assert not np.array_equal(first.vector(), other.vector())


def test_mlp_weights_are_kaiming_normal_with_zero_biases(digits):
    weights = initialize(settings(), digits).parameters
    assert weights["3.weight"].std() == pytest.approx(np.sqrt(2 / 128), rel=0.05)
    assert not weights["3.bias"].any()


def test_weights_come_back_from_disk_with_buffers_apart(tmp_path):
    model, other = (build_model(ModelConfig(architecture="convnet"), (1, 8, 8), 10) for _ in range(2))
    write_weights(tmp_path / "w.safetensors", weights_of(model))
    read = read_weights(tmp_path / "w.safetensors")
    assert list(read.parameters) == [name for name, _ in model.named_parameters()]
    assert set(read.buffers) == {name for name, _ in model.named_buffers()}
    load_weights(other, read, tmp_path)
    assert same(weights_of(other), weights_of(model))


def test_weights_of_another_network_are_refused(tmp_path, digits):
    weights = initialize(settings(), digits)
    other = build_model(ModelConfig(architecture="convnet"), (1, 8, 8), 10)
    with pytest.raises(UserError, match="weights of another network"):
        load_weights(other, weights, tmp_path / "w.safetensors")


def test_the_gain_multiplies_kernels_and_matrices_alone(digits):
    plain, scaled = (initialize(settings(0, "convnet", gain), digits) for gain in (1.0, 4.0))
    for name, tensor in plain.parameters.items():
        factor = 4 if tensor.ndim > 1 else 1
        assert np.array_equal(scaled.parameters[name], tensor * np.float32(factor))
    assert scaled.buffers.keys() == plain.buffers.keys()


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 16), ("small", 64)])
@pytest.mark.parametrize("architecture", ["resnet18", "resnet50", "densenet40"])
def test_the_imagenet_stem_is_that_of_torchvision_and_the_small_one_keeps_the_image_size(architecture, stem, side):
    model = build_model(ModelConfig(architecture=architecture, options={"stem": stem}), (3, 64, 64), 9)
    features = dict((model.features if architecture == "densenet40" else model).named_children())
    image = torch.zeros(1, 3, 64, 64)
    for name in ("conv0", "pool0", "conv1", "maxpool"):
        image = features[name](image) if name in features else image
    assert image.shape[2:] == (side, side)
    assert model.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 9)


def test_vgg_averages_what_is_left_of_larger_images():
    model = build_model(ModelConfig(architecture="vgg16"), (3, 64, 64), 9).eval()
    assert model[1](torch.zeros(1, 3, 64, 64)).shape == (1, 512, 2, 2)
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 9)


def test_a_last_batch_that_batchnorm_cannot_take_is_told_before_training():
    model = build_model(ModelConfig(architecture="resnet18"), (1, 8, 8), 10)
    before = weights_of(model)
    check_batch(model, (1, 8, 8), 2, "training.batch_size")
    with pytest.raises(
        UserError, match=r"training\.batch_size: found a network that cannot take a batch of 1 of its 1x8x8"
    ):
        check_batch(model, (1, 8, 8), 1, "training.batch_size")
    assert same(before, weights_of(model))


def test_an_image_too_small_for_a_network_is_told_before_training(digits):
    tiny = replace(digits, train_images=digits.train_images[:, :, :2, :2])
    with pytest.raises(UserError, match=r"model densenet40 on digits: found .* take a batch of 2 of its 1x2x2"):
        initialize(settings(0, "densenet40"), tiny)
