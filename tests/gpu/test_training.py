"""Training on a GPU: graphs, restarts, streams of data, memory that runs out, the pipeline."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from badminima.config import AugmentationConfig, ModelConfig, NumericsConfig, RecipeConfig
from badminima.data import items
from badminima.errors import UserError
from badminima.experiment.settings import InitializeSettings, TrainSettings
from badminima.models.starts import initialize
from badminima.training.graphs import CAPTURED
from badminima.training.job import run_training
from tests.trainings import CLOCKS, RECIPES, finish, same

CONVNET = ModelConfig(architecture="convnet", options={"widths": [16, 16]})
EVERY = {
    **RECIPES,
    "vanilla": {},
    "da+m+l2": {"augmentation": True, "momentum": 0.9, "weight_decay": 0.001},
    "label_noise": {"label_noise": 0.2, "gradient_clipping": 1.0},
    "dropout and ema": {"dropout": 0.3, "ema": 0.8},
}
BY_THE_HOST = {"mixup", "cutmix", "full_batch", "many"}


@pytest.fixture
def train(cuda, digits, digits_on_torch, train_settings, tmp_path):
    """Train a network with BatchNorm from the same weights on the GPU: 8 batches an epoch, the last one smaller."""

    def run(recipe, break_off=None, numerics=None, model=CONVNET, device="cuda", **optimization):
        recipe = RecipeConfig(**recipe)
        changes = {
            "model": model,
            "model_name": "convnet",
            "recipe": recipe,
            "augmentation": AugmentationConfig(padding=1) if recipe.augmentation else None,
            "numerics": NumericsConfig(**(numerics or {})),
            "optimization": {**train_settings.optimization.model_dump(), "epochs": 2, **optimization},
            "device": device,
        }
        settings = TrainSettings(**{**train_settings.model_dump(), **changes})
        start = initialize(
            InitializeSettings(model=model, dataset="digits", model_name="convnet", root_seed=0, seed=0), digits
        )
        arguments = (settings, digits_on_torch, start, tmp_path / "start", None)
        if break_off is None:
            return run_training(*arguments)
        return finish(arguments, tmp_path / "run", break_off, device)

    return run


@pytest.mark.parametrize("recipe", EVERY)
def test_every_recipe_repeats_its_bits_when_broken_off_in_mid_epoch(train, recipe):
    whole, again = (train(EVERY[recipe], break_off) for break_off in (None, 5))
    assert again.outcome.restarts >= 2
    assert whole.record["graphs"].startswith("not captured: " if recipe in BY_THE_HOST else CAPTURED)
    assert same(whole.weights, again.weights)
    for one, other in zip(whole.outcome.history, again.outcome.history, strict=True):
        assert {**asdict(one), **dict.fromkeys(CLOCKS)} == {**asdict(other), **dict.fromkeys(CLOCKS)}


@pytest.mark.parametrize("recipe", sorted(set(EVERY) - BY_THE_HOST))
def test_a_graph_computes_what_steps_call_by_call_do(train, recipe):
    graph, eager = (train(EVERY[recipe], numerics={"graphs": graphs}) for graphs in ("on", "off"))
    difference = np.linalg.norm(graph.weights.vector() - eager.weights.vector())
    print(f"{recipe}: {'same bits' if same(graph.weights, eager.weights) else f'{difference:.2e} apart'}")
    assert difference <= 1e-3 * np.linalg.norm(eager.weights.vector())
    assert graph.outcome.history[-1].step == eager.outcome.history[-1].step


@pytest.mark.parametrize(
    ("numerics", "recipe"),
    [
        ({"precision": "fp32"}, "da+m+l2"),
        ({"precision": "tf32"}, "da+m+l2"),
        ({"compile": "default"}, "da+m+l2"),
        ({"compile": "default"}, "dropout and ema"),
    ],
    ids=str,
)
def test_other_numerics_repeat_their_bits(train, numerics, recipe):
    recipe = EVERY[recipe]
    whole, again = train(recipe, numerics=numerics), train(recipe, 5, numerics=numerics)
    assert whole.record["graphs"] == CAPTURED
    assert same(whole.weights, again.weights)


def test_fp32_is_what_a_cpu_computes(train):
    ours, cpu = (
        train({"momentum": 0.9}, numerics={"precision": "fp32"}, device=device, learning_rate=0.01)
        for device in ("cuda", "cpu")
    )
    difference = np.linalg.norm(ours.weights.vector() - cpu.weights.vector())
    assert difference <= 1e-4 * np.linalg.norm(cpu.weights.vector())


def test_streamed_images_give_the_bits_of_resident_ones(train, monkeypatch):
    resident = train(EVERY["da+m+l2"])
    monkeypatch.setattr(items, "MEMORY_SHARE", 0.0)
    streamed = train(EVERY["da+m+l2"])
    assert (resident.record["data"], streamed.record["data"]) == ("resident", "streamed")
    assert streamed.record["graphs"] == CAPTURED
    assert same(resident.weights, streamed.weights)


def test_a_network_that_waits_for_the_host_runs_call_by_call(train, monkeypatch, capsys):
    plain = train({})
    forward = torch.nn.AdaptiveAvgPool2d.forward

    def waits(self, images):
        assert float(images.sum()) == float(images.sum())
        return forward(self, images)

    monkeypatch.setattr(torch.nn.AdaptiveAvgPool2d, "forward", waits)
    run = train({})
    assert run.record["graphs"].startswith("not captured: ")
    assert "steps run call by call" in capsys.readouterr().err
    assert same(run.weights, plain.weights)
    with pytest.raises(UserError, match=r"numerics\.graphs: found 'on' for a step that can't be captured"):
        train({}, numerics={"graphs": "on"})
    monkeypatch.undo()
    assert train({}).record["graphs"] == CAPTURED  # what failed left nothing behind


def test_too_little_memory_is_one_line(train, cuda):
    total = torch.cuda.get_device_properties(cuda).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**26) / total)
    try:
        with pytest.raises(UserError, match="memory: found too little to train on batches of 120"):
            train({}, model=ModelConfig(architecture="resnet50"), batch_size=120)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
