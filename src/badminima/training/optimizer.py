"""The optimizer of a recipe and its learning-rate schedule."""

import torch
from torch import nn

from badminima.config import OptimizationConfig, RecipeConfig


def build_optimizer(model: nn.Module, recipe: RecipeConfig, optimization: OptimizationConfig) -> torch.optim.SGD:
    """SGD with the recipe's momentum and weight decay.

    Weight decay acts on every parameter, BatchNorm's and biases too, as in the paper's published code.
    """
    return torch.optim.SGD(
        model.parameters(),
        lr=learning_rate(optimization, recipe, epoch=1),
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )


def learning_rate(optimization: OptimizationConfig, recipe: RecipeConfig, epoch: int) -> float:
    """The learning rate during ``epoch``, counted from 1: multiplied by gamma after each milestone passed."""
    passed = sum(epoch > milestone for milestone in optimization.milestones)
    return optimization.learning_rate * recipe.learning_rate_scale * optimization.gamma**passed


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Use ``value`` from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = value
