"""Adam beside SGD: torch's own arithmetic, whichever way it is called."""

import subprocess
import sys
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from badminima.config import RecipeConfig
from badminima.training.optimizer import Optimizer

CLASSES = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.05),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.1, weight_decay=0.05),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.05),
}


@pytest.mark.parametrize("name", CLASSES)
def test_each_optimizer_steps_as_torchs_class_of_its_name(name):
    ours = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    theirs = deepcopy(ours)
    parameters = list(ours.parameters())
    optimizer = Optimizer(
        parameters, RecipeConfig(optimizer=name, momentum=0.9 if name == "sgd" else 0.0, weight_decay=0.05)
    )
    reference = CLASSES[name](theirs.parameters())
    images, labels = torch.randn(30, 6), torch.randint(3, (30,))
    for rate in (0.1, 0.1, 0.1, 0.01, 0.01):
        optimizer.step(
            torch.autograd.grad(cross_entropy(ours(images), labels), parameters),
            torch.tensor(rate, dtype=torch.float64),
        )
        reference.param_groups[0]["lr"] = rate
        reference.zero_grad()
        cross_entropy(theirs(images), labels).backward()
        reference.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


def test_no_step_of_any_optimizer_loads_torchs_compiler():
    code = """
import sys, torch
from badminima.config import RecipeConfig
from badminima.models.numerics import Numerics
from badminima.training.step import Step
for optimizer in ("sgd", "adam", "adamw"):
    recipe = RecipeConfig(optimizer=optimizer, sam=0.1, ema=0.9, full_batch=True, gradient_clipping=1.0)
    step = Step(torch.nn.Linear(4, 3), recipe, Numerics(torch.device("cpu"), "fp32", "none", True), 3, 5)
    for _ in range(3):
        step(torch.randn(5, 4), torch.randint(3, (5,)), 0.1)
print({"torch._dynamo", "torchvision"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
