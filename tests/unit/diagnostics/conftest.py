"""Small trained networks on real digits, for measurements."""

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import cross_entropy

from badminima.config import ModelConfig
from badminima.diagnostics.context import Context
from badminima.experiment.settings import DiagnoseSettings
from badminima.models.build import build_model
from badminima.models.weights import weights_of

MODELS = {
    "mlp": ModelConfig(architecture="mlp", options={"widths": [16, 16]}),
    "convnet": ModelConfig(architecture="convnet", options={"widths": [8, 8]}),
}


@pytest.fixture
def run_context(digits_on_torch) -> Callable[..., Context]:
    """Make the context of a run: ``run_context("mlp", steps=100, images=200, sharpness={"products": 9})``.

    The network is fitted to all training digits by so many steps of full-batch gradient descent.
    """

    def make(model: str = "mlp", steps: int = 100, images: int = 200, **options: dict[str, object]) -> Context:
        settings = DiagnoseSettings(
            dataset="digits",
            model_name=model,
            init="adversarial",
            recipe_name="vanilla",
            seed=0,
            root_seed=0,
            model=MODELS[model],
            device="cpu",
            measurements=list(options),
            images=images,
            options=options,
        )
        torch.manual_seed(0)
        network = build_model(MODELS[model], digits_on_torch.image_shape, len(digits_on_torch.classes))
        start = weights_of(network)
        context = Context(settings, start, start, dataset=digits_on_torch)
        sample = context.sample(digits_on_torch.train_images, digits_on_torch.train_labels)
        optimizer = torch.optim.SGD(network.train().parameters(), lr=0.1)
        for _ in range(steps):
            optimizer.zero_grad()
            cross_entropy(network(sample.images), sample.labels).backward()
            optimizer.step()
        return Context(settings, start, weights_of(network), dataset=digits_on_torch)

    return make
