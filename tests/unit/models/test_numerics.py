"""How a job computes: what `auto` decides, and a forward pass for all layers at once that equals the plain one."""

import os
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn

from badminima.config import ModelConfig, NumericsConfig
from badminima.errors import UserError
from badminima.models.build import build_model
from badminima.models.numerics import Forward, Numerics, begin_job, set_up

BF16 = torch.bfloat16
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
# A card as torch sees it: whether it computes in bfloat16, in tf32, and what `auto` makes of it.
CARDS = {"H200": (True, True, "bf16"), "T4": (False, False, "fp32"), "tf32 alone": (False, True, "tf32")}


@pytest.fixture
def card(monkeypatch):
    """Pretend that torch sees a card; on a T4 it would emulate bfloat16."""

    def pretend(name):
        bf16, tf32, precision = CARDS[name]
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or bf16
        )
        monkeypatch.setattr(torch.cuda, "is_tf32_supported", lambda: tf32)
        monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda wanted: None)
        monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
        return precision

    return pretend


@pytest.mark.parametrize("name", CARDS)
def test_auto_is_bf16_only_where_the_card_computes_in_it(card, name):
    precision = card(name)
    numerics = set_up(NumericsConfig(), CUDA)
    assert numerics.precision == precision
    assert numerics.record()["auto"]["precision"].startswith(f"{precision}: ")
    asked = set_up(NumericsConfig(precision="bf16"), CUDA)
    assert asked.precision == "bf16"
    assert "precision" not in asked.auto


def test_a_long_training_on_cuda_is_compiled_for(card):
    card("H200")
    auto = NumericsConfig(compile="auto")
    found = [set_up(auto, *job) for job in ((CUDA, 350 * 50_000), (CUDA, 2 * 50_000), (CPU, 350 * 50_000))]
    assert [numerics.compile for numerics in found] == ["default", "none", "none"]
    assert [numerics.auto["compile"].split(":")[0] for numerics in found] == ["default", "none", "none"]


def test_the_logs_first_line_names_the_device_and_what_auto_decided(card, monkeypatch, capsys):
    card("T4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75"])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    begin_job("auto", 1, 1, NumericsConfig())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("device Tesla T4 (card 3) (auto: ")
    assert ", precision fp32 (auto: " in line
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_90"])
    with pytest.raises(UserError, match=r"device: found 'auto' in a job .* sm_80, sm_90, and none for sm_75"):
        begin_job("auto", 1, 1)
    begin_job("auto", 0, 1)
    assert "none for sm_75" in capsys.readouterr().err


class RefusedError(Exception):
    """Stands for the kinds of error that compilers have."""


def broken(function):
    """Compile as on a node without a compiler: the first call has run a part of the network."""

    def compiled(weights, images):
        function(weights, images)
        raise RefusedError("no compiler\n\nSet a variable to see more")

    return compiled


def test_a_network_that_cannot_be_compiled_runs_uncompiled_as_if_nothing_was_tried(networks, capsys):
    ours, plain = networks
    numerics = Numerics(CPU, "fp32", "default", True, auto={"compile": "default: a long training on a GPU"})
    forward = Forward(ours, None, broken, 6, numerics.do_without)
    torch.manual_seed(0)
    images = torch.randn(12, 3, 8, 8)
    state = torch.get_rng_state()
    for batch in (images[:5], images[:6], images[6:]):  # the first one is not worth compiling for
        assert torch.equal(forward(batch), plain(batch))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one, ours.state_dict()[name]) for name, one in plain.state_dict().items())
    assert numerics.record()["compile"] == "none"
    assert numerics.record()["auto"] == {"compile": "none: this node can't compile (no compiler)"}
    assert capsys.readouterr().err.count("can't compile (no compiler)") == 1


def test_compiling_that_was_asked_for_and_fails_names_the_cure(networks):
    ours, _ = networks
    forward = Forward(ours, None, broken, do_without=Numerics(CPU, "fp32", "default", True).do_without)
    with pytest.raises(UserError, match=r"numerics\.compile: found 'default'.*no compiler\); install a C compiler"):
        forward(torch.randn(6, 3, 8, 8))


@pytest.fixture
def networks():
    torch.manual_seed(0)
    network = build_model(ModelConfig(architecture="densenet40"), (3, 8, 8), 10)
    return network, deepcopy(network)


def gradients(call, network, images):
    with torch.autocast("cpu", BF16, cache_enabled=False):
        logits = call(images)
    return logits, torch.autograd.grad(logits.float().square().mean(), list(network.parameters()))


def test_weights_cast_at_once_give_the_numbers_of_autocast(networks):
    ours, plain = networks
    images = torch.randn(6, 3, 8, 8)
    logits, found = gradients(Forward(ours, BF16), ours, images)
    expected, theirs = gradients(plain, plain, images)
    assert logits.dtype == BF16
    assert torch.equal(logits, expected)
    for one, other in zip(found, theirs, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, other)


@pytest.mark.parametrize("training", [True, False])
def test_batches_are_counted_as_each_layer_does(networks, training):
    ours, plain = networks
    forward = Forward(ours)
    for network in (ours, plain):
        network.train(training)
    for _ in range(3):
        images = torch.randn(6, 3, 8, 8)
        assert torch.equal(forward(images), plain(images))
    for name, tensor in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name


def test_a_layer_that_keeps_its_statistics_does_not_count():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    network[1].track_running_stats = False
    Forward(network)(torch.randn(4, 1, 5, 5))
    assert network[1].num_batches_tracked == 0


def test_compiled_code_is_for_batches_of_the_full_size():
    called = []

    def compiler(function):
        def compiled(weights, images):
            called.append(len(images))
            return function(weights, images)

        return compiled

    forward = Forward(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), compiler=compiler, batch_size=8)
    for size in (8, 3, 8):
        assert forward(torch.randn(size, 1, 2, 2)).shape == (size, 2)
    assert set(called) == {8}


def test_compiled_code_is_shared_where_the_users_cache_can_be_written(monkeypatch, tmp_path):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # no folder can be made in it
    assert set_up(NumericsConfig(compile="default"), CPU).compile == "default"
    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    set_up(NumericsConfig(compile="default"), CPU)
    assert Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) == tmp_path / "badminima" / "compiled"
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
