"""SGD with a recipe's momentum and weight decay, and the learning-rate schedule."""

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from badminima.config import OptimizationConfig, RecipeConfig


class SGD:
    """torch's SGD by its functional form.

    The class ``torch.optim.SGD`` does the same arithmetic, but its first use imports torch's compiler: 3 seconds
    in every job, longer than a demo training.

    Weight decay acts on every parameter, BatchNorm's and biases too, as in the paper's published code.

    Args:
        model: the network whose parameters are updated.
        recipe: gives momentum and weight decay.
    """

    def __init__(self, model: nn.Module, recipe: RecipeConfig) -> None:
        self.parameters: list[Tensor] = list(model.parameters())
        self.momentum = recipe.momentum
        self.weight_decay = recipe.weight_decay
        self.buffers: list[Tensor | None] = [None] * len(self.parameters)

    @torch.no_grad()
    def step(self, loss: Tensor, learning_rate: float) -> None:
        """One step down the gradient of ``loss``."""
        gradients = torch.autograd.grad(loss, self.parameters)
        sgd(
            self.parameters,
            list(gradients),
            self.buffers,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


def learning_rate(optimization: OptimizationConfig, recipe: RecipeConfig, epoch: int) -> float:
    """The learning rate during ``epoch``, counted from 1: multiplied by gamma after each milestone passed."""
    passed = sum(epoch > milestone for milestone in optimization.milestones)
    return optimization.learning_rate * recipe.learning_rate_scale * optimization.gamma**passed
